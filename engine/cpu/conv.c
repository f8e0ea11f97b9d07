// Convolutions as products of matrices that are never laid out.
//
// Forward and the gradient of the input are one computation, a "pass":
//     out[m][y][x] = Σ_k weight[m][k] · plane[k][y][x],
// where k runs over channels and taps, and the plane of a tap is its channel's image, shifted. In a
// grid as wide as the image (the pitch), a shift is a constant offset; so the rows of the
// right-hand matrix are addresses in the image, and the kernels of cpu/gemm.h read them by a table
// of offsets. The columns where the grid is wider than the result are computed and thrown away.
//
// - stride s: the image is split into s × s planes of every s-th row and column: then each tap is a
//   shift again.
// - padding: a copy of the image with a border of zeros; else the image is used where it lies.
// - dilation: a larger shift.
// - gradient of the input: the same over the gradient's image with the taps mirrored. With stride s
//   the s × s sets of input pixels that see the same taps are passes of their own, written in steps
//   of s.
//
// The gradient of the weight is weight[tap][o] = Σ_p image[p + offset(tap)] · grad[p][o], for which
// each image's gradient is transposed. It is summed image by image; threads take images and their
// sums are added in order, or, where the weight is so large that a sum for each thread would be a
// burden, threads take taps.
//
// Images are worked on in strips of rows, so that workspace is bounded and stays in cache.
#include "cpu/conv.h"

#include <string.h>

#include "cpu/backend.h"
#include "cpu/convert.h"
#include "cpu/parallel.h"
#include "ops/infer_conv.h"

enum {
    STRIP_ELEMENTS = 128 * 1024, // of the source in a strip
    LAY_BLOCK = 16,              // output channels whose weights are laid out together
    WORK_PER_THREAD = 1 << 20,   // multiplications worth a thread
    // More than this in sums of weights for all threads, and threads share taps instead.
    PARTIAL_ELEMENTS = 1024 * 1024,
};

// f16 and bf16 are computed in f32.
typedef struct Types {
    RtDtype dtype, work;
    size_t size; // bytes of work
    const GemmKernels *kernels;
    void (*spread)(const Spread *spread);
} Types;

static Types types_of(RtDtype dtype) {
    const ConvLoops *loops = ISA_PICK(conv_loops);
    bool wide = dtype == RT_F64;
    return (Types){dtype, wide ? RT_F64 : RT_F32, wide ? 8 : 4, gemm_kernels(dtype),
                   wide ? loops->spread_f64 : loops->spread_f32};
}

static int64_t floor_div(int64_t a, int64_t b) { return a >= 0 ? a / b : -((-a + b - 1) / b); }
static int64_t ceil_div(int64_t a, int64_t b) { return -floor_div(-a, b); }
static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }

// Room that belongs to the open scope.
static void *take_room(int64_t elements, RtDtype dtype) {
    RtTensor *room = rt_tensor_new(1, &elements, dtype, (RtDevice){RT_CPU, 0});
    return room ? rt_tensor_data(room) : NULL;
}

// The elements of a contiguous tensor in the type of the work.
static const void *in_work(const RtTensor *x, const Types *types) {
    if (types->dtype == types->work) return rt_tensor_data(x);
    void *room = take_room(x->numel, types->work);
    if (room) convert_run(room, types->work, rt_tensor_data(x), types->dtype, x->numel);
    return room;
}

// Sources -------------------------------------------------------------------------------------

// Some channels of an image as planes of `pitch` columns: plane (c, a, b), row r, column x is pixel
// (r · step[0] + a − before[0], x · step[1] + b − before[1]) of channel c, zero outside the image.
// A row that is read beyond its end runs into the zeros that the next row begins with, so with a
// step of one the border on the right is not stored; `slack` zeros follow the last plane.
typedef struct Source {
    RtDtype dtype, work;
    int64_t channels, size[2], step[2], before[2], pitch, slack;
    bool direct; // the image itself is the plane: nothing is copied
} Source;

static int64_t source_planes(const Source *s) { return s->channels * s->step[0] * s->step[1]; }

