// Cases of the losses.
#include "ops/cases.h"

#include "ops/loss.h"

// Distances ---------------------------------------------------------------------------------------

static const struct {
    int ndim;
    int64_t shape[2];
} shapes[] = {{2, {4, 7}}, {1, {67}}, {0, {0}}, {1, {8300}}};
enum { SHAPES = sizeof shapes / sizeof *shapes };

// Sample k: shape k / 3, reduction k % 3. Distances stay away from 0 and from beta: targets lie 0.3
// to 0.8 or 1.2 to 2 below the input, by the sample.
static bool make_pair(Sample *s, int k, bool gradient) {
    if (k >= 3 * SHAPES) return false;
    int ndim = shapes[k / 3].ndim;
    const int64_t *shape = shapes[k / 3].shape;
    bool far = k / 3 == 1;
    if (gradient) sample_input(s, -1, 1, k % 3 == REDUCTION_NONE ? ndim : 0, shape);
    sample_input(s, 0, 0.25, ndim, shape);
    sample_input(s, far ? -2 : -0.65, far ? -1.1 : -0.2, ndim, shape);
    SAMPLE_ATTRS(s, loss, .reduction = k % 3);
    return true;
}

typedef double (*Distance)(const RtAttrs_loss *attrs, double x, double t);

static void truth_each(Sample *s, int first, int ndim, const int64_t *shape, Distance f) {
    const RtAttrs_loss *attrs = s->attrs;
    int64_t n = sample_numel(ndim, shape);
    bool each = attrs->reduction == REDUCTION_NONE;
    double *y = sample_output(s, 0, each ? ndim : 0, shape), sum = 0;
    for (int64_t i = 0; i < n; i++) {
        double value = f(attrs, s->x[first][i], s->x[first + 1][i]);
        sum += value;
        if (each) y[i] = value;
    }
    if (!each) y[0] = attrs->reduction == REDUCTION_MEAN ? sum / (double)n : sum;
}

static void truth_pair(Sample *s, Distance f) { truth_each(s, 0, s->ndim[0], s->shape[0], f); }

// g f'(x - t), over n for the mean
static void truth_pair_grad(Sample *s, Distance slope) {
    const RtAttrs_loss *attrs = s->attrs;
    int64_t n = sample_numel(s->ndim[1], s->shape[1]);
    double *y = sample_output(s, 0, s->ndim[1], s->shape[1]);
    for (int64_t i = 0; i < n; i++) {
        double g = attrs->reduction == REDUCTION_NONE ? s->x[0][i] : s->x[0][0];
        y[i] = g * slope(attrs, s->x[1][i], s->x[2][i]) /
               (attrs->reduction == REDUCTION_MEAN ? (double)n : 1);
    }
}

static double squared(const RtAttrs_loss *attrs, double x, double t) {
    return (void)attrs, (x - t) * (x - t);
}
static double squared_slope(const RtAttrs_loss *attrs, double x, double t) {
    return (void)attrs, 2 * (x - t);
}
static double distance(const RtAttrs_loss *attrs, double x, double t) {
    return (void)attrs, fabs(x - t);
}
static double smooth(const RtAttrs_loss *attrs, double x, double t) {
    double d = fabs(x - t);
    return d < attrs->beta ? d * d / (2 * attrs->beta) : d - attrs->beta / 2;
}
static double smooth_slope(const RtAttrs_loss *attrs, double x, double t) {
    double d = x - t;
    return fabs(d) < attrs->beta ? d / attrs->beta : d > 0 ? 1 : -1;
}
static double huber(const RtAttrs_loss *attrs, double x, double t) {
    double d = fabs(x - t), delta = attrs->delta;
    return d <= delta ? d * d / 2 : delta * (d - delta / 2);
}

