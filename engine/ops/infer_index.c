// Shape and dtype rules of the index family.
#include "ops/index_plan.h"

#include <string.h>

#include "ops/scan.h"
#include "ops/layout.h"

// -------------------------------------------------------------------------------------------- x[…]

static Status add_mask(const OpCall *call, const RtShape *self, const RtTensor *mask, int dim,
                       RtShape *where) {
    bool fits = mask->ndim > 0 && dim + mask->ndim <= self->n;
    for (int i = 0; fits && i < mask->ndim; i++) fits = mask->shape[i] == self->dim[dim + i];
    if (!fits) {
        Text text = {0};
        shape_text(&text, self->dim, self->n);
        Status status =
            call_fail(call, ERR_INDEX,
                      "the mask of shape (%s) does not fit a tensor of shape (%s) at dimension %d",
                      shape_words(mask), text_chars(&text), dim);
        text_clear(&text);
        return status;
    }
    RtTensor line = {.ndim = 1};
    TRY(scan_count_nonzero(call, mask, &line.shape[0]));
    return shape_broadcast(call, where, &line);
}

static bool is_run(uint32_t mask) { // are the set bits neighbours?
    uint32_t low = mask & -mask;
    return ((mask + low) & mask) == 0;
}

Status index_plan(const OpCall *call, const RtShape *self, int first, IndexPlan *out) {
    const RtInts *dims = &ATTRS_OF(call, index)->dims;
    int count = call->nin - first, next = 0;
    *out = (IndexPlan){.first = first, .count = count};
    if (count < 1 || call->nin > RT_MAX_IN)
        return call_fail(call, ERR_VALUE, "%d index tensors: 1 to %d are possible", count,
                         RT_MAX_IN - first);
    if (dims->n >= 0 && dims->n != count)
        return call_fail(call, ERR_VALUE, "%d index tensors for %d dimensions", count, dims->n);
    for (int j = 0; j < count; j++) {
        const RtTensor *x = call->in[first + j];
        int64_t dim = dims->n >= 0 ? dims->v[j] : next;
        if (x->dtype == RT_U8 || rt_dtype_kind((RtDtype)x->dtype) == RT_KIND_FLOAT)
            return call_fail(call, ERR_INDEX,
                             "an index tensor has dtype %s: use bool for a mask, or a signed "
                             "integer for positions",
                             rt_dtype_name((RtDtype)x->dtype));
        bool mask = x->dtype == RT_BOOL;
        if (dim < next || dim + (mask ? x->ndim : 1) > self->n)
            return call_fail(call, ERR_INDEX, "too many indices for a tensor of %d dimensions",
                             self->n);
        out->dim[j] = (int)dim;
        if (mask)
            TRY(add_mask(call, self, x, (int)dim, &out->where));
        else
            TRY(shape_broadcast(call, &out->where, x));
        next = (int)dim + (mask ? x->ndim : 1);
        for (int d = (int)dim; d < next; d++) out->covered |= 1u << d;
    }
    int indexed = __builtin_popcount(out->covered);
    if (self->n - indexed + out->where.n > RT_MAX_DIMS)
        return call_fail(call, ERR_SHAPE,
                         "the result would have %d dimensions: at most %d are possible",
                         self->n - indexed + out->where.n, RT_MAX_DIMS);
    out->at = is_run(out->covered) ? __builtin_ctz(out->covered) : 0;
    RtShape *result = &out->result;
    for (int d = 0; d < out->at; d++) result->dim[result->n++] = self->dim[d];
    for (int i = 0; i < out->where.n; i++) result->dim[result->n++] = out->where.dim[i];
    for (int d = out->at; d < self->n; d++)
        if (!(out->covered >> d & 1)) result->dim[result->n++] = self->dim[d];
    return OK;
}

Status infer_INDEX(OpCall *call) {
    IndexPlan plan;
    if (call->nin < 1) return call_fail(call, ERR_VALUE, "a tensor and index tensors are needed");
    RtShape self = shape_of(call->in[0]);
    TRY(index_plan(call, &self, 1, &plan));
    call->shape[0] = plan.result;
    return OK;
}

