// Resampling and rearranging of pixels that is written in other ops.
#include "ops/made.h"

#include <math.h>
#include <string.h>

// interpolate ---------------------------------------------------------------------------------

enum { NEAREST, NEAREST_EXACT, LINEAR, CUBIC }; // the words of choices.def

typedef struct Step {
    int dim;
    int64_t from, to;
    double scale; // given, or 0
} Step;

static bool changes_nothing(const RtAttrs_resample *attrs, const Step *step) {
    if (step->from != step->to) return false;
    return attrs->mode <= NEAREST_EXACT || attrs->align_corners || step->scale == 0 ||
           step->scale == 1;
}

// What shrinks goes first, the slowest dimension before the others, and what grows last, the
// fastest before the others: so the fewest elements pass through the later steps.
static int order_steps(Step *steps, int n) {
    Step ordered[3];
    int used = 0;
    for (int i = 0; i < n; i++)
        if (steps[i].to < steps[i].from) ordered[used++] = steps[i];
    for (int i = n; i-- > 0;)
        if (steps[i].to >= steps[i].from) ordered[used++] = steps[i];
    memcpy(steps, ordered, (size_t)used * sizeof *steps);
    return used;
}

static Status plan_steps(const OpCall *call, Step *steps, int *out_n) {
    const RtAttrs_resample *attrs = ATTRS_OF(call, resample);
    const RtTensor *x = call->in[0];
    int n = x->ndim - 2;
    if (n < 1 || n > 3)
        return call_fail(call, ERR_SHAPE,
                         "input must have 3, 4 or 5 dimensions (N, C, …), but its shape is (%s)",
                         shape_words(x));
    if (attrs->size.n != n)
        return call_fail(call, ERR_VALUE,
                         "size must have %d integers for an input of shape (%s), not %d", n,
                         shape_words(x), attrs->size.n < 0 ? 0 : attrs->size.n);
    if (attrs->mode > CUBIC)
        return call_fail(call, ERR_VALUE, "mode must be nearest, nearest-exact, linear or cubic");
    if (attrs->mode < LINEAR && (attrs->align_corners || attrs->antialias))
        return call_fail(call, ERR_VALUE,
                         "align_corners and antialias belong to the linear and cubic modes");
    const double scales[] = {attrs->scales_d, attrs->scales_h, attrs->scales_w};
    int used = 0;
    for (int i = 0; i < n; i++) {
        Step step = {2 + i, x->shape[2 + i], attrs->size.v[i], scales[3 - n + i]};
        if (step.from < 1 || step.to < 1)
            return call_fail(call, ERR_SHAPE,
                             "input and output sizes must be greater than 0, but dimension %d goes "
                             "from %lld to %lld",
                             2 + i, (long long)step.from, (long long)step.to);
        if (!changes_nothing(attrs, &step)) steps[used++] = step;
    }
    *out_n = order_steps(steps, used);
    return OK;
}

static RtTensor *run_steps(RtTensor *x, const RtAttrs_resample *attrs, const Step *steps, int n) {
    RtAttrs_resample each = *attrs;
    for (int i = 0; i < n && x; i++) {
        each.dim = steps[i].dim;
        each.length = steps[i].to;
        each.scale = steps[i].scale;
        x = rt_resample(x, each);
    }
    return x;
}

static RtTensor *as_dtype(RtTensor *x, RtDtype dtype) {
    return x && x->dtype != (int8_t)dtype ? rt_cast(x, WITH(cast, .dtype = dtype)) : x;
}

Status made_interpolate(OpCall *call) {
    const RtAttrs_resample *attrs = ATTRS_OF(call, resample);
    RtTensor *x = call->in[0];
    RtDtype dtype = (RtDtype)x->dtype;
    bool floating = rt_dtype_kind(dtype) == RT_KIND_FLOAT;
    Step steps[3];
    int n = 0;
    TRY(plan_steps(call, steps, &n));
    if (!floating && dtype != RT_U8)
        return call_fail(
            call, ERR_DTYPE,
            "a floating point or uint8 tensor is needed, not %s: convert it with .to()",
            rt_dtype_name(dtype));
    if (n == 0) return give(call, rt_clone(x));
    // f16 and bf16 are rounded once, at the end.
    RtTensor *y = run_steps(as_dtype(x, dtype == RT_F64 ? RT_F64 : RT_F32), attrs, steps, n);
    if (!floating)
        y = rt_clamp(rt_round(y, rt_defaults_round()),
                     WITH(clamp, .min = rt_int(0), .max = rt_int(255)));
    return give(call, as_dtype(y, dtype));
}

// Windows as columns --------------------------------------------------------------------------

typedef struct Windows {
    int64_t kernel[2], dilation[2], padding[2], stride[2];
    int64_t size[2], padded[2], count[2]; // of the image, with its padding, and windows
} Windows;