// One row of a plane.
static void fill_row(const Source *s, const char *row, int64_t phase, size_t size, char *to) {
    // columns x with 0 ≤ x · step + phase − before < width
    int64_t shift = phase - s->before[1];
    int64_t begin = most(0, ceil_div(-shift, s->step[1]));
    int64_t end = least(s->pitch, ceil_div(s->size[1] - shift, s->step[1]));
    if (end < begin) begin = end = 0;
    memset(to, 0, (size_t)begin * size);
    if (begin < end) {
        const char *from = row + (begin * s->step[1] + shift) * (int64_t)rt_dtype_bytes(s->dtype);
        char *at = to + (size_t)begin * size;
        if (s->step[1] != 1 &&
            s->dtype == RT_F32) { // rows are short: a call costs more than they do
            for (int64_t i = 0; i < end - begin; i++)
                memcpy(at + i * 4, from + i * s->step[1] * 4, 4);
        } else if (s->step[1] != 1)
            convert_gather(at, s->work, from, s->dtype, s->step[1], end - begin);
        else if (s->dtype == s->work)
            memcpy(at, from, (size_t)(end - begin) * size);
        else
            convert_run(at, s->work, from, s->dtype, end - begin);
    }
    memset(to + (size_t)end * size, 0, (size_t)(s->pitch - end) * size);
}

// Rows first … first + rows − 1 of every plane, which have room for `tall` rows.
static void fill_planes(const Source *s, const void *image, int64_t first, int64_t rows,
                        int64_t tall, void *to) {
    size_t size = rt_dtype_bytes(s->work), line = (size_t)s->pitch * size;
    int64_t row_bytes = s->size[1] * (int64_t)rt_dtype_bytes(s->dtype);
    char *plane = to;
    for (int64_t c = 0; c < s->channels; c++) {
        const char *channel = (const char *)image + c * s->size[0] * row_bytes;
        for (int64_t a = 0; a < s->step[0]; a++) {
            for (int64_t b = 0; b < s->step[1]; b++, plane += (size_t)tall * line) {
                for (int64_t r = 0; r < rows; r++) {
                    int64_t y = (first + r) * s->step[0] + a - s->before[0];
                    if (y < 0 || y >= s->size[0])
                        memset(plane + (size_t)r * line, 0, line);
                    else
                        fill_row(s, channel + y * row_bytes, b, size, plane + (size_t)r * line);
                }
                if (rows < tall) memset(plane + (size_t)rows * line, 0, (size_t)s->slack * size);
            }
        }
    }
    memset(plane, 0, (size_t)s->slack * size);
}

// Passes --------------------------------------------------------------------------------------

// The results that see one set of taps: rows begin … end of the grid, columns left … left + width.
typedef struct Lane {
    int64_t begin, end, left, width;
    int64_t depth;        // channels × taps
    const int64_t *table; // offset of each, in a plane of the strip
    const char *weight;   // (groups, rows, depth) in work
    int64_t to;           // of the result at grid position (0, left), relative to its plane
} Lane;

typedef struct Pass {
    Types types;
    Source source;
    const char *images;          // (batch, groups, channels, …) of source.dtype
    int64_t batch, groups, rows; // rows: result channels of a group
    int64_t grid;                // rows of the grid of results
    int64_t reach;               // rows of a plane that the taps look beyond a result's own
    int64_t strip;               // rows of the grid that are worked on at a time
    int64_t nlanes;
    Lane *lanes;
    const void *bias; // in work, or NULL
    char *out;        // (batch, groups, rows, …) in work
    int64_t out_plane, out_row, out_column;
    char *room; // source strips, one a chunk
    size_t room_bytes;
} Pass;

static int64_t strips_of(const Pass *pass) { return (pass->grid + pass->strip - 1) / pass->strip; }

// The results among positions first … first + count − 1 of a grid `pitch` wide, of which `width`
// columns are results.
static void find_runs(const Pass *pass, int64_t width, int64_t first, int64_t count,
                      Spread *spread) {
    int64_t pitch = pass->source.pitch, y = first / pitch, x = first % pitch;
    spread->nruns = 0;
    for (int64_t at = 0; at < count; y++, at += pitch - x, x = 0) {
        if (x >= width) continue;
        spread->run[spread->nruns].from = at;
        spread->run[spread->nruns].to = y * pass->out_row + x * pass->out_column;
        spread->run[spread->nruns++].n = least(width - x, count - at);
    }
}

