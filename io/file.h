// file.h: between the files of tensors (file_save.c, file_load.c), the commit (commit.c), the rows of
// HDF5 files (rows.c) and the hdf5 plug-in (hdf5.c, hdf5_rows.c).
//
// Of files of tensors, libhdf5 is handed no byte that is read, and writes none: it lays out the skeleton of a
// new file (everything but the data of the tensors) in a file that exists in memory alone, with
// holes where the data go. What is read is found by our own trailer, which names the place, shape
// and checksum of every tensor: docs/checkpoint-format.md.
#pragma once

#include "io/io.h"

#define FILE_DIGEST_BYTES 32

typedef struct FileDataset {
    char *name; // mem_text of MEM_IO
    RtDtype dtype;
    int ndim;
    int64_t shape[RT_MAX_DIMS];
    int64_t offset, bytes; // of its data in the file; both 0 for an empty one
    uint32_t crc;          // CRC32C of its data
} FileDataset;

// Rows of a dataset of any HDF5 file.
typedef struct RowsInfo {
    RtDtype dtype;
    int ndim; // ≥ 1
    int64_t shape[RT_MAX_DIMS];
    int64_t offset; // in the file, where the data lie there in one piece as the machine wants them; −1: they do not
} RowsInfo;

// libhdf5 as Debian builds it knows nothing of threads: the plug-in lets one in at a time, and none while the process forks.
typedef struct Hdf5Plugin {
    // Creates the datasets in the (empty) memory file `handle`; fills offset and bytes of each and
    // the file's length.
    Status (*build)(int handle, FileDataset *datasets, int n, int64_t *out_bytes);
    // SHA-256 in pieces. digest_end frees the digest; out may be NULL.
    void *(*digest_new)(void);
    void (*digest_add)(void *digest, const void *bytes, size_t n);
    void (*digest_end)(void *digest, unsigned char *out);
    // rows_open: NULL on failure. rows_read: `count` rows from `first` on, in info's dtype.
    void *(*rows_open)(const char *path, const char *name, RowsInfo *out);
    Status (*rows_read)(void *rows, const RowsInfo *info, int64_t first, int64_t count, void *out);
    void (*rows_close)(void *rows);
    Status (*rows_list)(const char *path, Status (*visit)(void *context, const char *name), void *context);
} Hdf5Plugin;
Status file_plugin(Hdf5Plugin *out);

// The trailer, little-endian: one record a tensor in order of its place, then the footer, the last
// bytes of the file. A record is followed by int64_t shape[ndim] and the name, without a 0 at its
// end.
#define FILE_MAGIC "\x89rustorch\r\n\x1a\n\0\0\0" // 16 bytes
#define FILE_VERSION 1

typedef struct FileRecord {
    uint64_t offset, bytes;
    uint32_t crc;
    uint16_t ndim, name_bytes;
    char dtype[8]; // "float32", filled with 0
} FileRecord;

typedef struct FileFooter {
    char magic[16];
    uint32_t version, n;
    uint64_t hdf5_bytes, table_bytes;
    unsigned char digest[FILE_DIGEST_BYTES]; // of the HDF5 part without the tensors' data, the
                                             // records and the footer so far
} FileFooter;

_Static_assert(sizeof(FileRecord) == 32 && sizeof(FileFooter) == 72, "the format has no padding");

// Calls visit for every stretch of the HDF5 part that is no tensor's data. The datasets are in
// order of their places.
typedef Status (*FileVisit)(void *context, int64_t offset, int64_t bytes);
Status file_visit_skeleton(const FileDataset *datasets, int n, int64_t hdf5_bytes, FileVisit visit,
                           void *context);
Status file_read_at(int handle, const char *path, void *out, size_t n, int64_t offset);
void file_datasets_free(FileDataset *datasets, int n);

// crc32c.c: Castagnoli's polynomial (RFC 3720, appendix B.4), by the CPU's instruction where it has
// one.
uint32_t crc32c(uint32_t crc, const void *bytes, size_t n); // crc 0 at the start

// commit.c: a file that appears whole or not at all.
typedef struct CommitFile {
    int handle, folder;       // −1 when closed
    char *path, *temporary;   // temporary: name within the folder
    const char *name;         // of the file within the folder
    char *buffer;             // what is written next
    size_t held;              // bytes of it
    int64_t written, started; // bytes handed to the system; of which the way to the disk was begun
} CommitFile;
Status commit_open(CommitFile *file, const char *path);
Status commit_write(CommitFile *file, const void *bytes, size_t n);
// *crc goes on over the bytes as they are written, even when another thread changes them meanwhile.
Status commit_write_summed(CommitFile *file, const void *bytes, size_t n, uint32_t *crc);
Status commit_finish(CommitFile *file); // sync, rename, sync of the folder
void commit_clear(
    CommitFile *file); // removes the temporary file if it was not committed; twice is fine
