#include "cpu/loops.h"

#include <string.h>

#include "cpu/convert.h"

// Rows of the innermost dimension at least this long are worked on one by one; shorter ones are
// gathered into tiles.
#define ROW_MIN 64
#define TILE_BYTES (LOOP_TILE * 8)

typedef enum OperandMode {
    MODE_FLAT,    // contiguous over the whole loop
    MODE_ONE,     // one element everywhere
    MODE_STRIDED, // anything else
} OperandMode;

typedef struct Operand {
    char *data;
    int64_t stride[RT_MAX_DIMS]; // in elements
    RtDtype dtype, work;
    size_t bytes; // of an element of dtype
    OperandMode mode;
} Operand;

typedef struct Walk {
    const Loop *loop;
    int n, ndim; // operands; dimensions after merging
    int64_t dim[RT_MAX_DIMS];
    Operand op[LOOP_MAX];
    bool rows;  // a run ends where the innermost dimension ends
    bool tiled; // some operand goes through a tile
} Walk;

// ------------------------------------------------------------------------------- the plain case

typedef struct Plain {
    const Loop *loop;
    char *data[LOOP_MAX];
    size_t bytes[LOOP_MAX];
} Plain;

static void plain_body(void *context, int64_t begin, int64_t end, int chunk) {
    (void)chunk;
    const Plain *plain = context;
    char *p[LOOP_MAX];
    int n = plain->loop->nout + plain->loop->nin;
    for (int i = 0; i < n; i++) p[i] = plain->data[i] + (size_t)begin * plain->bytes[i];
    plain->loop->inner(p, end - begin, begin, plain->loop->context);
}

// All operands contiguous, of the working dtype and of one size, or, for little work, of one
// element: no preparation at all. False: it is not that case.
static bool run_plain(const Loop *loop, int64_t numel, int64_t grain) {
    enum { SMALL = 64 };
    Plain plain = {.loop = loop};
    _Alignas(64) char room[LOOP_MAX][SMALL * 8];
    int n = loop->nout + loop->nin;
    for (int i = 0; i < n; i++) {
        const RtTensor *x = loop->operand[i];
        if (x->dtype != (int8_t)loop->work[i]) return false;
        size_t bytes = plain.bytes[i] = rt_dtype_bytes((RtDtype)x->dtype);
        plain.data[i] = (char *)x->storage->data + x->offset * (int64_t)bytes;
        if (x->numel == numel && rt_tensor_is_contiguous(x)) continue;
        if (x->numel != 1 || numel > SMALL || i < loop->nout) return false;
        fill_run(room[i], plain.data[i], bytes, numel);
        plain.data[i] = room[i];
    }
    if (numel < 2 * grain)
        loop->inner(plain.data, numel, 0, loop->context);
    else
        parallel_run(numel, grain, plain_body, &plain);
    return true;
}

// ---------------------------------------------------------------------------------- preparation

// Strides of x against the shape dim: 0 where x is broadcast.
static void broadcast_strides(Operand *op, const RtTensor *x, int ndim, const int64_t *dim) {
    for (int i = 0; i < ndim; i++) {
        int j = i - (ndim - x->ndim);
        op->stride[i] = j < 0 || (x->shape[j] == 1 && dim[i] != 1) ? 0 : x->stride[j];
    }
}

static void swap_dims(Walk *walk, int a, int b) {
    int64_t dim = walk->dim[a];
    walk->dim[a] = walk->dim[b];
    walk->dim[b] = dim;
    for (int i = 0; i < walk->n; i++) {
        int64_t stride = walk->op[i].stride[a];
        walk->op[i].stride[a] = walk->op[i].stride[b];
        walk->op[i].stride[b] = stride;
    }
}

static int64_t magnitude(int64_t stride) { return stride < 0 ? -stride : stride; }

// Visits the dimensions in the order in which the first operand lies in memory: x.t().mul_(2) runs
// along rows of x.
static void sort_dims(Walk *walk) {
    const int64_t *stride = walk->op[0].stride;
    for (int i = 1; i < walk->ndim; i++)
        for (int j = i;
             j > 0 && magnitude(stride[j - 1]) < magnitude(stride[j]) && stride[j - 1] != 0; j--)
            swap_dims(walk, j - 1, j);
}

