// cpu/parallel.h: dividing work among threads.
//
// parallel_run cuts 0…n into at most `threads` contiguous chunks and calls fn once a chunk. The cut depends on n, grain
// and the number of threads alone, never on timing; results that are combined across chunks must be combined in chunk
// order (partial[chunk]). Work smaller than two grains stays on the calling thread. fn must not fail: find errors first.
#pragma once

#include <stdint.h>

#include "base/status.h"

#define PARALLEL_MAX_CHUNKS 256

typedef void (*ParallelBody)(void *context, int64_t begin, int64_t end, int chunk);

// grain: the smallest number of items worth a thread (rule: 16K simple element operations).
void parallel_run(int64_t n, int64_t grain, ParallelBody fn, void *context);
int parallel_chunks(int64_t n, int64_t grain); // how many chunks parallel_run will make

#define PARALLEL_GRAIN 16384

int threads_get(void);
int threads_default(void); // before threads_set
Status threads_set(int n);
// Inside: BLAS and our own loops run on this one thread (loader threads, forked children, communication thread).
void threads_solo_begin(void);
void threads_solo_end(void);
