// cpu/bag.h: sums and maxima over bags of rows of a table, compiled once for each instruction set.
//
// A bag names n rows of `width` elements by their indices, which lie in the table; those that are
// `skip` do not count. Sums run in the order of the bag, so that they depend on no vector width. An
// empty bag gives zeros, and rows of -1.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "cpu/isa.h"

typedef struct Bag {
    const int64_t *index;
    const void *factor; // of each row, or NULL
    int64_t n, skip;    // skip: -1 for none
    const void *table;
    int64_t width;
} Bag;

typedef struct BagLoops {
    void (*sum)(const Bag *bag, void *out);
    // Element by element; of equal ones the first. NaN wins. row: where in the table each is from.
    void (*most)(const Bag *bag, void *out, int64_t *row);
} BagLoops;

typedef struct BagTable {
    BagLoops of[2]; // float, double
} BagTable;
ISA_DECLARE(BagTable, bag_table);
