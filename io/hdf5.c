// The hdf5 plug-in: the skeleton of a file of tensors in HDF5's oldest format, contiguous datasets,
// no filters. Its other half, hdf5_rows.c, reads other programs' files.
//
// libhdf5 works on a file that exists in memory alone (a memory file, reached by its path under
// /proc), and never writes the data of a tensor: datasets are allocated early and without fill, so
// their places are holes. It reads nothing.
#include "io/hdf5.h"

#include <errno.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "rustorch_plugin.h"

#define ROOT_NOTE "rustorch_format"

// Errors of the library ---------------------------------------------------------------------------

static herr_t keep_first(unsigned n, const H5E_error2_t *error, void *context) {
    char *message = context;
    if (n == 0) snprintf(message, 256, "%s", error->desc ? error->desc : "");
    return 0;
}

Status hdf5_failed(const char *what) {
    char message[256] = "";
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_first, message);
    H5Eclear2(H5E_DEFAULT);
    return fail(ERR_FILE, "HDF5: %s failed: %s", what, message);
}

// One thread at a time ----------------------------------------------------------------------------

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void hdf5_lock(void) {
    pthread_mutex_lock(&lock);
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL); // nothing is printed
}
void hdf5_unlock(void) { pthread_mutex_unlock(&lock); }
// A child must not find the library in the middle of something: forking waits for it.
static void before_fork(void) { pthread_mutex_lock(&lock); }
static void watch_forks(void) { pthread_atfork(before_fork, hdf5_unlock, hdf5_unlock); }

// Element types -----------------------------------------------------------------------------------

// float16 as h5py writes it: IEEE, 1 + 5 + 10 bits.
hid_t hdf5_half_type(void) {
    hid_t type = H5Tcopy(H5T_IEEE_F32LE);
    if (type < 0) return type;
    if (H5Tset_fields(type, 15, 10, 5, 0, 10) < 0 || H5Tset_size(type, 2) < 0 ||
        H5Tset_ebias(type, 15) < 0) {
        H5Tclose(type);
        return -1;
    }
    return type;
}

// bool as h5py writes it: an enum of int8.
hid_t hdf5_bool_type(void) {
    hid_t type = H5Tenum_create(H5T_STD_I8LE);
    signed char no = 0, yes = 1;
    if (type >= 0 &&
        (H5Tenum_insert(type, "FALSE", &no) < 0 || H5Tenum_insert(type, "TRUE", &yes) < 0)) {
        H5Tclose(type);
        return -1;
    }
    return type;
}

static hid_t file_type(RtDtype dtype) { // to be closed
    switch (dtype) {
    case RT_BOOL: return hdf5_bool_type();
    case RT_U8: return H5Tcopy(H5T_STD_U8LE);
    case RT_I8: return H5Tcopy(H5T_STD_I8LE);
    case RT_I16: return H5Tcopy(H5T_STD_I16LE);
    case RT_I32: return H5Tcopy(H5T_STD_I32LE);
    case RT_I64: return H5Tcopy(H5T_STD_I64LE);
    case RT_F16: return hdf5_half_type();
    case RT_BF16: return H5Tcopy(H5T_STD_U16LE); // its bits: see the attribute "dtype"
    case RT_F32: return H5Tcopy(H5T_IEEE_F32LE);
    default: return H5Tcopy(H5T_IEEE_F64LE);
    }
}

// Building ----------------------------------------------------------------------------------------

static Status put_text(hid_t object, const char *name, const char *text) {
    Status status = OK;
    hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR), attribute = -1;
    H5_TRY(type);
    H5_TRY(space);
    H5_TRY(H5Tset_size(type, strlen(text) + 1));
    H5_TRY(attribute = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT));
    H5_TRY(H5Awrite(attribute, type, text));
out:
    if (attribute >= 0) H5Aclose(attribute);
    if (space >= 0) H5Sclose(space);
    if (type >= 0) H5Tclose(type);
    return status;
}

