// Cases of the random family. No formula gives the values: each row has a test of its own, of what must hold for the
// numbers drawn (range, moments, which are checked to five standard errors), of errors, and of what all of them promise:
// the same numbers for the same seed and position, whatever the number of threads and the layout that is written to.
#include "ops/cases.h"

#define MANY 40000
#define SEEDED(...) WITH(random, .generator = generator __VA_OPT__(, ) __VA_ARGS__)

typedef RtTensor *(*Drawing)(RtGenerator *generator);

static double item(const RtTensor *y, int64_t i) { return rt_scalar_double(rt_tensor_item(y, i)); }

static bool same_values(const RtTensor *a, const RtTensor *b) {
    if (!a || !b || a->numel != b->numel || a->dtype != b->dtype) return false;
    for (int64_t i = 0; i < a->numel; i++)
        if (item(a, i) != item(b, i)) return false;
    return true;
}

// One thread and four, and the next draw is another one.
static void check_repeats(Drawing draw) {
    RtGenerator *generator = rt_generator_new(42);
    int threads = rt_threads();
    rt_set_threads(1);
    RtTensor *first = draw(generator), *second = draw(generator);
    rt_set_threads(4);
    rt_generator_seed(generator, 42);
    RtTensor *again = draw(generator);
    rt_set_threads(threads);
    CHECK_MADE(first);
    CHECK_MADE(again);
    assert_true(same_values(first, again));
    assert_false(same_values(first, second));
    rt_generator_drop(generator);
}

static void check_moments(const RtTensor *y, double mean, double variance) {
    CHECK_MADE(y);
    double n = (double)y->numel, sum = 0, squares = 0;
    for (int64_t i = 0; i < y->numel; i++) sum += item(y, i);
    for (int64_t i = 0; i < y->numel; i++) squares += (item(y, i) - sum / n) * (item(y, i) - sum / n);
    double error = 5 * sqrt(variance / n) + 2e-3 * fabs(mean); // and the rounding of bf16
    if (fabs(sum / n - mean) > error) fail_msg("the mean is %g instead of %g", sum / n, mean);
    if (fabs(squares / n - variance) > 0.06 * variance) fail_msg("the variance is %g instead of %g", squares / n, variance);
}

static void check_range(const RtTensor *y, double low, double high) { // high is not included
    for (int64_t i = 0; i < y->numel; i++)
        if (!(item(y, i) >= low && item(y, i) < high)) fail_msg("%g is not within [%g, %g)", item(y, i), low, high);
}

// Opens a scope and gives the test a generator.
#define OWN(name_)                                                                                 \
    static void body_##name_(RtGenerator *generator);                                              \
    static void own_##name_(void) {                                                                \
        RtScope scope;                                                                             \
        rt_scope_open(&scope);                                                                     \
        RtGenerator *generator = rt_generator_new(7);                                              \
        body_##name_(generator);                                                                   \
        rt_generator_drop(generator);                                                              \
        rt_scope_close(scope);                                                                     \
    }                                                                                              \
    const OpCase case_##name_ = {.own = own_##name_};                                              \
    static void body_##name_(RtGenerator *generator)

static RtTensor *zeros_of(RtDtype dtype, int64_t n) { return rt_zeros(WITH(factory, .size = RT_INTS(n), .dtype = dtype)); }
// Every second element of a longer tensor: what is written there must not depend on the strides.
static RtTensor *stepped_of(RtDtype dtype, int64_t n) {
    RtTensor *wide = zeros_of(dtype, 2 * n);
    return rt_slice(wide, WITH(slice, .dim = 0, .start = 0, .end = 2 * n, .step = 2));
}

static const RtDtype float_dtypes[] = {RT_F16, RT_BF16, RT_F32, RT_F64};

static RtTensor *draw_rand(RtGenerator *generator) { return rt_rand(SEEDED(.size = RT_INTS(300, 301))); }
OWN(rand) {
    for (int i = 0; i < 4; i++) {
        RtTensor *y = rt_rand(SEEDED(.size = RT_INTS(MANY), .dtype = float_dtypes[i]));
        check_moments(y, float_dtypes[i] == RT_BF16 ? 0.5 - 0x1p-9 : 0.5, 1.0 / 12);
        check_range(y, 0, 1);
    }
    check_repeats(draw_rand);
    CHECK_FAILS((intptr_t)rt_rand(SEEDED(.size = RT_INTS(3), .dtype = RT_I32)), ERR_DTYPE, "int32");
}

