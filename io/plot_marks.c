// Marks: points, boxes and rules; which way each is drawn.
#include "io/plot.h"

#define VECTOR_MARKS 5000   // more than these are drawn as pixels even in SVG and PDF
#define LAYER_SCALE 3.0     // pixels a point of such a drawing
#define STAMPED_POINTS 2000 // more than these are stamped on whole pixels

uint32_t mark_colour(const RtMark *mark, int64_t i) {
    return mark->colours ? mark->colours[i] : mark->colour;
}

void mark_dash(const Drawing *d, RtDash dash, double width) {
    static const double patterns[RT_DASH_COUNT][4] = {
        {0}, {3.7, 1.6}, {1, 1.65}, {6.4, 1.6, 1, 1.6}}; // matplotlib's
    static const int counts[RT_DASH_COUNT] = {0, 2, 2, 4};
    double scaled[4];
    for (int i = 0; i < 4; i++) scaled[i] = patterns[dash][i] * fmax(width, 1);
    cairo_set_dash(d->c, scaled, counts[dash], 0);
}

double plot_snap(const Drawing *d, double at) {
    return d->vector ? at : round(at * d->scale) / d->scale;
}

// Points -----------------------------------------------------------------------------------------

void marker_path(cairo_t *c, RtMarker marker, double x, double y, double size) {
    double r = size / 2;
    cairo_new_sub_path(c);
    switch (marker) {
    case RT_MARKER_SQUARE:
        cairo_rectangle(c, x - r * 0.89, y - r * 0.89, 1.78 * r, 1.78 * r);
        return; // areas alike
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
        const double corners[12][2] = {{-e, -e + t}, {-e + t, -e}, {0, -t},     {e - t, -e},
                                       {e, -e + t},  {t, 0},       {e, e - t},  {e - t, e},
                                       {0, t},       {-e + t, e},  {-e, e - t}, {-t, 0}};
        for (int i = 0; i < 12; i++) cairo_line_to(c, x + corners[i][0], y + corners[i][1]);
        break;
    }
    default: cairo_arc(c, x, y, r, 0, 2 * M_PI);
    }
    cairo_close_path(c);
}

void marker_draw(const Drawing *d, const RtMark *mark, double x, double y, double size,
                 uint32_t colour) {
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

bool frame_shows(const Frame *f, double x, double y, double margin) {
    return x >= f->left - margin && x <= f->left + f->width + margin && y >= f->top - margin &&
           y <= f->top + f->height + margin;
}

static void draw_points(const Drawing *d, const Frame *f, const RtMark *mark) {
    if (!d->vector && mark->n > STAMPED_POINTS) {
        points_stamp(d, f, mark);
        return;
    }
    for (int64_t i = 0; i < mark->n; i++) {
        double x = frame_x(f, mark->x[i]), y = frame_y(f, mark->y[i]);
        if (isfinite(x) && isfinite(y) && frame_shows(f, x, y, mark->width))
            marker_draw(d, mark, x, y, mark->width, mark_colour(mark, i));
    }
}

// Boxes ------------------------------------------------------------------------------------------

typedef struct Box {
    double x, y, width, height;
} Box;

static bool box_at(const Drawing *d, const Frame *f, const RtMark *mark, int64_t i, Box *out) {
    double x = frame_x(f, mark->x[i]), y = frame_y(f, mark->y[i]), x2 = frame_x(f, mark->x2[i]),
           y2 = frame_y(f, mark->y2[i]);
    // what a logarithmic axis cannot show begins at its low end
    if (f->x.log && isnan(x) && mark->x[i] <= 0) x = frame_x(f, pow(10, f->x.low));
    if (f->y.log && isnan(y) && mark->y[i] <= 0) y = frame_y(f, pow(10, f->y.low));
    if (!isfinite(x) || !isfinite(y) || !isfinite(x2) || !isfinite(y2)) return false;
    double left = fmax(fmin(x, x2), f->left - 10),
           right = fmin(fmax(x, x2), f->left + f->width + 10);
    double top = fmax(fmin(y, y2), f->top - 10),
           bottom = fmin(fmax(y, y2), f->top + f->height + 10);
    if (left > right || top > bottom) return false;
    *out = (Box){plot_snap(d, left), plot_snap(d, top), plot_snap(d, right) - plot_snap(d, left),
                 plot_snap(d, bottom) - plot_snap(d, top)};
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
        part = fmin(part, fmin((b.width - TEXT_MARGIN) / size.width,
                               (b.height - TEXT_MARGIN / 2) / size.height));
        if (look.size * part < SMALLEST_TEXT) return 0;
    }
    return look.size * part;
}

