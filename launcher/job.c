#define _GNU_SOURCE
#include "job.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/settings.h"
#include "input.h"
#include "mpirun.h"
#include "processes.h"
#include "wire.h"

enum {
    STOP_SLACK_MS = 300,    // beyond the ranks' own grace, until the job is ended by force
    ORPHAN_MS = 200,        // ranks that outlive mpirun
    URGE_FIRST_MS = 100,    // mpirun whose ranks are all gone: until SIGTERM
    URGE_NEXT_MS = 200,     // and from there to SIGKILL
    URGE_PATIENT_MS = 5000, // where nothing has failed
    FLUSH_MS = 500,         // for output of a job that is over, to a reader that does not read
    STRAGGLE_MS = 300,      // channels that stay open although everything was killed
    HELLO_MS = 1000,
};

typedef struct Peer {
    int channels[2]; // -1: not open yet, or closed
    pid_t supervisor, worker;
    bool ended; // said how its worker ended, or was lost
    Outcome outcome;
    Text line; // the beginning of a line that is longer than a message
} Peer;

typedef struct Job {
    const Order *order;
    Peer *peers;
    struct pollfd *slots;
    int npeers, nmet, nopen; // ranks; those that said hello; open channels
    int listener;
    pid_t mpirun; // 0: reaped
    int mpirun_status, mpirun_streams[SCREEN_STREAMS];
    Screen screen;
    Input input;
    Outcome cause;
    bool stopping, hard; // the ranks were told; SIGKILL was sent to all
    int stop_signal;     // that we got, or 0
    int64_t stop_at;     // when we got it
    int64_t kill_at;     // when the job is ended by force
    int64_t urge_at;     // when mpirun, which has nothing left to do, gets its next signal
    bool urged;
    char session[PATH_MAX]; // Open MPI's folder for the job
    uint32_t mpi_job;
    Message message; // scratch
} Job;

// ---- stopping

static void send_peers(Job *job, MessageType type, int number, int grace_ms) {
    message_set(&job->message, type, number, grace_ms, 0, "", 0);
    for (int i = 0; i < job->npeers; i++) {
        const Peer *peer = &job->peers[i];
        // a rank that has failed is on its way out, and may flush its files undisturbed
        if (outcome_failed(&peer->outcome) && number != SIGKILL) continue;
        if (peer->channels[CHANNEL_CONTROL] >= 0)
            wire_send(peer->channels[CHANNEL_CONTROL], &job->message, -1);
    }
}

static void stop_job(Job *job, int number, int grace_ms) {
    int64_t at = clock_ms() + grace_ms + STOP_SLACK_MS;
    if (!job->stopping || at < job->kill_at) job->kill_at = at;
    job->stopping = true;
    send_peers(job, MESSAGE_STOP, number, grace_ms);
    if (job->nmet < job->npeers && job->mpirun) kill(job->mpirun, SIGTERM); // it is still starting
}

// By force: nobody is asked any more.
static void kill_job(Job *job) {
    for (int i = 0; i < job->npeers; i++) {
        Peer *peer = &job->peers[i];
        if (peer->channels[CHANNEL_CONTROL] < 0) continue; // gone by itself
        if (peer->worker > 1) kill(-peer->worker, SIGKILL);
        if (peer->supervisor > 1) kill(peer->supervisor, SIGKILL);
    }
    if (job->mpirun) kill(job->mpirun, SIGKILL);
    job->hard = true;
}

static void take_cause(Job *job, const Outcome *outcome, const char *text, size_t length) {
    if (job->cause.end != END_NONE || job->stopping) return;
    job->cause = *outcome;
    job->cause.text = (Text){0};
    text_addn(&job->cause.text, text, length);
    stop_job(job, SIGTERM, SUPERVISE_GRACE_MS);
}

// mpirun gives up, and no rank has said why: either one left in silence, which matters only if the
// others cannot go on without it, or mpirun has reasons of its own and has told them itself.
static void blame_starter(Job *job, int code) {
    static const char hint[] =
        "A rank that takes part in a process group must run to the end of the script, "
        "not leave by os._exit.\n";
    for (int i = 0; i < job->npeers; i++) {
        Outcome left = job->peers[i].outcome;
        if (!job->peers[i].ended || left.end != END_QUIET) continue;
        left.code = 1;
        take_cause(job, &left, hint, strlen(hint));
        return;
    }
    take_cause(job, &(Outcome){.end = END_STARTER, .code = code}, "", 0);
}

