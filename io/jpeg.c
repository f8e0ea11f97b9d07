// JPEG files by libjpeg (libjpeg-turbo): from bytes in memory to planes, and back.
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
// after jpeglib.h, which it needs
#include <jerror.h>

#include "io/image.h"
#include "rustorch_plugin.h"

#define MAX_SCANS 500 // a progressive file of a few bytes can ask for work without end

typedef struct Jpeg {
    struct jpeg_error_mgr errors; // first: libjpeg hands back this address
    struct jpeg_progress_mgr progress;
    jmp_buf leave;
    char message[JMSG_LENGTH_MAX];
    struct jpeg_decompress_struct in;
    struct jpeg_compress_struct out;
    uint8_t *row;
    unsigned char *out_bytes; // of libjpeg's malloc
    unsigned long out_n;
} Jpeg;

static void on_error(j_common_ptr common) {
    Jpeg *state = (Jpeg *)common->err;
    common->err->format_message(common, state->message);
    longjmp(state->leave, 1);
}

// Most warnings are about pixels that were made up. These are about bytes that do no harm.
static bool is_harmless(int code) {
    return code == JWRN_EXTRANEOUS_DATA || code == JWRN_ADOBE_XFORM ||
           code == JWRN_BOGUS_PROGRESSION || code == JWRN_JFIF_MAJOR;
}
static void on_message(j_common_ptr common, int level) {
    if (level < 0 && !is_harmless(common->err->msg_code)) common->err->error_exit(common);
}
static void print_nothing(j_common_ptr common) { (void)common; }

static void watch_scans(j_common_ptr common) {
    Jpeg *state = (Jpeg *)common->err;
    if (!common->is_decompressor || ((j_decompress_ptr)common)->input_scan_number <= MAX_SCANS)
        return;
    snprintf(state->message, sizeof state->message, "it has more than %d scans", MAX_SCANS);
    longjmp(state->leave, 1);
}

static struct jpeg_error_mgr *set_up(Jpeg *state) {
    jpeg_std_error(&state->errors);
    state->errors.error_exit = on_error;
    state->errors.emit_message = on_message;
    state->errors.output_message = print_nothing;
    state->progress.progress_monitor = watch_scans;
    return &state->errors;
}

// Reading -----------------------------------------------------------------------------------------

static int orientation_of(const struct jpeg_decompress_struct *in) {
    for (jpeg_saved_marker_ptr marker = in->marker_list; marker; marker = marker->next)
        if (marker->marker == JPEG_APP0 + 1 && marker->data_length > 6 &&
            !memcmp(marker->data, "Exif\0\0", 6))
            return exif_orientation(marker->data + 6, marker->data_length - 6);
    return 1;
}

// CMYK has no exact counterpart: without a colour profile, each ink takes away its part. Adobe's
// files are inverted.
static void cmyk_to_rgb(const struct jpeg_decompress_struct *in, uint8_t *row, int64_t width) {
    uint8_t flip = in->saw_Adobe_marker ? 0 : 255;
    for (int64_t x = 0; x < width; x++) {
        const uint8_t *p = row + 4 * x;
        int k = p[3] ^ flip, rgb[3];
        for (int c = 0; c < 3; c++) rgb[c] = (p[c] ^ flip) * k / 255;
        for (int c = 0; c < 3; c++) row[3 * x + c] = (uint8_t)rgb[c]; // never ahead of what is read
    }
}
static void rgb_to_gray(uint8_t *row, int64_t width) {
    for (int64_t x = 0; x < width; x++)
        row[x] = (uint8_t)((299 * row[3 * x] + 587 * row[3 * x + 1] + 114 * row[3 * x + 2] + 500) /
                           1000);
}

