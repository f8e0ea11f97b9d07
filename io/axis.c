#include "io/figure.h"

#include <math.h>
#include <stdio.h>

// The smallest of 1, 2, 5 × 10^k that is at least `rough` (Heckbert, Graphics Gems, 1990).
static double nice_step(double rough) {
    double power = pow(10, floor(log10(rough))), part = rough / power;
    return power * (part <= 1 + 1e-9 ? 1 : part <= 2 + 1e-9 ? 2 : part <= 5 + 1e-9 ? 5 : 10);
}

static void tick_text(char out[24], double value, double step) {
    double size = fabs(value);
    if (size != 0 && (size >= 1e6 || step < 1e-5)) {
        snprintf(out, 24, "%g", value);
        return;
    }
    int decimals = step >= 1 ? 0 : (int)ceil(-log10(step) - 1e-9);
    snprintf(out, 24, "%.*f", decimals, fabs(value) < step * 1e-6 ? 0.0 : value);
}

static void make_log(Axis *axis, double low, double high) {
    axis->low = floor(log10(low) + 1e-9);
    axis->high = ceil(log10(high) - 1e-9);
    if (axis->high <= axis->low) axis->high = axis->low + 1;
    axis->step = ceil((axis->high - axis->low) / 8);
    for (double decade = axis->low; decade <= axis->high + 1e-9 && axis->nticks < 16; decade += axis->step) {
        axis->tick[axis->nticks] = pow(10, decade);
        snprintf(axis->text[axis->nticks++], 24, decade < -4 || decade > 5 ? "1e%.0f" : "%g", decade < -4 || decade > 5 ? decade : pow(10, decade));
    }
}

void axis_make(Axis *axis, double low, double high, bool log, bool whole) {
    *axis = (Axis){.log = log};
    if (!(high >= low)) low = log ? 1 : 0, high = log ? 10 : 1; // no value at all
    if (log) {
        make_log(axis, low, high);
        return;
    }
    if (high - low < 1e-12 * fmax(1, fabs(high))) {
        double half = low == 0 ? 0.5 : fabs(low) * 0.1;
        low -= half;
        high += half;
    }
    axis->step = nice_step((high - low) / 6);
    if (whole && axis->step < 1) axis->step = 1;
    axis->low = floor(low / axis->step + 1e-9) * axis->step;
    axis->high = ceil(high / axis->step - 1e-9) * axis->step;
    int n = (int)lround((axis->high - axis->low) / axis->step) + 1;
    for (int i = 0; i < n && i < 16; i++) {
        axis->tick[i] = axis->low + i * axis->step;
        tick_text(axis->text[axis->nticks++], axis->tick[i], axis->step);
    }
}

double axis_place(const Axis *axis, double value) {
    if (axis->log) value = value > 0 ? log10(value) : NAN;
    return (value - axis->low) / (axis->high - axis->low);
}
