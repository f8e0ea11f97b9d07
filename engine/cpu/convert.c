#include "cpu/convert.h"

#include <string.h>

#include "cpu/isa.h"
#include "cpu/loops.h"

ISA_DECLARE(ConvertLoops, convert_loops);

float f32_of_f16(RtF16 x) {
    float y;
    convert_loops_baseline.run[RT_F16][RT_F32](&y, &x, 1);
    return y;
}

RtF16 f16_of_f32(float x) {
    RtF16 y;
    convert_loops_baseline.run[RT_F32][RT_F16](&y, &x, 1);
    return y;
}

void convert_run(void *to, RtDtype to_dtype, const void *from, RtDtype from_dtype, int64_t n) {
    if (n <= 0) return;
    if (to_dtype == from_dtype)
        memcpy(to, from, (size_t)n * rt_dtype_bytes(to_dtype));
    else
        ISA_PICK(convert_loops)->run[from_dtype][to_dtype](to, from, n);
}

#define COPY(type_)                                                                                \
    for (int64_t i = 0; i < n; i++)                                                                \
    memcpy((char *)to + i * to_stride, (const char *)from + i * from_stride, sizeof(type_))

void copy_strided(void *to, int64_t to_stride, const void *from, int64_t from_stride, int64_t n,
                  size_t bytes) {
    if (to_stride == (int64_t)bytes && from_stride == (int64_t)bytes) {
        memcpy(to, from, (size_t)n * bytes);
        return;
    }
    switch (bytes) {
    case 1: COPY(uint8_t); break;
    case 2: COPY(uint16_t); break;
    case 4: COPY(uint32_t); break;
    default: COPY(uint64_t);
    }
}

void fill_run(void *to, const void *element, size_t bytes, int64_t n) {
    size_t total = (size_t)n * bytes;
    uint64_t word = 0; // the element as often as eight bytes hold it (little-endian)
    memcpy(&word, element, bytes);
    word *= bytes == 1   ? 0x0101010101010101u
            : bytes == 2 ? 0x0001000100010001u
            : bytes == 4 ? 0x0000000100000001u
                         : 1;
    if (word == 0) {
        memset(to, 0, total);
        return;
    }
    const uint64_t pattern[8] = {word, word, word, word, word, word, word, word};
    char *y = to;
    for (; total >= sizeof pattern; total -= sizeof pattern, y += sizeof pattern)
        memcpy(y, pattern, sizeof pattern);
    memcpy(y, pattern, total);
}

void convert_gather(void *to, RtDtype to_dtype, const void *from, RtDtype from_dtype,
                    int64_t stride, int64_t n) {
    size_t bytes = rt_dtype_bytes(from_dtype), to_bytes = rt_dtype_bytes(to_dtype);
    if (to_dtype == from_dtype) {
        copy_strided(to, (int64_t)bytes, from, stride * (int64_t)bytes, n, bytes);
        return;
    }
    if (stride == 1) {
        convert_run(to, to_dtype, from, from_dtype, n);
        return;
    }
    _Alignas(64) char room[LOOP_TILE * 8];
    for (int64_t at = 0; at < n; at += LOOP_TILE) {
        int64_t part = n - at < LOOP_TILE ? n - at : LOOP_TILE;
        const char *source = (const char *)from + at * stride * (int64_t)bytes;
        copy_strided(room, (int64_t)bytes, source, stride * (int64_t)bytes, part, bytes);
        convert_run((char *)to + (size_t)at * to_bytes, to_dtype, room, from_dtype, part);
    }
}

void convert_scatter(void *to, RtDtype to_dtype, int64_t stride, const void *from,
                     RtDtype from_dtype, int64_t n) {
    size_t bytes = rt_dtype_bytes(to_dtype), from_bytes = rt_dtype_bytes(from_dtype);
    if (to_dtype == from_dtype) {
        copy_strided(to, stride * (int64_t)bytes, from, (int64_t)bytes, n, bytes);
        return;
    }
    if (stride == 1) {
        convert_run(to, to_dtype, from, from_dtype, n);
        return;
    }
    _Alignas(64) char room[LOOP_TILE * 8];
    for (int64_t at = 0; at < n; at += LOOP_TILE) {
        int64_t part = n - at < LOOP_TILE ? n - at : LOOP_TILE;
        convert_run(room, to_dtype, (const char *)from + (size_t)at * from_bytes, from_dtype, part);
        copy_strided((char *)to + at * stride * (int64_t)bytes, stride * (int64_t)bytes, room,
                     (int64_t)bytes, part, bytes);
    }
}
