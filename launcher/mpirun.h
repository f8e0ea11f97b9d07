// mpirun.h: Open MPI's mpirun as a child of ours: its command line, its start, and what it leaves
// behind when killed.
#pragma once

#include "spawn.h"

// The command that starts the ranks of a job, NULL-terminated; free it with mpirun_command_free.
char **mpirun_command(const Order *order, const char *mpirun);
void mpirun_command_free(char **command);

// Its process group is its own (Ctrl-C is ours to see), it dies with us, it reads nothing, and what
// it writes comes by pipes that do not block. The descriptors of `out_streams` belong to the
// caller; -1 on failure.
Status mpirun_start(char **command, pid_t *out_pid, int out_streams[SCREEN_STREAMS]);

// Removes the folder and the shared memory of one MPI job, by the folder and the number that its
// ranks were told. Nothing of another job: the names carry the number.
void mpirun_sweep(const char *session, uint32_t mpi_job);
