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
// Figures are described here and drawn by the plot plug-in (Cairo, and Pango for text in any script) as PNG, SVG or PDF.
// A figure is a grid of panels; a panel has a title, a legend above the frame, two axes, marks in the order of drawing,
// and perhaps a bar that explains colours. Lengths are points (1/72 inch); colours 0xRRGGBBAA, 0 for none; texts UTF-8,
// NULL or "" for none. All is borrowed for the call. Values that are not finite leave gaps; of a logarithmic axis also
// those that are not positive.

typedef enum RtMarkKind {
    RT_MARK_LINE,   // through (x, y); with arrow: a path, with a head where a run of finite points ends
    RT_MARK_POINTS, // at (x, y)
    RT_MARK_BOXES,  // with corners (x, y) and (x2, y2)
    RT_MARK_IMAGE,  // pixels between the corners (x, y) and (x2, y2); the first row lies at y
    RT_MARK_RULES,  // vertical lines at x, or horizontal ones at y if x is NULL
    RT_MARK_COUNT
} RtMarkKind;
typedef enum RtDash { RT_DASH_SOLID, RT_DASH_DASHED, RT_DASH_DOTTED, RT_DASH_DASHDOT, RT_DASH_COUNT } RtDash;
typedef enum RtMarker { // at most 40 points of a line are marked
    RT_MARKER_NONE,
    RT_MARKER_CIRCLE,
    RT_MARKER_SQUARE,
    RT_MARKER_TRIANGLE,
    RT_MARKER_DIAMOND,
    RT_MARKER_CROSS,
    RT_MARKER_COUNT
} RtMarker;

typedef enum RtAlign { RT_ALIGN_CENTER, RT_ALIGN_CORNER, RT_ALIGN_LEFT, RT_ALIGN_RIGHT, RT_ALIGN_COUNT } RtAlign; // corner: top left

typedef struct RtMark {
    RtMarkKind kind;
    const char *name; // in the legend
    const double *x, *y, *x2, *y2;
    int64_t n;
    uint32_t colour, edge;       // edge: of points and boxes
    const uint32_t *colours;     // of each point or box, instead of `colour`
    double width;                // of a line; the diameter of points
    double radius;               // of the corners of boxes
    RtDash dash;
    RtMarker marker;
    bool arrow;
    const char *const *texts;    // inside boxes: shrunk to fit, all alike; left out if they would be unreadable
    const uint32_t *text_colours;
    uint32_t text_colour;        // used where text_colours is NULL
    double text_size;
    bool heading;                // the first line of a text is bold
    RtAlign align;               // of texts in their boxes
    const uint32_t *pixels;      // rows × columns
    int64_t rows, columns;
} RtMark;

typedef enum RtAxisKind {
    RT_AXIS_LINEAR,
    RT_AXIS_LOG,
    RT_AXIS_NAMES, // names[i] stands at i; the axis goes from −½ to nnames − ½
    RT_AXIS_NONE,  // neither line nor ticks; linear
    RT_AXIS_COUNT
} RtAxisKind;

typedef struct RtAxis {
    RtAxisKind kind;
    const char *label;
    double low, high; // NaN: from the marks, with a margin
    bool whole;       // ticks at whole numbers only
    bool reversed;    // the low end is at the right or at the top
    const char *const *names;
    int64_t nnames;
} RtAxis;

typedef struct RtColourBar {
    const char *label;
    double low, high;
    const uint32_t *colours; // ncolours, from low to high; 0: no bar
    int64_t ncolours;
    bool log;
} RtColourBar;

typedef struct RtPanel {
    const char *title, *note; // note: a small line at the bottom
    RtAxis x, y;
    bool square; // one unit of x is as long as one of y
    bool boxed;  // lines on all sides of the frame
    bool grid_x, grid_y;
    const RtMark *marks;
    int64_t nmarks;
    RtColourBar bar;
} RtPanel;

typedef struct RtPlotStyle {
    uint32_t background, frame; // of the figure; within the axes
    uint32_t ink, muted, faint; // titles; labels and lines; the grid
    const char *font;           // families, separated by commas
    double text;                // size of axis labels; everything else follows
} RtPlotStyle;

typedef struct RtFigure {
    const char *title;
    double width, height; // 100 to 20000
    int64_t columns;      // panels in a row
    RtPlotStyle style;
    const RtPanel *panels;
    int64_t npanels;
} RtFigure;

typedef enum RtFigureFormat { RT_FIGURE_PNG, RT_FIGURE_SVG, RT_FIGURE_PDF, RT_FIGURE_FORMAT_COUNT } RtFigureFormat;
// Gets the bytes of a picture piece by piece.
typedef Status (*RtFigureWrite)(void *context, const void *bytes, size_t n);

// Characters for which no font has a glyph; each once, the first ones only.
typedef struct RtMissing {
    int n;
    uint32_t characters[64];
} RtMissing;

// A PNG has `scale` pixels a point. out_missing is filled on success.
RT_API Status rt_figure_draw(const RtFigure *figure, RtFigureFormat format, double scale, RtFigureWrite write, void *context,
                             RtMissing *out_missing);
// Into a file whose ending says the format: .png, .svg or .pdf. It appears whole or not at all.
RT_API Status rt_figure_save(const RtFigure *figure, const char *path, double scale, RtMissing *out_missing);
// Width and height of a text, for those who place boxes around it.
RT_API Status rt_figure_measure(const char *text, const char *font, double size, bool heading, double out_size[2]);
