// Profilers: how spans nest and add up, who may end them, what is kept, and what threads and forks do to it.
#include "check.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/profile.h"
#include "rustorch.h"

static RtProfile *profiler(int64_t max_events) {
    RtProfile *profile = rt_profile_new(max_events, false);
    CHECK_MADE(profile);
    return profile;
}

static RtProfileData data_of(RtProfile *profile) {
    RtProfileData data;
    CHECK_OK(rt_profile_read(profile, &data));
    return data;
}

// The row of a name, or one of zeros.
static RtProfileRow row_of_name(RtProfile *profile, const char *name, bool backward) {
    RtProfileData data = data_of(profile);
    for (int i = 0; i < data.nrows; i++)
        if (strcmp(data.rows[i].name, name) == 0 && data.rows[i].backward == backward)
            return data.rows[i];
    return (RtProfileRow){0};
}

static void busy(int64_t ns) {
    for (int64_t end = profile_now() + ns; profile_now() < end;) {
    }
}

static int64_t enter(const char *name) { return rt_profile_enter(RT_PROFILE_SCOPE, name); }

// ------------------------------------------------------------------------------------------ spans

static void test_nesting(void **state) {
    (void)state;
    RtProfile *profile = profiler(100);
    CHECK_OK(rt_profile_start(profile));
    int64_t outer = enter("outer");
    for (int i = 0; i < 2; i++) {
        int64_t inner = enter("inner");
        busy(2000000);
        rt_profile_leave(inner);
    }
    busy(1000000);
    rt_profile_leave(outer);
    CHECK_OK(rt_profile_stop(profile));
    RtProfileRow a = row_of_name(profile, "outer", false), b = row_of_name(profile, "inner", false);
    assert_int_equal(a.calls, 1);
    assert_int_equal(b.calls, 2);
    assert_true(b.total_ns >= 4000000 && b.self_ns == b.total_ns && b.min_ns >= 2000000);
    assert_true(a.total_ns >= b.total_ns + 1000000);
    assert_int_equal(a.self_ns, a.total_ns - b.total_ns);
    RtProfileData data = data_of(profile);
    assert_true(data.elapsed_ns >= a.total_ns);
    assert_int_equal(data.nevents, 3);
    assert_int_equal(data.lost, 0);
    for (int i = 0; i < 2; i++) { // inside the outer one, which ended last
        const RtProfileEvent *event = &data.events[i], *around = &data.events[2];
        assert_true(event->start_ns >= around->start_ns &&
                    event->start_ns + event->ns <= around->start_ns + around->ns);
    }
    rt_profile_free(profile);
}

// A span inside one of the same name adds to the calls, and not to the total.
static void test_recursion(void **state) {
    (void)state;
    RtProfile *profile = profiler(100);
    CHECK_OK(rt_profile_start(profile));
    int64_t outer = enter("same"), inner = enter("same");
    busy(2000000);
    rt_profile_leave(inner);
    rt_profile_leave(outer);
    CHECK_OK(rt_profile_stop(profile));
    RtProfileRow row = row_of_name(profile, "same", false);
    assert_int_equal(row.calls, 2);
    assert_int_equal(row.total_ns, row.max_ns);
    assert_int_equal(row.self_ns, row.total_ns);
    rt_profile_free(profile);
}

// Ending one that is not the innermost ends those inside; their tokens do nothing afterwards.
static void test_out_of_order(void **state) {
    (void)state;
    RtProfile *profile = profiler(100);
    assert_int_equal(enter("nobody listens"), 0);
    CHECK_OK(rt_profile_start(profile));
    int64_t a = enter("a"), b = enter("b");
    rt_profile_leave(a);
    int64_t c = enter("c");
    rt_profile_leave(b);
    rt_profile_leave(a);
    rt_profile_leave(0);
    rt_profile_leave(-5);
    rt_profile_leave(INT64_MAX);
    assert_int_equal(row_of_name(profile, "b", false).calls, 1);
    assert_int_equal(row_of_name(profile, "c", false).calls, 0); // still open
    rt_profile_leave(c);
    assert_int_equal(row_of_name(profile, "c", false).calls, 1);
    int64_t d = enter("d");
    CHECK_OK(rt_profile_stop(profile)); // ends it
    assert_int_equal(row_of_name(profile, "d", false).calls, 1);
    CHECK_OK(rt_profile_start(profile));
    int64_t e = enter("e");
    rt_profile_leave(d);
    assert_int_equal(row_of_name(profile, "e", false).calls, 0);
    rt_profile_leave(e);
    CHECK_OK(rt_profile_stop(profile));
    assert_int_equal(row_of_name(profile, "d", false).calls, 1);
    assert_int_equal(row_of_name(profile, "e", false).calls, 1);
    rt_profile_free(profile);
}

