// Cases of the normalisations and of dropout.
#include "ops/cases.h"

#include "tensor/random.h"

// Normalises n elements at the given positions; gives mean and 1 / sqrt(var + eps).
static void normal_of(const double *x, const int64_t *at, int64_t n, double eps, double *mean,
                      double *rstd) {
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < n; i++) sum += x[at[i]];
    *mean = sum / (double)n;
    for (int64_t i = 0; i < n; i++) squares += (x[at[i]] - *mean) * (x[at[i]] - *mean);
    *rstd = 1 / sqrt(squares / (double)n + eps);
}

static void add_params(Sample *s, int64_t n, const int64_t *shape, int ndim, int present) {
    for (int i = 0; i < 2; i++) {
        if (present >> i & 1)
            sample_input(s, 0.5, 1.5, ndim, shape);
        else
            sample_kind_input(s, SAMPLE_ABSENT, 0, 0, 0, NULL);
    }
    (void)n;
}

static double param(const Sample *s, int input, int64_t i, double otherwise) {
    return s->kind[input] == SAMPLE_ABSENT ? otherwise : s->x[input][i];
}

// batch_norm: (B, C, S…). Running statistics are moved in training: they are given in evaluation
// only, where nothing may change; that they move is tested from Python.
static const struct {
    int ndim;
    int64_t shape[4];
    int params;
    bool training;
} batches[] = {{2, {5, 3}, 3, true},        {4, {2, 3, 4, 5}, 3, true},   {3, {3, 2, 7}, 0, true},
               {2, {600, 2}, 1, true},      {4, {1, 2, 30, 40}, 2, true}, {2, {5, 3}, 3, false},
               {4, {2, 3, 4, 5}, 3, false}, {3, {3, 2, 7}, 0, false},     {2, {40, 600}, 3, true}};

static bool make_batch_norm(Sample *s, int k) {
    if (k >= (int)(sizeof batches / sizeof *batches)) return false;
    int64_t C = batches[k].shape[1];
    sample_input(s, -2, 3, batches[k].ndim, batches[k].shape);
    add_params(s, C, &C, 1, batches[k].params);
    for (int i = 0; i < 2; i++) {
        if (batches[k].training)
            sample_kind_input(s, SAMPLE_ABSENT, 0, 0, 0, NULL);
        else
            sample_kind_input(s, SAMPLE_CONSTANT, 0.5, 2, 1, &C);
    }
    SAMPLE_ATTRS(s, norm, .training = batches[k].training, .eps = 1e-3);
    return true;
}

static void truth_batch_norm(Sample *s) {
    const RtAttrs_norm *attrs = s->attrs;
    int64_t B = s->shape[0][0], C = s->shape[0][1],
            S = sample_numel(s->ndim[0] - 2, s->shape[0] + 2), n = 0;
    double *y = sample_output(s, 0, s->ndim[0], s->shape[0]), *means = sample_output(s, 1, 1, &C),
           *rstds = sample_output(s, 2, 1, &C);
    int64_t *at = calloc((size_t)(B * S) + 1, sizeof *at);
    for (int64_t c = 0; c < C; c++) {
        n = 0;
        for (int64_t b = 0; b < B; b++)
            for (int64_t i = 0; i < S; i++) at[n++] = (b * C + c) * S + i;
        normal_of(s->x[0], at, n, attrs->eps, &means[c], &rstds[c]);
        if (!attrs->training) {
            means[c] = s->x[3][c];
            rstds[c] = 1 / sqrt(s->x[4][c] + attrs->eps);
        }
        for (int64_t i = 0; i < n; i++)
            y[at[i]] =
                (s->x[0][at[i]] - means[c]) * rstds[c] * param(s, 1, c, 1) + param(s, 2, c, 0);
    }
    free(at);
}
const OpCase case_batch_norm = {
    .make = make_batch_norm, .truth = truth_batch_norm, .dtypes = ON_FLOATS, .tolerance = 3};