static Status values_misfit(const OpCall *call, const RtTensor *values, const RtShape *result) {
    Text text = {0};
    shape_text(&text, result->dim, result->n);
    Status status = call_fail(call, ERR_SHAPE,
                              "values of shape (%s) do not broadcast to the indexed shape (%s)",
                              shape_words(values), text_chars(&text));
    text_clear(&text);
    return status;
}

Status infer_INDEX_PUT(OpCall *call) {
    IndexPlan plan;
    if (call->nin < 2)
        return call_fail(call, ERR_VALUE, "a tensor, values and index tensors are needed");
    RtShape self = shape_of(call->in[0]);
    const RtTensor *values = call->in[1];
    TRY(index_plan(call, &self, 2, &plan));
    for (int i = 1; i <= values->ndim; i++) {
        int64_t size = values->shape[values->ndim - i];
        if (size != 1 && (i > plan.result.n || size != plan.result.dim[plan.result.n - i]))
            return values_misfit(call, values, &plan.result);
    }
    call->shape[0] = self;
    return OK;
}

Status infer_INDEX_BACKWARD(OpCall *call) {
    IndexPlan plan;
    if (call->nin < 1) return call_fail(call, ERR_VALUE, "a gradient and index tensors are needed");
    RtShape self = shape_ints(&ATTRS_OF(call, index)->size);
    const RtTensor *gradient = call->in[0];
    TRY(index_plan(call, &self, 1, &plan));
    if (!shape_is(gradient, &plan.result)) return values_misfit(call, gradient, &plan.result);
    call->shape[0] = self;
    return OK;
}

// ------------------------------------------------------------------------------------------ dtypes

// A number of a higher kind than self would lose what it says: refused, unless it came from Python,
// as PyTorch does.
static Status check_values(OpCall *call, int i) {
    const RtTensor *self = call->in[0], *values = call->in[i];
    if (!values->wrapped && !rt_dtype_can_cast((RtDtype)values->dtype, (RtDtype)self->dtype))
        return call_fail(
            call, ERR_DTYPE,
            "values of dtype %s cannot be written to a tensor of dtype %s: convert them first",
            rt_dtype_name((RtDtype)values->dtype), rt_dtype_name((RtDtype)self->dtype));
    call->compute = call->dtype[0] = (RtDtype)self->dtype;
    return OK;
}

Status dtype_INDEX_PUT(OpCall *call) {
    if (call->nin < 2)
        return call_fail(call, ERR_VALUE, "a tensor, values and index tensors are needed");
    call->keep_dtype = (uint16_t)~3u;
    return check_values(call, 1);
}

Status dtype_SELF_INDEX(OpCall *call) { // self, index or mask, values
    call->keep_dtype = 1 << 1;
    return check_values(call, 2);
}

Status dtype_EMBEDDING(OpCall *call) {
    call->dtype[0] = (RtDtype)call->in[1]->dtype;
    return OK;
}

Status dtype_EMBEDDING_BAG(OpCall *call) {
    RtDtype dtype = (RtDtype)call->in[0]->dtype;
    if (dtype != RT_F32 && dtype != RT_F64)
        return call_fail(call, ERR_DTYPE, "weight has dtype %s, but float32 or float64 is needed",
                         rt_dtype_name(dtype));
    for (int i = 1; i < 3; i++)
        if (call->in[i]->dtype != RT_I64)
            return call_fail(call, ERR_DTYPE, "input and ends must be int64, but one is %s",
                             rt_dtype_name((RtDtype)call->in[i]->dtype));
    if (call->nin == 4 && PRESENT(call->in[3]) && call->in[3]->dtype != (int8_t)dtype)
        return call_fail(call, ERR_DTYPE, "factors have dtype %s, but weight has %s",
                         rt_dtype_name((RtDtype)call->in[3]->dtype), rt_dtype_name(dtype));
    call->dtype[0] = dtype;
    call->dtype[1] = RT_I64;
    return OK;
}

Status dtype_SORT(OpCall *call) {
    call->dtype[0] = (RtDtype)call->in[0]->dtype;
    call->dtype[1] = RT_I64;
    return OK;
}

Status dtype_BINCOUNT(OpCall *call) {
    const RtTensor *weights = call->in[1];
    call->dtype[0] = !PRESENT(weights) ? RT_I64 : weights->dtype == RT_F32 ? RT_F32 : RT_F64;
    call->compute = call->dtype[0];
    call->keep_dtype = 1 << 0;
    return OK;
}

