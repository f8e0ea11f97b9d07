#include "io/plot.h"

#include <string.h>

#define MARKED_POINTS 40    // of a line: more would hide it
#define PIECE 512           // segments stroked at once: Cairo's time grows faster than their number
#define FAR 20000.0         // points; beyond it Cairo's numbers overflow
#define VECTOR_MARKS 20000  // more than these are drawn as pixels even in SVG and PDF
#define LAYER_SCALE 3.0     // pixels a point of such a drawing
#define STAMPED_POINTS 2000 // more than these are stamped on whole pixels

static uint32_t colour_of(const RtMark *mark, int64_t i) { return mark->colours ? mark->colours[i] : mark->colour; }

static void set_dash(const Drawing *d, RtDash dash, double width) {
    static const double patterns[RT_DASH_COUNT][4] = {{0}, {3.7, 1.6}, {1, 1.65}, {6.4, 1.6, 1, 1.6}}; // matplotlib's
    static const int counts[RT_DASH_COUNT] = {0, 2, 2, 4};
    double scaled[4];
    for (int i = 0; i < 4; i++) scaled[i] = patterns[dash][i] * fmax(width, 1);
    cairo_set_dash(d->c, scaled, counts[dash], 0);
}

// Lines ------------------------------------------------------------------------------------------

typedef struct Pen {
    const Drawing *d;
    double column;    // width of the columns into which points are gathered
    double x, y;      // the end of the path
    int segments;     // since the last stroke
    bool down;
    int64_t at;       // the column of the points gathered
    int gathered;
    double low[2], high[2], last[2];
    bool low_first;
} Pen;

// The part of a segment within ±FAR (Liang and Barsky, 1984); false: none of it.
static bool clip(double a[2], double b[2]) {
    double from = 0, to = 1, start[2] = {a[0], a[1]}, way[2] = {b[0] - a[0], b[1] - a[1]};
    for (int k = 0; k < 2; k++)
        for (int side = -1; side <= 1; side += 2) {
            double speed = side * way[k], room = FAR - side * start[k];
            if (speed == 0 && room < 0) return false;
            if (speed > 0) to = fmin(to, room / speed);
            if (speed < 0) from = fmax(from, room / speed);
        }
    if (from > to) return false;
    for (int k = 0; k < 2; k++) a[k] = start[k] + from * way[k], b[k] = start[k] + to * way[k];
    return true;
}

static void pen_stroke(Pen *pen) {
    if (pen->segments) cairo_stroke(pen->d->c);
    pen->segments = 0;
}

static void pen_line(Pen *pen, double x, double y) {
    double a[2] = {pen->x, pen->y}, b[2] = {x, y};
    bool far = fabs(a[0]) > FAR || fabs(a[1]) > FAR || fabs(b[0]) > FAR || fabs(b[1]) > FAR;
    if (pen->down && (!far || clip(a, b))) {
        if (pen->segments == 0 || far) cairo_move_to(pen->d->c, a[0], a[1]);
        cairo_line_to(pen->d->c, b[0], b[1]);
        pen->segments++;
        if (pen->segments >= PIECE) pen_stroke(pen);
    }
    if (far) pen_stroke(pen);
    pen->x = x, pen->y = y, pen->down = true;
}

// Of the points in a column the extremes and the last are drawn: the picture is that of all of them.
static void pen_flush(Pen *pen) {
    if (pen->gathered > 1) {
        const double *first = pen->low_first ? pen->low : pen->high, *second = pen->low_first ? pen->high : pen->low;
        pen_line(pen, first[0], first[1]);
        pen_line(pen, second[0], second[1]);
    }
    if (pen->gathered) pen_line(pen, pen->last[0], pen->last[1]);
    pen->gathered = 0;
}

