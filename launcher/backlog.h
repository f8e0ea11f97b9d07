// backlog.h: pieces of output on their way to the launcher, in order, while its channel takes no
// more.
#pragma once

#include "lines.h"
#include "wire.h"

typedef struct Backlog {
    Text pieces; // heads and bytes, packed
} Backlog;

void backlog_add(Backlog *backlog, int stream, const Piece *piece);
bool backlog_empty(const Backlog *backlog);
// Sends what the channel takes now; all is dropped when nobody is left to read it. `scratch` is
// overwritten.
void backlog_flush(Backlog *backlog, int channel, Message *scratch);
void backlog_clear(Backlog *backlog);
