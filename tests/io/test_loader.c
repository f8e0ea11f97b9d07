// Batches of rows: the same whatever the number of threads, dropped at any moment, and every
// allocation failing once. The thread sanitizer runs this as well.
#include "check.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/memory.h"
#include "io/io.h"

enum { ROWS = 103, PIXELS = 2 * 3 };

typedef struct Data {
    RtTensor *images, *labels; // (ROWS, 2, 3) u8; (ROWS) i64
    int64_t order[ROWS];
} Data;

static void data_make(Data *data) {
    RtDevice cpu = {RT_CPU, 0};
    data->images = rt_tensor_new(3, (int64_t[]){ROWS, 2, 3}, RT_U8, cpu);
    data->labels = rt_tensor_new(1, (int64_t[]){ROWS}, RT_I64, cpu);
    CHECK_MADE(data->images);
    CHECK_MADE(data->labels);
    for (int i = 0; i < ROWS * PIXELS; i++)
        ((uint8_t *)rt_tensor_data(data->images))[i] = (uint8_t)(i * 7);
    for (int i = 0; i < ROWS; i++) {
        ((int64_t *)rt_tensor_data(data->labels))[i] = 1000 + i;
        data->order[i] = i * 37 % ROWS;
    }
}

static const double mean[1] = {0.25}, deviation[1] = {0.5};

static RtLoader *loader_open(const Data *data, int batch, bool drop_last, int threads, int depth) {
    RtLoaderSource sources[2] = {{.tensor = data->images,
                                  .affine = true,
                                  .add_channel = true,
                                  .divisor = 255,
                                  .nchannels = 1,
                                  .mean = mean,
                                  .std = deviation},
                                 {.tensor = data->labels}};
    return rt_loader_new(sources, 2, data->order, ROWS, batch, drop_last, threads, depth);
}

// The number of differences from what batch k must hold.
static int batch_differs(const Data *data, RtTensor **batch, int64_t k, int64_t size) {
    int64_t begin = k * size, n = ROWS - begin < size ? ROWS - begin : size;
    int differs = batch[0]->ndim != 4 || batch[0]->shape[0] != n || batch[0]->shape[1] != 1 ||
                  batch[0]->dtype != RT_F32 || batch[1]->ndim != 1 || batch[1]->shape[0] != n;
    for (int64_t i = 0; !differs && i < n; i++) {
        int64_t row = data->order[begin + i];
        differs += ((const int64_t *)rt_tensor_data(batch[1]))[i] != 1000 + row;
        for (int64_t j = 0; j < PIXELS; j++) {
            double pixel = ((const uint8_t *)rt_tensor_data(data->images))[row * PIXELS + j];
            float got = ((const float *)rt_tensor_data(batch[0]))[i * PIXELS + j];
            differs += fabs(got - (pixel / 255 - mean[0]) / deviation[0]) > 1e-6;
        }
    }
    return differs;
}

// Takes at most `most` batches; the number taken, or a negative Status.
static int64_t take(const Data *data, RtLoader *loader, int size, int64_t most, int *out_differs) {
    for (int64_t k = 0; k < most; k++) {
        RtScope scope;
        TRY(rt_scope_open(&scope));
        RtTensor *batch[2];
        bool done;
        Status status = rt_loader_next(loader, batch, &done);
        if (status >= 0 && !done) *out_differs += batch_differs(data, batch, k, size);
        rt_scope_close(scope);
        TRY(status);
        if (done) return k;
    }
    return most;
}

static void test_same_for_all_threads(void **state) {
    (void)state;
    RtScope scope;
    CHECK_OK(rt_scope_open(&scope));
    Data data;
    data_make(&data);
    for (int threads = 0; threads <= 4; threads++)
        for (int depth = 1; depth <= 6; depth += 5)
            for (int drop_last = 0; drop_last < 2; drop_last++) {
                RtLoader *loader = loader_open(&data, 8, drop_last, threads, depth);
                CHECK_MADE(loader);
                int differs = 0;
                assert_int_equal(take(&data, loader, 8, 1000, &differs), drop_last ? 12 : 13);
                assert_int_equal(differs, 0);
                assert_int_equal(take(&data, loader, 8, 1000, &differs),
                                 0); // and it stays at the end
                rt_loader_drop(loader);
            }
    rt_scope_close(scope);
}

static void test_dropped_early(void **state) {
    (void)state;
    RtScope scope;
    CHECK_OK(rt_scope_open(&scope));
    Data data;
    data_make(&data);
    RtMemoryStats before, after;
    rt_memory_stats(&before);
    for (int most = 0; most < 10; most++) {
        RtLoader *loader = loader_open(&data, 3, false, 3, 4);
        CHECK_MADE(loader);
        int differs = 0;
        assert_int_equal(take(&data, loader, 3, most, &differs), most);
        assert_int_equal(differs, 0);
        rt_loader_drop(loader);
    }
    rt_memory_stats(&after);
    assert_int_equal(after.live_bytes, before.live_bytes);
    rt_scope_close(scope);
}

