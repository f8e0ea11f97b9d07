// Index ops that are written in others.
#include "ops/index_plan.h"
#include "ops/made.h"

static RtTensor *flat(RtTensor *x) { return rt_ravel(x); }

// self, one index a dimension (or none), values
Status made_index_put_list(OpCall *call) {
    RtTensor *tensors[RT_MAX_IN];
    RtInts dims = {.n = 0};
    if (call->nin < 3)
        return call_fail(call, ERR_VALUE,
                         "a tensor, at least one index tensor and values are needed");
    int n = 2, dim = 0;
    tensors[0] = call->in[0];
    tensors[1] = call->in[call->nin - 1];
    for (int i = 1; i < call->nin - 1; i++) {
        RtTensor *index = call->in[i];
        if (PRESENT(index)) {
            if (n == RT_MAX_IN)
                return call_fail(call, ERR_VALUE, "more than %d index tensors", RT_MAX_IN - 2);
            tensors[n++] = index;
            dims.v[dims.n++] = dim;
        }
        dim += PRESENT(index) && index->dtype == RT_BOOL ? index->ndim : 1;
    }
    return give(call, rt_index_put(tensors, n,
                                   WITH(index, .dims = dims,
                                        .accumulate = ATTRS_OF(call, index)->accumulate)));
}

Status made_take(OpCall *call) {
    RtTensor *list[2] = {flat(call->in[0]), call->in[1]};
    if (list[1]->dtype == RT_BOOL)
        return call_fail(call, ERR_DTYPE,
                         "the index tensor has dtype bool, an integer dtype is needed");
    return give(call, list[0] ? rt_index(list, 2, WITH(index, .dims = RT_INTS(0))) : NULL);
}

Status made_take_along_dim(OpCall *call) {
    RtTensor *x = call->in[0], *index = call->in[1];
    int dim = 0;
    if (ATTRS_OF(call, dim)->dim == RT_INT_NONE) {
        x = flat(x);
        index = flat(index);
        return give(call, x && index ? rt_gather(x, index, WITH(gather, .dim = 0)) : NULL);
    }
    TRY(dim_wrap(call, ATTRS_OF(call, dim)->dim, x->ndim, &dim));
    if (x->ndim != index->ndim)
        return call_fail(call, ERR_SHAPE,
                         "indices of shape (%s) must have as many dimensions as self of shape (%s)",
                         shape_words(index), shape_words(x));
    RtShape wide = shape_of(x);
    if (x->ndim) wide.dim[dim] = 1;
    RtTensor line = *index; // only its shape is looked at
    if (x->ndim) line.shape[dim] = 1;
    TRY(shape_broadcast(call, &wide, &line));
    RtShape x_shape = wide, index_shape = wide;
    if (x->ndim) {
        x_shape.dim[dim] = x->shape[dim];
        index_shape.dim[dim] = index->shape[dim];
    }
    x = rt_expand(x, WITH(size, .size = ints_of(&x_shape)));
    index = rt_expand(index, WITH(size, .size = ints_of(&index_shape)));
    return give(call, rt_gather(x, index, WITH(gather, .dim = dim)));
}

Status made_argsort(OpCall *call) {
    RtTensor *values, *indices;
    RtTensor *x = rt_detach(call->in[0]);
    if (!x) return error_code();
    TRY(rt_sort(x, *ATTRS_OF(call, dim), &values, &indices));
    return give(call, indices);
}

// Writes into parts -------------------------------------------------------------------------------

Status made_put(OpCall *call) {
    RtTensor *x = call->in[0], *index = call->in[1], *source = call->in[2];
    if (rt_dtype_kind((RtDtype)index->dtype) != RT_KIND_INT)
        return call_fail(call, ERR_DTYPE,
                         "the index tensor has dtype %s, an integer dtype is needed",
                         rt_dtype_name((RtDtype)index->dtype));
    if (source->numel != index->numel)
        return call_fail(call, ERR_SHAPE,
                         "source of shape (%s) must have as many elements as index of shape (%s)",
                         shape_words(source), shape_words(index));
    RtTensor *list[3] = {flat(x), flat(source), flat(index)};
    if (!list[0] || !list[1] || !list[2]) return error_code();
    RtTensor *line = rt_index_put(
        list, 3, WITH(index, .dims = RT_INTS(0), .accumulate = ATTRS_OF(call, put)->accumulate));
    return give(call, rt_reshape_as(line, x));
}

