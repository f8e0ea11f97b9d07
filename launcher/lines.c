#define _GNU_SOURCE
#include "lines.h"

#include <string.h>

static bool moves_cursor(const char *chars, size_t length) {
    const char *at = memchr(chars, '\r', length);
    // "\r\n" only ends a line
    return at && !(at + 1 < chars + length && at[1] == '\n');
}

static void pass_on(Lines *lines, const char *chars, size_t length, PieceTaker take,
                    void *context) {
    bool ends = chars[length - 1] == '\n';
    if (!lines->midline) lines->raw = false;
    if (lines->bars)
        lines->raw |= moves_cursor(chars, length);
    else if (ends) {
        // a terminal would show what follows the last \r
        size_t body = length - 1 - (length > 1 && chars[length - 2] == '\r');
        const char *last = memrchr(chars, '\r', body);
        if (last) {
            length -= (size_t)(last + 1 - chars);
            chars = last + 1;
        }
    }
    take(context, &(Piece){chars, length, .starts = !lines->midline, .raw = lines->raw});
    lines->midline = !ends;
}

static void drop_front(Text *text, size_t length) {
    memmove(text->chars, text->chars + length, text->length - length + 1);
    text->length -= length;
}

void lines_feed(Lines *lines, const char *chars, size_t length, int64_t now, PieceTaker take,
                void *context) {
    if (lines->held.length == 0) lines->since = now;
    text_addn(&lines->held, chars, length);
    size_t done = 0;
    for (;;) {
        const char *rest = lines->held.chars + done;
        size_t n = lines->held.length - done;
        const char *newline = n ? memchr(rest, '\n', n) : NULL;
        size_t piece = newline ? (size_t)(newline + 1 - rest) : n;
        if (piece > LINES_LONGEST)
            piece = LINES_LONGEST;
        else if (!newline)
            break;
        pass_on(lines, rest, piece, take, context);
        done += piece;
    }
    if (done) {
        drop_front(&lines->held, done);
        lines->since = now;
    }
    bool bar =
        lines->bars && lines->held.length &&
        ((lines->midline && lines->raw) || moves_cursor(lines->held.chars, lines->held.length));
    if (bar) lines_wait(lines, now, true, take, context);
}

int lines_wait(Lines *lines, int64_t now, bool all, PieceTaker take, void *context) {
    if (lines->held.length == 0 || (!all && !lines->prompts)) return -1;
    int64_t left = lines->since + LINES_WAIT_MS - now;
    if (!all && left > 0) return (int)left;
    pass_on(lines, lines->held.chars, lines->held.length, take, context);
    lines->held.length = 0;
    return -1;
}

void lines_clear(Lines *lines) {
    text_clear(&lines->held);
    lines->midline = lines->raw = false;
}