static RtTensor *draw_randn(RtGenerator *generator) { return rt_randn(SEEDED(.size = RT_INTS(300, 301))); }
OWN(randn) {
    for (int i = 0; i < 4; i++) check_moments(rt_randn(SEEDED(.size = RT_INTS(MANY), .dtype = float_dtypes[i])), 0, 1);
    check_repeats(draw_randn);
    // The words of Philox 4x32-10 for seed 0 and position 0 are published: the first block of the stream.
    RtGenerator *zero = rt_generator_new(0);
    RtTensor *y = rt_randn(WITH(random, .size = RT_INTS(2), .dtype = RT_F64, .generator = zero));
    uint64_t first = 0xe169c58d6627e8d5u, second = 0x9b00dbd8bc57ac4cu;
    double u = ((double)(first >> 12) + 0.5) * 0x1p-52, t = ((double)(second >> 12) + 0.5) * 0x1p-52;
    assert_true(fabs(item(y, 0) - sqrt(-2 * log(u)) * cos(2 * M_PI * t)) < 1e-12);
    assert_true(fabs(item(y, 1) - sqrt(-2 * log(u)) * sin(2 * M_PI * t)) < 1e-12);
    rt_generator_drop(zero);
}

static RtTensor *draw_randint(RtGenerator *generator) {
    return rt_randint(SEEDED(.size = RT_INTS(90001), .low = -5, .high = 12));
}
OWN(randint) {
    RtTensor *y = rt_randint(SEEDED(.size = RT_INTS(MANY), .low = -5, .high = 12));
    assert_int_equal(y->dtype, RT_I64);
    check_moments(y, 3, (17 * 17 - 1) / 12.0);
    check_range(y, -5, 12);
    check_range(rt_randint(SEEDED(.size = RT_INTS(MANY), .low = 0, .high = 256, .dtype = RT_U8)), 0, 256);
    check_repeats(draw_randint);
    CHECK_FAILS((intptr_t)rt_randint(SEEDED(.size = RT_INTS(3), .low = 4, .high = 4)), ERR_VALUE, "below high");
    CHECK_FAILS((intptr_t)rt_randint(SEEDED(.size = RT_INTS(3), .low = 0, .high = 257, .dtype = RT_U8)), ERR_VALUE, "uint8");
}

static RtTensor *draw_randperm(RtGenerator *generator) { return rt_randperm(SEEDED(.n = 1000)); }
OWN(randperm) {
    for (int64_t n = 0; n < 40; n += 13) {
        RtTensor *y = rt_randperm(SEEDED(.n = n, .dtype = n ? RT_I16 : RT_I64));
        CHECK_MADE(y);
        assert_int_equal(y->numel, n);
        bool seen[40] = {false};
        for (int64_t i = 0; i < n; i++) seen[(int)item(y, i)] = true;
        for (int64_t i = 0; i < n; i++) assert_true(seen[i]);
    }
    check_repeats(draw_randperm);
    CHECK_FAILS((intptr_t)rt_randperm(SEEDED(.n = -1)), ERR_VALUE, "-1");
    CHECK_FAILS((intptr_t)rt_randperm(SEEDED(.n = 1000, .dtype = RT_U8)), ERR_VALUE, "uint8");
}

static RtTensor *draw_normal(RtGenerator *generator) {
    return rt_normal(SEEDED(.size = RT_INTS(90001), .mean = 3, .std = 2, .dtype = RT_F64));
}
OWN(normal) {
    check_moments(draw_normal(generator), 3, 4);
    check_repeats(draw_normal);
    CHECK_FAILS((intptr_t)rt_normal(SEEDED(.size = RT_INTS(2), .std = -1)), ERR_VALUE, "-1");
}
static RtTensor *draw_normal_mean(RtGenerator *generator) {
    return rt_normal_mean(rt_ones(WITH(factory, .size = RT_INTS(MANY))), SEEDED(.std = 2));
}
OWN(normal_mean) {
    check_moments(draw_normal_mean(generator), 1, 4);
    check_repeats(draw_normal_mean);
}
static RtTensor *draw_normal_tensors(RtGenerator *generator) {
    RtTensor *mean = rt_ones(WITH(factory, .size = RT_INTS(MANY, 1)));
    RtTensor *std = rt_full(WITH(factory, .size = RT_INTS(2), .fill_value = rt_float(2)));
    return rt_normal_tensors(mean, std, SEEDED());
}
OWN(normal_tensors) {
    RtTensor *y = draw_normal_tensors(generator);
    check_moments(y, 1, 4);
    assert_int_equal(y->shape[1], 2);
    check_repeats(draw_normal_tensors);
}

