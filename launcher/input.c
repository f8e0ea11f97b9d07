#define _GNU_SOURCE
#include "input.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

void input_init(Input *input) {
    input->terminal = input->pipe = -1;
    input->length = 0;
}

int input_open(Input *input) {
    int pair[2];
    input_close(input);
    if (!isatty(STDIN_FILENO)) return fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
    if (pipe2(pair, O_CLOEXEC) < 0) return -1;
    input->terminal = STDIN_FILENO;
    input->pipe = pair[1];
    fcntl(pair[1], F_SETFL, O_NONBLOCK);
    return pair[0];
}

bool input_asleep(const Input *input) {
    return input->terminal >= 0 && tcgetpgrp(input->terminal) != getpgrp();
}

struct pollfd input_slot(const Input *input) {
    if (input->length > 0) return (struct pollfd){input->pipe, POLLOUT, 0};
    // in the background a read would stop us
    return (struct pollfd){input_asleep(input) ? -1 : input->terminal, POLLIN, 0};
}

void input_pass(Input *input) {
    if (input->length == 0) {
        ssize_t got = read(input->terminal, input->held, sizeof input->held);
        if (got < 0 && errno == EINTR) return;
        if (got <= 0) {
            input_close(input);
            return;
        }
        input->length = (size_t)got;
    }
    ssize_t wrote = write(input->pipe, input->held, input->length);
    if (wrote < 0 && errno != EAGAIN && errno != EINTR) input_close(input); // rank 0 reads no more
    if (wrote <= 0) return;
    input->length -= (size_t)wrote;
    memmove(input->held, input->held + wrote, input->length);
}

void input_close(Input *input) {
    if (input->pipe >= 0) close(input->pipe);
    input_init(input);
}
