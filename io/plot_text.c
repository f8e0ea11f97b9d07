#include "io/plot.h"

#include <string.h>

static PangoLayout *make_layout(const Drawing *d, const char *text, TextLook look) {
    PangoLayout *layout = pango_cairo_create_layout(d->c);
    // widths of letters that do not depend on the pixels: a picture has one layout at every scale
    cairo_font_options_t *options = cairo_font_options_create();
    cairo_font_options_set_hint_metrics(options, CAIRO_HINT_METRICS_OFF);
    cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_NONE);
    cairo_font_options_set_antialias(options, CAIRO_ANTIALIAS_GRAY);
    pango_cairo_context_set_font_options(pango_layout_get_context(layout), options);
    cairo_font_options_destroy(options);
    pango_context_set_round_glyph_positions(pango_layout_get_context(layout), false);
    pango_layout_context_changed(layout);
    PangoFontDescription *font = pango_font_description_new();
    pango_font_description_set_family(font, d->style->font);
    pango_font_description_set_weight(font, look.bold ? PANGO_WEIGHT_BOLD : PANGO_WEIGHT_NORMAL);
    pango_font_description_set_absolute_size(font, look.size * PANGO_SCALE);
    pango_layout_set_font_description(layout, font);
    pango_font_description_free(font);
    pango_layout_set_text(layout, text, -1);
    pango_layout_set_alignment(layout, look.align);
    if (look.width > 0) {
        pango_layout_set_width(layout, (int)(look.width * PANGO_SCALE));
        pango_layout_set_wrap(layout, PANGO_WRAP_WORD_CHAR);
        if (look.lines > 0) {
            pango_layout_set_height(layout, -look.lines);
            pango_layout_set_ellipsize(layout,
                                       look.middle ? PANGO_ELLIPSIZE_MIDDLE : PANGO_ELLIPSIZE_END);
        }
    }
    if (look.heading) {
        PangoAttrList *list = pango_attr_list_new();
        PangoAttribute *bold = pango_attr_weight_new(PANGO_WEIGHT_BOLD);
        bold->start_index = 0;
        bold->end_index = (guint)strcspn(text, "\n");
        pango_attr_list_insert(list, bold);
        pango_layout_set_attributes(layout, list);
        pango_attr_list_unref(list);
    }
    return layout;
}

// A wrapped layout is as wide as its lines, not as the room that it had.
static TextSize size_of(PangoLayout *layout, double *out_left) {
    PangoRectangle all;
    pango_layout_get_extents(layout, NULL, &all);
    if (out_left) *out_left = (double)all.x / PANGO_SCALE;
    return (TextSize){(double)all.width / PANGO_SCALE, (double)all.height / PANGO_SCALE};
}

TextSize text_size(const Drawing *d, const char *text, TextLook look) {
    PangoLayout *layout = make_layout(d, text, look);
    TextSize size = size_of(layout, NULL);
    g_object_unref(layout);
    return size;
}

static void add_missing(RtMissing *missing, uint32_t character) {
    for (int i = 0; i < missing->n; i++)
        if (missing->characters[i] == character) return;
    if (missing->n < (int)(sizeof missing->characters / sizeof *missing->characters))
        missing->characters[missing->n++] = character;
}

static void find_missing(PangoLayout *layout, RtMissing *missing) {
    if (pango_layout_get_unknown_glyphs_count(layout) == 0) return;
    PangoLayoutIter *iter = pango_layout_get_iter(layout);
    do {
        PangoLayoutRun *run = pango_layout_iter_get_run_readonly(iter);
        for (int i = 0; run && i < run->glyphs->num_glyphs; i++) {
            PangoGlyph glyph = run->glyphs->glyphs[i].glyph;
            if (glyph & PANGO_GLYPH_UNKNOWN_FLAG && glyph != PANGO_GLYPH_INVALID_INPUT)
                add_missing(missing, glyph & ~(uint32_t)PANGO_GLYPH_UNKNOWN_FLAG);
        }
    } while (pango_layout_iter_next_run(iter));
    pango_layout_iter_free(iter);
}

void text_draw_turned(const Drawing *d, const char *text, TextLook look, uint32_t colour, double x,
                      double y, double ax, double ay, double angle) {
    if (!given(text)) return;
    double left;
    PangoLayout *layout = make_layout(d, text, look);
    TextSize size = size_of(layout, &left);
    find_missing(layout, d->missing);
    plot_use(d->c, colour);
    cairo_save(d->c);
    cairo_translate(d->c, x, y);
    if (angle != 0) cairo_rotate(d->c, angle);
    cairo_move_to(d->c, -ax * size.width - left, -ay * size.height);
    pango_cairo_show_layout(d->c, layout);
    cairo_new_path(d->c);
    cairo_restore(d->c);
    g_object_unref(layout);
}

void text_draw(const Drawing *d, const char *text, TextLook look, uint32_t colour, double x,
               double y, double ax, double ay) {
    text_draw_turned(d, text, look, colour, x, y, ax, ay, 0);
}
