// Saving files of tensors: docs/checkpoint-format.md has the bytes.
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "io/file.h"
#include "ops/call.h"
#include "rustorch_plugin.h"

typedef struct Save {
    Hdf5Plugin hdf5;
    CommitFile file;
    FileDataset *datasets; // in the order of the items, and after the skeleton was built in that of
                           // their places
    RtTensor **tensors;    // contiguous, in the order of the datasets
    void *digest;
    int n, skeleton; // skeleton: the memory file
} Save;

Status file_plugin(Hdf5Plugin *out) {
    static const RtPluginName name = {"hdf5", "saving and loading of files",
                                      "libhdf5-dev and libssl-dev (Debian, Ubuntu)"};
    return plugin_open(&name, out, sizeof *out);
}

Status file_read_at(int handle, const char *path, void *out, size_t n, int64_t offset) {
    char *at = out;
    while (n) {
        ssize_t done = pread(handle, at, n < (size_t)64 << 20 ? n : (size_t)64 << 20, offset);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) return fail_errno(errno, "%s cannot be read", path);
        if (done == 0)
            return fail(ERR_FILE, "%s ends while it is read: another process is cutting it", path);
        at += done;
        offset += done;
        n -= (size_t)done;
    }
    return OK;
}

Status file_visit_skeleton(const FileDataset *datasets, int n, int64_t hdf5_bytes, FileVisit visit,
                           void *context) {
    int64_t at = 0;
    for (int i = 0; i < n; i++) {
        if (datasets[i].bytes == 0) continue;
        if (datasets[i].offset > at) TRY(visit(context, at, datasets[i].offset - at));
        at = datasets[i].offset + datasets[i].bytes;
    }
    return hdf5_bytes > at ? visit(context, at, hdf5_bytes - at) : OK;
}

void file_datasets_free(FileDataset *datasets, int n) {
    for (int i = 0; datasets && i < n; i++) mem_free(MEM_IO, datasets[i].name);
    mem_free(MEM_IO, datasets);
}

static Status describe_items(Save *save, const RtFileItem *items) {
    for (int i = 0; i < save->n; i++) {
        RtTensor *tensor = items[i].tensor;
        if (tensor->device.type != RT_CPU)
            return fail(ERR_DEVICE, "%s: tensors are saved from the CPU: call .cpu() first",
                        items[i].name);
        if (strlen(items[i].name) > UINT16_MAX)
            return fail(ERR_VALUE, "%.60s…: the name is too long", items[i].name);
        save->tensors[i] = rt_contiguous(rt_detach(tensor));
        if (!save->tensors[i]) return error_code();
        FileDataset *dataset = &save->datasets[i];
        dataset->name = mem_text(MEM_IO, items[i].name);
        if (!dataset->name) return ERR_MEMORY;
        dataset->dtype = (RtDtype)tensor->dtype;
        dataset->ndim = tensor->ndim;
        memcpy(dataset->shape, tensor->shape, (size_t)tensor->ndim * sizeof *dataset->shape);
    }
    return OK;
}

typedef struct Placed {
    FileDataset dataset;
    RtTensor *tensor;
} Placed;

static int compare_places(const void *a, const void *b) {
    const FileDataset *x = &((const Placed *)a)->dataset, *y = &((const Placed *)b)->dataset;
    return x->offset != y->offset ? (x->offset < y->offset ? -1 : 1)
                                  : strcmp(x->name, y->name); // empty ones: at 0
}

static Status sort_by_place(Save *save) {
    Placed *placed = mem_alloc(MEM_IO, (size_t)save->n * sizeof *placed + 1);
    if (!placed) return ERR_MEMORY;
    for (int i = 0; i < save->n; i++) placed[i] = (Placed){save->datasets[i], save->tensors[i]};
    if (save->n) qsort(placed, (size_t)save->n, sizeof *placed, compare_places);
    for (int i = 0; i < save->n; i++) {
        save->datasets[i] = placed[i].dataset;
        save->tensors[i] = placed[i].tensor;
    }
    mem_free(MEM_IO, placed);
    return OK;
}

static Status write_stretch(void *context, int64_t offset, int64_t bytes) {
    Save *save = context;
    char room[16384];
    while (bytes) {
        size_t part = bytes < (int64_t)sizeof room ? (size_t)bytes : sizeof room;
        TRY(file_read_at(save->skeleton, "the skeleton", room, part, offset));
        save->hdf5.digest_add(save->digest, room, part);
        TRY(commit_write(&save->file, room, part));
        offset += (int64_t)part;
        bytes -= (int64_t)part;
    }
    return OK;
}

