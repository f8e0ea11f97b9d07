#define _GNU_SOURCE
#include "supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backlog.h"
#include "base/log.h"
#include "base/settings.h"
#include "processes.h"

enum { READ_BYTES = 32 * 1024, RECORD_LONGEST = 1 << 20, LEAVE_MS = 300 };

typedef struct Supervisor {
    const Order *order;
    Placement place;
    Worker worker;
    Outcome outcome;
    bool ended;       // the worker was reaped
    bool told;        // the worker was told to stop
    bool failure_out; // the cause is with the launcher, or printed
    int told_by;      // the signal that told us, for the exit code
    int64_t told_at;  // when it first did
    int64_t kill_at;  // when the worker gets SIGKILL; 0: never
    int64_t leave_at; // when output that nobody takes is given up; 0: never
    int parent;       // pidfd of who started us, where that is not the launcher; -1
    int log;          // --log-dir, or -1
    int channels[2];  // to the launcher, or -1
    Lines lines[SCREEN_STREAMS];
    Screen screen;   // where there is no launcher above
    Backlog backlog; // where there is one
    Text record;     // what came on the report pipe
    Message message; // scratch
} Supervisor;

// ---- the launcher above

static Status meet_launcher(Supervisor *self, int *out_input) {
    const World *world = &self->order->world;
    const char *session = getenv("OMPI_MCA_orte_jobfam_session_dir"),
               *number = getenv("PMIX_NAMESPACE");
    int mpi_job = number ? (int)strtoul(number, NULL, 10) : 0;
    if (!session) session = "";
    for (int i = CHANNEL_CONTROL; i <= CHANNEL_OUTPUT; i++) {
        self->channels[i] = wire_connect(self->order->job);
        if (self->channels[i] < 0) return ERR_FAILED;
        message_set(&self->message, MESSAGE_HELLO, world->rank, i, mpi_job, session,
                    strlen(session) + 1);
        if (!wire_send(self->channels[i], &self->message, -1))
            return fail(ERR_FAILED, "the launcher is gone");
    }
    struct pollfd answer = {.fd = self->channels[CHANNEL_CONTROL], .events = POLLIN};
    poll(&answer, 1, 10000);
    if (wire_receive(self->channels[CHANNEL_CONTROL], &self->message, out_input) != 1 ||
        self->message.type != MESSAGE_WELCOME)
        return fail(ERR_FAILED, "the launcher is gone");
    return OK;
}

static void send_control(Supervisor *self, MessageType type, const Outcome *outcome, int number) {
    int channel = self->channels[CHANNEL_CONTROL];
    if (channel < 0) return;
    if (outcome) {
        const Text *text = &outcome->text;
        message_set(&self->message, type, (int)outcome->end, outcome->code, outcome->signal,
                    text_chars(text), text->length);
        self->message.d = outcome->pid;
    } else
        message_set(&self->message, type, number, 0, 0, "", 0);
    wire_send(channel, &self->message,
              -1); // a launcher that is gone shows as the end of the channel
}

// ---- output

static Status open_log(Supervisor *self) {
    const char *folder = self->order->options->log_dir;
    if (!folder) return OK;
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/rank%d.log", folder, self->order->world.rank);
    int again = self->order->world.restart > 0 ? O_APPEND : O_TRUNC;
    self->log = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | again, 0666);
    return self->log < 0 ? fail_errno(errno, "--log-dir: %s cannot be written", path) : OK;
}

static void write_log(Supervisor *self, const char *chars, size_t length) {
    while (self->log >= 0 && length > 0) {
        ssize_t wrote = write(self->log, chars, length);
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote < 0) {
            say("rank %d: its log cannot be written any more: %s", self->order->world.rank,
                strerror(errno));
            close(self->log);
            self->log = -1;
            return;
        }
        chars += wrote;
        length -= (size_t)wrote;
    }
}

typedef struct Taker {
    Supervisor *self;
    int stream;
} Taker;

static void take_piece(void *context, const Piece *piece) {
    Taker *taker = context;
    Supervisor *self = taker->self;
    int rank = self->order->world.rank;
    if (self->order->options->log_dir && rank > 0) return;
    if (self->channels[CHANNEL_OUTPUT] >= 0)
        backlog_add(&self->backlog, taker->stream, piece);
    else
        screen_show(&self->screen, taker->stream, rank, piece);
}

