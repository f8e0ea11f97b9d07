// The launcher's parts that need no process: options, placement, starters, lines, outcomes.
#include "launcher/lines.h"
#include "launcher/options.h"
#include "launcher/outcome.h"
#include "launcher/place.h"
#include "launcher/world.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "check.h"

// ---- options

static Status parse(Options *out, const char *words) {
    static char copy[256];
    static char *argv[32];
    int argc = 0;
    snprintf(copy, sizeof copy, "%s", words);
    argv[argc++] = "rustorch-launch";
    for (char *word = strtok(copy, " "); word; word = strtok(NULL, " ")) argv[argc++] = word;
    argv[argc] = NULL;
    return options_parse(argc, argv, out);
}

static void test_options(void **state) {
    (void)state;
    Options options;
    assert_int_equal(parse(&options, "-n 4 train.py -n 5 --help"), OK);
    assert_int_equal(options.ranks, 4);
    assert_false(options.help);
    assert_string_equal(options.script[0], "train.py");
    assert_string_equal(options.script[3], "--help");
    assert_int_equal(parse(&options, "-n4 --log-dir=a=b --max-restarts 0 -m pkg.mod -x"), OK);
    assert_int_equal(options.ranks, 4);
    assert_int_equal(options.max_restarts, 0);
    assert_string_equal(options.log_dir, "a=b");
    assert_true(options.module);
    assert_string_equal(options.script[0], "pkg.mod");
    assert_int_equal(parse(&options, ""), OK);
    assert_null(options.script[0]);
    assert_int_equal(options.ranks, -1);
    assert_int_equal(parse(&options, "- x"), OK); // a script named "-"
    assert_string_equal(options.script[0], "-");
}

