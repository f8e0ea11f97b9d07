#include "io/plot.h"

#include <stdio.h>
#include <string.h>

#define TICK 3.5
#define TICK_GAP 3.0
#define BAR_WIDTH 11.0
#define BAR_GAP 10.0

static TextLook tick_look(const Drawing *d) { return (TextLook){.size = 0.9 * d->style->text}; }
static TextLook label_look(const Drawing *d, double width) {
    return (TextLook){
        .size = d->style->text, .width = width, .lines = 2, .align = PANGO_ALIGN_CENTER};
}
static TextLook title_look(const Drawing *d, double width) {
    return (TextLook){.size = 1.2 * d->style->text,
                      .bold = true,
                      .width = width,
                      .lines = 3,
                      .align = PANGO_ALIGN_CENTER};
}
static TextLook note_look(const Drawing *d, double width) {
    return (TextLook){
        .size = 0.8 * d->style->text, .width = width, .lines = 2, .align = PANGO_ALIGN_RIGHT};
}
static double line_height(const Drawing *d) { return text_size(d, "Ag", tick_look(d)).height; }

// Ranges -----------------------------------------------------------------------------------------

typedef struct Range {
    double low, high;
    bool log, low_fixed, high_fixed; // fixed: an edge that wants no margin
} Range;

static void reach(Range *range, double value, bool fixed) {
    if (!isfinite(value) || (range->log && value <= 0)) return;
    if (!(value >= range->low)) range->low = value, range->low_fixed = fixed;
    if (!(value <= range->high)) range->high = value, range->high_fixed = fixed;
}

static void reach_mark(const RtMark *mark, Range *x, Range *y) {
    bool image = mark->kind == RT_MARK_IMAGE, boxes = mark->kind == RT_MARK_BOXES;
    for (int64_t i = 0; i < mark->n; i++) {
        bool seen = mark->kind == RT_MARK_RULES || (isfinite(mark->x[i]) && isfinite(mark->y[i]));
        if (!seen) continue;
        if (mark->x) reach(x, mark->x[i], image || (boxes && mark->x[i] == 0));
        if (mark->y) reach(y, mark->y[i], image || (boxes && mark->y[i] == 0));
        if (!image && !boxes) continue;
        reach(x, mark->x2[i], image);
        reach(y, mark->y2[i], image);
    }
}

static void finish_range(const RtAxis *axis, const Range *range, double margin, double out[2]) {
    if (axis->kind == RT_AXIS_NAMES) {
        out[0] = -0.5;
        out[1] = (double)axis->nnames - 0.5;
        return;
    }
    double low = range->low, high = range->high;
    axis_widen(&low, &high, range->log, range->low_fixed ? 0 : margin,
               range->high_fixed ? 0 : margin);
    out[0] = isfinite(axis->low) ? axis->low : low;
    out[1] = isfinite(axis->high) ? axis->high : high;
}

void panel_range(PanelLayout *p, double *out_x, double *out_y) {
    const RtPanel *panel = p->panel;
    Range x = {NAN, NAN, panel->x.kind == RT_AXIS_LOG, false, false},
          y = {NAN, NAN, panel->y.kind == RT_AXIS_LOG, false, false};
    for (int64_t i = 0; i < panel->nmarks; i++) reach_mark(&panel->marks[i], &x, &y);
    finish_range(&panel->x, &x, 0.03, out_x);
    finish_range(&panel->y, &y, 0.06, out_y);
}

// What is measured -------------------------------------------------------------------------------

static bool has_axis(const RtAxis *axis) { return axis->kind != RT_AXIS_NONE; }

static const char *full_label(const char *label, const Axis *axis, char *out, size_t bytes) {
    if (!axis->factor[0]) return label;
    if (given(label))
        snprintf(out, bytes, "%s (%s)", label, axis->factor);
    else
        snprintf(out, bytes, "%s", axis->factor);
    return out;
}

static double widest_tick(const Drawing *d, const Axis *axis) {
    double widest = 0;
    for (int i = 0; i < axis->nticks; i++)
        widest = fmax(widest, text_size(d, axis->text[i], tick_look(d)).width);
    return widest;
}

// Names at the left side: at most a third of the cell; in two lines where there is room.
static TextLook side_look(const Drawing *d, const PanelLayout *p) {
    TextLook look = tick_look(d);
    double slot = p->frame.height / (double)p->panel->y.nnames;
    look.width = p->width * 0.33;
    look.lines = slot > 2.1 * look.size * 1.3 ? 2 : 1;
    look.middle = true;
    look.align = PANGO_ALIGN_RIGHT;
    return look;
}

