// Weighted sums of positions that are tensors (sample_…), and the positions and weights of
// grid_sample (sample_taps). N, C, S, P, T: samples, channels, positions of an image, places, taps
// of a place. f16 and bf16 are computed in f32.
#include "cpu/spatial.h"

#include <math.h>
#include <string.h>

#include "cpu/backend.h"
#include "cpu/index_work.h"
#include "cpu/loops.h"
#include "cpu/parallel.h"

static const SpatialLoops *loops_of(RtDtype work) {
    return &ISA_PICK(spatial_table)->of[work == RT_F64];
}

typedef struct Sampling {
    const SpatialLoops *loops;
    int64_t C, S, P, taps, bytes;
    const char *x, *weight, *g; // the two that are read
    char *out;
    const int64_t *at;
} Sampling;

static Status sampling_of(const OpCall *call, int64_t S, Sampling *s) {
    const RtTensor *index = call->in[1];
    *s = (Sampling){.loops = loops_of(dtype_work(call->compute)),
                    .S = S,
                    .P = index->shape[1],
                    .taps = index->shape[2],
                    .bytes = (int64_t)rt_dtype_bytes(dtype_work(call->compute)),
                    .at = rt_tensor_data(index)};
    for (int64_t i = 0; i < index->numel; i++)
        if (s->at[i] >= S)
            return call_fail(call, ERR_INDEX, "index %lld lies outside the %lld positions of self",
                             (long long)s->at[i], (long long)S);
    return OK;
}

static void gather_blocks(void *context, int64_t begin, int64_t end, int chunk) {
    const Sampling *s = context;
    int64_t blocks = (s->P + GATHER_PLACES - 1) / GATHER_PLACES;
    (void)chunk;
    for (int64_t i = begin; i < end; i++) {
        int64_t n = i / blocks, p = i % blocks * GATHER_PLACES, first = (n * s->P + p) * s->taps;
        Gathering gathering = {.x = s->x + n * s->C * s->S * s->bytes,
                               .weight = s->weight + first * s->bytes,
                               .at = s->at + first,
                               .out = s->out + (n * s->C * s->P + p) * s->bytes,
                               .n = s->P - p < GATHER_PLACES ? s->P - p : GATHER_PLACES,
                               .taps = s->taps,
                               .channels = s->C,
                               .x_step = s->S,
                               .out_step = s->P};
        s->loops->gather(&gathering);
    }
}

static void scatter_channels(void *context, int64_t begin, int64_t end, int chunk) {
    const Sampling *s = context;
    (void)chunk;
    for (int64_t i = begin; i < end; i++) {
        int64_t first = i / s->C * s->P * s->taps;
        char *to = s->out + i * s->S * s->bytes;
        memset(to, 0, (size_t)(s->S * s->bytes));
        s->loops->scatter(s->g + i * s->P * s->bytes, s->at + first, s->weight + first * s->bytes,
                          s->P, s->taps, to);
    }
}

// A block of results, all channels in order: what one thread adds to, no other touches.
enum { WEIGHT_BLOCK = 256 };

static void weigh_blocks(void *context, int64_t begin, int64_t end, int chunk) {
    const Sampling *s = context;
    (void)chunk;
    int64_t blocks = (s->P + WEIGHT_BLOCK - 1) / WEIGHT_BLOCK;
    for (int64_t i = begin; i < end; i++) {
        int64_t n = i / blocks, p = i % blocks * WEIGHT_BLOCK,
                count = s->P - p < WEIGHT_BLOCK ? s->P - p : WEIGHT_BLOCK;
        int64_t first = (n * s->P + p) * s->taps;
        char *to = s->out + first * s->bytes;
        memset(to, 0, (size_t)(count * s->taps * s->bytes));
        for (int64_t c = n * s->C; c < (n + 1) * s->C; c++)
            s->loops->weights(s->g + (c * s->P + p) * s->bytes, s->at + first,
                              s->x + c * s->S * s->bytes, count, s->taps, to);
    }
}

static int64_t grain_of(int64_t elements) { return PARALLEL_GRAIN / (elements + 1) + 1; }

