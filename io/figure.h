// figure.h: between the core (figure.c: formats, files; axis.c: where ticks go) and the plot plug-in (plot*.c: drawing).
#pragma once

#include "io/io.h"

typedef struct PlotPlugin {
    Status (*draw)(const RtFigure *figure, RtFigureFormat format, double scale, RtFigureWrite write,
                   void *context, RtMissing *out_missing);
    Status (*measure)(const char *text, const char *font, double size, bool heading,
                      double out_size[2]);
} PlotPlugin;

#define AXIS_TICKS 24
#define AXIS_TEXT 40

// Ticks lie within the axis; low and high are logarithms (base 10) if log.
typedef struct Axis {
    double low, high;
    bool log;
    int nticks, nminor;
    double tick[AXIS_TICKS], minor[128]; // values
    char text[AXIS_TICKS][AXIS_TEXT];
    char factor
        [2 * AXIS_TEXT]; // by which the texts are to be multiplied, and what to add: "×10⁶", or ""
} Axis;
// From low to high, as they are (logarithmic ones: positive), with at most `most` (2 to 20) ticks. whole: at whole
// numbers only. An empty range (low = high) is widened, an unordered one (NaN) becomes 0 to 1.
RT_PLUGIN void axis_make(Axis *axis, double low, double high, bool log, bool whole, int most);
RT_PLUGIN double axis_place(const Axis *axis,
                            double value); // 0 at the low end, 1 at the high end; NaN: nowhere
// low and high with a part of their distance added at each end where asked.
RT_PLUGIN void axis_widen(double *low, double *high, bool log, double at_low, double at_high);