static double side_width(const Drawing *d, const PanelLayout *p) {
    if (p->panel->y.kind != RT_AXIS_NAMES) return widest_tick(d, &p->frame.y);
    double widest = 0;
    for (int64_t i = 0; i < p->panel->y.nnames; i++)
        widest = fmax(widest, text_size(d, p->panel->y.names[i], side_look(d, p)).width);
    return widest;
}

static int ticks_for(double length, double each) { return (int)fmax(2, fmin(9, length / each)); }

// The frame's height is a guess here; it decides how many ticks there are, not how wide they are.
void panel_measure_sides(const Drawing *d, PanelLayout *p) {
    const RtPanel *panel = p->panel;
    double x[2], y[2];
    char text[512];
    p->frame.height = fmax(40, p->height - 60);
    panel_range(p, x, y);
    axis_make(&p->frame.y, y[0], y[1], panel->y.kind == RT_AXIS_LOG, panel->y.whole,
              ticks_for(p->frame.height, 22));
    axis_make(&p->frame.x, x[0], x[1], panel->x.kind == RT_AXIS_LOG, panel->x.whole, 8);
    Margins *m = &p->margins;
    m->left = m->right = has_axis(&panel->x) || has_axis(&panel->y) ? 6 : 1;
    if (has_axis(&panel->y)) {
        m->left = 4 + side_width(d, p) + TICK + TICK_GAP;
        const char *label = full_label(panel->y.label, &p->frame.y, text, sizeof text);
        if (given(label)) m->left += text_size(d, label, label_look(d, p->frame.height)).height + 5;
    }
    if (has_axis(&panel->x)) m->right = panel->x.kind == RT_AXIS_NAMES ? 8 : 14;
    if (panel->bar.ncolours == 0) return;
    axis_make(&p->bar, panel->bar.low, panel->bar.high, panel->bar.log, false,
              ticks_for(p->frame.height, 22));
    m->right = BAR_GAP + BAR_WIDTH + TICK + TICK_GAP + widest_tick(d, &p->bar) + 4;
    const char *label = full_label(panel->bar.label, &p->bar, text, sizeof text);
    if (given(label)) m->right += text_size(d, label, label_look(d, p->frame.height)).height + 4;
}

static double widest_word(const Drawing *d, const char *text) {
    double widest = 0;
    char word[256];
    while (*text) {
        size_t length = strcspn(text, " \n");
        if (length >= sizeof word) return INFINITY;
        memcpy(word, text, length);
        word[length] = 0;
        widest = fmax(widest, text_size(d, word, tick_look(d)).width);
        text += length + (text[length] != 0);
    }
    return widest;
}

static TextLook name_look(const Drawing *d, const Names *names) {
    TextLook look = tick_look(d);
    look.width = names->width;
    look.lines = names->angle != 0 ? 1 : 3;
    look.middle = true;
    look.align = names->angle != 0 ? PANGO_ALIGN_LEFT : PANGO_ALIGN_CENTER;
    return look;
}

// Of too many names every second, fifth, tenth, … is shown.
static int name_step(double least) {
    for (int unit = 1;; unit *= 10)
        for (int k = 1; k <= 5; k += k == 1 ? 1 : 3)
            if (unit * k >= least || unit >= 100000000) return unit * k;
}

// Names below the frame: side by side, else in lines, else turned; short ones, and too many, are thinned.
static void arrange_names(const Drawing *d, PanelLayout *p) {
    const RtAxis *axis = &p->panel->x;
    double slot = p->frame.width / (double)axis->nnames, height = line_height(d), widest = 0,
           word = 0;
    for (int64_t i = 0; i < axis->nnames; i++) {
        widest = fmax(widest, text_size(d, axis->names[i], tick_look(d)).width);
        if (slot > 36) word = fmax(word, widest_word(d, axis->names[i]));
    }
    Names *names = &p->names;
    *names = (Names){1, 0, 0, height};
    if (widest <= slot - 5) return;
    double tallest = 0; // in lines
    for (int64_t i = 0; i < axis->nnames && word <= slot - 6 && slot > 36; i++) {
        TextLook look = tick_look(d);
        look.width = slot - 6;
        tallest = fmax(tallest, text_size(d, axis->names[i], look).height);
    }
    if (tallest > 0 && tallest < 3.5 * height) {
        names->width = slot - 6;
    } else if (widest < 26) {
        names->step = name_step((widest + 6) / slot);
        return;
    } else {
        names->width = fmin(170, 0.4 * p->height); // the rest is cut
        widest = fmin(widest, names->width);
        bool slanted = slot > 1.3 * height && widest * 0.71 < p->margins.left + slot / 2;
        names->angle = slanted ? -M_PI / 4 : -M_PI / 2;
        names->step = name_step(height * 0.95 / slot);
    }
    for (int64_t i = 0; i < axis->nnames; i += names->step) {
        TextSize size = text_size(d, axis->names[i], name_look(d, names));
        double tall = names->angle == 0
                          ? size.height
                          : -sin(names->angle) * size.width + cos(names->angle) * size.height;
        names->height = fmax(names->height, tall);
    }
}

