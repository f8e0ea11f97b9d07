// processes.h: what the launcher asks of the system about time, signals and children.
#pragma once

#include <signal.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/status.h"

int64_t clock_ms(void); // monotonic

// Signals arrive by a descriptor, so that one poll loop sees everything: SIGCHLD, SIGINT, SIGTERM,
// SIGHUP, SIGUSR1, SIGUSR2, SIGTSTP. One that the caller's caller ignores (nohup) stays ignored.
// signals_open gives the descriptor or a negative Status, signals_next the number and si_code of
// the next one or 0 when there is none; signals_restore undoes all in a child, before exec.
int signals_open(void);
int signals_next(int descriptor, int *out_code);
void signals_restore(void);

// Kills what is left of a job on this machine: everything that descends from this process, which
// must be a child subreaper (descendants_adopt), so that orphans come to it. Waits until they are
// gone, at most `limit_ms`.
Status descendants_adopt(void);
void descendants_kill(int limit_ms);

void sleep_ms(int ms);
const char *signal_word(int number); // "Killed"
void say(const char *format, ...)
    RT_PRINTF(1, 2); // one line on standard error, prefixed rustorch-launch