static RtTensor *draw_rand_like(RtGenerator *generator) { return rt_rand_like(zeros_of(RT_F64, MANY), SEEDED()); }
static RtTensor *draw_randn_like(RtGenerator *generator) { return rt_randn_like(zeros_of(RT_F16, MANY), SEEDED()); }
static RtTensor *draw_randint_like(RtGenerator *generator) { return rt_randint_like(zeros_of(RT_I32, MANY), SEEDED(.high = 10)); }
OWN(rand_like) {
    assert_int_equal(draw_rand_like(generator)->dtype, RT_F64);
    check_moments(draw_rand_like(generator), 0.5, 1.0 / 12);
    check_repeats(draw_rand_like);
}
OWN(randn_like) {
    assert_int_equal(draw_randn_like(generator)->dtype, RT_F16);
    check_moments(draw_randn_like(generator), 0, 1);
    check_repeats(draw_randn_like);
}
OWN(randint_like) {
    assert_int_equal(draw_randint_like(generator)->dtype, RT_I32);
    check_moments(draw_randint_like(generator), 4.5, 99.0 / 12);
    check_repeats(draw_randint_like);
}

static RtTensor *draw_uniform_(RtGenerator *generator) { return rt_uniform_(zeros_of(RT_F32, 90001), SEEDED(.from = -2, .to = 4)); }
OWN(uniform_) {
    for (int i = 0; i < 4; i++) {
        RtTensor *y = rt_uniform_(zeros_of(float_dtypes[i], MANY), SEEDED(.from = -2, .to = 4));
        check_moments(y, 1, 3);
        check_range(y, -2, 4);
        rt_generator_seed(generator, 3);
        RtTensor *dense = rt_uniform_(zeros_of(float_dtypes[i], 1001), SEEDED(.from = 3, .to = 7));
        rt_generator_seed(generator, 3);
        assert_true(same_values(dense, rt_uniform_(stepped_of(float_dtypes[i], 1001), SEEDED(.from = 3, .to = 7))));
    }
    check_repeats(draw_uniform_);
    CHECK_FAILS((intptr_t)rt_uniform_(zeros_of(RT_F32, 3), SEEDED(.from = 2, .to = 1)), ERR_VALUE, "from 2 to 1");
    CHECK_FAILS((intptr_t)rt_uniform_(zeros_of(RT_I64, 3), SEEDED()), ERR_DTYPE, "int64");
}
static RtTensor *draw_normal_(RtGenerator *generator) { return rt_normal_(zeros_of(RT_F32, 90001), SEEDED(.mean = 1, .std = 3)); }
OWN(normal_) {
    check_moments(draw_normal_(generator), 1, 9);
    for (int i = 0; i < 4; i++) {
        rt_generator_seed(generator, 3);
        RtTensor *dense = rt_normal_(zeros_of(float_dtypes[i], 1001), SEEDED());
        rt_generator_seed(generator, 3);
        assert_true(same_values(dense, rt_normal_(stepped_of(float_dtypes[i], 1001), SEEDED())));
    }
    check_repeats(draw_normal_);
}
static RtTensor *draw_exponential_(RtGenerator *generator) { return rt_exponential_(zeros_of(RT_F64, 90001), SEEDED(.lambd = 2)); }
OWN(exponential_) {
    for (int i = 0; i < 4; i++) check_moments(rt_exponential_(zeros_of(float_dtypes[i], MANY), SEEDED(.lambd = 2)), 0.5, 0.25);
    check_range(draw_exponential_(generator), 0, INFINITY);
    check_repeats(draw_exponential_);
    CHECK_FAILS((intptr_t)rt_exponential_(zeros_of(RT_F32, 3), SEEDED(.lambd = 0)), ERR_VALUE, "above 0");
}

