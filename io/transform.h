// transform.h: what the image transforms share (transform.c: planes and dtypes; geometry.c,
// resample.c, colour.c).
//
// An Images is a tensor seen as `nplanes` planes (height, width), each with strides of its own; a
// kernel writes a new contiguous tensor. images_open checks the input, and brings dtypes that have
// no kernel of their own to float32.
#pragma once

#include "io/io.h"

// For loops that the compiler vectorises: compiled for AVX2 as well. Without FMA, so that the bits
// are the same. Sanitizers run before the choice between the two can be made.
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define IMAGE_FAST __attribute__((target_clones("avx2", "default")))
#else
#define IMAGE_FAST
#endif

// Of the functions that each_type.inc made, the one for a dtype.
#define IMAGE_PICK(name_, dtype_)                                                                  \
    ((dtype_) == RT_U8 ? name_##_uint8_t : (dtype_) == RT_F32 ? name_##_float : name_##_double)

typedef struct Images {
    RtTensor *x; // in the dtype of computation
    RtDtype given;
    int64_t nplanes, height, width;
    int64_t row_stride, column_stride; // in elements
} Images;

// name: of the function, for messages. any_dtype: the kernel moves elements without looking at
// them. ndim_least: 2, or 3 where channels have a meaning.
Status images_open(Images *images, RtTensor *x, const char *name, int ndim_least, bool any_dtype);
const void *images_plane(const Images *images, int64_t plane); // address of its first element
int64_t
images_channels(const Images *images); // the third dimension from the end; 1 if there is none
// A new tensor with the leading dimensions of the images.
RtTensor *images_like(const Images *images, int64_t height, int64_t width);
// The result in the dtype of the input: floats are rounded to integers. NULL in: NULL out.
RtTensor *images_finish(const Images *images, RtTensor *result);
// nfill must be 0, 1 or the number of channels.
Status images_check_fill(const Images *images, const char *name, int nfill);

// Items worth a thread when each costs `work` simple steps.
int64_t images_grain(int64_t work);

// geometry.c: the source row and column of every output pixel, without interpolation.
RtTensor *resize_nearest(const Images *images, int64_t height, int64_t width, bool exact);