// Inputs grad, input, weight, mean, rstd, of which the last two are given as any constants.
static bool make_batch_norm_backward(Sample *s, int k) {
    if (k >= (int)(sizeof batches / sizeof *batches)) return false;
    int64_t C = batches[k].shape[1];
    sample_input(s, -1, 1, batches[k].ndim, batches[k].shape);
    sample_input(s, -2, 3, batches[k].ndim, batches[k].shape);
    add_params(s, C, &C, 1, batches[k].params & 1);
    s->nin--;
    sample_kind_input(s, SAMPLE_CONSTANT, -1, 1, 1, &C);
    sample_kind_input(s, SAMPLE_CONSTANT, 0.5, 2, 1, &C);
    SAMPLE_ATTRS(s, norm, .training = batches[k].training);
    return true;
}
static void truth_batch_norm_backward(Sample *s) {
    const RtAttrs_norm *attrs = s->attrs;
    int64_t B = s->shape[1][0], C = s->shape[1][1],
            S = sample_numel(s->ndim[1] - 2, s->shape[1] + 2);
    double *dx = sample_output(s, 0, s->ndim[1], s->shape[1]), *dw = sample_output(s, 1, 1, &C),
           *db = sample_output(s, 2, 1, &C);
    for (int64_t c = 0; c < C; c++) {
        double mean = s->x[3][c], rstd = s->x[4][c], n = (double)(B * S);
        for (int pass = 0; pass < 2; pass++)
            for (int64_t b = 0; b < B; b++)
                for (int64_t i = 0; i < S; i++) {
                    int64_t at = (b * C + c) * S + i;
                    double g = s->x[0][at], xhat = (s->x[1][at] - mean) * rstd;
                    if (pass == 0) {
                        dw[c] += g * xhat;
                        db[c] += g;
                    } else {
                        double through = attrs->training ? g - db[c] / n - xhat * dw[c] / n : g;
                        dx[at] = param(s, 2, c, 1) * rstd * through;
                    }
                }
    }
}
const OpCase case_batch_norm_backward = {.make = make_batch_norm_backward,
                                         .truth = truth_batch_norm_backward,
                                         .dtypes = ON_F64 | 1 << RT_F32,
                                         .tolerance = 4};

// layer_norm: M lines of N.
static const struct {
    int ndim;
    int64_t shape[3];
    int normal, params;
} layers[] = {{2, {4, 7}, 1, 3},   {3, {2, 3, 5}, 2, 3}, {3, {2, 3, 5}, 1, 0}, {1, {9}, 1, 1},
              {2, {3, 200}, 1, 2}, {2, {70, 300}, 1, 3}, {2, {0, 4}, 1, 3}};

static bool make_layer_norm(Sample *s, int k) {
    if (k >= (int)(sizeof layers / sizeof *layers)) return false;
    int outer = layers[k].ndim - layers[k].normal;
    sample_input(s, -2, 3, layers[k].ndim, layers[k].shape);
    add_params(s, 0, layers[k].shape + outer, layers[k].normal, layers[k].params);
    RtInts normal = {.n = layers[k].normal};
    memcpy(normal.v, layers[k].shape + outer, (size_t)normal.n * sizeof(int64_t));
    SAMPLE_ATTRS(s, norm, .normalized_shape = normal, .eps = 1e-3);
    return true;
}
static void truth_layer_norm(Sample *s) {
    const RtAttrs_norm *attrs = s->attrs;
    int64_t N = sample_numel(attrs->normalized_shape.n, attrs->normalized_shape.v), stats[3],
            *at = calloc((size_t)N, sizeof *at);
    int64_t M = sample_numel(s->ndim[0], s->shape[0]) / N;
    for (int i = 0; i < s->ndim[0]; i++)
        stats[i] = i < s->ndim[0] - attrs->normalized_shape.n ? s->shape[0][i] : 1;
    double *y = sample_output(s, 0, s->ndim[0], s->shape[0]);
    double *means = sample_output(s, 1, s->ndim[0], stats),
           *rstds = sample_output(s, 2, s->ndim[0], stats);
    for (int64_t m = 0; m < M; m++) {
        for (int64_t i = 0; i < N; i++) at[i] = m * N + i;
        normal_of(s->x[0], at, N, attrs->eps, &means[m], &rstds[m]);
        for (int64_t i = 0; i < N; i++)
            y[at[i]] =
                (s->x[0][at[i]] - means[m]) * rstds[m] * param(s, 1, i, 1) + param(s, 2, i, 0);
    }
    free(at);
}
const OpCase case_layer_norm = {
    .make = make_layer_norm, .truth = truth_layer_norm, .dtypes = ON_FLOATS, .tolerance = 3};

