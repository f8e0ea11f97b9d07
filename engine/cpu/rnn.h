// cpu/rnn.h: the gates of recurrent layers, one sequence at one step at a time.
//
// All arrays are contiguous, in float or double (the index of the table); n is the width H. The
// order of gates is PyTorch's: i, f, g, o and r, z, n.
#pragma once

#include "cpu/isa.h"
#include "ops/call.h"

typedef struct RnnLoops {
    // gates (4 n): sums on entry, activated on exit; c = f c_before + i g, to both; h = o tanh c.
    void (*lstm)(void *gates, const void *c_before, void *c, void *c_too, void *h, int64_t n);
    // dgates (4 n) and dc, on entry of c, on exit of c_before; h again, unless NULL.
    void (*lstm_back)(const void *gates, const void *c, const void *c_before, const void *dh,
                      void *dc, void *dgates, void *h, int64_t n);
    // gates (3 n): the input's sums on entry, activated on exit; hidden (3 n): the hidden sums, of
    // which the last third is kept; h = n + z (h_before - n).
    void (*gru)(void *gates, const void *hidden, void *kept, const void *h_before, void *h,
                int64_t n);
    // dinput (3 n), dhidden (3 n), and dh, on entry of h, on exit what goes to h_before directly.
    void (*gru_back)(const void *gates, const void *kept, const void *h_before, void *dh,
                     void *dinput, void *dhidden, int64_t n);
    void (*plain)(void *x, int64_t n, bool relu);
    void (*plain_back)(const void *h, const void *dh, void *dx, int64_t n, bool relu);
    void (*add)(void *x, const void *y, int64_t n);
} RnnLoops;

typedef struct RnnTable {
    RnnLoops of[2]; // float, double
} RnnTable;
ISA_DECLARE(RnnTable, rnn_table);
