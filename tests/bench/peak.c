// The FMA peak of this machine: what matrix products are measured against.
//
// peak THREADS prints GFLOP/s in f32: independent chains of fused multiply-adds in registers, enough of them to hide the
// latency, on vectors as wide as the compiler's target has. Built by scripts/bench for the machine it runs on.
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>

#ifdef __AVX512F__
#define WIDTH 16
#else
#define WIDTH 8
#endif
#define CHAINS 12 // 4 cycles of latency × 2 units, and some

typedef float Vector __attribute__((vector_size(WIDTH * sizeof(float))));

static double run(long rounds) {
    Vector sum[CHAINS];
    for (int i = 0; i < CHAINS; i++) sum[i] = (Vector){0} + (float)i;
    Vector a = (Vector){0} + 0.999f, b = (Vector){0} + 1e-3f;
    for (long r = 0; r < rounds; r++) {
        for (int i = 0; i < CHAINS; i++) sum[i] = sum[i] * a + b;
        __asm__ volatile("" : "+v"(a), "+v"(b)); // each round is computed
    }
    double total = 0;
    for (int i = 0; i < CHAINS; i++)
        for (int j = 0; j < WIDTH; j++) total += sum[i][j];
    return total;
}

int main(int argc, char **argv) {
    int threads = argc > 1 ? atoi(argv[1]) : 1;
    const long rounds = 20000000;
    double best = 0, sink = 0;
    for (int repeat = 0; repeat < 5; repeat++) {
        double began = omp_get_wtime(), total = 0;
#pragma omp parallel num_threads(threads) reduction(+ : total)
        total += run(rounds);
        double rate = 2.0 * CHAINS * WIDTH * (double)rounds * threads / (omp_get_wtime() - began) / 1e9;
        if (rate > best) best = rate;
        sink += total;
    }
    printf("%.1f\n", best);
    return sink == 0; // the sums are used
}