static bool make_layer_norm_backward(Sample *s, int k) {
    if (k >= (int)(sizeof layers / sizeof *layers)) return false;
    int outer = layers[k].ndim - layers[k].normal;
    int64_t stats[3];
    for (int i = 0; i < layers[k].ndim; i++) stats[i] = i < outer ? layers[k].shape[i] : 1;
    sample_input(s, -1, 1, layers[k].ndim, layers[k].shape);
    sample_input(s, -2, 3, layers[k].ndim, layers[k].shape);
    add_params(s, 0, layers[k].shape + outer, layers[k].normal, layers[k].params & 1);
    s->nin--;
    sample_kind_input(s, SAMPLE_CONSTANT, -1, 1, layers[k].ndim, stats);
    sample_kind_input(s, SAMPLE_CONSTANT, 0.5, 2, layers[k].ndim, stats);
    RtInts normal = {.n = layers[k].normal};
    memcpy(normal.v, layers[k].shape + outer, (size_t)normal.n * sizeof(int64_t));
    SAMPLE_ATTRS(s, norm, .normalized_shape = normal);
    return true;
}
static void truth_layer_norm_backward(Sample *s) {
    const RtAttrs_norm *attrs = s->attrs;
    const RtInts *normal = &attrs->normalized_shape;
    int64_t N = sample_numel(normal->n, normal->v), M = sample_numel(s->ndim[1], s->shape[1]) / N;
    double *dx = sample_output(s, 0, s->ndim[1], s->shape[1]);
    double *dw = sample_output(s, 1, normal->n, normal->v),
           *db = sample_output(s, 2, normal->n, normal->v);
    for (int64_t m = 0; m < M; m++) {
        double mean = s->x[3][m], rstd = s->x[4][m], sum = 0, along = 0;
        for (int64_t i = 0; i < N; i++) {
            double g = s->x[0][m * N + i], xhat = (s->x[1][m * N + i] - mean) * rstd;
            dw[i] += g * xhat;
            db[i] += g;
            sum += g * param(s, 2, i, 1);
            along += g * param(s, 2, i, 1) * xhat;
        }
        for (int64_t i = 0; i < N; i++) {
            double xhat = (s->x[1][m * N + i] - mean) * rstd;
            dx[m * N + i] = rstd * (s->x[0][m * N + i] * param(s, 2, i, 1) - sum / (double)N -
                                    xhat * along / (double)N);
        }
    }
}
const OpCase case_layer_norm_backward = {.make = make_layer_norm_backward,
                                         .truth = truth_layer_norm_backward,
                                         .dtypes = ON_F64 | 1 << RT_F32,
                                         .tolerance = 4};

// group_norm: groups of consecutive channels.
static const struct {
    int ndim;
    int64_t shape[4], groups;
    int params;
} grouped[] = {{4, {2, 6, 3, 2}, 3, 3}, {2, {3, 4}, 2, 1},        {3, {2, 4, 5}, 1, 0},
               {3, {2, 3, 5}, 3, 2},    {4, {1, 4, 9, 70}, 2, 3}, {3, {0, 4, 3}, 2, 3}};

