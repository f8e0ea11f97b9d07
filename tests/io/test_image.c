// Image transforms and files from C, and rows of HDF5 files: every allocation fails once, and nothing is lost or leaked.
// Values are in tests/python/test_data_transforms.py, test_data_images.py and test_data_datasets.py.
#define _GNU_SOURCE
#include "check.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "io/io.h"

#define HEIGHT 11
#define WIDTH 13

static RtTensor *picture; // (2, 3, HEIGHT, WIDTH), uint8

static int start(void **state) {
    (void)state;
    RtScope scope;
    if (rt_init() < 0 || rt_scope_open(&scope) < 0) return -1;
    RtTensor *x = rt_tensor_new(4, (int64_t[]){2, 3, HEIGHT, WIDTH}, RT_U8, (RtDevice){RT_CPU, 0});
    if (!x) return -1;
    uint8_t *bytes = rt_tensor_data(x);
    for (int64_t i = 0; i < x->numel; i++) bytes[i] = (uint8_t)(i * 7919 >> 3);
    picture = rt_tensor_keep(x);
    rt_scope_close(scope);
    return 0;
}

static int end(void **state) {
    (void)state;
    rt_tensor_drop(picture);
    return 0;
}

typedef RtTensor *(*Make)(void);

static RtTensor *first(void) { return rt_select(picture, WITH(slice, .dim = 0, .index = 1)); }
static RtTensor *as_half(void) { return rt_cast(picture, WITH(cast, .dtype = RT_F16)); }

static RtTensor *make_pad(void) { return rt_image_pad(picture, 3, 2, 1, -4, RT_PAD_REFLECT, NULL, 0); }
static RtTensor *make_flip(void) { return rt_image_flip(picture, true, true); }
static RtTensor *make_resize(void) { return rt_image_resize(picture, 5, 20, RT_RESAMPLE_BICUBIC, true); }
static RtTensor *make_point(void) { return rt_image_resize(as_half(), 30, 4, RT_RESAMPLE_BILINEAR, false); }
static RtTensor *make_nearest(void) { return rt_image_resize(picture, 30, 4, RT_RESAMPLE_NEAREST, false); }
static RtTensor *make_blur(void) { return rt_image_blur(picture, (int64_t[]){5, 7}, (double[]){1, 2}); }
static RtTensor *make_warp(void) {
    const double matrix[] = {0.9, 0.2, 1, -0.2, 0.9, 1, 0.001, 0, 1}, fill[] = {1, 2, 3};
    return rt_image_warp(picture, 9, 9, matrix, RT_RESAMPLE_BILINEAR, fill, 3);
}
static RtTensor *make_contrast(void) { return rt_image_adjust(picture, RT_ADJUST_CONTRAST, 1.5); }
static RtTensor *make_hue(void) { return rt_image_adjust(picture, RT_ADJUST_HUE, 0.2); }
static RtTensor *make_sharp(void) { return rt_image_adjust(picture, RT_ADJUST_SHARPNESS, 1.5); }
static RtTensor *make_gray(void) { return rt_image_gray(picture, 3); }
static RtTensor *make_scale(void) {
    return rt_image_scale(picture, 255, 3, (double[]){0.1, 0.2, 0.3}, (double[]){1, 2, 4});
}
static RtTensor *make_histogram(void) { return rt_image_histogram(picture); }
static RtTensor *make_png(void) { return rt_image_encode(first(), RT_IMAGE_PNG, 6); }
static RtTensor *make_jpeg(void) { return rt_image_encode(first(), RT_IMAGE_JPEG, 90); }
static RtTensor *make_back(void) {
    RtTensor *file = make_png();
    int orientation;
    return file ? rt_image_decode(rt_tensor_data(file), (size_t)file->numel, RT_IMAGE_ANY, RT_IMAGE_UNCHANGED, true, &orientation)
                : NULL;
}

