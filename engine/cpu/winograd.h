// cpu/winograd.h: convolutions of 3 × 3 taps in steps of one, in 16 multiplications for each 2 × 2
// results instead of 36 (Winograd's minimal filtering; Lavin and Gray, "Fast Algorithms for
// Convolutional Neural Networks", 2015).
//
// An image is cut into tiles of 4 × 4 pixels, two apart. Tile, filter and result are turned into
// 16 numbers each, in which the convolution is a product number by number, summed over channels:
// 16 products of matrices (results' channels × channels) · (channels × tiles). Turning takes sums
// and halves only. Sums of four numbers come before the products and after them, but those over
// channels are nine times shorter: a result is off by about as much as the sum of all taps would be.
//
// The gradient of the weight is the same trilinear form read another way: tiles of the image times
// 2 × 2 tiles of the gradient, summed over tiles, turned into 3 × 3 taps at the end.
#pragma once

#include "cpu/conv_source.h"

// Turns tiles of one channel; `apart` lies between the 16 numbers of a tile or a filter.
//
// By rows: vectors are neighbours in a row of `width` tiles, from plane on, in an image that is
// `pitch` wide. A row is written in whole vectors: what goes beyond its end is overwritten by the
// next one.
//
// By lanes, for small images: each lane is an image. Pixels lie in room as vectors, those of a tile
// where places say; tile i is column first + i. Columns lie in pairs, `sliver` apart.
typedef void (*TurnRows)(const float *plane, int64_t pitch, int64_t rows, int64_t width, float *to,
                         int64_t apart);
typedef void (*TurnLanes)(const float *room, const int32_t *places, int64_t first, int64_t tiles,
                          float *to, int64_t sliver, int64_t apart);
typedef struct WinogradLoops {
    int64_t lanes;
    TurnRows image, grad; // of 4 × 4 pixels, of 2 × 2
    // Back to 2 × 2 results a tile, in an image of height × columns results, plus bias.
    void (*result)(const float *from, int64_t apart, int64_t rows, int64_t width, float bias,
                   float *to, int64_t height, int64_t columns);
    TurnLanes image_lanes, grad_lanes;
    void (*result_lanes)(const float *from, int64_t apart, int64_t tiles, float bias,
                         const int32_t *places, float *room);
    // n filters of nine taps, `step` apart; flip: mirrored.
    void (*filters)(const float *from, int64_t step, int64_t n, bool flip, float *to,
                    int64_t apart);
    // Back to nine taps each.
    void (*taps)(const float *from, int64_t apart, int64_t n, float *to);
} WinogradLoops;
ISA_DECLARE(WinogradLoops, winograd_loops);

// A convolution, or the gradient of its input, which is one with mirrored taps over the gradient.
typedef struct Winograd {
    Types types;
    int64_t batch, groups, inner, outer; // channels of a group that are read, and of results
    int64_t size[2], before[2], out[2];  // of an image, its border, of a result
    const char *images;                  // (batch, groups, inner, size) of types.dtype
    const float *weight;                 // filter (group, result, channel) lies at the sum of:
    int64_t group_step, outer_step, inner_step;
    bool flip;
    const float *bias; // (groups, outer), or NULL
    float *results;    // (batch, groups, outer, out)
} Winograd;

// Whether it is the faster way for these results: the filters must be 3 × 3 in steps of one, there
// must be channels enough for products, and tiles enough for the filters to be worth turning.
bool winograd_fits(const Convolution *c, const Types *types, const int64_t results[2]);
Status winograd_run(const Winograd *w);
// weight (groups, out_channels / groups, in_channels / groups, 9) from gradients and images of the
// dtype.
Status winograd_weight(const Convolution *c, const Types *types, const char *grads,
                       const char *images, float *weight);
