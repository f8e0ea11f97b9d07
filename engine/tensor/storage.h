// storage.h: counted bytes on a device, from a caching allocator.
//
// Sizes are rounded up to classes at most 12.5 % apart; a freed block waits in its class's list for the next tensor of
// that class, so that a training step after warm-up asks the system for nothing. Blocks are 64-byte aligned; from 2 MiB
// on they are 2 MiB aligned and the kernel is asked for huge pages. When the system has no memory left the cached
// blocks are given back and the request is tried once more. Thread-safe.
#pragma once

#include "rustorch.h"

RtStorage *storage_new(size_t bytes, RtDevice device); // count 1
RtStorage *storage_wrap(void *data, size_t bytes, RtDevice device, void (*release)(void *), void *context);
RtStorage *storage_alias(RtStorage *parent); // same bytes, own version
static inline RtStorage *storage_keep(RtStorage *storage) {
    atomic_fetch_add_explicit(&storage->count, 1, memory_order_relaxed);
    return storage;
}
void storage_drop(RtStorage *storage);
