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
// Images are worked on in strips of rows, so that workspace is bounded and stays in cache. Where a
// whole image is but a few results for many channels, as deep in a network, the weights would be
// read from memory again for each image, and columns thrown away in each row: there the columns of
// several images are laid out as a matrix after all.
//
// Filters of 3 × 3 over many channels take another way, with fewer multiplications: winograd.c.
#include <string.h>

#include "cpu/backend.h"
#include "cpu/conv_source.h"
#include "cpu/parallel.h"
#include "cpu/winograd.h"

enum { LAY_BLOCK = 16 }; // output channels whose weights are laid out together

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
    int64_t at_once; // images whose columns are laid out together; 0: strips, by table
    char *room;      // source strips, or planes, columns and results, for each chunk
    size_t room_bytes, planes_bytes, columns_bytes;
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
            source_fill(s, source, first, last - first + pass->reach, pass->strip + pass->reach,
                        room);
            source = room;
        }
        char *out = pass->out + image * pass->rows * pass->out_plane * size;
        for (int64_t i = 0; i < pass->nlanes; i++)
            run_lane(pass, &pass->lanes[i], image % pass->groups, source, s->direct ? 0 : first,
                     first, last, out);
    }
}

// Some images of one group.
static void run_block(const Pass *pass, int64_t first, int64_t n, int64_t group, char *room) {
    const Source *s = &pass->source;
    int64_t size = (int64_t)pass->types.size, N, plane = (int64_t)pass->planes_bytes / size;
    int64_t image = s->channels * s->size[0] * s->size[1];
    int64_t image_bytes = image * (int64_t)rt_dtype_bytes(s->dtype);
    const char *images = pass->images + (first * pass->groups + group) * image_bytes,
               *planes = room;
    for (int64_t i = 0; i < n && !s->direct; i++)
        source_fill(s, images + i * pass->groups * image_bytes, 0, pass->grid + pass->reach,
                    pass->grid + pass->reach, room + (size_t)i * pass->planes_bytes);
    if (s->direct) {
        planes = images;
        plane = pass->groups * image;
    }
    char *columns = room + (s->direct ? 0 : (size_t)pass->at_once * pass->planes_bytes);
    char *result = columns + pass->columns_bytes;
    for (const Lane *lane = pass->lanes; lane < pass->lanes + pass->nlanes; lane++) {
        Grid grid = {.images = n,
                     .apart = plane,
                     .rows = lane->end - lane->begin,
                     .row_step = s->pitch,
                     .width = lane->width,
                     .step = 1};
        if ((N = n * most(grid.rows, 0) * lane->width) == 0) continue;
        grid.origin = (char *)(uintptr_t)planes + (lane->begin * s->pitch + lane->left) * size;
        for (int64_t k = 0; k < lane->depth || k == 0; k += GEMM_DEPTH) {
            int64_t depth = least(lane->depth - k, GEMM_DEPTH);
            pass->types.gather(&grid, lane->table + k, depth, columns);
            GemmProduct product = {.m = pass->rows,
                                   .n = N,
                                   .k = depth,
                                   .a =
                                       lane->weight + (group * pass->rows * lane->depth + k) * size,
                                   .a_row = lane->depth,
                                   .a_column = 1,
                                   .b = columns,
                                   .b_row = N,
                                   .b_column = 1,
                                   .c = result,
                                   .ldc = N,
                                   .init = k            ? GEMM_ADD
                                           : pass->bias ? GEMM_BIAS_ROW
                                                        : GEMM_ZERO};
            if (pass->bias) product.bias = (const char *)pass->bias + group * pass->rows * size;
            pass->types.kernels->product(&product, NULL);
        }
        grid.apart = pass->groups * pass->rows * pass->out_plane;
        grid.row_step = pass->out_row;
        grid.step = pass->out_column;
        grid.origin = pass->out + ((first * pass->groups + group) * pass->rows * pass->out_plane +
                                   lane->to + lane->begin * pass->out_row) *
                                      size;
        pass->types.scatter(&grid, pass->rows, pass->out_plane, result);
    }
}

