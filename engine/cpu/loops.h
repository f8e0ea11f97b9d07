// cpu/loops.h: how every elementwise kernel walks over its tensors.
//
// A kernel supplies an inner function that works on contiguous runs of n elements; the loop takes
// care of everything else: inputs are broadcast against the first output (they keep their own
// shapes, or are expanded), dimensions that lie behind one another in all operands are merged,
// strided and converted operands pass through tiles of LOOP_TILE elements, and the work is divided
// among threads.
//
//   static void inner_add(char *const *p, int64_t n, int64_t first, const void *context) {
//       float *y = (float *)p[0];              // outputs first, then inputs
//       const float *a = (float *)p[1], *b = (float *)p[2];
//       …                                      // n ≥ 1; y may be a or b itself (in place), never
//       shifted against them
//   }
//   loop_run(&(Loop){.inner = inner_add, .nout = 1, .nin = 2, .operand = {out, a, b},
//                    .work = {RT_F32, RT_F32, RT_F32}});
//
// work[i] is the dtype in which the inner function sees operand i; where the tensor has another
// one, tiles are converted (f16 and bf16 are computed in f32 this way). `first` is the row-major
// index of the first element of the run in the shape of the first output, right when `in_order` is
// set; otherwise the loop may visit dimensions in another order. An element's value must not depend
// on where a run begins: it never does if the inner function treats its tail as its body.
//
// With nout = 0 the first input gives the shape: for scans of the input. A loop cannot fail and
// takes no memory from the heap. numel 0 is fine: inner is not called.
#pragma once

#include "cpu/backend.h"
#include "cpu/parallel.h"

#define LOOP_MAX 8
#define LOOP_TILE 512

typedef void (*LoopInner)(char *const *p, int64_t n, int64_t first, const void *context);

typedef struct Loop {
    LoopInner inner;
    const void *context;
    int nout, nin;
    RtTensor *operand[LOOP_MAX]; // outputs, then inputs
    RtDtype work[LOOP_MAX];
    int64_t grain; // elements worth a thread; 0: PARALLEL_GRAIN
    bool in_order;
} Loop;

void loop_run(const Loop *loop);

// The dtype in which dtype is computed: f32 for f16 and bf16.
static inline RtDtype dtype_work(RtDtype dtype) {
    return dtype == RT_F16 || dtype == RT_BF16 ? RT_F32 : dtype;
}

// All inputs of the call in dtype_work of their own dtypes, the output seen as `out_work`.
void loop_call(const OpCall *call, LoopInner inner, RtDtype out_work, const void *context,
               int64_t grain);
