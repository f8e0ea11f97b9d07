// The gradient of a convolution's weight: weight[tap][o] = Σ_p image[p + offset(tap)] · grad[p][o],
// for which each image's gradient is transposed.
//
// It is summed image by image; threads take images and their sums are added in order, or, where the
// weight is so large that a sum for each thread would be a burden, threads take taps. The kernels
// read the image by a table of offsets; of small images several are laid out as one matrix, so
// that the sums are read and written less often.
#include <string.h>

#include "cpu/backend.h"
#include "cpu/conv_source.h"
#include "cpu/convert.h"
#include "cpu/parallel.h"
#include "cpu/winograd.h"

typedef struct WeightSum {
    Types types;
    Convolution c;
    Source source; // of the image, one group's channels
    const char *images, *grads;
    int64_t strip,
        width;     // rows of the gradient at a time; width: of a row of the transposed gradient
    int64_t depth; // taps × channels of a group
    const int64_t *table; // offset of each in the source
    int64_t plane_rows;   // of a plane that is filled
    bool share_taps;      // threads take taps and not images
    char *sums;           // (chunks or 1, groups, depth, width)
    size_t sum_bytes;     // of one
    int64_t at_once;      // images whose columns are laid out together; 0: strips, by table
    char *room; // one a chunk: transposed gradient, converted gradient, padded image, columns
    size_t room_bytes, turned_bytes, grad_bytes, planes_bytes;
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

// One group of n images; taps begin … end of that group.
static void add_block(const WeightSum *w, int64_t image, int64_t n, int64_t group, int64_t begin,
                      int64_t end, bool first, char *room, char *sums) {
    const Convolution *c = &w->c;
    const Source *s = &w->source;
    int64_t size = (int64_t)w->types.size, bytes = (int64_t)rt_dtype_bytes(w->types.dtype),
            outer = c->out_channels / c->groups, area = c->out[0] * c->out[1];
    int64_t pixels = s->channels * s->size[0] * s->size[1], reach = w->plane_rows;
    char *turned = room, *grad_room = room + w->turned_bytes, *planes = grad_room + w->grad_bytes;
    char *columns = planes + (size_t)w->at_once * w->planes_bytes;
    Grid grid = {.images = n,
                 .apart = (int64_t)w->planes_bytes / size,
                 .rows = c->out[0],
                 .row_step = c->stride[0] * s->pitch,
                 .width = c->out[1],
                 .step = c->stride[1],
                 .origin = planes};
    for (int64_t i = 0; i < n; i++) {
        int64_t at = (image + i) * c->groups + group;
        const char *grad = w->grads + at * outer * area * bytes,
                   *from = w->images + at * pixels * bytes;
        if (w->types.dtype != w->types.work) {
            convert_run(grad_room, w->types.work, grad, w->types.dtype, outer * area);
            grad = grad_room;
        }
        w->types.kernels->transpose(area, outer, grad, area, turned + i * area * w->width * size,
                                    w->width);
        if (!s->direct)
            source_fill(s, from, 0, reach, reach, planes + (size_t)i * w->planes_bytes);
        else if (i == 0)
            grid.origin = (char *)(uintptr_t)from;
    }
    if (s->direct) grid.apart = c->groups * pixels;
    for (int64_t k = begin; k < end; k += GEMM_DEPTH) {
        int64_t depth = least(end - k, GEMM_DEPTH), positions = n * area;
        w->types.gather(&grid, w->table + k, depth, columns);
        w->types.kernels->product(&(GemmProduct){.m = depth,
                                                 .n = outer,
                                                 .k = positions,
                                                 .a = columns,
                                                 .a_row = positions,
                                                 .a_column = 1,
                                                 .b = turned,
                                                 .b_row = w->width,
                                                 .b_column = 1,
                                                 .c = sums + k * w->width * size,
                                                 .ldc = w->width,
                                                 .init = first ? GEMM_ZERO : GEMM_ADD},
                                  NULL);
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
            int64_t fewer = (w->strip - rows) * c->stride[0];
            source_fill(s, pixels, y * c->stride[0], w->plane_rows - fewer, w->plane_rows, padded);
            source = padded;
        }
        add_strip(w, source, turned, rows, begin, end, first && y == 0, sums);
    }
}

static void add_images(const WeightSum *w, int64_t first, int64_t last, int64_t group,
                       int64_t begin, int64_t end, char *room, char *sums) {
    int64_t step = most(w->at_once, 1);
    for (int64_t image = first; image < last; image += step) {
        if (w->at_once)
            add_block(w, image, least(step, last - image), group, begin, end, image == first, room,
                      sums);
        else
            add_image(w, image, group, begin, end, image == first, room, sums);
    }
}

static void run_images(void *context, int64_t begin, int64_t end, int chunk) {
    const WeightSum *w = context;
    char *room = w->room + (size_t)chunk * w->room_bytes,
         *sums = w->sums + (size_t)chunk * w->sum_bytes;
    int64_t group_bytes = w->depth * w->width * (int64_t)w->types.size;
    for (int64_t group = 0; group < w->c.groups; group++)
        add_images(w, begin, end, group, 0, w->depth, room, sums + group * group_bytes);
}