static void make_x_axis(const Drawing *d, PanelLayout *p) {
    double x[2], y[2];
    panel_range(p, x, y);
    for (int most = ticks_for(p->frame.width, 32);; most--) {
        axis_make(&p->frame.x, x[0], x[1], p->panel->x.kind == RT_AXIS_LOG, p->panel->x.whole,
                  most);
        if (most <= 2 ||
            p->frame.x.nticks * (widest_tick(d, &p->frame.x) + 12) <= p->frame.width + 12)
            return;
    }
}

static double legend_room(const PanelLayout *p) {
    return p->panel->square ? p->width - 8 : p->frame.width;
}

void panel_measure_ends(const Drawing *d, PanelLayout *p) {
    const RtPanel *panel = p->panel;
    Margins *m = &p->margins;
    char text[512];
    p->title_height =
        given(panel->title) ? text_size(d, panel->title, title_look(d, p->width - 4)).height : 0;
    p->legend_height = legend_draw(d, p, 0, 0, legend_room(p), false);
    m->top = 3 + (p->title_height > 0 ? p->title_height + 5 : 0) +
             (p->legend_height > 0 ? p->legend_height + 4 : 0);
    if (has_axis(&panel->y) && panel->y.kind != RT_AXIS_NAMES) m->top += 4; // half a tick's text
    m->bottom = 4;
    p->label_height = 0;
    if (has_axis(&panel->x)) {
        p->names = (Names){1, 0, 0, line_height(d)};
        if (panel->x.kind == RT_AXIS_NAMES)
            arrange_names(d, p);
        else
            make_x_axis(d, p);
        m->bottom += TICK + TICK_GAP + p->names.height;
        const char *label = full_label(panel->x.label, &p->frame.x, text, sizeof text);
        if (given(label)) p->label_height = text_size(d, label, label_look(d, p->width)).height + 3;
        m->bottom += p->label_height;
    } else if (has_axis(&panel->y)) {
        m->bottom += 4;
    }
    if (given(panel->note))
        m->bottom += text_size(d, panel->note, note_look(d, p->width - 4)).height + 2;
}

// What is drawn ----------------------------------------------------------------------------------

static void stroke_line(const Drawing *d, uint32_t colour, double width, double x, double y,
                        double x2, double y2) {
    plot_use(d->c, colour);
    cairo_set_line_width(d->c, width);
    cairo_set_line_cap(d->c, CAIRO_LINE_CAP_BUTT);
    if (x == x2) x = x2 = plot_sharp(d, x);
    if (y == y2) y = y2 = plot_sharp(d, y);
    cairo_move_to(d->c, x, y);
    cairo_line_to(d->c, x2, y2);
    cairo_stroke(d->c);
}

static void draw_grid(const Drawing *d, const PanelLayout *p) {
    const Frame *f = &p->frame;
    for (int i = 0; p->panel->grid_y && i < f->y.nticks; i++) {
        double y = frame_y(f, f->y.tick[i]);
        stroke_line(d, d->style->faint, 0.75, f->left, y, f->left + f->width, y);
    }
    for (int i = 0; p->panel->grid_x && i < f->x.nticks; i++) {
        double x = frame_x(f, f->x.tick[i]);
        stroke_line(d, d->style->faint, 0.75, x, f->top, x, f->top + f->height);
    }
}