// ----------------------------------------------------------------------------- along one dimension

static Status check_integers(const OpCall *call, const RtTensor *index) {
    if (rt_dtype_kind((RtDtype)index->dtype) != RT_KIND_INT)
        return call_fail(call, ERR_DTYPE,
                         "the index tensor has dtype %s, an integer dtype is needed",
                         rt_dtype_name((RtDtype)index->dtype));
    return OK;
}

static Status check_vector(const OpCall *call, const RtTensor *index) {
    TRY(check_integers(call, index));
    if (index->ndim > 1)
        return call_fail(call, ERR_SHAPE, "the index must be a vector, but has shape (%s)",
                         shape_words(index));
    return OK;
}

Status infer_INDEX_SELECT(OpCall *call) {
    const RtTensor *self = call->in[0], *index = call->in[1];
    int dim;
    TRY(dim_wrap(call, ATTRS_OF(call, gather)->dim, self->ndim, &dim));
    TRY(check_vector(call, index));
    if (self->ndim == 0 && index->numel != 1)
        return call_fail(call, ERR_SHAPE, "a tensor of no dimensions takes one position, not %lld",
                         (long long)index->numel);
    call->shape[0] = shape_of(self);
    if (self->ndim) call->shape[0].dim[dim] = index->numel;
    return OK;
}

Status infer_INDEX_ADD(OpCall *call) {
    const RtTensor *self = call->in[0], *index = call->in[1], *source = call->in[2];
    int dim;
    TRY(dim_wrap(call, ATTRS_OF(call, gather)->dim, self->ndim, &dim));
    TRY(check_vector(call, index));
    bool fits = source->ndim == self->ndim && (self->ndim || index->numel == 1);
    for (int i = 0; fits && i < self->ndim; i++)
        fits = source->shape[i] == (i == dim ? index->numel : self->shape[i]);
    if (!fits)
        return call_fail(call, ERR_SHAPE,
                         "source of shape (%s) does not fit self of shape (%s): dimension %d must "
                         "have size %lld, as many as "
                         "there are indices, the others the sizes of self",
                         shape_words(source), shape_words(self), dim, (long long)index->numel);
    call->shape[0] = shape_of(self);
    return OK;
}

static Status check_number(const OpCall *call, const RtTensor *value) {
    if (value->ndim != 0)
        return call_fail(call, ERR_SHAPE,
                         "value must be a number or a tensor of no dimensions, but has shape (%s)",
                         shape_words(value));
    return OK;
}

Status infer_INDEX_FILL(OpCall *call) {
    int dim;
    TRY(dim_wrap(call, ATTRS_OF(call, gather)->dim, call->in[0]->ndim, &dim));
    TRY(check_vector(call, call->in[1]));
    TRY(check_number(call, call->in[2]));
    call->shape[0] = shape_of(call->in[0]);
    return OK;
}

static Status check_gather(const OpCall *call, const RtTensor *self, const RtTensor *index,
                           int dim) {
    TRY(check_integers(call, index));
    int n = self->ndim ? self->ndim : 1, m = index->ndim ? index->ndim : 1;
    bool fits = n == m;
    for (int i = 0; fits && i < self->ndim && index->ndim; i++)
        fits = i == dim || index->shape[i] <= self->shape[i];
    if (!fits && index->numel)
        return call_fail(call, ERR_SHAPE,
                         "index of shape (%s) does not fit self of shape (%s): it must have as "
                         "many dimensions, none larger "
                         "but dimension %d",
                         shape_words(index), shape_words(self), dim);
    return OK;
}

Status infer_GATHER(OpCall *call) {
    int dim;
    TRY(dim_wrap(call, ATTRS_OF(call, gather)->dim, call->in[0]->ndim, &dim));
    TRY(check_gather(call, call->in[0], call->in[1], dim));
    call->shape[0] = shape_of(call->in[1]);
    return OK;
}

