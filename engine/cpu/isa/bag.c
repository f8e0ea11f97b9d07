// Bags of rows of a table: see cpu/bag.h.
#include "cpu/bag.h"

#include "cpu/isa/lanes.h"

#define T float
#define PLACE int32_t // a bag has fewer elements
#include "cpu/isa/bag.inc"
#undef T
#define T double
#define PLACE int64_t
#include "cpu/isa/bag.inc"

const BagTable ISA_NAME(bag_table) = {{{sum_float, most_float}, {sum_double, most_double}}};
