// image.h: between the core (image.c: which format, limits) and the image plug-in (png.c, jpeg.c:
// the libraries).
//
// The libraries report errors by jumping; no jump leaves a function of the plug-in. Nothing that a
// file says is believed before it was compared with how long the file is.
#pragma once

#include "io/io.h"

// Larger images are refused: a few bytes of JPEG may claim as much as they like.
#define IMAGE_MAX_PIXELS (INT64_C(1) << 28)

typedef struct ImageBytes {
    const uint8_t *bytes;
    size_t n;
} ImageBytes;

typedef struct ImagePlugin {
    RtTensor *(*decode_png)(ImageBytes file, RtImageMode mode, bool deep, int *out_orientation);
    RtTensor *(*decode_jpeg)(ImageBytes file, RtImageMode mode, int *out_orientation);
    RtTensor *(*encode_png)(RtTensor *image, int level); // image: contiguous (C, H, W), checked
    RtTensor *(*encode_jpeg)(RtTensor *image, int quality);
} ImagePlugin;

// Within the plug-in.
RtTensor *png_decode(ImageBytes file, RtImageMode mode, bool deep, int *out_orientation);
RtTensor *jpeg_decode(ImageBytes file, RtImageMode mode, int *out_orientation);
RtTensor *png_encode(RtTensor *image, int level);
RtTensor *jpeg_encode(RtTensor *image, int quality);
// The orientation in the TIFF structure of EXIF data; 1 if there is none that makes sense.
int exif_orientation(const uint8_t *bytes, size_t n);
// A new image (channels, height, width), or NULL where it would be too large.
RtTensor *image_new(int64_t channels, int64_t height, int64_t width, RtDtype dtype);