// One read; false when there is nothing now or never again.
static bool read_output(Supervisor *self, int stream) {
    char bytes[READ_BYTES];
    ssize_t got = read(self->worker.pipes[stream], bytes, sizeof bytes);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return false;
    if (got <= 0) {
        close(self->worker.pipes[stream]);
        self->worker.pipes[stream] = -1;
        return false;
    }
    Taker taker = {self, stream};
    write_log(self, bytes, (size_t)got);
    lines_feed(&self->lines[stream], bytes, (size_t)got, clock_ms(), take_piece, &taker);
    return true;
}

// Passes on what has waited long enough; the ms until more will have, or -1.
static int wait_lines(Supervisor *self, int64_t now, bool all) {
    int wait = -1;
    for (int i = 0; i < SCREEN_STREAMS; i++) {
        Taker taker = {self, i};
        int more =
            lines_wait(&self->lines[i], now, all || self->worker.pipes[i] < 0, take_piece, &taker);
        if (more >= 0 && (wait < 0 || more < wait)) wait = more;
    }
    return wait;
}

static bool output_waits(const Supervisor *self) {
    return !backlog_empty(&self->backlog) || screen_busy(&self->screen, SCREEN_OUT) ||
           screen_busy(&self->screen, SCREEN_ERR);
}

// ---- failure and end

bool report_claim(const World *world) {
    const char *folder = getenv("PMIX_SERVER_TMPDIR"); // the job's own on this host; goes with it
    if (world->size == 1 || !folder) return true;
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/rustorch-cause", folder);
    int claim = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (claim >= 0) close(claim);
    return claim >= 0 || errno != EEXIST;
}

static void tell_failure(Supervisor *self) {
    const Outcome *outcome = &self->outcome;
    const World *world = &self->order->world;
    if (self->failure_out || !outcome_failed(outcome)) return;
    // python shows where Ctrl-C met it; of many ranks that would be many screens
    if (outcome->end == END_STOPPED && !(world->size == 1 && self->told_by == SIGINT)) return;
    self->failure_out = true;
    Text text = {0};
    outcome_tell(outcome, world->size, &text);
    write_log(self, text_chars(&text), text.length);
    if (self->channels[CHANNEL_CONTROL] >= 0)
        send_control(self, MESSAGE_FAILED, outcome, 0);
    else if (report_claim(world))
        screen_say(&self->screen, text_chars(&text));
    text_clear(&text);
}

static void signal_worker(const Supervisor *self, int number, bool group) {
    const Worker *worker = &self->worker;
    if (!self->ended) kill(worker->own_group && group ? -worker->pid : worker->pid, number);
}

static void stop_worker(Supervisor *self, int number, int grace_ms) {
    int64_t at = clock_ms() + grace_ms;
    if (!self->kill_at || at < self->kill_at) self->kill_at = at;
    if (!self->leave_at || at < self->leave_at) self->leave_at = at + LEAVE_MS;
    self->told = true;
    if (number) signal_worker(self, number, true);
}

static void read_record(Supervisor *self) {
    char bytes[4096];
    while (self->worker.report >= 0) {
        ssize_t got = read(self->worker.report, bytes, sizeof bytes);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0 && errno == EAGAIN) return;
        if (got > 0) {
            if (self->record.length < RECORD_LONGEST) text_addn(&self->record, bytes, (size_t)got);
            continue;
        }
        close(self->worker.report);
        self->worker.report = -1;
    }
}

static void check_record(Supervisor *self) {
    read_record(self);
    if (self->failure_out || !outcome_early(&self->outcome, &self->record) ||
        !outcome_failed(&self->outcome))
        return;
    if (self->told && self->outcome.end == END_INTERRUPT) return; // it does what it was told
    tell_failure(self);
    // It may still flush its files and run its exit handlers, but nobody waits for one that waits
    // for other ranks.
    if (self->order->world.size > 1 && !self->kill_at)
        self->kill_at = clock_ms() + SUPERVISE_GRACE_MS;
}

static void end_worker(Supervisor *self, int status) {
    self->ended = true;
    self->kill_at = 0;
    read_record(self);
    outcome_read(&self->outcome, status, &self->record, self->told);
    // what it has written is all there; a descendant that lives on may hold the pipes open for ever
    for (int i = 0; i < SCREEN_STREAMS; i++)
        while (self->worker.pipes[i] >= 0 && read_output(self, i)) {
        }
    wait_lines(self, clock_ms(), true);
    if (!self->told && !outcome_failed(&self->outcome)) return;
    if (self->worker.own_group) kill(-self->worker.pid, SIGKILL);
    descendants_kill(LEAVE_MS);
    if (!self->leave_at && self->order->world.size > 1) self->leave_at = clock_ms() + LEAVE_MS;
}

