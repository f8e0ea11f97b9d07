// world.h: which rank this process is, from the environment that its starter made (starters.def,
// and Slurm's own variables).
//
// Nothing here talks to MPI or PMIx. A process that nobody started as a rank is not an error: it is
// rank 0 of 1 and not `started`. ERR_PEER: the starter's variables contradict each other, or name a
// start under which the ranks could not find each other (srun without PMIx), with the way to do it.
#pragma once

#include <stdbool.h>

#include "base/text.h"

typedef struct World {
    int rank, size;             // in the job
    int local_rank, local_size; // on this host
    int restart;                // how often the job was started again
    bool started;               // as a rank, by another program
    const char *starter;        // "Open MPI", "Slurm", "rustorch-launch"
} World;

World world_alone(void); // a job of one rank that this process starts itself
// On failure the rank is set all the same, where it is known, so that one of many can speak.
Status world_find(World *out);

// The number of tasks on node `node` in Slurm's notation "2(x3),1": 2,2,2,1. -1: it cannot be read.
int slurm_tasks_on_node(const char *text, int node);

// Takes every variable by which a starter speaks to its rank out of the environment: a job started
// from within a rank is a job of its own.
void world_forget(void);
