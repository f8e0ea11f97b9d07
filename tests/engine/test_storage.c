// The allocator of tensor data, scopes, and graphs that are too deep for recursion.
#include "check.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/memory.h"
#include "rustorch.h"
#include "tensor/storage.h"

static const RtDevice cpu = {RT_CPU, 0};

static RtMemoryStats stats(void) {
    RtMemoryStats now;
    rt_memory_stats(&now);
    return now;
}

// ------------------------------------------------------------------------------------------
// classes

// A block is never more than 12.5 % larger than what was asked for (above the smallest), and
// classes do not shrink.
static void test_classes(void **state) {
    (void)state;
    size_t last = 0;
    for (size_t asked = 1; asked < (size_t)64 << 20; asked += asked / 61 + 1) {
        RtStorage *storage = storage_new(asked, cpu);
        CHECK_MADE(storage);
        assert_true(storage->asked == asked && storage->bytes >= asked);
        if (asked > 64) assert_true((double)storage->bytes <= 1.125 * (double)asked + 1);
        assert_true(storage->bytes >= last);
        assert_int_equal((uintptr_t)storage->data % 64, 0);
        last = storage->bytes;
        storage_drop(storage);
        rt_memory_release(); // else a block of the next classes may be taken
    }
}

static void test_counters(void **state) {
    (void)state;
    rt_memory_release();
    RtMemoryStats before = stats();
    RtStorage *a = storage_new(1000, cpu), *b = storage_new(1 << 20, cpu);
    CHECK_MADE(a);
    CHECK_MADE(b);
    RtMemoryStats during = stats();
    assert_int_equal(during.live_bytes - before.live_bytes, a->bytes + b->bytes);
    assert_int_equal(during.reserved_bytes - before.reserved_bytes, a->bytes + b->bytes);
    assert_int_equal(during.allocations - before.allocations, 2);
    assert_int_equal(during.system_allocations - before.system_allocations, 2);
    int64_t held = during.live_bytes;
    storage_drop(a);
    storage_drop(b);
    assert_int_equal(stats().live_bytes, before.live_bytes);
    assert_int_equal(stats().reserved_bytes, during.reserved_bytes); // cached
    assert_true(stats().peak_bytes >= held);
    rt_memory_reset_peak();
    assert_int_equal(stats().peak_bytes, stats().live_bytes);
    rt_memory_release();
    assert_int_equal(stats().reserved_bytes, before.reserved_bytes);
}

// What goes beyond the limit is refused by name, and cached blocks make room for what does not.
static void test_limit(void **state) {
    (void)state;
    rt_memory_release();
    int64_t before = stats().live_bytes;
    RtStorage *cached = storage_new(3 << 20, cpu);
    CHECK_MADE(cached);
    storage_drop(cached);
    rt_set_memory_limit(before + (4 << 20));
    assert_int_equal(rt_memory_limit(), before + (4 << 20));
    RtStorage *held = storage_new(2 << 20, cpu);
    CHECK_MADE(held);
    CHECK_FAILS((intptr_t)storage_new(3 << 20, cpu), ERR_MEMORY, "a tensor of 3145728 bytes was asked for");
    CHECK_FAILS((intptr_t)storage_new(3 << 20, cpu), ERR_MEMORY, "the memory limit is");
    assert_int_equal(stats().live_bytes, before + (int64_t)held->bytes);
    RtStorage *small = storage_new(1 << 20, cpu);
    CHECK_MADE(small);
    assert_true(stats().reserved_bytes <= rt_memory_limit());
    storage_drop(small);
    rt_set_memory_limit(0);
    RtStorage *again = storage_new(3 << 20, cpu);
    CHECK_MADE(again);
    storage_drop(again);
    storage_drop(held);
    assert_int_equal(stats().live_bytes, before);
}

// A block comes back for every size of its class, and the system is not asked again.
static void test_reuse(void **state) {
    (void)state;
    RtStorage *first = storage_new(1000, cpu);
    CHECK_MADE(first);
    void *data = first->data;
    size_t bytes = first->bytes;
    storage_drop(first);
    int64_t asked = stats().system_allocations;
    for (size_t size = bytes; size > bytes - bytes / 16; size -= 4) {
        RtStorage *again = storage_new(size, cpu);
        CHECK_MADE(again);
        assert_ptr_equal(again->data, data);
        storage_drop(again);
    }
    assert_int_equal(stats().system_allocations, asked);
}

static void test_impossible(void **state) {
    (void)state;
    RtMemoryStats before = stats();
    CHECK_FAILS(storage_new((size_t)1 << 62, cpu), ERR_MEMORY, "4611686018427387904 bytes");
    CHECK_FAILS(storage_new(SIZE_MAX, cpu), ERR_MEMORY, "bytes");
    assert_int_equal(stats().live_bytes, before.live_bytes);
    assert_int_equal(stats().reserved_bytes, before.reserved_bytes);
}

