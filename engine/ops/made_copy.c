// Rearranging copies that are written in views and copies: stacking, repeating, rolling, padding,
// grids.
#include "ops/made.h"

static RtTensor *reshape_to(RtTensor *x, const RtShape *shape) {
    return rt_reshape(x, WITH(shape, .shape = ints_of(shape)));
}

// -------------------------------------------------------------------------- stacking and repeating

// Room for n tensors, for as long as the scope is open.
static RtTensor **tensor_room(int n) {
    int64_t bytes = (n > 0 ? n : 1) * (int64_t)sizeof(RtTensor *);
    RtTensor *room = rt_tensor_new(1, &bytes, RT_U8, (RtDevice){RT_CPU, 0});
    return room ? rt_tensor_data(room) : NULL;
}

// As cat, after tensors of too few dimensions got leading ones. dim -1: the first of vectors, else
// the second.
static Status stack_along(OpCall *call, int least, int dim) {
    if (call->nin == 0) return call_fail(call, ERR_VALUE, "at least one tensor is needed");
    RtTensor **room = tensor_room(call->nin);
    if (!room) return ERR_MEMORY;
    for (int i = 0; i < call->nin; i++) {
        RtTensor *x = call->in[i];
        while (x && x->ndim < least) x = rt_unsqueeze(x, WITH(slice, .dim = 0));
        if (!x) return error_code();
        room[i] = x;
    }
    if (dim < 0) dim = room[0]->ndim == 1 ? 0 : 1;
    return give(call, rt_cat(room, call->nin, WITH(slice, .dim = dim)));
}

Status made_hstack(OpCall *call) { return stack_along(call, 1, -1); }
Status made_vstack(OpCall *call) { return stack_along(call, 2, 0); }

// Each repeated dimension becomes (repeats, size), is expanded, and merged again by the copy.
static RtTensor *repeat_dims(OpCall *call, RtTensor *x, const RtInts *repeats) {
    RtShape apart = {.n = 0}, wide = {.n = 0}, merged = {.n = repeats->n};
    int added = repeats->n - x->ndim, pairs = 0;
    for (int i = added; i < repeats->n; i++) pairs += repeats->v[i] != 1;
    if (repeats->n + pairs > RT_MAX_DIMS) {
        call_fail(call, ERR_SHAPE, "%d dimensions repeated in a result of %d: at most %d together",
                  pairs, repeats->n, RT_MAX_DIMS);
        return NULL;
    }
    for (int i = 0; i < repeats->n; i++) {
        int64_t size = i < added ? 1 : x->shape[i - added];
        if (repeats->v[i] < 0 || __builtin_mul_overflow(size, repeats->v[i], &merged.dim[i])) {
            call_fail(call, ERR_VALUE, "dimension %d cannot be repeated %lld times", i,
                      (long long)repeats->v[i]);
            return NULL;
        }
        if (i < added || repeats->v[i] != 1) {
            apart.dim[apart.n++] = 1;
            wide.dim[wide.n++] = repeats->v[i];
        }
        if (i >= added) apart.dim[apart.n++] = wide.dim[wide.n++] = size;
    }
    RtTensor *result = view_as_shape(x, &apart);
    if (result) result = expand_to(result, &wide);
    if (result) result = rt_clone(result);
    return result ? view_as_shape(result, &merged) : NULL;
}

Status made_repeat(OpCall *call) {
    const RtInts *repeats = &ATTRS_OF(call, repeat)->repeats;
    if (repeats->n < call->in[0]->ndim)
        return call_fail(call, ERR_SHAPE,
                         "%d repeats for a tensor of %d dimensions: one for each is needed",
                         repeats->n < 0 ? 0 : repeats->n, call->in[0]->ndim);
    return give(call, repeat_dims(call, call->in[0], repeats));
}

Status made_tile(OpCall *call) {
    const RtInts *dims = &ATTRS_OF(call, axes)->dims;
    int given = dims->n < 0 ? 0 : dims->n,
        n = call->in[0]->ndim > given ? call->in[0]->ndim : given;
    RtInts repeats = {.n = n};
    for (int i = 0; i < n; i++) repeats.v[i] = i < n - given ? 1 : dims->v[i - (n - given)];
    return give(call, repeat_dims(call, call->in[0], &repeats));
}

