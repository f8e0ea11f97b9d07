// Cases of the cast family.
#include "ops/cases.h"

static bool make_cast(Sample *s, int k) {
    static const RtDtype targets[] = {RT_BOOL, RT_U8, RT_I8, RT_I16, RT_I32, RT_I64, RT_F16, RT_BF16, RT_F32, RT_F64};
    int n = sizeof targets / sizeof *targets;
    if (!make_unary(s, k / n, 1, 60, true)) return false;
    SAMPLE_ATTRS(s, cast, .dtype = targets[k % n]);
    return true;
}
static void truth_cast(Sample *s) {
    RtDtype to = ((const RtAttrs_cast *)s->attrs)->dtype;
    double *y = sample_output(s, 0, s->ndim[0], s->shape[0]);
    for (int64_t i = 0; i < sample_numel(s->ndim[0], s->shape[0]); i++) {
        double x = s->x[0][i];
        y[i] = to == RT_BOOL ? x != 0 : rt_dtype_kind(to) == RT_KIND_INT ? trunc(x) : x;
    }
}
// Finite differences see nothing of steps that a narrower dtype rounds away.
const OpCase case_cast = {.make = make_cast, .truth = truth_cast, .dtypes = ON_ALL, .no_gradient = true};

static bool make_copy_(Sample *s, int k) {
    static const struct {
        int na, nb;
        int64_t a[3], b[3];
    } shapes[] = {{2, 2, {4, 5}, {4, 5}}, {3, 1, {2, 3, 5}, {5}}, {2, 2, {3, 70}, {3, 1}}, {1, 0, {9}, {0}}, {2, 1, {0, 3}, {3}}};
    if (k >= (int)(sizeof shapes / sizeof *shapes)) return false;
    sample_input(s, -4, 4, shapes[k].na, shapes[k].a);
    sample_input(s, -4, 4, shapes[k].nb, shapes[k].b);
    return true;
}
static double second_of(double a, double b) { return (void)a, b; }
static void truth_copy_(Sample *s) { truth_binary(s, second_of); }
const OpCase case_copy_ = {.make = make_copy_, .truth = truth_copy_, .dtypes = ON_ALL};

static bool make_fill_(Sample *s, int k) {
    if (!make_unary(s, k, -4, 4, false)) return false;
    sample_input(s, 1, 4, 0, NULL);
    return true;
}
const OpCase case_fill_ = {.make = make_fill_, .truth = truth_copy_, .dtypes = ON_ALL};

CASE1(zero_, ON_ALL, -4, 4, false, 0 * x);
