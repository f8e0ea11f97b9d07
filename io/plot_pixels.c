// What is made of pixels even in vector formats: images, and points too many to draw one by one.
#include "io/plot.h"

static uint32_t premultiplied(uint32_t rgba) {
    uint32_t a = rgba & 255, out = a << 24;
    for (int shift = 24, to = 16; shift >= 8; shift -= 8, to -= 8)
        out |= (((rgba >> shift & 255) * a + 127) / 255) << to;
    return out;
}

typedef struct Pixels { // of a surface
    cairo_surface_t *surface;
    unsigned char *data;
    int width, height, stride;
} Pixels;

static Pixels new_pixels(cairo_format_t format, int64_t width, int64_t height) {
    Pixels p = {.surface = cairo_image_surface_create(format, (int)width, (int)height),
                .width = (int)width,
                .height = (int)height};
    p.data = cairo_image_surface_get_data(p.surface); // NULL if there is no memory
    p.stride = cairo_image_surface_get_stride(p.surface);
    return p;
}
// Cairo aligns rows to 4 bytes.
static uint32_t *pixel_row(const Pixels *p, int64_t row) {
    return (uint32_t *)(void *)(p->data + row * p->stride);
}

// colour × mask over what is there (Porter and Duff, 1984), all premultiplied.
static uint32_t blend(uint32_t under, uint32_t colour, uint32_t mask) {
    uint32_t out = 0, rest = 255 - ((colour >> 24) * mask + 127) / 255;
    for (int shift = 0; shift < 32; shift += 8)
        out |= (((colour >> shift & 255) * mask + (under >> shift & 255) * rest + 127) / 255)
               << shift;
    return out;
}

static void stamp_at(const Pixels *layer, const Pixels *stamp, int left, int top, uint32_t colour) {
    for (int row = top < 0 ? -top : 0; row < stamp->height && top + row < layer->height; row++) {
        uint32_t *out = pixel_row(layer, top + row);
        const unsigned char *mask = stamp->data + (ptrdiff_t)row * stamp->stride;
        for (int column = left < 0 ? -left : 0;
             column < stamp->width && left + column < layer->width; column++)
            if (mask[column]) out[left + column] = blend(out[left + column], colour, mask[column]);
    }
}

// Many points: the marker is drawn once, and stamped on whole pixels of a layer.
void points_stamp(const Drawing *d, const Frame *f, const RtMark *mark) {
    int side = 2 * (int)ceil((mark->width / 2 + 2) * d->scale) + 1, half = side / 2;
    Pixels stamp = new_pixels(CAIRO_FORMAT_A8, side, side);
    Pixels layer = new_pixels(CAIRO_FORMAT_ARGB32, (int64_t)ceil(f->width * d->scale) + 1,
                              (int64_t)ceil(f->height * d->scale) + 1);
    cairo_t *c = cairo_create(stamp.surface);
    cairo_scale(c, d->scale, d->scale);
    marker_path(c, mark->marker, (half + 0.5) / d->scale, (half + 0.5) / d->scale, mark->width);
    cairo_fill(c);
    cairo_destroy(c);
    cairo_surface_flush(stamp.surface);
    cairo_surface_flush(layer.surface);
    for (int64_t i = 0; stamp.data && layer.data && i < mark->n; i++) {
        double x = frame_x(f, mark->x[i]), y = frame_y(f, mark->y[i]);
        if (isfinite(x) && isfinite(y) && frame_shows(f, x, y, 0))
            stamp_at(&layer, &stamp, (int)((x - f->left) * d->scale) - half,
                     (int)((y - f->top) * d->scale) - half, premultiplied(mark_colour(mark, i)));
    }
    cairo_surface_mark_dirty(layer.surface);
    cairo_surface_set_device_scale(layer.surface, d->scale, d->scale);
    cairo_set_source_surface(d->c, layer.surface, floor(f->left * d->scale) / d->scale,
                             floor(f->top * d->scale) / d->scale);
    cairo_paint(d->c);
    cairo_surface_destroy(stamp.surface);
    cairo_surface_destroy(layer.surface);
}

// Images -----------------------------------------------------------------------------------------