// The tensor and the dimension that repeat_interleave works on: without a dimension, the flattened
// tensor.
static Status interleave_input(OpCall *call, RtTensor **out_x, int *out_dim) {
    RtTensor *x = call->in[0];
    int64_t dim = ATTRS_OF(call, interleave)->dim;
    if (dim == RT_INT_NONE || x->ndim == 0) {
        if (dim != RT_INT_NONE) TRY(dim_wrap(call, dim, 0, out_dim));
        RtShape flat = {.n = 1, .dim = {x->numel}};
        *out_x = reshape_to(x, &flat);
        *out_dim = 0;
        return *out_x ? OK : error_code();
    }
    *out_x = x;
    return dim_wrap(call, dim, x->ndim, out_dim);
}

Status made_repeat_interleave(OpCall *call) {
    const RtAttrs_interleave *a = ATTRS_OF(call, interleave);
    RtTensor *x;
    int dim;
    TRY(interleave_input(call, &x, &dim));
    int64_t size;
    if (a->repeats < 0 || __builtin_mul_overflow(x->shape[dim], a->repeats, &size))
        return call_fail(call, ERR_VALUE, "dimension %d cannot be repeated %lld times", dim,
                         (long long)a->repeats);
    if (a->output_size != RT_INT_NONE && a->output_size != size)
        return call_fail(call, ERR_VALUE, "output_size is %lld, but the result has %lld positions",
                         (long long)a->output_size, (long long)size);
    RtShape merged = shape_of(x), wide;
    merged.dim[dim] = size;
    RtTensor *apart = rt_unsqueeze(x, WITH(slice, .dim = dim + 1));
    if (!apart) return error_code();
    wide = shape_of(apart);
    wide.dim[dim + 1] = a->repeats;
    RtTensor *expanded = expand_to(apart, &wide), *copy = expanded ? rt_clone(expanded) : NULL;
    return give(call, copy ? view_as_shape(copy, &merged) : NULL);
}

Status made_repeat_interleave_by(OpCall *call) {
    RtTensor *x, *repeats = call->in[1];
    int dim;
    TRY(interleave_input(call, &x, &dim));
    RtShape size = {.n = 1, .dim = {x->shape[dim]}};
    if (repeats->ndim > 1 || (repeats->numel != 1 && repeats->numel != size.dim[0]))
        return call_fail(call, ERR_SHAPE,
                         "repeats of shape (%s) does not fit dimension %d with size %lld",
                         shape_words(repeats), dim, (long long)size.dim[0]);
    if (repeats->ndim == 0 || repeats->numel != size.dim[0]) repeats = expand_to(repeats, &size);
    RtTensor *index = rt_repeat_index(
        repeats, WITH(interleave, .output_size = ATTRS_OF(call, interleave)->output_size));
    return give(call, rt_index_select(x, index, WITH(gather, .dim = dim)));
}

static Status flip_dim(OpCall *call, int dim) {
    RtTensor *x = call->in[0];
    if (x->ndim <= dim)
        return call_fail(call, ERR_SHAPE,
                         "at least %d dimensions are needed, but the shape is (%s)", dim + 1,
                         shape_words(x));
    return give(call, rt_flip(x, WITH(axes, .dims = RT_INTS(dim))));
}

Status made_fliplr(OpCall *call) { return flip_dim(call, 1); }
Status made_flipud(OpCall *call) { return flip_dim(call, 0); }

static RtTensor *roll_dim(RtTensor *x, int dim, int64_t shift) {
    int64_t size = x->shape[dim];
    shift = size ? (shift % size + size) % size : 0;
    if (shift == 0) return x;
    RtTensor *tail = rt_slice(x, WITH(slice, .dim = dim, .start = size - shift, .end = size));
    RtTensor *head = rt_slice(x, WITH(slice, .dim = dim, .start = 0, .end = size - shift));
    return rt_cat((RtTensor *[]){tail, head}, 2, WITH(slice, .dim = dim));
}

Status made_roll(OpCall *call) {
    RtTensor *x = call->in[0], *y = x;
    const RtAttrs_roll *a = ATTRS_OF(call, roll);
    RtShape shape = shape_of(x), flat = {.n = 1, .dim = {x->numel}};
    if (a->shifts.n < 1) return call_fail(call, ERR_VALUE, "shifts must not be empty");
    bool whole = a->dims.n <= 0;
    if (whole ? a->shifts.n != 1 : a->shifts.n != a->dims.n)
        return call_fail(call, ERR_SHAPE,
                         "%d shifts for %d dimensions: as many are needed (without dims, one)",
                         a->shifts.n, whole ? 0 : a->dims.n);
    if (whole) y = reshape_to(x, &flat);
    for (int i = 0; i < a->shifts.n && y; i++) {
        int dim = 0;
        if (!whole) TRY(dim_wrap(call, a->dims.v[i], x->ndim, &dim));
        if (y->ndim) y = roll_dim(y, dim, a->shifts.v[i]);
    }
    if (y && whole) y = view_as_shape(y, &shape);
    bool moved = y && y->storage != x->storage;
    return give(call, !y || moved ? y : rt_clone(x));
}