static Status build_dataset(hid_t file, hid_t links, FileDataset *dataset) {
    Status status = OK;
    hid_t type = -1, space = -1, layout = -1, made = -1;
    hsize_t shape[RT_MAX_DIMS];
    dataset->bytes = (int64_t)rt_dtype_bytes(dataset->dtype);
    for (int i = 0; i < dataset->ndim; i++) {
        shape[i] = (hsize_t)dataset->shape[i];
        dataset->bytes *= dataset->shape[i];
    }
    H5_TRY(type = file_type(dataset->dtype));
    H5_TRY(space = dataset->ndim ? H5Screate_simple(dataset->ndim, shape, NULL)
                                 : H5Screate(H5S_SCALAR));
    H5_TRY(layout = H5Pcreate(H5P_DATASET_CREATE));
    H5_TRY(H5Pset_layout(layout, H5D_CONTIGUOUS));
    H5_TRY(H5Pset_alloc_time(layout, H5D_ALLOC_TIME_EARLY));
    H5_TRY(H5Pset_fill_time(layout, H5D_FILL_TIME_NEVER));
    H5_TRY(H5Pset_obj_track_times(layout, 0)); // the same tensors give the same bytes
    H5_TRY(made = H5Dcreate2(file, dataset->name, type, space, links, layout, H5P_DEFAULT));
    GUARD(put_text(made, "dtype", rt_dtype_name(dataset->dtype)));
    dataset->offset = 0;
    if (dataset->bytes > 0) {
        haddr_t offset = H5Dget_offset(made);
        if (offset == HADDR_UNDEF) {
            status = hdf5_failed("H5Dget_offset");
            goto out;
        }
        dataset->offset = (int64_t)offset;
    }
out:
    if (made >= 0) H5Dclose(made);
    if (layout >= 0) H5Pclose(layout);
    if (space >= 0) H5Sclose(space);
    if (type >= 0) H5Tclose(type);
    return status;
}

static Status build_alone(int handle, FileDataset *datasets, int n, int64_t *out_bytes) {
    Status status = OK;
    hid_t access = -1, create = -1, links = -1, file = -1, root = -1;
    hsize_t size = 0;
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", handle);
    H5_TRY(access = H5Pcreate(H5P_FILE_ACCESS));
    H5_TRY(H5Pset_fapl_stdio(
        access)); // the default driver looks up the real path of a link, and here there is none
    H5_TRY(H5Pset_libver_bounds(access, H5F_LIBVER_EARLIEST, H5F_LIBVER_LATEST));
    H5_TRY(H5Pset_alignment(access, 65536, 4096)); // large tensors begin on a page
    H5_TRY(create = H5Pcreate(H5P_FILE_CREATE));
    H5_TRY(H5Pset_obj_track_times(create, 0));
    H5_TRY(links = H5Pcreate(H5P_LINK_CREATE));
    H5_TRY(H5Pset_create_intermediate_group(links, 1));
    H5_TRY(H5Pset_char_encoding(links, H5T_CSET_UTF8));
    H5_TRY(file = H5Fcreate(path, H5F_ACC_TRUNC, create, access));
    H5_TRY(root = H5Gopen2(file, "/", H5P_DEFAULT));
    GUARD(put_text(root, ROOT_NOTE, "1: a trailer with checksums follows the HDF5 data"));
    for (int i = 0; i < n; i++) GUARD(build_dataset(file, links, &datasets[i]));
    H5_TRY(H5Gclose(root));
    root = -1;
    H5_TRY(H5Fflush(file, H5F_SCOPE_GLOBAL));
    H5_TRY(H5Fget_filesize(file, &size));
    *out_bytes = (int64_t)size;
    H5_TRY(H5Fclose(file));
    file = -1;
    // the driver ends the file where it last wrote, which may be before the data of the last tensor
    if (ftruncate(handle, (off_t)size) != 0)
        status = fail_errno(errno, "no memory for the skeleton of a file");
out:
    if (root >= 0) H5Gclose(root);
    if (file >= 0) H5Fclose(file);
    if (links >= 0) H5Pclose(links);
    if (create >= 0) H5Pclose(create);
    if (access >= 0) H5Pclose(access);
    return status;
}

static Status build(int handle, FileDataset *datasets, int n, int64_t *out_bytes) {
    hdf5_lock();
    Status status = build_alone(handle, datasets, n, out_bytes);
    hdf5_unlock();
    return status;
}

// Digest ------------------------------------------------------------------------------------------

static void *digest_new(void) {
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    if (digest && EVP_DigestInit_ex(digest, EVP_sha256(), NULL) == 1) return digest;
    EVP_MD_CTX_free(digest);
    return NULL;
}
static void digest_add(void *digest, const void *bytes, size_t n) {
    EVP_DigestUpdate(digest, bytes, n);
}
static void digest_end(void *digest, unsigned char *out) {
    if (out) EVP_DigestFinal_ex(digest, out, NULL);
    EVP_MD_CTX_free(digest);
}

RT_API Status rt_plugin(void *vtable, size_t bytes);
Status rt_plugin(void *vtable, size_t bytes) {
    if (bytes != sizeof(Hdf5Plugin))
        return fail(ERR_PLUGIN, "the hdf5 plug-in is of another build of rustorch");
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, watch_forks);
    *(Hdf5Plugin *)vtable = (Hdf5Plugin){build,     digest_new, digest_add, digest_end,
                                         rows_open, rows_read,  rows_close, rows_list};
    return OK;
}
