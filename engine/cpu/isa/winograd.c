// Tiles, filters and results turned for cpu/winograd.h, a vector of neighbours at a time.
#include "cpu/winograd.h"

#include "cpu/isa/lanes.h"

typedef Vec_float V;
enum { L = LANES_float };

#if defined(ISA_avx512)
#define EVEN 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30
#define ODD 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31
#define LOW 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define HIGH 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#elif defined(ISA_avx2)
#define EVEN 0, 2, 4, 6, 8, 10, 12, 14
#define ODD 1, 3, 5, 7, 9, 11, 13, 15
#define LOW 0, 8, 1, 9, 2, 10, 3, 11
#define HIGH 4, 12, 5, 13, 6, 14, 7, 15
#else
#define EVEN 0, 2, 4, 6
#define ODD 1, 3, 5, 7
#define LOW 0, 4, 1, 5
#define HIGH 2, 6, 3, 7
#endif

// Every other pixel: columns 0 and 1 of L tiles.
LANES_INLINE void split(const float *from, V *even, V *odd) {
    V a = load_float(from), b = load_float(from + L);
    *even = __builtin_shufflevector(a, b, EVEN);
    *odd = __builtin_shufflevector(a, b, ODD);
}

// The first n of 2 L floats that alternate between the two.
LANES_INLINE void join(float *to, V even, V odd, int64_t n) {
    V low = __builtin_shufflevector(even, odd, LOW),
      high = __builtin_shufflevector(even, odd, HIGH);
    if (n >= 2 * L) {
        store_float(to, low);
        store_float(to + L, high);
    } else if (n > L) {
        store_float(to, low);
        part_store_float(to + L, high, n - L);
    } else if (n == L)
        store_float(to, low);
    else
        part_store_float(to, low, n);
}

// One dimension each; TURN2 does a square, rows and then columns.
#define IMAGE(to_, d_)                                                                             \
    (to_(0) = d_(0) - d_(2), to_(1) = d_(1) + d_(2), to_(2) = d_(2) - d_(1), to_(3) = d_(1) - d_(3))
#define GRAD(to_, g_)                                                                              \
    (to_(0) = g_(0), to_(1) = g_(0) + g_(1), to_(2) = g_(0) - g_(1), to_(3) = -g_(1))
#define RESULT(to_, m_) (to_(0) = m_(0) + m_(1) + m_(2), to_(1) = m_(1) - m_(2) - m_(3))
#define FILTER(to_, g_)                                                                            \
    (to_(0) = g_(0), to_(1) = 0.5f * (g_(0) + g_(2) + g_(1)),                                      \
     to_(2) = 0.5f * (g_(0) + g_(2) - g_(1)), to_(3) = g_(2))
#define TAPS(to_, s_)                                                                              \
    (to_(0) = s_(0) + 0.5f * (s_(1) + s_(2)), to_(1) = 0.5f * (s_(1) - s_(2)),                     \
     to_(2) = 0.5f * (s_(1) + s_(2)) + s_(3))
#define FROM_COLUMN(i_) from[i_][at]
#define HALF_COLUMN(i_) half[i_][at]
#define HALF_ROW(i_) half[at][i_]
#define TO_ROW(i_) to[at][i_]
#define TURN2(name_, TURN_, in_, out_)                                                             \
    LANES_INLINE void name_(V from[in_][in_], V to[out_][out_]) {                                  \
        V half[out_][in_];                                                                         \
        _Pragma("GCC unroll 4") for (int at = 0; at < (in_); at++)                                 \
            TURN_(HALF_COLUMN, FROM_COLUMN);                                                       \
        _Pragma("GCC unroll 4") for (int at = 0; at < (out_); at++) TURN_(TO_ROW, HALF_ROW);       \
    }
TURN2(turn_image, IMAGE, 4, 4)
TURN2(turn_grad, GRAD, 2, 4)
TURN2(turn_result, RESULT, 4, 2)
TURN2(turn_filter, FILTER, 3, 4)
TURN2(turn_taps, TAPS, 4, 3)

LANES_INLINE void store_square(V square[4][4], float *to, int64_t apart) {
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++)
#pragma GCC unroll 4
        for (int j = 0; j < 4; j++) store_float(to + (i * 4 + j) * apart, square[i][j]);
}

LANES_INLINE void load_square(V square[4][4], const float *from, int64_t apart) {
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++)
#pragma GCC unroll 4
        for (int j = 0; j < 4; j++) square[i][j] = load_float(from + (i * 4 + j) * apart);
}

static void image(const float *plane, int64_t pitch, int64_t rows, int64_t width, float *to,
                  int64_t apart) {
    for (int64_t y = 0; y < rows; y++, plane += 2 * pitch, to += width) {
        for (int64_t x = 0; x < width; x += L) {
            V tile[4][4], turned[4][4];
#pragma GCC unroll 4
            for (int i = 0; i < 4; i++) {
                split(plane + i * pitch + 2 * x, &tile[i][0], &tile[i][1]);
                split(plane + i * pitch + 2 * x + 2, &tile[i][2], &tile[i][3]);
            }
            turn_image(tile, turned);
            store_square(turned, to + x, apart);
        }
    }
}

