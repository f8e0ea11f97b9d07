// hdf5.h: what the two files of the hdf5 plug-in share. Every call of libhdf5 stands between
// hdf5_lock and hdf5_unlock.
#pragma once

#include <hdf5.h>

#include "io/file.h"

void hdf5_lock(void);
void hdf5_unlock(void);

Status hdf5_failed(const char *what); // records the library's first message
hid_t hdf5_half_type(void);           // float16; to be closed
hid_t hdf5_bool_type(void);           // h5py's bool; to be closed

// Needs `Status status` in scope and a label `out:`.
#define H5_TRY(expr_)                                                                              \
    do {                                                                                           \
        if ((expr_) < 0) {                                                                         \
            status = hdf5_failed(#expr_);                                                          \
            goto out;                                                                              \
        }                                                                                          \
    } while (0)

// hdf5_rows.c
void *rows_open(const char *path, const char *name, RowsInfo *out);
Status rows_read(void *rows, const RowsInfo *info, int64_t first, int64_t count, void *out);
void rows_close(void *rows);
Status rows_list(const char *path, Status (*visit)(void *context, const char *name), void *context);
