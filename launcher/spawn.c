#define _GNU_SOURCE
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/log.h"
#include "base/settings.h"
#include "processes.h"

static void set_number(const char *name, int number, bool overwrite) {
    char text[16];
    snprintf(text, sizeof text, "%d", number);
    setenv(name, text, overwrite);
}

static void set_setting(Setting setting, int number) {
    set_number(setting_row(setting)->variable, number, true);
}

// In the child: libgomp, OpenBLAS and Open MPI read these when they are loaded.
static void set_environment(const Order *order, const Placement *place, int report) {
    const World *world = &order->world;
    set_setting(SETTING_rank, world->rank);
    set_setting(SETTING_world_size, world->size);
    set_setting(SETTING_local_rank, world->local_rank);
    set_setting(SETTING_local_size, world->local_size);
    set_setting(SETTING_restart, world->restart);
    set_setting(SETTING_report, report);
    // the names that scripts written for torchrun look at
    set_number("RANK", world->rank, true);
    set_number("WORLD_SIZE", world->size, true);
    set_number("LOCAL_RANK", world->local_rank, true);
    set_number("LOCAL_WORLD_SIZE", world->local_size, true);
    // A launcher above has said how wide its terminal is. mpirun gives its ranks terminals of its
    // own making, which say nothing about what the user sees.
    if (!order->job)
        set_setting(SETTING_columns, world->started ? 0 : terminal_columns(STDOUT_FILENO));
    if (order->options->as_torch) set_setting(SETTING_as_torch, 1);
    unsetenv(setting_row(SETTING_job)->variable);
    unsetenv(setting_row(SETTING_failed)->variable);
    set_number("OMP_NUM_THREADS", place->threads, false);
    if (world->size > 1) {
        setenv("OMP_WAIT_POLICY", "passive", false);
        set_number("OMPI_MCA_mpi_yield_when_idle", 1, true);
    }
}

static char **worker_arguments(const Order *order) {
    int n = 0;
    while (order->options->script[n]) n++;
    char **arguments = mem_zalloc(MEM_GENERAL, ((size_t)n + 4) * sizeof *arguments);
    if (!arguments) return NULL;
    arguments[0] = (char *)order->programs->worker;
    arguments[1] = (char *)order->programs->python;
    arguments[2] = order->options->module ? "module" : "file";
    memcpy(arguments + 3, order->options->script, (size_t)n * sizeof *arguments);
    return arguments;
}

typedef struct Child {
    const Order *order;
    const Placement *place;
    char **arguments;
    pid_t parent;
    bool own_group;
    int input, outputs[SCREEN_STREAMS], report; // -1: as they are
} Child;

__attribute__((noreturn)) static void become_worker(const Child *child) {
    if (child->own_group) setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != child->parent) _exit(1); // it died before we asked to be told
    signals_restore();
    if (child->input >= 0) dup2(child->input, STDIN_FILENO);
    if (child->outputs[SCREEN_OUT] >= 0) dup2(child->outputs[SCREEN_OUT], STDOUT_FILENO);
    if (child->outputs[SCREEN_ERR] >= 0) dup2(child->outputs[SCREEN_ERR], STDERR_FILENO);
    fcntl(child->report, F_SETFD, 0);
    set_environment(child->order, child->place, child->report);
    if (child->place->bound && place_apply(child->place) < 0)
        log_warn("%s", error_message()); // slower, not wrong
    execv(child->arguments[0], child->arguments);
    say("%s cannot be started: %s", child->arguments[0], strerror(errno));
    _exit(127);
}

// Both ends close on exec; the reading end does not block.
static Status make_pipe(int *out_read, int *out_write) {
    int pair[2];
    if (pipe2(pair, O_CLOEXEC) < 0) return fail_errno(errno, "no pipe for the worker");
    fcntl(pair[0], F_SETFL, O_NONBLOCK);
    *out_read = pair[0];
    *out_write = pair[1];
    return OK;
}

Status worker_spawn(const Order *order, const Placement *place, int input, Worker *out) {
    Status status = OK;
    Child child = {.order = order,
                   .place = place,
                   .parent = getpid(),
                   .input = input,
                   .outputs = {-1, -1},
                   .report = -1};
    *out = (Worker){.pipes = {-1, -1}, .report = -1};
    child.arguments = worker_arguments(order);
    if (!child.arguments) return ERR_MEMORY;
    bool piped = order->world.size > 1 || order->options->log_dir;
    for (int i = 0; piped && i < SCREEN_STREAMS; i++)
        GUARD(make_pipe(&out->pipes[i], &child.outputs[i]));
    GUARD(make_pipe(&out->report, &child.report));
    // A worker that reads the terminal must stay in its foreground group; any other has a group
    // that can be killed.
    child.own_group = out->own_group = order->world.size > 1 || !isatty(STDIN_FILENO);
    out->pid = fork();
    if (out->pid == 0) become_worker(&child);
    if (out->pid < 0)
        status = fail_errno(errno, "the worker cannot be started");
    else if (out->own_group)
        setpgid(out->pid, out->pid); // whoever of us two comes first
out:
    for (int i = 0; i < SCREEN_STREAMS; i++)
        if (child.outputs[i] >= 0) close(child.outputs[i]);
    if (child.report >= 0) close(child.report);
    mem_free(MEM_GENERAL, child.arguments);
    return status;
}