// ---------------------------------------------------------------------------------------- profilers

static void test_rules(void **state) {
    (void)state;
    RtProfile *a = profiler(10), *b = profiler(10);
    CHECK_FAILS(rt_profile_stop(a), ERR_FAILED, "is not running: start() it first");
    CHECK_OK(rt_profile_start(a));
    assert_true(rt_profile_running(a) && !rt_profile_running(b));
    CHECK_FAILS(rt_profile_start(a), ERR_FAILED, "running already");
    CHECK_FAILS(rt_profile_start(b), ERR_FAILED, "another profiler is running");
    CHECK_FAILS(rt_profile_stop(b), ERR_FAILED, "is not running");
    rt_profile_leave(enter("of a"));
    rt_profile_free(a); // stops it
    assert_int_equal(enter("nobody"), 0);
    CHECK_OK(rt_profile_start(b));
    assert_int_equal(row_of_name(b, "of a", false).calls, 0);
    CHECK_OK(rt_profile_stop(b));
    rt_profile_free(b);
    CHECK_FAILS((intptr_t)rt_profile_new(-1, false), ERR_VALUE, "must be 0 or more, not -1");
}

// Sums go on where events have no room.
static void test_limit(void **state) {
    (void)state;
    RtProfile *profile = profiler(10);
    CHECK_OK(rt_profile_start(profile));
    for (int i = 0; i < 25; i++) {
        rt_profile_leave(enter("x"));
        if (i == 12) { // what was read counts
            assert_int_equal(data_of(profile).nevents, 10);
            assert_int_equal(data_of(profile).lost, 3);
        }
    }
    CHECK_OK(rt_profile_stop(profile));
    RtProfileData data = data_of(profile);
    assert_int_equal(data.nevents, 10);
    assert_int_equal(data.lost, 15);
    assert_int_equal(row_of_name(profile, "x", false).calls, 25);
    CHECK_OK(rt_profile_start(profile)); // goes on, still full
    rt_profile_leave(enter("x"));
    assert_int_equal(data_of(profile).nevents, 10);
    rt_profile_reset(profile);
    rt_profile_leave(enter("x"));
    CHECK_OK(rt_profile_stop(profile));
    data = data_of(profile);
    assert_int_equal(data.nevents, 1);
    assert_int_equal(data.lost, 0);
    assert_int_equal(row_of_name(profile, "x", false).calls, 1);
    rt_profile_free(profile);
}

// A reset while spans are open: they count from then on.
static void test_reset(void **state) {
    (void)state;
    RtProfile *profile = profiler(10);
    CHECK_OK(rt_profile_start(profile));
    int64_t span = enter("long");
    rt_profile_leave(enter("gone"));
    busy(3000000);
    rt_profile_reset(profile);
    busy(1000000);
    rt_profile_leave(span);
    CHECK_OK(rt_profile_stop(profile));
    RtProfileRow row = row_of_name(profile, "long", false);
    assert_int_equal(row.calls, 1);
    assert_true(row.total_ns >= 1000000 && row.total_ns <= data_of(profile).elapsed_ns);
    assert_int_equal(row.self_ns, row.total_ns);
    assert_int_equal(row_of_name(profile, "gone", false).calls, 0);
    rt_profile_free(profile);
}

