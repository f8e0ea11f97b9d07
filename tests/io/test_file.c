// Files of tensors from C: round trips, checksums, and every allocation failing once. Damage,
// faults of the disk and kills are in tests/python/test_serialization.py, which goes through the
// same functions.
#define _GNU_SOURCE
#include "check.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "io/file.h"

static char folder[] = "/tmp/rustorch-io-XXXXXX", path[64];

static int start(void **state) {
    (void)state;
    if (rt_init() < 0 || !mkdtemp(folder)) return -1;
    snprintf(path, sizeof path, "%s/t.h5", folder);
    return 0;
}

static int end(void **state) {
    (void)state;
    unlink(path);
    return rmdir(folder); // fails if a temporary file is left
}

static int files_in_folder(void) {
    int n = 0;
    DIR *list = opendir(folder);
    for (struct dirent *entry; (entry = readdir(list));)
        n += entry->d_name[0] != '.' || strlen(entry->d_name) > 2;
    closedir(list);
    return n;
}

// RFC 3720, appendix B.4, and the check value of the polynomial.
static void test_crc_values(void **state) {
    (void)state;
    unsigned char bytes[32] = {0};
    assert_int_equal(crc32c(0, bytes, 32), 0x8A9136AA);
    memset(bytes, 0xFF, 32);
    assert_int_equal(crc32c(0, bytes, 32), 0x62A8AB43);
    for (int i = 0; i < 32; i++) bytes[i] = (unsigned char)i;
    assert_int_equal(crc32c(0, bytes, 32), 0x46DD794E);
    for (int i = 0; i < 32; i++) bytes[i] = (unsigned char)(31 - i);
    assert_int_equal(crc32c(0, bytes, 32), 0x113FDB5C);
    assert_int_equal(crc32c(0, "123456789", 9), 0xE3069283);
    assert_int_equal(crc32c(0, "", 0), 0);
}

static uint32_t crc_plain(const unsigned char *bytes, size_t n) {
    uint32_t crc = ~0u;
    for (; n; n--) {
        crc ^= *bytes++;
        for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0x82F63B78u : 0);
    }
    return ~crc;
}

// Every length around the stretches that are worked on together, at every alignment, in one piece
// and in two.
static void test_crc_lengths(void **state) {
    (void)state;
    static unsigned char bytes[40000];
    uint32_t seed = 1;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)((seed = seed * 1664525u + 1013904223u) >> 24);
    static const size_t lengths[] = {1,    7,    8,    9,     63,    2047,  2048, 6143,
                                     6144, 6145, 6152, 12287, 12288, 12289, 39000};
    for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++)
        for (size_t from = 0; from < 9; from++) {
            const unsigned char *at = bytes + from;
            uint32_t expected = crc_plain(at, lengths[k]);
            assert_int_equal(crc32c(0, at, lengths[k]), expected);
            size_t half = lengths[k] * 2 / 3;
            assert_int_equal(crc32c(crc32c(0, at, half), at + half, lengths[k] - half), expected);
        }
}

typedef struct Sample {
    RtFileItem items[5];
} Sample;

static void make_sample(Sample *sample) {
    const RtDevice cpu = {RT_CPU, 0};
    RtTensor *grid = rt_tensor_new(2, (int64_t[]){30, 50}, RT_F32, cpu);
    CHECK_MADE(grid);
    for (int i = 0; i < 1500; i++) ((float *)rt_tensor_data(grid))[i] = (float)i;
    RtTensor *scalar =
        rt_tensor_scalar((RtScalar){.kind = RT_SCALAR_FLOAT, .f = 2.5}, RT_F64, false);
    RtTensor *empty = rt_tensor_new(2, (int64_t[]){0, 3}, RT_I64, cpu);
    RtTensor *large = rt_tensor_new(1, (int64_t[]){100000}, RT_U8, cpu);
    CHECK_MADE(scalar);
    CHECK_MADE(empty);
    CHECK_MADE(large);
    memset(rt_tensor_data(large), 7, 100000);
    *sample = (Sample){{{"model/grid", grid},
                        {"scalar", scalar},
                        {"a/b/c/empty", empty},
                        {"large", large},
                        {"turned", rt_t(grid)}}};
    CHECK_MADE(sample->items[4].tensor);
}

static void check_file(const Sample *sample, RtTensor *(*read)(RtFile *, int)) {
    RtFile *file = rt_file_open(path);
    CHECK_MADE(file);
    assert_int_equal(rt_file_count(file), 5);
    int found = 0;
    for (int i = 0; i < 5; i++)
        for (int k = 0; k < 5; k++) {
            if (strcmp(rt_file_name(file, i), sample->items[k].name) != 0) continue;
            RtTensor *expected = sample->items[k].tensor, *tensor = read(file, i);
            CHECK_MADE(tensor);
            found++;
            assert_int_equal(tensor->dtype, expected->dtype);
            assert_int_equal(tensor->ndim, expected->ndim);
            for (int d = 0; d < tensor->ndim; d++)
                assert_int_equal(tensor->shape[d], expected->shape[d]);
            RtTensor *plain = rt_contiguous(expected);
            CHECK_MADE(plain);
            assert_memory_equal(rt_tensor_data(tensor), rt_tensor_data(plain),
                                (size_t)tensor->numel * rt_dtype_bytes((RtDtype)tensor->dtype));
        }
    assert_int_equal(found, 5);
    rt_file_close(file);
}

