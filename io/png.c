// PNG files by libpng: from bytes in memory to planes, and back.
#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include "io/image.h"
#include "rustorch_plugin.h"

#define DEFLATE_RATIO 1032 // the most that a byte of zlib data can stand for

typedef struct Png {
    png_structp png;
    png_infop info;
    ImageBytes file;
    size_t at;
    uint8_t *rows; // one, or all of an interlaced image
    png_bytep *places;
    uint8_t *out_bytes; // of a file that is written
    size_t out_n, out_room;
    char message[200];
} Png;

// png_error must not return: the jump leads to the function that holds the buffers.
static void on_error(png_structp png, png_const_charp text) {
    Png *state = png_get_error_ptr(png);
    snprintf(state->message, sizeof state->message, "%s", text);
    png_longjmp(png, 1);
}
static void on_warning(png_structp png, png_const_charp text) { (void)png, (void)text; }

// Reading -----------------------------------------------------------------------------------------

static void read_bytes(png_structp png, png_bytep out, size_t n) {
    Png *state = png_get_io_ptr(png);
    if (n > state->file.n - state->at) png_error(png, "the file is cut");
    memcpy(out, state->file.bytes + state->at, n);
    state->at += n;
}

// Has libpng turn the file's pixels into the channels wanted, 8 or 16 bits each.
static void choose_channels(Png *state, RtImageMode mode, bool deep) {
    png_structp png = state->png;
    int type = png_get_color_type(png, state->info), bits = png_get_bit_depth(png, state->info);
    bool alpha = (type & PNG_COLOR_MASK_ALPHA) != 0, colour = (type & PNG_COLOR_MASK_COLOR) != 0;
    if (type == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png);
    if (type == PNG_COLOR_TYPE_GRAY && bits < 8) png_set_expand_gray_1_2_4_to_8(png);
    if (png_get_valid(png, state->info, PNG_INFO_tRNS)) {
        png_set_tRNS_to_alpha(png);
        alpha = true;
    }
    if (bits == 16) {
        if (deep)
            png_set_swap(png); // files are big-endian
        else
            png_set_scale_16(png);
    }
    if (mode == RT_IMAGE_UNCHANGED) return;
    bool want_colour = mode == RT_IMAGE_RGB || mode == RT_IMAGE_RGB_ALPHA;
    bool want_alpha = mode == RT_IMAGE_GRAY_ALPHA || mode == RT_IMAGE_RGB_ALPHA;
    if (want_colour && !colour) png_set_gray_to_rgb(png);
    if (!want_colour && colour)
        png_set_rgb_to_gray(png, PNG_ERROR_ACTION_NONE, 0.2989, 0.587); // ITU-R BT.601
    if (want_alpha && !alpha)
        png_set_add_alpha(png, bits == 16 && deep ? 0xffff : 0xff, PNG_FILLER_AFTER);
    if (!want_alpha && alpha) png_set_strip_alpha(png);
}

static void row_to_planes(RtTensor *out, int64_t y, const uint8_t *row) {
    int64_t channels = out->shape[0], width = out->shape[2], plane = out->shape[1] * width;
    for (int64_t c = 0; c < channels; c++) {
        int64_t to = c * plane + y * width;
        if (out->dtype == RT_U8) {
            uint8_t *p = (uint8_t *)rt_tensor_data(out) + to;
            for (int64_t x = 0; x < width; x++) p[x] = row[x * channels + c];
        } else {
            int32_t *p = (int32_t *)rt_tensor_data(out) + to;
            const uint16_t *wide = (const uint16_t *)row; // rows are 16-byte aligned
            for (int64_t x = 0; x < width; x++) p[x] = wide[x * channels + c];
        }
    }
}

static RtTensor *read_image(Png *state, RtImageMode mode, bool deep, int *out_orientation) {
    png_structp png = state->png;
    png_set_read_fn(png, state, read_bytes);
    png_read_info(png, state->info);
    int64_t height = png_get_image_height(png, state->info),
            width = png_get_image_width(png, state->info);
    if ((double)png_get_rowbytes(png, state->info) * (double)height >
        (double)state->file.n * DEFLATE_RATIO + 4096)
        png_error(png, "the header claims more pixels than the file can hold");
    choose_channels(state, mode, deep);
    int passes = png_set_interlace_handling(png);
    png_read_update_info(png, state->info);
    bool wide = png_get_bit_depth(png, state->info) == 16;
    RtTensor *out =
        image_new(png_get_channels(png, state->info), height, width, wide ? RT_I32 : RT_U8);
    if (!out) return NULL;
    size_t row_bytes = png_get_rowbytes(png, state->info), step = (row_bytes + 15) & ~(size_t)15;
    state->rows = mem_alloc(MEM_IO, step * (passes > 1 ? (size_t)height : 1));
    if (!state->rows) return NULL;
    for (int pass = 0; pass < passes; pass++)
        for (int64_t y = 0; y < height; y++) {
            uint8_t *row = state->rows + (passes > 1 ? step * (size_t)y : 0);
            png_read_row(png, row, NULL);
            if (pass == passes - 1) row_to_planes(out, y, row);
        }
    png_read_end(png, state->info);
#ifdef PNG_eXIf_SUPPORTED
    png_bytep exif = NULL;
    png_uint_32 n = 0;
    if (png_get_eXIf_1(png, state->info, &n, &exif)) *out_orientation = exif_orientation(exif, n);
#endif
    return out;
}

