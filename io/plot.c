// The plot plug-in: a grid of panels, laid out so that the frames of a row and of a column are in line.
#include "io/plot.h"

#include <string.h>

#include "base/memory.h"

void plot_use(cairo_t *c, uint32_t colour) {
    cairo_set_source_rgba(c, (colour >> 24) / 255.0, (colour >> 16 & 255) / 255.0,
                          (colour >> 8 & 255) / 255.0, (colour & 255) / 255.0);
}

double plot_sharp(const Drawing *d, double at) {
    return d->vector ? at : (floor(at * d->scale) + 0.5) / d->scale;
}

// Layout -----------------------------------------------------------------------------------------

#define EDGE 8.0     // around all
#define GAP 14.0     // between panels
#define BARE_GAP 9.0 // between panels without axes

typedef struct Grid {
    PanelLayout *panels;
    int64_t n, columns, rows;
} Grid;

static void share_sides(Grid *grid, PanelLayout *p, int64_t column) {
    for (int64_t i = column; i < grid->n; i += grid->columns) {
        p->margins.left = fmax(p->margins.left, grid->panels[i].margins.left);
        p->margins.right = fmax(p->margins.right, grid->panels[i].margins.right);
    }
}

static void share_ends(Grid *grid, PanelLayout *p, int64_t row) {
    for (int64_t i = row * grid->columns; i < (row + 1) * grid->columns && i < grid->n; i++) {
        p->margins.top = fmax(p->margins.top, grid->panels[i].margins.top);
        p->margins.bottom = fmax(p->margins.bottom, grid->panels[i].margins.bottom);
    }
}

// Within the margins; a square frame is as large as its room allows, in the middle.
static void place_frame(PanelLayout *p) {
    Frame *f = &p->frame;
    f->left = p->left + p->margins.left;
    f->top = p->top + p->margins.top;
    f->width = fmax(4, p->width - p->margins.left - p->margins.right);
    f->height = fmax(4, p->height - p->margins.top - p->margins.bottom);
    f->flip_x = p->panel->x.reversed;
    f->flip_y = p->panel->y.reversed;
    if (!p->panel->square) return;
    double x[2], y[2];
    panel_range(p, x, y);
    double unit = fmin(f->width / (x[1] - x[0]), f->height / (y[1] - y[0]));
    double width = unit * (x[1] - x[0]), height = unit * (y[1] - y[0]);
    f->left += (f->width - width) / 2;
    f->top += (f->height - height) / 2;
    f->width = width;
    f->height = height;
}

// Sides first: they decide how wide a frame is, and so which labels fit below it.
static void lay_out(const Drawing *d, Grid *grid) {
    for (int64_t i = 0; i < grid->n; i++) panel_measure_sides(d, &grid->panels[i]);
    for (int64_t i = 0; i < grid->n; i++) share_sides(grid, &grid->panels[i], i % grid->columns);
    for (int round = 0; round < 2;
         round++) { // the second time with the height that the labels left
        for (int64_t i = 0; i < grid->n; i++) {
            place_frame(&grid->panels[i]);
            panel_measure_ends(d, &grid->panels[i]);
        }
        for (int64_t i = 0; i < grid->n; i++) share_ends(grid, &grid->panels[i], i / grid->columns);
    }
    for (int64_t i = 0; i < grid->n; i++) place_frame(&grid->panels[i]);
}

static void draw_all(const Drawing *d, const RtFigure *figure, Grid *grid) {
    double top = EDGE;
    plot_use(d->c, figure->style.background);
    cairo_paint(d->c);
    if (given(figure->title)) {
        TextLook look = {.size = 1.45 * figure->style.text,
                         .bold = true,
                         .width = figure->width - 2 * EDGE,
                         .lines = 3,
                         .align = PANGO_ALIGN_CENTER};
        text_draw(d, figure->title, look, figure->style.ink, figure->width / 2, top, 0.5, 0);
        top += text_size(d, figure->title, look).height + 6;
    }
    double gap = BARE_GAP;
    for (int64_t i = 0; i < grid->n; i++)
        if (figure->panels[i].x.kind != RT_AXIS_NONE || figure->panels[i].y.kind != RT_AXIS_NONE)
            gap = GAP;
    double width =
        (figure->width - 2 * EDGE - (double)(grid->columns - 1) * gap) / (double)grid->columns;
    double height =
        (figure->height - top - EDGE - (double)(grid->rows - 1) * gap) / (double)grid->rows;
    for (int64_t i = 0; i < grid->n; i++)
        grid->panels[i] = (PanelLayout){.panel = &figure->panels[i],
                                        .left = EDGE + (double)(i % grid->columns) * (width + gap),
                                        .top = top + (double)(i / grid->columns) * (height + gap),
                                        .width = width,
                                        .height = height};
    lay_out(d, grid);
    for (int64_t i = 0; i < grid->n; i++) panel_draw(d, &grid->panels[i]);
}

