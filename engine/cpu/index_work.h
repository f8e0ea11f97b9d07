// cpu/index_work.h: what the kernels of the shape and index families share: index tensors read as
// int64, and sums in place.
//
// Work space is made in the open scope. index_… functions may fail (memory, a position out of
// bounds); the rest cannot.
#pragma once

#include "cpu/backend.h"

// The elements of an integer tensor as contiguous int64: its own memory where it is that, else a
// copy.
Status index_load(const OpCall *call, RtTensor *index, const int64_t **out);
// Positions of dimension `dim` must be 0…size-1; fails with the first that is not.
Status index_check(const OpCall *call, const int64_t *index, int64_t n, int64_t size, int dim);
Status index_fail(const OpCall *call, int64_t value, int64_t size, int dim);

// A contiguous tensor of the same dtype (x itself if it is one), or of another.
RtTensor *tensor_dense(RtTensor *x);
RtTensor *tensor_as(RtTensor *x, RtDtype dtype);
void tensor_write(RtTensor *to,
                  RtTensor *from); // contiguous `from` of another dtype into a tensor of any layout
void tensor_zero(RtTensor *x);     // contiguous

// The elements of x where the mask (that broadcasts with it) is true, in row-major order; `out` has
// as many.
void masked_read(RtTensor *x, const RtTensor *mask, RtTensor *out);

// to[i] += from[i] for dtypes in which sums are formed (not f16, bf16); bool: or. Steps in bytes.
typedef void (*AddLine)(char *to, int64_t to_step, const char *from, int64_t from_step, int64_t n);
AddLine add_line(RtDtype dtype);

// The output itself, or a tensor of its shape in the dtype of the work, which result_end writes to
// it.
RtTensor *result_begin(RtTensor *out, RtDtype work);
Status result_end(RtTensor *result, RtTensor *out);

// Sums of f16 and bf16 are formed in f32. sum_begin gives the tensor to add to: `out` itself, or
// its f32 double, for result_end.
RtTensor *sum_begin(RtTensor *out, RtTensor *start); // contents: start, or zeros if NULL
