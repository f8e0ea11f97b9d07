// Gradients of the index family: what was read is added back where it came from, what was written
// is read again.
#include "grad/terms.h"

#include <string.h>

#include "ops/layout.h"

// The saved index tensors as a list behind `first` (and `second`, if it is not NULL).
static int with_indices(const GradCall *call, int from, RtTensor *first, RtTensor *second,
                        RtTensor **list) {
    int n = 0;
    list[n++] = first;
    if (second) list[n++] = second;
    for (int i = from; i < NIN; i++) list[n++] = X(i);
    return n;
}

static RtTensor *zeros_of(const GradCall *call, int i) {
    return grad_zeros(X_SHAPE(i), (RtDtype)G(0)->dtype, call->device);
}

static RtTensor *zero(const GradCall *call) { return grad_number(0, G(0)); }

static int wrapped(int64_t dim, int n) { return (int)(dim < 0 ? dim + n : dim); }

// -------------------------------------------------------------------------------------------- x[…]

static RtTensor *index_like(const GradCall *call, int from, RtTensor *x) {
    RtTensor *list[RT_MAX_IN];
    int n = with_indices(call, from, x, NULL, list);
    return rt_index(list, n, WITH(index, .dims = A(index)->dims));
}

GRAD(index) {
    RtTensor *list[RT_MAX_IN];
    int n = with_indices(call, 1, G(0), NULL, list);
    GIVE(0, rt_index_backward(list, n,
                              WITH(index, .dims = A(index)->dims, .size = ints_of(X_SHAPE(0)))));
    return OK;
}

GRAD(index_put) {
    RtTensor *list[RT_MAX_IN];
    if (A(index)->accumulate) {
        GIVE(0, G(0));
    } else if (WANT(0)) {
        RtTensor *none = zero(call);
        if (!none) return error_code();
        int n = with_indices(call, 2, G(0), none, list);
        GIVE(0, rt_index_put(list, n, WITH(index, .dims = A(index)->dims)));
    }
    GIVE(1, index_like(call, 2, G(0)));
    return OK;
}

GRAD(index_backward) {
    GIVE(0, index_like(call, 1, G(0)));
    return OK;
}

// ----------------------------------------------------------------------------- along one dimension

static RtTensor *selected(const GradCall *call) {
    return rt_index_select(G(0), X(1), WITH(gather, .dim = A(gather)->dim));
}
static RtTensor *gathered(const GradCall *call) {
    return rt_gather(G(0), X(1), WITH(gather, .dim = A(gather)->dim));
}

static RtTensor *cleared(const GradCall *call) { // positions of a dimension without gradient
    return rt_index_fill(G(0), X(1), zero(call), WITH(gather, .dim = A(gather)->dim));
}

GRAD(index_select) {
    GIVE(0, rt_index_add(zeros_of(call, 0), X(1), G(0), WITH(gather, .dim = A(gather)->dim)));
    return OK;
}

GRAD(index_add) {
    GIVE(0, G(0));
    GIVE(2, rt_mul(selected(call), rt_tensor_scalar(A(gather)->alpha, (RtDtype)G(0)->dtype, true)));
    return OK;
}

GRAD(index_copy) {
    GIVE(0, cleared(call));
    GIVE(2, selected(call));
    return OK;
}

GRAD(index_fill) {
    GIVE(0, cleared(call));
    GIVE(2, rt_sum(selected(call), rt_defaults_reduce()));
    return OK;
}

GRAD(gather) {
    GIVE(0, rt_scatter_add(zeros_of(call, 0), X(1), G(0), WITH(gather, .dim = A(gather)->dim)));
    return OK;
}

// src may be larger than index: what index does not reach had no effect.
static RtTensor *padded(RtTensor *gradient, const RtShape *from, const RtShape *to) {
    RtInts pad = {.n = 2 * to->n};
    bool same = from->n == to->n;
    for (int i = 0; same && i < to->n; i++) {
        pad.v[2 * (to->n - 1 - i)] = 0;
        pad.v[2 * (to->n - 1 - i) + 1] = to->dim[i] - from->dim[i];
    }
    if (same && !memcmp(from->dim, to->dim, (size_t)to->n * sizeof(int64_t))) return gradient;
    if (!same) return rt_reshape(gradient, WITH(shape, .shape = ints_of(to)));
    return rt_pad_constant(gradient, WITH(pad, .pad = pad));
}

