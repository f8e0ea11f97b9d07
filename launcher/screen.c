#include "screen.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "processes.h"

int terminal_columns(int descriptor) {
    struct winsize size;
    if (!isatty(descriptor)) return 0;
    return ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

void screen_open(Screen *screen, bool prefix) {
    *screen = (Screen){.prefix = prefix};
    for (int i = 0; i < SCREEN_STREAMS; i++) {
        int descriptor = i == SCREEN_OUT ? STDOUT_FILENO : STDERR_FILENO;
        screen->sinks[i] =
            (Sink){.descriptor = descriptor, .terminal = isatty(descriptor), .owner = -1};
    }
}

// The sink that knows where the cursor stands: two streams to terminals are taken for one terminal.
static Sink *cursor_sink(Screen *screen, int stream) {
    bool one = screen->sinks[SCREEN_OUT].terminal && screen->sinks[SCREEN_ERR].terminal;
    return &screen->sinks[one ? SCREEN_OUT : stream];
}

static void leave_line(Screen *screen, int stream, int next_owner, bool keep_bar) {
    Sink *sink = &screen->sinks[stream], *cursor = cursor_sink(screen, stream);
    if (cursor->owner < 0 || cursor->owner == next_owner) return;
    bool clear = cursor->bar && sink->terminal && !keep_bar;
    text_add(&sink->queue, clear ? "\r\033[K" : "\n");
    cursor->owner = -1;
}

void screen_show(Screen *screen, int stream, int rank, const Piece *piece) {
    Sink *sink = &screen->sinks[stream], *cursor = cursor_sink(screen, stream);
    if (sink->closed) return;
    int owner = rank * SCREEN_STREAMS + stream;
    bool interrupted = cursor->owner != owner && !piece->starts && !piece->raw;
    leave_line(screen, stream, owner, false); // its next drawing puts a bar below
    if (screen->prefix && !piece->raw && (piece->starts || interrupted))
        text_addf(&sink->queue, "[%d] ", rank);
    text_addn(&sink->queue, piece->chars, piece->length);
    bool ends = piece->length && piece->chars[piece->length - 1] == '\n';
    cursor->owner = ends ? -1 : owner;
    cursor->bar = piece->raw;
}

void screen_say(Screen *screen, const char *text) {
    if (screen->sinks[SCREEN_ERR].closed) return;
    leave_line(screen, SCREEN_ERR, -1, true); // the job ends or begins anew: how far it was stays
    text_add(&screen->sinks[SCREEN_ERR].queue, text);
}

bool screen_busy(const Screen *screen, int stream) {
    const Sink *sink = &screen->sinks[stream];
    return !sink->closed && sink->written < sink->queue.length;
}

bool screen_full(const Screen *screen) {
    for (int i = 0; i < SCREEN_STREAMS; i++)
        if (screen->sinks[i].queue.length - screen->sinks[i].written > SCREEN_FULL) return true;
    return false;
}

// Never more than PIPE_BUF at once and only after poll said yes: the descriptor is shared with
// other programs, so it cannot be made non-blocking.
static void flush_sink(Sink *sink) {
    while (!sink->closed && sink->written < sink->queue.length) {
        struct pollfd ready = {.fd = sink->descriptor, .events = POLLOUT};
        if (poll(&ready, 1, 0) != 1) {
            if (sink->written < SCREEN_FULL) return;
            sink->queue.length -= sink->written; // keep the queue from growing at its written end
            memmove(sink->queue.chars, sink->queue.chars + sink->written, sink->queue.length);
            sink->written = 0;
            return;
        }
        size_t n = sink->queue.length - sink->written;
        if (n > PIPE_BUF) n = PIPE_BUF;
        ssize_t wrote = write(sink->descriptor, sink->queue.chars + sink->written, n);
        if (wrote > 0)
            sink->written += (size_t)wrote;
        else if (wrote < 0 && errno != EINTR && errno != EAGAIN)
            sink->closed = true;
    }
    sink->queue.length = sink->written = 0;
}

void screen_flush(Screen *screen) {
    for (int i = 0; i < SCREEN_STREAMS; i++) flush_sink(&screen->sinks[i]);
}

void screen_finish(Screen *screen, int limit_ms) {
    int64_t end = clock_ms() + limit_ms;
    for (;;) {
        screen_flush(screen);
        struct pollfd waits[SCREEN_STREAMS];
        nfds_t n = 0;
        for (int i = 0; i < SCREEN_STREAMS; i++)
            if (screen_busy(screen, i))
                waits[n++] = (struct pollfd){.fd = screen->sinks[i].descriptor, .events = POLLOUT};
        int64_t left = limit_ms < 0 ? -1 : end - clock_ms();
        if (n == 0 || (limit_ms >= 0 && left <= 0)) return;
        poll(waits, n, (int)left);
    }
}

void screen_clear(Screen *screen) {
    for (int i = 0; i < SCREEN_STREAMS; i++) text_clear(&screen->sinks[i].queue);
}
