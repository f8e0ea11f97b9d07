// Views and writes in place.
//
// A write through a view changes the base: the base's value is now "the base before, with the write's result laid over
// the view's elements", recorded as one NODE_SLICES. A write to a base changes its views: each is worked out again when
// it is next used (its view_version lags behind the storage's), as a re-description of what the base is now.
#include "grad/tape.h"

#include <string.h>

static RtAttrs_geometry geometry_of(const RtTensor *base, const RtTensor *view) {
    RtAttrs_geometry geometry = rt_defaults_geometry();
    geometry.size.n = geometry.stride.n = view->ndim;
    memcpy(geometry.size.v, view->shape, (size_t)view->ndim * sizeof(int64_t));
    memcpy(geometry.stride.v, view->stride, (size_t)view->ndim * sizeof(int64_t));
    geometry.storage_offset = view->offset;
    geometry.self_size.n = geometry.self_stride.n = base->ndim;
    memcpy(geometry.self_size.v, base->shape, (size_t)base->ndim * sizeof(int64_t));
    memcpy(geometry.self_stride.v, base->stride, (size_t)base->ndim * sizeof(int64_t));
    geometry.self_offset = base->offset;
    return geometry;
}

static Status fail_constant(const char *name) {
    return fail(ERR_GRAD,
                "%s: a view that was made under no_grad() and a write in place to what it shows do "
                "not go together while "
                "gradients are on: move both inside no_grad() or both outside, or use clone()",
                name);
}

Status view_sync(RtTensor *view) {
    RtTensor *base = view->base;
    uint32_t version = rt_tensor_version(view);
    if (!base || view->view_version == version) return OK;
    if (!tape_requires_grad(base) || base->inference) {
        view->view_version = version;
        return OK;
    }
    if (view->no_grad_view) return rt_grad_enabled() ? fail_constant("the use of a tensor") : OK;
    RtAttrs_geometry geometry = geometry_of(base, view);
    OpCall call = {.row = row_of(OP_as_strided_view), .attrs = &geometry, .device = base->device};
    RtNode *node = node_new(NODE_OP, 1, 1, &call);
    if (!node) return ERR_MEMORY;
    Status status;
    GUARD(node_set_edges(node, &base));
    GUARD(node_set_output(view, node, 0));
    view->view_version = version;
out:
    rt_node_drop(node);
    return status;
}

static bool is_wanting_leaf(const RtTensor *tensor) {
    return tensor->autograd && tensor->autograd->requires_grad && !tensor->autograd->node;
}

static Status check_in_place(const char *name, const RtTensor *target) {
    if (target->no_grad_view) return fail_constant(name);
    if (target->base && is_wanting_leaf(target->base))
        return fail(ERR_GRAD,
                    "%s: a view of a leaf tensor that requires a gradient cannot be written in "
                    "place: do it under "
                    "no_grad(), or on a clone()",
                    name);
    if (is_wanting_leaf(target))
        return fail(ERR_GRAD,
                    "%s: a leaf tensor that requires a gradient cannot be written in place: do it "
                    "under no_grad(), or on a "
                    "clone()",
                    name);
    return OK;
}

static Status check_inference(const char *name, const RtTensor *target) {
    if (!target->inference || rt_inference()) return OK;
    return fail(ERR_GRAD,
                "%s: a tensor made in inference mode cannot be written in place outside it: "
                "clone() gives one that can",
                name);
}

Status check_write(const OpCall *call, RtTensor *target, bool wanted, bool inplace) {
    TRY(check_inference(call->row->name, target));
    if (!rt_grad_enabled()) return OK;
    bool part = tape_requires_grad(target) || (target->base && tape_requires_grad(target->base));
    if (!inplace && (wanted || part))
        return call_fail(
            call, ERR_GRAD,
            "out= does not take part in automatic differentiation, but %s requires a gradient",
            wanted ? "one of the arguments" : "the tensor to be written");
    return wanted || part ? check_in_place(call->row->name, target) : OK;
}

Status rt_take_view(RtTensor *tensor, RtTensor *view) {
    if (view->storage != tensor->storage || view->dtype != tensor->dtype)
        return fail(ERR_VALUE, "a tensor can only become a view of itself");
    static const char name[] = "a change of shape in place";
    TRY(check_inference(name, tensor));
    if (rt_grad_enabled() &&
        (rt_requires_grad(tensor) || (tensor->base && rt_requires_grad(tensor->base))))
        TRY(check_in_place(name, tensor));
    tensor->ndim = view->ndim;
    tensor->numel = view->numel;
    tensor->offset = view->offset;
    memmove(tensor->shape, view->shape, sizeof tensor->shape);
    memmove(tensor->stride, view->stride, sizeof tensor->stride);
    rt_tensor_written(tensor); // what was saved of it has another shape now
    const RtAutograd *given = view == tensor ? NULL : view->autograd;
    if (!given || !given->node) return OK;
    tensor->view_version = rt_tensor_version(tensor);
    return node_set_output(tensor, given->node, given->output);
}

// Inputs: those of the write, in their places (in[0] is the view before the write: its gradient is the base's), and the
// base before the write at the end.
Status record_slices(OpCall *call, RtTensor *const *in, RtTensor *target) {
    RtTensor *base = target->base;
    int nin = call->nin;
    RtNode *node = node_new(NODE_SLICES, nin + 1, 1, call);
    if (!node) return ERR_MEMORY;
    Status status;
    RtTensor *local[RT_MAX_IN + 1];
    if (nin > RT_MAX_IN) {
        status = call_fail(call, ERR_UNSUPPORTED, "a write through a view with %d inputs", nin);
        goto out;
    }
    memcpy(local, in, (size_t)nin * sizeof *local);
    local[nin] = base;
    GUARD(node_set_edges(node, local));
    rt_node_drop(node->edges[0].node); // the view's part of the gradient goes by the base
    node->edges[0] = (GradEdge){0};
    node->want[0] = true;
    node->geometry = geometry_of(base, target);
    node->view_shape = shape_of(target);
    // A saved output is saved as the base, whose node this is; slices_view finds the written part in it again.
    GUARD(node_save(node, call->row, in, nin, &base, 1));
    GUARD(node_set_output(base, node, 0));
out:
    rt_node_drop(node);
    return status;
}

RtTensor *slices_view(RtNode *node, RtTensor *base) { return rt_as_strided_view(base, node->geometry); }

// g: the gradient of the base after the write. give[i < nin]: of the write's inputs; give[nin]: of the base before.
Status slices_gradient(RtNode *node, RtTensor *g, RtTensor **give,
                       Status (*write_gradient)(RtNode *node, RtTensor **g, RtTensor **give)) {
    int nin = node->nin - 1;
    RtTensor *g_write = rt_as_strided_copy(g, node->geometry);
    if (!g_write) return error_code();
    TRY(write_gradient(node, &g_write, give));
    give[nin] = RT_NONE;
    if (node->want[nin] && !(give[nin] = rt_as_strided_scatter(g, give[0], node->geometry)))
        return error_code();
    give[0] = RT_NONE;
    return OK;
}
