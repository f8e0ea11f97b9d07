// cpu/bf16.h: products of bf16 matrices by the CPU's dot instructions (AVX512-BF16): pairs of
// products are added to an f32 sum at once, so a product takes half the instructions of f32 and
// reads half the bytes. gemm.c uses it where the CPU has them, and f32 kernels on converted blocks
// elsewhere.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool bf16_dots(void); // does the CPU have them, and is RUSTORCH_ISA not below avx512?

// C (m, n), rows ldc apart, += A (m, k) B (k, n): A and B any strides in elements, C f32.
// room: bf16_room(m, n, k) bytes, aligned to 64.
void bf16_product(int64_t m, int64_t n, int64_t k, const uint16_t *a, int64_t a_row,
                  int64_t a_column, const uint16_t *b, int64_t b_row, int64_t b_column, float *c,
                  int64_t ldc, void *room);
size_t bf16_room(int64_t m, int64_t n, int64_t k);
