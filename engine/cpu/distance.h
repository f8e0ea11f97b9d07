// cpu/distance.h: squared distances of rows, compiled once for each instruction set.
#pragma once

#include <stdint.h>

#include "cpu/isa.h"

#define DISTANCE_ROWS 4 // at once, so that b is read once for all

typedef struct DistanceTable { // float, double
    // out[r] = Σ (a[r][i] − b[i])² for n elements; sums run in lanes of the type, which are added up in
    // double in a fixed order.
    void (*squares[2])(const void *const *a, const void *b, int64_t n, double *out);
} DistanceTable;
ISA_DECLARE(DistanceTable, distance_table);