Status cpu_sample_gather(OpCall *call) {
    RtDtype work = dtype_work(call->compute);
    Sampling s;
    TRY(sampling_of(call, call->in[0]->shape[2], &s));
    if (call->out[0]->numel == 0) return OK;
    RtTensor *x = tensor_as(call->in[0], work), *weight = tensor_as(call->in[2], work),
             *out = result_begin(call->out[0], work);
    if (!x || !weight || !out) return error_code();
    if (s.S == 0) { // nothing that could be read
        tensor_zero(out);
        return result_end(out, call->out[0]);
    }
    if (s.S > INT32_MAX)
        return call_fail(call, ERR_UNSUPPORTED,
                         "images of %lld pixels: at most 2³¹ − 1 are possible", (long long)s.S);
    s.C = x->shape[1];
    s.x = rt_tensor_data(x);
    s.weight = rt_tensor_data(weight);
    s.out = rt_tensor_data(out);
    int64_t blocks = (s.P + GATHER_PLACES - 1) / GATHER_PLACES;
    parallel_run(x->shape[0] * blocks, grain_of(GATHER_PLACES * s.taps * s.C), gather_blocks, &s);
    return result_end(out, call->out[0]);
}

Status cpu_sample_scatter(OpCall *call) {
    RtDtype work = dtype_work(call->compute);
    Sampling s;
    TRY(sampling_of(call, call->out[0]->shape[2], &s));
    if (call->out[0]->numel == 0) return OK;
    RtTensor *g = tensor_as(call->in[0], work), *weight = tensor_as(call->in[2], work),
             *out = result_begin(call->out[0], work);
    if (!g || !weight || !out) return error_code();
    s.C = g->shape[1];
    s.g = rt_tensor_data(g);
    s.weight = rt_tensor_data(weight);
    s.out = rt_tensor_data(out);
    parallel_run(g->shape[0] * s.C, grain_of(s.P * s.taps + s.S), scatter_channels, &s);
    return result_end(out, call->out[0]);
}

Status cpu_sample_weights(OpCall *call) {
    RtDtype work = dtype_work(call->compute);
    Sampling s;
    TRY(sampling_of(call, call->in[2]->shape[2], &s));
    if (call->out[0]->numel == 0) return OK;
    RtTensor *g = tensor_as(call->in[0], work), *x = tensor_as(call->in[2], work),
             *out = result_begin(call->out[0], work);
    if (!g || !x || !out) return error_code();
    s.C = x->shape[1];
    s.g = rt_tensor_data(g);
    s.x = rt_tensor_data(x);
    s.out = rt_tensor_data(out);
    int64_t blocks = (s.P + WEIGHT_BLOCK - 1) / WEIGHT_BLOCK;
    parallel_run(x->shape[0] * blocks, grain_of(WEIGHT_BLOCK * s.taps * s.C), weigh_blocks, &s);
    return result_end(out, call->out[0]);
}

// Places of a grid ----------------------------------------------------------------------------

enum { BILINEAR, NEAREST, BICUBIC }; // the words of choices.def
enum { ZEROS, BORDER, REFLECTION };
enum { MOST_TAPS = 4 }; // along a dimension

// What a place reads along one dimension: pixels (−1: outside), weights, and how those change with
// the place.
typedef struct Line {
    int64_t pixel[MOST_TAPS];
    double weight[MOST_TAPS], slope[MOST_TAPS];
} Line;

typedef struct Grid {
    int dims, taps; // of an image; taps along a dimension
    int64_t size[3];
    int mode, padding;
    bool align, wide; // wide: doubles
    const void *place, *grad;
    void *out; // gradients of the places
    int64_t *index;
    void *weight;
} Grid;

// Inline, where the library's are calls on the baseline instruction set. NaN and infinity stay.
static inline double floor_of(double x) {
    if (!(fabs(x) < 0x1p52)) return x;
    double whole = (double)(int64_t)x;
    return whole > x ? whole - 1 : whole;
}
static inline double nearest_of(double x) { // to even
    return fabs(x) < 0x1p51 ? x + 0x1.8p52 - 0x1.8p52 : x;
}

