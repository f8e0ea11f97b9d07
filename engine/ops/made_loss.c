// Losses that are written in others: broadcasting, choices of meaning, and what is not worth a
// kernel.
#include "ops/loss.h"
#include "ops/made.h"

#include <string.h>

static RtTensor *number(double value, const RtTensor *like) {
    return like ? rt_tensor_scalar(rt_float(value), (RtDtype)like->dtype, true) : NULL;
}
static RtTensor *minus(RtTensor *a, RtTensor *b) { return rt_sub(a, b, rt_defaults_alpha()); }
static RtTensor *plus(RtTensor *a, RtTensor *b) { return rt_add(a, b, rt_defaults_alpha()); }
static RtTensor *times(RtTensor *x, double factor) { return rt_mul(x, number(factor, x)); }

static RtTensor *reduced(RtTensor *each, int64_t reduction) {
    if (reduction == REDUCTION_MEAN) return rt_mean(each, rt_defaults_reduce());
    return reduction == REDUCTION_SUM ? rt_sum(each, rt_defaults_reduce()) : each;
}

// Distances ---------------------------------------------------------------------------------------

static Status broadcast_pair(const OpCall *call, RtTensor *out[2]) {
    RtShape shape = shape_of(call->in[0]);
    TRY(shape_broadcast(call, &shape, call->in[1]));
    RtAttrs_size size = rt_defaults_size();
    size.size.n = shape.n;
    memcpy(size.size.v, shape.dim, sizeof size.size.v);
    for (int i = 0; i < 2; i++) {
        RtTensor *x = call->in[i];
        bool same = shape_is(x, &shape);
        out[i] = same ? x : rt_expand(x, size);
        if (!out[i]) return error_code();
    }
    return OK;
}

Status made_mse_loss(OpCall *call) {
    RtTensor *pair[2];
    TRY(broadcast_pair(call, pair));
    return give(call, rt_mse_pair(pair[0], pair[1], *ATTRS_OF(call, loss)));
}

static Status smooth(OpCall *call, double beta, double factor) {
    RtTensor *pair[2];
    TRY(broadcast_pair(call, pair));
    RtAttrs_loss attrs = *ATTRS_OF(call, loss);
    attrs.beta = beta;
    RtTensor *loss = rt_smooth_l1_pair(pair[0], pair[1], attrs);
    return give(call, factor == 1 ? loss : times(loss, factor));
}

Status made_l1_loss(OpCall *call) { return smooth(call, 0, 1); }

Status made_smooth_l1_loss(OpCall *call) {
    double beta = ATTRS_OF(call, loss)->beta;
    if (!(beta >= 0)) return call_fail(call, ERR_VALUE, "beta must not be negative, got %g", beta);
    return smooth(call, beta, 1);
}

Status made_huber_loss(OpCall *call) {
    double delta = ATTRS_OF(call, loss)->delta;
    if (!(delta > 0)) return call_fail(call, ERR_VALUE, "delta must be positive, got %g", delta);
    return smooth(call, delta, delta);
}

// Classes -----------------------------------------------------------------------------------------

// target: probabilities of the input's shape.
static Status soft_cross_entropy(OpCall *call) {
    const RtAttrs_loss *attrs = ATTRS_OF(call, loss);
    RtTensor *x = call->in[0], *target = call->in[1], *weight = call->in[2];
    if (attrs->ignore_index >= 0)
        return call_fail(call, ERR_VALUE,
                         "ignore_index is not supported for targets that are probabilities");
    int at = class_dim(x);
    int64_t classes = x->ndim ? x->shape[at] : 1;
    if (PRESENT(weight)) {
        if (weight->ndim != 1 || weight->numel != classes)
            return call_fail(
                call, ERR_SHAPE,
                "weight has shape (%s), the input (%s) has %lld classes: shape (%lld,) is needed",
                shape_words(weight), shape_words(x), (long long)classes, (long long)classes);
        RtInts shape = {.n = x->ndim};
        for (int i = 0; i < x->ndim; i++) shape.v[i] = i == at ? classes : 1;
        weight = rt_reshape(weight, WITH(shape, .shape = shape));
    }
    double smoothing = attrs->label_smoothing;
    if (smoothing > 0) {
        target = times(target, 1 - smoothing);
        target = target ? plus(target, number(smoothing / (double)classes, target)) : NULL;
    }
    RtTensor *terms = rt_mul(rt_log_softmax(x, WITH(dim, .dim = at)), target);
    if (PRESENT(weight)) terms = rt_mul(terms, weight);
    if (attrs->reduction == REDUCTION_NONE)
        return give(call, rt_neg(rt_sum(terms, WITH(reduce, .dim = RT_INTS(at)))));
    double lines =
        attrs->reduction == REDUCTION_MEAN ? (double)x->numel / (double)(classes ? classes : 1) : 1;
    return give(call, times(rt_sum(terms, rt_defaults_reduce()), -1 / lines));
}