// begin and end count taps of all groups, one group's after the other's.
static void run_taps(void *context, int64_t begin, int64_t end, int chunk) {
    const WeightSum *w = context;
    char *room = w->room + (size_t)chunk * w->room_bytes;
    int64_t group_bytes = w->depth * w->width * (int64_t)w->types.size;
    for (int64_t group = begin / w->depth; group * w->depth < end; group++) {
        int64_t from = most(begin - group * w->depth, 0),
                to = least(end - group * w->depth, w->depth);
        add_images(w, 0, w->c.batch, group, from, to, room, w->sums + group * group_bytes);
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
    int64_t size = (int64_t)w->types.size, at_once = most(w->at_once, 1),
            positions = w->strip * c->out[1], outer = c->out_channels / c->groups;
    int64_t turned = round_up(at_once * positions * w->width, 16),
            grad = w->types.dtype == w->types.work ? 0 : round_up(positions * outer, 16),
            planes = w->source.direct
                         ? 0
                         : round_up(w->source.channels * w->plane_rows * w->source.pitch, 16),
            columns = w->at_once ? round_up(GEMM_DEPTH * at_once * positions, 16) : 0;
    w->turned_bytes = (size_t)(turned * size);
    w->grad_bytes = (size_t)(grad * size);
    w->planes_bytes = (size_t)(planes * size);
    int64_t room = turned + grad + planes * at_once + columns;
    w->room_bytes = (size_t)(room * size);
    w->room = conv_room(room * chunks, w->types.work);
    int64_t sum = c->groups * w->depth * w->width;
    w->sum_bytes = (size_t)(sum * size);
    w->sums = conv_room(sum * (w->share_taps ? 1 : chunks), w->types.work);
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
    if (winograd_fits(c, &w.types, c->out)) {
        char *weight = conv_result(call, &w.types);
        if (!weight) return error_code();
        TRY(winograd_weight(c, &w.types, w.grads, w.images, (float *)(void *)weight));
        conv_hand_over(call, &w.types, weight);
        return OK;
    }
    Source *s = &w.source;
    int64_t outer = c->out_channels / c->groups;
    *s = (Source){.dtype = call->compute,
                  .work = w.types.work,
                  .channels = c->in_channels / c->groups,
                  .size = {c->size[0], c->size[1]},
                  .step = {1, 1},
                  .phases = {1, 1},
                  .before = {c->padding[0], c->padding[1]},
                  .pitch = c->size[1] + 2 * c->padding[1]};
    s->direct = s->dtype == s->work && c->padding[0] == 0 && c->padding[1] == 0;
    w.depth = s->channels * c->kernel[0] * c->kernel[1];
    w.width =
        (outer + w.types.kernels->lanes - 1) / w.types.kernels->lanes * w.types.kernels->lanes;
    int64_t row = most(s->channels * s->pitch * c->stride[0], w.width * c->out[1]);
    w.strip = most(1, least(c->out[0], STRIP_ELEMENTS / row));
    int64_t area = c->out[0] * c->out[1];
    if (outer >= COLUMNS_ROWS && area <= COLUMNS_PER_IMAGE) {
        w.at_once = most(1, least(c->batch, COLUMNS_AT_ONCE / area));
        w.strip = c->out[0];
    }
    w.plane_rows = (w.strip - 1) * c->stride[0] + (c->kernel[0] - 1) * c->dilation[0] + 1;

    double work = conv_work(c);
    int64_t image_grain = (int64_t)(WORK_PER_THREAD / (work / (double)c->batch + 1)) + 1;
    int64_t tap_grain = (int64_t)(WORK_PER_THREAD / (work / (double)(c->groups * w.depth) + 1)) + 1;
    int chunks = parallel_chunks(c->batch, image_grain),
        tap_chunks = parallel_chunks(c->groups * w.depth, tap_grain);
    w.share_taps =
        chunks * c->groups * w.depth * w.width > PARTIAL_ELEMENTS || chunks * 2 <= tap_chunks;
    if (w.share_taps) chunks = tap_chunks;
    TRY(take_rooms(&w, chunks));
    int64_t *table = conv_room(w.depth, RT_I64), k = 0;
    if (!table) return error_code();
    int64_t plane = (s->direct ? s->size[0] : w.plane_rows) * s->pitch;
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

    char *result = conv_result(call, &w.types);
    if (!result) return error_code();
    for (int64_t group = 0; group < c->groups; group++)
        w.types.kernels->transpose(
            outer, w.depth, w.sums + group * w.depth * w.width * (int64_t)w.types.size, w.width,
            result + group * outer * w.depth * (int64_t)w.types.size, w.depth);
    conv_hand_over(call, &w.types, result);
    return OK;
}