static void pen_gather(Pen *pen, double x, double y) {
    int64_t at = fabs(x) < 1e12 ? (int64_t)floor(x / pen->column) : INT64_MIN;
    if (!pen->down && !pen->gathered) {
        pen_line(pen, x, y);
        pen->at = at;
        return;
    }
    if (pen->gathered && at != pen->at) pen_flush(pen);
    if (!pen->gathered) {
        pen->low[0] = pen->high[0] = x, pen->low[1] = pen->high[1] = y;
        pen->low_first = true;
    } else if (y < pen->low[1]) {
        pen->low[0] = x, pen->low[1] = y, pen->low_first = false;
    } else if (y > pen->high[1]) {
        pen->high[0] = x, pen->high[1] = y, pen->low_first = true;
    }
    pen->last[0] = x, pen->last[1] = y;
    pen->at = at;
    pen->gathered++;
}

static void marker_path(cairo_t *c, RtMarker marker, double x, double y, double size) {
    double r = size / 2;
    cairo_new_sub_path(c);
    switch (marker) {
    case RT_MARKER_SQUARE: cairo_rectangle(c, x - r * 0.89, y - r * 0.89, 1.78 * r, 1.78 * r); return; // areas alike
    case RT_MARKER_TRIANGLE:
        cairo_move_to(c, x, y - 1.2 * r);
        cairo_line_to(c, x + 1.1 * r, y + 0.8 * r);
        cairo_line_to(c, x - 1.1 * r, y + 0.8 * r);
        break;
    case RT_MARKER_DIAMOND:
        cairo_move_to(c, x, y - 1.25 * r);
        cairo_line_to(c, x + 1.25 * r, y);
        cairo_line_to(c, x, y + 1.25 * r);
        cairo_line_to(c, x - 1.25 * r, y);
        break;
    case RT_MARKER_CROSS: { // an X, as an outline: filled as the others are
        double t = 0.32 * r, e = r;
        const double corners[12][2] = {{-e, -e + t}, {-e + t, -e}, {0, -t}, {e - t, -e}, {e, -e + t}, {t, 0},
                                       {e, e - t},   {e - t, e},   {0, t},  {-e + t, e}, {-e, e - t}, {-t, 0}};
        for (int i = 0; i < 12; i++) cairo_line_to(c, x + corners[i][0], y + corners[i][1]);
        break;
    }
    default: cairo_arc(c, x, y, r, 0, 2 * M_PI);
    }
    cairo_close_path(c);
}

static void marker_draw(const Drawing *d, const RtMark *mark, double x, double y, double size, uint32_t colour) {
    marker_path(d->c, mark->marker, x, y, size);
    plot_use(d->c, colour);
    if (!mark->edge) {
        cairo_fill(d->c);
        return;
    }
    cairo_fill_preserve(d->c);
    plot_use(d->c, mark->edge);
    cairo_set_line_width(d->c, 0.7);
    cairo_stroke(d->c);
}

static bool in_sight(const Frame *f, double x, double y, double margin) {
    return x >= f->left - margin && x <= f->left + f->width + margin && y >= f->top - margin && y <= f->top + f->height + margin;
}

