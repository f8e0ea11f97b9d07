#include "io/figure.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

// The smallest of 1, 2, 5 × 10^k that is at least `rough` (Heckbert, Graphics Gems, 1990).
static double nice_step(double rough) {
    double power = pow(10, floor(log10(rough))), part = rough / power;
    return power * (part <= 1 + 1e-9 ? 1 : part <= 2 + 1e-9 ? 2 : part <= 5 + 1e-9 ? 5 : 10);
}

// A number as people write it: U+2212 for minus, which is as wide as a digit.
static void put_number(char *out, size_t bytes, int decimals, double value) {
    char digits[AXIS_TEXT];
    if (decimals >= 0)
        snprintf(digits, sizeof digits, "%.*f", decimals, fabs(value));
    else
        snprintf(digits, sizeof digits, "%.10g", fabs(value));
    snprintf(out, bytes, "%s%s",
             value < 0 && strspn(digits, "0.") != strlen(digits) ? "\u2212" : "", digits);
}

static void put_power(char *out, size_t bytes, int exponent) {
    static const char *const raised[] = {"\u2070", "\u00b9", "\u00b2", "\u00b3", "\u2074",
                                         "\u2075", "\u2076", "\u2077", "\u2078", "\u2079"};
    char digits[16];
    snprintf(digits, sizeof digits, "%d", exponent < 0 ? -exponent : exponent);
    size_t used = (size_t)snprintf(out, bytes, "10%s", exponent < 0 ? "\u207b" : "");
    for (const char *d = digits; *d && used < bytes; d++)
        used += (size_t)snprintf(out + used, bytes - used, "%s", raised[*d - '0']);
}

static void add_tick(Axis *axis, double value) {
    if (axis->nticks > 0 && !(value > axis->tick[axis->nticks - 1]))
        return; // a step too small for numbers of this size
    if (axis->nticks < AXIS_TICKS) axis->tick[axis->nticks++] = value;
}

// Numbers that differ in their sixth digit or later are shown as differences from a round one, and large or small ones
// as multiples of a power of ten.
static void write_linear(Axis *axis, double step) {
    double largest = fmax(fabs(axis->low), fabs(axis->high)), offset = 0, rest = 0;
    if (step < largest * 1e-5 && axis->low * axis->high > 0) {
        double range = axis->high - axis->low, middle = axis->low + range / 2;
        for (double unit = pow(10, floor(log10(largest))); unit > range / 10;
             unit /= 10) { // the roundest one nearby
            offset = rint(middle / unit) * unit;
            if (fabs(middle - offset) < 10 * range) break;
        }
    }
    for (int i = 0; i < axis->nticks; i++) rest = fmax(rest, fabs(axis->tick[i] - offset));
    int exponent = rest > 0 ? (int)floor(log10(rest) + 1e-9) : 0;
    if (exponent < 5 && exponent > -4) exponent = 0;
    double unit = pow(10, exponent);
    int decimals = (int)fmax(0, ceil(-log10(step / unit) - 1e-6));
    for (int i = 0; i < axis->nticks; i++)
        put_number(axis->text[i], AXIS_TEXT, decimals, (axis->tick[i] - offset) / unit);
    if (exponent) {
        char power[AXIS_TEXT];
        put_power(power, sizeof power, exponent);
        snprintf(axis->factor, sizeof axis->factor, "×%s", power);
    }
    if (offset != 0) {
        char number[AXIS_TEXT];
        put_number(number, sizeof number, -1, fabs(offset));
        size_t used = strlen(axis->factor);
        snprintf(axis->factor + used, sizeof axis->factor - used, "%s%s %s", used ? " " : "",
                 offset < 0 ? "\u2212" : "+", number);
    }
}

static void linear_ticks(Axis *axis, double low, double high, bool whole, int most) {
    double step, first, last;
    for (int tries = 0;; tries++) { // one tick alone says little
        step = nice_step((high - low) / most);
        if (whole && step < 1) step = 1;
        first = ceil(low / step - 1e-9), last = floor(high / step + 1e-9);
        if (tries == 0 && last - first + 1 > most) { // both ends may be ticks
            step = nice_step(step * 1.5);
            first = ceil(low / step - 1e-9), last = floor(high / step + 1e-9);
        }
        if (last > first || tries == 4) break;
        most = most * 3 / 2 + 1;
    }
    for (int i = 0; i < AXIS_TICKS && first + i <= last; i++) add_tick(axis, (first + i) * step);
    write_linear(axis, step);
}

