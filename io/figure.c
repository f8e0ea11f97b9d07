#include "io/figure.h"

#include <math.h>
#include <string.h>
#include <strings.h>

#include "io/file.h"
#include "rustorch_plugin.h"

static Status open_plugin(PlotPlugin *out) {
    static const RtPluginName name = {"plot", "drawing of figures",
                                      "libcairo2-dev and libpango1.0-dev (Debian, Ubuntu)"};
    return plugin_open(&name, out, sizeof *out);
}

static Status format_of(const char *path, RtFigureFormat *out) {
    static const char *const endings[RT_FIGURE_FORMAT_COUNT] = {".png", ".svg", ".pdf"};
    size_t length = strlen(path);
    for (int i = 0; i < RT_FIGURE_FORMAT_COUNT; i++)
        if (length > 4 && strcasecmp(path + length - 4, endings[i]) == 0) {
            *out = (RtFigureFormat)i;
            return OK;
        }
    return fail(ERR_VALUE, "%s: the ending must be .png, .svg or .pdf", path);
}

static Status check_mark(const RtMark *mark) {
    bool corners = mark->kind == RT_MARK_BOXES || mark->kind == RT_MARK_IMAGE;
    if ((unsigned)mark->kind >= RT_MARK_COUNT || (unsigned)mark->dash >= RT_DASH_COUNT ||
        (unsigned)mark->marker >= RT_MARKER_COUNT || (unsigned)mark->align >= RT_ALIGN_COUNT)
        return fail(ERR_VALUE, "plot: a mark of kind %d, dash %d, marker %d, align %d", mark->kind,
                    mark->dash, mark->marker, mark->align);
    if (mark->n < 0 || mark->rows < 0 || mark->columns < 0 || mark->rows > 32767 ||
        mark->columns > 32767) // Cairo's limit
        return fail(
            ERR_VALUE,
            "plot: a mark of %lld elements, %lld × %lld pixels: an image has at most 32767 a side",
            (long long)mark->n, (long long)mark->rows, (long long)mark->columns);
    bool whole = mark->kind == RT_MARK_RULES ? (mark->x || mark->y) : (mark->x && mark->y);
    if (corners) whole = whole && mark->x2 && mark->y2;
    if (mark->kind == RT_MARK_IMAGE) whole = whole && mark->pixels;
    if (mark->n > 0 && !whole)
        return fail(ERR_VALUE, "plot: a mark of kind %d lacks x, y, x2, y2 or pixels", mark->kind);
    return OK;
}

static Status check_axis(const RtAxis *axis) {
    if ((unsigned)axis->kind >= RT_AXIS_COUNT)
        return fail(ERR_VALUE, "plot: an axis of kind %d", axis->kind);
    if (axis->kind == RT_AXIS_NAMES && (axis->nnames < 1 || !axis->names))
        return fail(ERR_VALUE, "plot: an axis of names without names");
    if (axis->kind == RT_AXIS_LOG && (axis->low <= 0 || axis->high <= 0))
        return fail(ERR_VALUE, "plot: a logarithmic axis from %g to %g", axis->low, axis->high);
    return OK;
}

static Status check_panel(const RtPanel *panel) {
    TRY(check_axis(&panel->x));
    TRY(check_axis(&panel->y));
    for (int64_t i = 0; i < panel->nmarks; i++) TRY(check_mark(&panel->marks[i]));
    return OK;
}

