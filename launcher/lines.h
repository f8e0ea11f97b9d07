// lines.h: makes whole lines of what a rank writes, so that the output of several ranks does not
// run together.
//
// Bytes go in as they come; pieces come out by a callback. A piece is one line with its newline, or
// a part of one:
// - a progress bar of rank 0 (it contains \r, which moves the cursor back) is passed on at once and
//   marked `raw`; of other ranks' bars only what they finally show is kept
// - what rank 0 writes to a terminal without a newline, such as a prompt, after LINES_WAIT_MS
// - where a line grows beyond LINES_LONGEST, and at the end
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

enum { LINES_LONGEST = 1 << 20, LINES_WAIT_MS = 100 };

typedef struct Piece {
    const char *chars;
    size_t length;
    bool starts; // at the beginning of a line
    bool raw;    // moves the cursor by itself
} Piece;
typedef void (*PieceTaker)(void *context, const Piece *piece);

typedef struct Lines {
    bool bars;    // rank 0
    bool prompts; // rank 0, and a terminal shows it
    Text held;    // begun and not yet passed on
    bool midline, raw;
    int64_t since; // when `held` began to wait
} Lines;

void lines_feed(Lines *lines, const char *chars, size_t length, int64_t now, PieceTaker take,
                void *context);
// What has waited long enough, or everything if `all`. Returns the ms until the next call is due,
// or -1.
int lines_wait(Lines *lines, int64_t now, bool all, PieceTaker take, void *context);
void lines_clear(Lines *lines);