static void reap_children(Supervisor *self) {
    int status;
    pid_t gone;
    // orphans of the worker come to us as well; only the worker's own end counts
    while ((gone = waitpid(-1, &status, WNOHANG)) > 0)
        if (gone == self->worker.pid) end_worker(self, status);
}

// ---- the loop

static void take_signal(Supervisor *self, int number, int code) {
    bool own_group = self->worker.own_group, started = self->order->world.started;
    int64_t now = clock_ms();
    switch (number) {
    case SIGCHLD: reap_children(self); break;
    case SIGUSR1:
    case SIGUSR2: signal_worker(self, number, false); break;
    case SIGTSTP: // in our own group the worker has been stopped by the terminal already
        if (own_group) signal_worker(self, SIGSTOP, true);
        raise(SIGSTOP);
        if (own_group) signal_worker(self, SIGCONT, true);
        break;
    case SIGINT:
        if (self->told_by) {
            if (!started && now - self->told_at >= SUPERVISE_TWICE_MS)
                stop_worker(self, SIGKILL, 0);
            break;
        }
        self->told_by = number;
        self->told_at = now;
        // Ctrl-C on the terminal has already reached a worker in our own group; under mpirun and
        // srun, which have clocks of their own, there is less time
        stop_worker(self, !own_group && code == SI_KERNEL ? 0 : number,
                    started ? SUPERVISE_GRACE_MS : SUPERVISE_INTERRUPT_GRACE_MS);
        break;
    default:
        self->told_by = number;
        send_control(self, MESSAGE_TOLD, NULL, number);
        stop_worker(self, SIGTERM, SUPERVISE_GRACE_MS);
    }
}

static void take_message(Supervisor *self) {
    int descriptor, number;
    int got = wire_receive(self->channels[CHANNEL_CONTROL], &self->message, &descriptor);
    if (descriptor >= 0) close(descriptor);
    if (got == 0) return;
    if (got < 0) {
        close(self->channels[CHANNEL_CONTROL]);
        self->channels[CHANNEL_CONTROL] = -1;
        stop_worker(self, SIGKILL, 0);
        self->leave_at = 1; // nobody is left to show anything to
        return;
    }
    number = self->message.a;
    if (self->message.type == MESSAGE_SIGNAL)
        signal_worker(self, number, number == SIGSTOP || number == SIGCONT);
    if (self->message.type == MESSAGE_STOP) stop_worker(self, number, self->message.b);
}

static int least_wait(int wait, int64_t at, int64_t now) {
    if (at <= 0) return wait;
    int64_t left = at > now ? at - now : 0;
    return wait < 0 || left < wait ? (int)left : wait;
}

static void watch_worker(Supervisor *self) {
    enum { SIGNALS, REPORT, OUT, ERR, CONTROL, OUTPUT, PARENT, SHOW_OUT, SHOW_ERR, SLOTS };
    for (;;) {
        int64_t now = clock_ms();
        int wait = wait_lines(self, now, false);
        if (self->kill_at && now >= self->kill_at) {
            signal_worker(self, SIGKILL, true);
            self->kill_at = 0;
        }
        if (self->channels[CHANNEL_OUTPUT] >= 0)
            backlog_flush(&self->backlog, self->channels[CHANNEL_OUTPUT], &self->message);
        else
            screen_flush(&self->screen);
        if (self->ended && (!output_waits(self) || (self->leave_at && now >= self->leave_at)))
            return;
        wait =
            least_wait(least_wait(wait, self->kill_at, now), self->ended ? self->leave_at : 0, now);
        bool waits = !backlog_empty(&self->backlog), room = !waits && !screen_full(&self->screen);
        struct pollfd slots[SLOTS] = {
            [SIGNALS] = {self->order->signals, POLLIN, 0},
            [REPORT] = {self->worker.report, POLLIN, 0},
            [OUT] = {room ? self->worker.pipes[SCREEN_OUT] : -1, POLLIN, 0},
            [ERR] = {room ? self->worker.pipes[SCREEN_ERR] : -1, POLLIN, 0},
            [CONTROL] = {self->channels[CHANNEL_CONTROL], POLLIN, 0},
            [OUTPUT] = {waits ? self->channels[CHANNEL_OUTPUT] : -1, POLLOUT, 0},
            [PARENT] = {self->parent, POLLIN, 0},
            [SHOW_OUT] = {screen_busy(&self->screen, SCREEN_OUT) ? STDOUT_FILENO : -1, POLLOUT, 0},
            [SHOW_ERR] = {screen_busy(&self->screen, SCREEN_ERR) ? STDERR_FILENO : -1, POLLOUT, 0},
        };
        if (poll(slots, SLOTS, wait) < 0) continue;
        if (slots[REPORT].revents) check_record(self);
        for (int i = 0; i < SCREEN_STREAMS; i++)
            if (slots[OUT + i].revents) read_output(self, i);
        if (slots[CONTROL].revents) take_message(self);
        if (slots[PARENT].revents) { // mpirun or its like died
            close(self->parent);
            self->parent = -1;
            stop_worker(self, SIGKILL, 0);
        }
        for (int code, number; (number = signals_next(self->order->signals, &code));)
            take_signal(self, number, code);
    }
}

