// Collectives over the fake transport: values, all ranks alike to the bit, strides, sizes around
// every threshold, disagreement, lateness. A rank is a thread, so failures are counted and checked
// on the main thread.
#include "check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "comm/combine.h"
#include "comm/fake.h"
#include "comm/socket.h"

static _Atomic int wrong;
static char first_wrong[512];
static pthread_mutex_t wrong_lock = PTHREAD_MUTEX_INITIALIZER;

static void note_wrong(const char *file, int line, const char *what) {
    pthread_mutex_lock(&wrong_lock);
    if (wrong++ == 0)
        snprintf(first_wrong, sizeof first_wrong, "%s:%d: %s (%s)", file, line, what,
                 error_message());
    pthread_mutex_unlock(&wrong_lock);
}

#define EXPECT(condition_)                                                                         \
    do {                                                                                           \
        if (!(condition_)) note_wrong(__FILE__, __LINE__, #condition_);                            \
    } while (0)

static void check_none_wrong(void) {
    int n = wrong;
    wrong = 0;
    if (n) fail_msg("%d expectations failed; the first: %s", n, first_wrong);
}

// On one host and on several, over the fake transport and over sockets.
static void run(int size, FakeBody body, void *context) {
    for (int way = 0; way < 4; way++) {
        fake_put_apart(way & 1);
        fake_over_sockets(way & 2);
        fake_run(size, body, context);
        check_none_wrong();
    }
    fake_over_sockets(false);
}

static Status finish(RtWork *work) { // waits and drops
    if (!work) return error_code();
    bool done = false;
    Status status = rt_work_wait(work, -1, &done);
    EXPECT(done);
    rt_work_drop(work);
    return status;
}

static RtTensor *vector(int64_t n, RtDtype dtype) {
    RtTensor *tensor = rt_tensor_new(1, &n, dtype, (RtDevice){RT_CPU, 0});
    if (!tensor) abort();
    return tensor;
}

static float *floats(RtTensor *tensor) { return rt_tensor_data(tensor); }

// A number that differs with rank and place, and does not sum exactly.
static float value_at(int rank, int64_t i) {
    return sinf((float)(i % 977) * 0.37f + (float)rank * 1.3f) * (rank % 2 ? 1e3f : 1e-3f);
}

// ------------------------------------------------------------------------------ all_reduce

static void body_all_reduce(RtGroup *world, int rank, int size, void *context) {
    int64_t n = *(int64_t *)context;
    RtTensor *tensor = vector(n, RT_F32);
    for (int64_t i = 0; i < n; i++) floats(tensor)[i] = value_at(rank, i);
    uint32_t version = rt_tensor_version(tensor);
    EXPECT(finish(rt_group_all_reduce(world, tensor, RT_REDUCE_SUM)) == OK);
    EXPECT(rt_tensor_version(tensor) != version);
    for (int64_t i = 0; i < n; i++) {
        float sum = value_at(0, i); // in the order of the ranks: equal to the bit
        for (int k = 1; k < size; k++) sum += value_at(k, i);
        if (floats(tensor)[i] != sum) {
            EXPECT(floats(tensor)[i] == sum);
            break;
        }
    }
}

static void test_all_reduce_sizes(void **state) {
    (void)state;
    int64_t sizes[] = {0, 1, 5, 1000, 16384, 16385, 65536, 300000, 1500001};
    for (int ranks = 1; ranks <= 5; ranks++)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
            run(ranks, body_all_reduce, &sizes[i]);
}

static double widened(RtTensor *tensor, int64_t i) {
    RtScalar scalar = rt_tensor_item(tensor, i);
    return rt_scalar_double(scalar);
}

static void body_all_dtypes(RtGroup *world, int rank, int size, void *context) {
    (void)context;
    for (int dtype = 0; dtype < RT_DTYPE_COUNT; dtype++)
        for (int op = 0; op < RT_REDUCE_COUNT; op++) {
            RtTensor *tensor = vector(3, (RtDtype)dtype);
            RtKind kind = rt_dtype_kind((RtDtype)dtype);
            bool bits = op == RT_REDUCE_BAND || op == RT_REDUCE_BOR || op == RT_REDUCE_BXOR;
            bool takes = !(kind == RT_KIND_FLOAT && bits) &&
                         !(kind == RT_KIND_INT && op == RT_REDUCE_AVG) &&
                         !(kind == RT_KIND_BOOL && (op == RT_REDUCE_SUM || op == RT_REDUCE_AVG));
            int64_t mine[3] = {rank, 1, rank == 0}, result[3];
            if (kind == RT_KIND_BOOL) mine[0] = rank % 2;
            for (int i = 0; i < 3; i++) {
                RtTensor *number = rt_tensor_scalar(rt_int(mine[i]), (RtDtype)dtype, false);
                memcpy((char *)rt_tensor_data(tensor) + (size_t)i * rt_dtype_bytes((RtDtype)dtype),
                       rt_tensor_data(number), rt_dtype_bytes((RtDtype)dtype));
            }
            RtWork *work = rt_group_all_reduce(world, tensor, (RtReduceOp)op);
            EXPECT((work != NULL) == takes);
            if (!work) {
                EXPECT(error_code() == ERR_DTYPE);
                error_clear();
                continue;
            }
            EXPECT(finish(work) == OK);
            for (int i = 0; i < 3; i++) {
                for (int k = 0; k < size; k++) {
                    int64_t x = i == 0 ? (kind == RT_KIND_BOOL ? k % 2 : k) : i == 1 ? 1 : k == 0;
                    int64_t *r = &result[i];
                    if (k == 0)
                        *r = x;
                    else if (op == RT_REDUCE_SUM || op == RT_REDUCE_AVG)
                        *r += x;
                    else if (op == RT_REDUCE_PRODUCT)
                        *r *= x;
                    else if (op == RT_REDUCE_MIN)
                        *r = x < *r ? x : *r;
                    else if (op == RT_REDUCE_MAX)
                        *r = x > *r ? x : *r;
                    else if (op == RT_REDUCE_BAND)
                        *r &= x;
                    else if (op == RT_REDUCE_BOR)
                        *r |= x;
                    else
                        *r ^= x;
                }
                double expected =
                    op == RT_REDUCE_AVG ? (double)result[i] / size : (double)result[i];
                EXPECT(fabs(widened(tensor, i) - expected) <=
                       (dtype == RT_BF16 ? 4e-3 : 5e-4) * fabs(expected));
            }
        }
}

static void test_all_dtypes(void **state) {
    (void)state;
    run(1, body_all_dtypes, NULL);
    run(3, body_all_dtypes, NULL);
}

// Half precision is added up in float32: 2048 + 1 + 1 + … is stuck at 2048 in float16.
static void test_combine_half(void **state) {
    (void)state;
    uint16_t big = 0x6800, one = 0x3c00, out = 0; // 2048, 1
    const void *in[] = {&big, &one, &one, &one, &one};
    combine_run(RT_REDUCE_SUM, RT_F16, &out, in, 5, 1);
    assert_int_equal(out, 0x6802); // 2052
    // Every float16 survives the way to float32 and back.
    for (unsigned bits = 0; bits < 0x10000; bits++) {
        uint16_t half = (uint16_t)bits, back = 0;
        const void *alone[] = {&half};
        combine_run(RT_REDUCE_SUM, RT_F16, &back, alone, 1, 1);
        bool nan = (half & 0x7fff) > 0x7c00;
        if (nan ? (back & 0x7fff) <= 0x7c00 : back != half)
            fail_msg("float16 %04x became %04x", half, back);
        combine_run(RT_REDUCE_SUM, RT_BF16, &back, alone, 1, 1);
        nan = (half & 0x7fff) > 0x7f80;
        if (nan ? (back & 0x7fff) <= 0x7f80 : back != half)
            fail_msg("bfloat16 %04x became %04x", half, back);
    }
    float nan[] = {NAN, 1, 2}, two[] = {2, NAN, 1}, least[3];
    const void *pair[] = {nan, two};
    combine_run(RT_REDUCE_MIN, RT_F32, least, pair, 2, 3);
    assert_true(isnan(least[0]) && isnan(least[1]) && least[2] == 1);
    int8_t a = 127, b = 1, sum;
    const void *wrap[] = {&a, &b};
    combine_run(RT_REDUCE_SUM, RT_I8, &sum, wrap, 2, 1);
    assert_int_equal(sum, -128);
}

// ------------------------------------------------------------------------------ the other
// collectives

static void fill(RtTensor *tensor, float first) {
    for (int64_t i = 0; i < tensor->numel; i++) floats(tensor)[i] = first + (float)i * 0.5f;
}

static bool holds(RtTensor *tensor, float first) {
    for (int64_t i = 0; i < tensor->numel; i++)
        if (floats(tensor)[i] != first + (float)i * 0.5f) return false;
    return true;
}

static void body_moves(RtGroup *world, int rank, int size, void *context) {
    int64_t n = *(int64_t *)context;
    RtTensor *outputs[FAKE_RANKS_MAX], *inputs[FAKE_RANKS_MAX], *mine = vector(n, RT_F32);
    for (int root = 0; root < size; root++) {
        fill(mine, rank == root ? 7 : 0);
        EXPECT(finish(rt_group_broadcast(world, mine, root)) == OK);
        EXPECT(holds(mine, 7));
    }
    for (int k = 0; k < size; k++) {
        outputs[k] = vector(n, RT_F32);
        inputs[k] = vector(n, RT_F32);
    }
    fill(mine, (float)rank);
    EXPECT(finish(rt_group_all_gather(world, outputs, mine)) == OK);
    for (int k = 0; k < size; k++) EXPECT(holds(outputs[k], (float)k));
    int root = size - 1;
    fill(mine, (float)rank + 10);
    EXPECT(finish(rt_group_gather(world, rank == root ? outputs : NULL, mine, root)) == OK);
    for (int k = 0; k < size && rank == root; k++) EXPECT(holds(outputs[k], (float)k + 10));
    for (int k = 0; k < size; k++) fill(inputs[k], (float)k + 20);
    EXPECT(finish(rt_group_scatter(world, mine, rank == root ? inputs : NULL, root)) == OK);
    EXPECT(holds(mine, (float)rank + 20));
    for (int k = 0; k < size; k++) fill(inputs[k], (float)(100 * rank + k));
    EXPECT(finish(rt_group_all_to_all(world, outputs, inputs)) == OK);
    for (int k = 0; k < size; k++) EXPECT(holds(outputs[k], (float)(100 * k + rank)));
    for (int k = 0; k < size; k++) // integers, so that sums are exact
        for (int64_t i = 0; i < n; i++) floats(inputs[k])[i] = (float)(rank + k);
    EXPECT(finish(rt_group_reduce_scatter(world, mine, inputs, RT_REDUCE_SUM)) == OK);
    for (int64_t i = 0; i < n; i++)
        if (floats(mine)[i] != (float)(size * (size - 1) / 2 + size * rank)) {
            EXPECT(!"reduce_scatter");
            break;
        }
    EXPECT(finish(rt_group_reduce_scatter(world, inputs[rank], inputs, RT_REDUCE_MAX)) ==
           OK); // in place
    EXPECT(n == 0 || floats(inputs[rank])[n - 1] == (float)(size - 1 + rank));
    fill(mine, (float)rank);
    EXPECT(finish(rt_group_reduce(world, mine, root, RT_REDUCE_MAX)) == OK);
    EXPECT(holds(mine, rank == root ? (float)(size - 1) : (float)rank));
    EXPECT(finish(rt_group_barrier(world)) == OK);
}

static void test_moves(void **state) {
    (void)state;
    int64_t sizes[] = {0, 1, 1000, 70000, 700000};
    for (int ranks = 1; ranks <= 5; ranks++)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) run(ranks, body_moves, &sizes[i]);
}