static void run_blocks(void *context, int64_t begin, int64_t end, int chunk) {
    const Pass *pass = context;
    for (int64_t unit = begin; unit < end; unit++) {
        int64_t first = unit / pass->groups * pass->at_once;
        run_block(pass, first, least(pass->at_once, pass->batch - first), unit % pass->groups,
                  pass->room + (size_t)chunk * pass->room_bytes);
    }
}

// Cuts the grid, `columns` wide, into strips, or the batch into blocks; must come before the
// tables, which depend on the height of a strip.
static void choose_strip(Pass *pass, int64_t columns) {
    int64_t row = source_planes(&pass->source) * pass->source.pitch,
            units = pass->batch * pass->groups;
    if (pass->rows >= COLUMNS_ROWS && pass->grid * columns <= COLUMNS_PER_IMAGE) {
        int64_t share = (pass->batch + threads_get() - 1) / threads_get();
        pass->at_once = most(1, least(share, COLUMNS_AT_ONCE / most(pass->grid * columns, 1)));
        pass->strip = pass->grid;
        return;
    }
    pass->strip = most(1, least(pass->grid, STRIP_ELEMENTS / most(row, 1) - pass->reach));
    int64_t threads = threads_get();
    if (units * strips_of(pass) < threads) // few images: cut them so that each thread has a strip
        pass->strip = most(1, least(pass->strip, pass->grid * units / threads));
}

static int64_t plane_rows(const Pass *pass) {
    return pass->source.direct ? pass->source.size[0] : pass->strip + pass->reach;
}

static Status run_pass(Pass *pass, double work) {
    int64_t blocks = pass->at_once ? (pass->batch + pass->at_once - 1) / pass->at_once
                                   : pass->batch * strips_of(pass);
    int64_t units = pass->groups * blocks;
    int64_t grain = (int64_t)(WORK_PER_THREAD / (work / (double)most(units, 1) + 1)) + 1;
    int64_t planes = 0, columns = 0, results = 0;
    if (!pass->source.direct)
        planes = round_up(source_planes(&pass->source) * plane_rows(pass) * pass->source.pitch +
                              pass->source.slack,
                          16);
    for (int64_t i = 0; i < pass->nlanes && pass->at_once; i++) {
        const Lane *lane = &pass->lanes[i];
        columns = most(columns, pass->at_once * (lane->end - lane->begin) * lane->width);
    }
    results = round_up(columns * pass->rows, 16);
    columns = round_up(columns * GEMM_DEPTH, 16);
    pass->planes_bytes = (size_t)planes * pass->types.size;
    pass->columns_bytes = (size_t)columns * pass->types.size;
    int64_t elements = planes * most(pass->at_once, 1) + columns + results;
    pass->room_bytes = (size_t)elements * pass->types.size;
    if (elements) {
        pass->room = conv_room(elements * parallel_chunks(units, grain), pass->types.work);
        if (!pass->room) return error_code();
    }
    parallel_run(units, grain, pass->at_once ? run_blocks : run_units, pass);
    return OK;
}

// The convolution, or, mirrored, the gradient of its input: from the gradient, with as much border as
// makes the input's size of it.
static Status run_winograd(OpCall *call, const Convolution *c, const Types *types, bool mirrored) {
    int64_t channels = c->in_channels / c->groups, results = c->out_channels / c->groups;
    bool bias = !mirrored && PRESENT(call->in[2]);
    Winograd w = {.types = *types,
                  .batch = c->batch,
                  .groups = c->groups,
                  .inner = mirrored ? results : channels,
                  .outer = mirrored ? channels : results,
                  .images = rt_tensor_data(call->in[0]),
                  .weight = conv_in_work(call->in[1], types),
                  .group_step = results * channels * 9,
                  .outer_step = mirrored ? 9 : channels * 9,
                  .inner_step = mirrored ? channels * 9 : 9,
                  .flip = mirrored,
                  .bias = bias ? conv_in_work(call->in[2], types) : NULL,
                  .results = conv_result(call, types)};
    for (int i = 0; i < 2; i++) {
        w.size[i] = mirrored ? c->out[i] : c->size[i];
        w.out[i] = mirrored ? c->size[i] : c->out[i];
        w.before[i] = mirrored ? 2 - c->padding[i] : c->padding[i];
    }
    if (!w.weight || !w.results || (bias && !w.bias)) return error_code();
    TRY(winograd_run(&w));
    conv_hand_over(call, types, w.results);
    return OK;
}

