// The hdf5 plug-in, rows of other programs' files: any layout, filters and byte order that libhdf5
// reads.
#include "io/hdf5.h"

#include <string.h>

#include "rustorch_plugin.h"

#define CHUNK_CACHE_BYTES ((size_t)16 << 20)

typedef struct Rows {
    hid_t file, dataset, memory; // memory: the type of an element in memory
} Rows;

static hid_t open_file(const char *path) {
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    if (access < 0) return access;
#if H5_VERSION_GE(1, 10, 7)
    H5Pset_file_locking(access, 1, 1); // shared; file systems without locks are no obstacle
#endif
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, access);
    H5Pclose(access);
    return file;
}

static hid_t open_dataset(hid_t file, const char *name) {
    hid_t access = H5Pcreate(H5P_DATASET_ACCESS);
    if (access < 0) return access;
    H5Pset_chunk_cache(access, H5D_CHUNK_CACHE_NSLOTS_DEFAULT, CHUNK_CACHE_BYTES,
                       H5D_CHUNK_CACHE_W0_DEFAULT);
    hid_t dataset = H5Dopen2(file, name, access);
    H5Pclose(access);
    return dataset;
}

// bfloat16 is stored as its bits; files of rustorch say so in an attribute "dtype".
static bool says_bfloat16(hid_t dataset) {
    char text[16] = "";
    if (H5Aexists(dataset, "dtype") <= 0) return false;
    hid_t attribute = H5Aopen(dataset, "dtype", H5P_DEFAULT),
          type = attribute < 0 ? -1 : H5Aget_type(attribute);
    if (type >= 0 && H5Tget_class(type) == H5T_STRING && H5Tis_variable_str(type) == 0 &&
        H5Tget_size(type) < sizeof text)
        H5Aread(attribute, type, text);
    if (type >= 0) H5Tclose(type);
    if (attribute >= 0) H5Aclose(attribute);
    return strcmp(text, "bfloat16") == 0;
}

static RtDtype integer_dtype(size_t bytes, bool is_signed, hid_t *memory) {
    switch (bytes) {
    case 1:
        *memory = H5Tcopy(is_signed ? H5T_NATIVE_INT8 : H5T_NATIVE_UINT8);
        return is_signed ? RT_I8 : RT_U8;
    case 2:
        *memory = H5Tcopy(is_signed ? H5T_NATIVE_INT16 : H5T_NATIVE_INT32);
        return is_signed ? RT_I16 : RT_I32;
    case 4:
        *memory = H5Tcopy(is_signed ? H5T_NATIVE_INT32 : H5T_NATIVE_INT64);
        return is_signed ? RT_I32 : RT_I64;
    case 8:
        *memory = is_signed ? H5Tcopy(H5T_NATIVE_INT64) : -1;
        return is_signed ? RT_I64 : RT_DTYPE_NONE;
    default: return RT_DTYPE_NONE;
    }
}

static RtDtype float_dtype(hid_t type, hid_t *memory) {
    size_t sign, exponent, exponent_bits, mantissa, mantissa_bits;
    switch (H5Tget_size(type)) {
    case 4: *memory = H5Tcopy(H5T_NATIVE_FLOAT); return RT_F32;
    case 8: *memory = H5Tcopy(H5T_NATIVE_DOUBLE); return RT_F64;
    case 2:
        if (H5Tget_fields(type, &sign, &exponent, &exponent_bits, &mantissa, &mantissa_bits) < 0)
            return RT_DTYPE_NONE;
        if (exponent_bits != 5 || mantissa_bits != 10) return RT_DTYPE_NONE;
        *memory = hdf5_half_type();
        return RT_F16;
    default: return RT_DTYPE_NONE;
    }
}