static void stays(void *context) { (void)context; } // memory of the test's own

static void body_strided(RtGroup *world, int rank, int size, void *context) {
    (void)context;
    // A transposed (3, 2) view, and one that runs backwards.
    float data[6], back[4];
    for (int i = 0; i < 6; i++) data[i] = (float)(i + rank);
    for (int i = 0; i < 4; i++) back[i] = (float)(i * (rank + 1));
    RtDevice cpu = {RT_CPU, 0};
    RtTensor *turned = rt_tensor_wrap(data, sizeof data, 2, (int64_t[]){3, 2}, (int64_t[]){1, 3},
                                      RT_F32, cpu, stays, NULL);
    RtTensor *sparse = rt_tensor_wrap(back, sizeof back, 1, (int64_t[]){2}, (int64_t[]){2}, RT_F32,
                                      cpu, stays, NULL);
    EXPECT(turned && sparse);
    EXPECT(finish(rt_group_all_reduce(world, turned, RT_REDUCE_SUM)) == OK);
    for (int i = 0; i < 6; i++) EXPECT(data[i] == (float)(i * size + size * (size - 1) / 2));
    EXPECT(finish(rt_group_broadcast(world, sparse, 1)) == OK);
    EXPECT(back[0] == 0 && back[2] == 4 && back[1] == (float)(rank + 1) &&
           back[3] == (float)(3 * (rank + 1)));
}