// Mirrors a position until it lies in the image; *slope: 1 or −1 for every turn.
static double reflected(double at, int64_t size, bool align, double *slope) {
    double low = align ? 0 : -0.5, span = align ? (double)size - 1 : (double)size;
    if (span == 0) {
        *slope = 0;
        return 0;
    }
    double away = at - low, sign = away < 0 ? -1 : 1, turns;
    away = fabs(away);
    turns = floor_of(away / span);
    double rest = away - turns * span;
    bool back = fmod(turns, 2) != 0;
    *slope *= back ? -sign : sign;
    return (back ? span - rest : rest) + low;
}

// A position as the padding mode has it; NaN stays.
static double bounded(const Grid *grid, double at, int64_t size, double *slope) {
    if (grid->padding == ZEROS) return at;
    if (grid->padding == REFLECTION) at = reflected(at, size, grid->align, slope);
    double last = (double)size - 1;
    if (at < 0 || at > last) *slope = 0;
    return at < 0 ? 0 : at > last ? last : at;
}

static int64_t pixel_at(double at, int64_t size) {
    return at >= 0 && at <= (double)size - 1 ? (int64_t)at : -1; // false for NaN
}

// Keys (1981), a = −0.75: the weight of a pixel x away, and its slope.
static void cubic(double x, double *weight, double *slope) {
    const double a = -0.75;
    double d = fabs(x), sign = x < 0 ? -1 : 1;
    if (d <= 1) {
        *weight = ((a + 2) * d - (a + 3)) * d * d + 1;
        *slope = sign * (3 * (a + 2) * d - 2 * (a + 3)) * d;
    } else {
        *weight = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
        *slope = sign * ((3 * a * d - 10 * a) * d + 8 * a);
    }
}

static void read_line(const Grid *grid, double place, int64_t size, Line *line) {
    double scale = (grid->align ? (double)size - 1 : (double)size) / 2, unused = 0;
    double at = place * scale + ((double)size - 1) / 2;
    if (grid->mode != BICUBIC) at = bounded(grid, at, size, &scale);
    if (grid->mode == NEAREST) {
        line->pixel[0] = pixel_at(nearest_of(at), size);
        line->weight[0] = 1;
        line->slope[0] = 0;
        return;
    }
    double first = floor_of(at), part = at - first;
    if (grid->mode == BILINEAR) {
        line->pixel[0] = pixel_at(first, size);
        line->pixel[1] = pixel_at(first + 1, size);
        line->weight[0] = 1 - part;
        line->weight[1] = part;
        line->slope[0] = -scale;
        line->slope[1] = scale;
        return;
    }
    for (int k = 0; k < 4; k++) {
        line->pixel[k] = pixel_at(bounded(grid, first + k - 1, size, &unused), size);
        cubic(part + 1 - k, &line->weight[k], &line->slope[k]);
        line->slope[k] *= scale;
    }
}

static double number_at(const Grid *grid, const void *from, int64_t i) {
    return grid->wide ? ((const double *)from)[i] : (double)((const float *)from)[i];
}
static void set_number(const Grid *grid, void *to, int64_t i, double value) {
    if (grid->wide)
        ((double *)to)[i] = value;
    else
        ((float *)to)[i] = (float)value;
}

// Coordinates are (x, y, z): the last dimension's first. Lines are kept in the order of dimensions,
// of which the first is one pixel of weight 1 where there are two.
static void read_lines(const Grid *grid, int64_t p, Line *lines) {
    lines[0] = (Line){.pixel = {0}, .weight = {1}};
    for (int i = 0; i < grid->dims; i++)
        read_line(grid, number_at(grid, grid->place, p * grid->dims + grid->dims - 1 - i),
                  grid->size[i], &lines[3 - grid->dims + i]);
}

static bool is_plane(const Grid *grid, int mode) {
    return grid->dims == 2 && !grid->wide && grid->mode == mode && grid->padding != REFLECTION &&
           grid->size[0] < INT32_MAX && grid->size[1] < INT32_MAX;
}

static PlaneGrid plane_of(const Grid *grid) {
    double H = (double)grid->size[0], W = (double)grid->size[1], less = grid->align ? 1 : 0;
    return (PlaneGrid){
        grid->size[0], grid->size[1], {(H - less) / 2, (W - less) / 2}, grid->padding == BORDER};
}