// ----------------------------------------------------------------------------------------- padding

// The position in a dimension of n that each position of the padded one repeats.
static RtTensor *pad_index(int mode, int64_t n, int64_t before, int64_t after, RtDevice device) {
    enum { CONSTANT, REFLECT, REPLICATE };
    RtTensor *at = rt_arange(WITH(range, .start = rt_int(-before), .end = rt_int(n + after),
                                  .dtype = RT_I64, .device = device));
    if (mode == REPLICATE) return rt_clamp(at, WITH(clamp, .min = rt_int(0), .max = rt_int(n - 1)));
    if (mode != REFLECT) return rt_remainder(at, rt_tensor_scalar(rt_int(n), RT_I64, true));
    RtTensor *last = rt_tensor_scalar(rt_int(n - 1), RT_I64, true);
    return rt_sub(last, rt_abs(rt_sub(last, rt_abs(at), rt_defaults_alpha())), rt_defaults_alpha());
}

// resample has the faster gradient; integers have none.
static RtTensor *pad_dim(RtTensor *x, int mode, int dim, int64_t before, int64_t after) {
    int64_t length = x->shape[dim] + before + after;
    if (rt_dtype_kind((RtDtype)x->dtype) == RT_KIND_FLOAT && length > 0 && x->numel)
        return rt_resample(
            x, WITH(resample, .dim = dim, .length = length, .mode = mode + 3, .before = before));
    RtTensor *index = pad_index(mode, x->shape[dim], before, after, x->device);
    return rt_index_select(x, index, WITH(gather, .dim = dim));
}

Status made_pad(OpCall *call) {
    RtTensor *x = call->in[0];
    const RtAttrs_pad *a = ATTRS_OF(call, pad);
    RtShape shape;
    TRY(pad_resolve(call, x, &shape));
    if (a->mode == 0) return give(call, rt_pad_constant(x, *a));
    const char *words[] = {"constant", "reflect", "replicate", "circular"};
    for (int i = 0; i < a->pad.n && x; i += 2) {
        int dim = x->ndim - 1 - i / 2;
        int64_t before = a->pad.v[i], after = a->pad.v[i + 1], n = x->shape[dim],
                most = before > after ? before : after;
        if (before == 0 && after == 0) continue;
        bool fits = n > 0 && (a->mode == 1 ? most < n : a->mode == 3 ? most <= n : true);
        if (!fits || before < -n || after < -n)
            return call_fail(
                call, ERR_SHAPE,
                "padding (%lld, %lld) does not fit dimension %d with size %lld in mode \"%s\"",
                (long long)before, (long long)after, dim, (long long)n, words[a->mode]);
        x = pad_dim(x, a->mode, dim, before, after);
    }
    return give(call, x == call->in[0] ? rt_clone(x) : x);
}

// ----------------------------------------------------------------------------- grids and diagonals

Status made_meshgrid(OpCall *call) {
    if (call->nin == 0) return call_fail(call, ERR_VALUE, "at least one tensor is needed");
    if (call->nin > RT_MAX_DIMS)
        return call_fail(call, ERR_SHAPE, "%d vectors: a grid has at most %d dimensions", call->nin,
                         RT_MAX_DIMS);
    bool swap = ATTRS_OF(call, meshgrid)->indexing == 1 && call->nin >= 2;
    RtShape grid = {.n = call->nin};
    for (int i = 0; i < call->nin; i++) {
        const RtTensor *x = call->in[i];
        if (x->ndim > 1)
            return call_fail(call, ERR_SHAPE, "tensor %d has shape (%s): vectors are needed", i,
                             shape_words(x));
        if (x->dtype != call->in[0]->dtype)
            return call_fail(
                call, ERR_DTYPE, "tensor %d has dtype %s, tensor 0 has %s: all must have one dtype",
                i, rt_dtype_name((RtDtype)x->dtype), rt_dtype_name((RtDtype)call->in[0]->dtype));
        grid.dim[swap && i < 2 ? 1 - i : i] = x->numel;
    }
    TRY(call_outputs(call, call->nin));
    for (int i = 0; i < call->nin; i++) {
        int at = swap && i < 2 ? 1 - i : i;
        RtShape own = {.n = grid.n};
        for (int k = 0; k < grid.n; k++) own.dim[k] = k == at ? grid.dim[k] : 1;
        RtTensor *line = view_as_shape(call->in[i], &own);
        call->out[i] = line ? expand_to(line, &grid) : NULL;
        if (!call->out[i]) return error_code();
    }
    return OK;
}

