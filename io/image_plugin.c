// The image plug-in's entry, and what its two formats share.
#include "io/image.h"

#include "rustorch_plugin.h"

RtTensor *image_new(int64_t channels, int64_t height, int64_t width, RtDtype dtype) {
    if (height < 1 || width < 1 || height > IMAGE_MAX_PIXELS / width) {
        fail(ERR_FILE,
             "the file claims an image of %lld × %lld pixels: up to %lld in all can be read",
             (long long)height, (long long)width, (long long)IMAGE_MAX_PIXELS);
        return NULL;
    }
    return rt_tensor_new(3, (int64_t[]){channels, height, width}, dtype, (RtDevice){RT_CPU, 0});
}

static unsigned number_at(const uint8_t *bytes, int width, bool little) {
    unsigned value = 0;
    for (int i = 0; i < width; i++)
        value |= (unsigned)bytes[i] << (8 * (little ? i : width - 1 - i));
    return value;
}

// TIFF 6.0: byte order, 42, place of the first directory; a directory is a count and entries of 12
// bytes.
int exif_orientation(const uint8_t *bytes, size_t n) {
    if (n < 8 || (bytes[0] != 'I' && bytes[0] != 'M') || bytes[1] != bytes[0]) return 1;
    bool little = bytes[0] == 'I';
    size_t at = number_at(bytes + 4, 4, little);
    if (number_at(bytes + 2, 2, little) != 42 || at > n - 2) return 1;
    size_t count = number_at(bytes + at, 2, little);
    for (at += 2; count > 0 && n - at >= 12; count--, at += 12) {
        if (number_at(bytes + at, 2, little) != 0x0112) continue;
        unsigned value = number_at(bytes + at + 8, 2, little);
        return number_at(bytes + at + 2, 2, little) == 3 && value >= 1 && value <= 8 ? (int)value
                                                                                     : 1;
    }
    return 1;
}

RT_API Status rt_plugin(void *vtable, size_t bytes);
Status rt_plugin(void *vtable, size_t bytes) {
    if (bytes != sizeof(ImagePlugin))
        return fail(ERR_PLUGIN, "the image plug-in is of another build of rustorch");
    *(ImagePlugin *)vtable = (ImagePlugin){png_decode, jpeg_decode, png_encode, jpeg_encode};
    return OK;
}
