// Walks the table: what every op owes, tested from its case. `test_ops NAME` tests one op; --alloc only the allocation
// walk. Tolerances by dtype stand here and nowhere else. --lie-value and --lie-gradient, before the name, make the truth
// wrong by a little: the walk must then fail, and CTest checks that it does.
#include "ops/walk.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"

static const OpCase *const cases[OP_COUNT] = {
#define KERNEL(name_, ...) [OP_##name_] = &case_##name_,
#define VIEW(name_, ...) [OP_##name_] = &case_##name_,
#define MADE(name_, ...) [OP_##name_] = &case_##name_,
#include "ops/families.def"
#undef KERNEL
#undef VIEW
#undef MADE
};

static const double tolerances[RT_DTYPE_COUNT] = {
    [RT_F64] = 2e-11, [RT_F32] = 3e-5, [RT_F16] = 8e-3, [RT_BF16] = 6e-2, // relative to 1 + |truth|
};
#define GRADIENT_TOLERANCE 3e-6
#define SECOND_TOLERANCE 3e-5
#define STEP 1e-5
#define MAX_PROBES 24 // elements of an input that finite differences look at

static double value_lie, gradient_lie;

typedef struct Result {
    RtTensor *list[64];
    int n;
} Result;

static Sample *sample_make(const OpCase *test, int k) {
    Sample *s = calloc(1, sizeof *s);
    if (!test->make(s, k)) {
        sample_free(s);
        return NULL;
    }
    sample_draw(s, 0x1234567u + (uint64_t)k);
    return s;
}

static Status run_op(const RtOpRow *row, RtTensor *const *in, int nin, const void *attrs, RtTensor *const *given, Result *out) {
    if (row->nout == RT_LIST) {
        RtTensor **list;
        TRY(rt_apply_list(row->op, in, nin, attrs, &list, &out->n));
        if (out->n > 64) out->n = 64;
        memcpy(out->list, list, (size_t)out->n * sizeof *list);
        return OK;
    }
    out->n = row->nout;
    return rt_apply(row->op, in, nin, attrs, given, out->list);
}

// Values -----------------------------------------------------------------------------------------------------------

static void check_values(const RtOpRow *row, const OpCase *test, const Sample *s, const Result *result, RtDtype dtype,
                         const char *how) {
    assert_true(result->n >= s->nout);
    for (int o = 0; o < s->nout; o++) {
        const RtTensor *y = result->list[o];
        bool same = y->ndim == s->out_ndim[o] && !memcmp(y->shape, s->out_shape[o], (size_t)y->ndim * sizeof(int64_t));
        if (!same) fail_msg("%s (%s, %s): output %d has the wrong shape", row->name, rt_dtype_name(dtype), how, o);
        double looser = fmax(tolerances[dtype], tolerances[y->dtype]); // integers may give floats
        double tolerance = looser * (test->tolerance > 0 ? test->tolerance : 1);
        for (int64_t j = 0; j < y->numel; j++) {
            double got = rt_scalar_double(rt_tensor_item(y, j)), want = s->y[o][j] + value_lie;
            bool exact = rt_dtype_kind((RtDtype)y->dtype) != RT_KIND_FLOAT;
            bool ok = isnan(want)   ? isnan(got)
                      : isinf(want) ? got == want
                      : exact       ? got == trunc(want)
                                    : fabs(got - want) <= tolerance * (1 + fabs(want));
            if (!ok)
                fail_msg("%s (%s, %s): output %d, element %lld is %.17g instead of %.17g", row->name, rt_dtype_name(dtype),
                         how, o, (long long)j, got, want);
        }
    }
}

static void test_values(const RtOpRow *row, const OpCase *test, Sample *s, RtDtype dtype) {
    static const char *const names[] = {"contiguous", "transposed", "stepped"};
    for (int layout = 0; layout < LAYOUT_COUNT; layout++) {
        RtScope scope;
        rt_scope_open(&scope);
        RtTensor *in[RT_MAX_IN];
        for (int i = 0; i < s->nin; i++) in[i] = sample_tensor(s, i, dtype, (WalkLayout)layout);
        test->truth(s);
        Result result = {0};
        Status status = run_op(row, in, s->nin, s->attrs, NULL, &result);
        if (status < 0) fail_msg("%s (%s, %s): %s", row->name, rt_dtype_name(dtype), names[layout], error_message());
        check_values(row, test, s, &result, dtype, names[layout]);
        for (int i = row->flags & RT_FLAG_OVERWRITES ? 1 : 0; i < s->nin; i++)
            if (in[i] != RT_NONE) sample_check_unchanged(s, i, in[i], row->name);
        rt_scope_close(scope);
    }
}

