// Ticks of axes, and figures drawn from C: what is drawn, what is refused, and every allocation failing once.
// What the pictures show is in tests/python/test_visualization.py.
#define _GNU_SOURCE
#include "check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "io/figure.h"
#include "rustorch_plugin.h"

static int start(void **state) {
    (void)state;
    return rt_init() < 0 ? -1 : 0;
}

// Ticks ------------------------------------------------------------------------------------------

static void expect_ticks(double low, double high, bool log, bool whole, int most, const char *texts,
                         const char *factor) {
    Axis axis;
    char found[1024] = "";
    axis_make(&axis, low, high, log, whole, most);
    for (int i = 0; i < axis.nticks; i++) {
        size_t used = strlen(found);
        snprintf(found + used, sizeof found - used, "%s%s", i ? " " : "", axis.text[i]);
        double at = axis_place(&axis, axis.tick[i]);
        assert_true(at > -1e-6 && at < 1 + 1e-6);
    }
    assert_string_equal(found, texts);
    assert_string_equal(axis.factor, factor);
}

static void test_ticks(void **state) {
    (void)state;
    expect_ticks(0, 1, false, false, 6, "0.0 0.2 0.4 0.6 0.8 1.0", "");
    expect_ticks(-3.2, 7.9, false, false, 6, "−2 0 2 4 6", "");
    expect_ticks(1, 3, false, true, 9, "1 2 3", "");
    expect_ticks(0, 5e6, false, false, 6, "0 1 2 3 4 5", "×10⁶");
    expect_ticks(0, 4e-7, false, false, 5, "0 1 2 3 4", "×10⁻⁷");
    expect_ticks(1e9 - 0.01, 1e9 + 0.04, false, false, 6, "−0.01 0.00 0.01 0.02 0.03 0.04",
                 "+ 1000000000");
    expect_ticks(0.01, 1000, true, false, 8, "0.01 0.1 1 10 100 1000", "");
    expect_ticks(1e-8, 1e8, true, false, 6, "10⁻⁶ 10⁻³ 10⁰ 10³ 10⁶", "");
    expect_ticks(2.1, 60, true, false, 8, "5 10 20 50", "");
    expect_ticks(2.1, 8, true, false, 9, "3 4 5 6 7 8", "");
    expect_ticks(NAN, NAN, false, false, 6, "0.0 0.2 0.4 0.6 0.8 1.0", "");
}

static void test_hard_ranges(void **state) {
    (void)state;
    static const double ranges[][2] = {{0, 5e-324},    {-1.7e308, 1.7e308}, {1, 1 + 1e-15},
                                       {1e300, 1e301}, {-1e-300, 1e-300},   {5, 5},
                                       {0, 0},         {1e16, 1e16 + 4},    {-7, -6.9999999999},
                                       {1e-310, 1e300}};
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        for (int most = 2; most <= 20; most++)
            for (int log = 0; log <= 1; log++) {
                if (log && ranges[i][0] <= 0) continue;
                Axis axis;
                double low = ranges[i][0], high = ranges[i][1];
                axis_widen(&low, &high, log, 0.05, 0.05);
                axis_make(&axis, low, high, log, false, most);
                assert_true(axis.nticks <= AXIS_TICKS);
                assert_true(axis.high > axis.low);
                for (int k = 1; k < axis.nticks; k++) assert_true(axis.tick[k] > axis.tick[k - 1]);
            }
}

// Figures ----------------------------------------------------------------------------------------

static const double xs[] = {0, 1, 2, 3}, ys[] = {1, NAN, 3, 2};
static RtMark line = {.kind = RT_MARK_LINE,
                      .name = "line",
                      .x = xs,
                      .y = ys,
                      .n = 4,
                      .colour = 0x0072b2ff,
                      .width = 1.5};
static RtPanel panel = {.title = "title",
                        .x = {.low = NAN, .high = NAN, .label = "x"},
                        .y = {.low = NAN, .high = NAN},
                        .marks = &line,
                        .nmarks = 1,
                        .grid_y = true};
static RtFigure figure = {
    .title = "figure",
    .width = 200,
    .height = 120,
    .columns = 1,
    .panels = &panel,
    .npanels = 1,
    .style = {0xffffffff, 0xffffffff, 0x000000ff, 0x555555ff, 0xdddddddd, "Sans", 10}};

static Status count(void *context, const void *bytes, size_t n) {
    (void)bytes;
    *(size_t *)context += n;
    return OK;
}
static Status refuse(void *context, const void *bytes, size_t n) {
    (void)context, (void)bytes, (void)n;
    return fail(ERR_FILE, "the disk is full");
}

