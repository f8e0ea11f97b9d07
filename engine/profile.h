// profile.h: what a fork asks of the profilers: rustorch.h has the rest.
#pragma once

#include <stdbool.h>

void profilers_hold(bool hold); // around fork, before storage_hold
void profilers_forked(void);    // in the child, between: none runs there
