// span.h: large blocks, cut from a heap that grows at its end.
//
// A request takes the smallest free span that is large enough, and leaves what it does not need; a span that comes back
// joins its free neighbours. So the blocks of one part of a training step serve another part, whose sizes differ, and the
// heap is little larger than what is in use at once. Sizes are multiples of 4 KiB; the kernel is asked for huge pages.
// Thread-safe.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

#define SPAN_LEAST ((size_t)256 << 10) // smaller blocks come from size classes

typedef struct Span Span;

// At least *bytes, which becomes the size. *out_grown: by how much the heap grew for it. NULL: the system has no memory.
Span *span_take(size_t *bytes, size_t *out_grown);
void span_give(Span *span);
void *span_data(const Span *span);
void span_hold(bool hold); // around fork: the child must not find a lock that nobody will give back
size_t span_release(void); // gives free memory back to the system; returns by how much the heap shrank
