// interpreter.h: the Python to run scripts with, and the programs beside rustorch-launch.
//
// The first that exists of: --python, RUSTORCH_PYTHON, the python of the virtual environment that
// rustorch-launch lies in or is linked into, that of VIRTUAL_ENV, one in the folder of
// rustorch-launch, python3 on PATH, python on PATH. Paths are not resolved: a virtual environment's
// python is a link whose own place says which environment is meant.
#pragma once

#include <limits.h>

#include "base/status.h"

typedef struct Programs {
    char launcher[PATH_MAX], worker[PATH_MAX], python[PATH_MAX];
} Programs;

Status programs_find(const char *python_option, Programs *out);
// An executable on PATH, or ERR_MISSING.
Status program_on_path(const char *name, char out[PATH_MAX]);
// Open MPI's mpirun: the first folder of PATH that has mpirun or, where MPICH owns that name,
// mpirun.openmpi.
Status mpirun_find(char out[PATH_MAX]);