static Status check(const RtFigure *figure, RtFigureFormat format, double scale) {
    if (figure->npanels < 1) return fail(ERR_VALUE, "plot: there is nothing to draw");
    if (figure->npanels > 1024 || figure->columns < 1)
        return fail(ERR_VALUE,
                    "plot: %lld panels, %lld in a row: 1 to 1024 are possible, at least 1 in a row",
                    (long long)figure->npanels, (long long)figure->columns);
    if (!(figure->width >= 20 && figure->width <= 20000 && figure->height >= 20 &&
          figure->height <= 20000 && scale > 0 && scale <= 64))
        return fail(ERR_VALUE,
                    "plot: a figure of %g × %g points at %g pixels a point: from 20 to 20000 "
                    "points, and a scale up to 64, "
                    "are possible",
                    figure->width, figure->height, scale);
    if (format == RT_FIGURE_PNG &&
        fmax(figure->width, figure->height) * scale > 32767) // Cairo's limit
        return fail(ERR_VALUE,
                    "plot: a picture of %.0f × %.0f pixels: at most 32767 a side are possible; "
                    "lower the dpi, "
                    "or write SVG or PDF",
                    figure->width * scale, figure->height * scale);
    if (!figure->style.font || !(figure->style.text > 0))
        return fail(ERR_VALUE, "plot: the style has no font or no size of text");
    for (int64_t i = 0; i < figure->npanels; i++) TRY(check_panel(&figure->panels[i]));
    return OK;
}

// Cairo writes no size in inches: a pHYs chunk is put behind the header (PNG specification, 11.3.5.3).
typedef struct PngStream {
    RtFigureWrite write;
    void *context;
    uint32_t per_metre;
    size_t seen;
} PngStream;

#define PNG_HEADER_BYTES 33 // the signature and the IHDR chunk

static uint32_t png_crc(const unsigned char *bytes, size_t n) { // PNG specification, annex D
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < n; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++) crc = crc & 1 ? 0xedb88320 ^ crc >> 1 : crc >> 1;
    }
    return ~crc;
}

static void put_u32(unsigned char *out, uint32_t value) {
    for (int i = 0; i < 4; i++) out[i] = (unsigned char)(value >> (24 - 8 * i));
}

static Status write_png(void *context, const void *bytes, size_t n) {
    PngStream *stream = context;
    size_t before = stream->seen < PNG_HEADER_BYTES ? PNG_HEADER_BYTES - stream->seen : 0;
    stream->seen += n;
    if (before == 0 || before > n) return stream->write(stream->context, bytes, n);
    unsigned char chunk[21] = {0, 0, 0, 9, 'p', 'H', 'Y', 's', [16] = 1};
    put_u32(chunk + 8, stream->per_metre);
    put_u32(chunk + 12, stream->per_metre);
    put_u32(chunk + 17, png_crc(chunk + 4, 13));
    TRY(stream->write(stream->context, bytes, before));
    TRY(stream->write(stream->context, chunk, sizeof chunk));
    return n > before ? stream->write(stream->context, (const char *)bytes + before, n - before)
                      : OK;
}

Status rt_figure_draw(const RtFigure *figure, RtFigureFormat format, double scale,
                      RtFigureWrite write, void *context, RtMissing *out_missing) {
    TRY(check(figure, format, scale));
    PlotPlugin plot;
    TRY(open_plugin(&plot));
    PngStream stream = {write, context, (uint32_t)lround(scale * 72 / 0.0254), 0};
    if (format == RT_FIGURE_PNG)
        return plot.draw(figure, format, scale, write_png, &stream, out_missing);
    return plot.draw(figure, format, scale, write, context, out_missing);
}

static Status write_file(void *context, const void *bytes, size_t n) {
    return commit_write(context, bytes, n);
}

Status rt_figure_save(const RtFigure *figure, const char *path, double scale,
                      RtMissing *out_missing) {
    RtFigureFormat format = RT_FIGURE_PNG;
    PlotPlugin plot;
    CommitFile file;
    TRY(format_of(path, &format));
    TRY(open_plugin(&plot)); // before a file is begun
    Status status = commit_open(&file, path);
    if (status >= 0) status = rt_figure_draw(figure, format, scale, write_file, &file, out_missing);
    if (status >= 0) status = commit_finish(&file);
    ErrorRecord record;
    if (status < 0) error_take(&record);
    commit_clear(&file);
    if (status < 0) error_give(&record);
    return status;
}

Status rt_figure_measure(const char *text, const char *font, double size, bool heading,
                         double out_size[2]) {
    PlotPlugin plot;
    TRY(open_plugin(&plot));
    return plot.measure(text, font, size, heading, out_size);
}