Status made_index_reduce(OpCall *call) {
    const RtAttrs_gather *attrs = ATTRS_OF(call, gather);
    RtTensor *x = call->in[0], *index = call->in[1], *source = call->in[2];
    int dim;
    if (attrs->reduce < 2)
        return call_fail(call, ERR_VALUE, "reduce must be prod, mean, amax or amin");
    TRY(dim_wrap(call, attrs->dim, x->ndim, &dim));
    bool fits = index->ndim <= 1 && source->ndim == x->ndim;
    for (int i = 0; fits && i < x->ndim; i++)
        fits = source->shape[i] == (i == dim ? index->numel : x->shape[i]);
    if (!fits)
        return call_fail(
            call, ERR_SHAPE,
            "source of shape (%s) and index of shape (%s) do not fit self of shape (%s) "
            "at dimension %d",
            shape_words(source), shape_words(index), shape_words(x), dim);
    RtInts line = {.n = x->ndim};
    for (int i = 0; i < x->ndim; i++) line.v[i] = i == dim ? index->numel : 1;
    RtShape shape = shape_of(source);
    index = rt_expand(rt_reshape(index, WITH(shape, .shape = line)),
                      WITH(size, .size = ints_of(&shape)));
    return give(call, rt_scatter_reduce(x, index, source, *attrs));
}

Status made_scatter_word(OpCall *call) {
    const RtAttrs_scatter_word *attrs = ATTRS_OF(call, scatter_word);
    RtTensor *x = call->in[0], *index = call->in[1], *source = call->in[2];
    if (source->ndim == 0) {
        RtShape shape = shape_of(index);
        source = rt_cast(source, WITH(cast, .dtype = (RtDtype)x->dtype));
        source = rt_expand(source, WITH(size, .size = ints_of(&shape)));
    }
    return give(call,
                rt_scatter_reduce(x, index, source,
                                  WITH(gather, .dim = attrs->dim, .reduce = attrs->reduce + 1)));
}

// The copy is written to through a view of it, so that the tape sees one write.
static Status write_part(OpCall *call, RtTensor *copy, RtTensor *part) {
    RtTensor *source = call->in[1];
    if (!copy || !part) return error_code();
    if (!shape_same(part, source))
        return call_fail(call, ERR_SHAPE, "src has shape (%s), but the part it goes to has (%s)",
                         shape_words(source), shape_words(part));
    if (!rt_copy_(part, source, rt_defaults_cast())) return error_code();
    return give(call, copy);
}

Status made_select_scatter(OpCall *call) {
    RtTensor *copy = rt_clone(call->in[0]);
    return write_part(call, copy, rt_select(copy, *ATTRS_OF(call, slice)));
}
Status made_slice_scatter(OpCall *call) {
    RtTensor *copy = rt_clone(call->in[0]);
    return write_part(call, copy, rt_slice(copy, *ATTRS_OF(call, slice)));
}
Status made_diagonal_scatter(OpCall *call) {
    RtTensor *copy = rt_clone(call->in[0]);
    return write_part(call, copy, rt_diagonal(copy, *ATTRS_OF(call, diagonal)));
}

Status made_where_places(OpCall *call) {
    RtTensor *x = call->in[0];
    if (x->ndim == 0) x = rt_reshape(x, WITH(shape, .shape = RT_INTS(1)));
    RtTensor *places = rt_nonzero(x);
    if (!places) return error_code();
    TRY(call_outputs(call, x->ndim));
    for (int i = 0; i < call->nout; i++) {
        call->out[i] = rt_select(places, WITH(slice, .dim = 1, .index = i));
        if (!call->out[i]) return error_code();
    }
    return OK;
}