// ---- what supervisors say

static void close_channel(Job *job, int *channel) {
    if (*channel < 0) return;
    close(*channel);
    *channel = -1;
    job->nopen--;
}

static void lose_peer(Job *job, Peer *peer) {
    close_channel(job, &peer->channels[CHANNEL_CONTROL]);
    if (peer->ended) return;
    if (peer->worker > 1) kill(-peer->worker, SIGKILL);
    peer->ended = true;
    Outcome outcome = peer->outcome;
    outcome.end = END_LOST;
    outcome.code = 1;
    outcome.pid = peer->worker;
    gethostname(outcome.host, sizeof outcome.host - 1);
    take_cause(job, &outcome, "", 0);
}

static void take_outcome(Job *job, Peer *peer, const Message *message) {
    Outcome *outcome = &peer->outcome;
    outcome->end = (End)message->a;
    outcome->code = message->b;
    outcome->signal = message->c;
    outcome->pid = message->d;
    gethostname(outcome->host, sizeof outcome->host - 1);
    if (message->type == MESSAGE_ENDED) peer->ended = true;
    if (outcome_failed(outcome) && outcome->end != END_STOPPED)
        take_cause(job, outcome, message->text, message->length);
}

static void show_output(Job *job, Peer *peer, const Message *message) {
    if (message->d || peer->line.length) text_addn(&peer->line, message->text, message->length);
    if (message->d) return;
    const char *chars = peer->line.length ? peer->line.chars : message->text;
    size_t left = peer->line.length ? peer->line.length : message->length;
    bool starts = message->b, raw = message->c;
    peer->line.length = 0;
    while (left > 0) {
        const char *newline = raw ? NULL : memchr(chars, '\n', left);
        size_t n = newline ? (size_t)(newline + 1 - chars) : left;
        Piece piece = {chars, n, starts, raw};
        screen_show(&job->screen, message->a ? SCREEN_ERR : SCREEN_OUT, peer->outcome.rank, &piece);
        chars += n;
        left -= n;
        starts = true;
    }
}

// One message; false when there is none now.
static bool take_message(Job *job, Peer *peer, int which) {
    Message *message = &job->message;
    int descriptor, got = wire_receive(peer->channels[which], message, &descriptor);
    if (descriptor >= 0) close(descriptor);
    if (got == 0) return false;
    if (got < 0) {
        if (which == CHANNEL_CONTROL)
            lose_peer(job, peer);
        else
            close_channel(job, &peer->channels[which]);
        return false;
    }
    switch ((MessageType)message->type) {
    case MESSAGE_STARTED: peer->worker = message->a; break;
    case MESSAGE_OUTPUT: show_output(job, peer, message); break;
    case MESSAGE_FAILED:
    case MESSAGE_ENDED: take_outcome(job, peer, message); break;
    case MESSAGE_TOLD: blame_starter(job, 128 + message->a); break;
    case MESSAGE_HELLO:
    case MESSAGE_WELCOME:
    case MESSAGE_STOP:
    case MESSAGE_SIGNAL: break;
    }
    return true;
}

// A supervisor opens a channel. What it says first is there at once, since it is ours and on this
// machine.
static void meet_peer(Job *job) {
    pid_t pid;
    int channel = wire_accept(job->listener, &pid), descriptor;
    if (channel < 0) return;
    struct pollfd first = {.fd = channel, .events = POLLIN};
    Message *message = &job->message;
    bool good =
        poll(&first, 1, HELLO_MS) == 1 && wire_receive(channel, message, &descriptor) == 1 &&
        message->type == MESSAGE_HELLO && message->a >= 0 && message->a < job->npeers &&
        (message->b == CHANNEL_CONTROL || message->b == CHANNEL_OUTPUT) && message->length > 0;
    Peer *peer = good ? &job->peers[message->a] : NULL;
    if (!good || peer->channels[message->b] >= 0) {
        close(channel);
        return;
    }
    peer->channels[message->b] = channel;
    job->nopen++;
    if (message->b == CHANNEL_OUTPUT) return;
    peer->supervisor = pid;
    job->nmet++;
    if (message->length < sizeof job->session)
        memcpy(job->session, message->text, message->length - 1);
    job->mpi_job = (uint32_t)message->c;
    int input = message->a == 0 ? input_open(&job->input) : -1;
    message_set(message, MESSAGE_WELCOME, 0, 0, 0, "", 0);
    wire_send(channel, message, input);
    if (input >= 0) close(input);
    if (job->stopping) send_peers(job, MESSAGE_STOP, SIGKILL, 0); // too late to begin
}