static bool is_bool(hid_t type) {
    signed char value;
    hid_t base = H5Tget_super(type);
    bool small = base >= 0 && H5Tget_size(base) == 1;
    if (base >= 0) H5Tclose(base);
    return small && H5Tget_nmembers(type) == 2 && H5Tenum_valueof(type, "FALSE", &value) >= 0 &&
           H5Tenum_valueof(type, "TRUE", &value) >= 0;
}

// dtype and memory type of the elements; RT_DTYPE_NONE: not numbers that a tensor could hold.
static RtDtype element_type(hid_t dataset, hid_t type, hid_t *memory) {
    switch (H5Tget_class(type)) {
    case H5T_INTEGER:
        if (H5Tget_size(type) == 2 && H5Tget_sign(type) == H5T_SGN_NONE && says_bfloat16(dataset)) {
            *memory = H5Tcopy(H5T_NATIVE_UINT16);
            return RT_BF16;
        }
        return integer_dtype(H5Tget_size(type), H5Tget_sign(type) == H5T_SGN_2, memory);
    case H5T_FLOAT: return float_dtype(type, memory);
    case H5T_ENUM:
        if (!is_bool(type)) return RT_DTYPE_NONE;
        *memory = hdf5_bool_type();
        return RT_BOOL;
    default: return RT_DTYPE_NONE;
    }
}

static const char *class_name(H5T_class_t class) {
    switch (class) {
    case H5T_INTEGER: return "unsigned integers of 8 bytes, or integers of an odd size,";
    case H5T_FLOAT: return "floats of an unusual size";
    case H5T_STRING: return "strings";
    case H5T_COMPOUND: return "compounds";
    case H5T_ENUM: return "an enumeration";
    case H5T_VLEN: return "sequences of different lengths";
    case H5T_ARRAY: return "arrays";
    case H5T_REFERENCE: return "references";
    default: return "something else";
    }
}

// The place of data that lie in one piece and need no conversion; −1 if there is none.
static int64_t place_of(hid_t dataset, hid_t type, hid_t memory) {
    int64_t offset = -1;
    hid_t create = H5Dget_create_plist(dataset);
    if (create >= 0 && H5Pget_layout(create) == H5D_CONTIGUOUS &&
        H5Pget_external_count(create) == 0 && H5Tequal(type, memory) > 0) {
        haddr_t at = H5Dget_offset(dataset);
        if (at != HADDR_UNDEF) offset = (int64_t)at;
    }
    if (create >= 0) H5Pclose(create);
    H5Eclear2(H5E_DEFAULT);
    return offset;
}

static Status describe(Rows *rows, const char *path, const char *name, RowsInfo *out) {
    Status status = OK;
    hsize_t shape[H5S_MAX_RANK];
    hid_t type = -1, space = -1;
    H5_TRY(type = H5Dget_type(rows->dataset));
    H5_TRY(space = H5Dget_space(rows->dataset));
    out->dtype = element_type(rows->dataset, type, &rows->memory);
    if (out->dtype == RT_DTYPE_NONE) {
        status =
            fail(ERR_DTYPE, "%s: the dataset \"%s\" holds %s: only numbers and bool can be tensors",
                 path, name, class_name(H5Tget_class(type)));
        goto out;
    }
    H5_TRY(rows->memory);
    out->ndim = H5Sget_simple_extent_ndims(space);
    if (out->ndim < 1 || out->ndim > RT_MAX_DIMS) {
        status = fail(ERR_SHAPE,
                      "%s: the dataset \"%s\" has %d dimensions: 1 to %d are possible, the first "
                      "counts the rows",
                      path, name, out->ndim, RT_MAX_DIMS);
        goto out;
    }
    H5_TRY(H5Sget_simple_extent_dims(space, shape, NULL));
    for (int i = 0; i < out->ndim; i++) out->shape[i] = (int64_t)shape[i];
    out->offset = place_of(rows->dataset, type, rows->memory);
out:
    if (space >= 0) H5Sclose(space);
    if (type >= 0) H5Tclose(type);
    return status;
}