Status infer_SCATTER(OpCall *call) {
    const RtTensor *self = call->in[0], *index = call->in[1], *source = call->in[2];
    int dim;
    TRY(dim_wrap(call, ATTRS_OF(call, gather)->dim, self->ndim, &dim));
    TRY(check_gather(call, self, index, dim));
    bool number = source->ndim == 0 && (source->wrapped || call->row->op == OP_scatter);
    bool fits = number || (source->ndim ? source->ndim : 1) == (index->ndim ? index->ndim : 1);
    for (int i = 0; fits && !number && i < index->ndim && source->ndim; i++)
        fits = index->shape[i] <= source->shape[i];
    if (!fits && index->numel)
        return call_fail(call, ERR_SHAPE,
                         "src of shape (%s) does not fit index of shape (%s): it must have as many "
                         "dimensions, none smaller",
                         shape_words(source), shape_words(index));
    if (call->row->op == OP_scatter_reduce && ATTRS_OF(call, gather)->reduce == 0)
        return call_fail(call, ERR_VALUE, "reduce must be sum, prod, mean, amax or amin");
    call->shape[0] = shape_of(self);
    return OK;
}

// ------------------------------------------------------------------------------------------- masks

static Status check_mask(const OpCall *call, const RtTensor *mask) {
    if (mask->dtype != RT_BOOL)
        return call_fail(call, ERR_DTYPE, "the mask has dtype %s, bool is needed",
                         rt_dtype_name((RtDtype)mask->dtype));
    return OK;
}

Status infer_MASKED_FILL(OpCall *call) {
    TRY(check_mask(call, call->in[1]));
    TRY(check_number(call, call->in[2]));
    call->shape[0] = shape_of(call->in[0]);
    return shape_broadcast(call, &call->shape[0], call->in[1]);
}

// How often each true of the mask counts after broadcasting to `shape`.
static Status count_selected(const OpCall *call, const RtTensor *mask, const RtShape *shape,
                             int64_t *out) {
    int64_t numel = shape_numel(shape);
    TRY(scan_count_nonzero(call, mask, out));
    if (numel < 0)
        return call_fail(call, ERR_SHAPE,
                         "the broadcast shape has more elements than fit in 63 bits");
    *out = mask->numel ? *out * (numel / mask->numel) : 0;
    return OK;
}

Status infer_MASKED_SELECT(OpCall *call) {
    RtShape shape = shape_of(call->in[0]);
    TRY(check_mask(call, call->in[1]));
    TRY(shape_broadcast(call, &shape, call->in[1]));
    call->shape[0].n = 1;
    return count_selected(call, call->in[1], &shape, &call->shape[0].dim[0]);
}

Status infer_MASKED_SCATTER(OpCall *call) {
    RtShape *shape = &call->shape[0];
    int64_t wanted;
    *shape = shape_of(call->in[0]);
    TRY(check_mask(call, call->in[1]));
    TRY(shape_broadcast(call, shape, call->in[1]));
    TRY(count_selected(call, call->in[1], shape, &wanted));
    if (call->in[2]->numel < wanted)
        return call_fail(call, ERR_SHAPE, "the mask selects %lld elements, but source has %lld",
                         (long long)wanted, (long long)call->in[2]->numel);
    return OK;
}

Status infer_NONZERO(OpCall *call) {
    call->shape[0] = (RtShape){.n = 2, .dim = {0, call->in[0]->ndim}};
    return scan_count_nonzero(call, call->in[0], &call->shape[0].dim[0]);
}

// -------------------------------------------------------------------------------- tables and order

static Status check_padding(const OpCall *call, int64_t rows) {
    int64_t padding = ATTRS_OF(call, embedding)->padding_idx;
    if (padding != RT_INT_NONE && (padding < -rows || padding >= rows))
        return call_fail(call, ERR_INDEX, "padding_idx %lld is out of bounds for %lld rows",
                         (long long)padding, (long long)rows);
    return OK;
}

Status infer_EMBEDDING(OpCall *call) {
    const RtTensor *index = call->in[0], *weight = call->in[1];
    TRY(check_integers(call, index));
    if (weight->ndim != 2)
        return call_fail(call, ERR_SHAPE,
                         "weight must be a matrix, one row an entry, but has shape (%s)",
                         shape_words(weight));
    if (index->ndim == RT_MAX_DIMS)
        return call_fail(call, ERR_SHAPE, "input has %d dimensions already: more are not possible",
                         RT_MAX_DIMS);
    TRY(check_padding(call, weight->shape[0]));
    call->shape[0] = shape_of(index);
    call->shape[0].dim[call->shape[0].n++] = weight->shape[1];
    return OK;
}