static bool make_two(Sample *s, int k) { // also broadcasting
    if (k < 3 * SHAPES) return make_pair(s, k, false);
    if (k >= 3 * SHAPES + 2) return false;
    sample_input(s, 0, 0.25, 2, k % 2 ? (int64_t[]){3, 5} : (int64_t[]){1, 5});
    sample_input(s, -0.65, -0.2, 2, (int64_t[]){3, 1});
    SAMPLE_ATTRS(s, loss, .reduction = k % 2);
    return true;
}
static void truth_two(Sample *s, Distance f) {
    if (s->ndim[0] == s->ndim[1] &&
        !memcmp(s->shape[0], s->shape[1], (size_t)s->ndim[0] * sizeof(int64_t))) {
        truth_pair(s, f);
        return;
    }
    double wide[2][15];
    Sample all = *s;
    for (int i = 0; i < 15; i++) {
        wide[0][i] = s->x[0][s->shape[0][0] == 1 ? i % 5 : i];
        wide[1][i] = s->x[1][i / 5];
    }
    all.x[0] = wide[0];
    all.x[1] = wide[1];
    memset(all.y, 0, sizeof all.y);
    truth_each(&all, 0, 2, (int64_t[]){3, 5}, f);
    double *y = sample_output(s, 0, all.out_ndim[0], all.out_shape[0]);
    memcpy(y, all.y[0], (size_t)sample_numel(all.out_ndim[0], all.out_shape[0]) * sizeof *y);
    free(all.y[0]);
}

static bool make_given_pair(Sample *s, int k) { return make_pair(s, k, false); }
static bool make_given_grad(Sample *s, int k) { return make_pair(s, k, true); }
#define PAIR(name_, make_, truth_, f_, dtypes_)                                                    \
    static void truth_##name_(Sample *s) { truth_(s, f_); }                                        \
    const OpCase case_##name_ = {                                                                  \
        .make = make_, .truth = truth_##name_, .dtypes = dtypes_, .tolerance = 3}
PAIR(mse_loss, make_two, truth_two, squared, ON_FLOATS);
PAIR(l1_loss, make_two, truth_two, distance, ON_FLOATS);
PAIR(smooth_l1_loss, make_two, truth_two, smooth, ON_FLOATS);
PAIR(huber_loss, make_two, truth_two, huber, ON_FLOATS);
PAIR(mse_pair, make_given_pair, truth_pair, squared, ON_FLOATS);
PAIR(mse_pair_backward, make_given_grad, truth_pair_grad, squared_slope, ON_FLOATS);
PAIR(smooth_l1_pair, make_given_pair, truth_pair, smooth, ON_FLOATS);
PAIR(smooth_l1_pair_backward, make_given_grad, truth_pair_grad, smooth_slope, ON_FLOATS);

// Class indices -----------------------------------------------------------------------------------
// (B, C, S) with targets (B, S); some targets are the index that is ignored.

static const struct {
    int ndim;
    int64_t shape[3];
    int reduction;
    bool weight;
    int64_t ignore;
    double smoothing;
} lists[] = {{2, {6, 5}, 1, false, -100, 0},     {2, {6, 5}, 1, true, 2, 0},
             {2, {6, 5}, 2, true, -100, 0.1},    {2, {6, 5}, 0, true, 1, 0.2},
             {3, {3, 4, 5}, 1, true, 0, 0},      {3, {3, 4, 5}, 0, false, 3, 0.3},
             {1, {7, 0}, 1, false, -100, 0},     {1, {7, 0}, 0, true, -100, 0.1},
             {2, {40, 133}, 1, false, -100, 0.1}};
enum { LISTS = sizeof lists / sizeof *lists };

static void add_classes(Sample *s, int k, double low, double high) {
    int64_t C = lists[k].ndim == 1 ? lists[k].shape[0] : lists[k].shape[1],
            target[2] = {lists[k].shape[0], lists[k].shape[2]};
    sample_input(s, low, high, lists[k].ndim, lists[k].shape);
    sample_kind_input(s, SAMPLE_INDICES, 0, (double)C - 1, lists[k].ndim - 1, target);
    if (lists[k].weight)
        sample_kind_input(s, SAMPLE_CONSTANT, 0.5, 2, 1, &C);
    else
        sample_kind_input(s, SAMPLE_ABSENT, 0, 0, 0, NULL);
    SAMPLE_ATTRS(s, loss, .reduction = lists[k].reduction, .ignore_index = lists[k].ignore,
                 .label_smoothing = lists[k].smoothing);
}

typedef struct Classes {
    const double *x, *target, *weight;
    int64_t C, S, lines;
    const RtAttrs_loss *attrs;
} Classes;

