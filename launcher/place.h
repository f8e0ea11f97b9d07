// place.h: which cores a rank gets, and how many threads.
//
// The cores that this process may use are divided among the ranks of the host, in the order
// package, core, hardware thread, so that a rank's share is contiguous and two ranks meet on one
// core only when there is no other way. A rank that its starter has already bound keeps what it was
// given, except for the binding to one core that Open MPI makes when nobody asked: that would leave
// a rank of many threads on one core. More ranks than cores: all share all cores with one thread
// each, and the kernel's scheduler does better than a fixed choice.
#pragma once

#include <stdbool.h>

#include "base/text.h"

enum { PLACE_MAX_CORES = 4096 };

typedef struct Placement {
    int cores[PLACE_MAX_CORES]; // ids, in the order of division
    int ncores, threads;
    bool bound;  // false: the rank is not confined to `cores`
    bool shared; // other ranks compute on the same cores
} Placement;

// The cores allowed to this process or, where its starter bound it by default, to its parent.
Status place_rank(int local_rank, int local_size, Placement *out);
// The arithmetic of place_rank: rank's share of ncores cores, of which `quota` may be busy at a
// time.
void place_divide(const int *cores, int ncores, int quota, int local_rank, int local_size,
                  Placement *out);
Status place_apply(const Placement *placement);         // confines the calling thread
void place_text(const Placement *placement, Text *out); // "cores 0-3,8 (5 threads)"