static bool make_group_norm(Sample *s, int k) {
    if (k >= (int)(sizeof grouped / sizeof *grouped)) return false;
    sample_input(s, -2, 3, grouped[k].ndim, grouped[k].shape);
    add_params(s, 0, &grouped[k].shape[1], 1, grouped[k].params);
    SAMPLE_ATTRS(s, norm, .num_groups = grouped[k].groups, .eps = 1e-3);
    return true;
}
static void truth_group_norm(Sample *s) {
    const RtAttrs_norm *attrs = s->attrs;
    int64_t B = s->shape[0][0], C = s->shape[0][1],
            S = sample_numel(s->ndim[0] - 2, s->shape[0] + 2);
    int64_t lines = B * attrs->num_groups, n = C * S / attrs->num_groups,
            *at = calloc((size_t)n, sizeof *at), stats[] = {B, attrs->num_groups};
    double *y = sample_output(s, 0, s->ndim[0], s->shape[0]),
           *means = sample_output(s, 1, 2, stats), *rstds = sample_output(s, 2, 2, stats);
    for (int64_t line = 0; line < lines; line++) {
        for (int64_t i = 0; i < n; i++) at[i] = line * n + i;
        normal_of(s->x[0], at, n, attrs->eps, &means[line], &rstds[line]);
        for (int64_t i = 0; i < n; i++) {
            int64_t c = at[i] / S % C;
            y[at[i]] = (s->x[0][at[i]] - means[line]) * rstds[line] * param(s, 1, c, 1) +
                       param(s, 2, c, 0);
        }
    }
    free(at);
}
const OpCase case_group_norm = {
    .make = make_group_norm, .truth = truth_group_norm, .dtypes = ON_FLOATS, .tolerance = 3};

// Inputs grad, input, weight, mean, rstd, of which the last two are given as any constants.
static bool make_group_norm_backward(Sample *s, int k) {
    if (k >= (int)(sizeof grouped / sizeof *grouped)) return false;
    int64_t stats[] = {grouped[k].shape[0], grouped[k].groups};
    sample_input(s, -1, 1, grouped[k].ndim, grouped[k].shape);
    sample_input(s, -2, 3, grouped[k].ndim, grouped[k].shape);
    add_params(s, 0, &grouped[k].shape[1], 1, grouped[k].params & 1);
    s->nin--;
    sample_kind_input(s, SAMPLE_CONSTANT, -1, 1, 2, stats);
    sample_kind_input(s, SAMPLE_CONSTANT, 0.5, 2, 2, stats);
    SAMPLE_ATTRS(s, norm, .num_groups = grouped[k].groups);
    return true;
}
static void truth_group_norm_backward(Sample *s) {
    const RtAttrs_norm *attrs = s->attrs;
    int64_t B = s->shape[1][0], C = s->shape[1][1],
            S = sample_numel(s->ndim[1] - 2, s->shape[1] + 2), n = C * S / attrs->num_groups;
    double *dx = sample_output(s, 0, s->ndim[1], s->shape[1]), *dw = sample_output(s, 1, 1, &C),
           *db = sample_output(s, 2, 1, &C);
    for (int64_t line = 0; line < B * attrs->num_groups; line++) {
        double mean = s->x[3][line], rstd = s->x[4][line], sum = 0, along = 0;
        for (int64_t i = line * n; i < (line + 1) * n; i++) {
            int64_t c = i / S % C;
            double g = s->x[0][i], xhat = (s->x[1][i] - mean) * rstd;
            dw[c] += g * xhat;
            db[c] += g;
            sum += g * param(s, 2, c, 1);
            along += g * param(s, 2, c, 1) * xhat;
        }
        for (int64_t i = line * n; i < (line + 1) * n; i++)
            dx[i] = rstd * (s->x[0][i] * param(s, 2, i / S % C, 1) - sum / (double)n -
                            (s->x[1][i] - mean) * rstd * along / (double)n);
    }
}
const OpCase case_group_norm_backward = {.make = make_group_norm_backward,
                                         .truth = truth_group_norm_backward,
                                         .dtypes = ON_F64 | 1 << RT_F32,
                                         .tolerance = 4};

// Dropout -----------------------------------------------------------------------------------------

static RtTensor *ones(int ndim, const int64_t *shape, RtDtype dtype) {
    RtAttrs_factory attrs = rt_defaults_factory();
    attrs.size.n = ndim;
    memcpy(attrs.size.v, shape, (size_t)ndim * sizeof *shape);
    attrs.dtype = dtype;
    return rt_ones(attrs);
}

static double item(const RtTensor *x, int64_t i) { return rt_scalar_double(rt_tensor_item(x, i)); }