static void draw_line(const Drawing *d, const Frame *f, const RtMark *mark) {
    Pen pen = {.d = d, .column = d->vector ? 0.5 : 1 / d->scale};
    double dot = fmax(mark->width, 2) * 1.1;
    int64_t shown = 0, run = 0;
    plot_use(d->c, mark->colour);
    cairo_set_line_width(d->c, mark->width);
    cairo_set_line_join(d->c, CAIRO_LINE_JOIN_ROUND);
    cairo_set_line_cap(d->c, mark->dash == RT_DASH_SOLID ? CAIRO_LINE_CAP_ROUND : CAIRO_LINE_CAP_BUTT);
    set_dash(d, mark->dash, mark->width);
    for (int64_t i = 0; i <= mark->n; i++) {
        double x = i < mark->n ? frame_x(f, mark->x[i]) : NAN, y = i < mark->n ? frame_y(f, mark->y[i]) : NAN;
        if (isfinite(x) && isfinite(y)) {
            pen_gather(&pen, x, y);
            shown++, run++;
            continue;
        }
        pen_flush(&pen);
        if (run == 1) { // between gaps: no line would show it
            pen_stroke(&pen);
            cairo_arc(d->c, pen.x, pen.y, dot, 0, 2 * M_PI);
            cairo_fill(d->c);
        }
        pen_stroke(&pen);
        pen.down = false;
        run = 0;
    }
    cairo_set_dash(d->c, NULL, 0, 0);
    if (shown > MARKED_POINTS || mark->marker == RT_MARKER_NONE) return;
    for (int64_t i = 0; i < mark->n; i++) {
        double x = frame_x(f, mark->x[i]), y = frame_y(f, mark->y[i]);
        if (isfinite(x) && isfinite(y) && in_sight(f, x, y, 4)) marker_draw(d, mark, x, y, 2.6 * mark->width + 0.8, mark->colour);
    }
}

// Paths with arrow heads -------------------------------------------------------------------------

// From a point on the way from b to a to one on the way from b to e: a rounded corner.
static void round_corner(cairo_t *c, const double a[2], const double b[2], const double e[2]) {
    double before = hypot(a[0] - b[0], a[1] - b[1]), after = hypot(e[0] - b[0], e[1] - b[1]);
    double r = fmin(7, fmin(before, after) / 2);
    if (r < 0.01) {
        cairo_line_to(c, b[0], b[1]);
        return;
    }
    double p = r / before, q = r / after;
    cairo_line_to(c, b[0] + p * (a[0] - b[0]), b[1] + p * (a[1] - b[1]));
    cairo_curve_to(c, b[0] + 0.45 * p * (a[0] - b[0]), b[1] + 0.45 * p * (a[1] - b[1]), b[0] + 0.45 * q * (e[0] - b[0]),
                   b[1] + 0.45 * q * (e[1] - b[1]), b[0] + q * (e[0] - b[0]), b[1] + q * (e[1] - b[1]));
}

static void draw_path(const Drawing *d, const Frame *f, const RtMark *mark, int64_t first, int64_t n) {
    double size = 4.2 + mark->width, p[3][2] = {{0}};
#define AT(i_) {frame_x(f, mark->x[i_]), frame_y(f, mark->y[i_])}
    double tail[2] = AT(first + n - 2), tip[2] = AT(first + n - 1);
    double way[2] = {tip[0] - tail[0], tip[1] - tail[1]}, length = hypot(way[0], way[1]);
    if (length < 1e-6) return;
    way[0] /= length, way[1] /= length;
    for (int64_t i = 0; i < n; i++) {
        const double next[2] = AT(first + i);
        memcpy(p[0], p[1], sizeof p[0]);
        memcpy(p[1], p[2], sizeof p[1]);
        memcpy(p[2], next, sizeof p[2]);
        if (i == 0) cairo_move_to(d->c, next[0], next[1]);
        if (i >= 2) round_corner(d->c, p[0], p[1], p[2]);
    }
#undef AT
    cairo_line_to(d->c, tip[0] - 0.8 * size * way[0], tip[1] - 0.8 * size * way[1]);
    cairo_stroke(d->c);
    cairo_move_to(d->c, tip[0], tip[1]);
    for (int side = -1; side <= 1; side += 2)
        cairo_line_to(d->c, tip[0] - size * way[0] + side * 0.5 * size * way[1], tip[1] - size * way[1] - side * 0.5 * size * way[0]);
    cairo_close_path(d->c);
    cairo_fill(d->c);
}

static void draw_paths(const Drawing *d, const Frame *f, const RtMark *mark) {
    plot_use(d->c, mark->colour);
    cairo_set_line_width(d->c, mark->width);
    cairo_set_line_cap(d->c, CAIRO_LINE_CAP_BUTT);
    int64_t run = 0;
    for (int64_t i = 0; i <= mark->n; i++) {
        if (i < mark->n && isfinite(frame_x(f, mark->x[i])) && isfinite(frame_y(f, mark->y[i]))) {
            run++;
            continue;
        }
        if (run >= 2) draw_path(d, f, mark, i - run, run);
        run = 0;
    }
}

