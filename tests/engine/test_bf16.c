// The product of bf16 matrices by dot instructions, with the instruction emulated, against sums in double precision.
#define BF16_EMULATED
#include "cpu/bf16.c"

#include <stdio.h>
#include <stdlib.h>

#include "check.h"
#include <cmocka.h>

static uint64_t state = 1;
static uint16_t number(void) { // a bf16 in (-2, 2)
    state = state * 6364136223846793005u + 1442695040888963407u;
    float x = ((float)(state >> 40) / (float)(1 << 24) - 0.5f) * 4;
    uint32_t bits;
    memcpy(&bits, &x, 4);
    return (uint16_t)(bits >> 16);
}
static double value(uint16_t x) {
    uint32_t bits = (uint32_t)x << 16;
    float f;
    memcpy(&f, &bits, 4);
    return f;
}

static void check(int64_t m, int64_t n, int64_t k, bool a_turned, bool b_turned) {
    uint16_t *a = malloc((size_t)(m * k) * 2 + 2), *b = malloc((size_t)(k * n) * 2 + 2);
    float *c = malloc((size_t)(m * n) * 4);
    void *room = aligned_alloc(64, (bf16_room(m, n, k) + 64) / 64 * 64);
    for (int64_t i = 0; i < m * k; i++) a[i] = number();
    for (int64_t i = 0; i < k * n; i++) b[i] = number();
    for (int64_t i = 0; i < m * n; i++) c[i] = 1;
    int64_t ar = a_turned ? 1 : k, ac = a_turned ? m : 1, br = b_turned ? 1 : n, bc = b_turned ? k : 1;
    bf16_product(m, n, k, a, ar, ac, b, br, bc, c, n, room);
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            double sum = 1, size = 1;
            for (int64_t q = 0; q < k; q++) {
                double term = value(a[i * ar + q * ac]) * value(b[q * br + j * bc]);
                sum += term;
                size += term < 0 ? -term : term;
            }
            double error = sum - c[i * n + j];
            if (error > size * 1e-6 || error < -size * 1e-6)
                fail_msg("%lld × %lld × %lld: (%lld, %lld) is %g, not %g", (long long)m, (long long)n, (long long)k,
                         (long long)i, (long long)j, (double)c[i * n + j], sum);
        }
    free(a);
    free(b);
    free(c);
    free(room);
}

static void test_shapes(void **unused) {
    (void)unused;
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw")) {
        print_message("skipped: this CPU has no AVX-512, in terms of which the instruction is emulated\n");
        skip();
    }
    static const int64_t sizes[] = {1, 2, 7, 8, 9, 16, 17, 47, 48, 49, 100};
    for (int i = 0; i < 11; i++)
        for (int j = 0; j < 11; j++)
            for (int k = 0; k < 11; k++)
                check(sizes[i], sizes[j], sizes[k], (i + j + k) % 2, (i + k) % 3 == 0);
    for (int form = 0; form < 4; form++) check(33, 65, 2500, form & 1, form & 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_shapes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
