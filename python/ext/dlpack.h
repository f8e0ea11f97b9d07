// dlpack.h: the structures of DLPack 1.1 (dmlc.github.io/dlpack), the exchange of tensors between
// libraries.
//
// A producer puts a managed tensor into a capsule named "dltensor" (before version 1) or
// "dltensor_versioned"; the consumer renames the capsule to "used_…" and calls the deleter when it
// is done.
#pragma once

#include <stdint.h>

enum { DL_CPU = 1, DL_CUDA = 2, DL_CUDA_HOST = 3 };
enum { DL_INT = 0, DL_UINT = 1, DL_FLOAT = 2, DL_BFLOAT = 4, DL_BOOL = 6 };
#define DL_FLAG_READ_ONLY ((uint64_t)1)
#define DL_FLAG_COPIED ((uint64_t)2)

typedef struct DlTensor {
    void *data;
    struct {
        int32_t type, id;
    } device;
    int32_t ndim;
    struct {
        uint8_t code, bits;
        uint16_t lanes;
    } dtype;
    int64_t *shape, *strides; // in elements; strides NULL: row-major without gaps
    uint64_t byte_offset;
} DlTensor;

typedef struct DlManaged {
    DlTensor tensor;
    void *context;
    void (*deleter)(struct DlManaged *self);
} DlManaged;

typedef struct DlManagedVersioned {
    struct {
        uint32_t major, minor;
    } version;
    void *context;
    void (*deleter)(struct DlManagedVersioned *self);
    uint64_t flags;
    DlTensor tensor;
} DlManagedVersioned;