static void test_allocation_fails(void **state) {
    (void)state;
    int64_t before = stats().live_bytes;
    for (int64_t n = 1;; n++) {
        mem_fail_at(n, false);
        RtStorage *storage = storage_new(5000, cpu);
        bool fired = !mem_fail_armed();
        mem_fail_at(0, false);
        if (!storage) assert_int_equal(error_code(), ERR_MEMORY);
        error_clear();
        storage_drop(storage);
        assert_int_equal(stats().live_bytes, before);
        if (!fired) {
            assert_true(n > 1);
            break;
        }
    }
}

static int released;
static void count_release(void *context) { released += *(int *)context; }

// An alias keeps its parent's bytes, and foreign memory is released once, by whoever goes last.
static void test_alias(void **state) {
    (void)state;
    float bytes[16];
    int one = 1;
    released = 0;
    RtStorage *parent = storage_wrap(bytes, sizeof bytes, cpu, count_release, &one);
    RtStorage *alias = storage_alias(parent), *second = storage_alias(alias);
    assert_ptr_equal(second->parent, parent);
    assert_ptr_equal(second->data, bytes);
    assert_int_equal(second->asked, sizeof bytes);
    atomic_fetch_add(&alias->version, 1);
    assert_int_equal(parent->version, 0);
    storage_drop(parent);
    storage_drop(alias);
    assert_int_equal(released, 0);
    storage_drop(second);
    assert_int_equal(released, 1);
}

// ------------------------------------------------------------------------------------------ scopes

static RtTensor *small(void) {
    RtTensor *tensor = rt_tensor_new(1, (int64_t[]){10}, RT_F32, cpu);
    CHECK_MADE(tensor);
    return tensor;
}

static void test_scopes(void **state) {
    (void)state;
    int64_t before = stats().live_bytes;
    CHECK_FAILS(rt_tensor_new(1, (int64_t[]){10}, RT_F32, cpu), ERR_FAILED, "scope");
    RtScope outer, inner;
    CHECK_OK(rt_scope_open(&outer));
    RtTensor *a = small();
    CHECK_OK(rt_scope_open(&inner));
    RtTensor *b = small(), *kept = rt_tensor_keep(small());
    RtTensor *results[] = {b};
    CHECK_OK(rt_scope_close_with(inner, results, 1)); // b belongs to the outer scope now
    assert_int_equal(a->count, 1);
    assert_int_equal(b->count, 1);
    assert_int_equal(kept->count, 1);
    rt_scope_close(outer);
    assert_int_equal(stats().live_bytes, before + 64);
    rt_tensor_drop(kept);
    assert_int_equal(stats().live_bytes, before);
}

// ------------------------------------------------------------------------------------------ depth

enum { DEPTH = 100000 };

// x → x + 1, so often that one frame a node would need far more stack than this thread has. Each
// step has its own scope, as calls from Python have.
static void *deep(void *ok) {
    RtScope outer;
    int64_t before = stats().live_bytes;
    if (rt_scope_open(&outer) < 0) return NULL;
    int64_t one[] = {1};
    RtTensor *leaf = rt_tensor_new(1, one, RT_F64, cpu);
    *(double *)rt_tensor_data(leaf) = 0;
    rt_set_requires_grad(leaf, true);
    RtTensor *x = rt_tensor_keep(leaf);
    for (int i = 0; i < DEPTH; i++) {
        RtScope scope;
        if (rt_scope_open(&scope) < 0) return NULL;
        RtTensor *y = rt_tensor_keep(
            rt_add(x, rt_tensor_scalar(rt_int(1), RT_F64, true), rt_defaults_alpha()));
        rt_tensor_drop(x);
        x = y;
        rt_scope_close(scope);
    }
    bool right = x && *(double *)rt_tensor_data(x) == DEPTH;
    int64_t forward = stats().live_bytes;
    right = right && rt_backward(&x, (RtTensor *[]){RT_NONE}, 1, NULL, 0, true, false) >= 0;
    right = right && rt_scalar_double(rt_tensor_item(rt_grad_of(leaf), 0)) == 1;
    right = right && stats().live_bytes - forward < 4096; // no temporaries stay behind
    rt_tensor_drop(x); // frees the graph, again without recursion
    rt_scope_close(outer);
    *(bool *)ok = right && stats().live_bytes == before;
    return NULL;
}

static void test_deep_graph(void **state) {
    (void)state;
    pthread_attr_t attributes;
    pthread_t thread;
    bool ok = false;
    pthread_attr_init(&attributes);
    assert_int_equal(pthread_attr_setstacksize(&attributes, 256 << 10), 0);
    assert_int_equal(pthread_create(&thread, &attributes, deep, &ok), 0);
    pthread_join(thread, NULL);
    pthread_attr_destroy(&attributes);
    assert_true(ok);
}

int main(void) {
    CHECK_OK(rt_init());
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_classes),
        cmocka_unit_test(test_counters),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_reuse),
        cmocka_unit_test(test_impossible),
        cmocka_unit_test(test_allocation_fails),
        cmocka_unit_test(test_alias),
        cmocka_unit_test(test_scopes),
        cmocka_unit_test(test_deep_graph),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
