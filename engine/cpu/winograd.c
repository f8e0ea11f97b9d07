#include "cpu/winograd.h"

#include <string.h>

#include "cpu/parallel.h"

enum {
    LEAST_CHANNELS = 32,    // fewer, and turning costs more than the products save
    LEAST_TILES = 64,       // fewer do not pay for turning the filters
    BLOCK_FLOATS = 1 << 18, // of turned tiles and results of a block, for the second-level cache
    LEAST_COLUMNS = 128,    // tiles of a block all the same, so that products are long enough
    MOST_COLUMNS = GEMM_BLOCK,
    APART = 80,           // floats more between matrices, which would share cache sets else
    TURN_GRAIN = 1 << 12, // filters worth a thread
};

bool winograd_fits(const Convolution *c, const Types *types, const int64_t results[2]) {
    for (int i = 0; i < 2; i++)
        if (c->kernel[i] != 3 || c->stride[i] != 1 || c->dilation[i] != 1 || c->padding[i] > 2)
            return false;
    int64_t rows = (results[0] + 1) / 2, columns = (results[1] + 1) / 2;
    return types->work == RT_F32 && c->in_channels / c->groups >= LEAST_CHANNELS &&
           c->out_channels / c->groups >= LEAST_CHANNELS && columns <= MOST_COLUMNS &&
           c->batch * rows * columns >= LEAST_TILES &&
           // where tiles hang over the edge, enough must be left of what they save
           results[0] * results[1] >= rows * columns * 3;
}

// Blocks of tiles -----------------------------------------------------------------------------

// How a batch is cut into blocks: so many whole images, or so many rows of tiles of one image (by
// lanes: of as many images as a vector has lanes).
typedef struct Cut {
    const WinogradLoops *loops;
    bool by_lanes;
    int64_t batch, tiles[2], at_once, strip;
    int64_t columns; // of a full block, and the vector that turning by rows may overwrite
} Cut;

typedef struct Block {
    int64_t image, images, first, rows; // rows of tiles
    int64_t columns;
} Block;

// share: images for a thread; channels: that are read and written; by_lanes: if it pays.
static Cut cut_of(const int64_t results[2], int64_t batch, int64_t share, int64_t channels,
                  bool by_lanes) {
    Cut cut = {.loops = ISA_PICK(winograd_loops),
               .batch = batch,
               .tiles = {(results[0] + 1) / 2, (results[1] + 1) / 2}};
    int64_t lanes = cut.loops->lanes, area = cut.tiles[0] * cut.tiles[1];
    int64_t columns =
        most(LEAST_COLUMNS, least(BLOCK_FLOATS / (16 * channels), (int64_t)MOST_COLUMNS));
    cut.by_lanes = by_lanes && cut.tiles[1] < lanes && share >= lanes;
    int64_t unit = cut.by_lanes ? lanes : 1; // images that are turned together
    cut.strip = most(1, least(cut.tiles[0], columns / (cut.tiles[1] * unit)));
    cut.at_once = cut.strip < cut.tiles[0]
                      ? unit
                      : unit * most(1, least(share / unit, columns / (area * unit)));
    cut.columns = round_up(cut.at_once * cut.strip * cut.tiles[1], 2 * lanes) + lanes;
    return cut;
}

static int64_t strips_of(const Cut *cut) { return ceil_div(cut->tiles[0], cut->strip); }
static int64_t blocks_of(const Cut *cut) {
    return ceil_div(cut->batch, cut->at_once) * strips_of(cut);
}

static Block block_at(const Cut *cut, int64_t index) {
    Block block = {.first = index % strips_of(cut) * cut->strip,
                   .image = index / strips_of(cut) * cut->at_once};
    block.images = least(cut->at_once, cut->batch - block.image);
    block.rows = least(cut->strip, cut->tiles[0] - block.first);
    int64_t images = cut->by_lanes ? round_up(block.images, cut->loops->lanes) : block.images;
    block.columns = images * block.rows * cut->tiles[1];
    return block;
}

// What tiles are cut from, or results go to: one group of a batch of planes.
typedef struct Planes {
    const Types *types;
    int64_t channels, size[2], before[2];
    int64_t reach;      // of a tile: 4 pixels, or 2
    int64_t image_step; // from image to image, in elements
} Planes;