static void find_taps(void *context, int64_t begin, int64_t end, int chunk) {
    const Grid *grid = context;
    int taps = grid->taps, deep = grid->dims == 3 ? taps : 1, n = grid->dims;
    (void)chunk;
    if (is_plane(grid, NEAREST)) {
        PlaneGrid plane = plane_of(grid);
        ISA_PICK(spatial_table)
            ->plane_nearest(&plane, (const float *)grid->place + 2 * begin, end - begin,
                            grid->index + begin, (float *)grid->weight + begin);
        return;
    }
    if (is_plane(grid, BILINEAR)) {
        PlaneGrid plane = plane_of(grid);
        ISA_PICK(spatial_table)
            ->plane_taps(&plane, (const float *)grid->place + 2 * begin, end - begin,
                         grid->index + 4 * begin, (float *)grid->weight + 4 * begin);
        return;
    }
    for (int64_t p = begin, t = begin * deep * taps * taps; p < end; p++) {
        Line line[3];
        read_lines(grid, p, line);
        for (int i = 0; i < deep; i++)
            for (int j = 0; j < taps; j++)
                for (int k = 0; k < taps; k++, t++) {
                    int64_t z = line[0].pixel[i], y = line[1].pixel[j], x = line[2].pixel[k];
                    grid->index[t] =
                        (z | y | x) < 0 ? -1 : (z * grid->size[n - 2] + y) * grid->size[n - 1] + x;
                    set_number(grid, grid->weight, t,
                               line[0].weight[i] * line[1].weight[j] * line[2].weight[k]);
                }
    }
}

static void add_slopes(void *context, int64_t begin, int64_t end, int chunk) {
    const Grid *grid = context;
    int taps = grid->taps, deep = grid->dims == 3 ? taps : 1;
    (void)chunk;
    if (is_plane(grid, BILINEAR)) {
        PlaneGrid plane = plane_of(grid);
        ISA_PICK(spatial_table)
            ->plane_slopes(&plane, (const float *)grid->place + 2 * begin,
                           (const float *)grid->grad + 4 * begin, end - begin,
                           (float *)grid->out + 2 * begin);
        return;
    }
    for (int64_t p = begin, t = begin * deep * taps * taps; p < end; p++) {
        Line line[3];
        double sum[3] = {0};
        read_lines(grid, p, line);
        for (int i = 0; i < deep; i++)
            for (int j = 0; j < taps; j++)
                for (int k = 0; k < taps; k++, t++) {
                    double g = number_at(grid, grid->grad, t);
                    double z = line[0].weight[i], y = line[1].weight[j], x = line[2].weight[k];
                    sum[0] += g * line[0].slope[i] * y * x;
                    sum[1] += g * z * line[1].slope[j] * x;
                    sum[2] += g * z * y * line[2].slope[k];
                }
        for (int i = 0; i < grid->dims; i++)
            set_number(grid, grid->out, p * grid->dims + i, sum[2 - i]);
    }
}

static Grid grid_of(const OpCall *call) {
    const RtAttrs_sample *attrs = ATTRS_OF(call, sample);
    Grid grid = {.dims = attrs->sizes.n,
                 .taps = attrs->mode == NEAREST    ? 1
                         : attrs->mode == BILINEAR ? 2
                                                   : 4,
                 .mode = attrs->mode,
                 .padding = attrs->padding_mode,
                 .align = attrs->align_corners,
                 .wide = call->compute == RT_F64};
    memcpy(grid.size, attrs->sizes.v, (size_t)grid.dims * sizeof *grid.size);
    return grid;
}

Status cpu_sample_taps(OpCall *call) {
    Grid grid = grid_of(call);
    const RtTensor *place = call->in[0];
    grid.place = rt_tensor_data(place);
    grid.index = rt_tensor_data(call->out[0]);
    grid.weight = rt_tensor_data(call->out[1]);
    parallel_run(place->numel / grid.dims, grain_of(call->out[0]->shape[2] * 8), find_taps, &grid);
    return OK;
}

Status cpu_sample_taps_backward(OpCall *call) {
    Grid grid = grid_of(call);
    const RtTensor *place = call->in[1];
    grid.grad = rt_tensor_data(call->in[0]);
    grid.place = rt_tensor_data(place);
    grid.out = rt_tensor_data(call->out[0]);
    parallel_run(place->numel / grid.dims, grain_of(call->in[0]->shape[2] * 8), add_slopes, &grid);
    return OK;
}
