// io.h: batches of samples (loader), images and their transforms, files of tensors, rows of HDF5 files, plots. Exported functions of librustorch; what a format
// or a library needs lives in a plug-in that is opened when first asked for.
#pragma once

#include "rustorch.h"

// ---------------------------------------------------------------------------------------------- batches
//
// A loader gathers rows of tensors into batches, in threads of its own when asked, always in the
// order given: batch k holds rows order[k × batch …], whatever the number of threads.

// One tensor (N, …) whose rows are samples. With `affine`, an integer or bool tensor becomes
// float32: (x / divisor − mean[c]) / std[c], where c is the index in the sample's first dimension
// (0 if nchannels is 1). A divisor of 0 leaves the values as they are. A sample of two dimensions
// gets a leading one of size 1 if add_channel.
typedef struct RtLoaderSource {
    RtTensor *tensor;
    bool affine, add_channel;
    double divisor;
    int nchannels;
    const double *mean, *std; // nchannels each; copied
} RtLoaderSource;

typedef struct RtLoader RtLoader;
// order: n row numbers, copied. threads 0: batches are made by the caller of rt_loader_next. depth:
// batches made ahead.
RT_API RtLoader *rt_loader_new(const RtLoaderSource *sources, int nsources, const int64_t *order,
                               int64_t n, int64_t batch, bool drop_last, int threads, int depth);
// The next batch into out (nsources tensors, belonging to the open scope); *out_done at the end.
// Several threads may call it: each batch goes to one of them.
RT_API Status rt_loader_next(RtLoader *loader, RtTensor **out, bool *out_done);
RT_API void rt_loader_drop(RtLoader *loader);

// ---------------------------------------------------------------------------------------------- image files
//
// PNG and JPEG, by the image plug-in (libpng, libjpeg). An image is a tensor (C, H, W): uint8, or int32 with values from 0
// to 65535 for 16-bit PNG files. What is damaged, cut or claims what it cannot hold is ERR_FILE.

typedef enum RtImageMode { // channels wanted; torchvision's ImageReadMode
    RT_IMAGE_UNCHANGED,    // palettes become RGB, transparency becomes alpha; CMYK stays
    RT_IMAGE_GRAY,
    RT_IMAGE_GRAY_ALPHA,
    RT_IMAGE_RGB,
    RT_IMAGE_RGB_ALPHA,
    RT_IMAGE_MODE_COUNT
} RtImageMode;
typedef enum RtImageFormat { RT_IMAGE_ANY, RT_IMAGE_PNG, RT_IMAGE_JPEG, RT_IMAGE_FORMAT_COUNT } RtImageFormat;

// deep: 16-bit files keep their 16 bits. *out_orientation is what EXIF says, 1 to 8; 1 (upright) where it says nothing.
// Belongs to the open scope.
RT_API RtTensor *rt_image_decode(const void *bytes, size_t n, RtImageFormat format, RtImageMode mode, bool deep,
                                 int *out_orientation);
// The bytes of a file, as a uint8 vector. level: for PNG zlib's, 0 to 9; for JPEG the quality, 1 to 100.
RT_API RtTensor *rt_image_encode(RtTensor *image, RtImageFormat format, int level);

// ---------------------------------------------------------------------------------------------- image transforms
//
// Functions on the last two dimensions (H, W) of a tensor; those that mix colours, on the last three (C, H, W). All other
// dimensions count images, which are computed by several threads; values do not depend on how many. uint8, float32 and
// float64 are computed as they are (uint8 through float32), the other dtypes through float32, integers with rounding.
// Not differentiable: a tensor that requires a gradient is refused. Semantics are those of torchvision.transforms on
// tensors, which the comments name. Results belong to the open scope.

typedef enum RtPadMode { RT_PAD_CONSTANT, RT_PAD_EDGE, RT_PAD_REFLECT, RT_PAD_SYMMETRIC, RT_PAD_MODE_COUNT } RtPadMode;
typedef enum RtResample {
    RT_RESAMPLE_NEAREST, // index floor(i × in / out)
    RT_RESAMPLE_NEAREST_EXACT,
    RT_RESAMPLE_BILINEAR,
    RT_RESAMPLE_BICUBIC,
    RT_RESAMPLE_COUNT
} RtResample;
typedef enum RtAdjust {
    RT_ADJUST_BRIGHTNESS,
    RT_ADJUST_CONTRAST,
    RT_ADJUST_SATURATION,
    RT_ADJUST_HUE, // factor: a part of the circle, −0.5 to 0.5
    RT_ADJUST_SHARPNESS,
    RT_ADJUST_COUNT
} RtAdjust;

// Negative amounts cut. fill: one number, or one a channel; for RT_PAD_CONSTANT.
RT_API RtTensor *rt_image_pad(RtTensor *x, int64_t left, int64_t top, int64_t right, int64_t bottom, RtPadMode mode,
                              const double *fill, int nfill);