static RtTensor *draw_bernoulli_(RtGenerator *generator) { return rt_bernoulli_(zeros_of(RT_F32, 90001), SEEDED(.p = 0.3)); }
static RtTensor *thirds(RtDtype dtype) { return rt_full(WITH(factory, .size = RT_INTS(MANY), .fill_value = rt_float(0.3), .dtype = dtype)); }
OWN(bernoulli_) {
    check_moments(draw_bernoulli_(generator), 0.3, 0.21);
    check_moments(rt_bernoulli_(zeros_of(RT_BOOL, MANY), SEEDED(.p = 0.3)), 0.3, 0.21);
    check_range(rt_bernoulli_(zeros_of(RT_I32, MANY), SEEDED(.p = 1)), 1, 2);
    check_range(rt_bernoulli_(zeros_of(RT_I32, MANY), SEEDED(.p = 0)), 0, 1);
    check_repeats(draw_bernoulli_);
    CHECK_FAILS((intptr_t)rt_bernoulli_(zeros_of(RT_F32, 3), SEEDED(.p = 1.5)), ERR_VALUE, "1.5");
}
static RtTensor *draw_bernoulli(RtGenerator *generator) { return rt_bernoulli(thirds(RT_F32), SEEDED()); }
OWN(bernoulli) {
    check_moments(draw_bernoulli(generator), 0.3, 0.21);
    check_repeats(draw_bernoulli);
    RtTensor *wrong = rt_full(WITH(factory, .size = RT_INTS(3), .fill_value = rt_float(-0.5)));
    CHECK_FAILS((intptr_t)rt_bernoulli(wrong, SEEDED()), ERR_VALUE, "-0.5");
}
static RtTensor *draw_bernoulli_p(RtGenerator *generator) { return rt_bernoulli_p(zeros_of(RT_F64, MANY), SEEDED(.p = 0.3)); }
OWN(bernoulli_p) {
    check_moments(draw_bernoulli_p(generator), 0.3, 0.21);
    check_repeats(draw_bernoulli_p);
}
static RtTensor *draw_bernoulli_tensor_(RtGenerator *generator) {
    return rt_bernoulli_tensor_(zeros_of(RT_I16, MANY), thirds(RT_F64), SEEDED());
}
OWN(bernoulli_tensor_) {
    check_moments(draw_bernoulli_tensor_(generator), 0.3, 0.21);
    check_repeats(draw_bernoulli_tensor_);
}

static RtTensor *draw_random_(RtGenerator *generator) { return rt_random_(zeros_of(RT_I32, 90001), SEEDED(.low = 2, .high = 9)); }
OWN(random_) {
    check_moments(draw_random_(generator), 5, 4);
    check_moments(rt_random_(zeros_of(RT_BOOL, MANY), SEEDED()), 0.5, 0.25);
    check_moments(rt_random_(zeros_of(RT_U8, MANY), SEEDED()), 127.5, (256 * 256 - 1) / 12.0);
    check_range(rt_random_(zeros_of(RT_I64, MANY), SEEDED()), 0, 0x1p63);
    check_repeats(draw_random_);
    CHECK_FAILS((intptr_t)rt_random_(zeros_of(RT_I64, 3), SEEDED(.high = 0)), ERR_VALUE, "below high");
}