// The part of a lane that lies in grid rows first … last − 1; the source's row 0 is grid row
// `origin`.
static void run_lane(const Pass *pass, const Lane *lane, int64_t group, const char *source,
                     int64_t origin, int64_t first, int64_t last, char *out) {
    const GemmKernels *kernels = pass->types.kernels;
    int64_t size = (int64_t)pass->types.size, pitch = pass->source.pitch;
    if (first < lane->begin) first = lane->begin;
    if (last > lane->end) last = lane->end;
    if (first >= last || lane->width == 0) return;
    char tile[GEMM_MAX_ROWS * GEMM_MAX_COLUMNS * 8] __attribute__((aligned(64)));
    source += ((first - origin) * pitch + lane->left) * size;
    out += (lane->to + first * pass->out_row) * size;
    int64_t positions = (last - first - 1) * pitch + lane->width;
    int64_t vectors = (positions + kernels->lanes - 1) / kernels->lanes,
            wide = kernels->columns / kernels->lanes;
    int64_t stripes = (vectors + wide - 1) / wide;
    bool dense = pass->out_column == 1 &&
                 (last - first == 1 || (lane->width == pitch && pass->out_row == pitch));
    GemmTile work = {.b_table = lane->table,
                     .a_step = 1,
                     .inner = lane->depth,
                     .outer = 1,
                     .init = pass->bias ? GEMM_BIAS_ROW : GEMM_ZERO};
    Spread spread = {.tile = tile, .to_plane = pass->out_plane, .to_column = pass->out_column};
    for (int64_t stripe = 0; stripe < stripes; stripe++) {
        int64_t p = vectors * stripe / stripes * kernels->lanes,
                p_end = vectors * (stripe + 1) / stripes * kernels->lanes;
        if (p_end > positions) p_end = positions;
        work.columns = (int)(p_end - p);
        work.b = source + p * size;
        if (!dense) find_runs(pass, lane->width, p, work.columns, &spread);
        int64_t tall = kernels->rows_at[(work.columns + kernels->lanes - 1) / kernels->lanes];
        int64_t blocks = (pass->rows + tall - 1) / tall;
        for (int64_t block = 0; block < blocks; block++) {
            int64_t i = pass->rows * block / blocks;
            work.rows = (int)(pass->rows * (block + 1) / blocks - i);
            const char *weight = lane->weight + (group * pass->rows + i) * lane->depth * size;
            for (int row = 0; row < work.rows; row++)
                work.a[row] = weight + row * lane->depth * size;
            if (pass->bias) work.bias = (const char *)pass->bias + (group * pass->rows + i) * size;
            char *to = out + i * pass->out_plane * size;
            work.c = dense ? to + p * size : tile;
            work.c_step = dense ? pass->out_plane : work.columns;
            kernels->tile(&work);
            if (dense) continue;
            spread.tile_step = work.columns;
            spread.rows = work.rows;
            spread.to = to;
            pass->types.spread(&spread);
        }
    }
}

static void run_units(void *context, int64_t begin, int64_t end, int chunk) {
    const Pass *pass = context;
    const Source *s = &pass->source;
    int64_t strips = strips_of(pass), size = (int64_t)pass->types.size;
    int64_t image_bytes = s->channels * s->size[0] * s->size[1] * (int64_t)rt_dtype_bytes(s->dtype);
    char *room = pass->room + (size_t)chunk * pass->room_bytes;
    for (int64_t unit = begin; unit < end; unit++) {
        int64_t image = unit / strips,
                first = unit % strips * pass->strip; // image counts groups too
        int64_t last = least(first + pass->strip, pass->grid);
        const char *source = pass->images + image * image_bytes;
        if (!s->direct) {
            fill_planes(s, source, first, last - first + pass->reach, pass->strip + pass->reach,
                        room);
            source = room;
        }
        char *out = pass->out + image * pass->rows * pass->out_plane * size;
        for (int64_t i = 0; i < pass->nlanes; i++)
            run_lane(pass, &pass->lanes[i], image % pass->groups, source, s->direct ? 0 : first,
                     first, last, out);
    }
}

// Cuts the grid into strips; must come before the tables, which depend on the height of a strip.
static void choose_strip(Pass *pass) {
    int64_t row = source_planes(&pass->source) * pass->source.pitch,
            units = pass->batch * pass->groups;
    pass->strip = most(1, least(pass->grid, STRIP_ELEMENTS / most(row, 1) - pass->reach));
    int64_t threads = threads_get();
    if (units * strips_of(pass) < threads) // few images: cut them so that each thread has a strip
        pass->strip = most(1, least(pass->strip, pass->grid * units / threads));
}

