// Samples: values, shapes, and tensors made of them in several layouts.
#include "ops/walk.h"

#include <stdio.h>

int64_t sample_numel(int ndim, const int64_t *shape) {
    int64_t n = 1;
    for (int i = 0; i < ndim; i++) n *= shape[i];
    return n;
}

void sample_kind_input(Sample *s, SampleKind kind, double low, double high, int ndim, const int64_t *shape) {
    int i = s->nin++;
    s->kind[i] = kind;
    s->ndim[i] = ndim;
    if (ndim) memcpy(s->shape[i], shape, (size_t)ndim * sizeof *shape);
    s->low[i] = low;
    s->high[i] = high;
}

void sample_input(Sample *s, double low, double high, int ndim, const int64_t *shape) {
    sample_kind_input(s, SAMPLE_VALUES, low, high, ndim, shape);
}

const void *sample_attrs_copy(Sample *s, const void *attrs, size_t bytes) {
    assert_true(bytes <= sizeof s->attrs_room);
    return memcpy(s->attrs_room, attrs, bytes);
}

double *sample_output(Sample *s, int output, int ndim, const int64_t *shape) {
    int64_t n = sample_numel(ndim, shape);
    if (output >= s->nout) s->nout = output + 1;
    s->out_ndim[output] = ndim;
    if (ndim) memcpy(s->out_shape[output], shape, (size_t)ndim * sizeof *shape);
    free(s->y[output]);
    s->y[output] = calloc((size_t)n + 1, sizeof(double));
    return s->y[output];
}