GRAD(scatter) {
    GIVE(0, rt_scatter(G(0), X(1), zero(call), WITH(gather, .dim = A(gather)->dim)));
    if (X_SHAPE(2)->n == 0 && X_SHAPE(1)->n > 0) // one number
        GIVE(2, rt_sum(gathered(call), rt_defaults_reduce()));
    else
        GIVE(2, padded(gathered(call), X_SHAPE(1), X_SHAPE(2)));
    return OK;
}

GRAD(scatter_add) {
    GIVE(0, G(0));
    GIVE(2, padded(gathered(call), X_SHAPE(1), X_SHAPE(2)));
    return OK;
}

// The part of src that index reaches.
static RtTensor *reached(const GradCall *call, RtTensor *source) {
    for (int i = 0; source && i < source->ndim; i++)
        if (source->shape[i] > X_SHAPE(1)->dim[i])
            source = rt_slice(source, WITH(slice, .dim = i, .start = 0, .end = X_SHAPE(1)->dim[i]));
    return source;
}

typedef struct Reduced {
    RtTensor *self, *source, *result; // source: the part that index reaches
    RtAttrs_gather at;
    bool with_self;
} Reduced;

static RtTensor *back(const GradCall *call, const Reduced *r, RtTensor *x) {
    return rt_gather(x, X(1), r->at);
}
static RtTensor *add_up(const GradCall *call, const Reduced *r, RtTensor *start, RtTensor *x) {
    return rt_scatter_add(start, X(1), x, r->at);
}
static RtTensor *equal(RtTensor *a, RtTensor *b) {
    RtTensor *same = rt_eq(a, b);
    return same ? rt_cast(same, WITH(cast, .dtype = (RtDtype)a->dtype)) : NULL;
}
// What self contributes where index reaches it: nothing, unless it is included.
static RtTensor *self_part(const GradCall *call, const Reduced *r, RtTensor *x) {
    return r->with_self ? x : rt_scatter(x, X(1), zero(call), r->at);
}

// Equal elements share the gradient of amax and amin.
static Status reduce_extreme(GradCall *call, const Reduced *r) {
    RtTensor *self_hit = self_part(call, r, equal(r->self, r->result));
    RtTensor *hit = equal(r->source, back(call, r, r->result));
    RtTensor *count = add_up(call, r, self_hit, hit),
             *part = rt_div(G(0), count, rt_defaults_divide());
    GIVE(0, rt_mul(part, self_hit));
    GIVE(2, padded(rt_mul(back(call, r, part), hit), X_SHAPE(1), X_SHAPE(2)));
    return OK;
}

static Status reduce_mean(GradCall *call, const Reduced *r) {
    RtTensor *ones = rt_ones_like(r->self, rt_defaults_factory());
    RtTensor *count =
        add_up(call, r, self_part(call, r, ones), rt_ones_like(r->source, rt_defaults_factory()));
    RtTensor *part = rt_div(G(0), rt_maximum(count, ones), rt_defaults_divide());
    GIVE(0, self_part(call, r, part));
    GIVE(2, padded(back(call, r, part), X_SHAPE(1), X_SHAPE(2)));
    return OK;
}

