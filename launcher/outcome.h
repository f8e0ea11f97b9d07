// outcome.h: how one rank ended, and how that is told.
//
// A worker writes one record on its report pipe: "KIND CODE\n" and a text up to the end (kinds
// below, by name). Bytes that begin otherwise are what Python's fault handler wrote on a crash: the
// stack at a fatal signal. The exit status fills in what a worker that was killed could not say.
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/text.h"

// clang-format off
#define ENDS(row_)                                                                             \
    row_(NONE,      "none")      /* not ended yet */                                           \
    row_(DONE,      "done")      /* the script ran to its end */                               \
    row_(QUIET,     "quiet")     /* exit code 0, but the script did not end: os._exit(0) */    \
    row_(EXCEPTION, "exception") /* an exception nobody caught; text: the traceback */         \
    row_(USAGE,     "usage")     /* a mistake that starting again cannot cure; text: what */   \
    row_(EXIT,      "exit")      /* a non-zero exit code; text: what sys.exit was given */     \
    row_(INTERRUPT, "interrupt") /* KeyboardInterrupt */                                       \
    row_(SIGNAL,    "signal")    /* killed; text: the stack if Python could still write it */  \
    row_(STOPPED,   "stopped")   /* ended because it was told to */                            \
    row_(LOST,      "lost")      /* its supervisor vanished */                                 \
    row_(STARTER,   "starter")   /* not a rank: mpirun failed */
// clang-format on

typedef enum End {
#define END_ROW(name_, word_) END_##name_,
    ENDS(END_ROW)
#undef END_ROW
        END_COUNT
} End;

enum { OUTCOME_LONGEST = 48 * 1024 }; // of the text; of a longer one the end is kept

typedef struct Outcome {
    End end;
    int rank;
    int code;   // what the job's exit code becomes: the rank's own, or 128 + signal
    int signal; // that killed it, or 0
    pid_t pid;
    char host[64];
    Text text;
} Outcome;

// `status` is what waitpid gave; `report` what the worker wrote. `told`: the worker was told to
// stop.
void outcome_read(Outcome *outcome, int status, const Text *report, bool told);
// The record alone, while the worker still lives; false if there is none yet.
bool outcome_early(Outcome *outcome, const Text *report);
bool outcome_failed(const Outcome *outcome);  // the job cannot go on
bool outcome_curable(const Outcome *outcome); // starting again may help
// What the user reads. In a job of one rank that is what python itself would have printed.
void outcome_tell(const Outcome *outcome, int world_size, Text *out);
void outcome_brief(const Outcome *outcome, Text *out); // "rank 1 was killed by signal 9 (Killed)"
void outcome_clear(Outcome *outcome);