static int64_t plane_rows(const Pass *pass) {
    return pass->source.direct ? pass->source.size[0] : pass->strip + pass->reach;
}

static Status run_pass(Pass *pass, double work) {
    int64_t units = pass->batch * pass->groups * strips_of(pass);
    int64_t grain = (int64_t)(WORK_PER_THREAD / (work / (double)most(units, 1) + 1)) + 1;
    if (!pass->source.direct) {
        int64_t elements = source_planes(&pass->source) * plane_rows(pass) * pass->source.pitch +
                           pass->source.slack;
        elements = (elements + 15) / 16 * 16;
        pass->room_bytes = (size_t)elements * pass->types.size;
        pass->room = take_room(elements * parallel_chunks(units, grain), pass->types.work);
        if (!pass->room) return error_code();
    }
    parallel_run(units, grain, run_units, pass);
    return OK;
}

// A result in f32 where the output is f16 or bf16; the output itself otherwise.
static void *result_room(const OpCall *call, const Types *types) {
    return types->dtype == types->work ? rt_tensor_data(call->out[0])
                                       : take_room(call->out[0]->numel, types->work);
}

static void hand_over(const OpCall *call, const Types *types, const void *result) {
    if (types->dtype != types->work)
        convert_run(rt_tensor_data(call->out[0]), types->dtype, result, types->work,
                    call->out[0]->numel);
}

static double work_of(const Convolution *c) {
    return (double)(c->batch * c->out[0] * c->out[1]) * (double)c->out_channels *
           (double)(c->in_channels / c->groups) * (double)(c->kernel[0] * c->kernel[1]);
}

Status cpu_conv2d(OpCall *call) {
    Convolution c;
    TRY(conv2d_describe(call, &c));
    if (call->out[0]->numel == 0) return OK;
    Pass pass = {.types = types_of(call->compute),
                 .images = rt_tensor_data(call->in[0]),
                 .batch = c.batch,
                 .groups = c.groups,
                 .rows = c.out_channels / c.groups,
                 .grid = c.out[0],
                 .nlanes = 1,
                 .out_plane = c.out[0] * c.out[1],
                 .out_row = c.out[1],
                 .out_column = 1};
    Source *s = &pass.source;
    *s = (Source){
        .dtype = call->compute, .work = pass.types.work, .channels = c.in_channels / c.groups};
    for (int i = 0; i < 2; i++) {
        s->size[i] = c.size[i];
        s->step[i] = c.stride[i];
        s->before[i] = c.padding[i];
    }
    pass.reach = (c.kernel[0] - 1) * c.dilation[0] / c.stride[0];
    s->direct = s->dtype == s->work && c.stride[0] == 1 && c.stride[1] == 1 && c.padding[0] == 0 &&
                c.padding[1] == 0;
    s->pitch = s->direct ? c.size[1] : c.out[1] + (c.kernel[1] - 1) * c.dilation[1] / c.stride[1];
    if (!s->direct && c.stride[1] == 1) {
        s->slack = c.padding[1];
        s->pitch = most(c.out[1], s->pitch - c.padding[1]);
    }
    choose_strip(&pass);
    Lane lane = {
        .end = c.out[0], .width = c.out[1], .depth = s->channels * c.kernel[0] * c.kernel[1]};
    int64_t *table = take_room(lane.depth, RT_I64), plane = plane_rows(&pass) * s->pitch, k = 0;
    if (!table) return error_code();
    for (int64_t channel = 0; channel < s->channels; channel++)
        for (int64_t ky = 0; ky < c.kernel[0]; ky++)
            for (int64_t kx = 0; kx < c.kernel[1]; kx++) {
                int64_t y = ky * c.dilation[0], x = kx * c.dilation[1];
                int64_t phase =
                    (channel * s->step[0] + y % s->step[0]) * s->step[1] + x % s->step[1];
                table[k++] = phase * plane + y / s->step[0] * s->pitch + x / s->step[1];
            }
    lane.table = table;
    lane.weight = in_work(call->in[1], &pass.types);
    if (PRESENT(call->in[2])) pass.bias = in_work(call->in[2], &pass.types);
    pass.out = result_room(call, &pass.types);
    if (!lane.weight || !pass.out || (PRESENT(call->in[2]) && !pass.bias)) return error_code();
    pass.lanes = &lane;
    TRY(run_pass(&pass, work_of(&c)));
    hand_over(call, &pass.types, pass.out);
    return OK;
}