Status made_diag(OpCall *call) {
    RtTensor *x = call->in[0];
    int64_t offset = ATTRS_OF(call, diagonal)->diagonal;
    if (x->ndim == 1)
        return give(call, rt_diag_embed(x, WITH(diagonal, .offset = offset, .dim1 = 0, .dim2 = 1)));
    if (x->ndim != 2)
        return call_fail(call, ERR_SHAPE, "a vector or a matrix is needed, but the shape is (%s)",
                         shape_words(x));
    return give(call,
                rt_clone(rt_diagonal(x, WITH(diagonal, .offset = offset, .dim1 = 0, .dim2 = 1))));
}

// Turning is a transposition and a reversal, or two reversals.
Status made_rot90(OpCall *call) {
    RtTensor *x = call->in[0];
    const RtAttrs_rot90 *attrs = ATTRS_OF(call, rot90);
    int a, b;
    if (x->ndim < 2)
        return call_fail(call, ERR_SHAPE, "at least 2 dimensions are needed, but the shape is (%s)",
                         shape_words(x));
    if (attrs->dims.n != 2)
        return call_fail(call, ERR_VALUE, "two dimensions must be given, not %d", attrs->dims.n);
    TRY(dim_wrap(call, attrs->dims.v[0], x->ndim, &a));
    TRY(dim_wrap(call, attrs->dims.v[1], x->ndim, &b));
    if (a == b)
        return call_fail(call, ERR_VALUE, "two different dimensions are needed, not twice %d", a);
    RtAttrs_dims swap = WITH(dims, .dim0 = a, .dim1 = b);
    switch ((attrs->k % 4 + 4) % 4) {
    case 1: return give(call, rt_transpose(rt_flip(x, WITH(axes, .dims = RT_INTS(b))), swap));
    case 2: return give(call, rt_flip(x, WITH(axes, .dims = RT_INTS(a, b))));
    case 3: return give(call, rt_transpose(rt_flip(x, WITH(axes, .dims = RT_INTS(a))), swap));
    default: return give(call, rt_clone(x));
    }
}

Status made_diagflat(OpCall *call) {
    return give(call, rt_diag_embed(rt_ravel(call->in[0]),
                                    WITH(diagonal, .offset = ATTRS_OF(call, diagonal)->offset,
                                         .dim1 = 0, .dim2 = 1)));
}

// A vector is (1, n, 1) for dstack and (n, 1) for column_stack.
static RtTensor *deepened(RtTensor *x) {
    for (int i = x->ndim; i < 3 && x; i++) x = rt_unsqueeze(x, WITH(slice, .dim = i == 1 ? 0 : -1));
    return x;
}
static RtTensor *as_column(RtTensor *x) {
    if (x->ndim >= 2) return x;
    return rt_reshape(x, WITH(shape, .shape = RT_INTS(x->numel, 1)));
}

static Status cat_each(OpCall *call, RtTensor *(*change)(RtTensor *), int dim) {
    if (call->nin == 0) return call_fail(call, ERR_VALUE, "a non-empty list of tensors is needed");
    int64_t bytes = call->nin * (int64_t)sizeof(RtTensor *);
    RtTensor *room = rt_tensor_new(1, &bytes, RT_U8, (RtDevice){RT_CPU, 0});
    if (!room) return error_code();
    RtTensor **list = rt_tensor_data(room);
    for (int i = 0; i < call->nin; i++)
        if (!(list[i] = change(call->in[i]))) return error_code();
    return give(call, rt_cat(list, call->nin, WITH(slice, .dim = dim)));
}
Status made_dstack(OpCall *call) { return cat_each(call, deepened, 2); }
Status made_column_stack(OpCall *call) { return cat_each(call, as_column, 1); }
