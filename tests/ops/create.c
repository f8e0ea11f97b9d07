// Cases of the create family.
#include "ops/cases.h"

#include <stdio.h>

enum { ON_F32 = 1 << RT_F32 };

static double *room_of(Sample *s, RtInts size) { return sample_output(s, 0, size.n, size.v); }
static void fill_room(Sample *s, RtInts size, double value) {
    double *y = room_of(s, size);
    for (int64_t i = 0; i < sample_numel(size.n, size.v); i++) y[i] = value;
}

static bool make_sizes(Sample *s, int k) {
    static const RtInts sizes[] = {{.n = 2, .v = {3, 5}}, {.n = 0}, {.n = 1, .v = {0}}, {.n = 3, .v = {2, 1, 70}}};
    static const RtDtype dtypes[] = {RT_DTYPE_NONE, RT_I32, RT_BOOL, RT_BF16};
    if (k >= 16) return false;
    SAMPLE_ATTRS(s, factory, .size = sizes[k % 4], .dtype = dtypes[k / 4], .fill_value = rt_int(1));
    return true;
}
#define SIZE(s_) (((const RtAttrs_factory *)(s_)->attrs)->size)
static void truth_zeros(Sample *s) { fill_room(s, SIZE(s), 0); }
static void truth_ones(Sample *s) { fill_room(s, SIZE(s), 1); }
const OpCase case_zeros = {.make = make_sizes, .truth = truth_zeros, .dtypes = ON_F32};
const OpCase case_ones = {.make = make_sizes, .truth = truth_ones, .dtypes = ON_F32};
const OpCase case_full = {.make = make_sizes, .truth = truth_ones, .dtypes = ON_F32};

static bool make_scalar_tensor(Sample *s, int k) {
    if (k >= 2) return false;
    SAMPLE_ATTRS(s, factory, .fill_value = rt_float(2.5), .dtype = k ? RT_F64 : RT_DTYPE_NONE);
    return true;
}
static void truth_scalar_tensor(Sample *s) { fill_room(s, (RtInts){.n = 0}, 2.5); }
const OpCase case_scalar_tensor = {.make = make_scalar_tensor, .truth = truth_scalar_tensor, .dtypes = ON_F32};

// Whose values may be anything: shape and dtype.
static void expect_form(const RtTensor *y, RtDtype dtype, int ndim, const int64_t *shape) {
    CHECK_MADE(y);
    assert_int_equal(y->dtype, dtype);
    assert_int_equal(y->ndim, ndim);
    for (int i = 0; i < ndim; i++) assert_int_equal(y->shape[i], shape[i]);
}
static void own_empty(void) {
    RtScope scope;
    rt_scope_open(&scope);
    expect_form(rt_empty(WITH(factory, .size = RT_INTS(2, 0, 3))), RT_F32, 3, (int64_t[]){2, 0, 3});
    expect_form(rt_empty(WITH(factory, .size = RT_INTS(4), .dtype = RT_I16)), RT_I16, 1, (int64_t[]){4});
    CHECK_FAILS((intptr_t)rt_empty(WITH(factory, .size = RT_INTS(1000000000, 1000000))), ERR_MEMORY, "");
    CHECK_FAILS((intptr_t)rt_empty(WITH(factory, .size = RT_INTS(-2))), ERR_SHAPE, "-2");
    rt_scope_close(scope);
}
const OpCase case_empty = {.own = own_empty};
static void own_empty_like(void) {
    RtScope scope;
    rt_scope_open(&scope);
    RtTensor *x = rt_empty(WITH(factory, .size = RT_INTS(2, 3), .dtype = RT_F64));
    expect_form(rt_empty_like(x, rt_defaults_factory()), RT_F64, 2, (int64_t[]){2, 3});
    expect_form(rt_empty_like(x, WITH(factory, .dtype = RT_BOOL)), RT_BOOL, 2, (int64_t[]){2, 3});
    rt_scope_close(scope);
}
const OpCase case_empty_like = {.own = own_empty_like};
static void own_new_empty(void) {
    RtScope scope;
    rt_scope_open(&scope);
    RtTensor *x = rt_empty(WITH(factory, .size = RT_INTS(2, 3), .dtype = RT_F64));
    expect_form(rt_new_empty(x, WITH(factory, .size = RT_INTS(5))), RT_F64, 1, (int64_t[]){5});
    rt_scope_close(scope);
}
const OpCase case_new_empty = {.own = own_new_empty};

#define LIKE(name_, value_)                                                                        \
    static bool make_##name_##_like(Sample *s, int k) {                                            \
        SAMPLE_ATTRS(s, factory, .fill_value = rt_int(value_));                                    \
        return make_unary(s, k, -4, 4, false);                                                     \
    }                                                                                              \
    static double f_##name_##_like(double x) { return 0 * x + (value_); }                          \
    static void truth_##name_##_like(Sample *s) { truth_unary(s, f_##name_##_like); }              \
    const OpCase case_##name_##_like = {.make = make_##name_##_like, .truth = truth_##name_##_like, .dtypes = ON_ALL}; \
    static bool make_new_##name_(Sample *s, int k) {                                               \
        if (k >= 2) return false;                                                                  \
        sample_input(s, -4, 4, 1, (int64_t[]){3});                                                 \
        SAMPLE_ATTRS(s, factory, .size = RT_INTS(k, 4), .fill_value = rt_int(value_));             \
        return true;                                                                               \
    }                                                                                              \
    static void truth_new_##name_(Sample *s) { fill_room(s, SIZE(s), value_); }                    \
    const OpCase case_new_##name_ = {.make = make_new_##name_, .truth = truth_new_##name_, .dtypes = ON_ALL}
