// cpu/copy.h: copying elements between layouts, and dividing boxes of indices among threads.
//
// Elements of 1, 2, 4 or 8 bytes; the dtype does not matter. Strides may be 0 (on the source side)
// or negative. Runs that are contiguous on both sides are moved as blocks of memory, transposes go
// through square tiles, and large copies are divided among threads. Source and destination must not
// overlap, unless they are the same layout. Nothing can fail.
#pragma once

#include "rustorch.h"

void copy_tensor(RtTensor *to, const RtTensor *from); // of the same dtype and shape

typedef struct CopyPlan {
    int n; // dimensions
    int64_t dim[RT_MAX_DIMS];
    int64_t to[RT_MAX_DIMS], from[RT_MAX_DIMS]; // strides in bytes
    size_t bytes;                               // of an element
} CopyPlan;

// Orders and merges the dimensions so that copy_run is fast; once for any number of copies.
CopyPlan copy_plan(size_t bytes, int n, const int64_t *dim, const int64_t *to_stride,
                   const int64_t *from_stride);                           // in elements
void copy_run(const CopyPlan *plan, void *to, const void *from);          // on this thread
void copy_run_parallel(const CopyPlan *plan, void *to, const void *from); // divided among threads

// Calls body for parts of a box of `dim`: all of it, but only positions begin…end of dimension
// `axis`. The axis is the first one that is long enough for all threads, never `keep` (-1: any may
// be cut). Grain: PARALLEL_GRAIN elements of the box times `cost`.
typedef void (*BoxBody)(void *context, int axis, int64_t begin, int64_t end);
void box_run(int n, const int64_t *dim, int keep, int64_t cost, BoxBody body, void *context);

// Advances a row-major counter over dimensions 0…n-1 and moves k offsets with it; false when it is
// through.
static inline bool box_next(int n, const int64_t *dim, int64_t *at, int k, int64_t *offsets,
                            const int64_t *const *strides) {
    for (int i = n - 1; i >= 0; i--) {
        for (int j = 0; j < k; j++) offsets[j] += strides[j][i];
        if (++at[i] < dim[i]) return true;
        for (int j = 0; j < k; j++) offsets[j] -= strides[j][i] * dim[i];
        at[i] = 0;
    }
    return false;
}