static void draw_x_axis(const Drawing *d, const PanelLayout *p) {
    const Frame *f = &p->frame;
    double bottom = f->top + f->height;
    for (int i = 0; i < f->x.nticks; i++) {
        double x = frame_x(f, f->x.tick[i]);
        stroke_line(d, d->style->muted, 0.75, x, bottom, x, bottom + TICK);
        text_draw(d, f->x.text[i], tick_look(d), d->style->muted, x, bottom + TICK + TICK_GAP, 0.5,
                  0);
    }
    for (int i = 0; i < f->x.nminor; i++) {
        double x = frame_x(f, f->x.minor[i]);
        stroke_line(d, d->style->muted, 0.5, x, bottom, x, bottom + TICK * 0.6);
    }
}

static void draw_x_names(const Drawing *d, const PanelLayout *p) {
    const Frame *f = &p->frame;
    const RtAxis *axis = &p->panel->x;
    double bottom = f->top + f->height;
    for (int64_t i = 0; i < axis->nnames; i += p->names.step) {
        double x = frame_x(f, (double)i), y = bottom + TICK + TICK_GAP;
        stroke_line(d, d->style->muted, 0.75, x, bottom, x, bottom + TICK);
        if (p->names.angle == 0)
            text_draw(d, axis->names[i], name_look(d, &p->names), d->style->muted, x, y, 0.5, 0);
        else
            text_draw_turned(d, axis->names[i], name_look(d, &p->names), d->style->muted, x,
                             y + (p->names.angle > -1 ? 2 : 0), 1, 0.5, p->names.angle);
    }
}

static void draw_y_axis(const Drawing *d, const PanelLayout *p) {
    const Frame *f = &p->frame;
    for (int i = 0; i < f->y.nticks; i++) {
        double y = frame_y(f, f->y.tick[i]);
        stroke_line(d, d->style->muted, 0.75, f->left - TICK, y, f->left, y);
        text_draw(d, f->y.text[i], tick_look(d), d->style->muted, f->left - TICK - TICK_GAP, y, 1,
                  0.5);
    }
    for (int i = 0; i < f->y.nminor; i++) {
        double y = frame_y(f, f->y.minor[i]);
        stroke_line(d, d->style->muted, 0.5, f->left - TICK * 0.6, y, f->left, y);
    }
}

static void draw_y_names(const Drawing *d, const PanelLayout *p) {
    const Frame *f = &p->frame;
    const RtAxis *axis = &p->panel->y;
    int64_t step = name_step(line_height(d) * (double)axis->nnames * 0.95 / f->height);
    for (int64_t i = 0; i < axis->nnames; i += step) {
        double y = frame_y(f, (double)i);
        stroke_line(d, d->style->muted, 0.75, f->left - TICK, y, f->left, y);
        text_draw(d, axis->names[i], side_look(d, p), d->style->muted, f->left - TICK - TICK_GAP, y,
                  1, 0.5);
    }
}

static void draw_frame(const Drawing *d, const PanelLayout *p) {
    const Frame *f = &p->frame;
    double right = f->left + f->width, bottom = f->top + f->height;
    uint32_t colour = d->style->muted;
    if (has_axis(&p->panel->x) || p->panel->boxed)
        stroke_line(d, colour, 0.75, f->left, bottom, right, bottom);
    if (has_axis(&p->panel->y) || p->panel->boxed)
        stroke_line(d, colour, 0.75, f->left, f->top, f->left, bottom);
    if (!p->panel->boxed) return;
    stroke_line(d, colour, 0.75, f->left, f->top, right, f->top);
    stroke_line(d, colour, 0.75, right, f->top, right, bottom);
}

static void draw_turned_label(const Drawing *d, const PanelLayout *p, const char *label, double x) {
    text_draw_turned(d, label, label_look(d, fmax(p->frame.height, 60)), d->style->muted, x,
                     p->frame.top + p->frame.height / 2, 0.5, 0, -M_PI / 2);
}

