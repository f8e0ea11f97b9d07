// Hooks that change their own list while it is walked, and rows with many outputs in one node.
#include "check.h"

#include <stdlib.h>

#include "base/memory.h"
#include "rustorch.h"

static RtTensor *filled(int64_t rows, int64_t columns, double value) {
    int64_t shape[2] = {rows, columns};
    RtTensor *tensor = rt_tensor_new(2, shape, RT_F64, (RtDevice){RT_CPU, 0});
    for (int64_t i = 0; tensor && i < rows * columns; i++)
        ((double *)rt_tensor_data(tensor))[i] = value;
    return tensor;
}

static RtTensor *leaf_of(int64_t rows, int64_t columns) {
    RtTensor *leaf = filled(rows, columns, 1);
    CHECK_MADE(leaf);
    CHECK_OK(rt_set_requires_grad(leaf, true));
    return leaf;
}

static Status back(RtTensor *root) {
    return rt_backward(&root, (RtTensor *[]){RT_NONE}, 1, NULL, 0, false, false);
}

static double grad_at(RtTensor *leaf, int64_t i) {
    RtTensor *grad = rt_grad_of(leaf);
    return grad == RT_NONE ? -1 : rt_scalar_double(rt_tensor_item(grad, i));
}

// ------------------------------------------------------------------------------------------ hooks

typedef struct Watcher {
    RtTensor *tensor; // weak: where it listens
    int runs, dropped;
    int64_t id, victims[3]; // removed while it runs
    bool after;             // listens after accumulation
    struct Watcher *child;  // added while it runs
} Watcher;

static void watcher_gone(void *context) { ((Watcher *)context)->dropped++; }

static Status watcher_add(Watcher *watcher);

static Status watch(Watcher *watcher) {
    watcher->runs++;
    for (int i = 0; i < 3; i++)
        if (watcher->victims[i]) rt_hook_remove(watcher->tensor, watcher->victims[i]);
    // The entry is counted while it runs: its context may not be dropped under it.
    return watcher->dropped ? ERR_FAILED : watcher->child ? watcher_add(watcher->child) : OK;
}

static Status watch_gradient(void *context, RtTensor *grad, RtTensor **out) {
    (void)grad;
    (void)out;
    return watch(context);
}

static Status watch_leaf(void *context, RtTensor *leaf) {
    (void)leaf;
    return watch(context);
}

static Status watcher_add(Watcher *watcher) {
    watcher->id = watcher->after
                      ? rt_leaf_hook_add(watcher->tensor, watch_leaf, watcher, watcher_gone)
                      : rt_hook_add(watcher->tensor, watch_gradient, watcher, watcher_gone);
    return watcher->id < 0 ? (Status)watcher->id : OK;
}

// The first removes itself and its neighbours; the last adds one, which runs from the next time on.
static void remove_while_running(RtTensor *leaf, RtTensor *tensor, bool after) {
    Watcher watchers[5] = {{0}}, child = {.tensor = tensor, .after = after};
    for (int i = 0; i < 5; i++) {
        watchers[i].tensor = tensor;
        watchers[i].after = after;
        CHECK_OK(watcher_add(&watchers[i]));
    }
    for (int i = 0; i < 3; i++) watchers[0].victims[i] = watchers[i].id;
    watchers[4].child = &child;
    watchers[4].victims[0] = watchers[4].id;
    RtTensor *root = rt_sum(rt_mul(tensor, tensor), rt_defaults_reduce());
    CHECK_OK(rt_backward(&root, (RtTensor *[]){RT_NONE}, 1, NULL, 0, true, false));
    int runs[5] = {1, 0, 0, 1, 1}, dropped[5] = {1, 1, 1, 0, 1};
    for (int i = 0; i < 5; i++) {
        assert_int_equal(watchers[i].runs, runs[i]);
        assert_int_equal(watchers[i].dropped, dropped[i]);
    }
    assert_int_equal(child.runs, 0);
    CHECK_OK(back(root));
    assert_int_equal(watchers[3].runs, 2);
    assert_int_equal(child.runs, 1);
    rt_hook_remove(tensor, child.id);
    rt_hook_remove(tensor, watchers[3].id);
    rt_hook_remove(tensor, watchers[3].id); // twice does no harm
    assert_int_equal(watchers[3].dropped, 1);
    assert_int_equal(child.dropped, 1);
    CHECK_OK(rt_set_grad(leaf, RT_NONE));
}

static void test_hooks_change(void **state) {
    (void)state;
    RtScope scope;
    CHECK_OK(rt_scope_open(&scope));
    RtTensor *leaf = leaf_of(2, 3);
    remove_while_running(leaf, leaf, false);
    remove_while_running(leaf, leaf, true);
    remove_while_running(leaf, rt_exp(leaf), false);
    rt_scope_close(scope);
}

static Status replace_twofold(void *context, RtTensor *grad, RtTensor **out) {
    (void)context;
    *out = rt_add(grad, grad, rt_defaults_alpha());
    return *out ? OK : error_code();
}

static Status refuse(void *context, RtTensor *grad, RtTensor **out) {
    (void)grad;
    (void)out;
    ++*(int *)context;
    return fail(ERR_VALUE, "this hook refuses");
}