// Where each pixel of a block's tiles lies among the pixels of its rows, one vector each, and behind
// these for what is not in the image. out_rows: of the image, from out_first on.
static void find_places(const Cut *cut, const Planes *planes, const Block *block, int32_t *places,
                        int64_t *out_first, int64_t *out_rows) {
    int64_t height = planes->size[0], width = planes->size[1], reach = planes->reach,
            top = 2 * block->first - planes->before[0], first = least(most(top, 0), height),
            last = least(most(top + 2 * block->rows + reach - 2, first), height);
    for (int64_t row = 0; row < block->rows; row++)
        for (int64_t column = 0; column < cut->tiles[1]; column++)
            for (int64_t i = 0; i < reach * reach; i++) {
                int64_t y = top + 2 * row + i / reach,
                        x = 2 * column - planes->before[1] + i % reach;
                bool inside = y >= 0 && y < height && x >= 0 && x < width;
                int64_t pixel = inside ? (y - first) * width + x : (last - first) * width;
                *places++ = (int32_t)(pixel * cut->loops->lanes);
            }
    *out_first = first;
    *out_rows = last - first;
}

// Floats that turning a block of these planes takes: the places, and pixels as vectors; or images
// with a border.
static int64_t places_floats(const Cut *cut, const Planes *planes) {
    return round_up(cut->strip * cut->tiles[1] * planes->reach * planes->reach, 16);
}
static Source source_of(const Cut *cut, const Planes *planes) {
    return (Source){.dtype = planes->types->dtype,
                    .work = planes->types->work,
                    .channels = planes->channels,
                    .size = {planes->size[0], planes->size[1]},
                    .step = {1, 1},
                    .phases = {1, 1},
                    .before = {planes->before[0], planes->before[1]},
                    .pitch = 2 * cut->tiles[1] + planes->reach - 2,
                    .slack = 2 * cut->loops->lanes};
}
static int64_t planes_floats(const Cut *cut, const Planes *planes) {
    int64_t tall = 2 * cut->strip + planes->reach - 2;
    if (cut->by_lanes)
        return places_floats(cut, planes) +
               (least(tall, planes->size[0]) * planes->size[1] + 1) * cut->loops->lanes;
    Source source = source_of(cut, planes);
    return round_up(planes->channels * tall * source.pitch + source.slack, 16);
}

// Where turned tiles go: number i of a channel's column lies at to + i · apart + channel ·
// channel_step, columns in pairs, `sliver` apart.
typedef struct Turned {
    float *to;
    int64_t channel_step, sliver, apart;
} Turned;

static void turn_by_lanes(const Cut *cut, const Planes *planes, const Block *block,
                          const float *data, float *room, const Turned *turned) {
    const WinogradLoops *loops = cut->loops;
    TurnLanes turn = planes->reach == 4 ? loops->image_lanes : loops->grad_lanes;
    int64_t tiles = block->rows * cut->tiles[1], plane = planes->size[0] * planes->size[1], first,
            rows;
    int32_t *places = (int32_t *)(void *)room;
    find_places(cut, planes, block, places, &first, &rows);
    room += places_floats(cut, planes);
    int64_t pixels = rows * planes->size[1];
    memset(room + pixels * loops->lanes, 0, (size_t)loops->lanes * sizeof *room);
    for (int64_t i = 0; i < block->images; i += loops->lanes) {
        int64_t images = least(loops->lanes, block->images - i);
        const float *from =
            data + (block->image + i) * planes->image_step + first * planes->size[1];
        if (images < loops->lanes) memset(room, 0, (size_t)(pixels * loops->lanes) * sizeof *room);
        for (int64_t channel = 0; channel < planes->channels; channel++, from += plane) {
            planes->types->kernels->transpose(pixels, images, from, planes->image_step, room,
                                              loops->lanes);
            turn(room, places, i / loops->lanes * tiles, tiles,
                 turned->to + channel * turned->channel_step, turned->sliver, turned->apart);
        }
    }
}

static void turn_by_rows(const Cut *cut, const Planes *planes, const Block *block, const char *data,
                         float *room, const Turned *turned) {
    TurnRows turn = planes->reach == 4 ? cut->loops->image : cut->loops->grad;
    Source source = source_of(cut, planes);
    int64_t tall = 2 * cut->strip + planes->reach - 2, tiles = block->rows * cut->tiles[1];
    int64_t image_bytes = planes->image_step * (int64_t)rt_dtype_bytes(planes->types->dtype);
    // Whole vectors of tiles without a border can be read where they lie.
    bool direct = planes->reach == 2 && planes->types->dtype == RT_F32 &&
                  planes->size[0] % 2 == 0 && planes->size[1] % (2 * cut->loops->lanes) == 0;
    for (int64_t i = 0; i < block->images; i++) {
        const char *image = data + (block->image + i) * image_bytes;
        const float *plane = room;
        int64_t plane_step = tall * source.pitch;
        if (direct) {
            plane = (const float *)(const void *)image + 2 * block->first * planes->size[1];
            plane_step = planes->size[0] * planes->size[1];
        } else
            source_fill(&source, image, 2 * block->first, 2 * block->rows + planes->reach - 2, tall,
                        room);
        for (int64_t channel = 0; channel < planes->channels; channel++, plane += plane_step)
            turn(plane, source.pitch, block->rows, cut->tiles[1],
                 turned->to + channel * turned->channel_step + i * tiles, turned->apart);
    }
}

