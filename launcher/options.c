#include "options.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum OptionKind { OPTION_FLAG, OPTION_NUMBER, OPTION_TEXT } OptionKind;

typedef struct OptionRow {
    OptionKind kind;
    char short_name;
    const char *name, *argument, *help;
    size_t offset; // of the field in Options
} OptionRow;

static const OptionRow rows[] = {
#define OPTION(kind_, field_, short_, long_, argument_, help_)                                     \
    {OPTION_##kind_, short_, long_, argument_, help_, offsetof(Options, field_)},
#include "options.def"
#undef OPTION
};
enum { ROW_COUNT = sizeof rows / sizeof *rows, NAME_MAX_LENGTH = 32 };

static size_t least(size_t a, size_t b, size_t c) {
    size_t ab = a < b ? a : b;
    return ab < c ? ab : c;
}

// Levenshtein's distance, for names of at most NAME_MAX_LENGTH letters.
static size_t edit_distance(const char *a, size_t na, const char *b) {
    size_t nb = strlen(b), row[NAME_MAX_LENGTH + 1];
    for (size_t j = 0; j <= nb; j++) row[j] = j;
    for (size_t i = 1; i <= na; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= nb; j++) {
            size_t above = row[j];
            row[j] = least(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
            diagonal = above;
        }
    }
    return row[nb];
}

static Status fail_unknown(const char *given) {
    const char *name = given + strspn(given, "-");
    size_t length = strcspn(name, "=");
    const OptionRow *nearest = NULL;
    size_t best = 4; // further away than three letters is not a slip of the fingers
    for (int i = 0; i < ROW_COUNT && length <= NAME_MAX_LENGTH; i++) {
        size_t distance = edit_distance(name, length, rows[i].name);
        if (distance < best && distance < length) {
            best = distance;
            nearest = &rows[i];
        }
    }
    int shown = (int)(name - given) + (int)length;
    if (!nearest)
        return fail(ERR_VALUE, "unknown option %.*s; rustorch-launch --help lists them", shown,
                    given);
    return fail(ERR_VALUE, "unknown option %.*s; did you mean --%s?", shown, given, nearest->name);
}

// `word` is the option as it was given: -n, -n4, --ranks or --ranks=4. Its name is what messages say.
static int name_length(const char *word) { return word[1] == '-' ? (int)strcspn(word, "=") : 2; }

static Status store_value(const OptionRow *row, const char *word, const char *value, Options *out) {
    void *field = (char *)out + row->offset;
    if (row->kind == OPTION_TEXT) {
        *(const char **)field = value;
        return OK;
    }
    char *end;
    errno = 0;
    long number = strtol(value, &end, 10);
    if (errno || end == value || *end || number < 0 || number > 1000000)
        return fail(ERR_VALUE, "%.*s takes a whole number, not '%s'", name_length(word), word,
                    value);
    *(int *)field = (int)number;
    return OK;
}

// `value` is what is attached to the option, or NULL; a following word is taken from *next where
// one is needed.
static Status take_option(const OptionRow *row, const char *word, const char *value, char ***next,
                          Options *out) {
    if (row->kind == OPTION_FLAG) {
        if (value) return fail(ERR_VALUE, "%.*s takes no value", name_length(word), word);
        *(bool *)((char *)out + row->offset) = true;
        return OK;
    }
    if (!value) {
        if (!**next)
            return fail(ERR_VALUE, "%.*s needs a value: %.*s %s", name_length(word), word,
                        name_length(word), word, row->argument);
        value = *(*next)++;
    }
    return store_value(row, word, value, out);
}

static const OptionRow *find_row(const char *word, const char **out_value) {
    for (int i = 0; i < ROW_COUNT; i++) {
        size_t length = strlen(rows[i].name);
        if (word[1] == '-') {
            char after = strncmp(word + 2, rows[i].name, length) == 0 ? word[2 + length] : 'x';
            if (after != 0 && after != '=') continue;
            *out_value = after ? word + 3 + length : NULL;
            return &rows[i];
        }
        if (rows[i].short_name == word[1]) {
            // -n4 carries its value; letters run together behind a flag would be a guess
            if (word[2] && rows[i].kind == OPTION_FLAG) continue;
            *out_value = word[2] ? word + 2 : NULL;
            return &rows[i];
        }
    }
    return NULL;
}

static Status check_values(const Options *options) {
    if (options->ranks == 0) return fail(ERR_VALUE, "-n 0: a job has at least one rank");
    if (strcmp(options->prefix, "auto") && strcmp(options->prefix, "always") &&
        strcmp(options->prefix, "never"))
        return fail(ERR_VALUE, "--prefix takes auto, always or never, not '%s'", options->prefix);
    return OK;
}

Status options_parse(int argc, char **argv, Options *out) {
    Options options = {.ranks = -1, .max_restarts = -1, .prefix = "auto"};
    char **next = argc > 0 ? argv + 1 : argv;
    while (*next && (*next)[0] == '-' && (*next)[1]) {
        const char *word = *next++, *value = NULL;
        if (strcmp(word, "--") == 0) break;
        const OptionRow *row = find_row(word, &value);
        if (!row) return fail_unknown(word);
        TRY(take_option(row, word, value, &next, &options));
    }
    options.script = next;
    TRY(check_values(&options));
    *out = options;
    return OK;
}

void options_help(Text *out) {
    text_add(out, "usage: rustorch-launch [options] script.py [arguments]\n"
                  "Runs a script on one or more ranks. Under mpirun or srun --mpi=pmix it runs one "
                  "rank of theirs.\n");
    for (int i = 0; i < ROW_COUNT; i++) {
        char left[64];
        size_t used = 0;
        left[0] = 0;
        if (rows[i].short_name)
            used = (size_t)snprintf(left, sizeof left, "-%c, ", rows[i].short_name);
        snprintf(left + used, sizeof left - used, "--%s %s", rows[i].name, rows[i].argument);
        text_addf(out, "  %-19s %s\n", left, rows[i].help);
    }
    // clang-format off
    text_add(out,
        "Python: the first that exists of --python, RUSTORCH_PYTHON, the virtual environment that\n"
        "  rustorch-launch is in, VIRTUAL_ENV, the folder of rustorch-launch, python3, python on PATH.\n"
        "Each rank gets its share of the cores and as many threads, unless OMP_NUM_THREADS is set.\n"
        "The script finds RANK, WORLD_SIZE, LOCAL_RANK and LOCAL_WORLD_SIZE in its environment.\n"
        "The first rank that fails is reported and ends the job with its exit code or 128 + its signal.\n"
        "RUSTORCH_LOG=info shows where each rank runs.\n");
    // clang-format on
}