typedef struct Reader {
    pthread_t thread;
    const Data *data;
    int64_t taken;
    int differs;
} Reader;

static void *run_reader(void *argument) {
    Reader *reader = argument;
    for (int epoch = 0; epoch < 5; epoch++) {
        RtLoader *loader = loader_open(reader->data, 4, false, 2, 3);
        int64_t taken = loader ? take(reader->data, loader, 4, 1000, &reader->differs) : -1;
        reader->taken = taken < 0 || reader->taken < 0 ? -1 : reader->taken + taken;
        rt_loader_drop(loader);
    }
    return NULL;
}

static void test_several_at_once(void **state) {
    (void)state;
    RtScope scope;
    CHECK_OK(rt_scope_open(&scope));
    Data data;
    data_make(&data);
    Reader readers[3];
    for (int i = 0; i < 3; i++) {
        readers[i] = (Reader){.data = &data};
        assert_int_equal(pthread_create(&readers[i].thread, NULL, run_reader, &readers[i]), 0);
    }
    for (int i = 0; i < 3; i++) {
        pthread_join(readers[i].thread, NULL);
        assert_int_equal(readers[i].taken, 5 * 26);
        assert_int_equal(readers[i].differs, 0);
    }
    rt_scope_close(scope);
}

// One loader, several takers: each batch goes to one of them.
static RtLoader *common;
static _Atomic int64_t common_labels;

static void *run_taker(void *unused) {
    (void)unused;
    for (bool done = false; !done;) {
        RtScope scope;
        RtTensor *batch[2];
        if (rt_scope_open(&scope) < 0 || rt_loader_next(common, batch, &done) < 0) abort();
        for (int64_t i = 0; !done && i < batch[1]->numel; i++)
            common_labels += ((const int64_t *)rt_tensor_data(batch[1]))[i];
        rt_scope_close(scope);
    }
    return NULL;
}

static void test_several_take(void **state) {
    (void)state;
    RtScope scope;
    CHECK_OK(rt_scope_open(&scope));
    Data data;
    data_make(&data);
    for (int threads = 0; threads < 3; threads++) {
        common = loader_open(&data, 2, false, threads, 3);
        CHECK_MADE(common);
        common_labels = 0;
        pthread_t takers[3];
        for (int i = 0; i < 3; i++)
            assert_int_equal(pthread_create(&takers[i], NULL, run_taker, NULL), 0);
        for (int i = 0; i < 3; i++) pthread_join(takers[i], NULL);
        assert_int_equal(common_labels, ROWS * 1000 + ROWS * (ROWS - 1) / 2);
        rt_loader_drop(common);
    }
    rt_scope_close(scope);
}

static void test_allocations(void **state) {
    (void)state;
    RtScope scope;
    CHECK_OK(rt_scope_open(&scope));
    Data data;
    data_make(&data);
    for (int threads = 0; threads < 3; threads += 2) {
        RtMemoryStats before, after;
        MemStats io_before, io_after;
        rt_memory_stats(&before);
        mem_stats(&io_before);
        int failures = 0;
        for (int64_t n = 1;; n++) {
            mem_fail_at(n, false);
            RtLoader *loader = loader_open(&data, 50, false, threads, 2);
            int differs = 0;
            int64_t taken = loader ? take(&data, loader, 50, 1000, &differs) : -1;
            Status code = error_code();
            bool fired = !mem_fail_armed();
            mem_fail_at(0, false);
            rt_loader_drop(loader);
            assert_int_equal(differs, 0);
            if (taken < 0) {
                assert_int_equal(code, ERR_MEMORY);
                failures++;
                error_clear();
            } else {
                assert_int_equal(taken, 3);
            }
            rt_memory_stats(&after);
            mem_stats(&io_after);
            assert_int_equal(after.live_bytes, before.live_bytes);
            assert_int_equal(io_after.live_blocks[MEM_IO], io_before.live_blocks[MEM_IO]);
            if (!fired) break;
        }
        assert_true(failures > 5);
    }
    rt_scope_close(scope);
}

static void test_refused(void **state) {
    (void)state;
    RtScope scope;
    CHECK_OK(rt_scope_open(&scope));
    Data data;
    data_make(&data);
    data.order[5] = ROWS;
    CHECK_FAILS(loader_open(&data, 8, false, 2, 2), ERR_INDEX, "sample 103 was asked for");
    data.order[5] = -1;
    CHECK_FAILS(loader_open(&data, 8, false, 0, 2), ERR_INDEX, "sample -1 was asked for");
    CHECK_FAILS(loader_open(&data, 0, false, 0, 2), ERR_VALUE, "batch size 0");
    CHECK_FAILS(loader_open(&data, 8, false, -1, 2), ERR_VALUE, "-1 threads");
    rt_scope_close(scope);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_for_all_threads), cmocka_unit_test(test_dropped_early),
        cmocka_unit_test(test_several_at_once),      cmocka_unit_test(test_allocations),
        cmocka_unit_test(test_several_take),         cmocka_unit_test(test_refused),
    };
    rt_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
