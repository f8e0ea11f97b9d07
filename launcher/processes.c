#define _GNU_SOURCE
#include "processes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int64_t clock_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void sleep_ms(int ms) {
    struct timespec span = {ms / 1000, (long)(ms % 1000) * 1000000};
    nanosleep(&span, NULL);
}

static const int watched[] = {SIGCHLD, SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGTSTP};
static sigset_t mask_before;

int signals_open(void) {
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof watched / sizeof *watched; i++) {
        struct sigaction now;
        sigaction(watched[i], NULL, &now);
        // SIGCHLD ignored would take the exit codes away; any other ignored signal was ignored on
        // purpose
        if (watched[i] == SIGCHLD)
            signal(SIGCHLD, SIG_DFL);
        else if (now.sa_handler == SIG_IGN)
            continue;
        sigaddset(&set, watched[i]);
    }
    signal(SIGPIPE, SIG_IGN);
    if (sigprocmask(SIG_BLOCK, &set, &mask_before) < 0)
        return fail_errno(errno, "signals cannot be blocked");
    int descriptor = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return descriptor < 0 ? (int)fail_errno(errno, "signals cannot be watched") : descriptor;
}

int signals_next(int descriptor, int *out_code) {
    struct signalfd_siginfo info;
    if (read(descriptor, &info, sizeof info) != (ssize_t)sizeof info) return 0;
    *out_code = info.ssi_code;
    return (int)info.ssi_signo;
}

void signals_restore(void) {
    signal(SIGPIPE, SIG_DFL);
    sigprocmask(SIG_SETMASK, &mask_before, NULL);
}

Status descendants_adopt(void) {
    return prctl(PR_SET_CHILD_SUBREAPER, 1) < 0 ? fail_errno(errno, "orphans cannot be adopted")
                                                : OK;
}

// Kills this process's direct children; the number found. Their own children become ours by that,
// for the next round.
static int children_kill(void) {
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    FILE *file = fopen(path, "re");
    if (!file) return 0;
    int n = 0, pid;
    while (fscanf(file, "%d", &pid) == 1) {
        kill((pid_t)pid, SIGKILL);
        n++;
    }
    fclose(file);
    return n;
}

void descendants_kill(int limit_ms) {
    int64_t end = clock_ms() + limit_ms;
    while (children_kill() > 0 && clock_ms() < end) {
        sleep_ms(2);
        while (waitpid(-1, NULL, WNOHANG) > 0) {
        }
    }
}

const char *signal_word(int number) {
    const char *word = strsignal(number);
    return word ? word : "unknown signal";
}

void say(const char *format, ...) {
    char line[4096];
    int used = snprintf(line, sizeof line, "rustorch-launch: ");
    va_list args;
    va_start(args, format);
    int more = vsnprintf(line + used, sizeof line - (size_t)used - 1, format, args);
    va_end(args);
    size_t length = (size_t)used + (size_t)(more > 0 ? more : 0);
    if (length > sizeof line - 2) length = sizeof line - 2;
    line[length] = '\n';
    // one write, so that lines of several ranks do not run into each other; a lost message cannot
    // be told to anyone
    if (write(STDERR_FILENO, line, length + 1) < 0) return;
}