static void test_wrong_options(void **state) {
    (void)state;
    static const struct {
        const char *words, *says;
    } rows[] = {
        {"-n 0", "at least one"},
        {"-n", "-n needs a value: -n N"},
        {"-ntwo", "-n takes a whole number, not 'two'"},
        {"--ranks=two", "--ranks takes a whole number, not 'two'"},
        {"-n 99999999999999999999", "whole number"},
        {"--rank 3", "--ranks?"},
        {"--orver", "unknown"},
        {"--dry-run=1", "no value"},
        {"--prefix=x", "auto"},
        {"-x", "unknown"},
        {"--oversubscribed", "--oversubscribe?"},
        {"--log-dir", "needs a value"},
        {"--restarts=1", "unknown option --restarts;"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Options options;
        assert_int_equal(parse(&options, rows[i].words), ERR_VALUE);
        if (!strstr(error_message(), rows[i].says))
            fail_msg("%s: %s", rows[i].words, error_message());
    }
}

// ---- placement

static void test_division_of_cores(void **state) {
    (void)state;
    int cores[48];
    for (int i = 0; i < 48; i++) cores[i] = 2 * i;
    for (int ncores = 1; ncores <= 48; ncores++)
        for (int ranks = 1; ranks <= ncores; ranks++) {
            int next = 0;
            for (int rank = 0; rank < ranks; rank++) {
                Placement place;
                place_divide(cores, ncores, ncores, rank, ranks, &place);
                assert_in_range(place.ncores, ncores / ranks, (ncores + ranks - 1) / ranks);
                assert_int_equal(place.threads, place.ncores);
                assert_int_equal(place.bound, ranks > 1);
                assert_false(place.shared);
                for (int i = 0; i < place.ncores; i++) assert_int_equal(place.cores[i], 2 * next++);
            }
            assert_int_equal(next, ncores); // every core has exactly one rank
        }
}

static void test_more_ranks_than_cores(void **state) {
    (void)state;
    int cores[2] = {3, 7};
    Placement place;
    place_divide(cores, 2, 2, 4, 5, &place);
    assert_true(place.shared);
    assert_false(place.bound);
    assert_int_equal(place.ncores, 2);
    assert_int_equal(place.threads, 1);
}

static void test_quota(void **state) {
    (void)state;
    int cores[64];
    for (int i = 0; i < 64; i++) cores[i] = i;
    Placement place;
    place_divide(cores, 64, 8, 1, 4, &place); // a container with 8 of 64 cores' time
    assert_int_equal(place.ncores, 16);
    assert_int_equal(place.threads, 2);
    place_divide(cores, 64, 2, 1, 4, &place);
    assert_int_equal(place.threads, 1);
}

static void test_placement_text(void **state) {
    (void)state;
    int cores[6] = {0, 1, 2, 8, 10, 11};
    Placement place;
    Text text = {0};
    place_divide(cores, 6, 6, 0, 1, &place);
    place_text(&place, &text);
    assert_string_equal(text_chars(&text), "cores 0-2,8,10-11, 6 threads");
    text_clear(&text);
    place_divide(cores, 1, 1, 0, 1, &place);
    place_text(&place, &text);
    assert_string_equal(text_chars(&text), "core 0, 1 thread");
    text_clear(&text);
}

// ---- starters

static void test_slurm_tasks(void **state) {
    (void)state;
    assert_int_equal(slurm_tasks_on_node("2(x3),1", 0), 2);
    assert_int_equal(slurm_tasks_on_node("2(x3),1", 2), 2);
    assert_int_equal(slurm_tasks_on_node("2(x3),1", 3), 1);
    assert_int_equal(slurm_tasks_on_node("2(x3),1", 4), -1);
    assert_int_equal(slurm_tasks_on_node("16", 0), 16);
    static const char *broken[] = {"", "x", "2(", "2(x", "2(x)", "2(x3", "2(x-1)", "2;3", "-1"};
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
        assert_int_equal(slurm_tasks_on_node(broken[i], 5), -1);
}

// ---- lines

static Text seen;

// A piece is shown as <s|-><r|-> and its text, so that order, cut and marks are visible.
static void see(void *context, const Piece *piece) {
    (void)context;
    text_addf(&seen, "<%c%c>", piece->starts ? 's' : '-', piece->raw ? 'r' : '-');
    text_addn(&seen, piece->chars, piece->length);
}

static void feed(Lines *lines, const char *chars, int64_t now) {
    lines_feed(lines, chars, strlen(chars), now, see, NULL);
}

static void expect_seen(const char *expected) {
    assert_string_equal(text_chars(&seen), expected);
    text_clear(&seen);
}

static void test_whole_lines(void **state) {
    (void)state;
    Lines lines = {.bars = false};
    feed(&lines, "one\ntw", 0);
    expect_seen("<s->one\n");
    assert_int_equal(lines_wait(&lines, 1000, false, see, NULL), -1);
    expect_seen("");
    feed(&lines, "o\n\nthree", 0);
    expect_seen("<s->two\n<s->\n");
    lines_wait(&lines, 0, true, see, NULL);
    expect_seen("<s->three");
    lines_clear(&lines);
    lines_clear(&lines);
}

static void test_bars_of_other_ranks(void **state) {
    (void)state;
    Lines lines = {.bars = false};
    feed(&lines, "\r1/3\r2/3", 0);
    expect_seen("");
    feed(&lines, "\r3/3\nend\r\n", 0);
    expect_seen("<s->3/3\n<s->end\r\n");
    lines_clear(&lines);
}

static void test_bar_and_prompt_of_rank_zero(void **state) {
    (void)state;
    Lines lines = {.bars = true, .prompts = true};
    feed(&lines, "name? ", 100);
    expect_seen("");
    assert_int_equal(lines_wait(&lines, 110, false, see, NULL), LINES_WAIT_MS - 10);
    assert_int_equal(lines_wait(&lines, 100 + LINES_WAIT_MS, false, see, NULL), -1);
    expect_seen("<s->name? ");
    feed(&lines, "thanks\n", 200);
    expect_seen("<-->thanks\n");
    feed(&lines, "\r1/2", 300);
    expect_seen("<sr>\r1/2");
    feed(&lines, "\r2/2", 400);
    expect_seen("<-r>\r2/2");
    feed(&lines, "\nplain\n", 500);
    expect_seen("<-r>\n<s->plain\n");
    lines_clear(&lines);
}

static void test_no_prompts_without_a_terminal(void **state) {
    (void)state;
    Lines lines = {.bars = true};
    feed(&lines, "half", 0);
    assert_int_equal(lines_wait(&lines, 100000, false, see, NULL), -1);
    expect_seen("");
    feed(&lines, " a line\n\rbar", 0);
    expect_seen("<s->half a line\n<sr>\rbar");
    lines_clear(&lines);
}

static void test_any_cut_gives_the_same_lines(void **state) {
    (void)state;
    static const char all[] = "alpha\nbe\rta\n\n\rgamma\r\ndelta\n";
    Lines whole = {.bars = false};
    feed(&whole, all, 0);
    char *expected = strdup(text_chars(&seen));
    text_clear(&seen);
    size_t n = strlen(all);
    for (size_t i = 0; i <= n; i++)
        for (size_t j = i; j <= n; j++) {
            Lines lines = {.bars = false};
            lines_feed(&lines, all, i, 0, see, NULL);
            lines_feed(&lines, all + i, j - i, 0, see, NULL);
            lines_feed(&lines, all + j, n - j, 0, see, NULL);
            expect_seen(expected);
            lines_clear(&lines);
        }
    free(expected);
    lines_clear(&whole);
}

// ---- outcomes

static End read_end(const char *record, int status, bool told, int *out_code) {
    Text report = {0};
    Outcome outcome = {0};
    text_add(&report, record);
    outcome_read(&outcome, status, &report, told);
    End end = outcome.end;
    *out_code = outcome.code;
    outcome_clear(&outcome);
    text_clear(&report);
    return end;
}

static void test_outcomes(void **state) {
    (void)state;
    static const struct {
        const char *record;
        int status;
        bool told;
        End end;
        int code;
    } rows[] = {
        {"done 0\n", 0, false, END_DONE, 0},
        {"", 0, false, END_QUIET, 0},
        {"", 3 << 8, false, END_EXIT, 3},
        {"exit 3\n", 3 << 8, false, END_EXIT, 3},
        {"usage 2\n", 2 << 8, false, END_USAGE, 2},
        {"exception 1\nTraceback\n", 1 << 8, false, END_EXCEPTION, 1},
        {"exception 1\nTraceback\n", SIGKILL, false, END_EXCEPTION,
         1},                                           // killed while it cleaned up
        {"done 0\n", SIGSEGV, false, END_SIGNAL, 139}, // crashed while it cleaned up
        {"done 0\n", 120 << 8, false, END_EXIT, 120},
        {"Fatal Python error: ...\n", SIGSEGV, false, END_SIGNAL, 139},
        {"", SIGKILL, true, END_STOPPED, 137},
        {"interrupt 130\n", 130 << 8, true, END_STOPPED, 130},
        {"interrupt 130\n", 130 << 8, false, END_INTERRUPT, 130},
        {"exception", SIGKILL, false, END_SIGNAL, 137}, // cut in the middle
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int code;
        End end = read_end(rows[i].record, rows[i].status, rows[i].told, &code);
        if (end != rows[i].end || code != rows[i].code)
            fail_msg("row %zu: end %d, code %d", i, end, code);
    }
}

static void test_long_traceback_keeps_its_end(void **state) {
    (void)state;
    Text report = {0};
    Outcome outcome = {0};
    text_add(&report, "exception 1\n");
    for (int i = 0; i < 20000; i++) text_addf(&report, "line %d\n", i);
    assert_true(outcome_early(&outcome, &report));
    assert_in_range(outcome.text.length, OUTCOME_LONGEST, OUTCOME_LONGEST + 16);
    assert_non_null(strstr(text_chars(&outcome.text), "line 19999\n"));
    assert_int_equal(strncmp(text_chars(&outcome.text), "[...]", 5), 0);
    outcome_clear(&outcome);
    text_clear(&report);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_wrong_options),
        cmocka_unit_test(test_division_of_cores),
        cmocka_unit_test(test_more_ranks_than_cores),
        cmocka_unit_test(test_quota),
        cmocka_unit_test(test_placement_text),
        cmocka_unit_test(test_slurm_tasks),
        cmocka_unit_test(test_whole_lines),
        cmocka_unit_test(test_bars_of_other_ranks),
        cmocka_unit_test(test_bar_and_prompt_of_rank_zero),
        cmocka_unit_test(test_no_prompts_without_a_terminal),
        cmocka_unit_test(test_any_cut_gives_the_same_lines),
        cmocka_unit_test(test_outcomes),
        cmocka_unit_test(test_long_traceback_keeps_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