// Gradient of the input -----------------------------------------------------------------------

// The taps of one phase, along one dimension: those with tap · dilation % stride == phase.
typedef struct Taps {
    int64_t first, step, n; // tap = first + i · step
    int64_t begin, end; // grid positions q whose pixel q · stride + phase − padding is in the image
    int64_t pixel;      // of position 0
} Taps;

static Taps taps_of(const Convolution *c, int dim, int64_t phase) {
    int64_t stride = c->stride[dim], first = -1, step = 0, n = 0;
    for (int64_t tap = 0; tap < c->kernel[dim]; tap++) {
        if (tap * c->dilation[dim] % stride != phase) continue;
        if (n == 0) first = tap;
        if (n == 1) step = tap - first;
        n++;
    }
    int64_t pixel = phase - c->padding[dim];
    return (Taps){first,
                  step,
                  n,
                  most(0, ceil_div(-pixel, stride)),
                  most(0, ceil_div(c->size[dim] - pixel, stride)),
                  pixel};
}

// weight (out, in / groups, taps) → (in / groups of each group, out of the group × taps of this
// phase), and the offsets of those in the planes of the gradient. reach: how far a plane begins
// before the gradient.
static void lay_lane(const Convolution *c, const Types *types, const char *weight, const Taps *ty,
                     const Taps *tx, const int64_t *reach, int64_t plane, int64_t pitch, char *to,
                     int64_t *table) {
    int64_t size = (int64_t)types->size, inner = c->in_channels / c->groups,
            outer = c->out_channels / c->groups;
    int64_t taps = c->kernel[0] * c->kernel[1];
    for (int64_t o = 0; o < outer; o++)
        for (int64_t i = 0; i < ty->n; i++)
            for (int64_t j = 0; j < tx->n; j++) {
                int64_t y = (ty->first + i * ty->step) * c->dilation[0] / c->stride[0];
                int64_t x = (tx->first + j * tx->step) * c->dilation[1] / c->stride[1];
                *table++ = o * plane + (reach[0] - y) * pitch + reach[1] - x;
            }
    int64_t kept = ty->n * tx->n, row = outer * kept * size;
    for (int64_t g = 0; g < c->groups; g++, to += inner * row)
        for (int64_t block = 0; block < outer;
             block += LAY_BLOCK) // so that neither side is read or written far apart
            for (int64_t m = 0; m < inner; m++)
                for (int64_t o = block; o < least(block + LAY_BLOCK, outer); o++) {
                    const char *from = weight + ((g * outer + o) * inner + m) * taps * size;
                    char *at = to + m * row + o * kept * size;
                    if (kept == taps) {
                        memcpy(at, from, (size_t)(taps * size));
                        continue;
                    }
                    for (int64_t i = 0; i < ty->n; i++)
                        for (int64_t j = 0; j < tx->n; j++, at += size)
                            memcpy(at,
                                   from + ((ty->first + i * ty->step) * c->kernel[1] + tx->first +
                                           j * tx->step) *
                                              size,
                                   (size_t)size);
                }
}

