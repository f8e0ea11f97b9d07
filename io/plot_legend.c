#include "io/plot.h"

#include <stdio.h>

#define KEY_WIDTH 28.0 // of an entry's key and the gap after it
#define ENTRY_GAP 16.0
#define SHOWN 64 // entries at most

typedef struct Entries {
    const RtMark *mark[SHOWN];
    double width[SHOWN];
    int n, left; // left: not among them
    TextLook look;
} Entries;

static void collect(const Drawing *d, const RtPanel *panel, double room, Entries *e) {
    *e = (Entries){.look = {.size = 0.95 * d->style->text,
                            .width = fmax(room - KEY_WIDTH, 20),
                            .lines = 1,
                            .middle = true}};
    for (int64_t i = 0; i < panel->nmarks; i++) {
        const RtMark *mark = &panel->marks[i];
        if (!given(mark->name)) continue;
        if (e->n == SHOWN) {
            e->left++;
            continue;
        }
        e->mark[e->n] = mark;
        e->width[e->n++] = KEY_WIDTH + text_size(d, mark->name, e->look).width;
    }
}

double legend_draw(const Drawing *d, const PanelLayout *p, double middle, double top, double room,
                   bool draw) {
    Entries e;
    collect(d, p->panel, room, &e);
    double height = text_size(d, "Ag", e.look).height + 3;
    int row = 0, rows = (int)fmax(2, 0.3 * p->height / height);
    for (int first = 0; first < e.n; row++) {
        int last = first;
        double all = e.width[first], y = top + (row + 0.5) * height;
        while (last + 1 < e.n && all + ENTRY_GAP + e.width[last + 1] <= room)
            all += ENTRY_GAP + e.width[++last];
        if (row == rows - 1 && (last + 1 < e.n || e.left)) {
            char more[64];
            snprintf(more, sizeof more, "and %d more", e.n - first + e.left);
            if (draw) text_draw(d, more, e.look, d->style->muted, middle, y, 0.5, 0.5);
            return (row + 1) * height;
        }
        double x = middle - all / 2;
        for (; first <= last; first++) {
            if (draw) {
                mark_draw_key(d, e.mark[first], x, y);
                text_draw(d, e.mark[first]->name, e.look, d->style->ink, x + KEY_WIDTH, y, 0, 0.5);
            }
            x += e.width[first] + ENTRY_GAP;
        }
    }
    return row * height;
}