static RtTensor *read_image(Jpeg *state, ImageBytes file, RtImageMode mode, int *out_orientation) {
    struct jpeg_decompress_struct *in = &state->in;
    jpeg_create_decompress(in);
    in->progress = &state->progress;
    jpeg_mem_src(in, file.bytes, file.n);
    jpeg_save_markers(in, JPEG_APP0 + 1, 0xffff);
    jpeg_read_header(in, TRUE);
    *out_orientation = orientation_of(in);
    bool inks = in->num_components == 4;
    int channels = mode == RT_IMAGE_GRAY ? 1 : mode == RT_IMAGE_RGB ? 3 : in->num_components;
    if (in->num_components != 1 && in->num_components != 3 && !inks) {
        fail(ERR_FILE, "a JPEG file of %d components cannot be read", in->num_components);
        return NULL;
    }
    in->out_color_space = inks ? JCS_CMYK : channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    int64_t height = in->image_height, width = in->image_width;
    RtTensor *out = image_new(channels, height, width, RT_U8);
    if (!out) return NULL;
    jpeg_start_decompress(in);
    state->row = mem_alloc(MEM_IO, (size_t)in->output_width * (size_t)in->output_components);
    if (!state->row) return NULL;
    uint8_t *data = rt_tensor_data(out);
    for (int64_t y = 0; y < height; y++) {
        jpeg_read_scanlines(in, &state->row, 1);
        if (inks && channels != 4) cmyk_to_rgb(in, state->row, width);
        if (inks && channels == 1) rgb_to_gray(state->row, width);
        for (int c = 0; c < channels; c++) {
            uint8_t *to = data + (c * height + y) * width;
            for (int64_t x = 0; x < width; x++) to[x] = state->row[x * channels + c];
        }
    }
    jpeg_finish_decompress(in);
    return out;
}

static RtTensor *try_read(Jpeg *state, ImageBytes file, RtImageMode mode, int *out_orientation) {
    if (setjmp(state->leave)) {
        fail(ERR_FILE, "the JPEG file is damaged: %s", state->message);
        return NULL;
    }
    return read_image(state, file, mode, out_orientation);
}

RtTensor *jpeg_decode(ImageBytes file, RtImageMode mode, int *out_orientation) {
    if (mode == RT_IMAGE_GRAY_ALPHA || mode == RT_IMAGE_RGB_ALPHA) {
        fail(ERR_VALUE,
             "a JPEG file has no alpha channel: the modes UNCHANGED, GRAY and RGB are possible");
        return NULL;
    }
    Jpeg state = {0};
    state.in.err = set_up(&state);
    RtTensor *out = try_read(&state, file, mode, out_orientation);
    jpeg_destroy_decompress(&state.in);
    mem_free(MEM_IO, state.row);
    return out;
}

// Writing -----------------------------------------------------------------------------------------

static void write_image(Jpeg *state, const RtTensor *image, int quality) {
    struct jpeg_compress_struct *out = &state->out;
    int channels = (int)image->shape[0];
    int64_t height = image->shape[1], width = image->shape[2];
    const uint8_t *data = rt_tensor_data(image);
    jpeg_create_compress(out);
    jpeg_mem_dest(out, &state->out_bytes, &state->out_n);
    out->image_width = (JDIMENSION)width;
    out->image_height = (JDIMENSION)height;
    out->input_components = channels;
    out->in_color_space = channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_set_defaults(out);
    jpeg_set_quality(out, quality, TRUE);
    jpeg_start_compress(out, TRUE);
    for (int64_t y = 0; y < height; y++) {
        for (int c = 0; c < channels; c++) {
            const uint8_t *from = data + (c * height + y) * width;
            for (int64_t x = 0; x < width; x++) state->row[x * channels + c] = from[x];
        }
        jpeg_write_scanlines(out, &state->row, 1);
    }
    jpeg_finish_compress(out);
}

static Status try_write(Jpeg *state, const RtTensor *image, int quality) {
    if (setjmp(state->leave))
        return fail(ERR_FILE, "the JPEG file could not be written: %s", state->message);
    write_image(state, image, quality);
    return OK;
}

RtTensor *jpeg_encode(RtTensor *image, int quality) {
    Jpeg state = {0};
    RtTensor *out = NULL;
    state.out.err = set_up(&state);
    state.row = mem_alloc(MEM_IO, (size_t)(image->shape[0] * image->shape[2]));
    if (!state.row) return NULL;
    if (try_write(&state, image, quality) >= 0) {
        out = rt_tensor_new(1, (int64_t[]){(int64_t)state.out_n}, RT_U8, (RtDevice){RT_CPU, 0});
        if (out) memcpy(rt_tensor_data(out), state.out_bytes, state.out_n);
    }
    jpeg_destroy_compress(&state.out);
    free(state.out_bytes);
    mem_free(MEM_IO, state.row);
    return out;
}