static Status draw(RtFigureFormat format) {
    size_t n = 0;
    RtMissing missing;
    Status status = rt_figure_draw(&figure, format, 1, count, &n, &missing);
    if (status >= 0) assert_true(n > 500);
    return status;
}

static void test_draw(void **state) {
    (void)state;
    if (draw(RT_FIGURE_PNG) == ERR_PLUGIN) skip();
    error_clear();
    for (int format = 0; format < RT_FIGURE_FORMAT_COUNT; format++)
        CHECK_OK(draw((RtFigureFormat)format));
    RtMissing missing;
    for (int format = 0; format < RT_FIGURE_FORMAT_COUNT; format++)
        CHECK_FAILS(rt_figure_draw(&figure, (RtFigureFormat)format, 1, refuse, NULL, &missing),
                    ERR_FILE, "disk is full");
    double size[2], taller[2];
    CHECK_OK(rt_figure_measure("one line", "Sans", 10, false, size));
    CHECK_OK(rt_figure_measure("one line\ntwo", "Sans", 10, true, taller));
    assert_true(size[0] > 20 && size[1] > 8 && taller[1] > 1.8 * size[1]);
}

static void test_refusals(void **state) {
    (void)state;
    RtMissing missing;
    size_t n = 0;
#define REFUSED(change_, text_)                                                                    \
    do {                                                                                           \
        RtMark kept_line = line;                                                                   \
        RtPanel kept_panel = panel;                                                                \
        RtFigure kept = figure;                                                                    \
        change_;                                                                                   \
        CHECK_FAILS(rt_figure_draw(&figure, RT_FIGURE_PNG, 1, count, &n, &missing), ERR_VALUE,     \
                    text_);                                                                        \
        line = kept_line, panel = kept_panel, figure = kept;                                       \
    } while (0)
    REFUSED(figure.npanels = 0, "nothing to draw");
    REFUSED(figure.columns = 0, "in a row");
    REFUSED(figure.width = NAN, "points");
    REFUSED(figure.width = 20001, "20000");
    REFUSED(figure.style.font = NULL, "font");
    REFUSED(line.kind = RT_MARK_COUNT, "kind");
    REFUSED(line.dash = RT_DASH_COUNT, "dash");
    REFUSED(line.y = NULL, "lacks");
    REFUSED((line.kind = RT_MARK_IMAGE, line.x2 = xs, line.y2 = ys), "lacks");
    REFUSED(line.n = -1, "-1 elements");
    REFUSED(panel.x.kind = RT_AXIS_NAMES, "without names");
    REFUSED((panel.y.kind = RT_AXIS_LOG, panel.y.low = -1), "logarithmic");
    CHECK_FAILS(rt_figure_draw(&figure, RT_FIGURE_PNG, 65, count, &n, &missing), ERR_VALUE,
                "scale");
    CHECK_FAILS(rt_figure_save(&figure, "picture.gif", 1, &missing), ERR_VALUE,
                ".png, .svg or .pdf");
    CHECK_FAILS(rt_figure_save(&figure, "/nonexistent-folder/a.png", 1, &missing), ERR_MISSING,
                "nonexistent");
    error_clear();
}

static void test_memory(void **state) {
    (void)state;
    char folder[] = "/tmp/rustorch-plot-XXXXXX", path[64];
    RtMissing missing;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/a.png", folder);
    Status first = rt_figure_save(&figure, path, 1, &missing);
    if (first == ERR_PLUGIN) {
        rmdir(folder);
        skip();
    }
    CHECK_OK(first);
    MemStats before, after;
    mem_stats(&before);
    for (int64_t n = 1;; n++) {
        unlink(path);
        mem_fail_at(n, false);
        Status status = rt_figure_save(&figure, path, 1, &missing);
        bool armed = mem_fail_armed();
        mem_fail_at(0, false);
        if (status < 0) {
            assert_int_equal(rt_error_code(), ERR_MEMORY);
            assert_int_equal(access(path, F_OK), -1); // nothing rather than a part
        }
        error_clear();
        mem_stats(&after);
        assert_int_equal(after.live_bytes[MEM_IO], before.live_bytes[MEM_IO]);
        if (armed) break;
        assert_true(n < 200);
    }
    unlink(path);
    assert_int_equal(rmdir(folder), 0); // no temporary file is left
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ticks),  cmocka_unit_test(test_hard_ranges),
        cmocka_unit_test(test_draw),   cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
