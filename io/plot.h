// plot.h: within the plot plug-in: plot.c (layout, surfaces), plot_axes.c and plot_legend.c (what is around the data),
// plot_marks.c, plot_lines.c and plot_pixels.c (the data), plot_text.c (Pango). Lengths are points; one drawing belongs to
// one thread.
#pragma once

#include <cairo-pdf.h>
#include <cairo-svg.h>
#include <cairo.h>
#include <math.h>
#include <pango/pangocairo.h>

#include "io/figure.h"
#include "rustorch_plugin.h"

typedef struct Drawing {
    cairo_t *c;
    const RtPlotStyle *style;
    double scale; // device pixels a point; of vector formats what one can tell apart
    bool vector;
    RtMissing *missing;
} Drawing;

typedef struct Frame { // where data are drawn
    double left, top, width, height;
    Axis x, y;
    bool flip_x, flip_y; // the low end is right; top
} Frame;

static inline double frame_x(const Frame *f, double value) {
    double at = axis_place(&f->x, value);
    return f->left + f->width * (f->flip_x ? 1 - at : at);
}
static inline double frame_y(const Frame *f, double value) {
    double at = axis_place(&f->y, value);
    return f->top + f->height * (f->flip_y ? at : 1 - at);
}
static inline bool given(const char *text) { return text && *text; }

void plot_use(cairo_t *c, uint32_t colour);
// A stroke of this width (or 1 pixel) along a coordinate is sharp if it lies here.
double plot_sharp(const Drawing *d, double at);

// plot_text.c ------------------------------------------------------------------------------------

typedef struct TextLook {
    double size;
    bool bold, heading;
    double width; // > 0: text is wrapped, and cut after `lines`
    int lines;    // 0: not cut
    bool middle;  // cut there: names often differ in their ends
    PangoAlignment align;
} TextLook;
typedef struct TextSize {
    double width, height;
} TextSize;

TextSize text_size(const Drawing *d, const char *text, TextLook look);
// Anchored at (x, y): ax, ay from 0 (left, top) to 1 (right, bottom).
void text_draw(const Drawing *d, const char *text, TextLook look, uint32_t colour, double x,
               double y, double ax, double ay);
// As text_draw with the text turned by `angle` (radians, clockwise) around its anchor.
void text_draw_turned(const Drawing *d, const char *text, TextLook look, uint32_t colour, double x,
                      double y, double ax, double ay, double angle);

// plot_axes.c ------------------------------------------------------------------------------------

typedef struct Margins {
    double left, right, top, bottom;
} Margins;

typedef struct Names { // how the labels of the x axis are written
    int step;          // every how many
    double angle;      // 0, or clockwise radians below 0
    double width;      // of a horizontal, wrapped one
    double height;     // of all
} Names;

typedef struct PanelLayout {
    const RtPanel *panel;
    double left, top, width, height; // of its cell
    Margins margins;
    Frame frame;
    Names names;
    double title_height, legend_height, label_height;
    Axis bar; // of the colour bar
} PanelLayout;

void panel_range(PanelLayout *p, double *out_x, double *out_y); // [2] each
void panel_measure_sides(const Drawing *d, PanelLayout *p);     // left and right margins
void panel_measure_ends(const Drawing *d,
                        PanelLayout *p); // top and bottom margins; wants frame.width
void panel_draw(const Drawing *d, PanelLayout *p);

// plot_legend.c ----------------------------------------------------------------------------------

// The names of the marks in rows of at most `room`, around `middle`; what does not fit is counted. Returns the height.
double legend_draw(const Drawing *d, const PanelLayout *p, double middle, double top, double room,
                   bool draw);

// plot_marks.c -----------------------------------------------------------------------------------

#define MARKED_POINTS 40 // of a line: more would hide it
#define FAR 20000.0      // points; beyond it numbers of Cairo overflow

void mark_draw(const Drawing *d, const Frame *f, const RtMark *mark);
void mark_draw_key(const Drawing *d, const RtMark *mark, double x,
                   double y);                        // for the legend: 22 wide, around y
uint32_t mark_colour(const RtMark *mark, int64_t i); // of its i-th point or box
void mark_dash(const Drawing *d, RtDash dash, double width);
void marker_path(cairo_t *c, RtMarker marker, double x, double y, double size);
void marker_draw(const Drawing *d, const RtMark *mark, double x, double y, double size,
                 uint32_t colour);
bool frame_shows(const Frame *f, double x, double y, double margin);
// On a raster, edges lie between pixels: neighbours meet without a seam.
double plot_snap(const Drawing *d, double at);

// plot_lines.c -----------------------------------------------------------------------------------

void line_draw(const Drawing *d, const Frame *f, const RtMark *mark);
bool line_grows(const RtMark *line); // in x; then it is thinned to the columns of the picture

// plot_pixels.c ----------------------------------------------------------------------------------

void points_stamp(const Drawing *d, const Frame *f, const RtMark *mark); // on whole pixels
void image_draw(const Drawing *d, const Frame *f, const RtMark *mark);