static bool fits_in_place(const Sample *s, const Result *result, const RtTensor *x) {
    return s->nout == 1 && result->list[0]->dtype == x->dtype && result->list[0]->ndim == x->ndim &&
           !memcmp(result->list[0]->shape, x->shape, (size_t)x->ndim * sizeof(int64_t));
}

static void test_given(const RtOpRow *row, const OpCase *test, Sample *s, RtDtype dtype) {
    RtScope scope;
    rt_scope_open(&scope);
    RtTensor *in[RT_MAX_IN];
    for (int i = 0; i < s->nin; i++) in[i] = sample_tensor(s, i, dtype, LAYOUT_CONTIGUOUS);
    test->truth(s);
    Result result = {0};
    if (run_op(row, in, s->nin, s->attrs, NULL, &result) < 0) fail_msg("%s: %s", row->name, error_message());
    if (row->flags & RT_FLAG_OUT && row->nout == 1) {
        RtTensor *y = result.list[0];
        RtTensor *given = rt_tensor_new(y->ndim, y->shape, (RtDtype)y->dtype, y->device), *written[1];
        CHECK_OK(rt_apply(row->op, in, s->nin, s->attrs, &given, written));
        assert_ptr_equal(written[0], given);
        Result out = {.list = {given}, .n = 1};
        check_values(row, test, s, &out, dtype, "out=");
    }
    for (int layout = 0; row->flags & RT_FLAG_INPLACE && layout < LAYOUT_COUNT; layout++) {
        if (!fits_in_place(s, &result, in[0])) break;
        in[0] = sample_tensor(s, 0, dtype, (WalkLayout)layout);
        RtTensor *written[1];
        uint32_t version = rt_tensor_version(in[0]);
        CHECK_OK(rt_apply(row->op, in, s->nin, s->attrs, in, written));
        assert_ptr_equal(written[0], in[0]);
        assert_true(rt_tensor_version(in[0]) > version);
        Result out = {.list = {in[0]}, .n = 1};
        check_values(row, test, s, &out, dtype, "in place");
    }
    rt_scope_close(scope);
}

// Gradients ---------------------------------------------------------------------------------------------------------

typedef struct Variables { // inputs and the weights of the outputs, flattened over tensors
    double *value[RT_MAX_IN + 64];
    int64_t n[RT_MAX_IN + 64];
    int count, ninputs;
} Variables;

static bool takes_gradient(const Sample *s, int i) { return s->kind[i] == SAMPLE_VALUES; }

// Runs the op in double on the sample's values; inputs that take gradients are leaves, an overwritten one a copy of it.
static Status run_leaves(const RtOpRow *row, Sample *s, RtTensor **leaf, Result *out) {
    RtTensor *in[RT_MAX_IN];
    for (int i = 0; i < s->nin; i++) {
        in[i] = leaf[i] = sample_tensor(s, i, RT_F64, LAYOUT_CONTIGUOUS);
        if (takes_gradient(s, i)) TRY(rt_set_requires_grad(leaf[i], true));
    }
    if (row->flags & RT_FLAG_OVERWRITES) in[0] = rt_clone(in[0]);
    return run_op(row, in, s->nin, s->attrs, NULL, out);
}

static RtTensor *weight_tensor(const double *w, const RtTensor *y) {
    RtTensor *tensor = rt_tensor_new(y->ndim, y->shape, RT_F64, y->device);
    if (tensor) memcpy(rt_tensor_data(tensor), w, (size_t)y->numel * sizeof *w);
    return tensor;
}

static double dot_items(const double *w, const RtTensor *y) {
    double sum = 0;
    for (int64_t j = 0; j < y->numel; j++) sum += w[j] * rt_scalar_double(rt_tensor_item(y, j));
    return sum;
}

// L = Σ weights · outputs, over the outputs that carry gradients.
static double weighted(const RtOpRow *row, Sample *s, double *const *w, const bool *carries) {
    RtScope scope;
    rt_scope_open(&scope);
    RtTensor *leaf[RT_MAX_IN];
    Result result = {0};
    if (run_leaves(row, s, leaf, &result) < 0) fail_msg("%s: %s", row->name, error_message());
    double sum = 0;
    for (int o = 0; o < result.n; o++)
        if (carries[o]) sum += dot_items(w[o], result.list[o]);
    rt_scope_close(scope);
    return sum;
}

