// Resampling: tables of taps, and the walk over rows, lines and channels. f16 and bf16 are computed
// in f32.
//
// O, D, I: what lies before, in and behind the dimension that is resampled. The gradient is the
// same walk with the table turned round.
#include "cpu/spatial.h"

#include <math.h>
#include <string.h>

#include "cpu/backend.h"
#include "cpu/index_work.h"
#include "cpu/loops.h"
#include "cpu/parallel.h"
#include "ops/dims.h"

enum { NEAREST, NEAREST_EXACT, LINEAR, CUBIC, REFLECT, REPLICATE, CIRCULAR }; // of choices.def

static const SpatialLoops *loops_of(RtDtype work) {
    return &ISA_PICK(spatial_table)->of[work == RT_F64];
}

static void *take_room(int64_t elements, RtDtype dtype) { // belongs to the open scope
    RtTensor *room = rt_tensor_new(1, &elements, dtype, (RtDevice){RT_CPU, 0});
    return room ? rt_tensor_data(room) : NULL;
}

// Tables --------------------------------------------------------------------------------------

typedef struct Taps {
    int64_t *begin, *at;
    double *weight;
    int64_t used;
} Taps;

static int64_t within(double position, int64_t size) { // the position in 0 … size − 1 below it
    return position < 0 ? 0 : position >= (double)size ? size - 1 : (int64_t)position;
}

static int64_t clamped(int64_t i, int64_t size) { return i < 0 ? 0 : i >= size ? size - 1 : i; }

// Keys (1981), with a = −0.75 as image libraries have it; for antialiasing −0.5, as Pillow has it.
static double cubic_weight(double x, double a) {
    x = fabs(x);
    if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? ((x - 5) * x + 8) * x * a - 4 * a : 0;
}

static double filter_weight(int mode, double x) {
    if (mode == CUBIC) return cubic_weight(x, -0.5);
    x = fabs(x);
    return x < 1 ? 1 - x : 0;
}

static void put_tap(Taps *taps, int64_t at, double weight) {
    taps->at[taps->used] = at;
    taps->weight[taps->used++] = weight;
}

// The windows of an antialiasing filter grow with the scale.
static double filter_support(int mode, double scale) {
    return (mode == CUBIC ? 2 : 1) * (scale > 1 ? scale : 1);
}

static void put_filter(Taps *taps, int mode, double scale, int64_t j, int64_t size) {
    double support = filter_support(mode, scale), centre = scale * ((double)j + 0.5), total = 0;
    int64_t first = (int64_t)(centre - support + 0.5), end = (int64_t)(centre + support + 0.5);
    if (first < 0) first = 0;
    if (end > size) end = size;
    int64_t begin = taps->used;
    for (int64_t i = first; i < end; i++) {
        double weight = filter_weight(mode, ((double)i - centre + 0.5) / (scale > 1 ? scale : 1));
        total += weight;
        put_tap(taps, i, weight);
    }
    for (int64_t t = begin; t < taps->used && total != 0; t++) taps->weight[t] /= total;
}

// Rounded to float as PyTorch rounds, so that it falls on the same side of an edge.
static float nearest_place(int mode, double scale, int64_t j, bool wide) {
    float narrow = (float)scale;
    if (mode == NEAREST) return wide ? (float)(scale * (double)j) : narrow * (float)j;
    double at =
        wide ? fma(scale, (double)j + 0.5, -0.5) : (double)fmaf(narrow, (float)j + 0.5f, -0.5f);
    return (float)((at < 0 ? 0 : at) + 0.5);
}

// The position that stands at position i, which may lie outside, of a padded dimension.
static int64_t padded_place(int mode, int64_t i, int64_t size) {
    if (mode == REPLICATE) return clamped(i, size);
    if (mode == CIRCULAR) return (i % size + size) % size;
    i = i < 0 ? -i : i;
    return i < size ? i : 2 * (size - 1) - i;
}

// What result j reads of `size` positions. wide: of doubles.
static void put_result(Taps *taps, const RtAttrs_resample *attrs, double scale, int64_t j,
                       int64_t size, bool wide) {
    if (attrs->mode == NEAREST || attrs->mode == NEAREST_EXACT) {
        put_tap(taps, within((double)nearest_place(attrs->mode, scale, j, wide), size), 1);
        return;
    }
    if (attrs->mode >= REFLECT) {
        put_tap(taps, padded_place(attrs->mode, j - attrs->before, size), 1);
        return;
    }
    if (attrs->antialias) {
        put_filter(taps, attrs->mode, scale, j, size);
        return;
    }
    double at = attrs->align_corners ? scale * (double)j : scale * ((double)j + 0.5) - 0.5;
    if (attrs->mode == LINEAR) {
        if (at < 0) at = 0;
        int64_t i = within(at, size);
        double part = at - (double)i;
        if (part > 1) part = 1;
        put_tap(taps, i, 1 - part);
        put_tap(taps, clamped(i + 1, size), part);
        return;
    }
    double below = floor(at), part = at - below;
    for (int k = -1; k <= 2; k++)
        put_tap(taps, clamped((int64_t)below + k, size), cubic_weight(part - k, -0.75));
}

static double scale_of(const RtAttrs_resample *attrs, int64_t size, int64_t length) {
    if (attrs->align_corners && (attrs->mode == LINEAR || attrs->mode == CUBIC))
        return length > 1 ? (double)(size - 1) / (double)(length - 1) : 0;
    return attrs->scale > 0 ? 1 / attrs->scale : (double)size / (double)length;
}

