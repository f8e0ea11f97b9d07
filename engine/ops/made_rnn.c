// Recurrent layers in other ops: the dtypes that the kernel has not, and all of it, step by step.
#include "ops/rnn.h"

static RtTensor *minus(RtTensor *a, RtTensor *b) { return rt_sub(a, b, rt_defaults_alpha()); }
static RtTensor *plus(RtTensor *a, RtTensor *b) { return rt_add(a, b, rt_defaults_alpha()); }
static RtTensor *as_dtype(RtTensor *x, RtDtype dtype) {
    if (!x || !PRESENT(x) || rt_dtype_kind((RtDtype)x->dtype) != RT_KIND_FLOAT) return x;
    return x->dtype == (int8_t)dtype ? x : rt_cast(x, WITH(cast, .dtype = dtype));
}

Status made_rnn_layer(OpCall *call) {
    RtTensor *in[9], *reserve;
    RtDtype dtype = (RtDtype)call->in[0]->dtype;
    bool half = dtype == RT_F16 || dtype == RT_BF16;
    for (int i = 0; i < 9; i++) {
        if (half && PRESENT(call->in[i]) && i < 8 && call->in[i]->dtype != (int8_t)dtype)
            return call_fail(call, ERR_DTYPE,
                             "input %d has dtype %s, the input has %s: all must "
                             "be the same",
                             i, rt_dtype_name((RtDtype)call->in[i]->dtype), rt_dtype_name(dtype));
        in[i] = half ? as_dtype(call->in[i], RT_F32) : call->in[i];
        if (!in[i]) return error_code();
    }
    TRY(rt_rnn_scan(in[0], in[1], in[2], in[3], in[4], in[5], in[6], in[7], in[8],
                    *ATTRS_OF(call, rnn), &call->out[0], &call->out[1], &call->out[2], &reserve));
    for (int i = 0; half && i < 3; i++)
        if (!(call->out[i] = as_dtype(call->out[i], dtype))) return error_code();
    return OK;
}

// Written out ---------------------------------------------------------------------------------

static RtTensor *rows(RtTensor *x, int64_t first, int64_t n) {
    if (!x || (first == 0 && x->shape[0] == n)) return x;
    return rt_narrow(x, WITH(slice, .dim = 0, .start = first, .length = n));
}

static RtTensor *gate(RtTensor *x, int i, int64_t H) {
    return rt_narrow(x, WITH(slice, .dim = 1, .start = i * H, .length = H));
}

// The first rows of `state` replaced.
static RtTensor *replaced(RtTensor *fresh, RtTensor *state) {
    if (!fresh || !state || fresh->shape[0] == state->shape[0]) return fresh;
    int64_t n = fresh->shape[0];
    RtTensor *list[2] = {fresh, rows(state, n, state->shape[0] - n)};
    return list[1] ? rt_cat(list, 2, WITH(slice, .dim = 0)) : NULL;
}

typedef struct Step {
    int mode;
    int64_t H;
    RtTensor *w_hh, *b_hh, *w_hr;
    RtTensor *h, *c; // of the sequences that still run
} Step;

static RtTensor *one_step(Step *s, RtTensor *x) {
    RtTensor *z = rt_linear(s->h, s->w_hh, s->b_hh);
    if (!x || !z) return NULL;
    int64_t H = s->H;
    if (s->mode == RNN_GRU) {
        RtTensor *r = rt_sigmoid(plus(gate(x, 0, H), gate(z, 0, H)));
        RtTensor *u = rt_sigmoid(plus(gate(x, 1, H), gate(z, 1, H)));
        RtTensor *n = rt_tanh(plus(gate(x, 2, H), rt_mul(r, gate(z, 2, H))));
        return plus(n, rt_mul(u, minus(s->h, n)));
    }
    z = plus(x, z);
    if (s->mode != RNN_LSTM) return s->mode == RNN_TANH ? rt_tanh(z) : rt_relu(z);
    RtTensor *i = rt_sigmoid(gate(z, 0, H)), *f = rt_sigmoid(gate(z, 1, H)),
             *g = rt_tanh(gate(z, 2, H)), *o = rt_sigmoid(gate(z, 3, H));
    s->c = plus(rt_mul(f, s->c), rt_mul(i, g));
    RtTensor *h = rt_mul(o, rt_tanh(s->c));
    return PRESENT(s->w_hr) ? rt_linear(h, s->w_hr, RT_NONE) : h;
}

Status made_rnn_plain(OpCall *call) {
    RtTensor *const *in = call->in;
    RtTensor *x = in[0], *h = in[1], *c = in[2], *sizes = in[8];
    const RtAttrs_rnn *attrs = ATTRS_OF(call, rnn);
    int64_t B = h->shape[0], I = x->shape[x->ndim - 1], T = x->shape[0];
    int64_t total = PRESENT(sizes) ? T : T * B;
    if (PRESENT(sizes)) T = sizes->numel;
    RtTensor *all = rt_linear(rt_reshape(x, WITH(shape, .shape = RT_INTS(total, I))), in[3], in[5]);
    int64_t bytes = (T ? T : 1) * (int64_t)sizeof(RtTensor *);
    RtTensor *room = rt_tensor_new(1, &bytes, RT_U8, (RtDevice){RT_CPU, 0});
    if (!all || !room) return error_code();
    RtTensor **y = rt_tensor_data(room);
    int64_t at = attrs->reverse ? total : 0;
    for (int64_t step = 0; step < T; step++) {
        int64_t t = attrs->reverse ? T - 1 - step : step;
        int64_t n = PRESENT(sizes) ? rt_scalar_int(rt_tensor_item(sizes, t)) : B;
        if (attrs->reverse) at -= n;
        Step s = {attrs->mode,
                  all->shape[1] / rnn_gates(attrs->mode),
                  in[4],
                  in[6],
                  in[7],
                  rows(h, 0, n),
                  c};
        if (PRESENT(c)) s.c = rows(c, 0, n);
        y[t] = s.h && s.c ? one_step(&s, rows(all, at, n)) : NULL;
        h = replaced(y[t], h);
        if (PRESENT(c)) c = replaced(s.c, c);
        if (!h || !c) return error_code();
        if (!attrs->reverse) at += n;
    }
    RtInts shape = {.n = x->ndim};
    for (int i = 0; i < x->ndim; i++) shape.v[i] = x->shape[i];
    shape.v[x->ndim - 1] = h->shape[1];
    RtTensor *joined =
        T ? rt_cat(y, (int)T, WITH(slice, .dim = 0)) : rt_narrow(h, WITH(slice, .length = 0));
    call->out[0] = joined ? rt_reshape(joined, WITH(shape, .shape = shape)) : NULL;
    call->out[1] = h == in[1] ? rt_clone(h) : h;
    call->out[2] = PRESENT(c) ? c == in[2] ? rt_clone(c) : c
                              : rt_zeros(WITH(factory, .size = RT_INTS(0),
                                              .dtype = (RtDtype)x->dtype, .device = x->device));
    return call->out[0] && call->out[1] && call->out[2] ? OK : error_code();
}