// Points -----------------------------------------------------------------------------------------

// Many points of one colour: the marker is drawn once and stamped; opaque ones once a pixel.
static void stamp_points(const Drawing *d, const Frame *f, const RtMark *mark) {
    int side = (int)ceil((mark->width + 2) * d->scale) + 2;
    cairo_surface_t *stamp = cairo_image_surface_create(CAIRO_FORMAT_A8, side, side);
    cairo_surface_set_device_scale(stamp, d->scale, d->scale);
    cairo_t *c = cairo_create(stamp);
    double middle = floor(side / 2.0) / d->scale;
    marker_path(c, mark->marker, middle, middle, mark->width);
    cairo_fill(c);
    cairo_destroy(c);
    int64_t columns = (int64_t)ceil(f->width * d->scale) + 1, rows = (int64_t)ceil(f->height * d->scale) + 1;
    bool opaque = !mark->colours && (mark->colour & 255) == 255;
    cairo_surface_t *seen = opaque ? cairo_image_surface_create(CAIRO_FORMAT_A8, (int)columns, (int)rows) : NULL;
    unsigned char *bits = seen ? cairo_image_surface_get_data(seen) : NULL;
    int stride = seen ? cairo_image_surface_get_stride(seen) : 0;
    for (int64_t i = 0; i < mark->n; i++) {
        double x = frame_x(f, mark->x[i]), y = frame_y(f, mark->y[i]);
        if (!isfinite(x) || !isfinite(y) || !in_sight(f, x, y, 0)) continue;
        if (bits) {
            unsigned char *bit = bits + (ptrdiff_t)((y - f->top) * d->scale) * stride + (ptrdiff_t)((x - f->left) * d->scale);
            if (*bit) continue;
            *bit = 1;
        }
        plot_use(d->c, colour_of(mark, i));
        cairo_mask_surface(d->c, stamp, round(x * d->scale) / d->scale - middle, round(y * d->scale) / d->scale - middle);
    }
    if (seen) cairo_surface_destroy(seen);
    cairo_surface_destroy(stamp);
}

static void draw_points(const Drawing *d, const Frame *f, const RtMark *mark) {
    if (!d->vector && mark->n > STAMPED_POINTS) {
        stamp_points(d, f, mark);
        return;
    }
    for (int64_t i = 0; i < mark->n; i++) {
        double x = frame_x(f, mark->x[i]), y = frame_y(f, mark->y[i]);
        if (isfinite(x) && isfinite(y) && in_sight(f, x, y, mark->width)) marker_draw(d, mark, x, y, mark->width, colour_of(mark, i));
    }
}

// Boxes ------------------------------------------------------------------------------------------

typedef struct Box {
    double x, y, width, height;
} Box;

// On a raster, edges lie between pixels: neighbours meet without a seam.
static double snap(const Drawing *d, double at) { return d->vector ? at : round(at * d->scale) / d->scale; }

static bool box_at(const Drawing *d, const Frame *f, const RtMark *mark, int64_t i, Box *out) {
    double x = frame_x(f, mark->x[i]), y = frame_y(f, mark->y[i]), x2 = frame_x(f, mark->x2[i]), y2 = frame_y(f, mark->y2[i]);
    // what a logarithmic axis cannot show begins at its low end
    if (f->x.log && isnan(x) && mark->x[i] <= 0) x = frame_x(f, pow(10, f->x.low));
    if (f->y.log && isnan(y) && mark->y[i] <= 0) y = frame_y(f, pow(10, f->y.low));
    if (!isfinite(x) || !isfinite(y) || !isfinite(x2) || !isfinite(y2)) return false;
    double left = fmax(fmin(x, x2), f->left - 10), right = fmin(fmax(x, x2), f->left + f->width + 10);
    double top = fmax(fmin(y, y2), f->top - 10), bottom = fmin(fmax(y, y2), f->top + f->height + 10);
    if (left > right || top > bottom) return false;
    *out = (Box){snap(d, left), snap(d, top), snap(d, right) - snap(d, left), snap(d, bottom) - snap(d, top)};
    return true;
}

