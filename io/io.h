// io.h: batches of samples (loader), files of tensors, images and plots. Exported functions of
// librustorch; what a format or a library needs lives in a plug-in that is opened when first asked
// for.
#pragma once

#include "rustorch.h"

// ----------------------------------------------------------------------------------------------
// batches
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

// ----------------------------------------------------------------------------------------------
// files of tensors
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

// ----------------------------------------------------------------------------------------------
// figures
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
