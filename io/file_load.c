// Loading files of tensors: docs/checkpoint-format.md has the bytes. Nothing of a file is believed
// before its digest was compared, and nothing after that which does not fit the file's length.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "io/file.h"
#include "ops/call.h"
#include "rustorch_plugin.h"

struct RtFile {
    int handle;
    char *path;
    FileDataset *datasets;
    int n;
};

// What a file is that is not ours, by its first bytes.
static Status not_ours(const char *path, int handle, int64_t size) {
    unsigned char head[8] = {0};
    if (size == 0) return fail(ERR_FILE, "%s is empty", path);
    TRY(file_read_at(handle, path, head, size < 8 ? (size_t)size : 8, 0));
    if (!memcmp(head, "\x89HDF\r\n\x1a\n", 8))
        return fail(ERR_FILE,
                    "%s is an HDF5 file without rustorch's trailer: it was cut, changed by another "
                    "program, or not written by "
                    "rustorch. Read it with h5py and save what you need with rustorch.save",
                    path);
    if (!memcmp(head, "PK\3\4", 4))
        return fail(
            ERR_FILE,
            "%s is a ZIP file and not rustorch's; if torch.save wrote it, rustorch.load reads the "
            "state dict in it",
            path);
    if (head[0] == 0x80 && head[1] >= 2 && head[1] <= 5)
        return fail(ERR_FILE,
                    "%s is a pickle, which may run any code, and none of torch.save's with a state "
                    "dict: rustorch does not read it",
                    path);
    // a beginning of text as text, of anything else as bytes
    Text shown = {0};
    size_t n = size < 8 ? (size_t)size : 8, letters = 0;
    while (letters < n && head[letters] >= ' ' && head[letters] < 127) letters++;
    if (letters == n || (letters && head[letters] == '\n'))
        text_addf(&shown, "\"%.*s\"", (int)letters, (const char *)head);
    else
        for (size_t i = 0; i < n; i++) text_addf(&shown, "%s%02x", i ? " " : "", head[i]);
    Status status =
        fail(ERR_FILE, "%s is not a rustorch file: it begins with %s", path, text_chars(&shown));
    text_clear(&shown);
    return status;
}

static Status read_footer(const char *path, int handle, int64_t size, FileFooter *footer) {
    if (size < (int64_t)sizeof *footer) return not_ours(path, handle, size);
    TRY(file_read_at(handle, path, footer, sizeof *footer, size - (int64_t)sizeof *footer));
    if (memcmp(footer->magic, FILE_MAGIC, sizeof footer->magic) != 0)
        return not_ours(path, handle, size);
    if (footer->version != FILE_VERSION)
        return fail(
            ERR_FILE,
            "%s has version %u of the format, this rustorch reads version %d: use a newer rustorch",
            path, footer->version, FILE_VERSION);
    uint64_t room = (uint64_t)size - sizeof *footer;
    if (footer->hdf5_bytes > room || footer->table_bytes != room - footer->hdf5_bytes ||
        footer->n > footer->table_bytes / sizeof(FileRecord))
        return fail(ERR_FILE,
                    "%s is damaged: it has %lld bytes, its trailer speaks of %llu and %llu", path,
                    (long long)size, (unsigned long long)footer->hdf5_bytes,
                    (unsigned long long)footer->table_bytes);
    return OK;
}

static Status bad_record(const char *path, uint32_t i) {
    return fail(ERR_FILE, "%s is damaged: record %u of its trailer makes no sense", path, i);
}

// One record into *out; *at moves behind it. `data` is the end of the data before it.
static Status parse_record(RtFile *file, const char **at, const char *end, int64_t *data,
                           const FileFooter *footer) {
    FileRecord record;
    uint32_t i = (uint32_t)file->n;
    FileDataset *out = &file->datasets[i];
    if (end - *at < (ptrdiff_t)sizeof record) return bad_record(file->path, i);
    memcpy(&record, *at, sizeof record);
    *at += sizeof record;
    char dtype[sizeof record.dtype + 1] = "";
    memcpy(dtype, record.dtype, sizeof record.dtype);
    size_t shape_bytes = record.ndim * sizeof *out->shape;
    *out = (FileDataset){.dtype = rt_dtype_find(dtype), .ndim = record.ndim, .crc = record.crc};
    if (out->dtype == RT_DTYPE_NONE || record.ndim > RT_MAX_DIMS ||
        (size_t)(end - *at) < shape_bytes + record.name_bytes)
        return bad_record(file->path, i);
    memcpy(out->shape, *at, shape_bytes);
    *at += shape_bytes;
    int64_t bytes = (int64_t)rt_dtype_bytes(out->dtype);
    for (int d = 0; d < out->ndim; d++)
        if (out->shape[d] < 0 || __builtin_mul_overflow(bytes, out->shape[d], &bytes))
            return bad_record(file->path, i);
    if (record.bytes != (uint64_t)bytes || record.bytes > footer->hdf5_bytes ||
        record.offset > footer->hdf5_bytes - record.bytes ||
        (bytes && (int64_t)record.offset < *data) || memchr(*at, 0, record.name_bytes))
        return bad_record(file->path, i);
    out->offset = (int64_t)record.offset;
    out->bytes = bytes;
    if (bytes) *data = out->offset + bytes;
    out->name = mem_zalloc(MEM_IO, (size_t)record.name_bytes + 1);
    if (!out->name) return ERR_MEMORY;
    memcpy(out->name, *at, record.name_bytes);
    *at += record.name_bytes;
    file->n++;
    return OK;
}