// Element i is kept when word i % 4 of the Philox block position + i / 4 is at least p · 2³².
static void own_native_dropout(void) {
    static const RtDtype dtypes[] = {RT_F32, RT_F64, RT_F16, RT_BF16};
    const int64_t n = 5003;
    for (int threads = 1; threads <= 3; threads++)
        for (int d = 0; d < 4; d++) {
            RtScope scope;
            CHECK_OK(rt_scope_open(&scope));
            CHECK_OK(rt_set_threads(threads));
            RtGenerator *generator = rt_generator_new(77);
            CHECK_MADE(generator);
            rt_generator_set(generator, 77, 1000);
            RtTensor *x = ones(1, &n, dtypes[d]), *y, *mask, *g[1];
            CHECK_OK(rt_set_requires_grad(x, true));
            CHECK_OK(
                rt_native_dropout(x, WITH(dropout, .p = 0.25, .generator = generator), &y, &mask));
            RtTensor *loss = rt_sum(y, rt_defaults_reduce()), *none = RT_NONE;
            CHECK_OK(rt_grad(&loss, &none, 1, &x, 1, false, false, false, g));
            uint32_t words[4];
            double scale = dtypes[d] == RT_BF16 ? 1.3359375 : 1 / 0.75,
                   near = dtypes[d] == RT_F16 ? 1e-3 : 1e-6;
            for (int64_t i = 0; i < n; i++) {
                philox_block(77, 1000 + (uint64_t)(i / 4), words);
                bool keep = words[i % 4] >= 0x40000000u;
                assert_int_equal(rt_tensor_item(mask, i).i, keep);
                assert_true(fabs(item(y, i) - (keep ? scale : 0)) < near);
                assert_true(fabs(item(g[0], i) - (keep ? scale : 0)) < near);
            }
            uint64_t seed, position;
            rt_generator_get(generator, &seed, &position);
            assert_int_equal(position, 1000 + (n + 3) / 4);
            rt_generator_drop(generator);
            rt_scope_close(scope);
        }
    RtScope scope;
    CHECK_OK(rt_scope_open(&scope));
    RtTensor *x = ones(1, &n, RT_F32), *y, *mask;
    CHECK_OK(rt_native_dropout(x, WITH(dropout, .p = 1), &y, &mask));
    assert_true(item(rt_sum(y, rt_defaults_reduce()), 0) == 0);
    CHECK_OK(rt_native_dropout(x, WITH(dropout, .training = false), &y, &mask));
    assert_true(item(rt_sum(y, rt_defaults_reduce()), 0) == (double)n);
    CHECK_FAILS(rt_native_dropout(x, WITH(dropout, .p = 1.5), &y, &mask), ERR_VALUE,
                "dropout probability has to be between 0 and 1, but got 1.5");
    rt_scope_close(scope);
}
const OpCase case_native_dropout = {.own = own_native_dropout};

static bool make_native_dropout_backward(Sample *s, int k) {
    static const int64_t shapes[][2] = {{3, 5}, {1, 2000}, {0, 3}};
    if (k >= 3) return false;
    sample_input(s, -2, 2, 2, shapes[k]);
    sample_kind_input(s, SAMPLE_BOOLS, 0, 1, 2, shapes[k]);
    SAMPLE_ATTRS(s, dropout, .p = 0.2);
    return true;
}
static void truth_native_dropout_backward(Sample *s) {
    double *y = sample_output(s, 0, 2, s->shape[0]);
    for (int64_t i = 0; i < s->shape[0][0] * s->shape[0][1]; i++)
        y[i] = s->x[1][i] != 0 ? s->x[0][i] / 0.8 : 0;
}
const OpCase case_native_dropout_backward = {.make = make_native_dropout_backward,
                                             .truth = truth_native_dropout_backward,
                                             .dtypes = ON_FLOATS};