static void test_round_trip(void **state) {
    (void)state;
    RtScope scope;
    Sample sample;
    CHECK_OK(rt_scope_open(&scope));
    make_sample(&sample);
    CHECK_OK(rt_file_save(path, sample.items, 5));
    CHECK_OK(rt_file_verify(path));
    check_file(&sample, rt_file_read);
    check_file(&sample, rt_file_map);
    CHECK_OK(rt_file_save(path, NULL, 0));
    RtFile *file = rt_file_open(path);
    CHECK_MADE(file);
    assert_int_equal(rt_file_count(file), 0);
    rt_file_close(file);
    rt_scope_close(scope);
    assert_int_equal(files_in_folder(), 1);
}

// The same tensors give the same bytes.
static void test_same_bytes(void **state) {
    (void)state;
    RtScope scope;
    Sample sample;
    static char bytes[2][300000];
    ssize_t n[2];
    CHECK_OK(rt_scope_open(&scope));
    make_sample(&sample);
    for (int k = 0; k < 2; k++) {
        CHECK_OK(rt_file_save(path, sample.items, 5));
        int handle = open(path, O_RDONLY);
        n[k] = read(handle, bytes[k], sizeof bytes[k]);
        close(handle);
        usleep(1100000); // a time in the file would show
    }
    assert_int_equal(n[0], n[1]);
    assert_memory_equal(bytes[0], bytes[1], (size_t)n[0]);
    rt_scope_close(scope);
}

static int64_t live_blocks(void) {
    MemStats stats;
    int64_t sum = 0;
    mem_stats(&stats);
    for (int i = 0; i < MEM_COUNT; i++) sum += stats.live_blocks[i];
    return sum;
}

static Status save_all(const Sample *sample) { return rt_file_save(path, sample->items, 5); }
static Status read_all(const Sample *sample) {
    (void)sample;
    RtScope scope;
    RtFile *file = rt_file_open(path);
    if (!file) return error_code();
    Status status = rt_scope_open(&scope);
    if (status >= 0) {
        for (int i = 0; status >= 0 && i < rt_file_count(file); i++)
            if (!(i % 2 ? rt_file_map(file, i) : rt_file_read(file, i))) status = error_code();
        rt_scope_close(scope);
    }
    rt_file_close(file);
    return status;
}
static Status verify_all(const Sample *sample) {
    (void)sample;
    return rt_file_verify(path);
}

// The n-th allocation fails, for every n until none does: an error of memory, the earlier file
// whole, nothing leaked.
static void test_allocation_walk(void **state) {
    (void)state;
    static Status (*const actions[])(const Sample *) = {save_all, read_all, verify_all};
    RtScope scope;
    Sample sample;
    CHECK_OK(rt_scope_open(&scope));
    make_sample(&sample);
    for (size_t a = 0; a < sizeof actions / sizeof *actions; a++)
        for (int forever = 0; forever < 2; forever++) {
            CHECK_OK(save_all(&sample));
            CHECK_OK(actions[a](&sample)); // caches of the allocator are filled
            int64_t before = live_blocks(), n = 1;
            for (;; n++) {
                error_clear();
                mem_fail_at(n, forever);
                Status status = actions[a](&sample);
                mem_fail_at(0, false);
                if (status >= 0) break;
                assert_int_equal(status, ERR_MEMORY);
                assert_int_equal(error_code(), ERR_MEMORY);
                assert_int_equal(live_blocks(), before);
                CHECK_OK(rt_file_verify(path));
                assert_int_equal(files_in_folder(), 1);
                assert_true(n < 500);
            }
            assert_true(n > 2);
            check_file(&sample, rt_file_read);
        }
    rt_scope_close(scope);
}

static void test_refusals(void **state) {
    (void)state;
    RtScope scope;
    Sample sample;
    CHECK_OK(rt_scope_open(&scope));
    make_sample(&sample);
    CHECK_FAILS(rt_file_save("/nonexistent/x.h5", sample.items, 5), ERR_MISSING, "/nonexistent");
    CHECK_FAILS(rt_file_save(folder, sample.items, 5), ERR_FILE, "folder");
    CHECK_FAILS(rt_file_save("/dev/null", sample.items, 5), ERR_FILE, "device");
    CHECK_FAILS((intptr_t)rt_file_open("/nonexistent.h5"), ERR_MISSING, "No such file");
    CHECK_FAILS((intptr_t)rt_file_open("/dev/zero"), ERR_FILE, "not a file");
    RtFileItem twice[2] = {{"same", sample.items[0].tensor}, {"same", sample.items[1].tensor}};
    CHECK_FAILS(rt_file_save(path, twice, 2), ERR_FILE, "H5Dcreate2");
    RtFileItem below[2] = {{"x", sample.items[0].tensor}, {"x/y", sample.items[1].tensor}};
    CHECK_FAILS(rt_file_save(path, below, 2), ERR_FILE, "H5Dcreate2");
    CHECK_OK(rt_file_verify(path)); // the earlier one
    rt_scope_close(scope);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crc_values), cmocka_unit_test(test_crc_lengths),
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_same_bytes),
        cmocka_unit_test(test_refusals),   cmocka_unit_test(test_allocation_walk),
    };
    return cmocka_run_group_tests(tests, start, end);
}
