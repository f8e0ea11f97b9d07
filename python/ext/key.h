// key.h: what stands between the brackets of x[key], read (key.c) for index.c, and what index.c and
// rows.c share.
//
// A key is read from left to right in one pass. Integers, slices, None and ... are noted as steps,
// each one view; tensors, lists and masks are noted with the dimension they stand for after those
// steps. Nothing is done to the tensor before the whole key turned out to be right.
#pragma once

#include "ext.h"

#define KEY_ITEMS 32   // of a key
#define KEY_INDICES 10 // tensors in a key: what the row index_put takes

typedef struct KeyStep {
    RtOp op; // OP_select, OP_slice, OP_unsqueeze
    RtAttrs_slice attrs;
} KeyStep;

typedef struct Key {
    RtTensor *self;
    int ndim; // after the steps so far
    int64_t shape[RT_MAX_DIMS];
    int dim; // the next dimension that an item stands for
    int nsteps;
    KeyStep steps[KEY_ITEMS];
    int nindices;
    RtTensor
        *index[KEY_INDICES]; // integers, or bool for a mask; they belong to the scope or to the key
    int64_t dims[KEY_INDICES]; // for each the (first) dimension that it stands for
} Key;

// In an open scope. -1: an exception is set.
int key_read(RtTensor *self, PyObject *object, Key *key);
int key_out_of_range(int64_t index, int dim, int64_t size); // raises; -1

PyObject *index_row(RtTensor *self,
                    int64_t index);       // x[index] of a tensor with dimensions (index.c)
PyObject *rows_iterate(PyObject *object); // iter(x) (rows.c)
int rows_ready(void);
