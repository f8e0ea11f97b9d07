// input.h: the launcher's standard input as rank 0's.
//
// A file or a pipe is handed over as it is, so that nothing is read that the script does not read.
// A terminal may only be read by its foreground group, which the worker is not in: it is read here
// and passed on through a pipe.
#pragma once

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct Input {
    int terminal, pipe; // -1: nothing to pass on
    char held[4096];
    size_t length;
} Input;

void input_init(Input *input);
// The descriptor for rank 0, the caller's to close; -1 if it cannot be had.
int input_open(Input *input);
struct pollfd input_slot(const Input *input);
void input_pass(Input *input); // when input_slot is ready
// In the background: nothing tells when that changes, so look again.
bool input_asleep(const Input *input);
void input_close(Input *input);