Status infer_EMBEDDING_BAG(OpCall *call) {
    const RtTensor *weight = call->in[0], *index = call->in[1], *ends = call->in[2];
    if (weight->ndim != 2 || index->ndim != 1 || ends->ndim != 1)
        return call_fail(call, ERR_SHAPE,
                         "a matrix and two vectors are needed, but weight has shape (%s)",
                         shape_words(weight));
    if (call->nin == 4 && PRESENT(call->in[3]) && !shape_same(call->in[3], index))
        return call_fail(call, ERR_SHAPE, "factors of shape (%s) do not fit input of shape (%s)",
                         shape_words(call->in[3]), shape_words(index));
    TRY(check_padding(call, weight->shape[0]));
    call->shape[0] = (RtShape){.n = 2, .dim = {ends->shape[0], weight->shape[1]}};
    call->shape[1] = call->shape[0];
    return OK;
}

Status infer_EMBEDDING_BACKWARD(OpCall *call) {
    const RtTensor *gradient = call->in[0], *index = call->in[1];
    int64_t rows = ATTRS_OF(call, embedding)->num_weights;
    TRY(check_integers(call, index));
    if (gradient->ndim != index->ndim + 1 ||
        memcmp(gradient->shape, index->shape, (size_t)index->ndim * sizeof(int64_t)) != 0 ||
        rows < 0)
        return call_fail(call, ERR_SHAPE,
                         "the gradient of shape (%s) does not fit input of shape (%s)",
                         shape_words(gradient), shape_words(index));
    call->shape[0] = (RtShape){.n = 2, .dim = {rows, gradient->shape[index->ndim]}};
    return OK;
}

static Status sorted_dim(const OpCall *call, int *out) {
    int64_t dim = ATTRS_OF(call, dim)->dim;
    return dim_wrap(call, dim == RT_INT_NONE ? -1 : dim, call->in[0]->ndim, out);
}

Status infer_SORT(OpCall *call) {
    int dim;
    TRY(sorted_dim(call, &dim));
    call->shape[0] = call->shape[1] = shape_of(call->in[0]);
    return OK;
}

Status infer_TOPK(OpCall *call) {
    const RtTensor *x = call->in[0];
    int64_t k = ATTRS_OF(call, dim)->k;
    int dim;
    TRY(sorted_dim(call, &dim));
    int64_t size = x->ndim ? x->shape[dim] : 1;
    if (k < 0 || k > size)
        return call_fail(call, ERR_VALUE, "k is %lld, but dimension %d has size %lld", (long long)k,
                         dim, (long long)size);
    call->shape[0] = shape_of(x);
    if (x->ndim) call->shape[0].dim[dim] = k;
    if (!x->ndim && k == 0)
        return call_fail(call, ERR_VALUE, "k must be 1 for a tensor of no dimensions");
    call->shape[1] = call->shape[0];
    return OK;
}

Status infer_BINCOUNT(OpCall *call) {
    const RtTensor *x = call->in[0], *weights = call->in[1];
    int64_t least = ATTRS_OF(call, bincount)->minlength;
    IntRange range;
    if (x->ndim != 1)
        return call_fail(call, ERR_SHAPE, "a vector is needed, but the shape is (%s)",
                         shape_words(x));
    TRY(scan_ints(call, x, &range));
    if (least < 0)
        return call_fail(call, ERR_VALUE, "minlength must not be negative, but is %lld",
                         (long long)least);
    if (x->numel && range.min < 0)
        return call_fail(call, ERR_VALUE, "the numbers must not be negative, but one is %lld",
                         (long long)range.min);
    if (PRESENT(weights) && (weights->ndim != 1 || weights->numel != x->numel))
        return call_fail(call, ERR_SHAPE, "weights of shape (%s) do not fit self of shape (%s)",
                         shape_words(weights), shape_words(x));
    int64_t size = x->numel && range.max >= least ? range.max : least - 1;
    if (size == INT64_MAX)
        return call_fail(call, ERR_VALUE, "the largest number does not fit a size");
    call->shape[0] = (RtShape){.n = 1, .dim = {size + 1}};
    return OK;
}
