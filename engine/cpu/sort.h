// cpu/sort.h: elements as keys in whose order they are sorted, and the sorting of keys.
//
// A key is an unsigned number; keys compare as the elements do, with -0 equal to 0 and all NaN
// equal and last. With `descending` the order of the keys is reversed.
#pragma once

#include "ops/call.h"

typedef struct Item {
    uint64_t key;
    int64_t index; // in its line
} Item;

// n elements, `step` bytes apart.
void sort_read_keys(RtDtype dtype, const char *line, int64_t step, int64_t n, bool descending,
                    Item *items);
// Stable. Returns where the result is: items or spare, each of n items.
Item *sort_items(Item *items, Item *spare, int64_t n);
