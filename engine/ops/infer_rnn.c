// Rules of recurrent layers. Shapes are those that ops/rnn.def describes.
#include "ops/rnn.h"

#include <string.h>

enum { X, HX, CX, W_IH, W_HH, B_IH, B_HH, W_HR, SIZES };

int64_t rnn_gates(int mode) { return mode == RNN_LSTM ? 4 : mode == RNN_GRU ? 3 : 1; }

int64_t rnn_reserve(int mode, int64_t H) {
    return mode == RNN_LSTM ? 5 * H : mode == RNN_GRU ? 4 * H : 0;
}

static Status dtypes_from(OpCall *call, int first, int last, int sizes) {
    RtDtype dtype = (RtDtype)call->in[first]->dtype;
    for (int i = 0; i < call->nin; i++) {
        const RtTensor *x = call->in[i];
        if (!PRESENT(x)) continue;
        if (i == sizes && x->dtype != RT_I64)
            return call_fail(call, ERR_DTYPE, "batch_sizes has dtype %s, int64 is needed",
                             rt_dtype_name((RtDtype)x->dtype));
        if (i <= last && i != sizes && x->dtype != (int8_t)dtype)
            return call_fail(call, ERR_DTYPE,
                             "input %d has dtype %s, the input has %s: all must "
                             "be the same",
                             i, rt_dtype_name((RtDtype)x->dtype), rt_dtype_name(dtype));
    }
    if (dtype != RT_F32 && dtype != RT_F64)
        return call_fail(call, ERR_DTYPE, "dtype %s: float32 or float64 is needed",
                         rt_dtype_name(dtype));
    for (int i = 0; i < call->nout; i++) call->dtype[i] = dtype;
    return OK;
}

Status dtype_RNN_SCAN(OpCall *call) {
    TRY(dtypes_from(call, 0, 7, SIZES));
    call->dtype[3] = RT_U8; // bytes: no gradient belongs to them
    return OK;
}

Status dtype_RNN_SCAN_BACKWARD(OpCall *call) {
    if (call->nin != 12)
        return call_fail(call, ERR_TYPE, "%d tensors were given, 12 are needed", call->nin);
    return dtypes_from(call, 3, 8, 9);
}

static bool is_matrix(const RtTensor *x, int64_t rows, int64_t columns) {
    return x->ndim == 2 && x->shape[0] == rows && x->shape[1] == columns;
}

static Status check_sizes(const OpCall *call, const RtTensor *sizes, int64_t rows, int64_t batch) {
    int64_t sum = 0, last = batch;
    if (sizes->ndim != 1 || sizes->numel == 0)
        return call_fail(call, ERR_SHAPE,
                         "batch_sizes (%s) must be a vector of at least one number",
                         shape_words(sizes));
    for (int64_t t = 0; t < sizes->numel; t++) {
        int64_t size = rt_scalar_int(rt_tensor_item(sizes, t));
        if (size < 1 || size > last)
            return call_fail(call, ERR_VALUE,
                             "batch_sizes[%lld] is %lld: from 1 to %lld is possible, in "
                             "descending order",
                             (long long)t, (long long)size, (long long)last);
        last = size;
        sum += size;
    }
    if (sum != rows || rt_scalar_int(rt_tensor_item(sizes, 0)) != batch)
        return call_fail(call, ERR_VALUE,
                         "batch_sizes begin with %lld and add up to %lld, but hx has %lld rows "
                         "and the input %lld",
                         (long long)rt_scalar_int(rt_tensor_item(sizes, 0)), (long long)sum,
                         (long long)batch, (long long)rows);
    return OK;
}

Status infer_RNN_SCAN(OpCall *call) {
    RtTensor *const *in = call->in;
    int mode = ATTRS_OF(call, rnn)->mode;
    bool lstm = mode == RNN_LSTM, packed = PRESENT(in[SIZES]);
    if (!PRESENT(in[X]) || in[X]->ndim != (packed ? 2 : 3) || in[HX]->ndim != 2)
        return call_fail(call, ERR_SHAPE,
                         "the input (%s) must be (T, B, I), or (rows, I) with batch_sizes, and hx "
                         "(%s) a matrix (B, P)",
                         shape_words(in[X]), shape_words(in[HX]));
    int64_t I = in[X]->shape[in[X]->ndim - 1], B = in[HX]->shape[0], P = in[HX]->shape[1];
    int64_t H = in[W_IH]->shape[0] / rnn_gates(mode), rows = rnn_gates(mode) * H;
    bool fits = is_matrix(in[W_IH], rows, I) && is_matrix(in[W_HH], rows, P) &&
                PRESENT(in[B_IH]) == PRESENT(in[B_HH]);
    for (int i = B_IH; fits && i <= B_HH; i++)
        fits = !PRESENT(in[i]) || (in[i]->ndim == 1 && in[i]->numel == rows);
    fits = fits && (PRESENT(in[W_HR]) ? lstm && is_matrix(in[W_HR], P, H) : P == H);
    if (!fits)
        return call_fail(call, ERR_SHAPE,
                         "the weights (%s) and (%s) do not fit an input of width %lld and a state "
                         "of width %lld",
                         shape_words(in[W_IH]), shape_words(in[W_HH]), (long long)I, (long long)P);
    if (PRESENT(in[CX]) != lstm || (lstm && !is_matrix(in[CX], B, H)))
        return call_fail(call, ERR_SHAPE, "cx must be (%lld, %lld) for lstm, and none otherwise",
                         (long long)B, (long long)H);
    if (!packed && in[X]->shape[1] != B)
        return call_fail(call, ERR_SHAPE, "the input (%s) has %lld sequences, hx (%s) has %lld",
                         shape_words(in[X]), (long long)in[X]->shape[1], shape_words(in[HX]),
                         (long long)B);
    if (packed) TRY(check_sizes(call, in[SIZES], in[X]->shape[0], B));
    int64_t n = packed ? in[X]->shape[0] : in[X]->shape[0] * B;
    call->shape[0] = shape_of(in[X]);
    call->shape[0].dim[in[X]->ndim - 1] = P;
    call->shape[1] = shape_of(in[HX]);
    call->shape[2] = (RtShape){.n = 1, .dim = {0}};
    if (lstm) call->shape[2] = shape_of(in[CX]);
    call->shape[3] = (RtShape){
        .n = 1, .dim = {n * rnn_reserve(mode, H) * (int64_t)rt_dtype_bytes((RtDtype)in[X]->dtype)}};
    return OK;
}

Status infer_RNN_SCAN_BACKWARD(OpCall *call) {
    RtTensor *const *in = call->in;
    for (int i = 3; i < 12; i++)
        if (!PRESENT(in[i]) && i != 5 && i != 8 && i != 9)
            return call_fail(call, ERR_TYPE, "input %d is missing", i);
    call->shape[0] = (RtShape){.n = 1, .dim = {0}};
    if (ATTRS_OF(call, rnn)->input_grad) call->shape[0] = shape_of(in[3]);
    call->shape[1] = shape_of(in[4]);
    call->shape[2] = (RtShape){.n = 1, .dim = {0}};
    if (PRESENT(in[5])) call->shape[2] = shape_of(in[5]);
    int64_t rows = in[6]->shape[0];
    call->shape[3] = (RtShape){.n = 1, .dim = {in[6]->numel + in[7]->numel + 2 * rows}};
    if (PRESENT(in[8])) call->shape[3].dim[0] += in[8]->numel;
    return OK;
}
