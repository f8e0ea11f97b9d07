// supervise.h: one rank's life, seen from outside.
//
// Starts one worker on its cores, passes on what it writes, watches it, and ends it as a group.
// - The only rank: the worker inherits the terminal; what is printed is what python would print.
// - A rank of rustorch-launch -n N: output and outcome go to the launcher above (wire.h), which
//   decides about the job.
// - A rank of mpirun or srun: output goes to their pipes; the first failing rank of a host prints
//   the cause.
// The supervisor touches neither MPI nor Python, so nothing that happens to those can stop it.
//
// When it is told to stop (SIGTERM, SIGINT, SIGHUP, by the launcher, or because either end of its
// life line was cut) the worker gets that signal and SUPERVISE_GRACE_MS later SIGKILL, together
// with all that descends from it. Who presses Ctrl-C twice does not want to wait.
#pragma once

#include "outcome.h"
#include "spawn.h"

enum {
    SUPERVISE_GRACE_MS = 500, // from SIGTERM, or from the report of a failure, to SIGKILL
    SUPERVISE_INTERRUPT_GRACE_MS = 1300, // from SIGINT: time for Python's finally blocks
    // A signal so soon after the first is the same one by another way: `timeout` and some shells
    // send it to the process and to its group.
    SUPERVISE_TWICE_MS = 200,
};

// Runs the rank to its end. Errors are failures to start; how the rank ended is in `out`
// (outcome_clear it).
Status supervise(const Order *order, Outcome *out);

// Of the ranks of one host that mpirun or srun started, the one that may speak for all: the first
// to ask.
bool report_claim(const World *world);