static void log_minor(Axis *axis) {
    for (double decade = floor(axis->low); decade <= axis->high; decade++)
        for (int k = 2; k <= 9; k++) {
            double at = decade + log10(k);
            if (at >= axis->low && at <= axis->high &&
                axis->nminor < (int)(sizeof axis->minor / sizeof *axis->minor))
                axis->minor[axis->nminor++] = pow(10, at);
        }
}

static void write_log(Axis *axis) {
    bool plain = true;
    for (int i = 0; i < axis->nticks; i++)
        plain = plain && axis->tick[i] > 0.9e-3 && axis->tick[i] < 2e4;
    for (int i = 0; i < axis->nticks; i++) {
        double power = floor(log10(axis->tick[i]) + 1e-9), part = axis->tick[i] / pow(10, power);
        char text[24];
        if (plain) {
            put_number(axis->text[i], AXIS_TEXT, power < 0 ? (int)-power : 0, axis->tick[i]);
            continue;
        }
        put_power(text, sizeof text, (int)power);
        if (part > 1.5)
            snprintf(axis->text[i], AXIS_TEXT, "%c×%s", part > 3 ? '5' : '2', text);
        else
            memcpy(axis->text[i], text, sizeof text);
    }
}

// Decades; where fewer than two are in sight, also 2 and 5 times them; within a part of one, round numbers.
static void log_ticks(Axis *axis, int most) {
    double first = ceil(axis->low - 1e-9), last = floor(axis->high + 1e-9);
    if (last - first >= 1) {
        double step = fmax(1, ceil((last - first + 1) / most));
        for (double i = ceil(first / step) * step; i <= last; i += step) add_tick(axis, pow(10, i));
        if (step == 1 && last - first <= 8) log_minor(axis);
        write_log(axis);
        return;
    }
    static const double parts[] = {1, 2, 5};
    for (double decade = floor(axis->low); decade <= axis->high; decade++)
        for (int k = 0; k < 3; k++) {
            double at = decade + log10(parts[k]);
            if (at >= axis->low - 1e-9 && at <= axis->high + 1e-9)
                add_tick(axis, parts[k] * pow(10, decade));
        }
    if (axis->nticks >= 3 && axis->nticks <= most) {
        log_minor(axis);
        write_log(axis);
        return;
    }
    axis->nticks = 0;
    Axis linear = {.low = pow(10, axis->low), .high = pow(10, axis->high)};
    linear_ticks(&linear, linear.low, linear.high, false, most);
    linear.low = axis->low, linear.high = axis->high, linear.log = true;
    *axis = linear;
}

void axis_widen(double *low, double *high, bool log, double at_low, double at_high) {
    if (!(*high >= *low)) {
        *low = log ? 0.1 : 0, *high = 1;
        return;
    }
    if (log) {
        double a = log10(*low), b = log10(*high), range = b > a ? b - a : 1;
        *low = fmax(pow(10, a - range * at_low), 1e-307);
        *high = fmin(pow(10, b + range * at_high), 1e307);
        return;
    }
    double range = *high - *low; // infinite for values near the ends of double
    if (!(range > 1e-13 * fmax(fabs(*low), fabs(*high)))) {
        double half = *low == 0 ? 0.5 : fabs(*low) * 0.05;
        *low -= half, *high += half;
        return;
    }
    if (!isfinite(range)) return;
    *low -= range * at_low;
    *high += range * at_high;
}

void axis_make(Axis *axis, double low, double high, bool log, bool whole, int most) {
    *axis = (Axis){.log = log};
    if (!(high > low)) axis_widen(&low, &high, log, 0.5, 0.5);
    if (log) {
        axis->low = log10(low);
        axis->high = log10(high);
        log_ticks(axis, most);
        return;
    }
    low = fmax(low, -8e307), high = fmin(high, 8e307); // so that their distance is finite
    if (high - low < 1e-300)
        low -= 1e-300, high += 1e-300; // and its parts are numbers of full precision
    axis->low = low;
    axis->high = high;
    linear_ticks(axis, low, high, whole, most);
}

double axis_place(const Axis *axis, double value) {
    if (axis->log) value = value > 0 ? log10(value) : NAN;
    return (value - axis->low) / (axis->high - axis->low);
}
