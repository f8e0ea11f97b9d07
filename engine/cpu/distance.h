// cpu/distance.h: squared distances of rows, compiled once for each instruction set.
#pragma once

#include <stdint.h>

#include "cpu/isa.h"

#define DISTANCE_ROWS 4 // at once, so that b is read once for all

typedef struct DistanceTable { // float, double
    // out[r] = Σ (a[r][i] − b[i])² for n elements; sums run in lanes of the type, which are added up in
    // double in a fixed order.
    void (*squares[2])(const void *const *a, const void *b, int64_t n, double *out);
    // to = x − y, n elements.
    void (*minus[2])(const void *x, const void *y, int64_t n, void *to);
    // d[k] = √(a + b[k] − 2 d[k]), with a and b[k] the squares of two rows and d[k] their product.
    // How many are so small beside a + b[k] that digits are lost: those where DISTANCE_LOST holds.
    int64_t (*from_products[2])(double a, const void *b, int64_t n, void *d);
} DistanceTable;
// Also where a distance is no number. Above, an error of the product grows fourfold at most.
#define DISTANCE_LOST(distance_, squares_) (!(8 * (distance_) * (distance_) >= (squares_)))
ISA_DECLARE(DistanceTable, distance_table);
