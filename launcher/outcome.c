#include "outcome.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "processes.h"

static const char *const words[END_COUNT] = {
#define END_ROW(name_, word_) [END_##name_] = word_,
    ENDS(END_ROW)
#undef END_ROW
};

static void keep_end(Text *text, const char *chars, size_t length) {
    text->length = 0;
    if (length > OUTCOME_LONGEST) {
        text_add(text, "[...]\n");
        chars += length - OUTCOME_LONGEST;
        length = OUTCOME_LONGEST;
    }
    text_addn(text, chars, length);
}

bool outcome_early(Outcome *outcome, const Text *report) {
    const char *record = text_chars(report), *newline = strchr(record, '\n');
    if (!newline) return false;
    for (int end = END_DONE; end <= END_INTERRUPT; end++) {
        size_t length = strlen(words[end]);
        if (strncmp(record, words[end], length) || record[length] != ' ') continue;
        outcome->end = (End)end;
        outcome->code = atoi(record + length) & 0xff;
        keep_end(&outcome->text, newline + 1, report->length - (size_t)(newline + 1 - record));
        return true;
    }
    return false;
}

void outcome_read(Outcome *outcome, int status, const Text *report, bool told) {
    bool recorded = outcome_early(outcome, report);
    if (WIFSIGNALED(status)) {
        if (recorded && outcome->end != END_DONE)
            return; // it failed first, and was killed while it cleaned up
        outcome->end = told ? END_STOPPED : END_SIGNAL;
        outcome->signal = WTERMSIG(status);
        outcome->code = 128 + outcome->signal;
        keep_end(&outcome->text, text_chars(report), recorded ? 0 : report->length);
        return;
    }
    int code = WEXITSTATUS(status);
    if (recorded && outcome->end != END_DONE) {
        if (told) outcome->end = END_STOPPED;
        return;
    }
    if (code == 0)
        outcome->end = recorded ? END_DONE : END_QUIET;
    else
        outcome->end =
            told ? END_STOPPED : END_EXIT; // os._exit(3), or a failure while Python shut down
    outcome->code = code;
}

bool outcome_failed(const Outcome *outcome) {
    return outcome->end != END_NONE && outcome->end != END_DONE && outcome->end != END_QUIET;
}

bool outcome_curable(const Outcome *outcome) {
    return outcome->end == END_EXCEPTION || outcome->end == END_EXIT ||
           outcome->end == END_SIGNAL || outcome->end == END_LOST || outcome->end == END_QUIET;
}

void outcome_brief(const Outcome *outcome, Text *out) {
    if (outcome->end == END_STARTER) {
        text_addf(out, "mpirun failed with exit code %d", outcome->code);
        return;
    }
    text_addf(out, "rank %d (pid %d on %s) ", outcome->rank, (int)outcome->pid, outcome->host);
    switch (outcome->end) {
    case END_EXCEPTION: text_add(out, "raised an exception"); break;
    case END_USAGE: text_add(out, "could not run the script"); break;
    case END_INTERRUPT: text_add(out, "was interrupted"); break;
    case END_SIGNAL:
        text_addf(out, "was killed by signal %d (%s)", outcome->signal,
                  signal_word(outcome->signal));
        break;
    case END_QUIET:
        text_add(out, "left with exit code 0 while other ranks were still working");
        break;
    case END_LOST: text_add(out, "lost its supervisor"); break;
    case END_STOPPED: text_add(out, "was told to stop"); break;
    case END_NONE:
    case END_DONE:
    case END_EXIT:
    case END_STARTER:
    case END_COUNT: text_addf(out, "ended with exit code %d", outcome->code); break;
    }
}

static void add_line_end(Text *out) {
    if (out->length && out->chars[out->length - 1] != '\n') text_add(out, "\n");
}

void outcome_tell(const Outcome *outcome, int world_size, Text *out) {
    bool plain = world_size == 1 && outcome->end != END_SIGNAL && outcome->end != END_LOST;
    if (!plain) {
        text_add(out, "rustorch-launch: ");
        outcome_brief(outcome, out);
        if (outcome->signal == SIGKILL)
            text_add(out, "; if nobody did that, memory ran out: see dmesg");
        text_add(out, "\n");
    }
    text_add(out, text_chars(&outcome->text));
    add_line_end(out);
}

void outcome_clear(Outcome *outcome) {
    text_clear(&outcome->text);
    outcome->end = END_NONE;
    outcome->code = outcome->signal = 0;
}
