#include "comm/pack.h"

#include <string.h>

typedef struct Walk {
    int ndim;
    int64_t shape[RT_MAX_DIMS], stride[RT_MAX_DIMS]; // strides in bytes
    size_t item;
    bool gather; // strided → flat; else flat → strided
} Walk;

// Merges dimensions that lie behind each other, so that the innermost run is as long as it can be.
static Walk walk_init(const RtTensor *tensor, bool gather) {
    Walk walk = {.item = rt_dtype_bytes((RtDtype)tensor->dtype), .gather = gather};
    for (int d = 0; d < tensor->ndim; d++) {
        int64_t size = tensor->shape[d], stride = tensor->stride[d] * (int64_t)walk.item;
        if (size == 1) continue;
        int last = walk.ndim - 1;
        if (last >= 0 && walk.stride[last] == stride * size) {
            walk.shape[last] *= size;
            walk.stride[last] = stride;
        } else {
            walk.shape[walk.ndim] = size;
            walk.stride[walk.ndim++] = stride;
        }
    }
    if (walk.ndim == 0) walk.shape[walk.ndim] = 1, walk.stride[walk.ndim++] = (int64_t)walk.item;
    return walk;
}

#define RUN(type_)                                                                                 \
    for (int64_t i = 0; i < n; i++) {                                                              \
        char *spread = strided + i * step;                                                         \
        if (walk->gather)                                                                          \
            ((type_ *)flat)[i] = *(type_ *)spread;                                                 \
        else                                                                                       \
            *(type_ *)spread = ((type_ *)flat)[i];                                                 \
    }

static void run_copy(const Walk *walk, char *strided, char *flat) {
    int64_t n = walk->shape[walk->ndim - 1], step = walk->stride[walk->ndim - 1];
    if (step == (int64_t)walk->item) {
        if (walk->gather)
            memcpy(flat, strided, (size_t)n * walk->item);
        else
            memcpy(strided, flat, (size_t)n * walk->item);
        return;
    }
    switch (walk->item) {
    case 1: RUN(uint8_t) break;
    case 2: RUN(uint16_t) break;
    case 4: RUN(uint32_t) break;
    default: RUN(uint64_t) break;
    }
}

static void walk_run(const Walk *walk, char *strided, char *flat) {
    int64_t at[RT_MAX_DIMS] = {0};
    size_t run = (size_t)walk->shape[walk->ndim - 1] * walk->item;
    for (;;) {
        run_copy(walk, strided, flat);
        flat += run;
        int d = walk->ndim - 2;
        for (; d >= 0; d--) {
            strided += walk->stride[d];
            if (++at[d] < walk->shape[d]) break;
            strided -= walk->stride[d] * walk->shape[d];
            at[d] = 0;
        }
        if (d < 0) return;
    }
}

void tensor_pack(const RtTensor *tensor, void *flat) {
    if (tensor->numel == 0) return;
    Walk walk = walk_init(tensor, true);
    walk_run(&walk, rt_tensor_data(tensor), flat);
}

void tensor_unpack(const void *flat, RtTensor *tensor) {
    if (tensor->numel == 0) return;
    Walk walk = walk_init(tensor, false);
    walk_run(&walk, rt_tensor_data(tensor), (char *)(uintptr_t)flat);
}