static void merge_dims(Walk *walk) {
    int kept = 0; // dimensions of size 1 go, neighbours that lie behind one another become one
    for (int i = 0; i < walk->ndim; i++) {
        if (walk->dim[i] == 1) continue;
        bool joins = kept > 0;
        for (int k = 0; k < walk->n && joins; k++)
            joins = walk->op[k].stride[kept - 1] == walk->op[k].stride[i] * walk->dim[i];
        int at = joins ? kept - 1 : kept++;
        walk->dim[at] = joins ? walk->dim[at] * walk->dim[i] : walk->dim[i];
        for (int k = 0; k < walk->n; k++) walk->op[k].stride[at] = walk->op[k].stride[i];
    }
    if (kept == 0) {
        walk->dim[0] = 1;
        for (int k = 0; k < walk->n; k++) walk->op[k].stride[0] = 1;
        kept = 1;
    }
    walk->ndim = kept;
}

static OperandMode mode_of(const Walk *walk, const Operand *op) {
    int64_t next = 1;
    bool flat = true, one = true;
    for (int i = walk->ndim - 1; i >= 0; i--) {
        flat = flat && op->stride[i] == next;
        one = one && op->stride[i] == 0;
        next *= walk->dim[i];
    }
    return flat ? MODE_FLAT : one ? MODE_ONE : MODE_STRIDED;
}

static void prepare(Walk *walk, const Loop *loop) {
    const RtTensor *lead = loop->operand[0];
    walk->loop = loop;
    walk->n = loop->nout + loop->nin;
    walk->ndim = lead->ndim;
    memcpy(walk->dim, lead->shape, (size_t)lead->ndim * sizeof *walk->dim);
    for (int i = 0; i < walk->n; i++) {
        const RtTensor *x = loop->operand[i];
        Operand *op = &walk->op[i];
        op->dtype = (RtDtype)x->dtype;
        op->work = loop->work[i];
        op->bytes = rt_dtype_bytes(op->dtype);
        op->data = (char *)x->storage->data + x->offset * (int64_t)op->bytes;
        broadcast_strides(op, x, walk->ndim, walk->dim);
    }
    if (!loop->in_order) sort_dims(walk);
    merge_dims(walk);
    walk->rows = walk->ndim > 1 && walk->dim[walk->ndim - 1] >= ROW_MIN;
    walk->tiled = false;
    for (int i = 0; i < walk->n; i++) {
        Operand *op = &walk->op[i];
        op->mode = mode_of(walk, op);
        bool direct = op->dtype == op->work &&
                      (op->mode == MODE_FLAT ||
                       (op->mode == MODE_STRIDED && walk->rows && op->stride[walk->ndim - 1] == 1));
        walk->tiled = walk->tiled || !direct;
    }
}

// ----------------------------------------------------------------------------- the general case

// Where a run stands: its index in the merged dimensions.
typedef struct Place {
    int64_t index[RT_MAX_DIMS];
} Place;

static void place_set(const Walk *walk, Place *place, int64_t position) {
    for (int i = walk->ndim - 1; i >= 0; i--) {
        place->index[i] = position % walk->dim[i];
        position /= walk->dim[i];
    }
}

static void place_advance(const Walk *walk, Place *place, int64_t n) {
    int last = walk->ndim - 1;
    place->index[last] += n;
    if (place->index[last] < walk->dim[last]) return;
    int64_t carry = place->index[last] / walk->dim[last];
    place->index[last] %= walk->dim[last];
    for (int i = last - 1; i >= 0 && carry; i--) {
        int64_t sum = place->index[i] + carry;
        carry = sum / walk->dim[i];
        place->index[i] = sum % walk->dim[i];
    }
}

static int64_t place_offset(const Walk *walk, const Operand *op, const Place *place) {
    int64_t offset = 0;
    for (int i = 0; i < walk->ndim; i++) offset += place->index[i] * op->stride[i];
    return offset;
}

// One run along the innermost dimension.
static void move_row(const Operand *op, char *data, int64_t stride, char *tile, int64_t n,
                     bool gather) {
    if (!gather) {
        convert_scatter(data, op->dtype, stride, tile, op->work, n);
    } else if (stride == 0) {
        char element[8];
        convert_run(element, op->work, data, op->dtype, 1);
        fill_run(tile, element, rt_dtype_bytes(op->work), n);
    } else {
        convert_gather(tile, op->work, data, op->dtype, stride, n);
    }
}