static void draw_box_texts(const Drawing *d, const Frame *f, const RtMark *mark) {
    TextLook look = {.size = mark->text_size,
                     .heading = mark->heading,
                     .align =
                         mark->align == RT_ALIGN_CENTER ? PANGO_ALIGN_CENTER : PANGO_ALIGN_LEFT};
    look.size = fitting_size(d, f, mark, look);
    if (look.size == 0) return;
    Box b;
    for (int64_t i = 0; i < mark->n; i++) {
        if (!given(mark->texts[i]) || !box_at(d, f, mark, i, &b)) continue;
        uint32_t colour = mark->text_colours ? mark->text_colours[i] : mark->text_colour;
        double middle = b.y + b.height / 2;
        switch (mark->align) {
        case RT_ALIGN_CORNER:
            text_draw(d, mark->texts[i], look, colour, b.x + 7, b.y + 4, 0, 0);
            break;
        case RT_ALIGN_LEFT:
            text_draw(d, mark->texts[i], look, colour, b.x + 4, middle, 0, 0.5);
            break;
        case RT_ALIGN_RIGHT:
            text_draw(d, mark->texts[i], look, colour, b.x + b.width - 4, middle, 1, 0.5);
            break;
        default: text_draw(d, mark->texts[i], look, colour, b.x + b.width / 2, middle, 0.5, 0.5);
        }
    }
}

static void draw_boxes(const Drawing *d, const Frame *f, const RtMark *mark) {
    Box b;
    for (int64_t i = 0; i < mark->n; i++) {
        if (!box_at(d, f, mark, i, &b)) continue;
        box_path(d->c, b, mark->radius);
        plot_use(d->c, mark_colour(mark, i));
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

// Rules ------------------------------------------------------------------------------------------

static void draw_rules(const Drawing *d, const Frame *f, const RtMark *mark) {
    plot_use(d->c, mark->colour);
    cairo_set_line_width(d->c, mark->width);
    cairo_set_line_cap(d->c, CAIRO_LINE_CAP_BUTT);
    mark_dash(d, mark->dash, mark->width);
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
    case RT_MARK_LINE: line_draw(d, f, mark); break;
    case RT_MARK_POINTS: draw_points(d, f, mark); break;
    case RT_MARK_BOXES: draw_boxes(d, f, mark); break;
    case RT_MARK_IMAGE: image_draw(d, f, mark); break;
    default: draw_rules(d, f, mark);
    }
}

// Would it fill a vector file? A line whose x only grows is thinned to its columns.
static bool too_many(const RtMark *mark) {
    if (mark->n <= VECTOR_MARKS || mark->kind == RT_MARK_IMAGE) return false;
    return mark->kind != RT_MARK_LINE || !line_grows(mark);
}

void mark_draw(const Drawing *d, const Frame *f, const RtMark *mark) {
    if (!d->vector || !too_many(mark)) {
        draw_plainly(d, f, mark);
        return;
    }
    Drawing layer = *d;
    cairo_surface_t *surface =
        cairo_image_surface_create(CAIRO_FORMAT_ARGB32, (int)ceil((f->width + 8) * LAYER_SCALE),
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
        cairo_rectangle(d->c, plot_snap(d, x + 4), plot_snap(d, y - 5), 14, 10);
        cairo_fill(d->c);
        return;
    }
    if (mark->kind == RT_MARK_LINE || mark->kind == RT_MARK_RULES) {
        plot_use(d->c, mark->colour);
        cairo_set_line_width(d->c, fmin(mark->width, 4));
        cairo_set_line_cap(d->c, CAIRO_LINE_CAP_BUTT);
        mark_dash(d, mark->dash, mark->width);
        cairo_move_to(d->c, x, y);
        cairo_line_to(d->c, x + 22, y);
        cairo_stroke(d->c);
        cairo_set_dash(d->c, NULL, 0, 0);
    }
    if (mark->kind == RT_MARK_POINTS ||
        (mark->kind == RT_MARK_LINE && mark->marker && mark->n <= MARKED_POINTS))
        marker_draw(
            d, mark, x + 11, y,
            fmin(9, mark->kind == RT_MARK_LINE ? 2.6 * mark->width + 0.8 : fmax(mark->width, 4.5)),
            mark->colour | 255);
}
