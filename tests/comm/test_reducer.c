// The reducer over the fake transport, with the tape: ranks are threads with parameters of their
// own.
#include "check.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "comm/fake.h"

static _Atomic int wrong;
static char first_wrong[512];
static pthread_mutex_t wrong_lock = PTHREAD_MUTEX_INITIALIZER;

#define EXPECT(condition_)                                                                         \
    do {                                                                                           \
        if (!(condition_)) {                                                                       \
            pthread_mutex_lock(&wrong_lock);                                                       \
            if (wrong++ == 0)                                                                      \
                snprintf(first_wrong, sizeof first_wrong, "line %d: %s (%s)", __LINE__,            \
                         #condition_, error_message());                                            \
            pthread_mutex_unlock(&wrong_lock);                                                     \
        }                                                                                          \
    } while (0)

enum { PARAMETERS = 4 };
static const int64_t sizes[PARAMETERS] = {70000, 10, 3000, 5};
static const char *const names[PARAMETERS] = {"a", "b", "c", "d"};

static RtTensor *filled(int64_t n, float value) {
    RtTensor *tensor = rt_tensor_new(1, &n, RT_F32, (RtDevice){RT_CPU, 0});
    if (!tensor) abort();
    for (int64_t i = 0; i < n; i++) ((float *)rt_tensor_data(tensor))[i] = value;
    return tensor;
}

static float grad_at(RtTensor *parameter, int64_t i) {
    RtTensor *grad = rt_grad_of(parameter);
    return grad == RT_NONE ? -1 : ((const float *)rt_tensor_data(grad))[i];
}

// loss = factor · Σ of the chosen parameters; its gradient is `factor` everywhere.
static Status backward(RtTensor **parameters, unsigned chosen, float factor) {
    RtTensor *loss = NULL;
    for (int i = 0; i < PARAMETERS; i++) {
        if (!(chosen & 1u << i)) continue;
        RtTensor *part = rt_sum(rt_mul(parameters[i], filled(1, factor)), rt_defaults_reduce());
        loss = loss ? rt_add(loss, part, rt_defaults_alpha()) : part;
        if (!loss) return error_code();
    }
    return rt_backward(&loss, (RtTensor *[]){RT_NONE}, 1, NULL, 0, false, false);
}

static void grads_clear(RtTensor **parameters) {
    for (int i = 0; i < PARAMETERS; i++) rt_set_grad(parameters[i], RT_NONE);
}

static void body_reduce(RtGroup *world, int rank, int size, void *context) {
    (void)context;
    RtTensor *parameters[PARAMETERS];
    for (int i = 0; i < PARAMETERS; i++) {
        parameters[i] = filled(sizes[i], 1);
        EXPECT(rt_set_requires_grad(parameters[i], true) == OK);
    }
    RtReducer *reducer = rt_reducer_new(world, parameters, names, PARAMETERS, 16, 100000, false);
    EXPECT(reducer && rt_reducer_buckets(reducer) == 2);
    if (!reducer) return;
    float mean = (float)(size + 1) / 2;
    for (int step = 0; step < 3; step++) {
        EXPECT(backward(parameters, 15, (float)(rank + 1)) == OK);
        for (int i = 0; i < PARAMETERS; i++)
            EXPECT(grad_at(parameters[i], 0) == mean &&
                   grad_at(parameters[i], sizes[i] - 1) == mean);
        grads_clear(parameters);
    }
    // a by rank 0 alone, b by nobody.
    EXPECT(backward(parameters, rank ? 12 : 13, 2) == OK);
    EXPECT(grad_at(parameters[0], 7) == 2.0f / (float)size && grad_at(parameters[1], 0) == -1 &&
           grad_at(parameters[2], 0) == 2);
    // What b holds stays when nobody uses it; two passes without averaging, then one with.
    grads_clear(parameters);
    rt_reducer_set_sync(reducer, false);
    EXPECT(backward(parameters, 15, (float)rank) == OK);
    EXPECT(grad_at(parameters[1], 0) == (float)rank);
    rt_reducer_set_sync(reducer, true);
    EXPECT(rt_reducer_flush(reducer) == OK);
    EXPECT(grad_at(parameters[1], 0) == mean - 1);
    EXPECT(backward(parameters, 1, 1) == OK);
    EXPECT(grad_at(parameters[0], 0) == mean && grad_at(parameters[1], 0) == mean - 1);
    rt_reducer_drop(reducer);
    // Without the reducer gradients are the rank's own again, and what is there survives.
    EXPECT(grad_at(parameters[0], 3) == mean);
    EXPECT(backward(parameters, 1, 1) == OK && grad_at(parameters[0], 3) == mean + 1);
    grads_clear(parameters);
}

static void test_reduce(void **state) {
    (void)state;
    for (int apart = 0; apart < 2; apart++)
        for (int size = 1; size <= 4; size++) {
            fake_put_apart(apart);
            fake_run(size, body_reduce, NULL);
            if (wrong) fail_msg("%d wrong with %d ranks; the first: %s", wrong, size, first_wrong);
        }
}

static void test_refusals(void **state) {
    (void)state;
    Comm *comm = comm_new(NULL, NULL, 10, 10);
    RtGroup *group = group_make(comm, NULL, 1, 0);
    RtScope scope;
    CHECK_OK(rt_scope_open(&scope));
    RtTensor *plain = filled(3, 1);
    int64_t n = 3;
    RtTensor *whole = rt_tensor_new(1, &n, RT_I64, (RtDevice){RT_CPU, 0});
    CHECK_FAILS((intptr_t)rt_reducer_new(group, &plain, names, 0, 1, 1, false), ERR_VALUE,
                "there is none");
    CHECK_FAILS((intptr_t)rt_reducer_new(group, &plain, names, 1, 1, 1, false), ERR_GRAD,
                "parameter a");
    CHECK_FAILS((intptr_t)rt_reducer_new(group, &whole, names, 1, 1, 1, false), ERR_DTYPE, "int64");
    // Every allocation fails once.
    CHECK_OK(rt_set_requires_grad(plain, true));
    MemStats before, after;
    mem_stats(&before);
    int failed = 0;
    for (int i = 1; i < 40; i++) {
        mem_fail_at(i, false);
        RtReducer *reducer = rt_reducer_new(group, &plain, names, 1, 1, 1, false);
        mem_fail_at(0, false);
        failed += !reducer;
        rt_reducer_drop(reducer);
        error_clear();
    }
    mem_stats(&after);
    assert_true(failed >= 5);
    assert_int_equal(before.live_blocks[MEM_COMM], after.live_blocks[MEM_COMM]);
    rt_scope_close(scope);
    rt_group_drop(group);
    comm_free(comm);
}

int main(void) {
    rt_init();
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_reduce),
                                       cmocka_unit_test(test_refusals)};
    return cmocka_run_group_tests_name("reducer", tests, NULL, NULL);
}