static void test_strided(void **state) {
    (void)state;
    run(2, body_strided, NULL);
    run(3, body_strided, NULL);
}

// ------------------------------------------------------------------------------ send and recv,
// many at once

static void body_points(RtGroup *world, int rank, int size, void *context) {
    int64_t n = *(int64_t *)context;
    int next = (rank + 1) % size, before = (rank - 1 + size) % size;
    RtTensor *out[3], *in[3];
    RtWork *works[6];
    // Receives first on every rank, several under one tag: run-to-completion would never end.
    for (int i = 0; i < 3; i++) {
        in[i] = vector(n, RT_F32);
        works[i] = rt_group_recv(world, in[i], before, i == 2 ? 9 : 0);
    }
    for (int i = 0; i < 3; i++) {
        out[i] = vector(n, RT_F32);
        fill(out[i], (float)(rank * 10 + i));
        works[3 + i] = rt_group_send(world, out[i], next, i == 2 ? 9 : 0);
    }
    for (int i = 5; i >= 0; i--) EXPECT(finish(works[i]) == OK);
    for (int i = 0; i < 3; i++) EXPECT(holds(in[i], (float)(before * 10 + i)));
    // From any rank.
    if (rank == 0)
        for (int k = 1; k < size; k++) {
            RtWork *work = rt_group_recv(world, in[0], RT_ANY_RANK, 3);
            EXPECT(work && rt_work_wait(work, -1, NULL) == OK);
            EXPECT(holds(in[0], (float)rt_work_source(work)));
            rt_work_drop(work);
        }
    else {
        fill(out[0], (float)rank);
        EXPECT(finish(rt_group_send(world, out[0], 0, 3)) == OK);
    }
    EXPECT(!rt_group_send(world, out[0], rank, 0) && error_code() == ERR_VALUE);
    EXPECT(!rt_group_send(world, out[0], size, 0) && error_code() == ERR_VALUE);
    EXPECT(!rt_group_send(world, out[0], next, -1) && error_code() == ERR_VALUE);
    error_clear();
}

