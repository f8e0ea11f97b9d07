// tests/ops/cases.h: what a test case of an op says; tests/ops/walk.c does the rest.
//
// Each row of the table needs one `const OpCase case_NAME` (in tests/ops/FAMILY.c); a row without one does not link.
// From a case the walk tests: value against the truth in double precision, every dtype that the case allows, strided,
// transposed, expanded and empty inputs, in-place and out=, the gradient by finite differences in double, the second
// gradient, and that the inputs were not changed.
//
// Cases are pure data plus two functions:
//
//   static bool make_softmax(Sample *s, int k) {          // describe sample k; false when there are no more
//       static const int64_t dims[] = {1, 0, -1};
//       if (k >= 3) return false;
//       sample_input(s, -4, 4, 3, (int64_t[]){2, 3, 5});  // values in [-4, 4], shape (2, 3, 5)
//       s->attrs = sample_attrs(s, &WITH_(dim, .dim = dims[k]));
//       return true;
//   }
//   static void truth_softmax(Sample *s) {                // s->x[i]: contiguous doubles; says shape and values
//       double *y = sample_output(s, 0, 3, s->shape[0]);  // expected shape; fill y
//       …
//   }
//   const OpCase case_softmax = {make_softmax, truth_softmax, .dtypes = ON_FLOATS};
//
// Values are drawn from [low, high], the same at every run; for float inputs they keep a distance from integers and
// from each other where `apart` is set (kinks and ties of abs, max, floor, …).
#pragma once

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "rustorch.h"

typedef enum SampleKind {
    SAMPLE_VALUES,   // of the dtype under test
    SAMPLE_INDICES,  // int64 in [low, high]
    SAMPLE_BOOLS,    // bool
    SAMPLE_ABSENT,   // RT_NONE
    SAMPLE_CONSTANT, // values of the dtype under test that take no gradient (running statistics, masks)
} SampleKind;

typedef struct Sample {
    int nin;
    SampleKind kind[RT_MAX_IN];
    int ndim[RT_MAX_IN];
    int64_t shape[RT_MAX_IN][RT_MAX_DIMS];
    double low[RT_MAX_IN], high[RT_MAX_IN];
    bool apart; // distinct values, away from integers
    const void *attrs;
    _Alignas(16) char attrs_room[1024];
    // for truth
    double *x[RT_MAX_IN]; // contiguous (row-major) values of the inputs
    int nout;             // set by sample_output; a truth may give fewer outputs than the row (the rest is not compared)
    int out_ndim[64];
    int64_t out_shape[64][RT_MAX_DIMS];
    double *y[64];
} Sample;

typedef enum CaseDtypes {
    ON_F64 = 1 << RT_F64,
    ON_FLOATS = 1 << RT_F32 | 1 << RT_F64 | 1 << RT_F16 | 1 << RT_BF16,
    ON_INTS = 1 << RT_U8 | 1 << RT_I8 | 1 << RT_I16 | 1 << RT_I32 | 1 << RT_I64,
    ON_BOOL = 1 << RT_BOOL,
    ON_NUMBERS = ON_FLOATS | ON_INTS,
    ON_ALL = ON_NUMBERS | ON_BOOL,
} CaseDtypes;

typedef struct OpCase {
    bool (*make)(Sample *sample, int k);
    void (*truth)(Sample *sample);
    // Instead of make and truth, for rows that no formula describes (random numbers, empty): a test of its own.
    void (*own)(void);
    int dtypes;            // CaseDtypes
    double tolerance;      // multiplies the tolerance of the dtype; 0 means 1
    bool no_second;        // the second gradient is zero or not defined at the samples
    bool no_gradient;      // not differentiable for these samples although the row is (say why in a comment)
} OpCase;

void sample_input(Sample *sample, double low, double high, int ndim, const int64_t *shape);
void sample_kind_input(Sample *sample, SampleKind kind, double low, double high, int ndim, const int64_t *shape);
// Copies an attribute struct into the sample.
const void *sample_attrs_copy(Sample *sample, const void *attrs, size_t bytes);
#define SAMPLE_ATTRS(sample_, attrs_, ...)                                                         \
    do {                                                                                           \
        RtAttrs_##attrs_ given_ = WITH(attrs_, __VA_ARGS__);                                       \
        (sample_)->attrs = sample_attrs_copy((sample_), &given_, sizeof given_);                   \
    } while (0)
double *sample_output(Sample *sample, int output, int ndim, const int64_t *shape); // zeroed room for the truth
int64_t sample_numel(int ndim, const int64_t *shape);

// One- and two-input elementwise ops: the domain and the truth as an expression in x, or in a and b. The samples
// cover several shapes, and for two inputs broadcasting.
typedef double (*Truth1)(double x);
typedef double (*Truth2)(double a, double b);
bool make_unary(Sample *sample, int k, double low, double high, bool apart);
bool make_binary(Sample *sample, int k, double low, double high, bool apart);
void truth_unary(Sample *sample, Truth1 truth);
void truth_binary(Sample *sample, Truth2 truth); // broadcasts
#define CASE1(name_, dtypes_, low_, high_, apart_, expression_)                                    \
    static double f_##name_(double x) { return (expression_); }                                    \
    static bool make_##name_(Sample *s, int k) { return make_unary(s, k, low_, high_, apart_); }   \
    static void truth_##name_(Sample *s) { truth_unary(s, f_##name_); }                            \
    const OpCase case_##name_ = {.make = make_##name_, .truth = truth_##name_, .dtypes = dtypes_}
#define CASE2(name_, dtypes_, low_, high_, apart_, expression_)                                    \
    static double f_##name_(double a, double b) { return (expression_); }                          \
    static bool make_##name_(Sample *s, int k) { return make_binary(s, k, low_, high_, apart_); }  \
    static void truth_##name_(Sample *s) { truth_binary(s, f_##name_); }                           \
    const OpCase case_##name_ = {.make = make_##name_, .truth = truth_##name_, .dtypes = dtypes_}

#define KERNEL(name_, ...) extern const OpCase case_##name_;
#define VIEW(name_, ...) extern const OpCase case_##name_;
#define MADE(name_, ...) extern const OpCase case_##name_;
#include "ops/families.def"
#undef KERNEL
#undef VIEW
#undef MADE