// Each result's taps as each position's: what reads it.
static Status turn_round(Taps *taps, int64_t length, int64_t size) {
    Taps turned = {.begin = take_room(size + 1, RT_I64),
                   .at = take_room(taps->used, RT_I64),
                   .weight = take_room(taps->used, RT_F64),
                   .used = taps->used};
    if (!turned.begin || !turned.at || !turned.weight) return error_code();
    memset(turned.begin, 0, (size_t)(size + 1) * sizeof *turned.begin);
    for (int64_t t = 0; t < taps->used; t++) turned.begin[taps->at[t] + 1]++;
    for (int64_t i = 0; i < size; i++) turned.begin[i + 1] += turned.begin[i];
    for (int64_t j = 0; j < length; j++)
        for (int64_t t = taps->begin[j]; t < taps->begin[j + 1]; t++) {
            int64_t place = turned.begin[taps->at[t]]++;
            turned.at[place] = j;
            turned.weight[place] = taps->weight[t];
        }
    memmove(turned.begin + 1, turned.begin, (size_t)size * sizeof *turned.begin);
    turned.begin[0] = 0;
    *taps = turned;
    return OK;
}

// From `size` positions to `length` results, or with `back` from gradients of the results to those
// of the positions.
static Status make_table(const RtAttrs_resample *attrs, int64_t size, int64_t length, bool back,
                         RtDtype work, TapTable *out) {
    double scale = scale_of(attrs, size, length);
    bool filter = attrs->antialias && (attrs->mode == LINEAR || attrs->mode == CUBIC);
    int64_t most = attrs->mode == LINEAR ? 2 : attrs->mode == CUBIC ? 4 : 1;
    if (filter) {
        double reach = 2 * filter_support(attrs->mode, scale) + 2;
        most = reach < (double)size ? (int64_t)reach : size;
    }
    if (most > INT64_MAX / 16 / length)
        return fail(ERR_MEMORY, "resample: %lld results of %lld positions each are too many",
                    (long long)length, (long long)most);
    Taps taps = {.begin = take_room(length + 1, RT_I64),
                 .at = take_room(length * most, RT_I64),
                 .weight = take_room(length * most, RT_F64)};
    if (!taps.begin || !taps.at || !taps.weight) return error_code();
    for (int64_t j = 0; j < length; j++) {
        taps.begin[j] = taps.used;
        put_result(&taps, attrs, scale, j, size, work == RT_F64);
    }
    taps.begin[length] = taps.used;
    if (back) TRY(turn_round(&taps, length, size));
    *out = (TapTable){.n = back ? size : length,
                      .each = back || filter ? 0 : most,
                      .begin = taps.begin,
                      .at = taps.at,
                      .weight = taps.weight};
    if (attrs->mode >= REFLECT && !back) { // whole positions: before … before + size − 1
        int64_t end = size + attrs->before;
        out->copied = attrs->before < 0 ? 0 : attrs->before;
        out->copied_end = end < length ? end : length;
    }
    if (work == RT_F64) return OK;
    float *narrow = take_room(taps.used, RT_F32);
    if (!narrow) return error_code();
    for (int64_t t = 0; t < taps.used; t++) narrow[t] = (float)taps.weight[t];
    out->weight = narrow;
    return OK;
}

// Walks ---------------------------------------------------------------------------------------

typedef struct Resampling {
    TapTable taps;
    const SpatialLoops *loops;
    Along along; // of the input
    int64_t bytes;
    const char *in;
    char *out;
} Resampling;

static void resample_rows(void *context, int64_t begin, int64_t end, int chunk) {
    const Resampling *r = context;
    (void)chunk;
    for (int64_t o = begin; o < end; o++)
        r->loops->row(&r->taps, r->in + o * r->along.D * r->bytes,
                      r->out + o * r->taps.n * r->bytes);
}

static void resample_lines(void *context, int64_t begin, int64_t end, int chunk) {
    const Resampling *r = context;
    (void)chunk;
    for (int64_t i = begin; i < end; i++)
        r->loops->line(&r->taps, i % r->taps.n,
                       r->in + i / r->taps.n * r->along.D * r->along.I * r->bytes, r->along.I,
                       r->out + i * r->along.I * r->bytes);
}

static Status run_resample(OpCall *call, bool back) {
    const RtAttrs_resample *attrs = ATTRS_OF(call, resample);
    RtDtype work = dtype_work(call->compute);
    int dim;
    TRY(dim_wrap(call, attrs->dim, call->in[0]->ndim, &dim));
    if (call->out[0]->numel == 0) return OK;
    RtTensor *x = tensor_as(call->in[0], work), *out = result_begin(call->out[0], work);
    if (!x || !out) return error_code();
    Resampling r = {.loops = loops_of(work),
                    .along = along_of(x, dim),
                    .bytes = (int64_t)rt_dtype_bytes(work),
                    .in = rt_tensor_data(x),
                    .out = rt_tensor_data(out)};
    int64_t D = r.along.D;
    TRY(make_table(attrs, back ? attrs->length : D, back ? D : attrs->length, back, work, &r.taps));
    int64_t each = 1 + r.taps.begin[r.taps.n] / r.taps.n;
    if (r.along.I == 1)
        parallel_run(r.along.O, PARALLEL_GRAIN / (r.taps.n * each) + 1, resample_rows, &r);
    else
        parallel_run(r.along.O * r.taps.n, PARALLEL_GRAIN / (r.along.I * each) + 1, resample_lines,
                     &r);
    return result_end(out, call->out[0]);
}

Status cpu_resample(OpCall *call) { return run_resample(call, false); }
Status cpu_resample_backward(OpCall *call) { return run_resample(call, true); }