static void box_path(cairo_t *c, Box b, double r) {
    r = fmin(r, fmin(b.width, b.height) / 2);
    if (r < 0.1) {
        cairo_rectangle(c, b.x, b.y, b.width, b.height);
        return;
    }
    cairo_new_sub_path(c);
    cairo_arc(c, b.x + b.width - r, b.y + r, r, -M_PI / 2, 0);
    cairo_arc(c, b.x + b.width - r, b.y + b.height - r, r, 0, M_PI / 2);
    cairo_arc(c, b.x + r, b.y + b.height - r, r, M_PI / 2, M_PI);
    cairo_arc(c, b.x + r, b.y + r, r, M_PI, 1.5 * M_PI);
    cairo_close_path(c);
}

#define SMALLEST_TEXT 4.5
#define TEXT_MARGIN 2.5

// The size at which every text fits its box; 0: too small to read.
static double fitting_size(const Drawing *d, const Frame *f, const RtMark *mark, TextLook look) {
    double part = 1;
    Box b;
    for (int64_t i = 0; i < mark->n; i++) {
        if (!given(mark->texts[i]) || !box_at(d, f, mark, i, &b)) continue;
        TextSize size = text_size(d, mark->texts[i], look);
        part = fmin(part, fmin((b.width - TEXT_MARGIN) / size.width, (b.height - TEXT_MARGIN / 2) / size.height));
        if (look.size * part < SMALLEST_TEXT) return 0;
    }
    return look.size * part;
}

static void draw_box_texts(const Drawing *d, const Frame *f, const RtMark *mark) {
    TextLook look = {.size = mark->text_size, .heading = mark->heading,
                     .align = mark->align == RT_ALIGN_CENTER ? PANGO_ALIGN_CENTER : PANGO_ALIGN_LEFT};
    look.size = fitting_size(d, f, mark, look);
    if (look.size == 0) return;
    Box b;
    for (int64_t i = 0; i < mark->n; i++) {
        if (!given(mark->texts[i]) || !box_at(d, f, mark, i, &b)) continue;
        uint32_t colour = mark->text_colours ? mark->text_colours[i] : mark->text_colour;
        double middle = b.y + b.height / 2;
        switch (mark->align) {
        case RT_ALIGN_CORNER: text_draw(d, mark->texts[i], look, colour, b.x + 7, b.y + 4, 0, 0); break;
        case RT_ALIGN_LEFT: text_draw(d, mark->texts[i], look, colour, b.x + 4, middle, 0, 0.5); break;
        case RT_ALIGN_RIGHT: text_draw(d, mark->texts[i], look, colour, b.x + b.width - 4, middle, 1, 0.5); break;
        default: text_draw(d, mark->texts[i], look, colour, b.x + b.width / 2, middle, 0.5, 0.5);
        }
    }
}

static void draw_boxes(const Drawing *d, const Frame *f, const RtMark *mark) {
    Box b;
    for (int64_t i = 0; i < mark->n; i++) {
        if (!box_at(d, f, mark, i, &b)) continue;
        box_path(d->c, b, mark->radius);
        plot_use(d->c, colour_of(mark, i));
        cairo_fill_preserve(d->c);
        if (mark->edge && fmin(b.width, b.height) * d->scale > 3) {
            plot_use(d->c, mark->edge);
            cairo_set_line_width(d->c, mark->width);
            cairo_stroke(d->c);
        }
        cairo_new_path(d->c);
    }
    if (mark->texts) draw_box_texts(d, f, mark);
}