// The HDF5 part from its first byte to its last: stretches of the skeleton and tensors by turns.
static Status write_hdf5(Save *save, int64_t hdf5_bytes) {
    int64_t at = 0;
    for (int i = 0; i < save->n; i++) {
        FileDataset *dataset = &save->datasets[i];
        if (dataset->bytes == 0) continue;
        if (dataset->offset > at) TRY(write_stretch(save, at, dataset->offset - at));
        TRY(commit_write_summed(&save->file, rt_tensor_data(save->tensors[i]),
                                (size_t)dataset->bytes, &dataset->crc));
        at = dataset->offset + dataset->bytes;
    }
    return hdf5_bytes > at ? write_stretch(save, at, hdf5_bytes - at) : OK;
}

static Status write_digested(Save *save, const void *bytes, size_t n, uint64_t *total) {
    save->hdf5.digest_add(save->digest, bytes, n);
    *total += n;
    return commit_write(&save->file, bytes, n);
}

static Status write_trailer(Save *save, int64_t hdf5_bytes) {
    FileFooter footer = {
        .version = FILE_VERSION, .n = (uint32_t)save->n, .hdf5_bytes = (uint64_t)hdf5_bytes};
    for (int i = 0; i < save->n; i++) {
        const FileDataset *d = &save->datasets[i];
        FileRecord record = {.offset = (uint64_t)d->offset,
                             .bytes = (uint64_t)d->bytes,
                             .crc = d->crc,
                             .ndim = (uint16_t)d->ndim,
                             .name_bytes = (uint16_t)strlen(d->name)};
        const char *dtype = rt_dtype_name(d->dtype);
        memcpy(record.dtype, dtype, strnlen(dtype, sizeof record.dtype));
        TRY(write_digested(save, &record, sizeof record, &footer.table_bytes));
        TRY(write_digested(save, d->shape, (size_t)d->ndim * sizeof *d->shape,
                           &footer.table_bytes));
        TRY(write_digested(save, d->name, record.name_bytes, &footer.table_bytes));
    }
    memcpy(footer.magic, FILE_MAGIC, sizeof footer.magic);
    save->hdf5.digest_add(save->digest, &footer, offsetof(FileFooter, digest));
    save->hdf5.digest_end(save->digest, footer.digest);
    save->digest = NULL;
    return commit_write(&save->file, &footer, sizeof footer);
}

static Status save_items(Save *save, const char *path, const RtFileItem *items) {
    int64_t hdf5_bytes = 0;
    TRY(describe_items(save, items));
    save->skeleton = memfd_create("rustorch-hdf5", MFD_CLOEXEC);
    if (save->skeleton < 0)
        return fail_errno(errno, "%s cannot be saved: no memory file can be made", path);
    TRY(save->hdf5.build(save->skeleton, save->datasets, save->n, &hdf5_bytes));
    TRY(sort_by_place(save));
    TRY(commit_open(&save->file, path));
    save->digest = save->hdf5.digest_new();
    if (!save->digest) return fail(ERR_MEMORY, "out of memory for a digest");
    TRY(write_hdf5(save, hdf5_bytes));
    TRY(write_trailer(save, hdf5_bytes));
    return commit_finish(&save->file);
}

Status rt_file_save(const char *path, const RtFileItem *items, int n) {
    Save save = {.n = n, .skeleton = -1, .file = {.handle = -1, .folder = -1}};
    RtScope scope;
    TRY(file_plugin(&save.hdf5));
    TRY(rt_scope_open(&scope));
    Status status = ERR_MEMORY;
    save.datasets = mem_zalloc(MEM_IO, (size_t)n * sizeof *save.datasets + 1);
    save.tensors = mem_zalloc(MEM_IO, (size_t)n * sizeof *save.tensors + 1);
    if (save.datasets && save.tensors) status = save_items(&save, path, items);
    ErrorRecord record; // what failed first, whatever happens while cleaning up
    if (status < 0) error_take(&record);
    if (save.digest) save.hdf5.digest_end(save.digest, NULL);
    commit_clear(&save.file);
    if (save.skeleton >= 0) close(save.skeleton);
    file_datasets_free(save.datasets, n);
    mem_free(MEM_IO, save.tensors);
    rt_scope_close(scope);
    if (status < 0) error_give(&record);
    return status;
}
