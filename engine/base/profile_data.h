// profile_data.h: what a profiler has found out. Part of rustorch.h; times in nanoseconds of CLOCK_MONOTONIC.
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef enum RtProfileKind {
#define PROFILE_KIND(kind_, word_) RT_PROFILE_##kind_,
#include "base/profile.def"
#undef PROFILE_KIND
    RT_PROFILE_KIND_COUNT
} RtProfileKind;

// All spans of one kind and name (and shapes of the inputs, where they are recorded), inside backward passes or not.
typedef struct RtProfileRow {
    char *name;
    char *shapes; // "[[64, 784], [128, 784]]", or NULL
    RtProfileKind kind;
    bool backward; // inside a backward pass
    int64_t calls;
    int64_t total_ns; // with at least one such span open: one inside another counts once
    int64_t self_ns;  // without what other spans took inside
    int64_t min_ns, max_ns;
    int64_t in_bytes, out_bytes; // of the tensors of kernels, inside other spans too
    int64_t flops;               // of products, convolutions and attention, likewise
    int64_t allocated_bytes;     // asked of the allocator, with what other spans asked for inside
    int64_t self_allocated_bytes;
} RtProfileRow;

typedef struct RtProfileEvent {
    int64_t start_ns, ns;
    int64_t in_bytes, out_bytes, allocated_bytes;
    int64_t node;   // of the tape, from 1: first recorded by an op, or of a gradient; 0: none
    int32_t row;    // which of the rows
    int32_t thread; // which of the threads
} RtProfileEvent;

typedef struct RtProfileThread {
    char name[16];
    int64_t id; // the system's
} RtProfileThread;