// Images -----------------------------------------------------------------------------------------

static uint32_t premultiplied(uint32_t rgba) {
    uint32_t a = rgba & 255, out = a << 24;
    for (int shift = 24, to = 16; shift >= 8; shift -= 8, to -= 8) out |= (((rgba >> shift & 255) * a + 127) / 255) << to;
    return out;
}

// SVG and PDF viewers blur what they enlarge: small images are enlarged here, pixel by pixel.
static int64_t enlargement(const Drawing *d, const RtMark *mark) {
    int64_t side = mark->rows > mark->columns ? mark->rows : mark->columns;
    return d->vector && side < 512 ? (1023 + side) / side : 1;
}

static cairo_surface_t *make_pixels(const RtMark *mark, int64_t k) {
    bool opaque = true;
    for (int64_t i = 0; i < mark->rows * mark->columns && opaque; i++) opaque = (mark->pixels[i] & 255) == 255;
    cairo_surface_t *surface = cairo_image_surface_create(opaque ? CAIRO_FORMAT_RGB24 : CAIRO_FORMAT_ARGB32,
                                                          (int)(mark->columns * k), (int)(mark->rows * k));
    if (cairo_surface_status(surface) != CAIRO_STATUS_SUCCESS) return surface;
    cairo_surface_flush(surface);
    unsigned char *data = cairo_image_surface_get_data(surface);
    ptrdiff_t stride = cairo_image_surface_get_stride(surface);
    for (int64_t row = 0; row < mark->rows * k; row++) {
        uint32_t *out = (uint32_t *)(void *)(data + row * stride); // Cairo aligns rows to 4 bytes
        const uint32_t *in = mark->pixels + row / k * mark->columns;
        for (int64_t column = 0; column < mark->columns * k; column++) out[column] = premultiplied(in[column / k]);
    }
    cairo_surface_mark_dirty(surface);
    return surface;
}

static void draw_image(const Drawing *d, const Frame *f, const RtMark *mark) {
    if (mark->rows == 0 || mark->columns == 0 || mark->n == 0) return;
    double x = snap(d, frame_x(f, mark->x[0])), y = snap(d, frame_y(f, mark->y[0]));
    double width = snap(d, frame_x(f, mark->x2[0])) - x, height = snap(d, frame_y(f, mark->y2[0])) - y;
    if (!(isfinite(width) && isfinite(height)) || width == 0 || height == 0) return;
    int64_t k = enlargement(d, mark);
    cairo_surface_t *surface = make_pixels(mark, k);
    double along = width / (double)(mark->columns * k), down = height / (double)(mark->rows * k);
    cairo_save(d->c);
    cairo_translate(d->c, x, y);
    cairo_scale(d->c, along, down);
    cairo_set_source_surface(d->c, surface, 0, 0);
    bool enlarged = fabs(along) * d->scale >= 1 && fabs(down) * d->scale >= 1;
    cairo_pattern_set_filter(cairo_get_source(d->c), enlarged ? CAIRO_FILTER_NEAREST : CAIRO_FILTER_GOOD);
    if (d->vector) { // as an image, not as a pattern, which some viewers do not know
        cairo_paint(d->c);
    } else { // sharp edges
        cairo_pattern_set_extend(cairo_get_source(d->c), CAIRO_EXTEND_PAD);
        cairo_rectangle(d->c, 0, 0, (double)(mark->columns * k), (double)(mark->rows * k));
        cairo_fill(d->c);
    }
    cairo_restore(d->c);
    cairo_surface_destroy(surface);
}

// Rules ------------------------------------------------------------------------------------------