static Classes classes_of(const Sample *s, int first) { // inputs first, first + 1, first + 2
    int ndim = s->ndim[first];
    Classes c = {s->x[first], s->x[first + 1],
                 s->kind[first + 2] == SAMPLE_ABSENT ? NULL : s->x[first + 2], .attrs = s->attrs};
    c.C = s->shape[first][ndim > 1];
    c.S = ndim > 2 ? s->shape[first][2] : 1;
    c.lines = sample_numel(s->ndim[first + 1], s->shape[first + 1]);
    return c;
}
static int64_t position(const Classes *c, int64_t line, int64_t class) {
    return (line / c->S * c->C + class) * c->S + line % c->S;
}
static double weight_of(const Classes *c, int64_t class) {
    return c->weight ? c->weight[class] : 1;
}
static bool ignored(const Classes *c, int64_t line) {
    return c->target[line] == (double)c->attrs->ignore_index;
}
static double total_weight(const Classes *c) {
    double total = 0;
    for (int64_t i = 0; i < c->lines; i++)
        if (!ignored(c, i)) total += weight_of(c, (int64_t)c->target[i]);
    return total;
}
static double log_sum(const Classes *c, int64_t line) {
    double top = -INFINITY, sum = 0;
    for (int64_t k = 0; k < c->C; k++) top = fmax(top, c->x[position(c, line, k)]);
    for (int64_t k = 0; k < c->C; k++) sum += exp(c->x[position(c, line, k)] - top);
    return top + log(sum);
}

// The loss is Σ_k taken(k) (lse - x_k): what of class k is taken in a line.
static double taken(const Classes *c, int64_t line, int64_t k, bool softmax) {
    double smoothing = softmax ? c->attrs->label_smoothing : 0;
    if (ignored(c, line)) return 0;
    return ((double)k == c->target[line] ? (1 - smoothing) * weight_of(c, k) : 0) +
           smoothing / (double)c->C * weight_of(c, k);
}

static void truth_classes(Sample *s, bool softmax) {
    Classes c = classes_of(s, 0);
    bool each = c.attrs->reduction == REDUCTION_NONE;
    double *loss = sample_output(s, 0, each ? s->ndim[1] : 0, s->shape[1]), sum = 0,
           total = total_weight(&c);
    double *lse = softmax ? sample_output(s, 1, s->ndim[1], s->shape[1]) : NULL;
    for (int64_t i = 0; i < c.lines; i++) {
        double own = softmax ? log_sum(&c, i) : 0, value = 0;
        for (int64_t k = 0; k < c.C; k++)
            value += taken(&c, i, k, softmax) * (own - c.x[position(&c, i, k)]);
        if (softmax) lse[i] = ignored(&c, i) ? INFINITY : own;
        if (each) loss[i] = value;
        sum += value;
    }
    if (!each) loss[0] = c.attrs->reduction == REDUCTION_MEAN ? sum / total : sum;
    *sample_output(s, softmax ? 2 : 1, 0, NULL) = total;
}

static bool make_nll(Sample *s, int k) {
    if (k >= LISTS) return false;
    add_classes(s, k, -3, 0);
    return true;
}
static void truth_nll_loss(Sample *s) { truth_classes(s, false); }
const OpCase case_nll_loss = {.make = make_nll, .truth = truth_nll_loss, .dtypes = ON_FLOATS};

static bool make_cross_entropy_index(Sample *s, int k) {
    if (k >= LISTS) return false;
    add_classes(s, k, -3, 3);
    return true;
}
static void truth_cross_entropy_index(Sample *s) { truth_classes(s, true); }
static void truth_cross_entropy(Sample *s) {
    const RtAttrs_loss *attrs = s->attrs;
    if (s->kind[1] == SAMPLE_INDICES) {
        truth_classes(s, true);
        s->nout = 1;
        return;
    }
    Classes c = {s->x[0], .C = s->shape[0][1], .S = s->shape[0][2], .attrs = attrs};
    if (s->ndim[0] < 3) c.S = 1;
    c.lines = sample_numel(s->ndim[0], s->shape[0]) / c.C;
    int64_t shape[2] = {s->shape[0][0], c.S};
    bool each = attrs->reduction == REDUCTION_NONE;
    double *y = sample_output(s, 0, each ? s->ndim[0] - 1 : 0, shape), sum = 0;
    for (int64_t i = 0; i < c.lines; i++) {
        double lse = log_sum(&c, i), value = 0;
        for (int64_t k = 0; k < c.C; k++) {
            int64_t at = position(&c, i, k);
            double t =
                s->x[1][at] * (1 - attrs->label_smoothing) + attrs->label_smoothing / (double)c.C;
            value += t * (s->kind[2] == SAMPLE_ABSENT ? 1 : s->x[2][k]) * (lse - c.x[at]);
        }
        if (each) y[i] = value;
        sum += value;
    }
    if (!each) y[0] = attrs->reduction == REDUCTION_MEAN ? sum / (double)c.lines : sum;
}
// An ignored line has lse = inf, which finite differences cannot follow; cross_entropy tests the
// gradients.
const OpCase case_cross_entropy_index = {.make = make_cross_entropy_index,
                                         .truth = truth_cross_entropy_index,
                                         .dtypes = ON_FLOATS,
                                         .tolerance = 2,
                                         .no_gradient = true};