// A first call for what is opened and kept once; then every allocation fails until the call goes through.
static void walk(Make make) {
    RtScope scope;
    assert_int_equal(rt_scope_open(&scope), OK);
    RtTensor *want = make();
    assert_non_null(want);
    MemStats before, after;
    mem_stats(&before);
    for (int64_t n = 1;; n++) {
        RtScope inner;
        assert_int_equal(rt_scope_open(&inner), OK);
        mem_fail_at(n, false);
        RtTensor *got = make();
        bool armed = mem_fail_armed();
        mem_fail_at(0, false);
        if (!got) assert_int_equal(rt_error_code(), ERR_MEMORY);
        rt_error_clear();
        if (got) {
            assert_int_equal(got->numel, want->numel);
            assert_memory_equal(rt_tensor_data(got), rt_tensor_data(want), (size_t)got->numel * rt_dtype_bytes((RtDtype)got->dtype));
        }
        rt_scope_close(inner);
        mem_stats(&after);
        assert_int_equal(after.live_bytes[MEM_IO], before.live_bytes[MEM_IO]);
        if (armed) break;
        assert_true(n < 200);
    }
    rt_scope_close(scope);
}

static void test_transforms(void **state) {
    (void)state;
    static const Make makes[] = {make_pad,  make_flip,     make_resize, make_point, make_nearest, make_blur,  make_warp,
                                 make_hue,  make_contrast, make_sharp,  make_gray,  make_scale,   make_histogram};
    for (size_t i = 0; i < sizeof makes / sizeof *makes; i++) walk(makes[i]);
}

static void test_files(void **state) {
    (void)state;
    if (!rt_image_encode(picture, RT_IMAGE_PNG, 6) && rt_error_code() == ERR_PLUGIN) skip();
    rt_error_clear();
    walk(make_png);
    walk(make_jpeg);
    walk(make_back);
    RtScope scope;
    assert_int_equal(rt_scope_open(&scope), OK);
    RtTensor *back = make_back(), *source = first();
    assert_memory_equal(rt_tensor_data(back), rt_tensor_data(source), 3 * HEIGHT * WIDTH);
    rt_scope_close(scope);
}

static void test_refusals(void **state) {
    (void)state;
    RtScope scope;
    assert_int_equal(rt_scope_open(&scope), OK);
    assert_null(rt_image_pad(NULL, 1, 1, 1, 1, RT_PAD_CONSTANT, NULL, 0));
    assert_null(rt_image_adjust(picture, (RtAdjust)99, 1));
    assert_int_equal(rt_error_code(), ERR_VALUE);
    assert_null(rt_image_pad(picture, INT64_MAX, 1, INT64_MAX, 1, RT_PAD_EDGE, NULL, 0));
    assert_int_equal(rt_error_code(), ERR_VALUE);
    assert_null(rt_image_resize(picture, INT64_C(1) << 40, INT64_C(1) << 40, RT_RESAMPLE_BILINEAR, true));
    assert_true(rt_error_code() < 0);
    assert_null(rt_image_warp(picture, -1, 5, (double[9]){0}, RT_RESAMPLE_NEAREST, NULL, 0));
    assert_true(rt_error_code() < 0);
    int orientation;
    assert_null(rt_image_decode("nothing", 7, RT_IMAGE_ANY, RT_IMAGE_RGB, false, &orientation));
    assert_int_equal(rt_error_code(), ERR_FILE);
    rt_error_clear();
    rt_scope_close(scope);
}

static char path[] = "/tmp/rustorch-rows-XXXXXX";
static RtRows *rows;

static RtTensor *make_rows(void) {
    RtRows *opened = rt_rows_open(path, "x");
    RtTensor *out = opened ? rt_rows_read(opened, (int64_t[]){1, 0, 1}, 3) : NULL;
    rt_rows_close(opened);
    return out;
}

static void test_rows(void **state) {
    (void)state;
    int handle = mkstemp(path);
    assert_true(handle >= 0);
    close(handle);
    Status saved = rt_file_save(path, &(RtFileItem){"x", picture}, 1);
    if (saved == ERR_PLUGIN) skip();
    assert_int_equal(saved, OK);
    walk(make_rows);
    rows = rt_rows_open(path, "x");
    assert_non_null(rows);
    RtScope scope;
    assert_int_equal(rt_scope_open(&scope), OK);
    const int64_t index = 1;
    RtTensor *row = rt_rows_read(rows, &index, 1);
    assert_memory_equal(rt_tensor_data(row), (uint8_t *)rt_tensor_data(picture) + row->numel, (size_t)row->numel);
    const int64_t outside = 2;
    assert_null(rt_rows_read(rows, &outside, 1));
    assert_int_equal(rt_error_code(), ERR_INDEX);
    rt_error_clear();
    rt_scope_close(scope);
    rt_rows_close(rows);
    unlink(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_transforms),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_rows),
    };
    return cmocka_run_group_tests(tests, start, end);
}