static void test_points(void **state) {
    (void)state;
    int64_t sizes[] = {1, 256, 257, 5000, 600000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        run(2, body_points, &sizes[i]);
        run(3, body_points, &sizes[i]);
    }
}

static void body_point_misfit(RtGroup *world, int rank, int size, void *context) {
    (void)size;
    (void)context;
    RtTensor *tensor = vector(rank ? 500000 : 400000, RT_F32);
    RtWork *work = rank ? rt_group_recv(world, tensor, 0, 0) : rt_group_send(world, tensor, 1, 0);
    Status status = finish(work);
    // A send is over when its bytes are on their way, which over sockets may be before the receiver says no.
    EXPECT(status == ERR_PEER || (rank == 0 && status == OK));
    EXPECT(status == OK || (strstr(error_message(), "send(400000 float32, to rank 1)") &&
                            strstr(error_message(), "recv(500000 float32, from rank 0)")));
    error_clear();
    EXPECT(finish(rt_group_barrier(world)) == OK); // the group is as good as before
}

static void test_point_misfit(void **state) {
    (void)state;
    run(2, body_point_misfit, NULL);
}

static void body_overlap(RtGroup *world, int rank, int size, void *context) {
    (void)context;
    RtTensor *tensors[20];
    RtWork *works[20];
    for (int i = 0; i < 20; i++) {
        tensors[i] = vector(1 + i * 20000, RT_F32);
        for (int64_t k = 0; k < tensors[i]->numel; k++) floats(tensors[i])[k] = (float)(rank + i);
        works[i] = rt_group_all_reduce(world, tensors[i], RT_REDUCE_SUM);
    }
    for (int i = 19; i >= 0; i--) {
        EXPECT(finish(works[i]) == OK);
        EXPECT(floats(tensors[i])[tensors[i]->numel - 1] ==
               (float)(size * i + size * (size - 1) / 2));
    }
}