static void draw_rules(const Drawing *d, const Frame *f, const RtMark *mark) {
    plot_use(d->c, mark->colour);
    cairo_set_line_width(d->c, mark->width);
    cairo_set_line_cap(d->c, CAIRO_LINE_CAP_BUTT);
    set_dash(d, mark->dash, mark->width);
    for (int64_t i = 0; i < mark->n; i++) {
        double at = mark->x ? frame_x(f, mark->x[i]) : frame_y(f, mark->y[i]);
        if (!isfinite(at) || fabs(at) > FAR) continue;
        if (mark->x) {
            cairo_move_to(d->c, at, f->top);
            cairo_line_to(d->c, at, f->top + f->height);
        } else {
            cairo_move_to(d->c, f->left, at);
            cairo_line_to(d->c, f->left + f->width, at);
        }
    }
    cairo_stroke(d->c);
    cairo_set_dash(d->c, NULL, 0, 0);
}

// ------------------------------------------------------------------------------------------------

static void draw_plainly(const Drawing *d, const Frame *f, const RtMark *mark) {
    switch (mark->kind) {
    case RT_MARK_LINE:
        if (mark->arrow)
            draw_paths(d, f, mark);
        else
            draw_line(d, f, mark);
        break;
    case RT_MARK_POINTS: draw_points(d, f, mark); break;
    case RT_MARK_BOXES: draw_boxes(d, f, mark); break;
    case RT_MARK_IMAGE: draw_image(d, f, mark); break;
    default: draw_rules(d, f, mark);
    }
}

// Would it fill a vector file? A line whose x only grows is thinned to its columns.
static bool too_many(const RtMark *mark) {
    if (mark->n <= VECTOR_MARKS || mark->kind == RT_MARK_IMAGE) return false;
    if (mark->kind != RT_MARK_LINE) return true;
    for (int64_t i = 1; i < mark->n; i++)
        if (mark->x[i] < mark->x[i - 1]) return true;
    return false;
}

void mark_draw(const Drawing *d, const Frame *f, const RtMark *mark) {
    if (!d->vector || !too_many(mark)) {
        draw_plainly(d, f, mark);
        return;
    }
    Drawing layer = *d;
    cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_ARGB32, (int)ceil((f->width + 8) * LAYER_SCALE),
                                                          (int)ceil((f->height + 8) * LAYER_SCALE));
    cairo_surface_set_device_scale(surface, LAYER_SCALE, LAYER_SCALE);
    layer.c = cairo_create(surface);
    layer.scale = LAYER_SCALE;
    layer.vector = false;
    cairo_translate(layer.c, 4 - f->left, 4 - f->top);
    draw_plainly(&layer, f, mark);
    cairo_destroy(layer.c);
    cairo_set_source_surface(d->c, surface, f->left - 4, f->top - 4);
    cairo_paint(d->c);
    cairo_surface_destroy(surface);
}

void mark_draw_key(const Drawing *d, const RtMark *mark, double x, double y) {
    if (mark->kind == RT_MARK_BOXES) {
        plot_use(d->c, mark->colour);
        cairo_rectangle(d->c, snap(d, x + 4), snap(d, y - 5), 14, 10);
        cairo_fill(d->c);
        return;
    }
    if (mark->kind == RT_MARK_LINE || mark->kind == RT_MARK_RULES) {
        plot_use(d->c, mark->colour);
        cairo_set_line_width(d->c, fmin(mark->width, 4));
        cairo_set_line_cap(d->c, CAIRO_LINE_CAP_BUTT);
        set_dash(d, mark->dash, mark->width);
        cairo_move_to(d->c, x, y);
        cairo_line_to(d->c, x + 22, y);
        cairo_stroke(d->c);
        cairo_set_dash(d->c, NULL, 0, 0);
    }
    if (mark->kind == RT_MARK_POINTS || (mark->kind == RT_MARK_LINE && mark->marker && mark->n <= MARKED_POINTS))
        marker_draw(d, mark, x + 11, y, fmin(9, mark->kind == RT_MARK_LINE ? 2.6 * mark->width + 0.8 : fmax(mark->width, 4.5)),
                    mark->colour | 255);
}