Status made_cross_entropy(OpCall *call) {
    const RtAttrs_loss *attrs = ATTRS_OF(call, loss);
    RtTensor *x = call->in[0], *target = call->in[1];
    if (!(attrs->label_smoothing >= 0 && attrs->label_smoothing <= 1))
        return call_fail(call, ERR_VALUE, "label_smoothing must be between 0.0 and 1.0, got %g",
                         attrs->label_smoothing);
    if (rt_dtype_kind((RtDtype)target->dtype) == RT_KIND_FLOAT) {
        bool same = shape_same(x, target);
        if (same) return soft_cross_entropy(call);
        return call_fail(call, ERR_SHAPE,
                         "target (%s) of dtype %s does not fit input (%s): probabilities must have "
                         "the input's shape, class "
                         "indices must be integers",
                         shape_words(target), rt_dtype_name((RtDtype)target->dtype),
                         shape_words(x));
    }
    RtTensor *lse, *total;
    return rt_cross_entropy_index(x, target, call->in[2], *attrs, &call->out[0], &lse, &total);
}

// Probabilities of two classes --------------------------------------------------------------------

static Status check_same(const OpCall *call) {
    const RtTensor *x = call->in[0], *target = call->in[1];
    if (shape_same(x, target)) return OK;
    return call_fail(call, ERR_SHAPE, "target (%s) must have the shape of the input (%s)",
                     shape_words(target), shape_words(x));
}

// NaN is refused too.
static Status check_probabilities(const OpCall *call, RtTensor *x) {
    if (x->numel == 0) return OK;
    RtTensor *low, *high;
    TRY(rt_aminmax(rt_detach(x), rt_defaults_dim(), &low, &high));
    double least = rt_scalar_double(rt_tensor_item(low, 0)),
           most = rt_scalar_double(rt_tensor_item(high, 0));
    if (least >= 0 && most <= 1) return OK;
    return call_fail(call, ERR_VALUE,
                     "the input must hold probabilities, from 0 to 1, but it goes from %g to %g: "
                     "binary_cross_entropy_with_logits takes any numbers",
                     least, most);
}

// A weight may be broadcast to the input, not the input to the weight.
static Status check_weight(const OpCall *call, int i, const char *name) {
    if (!PRESENT(call->in[i])) return OK;
    RtShape shape = shape_of(call->in[0]);
    TRY(shape_broadcast(call, &shape, call->in[i]));
    if (shape_is(call->in[0], &shape)) return OK;
    return call_fail(call, ERR_SHAPE,
                     "%s (%s) has more dimensions or larger ones than the input (%s)", name,
                     shape_words(call->in[i]), shape_words(call->in[0]));
}

Status made_binary_cross_entropy(OpCall *call) {
    TRY(check_same(call));
    TRY(check_weight(call, 2, "weight"));
    TRY(check_probabilities(call, call->in[0]));
    RtTensor *each = rt_bce_pair(call->in[0], call->in[1]);
    if (PRESENT(call->in[2])) each = rt_mul(each, call->in[2]);
    return give(call, reduced(each, ATTRS_OF(call, loss)->reduction));
}

// (1 - t) x - (1 + (pos_weight - 1) t) log sigmoid(x)
Status made_binary_cross_entropy_with_logits(OpCall *call) {
    TRY(check_same(call));
    TRY(check_weight(call, 2, "weight"));
    TRY(check_weight(call, 3, "pos_weight"));
    RtTensor *x = call->in[0], *t = call->in[1], *weight = call->in[2], *pos_weight = call->in[3];
    RtTensor *log_sigmoid = rt_logsigmoid(x);
    if (PRESENT(pos_weight)) {
        RtTensor *scaled = rt_mul(minus(pos_weight, number(1, pos_weight)), t);
        log_sigmoid = rt_mul(log_sigmoid, scaled ? plus(scaled, number(1, scaled)) : NULL);
    }
    RtTensor *each = minus(rt_mul(minus(number(1, t), t), x), log_sigmoid);
    if (PRESENT(weight)) each = rt_mul(each, weight);
    return give(call, reduced(each, ATTRS_OF(call, loss)->reduction));
}

Status made_kl_div(OpCall *call) {
    const RtAttrs_loss *attrs = ATTRS_OF(call, loss);
    RtTensor *x = call->in[0], *t = call->in[1], *each;
    if (attrs->log_target) {
        each = rt_mul(rt_exp(t), minus(t, x));
    } else { // 0 log 0 = 0
        RtTensor *log_t = rt_log(rt_masked_fill(t, rt_eq(t, number(0, t)), number(1, t)));
        each = rt_mul(t, minus(log_t, x));
    }
    return give(call, reduced(each, attrs->reduction));
}
