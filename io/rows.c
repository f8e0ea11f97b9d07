// Rows of HDF5 files: data that lie in one piece are read here, by any number of threads; others by
// the hdf5 plug-in.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/file.h"
#include "ops/call.h"
#include "rustorch_plugin.h"

struct RtRows {
    Hdf5Plugin hdf5;
    RowsInfo info;
    void *rows; // the plug-in's
    char *path;
    int handle; // for data in one piece; −1
    pid_t owner;
    size_t row_bytes;
};

// The file must hold what its header says before memory is made for it, row by row, later.
static Status open_place(RtRows *rows) {
    struct stat facts;
    int64_t bytes = (int64_t)rows->row_bytes;
    rows->handle = open(rows->path, O_RDONLY | O_CLOEXEC);
    if (rows->handle < 0) return fail_errno(errno, "%s cannot be opened", rows->path);
    if (fstat(rows->handle, &facts) < 0) return fail_errno(errno, "%s cannot be read", rows->path);
    if (rows->info.offset > facts.st_size ||
        (bytes && rows->info.shape[0] > (facts.st_size - rows->info.offset) / bytes))
        return fail(ERR_FILE, "%s is cut: it has %lld bytes, and the data of the dataset go beyond",
                    rows->path, (long long)facts.st_size);
    return OK;
}

static Status measure(RtRows *rows) {
    rows->row_bytes = rt_dtype_bytes(rows->info.dtype);
    for (int i = 1; i < rows->info.ndim; i++)
        if (__builtin_mul_overflow(rows->row_bytes, (size_t)rows->info.shape[i],
                                   &rows->row_bytes) ||
            rows->row_bytes > INT64_MAX)
            return fail(ERR_FILE, "%s is damaged: a row of it is larger than any memory",
                        rows->path);
    return OK;
}

RtRows *rt_rows_open(const char *path, const char *name) {
    if (access(path, R_OK) != 0) { // libhdf5 would only say that it failed
        fail_errno(errno, "%s cannot be opened", path);
        return NULL;
    }
    RtRows *rows = mem_zalloc(MEM_IO, sizeof *rows);
    if (!rows) return NULL;
    rows->handle = -1;
    rows->owner = getpid();
    rows->path = mem_text(MEM_IO, path);
    if (!rows->path || file_plugin(&rows->hdf5) < 0) goto failed;
    rows->rows = rows->hdf5.rows_open(path, name, &rows->info);
    if (!rows->rows || measure(rows) < 0) goto failed;
    if (rows->info.offset >= 0 && open_place(rows) < 0) goto failed;
    return rows;
failed:
    rt_rows_close(rows);
    return NULL;
}

RtDtype rt_rows_dtype(const RtRows *rows) { return rows->info.dtype; }

int rt_rows_shape(const RtRows *rows, const int64_t **out_shape) {
    *out_shape = rows->info.shape;
    return rows->info.ndim;
}

static Status read_run(const RtRows *rows, int64_t first, int64_t count, void *out) {
    if (rows->handle < 0) return rows->hdf5.rows_read(rows->rows, &rows->info, first, count, out);
    return file_read_at(rows->handle, rows->path, out, (size_t)count * rows->row_bytes,
                        rows->info.offset + first * (int64_t)rows->row_bytes);
}

typedef struct Wanted {
    int64_t row, place; // place: in the result
} Wanted;

static int by_row(const void *a, const void *b) {
    const Wanted *x = a, *y = b;
    if (x->row != y->row) return x->row < y->row ? -1 : 1;
    return x->place < y->place ? -1 : x->place > y->place;
}

// In the order of the file, so that each chunk is unpacked once; neighbours in file and result in
// one piece.
static Status read_wanted(const RtRows *rows, Wanted *wanted, int64_t n, char *out) {
    qsort(wanted, (size_t)n, sizeof *wanted, by_row);
    for (int64_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && wanted[end].row == wanted[end - 1].row + 1 &&
                          wanted[end].place == wanted[end - 1].place + 1;)
            end++;
        TRY(read_run(rows, wanted[i].row, end - i,
                     out + (size_t)wanted[i].place * rows->row_bytes));
    }
    return OK;
}

RtTensor *rt_rows_read(RtRows *rows, const int64_t *index, int64_t n) {
    int64_t shape[RT_MAX_DIMS], count = rows->info.shape[0];
    if (rows->owner != getpid()) {
        fail(ERR_VALUE, "%s was opened by another process: open it after forking", rows->path);
        return NULL;
    }
    for (int64_t i = 0; i < n; i++)
        if (index[i] < 0 || index[i] >= count) {
            fail(ERR_INDEX, "row %lld of %s was asked for, there are %lld", (long long)index[i],
                 rows->path, (long long)count);
            return NULL;
        }
    memcpy(shape, rows->info.shape, sizeof shape);
    shape[0] = n;
    RtTensor *out = rt_tensor_new(rows->info.ndim, shape, rows->info.dtype, (RtDevice){RT_CPU, 0});
    if (!out || out->numel == 0) return out;
    Wanted *wanted = mem_alloc(MEM_IO, (size_t)n * sizeof *wanted);
    if (!wanted) return NULL;
    for (int64_t i = 0; i < n; i++) wanted[i] = (Wanted){index[i], i};
    Status status = read_wanted(rows, wanted, n, rt_tensor_data(out));
    mem_free(MEM_IO, wanted);
    uint8_t *bytes = rt_tensor_data(out);
    for (int64_t i = 0; out->dtype == RT_BOOL && i < out->numel; i++)
        bytes[i] = bytes[i] != 0; // whatever the file holds
    return status < 0 ? NULL : out;
}

void rt_rows_close(RtRows *rows) {
    if (!rows) return;
    // what a forked child inherited is its parent's to close
    if (rows->rows && rows->owner == getpid()) rows->hdf5.rows_close(rows->rows);
    if (rows->handle >= 0) close(rows->handle);
    mem_free(MEM_IO, rows->path);
    mem_free(MEM_IO, rows);
}

Status rt_rows_list(const char *path, Status (*visit)(void *context, const char *name),
                    void *context) {
    Hdf5Plugin hdf5;
    if (access(path, R_OK) != 0) return fail_errno(errno, "%s cannot be opened", path);
    TRY(file_plugin(&hdf5));
    return hdf5.rows_list(path, visit, context);
}