static Status parse_table(RtFile *file, const char *table, const FileFooter *footer) {
    const char *at = table, *end = table + footer->table_bytes;
    int64_t data = 0;
    file->datasets = mem_zalloc(MEM_IO, footer->n * sizeof *file->datasets + 1);
    if (!file->datasets) return ERR_MEMORY;
    for (uint32_t i = 0; i < footer->n; i++) TRY(parse_record(file, &at, end, &data, footer));
    return at == end
               ? OK
               : fail(ERR_FILE, "%s is damaged: bytes are left over in its trailer", file->path);
}

typedef struct SkeletonRead {
    const RtFile *file;
    Hdf5Plugin *hdf5;
    void *digest;
} SkeletonRead;

static Status digest_stretch(void *context, int64_t offset, int64_t bytes) {
    SkeletonRead *read = context;
    char room[16384];
    while (bytes) {
        size_t part = bytes < (int64_t)sizeof room ? (size_t)bytes : sizeof room;
        TRY(file_read_at(read->file->handle, read->file->path, room, part, offset));
        read->hdf5->digest_add(read->digest, room, part);
        offset += (int64_t)part;
        bytes -= (int64_t)part;
    }
    return OK;
}

static Status check_digest(const RtFile *file, Hdf5Plugin *hdf5, const char *table,
                           const FileFooter *footer) {
    SkeletonRead read = {file, hdf5, hdf5->digest_new()};
    if (!read.digest) return fail(ERR_MEMORY, "out of memory for a digest");
    unsigned char digest[FILE_DIGEST_BYTES];
    Status status = file_visit_skeleton(file->datasets, file->n, (int64_t)footer->hdf5_bytes,
                                        digest_stretch, &read);
    hdf5->digest_add(read.digest, table, footer->table_bytes);
    hdf5->digest_add(read.digest, footer, offsetof(FileFooter, digest));
    hdf5->digest_end(read.digest, digest);
    TRY(status);
    if (memcmp(digest, footer->digest, sizeof digest) != 0)
        return fail(ERR_FILE, "%s is damaged: its metadata do not match the digest in its trailer",
                    file->path);
    return OK;
}

static Status open_checked(RtFile *file) {
    Hdf5Plugin hdf5;
    FileFooter footer;
    struct stat facts;
    TRY(file_plugin(&hdf5));
    file->handle = open(file->path, O_RDONLY | O_CLOEXEC |
                                        O_NONBLOCK); // a pipe is refused below, not waited for
    if (file->handle < 0) return fail_errno(errno, "%s cannot be opened", file->path);
    if (fstat(file->handle, &facts) != 0)
        return fail_errno(errno, "%s cannot be opened", file->path);
    if (S_ISDIR(facts.st_mode))
        return fail(ERR_FILE, "%s is a folder, the path of a file is needed", file->path);
    if (!S_ISREG(facts.st_mode)) return fail(ERR_FILE, "%s is not a file", file->path);
    TRY(read_footer(file->path, file->handle, facts.st_size, &footer));
    char *table = mem_alloc(MEM_IO, footer.table_bytes + 1);
    if (!table) return ERR_MEMORY;
    Status status = file_read_at(file->handle, file->path, table, footer.table_bytes,
                                 (int64_t)footer.hdf5_bytes);
    if (status >= 0) status = parse_table(file, table, &footer);
    if (status >= 0) status = check_digest(file, &hdf5, table, &footer);
    mem_free(MEM_IO, table);
    return status;
}

