// Image files: which format the bytes are of, what may be asked for, and the way to the plug-in.
#include "io/image.h"

#include <string.h>

#include "ops/call.h"
#include "rustorch_plugin.h"

static const char *const format_names[] = {"an image", "PNG", "JPEG"};

static Status open_plugin(ImagePlugin *out) {
    static const RtPluginName name = {
        "image", "image files",
        "libpng16-16 and libjpeg62-turbo (Debian; to build: libpng-dev and libjpeg62-turbo-dev)"};
    return plugin_open(&name, out, sizeof *out);
}

static Status format_of(const uint8_t *bytes, size_t n, RtImageFormat *out) {
    if (n >= 8 && !memcmp(bytes, "\x89PNG\r\n\x1a\n", 8)) {
        *out = RT_IMAGE_PNG;
        return OK;
    }
    if (n >= 3 && !memcmp(bytes, "\xff\xd8\xff", 3)) {
        *out = RT_IMAGE_JPEG;
        return OK;
    }
    if (n == 0) return fail(ERR_FILE, "an image of 0 bytes: the file is empty");
    return fail(ERR_FILE,
                "neither PNG nor JPEG: the %zu bytes begin with %02x %02x %02x %02x; other formats "
                "have to be converted",
                n, bytes[0], n > 1 ? bytes[1] : 0, n > 2 ? bytes[2] : 0, n > 3 ? bytes[3] : 0);
}

RtTensor *rt_image_decode(const void *bytes, size_t n, RtImageFormat format, RtImageMode mode,
                          bool deep, int *out_orientation) {
    ImagePlugin plugin;
    RtImageFormat found = RT_IMAGE_ANY;
    *out_orientation = 1;
    if ((int)mode < 0 || mode >= RT_IMAGE_MODE_COUNT) {
        fail(ERR_VALUE, "an image cannot be read in mode %d: 0 to %d are possible", (int)mode,
             RT_IMAGE_MODE_COUNT - 1);
        return NULL;
    }
    if (format_of(bytes, n, &found) < 0) return NULL;
    if (format != RT_IMAGE_ANY && format != found) {
        fail(ERR_FILE, "%s was expected, the bytes are %s", format_names[format],
             format_names[found]);
        return NULL;
    }
    if (open_plugin(&plugin) < 0) return NULL;
    ImageBytes file = {bytes, n};
    return found == RT_IMAGE_PNG ? plugin.decode_png(file, mode, deep, out_orientation)
                                 : plugin.decode_jpeg(file, mode, out_orientation);
}

static Status check_image(const RtTensor *x, RtImageFormat format) {
    bool png = format == RT_IMAGE_PNG;
    int64_t most = png ? 4 : 3;
    if (x->dtype != RT_U8 && !(png && x->dtype == RT_I32))
        return fail(ERR_DTYPE, "a %s image must be uint8%s, not %s", format_names[format],
                    png ? " (or int32 for 16 bits)" : "", rt_dtype_name((RtDtype)x->dtype));
    if (x->ndim != 3 || x->shape[0] < 1 || x->shape[0] > most || (!png && x->shape[0] == 2))
        return fail(
            ERR_SHAPE,
            "a %s image must have the shape (channels, height, width) with %s channels, not (%s)",
            format_names[format], png ? "1 to 4" : "1 or 3", shape_words(x));
    int64_t side = png ? 1000000 : 65500; // what the libraries take
    if (x->shape[1] < 1 || x->shape[2] < 1 || x->shape[1] > side || x->shape[2] > side)
        return fail(
            ERR_SHAPE,
            "a %s image of %lld × %lld pixels cannot be written: each side must be 1 to %lld",
            format_names[format], (long long)x->shape[1], (long long)x->shape[2], (long long)side);
    return OK;
}

RtTensor *rt_image_encode(RtTensor *image, RtImageFormat format, int level) {
    ImagePlugin plugin;
    bool png = format == RT_IMAGE_PNG;
    if (!image) return NULL;
    if (check_image(image, format) < 0) return NULL;
    if (png ? level < 0 || level > 9 : level < 1 || level > 100) {
        if (png)
            fail(ERR_VALUE, "Compression level should be between 0 and 9, got %d", level);
        else
            fail(ERR_VALUE, "Image quality should be a positive number between 1 and 100, got %d",
                 level);
        return NULL;
    }
    RtTensor *x = rt_contiguous(image);
    if (!x || open_plugin(&plugin) < 0) return NULL;
    return png ? plugin.encode_png(x, level) : plugin.encode_jpeg(x, level);
}
