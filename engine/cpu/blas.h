// cpu/blas.h: which of its kernels OpenBLAS uses.
//
// OpenBLAS chooses a core type when it is loaded, from a table of CPU models; a CPU younger than the table may end up with
// the oldest kernels, ten times slower. blas_choose_core looks once at what it chose and, when the CPU has more and the
// user has not set OPENBLAS_CORETYPE, has it choose again. Called by rt_init, before any BLAS call.
#pragma once

void blas_choose_core(void);
const char *blas_core(void);      // "SkylakeX"
const char *blas_better_core(void); // the core that this CPU should have, if the one in use is slower; else NULL
