#include "backlog.h"

#include <errno.h>
#include <string.h>

typedef struct PieceHead {
    uint32_t length;
    uint8_t stream, starts, raw;
} PieceHead;

void backlog_add(Backlog *backlog, int stream, const Piece *piece) {
    PieceHead head = {(uint32_t)piece->length, (uint8_t)stream, piece->starts, piece->raw};
    text_addn(&backlog->pieces, (const char *)&head, sizeof head);
    text_addn(&backlog->pieces, piece->chars, piece->length);
}

bool backlog_empty(const Backlog *backlog) { return backlog->pieces.length == 0; }
void backlog_clear(Backlog *backlog) { text_clear(&backlog->pieces); }

static PieceHead head_at(const Text *pieces, size_t at) {
    PieceHead head;
    memcpy(&head, pieces->chars + at, sizeof head);
    return head;
}

// The next message: whole lines as far as they fit, because a rank that prints a lot must not cost
// a wake-up a line, or a part of one line that does not. Returns where the next message begins.
static size_t fill_message(const Text *pieces, Message *message) {
    PieceHead head = head_at(pieces, 0);
    size_t n = head.length < MESSAGE_OUTPUT_TEXT ? head.length : MESSAGE_OUTPUT_TEXT,
           done = sizeof head + n;
    message_set(message, MESSAGE_OUTPUT, head.stream, head.starts, head.raw,
                pieces->chars + sizeof head, n);
    message->d = n < head.length;
    while (!message->d && !head.raw && done < pieces->length &&
           message->text[message->length - 1] == '\n') {
        PieceHead next = head_at(pieces, done);
        if (next.stream != head.stream || next.raw ||
            message->length + next.length > MESSAGE_OUTPUT_TEXT)
            break;
        memcpy(message->text + message->length, pieces->chars + done + sizeof next, next.length);
        message->length += next.length;
        done += sizeof next + next.length;
    }
    return done;
}

void backlog_flush(Backlog *backlog, int channel, Message *scratch) {
    Text *pieces = &backlog->pieces;
    while (pieces->length > 0) {
        size_t done = fill_message(pieces, scratch);
        if (!wire_send(channel, scratch, -1)) {
            if (errno != EAGAIN) pieces->length = 0;
            return;
        }
        if (scratch->d) { // the rest of a long line keeps a head of its own
            PieceHead head = head_at(pieces, 0);
            head.length -= scratch->length;
            done -= sizeof head;
            memcpy(pieces->chars + done, &head, sizeof head);
        }
        pieces->length -= done;
        memmove(pieces->chars, pieces->chars + done, pieces->length);
    }
}
