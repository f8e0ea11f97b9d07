// The gradient of one node: opens what was saved, runs the row's formula, brings the results to the
// inputs' shapes and dtypes.
#include "grad/tape.h"

#include <string.h>

#include "base/room.h"

static const GradFormula *const formulas[OP_COUNT] = {
#define RT_SLOT_GRAD(name_) &grad_##name_
#define RT_SLOT_FLAT(name_) NULL
#define KERNEL(name_, nin_, nout_, attrs_, shape_, dtype_, cast_, grad_, ...)                      \
    [OP_##name_] = RT_SLOT_##grad_(name_),
#define VIEW(name_, nin_, nout_, attrs_, grad_, ...) [OP_##name_] = RT_SLOT_##grad_(name_),
#define MADE(name_, ...)
#include "ops/families.def"
#undef KERNEL
#undef VIEW
#undef MADE
};

RtTensor *grad_zeros(const RtShape *shape, RtDtype dtype, RtDevice device) {
    RtAttrs_factory attrs = rt_defaults_factory();
    attrs.size.n = shape->n;
    memcpy(attrs.size.v, shape->dim, (size_t)shape->n * sizeof(int64_t));
    attrs.dtype = dtype;
    attrs.device = device;
    return rt_zeros(attrs);
}

RtTensor *grad_number(double value, RtTensor *like) {
    return like ? rt_tensor_scalar(rt_float(value), (RtDtype)like->dtype, true) : NULL;
}

RtTensor *grad_sum_to(RtTensor *gradient, const RtShape *shape) {
    if (!gradient || gradient == RT_NONE) return gradient;
    int extra = gradient->ndim - shape->n;
    if (extra == 0 && !memcmp(gradient->shape, shape->dim, (size_t)shape->n * sizeof(int64_t)))
        return gradient;
    RtAttrs_reduce reduce = rt_defaults_reduce();
    reduce.dim.n = 0;
    for (int i = 0; i < gradient->ndim; i++)
        if (i < extra || (shape->dim[i - extra] == 1 && gradient->shape[i] != 1))
            reduce.dim.v[reduce.dim.n++] = i;
    RtTensor *sum = gradient;
    if (reduce.dim.n > 0) {
        reduce.keepdim = true;
        sum = rt_sum(gradient, reduce);
    }
    if (!sum || extra <= 0) return sum;
    RtAttrs_size size = rt_defaults_size();
    size.size.n = shape->n;
    memcpy(size.size.v, shape->dim, (size_t)shape->n * sizeof(int64_t));
    return rt_view(sum, size);
}

// The gradient as the input's: its shape, its dtype. A formula that gives none says that it is zero; a function of the
// user's, that there is none.
static RtTensor *fit(const RtNode *node, int i, RtTensor *gradient, const char *name) {
    const RtShape *shape = &node->x_shape[i];
    if (gradient == RT_NONE && node->kind != NODE_FUNCTION)
        return grad_zeros(shape, node->x_dtype[i], node->device);
    gradient = grad_sum_to(gradient, shape);
    if (!gradient || gradient == RT_NONE) return gradient;
    if (!shape_is(gradient, shape)) {
        Text text = {0};
        shape_text(&text, shape->dim, shape->n);
        fail(ERR_SHAPE, "the gradient that %s gave for input %d has shape (%s), the input has (%s)",
             name, i, shape_words(gradient), text_chars(&text));
        text_clear(&text);
        return NULL;
    }
    if (gradient->dtype != (int8_t)node->x_dtype[i])
        gradient = rt_cast(gradient, WITH(cast, .dtype = node->x_dtype[i]));
    return gradient;
}

static Status fit_all(const RtNode *node, int nin, RtTensor **give, const char *name) {
    for (int i = 0; i < nin; i++) {
        if (!node->want[i]) {
            give[i] = RT_NONE;
            continue;
        }
        give[i] = fit(node, i, give[i], name);
        if (!give[i]) return error_code();
    }
    return OK;
}

static Status row_gradient(RtNode *node, int nin, int nout, RtTensor **g, RtTensor **give) {
    RtTensor *x_room[RT_MAX_IN], *y[RT_MAX_OUT] = {NULL}, **x = x_room;
    if (nin > RT_MAX_IN) { // long lists save nothing
        x = NULL;
    } else {
        for (int i = 0; i < nin; i++) {
            x[i] = NULL;
            if (saved_is_set(&node->saved[i]) &&
                !(x[i] = saved_take(&node->saved[i], node, node->row->name)))
                return error_code();
        }
    }
    for (int i = 0; i < nout && i < RT_MAX_OUT; i++) {
        if (!saved_is_set(&node->saved[node->nin + i])) continue;
        y[i] = saved_take(&node->saved[node->nin + i], node, node->row->name);
        if (y[i] && node->kind == NODE_SLICES) y[i] = slices_view(node, y[i]);
        if (!y[i]) return error_code();
    }
    // For a write through a view, output 0 of the formula is the view, not the base.
    const RtShape *y_shape = node->kind == NODE_SLICES ? &node->view_shape : node->y_shape;
    GradCall call = {.row = node->row,
                     .attrs = node->attrs,
                     .nin = nin,
                     .nout = nout,
                     .x = x,
                     .y = y,
                     .g = g,
                     .x_shape = node->x_shape,
                     .y_shape = y_shape,
                     .x_dtype = node->x_dtype,
                     .y_dtype = node->y_dtype,
                     .want = node->want,
                     .give = give,
                     .device = node->device};
    for (int i = 0; i < nin; i++) give[i] = RT_NONE;
    TRY((*formulas[node->row->op])(&call));
    return fit_all(node, nin, give, node->row->name);
}

static Status write_gradient(RtNode *node, RtTensor **g, RtTensor **give) {
    return row_gradient(node, node->nin - 1, 1, g, give);
}

Status node_gradient(RtNode *node, RtTensor **g, RtTensor **give) {
    if (node->released)
        return fail(ERR_GRAD,
                    "backward went through %s a second time, but what it had saved was freed by "
                    "the first: pass "
                    "retain_graph=True the first time",
                    rt_node_name(node));
    switch (node->kind) {
    case NODE_OP: return row_gradient(node, node->nin, node->nout, g, give);
    case NODE_SLICES: return slices_gradient(node, g[0], give, write_gradient);
    case NODE_FUNCTION:
        for (int i = 0; i < node->nin; i++) give[i] = RT_NONE;
        TRY(node->function.backward(node->context, g, node->nout, give, node->nin));
        return fit_all(node, node->nin, give, rt_node_name(node));
    default: return OK;
    }
}

const char *rt_node_name(const RtNode *node) {
    if (node->kind == NODE_LEAF) return "AccumulateGrad";
    if (node->kind == NODE_SLICES) return "CopySlices";
    if (node->kind == NODE_FUNCTION) return node->function.name;
    char *name = thread_words(), *end = name;
    bool upper = true; // max_pool2d → MaxPool2dBackward
    for (const char *c = node->row->name; *c && end < name + 50; c++) {
        if (*c == '_') {
            upper = true;
            continue;
        }
        *end++ = upper && *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : *c;
        upper = false;
    }
    strcpy(end, "Backward");
    return name;
}
