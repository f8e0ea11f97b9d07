// cpu/conv_source.h: what the convolutions (conv.c, conv_weight.c) read: images as planes that a
// tap shifts, and, where an image is small, as the columns of a matrix.
#pragma once

#include "cpu/conv.h"
#include "ops/infer_conv.h"

enum {
    STRIP_ELEMENTS = 128 * 1024, // of the source in a strip
    WORK_PER_THREAD = 1 << 20,   // multiplications worth a thread
    // Images with up to so many results a channel are laid out as columns, several at a time.
    COLUMNS_PER_IMAGE = 256,
    COLUMNS_AT_ONCE = 256,
    COLUMNS_ROWS = 32, // fewer result channels do not pay for it
    // More than this in the threads' sums of weights, and threads do not take images, but their share of
    // each sum.
    PARTIAL_ELEMENTS = 1024 * 1024,
};

// f16 and bf16 are computed in f32.
typedef struct Types {
    RtDtype dtype, work;
    size_t size; // bytes of work
    const GemmKernels *kernels;
    void (*spread)(const Spread *spread);
    void (*gather)(const Grid *grid, const int64_t *table, int64_t depth, void *to);
    void (*scatter)(const Grid *grid, int64_t depth, int64_t plane, const void *from);
} Types;

static inline Types types_of(RtDtype dtype) {
    const ConvLoops *loops = ISA_PICK(conv_loops);
    bool wide = dtype == RT_F64;
    return (Types){dtype,
                   wide ? RT_F64 : RT_F32,
                   wide ? 8 : 4,
                   gemm_kernels(dtype),
                   wide ? loops->spread_f64 : loops->spread_f32,
                   wide ? loops->gather_f64 : loops->gather_f32,
                   wide ? loops->scatter_f64 : loops->scatter_f32};
}

static inline int64_t floor_div(int64_t a, int64_t b) {
    return a >= 0 ? a / b : -((-a + b - 1) / b);
}
static inline int64_t ceil_div(int64_t a, int64_t b) { return -floor_div(-a, b); }
static inline int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }
static inline int64_t round_up(int64_t a, int64_t b) { return (a + b - 1) / b * b; }

static inline double conv_work(const Convolution *c) { // multiplications
    return (double)(c->batch * c->out[0] * c->out[1]) * (double)c->out_channels *
           (double)(c->in_channels / c->groups) * (double)(c->kernel[0] * c->kernel[1]);
}

// Room that belongs to the open scope.
void *conv_room(int64_t elements, RtDtype dtype);
// The elements of a contiguous tensor in the type of the work.
const void *conv_in_work(const RtTensor *x, const Types *types);
// A result in f32 where the output is f16 or bf16; the output itself otherwise. conv_hand_over
// brings it there.
void *conv_result(const OpCall *call, const Types *types);
void conv_hand_over(const OpCall *call, const Types *types, const void *result);

// Some channels of an image as planes of `pitch` columns: plane (c, a, b), row r, column x is pixel
// (r · step[0] + a − before[0], x · step[1] + b − before[1]) of channel c, zero outside the image;
// a < phases[0] and b < phases[1], those that a tap falls on.
// A row that is read beyond its end runs into the zeros that the next row begins with, so with a
// step of one the border on the right is not stored; `slack` zeros follow the last plane.
typedef struct Source {
    RtDtype dtype, work;
    int64_t channels, size[2], step[2], phases[2], before[2], pitch, slack;
    bool direct; // the image itself is the plane: nothing is copied
} Source;

int64_t source_planes(const Source *s);
// Rows first … first + rows − 1 of every plane, which have room for `tall` rows.
void source_fill(const Source *s, const void *image, int64_t first, int64_t rows, int64_t tall,
                 void *to);