Status cpu_conv2d_backward_input(OpCall *call) {
    Convolution c;
    TRY(conv2d_backward_input_describe(call, &c));
    if (call->out[0]->numel == 0) return OK;
    Pass pass = {.types = types_of(call->compute),
                 .images = rt_tensor_data(call->in[0]),
                 .batch = c.batch,
                 .groups = c.groups,
                 .rows = c.in_channels / c.groups,
                 .nlanes = c.stride[0] * c.stride[1],
                 .out_plane = c.size[0] * c.size[1],
                 .out_row = c.stride[0] * c.size[1],
                 .out_column = c.stride[1]};
    int64_t reach[2], columns = 0;
    for (int i = 0; i < 2; i++) reach[i] = (c.kernel[i] - 1) * c.dilation[i] / c.stride[i];
    for (int64_t phase = 0; phase < c.stride[0]; phase++)
        pass.grid = most(pass.grid, taps_of(&c, 0, phase).end);
    for (int64_t phase = 0; phase < c.stride[1]; phase++)
        columns = most(columns, taps_of(&c, 1, phase).end);
    Source *s = &pass.source;
    *s = (Source){.dtype = call->compute,
                  .work = pass.types.work,
                  .channels = c.out_channels / c.groups,
                  .size = {c.out[0], c.out[1]},
                  .step = {1, 1},
                  .before = {reach[0], reach[1]},
                  .pitch = most(columns, reach[1] + c.out[1]),
                  .slack = reach[1]};
    pass.reach = reach[0];
    s->direct = s->dtype == s->work && !reach[0] && !reach[1] && pass.grid <= c.out[0] &&
                columns <= c.out[1];
    if (s->direct) s->pitch = c.out[1];
    choose_strip(&pass);

    int64_t plane = plane_rows(&pass) * s->pitch, taps = c.kernel[0] * c.kernel[1],
            size = (int64_t)pass.types.size;
    const char *weight = in_work(call->in[1], &pass.types);
    char *laid = take_room(call->in[1]->numel, pass.types.work);
    int64_t *table = take_room(s->channels * taps, RT_I64);
    pass.lanes = take_room(pass.nlanes * (int64_t)sizeof(Lane), RT_U8);
    pass.out = result_room(call, &pass.types);
    if (!weight || !laid || !table || !pass.lanes || !pass.out) return error_code();
    for (int64_t i = 0; i < pass.nlanes; i++) {
        Taps ty = taps_of(&c, 0, i / c.stride[1]), tx = taps_of(&c, 1, i % c.stride[1]);
        lay_lane(&c, &pass.types, weight, &ty, &tx, reach, plane, s->pitch, laid, table);
        pass.lanes[i] = (Lane){.begin = ty.begin,
                               .end = ty.end,
                               .left = tx.begin,
                               .width = tx.end - tx.begin,
                               .depth = s->channels * ty.n * tx.n,
                               .table = table,
                               .weight = laid,
                               .to = ty.pixel * c.size[1] + tx.pixel + tx.begin * c.stride[1]};
        table += pass.lanes[i].depth;
        laid += pass.lanes[i].depth * c.in_channels * size;
    }
    TRY(run_pass(&pass, work_of(&c)));
    hand_over(call, &pass.types, pass.out);
    return OK;
}

// Gradient of the weight ----------------------------------------------------------------------

typedef struct WeightSum {
    Types types;
    Convolution c;
    Source source; // of the image, one group's channels
    const char *images, *grads;
    int64_t strip,
        width;     // rows of the gradient at a time; width: of a row of the transposed gradient
    int64_t depth; // taps × channels of a group
    const int64_t *table; // offset of each in the source
    bool share_taps;      // threads take taps and not images
    char *sums;           // (chunks or 1, groups, depth, width)
    size_t sum_bytes;     // of one
    char *room;           // one a chunk: transposed gradient, converted gradient, padded image
    size_t room_bytes, turned_bytes, grad_bytes;
} WeightSum;

// Adds one strip of one group's image to taps begin … end of the sums (depth, width).
static void add_strip(const WeightSum *w, const char *source, const char *turned, int64_t rows,
                      int64_t begin, int64_t end, bool first, char *sums) {
    const GemmKernels *kernels = w->types.kernels;
    const Convolution *c = &w->c;
    int64_t size = (int64_t)w->types.size, outer = c->out_channels / c->groups;
    int64_t vectors = (outer + kernels->lanes - 1) / kernels->lanes,
            wide = kernels->columns / kernels->lanes;
    int64_t stripes = (vectors + wide - 1) / wide;
    GemmTile work = {.a_step = c->stride[1],
                     .a_jump = c->stride[0] * w->source.pitch - c->out[1] * c->stride[1],
                     .b_step = w->width,
                     .inner = c->out[1],
                     .outer = rows,
                     .c_step = w->width,
                     .init = first ? GEMM_ZERO : GEMM_ADD};
    for (int64_t stripe = 0; stripe < stripes; stripe++) {
        int64_t j = vectors * stripe / stripes * kernels->lanes,
                j_end = vectors * (stripe + 1) / stripes * kernels->lanes;
        work.columns = (int)(least(j_end, outer) - j);
        work.b = turned + j * size;
        int64_t tall = kernels->rows_at[(work.columns + kernels->lanes - 1) / kernels->lanes];
        int64_t blocks = (end - begin + tall - 1) / tall;
        for (int64_t block = 0; block < blocks; block++) {
            int64_t k = begin + (end - begin) * block / blocks;
            work.rows = (int)(begin + (end - begin) * (block + 1) / blocks - k);
            for (int i = 0; i < work.rows; i++) work.a[i] = source + w->table[k + i] * size;
            work.c = sums + (k * w->width + j) * size;
            kernels->tile(&work);
        }
    }
}