// ---- mpirun

static void read_mpirun(Job *job, int stream) {
    char bytes[8192];
    ssize_t got = read(job->mpirun_streams[stream], bytes, sizeof bytes);
    if (got == 0) {
        close(job->mpirun_streams[stream]);
        job->mpirun_streams[stream] = -1;
    }
    // once a cause is known mpirun only repeats it in many words
    if (got <= 0 || (job->stopping && log_level() < LOG_DEBUG)) return;
    Piece piece = {bytes, (size_t)got, .raw = true};
    screen_show(&job->screen, stream, job->npeers, &piece);
}

static bool supervised(const Job *job) {
    for (int i = 0; i < job->npeers; i++)
        if (job->peers[i].channels[CHANNEL_CONTROL] >= 0) return true;
    return false;
}

static void reap_children(Job *job) {
    int status;
    pid_t gone;
    while ((gone = waitpid(-1, &status, WNOHANG)) > 0) {
        if (gone != job->mpirun) continue; // an orphan of a rank
        job->mpirun = 0;
        job->mpirun_status = status;
        for (int i = 0; i < SCREEN_STREAMS; i++)
            if (job->mpirun_streams[i] >= 0) read_mpirun(job, i);
        // ranks that wait for each other wait for ever without it
        if (supervised(job) && !job->stopping) job->kill_at = clock_ms() + ORPHAN_MS;
    }
}

// mpirun has ended and no rank has failed.
static void judge_mpirun(Job *job) {
    int status = job->mpirun_status,
        code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    if (job->cause.end != END_NONE || job->stop_signal) return;
    bool complete = code == 0 && job->nmet == job->npeers;
    for (int i = 0; i < job->npeers && complete; i++)
        complete = job->peers[i].ended && !outcome_failed(&job->peers[i].outcome);
    if (complete)
        job->cause.end = END_DONE;
    else
        blame_starter(job, code ? code : 1);
}

// A job whose ranks are all gone needs no mpirun; it usually knows, and is helped where it waits
// for something.
static void urge_mpirun(Job *job, int64_t now) {
    if (!job->mpirun || job->nopen > 0 || job->nmet < job->npeers) return;
    if (!job->urge_at) job->urge_at = now + (job->stopping ? URGE_FIRST_MS : URGE_PATIENT_MS);
    if (now < job->urge_at) return;
    kill(job->mpirun, job->urged ? SIGKILL : SIGTERM);
    job->urged = true;
    job->urge_at = now + URGE_NEXT_MS;
}

// ---- the loop

enum { SIGNALS, LISTENER, STARTER_OUT, STARTER_ERR, SHOW_OUT, SHOW_ERR, INPUT, PEERS };

static void take_signal(Job *job, int number) {
    switch (number) {
    case SIGCHLD: reap_children(job); break;
    case SIGUSR1:
    case SIGUSR2: send_peers(job, MESSAGE_SIGNAL, number, 0); break;
    case SIGTSTP: // Ctrl-Z stops the ranks too, which do not belong to the terminal's group
        send_peers(job, MESSAGE_SIGNAL, SIGSTOP, 0);
        raise(SIGSTOP);
        send_peers(job, MESSAGE_SIGNAL, SIGCONT, 0);
        break;
    default:
        if (job->stop_signal) {
            if (clock_ms() - job->stop_at >= SUPERVISE_TWICE_MS) stop_job(job, SIGKILL, 0);
            return;
        }
        job->stop_signal = number;
        job->stop_at = clock_ms();
        if (number == SIGINT)
            stop_job(job, SIGINT, SUPERVISE_INTERRUPT_GRACE_MS);
        else
            stop_job(job, SIGTERM, SUPERVISE_GRACE_MS);
    }
}