// SVG and PDF viewers blur what they enlarge: small images are enlarged here, pixel by pixel. Images with more pixels than
// the picture become smaller: each pixel the mean of a block.
static int64_t factor_for(const Drawing *d, double width, double height, const RtMark *mark,
                          bool larger) {
    double unit = fmin(fabs(width) / (double)mark->columns, fabs(height) / (double)mark->rows) *
                  d->scale; // pixels for one
    if (larger) return d->vector && unit > 1 ? (int64_t)fmin(ceil(unit), 256) : 1;
    double most =
        fmax(fabs(width) / (double)mark->columns, fabs(height) / (double)mark->rows) * d->scale;
    return most < 0.5 ? (int64_t)(1 / most) : 1;
}

static uint32_t block_mean(const RtMark *mark, int64_t row, int64_t column, int64_t size) {
    uint64_t sum[4] = {0}, n = 0;
    for (int64_t y = row * size; y < (row + 1) * size && y < mark->rows; y++)
        for (int64_t x = column * size; x < (column + 1) * size && x < mark->columns; x++, n++) {
            uint32_t pixel = premultiplied(mark->pixels[y * mark->columns + x]);
            for (int k = 0; k < 4; k++) sum[k] += pixel >> 8 * k & 255;
        }
    uint32_t out = 0;
    for (int k = 0; k < 4; k++) out |= (uint32_t)((sum[k] + n / 2) / n) << 8 * k;
    return out;
}

static Pixels make_pixels(const RtMark *mark, int64_t larger, int64_t smaller) {
    bool opaque = true;
    for (int64_t i = 0; i < mark->rows * mark->columns && opaque; i++)
        opaque = (mark->pixels[i] & 255) == 255;
    Pixels p = new_pixels(opaque ? CAIRO_FORMAT_RGB24 : CAIRO_FORMAT_ARGB32,
                          (mark->columns * larger + smaller - 1) / smaller,
                          (mark->rows * larger + smaller - 1) / smaller);
    cairo_surface_flush(p.surface);
    for (int64_t row = 0; p.data && row < p.height; row++) {
        uint32_t *out = pixel_row(&p, row);
        const uint32_t *in = mark->pixels + row / larger * mark->columns;
        for (int64_t column = 0; column < p.width; column++)
            out[column] = smaller > 1 ? block_mean(mark, row, column, smaller)
                                      : premultiplied(in[column / larger]);
    }
    cairo_surface_mark_dirty(p.surface);
    return p;
}

void image_draw(const Drawing *d, const Frame *f, const RtMark *mark) {
    if (mark->rows == 0 || mark->columns == 0 || mark->n == 0) return;
    double x = plot_snap(d, frame_x(f, mark->x[0])), y = plot_snap(d, frame_y(f, mark->y[0]));
    double width = plot_snap(d, frame_x(f, mark->x2[0])) - x,
           height = plot_snap(d, frame_y(f, mark->y2[0])) - y;
    if (!(isfinite(width) && isfinite(height)) || width == 0 || height == 0) return;
    int64_t larger = factor_for(d, width, height, mark, true),
            smaller = factor_for(d, width, height, mark, false);
    Pixels p = make_pixels(mark, larger, smaller);
    // the last block of a row may stand for fewer pixels
    double along = width / (double)(mark->columns * larger) * (double)smaller,
           down = height / (double)(mark->rows * larger) * (double)smaller;
    cairo_save(d->c);
    cairo_rectangle(d->c, x, y, width, height);
    cairo_clip(d->c);
    cairo_translate(d->c, x, y);
    cairo_scale(d->c, along, down);
    cairo_set_source_surface(d->c, p.surface, 0, 0);
    bool enlarged = fabs(along) * d->scale >= 1 && fabs(down) * d->scale >= 1;
    cairo_pattern_set_filter(cairo_get_source(d->c),
                             enlarged ? CAIRO_FILTER_NEAREST : CAIRO_FILTER_GOOD);
    if (!d->vector)
        cairo_pattern_set_extend(cairo_get_source(d->c),
                                 CAIRO_EXTEND_PAD); // sharp edges; viewers of SVG do without
    cairo_paint(d->c);
    cairo_restore(d->c);
    cairo_surface_destroy(p.surface);
}