// One group of one image; taps begin … end of that group.
static void add_image(const WeightSum *w, int64_t image, int64_t group, int64_t begin, int64_t end,
                      bool first, char *room, char *sums) {
    const Convolution *c = &w->c;
    const Source *s = &w->source;
    int64_t size = (int64_t)w->types.size, bytes = (int64_t)rt_dtype_bytes(w->types.dtype),
            outer = c->out_channels / c->groups;
    int64_t area = c->out[0] * c->out[1], step = area;
    const char *grads = w->grads + (image * c->groups + group) * outer * area * bytes;
    const char *pixels =
        w->images + (image * c->groups + group) * s->channels * s->size[0] * s->size[1] * bytes;
    char *turned = room, *grad_room = room + w->turned_bytes, *padded = grad_room + w->grad_bytes;
    for (int64_t y = 0; y < c->out[0]; y += w->strip) {
        int64_t rows = least(w->strip, c->out[0] - y), positions = rows * c->out[1];
        const char *grad = grads + y * c->out[1] * bytes,
                   *source = pixels + y * c->stride[0] * s->size[1] * bytes;
        if (w->types.dtype != w->types.work) {
            for (int64_t o = 0; o < outer; o++)
                convert_run(grad_room + o * positions * size, w->types.work,
                            grad + o * area * bytes, w->types.dtype, positions);
            grad = grad_room;
            step = positions;
        }
        w->types.kernels->transpose(positions, outer, grad, step, turned, w->width);
        if (!s->direct) {
            int64_t reach = (c->kernel[0] - 1) * c->dilation[0] + 1;
            fill_planes(s, pixels, y * c->stride[0], (rows - 1) * c->stride[0] + reach,
                        (w->strip - 1) * c->stride[0] + reach, padded);
            source = padded;
        }
        add_strip(w, source, turned, rows, begin, end, first && y == 0, sums);
    }
}

static void run_images(void *context, int64_t begin, int64_t end, int chunk) {
    const WeightSum *w = context;
    char *room = w->room + (size_t)chunk * w->room_bytes,
         *sums = w->sums + (size_t)chunk * w->sum_bytes;
    int64_t group_bytes = w->depth * w->width * (int64_t)w->types.size;
    for (int64_t image = begin; image < end; image++)
        for (int64_t group = 0; group < w->c.groups; group++)
            add_image(w, image, group, 0, w->depth, image == begin, room,
                      sums + group * group_bytes);
}

// begin and end count taps of all groups, one group's after the other's.
static void run_taps(void *context, int64_t begin, int64_t end, int chunk) {
    const WeightSum *w = context;
    char *room = w->room + (size_t)chunk * w->room_bytes;
    int64_t group_bytes = w->depth * w->width * (int64_t)w->types.size;
    for (int64_t group = begin / w->depth; group * w->depth < end; group++) {
        int64_t from = most(begin - group * w->depth, 0),
                to = least(end - group * w->depth, w->depth);
        for (int64_t image = 0; image < w->c.batch; image++)
            add_image(w, image, group, from, to, image == 0, room, w->sums + group * group_bytes);
    }
}

#define ADD_SUMS(name_, type_)                                                                     \
    static void name_(void *to, const void *from, int64_t n) {                                     \
        type_ *a = to;                                                                             \
        const type_ *b = from;                                                                     \
        for (int64_t i = 0; i < n; i++) a[i] += b[i];                                              \
    }
ADD_SUMS(add_sums_f32, float)
ADD_SUMS(add_sums_f64, double)
#undef ADD_SUMS

static Status take_rooms(WeightSum *w, int chunks) {
    const Convolution *c = &w->c;
    int64_t size = (int64_t)w->types.size, positions = w->strip * c->out[1],
            outer = c->out_channels / c->groups;
    int64_t turned = (positions * w->width + 15) / 16 * 16,
            grad = w->types.dtype == w->types.work ? 0 : (positions * outer + 15) / 16 * 16;
    int64_t tall = (w->strip - 1) * c->stride[0] + (c->kernel[0] - 1) * c->dilation[0] + 1;
    int64_t padded =
        w->source.direct ? 0 : (w->source.channels * tall * w->source.pitch + 15) / 16 * 16;
    w->turned_bytes = (size_t)(turned * size);
    w->grad_bytes = (size_t)(grad * size);
    w->room_bytes = (size_t)((turned + grad + padded) * size);
    w->room = take_room((turned + grad + padded) * chunks, w->types.work);
    int64_t sum = c->groups * w->depth * w->width;
    w->sum_bytes = (size_t)(sum * size);
    w->sums = take_room(sum * (w->share_taps ? 1 : chunks), w->types.work);
    return w->room && w->sums ? OK : error_code();
}