static Status pair(const OpCall *call, const char *name, RtInts given, int64_t least,
                   int64_t *out) {
    if (given.n != 1 && given.n != 2)
        return call_fail(call, ERR_VALUE, "%s must be one or two integers, not %d", name,
                         given.n < 0 ? 0 : given.n);
    for (int i = 0; i < 2; i++) {
        out[i] = given.v[given.n == 1 ? 0 : i];
        if (out[i] < least || out[i] > INT32_MAX)
            return call_fail(call, ERR_VALUE,
                             "%s must be at least %lld and below 2^31, but is %lld", name,
                             (long long)least, (long long)out[i]);
    }
    return OK;
}

// w->size is known.
static Status take_windows(const OpCall *call, Windows *w) {
    const RtAttrs_columns *attrs = ATTRS_OF(call, columns);
    TRY(pair(call, "kernel_size", attrs->kernel_size, 1, w->kernel));
    TRY(pair(call, "dilation", attrs->dilation, 1, w->dilation));
    TRY(pair(call, "padding", attrs->padding, 0, w->padding));
    TRY(pair(call, "stride", attrs->stride, 1, w->stride));
    for (int i = 0; i < 2; i++) {
        w->padded[i] = w->size[i] + 2 * w->padding[i];
        int64_t room = w->padded[i] - w->dilation[i] * (w->kernel[i] - 1) - 1;
        if (room < 0)
            return call_fail(call, ERR_SHAPE,
                             "a window of %lld with dilation %lld does not fit an image of %s %lld "
                             "with padding",
                             (long long)w->kernel[i], (long long)w->dilation[i],
                             i ? "width" : "height", (long long)w->padded[i]);
        w->count[i] = room / w->stride[i] + 1;
    }
    return OK;
}

// (N, C, kH, kW, windows down, windows across) as a geometry of contiguous padded images.
static RtAttrs_geometry window_geometry(const Windows *w, int64_t N, int64_t C) {
    int64_t width = w->padded[1], area = w->padded[0] * width;
    return WITH(geometry,
                .size = RT_INTS(N, C, w->kernel[0], w->kernel[1], w->count[0], w->count[1]),
                .stride = RT_INTS(C * area, area, w->dilation[0] * width, w->dilation[1],
                                  w->stride[0] * width, w->stride[1]),
                .self_size = RT_INTS(N, C, w->padded[0], width));
}

static RtTensor *without_batch(RtTensor *x, bool drop) {
    return x && drop ? rt_select(x, WITH(slice, .dim = 0, .index = 0)) : x;
}

Status made_im2col(OpCall *call) {
    RtTensor *x = call->in[0];
    Windows w;
    if (x->ndim != 3 && x->ndim != 4)
        return call_fail(
            call, ERR_SHAPE,
            "input must have 4 dimensions (N, C, H, W) or 3 (C, H, W), but its shape is (%s)",
            shape_words(x));
    bool single = x->ndim == 3;
    int64_t N = single ? 1 : x->shape[0], C = x->shape[x->ndim - 3];
    w.size[0] = x->shape[x->ndim - 2];
    w.size[1] = x->shape[x->ndim - 1];
    TRY(take_windows(call, &w));
    x = shaped(x, RT_INTS(N, C, w.size[0], w.size[1]));
    if (w.padding[0] || w.padding[1])
        x = rt_pad_constant(
            x, WITH(pad, .pad = RT_INTS(w.padding[1], w.padding[1], w.padding[0], w.padding[0])));
    x = rt_as_strided_copy(x, window_geometry(&w, N, C));
    x = shaped(x, RT_INTS(N, C * w.kernel[0] * w.kernel[1], w.count[0] * w.count[1]));
    return give(call, without_batch(x, single));
}

Status made_col2im(OpCall *call) {
    RtTensor *x = call->in[0];
    Windows w;
    if (x->ndim != 2 && x->ndim != 3)
        return call_fail(call, ERR_SHAPE,
                         "input must have 3 dimensions (N, C · kH · kW, windows) or 2, but its "
                         "shape is (%s)",
                         shape_words(x));
    bool single = x->ndim == 2;
    TRY(pair(call, "output_size", ATTRS_OF(call, columns)->output_size, 1, w.size));
    TRY(take_windows(call, &w));
    int64_t N = single ? 1 : x->shape[0], rows = x->shape[x->ndim - 2],
            taps = w.kernel[0] * w.kernel[1], windows = w.count[0] * w.count[1];
    if (rows % taps || x->shape[x->ndim - 1] != windows)
        return call_fail(call, ERR_SHAPE,
                         "input (%s) does not fit: a multiple of %lld rows and %lld columns are "
                         "needed for these windows",
                         shape_words(x), (long long)taps, (long long)windows);
    int64_t C = rows / taps;
    RtTensor *y = rt_as_strided_backward(
        shaped(x, RT_INTS(N, C, w.kernel[0], w.kernel[1], w.count[0], w.count[1])),
        window_geometry(&w, N, C));
    if (w.padding[0] || w.padding[1])
        y = rt_pad_constant(y, WITH(pad, .pad = RT_INTS(-w.padding[1], -w.padding[1], -w.padding[0],
                                                        -w.padding[0])));
    return give(call, without_batch(y, single));
}

