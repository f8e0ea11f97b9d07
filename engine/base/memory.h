// memory.h: all memory that is not tensor data.
//
// Plain allocation with counters by kind, and a test mode in which the n-th allocation fails (mem_fail_at), so that
// the allocation walk can drive every error path. Tensor data comes from tensor/storage.h, which takes its blocks
// here too and so takes part in the walk. NULL means that the error is recorded (ERR_MEMORY). Thread-safe.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

typedef enum MemKind {
    MEM_GENERAL, // structures
    MEM_TAPE,    // nodes of the autograd tape
    MEM_TENSOR,  // tensor headers
    MEM_DATA,    // tensor data
    MEM_COMM,    // communication buffers
    MEM_IO,      // files, images, batches
    MEM_COUNT
} MemKind;

RT_PLUGIN void *mem_alloc(MemKind kind, size_t bytes); // 16-byte aligned, not cleared
RT_PLUGIN void *mem_zalloc(MemKind kind, size_t bytes);
RT_PLUGIN void *mem_align(MemKind kind, size_t alignment, size_t bytes);
RT_PLUGIN void *mem_resize(MemKind kind, void *block, size_t bytes); // block may be NULL
RT_PLUGIN char *mem_text(MemKind kind, const char *text);           // a copy of text
RT_PLUGIN void mem_free(MemKind kind, void *block);                 // block may be NULL

typedef struct MemStats {
    int64_t live_bytes[MEM_COUNT], live_blocks[MEM_COUNT], peak_bytes[MEM_COUNT];
    int64_t system_calls; // allocations asked of the system since the start
} MemStats;
RT_PLUGIN void mem_stats(MemStats *out);

// Test mode: the n-th allocation from now on fails (n ≥ 1), once, or from then on if `forever`. 0 turns it off.
RT_PLUGIN void mem_fail_at(int64_t n, bool forever);
RT_PLUGIN bool mem_fail_armed(void); // asked for, and has not happened yet
// True when the next allocation is the one that fails: for allocators that keep caches of their own.
RT_PLUGIN bool mem_fail_now(void);
