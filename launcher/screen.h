// screen.h: the launcher's own standard output and error, written by one hand.
//
// Pieces of all ranks come in order and go into a queue for each stream; screen_flush writes what
// the reader takes, in steps that cannot block, so that a stopped terminal or a full pipe never
// stops the supervision of ranks. A piece of another rank that arrives while a line is unfinished
// takes that line's place if it is a progress bar on a terminal (the bar draws itself again), and
// otherwise starts a new line.
#pragma once

#include <stdbool.h>

#include "lines.h"

enum { SCREEN_OUT, SCREEN_ERR, SCREEN_STREAMS, SCREEN_FULL = 1 << 20 };

typedef struct Sink {
    int descriptor;
    Text queue;
    size_t written; // bytes of the queue that are gone
    bool terminal, closed;
    int owner; // rank whose unfinished line the cursor stands in, or -1
    bool bar;  // that line is a progress bar
} Sink;

typedef struct Screen {
    Sink sinks[SCREEN_STREAMS];
    bool prefix;
} Screen;

void screen_open(Screen *screen, bool prefix); // on descriptors 1 and 2
void screen_show(Screen *screen, int stream, int rank, const Piece *piece);
void screen_say(Screen *screen, const char *text); // on standard error, below whatever stands there
bool screen_busy(const Screen *screen, int stream); // something waits to be written
bool screen_full(const Screen *screen); // more than SCREEN_FULL waits: take no more from the ranks
void screen_flush(Screen *screen);      // writes what can be written now
void screen_finish(Screen *screen,
                   int limit_ms); // writes all, or gives up after limit_ms (-1: never)
void screen_clear(Screen *screen);
int terminal_columns(int descriptor); // 0: no terminal
