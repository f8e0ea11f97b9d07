// The plot plug-in: line charts by Cairo, text by Pango in any script.
#include <cairo-pdf.h>
#include <cairo-svg.h>
#include <cairo.h>
#include <math.h>
#include <pango/pangocairo.h>

#include "io/figure.h"
#include "rustorch_plugin.h"

typedef struct Rgb {
    double r, g, b;
} Rgb;

// Colours that the colour-blind tell apart (Okabe and Ito, 2008), in an order that also differs in brightness.
static const Rgb palette[] = {{0, 0.447, 0.698},       {0.835, 0.369, 0},     {0, 0.620, 0.451}, {0.800, 0.475, 0.655},
                              {0.902, 0.624, 0}, {0.337, 0.706, 0.914}, {0.25, 0.25, 0.25}};
static const Rgb ink = {0.13, 0.15, 0.18}, faint = {0.88, 0.89, 0.91}, muted = {0.38, 0.41, 0.45};

#define FONT "DejaVu Sans, Noto Sans, Sans"

static void use(cairo_t *c, Rgb colour) { cairo_set_source_rgb(c, colour.r, colour.g, colour.b); }

// Text anchored at (x, y): ax, ay from 0 (left, top) to 1 (right, bottom). Returns its width; with `draw` off only that.
static double text_at(cairo_t *c, const char *text, double size, bool bold, double x, double y, double ax, double ay, bool draw) {
    PangoLayout *layout = pango_cairo_create_layout(c);
    PangoFontDescription *font = pango_font_description_from_string(bold ? FONT " Bold" : FONT);
    int width, height;
    pango_font_description_set_absolute_size(font, size * PANGO_SCALE);
    pango_layout_set_font_description(layout, font);
    pango_layout_set_text(layout, text, -1);
    pango_layout_get_size(layout, &width, &height);
    if (draw) {
        cairo_move_to(c, x - ax * width / PANGO_SCALE, y - ay * height / PANGO_SCALE);
        pango_cairo_show_layout(c, layout);
    }
    pango_font_description_free(font);
    g_object_unref(layout);
    return (double)width / PANGO_SCALE;
}

typedef struct Frame { // of one panel, in points
    double left, top, width, height;
    Axis x, y;
} Frame;

static void ranges(const RtPanel *panel, Frame *frame) {
    bool whole = true; // steps and epochs
    double low_x = INFINITY, high_x = -INFINITY, low_y = INFINITY, high_y = -INFINITY;
    for (int s = 0; s < panel->nseries; s++)
        for (int64_t i = 0; i < panel->series[s].n; i++) {
            double x = panel->series[s].x[i], y = panel->series[s].y[i];
            if (!isfinite(x) || !isfinite(y) || (panel->log_y && y <= 0)) continue;
            whole = whole && x == rint(x);
            low_x = fmin(low_x, x), high_x = fmax(high_x, x);
            low_y = fmin(low_y, y), high_y = fmax(high_y, y);
        }
    axis_make(&frame->x, low_x, high_x, false, whole);
    axis_make(&frame->y, low_y, high_y, panel->log_y, false);
    if (high_x > low_x) frame->x.low = low_x, frame->x.high = high_x; // curves fill the width; ticks stay where they are
}

static void draw_grid(cairo_t *c, const Frame *f) {
    cairo_set_line_width(c, 0.8);
    for (int i = 0; i < f->y.nticks; i++) {
        double y = f->top + f->height * (1 - axis_place(&f->y, f->y.tick[i]));
        use(c, faint);
        cairo_move_to(c, f->left, y);
        cairo_line_to(c, f->left + f->width, y);
        cairo_stroke(c);
        use(c, muted);
        text_at(c, f->y.text[i], 10, false, f->left - 7, y, 1, 0.5, true);
    }
    for (int i = 0; i < f->x.nticks; i++) {
        double at = axis_place(&f->x, f->x.tick[i]);
        if (at < -1e-9 || at > 1 + 1e-9) continue;
        double x = f->left + f->width * at;
        use(c, muted);
        cairo_move_to(c, x, f->top + f->height);
        cairo_line_to(c, x, f->top + f->height + 4);
        cairo_stroke(c);
        text_at(c, f->x.text[i], 10, false, x, f->top + f->height + 7, 0.5, 0, true);
    }
    use(c, muted);
    cairo_set_line_width(c, 1);
    cairo_move_to(c, f->left, f->top + f->height);
    cairo_line_to(c, f->left + f->width, f->top + f->height);
    cairo_stroke(c);
}

static void draw_series(cairo_t *c, const Frame *f, const RtSeries *series, Rgb colour) {
    bool drawing = false;
    int64_t shown = 0;
    use(c, colour);
    cairo_set_line_width(c, 2);
    cairo_set_line_join(c, CAIRO_LINE_JOIN_ROUND);
    for (int64_t i = 0; i < series->n; i++) {
        double x = axis_place(&f->x, series->x[i]), y = axis_place(&f->y, series->y[i]);
        if (!isfinite(x) || !isfinite(y)) {
            drawing = false;
            continue;
        }
        x = f->left + x * f->width;
        y = f->top + (1 - y) * f->height;
        if (drawing)
            cairo_line_to(c, x, y);
        else
            cairo_move_to(c, x, y);
        drawing = true;
        shown++;
    }
    cairo_stroke(c);
    if (shown > 40) return;
    for (int64_t i = 0; i < series->n; i++) { // few points are shown as such
        double x = axis_place(&f->x, series->x[i]), y = axis_place(&f->y, series->y[i]);
        if (!isfinite(x) || !isfinite(y)) continue;
        cairo_arc(c, f->left + x * f->width, f->top + (1 - y) * f->height, 3, 0, 2 * M_PI);
        cairo_fill(c);
    }
}