// Names without end do not fill the memory.
static void test_names(void **state) {
    (void)state;
    enum { NAMES = 40000 };
    RtProfile *profile = profiler(0);
    CHECK_OK(rt_profile_start(profile));
    for (int i = 0; i < NAMES; i++) {
        char name[32];
        snprintf(name, sizeof name, "step %d", i);
        rt_profile_leave(enter(name));
    }
    CHECK_OK(rt_profile_stop(profile));
    RtProfileData data = data_of(profile);
    assert_true(data.nrows < NAMES / 2);
    int64_t calls = 0;
    for (int i = 0; i < data.nrows; i++) calls += data.rows[i].calls;
    assert_int_equal(calls, NAMES);
    assert_true(row_of_name(profile, "(other names)", false).calls > NAMES / 2);
    rt_profile_free(profile);
}

// ------------------------------------------------------------------------------------------ ops

static void test_ops(void **state) {
    (void)state;
    RtProfile *profile = rt_profile_new(1000, true);
    CHECK_MADE(profile);
    RtScope scope;
    CHECK_OK(rt_scope_open(&scope));
    RtTensor *a = rt_tensor_new(2, (int64_t[]){8, 16}, RT_F32, (RtDevice){RT_CPU, 0});
    RtTensor *b = rt_tensor_new(2, (int64_t[]){16, 4}, RT_F32, (RtDevice){RT_CPU, 0});
    CHECK_MADE(a);
    CHECK_MADE(b);
    memset(rt_tensor_data(a), 0, 8 * 16 * 4);
    memset(rt_tensor_data(b), 0, 16 * 4 * 4);
    CHECK_OK(rt_set_requires_grad(a, true));
    CHECK_OK(rt_profile_start(profile));
    int64_t span = enter("all");
    RtTensor *same = rt_contiguous(a); // moves nothing
    assert_ptr_equal(same, a);
    RtTensor *c = rt_mm(a, b, rt_defaults_matmul()), *sum = rt_sum(c, rt_defaults_reduce());
    CHECK_MADE(sum);
    CHECK_OK(rt_backward(&sum, NULL, 1, NULL, 0, false, false));
    CHECK_MADE(rt_transpose(a, rt_defaults_dims()));
    rt_profile_leave(span);
    CHECK_FAILS((intptr_t)rt_mm(a, a, rt_defaults_matmul()), ERR_SHAPE, "mm");
    CHECK_OK(rt_profile_stop(profile));
    RtProfileData data = data_of(profile);
    int found = 0;
    for (int i = 0; i < data.nrows; i++) {
        const RtProfileRow *row = &data.rows[i];
        if (strcmp(row->name, "mm") == 0 && !row->backward &&
            strcmp(row->shapes, "[[8, 16], [16, 4]]") == 0) {
            found++;
            assert_int_equal(row->in_bytes, (8 * 16 + 16 * 4) * 4);
            assert_int_equal(row->out_bytes, 8 * 4 * 4);
            assert_int_equal(row->flops, 2 * 8 * 16 * 4);
            assert_true(row->allocated_bytes >= 8 * 4 * 4);
        }
        if (strcmp(row->name, "mm") == 0 && !row->backward &&
            strcmp(row->shapes, "[[8, 16], [8, 16]]") == 0) {
            found++; // it failed
            assert_int_equal(row->out_bytes, 0);
        }
        if (strcmp(row->name, "mm") == 0 && row->backward) found++;
        if (strcmp(row->name, "transpose") == 0 && !row->backward) {
            found++;
            assert_int_equal(row->in_bytes + row->out_bytes + row->allocated_bytes, 0);
        }
    }
    assert_int_equal(found, 4);
    RtProfileRow all = row_of_name(profile, "all", false),
                 still = row_of_name(profile, "contiguous", false);
    assert_true(still.calls == 1 && still.in_bytes == 0 && still.out_bytes == 0);
    assert_true(all.flops == 2 * 2 * 8 * 16 * 4 &&
                all.in_bytes > (8 * 16 + 16 * 4) * 4); // forward, and one gradient
    RtProfileRow pass = row_of_name(profile, "backward", false),
                 node = row_of_name(profile, "MmBackward", true);
    assert_int_equal(pass.kind, RT_PROFILE_PASS);
    assert_int_equal(node.kind, RT_PROFILE_NODE);
    assert_true(node.calls == 1 && node.self_ns < node.total_ns && node.total_ns < pass.total_ns);
    rt_scope_close(scope);
    rt_profile_free(profile);
}