static bool make_cross_entropy(Sample *s, int k) {
    if (k < LISTS) return make_cross_entropy_index(s, k);
    if (k >= LISTS + 4) return false;
    int64_t shape[3] = {3, 4, 5}, C = 4; // probabilities, or any weights
    int ndim = k % 2 ? 3 : 2;
    sample_input(s, -3, 3, ndim, shape);
    sample_input(s, 0, 1, ndim, shape);
    if (k % 3)
        sample_input(s, 0.5, 2, 1, &C);
    else
        sample_kind_input(s, SAMPLE_ABSENT, 0, 0, 0, NULL);
    SAMPLE_ATTRS(s, loss, .reduction = k % 3, .label_smoothing = k % 2 ? 0 : 0.2);
    return true;
}
const OpCase case_cross_entropy = {
    .make = make_cross_entropy, .truth = truth_cross_entropy, .dtypes = ON_FLOATS, .tolerance = 4};

// grad, input, target, weight, total weight
static void add_grad(Sample *s, int k) {
    int64_t target[2] = {lists[k].shape[0], lists[k].shape[2]};
    sample_input(s, -1, 1, lists[k].reduction == REDUCTION_NONE ? lists[k].ndim - 1 : 0, target);
}
static void truth_classes_backward(Sample *s, bool softmax) {
    Classes c = classes_of(s, 1);
    double *out = sample_output(s, 0, s->ndim[1], s->shape[1]), total = s->x[softmax ? 5 : 4][0];
    for (int64_t i = 0; i < c.lines; i++) {
        double h = c.attrs->reduction == REDUCTION_NONE ? s->x[0][i] : s->x[0][0], all = 0;
        if (c.attrs->reduction == REDUCTION_MEAN) h /= total;
        for (int64_t k = 0; k < c.C; k++) all += taken(&c, i, k, softmax);
        for (int64_t k = 0; k < c.C; k++) {
            int64_t at = position(&c, i, k);
            out[at] =
                h * ((softmax ? all * exp(c.x[at] - s->x[4][i]) : 0) - taken(&c, i, k, softmax));
        }
    }
}
static bool make_nll_backward(Sample *s, int k) {
    if (k >= LISTS) return false;
    add_grad(s, k);
    add_classes(s, k, -3, 0);
    sample_kind_input(s, SAMPLE_CONSTANT, 3, 3, 0, NULL);
    return true;
}
static void truth_nll_loss_backward(Sample *s) { truth_classes_backward(s, false); }
const OpCase case_nll_loss_backward = {
    .make = make_nll_backward, .truth = truth_nll_loss_backward, .dtypes = ON_FLOATS};

static bool make_cross_entropy_backward(Sample *s, int k) {
    if (k >= LISTS) return false;
    int64_t target[2] = {lists[k].shape[0], lists[k].shape[2]};
    add_grad(s, k);
    add_classes(s, k, -3, 3);
    sample_input(s, 2, 4, lists[k].ndim - 1, target);
    sample_kind_input(s, SAMPLE_CONSTANT, 3, 3, 0, NULL);
    return true;
}
static void truth_cross_entropy_index_backward(Sample *s) { truth_classes_backward(s, true); }
const OpCase case_cross_entropy_index_backward = {.make = make_cross_entropy_backward,
                                                  .truth = truth_cross_entropy_index_backward,
                                                  .dtypes = ON_F64,
                                                  .tolerance = 2};

// Two classes -------------------------------------------------------------------------------------