static int64_t probe_step(int64_t n) { return n <= MAX_PROBES ? 1 : n / MAX_PROBES + 1; }

static void compare(const RtOpRow *row, const OpCase *test, const char *what, int i, int64_t j, double got, double want,
                    double tolerance) {
    tolerance *= test->tolerance > 1 ? test->tolerance : 1;
    want += gradient_lie;
    if (!(fabs(got - want) <= tolerance * (1 + fabs(want))))
        fail_msg("%s: %s with respect to %d, element %lld: %.12g, finite differences give %.12g", row->name, what, i,
                 (long long)j, got, want);
}

static bool draw_weights(const Result *result, double **w, bool *carries) {
    uint64_t state = 99;
    bool any = false;
    for (int o = 0; o < result->n; o++) {
        carries[o] = rt_requires_grad(result->list[o]);
        any = any || carries[o];
        w[o] = calloc((size_t)result->list[o]->numel + 1, sizeof(double));
        for (int64_t j = 0; j < result->list[o]->numel; j++) w[o][j] = walk_random(&state) * 2 - 1;
    }
    return any;
}

static void test_first(const RtOpRow *row, const OpCase *test, Sample *s, double *const *w, const bool *carries) {
    RtScope scope;
    rt_scope_open(&scope);
    RtTensor *leaf[RT_MAX_IN], *roots[64], *grads[64];
    Result result = {0};
    int n = 0;
    CHECK_OK(run_leaves(row, s, leaf, &result));
    for (int o = 0; o < result.n; o++) {
        if (!carries[o]) continue;
        roots[n] = result.list[o];
        grads[n++] = weight_tensor(w[o], result.list[o]);
    }
    if (rt_backward(roots, grads, n, NULL, 0, false, false) < 0) fail_msg("%s: backward: %s", row->name, error_message());
    for (int i = 0; i < s->nin; i++) {
        if (!takes_gradient(s, i)) continue;
        RtTensor *g = rt_grad_of(leaf[i]);
        for (int64_t j = 0; j < leaf[i]->numel; j += probe_step(leaf[i]->numel)) {
            double x = s->x[i][j], analytic = g == RT_NONE ? 0 : rt_scalar_double(rt_tensor_item(g, j));
            s->x[i][j] = x + STEP;
            double up = weighted(row, s, w, carries);
            s->x[i][j] = x - STEP;
            double down = weighted(row, s, w, carries);
            s->x[i][j] = x;
            compare(row, test, "gradient", i, j, analytic, (up - down) / (2 * STEP), GRADIENT_TOLERANCE);
        }
    }
    rt_scope_close(scope);
}

// S = Σ v · (gradients of L), as a function of the inputs and of the weights w. With `out`, also dS/d(all of them).
static double second_sum(const RtOpRow *row, Sample *s, double *const *w, const bool *carries, const double *v,
                         double *const *out) {
    RtScope scope;
    rt_scope_open(&scope);
    RtTensor *leaf[RT_MAX_IN], *roots[64], *grads[64], *wanted[RT_MAX_IN], *g[RT_MAX_IN], *all[RT_MAX_IN + 64],
        *second[RT_MAX_IN + 64];
    int slot[RT_MAX_IN + 64], n = 0, nin = 0, nall = 0;
    Result result = {0};
    CHECK_OK(run_leaves(row, s, leaf, &result));
    for (int i = 0; i < s->nin; i++) {
        if (!takes_gradient(s, i)) continue;
        slot[nall] = i;
        all[nall++] = wanted[nin++] = leaf[i];
    }
    for (int o = 0; o < result.n; o++) {
        if (!carries[o]) continue;
        roots[n] = result.list[o];
        grads[n] = weight_tensor(w[o], result.list[o]);
        CHECK_OK(rt_set_requires_grad(grads[n], true));
        slot[nall] = RT_MAX_IN + o;
        all[nall++] = grads[n++];
    }
    if (rt_grad(roots, grads, n, wanted, nin, true, true, true, g) < 0) fail_msg("%s: gradient: %s", row->name, error_message());
    double sum = 0;
    RtTensor *tops[RT_MAX_IN], *vs[RT_MAX_IN];
    int ntops = 0;
    int64_t at = 0;
    for (int i = 0; i < nin; i++) {
        if (g[i] != RT_NONE) {
            sum += dot_items(v + at, g[i]);
            if (rt_requires_grad(g[i])) {
                vs[ntops] = weight_tensor(v + at, g[i]);
                tops[ntops++] = g[i];
            }
        }
        at += wanted[i]->numel;
    }
    if (out && ntops) {
        if (rt_grad(tops, vs, ntops, all, nall, false, false, true, second) < 0)
            fail_msg("%s: second gradient: %s", row->name, error_message());
        for (int k = 0; k < nall; k++)
            for (int64_t j = 0; second[k] != RT_NONE && j < all[k]->numel; j++)
                out[slot[k]][j] = rt_scalar_double(rt_tensor_item(second[k], j));
    }
    rt_scope_close(scope);
    return sum;
}