// ---------------------------------------------------------------------------------- threads, forks

enum { THREADS = 4, ROUNDS = 2000 };

static void *work(void *unused) {
    for (int i = 0; i < ROUNDS; i++) {
        int64_t outer = enter("outer"), inner = enter("inner");
        rt_profile_leave(inner);
        rt_profile_leave(outer);
    }
    enter("left open");
    return unused;
}

static void run_threads(void) {
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, NULL), 0);
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
}

static void test_threads(void **state) {
    (void)state;
    RtProfile *profile = profiler(1 << 20);
    CHECK_OK(rt_profile_start(profile));
    for (int round = 0; round < 3; round++) run_threads();
    RtProfileRow outer = row_of_name(profile, "outer", false);
    assert_int_equal(outer.calls, 3 * THREADS * ROUNDS);
    assert_int_equal(row_of_name(profile, "left open", false).calls,
                     3 * THREADS); // their threads are gone
    CHECK_OK(rt_profile_stop(profile));
    assert_int_equal(row_of_name(profile, "outer", false).total_ns, outer.total_ns);
    RtProfileData data = data_of(profile);
    assert_int_equal(data.nevents, 3 * THREADS * (2 * ROUNDS + 1));
    assert_true(data.nthreads <= THREADS + 1); // tracks are used again
    for (int64_t i = 0; i < data.nevents; i++)
        assert_true(data.events[i].thread >= 0 && data.events[i].thread < data.nthreads &&
                    data.events[i].row < data.nrows);
    rt_profile_free(profile);
}

static void *leave_elsewhere(void *token) {
    rt_profile_leave(*(int64_t *)token);
    return NULL;
}

// Started, read, reset and stopped while others write; spans are ended by another thread.
static void test_switching(void **state) {
    (void)state;
    RtProfile *profile = profiler(5000);
    pthread_t threads[THREADS], other;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, NULL), 0);
    for (int i = 0; i < 40; i++) {
        CHECK_OK(rt_profile_start(profile));
        int64_t token = enter("mine");
        assert_int_equal(pthread_create(&other, NULL, leave_elsewhere, &token), 0);
        data_of(profile);
        pthread_join(other, NULL);
        if (i % 8 == 0) rt_profile_reset(profile);
        CHECK_OK(rt_profile_stop(profile));
    }
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    assert_int_equal(row_of_name(profile, "mine", false).calls, 7);
    RtProfileData data = data_of(profile);
    int64_t calls = 0;
    for (int i = 0; i < data.nrows; i++) calls += data.rows[i].calls;
    assert_int_equal(calls, data.nevents + data.lost);
    rt_profile_free(profile);
}

static void test_fork(void **state) {
    (void)state;
    RtProfile *profile = profiler(100);
    CHECK_OK(rt_profile_start(profile));
    int64_t span = enter("around the fork");
    pid_t child = fork();
    if (child == 0) { // off there, and it can be used again
        bool ok = !profiling() && enter("x") == 0;
        rt_profile_leave(span);
        ok = ok && rt_profile_stop(profile) < 0 && rt_profile_start(profile) == OK;
        rt_profile_leave(enter("in the child"));
        ok = ok && rt_profile_stop(profile) == OK &&
             row_of_name(profile, "in the child", false).calls == 1 &&
             row_of_name(profile, "around the fork", false).calls == 0;
        _exit(ok ? 0 : 1);
    }
    int result = -1;
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_int_equal(result, 0);
    rt_profile_leave(span);
    CHECK_OK(rt_profile_stop(profile));
    assert_int_equal(row_of_name(profile, "around the fork", false).calls, 1);
    rt_profile_free(profile);
}

int main(void) {
    CHECK_OK(rt_init());
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nesting),      cmocka_unit_test(test_recursion),
        cmocka_unit_test(test_out_of_order), cmocka_unit_test(test_rules),
        cmocka_unit_test(test_limit),        cmocka_unit_test(test_reset),
        cmocka_unit_test(test_names),        cmocka_unit_test(test_ops),
        cmocka_unit_test(test_threads),      cmocka_unit_test(test_switching),
        cmocka_unit_test(test_fork),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