static void test_overlap(void **state) {
    (void)state;
    run(2, body_overlap, NULL);
    run(4, body_overlap, NULL);
}

// ------------------------------------------------------------------------------ groups

static void body_groups(RtGroup *world, int rank, int size, void *context) {
    (void)size;
    (void)context;
    int odd[] = {3, 1}, even[] = {0, 2};
    RtGroup *odds = group_new(world->comm, world, odd, 2, 0),
            *evens = group_new(world->comm, world, even, 2, 0);
    EXPECT(odds && evens);
    RtGroup *mine = rank % 2 ? odds : evens, *other = rank % 2 ? evens : odds;
    EXPECT(rt_group_rank(other) == -1 && rt_group_size(other) == 2);
    EXPECT(rt_group_rank(mine) == (rank == 3 || rank == 0 ? 0 : 1));
    EXPECT(rt_group_world_rank(mine, 0) == (rank % 2 ? 3 : 0) &&
           rt_group_member(mine, rank) == rt_group_rank(mine));
    RtTensor *tensor = vector(1, RT_F32);
    floats(tensor)[0] = (float)rank;
    EXPECT(finish(rt_group_all_reduce(mine, tensor, RT_REDUCE_SUM)) == OK);
    EXPECT(floats(tensor)[0] == (rank % 2 ? 4 : 2));
    EXPECT(finish(rt_group_broadcast(mine, tensor, 1)) == OK);
    EXPECT(!rt_group_barrier(other) && error_code() == ERR_VALUE);
    int bad[] = {0, 9}, twice[] = {1, 1};
    EXPECT(!group_new(world->comm, world, bad, 2, 0) && strstr(error_message(), "no rank 9"));
    EXPECT(!group_new(world->comm, world, twice, 2, 0) && strstr(error_message(), "twice"));
    error_clear();
    rt_group_drop(odds);
    rt_group_drop(evens);
}

static void test_groups(void **state) {
    (void)state;
    run(4, body_groups, NULL);
}

// ------------------------------------------------------------------------------ ranks that
// disagree or do not come

// A rank whose own part was complete before the news came hears of it at the next call.
static Status finish_now_or_next(RtGroup *world, RtWork *work) {
    Status status = finish(work);
    return status == OK ? finish(rt_group_barrier(world)) : status;
}

typedef struct Quarrel {
    const char *rank0, *rank1;
    int kind;
} Quarrel;