// The next n elements of op, from place on, to or from contiguous elements of dtype op->work.
static void move_run(const Walk *walk, const Operand *op, Place place, char *tile, int64_t n,
                     bool gather) {
    int last = walk->ndim - 1;
    int64_t bytes = (int64_t)op->bytes, work_bytes = (int64_t)rt_dtype_bytes(op->work),
            column = place.index[last];
    char *row = op->data + (place_offset(walk, op, &place) - column * op->stride[last]) * bytes;
    for (;;) {
        int64_t run = walk->dim[last] - column < n ? walk->dim[last] - column : n;
        move_row(op, row + column * op->stride[last] * bytes, op->stride[last], tile, run, gather);
        n -= run;
        if (n == 0) return;
        tile += run * work_bytes;
        column = place.index[last] = 0;
        row += op->stride[last - 1] * bytes;
        int i = last - 1;
        while (++place.index[i] == walk->dim[i] && i > 0) {
            place.index[i] = 0;
            row += (op->stride[i - 1] - op->stride[i] * walk->dim[i]) * bytes;
            i--;
        }
    }
}

// The address of the next n elements for the inner function; an input is loaded into the tile where
// it has to be.
static char *run_address(const Walk *walk, int i, const Place *place, int64_t position, int64_t n,
                         char *tile) {
    const Operand *op = &walk->op[i];
    bool input = i >= walk->loop->nout;
    int last = walk->ndim - 1;
    if (op->mode == MODE_ONE && input) return tile; // filled before
    if (op->mode == MODE_FLAT) {
        char *data = op->data + position * (int64_t)op->bytes;
        if (op->dtype == op->work) return data;
        if (input) convert_run(tile, op->work, data, op->dtype, n);
        return tile;
    }
    if (walk->rows && op->stride[last] == 1 && op->dtype == op->work)
        return op->data + place_offset(walk, op, place) * (int64_t)op->bytes;
    if (input) move_run(walk, op, *place, tile, n, true);
    return tile;
}

static void store_tile(const Walk *walk, int i, const Place *place, int64_t position, int64_t n,
                       char *tile) {
    const Operand *op = &walk->op[i];
    if (op->mode == MODE_FLAT)
        convert_run(op->data + position * (int64_t)op->bytes, op->dtype, tile, op->work, n);
    else
        move_run(walk, op, *place, tile, n, false);
}

static void walk_body(void *context, int64_t begin, int64_t end, int chunk) {
    (void)chunk;
    const Walk *walk = context;
    _Alignas(64) char tile[LOOP_MAX][TILE_BYTES];
    char *p[LOOP_MAX];
    int last = walk->ndim - 1;
    for (int i = walk->loop->nout; i < walk->n; i++) {
        const Operand *op = &walk->op[i];
        if (op->mode != MODE_ONE) continue;
        char element[8];
        convert_run(element, op->work, op->data, op->dtype, 1);
        fill_run(tile[i], element, rt_dtype_bytes(op->work),
                 end - begin < LOOP_TILE ? end - begin : LOOP_TILE);
    }
    Place place;
    place_set(walk, &place, begin);
    for (int64_t at = begin; at < end;) {
        int64_t n = end - at;
        if (walk->tiled && n > LOOP_TILE) n = LOOP_TILE;
        if (walk->rows && n > walk->dim[last] - place.index[last])
            n = walk->dim[last] - place.index[last];
        for (int i = 0; i < walk->n; i++) p[i] = run_address(walk, i, &place, at, n, tile[i]);
        walk->loop->inner(p, n, at, walk->loop->context);
        for (int i = 0; i < walk->loop->nout; i++)
            if (p[i] == tile[i]) store_tile(walk, i, &place, at, n, tile[i]);
        at += n;
        if (at < end) place_advance(walk, &place, n);
    }
}

void loop_run(const Loop *loop) {
    int64_t numel = loop->operand[0]->numel;
    if (numel == 0) return;
    int64_t grain = loop->grain ? loop->grain : PARALLEL_GRAIN;
    if (run_plain(loop, numel, grain)) return;
    Walk walk;
    prepare(&walk, loop);
    parallel_run(numel, grain, walk_body, &walk);
}

void loop_call(const OpCall *call, LoopInner inner, RtDtype out_work, const void *context,
               int64_t grain) {
    Loop loop;
    loop.inner = inner;
    loop.context = context;
    loop.nout = 1;
    loop.nin = call->nin;
    loop.operand[0] = call->out[0];
    loop.work[0] = out_work;
    for (int i = 0; i < call->nin; i++) {
        loop.operand[i + 1] = call->in[i];
        loop.work[i + 1] = dtype_work((RtDtype)call->in[i]->dtype);
    }
    loop.grain = grain;
    loop.in_order = false;
    loop_run(&loop);
}
