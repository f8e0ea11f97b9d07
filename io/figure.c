#include "io/figure.h"

#include <string.h>
#include <strings.h>

#include "io/file.h"
#include "rustorch_plugin.h"

static Status format_of(const char *path, FigureFormat *out) {
    static const char *const endings[] = {".png", ".svg", ".pdf"};
    size_t length = strlen(path);
    for (int i = 0; i < 3; i++)
        if (length > 4 && strcasecmp(path + length - 4, endings[i]) == 0) {
            *out = (FigureFormat)i;
            return OK;
        }
    return fail(ERR_VALUE, "%s: the ending must be .png, .svg or .pdf", path);
}

static Status write_picture(void *context, const void *bytes, size_t n) { return commit_write(context, bytes, n); }

Status rt_plot_lines(const char *path, const char *title, const RtPanel *panels, int npanels, double width, double height,
                     double scale) {
    static const RtPluginName name = {"plot", "drawing of figures", "libcairo2-dev and libpango1.0-dev (Debian, Ubuntu)"};
    Figure figure = {.title = title, .panels = panels, .npanels = npanels, .width = width, .height = height, .scale = scale};
    if (npanels < 1) return fail(ERR_VALUE, "plot: there is nothing to draw");
    if (!(width >= 100 && width <= 20000 && height >= 100 && height <= 20000 && scale > 0 && scale <= 16))
        return fail(ERR_VALUE, "plot: a figure of %g × %g points at scale %g: from 100 to 20000 points, and a scale up to 16, are possible",
                    width, height, scale);
    TRY(format_of(path, &figure.format));
    PlotPlugin plot;
    TRY(plugin_open(&name, &plot, sizeof plot));
    CommitFile file;
    Status status = commit_open(&file, path);
    if (status >= 0) status = plot.draw(&figure, write_picture, &file);
    if (status >= 0) status = commit_finish(&file);
    ErrorRecord record;
    if (status < 0) error_take(&record);
    commit_clear(&file);
    if (status < 0) error_give(&record);
    return status;
}