static void body_quarrel(RtGroup *world, int rank, int size, void *context) {
    const Quarrel *quarrel = context;
    RtTensor *tensor = vector(400000, RT_F32), *longer = vector(400001, RT_F32),
             *whole = vector(400000, RT_I32);
    memset(floats(tensor), 0, 1600000);
    memset(floats(longer), 0, 1600004);
    memset(floats(whole), 0, 1600000);
    EXPECT(finish(rt_group_barrier(world)) == OK);
    double start = comm_now();
    RtWork *work = NULL;
    bool odd = rank == size - 1;
    switch (quarrel->kind) {
    case 0:
        work = odd ? rt_group_barrier(world) : rt_group_all_reduce(world, tensor, RT_REDUCE_SUM);
        break;
    case 1: work = rt_group_all_reduce(world, odd ? longer : tensor, RT_REDUCE_SUM); break;
    case 2: work = rt_group_all_reduce(world, odd ? whole : tensor, RT_REDUCE_SUM); break;
    case 3: work = rt_group_all_reduce(world, tensor, odd ? RT_REDUCE_AVG : RT_REDUCE_SUM); break;
    case 4: work = rt_group_broadcast(world, tensor, odd ? 1 : 0); break;
    }
    EXPECT(finish_now_or_next(world, work) == ERR_PEER);
    EXPECT(strstr(error_message(), quarrel->rank0) && strstr(error_message(), quarrel->rank1));
    EXPECT(strstr(error_message(), "collective 2"));
    EXPECT(comm_now() - start < 5);
    error_clear();
    EXPECT(finish(rt_group_barrier(world)) == ERR_PEER); // broken from now on
    error_clear();
}

static void test_quarrels(void **state) {
    (void)state;
    Quarrel quarrels[] = {
        {"all_reduce(400000 float32, sum)", "barrier()", 0},
        {"all_reduce(400000 float32, sum)", "all_reduce(400001 float32, sum)", 1},
        {"all_reduce(400000 float32, sum)", "all_reduce(400000 int32, sum)", 2},
        {"all_reduce(400000 float32, sum)", "all_reduce(400000 float32, avg)", 3},
        {"broadcast(400000 float32, from rank 0)", "broadcast(400000 float32, from rank 1)", 4}};
    for (size_t i = 0; i < sizeof quarrels / sizeof *quarrels; i++)
        for (int ranks = 2; ranks <= 4; ranks++) run(ranks, body_quarrel, &quarrels[i]);
}

static void body_uneven(RtGroup *world, int rank, int size, void *context) {
    (void)context;
    RtTensor *out[FAKE_RANKS_MAX], *in[FAKE_RANKS_MAX];
    for (int k = 0; k < size;
         k++) { // rank r sends k+1 elements to k, except that 0 sends too many to 1
        in[k] = vector(k + 1 + (rank == 0 && k == 1 ? 300000 : 0), RT_F32);
        out[k] = vector(rank + 1, RT_F32);
    }
    EXPECT(finish_now_or_next(world, rt_group_all_to_all(world, out, in)) == ERR_PEER);
    EXPECT(strstr(error_message(), "rank 0 sends 1200008 bytes to rank 1, which expects 8"));
    error_clear();
}

static void test_uneven_all_to_all(void **state) {
    (void)state;
    run(2, body_uneven, NULL);
    run(3, body_uneven, NULL);
}

static void body_late(RtGroup *world, int rank, int size, void *context) {
    (void)context;
    RtGroup *group = group_make(world->comm, NULL, size, 0.5); // a group with a short deadline
    RtTensor *tensor = vector(10, RT_F32);
    memset(floats(tensor), 0, 40);
    EXPECT(finish(rt_group_barrier(group)) == OK);
    if (rank != 1) {
        EXPECT(finish(rt_group_all_reduce(group, tensor, RT_REDUCE_SUM)) == ERR_PEER);
        EXPECT(strstr(error_message(),
                      "rank 1 has not joined it (its last collective was barrier())"));
        EXPECT(!strstr(error_message(), "rank 2 has") && !strstr(error_message(), "rank 0 has"));
    } else {
        struct timespec nap = {.tv_sec = 2};
        nanosleep(&nap, NULL);
        EXPECT(!rt_group_all_reduce(group, tensor, RT_REDUCE_SUM)); // it was told
        EXPECT(strstr(error_message(), "is not over after 0.5 s"));
    }
    error_clear();
    rt_group_drop(group);
}

static void test_late(void **state) {
    (void)state;
    run(3, body_late, NULL);
}

// A rank that says goodbye while another waits for it.
typedef struct Leaver {
    RtGroup *group;
    Status status;
    char message[512];
} Leaver;