static double bce(const RtAttrs_loss *attrs, double x, double t) {
    (void)attrs;
    return -t * fmax(log(x), -100) - (1 - t) * fmax(log1p(-x), -100);
}
static bool make_bce(Sample *s, int k) {
    if (k > 3) return false;
    sample_input(s, 0.05, 0.95, 2, (int64_t[]){3, 7});
    sample_input(s, 0, 1, 2, (int64_t[]){3, 7});
    sample_kind_input(s, k == 3 ? SAMPLE_CONSTANT : SAMPLE_ABSENT, 1, 1, 0, NULL);
    SAMPLE_ATTRS(s, loss, .reduction = k % 3);
    return true;
}
static bool make_bce_pair(Sample *s, int k) {
    static const int64_t sizes[] = {7, 67, 0, 1000};
    if (k > 3) return false;
    sample_input(s, 0.05, 0.95, 1, &sizes[k]);
    sample_input(s, 0, 1, 1, &sizes[k]);
    SAMPLE_ATTRS(s, none, .unused = false);
    return true;
}
static void truth_bce_pair(Sample *s) {
    double *y = sample_output(s, 0, 1, s->shape[0]);
    for (int64_t i = 0; i < s->shape[0][0]; i++) y[i] = bce(NULL, s->x[0][i], s->x[1][i]);
}
PAIR(binary_cross_entropy, make_bce, truth_pair, bce, ON_FLOATS);
const OpCase case_bce_pair = {
    .make = make_bce_pair, .truth = truth_bce_pair, .dtypes = ON_FLOATS, .tolerance = 2};

static double weights[2]; // of the sample: all, positive
static double bce_logits(const RtAttrs_loss *attrs, double x, double t) {
    (void)attrs;
    return weights[0] *
           ((1 - t) * x + (1 + (weights[1] - 1) * t) * (log1p(exp(-fabs(x))) + fmax(-x, 0)));
}
static bool make_bce_logits(Sample *s, int k) {
    if (k > 5) return false;
    sample_input(s, -4, 4, 2, (int64_t[]){3, 7});
    sample_input(s, 0, 1, 2, (int64_t[]){3, 7});
    sample_kind_input(s, k > 2 ? SAMPLE_CONSTANT : SAMPLE_ABSENT, 0.7, 0.7, 0, NULL);
    sample_kind_input(s, k > 3 ? SAMPLE_CONSTANT : SAMPLE_ABSENT, 3, 3, 0, NULL);
    SAMPLE_ATTRS(s, loss, .reduction = k % 3);
    return true;
}
static void truth_bce_logits(Sample *s, Distance f) {
    weights[0] = s->kind[2] == SAMPLE_ABSENT ? 1 : s->x[2][0];
    weights[1] = s->kind[3] == SAMPLE_ABSENT ? 1 : s->x[3][0];
    truth_pair(s, f);
}
PAIR(binary_cross_entropy_with_logits, make_bce_logits, truth_bce_logits, bce_logits, ON_FLOATS);

static double divergence(const RtAttrs_loss *attrs, double x, double t) {
    return attrs->log_target ? exp(t) * (t - x) : t * (log(t) - x);
}
static bool make_kl_div(Sample *s, int k) {
    if (k > 5) return false;
    sample_input(s, -3, 0, 2, (int64_t[]){3, 7});
    sample_input(s, k > 2 ? -3 : 0.1, k > 2 ? 0 : 1, 2, (int64_t[]){3, 7});
    SAMPLE_ATTRS(s, loss, .reduction = k % 3, .log_target = k > 2);
    return true;
}
PAIR(kl_div, make_kl_div, truth_pair, divergence, ON_FLOATS);

// Connectionist temporal classification -----------------------------------------------------------