Status cpu_conv2d(OpCall *call) {
    Convolution c;
    TRY(conv2d_describe(call, &c));
    if (call->out[0]->numel == 0) return OK;
    Types types = types_of(call->compute);
    if (winograd_fits(&c, &types, c.out)) return run_winograd(call, &c, &types, false);
    Pass pass = {.types = types,
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
        for (int64_t tap = 0; tap < c.kernel[i]; tap++)
            s->phases[i] = most(s->phases[i], tap * c.dilation[i] % c.stride[i] + 1);
    }
    pass.reach = (c.kernel[0] - 1) * c.dilation[0] / c.stride[0];
    s->direct = s->dtype == s->work && c.stride[0] == 1 && c.stride[1] == 1 && c.padding[0] == 0 &&
                c.padding[1] == 0;
    s->pitch = s->direct ? c.size[1] : c.out[1] + (c.kernel[1] - 1) * c.dilation[1] / c.stride[1];
    if (!s->direct && c.stride[1] == 1) {
        s->slack = c.padding[1];
        s->pitch = most(c.out[1], s->pitch - c.padding[1]);
    }
    choose_strip(&pass, c.out[1]);
    Lane lane = {
        .end = c.out[0], .width = c.out[1], .depth = s->channels * c.kernel[0] * c.kernel[1]};
    int64_t *table = conv_room(lane.depth, RT_I64), plane = plane_rows(&pass) * s->pitch, k = 0;
    if (!table) return error_code();
    for (int64_t channel = 0; channel < s->channels; channel++)
        for (int64_t ky = 0; ky < c.kernel[0]; ky++)
            for (int64_t kx = 0; kx < c.kernel[1]; kx++) {
                int64_t y = ky * c.dilation[0], x = kx * c.dilation[1];
                int64_t phase =
                    (channel * s->phases[0] + y % s->step[0]) * s->phases[1] + x % s->step[1];
                table[k++] = phase * plane + y / s->step[0] * s->pitch + x / s->step[1];
            }
    lane.table = table;
    lane.weight = conv_in_work(call->in[1], &pass.types);
    if (PRESENT(call->in[2])) pass.bias = conv_in_work(call->in[2], &pass.types);
    pass.out = conv_result(call, &pass.types);
    if (!lane.weight || !pass.out || (PRESENT(call->in[2]) && !pass.bias)) return error_code();
    pass.lanes = &lane;
    TRY(run_pass(&pass, conv_work(&c)));
    conv_hand_over(call, &pass.types, pass.out);
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
    Types types = types_of(call->compute);
    if (winograd_fits(&c, &types, c.size)) return run_winograd(call, &c, &types, true);
    Pass pass = {.types = types,
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
                  .phases = {1, 1},
                  .before = {reach[0], reach[1]},
                  .pitch = most(columns, reach[1] + c.out[1]),
                  .slack = reach[1]};
    pass.reach = reach[0];
    s->direct = s->dtype == s->work && !reach[0] && !reach[1] && pass.grid <= c.out[0] &&
                columns <= c.out[1];
    if (s->direct) s->pitch = c.out[1];
    choose_strip(&pass, columns);

    int64_t plane = plane_rows(&pass) * s->pitch, taps = c.kernel[0] * c.kernel[1],
            size = (int64_t)pass.types.size;
    const char *weight = conv_in_work(call->in[1], &pass.types);
    char *laid = conv_room(call->in[1]->numel, pass.types.work);
    int64_t *table = conv_room(s->channels * taps, RT_I64);
    pass.lanes = conv_room(pass.nlanes * (int64_t)sizeof(Lane), RT_U8);
    pass.out = conv_result(call, &pass.types);
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
    TRY(run_pass(&pass, conv_work(&c)));
    conv_hand_over(call, &pass.types, pass.out);
    return OK;
}