static void turn_block(const Cut *cut, const Planes *planes, const Block *block, const char *data,
                       float *room, const Turned *turned) {
    if (cut->by_lanes)
        turn_by_lanes(cut, planes, block, (const float *)(const void *)data, room, turned);
    else
        turn_by_rows(cut, planes, block, data, room, turned);
}

// Results -------------------------------------------------------------------------------------

typedef struct Run {
    const Winograd *w;
    Cut cut;
    Planes images, results;
    int64_t planes_floats, turned_floats, room_floats; // room_floats: of a chunk
    float *filters; // (groups, 16, outer, inner), filters_apart from the second dimension on
    int64_t filters_apart;
    float *room;
} Run;

static void turn_filters(void *context, int64_t begin, int64_t end, int chunk) {
    const Run *run = context;
    const Winograd *w = run->w;
    (void)chunk;
    for (int64_t i = begin; i < end; i++) {
        int64_t group = i / w->outer, row = i % w->outer;
        run->cut.loops->filters(w->weight + group * w->group_step + row * w->outer_step,
                                w->inner_step, w->inner, w->flip,
                                run->filters + group * 16 * run->filters_apart + row * w->inner,
                                run->filters_apart);
    }
}

// From the sums (16, outer, columns) to the results of a block, the first of which is at `to`.
static void hand_over(const Run *run, const Block *block, const float *sums, const float *bias,
                      float *to, float *room) {
    const Cut *cut = &run->cut;
    const Planes *planes = &run->results;
    int64_t tiles = block->rows * cut->tiles[1], plane = planes->size[0] * planes->size[1],
            apart = planes->channels * cut->columns, lanes = cut->loops->lanes, first, rows;
    int32_t *places = (int32_t *)(void *)room;
    float *pixels = room + places_floats(cut, planes);
    if (cut->by_lanes) find_places(cut, planes, block, places, &first, &rows);
    for (int64_t i = 0; i < block->images; i += cut->by_lanes ? lanes : 1) {
        float *image = to + (block->image + i) * planes->image_step;
        for (int64_t channel = 0; channel < planes->channels; channel++, image += plane) {
            const float *from = sums + channel * cut->columns + i * tiles;
            float plus = bias ? bias[channel] : 0;
            if (!cut->by_lanes) {
                cut->loops->result(from, apart, block->rows, cut->tiles[1], plus,
                                   image + 2 * block->first * planes->size[1],
                                   planes->size[0] - 2 * block->first, planes->size[1]);
                continue;
            }
            cut->loops->result_lanes(from, apart, tiles, plus, places, pixels);
            planes->types->kernels->transpose(least(lanes, block->images - i),
                                              rows * planes->size[1], pixels, lanes,
                                              image + first * planes->size[1], planes->image_step);
        }
    }
}

static void run_blocks(void *context, int64_t begin, int64_t end, int chunk) {
    const Run *run = context;
    const Winograd *w = run->w;
    const Cut *cut = &run->cut;
    int64_t sliver = 2 * cut->loops->lanes, bytes = (int64_t)rt_dtype_bytes(w->types.dtype);
    float *room = run->room + chunk * run->room_floats;
    Turned turned = {.to = room + run->planes_floats,
                     .channel_step = cut->columns,
                     .sliver = sliver,
                     .apart = w->inner * cut->columns};
    if (cut->by_lanes) { // as the products would pack it
        turned.channel_step = sliver;
        turned.sliver = sliver * w->inner;
    }
    float *sums = turned.to + run->turned_floats, *packing = sums + 16 * w->outer * cut->columns;
    for (int64_t unit = begin; unit < end; unit++) {
        int64_t group = unit % w->groups;
        Block block = block_at(cut, unit / w->groups);
        turn_block(cut, &run->images, &block,
                   w->images + group * w->inner * w->size[0] * w->size[1] * bytes, room, &turned);
        int64_t columns = cut->by_lanes ? round_up(block.columns, sliver) : block.columns;
        if (columns >
            block.columns) // half a sliver is left: whatever lies there might be slow to multiply
            for (int64_t i = 0; i < 16 * w->inner; i++)
                memset(turned.to + i / w->inner * turned.apart +
                           block.columns / sliver * turned.sliver + i % w->inner * sliver +
                           sliver / 2,
                       0, (size_t)(sliver / 2) * sizeof *sums);
        for (int64_t i = 0; i < 16; i++)
            w->types.kernels->product(
                &(GemmProduct){.m = w->outer,
                               .n = columns,
                               .k = w->inner,
                               .a = run->filters + (group * 16 + i) * run->filters_apart,
                               .a_row = w->inner,
                               .a_column = 1,
                               .b = turned.to + i * turned.apart,
                               .b_row = cut->columns,
                               .b_column = 1,
                               .c = sums + i * w->outer * cut->columns,
                               .ldc = cut->columns,
                               .init = GEMM_ZERO,
                               .pack = true,
                               .b_packed = cut->by_lanes},
                packing);
        hand_over(run, &block, sums, w->bias ? w->bias + group * w->outer : NULL,
                  w->results + group * w->outer * w->out[0] * w->out[1], room);
    }
}