// Surfaces ---------------------------------------------------------------------------------------

typedef struct Stream {
    RtFigureWrite write;
    void *context;
    Status status;
} Stream;

static cairo_status_t stream_write(void *context, const unsigned char *bytes, unsigned int n) {
    Stream *stream = context;
    if (stream->status >= 0) stream->status = stream->write(stream->context, bytes, n);
    return stream->status < 0 ? CAIRO_STATUS_WRITE_ERROR : CAIRO_STATUS_SUCCESS;
}

static cairo_surface_t *surface_for(const RtFigure *figure, RtFigureFormat format, double scale,
                                    Stream *stream) {
    cairo_surface_t *surface;
    switch (format) {
    case RT_FIGURE_SVG:
        return cairo_svg_surface_create_for_stream(stream_write, stream, figure->width,
                                                   figure->height);
    case RT_FIGURE_PDF:
        surface = cairo_pdf_surface_create_for_stream(stream_write, stream, figure->width,
                                                      figure->height);
        if (given(figure->title))
            cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_TITLE, figure->title);
        return surface;
    default:
        surface = cairo_image_surface_create(
            figure->style.background & 255 ? CAIRO_FORMAT_RGB24 : CAIRO_FORMAT_ARGB32,
            (int)lround(figure->width * scale), (int)lround(figure->height * scale));
        cairo_surface_set_device_scale(surface, scale, scale);
        return surface;
    }
}

static Status plot_draw(const RtFigure *figure, RtFigureFormat format, double scale,
                        RtFigureWrite write, void *context, RtMissing *out_missing) {
    Grid grid = {.n = figure->npanels,
                 .columns = figure->columns < figure->npanels ? figure->columns : figure->npanels};
    grid.rows = (grid.n + grid.columns - 1) / grid.columns;
    grid.panels = mem_zalloc(MEM_IO, (size_t)grid.n * sizeof *grid.panels);
    if (!grid.panels) return rt_error_code();
    RtMissing missing = {0};
    Stream stream = {write, context, OK};
    cairo_surface_t *surface = surface_for(figure, format, scale, &stream);
    bool vector = format != RT_FIGURE_PNG;
    Drawing d = {cairo_create(surface), &figure->style, vector ? 4 : scale, vector, &missing};
    draw_all(&d, figure, &grid);
    cairo_status_t drawn = cairo_status(d.c);
    cairo_destroy(d.c);
    if (drawn == CAIRO_STATUS_SUCCESS && !vector)
        drawn = cairo_surface_write_to_png_stream(surface, stream_write, &stream);
    cairo_surface_finish(surface);
    if (drawn == CAIRO_STATUS_SUCCESS) drawn = cairo_surface_status(surface);
    cairo_surface_destroy(surface);
    mem_free(MEM_IO, grid.panels);
    if (stream.status < 0) return stream.status;
    if (drawn == CAIRO_STATUS_NO_MEMORY)
        return fail(ERR_MEMORY, "plot: no memory for a picture of %.0f × %.0f pixels",
                    figure->width * scale, figure->height * scale);
    if (drawn != CAIRO_STATUS_SUCCESS)
        return fail(ERR_FAILED, "plot: %s", cairo_status_to_string(drawn));
    *out_missing = missing;
    return OK;
}

static Status plot_measure(const char *text, const char *font, double size, bool heading,
                           double out_size[2]) {
    RtMissing missing = {0};
    RtPlotStyle style = {.font = font};
    cairo_surface_t *surface = cairo_recording_surface_create(CAIRO_CONTENT_COLOR, NULL);
    Drawing d = {cairo_create(surface), &style, 1, true, &missing};
    TextSize found = text_size(&d, text, (TextLook){.size = size, .heading = heading});
    cairo_destroy(d.c);
    cairo_surface_destroy(surface);
    out_size[0] = found.width;
    out_size[1] = found.height;
    return OK;
}

RT_API Status rt_plugin(void *vtable, size_t bytes);
Status rt_plugin(void *vtable, size_t bytes) {
    if (bytes != sizeof(PlotPlugin))
        return fail(ERR_PLUGIN, "the plot plug-in is of another build of rustorch");
    *(PlotPlugin *)vtable = (PlotPlugin){plot_draw, plot_measure};
    return OK;
}