static void grad(const float *plane, int64_t pitch, int64_t rows, int64_t width, float *to,
                 int64_t apart) {
    for (int64_t y = 0; y < rows; y++, plane += 2 * pitch, to += width) {
        for (int64_t x = 0; x < width; x += L) {
            V tile[2][2], turned[4][4];
            split(plane + 2 * x, &tile[0][0], &tile[0][1]);
            split(plane + pitch + 2 * x, &tile[1][0], &tile[1][1]);
            turn_grad(tile, turned);
            store_square(turned, to + x, apart);
        }
    }
}

static void result(const float *from, int64_t apart, int64_t rows, int64_t width, float bias,
                   float *to, int64_t height, int64_t columns) {
    for (int64_t y = 0; y < rows; y++, from += width, to += 2 * columns) {
        for (int64_t x = 0; x < width; x += L) {
            V square[4][4], tile[2][2];
            load_square(square, from + x, apart);
            turn_result(square, tile);
            join(to + 2 * x, tile[0][0] + bias, tile[0][1] + bias, columns - 2 * x);
            if (2 * y + 1 < height)
                join(to + columns + 2 * x, tile[1][0] + bias, tile[1][1] + bias, columns - 2 * x);
        }
    }
}

// The same with an image in each lane.
#define AT_PLACE(i_) (room + places[i_])
#define COLUMN(from_, i_) ((from_) + (first + (i_)) / 2 * sliver + (first + (i_)) % 2 * L)

static void image_lanes(const float *room, const int32_t *places, int64_t first, int64_t tiles,
                        float *to, int64_t sliver, int64_t apart) {
    for (int64_t at = 0; at < tiles; at++, places += 16) {
        V tile[4][4], turned[4][4];
#pragma GCC unroll 16
        for (int i = 0; i < 16; i++) tile[i / 4][i % 4] = load_float(AT_PLACE(i));
        turn_image(tile, turned);
        store_square(turned, COLUMN(to, at), apart);
    }
}

static void grad_lanes(const float *room, const int32_t *places, int64_t first, int64_t tiles,
                       float *to, int64_t sliver, int64_t apart) {
    for (int64_t at = 0; at < tiles; at++, places += 4) {
        V tile[2][2] = {{load_float(AT_PLACE(0)), load_float(AT_PLACE(1))},
                        {load_float(AT_PLACE(2)), load_float(AT_PLACE(3))}};
        V turned[4][4];
        turn_grad(tile, turned);
        store_square(turned, COLUMN(to, at), apart);
    }
}

static void result_lanes(const float *from, int64_t apart, int64_t tiles, float bias,
                         const int32_t *places, float *room) {
    for (int64_t at = 0; at < tiles; at++, places += 4, from += L) {
        V square[4][4], tile[2][2];
        load_square(square, from, apart);
        turn_result(square, tile);
#pragma GCC unroll 4
        for (int i = 0; i < 4; i++) store_float(AT_PLACE(i), tile[i / 2][i % 2] + bias);
    }
}

static void filters(const float *from, int64_t step, int64_t n, bool flip, float *to,
                    int64_t apart) {
    float room[9][L] = {{0}};
    for (int64_t at = 0; at < n; at += L, from += L * step, to += L) {
        int64_t count = n - at < L ? n - at : L;
        for (int64_t i = 0; i < count; i++)
            for (int tap = 0; tap < 9; tap++)
                room[tap][i] = from[i * step + (flip ? 8 - tap : tap)];
        V filter[3][3], turned[4][4];
#pragma GCC unroll 9
        for (int tap = 0; tap < 9; tap++) filter[tap / 3][tap % 3] = load_float(room[tap]);
        turn_filter(filter, turned);
        if (count == L)
            store_square(turned, to, apart);
        else
            for (int i = 0; i < 16; i++)
                part_store_float(to + i * apart, turned[i / 4][i % 4], count);
    }
}

static void taps(const float *from, int64_t apart, int64_t n, float *to) {
    for (int64_t at = 0; at < n; at += L) {
        int64_t count = n - at < L ? n - at : L;
        V square[4][4], filter[3][3];
        for (int i = 0; i < 16; i++)
            square[i / 4][i % 4] = count == L ? load_float(from + i * apart + at)
                                              : part_load_float(from + i * apart + at, count, 0);
        turn_taps(square, filter);
        float room[9][L];
        for (int tap = 0; tap < 9; tap++) store_float(room[tap], filter[tap / 3][tap % 3]);
        for (int64_t i = 0; i < count; i++)
            for (int tap = 0; tap < 9; tap++) to[(at + i) * 9 + tap] = room[tap][i];
    }
}

const WinogradLoops ISA_NAME(winograd_loops) = {
    L, image, grad, result, image_lanes, grad_lanes, result_lanes, filters, taps};