Status winograd_run(const Winograd *w) {
    Run run = {.w = w,
               .images = {.types = &w->types,
                          .channels = w->inner,
                          .size = {w->size[0], w->size[1]},
                          .before = {w->before[0], w->before[1]},
                          .reach = 4,
                          .image_step = w->groups * w->inner * w->size[0] * w->size[1]},
               .results = {.types = &w->types,
                           .channels = w->outer,
                           .size = {w->out[0], w->out[1]},
                           .reach = 2,
                           .image_step = w->groups * w->outer * w->out[0] * w->out[1]}};
    run.cut = cut_of(w->out, w->batch, ceil_div(w->batch, threads_get()), w->inner + w->outer,
                     w->types.dtype == RT_F32);
    run.planes_floats = most(planes_floats(&run.cut, &run.images),
                             run.cut.by_lanes ? planes_floats(&run.cut, &run.results) : 0);
    run.turned_floats = 16 * w->inner * run.cut.columns;
    run.room_floats =
        run.planes_floats + run.turned_floats + 16 * w->outer * run.cut.columns + GEMM_ROOM;
    int64_t units = blocks_of(&run.cut) * w->groups;
    run.filters_apart = w->outer * w->inner + APART;
    run.filters = conv_room(w->groups * 16 * run.filters_apart, RT_F32);
    run.room = conv_room(run.room_floats * parallel_chunks(units, 1), RT_F32);
    if (!run.filters || !run.room) return error_code();
    parallel_run(w->groups * w->outer, ceil_div(TURN_GRAIN, w->inner), turn_filters, &run);
    parallel_run(units, 1, run_blocks, &run);
    return OK;
}

// Gradient of the weight ----------------------------------------------------------------------

typedef struct WeightRun {
    const Convolution *c;
    Cut cut;
    Planes images, grads; // all channels of a group
    const char *image_data, *grad_data;
    int64_t inner, outer;
    bool share_channels; // threads take channels and not blocks
    float *sums; // (chunks or 1, groups, 16, outer, inner), sums_apart from the third dimension on
    int64_t sums_apart, sum_floats, chunk; // of one chunk; chunk: that is added to the first
    int64_t planes_floats, room_floats;
    float *room, *weight;
} WeightRun;

// Adds one block of a group, for channels from … until of the images.
static void add_block(const WeightRun *run, int64_t group, int64_t index, int64_t from,
                      int64_t until, bool start, float *room, float *sums) {
    const Cut *cut = &run->cut;
    Block block = block_at(cut, index);
    Planes part = run->images;
    part.channels = until - from;
    int64_t bytes = (int64_t)rt_dtype_bytes(run->images.types->dtype), columns = cut->columns;
    Turned tiles = {.to = room + run->planes_floats,
                    .channel_step = columns,
                    .sliver = 2 * cut->loops->lanes,
                    .apart = part.channels * columns};
    Turned grads = tiles;
    grads.to += 16 * tiles.apart;
    grads.apart = run->outer * columns;
    float *packing = grads.to + 16 * grads.apart;
    turn_block(cut, &part, &block,
               run->image_data + (group * run->inner + from) * part.size[0] * part.size[1] * bytes,
               room, &tiles);
    turn_block(cut, &run->grads, &block,
               run->grad_data +
                   group * run->outer * run->grads.size[0] * run->grads.size[1] * bytes,
               room, &grads);
    for (int64_t i = 0; i < 16; i++)
        run->images.types->kernels->product(&(GemmProduct){.m = run->outer,
                                                           .n = part.channels,
                                                           .k = block.columns,
                                                           .a = grads.to + i * grads.apart,
                                                           .a_row = columns,
                                                           .a_column = 1,
                                                           .b = tiles.to + i * tiles.apart,
                                                           .b_row = 1,
                                                           .b_column = columns,
                                                           .c = sums + i * run->sums_apart + from,
                                                           .ldc = run->inner,
                                                           .init = start ? GEMM_ZERO : GEMM_ADD,
                                                           .pack = true},
                                            packing);
}