static void draw_bar(const Drawing *d, const PanelLayout *p) {
    const RtColourBar *bar = &p->panel->bar;
    Frame f = {p->frame.left + p->frame.width + BAR_GAP,
               p->frame.top,
               BAR_WIDTH,
               p->frame.height,
               {.high = 1},
               p->bar,
               false,
               false};
    bool one = !(bar->high > bar->low); // value: the axis was widened around it
    double top = bar->log ? pow(10, p->bar.high) : p->bar.high,
           end = bar->log ? pow(10, p->bar.low) : p->bar.low;
    const double x[2] = {0, 1}, y[2] = {one ? top : bar->high, one ? end : bar->low};
    uint32_t pixels[1024];
    int64_t n = bar->ncolours < 1024 ? bar->ncolours : 1024;
    for (int64_t i = 0; i < n; i++) pixels[i] = bar->colours[n - 1 - i];
    RtMark image = {.kind = RT_MARK_IMAGE,
                    .x = x,
                    .y = y,
                    .x2 = x + 1,
                    .y2 = y + 1,
                    .n = 1,
                    .pixels = pixels,
                    .rows = n,
                    .columns = 1};
    mark_draw(d, &f, &image);
    double right = f.left + f.width, widest = 0;
    for (int i = 0; i < f.y.nticks; i++) {
        double at = frame_y(&f, f.y.tick[i]);
        stroke_line(d, d->style->muted, 0.75, right, at, right + TICK, at);
        text_draw(d, f.y.text[i], tick_look(d), d->style->muted, right + TICK + TICK_GAP, at, 0,
                  0.5);
        widest = fmax(widest, text_size(d, f.y.text[i], tick_look(d)).width);
    }
    char text[512];
    draw_turned_label(d, p, full_label(bar->label, &p->bar, text, sizeof text),
                      right + TICK + TICK_GAP + widest + 4);
}

static double within(double at, double half, double low, double high) {
    return fmax(low + half, fmin(high - half, at));
}

static void draw_texts(const Drawing *d, const PanelLayout *p) {
    const RtPanel *panel = p->panel;
    const Frame *f = &p->frame;
    char text[512];
    double middle = f->left + f->width / 2, above = f->top - p->margins.top + 3,
           bottom = f->top + f->height;
    if (given(panel->title)) {
        TextLook look = title_look(d, p->width - 4);
        double half = text_size(d, panel->title, look).width / 2;
        text_draw(d, panel->title, look, d->style->ink,
                  within(middle, half, p->left + 2, p->left + p->width - 2), above, 0.5, 0);
    }
    legend_draw(d, p, p->panel->square ? p->left + p->width / 2 : middle,
                f->top - p->legend_height - (p->margins.top > p->legend_height + 9 ? 8 : 4),
                legend_room(p), true);
    if (has_axis(&panel->x)) {
        const char *label = full_label(panel->x.label, &f->x, text, sizeof text);
        double half = given(label) ? text_size(d, label, label_look(d, p->width)).width / 2 : 0;
        text_draw(d, label, label_look(d, p->width), d->style->muted,
                  within(middle, half, p->left, p->left + p->width),
                  bottom + TICK + TICK_GAP + p->names.height + 3, 0.5, 0);
    }
    if (has_axis(&panel->y)) {
        const char *label = full_label(panel->y.label, &f->y, text, sizeof text);
        if (given(label)) {
            double height = text_size(d, label, label_look(d, fmax(f->height, 60))).height;
            draw_turned_label(d, p, label,
                              f->left - TICK - TICK_GAP - side_width(d, p) - 5 - height);
        }
    }
    text_draw(d, panel->note, note_look(d, p->width - 4), d->style->muted, p->left + p->width - 4,
              bottom + p->margins.bottom, 1, 1);
}

void panel_draw(const Drawing *d, PanelLayout *p) {
    const Frame *f = &p->frame;
    const RtPanel *panel = p->panel;
    if (has_axis(&panel->x) || has_axis(&panel->y)) {
        plot_use(d->c, d->style->frame);
        cairo_rectangle(d->c, f->left, f->top, f->width, f->height);
        cairo_fill(d->c);
    }
    draw_grid(d, p);
    double room = panel->square || !has_axis(&panel->x) ? 0.5 : 4; // markers at the edge stay whole
    cairo_save(d->c);
    cairo_rectangle(d->c, f->left - room, f->top - room, f->width + 2 * room, f->height + 2 * room);
    cairo_clip(d->c);
    for (int64_t i = 0; i < panel->nmarks; i++) mark_draw(d, f, &panel->marks[i]);
    cairo_restore(d->c);
    if (has_axis(&panel->x)) (panel->x.kind == RT_AXIS_NAMES ? draw_x_names : draw_x_axis)(d, p);
    if (has_axis(&panel->y)) (panel->y.kind == RT_AXIS_NAMES ? draw_y_names : draw_y_axis)(d, p);
    draw_frame(d, p);
    if (panel->bar.ncolours) draw_bar(d, p);
    draw_texts(d, p);
}