// ---- beginning and end

static void log_placement(const Supervisor *self) {
    if (log_level() < LOG_INFO) return;
    const World *world = &self->order->world;
    Text text = {0};
    place_text(&self->place, &text);
    log_info("rank %d of %d (%s), local rank %d of %d on %s: %s; worker %d; %s", world->rank,
             world->size, world->starter, world->local_rank, world->local_size, self->outcome.host,
             text_chars(&text), (int)self->worker.pid, self->order->programs->python);
    text_clear(&text);
}

static Status start_worker(Supervisor *self) {
    Status status = OK;
    const World *world = &self->order->world;
    int input = -1;
    GUARD(descendants_adopt());
    if (self->order->job)
        GUARD(meet_launcher(self, &input));
    else if (world->started)
        self->parent = (int)syscall(SYS_pidfd_open, getppid(), 0);
    // standard input is rank 0's; srun would give it to all
    if (world->rank > 0 && input < 0) input = open("/dev/null", O_RDONLY | O_CLOEXEC);
    GUARD(open_log(self));
    GUARD(place_rank(world->local_rank, world->local_size, &self->place));
    GUARD(worker_spawn(self->order, &self->place, input, &self->worker));
    self->outcome.pid = self->worker.pid;
    send_control(self, MESSAGE_STARTED, NULL, (int)self->worker.pid);
    log_placement(self);
out:
    if (input >= 0) close(input);
    return status;
}

static void close_all(Supervisor *self) {
    int *descriptors[] = {&self->worker.pipes[0],
                          &self->worker.pipes[1],
                          &self->worker.report,
                          &self->parent,
                          &self->log,
                          &self->channels[0],
                          &self->channels[1]};
    for (size_t i = 0; i < sizeof descriptors / sizeof *descriptors; i++)
        if (*descriptors[i] >= 0) close(*descriptors[i]);
    for (int i = 0; i < SCREEN_STREAMS; i++) lines_clear(&self->lines[i]);
    screen_clear(&self->screen);
    backlog_clear(&self->backlog);
    text_clear(&self->record);
    outcome_clear(&self->outcome);
}

Status supervise(const Order *order, Outcome *out) {
    Status status = OK;
    const World *world = &order->world;
    Supervisor *self = mem_zalloc(MEM_GENERAL, sizeof *self);
    if (!self) return ERR_MEMORY;
    self->order = order;
    self->worker = (Worker){.pipes = {-1, -1}, .report = -1};
    self->parent = self->log = self->channels[0] = self->channels[1] = -1;
    self->outcome.rank = world->rank;
    gethostname(self->outcome.host, sizeof self->outcome.host - 1);
    for (int i = 0; i < SCREEN_STREAMS && world->rank == 0; i++) {
        self->lines[i].bars = true;
        self->lines[i].prompts =
            order->job ? setting_int(SETTING_columns, 0, INT_MAX, 0) > 0 : isatty(STDOUT_FILENO);
    }
    screen_open(&self->screen, world->size > 1 && strcmp(order->options->prefix, "always") == 0);
    GUARD(start_worker(self));
    watch_worker(self);
    tell_failure(self);
    screen_finish(&self->screen, world->size > 1 ? LEAVE_MS : -1);
    send_control(self, MESSAGE_ENDED, &self->outcome, 0);
    // a script that was told to stop and ran to its end all the same has done what it wanted to
    if (self->told_by && self->outcome.end != END_DONE) self->outcome.code = 128 + self->told_by;
    *out = self->outcome;
    self->outcome.text = (Text){0};
out:
    close_all(self);
    mem_free(MEM_GENERAL, self);
    return status;
}