// Pixels and channels -------------------------------------------------------------------------

// x with its dimensions from `first` on replaced by n others.
static RtTensor *reshape_from(RtTensor *x, int first, const int64_t *shape, int n) {
    if (!x) return NULL;
    RtInts ints = {.n = first + n};
    memcpy(ints.v, x->shape, (size_t)first * sizeof *shape);
    memcpy(ints.v + first, shape, (size_t)n * sizeof *shape);
    return shaped(x, ints);
}

// The last n dimensions in another order.
static RtTensor *permute_last(RtTensor *x, const int *order, int n) {
    if (!x) return NULL;
    RtInts dims = {.n = x->ndim};
    for (int i = 0; i < x->ndim; i++)
        dims.v[i] = i < x->ndim - n ? i : x->ndim - n + order[i - x->ndim + n];
    return rt_permute(x, WITH(axes, .dims = dims));
}

static Status need_pixels(const OpCall *call, int64_t factor, const char *name) {
    const RtTensor *x = call->in[0];
    if (x->ndim < 3 || x->ndim > RT_MAX_DIMS - 3)
        return call_fail(
            call, ERR_SHAPE,
            "input must have at least 3 dimensions (…, C, H, W), but its shape is (%s)",
            shape_words(x));
    if (factor < 1 || factor > INT16_MAX)
        return call_fail(call, ERR_VALUE, "%s must be between 1 and %d, but is %lld", name,
                         INT16_MAX, (long long)factor);
    return OK;
}

Status made_pixel_shuffle(OpCall *call) {
    RtTensor *x = call->in[0];
    int64_t r = ATTRS_OF(call, shuffle)->upscale_factor;
    TRY(need_pixels(call, r, "upscale_factor"));
    int first = x->ndim - 3;
    int64_t C = x->shape[first], H = x->shape[first + 1], W = x->shape[first + 2];
    if (C % (r * r))
        return call_fail(call, ERR_SHAPE,
                         "input (%s) has %lld channels, which upscale_factor squared (%lld) does "
                         "not divide",
                         shape_words(x), (long long)C, (long long)(r * r));
    x = reshape_from(x, first, (int64_t[]){C / (r * r), r, r, H, W}, 5);
    x = permute_last(x, (int[]){0, 3, 1, 4, 2}, 5);
    return give(call, reshape_from(x, first, (int64_t[]){C / (r * r), H * r, W * r}, 3));
}

Status made_pixel_unshuffle(OpCall *call) {
    RtTensor *x = call->in[0];
    int64_t r = ATTRS_OF(call, shuffle)->downscale_factor;
    TRY(need_pixels(call, r, "downscale_factor"));
    int first = x->ndim - 3;
    int64_t C = x->shape[first], H = x->shape[first + 1], W = x->shape[first + 2];
    if (H % r || W % r)
        return call_fail(call, ERR_SHAPE,
                         "downscale_factor (%lld) does not divide height and width of input (%s)",
                         (long long)r, shape_words(x));
    x = reshape_from(x, first, (int64_t[]){C, H / r, r, W / r, r}, 5);
    x = permute_last(x, (int[]){0, 2, 4, 1, 3}, 5);
    return give(call, reshape_from(x, first, (int64_t[]){C * r * r, H / r, W / r}, 3));
}

Status made_channel_shuffle(OpCall *call) {
    RtTensor *x = call->in[0];
    int64_t groups = ATTRS_OF(call, shuffle)->groups;
    if (x->ndim < 3)
        return call_fail(call, ERR_SHAPE,
                         "input must have more than 2 dimensions (N, C, …), but its shape is (%s)",
                         shape_words(x));
    int64_t C = x->shape[1], inner = 1;
    if (groups < 1 || C % groups)
        return call_fail(
            call, ERR_VALUE,
            "groups (%lld) must be positive and divide the %lld channels of input (%s)",
            (long long)groups, (long long)C, shape_words(x));
    RtInts whole = {.n = x->ndim};
    memcpy(whole.v, x->shape, (size_t)x->ndim * sizeof *x->shape);
    for (int i = 2; i < x->ndim; i++) inner *= x->shape[i];
    x = rt_transpose(shaped(x, RT_INTS(x->shape[0], groups, C / groups, inner)),
                     WITH(dims, .dim0 = 1, .dim1 = 2));
    return give(call, shaped(x, whole));
}