// One line under the title: a coloured stroke and a name for each series.
static void draw_legend(cairo_t *c, const Frame *f, const RtPanel *panel, double y) {
    double x = f->left;
    for (int s = 0; s < panel->nseries; s++) {
        const char *name = panel->series[s].name;
        if (!name || !*name) continue;
        use(c, palette[s % (int)(sizeof palette / sizeof *palette)]);
        cairo_set_line_width(c, 3);
        cairo_move_to(c, x, y);
        cairo_line_to(c, x + 16, y);
        cairo_stroke(c);
        use(c, ink);
        x += 22 + text_at(c, name, 10.5, false, x + 22, y, 0, 0.5, true) + 16;
    }
}

static void draw_panel(cairo_t *c, const RtPanel *panel, double left, double top, double width, double height) {
    Frame f = {0};
    ranges(panel, &f);
    double widest = 0;
    for (int i = 0; i < f.y.nticks; i++) widest = fmax(widest, text_at(c, f.y.text[i], 10, false, 0, 0, 0, 0, false));
    bool has_y = panel->y_label && *panel->y_label, has_x = panel->x_label && *panel->x_label;
    f.left = left + widest + (has_y ? 32 : 14);
    f.top = top + 52;
    f.width = left + width - 18 - f.left;
    f.height = top + height - (has_x ? 46 : 28) - f.top;
    use(c, ink);
    if (panel->title && *panel->title) text_at(c, panel->title, 13, true, f.left, top + 8, 0, 0, true);
    draw_legend(c, &f, panel, top + 37);
    draw_grid(c, &f);
    cairo_save(c);
    cairo_rectangle(c, f.left - 4, f.top - 4, f.width + 8, f.height + 8);
    cairo_clip(c);
    for (int s = 0; s < panel->nseries; s++)
        draw_series(c, &f, &panel->series[s], palette[s % (int)(sizeof palette / sizeof *palette)]);
    cairo_restore(c);
    use(c, muted);
    if (has_x) text_at(c, panel->x_label, 11, false, f.left + f.width / 2, top + height - 6, 0.5, 1, true);
    if (has_y) {
        cairo_save(c);
        cairo_translate(c, left + 6, f.top + f.height / 2);
        cairo_rotate(c, -M_PI / 2);
        text_at(c, panel->y_label, 11, false, 0, 0, 0.5, 0, true);
        cairo_restore(c);
    }
}

typedef struct Stream {
    FigureWrite write;
    void *context;
    Status status;
} Stream;

static cairo_status_t stream_write(void *context, const unsigned char *bytes, unsigned int n) {
    Stream *stream = context;
    if (stream->status >= 0) stream->status = stream->write(stream->context, bytes, n);
    return stream->status < 0 ? CAIRO_STATUS_WRITE_ERROR : CAIRO_STATUS_SUCCESS;
}

static cairo_surface_t *surface_for(const Figure *figure, Stream *stream) {
    switch (figure->format) {
    case FIGURE_SVG: return cairo_svg_surface_create_for_stream(stream_write, stream, figure->width, figure->height);
    case FIGURE_PDF: return cairo_pdf_surface_create_for_stream(stream_write, stream, figure->width, figure->height);
    default:
        return cairo_image_surface_create(CAIRO_FORMAT_RGB24, (int)lround(figure->width * figure->scale),
                                          (int)lround(figure->height * figure->scale));
    }
}

static Status draw(const Figure *figure, FigureWrite write, void *context) {
    Stream stream = {write, context, OK};
    cairo_surface_t *surface = surface_for(figure, &stream);
    cairo_t *c = cairo_create(surface);
    if (figure->format == FIGURE_PNG) cairo_scale(c, figure->scale, figure->scale);
    cairo_set_source_rgb(c, 1, 1, 1);
    cairo_paint(c);
    double top = 8;
    if (figure->title && *figure->title) {
        use(c, ink);
        text_at(c, figure->title, 16, true, figure->width / 2, 14, 0.5, 0, true);
        top = 40;
    }
    double width = (figure->width - 24) / figure->npanels;
    for (int i = 0; i < figure->npanels; i++)
        draw_panel(c, &figure->panels[i], 14 + i * width, top, width - 4, figure->height - top - 10);
    cairo_status_t drawn = cairo_status(c);
    cairo_destroy(c);
    if (drawn == CAIRO_STATUS_SUCCESS && figure->format == FIGURE_PNG)
        drawn = cairo_surface_write_to_png_stream(surface, stream_write, &stream);
    cairo_surface_finish(surface);
    if (drawn == CAIRO_STATUS_SUCCESS) drawn = cairo_surface_status(surface);
    cairo_surface_destroy(surface);
    if (stream.status < 0) return stream.status;
    return drawn == CAIRO_STATUS_SUCCESS ? OK : fail(ERR_FAILED, "plot: %s", cairo_status_to_string(drawn));
}

RT_API Status rt_plugin(void *vtable, size_t bytes);
Status rt_plugin(void *vtable, size_t bytes) {
    if (bytes != sizeof(PlotPlugin)) return fail(ERR_PLUGIN, "the plot plug-in is of another build of rustorch");
    *(PlotPlugin *)vtable = (PlotPlugin){draw};
    return OK;
}