// d(product)/d(factor) is the product of the others: product ÷ factor where nothing is zero; with
// one zero, the product of the rest for that factor alone; with more, nothing. The second gradient
// leaves out how zeros would leave zero.
static Status reduce_prod(GradCall *call, const Reduced *r) {
    RtTensor *none = zero(call), *one = grad_number(1, G(0));
    RtTensor *self_zero = rt_eq(r->self, none), *zero_here = rt_eq(r->source, none);
    RtAttrs_gather product = r->at;
    product.reduce = 2; // prod
    product.include_self = r->with_self;
    RtTensor *self_filled = rt_masked_fill(r->self, self_zero, one),
             *filled = rt_masked_fill(r->source, zero_here, one);
    RtTensor *others =
        rt_scatter_reduce(self_filled, X(1), filled, product); // the product of what is not zero
    if (!others) return error_code();
    RtTensor *self_count =
        self_part(call, r, rt_cast(self_zero, WITH(cast, .dtype = (RtDtype)others->dtype)));
    RtTensor *here = rt_cast(zero_here, WITH(cast, .dtype = (RtDtype)others->dtype));
    RtTensor *zeros = add_up(call, r, self_count, here);
    RtTensor *flow = rt_mul(G(0), others);
    RtTensor *zeros_back = back(call, r, zeros);
    RtTensor *self_alone = rt_eq(zeros, self_count),
             *alone = rt_eq(zeros_back, here); // no zero but its own, if any
    if (WANT(0)) {
        RtTensor *part =
            rt_where(self_alone, rt_div(flow, self_filled, rt_defaults_divide()), none);
        GIVE(0, self_part(call, r, part));
    }
    if (WANT(2)) {
        RtTensor *part =
            rt_where(alone, rt_div(back(call, r, flow), filled, rt_defaults_divide()), none);
        GIVE(2, padded(part, X_SHAPE(1), X_SHAPE(2)));
    }
    return OK;
}

GRAD(scatter_reduce) {
    enum { NONE, SUM, PROD, MEAN, AMAX, AMIN };
    Reduced r = {.self = X(0),
                 .source = reached(call, X(2)),
                 .result = Y(0),
                 .with_self = A(gather)->include_self};
    r.at = WITH(gather, .dim = A(gather)->dim);
    switch (A(gather)->reduce) {
    case SUM:
        GIVE(0, self_part(call, &r, G(0)));
        GIVE(2, padded(gathered(call), X_SHAPE(1), X_SHAPE(2)));
        return OK;
    case PROD: return reduce_prod(call, &r);
    case MEAN: return reduce_mean(call, &r);
    default: return reduce_extreme(call, &r);
    }
}

// ------------------------------------------------------------------------------------------- masks

GRAD(masked_fill) {
    GIVE(0, rt_masked_fill(G(0), X(1), zero(call)));
    GIVE(2, rt_sum(rt_where(X(1), G(0), zero(call)), rt_defaults_reduce()));
    return OK;
}

static Status broadcast_of(const RtShape *a, const RtTensor *b,
                           RtShape *out) { // they are known to fit
    *out = (RtShape){.n = a->n > b->ndim ? a->n : b->ndim};
    for (int i = 1; i <= out->n; i++) {
        int64_t one = i <= a->n ? a->dim[a->n - i] : 1,
                other = i <= b->ndim ? b->shape[b->ndim - i] : 1;
        out->dim[out->n - i] = one == 1 ? other : one;
    }
    return OK;
}

GRAD(masked_select) {
    RtShape wide;
    TRY(broadcast_of(X_SHAPE(0), X(1), &wide));
    GIVE(0, rt_masked_scatter(grad_zeros(&wide, (RtDtype)G(0)->dtype, call->device), X(1), G(0)));
    return OK;
}

GRAD(masked_scatter) {
    GIVE(0, rt_masked_fill(G(0), X(1), zero(call)));
    if (WANT(2)) { // what source has beyond the trues of the mask was not used
        RtTensor *used = rt_masked_select(G(0), X(1));
        int64_t numel = shape_numel(X_SHAPE(2));
        if (used && used->numel < numel)
            used = rt_pad_constant(used, WITH(pad, .pad = RT_INTS(0, numel - used->numel)));
        GIVE(2, used ? rt_reshape(used, WITH(shape, .shape = ints_of(X_SHAPE(2)))) : NULL);
    }
    return OK;
}

// -------------------------------------------------------------------------------- tables and order

