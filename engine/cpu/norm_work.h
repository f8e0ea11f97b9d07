// cpu/norm_work.h: elements of a normalisation as its loops want them, for the files of its
// kernels.
//
// The type of computation is float, for double input double; f16 and bf16 pass through buffers.
#pragma once

#include "cpu/convert.h"
#include "cpu/norm.h"

#define RUN 512 // elements that pass through a buffer at a time

typedef struct Element {
    RtDtype dtype, work;
    int64_t bytes, work_bytes;
    bool direct; // dtype is work: no buffers
    const NormLoops *loops;
} Element;

static inline Element element_of(const RtTensor *x) {
    Element e = {.dtype = (RtDtype)x->dtype};
    e.work = e.dtype == RT_F64 ? RT_F64 : RT_F32;
    e.bytes = (int64_t)rt_dtype_bytes(e.dtype);
    e.work_bytes = (int64_t)rt_dtype_bytes(e.work);
    e.direct = e.dtype == e.work;
    e.loops = &ISA_PICK(norm_table)->of[e.work == RT_F64];
    return e;
}

static inline double number_at(RtDtype dtype, const void *values, int64_t i) {
    return dtype == RT_F64 ? ((const double *)values)[i] : (double)((const float *)values)[i];
}
static inline void set_number(RtDtype dtype, void *values, int64_t i, double value) {
    if (dtype == RT_F64)
        ((double *)values)[i] = value;
    else
        ((float *)values)[i] = (float)value;
}

// The values of a weight (contiguous, or a vector) in the type of computation: its own memory, or a
// copy in `room`. NULL if it is absent.
static inline const void *values_of(const RtTensor *tensor, RtDtype work, void *room) {
    if (!PRESENT(tensor)) return NULL;
    if (tensor->dtype == (int8_t)work && rt_tensor_is_contiguous(tensor))
        return rt_tensor_data(tensor);
    convert_gather(room, work, rt_tensor_data(tensor), (RtDtype)tensor->dtype,
                   tensor->stride[tensor->ndim - 1], tensor->numel);
    return room;
}

// Without a call: it is asked for each line.
static inline const char *at_byte(const RtTensor *tensor, int64_t element, int64_t bytes) {
    return (const char *)tensor->storage->data + (tensor->offset + element) * bytes;
}

// n elements as the loops want them: where they are, or in `room`.
static inline const void *load(const Element *e, const void *from, int64_t n, void *room) {
    if (e->direct) return from;
    convert_run(room, e->work, from, e->dtype, n);
    return room;
}
