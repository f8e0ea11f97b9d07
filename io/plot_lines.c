// Lines through points, and paths with arrow heads.
#include "io/plot.h"

#include <string.h>

#define PIECE 64 // segments stroked at once: Cairo's time grows faster than their number

typedef struct Pen {
    const Drawing *d;
    double column; // width of the columns into which points are gathered
    double x, y;   // the end of the path
    int segments;  // since the last stroke
    bool down;
    int64_t at; // the column of the points gathered
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
        const double *first = pen->low_first ? pen->low : pen->high,
                     *second = pen->low_first ? pen->high : pen->low;
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

bool line_grows(const RtMark *line) {
    for (int64_t i = 1; i < line->n; i++)
        if (line->x[i] < line->x[i - 1]) return false;
    return true;
}

// What nobody can see is not worth its time: in a tangle of very many strokes the edges of each.
static cairo_antialias_t antialias_for(const RtMark *line) {
    if (line->n <= 10000) return CAIRO_ANTIALIAS_DEFAULT;
    return line->n <= 100000 || line_grows(line) ? CAIRO_ANTIALIAS_FAST : CAIRO_ANTIALIAS_NONE;
}

static void draw_line(const Drawing *d, const Frame *f, const RtMark *mark) {
    Pen pen = {.d = d, .column = d->vector ? 0.5 : 1 / d->scale};
    double dot = fmax(mark->width, 2) * 1.1;
    int64_t shown = 0, run = 0;
    plot_use(d->c, mark->colour);
    cairo_set_line_width(d->c, mark->width);
    cairo_set_antialias(d->c, antialias_for(mark));
    cairo_set_line_join(d->c, CAIRO_LINE_JOIN_ROUND);
    cairo_set_line_cap(d->c,
                       mark->dash == RT_DASH_SOLID ? CAIRO_LINE_CAP_ROUND : CAIRO_LINE_CAP_BUTT);
    mark_dash(d, mark->dash, mark->width);
    for (int64_t i = 0; i <= mark->n; i++) {
        double x = i < mark->n ? frame_x(f, mark->x[i]) : NAN,
               y = i < mark->n ? frame_y(f, mark->y[i]) : NAN;
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
    cairo_set_antialias(d->c, CAIRO_ANTIALIAS_DEFAULT);
    if (shown > MARKED_POINTS || mark->marker == RT_MARKER_NONE) return;
    for (int64_t i = 0; i < mark->n; i++) {
        double x = frame_x(f, mark->x[i]), y = frame_y(f, mark->y[i]);
        if (isfinite(x) && isfinite(y) && frame_shows(f, x, y, 4))
            marker_draw(d, mark, x, y, 2.6 * mark->width + 0.8, mark->colour);
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
    cairo_curve_to(c, b[0] + 0.45 * p * (a[0] - b[0]), b[1] + 0.45 * p * (a[1] - b[1]),
                   b[0] + 0.45 * q * (e[0] - b[0]), b[1] + 0.45 * q * (e[1] - b[1]),
                   b[0] + q * (e[0] - b[0]), b[1] + q * (e[1] - b[1]));
}

static void draw_path(const Drawing *d, const Frame *f, const RtMark *mark, int64_t first,
                      int64_t n) {
    double size = 4.2 + mark->width, p[3][2] = {{0}};
#define AT(i_)                                                                                     \
    { frame_x(f, mark->x[i_]), frame_y(f, mark->y[i_]) }
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
        cairo_line_to(d->c, tip[0] - size * way[0] + side * 0.5 * size * way[1],
                      tip[1] - size * way[1] - side * 0.5 * size * way[0]);
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

void line_draw(const Drawing *d, const Frame *f, const RtMark *mark) {
    (mark->arrow ? draw_paths : draw_line)(d, f, mark);
}