static RtTensor *draw_multinomial(RtGenerator *generator) {
    return rt_multinomial(rt_ones(WITH(factory, .size = RT_INTS(20, 50))), SEEDED(.num_samples = 30));
}
static RtTensor *weights_of(const double *values, int64_t n) {
    RtTensor *tensor = zeros_of(RT_F64, n);
    memcpy(rt_tensor_data(tensor), values, (size_t)n * sizeof *values);
    return tensor;
}
OWN(multinomial) {
    static const double weights[] = {0, 1, 3, 0, 6, 0};
    RtTensor *w = weights_of(weights, 6);
    RtTensor *y = rt_multinomial(w, SEEDED(.num_samples = MANY, .replacement = true));
    double counts[6] = {0};
    for (int64_t i = 0; i < MANY; i++) counts[(int)item(y, i)]++;
    for (int i = 0; i < 6; i++) {
        double p = weights[i] / 10;
        assert_true(fabs(counts[i] / MANY - p) <= 5 * sqrt(p * (1 - p) / MANY));
    }
    double first[6] = {0};
    for (int k = 0; k < 2000; k++) { // the first of three drawn without replacement has the same distribution
        y = rt_multinomial(w, SEEDED(.num_samples = 3));
        assert_true(item(y, 0) != item(y, 1) && item(y, 1) != item(y, 2) && item(y, 0) != item(y, 2));
        for (int i = 0; i < 3; i++) assert_true(weights[(int)item(y, i)] > 0);
        first[(int)item(y, 0)]++;
    }
    assert_true(fabs(first[4] / 2000 - 0.6) < 5 * sqrt(0.24 / 2000));
    check_repeats(draw_multinomial);
    CHECK_FAILS((intptr_t)rt_multinomial(w, SEEDED(.num_samples = 4)), ERR_VALUE, "only 3");
    CHECK_FAILS((intptr_t)rt_multinomial(w, SEEDED(.num_samples = 7)), ERR_VALUE, "7 of 6");
    CHECK_FAILS((intptr_t)rt_multinomial(rt_neg(w), SEEDED(.num_samples = 1)), ERR_VALUE, "negative");
    CHECK_FAILS((intptr_t)rt_multinomial(zeros_of(RT_F32, 3), SEEDED(.num_samples = 1)), ERR_VALUE, "positive");
}

#define SPREAD(...) WITH(spread, .generator = generator __VA_OPT__(, ) __VA_ARGS__)

static RtTensor *draw_cauchy_(RtGenerator *generator) {
    return rt_cauchy_(zeros_of(RT_F64, MANY), SPREAD(.median = 3, .sigma = 2));
}
OWN(cauchy_) { // no moments: half lie within sigma of the median, half of these on each side
    RtTensor *y = draw_cauchy_(generator);
    CHECK_MADE(y);
    double below = 0, near = 0;
    for (int64_t i = 0; i < MANY; i++) {
        below += item(y, i) < 3;
        near += fabs(item(y, i) - 3) < 2;
    }
    assert_true(fabs(below / MANY - 0.5) < 5 * sqrt(0.25 / MANY));
    assert_true(fabs(near / MANY - 0.5) < 5 * sqrt(0.25 / MANY));
    check_repeats(draw_cauchy_);
    CHECK_FAILS((intptr_t)rt_cauchy_(zeros_of(RT_F32, 3), SPREAD(.sigma = 0)), ERR_VALUE,
                "above 0");
    CHECK_FAILS((intptr_t)rt_cauchy_(zeros_of(RT_I32, 3), SPREAD()), ERR_DTYPE, "int32");
}

static RtTensor *draw_log_normal_(RtGenerator *generator) {
    return rt_log_normal_(zeros_of(RT_F32, MANY), SPREAD(.mean = 0.5, .std = 0.25));
}
OWN(log_normal_) {
    double mean = exp(0.5 + 0.25 * 0.25 / 2);
    for (int i = 0; i < 4; i++)
        check_moments(
            rt_log_normal_(zeros_of(float_dtypes[i], MANY), SPREAD(.mean = 0.5, .std = 0.25)), mean,
            mean * mean * expm1(0.25 * 0.25));
    check_repeats(draw_log_normal_);
    CHECK_FAILS((intptr_t)rt_log_normal_(zeros_of(RT_F32, 3), SPREAD(.std = -1)), ERR_VALUE, "-1");
}

static RtTensor *draw_geometric_(RtGenerator *generator) {
    return rt_geometric_(zeros_of(RT_F32, MANY), SPREAD(.p = 0.3));
}
OWN(geometric_) {
    RtTensor *y = draw_geometric_(generator);
    check_moments(y, 1 / 0.3, 0.7 / 0.09);
    check_range(y, 1, INFINITY);
    for (int64_t i = 0; i < MANY; i++) assert_true(item(y, i) == floor(item(y, i)));
    check_moments(rt_geometric_(zeros_of(RT_I64, MANY), SPREAD(.p = 0.3)), 1 / 0.3, 0.7 / 0.09);
    check_repeats(draw_geometric_);
    CHECK_FAILS((intptr_t)rt_geometric_(zeros_of(RT_F32, 3), SPREAD(.p = 1)), ERR_VALUE,
                "between 0 and 1");
}

static RtTensor *all_of(RtDtype dtype, double value) {
    return rt_full(
        WITH(factory, .size = RT_INTS(MANY), .fill_value = rt_float(value), .dtype = dtype));
}