Status cpu_conv2d_backward_weight(OpCall *call) {
    WeightSum w = {.types = types_of(call->compute),
                   .grads = rt_tensor_data(call->in[0]),
                   .images = rt_tensor_data(call->in[1])};
    Convolution *c = &w.c;
    TRY(conv2d_backward_weight_describe(call, c));
    RtTensor *out = call->out[0];
    if (out->numel == 0) return OK;
    if (call->in[0]->numel == 0 ||
        call->in[1]->numel == 0) { // the sum of nothing; zero has the same bits in every dtype
        memset(rt_tensor_data(out), 0, (size_t)out->numel * rt_dtype_bytes(call->compute));
        return OK;
    }
    Source *s = &w.source;
    int64_t outer = c->out_channels / c->groups;
    *s = (Source){.dtype = call->compute,
                  .work = w.types.work,
                  .channels = c->in_channels / c->groups,
                  .size = {c->size[0], c->size[1]},
                  .step = {1, 1},
                  .before = {c->padding[0], c->padding[1]},
                  .pitch = c->size[1] + 2 * c->padding[1]};
    s->direct = s->dtype == s->work && c->padding[0] == 0 && c->padding[1] == 0;
    w.depth = s->channels * c->kernel[0] * c->kernel[1];
    w.width =
        (outer + w.types.kernels->lanes - 1) / w.types.kernels->lanes * w.types.kernels->lanes;
    int64_t row = most(s->channels * s->pitch * c->stride[0], w.width * c->out[1]);
    w.strip = most(1, least(c->out[0], STRIP_ELEMENTS / row));

    double work = work_of(c);
    int64_t image_grain = (int64_t)(WORK_PER_THREAD / (work / (double)c->batch + 1)) + 1;
    int64_t tap_grain = (int64_t)(WORK_PER_THREAD / (work / (double)(c->groups * w.depth) + 1)) + 1;
    int chunks = parallel_chunks(c->batch, image_grain),
        tap_chunks = parallel_chunks(c->groups * w.depth, tap_grain);
    w.share_taps =
        chunks * c->groups * w.depth * w.width > PARTIAL_ELEMENTS || chunks * 2 <= tap_chunks;
    if (w.share_taps) chunks = tap_chunks;
    TRY(take_rooms(&w, chunks));
    int64_t *table = take_room(w.depth, RT_I64), k = 0;
    if (!table) return error_code();
    int64_t plane =
        (s->direct ? s->size[0]
                   : (w.strip - 1) * c->stride[0] + (c->kernel[0] - 1) * c->dilation[0] + 1) *
        s->pitch;
    for (int64_t channel = 0; channel < s->channels; channel++)
        for (int64_t ky = 0; ky < c->kernel[0]; ky++)
            for (int64_t kx = 0; kx < c->kernel[1]; kx++)
                table[k++] = channel * plane + ky * c->dilation[0] * s->pitch + kx * c->dilation[1];
    w.table = table;
    if (w.share_taps)
        parallel_run(c->groups * w.depth, tap_grain, run_taps, &w);
    else
        parallel_run(c->batch, image_grain, run_images, &w);
    for (int i = 1; i < chunks && !w.share_taps; i++)
        (call->compute == RT_F64 ? add_sums_f64 : add_sums_f32)(
            w.sums, w.sums + (size_t)i * w.sum_bytes, c->groups * w.depth * w.width);

    char *result = result_room(call, &w.types);
    if (!result) return error_code();
    for (int64_t group = 0; group < c->groups; group++)
        w.types.kernels->transpose(
            outer, w.depth, w.sums + group * w.depth * w.width * (int64_t)w.types.size, w.width,
            result + group * outer * w.depth * (int64_t)w.types.size, w.depth);
    hand_over(call, &w.types, result);
    return OK;
}