static void close_alone(Rows *rows) {
    if (rows->memory >= 0) H5Tclose(rows->memory);
    if (rows->dataset >= 0) H5Dclose(rows->dataset);
    if (rows->file >= 0) H5Fclose(rows->file);
    mem_free(MEM_IO, rows);
}

static Status open_alone(Rows *rows, const char *path, const char *name, RowsInfo *out) {
    rows->file = open_file(path);
    if (rows->file < 0) {
        H5Eclear2(H5E_DEFAULT);
        return fail(
            ERR_FILE,
            "%s cannot be opened as an HDF5 file: it is something else, damaged, or being written",
            path);
    }
    rows->dataset = open_dataset(rows->file, name);
    if (rows->dataset < 0) {
        H5Eclear2(H5E_DEFAULT);
        return fail(ERR_FILE, "%s has no dataset \"%s\"", path, name);
    }
    return describe(rows, path, name, out);
}

void *rows_open(const char *path, const char *name, RowsInfo *out) {
    Rows *rows = mem_alloc(MEM_IO, sizeof *rows);
    if (!rows) return NULL;
    *rows = (Rows){-1, -1, -1};
    hdf5_lock();
    bool opened = open_alone(rows, path, name, out) >= 0;
    if (!opened) close_alone(rows);
    hdf5_unlock();
    return opened ? rows : NULL;
}

void rows_close(void *rows) {
    hdf5_lock();
    close_alone(rows);
    hdf5_unlock();
}

Status rows_read(void *opened, const RowsInfo *info, int64_t first, int64_t count, void *out) {
    const Rows *rows = opened;
    Status status = OK;
    hid_t file_space = -1, space = -1;
    hsize_t start[RT_MAX_DIMS] = {(hsize_t)first}, size[RT_MAX_DIMS] = {(hsize_t)count};
    for (int i = 1; i < info->ndim; i++) size[i] = (hsize_t)info->shape[i];
    hdf5_lock();
    H5_TRY(file_space = H5Dget_space(rows->dataset));
    H5_TRY(H5Sselect_hyperslab(file_space, H5S_SELECT_SET, start, NULL, size, NULL));
    H5_TRY(space = H5Screate_simple(info->ndim, size, NULL));
    H5_TRY(H5Dread(rows->dataset, rows->memory, space, file_space, H5P_DEFAULT, out));
out:
    if (space >= 0) H5Sclose(space);
    if (file_space >= 0) H5Sclose(file_space);
    hdf5_unlock();
    return status;
}

typedef struct Listing {
    Status (*visit)(void *context, const char *name);
    void *context;
    Status status;
} Listing;

static herr_t visit_link(hid_t group, const char *name, const H5L_info_t *info, void *context) {
    Listing *listing = context;
    if (info->type != H5L_TYPE_HARD) return 0;
    hid_t object = H5Oopen(group, name, H5P_DEFAULT);
    if (object < 0) return -1;
    if (H5Iget_type(object) == H5I_DATASET)
        listing->status = listing->visit(listing->context, name);
    H5Oclose(object);
    return listing->status < 0 ? -1 : 0;
}

Status rows_list(const char *path, Status (*visit)(void *context, const char *name),
                 void *context) {
    Listing listing = {visit, context, OK};
    hdf5_lock();
    hid_t file = open_file(path);
    if (file < 0) {
        H5Eclear2(H5E_DEFAULT);
        listing.status = fail(
            ERR_FILE,
            "%s cannot be opened as an HDF5 file: it is something else, damaged, or being written",
            path);
    } else {
        herr_t walked = H5Lvisit(file, H5_INDEX_NAME, H5_ITER_INC, visit_link, &listing);
        if (walked < 0 && listing.status >= 0) listing.status = hdf5_failed("H5Lvisit");
        H5Fclose(file);
    }
    hdf5_unlock();
    return listing.status;
}
