// Many threads at once on the tape, the allocator and the scopes, and what a thread leaves behind.
// The thread sanitizer runs this as well, and sees more than the values checked here.
#include "check.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/pool.h"
#include "cpu/parallel.h"
#include "rustorch.h"

enum { THREADS = 4, ROUNDS = 60 };

static _Atomic int wrong;
#define EXPECT(condition_)                                                                         \
    do {                                                                                           \
        if (!(condition_) && wrong++ == 0)                                                         \
            print_error("line %d: %s (%s)\n", __LINE__, #condition_, error_message());             \
    } while (0)

typedef struct Task {
    pthread_t thread;
    int index;
    RtTensor *shared;
} Task;

static void run_threads(void *(*body)(void *), RtTensor *shared) {
    Task tasks[THREADS];
    for (int i = 0; i < THREADS; i++) {
        tasks[i] = (Task){.index = i, .shared = shared};
        assert_int_equal(pthread_create(&tasks[i].thread, NULL, body, &tasks[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) pthread_join(tasks[i].thread, NULL);
    assert_int_equal(wrong, 0);
}

static RtTensor *filled(int64_t n, float value) {
    RtTensor *tensor = rt_tensor_new(1, &n, RT_F32, (RtDevice){RT_CPU, 0});
    if (!tensor) abort();
    for (int64_t i = 0; i < n; i++) ((float *)rt_tensor_data(tensor))[i] = value;
    return tensor;
}

static RtTensor *leaf_of(int64_t n) {
    RtTensor *leaf = filled(n, 1);
    if (rt_set_requires_grad(leaf, true) < 0) abort();
    return leaf;
}

static float grad_at(RtTensor *leaf, int64_t i) {
    return ((const float *)rt_tensor_data(rt_grad_of(leaf)))[i];
}

static Status back(RtTensor *root, bool retain) {
    return rt_backward(&root, (RtTensor *[]){RT_NONE}, 1, NULL, 0, retain, false);
}

// ---------------------------------------------------------------------------------------- the tape

// Each thread its own graphs over one leaf: all gradients arrive.
static void *body_shared_leaf(void *argument) {
    const Task *task = argument;
    RtScope scope;
    threads_solo_begin();
    for (int round = 0; round < ROUNDS; round++) {
        EXPECT(rt_scope_open(&scope) == OK);
        RtTensor *x = rt_mul(task->shared, filled(1, (float)(task->index + 1)));
        for (int i = 0; i < 5; i++)
            x = rt_add(rt_mul(x, filled(1, 1)), filled(64, 0), rt_defaults_alpha());
        RtTensor **parts;
        int n;
        EXPECT(rt_split(x, WITH(split, .split_size = 16), &parts, &n) == OK);
        EXPECT(back(rt_sum(rt_cat(parts, n, rt_defaults_slice()), rt_defaults_reduce()), false) ==
               OK);
        rt_scope_close(scope);
    }
    return NULL;
}

static void test_shared_leaf(void **state) {
    (void)state;
    RtScope scope;
    CHECK_OK(rt_scope_open(&scope));
    RtTensor *leaf = leaf_of(64);
    run_threads(body_shared_leaf, leaf);
    for (int64_t i = 0; i < 64; i++) assert_true(grad_at(leaf, i) == ROUNDS * (1 + 2 + 3 + 4));
    rt_scope_close(scope);
}

// One graph, walked by all threads at once.
static void *body_shared_graph(void *argument) {
    const Task *task = argument;
    RtScope scope;
    threads_solo_begin();
    for (int round = 0; round < ROUNDS; round++) {
        EXPECT(rt_scope_open(&scope) == OK);
        EXPECT(back(task->shared, true) == OK);
        rt_scope_close(scope);
    }
    return NULL;
}

static void test_shared_graph(void **state) {
    (void)state;
    RtScope scope;
    CHECK_OK(rt_scope_open(&scope));
    RtTensor *leaf = leaf_of(64), *x = rt_exp(rt_mul(leaf, filled(64, 0)));
    CHECK_OK(rt_retain_grad(x));
    run_threads(body_shared_graph,
                rt_sum(rt_add(x, leaf, rt_defaults_alpha()), rt_defaults_reduce()));
    for (int64_t i = 0; i < 64; i++) assert_true(grad_at(leaf, i) == ROUNDS * THREADS);
    assert_true(grad_at(x, 0) == 1);
    rt_scope_close(scope);
}

// The leaf goes while others still walk a graph that ends at it.
static void *body_leaf_goes(void *argument) {
    const Task *task = argument;
    RtScope scope;
    threads_solo_begin();
    if (task->index == 0) {
        rt_tensor_drop(task->shared);
        return NULL;
    }
    EXPECT(rt_scope_open(&scope) == OK);
    EXPECT(back(task->shared, true) == OK);
    rt_scope_close(scope);
    return NULL;
}

static void test_leaf_goes(void **state) {
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        RtScope scope;
        CHECK_OK(rt_scope_open(&scope));
        RtTensor *leaf = rt_tensor_keep(leaf_of(8));
        // A sum saves nothing of its input: the graph does not keep the leaf.
        RtTensor *root = rt_tensor_keep(rt_sum(leaf, rt_defaults_reduce()));
        rt_scope_close(scope); // now the counts kept here are the only ones
        Task tasks[THREADS];
        for (int i = 0; i < THREADS; i++) {
            tasks[i] = (Task){.index = i, .shared = i == 0 ? leaf : root};
            assert_int_equal(pthread_create(&tasks[i].thread, NULL, body_leaf_goes, &tasks[i]), 0);
        }
        for (int i = 0; i < THREADS; i++) pthread_join(tasks[i].thread, NULL);
        rt_tensor_drop(root);
        assert_int_equal(wrong, 0);
    }
}

// Hooks come and go while other threads run them.
static _Atomic int hooks_run_n, hooks_alive;
static Status count_hook(void *context, RtTensor *leaf) {
    (void)leaf;
    (*(_Atomic int *)context)++;
    return OK;
}
static void hook_gone(void *context) {
    (void)context;
    hooks_alive--;
}

static void *body_hooks(void *argument) {
    const Task *task = argument;
    RtScope scope;
    threads_solo_begin();
    for (int round = 0; round < ROUNDS; round++) {
        EXPECT(rt_scope_open(&scope) == OK);
        hooks_alive++;
        int64_t id = rt_leaf_hook_add(task->shared, count_hook, &hooks_run_n, hook_gone);
        EXPECT(id > 0);
        EXPECT(back(rt_sum(task->shared, rt_defaults_reduce()), false) == OK);
        rt_hook_remove(task->shared, id);
        rt_scope_close(scope);
    }
    return NULL;
}

static void test_hooks_from_threads(void **state) {
    (void)state;
    RtScope scope;
    CHECK_OK(rt_scope_open(&scope));
    hooks_run_n = 0;
    run_threads(body_hooks, leaf_of(8));
    assert_true(hooks_run_n >= THREADS * ROUNDS);
    assert_int_equal(hooks_alive, 0);
    rt_scope_close(scope);
}

// ------------------------------------------------------------------------------------------ memory

// Tensors of many sizes, some of them handed to another thread to be dropped there.
static RtTensor *_Atomic handed[16];

static void *body_allocate(void *argument) {
    const Task *task = argument;
    RtScope scope;
    uint64_t state = (uint64_t)task->index + 1;
    for (int round = 0; round < 10 * ROUNDS; round++) {
        EXPECT(rt_scope_open(&scope) == OK);
        state = state * 6364136223846793005u + 1442695040888963407u;
        int64_t n = (int64_t)(state >> 33) % (round % 16 ? 3000 : 800000);
        RtTensor *tensor = rt_tensor_keep(filled(n, (float)n));
        EXPECT(n == 0 || ((float *)rt_tensor_data(tensor))[n - 1] == (float)n);
        rt_tensor_drop(atomic_exchange(&handed[state >> 60], tensor));
        if (round % 50 == 0) rt_memory_release();
        rt_scope_close(scope);
    }
    return NULL;
}

static void test_allocate(void **state) {
    (void)state;
    RtMemoryStats before, after;
    rt_memory_stats(&before);
    run_threads(body_allocate, NULL);
    for (int i = 0; i < 16; i++) rt_tensor_drop(atomic_exchange(&handed[i], NULL));
    rt_memory_stats(&after);
    assert_int_equal(after.live_bytes, before.live_bytes);
    assert_true(after.reserved_bytes >= after.live_bytes);
}

// A thread that ends, even with a scope open, leaves nothing.
static void *body_leave_open(void *argument) {
    (void)argument;
    RtScope scope;
    EXPECT(rt_scope_open(&scope) == OK);
    for (int i = 0; i < 100; i++) filled(10, 1);
    return NULL;
}

static void test_thread_leaves_nothing(void **state) {
    (void)state;
    MemStats before, after;
    run_threads(body_leave_open, NULL); // what is made once is made now
    rt_memory_release();
    mem_stats(&before);
    run_threads(body_leave_open, NULL);
    rt_memory_release();
    mem_stats(&after);
    for (int kind = 0; kind < MEM_COUNT; kind++)
        assert_int_equal(after.live_blocks[kind], before.live_blocks[kind]);
}

// Memory of the caller's never ends in the allocator.
static void test_wrap_without_release(void **state) {
    (void)state;
    static _Alignas(64) float own[16];
    int64_t n = 16;
    RtScope scope;
    CHECK_OK(rt_scope_open(&scope));
    CHECK_MADE(
        rt_tensor_wrap(own, sizeof own, 1, &n, NULL, RT_F32, (RtDevice){RT_CPU, 0}, NULL, NULL));
    rt_scope_close(scope);
    CHECK_OK(rt_scope_open(&scope));
    for (int i = 0; i < 4; i++) assert_ptr_not_equal(rt_tensor_data(filled(16, 1)), own);
    rt_scope_close(scope);
    rt_memory_release(); // would free what is not the allocator's
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shared_leaf),
        cmocka_unit_test(test_shared_graph),
        cmocka_unit_test(test_leaf_goes),
        cmocka_unit_test(test_hooks_from_threads),
        cmocka_unit_test(test_allocate),
        cmocka_unit_test(test_thread_leaves_nothing),
        cmocka_unit_test(test_wrap_without_release),
    };
    rt_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