static int next_wait(const Job *job, int64_t now) {
    int64_t at = job->kill_at && !job->hard ? job->kill_at : 0;
    if (job->urge_at && job->mpirun && (!at || job->urge_at < at)) at = job->urge_at;
    int wait = !at ? -1 : at > now ? (int)(at - now) : 0;
    // nothing wakes us when the terminal becomes ours, or when a channel outlives its process
    int most = job->hard ? 50 : input_asleep(&job->input) ? 500 : -1;
    return most >= 0 && (wait < 0 || wait > most) ? most : wait;
}

static void set_slots(const Job *job) {
    struct pollfd *slots = job->slots;
    bool room = job->stopping || !screen_full(&job->screen);
    slots[SIGNALS] = (struct pollfd){job->order->signals, POLLIN, 0};
    slots[LISTENER] = (struct pollfd){job->listener, POLLIN, 0};
    for (int i = 0; i < SCREEN_STREAMS; i++) {
        int sink = screen_busy(&job->screen, i) ? job->screen.sinks[i].descriptor : -1;
        slots[STARTER_OUT + i] = (struct pollfd){room ? job->mpirun_streams[i] : -1, POLLIN, 0};
        slots[SHOW_OUT + i] = (struct pollfd){sink, POLLOUT, 0};
    }
    slots[INPUT] = input_slot(&job->input);
    for (int i = 0; i < job->npeers; i++) {
        const int *channels = job->peers[i].channels;
        slots[PEERS + 2 * i] = (struct pollfd){channels[CHANNEL_CONTROL], POLLIN, 0};
        slots[PEERS + 2 * i + 1] = (struct pollfd){room ? channels[CHANNEL_OUTPUT] : -1, POLLIN, 0};
    }
}

static void take_ready(Job *job) {
    const struct pollfd *slots = job->slots;
    for (int i = 0; i < job->npeers; i++) {
        Peer *peer = &job->peers[i];
        if (slots[PEERS + 2 * i + 1].revents && peer->channels[CHANNEL_OUTPUT] >= 0)
            take_message(job, peer, CHANNEL_OUTPUT);
        if (slots[PEERS + 2 * i].revents)
            while (peer->channels[CHANNEL_CONTROL] >= 0 &&
                   take_message(job, peer, CHANNEL_CONTROL)) {
            }
    }
    // after the peers: a slot belongs to the channel that was open when it was set
    if (slots[LISTENER].revents) meet_peer(job);
    for (int i = 0; i < SCREEN_STREAMS; i++)
        if (slots[STARTER_OUT + i].revents && job->mpirun_streams[i] >= 0) read_mpirun(job, i);
    if (slots[INPUT].revents) input_pass(&job->input);
    for (int code, number; (number = signals_next(job->order->signals, &code));)
        take_signal(job, number);
}

static void watch_job(Job *job) {
    while (job->mpirun || job->nopen > 0) {
        int64_t now = clock_ms();
        if (job->kill_at && now >= job->kill_at && !job->hard) {
            if (!job->stopping) judge_mpirun(job);
            kill_job(job);
        }
        if (job->hard && now >= job->kill_at + STRAGGLE_MS && !job->mpirun) return;
        urge_mpirun(job, now);
        screen_flush(&job->screen);
        set_slots(job);
        if (poll(job->slots, (nfds_t)(PEERS + 2 * job->npeers), next_wait(job, now)) < 0) continue;
        take_ready(job);
        if (job->screen.sinks[SCREEN_OUT].closed && !job->stopping) {
            job->stop_signal = SIGPIPE; // ends as any program that writes into a closed pipe
            stop_job(job, SIGTERM, SUPERVISE_GRACE_MS);
        }
    }
}

// ---- beginning and end

