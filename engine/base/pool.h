// pool.h: small blocks that come and go with every op: tensor headers, storages, nodes of the tape.
//
// Blocks of up to POOL_MAX_BYTES are kept in free lists of the calling thread, by size; larger ones go straight to
// memory.h. The caller remembers the size. A block may be freed on another thread than it was taken on. Live blocks
// are counted by kind in memory.h's statistics only when they reach the system: cached ones count as live there.
#pragma once

#include "base/memory.h"

#define POOL_MAX_BYTES 2048

RT_PLUGIN void *pool_take(MemKind kind, size_t bytes); // not cleared
RT_PLUGIN void pool_give(MemKind kind, void *block, size_t bytes);
RT_PLUGIN void pool_release(void); // gives this thread's cached blocks back