// In evaluation, or with p = 0, these give the tensor itself; p is checked always.
static void check_dropout(RtTensor *(*op)(RtTensor *, RtAttrs_dropout), double kept,
                          double dropped) {
    RtScope scope;
    CHECK_OK(rt_scope_open(&scope));
    RtTensor *x = ones(2, (int64_t[]){100, 50}, RT_F64);
    assert_ptr_equal(op(x, WITH(dropout, .training = false)), x);
    assert_ptr_equal(op(x, WITH(dropout, .p = 0)), x);
    CHECK_FAILS((intptr_t)op(x, WITH(dropout, .p = -0.5)), ERR_VALUE, "but got -0.5");
    assert_true(item(rt_sum(rt_abs(op(x, WITH(dropout, .p = 1))), rt_defaults_reduce()), 0) == 0);
    RtTensor *y = op(x, WITH(dropout, .p = 0.5));
    CHECK_MADE(y);
    int64_t n = 0;
    for (int64_t i = 0; i < y->numel; i++) {
        bool keep = fabs(item(y, i) - kept) < 1e-9;
        assert_true(keep || fabs(item(y, i) - dropped) < 1e-9);
        n += keep;
    }
    assert_in_range(n, 2200, 2800);
    rt_scope_close(scope);
}
static void own_dropout(void) { check_dropout(rt_dropout, 2, 0); }
static void own_feature_dropout(void) {
    check_dropout(rt_feature_dropout, 2, 0);
    RtScope scope;
    CHECK_OK(rt_scope_open(&scope));
    RtTensor *y =
        rt_feature_dropout(ones(3, (int64_t[]){20, 10, 7}, RT_F32), WITH(dropout, .p = 0.5));
    CHECK_MADE(y);
    for (int64_t i = 0; i < y->numel; i++) assert_true(item(y, i) == item(y, i / 7 * 7));
    rt_scope_close(scope);
}
static void own_alpha_dropout(void) { // mean 0 and variance 1 stay
    const double low = -1.7580993408473766, a = 1 / sqrt(0.5 * (1 + 0.5 * low * low)),
                 b = -a * low * 0.5;
    check_dropout(rt_alpha_dropout, a + b, a * low + b);
}
const OpCase case_dropout = {.own = own_dropout};
const OpCase case_feature_dropout = {.own = own_feature_dropout};
const OpCase case_alpha_dropout = {.own = own_alpha_dropout};

// As alpha_dropout, with whole channels dropped.
static void own_feature_alpha_dropout(void) {
    const double low = -1.7580993408473766, a = 1 / sqrt(0.5 * (1 + 0.5 * low * low)),
                 b = -a * low * 0.5;
    check_dropout(rt_feature_alpha_dropout, a + b, a * low + b);
    RtScope scope;
    CHECK_OK(rt_scope_open(&scope));
    RtTensor *y =
        rt_feature_alpha_dropout(ones(3, (int64_t[]){20, 10, 7}, RT_F64), WITH(dropout, .p = 0.5));
    CHECK_MADE(y);
    for (int64_t i = 0; i < y->numel; i++) assert_true(item(y, i) == item(y, i / 7 * 7));
    rt_scope_close(scope);
}
const OpCase case_feature_alpha_dropout = {.own = own_feature_alpha_dropout};

// rms_norm: M lines of N.
static bool make_rms_norm(Sample *s, int k) {
    if (k >= (int)(sizeof layers / sizeof *layers)) return false;
    int outer = layers[k].ndim - layers[k].normal;
    sample_input(s, -2, 3, layers[k].ndim, layers[k].shape);
    add_params(s, 0, layers[k].shape + outer, layers[k].normal, layers[k].params & 1);
    s->nin--;
    RtInts normal = {.n = layers[k].normal};
    memcpy(normal.v, layers[k].shape + outer, (size_t)normal.n * sizeof(int64_t));
    SAMPLE_ATTRS(s, rms, .normalized_shape = normal, .eps = rt_float(1e-3));
    return true;
}
static void truth_rms_norm(Sample *s) {
    const RtAttrs_rms *attrs = s->attrs;
    int64_t N = sample_numel(attrs->normalized_shape.n, attrs->normalized_shape.v);
    int64_t M = sample_numel(s->ndim[0], s->shape[0]) / N;
    double *y = sample_output(s, 0, s->ndim[0], s->shape[0]);
    for (int64_t m = 0; m < M; m++) {
        double squares = 0;
        for (int64_t i = 0; i < N; i++) squares += s->x[0][m * N + i] * s->x[0][m * N + i];
        double rstd = 1 / sqrt(squares / (double)N + 1e-3);
        for (int64_t i = 0; i < N; i++)
            y[m * N + i] = s->x[0][m * N + i] * rstd * param(s, 1, i, 1);
    }
}
const OpCase case_rms_norm = {
    .make = make_rms_norm, .truth = truth_rms_norm, .dtypes = ON_FLOATS, .tolerance = 3};
