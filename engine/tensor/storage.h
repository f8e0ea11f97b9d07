// storage.h: counted bytes on a device, from a caching allocator.
//
// Small sizes are rounded up to classes at most 12.5 % apart; a freed block waits in its class's
// list for the next tensor of that class. Large ones are cut from segments (span.h). A training step
// after warm-up asks the system for nothing. Blocks are 64-byte aligned. When the system has no memory left the cached blocks are given back and the request is
// tried once more. Thread-safe.
#pragma once

#include "rustorch.h"

RtStorage *storage_new(size_t bytes, RtDevice device); // count 1
// Memory of somebody else's, never the allocator's; release NULL: it outlives the storage, nobody
// needs to be told.
RtStorage *storage_wrap(void *data, size_t bytes, RtDevice device, void (*release)(void *),
                        void *context);
RtStorage *storage_alias(RtStorage *parent); // same bytes, own version
static inline RtStorage *storage_keep(RtStorage *storage) {
    atomic_fetch_add_explicit(&storage->count, 1, memory_order_relaxed);
    return storage;
}
void storage_drop(RtStorage *storage);
void storage_hold(bool hold); // around fork, as span_hold