static uint64_t next_random(uint64_t *state) { // splitmix64
    uint64_t z = (*state += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

double walk_random(uint64_t *state) { return (double)(next_random(state) >> 11) * 0x1p-53; }

// Distinct values in random order, none nearer than 0.02 to an integer.
static void draw_apart(double *x, int64_t n, double low, double high, uint64_t *state) {
    for (int64_t i = 0; i < n; i++) {
        double v = low + ((double)i + 0.5) * (high - low) / (double)n, whole = round(v);
        if (fabs(v - whole) < 0.02) v = whole + (v < whole ? -0.02 : 0.02) + 0.01 * (double)i / (double)n;
        x[i] = v;
    }
    for (int64_t i = n - 1; i > 0; i--) {
        int64_t j = (int64_t)(walk_random(state) * (double)(i + 1));
        double swapped = x[i];
        x[i] = x[j];
        x[j] = swapped;
    }
}

void sample_draw(Sample *s, uint64_t seed) {
    uint64_t state = seed;
    for (int i = 0; i < s->nin; i++) {
        int64_t n = sample_numel(s->ndim[i], s->shape[i]);
        free(s->x[i]);
        s->x[i] = calloc((size_t)n + 1, sizeof(double));
        if (s->apart && s->kind[i] == SAMPLE_VALUES) {
            draw_apart(s->x[i], n, s->low[i], s->high[i], &state);
            continue;
        }
        for (int64_t j = 0; j < n; j++) {
            double u = walk_random(&state);
            switch (s->kind[i]) {
            case SAMPLE_INDICES: s->x[i][j] = s->low[i] + floor(u * (s->high[i] - s->low[i] + 1)); break;
            case SAMPLE_BOOLS: s->x[i][j] = u < 0.5; break;
            default: s->x[i][j] = s->low[i] + u * (s->high[i] - s->low[i]); break;
            }
        }
    }
}

void sample_free(Sample *s) {
    for (int i = 0; i < RT_MAX_IN; i++) free(s->x[i]);
    for (int i = 0; i < 64; i++) free(s->y[i]);
    free(s);
}

RtDtype sample_dtype(const Sample *s, int i, RtDtype dtype) {
    return s->kind[i] == SAMPLE_INDICES ? RT_I64 : s->kind[i] == SAMPLE_BOOLS ? RT_BOOL : dtype;
}

// Writes one value in a dtype and returns what that dtype makes of it.
static double store(void *data, RtDtype dtype, int64_t at, double value) {
    switch (dtype) {
    case RT_BOOL: return ((uint8_t *)data)[at] = value != 0;
    case RT_U8: return ((uint8_t *)data)[at] = (uint8_t)fabs(value);
    case RT_I8: return ((int8_t *)data)[at] = (int8_t)value;
    case RT_I16: return ((int16_t *)data)[at] = (int16_t)value;
    case RT_I32: return ((int32_t *)data)[at] = (int32_t)value;
    case RT_I64: return (double)(((int64_t *)data)[at] = (int64_t)value);
    case RT_F16: return (double)(((_Float16 *)data)[at] = (_Float16)value);
    case RT_BF16: {
        float f = (float)value;
        uint32_t bits;
        memcpy(&bits, &f, 4);
        bits = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
        ((uint16_t *)data)[at] = (uint16_t)bits;
        bits <<= 16;
        memcpy(&f, &bits, 4);
        return f;
    }
    case RT_F32: return ((float *)data)[at] = (float)value;
    default: return ((double *)data)[at] = value;
    }
}

// Element j of a row-major walk, at the strides of a layout.
static int64_t place(int64_t j, int ndim, const int64_t *shape, const int64_t *stride) {
    int64_t at = 0;
    for (int d = ndim - 1; d >= 0; d--) {
        at += j % shape[d] * stride[d];
        j /= shape[d];
    }
    return at;
}

RtTensor *sample_tensor(Sample *s, int i, RtDtype dtype, WalkLayout layout) {
    if (s->kind[i] == SAMPLE_ABSENT) return RT_NONE;
    dtype = sample_dtype(s, i, dtype);
    int ndim = s->ndim[i];
    const int64_t *shape = s->shape[i];
    int64_t n = sample_numel(ndim, shape), stride[RT_MAX_DIMS], span = 1;
    for (int k = 0; k < ndim; k++) { // row-major, or the first dimension fastest
        int d = layout == LAYOUT_TRANSPOSED ? k : ndim - 1 - k;
        stride[d] = span;
        span *= shape[d] ? shape[d] : 1;
    }
    if (layout == LAYOUT_STEPPED) // every second element of a wider tensor
        for (int d = 0; d < ndim; d++) stride[d] *= 2;
    size_t bytes = (size_t)(span * 2 + 1) * rt_dtype_bytes(dtype);
    void *data = calloc(1, bytes + 64);
    for (int64_t j = 0; j < n; j++) s->x[i][j] = store(data, dtype, place(j, ndim, shape, stride), s->x[i][j]);
    return rt_tensor_wrap(data, bytes, ndim, shape, stride, dtype, (RtDevice){RT_CPU, 0}, free, data);
}

void sample_check_unchanged(const Sample *s, int i, const RtTensor *tensor, const char *name) {
    int64_t n = sample_numel(s->ndim[i], s->shape[i]);
    for (int64_t j = 0; j < n; j++)
        if (rt_scalar_double(rt_tensor_item(tensor, j)) != s->x[i][j] && !isnan(s->x[i][j]))
            fail_msg("%s changed element %lld of input %d", name, (long long)j, i);
}

// Elementwise cases ----------------------------------------------------------------------------------------------

bool make_unary(Sample *s, int k, double low, double high, bool apart) {
    static const struct {
        int ndim;
        int64_t shape[3];
    } shapes[] = {{3, {2, 3, 5}}, {1, {67}}, {0, {0}}, {2, {3, 0}}, {2, {1, 37}}};
    if (k >= (int)(sizeof shapes / sizeof *shapes)) return false;
    s->apart = apart;
    sample_input(s, low, high, shapes[k].ndim, shapes[k].shape);
    return true;
}

bool make_binary(Sample *s, int k, double low, double high, bool apart) {
    static const struct {
        int na, nb;
        int64_t a[3], b[3];
    } shapes[] = {{2, 2, {4, 5}, {4, 5}}, {3, 1, {2, 3, 5}, {5}},   {2, 2, {3, 1}, {1, 7}}, {1, 0, {67}, {0}},
                  {0, 1, {0}, {33}},      {2, 2, {0, 3}, {1, 3}},   {0, 0, {0}, {0}},       {2, 1, {5, 40}, {40}}};
    if (k >= (int)(sizeof shapes / sizeof *shapes)) return false;
    s->apart = apart;
    sample_input(s, low, high, shapes[k].na, shapes[k].a);
    sample_input(s, low, high, shapes[k].nb, shapes[k].b);
    return true;
}

void truth_unary(Sample *s, Truth1 truth) {
    double *y = sample_output(s, 0, s->ndim[0], s->shape[0]);
    int64_t n = sample_numel(s->ndim[0], s->shape[0]);
    for (int64_t i = 0; i < n; i++) y[i] = truth(s->x[0][i]);
}

void truth_binary(Sample *s, Truth2 truth) {
    int n = s->ndim[0] > s->ndim[1] ? s->ndim[0] : s->ndim[1];
    int64_t shape[RT_MAX_DIMS] = {0}, stride[2][RT_MAX_DIMS] = {{0}};
    for (int input = 0; input < 2; input++) {
        int64_t step = 1;
        for (int k = 1; k <= n; k++) {
            int64_t size = k <= s->ndim[input] ? s->shape[input][s->ndim[input] - k] : 1;
            stride[input][n - k] = size == 1 ? 0 : step;
            step *= size;
            if (input == 0 || shape[n - k] == 1) shape[n - k] = size;
        }
    }
    double *y = sample_output(s, 0, n, shape);
    int64_t total = sample_numel(n, shape);
    for (int64_t j = 0; j < total; j++)
        y[j] = truth(s->x[0][place(j, n, shape, stride[0])], s->x[1][place(j, n, shape, stride[1])]);
}