// Each row of g divided by how often its index occurs.
static RtTensor *by_frequency(RtTensor *g, RtTensor *index) {
    RtTensor *flat = rt_ravel(index);
    RtTensor *counts = rt_bincount(flat, RT_NONE, rt_defaults_bincount());
    counts = rt_index_select(counts, flat, WITH(gather, .dim = 0));
    RtInts shape = {.n = index->ndim + 1};
    for (int i = 0; i < index->ndim; i++) shape.v[i] = index->shape[i];
    shape.v[index->ndim] = 1;
    counts = rt_reshape(counts, WITH(shape, .shape = shape));
    return rt_div(g, rt_cast(counts, WITH(cast, .dtype = (RtDtype)g->dtype)), rt_defaults_divide());
}

GRAD(embedding) {
    RtTensor *g = A(embedding)->scale_grad_by_freq ? by_frequency(G(0), X(0)) : G(0);
    GIVE(1, rt_embedding_backward(g, X(0),
                                  WITH(embedding, .num_weights = X_SHAPE(1)->dim[0],
                                       .padding_idx = A(embedding)->padding_idx)));
    return OK;
}

// Element i lies in the first bag that ends behind it.
GRAD(embedding_sum) {
    const RtAttrs_embedding *a = A(embedding);
    int64_t rows = X_SHAPE(0)->dim[0];
    RtTensor *factors = optional(X(3));
    RtTensor *place = rt_arange(
        WITH(range, .end = rt_int(X_SHAPE(1)->dim[0]), .dtype = RT_I64, .device = call->device));
    RtTensor *bag = rt_searchsorted(X(2), place, RT_NONE, WITH(search, .right = true));
    RtTensor *g = rt_index_select(G(0), bag, WITH(gather, .dim = 0));
    if (WANT(3)) {
        RtTensor *dots = rt_sum(rt_mul(g, rt_embedding(X(1), X(0), rt_defaults_embedding())),
                                WITH(reduce, .dim = RT_INTS(1)));
        if (a->padding_idx != RT_INT_NONE) // what is skipped may be infinite
            dots = zero_where(dots, is_number(X(1), (double)wrapped(a->padding_idx, (int)rows)));
        GIVE(3, dots);
    }
    if (!WANT(0)) return OK;
    if (PRESENT(factors)) g = rt_mul(g, rt_unsqueeze(factors, WITH(slice, .dim = 1)));
    if (a->scale_grad_by_freq) g = by_frequency(g, X(1));
    GIVE(0, rt_embedding_backward(
                g, X(1), WITH(embedding, .num_weights = rows, .padding_idx = a->padding_idx)));
    return OK;
}

// Empty bags have no row.
GRAD(embedding_max) {
    RtTensor *empty = is_number(Y(1), -1);
    GIVE(0, rt_scatter_add(zeros_of(call, 0), zero_where(Y(1), empty), zero_where(G(0), empty),
                           WITH(gather, .dim = 0)));
    return OK;
}

GRAD(embedding_backward) {
    int64_t rows = A(embedding)->num_weights, padding = A(embedding)->padding_idx;
    RtTensor *table = G(0);
    if (padding != RT_INT_NONE && WANT(0)) { // this row took nothing in
        RtShape one = {.n = 1, .dim = {1}};
        RtTensor *row = grad_zeros(&one, RT_I64, call->device);
        row = rt_add(row, rt_tensor_scalar(rt_int(wrapped(padding, (int)rows)), RT_I64, true),
                     rt_defaults_alpha());
        table = rt_index_fill(table, row, zero(call), rt_defaults_gather());
    }
    GIVE(0, rt_embedding(X(1), table, rt_defaults_embedding()));
    return OK;
}

static RtTensor *unsorted(const GradCall *call) {
    int n = X_SHAPE(0)->n;
    int64_t dim = A(dim)->dim == RT_INT_NONE ? -1 : A(dim)->dim;
    if (!HAS_G(0)) return RT_NONE;
    return rt_scatter_add(zeros_of(call, 0), Y(1), G(0),
                          WITH(gather, .dim = n ? wrapped(dim, n) : 0));
}

GRAD(sort) {
    GIVE(0, unsorted(call));
    return OK;
}

GRAD(topk) {
    GIVE(0, unsorted(call));
    return OK;
}