RT_API RtTensor *rt_image_flip(RtTensor *x, bool left_right, bool top_bottom);
RT_API RtTensor *rt_image_resize(RtTensor *x, int64_t height, int64_t width, RtResample mode, bool antialias);
// A Gaussian of odd size (height, width) and deviations (y, x); beyond the edge the image is mirrored.
RT_API RtTensor *rt_image_blur(RtTensor *x, const int64_t size[2], const double sigma[2]);
// Output pixel (x, y) is what lies at the point that `matrix` (3 × 3, row by row) maps (x + ½, y + ½, 1) to. Outside the
// image there is `fill` (one number, or one a channel), or 0 if nfill is 0. Nearest and bilinear.
RT_API RtTensor *rt_image_warp(RtTensor *x, int64_t height, int64_t width, const double matrix[9], RtResample mode,
                               const double *fill, int nfill);
RT_API RtTensor *rt_image_adjust(RtTensor *x, RtAdjust kind, double factor); // 1 or 3 channels
RT_API RtTensor *rt_image_gray(RtTensor *x, int channels);                   // of 1 or 3 channels; to 1 or 3
// (x / divisor − mean[c]) / std[c] for the c-th of n channels, or with n = 1 for all: float64 stays, all else is float32.
RT_API RtTensor *rt_image_scale(RtTensor *x, double divisor, int n, const double *mean, const double *std);
// uint8 through tables (256,), or one table an image plane (planes, 256).
RT_API RtTensor *rt_image_map(RtTensor *x, RtTensor *tables);
RT_API RtTensor *rt_image_histogram(RtTensor *x); // of uint8: int64 (planes, 256)

// ---------------------------------------------------------------------------------------------- files of tensors
//
// HDF5 files of named tensors with a trailer that proves them whole: docs/checkpoint-format.md.
// Needs the hdf5 plug-in. Names are paths with "/" between groups. Saving writes a temporary file
// in the same folder, syncs it, renames it over the old one and syncs the folder: the path holds
// the old file or the new one, whole, whatever happens.

typedef struct RtFileItem {
    const char *name;
    RtTensor *tensor; // on the CPU; strided ones are written contiguous
} RtFileItem;

RT_API Status rt_file_save(const char *path, const RtFileItem *items, int n);

// An open file whose length, trailer and metadata have been checked; the data of each tensor are
// checked when read.
typedef struct RtFile RtFile;
RT_API RtFile *rt_file_open(const char *path);
RT_API int rt_file_count(const RtFile *file);
RT_API const char *rt_file_name(const RtFile *file, int i);
RT_API RtTensor *rt_file_read(RtFile *file, int i); // belongs to the open scope
// As rt_file_read, but its memory is the file's: pages are read when they are needed, and copied
// when they are written. The data are checked now. Small tensors, and those that do not lie as the
// CPU wants them, are read.
RT_API RtTensor *rt_file_map(RtFile *file, int i);
RT_API void rt_file_close(RtFile *file);
// Reads the whole file and checks everything, keeping nothing.
RT_API Status rt_file_verify(const char *path);

// Any other file that appears whole or not at all, by the same way: written under another name, synced, renamed. finish ends
// the writing; drop frees, and removes what was written if finish did not succeed. One thread at a time.
typedef struct CommitFile RtCommit;
RT_API RtCommit *rt_commit_open(const char *path);
RT_API Status rt_commit_write(RtCommit *commit, const void *bytes, size_t n);
RT_API Status rt_commit_finish(RtCommit *commit);
RT_API void rt_commit_drop(RtCommit *commit);

// ---------------------------------------------------------------------------------------------- rows of HDF5 files
//
// Any HDF5 file's dataset of numbers, read by rows: the first dimension counts them. Needs the hdf5 plug-in. Several
// threads and processes may read at once: contiguous data of the machine's own number format are read without libhdf5,
// everything else through it, one thread of a process at a time. A handle belongs to the process that opened it.

typedef struct RtRows RtRows;
RT_API RtRows *rt_rows_open(const char *path, const char *name);
RT_API RtDtype rt_rows_dtype(const RtRows *rows); // uint16 is read as int32, uint32 as int64
RT_API int rt_rows_shape(const RtRows *rows, const int64_t **out_shape); // returns the number of dimensions
// Rows index[0 … n−1], in this order: (n, …). Belongs to the open scope.
RT_API RtTensor *rt_rows_read(RtRows *rows, const int64_t *index, int64_t n);
RT_API void rt_rows_close(RtRows *rows);
// Calls visit with the name of each dataset of a file.
RT_API Status rt_rows_list(const char *path, Status (*visit)(void *context, const char *name), void *context);

// ---------------------------------------------------------------------------------------------- figures
//
// Line charts, drawn by the plot plug-in (Cairo and Pango) into a file whose ending says the
// format: .png, .svg or .pdf.

typedef struct RtSeries {
    const char *name; // for the legend; UTF-8
    const double *x, *y;
    int64_t n; // NaN in y leaves a gap
} RtSeries;

typedef struct RtPanel {
    const char *title, *x_label, *y_label; // NULL or "": none
    const RtSeries *series;
    int nseries;
    bool log_y; // logarithmic y axis; values that are not positive leave a gap
} RtPanel;

// Panels side by side. width and height in points (1/72 inch); a PNG has `scale` pixels a point.
RT_API Status rt_plot_lines(const char *path, const char *title, const RtPanel *panels, int npanels,
                            double width, double height, double scale);