static void *wait_in_vain(void *argument) {
    Leaver *leaver = argument;
    leaver->status = finish(rt_group_barrier(leaver->group));
    snprintf(leaver->message, sizeof leaver->message, "%s", error_message());
    return NULL;
}

static void test_goodbye(void **state) {
    (void)state;
    FakeNet *net = fake_net_new(2);
    Comm *comms[2];
    fake_comms(net, comms, 20, 2);
    Leaver leaver = {.group = group_make(comms[0], NULL, 2, 0)};
    pthread_t thread;
    pthread_create(&thread, NULL, wait_in_vain, &leaver);
    pthread_mutex_lock(&comms[1]->lock);
    comms[1]->state = COMM_LEAVING;
    pthread_mutex_unlock(&comms[1]->lock);
    pthread_join(thread, NULL);
    assert_int_equal(leaver.status, ERR_PEER);
    assert_non_null(strstr(leaver.message,
                           "rank 1 has ended its script, but rank 0 waits for it in barrier()"));
    rt_group_drop(leaver.group);
    fake_leave(comms, 2);
    fake_net_free(net);
    check_none_wrong();
}

// A rank that dies: who waits for it learns so at once, long before a deadline.
static void body_gone(RtGroup *world, int rank, int size, void *context) {
    (void)context;
    if (rank == size - 1) {
        Comm *comm = world->comm;
        pthread_mutex_lock(&comm->lock);
        comm->state = COMM_ABANDONED;
        pthread_cond_signal(&comm->wake);
        pthread_mutex_unlock(&comm->lock);
        pthread_join(comm->thread, NULL);
        socket_transport.close(comm->context, false);
        comm->state = COMM_FAILED;
        return;
    }
    double began = comm_now();
    EXPECT(finish(rt_group_barrier(world)) == ERR_PEER);
    EXPECT(strstr(error_message(), "rank 2") != NULL);
    EXPECT(comm_now() - began < 5);
}

static void test_gone(void **state) {
    (void)state;
    fake_over_sockets(true);
    fake_run(3, body_gone, NULL);
    fake_over_sockets(false);
    check_none_wrong();
}

// Every allocation of a call fails once; the call says so and nothing leaks.
static void test_allocations(void **state) {
    (void)state;
    Comm *comm = comm_new(NULL, NULL, 10, 10);
    RtGroup *group = group_make(comm, NULL, 1, 0);
    RtScope scope;
    CHECK_OK(rt_scope_open(&scope));
    RtTensor *tensor = vector(10, RT_F32), *copy = vector(10, RT_F32);
    MemStats before, after;
    mem_stats(&before);
    int failed = 0;
    for (int n = 1; n < 50; n++) {
        mem_fail_at(n, false);
        RtWork *works[] = {rt_group_all_gather(group, &copy, tensor),
                           rt_group_reduce_scatter(group, copy, &tensor, RT_REDUCE_SUM),
                           rt_group_all_to_all(group, &copy, &tensor), rt_group_barrier(group)};
        mem_fail_at(0, false);
        for (int i = 0; i < 4; i++) {
            failed += works[i] == NULL;
            rt_work_drop(works[i]);
        }
        error_clear();
    }
    mem_stats(&after);
    assert_true(failed >= 10);
    assert_int_equal(before.live_blocks[MEM_COMM], after.live_blocks[MEM_COMM]);
    rt_scope_close(scope);
    rt_group_drop(group);
    comm_free(comm);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_combine_half),
        cmocka_unit_test(test_all_reduce_sizes),
        cmocka_unit_test(test_all_dtypes),
        cmocka_unit_test(test_moves),
        cmocka_unit_test(test_strided),
        cmocka_unit_test(test_points),
        cmocka_unit_test(test_point_misfit),
        cmocka_unit_test(test_overlap),
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_quarrels),
        cmocka_unit_test(test_uneven_all_to_all),
        cmocka_unit_test(test_late),
        cmocka_unit_test(test_goodbye),
        cmocka_unit_test(test_gone),
        cmocka_unit_test(test_allocations),
    };
    return cmocka_run_group_tests_name("comm", tests, NULL, NULL);
}
