// job.h: a job of several ranks on this machine, started with Open MPI's mpirun and owned from
// here.
//
// mpirun makes the processes and wires them together; everything else about the job goes over the
// supervisors' channels (wire.h) and not through mpirun: what ranks print, who failed first and
// why, the order to stop. So the job is down as soon as the ranks are, and not when mpirun's own
// clocks have run out. What mpirun itself says is shown while no cause is known, for then it is the
// cause.
#pragma once

#include "supervise.h"

// Runs one attempt. Errors are failures to start; `out` is the first failing rank's outcome, or
// END_DONE, or END_STOPPED when the job was told to stop (code 128 + signal). What is to be told to
// the user has been printed.
Status job_run(const Order *order, Outcome *out);