static void test_hooks_replace_and_fail(void **state) {
    (void)state;
    RtScope scope;
    CHECK_OK(rt_scope_open(&scope));
    RtTensor *leaf = leaf_of(2, 2);
    int refused = 0;
    for (int i = 0; i < 3; i++) assert_true(rt_hook_add(leaf, replace_twofold, NULL, NULL) > 0);
    CHECK_OK(back(rt_sum(leaf, rt_defaults_reduce())));
    assert_true(grad_at(leaf, 0) == 8);
    for (int i = 0; i < 2; i++) assert_true(rt_hook_add(leaf, refuse, &refused, NULL) > 0);
    CHECK_FAILS(back(rt_sum(leaf, rt_defaults_reduce())), ERR_VALUE, "this hook refuses");
    assert_int_equal(refused, 1);
    assert_true(grad_at(leaf, 0) == 8);
    rt_scope_close(scope);
}

// ------------------------------------------------------------------------------------------ parts

// How often backward through all parts asks for memory.
static int64_t backward_allocations(RtTensor *leaf, RtTensor *const *parts, int n) {
    RtTensor *root = rt_sum(rt_cat(parts, n, rt_defaults_slice()), rt_defaults_reduce());
    RtMemoryStats before, after;
    rt_memory_stats(&before);
    CHECK_OK(back(root));
    rt_memory_stats(&after);
    for (int64_t i = 0; i < leaf->numel; i++) assert_true(grad_at(leaf, i) == 1);
    CHECK_OK(rt_set_grad(leaf, RT_NONE));
    return after.allocations - before.allocations;
}

static void check_one_node(RtTensor *const *parts, int n, const char *name) {
    RtNode *node = rt_grad_node(parts[0]);
    assert_string_equal(rt_node_name(node), name);
    for (int i = 0; i < n; i++) {
        assert_ptr_equal(rt_grad_node(parts[i]), node);
        assert_int_equal(rt_output_index(parts[i]), i);
    }
}

static void test_parts_are_one_node(void **state) {
    (void)state;
    RtScope scope;
    CHECK_OK(rt_scope_open(&scope));
    RtTensor *leaf = leaf_of(300, 4), **parts;
    int n;
    CHECK_OK(rt_unbind(leaf, rt_defaults_slice(), &parts, &n));
    assert_int_equal(n, 300);
    check_one_node(parts, n, "UnbindBackward");
    assert_true(backward_allocations(leaf, parts, n) < 20); // not one for each of 300 parts
    CHECK_OK(rt_split(leaf, WITH(split, .split_size = 7), &parts, &n));
    assert_int_equal(n, 43);
    check_one_node(parts, n, "SplitBackward");
    assert_true(backward_allocations(leaf, parts, n) < 20);
    CHECK_OK(rt_chunk(leaf, WITH(split, .chunks = 150), &parts, &n));
    check_one_node(parts, n, "SplitBackward");
    assert_true(backward_allocations(leaf, parts, n) < 20);
    CHECK_OK(rt_split_at(leaf, WITH(split, .sections = 77), &parts, &n));
    check_one_node(parts, n, "SplitBackward");
    assert_true(backward_allocations(leaf, parts, n) < 20);
    rt_scope_close(scope);
}

// Only some parts are used, one of them twice; and a write to a part reaches the whole.
static void test_parts_in_part(void **state) {
    (void)state;
    RtScope scope;
    CHECK_OK(rt_scope_open(&scope));
    RtTensor *leaf = leaf_of(5, 2), **parts;
    int n;
    CHECK_OK(rt_split(leaf, WITH(split, .split_size = 2), &parts, &n));
    RtTensor *twice = rt_add(parts[2], parts[2], rt_defaults_alpha());
    CHECK_OK(back(rt_sum(twice, rt_defaults_reduce())));
    for (int64_t i = 0; i < 10; i++) assert_true(grad_at(leaf, i) == (i < 8 ? 0 : 2));
    CHECK_OK(rt_set_grad(leaf, RT_NONE));

    // Two outputs of one node keep their gradients, each its own.
    CHECK_OK(rt_unbind(leaf, rt_defaults_slice(), &parts, &n));
    for (int i = 1; i < 3; i++) CHECK_OK(rt_retain_grad(parts[i]));
    twice = rt_add(parts[1], parts[2], WITH(alpha, .alpha = rt_int(3)));
    CHECK_OK(back(rt_sum(twice, rt_defaults_reduce())));
    assert_true(grad_at(parts[1], 0) == 1 && grad_at(parts[2], 0) == 3);
    CHECK_OK(rt_set_grad(leaf, RT_NONE));

    RtTensor *copy = rt_clone(leaf), *five = filled(1, 2, 5), *out;
    CHECK_OK(rt_unbind(copy, rt_defaults_slice(), &parts, &n));
    RtTensor *row = parts[3];
    CHECK_OK(rt_apply(OP_mul,
                      (RtTensor *[]){row, rt_reshape(five, WITH(shape, .shape = RT_INTS(2)))}, 2,
                      NULL, &row, &out));
    CHECK_OK(back(rt_sum(copy, rt_defaults_reduce())));
    for (int64_t i = 0; i < 10; i++) assert_true(grad_at(leaf, i) == (i / 2 == 3 ? 5 : 1));
    rt_scope_close(scope);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hooks_change),
        cmocka_unit_test(test_hooks_replace_and_fail),
        cmocka_unit_test(test_parts_are_one_node),
        cmocka_unit_test(test_parts_in_part),
    };
    rt_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
