// rustorch.h as a C program uses it: linked with librustorch.so alone. A perceptron learns XOR.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "rustorch.h"

#include <cmocka.h> // after it: its fail is a macro

static const RtDevice cpu = {RT_CPU, 0};

#define NEED(expr_)                                                                                \
    do {                                                                                           \
        if (!(expr_)) {                                                                            \
            print_error("%s: %s\n", #expr_, rt_error_message());                                   \
            assert_true(false);                                                                    \
        }                                                                                          \
    } while (0)

static RtTensor *matrix(int64_t rows, int64_t columns, const float *values) {
    RtTensor *tensor = rt_tensor_new(2, (int64_t[]){rows, columns}, RT_F32, cpu);
    NEED(tensor);
    memcpy(rt_tensor_data(tensor), values, (size_t)(rows * columns) * sizeof *values);
    return tensor;
}

static RtTensor *parameter(int64_t rows, int64_t columns) {
    RtTensor *tensor =
        rt_tensor_keep(rt_randn(WITH(random, .size = RT_INTS(rows, columns), .dtype = RT_F32)));
    NEED(tensor);
    NEED(rt_set_requires_grad(tensor, true) >= 0);
    return tensor;
}

static void test_training(void **state) {
    (void)state;
    enum { N = 4 };
    RtScope all;
    NEED(rt_scope_open(&all) >= 0);
    rt_generator_seed(rt_generator_default(), 3);
    RtTensor *x = matrix(4, 2, (float[]){0, 0, 0, 1, 1, 0, 1, 1}),
             *y = matrix(4, 1, (float[]){0, 1, 1, 0});
    RtTensor *params[N] = {parameter(8, 2), parameter(1, 8), parameter(1, 8), parameter(1, 1)};
    RtTensor *grads[N], *first[N], *second[N], *third[N], *steps[N];
    for (int i = 0; i < N; i++) {
        NEED(first[i] = rt_zeros_like(params[i], rt_defaults_factory()));
        NEED(second[i] = rt_zeros_like(params[i], rt_defaults_factory()));
        third[i] = RT_NONE;
        NEED(steps[i] = rt_tensor_scalar(rt_float(0), RT_F32, false));
    }
    RtTensor *const *states[RT_OPTIM_STATES] = {first, second, third};
    RtTensor *const *scalars[RT_OPTIM_SCALARS] = {steps};
    RtOptim adam = {.lr = 0.05, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8};
    double loss = 1;
    for (int64_t step = 1; step <= 300; step++) {
        RtScope scope;
        NEED(rt_scope_open(&scope) >= 0);
        RtTensor *hidden =
            rt_tanh(rt_add(rt_linear(x, params[0], RT_NONE), params[1], rt_defaults_alpha()));
        RtTensor *out =
            rt_add(rt_linear(hidden, params[2], RT_NONE), params[3], rt_defaults_alpha());
        RtTensor *error = rt_mse_loss(out, y, rt_defaults_loss());
        NEED(error); // one check for the whole expression
        loss = rt_scalar_double(rt_tensor_item(error, 0));
        NEED(rt_backward(&error, (RtTensor *[]){RT_NONE}, 1, NULL, 0, false, false) >= 0);
        for (int i = 0; i < N; i++) grads[i] = rt_grad_of(params[i]);
        NEED(rt_optim_step(RT_OPTIM_adam, &adam, N, params, grads, states, scalars) >= 0);
        for (int i = 0; i < N; i++) NEED(rt_set_grad(params[i], RT_NONE) >= 0);
        rt_scope_close(scope);
    }
    assert_true(loss < 1e-2);
    for (int i = 0; i < N; i++) rt_tensor_drop(params[i]);
    rt_scope_close(all);
    RtMemoryStats stats;
    rt_memory_stats(&stats);
    assert_int_equal(stats.live_bytes, 0);
}

// The first message stays, and an expression of failures is NULL at its end.
static void test_errors(void **state) {
    (void)state;
    RtScope scope;
    NEED(rt_scope_open(&scope) >= 0);
    RtTensor *a = matrix(2, 3, (float[]){1, 2, 3, 4, 5, 6}),
             *b = matrix(2, 2, (float[]){1, 2, 3, 4});
    rt_error_clear();
    assert_null(rt_relu(rt_add(rt_matmul(a, b), a, rt_defaults_alpha())));
    assert_int_equal(rt_error_code(), ERR_SHAPE);
    assert_non_null(strstr(rt_error_message(), "matmul"));
    rt_error_clear();
    assert_string_equal(rt_error_message(), "");
    RtDevice device;
    assert_true(rt_device_parse("tpu", &device) < 0);
    assert_non_null(strstr(rt_error_message(), "tpu"));
    rt_error_clear();
    assert_true(rt_set_threads(0) < 0);
    rt_error_clear();
    assert_int_equal(rt_dtype_find("float33"), RT_DTYPE_NONE);
    assert_int_equal(rt_dtype_find("float16"), RT_F16);
    assert_int_equal(rt_dtype_promote(RT_I64, RT_F16), RT_F16);
    rt_scope_close(scope);
}

static int dropped;
static void on_release(void *context) { dropped += *(int *)context; }

static void test_foreign_memory(void **state) {
    (void)state;
    float values[6] = {1, 2, 3, 4, 5, 6};
    int one = 1;
    RtScope scope;
    NEED(rt_scope_open(&scope) >= 0);
    RtTensor *x = rt_tensor_wrap(values, sizeof values, 2, (int64_t[]){3, 2}, (int64_t[]){1, 3},
                                 RT_F32, cpu, on_release, &one);
    NEED(x);
    assert_false(rt_tensor_is_contiguous(x));
    RtTensor *sum = rt_sum(x, WITH(reduce, .dim = RT_INTS(0)));
    NEED(sum);
    assert_true(rt_scalar_double(rt_tensor_item(sum, 0)) == 6 &&
                rt_scalar_double(rt_tensor_item(sum, 1)) == 15);
    RtTensor *view = rt_tensor_keep(rt_select(x, WITH(slice, .dim = 1, .index = 1)));
    NEED(view);
    rt_scope_close(scope);
    assert_int_equal(dropped, 0); // the view holds it
    rt_tensor_drop(view);
    assert_int_equal(dropped, 1);
}

int main(void) {
    if (rt_init() < 0) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_training),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_foreign_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
