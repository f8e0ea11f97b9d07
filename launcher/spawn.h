// spawn.h: the fork and exec of one worker.
//
// Everything that a library reads when it is loaded (threads, waiting policy, cores, Open MPI's
// settings) is in place before exec, and so are the streams. The worker dies with its supervisor
// (PDEATHSIG).
#pragma once

#include <sys/types.h>

#include "interpreter.h"
#include "options.h"
#include "place.h"
#include "screen.h"
#include "world.h"

typedef struct Order {
    const Options *options;
    const Programs *programs;
    World world;
    const char *job; // the name that wire_connect takes, or NULL where no launcher of ours is above
    int signals;     // from signals_open
} Order;

typedef struct Worker {
    pid_t pid;
    bool own_group;            // it leads a process group of its own
    int pipes[SCREEN_STREAMS]; // what it writes, not blocking; -1: it writes to our streams itself
    int report;                // its record (outcome.h), not blocking
} Worker;

// `input`: the worker's standard input, or -1 for ours. The descriptors of `out` belong to the
// caller, also on failure.
Status worker_spawn(const Order *order, const Placement *place, int input, Worker *out);
