// cpu/attention.h: lines of scores, for attention in tiles.
//
// A line is n scores of one query with consecutive keys, contiguous, in float or double (the index
// of the table). A masked score is -inf; where every score of a query is masked its weights are 0.
#pragma once

#include "cpu/isa.h"
#include "ops/call.h"

typedef struct AttentionLoops {
    // s = s · scale + mask, and the largest; without a mask s stays and the largest of s · scale is
    // given.
    double (*top)(void *s, const void *mask, int64_t n, double scale);
    // s = e^(s · scale - shift), and the sum.
    double (*weigh)(void *s, int64_t n, double scale, double shift);
    // p = e^(s · scale + mask - lse), s = p · keep, d = p (d · keep - delta) scale; mask and keep
    // may be NULL.
    void (*grade)(void *s, void *d, const void *mask, const void *keep, int64_t n, double scale,
                  double lse, double delta);
    void (*times)(void *x, const void *by, int64_t n);
    void (*scale)(void *x, double by, int64_t n);
    double (*dot)(const void *x, const void *y, int64_t n);
} AttentionLoops;

typedef struct AttentionTable {
    AttentionLoops of[2]; // float, double
} AttentionTable;
ISA_DECLARE(AttentionTable, attention_table);