LIKE(zeros, 0);
LIKE(ones, 1);
LIKE(full, 1);

// ---------------------------------------------------------------------------------------------- ranges

#define RANGE(s_) ((const RtAttrs_range *)(s_)->attrs)
static bool make_arange(Sample *s, int k) {
    static const struct {
        RtScalar start, end, step;
    } list[] = {{{.kind = RT_SCALAR_INT, .i = 0}, {.kind = RT_SCALAR_INT, .i = 7}, {.kind = RT_SCALAR_INT, .i = 1}},
                {{.kind = RT_SCALAR_INT, .i = 10}, {.kind = RT_SCALAR_INT, .i = -5}, {.kind = RT_SCALAR_INT, .i = -4}},
                {{.kind = RT_SCALAR_FLOAT, .f = 0}, {.kind = RT_SCALAR_INT, .i = 1}, {.kind = RT_SCALAR_FLOAT, .f = 0.3}},
                {{.kind = RT_SCALAR_INT, .i = 3}, {.kind = RT_SCALAR_INT, .i = 3}, {.kind = RT_SCALAR_INT, .i = 1}},
                {{.kind = RT_SCALAR_INT, .i = 0}, {.kind = RT_SCALAR_INT, .i = 2000}, {.kind = RT_SCALAR_INT, .i = 1}}};
    if (k >= (int)(sizeof list / sizeof *list)) return false;
    SAMPLE_ATTRS(s, range, .start = list[k].start, .end = list[k].end, .step = list[k].step);
    return true;
}
static void truth_arange(Sample *s) {
    double start = rt_scalar_double(RANGE(s)->start), end = rt_scalar_double(RANGE(s)->end), step = rt_scalar_double(RANGE(s)->step);
    int64_t n = (int64_t)ceil((end - start) / step);
    double *y = sample_output(s, 0, 1, &n);
    for (int64_t i = 0; i < n; i++) y[i] = start + (double)i * step;
}
const OpCase case_arange = {.make = make_arange, .truth = truth_arange, .dtypes = ON_F32};

static bool make_steps(Sample *s, int k) {
    static const int64_t steps[] = {5, 1, 0, 700};
    if (k >= 4) return false;
    SAMPLE_ATTRS(s, range, .start = rt_float(-1.5), .end = rt_int(2), .steps = steps[k], .base = 2);
    return true;
}
static double step_at(const Sample *s, int64_t i) {
    int64_t n = RANGE(s)->steps;
    return n == 1 ? -1.5 : -1.5 + 3.5 * (double)i / (double)(n - 1);
}
static void truth_linspace(Sample *s) {
    double *y = sample_output(s, 0, 1, &RANGE(s)->steps);
    for (int64_t i = 0; i < RANGE(s)->steps; i++) y[i] = step_at(s, i);
}
static void truth_logspace(Sample *s) {
    double *y = sample_output(s, 0, 1, &RANGE(s)->steps);
    for (int64_t i = 0; i < RANGE(s)->steps; i++) y[i] = exp2(step_at(s, i));
}
const OpCase case_linspace = {.make = make_steps, .truth = truth_linspace, .dtypes = ON_F32};
const OpCase case_logspace = {.make = make_steps, .truth = truth_logspace, .dtypes = ON_F32};

static bool make_eye(Sample *s, int k) {
    static const struct {
        int64_t n, m;
    } list[] = {{3, RT_INT_NONE}, {2, 5}, {5, 2}, {0, RT_INT_NONE}};
    if (k >= 4) return false;
    SAMPLE_ATTRS(s, range, .n = list[k].n, .m = list[k].m);
    return true;
}
static void truth_eye(Sample *s) {
    int64_t n = RANGE(s)->n, m = RANGE(s)->m == RT_INT_NONE ? n : RANGE(s)->m;
    double *y = sample_output(s, 0, 2, (int64_t[]){n, m});
    for (int64_t i = 0; i < n && i < m; i++) y[i * m + i] = 1;
}
const OpCase case_eye = {.make = make_eye, .truth = truth_eye, .dtypes = ON_F32};

// ---------------------------------------------------------------------------------------------- triangles

static bool make_triangle(Sample *s, int k) {
    static const int64_t diagonals[] = {0, 1, -2, 100, -100};
    static const int64_t shapes[][3] = {{2, 4, 3}, {1, 3, 70}, {2, 0, 3}};
    if (k >= 15) return false;
    sample_input(s, -4, 4, 3, shapes[k / 5]);
    SAMPLE_ATTRS(s, diagonal, .diagonal = diagonals[k % 5]);
    return true;
}
static void truth_triangle(Sample *s, bool upper) {
    double *y = sample_output(s, 0, 3, s->shape[0]);
    int64_t rows = s->shape[0][1], columns = s->shape[0][2], diagonal = ((const RtAttrs_diagonal *)s->attrs)->diagonal;
    for (int64_t i = 0; i < sample_numel(3, s->shape[0]); i++) {
        int64_t row = i / columns % rows, column = i % columns;
        bool kept = upper ? column - row >= diagonal : column - row <= diagonal;
        if (kept) y[i] = s->x[0][i];
    }
}
static void truth_tril(Sample *s) { truth_triangle(s, false); }
static void truth_triu(Sample *s) { truth_triangle(s, true); }
const OpCase case_tril = {.make = make_triangle, .truth = truth_tril, .dtypes = ON_ALL};
const OpCase case_triu = {.make = make_triangle, .truth = truth_triu, .dtypes = ON_ALL};
