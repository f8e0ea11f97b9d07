// figure.h: between the core (figure.c: formats, files) and the plot plug-in (plot.c: drawing).
#pragma once

#include "io/io.h"

typedef enum FigureFormat { FIGURE_PNG, FIGURE_SVG, FIGURE_PDF } FigureFormat;

typedef struct Figure {
    const char *title;
    const RtPanel *panels;
    int npanels;
    double width, height, scale;
    FigureFormat format;
} Figure;

// Gets the bytes of the picture piece by piece.
typedef Status (*FigureWrite)(void *context, const void *bytes, size_t n);

typedef struct PlotPlugin {
    Status (*draw)(const Figure *figure, FigureWrite write, void *context);
} PlotPlugin;

// axis.c: where ticks go. The axis is widened so that it begins and ends on a tick; at most 12 ticks.
typedef struct Axis {
    double low, high, step; // of the axis; of a logarithmic one in decades
    int nticks;
    double tick[16]; // values
    char text[16][24];
    bool log;
} Axis;
RT_PLUGIN void axis_make(Axis *axis, double low, double high, bool log, bool whole); // whole: ticks at whole numbers only
RT_PLUGIN double axis_place(const Axis *axis, double value); // 0 at the low end, 1 at the high end