// How often each outcome comes, against its probability.
static void check_counts(const RtTensor *y, const double *probability, int n) {
    double counts[64] = {0};
    CHECK_MADE(y);
    for (int64_t i = 0; i < MANY; i++)
        if (item(y, i) < n) counts[(int)item(y, i)]++;
    for (int k = 0; k < n; k++) {
        double p = probability[k];
        if (fabs(counts[k] / MANY - p) > 5 * sqrt(p * (1 - p) / MANY) + 1e-12)
            fail_msg("%d comes with frequency %g instead of %g", k, counts[k] / MANY, p);
    }
}

static RtTensor *draw_poisson(RtGenerator *generator) {
    return rt_poisson(all_of(RT_F32, 2.5), SEEDED());
}
OWN(poisson) {
    double p[12] = {exp(-2.5)};
    for (int k = 1; k < 12; k++) p[k] = p[k - 1] * 2.5 / k;
    check_counts(draw_poisson(generator), p, 12);
    check_moments(rt_poisson(all_of(RT_F64, 1000.5), SEEDED()), 1000.5, 1000.5);
    check_moments(rt_poisson(all_of(RT_F16, 30), SEEDED()), 30, 30);
    check_range(rt_poisson(all_of(RT_F32, 0), SEEDED()), 0, 1);
    check_repeats(draw_poisson);
    CHECK_FAILS((intptr_t)rt_poisson(all_of(RT_F32, -1), SEEDED()), ERR_VALUE, "-1");
}

static RtTensor *draw_binomial(RtGenerator *generator) {
    return rt_binomial(all_of(RT_F32, 7), all_of(RT_F32, 0.25), SEEDED());
}
OWN(binomial) {
    double p[8] = {pow(0.75, 7)};
    for (int k = 1; k < 8; k++) p[k] = p[k - 1] * (8 - k) / k / 3;
    check_counts(draw_binomial(generator), p, 8);
    check_moments(rt_binomial(all_of(RT_F64, 5000), all_of(RT_F64, 0.7), SEEDED()), 3500, 1050);
    check_range(rt_binomial(all_of(RT_F32, 5), all_of(RT_F32, 1), SEEDED()), 5, 6);
    check_range(rt_binomial(all_of(RT_F32, 5), all_of(RT_F32, 0), SEEDED()), 0, 1);
    check_repeats(draw_binomial);
    CHECK_FAILS((intptr_t)rt_binomial(all_of(RT_F32, 5), all_of(RT_F32, 1.5), SEEDED()), ERR_VALUE,
                "1.5");
}

static RtTensor *draw_standard_gamma(RtGenerator *generator) {
    return rt_standard_gamma(all_of(RT_F32, 0.4), SEEDED());
}
OWN(standard_gamma) { // Gamma(a, 1): mean a, variance a
    double shapes[] = {0.4, 1, 3.5, 400};
    for (int i = 0; i < 4; i++)
        for (int k = 0; k < 4; k++)
            check_moments(rt_standard_gamma(all_of(float_dtypes[k], shapes[i]), SEEDED()),
                          rt_scalar_double(rt_tensor_item(all_of(float_dtypes[k], shapes[i]), 0)), shapes[i]);
    check_range(draw_standard_gamma(generator), 0, INFINITY);
    check_range(rt_standard_gamma(all_of(RT_F32, 0), SEEDED()), 0, 1e-300);
    check_repeats(draw_standard_gamma);
    CHECK_FAILS((intptr_t)rt_standard_gamma(all_of(RT_F32, -1), SEEDED()), ERR_VALUE, "-1");
    // A shape moves the mean of the draws as much as it moves the mean of the distribution.
    RtTensor *shape = all_of(RT_F64, 2.5), *one = RT_NONE, *g;
    CHECK_OK(rt_set_requires_grad(shape, true));
    RtTensor *total = rt_sum(rt_standard_gamma(shape, SEEDED()), rt_defaults_reduce());
    CHECK_MADE(total);
    CHECK_OK(rt_grad(&total, &one, 1, &shape, 1, false, false, false, &g));
    double sum = 0;
    for (int64_t i = 0; i < MANY; i++) sum += item(g, i);
    if (fabs(sum / MANY - 1) > 0.01) fail_msg("the mean gradient is %g instead of 1", sum / MANY);
}