enum { STEPS = 5, SEQUENCES = 2, CTC_CLASSES = 3 };
// Lengths are inputs: ranges of one number give them. The second sample has an empty target.
static bool make_ctc(Sample *s, int k) {
    if (k >= 3) return false;
    sample_input(s, -2, -0.2, 3, (int64_t[]){STEPS, SEQUENCES, CTC_CLASSES});
    sample_kind_input(s, SAMPLE_INDICES, 1, 2, 2, (int64_t[]){SEQUENCES, 2});
    sample_kind_input(s, SAMPLE_INDICES, k == 2 ? 4 : STEPS, k == 2 ? 4 : STEPS, 1,
                      (int64_t[]){SEQUENCES});
    sample_kind_input(s, SAMPLE_INDICES, k == 1 ? 0 : 2, k == 1 ? 0 : 2, 1, (int64_t[]){SEQUENCES});
    SAMPLE_ATTRS(s, ctc, .blank = 0);
    return true;
}
// All paths, one after the other: their repetitions and blanks taken out, are they the target?
static void truth_ctc(Sample *s) {
    double *y = sample_output(s, 0, 1, (int64_t[]){SEQUENCES});
    for (int n = 0; n < SEQUENCES; n++) {
        int steps = (int)s->x[2][n], length = (int)s->x[3][n],
            paths = (int)lround(pow(CTC_CLASSES, steps));
        double total = 0;
        for (int path = 0; path < paths; path++) {
            int found = 0, last = 0, rest = path;
            bool fits = true;
            double sum = 0;
            for (int t = 0; t < steps; t++, rest /= CTC_CLASSES) {
                int label = rest % CTC_CLASSES;
                sum += s->x[0][(t * SEQUENCES + n) * CTC_CLASSES + label];
                if (label && label != last) {
                    fits = fits && found < length && s->x[1][n * 2 + found] == label;
                    found++;
                }
                last = label;
            }
            if (fits && found == length) total += exp(sum);
        }
        y[n] = -log(total);
    }
}
// Its gradient cannot be differentiated, as in PyTorch: own_ctc_backward.
const OpCase case_ctc = {make_ctc, truth_ctc, .dtypes = ON_FLOATS, .no_second = true};

static RtTensor *lengths_of(int64_t a, int64_t b) {
    RtTensor *y = rt_zeros(WITH(factory, .size = RT_INTS(2), .dtype = RT_I64));
    int64_t *values = rt_tensor_data(y);
    values[0] = a;
    values[1] = b;
    return y;
}
// The gradient itself is checked by that of ctc; here what has no path, and the errors.
static void own_ctc_backward(void) {
    RtScope scope;
    rt_scope_open(&scope);
    RtTensor *x = rt_full(WITH(factory, .size = RT_INTS(3, 2, 4), .fill_value = rt_float(-1.4)));
    RtTensor *targets =
        rt_ones(WITH(factory, .size = RT_INTS(2, 3), .dtype = RT_I64)); // 1 1 1 takes 5 steps
    RtTensor *loss, *g, *steps = lengths_of(3, 3), *sizes = lengths_of(3, 1);
    CHECK_OK(rt_set_requires_grad(x, true));
    loss = rt_ctc(x, targets, steps, sizes, WITH(ctc, .zero_infinity = false));
    CHECK_MADE(loss);
    assert_true(isinf(rt_scalar_double(rt_tensor_item(loss, 0))));
    assert_true(isfinite(rt_scalar_double(rt_tensor_item(loss, 1))));
    loss = rt_ctc(x, targets, steps, sizes, WITH(ctc, .zero_infinity = true));
    CHECK_MADE(loss);
    assert_true(rt_scalar_double(rt_tensor_item(loss, 0)) == 0);
    RtTensor *ones = rt_ones_like(loss, rt_defaults_factory());
    CHECK_OK(rt_grad(&loss, &ones, 1, &x, 1, true, true, false, &g));
    for (int t = 0; t < 3; t++)
        for (int c = 0; c < 4; c++) {
            assert_true(rt_scalar_double(rt_tensor_item(g, t * 8 + c)) == 0);
            assert_true(isfinite(rt_scalar_double(rt_tensor_item(g, t * 8 + 4 + c))));
        }
    CHECK_FAILS(rt_grad(&g, &x, 1, &x, 1, false, false, false, &loss), ERR_GRAD, "twice");
    RtAttrs_ctc plain = rt_defaults_ctc();
    CHECK_FAILS((intptr_t)rt_ctc(x, targets, lengths_of(4, 3), sizes, plain), ERR_VALUE,
                "input_lengths[0] is 4");
    CHECK_FAILS((intptr_t)rt_ctc(x, targets, steps, lengths_of(3, 4), plain), ERR_VALUE,
                "target_lengths[1] is 4");
    CHECK_FAILS((intptr_t)rt_ctc(x,
                                 rt_full(WITH(factory, .size = RT_INTS(2, 3),
                                              .fill_value = rt_int(4), .dtype = RT_I64)),
                                 steps, sizes, plain),
                ERR_INDEX, "target 4");
    CHECK_FAILS((intptr_t)rt_ctc(x, targets, steps, sizes, WITH(ctc, .blank = 4)), ERR_VALUE,
                "blank");
    rt_scope_close(scope);
}
const OpCase case_ctc_backward = {.own = own_ctc_backward};