static void test_second(const RtOpRow *row, const OpCase *test, Sample *s, double **w, const bool *carries,
                        const int64_t *w_n, int nout) {
    double *out[RT_MAX_IN + 64] = {NULL}, *v;
    int64_t total = 0;
    for (int i = 0; i < s->nin; i++) {
        int64_t n = sample_numel(s->ndim[i], s->shape[i]);
        out[i] = calloc((size_t)n + 1, sizeof(double));
        if (takes_gradient(s, i)) total += n;
    }
    for (int o = 0; o < nout; o++) out[RT_MAX_IN + o] = calloc((size_t)w_n[o] + 1, sizeof(double));
    v = calloc((size_t)total + 1, sizeof(double));
    uint64_t state = 7;
    for (int64_t j = 0; j < total; j++) v[j] = walk_random(&state) * 2 - 1;
    second_sum(row, s, w, carries, v, out);
    for (int k = 0; k < RT_MAX_IN + nout; k++) {
        bool is_weight = k >= RT_MAX_IN;
        if (is_weight ? !carries[k - RT_MAX_IN] : k >= s->nin || !takes_gradient(s, k)) continue;
        double *values = is_weight ? w[k - RT_MAX_IN] : s->x[k];
        int64_t n = is_weight ? w_n[k - RT_MAX_IN] : sample_numel(s->ndim[k], s->shape[k]);
        for (int64_t j = 0; j < n; j += probe_step(n) * 2) {
            double x = values[j];
            values[j] = x + STEP;
            double up = second_sum(row, s, w, carries, v, NULL);
            values[j] = x - STEP;
            double down = second_sum(row, s, w, carries, v, NULL);
            values[j] = x;
            compare(row, test, "second gradient", k, j, out[k][j], (up - down) / (2 * STEP), SECOND_TOLERANCE);
        }
    }
    for (int k = 0; k < RT_MAX_IN + 64; k++) free(out[k]);
    free(v);
}

static void test_gradients(const RtOpRow *row, const OpCase *test, Sample *s) {
    double *w[64] = {NULL};
    bool carries[64] = {false};
    int64_t w_n[64] = {0};
    RtScope scope;
    rt_scope_open(&scope);
    RtTensor *leaf[RT_MAX_IN];
    Result result = {0};
    CHECK_OK(run_leaves(row, s, leaf, &result));
    bool any = draw_weights(&result, w, carries);
    for (int o = 0; o < result.n; o++) w_n[o] = result.list[o]->numel;
    int nout = result.n;
    rt_scope_close(scope);
    if (row->kind == RT_ROW_KERNEL && !row->differentiable && any) fail_msg("%s is FLAT, but its output has a gradient", row->name);
    if (any) test_first(row, test, s, w, carries);
    if (any && !test->no_second) test_second(row, test, s, w, carries, w_n, nout);
    for (int o = 0; o < 64; o++) free(w[o]);
}

// One op ------------------------------------------------------------------------------------------------------------

static int64_t live_bytes(void) {
    RtMemoryStats stats;
    rt_memory_stats(&stats);
    return stats.live_bytes;
}

static void test_op(void **state) {
    const RtOpRow *row = rt_op_row((int)(intptr_t)*state);
    const OpCase *test = cases[row->op];
    int64_t before = live_bytes();
    if (test->own) test->own();
    for (int k = 0; !test->own; k++) {
        Sample *s = sample_make(test, k);
        if (!s) {
            if (k == 0) fail_msg("%s: its case has no sample", row->name);
            break;
        }
        for (int dtype = 0; dtype < RT_DTYPE_COUNT; dtype++) {
            if (!(test->dtypes >> dtype & 1)) continue;
            sample_draw(s, 0x1234567u + (uint64_t)k);
            test_values(row, test, s, (RtDtype)dtype);
            sample_draw(s, 0x1234567u + (uint64_t)k);
            if (row->flags & (RT_FLAG_OUT | RT_FLAG_INPLACE)) test_given(row, test, s, (RtDtype)dtype);
        }
        sample_draw(s, 0x1234567u + (uint64_t)k);
        if (test->dtypes & ON_F64 && !test->no_gradient) test_gradients(row, test, s);
        sample_free(s);
    }
    if (live_bytes() != before) fail_msg("%s: %lld bytes of tensors are still alive", row->name, (long long)(live_bytes() - before));
}