RtFile *rt_file_open(const char *path) {
    RtFile *file = mem_zalloc(MEM_IO, sizeof *file);
    if (!file) return NULL;
    file->handle = -1;
    file->path = mem_text(MEM_IO, path);
    if (file->path && open_checked(file) >= 0) return file;
    rt_file_close(file);
    return NULL;
}

int rt_file_count(const RtFile *file) { return file->n; }
const char *rt_file_name(const RtFile *file, int i) { return file->datasets[i].name; }

static Status damaged_data(const RtFile *file, const FileDataset *dataset) {
    return fail(ERR_FILE, "%s is damaged: the data of %s do not match their checksum", file->path,
                dataset->name);
}

RtTensor *rt_file_read(RtFile *file, int i) {
    const FileDataset *dataset = &file->datasets[i];
    RtTensor *tensor =
        rt_tensor_new(dataset->ndim, dataset->shape, dataset->dtype, (RtDevice){RT_CPU, 0});
    if (!tensor) return NULL;
    char *to = rt_tensor_data(tensor);
    uint32_t crc = 0;
    const int64_t piece = (int64_t)1 << 18; // still in cache when its checksum is computed
    for (int64_t at = 0; at < dataset->bytes; at += piece) {
        size_t part = (size_t)(dataset->bytes - at < piece ? dataset->bytes - at : piece);
        if (file_read_at(file->handle, file->path, to + at, part, dataset->offset + at) < 0)
            return NULL;
        crc = crc32c(crc, to + at, part);
    }
    if (crc == dataset->crc) return tensor;
    damaged_data(file, dataset);
    return NULL;
}

typedef struct Mapping {
    void *start;
    size_t bytes;
} Mapping;

static void mapping_release(void *context) {
    Mapping *mapping = context;
    munmap(mapping->start, mapping->bytes);
    mem_free(MEM_IO, mapping);
}

#define MAP_LEAST ((int64_t)65536)

RtTensor *rt_file_map(RtFile *file, int i) {
    const FileDataset *dataset = &file->datasets[i];
    int64_t before = dataset->offset % sysconf(_SC_PAGESIZE);
    if (dataset->bytes < MAP_LEAST || dataset->offset % 64 != 0) return rt_file_read(file, i);
    Mapping *mapping = mem_alloc(MEM_IO, sizeof *mapping);
    if (!mapping) return NULL;
    mapping->bytes = (size_t)(dataset->bytes + before);
    mapping->start = mmap(NULL, mapping->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE, file->handle,
                          dataset->offset - before);
    if (mapping->start == MAP_FAILED) {
        fail_errno(errno, "%s cannot be mapped into memory", file->path);
        mem_free(MEM_IO, mapping);
        return NULL;
    }
    char *data = (char *)mapping->start + before;
    if (crc32c(0, data, (size_t)dataset->bytes) != dataset->crc) {
        damaged_data(file, dataset);
        mapping_release(mapping);
        return NULL;
    }
    int64_t stride[RT_MAX_DIMS], step = 1;
    for (int d = dataset->ndim - 1; d >= 0; d--) {
        stride[d] = step;
        step *= dataset->shape[d];
    }
    return rt_tensor_wrap(data, (size_t)dataset->bytes, dataset->ndim, dataset->shape, stride,
                          dataset->dtype, (RtDevice){RT_CPU, 0}, mapping_release, mapping);
}

void rt_file_close(RtFile *file) {
    if (!file) return;
    if (file->handle >= 0) close(file->handle);
    file_datasets_free(file->datasets, file->n);
    mem_free(MEM_IO, file->path);
    mem_free(MEM_IO, file);
}

static Status verify_data(const RtFile *file) {
    const int64_t piece = (int64_t)1 << 18;
    char *room = mem_alloc(MEM_IO, (size_t)piece);
    if (!room) return ERR_MEMORY;
    Status status = OK;
    for (int i = 0; status >= 0 && i < file->n; i++) {
        const FileDataset *dataset = &file->datasets[i];
        uint32_t crc = 0;
        for (int64_t at = 0; status >= 0 && at < dataset->bytes; at += piece) {
            size_t part = (size_t)(dataset->bytes - at < piece ? dataset->bytes - at : piece);
            status = file_read_at(file->handle, file->path, room, part, dataset->offset + at);
            if (status >= 0) crc = crc32c(crc, room, part);
        }
        if (status >= 0 && crc != dataset->crc) status = damaged_data(file, dataset);
    }
    mem_free(MEM_IO, room);
    return status;
}

Status rt_file_verify(const char *path) {
    RtFile *file = rt_file_open(path);
    if (!file) return error_code();
    Status status = verify_data(file);
    rt_file_close(file);
    return status;
}