static void add_blocks(void *context, int64_t begin, int64_t end, int chunk) {
    const WeightRun *run = context;
    for (int64_t group = 0; group < run->c->groups; group++)
        for (int64_t block = begin; block < end; block++)
            add_block(run, group, block, 0, run->inner, block == begin,
                      run->room + chunk * run->room_floats,
                      run->sums + chunk * run->sum_floats + group * 16 * run->sums_apart);
}

// begin and end count channels of all groups, one group's after the other's.
static void add_channels(void *context, int64_t begin, int64_t end, int chunk) {
    const WeightRun *run = context;
    for (int64_t group = begin / run->inner; group * run->inner < end; group++)
        for (int64_t block = 0; block < blocks_of(&run->cut); block++)
            add_block(run, group, block, most(begin - group * run->inner, 0),
                      least(end - group * run->inner, run->inner), block == 0,
                      run->room + chunk * run->room_floats,
                      run->sums + group * 16 * run->sums_apart);
}

static void add_sums(void *context, int64_t begin, int64_t end, int chunk) {
    const WeightRun *run = context;
    const float *more = run->sums + run->chunk * run->sum_floats;
    (void)chunk;
    for (int64_t i = begin; i < end; i++) run->sums[i] += more[i];
}

static void turn_taps(void *context, int64_t begin, int64_t end, int chunk) {
    const WeightRun *run = context;
    (void)chunk;
    for (int64_t i = begin; i < end; i++) {
        int64_t group = i / run->outer, row = i % run->outer;
        run->cut.loops->taps(run->sums + group * 16 * run->sums_apart + row * run->inner,
                             run->sums_apart, run->inner, run->weight + i * run->inner * 9);
    }
}

Status winograd_weight(const Convolution *c, const Types *types, const char *grads,
                       const char *images, float *weight) {
    int64_t inner = c->in_channels / c->groups, outer = c->out_channels / c->groups;
    WeightRun run = {.c = c,
                     .images = {.types = types,
                                .channels = inner,
                                .size = {c->size[0], c->size[1]},
                                .before = {c->padding[0], c->padding[1]},
                                .reach = 4,
                                .image_step = c->in_channels * c->size[0] * c->size[1]},
                     .grads = {.types = types,
                               .channels = outer,
                               .size = {c->out[0], c->out[1]},
                               .reach = 2,
                               .image_step = c->out_channels * c->out[0] * c->out[1]},
                     .image_data = images,
                     .grad_data = grads,
                     .inner = inner,
                     .outer = outer,
                     .sums_apart = outer * inner + APART,
                     .sum_floats = c->groups * 16 * (outer * inner + APART),
                     .weight = weight};
    bool wide = types->dtype == RT_F32;
    run.cut = cut_of(c->out, c->batch, ceil_div(c->batch, threads_get()), inner + outer, wide);
    int chunks = parallel_chunks(blocks_of(&run.cut), 1);
    run.share_channels = (chunks - 1) * run.sum_floats > PARTIAL_ELEMENTS;
    if (run.share_channels) {
        run.cut = cut_of(c->out, c->batch, c->batch, inner + outer, wide);
        chunks = parallel_chunks(c->groups * inner, LEAST_CHANNELS);
    }
    run.planes_floats =
        most(planes_floats(&run.cut, &run.images), planes_floats(&run.cut, &run.grads));
    run.room_floats = run.planes_floats + 16 * (inner + outer) * run.cut.columns + GEMM_ROOM;
    run.room = conv_room(run.room_floats * chunks, RT_F32);
    run.sums = conv_room(run.sum_floats * (run.share_channels ? 1 : chunks), RT_F32);
    if (!run.room || !run.sums) return error_code();
    if (run.share_channels)
        parallel_run(c->groups * inner, LEAST_CHANNELS, add_channels, &run);
    else
        parallel_run(blocks_of(&run.cut), 1, add_blocks, &run);
    for (run.chunk = 1; run.chunk < chunks && !run.share_channels; run.chunk++)
        parallel_run(run.sum_floats, 1 << 16, add_sums, &run);
    parallel_run(c->groups * outer, ceil_div(TURN_GRAIN, inner), turn_taps, &run);
    return OK;
}