// The n-th allocation fails, for every n: an error, nothing leaked, and the next call works.
static Status forward_backward(const RtOpRow *row, Sample *s) {
    RtScope scope;
    TRY(rt_scope_open(&scope));
    RtTensor *leaf[RT_MAX_IN], *in[RT_MAX_IN], *roots[64], *grads[64];
    Result result = {0};
    int n = 0;
    Status status = OK;
    for (int i = 0; i < s->nin; i++) {
        in[i] = leaf[i] = sample_tensor(s, i, RT_F32, LAYOUT_STEPPED);
        if (!leaf[i]) {
            status = error_code();
            goto out;
        }
        if (takes_gradient(s, i)) GUARD(rt_set_requires_grad(leaf[i], true));
    }
    if (row->flags & RT_FLAG_OVERWRITES && !(in[0] = rt_clone(in[0]))) {
        status = error_code();
        goto out;
    }
    GUARD(run_op(row, in, s->nin, s->attrs, NULL, &result));
    for (int o = 0; o < result.n; o++) {
        if (!rt_requires_grad(result.list[o])) continue;
        roots[n] = result.list[o];
        grads[n] = rt_tensor_new(result.list[o]->ndim, result.list[o]->shape, (RtDtype)result.list[o]->dtype, result.list[o]->device);
        if (!grads[n]) {
            status = error_code();
            goto out;
        }
        memset(rt_tensor_data(grads[n]), 0, (size_t)grads[n]->numel * rt_dtype_bytes((RtDtype)grads[n]->dtype));
        n++;
    }
    if (n) GUARD(rt_backward(roots, grads, n, NULL, 0, false, false));
out:
    rt_scope_close(scope);
    return status;
}

static void test_allocations(void **state) {
    const RtOpRow *row = rt_op_row((int)(intptr_t)*state);
    const OpCase *test = cases[row->op];
    if (test->own || !(test->dtypes & 1 << RT_F32)) return;
    Sample *s = sample_make(test, 0);
    CHECK_OK(forward_backward(row, s));
    int64_t before = live_bytes();
    for (int64_t n = 1;; n++) {
        mem_fail_at(n, false);
        Status status = forward_backward(row, s);
        bool fired = !mem_fail_armed();
        mem_fail_at(0, false);
        if (live_bytes() != before) fail_msg("%s: allocation %lld failed, and bytes leaked", row->name, (long long)n);
        if (!fired) {
            CHECK_OK(status);
            break;
        }
        if (status >= 0) continue; // it could do without: a cache was emptied, or a second try worked
        if (status != ERR_MEMORY) fail_msg("%s: allocation %lld failed as %s: %s", row->name, (long long)n, status_name(status), error_message());
        error_clear();
    }
    sample_free(s);
}

int main(int argc, char **argv) {
    static struct CMUnitTest tests[2 * OP_COUNT];
    static char names[2 * OP_COUNT][80];
    if (argc > 1 && !strcmp(argv[1], "--lie-value")) value_lie = 1;
    if (argc > 1 && !strcmp(argv[1], "--lie-gradient")) gradient_lie = 1e-3;
    if (value_lie != 0 || gradient_lie != 0) argc--, argv++;
    bool only_alloc = argc > 1 && !strcmp(argv[1], "--alloc");
    const char *only = argc > 1 && !only_alloc ? argv[1] : NULL;
    size_t n = 0;
    rt_init();
    for (int op = 0; op < OP_COUNT; op++) {
        const RtOpRow *row = rt_op_row(op);
        if (only && strcmp(only, row->name) != 0 && strcmp(only, row->family) != 0) continue;
        for (int kind = only_alloc; kind < 2; kind++) {
            snprintf(names[n], sizeof names[n], "%s%s.%s", kind ? "allocations: " : "", row->family, row->name);
            tests[n] = (struct CMUnitTest){.name = names[n], .test_func = kind ? test_allocations : test_op,
                                           .initial_state = (void *)(intptr_t)op};
            n++;
        }
    }
    if (n == 0) {
        fprintf(stderr, "test_ops: there is no op or family \"%s\"\n", only);
        return 2;
    }
    return _cmocka_run_group_tests("ops", tests, n, NULL, NULL);
}