static RtTensor *try_read(Png *state, RtImageMode mode, bool deep, int *out_orientation) {
    if (setjmp(png_jmpbuf(state->png))) {
        fail(ERR_FILE, "the PNG file is damaged: %s", state->message);
        return NULL;
    }
    return read_image(state, mode, deep, out_orientation);
}

RtTensor *png_decode(ImageBytes file, RtImageMode mode, bool deep, int *out_orientation) {
    Png state = {.file = file};
    RtTensor *out = NULL;
    state.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &state, on_error, on_warning);
    if (state.png) state.info = png_create_info_struct(state.png);
    if (state.info)
        out = try_read(&state, mode, deep, out_orientation);
    else
        fail(ERR_MEMORY, "libpng could not be set up");
    mem_free(MEM_IO, state.rows);
    png_destroy_read_struct(&state.png, &state.info, NULL);
    return out;
}

// Writing -----------------------------------------------------------------------------------------

static void write_bytes(png_structp png, png_bytep bytes, size_t n) {
    Png *state = png_get_io_ptr(png);
    if (n > state->out_room - state->out_n) {
        size_t room = state->out_room + state->out_room / 2 + n + 4096;
        uint8_t *larger = mem_resize(MEM_IO, state->out_bytes, room);
        if (!larger) png_error(png, "memory");
        state->out_bytes = larger;
        state->out_room = room;
    }
    memcpy(state->out_bytes + state->out_n, bytes, n);
    state->out_n += n;
}
static void flush_bytes(png_structp png) { (void)png; }

static void planes_to_row(const RtTensor *image, int64_t y, uint8_t *row) {
    int64_t channels = image->shape[0], width = image->shape[2], plane = image->shape[1] * width;
    for (int64_t c = 0; c < channels; c++) {
        int64_t from = c * plane + y * width;
        if (image->dtype == RT_U8) {
            const uint8_t *p = (const uint8_t *)rt_tensor_data(image) + from;
            for (int64_t x = 0; x < width; x++) row[x * channels + c] = p[x];
        } else {
            const int32_t *p = (const int32_t *)rt_tensor_data(image) + from;
            for (int64_t x = 0; x < width; x++)
                ((uint16_t *)row)[x * channels + c] = (uint16_t)p[x];
        }
    }
}

static void write_image(Png *state, const RtTensor *image, int level) {
    static const int types[] = {0, PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA,
                                PNG_COLOR_TYPE_RGB, PNG_COLOR_TYPE_RGB_ALPHA};
    png_structp png = state->png;
    bool wide = image->dtype == RT_I32;
    int64_t height = image->shape[1];
    png_set_write_fn(png, state, write_bytes, flush_bytes);
    png_set_compression_level(png, level);
    png_set_IHDR(png, state->info, (png_uint_32)image->shape[2], (png_uint_32)height, wide ? 16 : 8,
                 types[image->shape[0]], PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png, state->info);
    if (wide) png_set_swap(png);
    for (int64_t y = 0; y < height; y++) {
        planes_to_row(image, y, state->rows);
        png_write_row(png, state->rows);
    }
    png_write_end(png, state->info);
}

static Status try_write(Png *state, const RtTensor *image, int level) {
    if (setjmp(png_jmpbuf(state->png)))
        return error_code() == ERR_MEMORY
                   ? ERR_MEMORY
                   : fail(ERR_FILE, "the PNG file could not be written: %s", state->message);
    write_image(state, image, level);
    return OK;
}

static Status check_values(const RtTensor *image) {
    const int32_t *p = rt_tensor_data(image);
    for (int64_t i = 0; image->dtype == RT_I32 && i < image->numel; i++)
        if (p[i] < 0 || p[i] > 65535)
            return fail(ERR_VALUE, "a 16-bit PNG holds values from 0 to 65535, not %d", p[i]);
    return OK;
}

RtTensor *png_encode(RtTensor *image, int level) {
    Png state = {0};
    RtTensor *out = NULL;
    if (check_values(image) < 0) return NULL;
    error_clear(); // try_write asks whether memory was what failed
    state.rows = mem_alloc(MEM_IO, (size_t)(image->shape[0] * image->shape[2]) *
                                       (image->dtype == RT_I32 ? 2 : 1));
    if (!state.rows) return NULL;
    state.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &state, on_error, on_warning);
    if (state.png) state.info = png_create_info_struct(state.png);
    if (!state.info)
        fail(ERR_MEMORY, "libpng could not be set up");
    else if (try_write(&state, image, level) >= 0) {
        out = rt_tensor_new(1, (int64_t[]){(int64_t)state.out_n}, RT_U8, (RtDevice){RT_CPU, 0});
        if (out) memcpy(rt_tensor_data(out), state.out_bytes, state.out_n);
    }
    png_destroy_write_struct(&state.png, &state.info);
    mem_free(MEM_IO, state.out_bytes);
    mem_free(MEM_IO, state.rows);
    return out;
}
