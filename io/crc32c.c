#include "io/file.h"

#include <pthread.h>
#include <string.h>

static uint32_t crc_by_bits(uint32_t crc, const unsigned char *bytes, size_t n) {
    for (; n; n--) {
        crc ^= *bytes++;
        for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0x82F63B78u : 0);
    }
    return crc;
}

#if defined(__x86_64__)
#include <nmmintrin.h>

// The instruction takes one cycle but gives its result after three, so three stretches of LANE
// bytes are worked on at a time. What a lane's sum becomes when LANE zero bytes follow is linear in
// its bits: four tables, one a byte of the sum.
#define LANE 2048

static uint32_t shift_tables[4][256];

static void make_tables(void) {
    static const unsigned char zeros[LANE];
    uint32_t of_bit[32];
    for (int bit = 0; bit < 32; bit++) of_bit[bit] = crc_by_bits((uint32_t)1 << bit, zeros, LANE);
    for (int table = 0; table < 4; table++)
        for (int value = 0; value < 256; value++)
            for (int bit = 0; bit < 8; bit++)
                if (value >> bit & 1) shift_tables[table][value] ^= of_bit[table * 8 + bit];
}

static uint32_t shift_lane(uint32_t crc) {
    return shift_tables[0][crc & 255] ^ shift_tables[1][crc >> 8 & 255] ^
           shift_tables[2][crc >> 16 & 255] ^ shift_tables[3][crc >> 24];
}

static inline uint64_t word_at(const unsigned char *bytes) {
    uint64_t word;
    memcpy(&word, bytes, 8);
    return word;
}

__attribute__((target("sse4.2"))) static uint32_t crc_by_cpu(uint32_t crc,
                                                             const unsigned char *bytes, size_t n) {
    for (; n >= 3 * LANE; n -= 3 * LANE, bytes += 3 * LANE) {
        uint64_t a = crc, b = 0, c = 0;
        for (int i = 0; i < LANE; i += 8) {
            a = _mm_crc32_u64(a, word_at(bytes + i));
            b = _mm_crc32_u64(b, word_at(bytes + LANE + i));
            c = _mm_crc32_u64(c, word_at(bytes + 2 * LANE + i));
        }
        crc = shift_lane(shift_lane((uint32_t)a) ^ (uint32_t)b) ^ (uint32_t)c;
    }
    uint64_t wide = crc;
    for (; n >= 8; n -= 8, bytes += 8) wide = _mm_crc32_u64(wide, word_at(bytes));
    crc = (uint32_t)wide;
    for (; n; n--) crc = _mm_crc32_u8(crc, *bytes++);
    return crc;
}

uint32_t crc32c(uint32_t crc, const void *bytes, size_t n) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    crc = ~crc;
    if (__builtin_cpu_supports("sse4.2")) {
        pthread_once(&once, make_tables);
        return ~crc_by_cpu(crc, bytes, n);
    }
    return ~crc_by_bits(crc, bytes, n);
}

#else

uint32_t crc32c(uint32_t crc, const void *bytes, size_t n) { return ~crc_by_bits(~crc, bytes, n); }

#endif
