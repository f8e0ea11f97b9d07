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
// The item that would be at position k of the sorted items, which stay; spare has room for n.
Item sort_select(const Item *items, Item *spare, int64_t n, int64_t k);

// The lines of x along dim (RT_INT_NONE: the last): `count` of n elements, `grain` of them worth a
// thread. A tensor of no dimensions is one line of one.
typedef struct SortLines {
    int dim;
    int64_t n, count, grain;
} SortLines;
SortLines sort_lines_of(const RtTensor *x, int64_t dim);
// 2 n items for each chunk of lines; belongs to the open scope. NULL for want of memory.
Item *sort_room(const SortLines *lines);