static void tell_end(Job *job) {
    Outcome *cause = &job->cause;
    Text text = {0};
    if (cause->end == END_NONE) {
        cause->end = END_STOPPED;
        cause->code = 128 + job->stop_signal;
        const char *by = job->stop_signal == SIGINT ? "Ctrl-C" : signal_word(job->stop_signal);
        if (job->stop_signal != SIGPIPE) text_addf(&text, "rustorch-launch: stopped by %s\n", by);
    } else if (cause->end != END_DONE)
        outcome_tell(cause, job->npeers, &text);
    screen_say(&job->screen, text_chars(&text));
    screen_finish(&job->screen, job->stopping ? FLUSH_MS : -1);
    text_clear(&text);
}

// Two channels a rank; the usual limit of 1,024 descriptors is met at 500 ranks.
static void allow_descriptors(int npeers) {
    struct rlimit limit;
    rlim_t need = (rlim_t)npeers * 2 + 64;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= need) return;
    limit.rlim_cur = need < limit.rlim_max ? need : limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static void set_number(Setting setting, int number) {
    char text[16];
    snprintf(text, sizeof text, "%d", number);
    setenv(setting_row(setting)->variable, text, 1);
}

static Status open_job(Job *job) {
    const Order *order = job->order;
    const char *prefix = order->options->prefix;
    char name[64];
    int n = order->world.size;
    job->listener = job->mpirun_streams[SCREEN_OUT] = job->mpirun_streams[SCREEN_ERR] = -1;
    input_init(&job->input);
    screen_open(&job->screen, strcmp(prefix, "always") == 0 ||
                                  (strcmp(prefix, "auto") == 0 && isatty(STDOUT_FILENO)));
    allow_descriptors(n);
    job->peers = mem_zalloc(MEM_GENERAL, (size_t)n * sizeof *job->peers);
    job->slots = mem_zalloc(MEM_GENERAL, (size_t)(PEERS + 2 * n) * sizeof *job->slots);
    if (!job->peers || !job->slots) return ERR_MEMORY;
    job->npeers = n;
    for (int i = 0; i < n; i++) {
        job->peers[i].channels[CHANNEL_CONTROL] = job->peers[i].channels[CHANNEL_OUTPUT] = -1;
        job->peers[i].outcome.rank = i;
    }
    TRY(descendants_adopt()); // what a supervisor that was killed leaves behind comes to us
    job->listener = wire_listen(name, sizeof name);
    if (job->listener < 0) return error_code();
    setenv(setting_row(SETTING_job)->variable, name, 1);
    set_number(SETTING_columns, terminal_columns(STDOUT_FILENO));
    set_number(SETTING_restart, order->world.restart);
    return OK;
}

static void close_job(Job *job) {
    input_close(&job->input);
    if (job->listener >= 0) close(job->listener);
    for (int i = 0; i < SCREEN_STREAMS; i++)
        if (job->mpirun_streams[i] >= 0) close(job->mpirun_streams[i]);
    for (int i = 0; i < job->npeers; i++) {
        close_channel(job, &job->peers[i].channels[CHANNEL_CONTROL]);
        close_channel(job, &job->peers[i].channels[CHANNEL_OUTPUT]);
        text_clear(&job->peers[i].line);
    }
    outcome_clear(&job->cause);
    screen_clear(&job->screen);
    mem_free(MEM_GENERAL, job->peers);
    mem_free(MEM_GENERAL, job->slots);
    mem_free(MEM_GENERAL, job);
}

Status job_run(const Order *order, Outcome *out) {
    Status status = OK;
    char mpirun[PATH_MAX];
    char **command = NULL;
    Job *job = mem_zalloc(MEM_GENERAL, sizeof *job);
    if (!job) return ERR_MEMORY;
    job->order = order;
    GUARD(open_job(job));
    GUARD(mpirun_find(mpirun));
    command = mpirun_command(order, mpirun);
    if (!command) GUARD(ERR_MEMORY);
    GUARD(mpirun_start(command, &job->mpirun, job->mpirun_streams));
    watch_job(job);
    judge_mpirun(job);
    if (job->stopping) {
        descendants_kill(STRAGGLE_MS);
        mpirun_sweep(job->session, job->mpi_job);
    }
    tell_end(job);
    *out = job->cause;
    job->cause.text = (Text){0};
out:
    mpirun_command_free(command);
    close_job(job);
    return status;
}
