// thread.c: the communication thread. It starts works in the order of the queue, then progresses
// all of them, so that two collectives, or a send and a receive, never wait for each other's turn.
// It opens no parallel region.
//
// How it waits is what decides about speed on shared cores: it yields while messages keep coming,
// takes short naps while works are under way but silent, and sleeps when there is nothing to do
// (waking ten times a second to answer the questions of other ranks).
#include "comm/window.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "cpu/parallel.h"

#define YIELD_SECONDS 100e-6       // how long it yields after the last message
#define YIELD_AWAITED_SECONDS 2e-3 // the same while somebody waits
#define NAP_MAX_NANOSECONDS 200000
#define ANSWER_SECONDS                                                                             \
    1.0 // for a communication thread to answer; the main thread need not be free for that

double comm_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

// ------------------------------------------------------------------------------ control messages

typedef struct Telling {
    CommRequest request; // first
    Comm *comm;
    ControlMessage message;
} Telling;

static void telling_over(CommRequest *request) {
    Telling *telling = (Telling *)request;
    telling->comm->ntold--;
    mem_free(MEM_COMM, telling);
}

// Best effort: who cannot be told finds out by a deadline.
static void tell(Comm *comm, int peer, ControlType type, uint32_t group, uint64_t sequence,
                 const char *text) {
    Telling *telling = mem_zalloc(MEM_COMM, sizeof *telling);
    if (!telling) {
        error_clear();
        return;
    }
    telling->request.finish = telling_over;
    telling->comm = comm;
    telling->message = (ControlMessage){.magic = HEADER_MAGIC,
                                        .type = type,
                                        .rank = comm->rank,
                                        .group = group,
                                        .sequence = sequence};
    if (text) snprintf(telling->message.text, HEADER_TEXT, "%s", text);
    comm->ntold++;
    if (comm->transport->isend(comm->context, peer, (CommTag){.kind = COMM_CONTROL},
                               &telling->message, sizeof telling->message, &telling->request) < 0) {
        comm->ntold--;
        mem_free(MEM_COMM, telling);
        error_clear();
    }
}

void comm_tell_gone(Comm *comm, int rank, uint64_t serial) {
    tell(comm, rank, CONTROL_GONE, 0, serial, NULL);
}

static RtGroup *group_find(Comm *comm, uint32_t id) { // the lock is held
    RtGroup *group = comm->groups;
    while (group && group->id != id) group = group->next;
    return group;
}

// From collective number `sequence` on; earlier ones may still end well. Once: the first reason
// stays.
static void group_break(RtGroup *group, uint64_t sequence, const char *text) {
    Comm *comm = group->comm;
    pthread_mutex_lock(&comm->lock);
    if (!group->broken) {
        group->why = (ErrorRecord){.code = ERR_PEER};
        snprintf(group->why.message, sizeof group->why.message, "%s", text);
        group->broken_from = sequence;
        group->broken = true;
    }
    pthread_mutex_unlock(&comm->lock);
}

// All members learn what is wrong, so that none is left waiting.
static void group_denounce(RtGroup *group, uint64_t sequence, const char *text) {
    Comm *comm = group->comm;
    for (int k = 0; k < group->n; k++)
        if (k != group->rank)
            tell(comm, group->ranks[k], CONTROL_BROKEN, group->id, sequence, text);
    group_break(group, sequence, text);
}

static void control_heard(CommRequest *request);

static Status control_listen(Comm *comm) {
    comm->hearing = (CommRequest){.finish = control_heard};
    return comm->transport->irecv(comm->context, COMM_ANY_RANK, (CommTag){.kind = COMM_CONTROL},
                                  &comm->heard, sizeof comm->heard, &comm->hearing);
}

static Comm *comm_of_hearing(CommRequest *request) {
    return (Comm *)(void *)((char *)request - offsetof(Comm, hearing));
}

static void control_heard(CommRequest *request) {
    Comm *comm = comm_of_hearing(request);
    if (request->failed) return;
    ControlMessage message = comm->heard;
    bool sane = request->bytes == sizeof message && message.magic == HEADER_MAGIC &&
                message.rank >= 0 && message.rank < comm->size;
    if (control_listen(comm) < 0) error_clear();
    if (!sane) return;
    message.text[HEADER_TEXT - 1] = 0;
    Peer *peer = &comm->peers[message.rank];
    switch ((ControlType)message.type) {
    case CONTROL_BROKEN: {
        pthread_mutex_lock(&comm->lock);
        RtGroup *group = group_find(comm, message.group);
        if (group) rt_group_keep(group);
        pthread_mutex_unlock(&comm->lock);
        if (group) group_break(group, message.sequence, message.text);
        rt_group_drop(group);
        break;
    }
    case CONTROL_ASK: {
        char text[HEADER_TEXT] = "";
        uint64_t sequence = 0;
        pthread_mutex_lock(&comm->lock);
        RtGroup *group = group_find(comm, message.group);
        if (group) {
            sequence = group->sequence;
            if (sequence) header_text(&group->last, text, sizeof text);
        }
        pthread_mutex_unlock(&comm->lock);
        tell(comm, message.rank, CONTROL_ANSWER, message.group, sequence, text);
        break;
    }
    case CONTROL_ANSWER:
        peer->answered = true;
        peer->joined = message.sequence;
        snprintf(peer->doing, sizeof peer->doing, "%s", message.text);
        break;
    case CONTROL_REFUSE:
        for (RtWork *work = comm->works; work; work = work->next)
            if (work->header.op == COMM_SEND && work->header.extra == message.sequence) {
                fail(ERR_PEER, "%s", message.text);
                work->refused = true;
                error_take(&work->error);
            }
        break;
    case CONTROL_GONE: window_gone(comm, message.rank, message.sequence); break;
    case CONTROL_BYE:
        peer->left = true;
        peer->left_at = comm_now();
        comm->nleft++;
        break;
    }
}

// ------------------------------------------------------------------------------ works

static RtWork *work_of_header(CommRequest *request) {
    return (RtWork *)(void *)((char *)request - offsetof(RtWork, header_in));
}

static void header_sent(CommRequest *request) { (void)request; }

static void header_came(CommRequest *request) { work_of_header(request)->header_pending = false; }

// The first message of a recv: says what follows. From here on the plan knows its peer and its
// stream.
static void point_came(CommRequest *request) {
    RtWork *work = work_of_header(request);
    work->point_pending = false;
    if (request->failed || request->bytes < sizeof(CommHeader)) return;
    work->neighbour = work->point->header;
    work->point_sequence = (uint32_t)work->neighbour.extra;
    for (int i = 0; i < work->plan.nsteps; i++) work->plan.steps[i].peer = request->peer;
    work->source = rt_group_member(work->group, request->peer);
}

static Status work_start(Comm *comm, RtWork *work) {
    RtGroup *group = work->group;
    const CommTransport *transport = comm->transport;
    uint32_t sequence = (uint32_t)work->header.sequence;
    work->started = work->progressed = comm_now();
    work_bind(work);
    if (work->header.op == COMM_SEND) {
        work->header_out.finish = header_sent;
        CommTag tag = {.kind = COMM_POINT, .group = group->id, .sequence = sequence};
        size_t bytes = sizeof(CommHeader);
        if (work->plan.nsteps == 0 && work->bindings[0].tensor->numel) { // goes with the header
            size_t payload =
                (size_t)work->header.count * rt_dtype_bytes((RtDtype)work->header.dtype);
            memcpy(work->point->payload, work->bindings[0].flat, payload);
            bytes += payload;
        }
        return transport->isend(comm->context, group->ranks[work->header.root], tag, work->point,
                                bytes, &work->header_out);
    }
    if (work->header.op == COMM_RECV) {
        work->header_in.finish = point_came;
        work->point_pending = true;
        CommTag tag = {.kind = COMM_POINT, .group = group->id, .sequence = sequence};
        int peer = work->header.root < 0 ? COMM_ANY_RANK : group->ranks[work->header.root];
        return transport->irecv(comm->context, peer, tag, work->point, sizeof *work->point,
                                &work->header_in);
    }
    // A ring of headers: if every rank agrees with the one before it, all agree.
    CommTag tag = {.kind = COMM_HEADER, .group = group->id, .sequence = sequence};
    work->header_out.finish = header_sent;
    work->header_in.finish = header_came;
    work->header_pending = true;
    int after = group->ranks[(group->rank + 1) % group->n],
        before = group->ranks[(group->rank - 1 + group->n) % group->n];
    TRY(transport->irecv(comm->context, before, tag, &work->neighbour, sizeof work->neighbour,
                         &work->header_in));
    return transport->isend(comm->context, after, tag, &work->header, sizeof work->header,
                            &work->header_out);
}

// Names both calls, lower rank first, so that all ranks tell the same story.
static void disagreement_text(const CommHeader *a, const CommHeader *b, char *out, size_t room) {
    if (a->rank > b->rank) {
        const CommHeader *swap = a;
        a = b;
        b = swap;
    }
    char one[HEADER_TEXT / 3], two[HEADER_TEXT / 3];
    header_text(a, one, sizeof one);
    header_text(b, two, sizeof two);
    snprintf(out, room,
             "ranks disagree about collective %llu of their process group: rank %d calls %s, rank "
             "%d calls %s; all ranks must "
             "call the same collectives in the same order with the same sizes",
             (unsigned long long)a->sequence + 1, a->rank, one, b->rank, two);
}

// What was sent must be what was asked for; otherwise both sides get the error.
static Status point_check(Comm *comm, RtWork *work) {
    const CommHeader *mine = &work->header, *theirs = &work->neighbour;
    if (work->header_in.failed) return ERR_PEER;
    size_t item = rt_dtype_bytes((RtDtype)mine->dtype), inline_bytes = (size_t)mine->count * item;
    bool fits = theirs->magic == HEADER_MAGIC && theirs->dtype == mine->dtype &&
                theirs->count == mine->count;
    if (!fits) {
        char sent[HEADER_TEXT / 2], asked[HEADER_TEXT / 2];
        header_text(theirs, sent, sizeof sent);
        header_text(mine, asked, sizeof asked);
        fail(ERR_PEER, "rank %d calls %s, but rank %d calls %s: size and dtype must be the same",
             work->header_in.peer, sent, mine->rank, asked);
        tell(comm, work->header_in.peer, CONTROL_REFUSE, work->group->id, theirs->extra,
             error_message());
        return ERR_PEER;
    }
    if (work->plan.nsteps == 0 && inline_bytes)
        memcpy(work->bindings[0].flat, work->point->payload, inline_bytes);
    work->point_fits = true;
    return OK;
}

static Status wrong_message(RtWork *work) {
    const Step *step = &work->plan.steps[work->plan.wrong_step];
    if (step->kind == STEP_CHECK)
        return fail(ERR_PEER, "%s: rank %d sends %lld bytes to rank %d, which expects %lld",
                    collective_word((CommOp)work->header.op), step->peer,
                    (long long)*(const int64_t *)step->source, work->header.rank,
                    (long long)step->count);
    return fail(ERR_PEER, "%s: a message from rank %d has %zu bytes%s where %zu were expected",
                collective_word((CommOp)work->header.op), step->peer, step->request.bytes,
                step->request.truncated ? " or more" : "", step->bytes);
}

// All know all blocks: the second part of an all-reduce through windows.
static Status window_start(Comm *comm, RtWork *work) {
    RtGroup *group = work->group;
    Binding *binding = &work->bindings[0];
    size_t bytes = (size_t)binding->tensor->numel * rt_dtype_bytes((RtDtype)binding->tensor->dtype);
    for (int k = 0; k < group->n; k++) {
        if (k == group->rank) continue;
        if (work->notes[k].total != bytes)
            return fail(ERR_PEER, "all_reduce: rank %d has %llu bytes, rank %d has %zu",
                        group->ranks[k], (unsigned long long)work->notes[k].total, comm->rank,
                        bytes);
        work->bases[k] = window_map(comm, group->ranks[k], &work->notes[k]);
        if (!work->bases[k]) return error_code();
    }
    Plan *plan = &work->plan, old = *plan;
    Team team = {.rank = group->rank, .n = group->n, .ranks = group->ranks};
    plan_clear(plan);
    plan->op = old.op;
    plan->dtype = old.dtype;
    plan->width = old.width;
    work->mapped = true;
    build_window_reduce(plan, &team, binding->flat, bytes, work->block, work->direct, work->bases);
    return plan_begin(plan);
}

// One pass over a work. *out_over: it is complete.
static Status work_advance(Comm *comm, RtWork *work, int *out_did, bool *out_over) {
    Plan *plan = &work->plan;
    CommHeader *mine = &work->header;
    bool point = mine->op == COMM_SEND || mine->op == COMM_RECV;
    if (work->group->broken && (point || mine->sequence >= work->group->broken_from)) {
        error_give(&work->group->why);
        return ERR_PEER;
    }
    if (work->header_out.failed || work->header_in.failed || plan->transport_failed)
        return fail(ERR_PEER, "%s: the connection to rank %d broke",
                    collective_word((CommOp)mine->op), plan_awaits(plan));
    if (work->refused) {
        error_give(&work->error);
        return ERR_PEER;
    }
    if (point) {
        if (mine->op == COMM_RECV) {
            if (work->point_pending) return OK;
            if (!work->point_fits)
                TRY(point_check(comm, work)); // once, when the first message came
        }
        TRY(plan_work(plan, comm->transport, comm->context, work->group->id, work->point_sequence,
                      COMM_POINT_DATA, out_did));
        *out_over = plan_over(plan) && !work->header_out.active;
        if (plan->wrong_step >= 0) return wrong_message(work);
        return OK;
    }
    if (!work->header_pending && !header_same(mine, &work->neighbour)) {
        char text[HEADER_TEXT];
        disagreement_text(mine, &work->neighbour, text, sizeof text);
        group_denounce(work->group, work->header.sequence, text);
        return fail(ERR_PEER, "%s", text);
    }
    TRY(plan_work(plan, comm->transport, comm->context, work->group->id, (uint32_t)mine->sequence,
                  COMM_DATA, out_did));
    if (plan->wrong_step >= 0) {
        // Some rank disagrees, and the headers that go around will tell which; if they do not, this
        // must do.
        double now = comm_now();
        if (work->suspected == 0) work->suspected = now;
        if (now - work->suspected < comm->match_timeout &&
            plan->steps[plan->wrong_step].kind != STEP_CHECK)
            return OK;
        wrong_message(work);
        char text[HEADER_TEXT];
        snprintf(text, sizeof text, "%s", error_message());
        group_denounce(work->group, work->header.sequence, text);
        return fail(ERR_PEER, "%s", text);
    }
    if (work->block && !work->mapped && !work->header_pending && plan_over(plan)) {
        TRY(window_start(comm, work));
        TRY(plan_work(plan, comm->transport, comm->context, work->group->id,
                      (uint32_t)mine->sequence, COMM_DATA, out_did));
        ++*out_did;
    }
    *out_over = !work->header_pending && !work->header_out.active && plan_over(plan);
    return OK;
}

// ------------------------------------------------------------------------------ those who do not
// come

static bool work_waits_for(const RtWork *work, int peer) {
    const CommHeader *mine = &work->header;
    const RtGroup *group = work->group;
    if (work->point_pending && mine->root >= 0 && group->ranks[mine->root] == peer) return true;
    if (work->header_pending && group->ranks[(group->rank - 1 + group->n) % group->n] == peer)
        return true;
    if (work->header_out.active && mine->op == COMM_SEND && group->ranks[mine->root] == peer)
        return true;
    return plan_waits_for(&work->plan, peer);
}

// A rank that said goodbye will send nothing more; what it sent before has long come.
static Status check_left(Comm *comm, RtWork *work, double now) {
    for (int k = 0; k < work->group->n; k++) {
        int rank = work->group->ranks[k];
        const Peer *peer = &comm->peers[rank];
        if (!peer->left || now - peer->left_at < 1 || now - work->progressed < 1 ||
            !work_waits_for(work, rank))
            continue;
        char text[HEADER_TEXT];
        header_text(&work->header, text, sizeof text);
        return fail(ERR_PEER, "rank %d has ended its script, but rank %d waits for it in %s", rank,
                    comm->rank, text);
    }
    return OK;
}

static void ask_members(Comm *comm, RtWork *work) {
    RtGroup *group = work->group;
    for (int k = 0; k < group->n; k++)
        if (k != group->rank) {
            comm->peers[group->ranks[k]].answered = false;
            tell(comm, group->ranks[k], CONTROL_ASK, group->id, 0, NULL);
        }
}

// At the deadline: which ranks have not joined, and what they did last.
static Status late_error(Comm *comm, RtWork *work) {
    RtGroup *group = work->group;
    char mine[HEADER_TEXT];
    header_text(&work->header, mine, sizeof mine);
    Text text = {0};
    text_addf(&text, "%s of rank %d is not over after %g s:", mine, comm->rank, group->timeout);
    int named = 0;
    for (int k = 0; k < group->n && named < 8; k++) {
        int rank = group->ranks[k];
        const Peer *peer = &comm->peers[rank];
        bool point = work->header.op == COMM_SEND || work->header.op == COMM_RECV;
        if (k == group->rank) continue;
        if (peer->left)
            text_addf(&text, " rank %d has ended its script;", rank);
        else if (!peer->answered)
            text_addf(&text, " rank %d does not answer;", rank);
        else if (point && work_waits_for(work, rank))
            text_addf(&text, " rank %d has not called the other side of it;", rank);
        else if (!point && peer->joined <= work->header.sequence)
            text_addf(&text, " rank %d has not joined it (%s%s);", rank,
                      peer->joined ? "its last collective was " : "it has joined no collective yet",
                      peer->doing);
        else
            continue;
        named++;
    }
    if (!named) text_addf(&text, " all ranks have joined, but messages do not arrive;");
    Status status = text_status(&text);
    if (status == OK) {
        text.chars[text.length - 1] = 0;
        status = fail(ERR_PEER, "%s", text.chars);
    }
    text_clear(&text);
    return status;
}

static Status check_deadlines(Comm *comm, RtWork *work, double now) {
    if (work->seen != work->plan.nover) {
        work->seen = work->plan.nover;
        work->progressed = now;
    }
    if (comm->nleft) TRY(check_left(comm, work, now));
    double late = now - work->started - work->group->timeout;
    if (late < 0) return OK;
    if (!work->asked) {
        ask_members(comm, work);
        work->asked = true;
        return OK;
    }
    bool all = true;
    for (int k = 0; k < work->group->n; k++)
        if (k != work->group->rank && !comm->peers[work->group->ranks[k]].answered) all = false;
    if (!all && late < ANSWER_SECONDS) return OK;
    late_error(comm, work);
    bool point = work->header.op == COMM_SEND || work->header.op == COMM_RECV;
    if (!point) {
        char text[HEADER_TEXT];
        snprintf(text, sizeof text, "%s", error_message());
        ErrorRecord whole;
        error_take(&whole);
        group_denounce(work->group, work->header.sequence, text);
        error_give(&whole);
    }
    return ERR_PEER;
}

// ------------------------------------------------------------------------------ the loop

static void cancel_one(Comm *comm, CommRequest *request) {
    if (request->active) comm->transport->cancel(comm->context, request);
}

// Takes back what can be taken back. True: the transport holds nothing of the work's any more.
static bool work_cancel(Comm *comm, RtWork *work) {
    cancel_one(comm, &work->header_in);
    bool active = work->header_out.active || work->header_in.active;
    for (int i = 0; i < work->plan.nsteps; i++) {
        Step *step = &work->plan.steps[i];
        if (step->kind == STEP_RECV) cancel_one(comm, &step->request);
        active |= step->request.active;
    }
    return !active;
}

static void work_end(Comm *comm, RtWork *work, Status status) {
    if (status < 0 && !work_cancel(comm, work)) {
        rt_work_keep(work);
        work->next = comm->dead;
        comm->dead = work;
    }
    work_finish(work, status);
    rt_work_drop(work);
}

// now: 0, or the time, and then deadlines are looked at as well.
static int works_advance(Comm *comm, double now) {
    int did = 0;
    for (RtWork **link = &comm->works; *link;) {
        RtWork *work = *link;
        bool over = false;
        Status status = work_advance(comm, work, &did, &over);
        if (status == OK && !over && now > 0) status = check_deadlines(comm, work, now);
        if (status < 0 || over) {
            *link = work->next;
            work_end(comm, work, status);
            did++;
        } else
            link = &work->next;
    }
    return did;
}

// Starts the works of the queue, and sees to the blocks that were dropped.
static int works_take(Comm *comm) {
    pthread_mutex_lock(&comm->lock);
    RtWork *list = comm->queue;
    comm->queue = NULL;
    comm->queue_end = &comm->queue;
    comm->queued = false;
    pthread_mutex_unlock(&comm->lock);
    window_forget(comm);
    RtWork **end = &comm->works;
    while (*end) end = &(*end)->next;
    int n = 0;
    while (list) {
        RtWork *work = list;
        list = work->next;
        work->next = NULL;
        n++;
        Status status = work_start(comm, work);
        if (status < 0) {
            work_end(comm, work, status);
            continue;
        }
        *end = work;
        end = &work->next;
    }
    return n;
}

static void comm_set_state(Comm *comm, CommState state) {
    pthread_mutex_lock(&comm->lock);
    comm->state = state;
    pthread_cond_broadcast(&comm->changed);
    pthread_mutex_unlock(&comm->lock);
}

// Sleeps until work comes, at most a tenth of a second.
static void sleep_idle(Comm *comm) {
    pthread_mutex_lock(&comm->lock);
    comm->asleep = true;
    if (!comm->queued && comm->state == COMM_OPEN) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += 100000000;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_cond_timedwait(&comm->wake, &comm->lock, &until);
    }
    comm->asleep = false;
    pthread_mutex_unlock(&comm->lock);
}

// True once everybody, and this rank too, is through.
static bool leave_advance(Comm *comm) {
    if (!comm->said_bye) {
        for (int rank = 0; rank < comm->size; rank++)
            if (rank != comm->rank) tell(comm, rank, CONTROL_BYE, 0, 0, NULL);
        comm->said_bye = true;
    }
    for (int rank = 0; rank < comm->size; rank++)
        if (rank != comm->rank && !comm->peers[rank].left) return false;
    return comm->ntold == 0;
}

// True when all ranks left together, false when this one was abandoned.
static bool comm_loop(Comm *comm) {
    double last = comm_now();
    long nap = 20000;
    for (;;) {
        if (comm->state == COMM_ABANDONED) return false;
        int did = comm->queued ? works_take(comm) : 0;
        did += comm->transport->advance(comm->context);
        did += works_advance(comm, 0);
        if (did) {
            last = 0; // read the clock only when idle
            nap = 20000;
            continue;
        }
        double now = comm_now();
        if (last == 0) last = now;
        did = works_advance(comm, now);
        if (!comm->works && !comm->queued && comm->state == COMM_LEAVING && leave_advance(comm))
            return true;
        if (did) continue;
        bool busy = comm->works || comm->ntold || comm->state == COMM_LEAVING;
        double patience = comm->waiting ? YIELD_AWAITED_SECONDS : YIELD_SECONDS;
        if (now - last < patience)
            sched_yield();
        else if (busy) {
            nanosleep(&(struct timespec){.tv_nsec = nap}, NULL);
            if (nap < NAP_MAX_NANOSECONDS) nap += nap / 2;
        } else {
            window_sweep(comm);
            sleep_idle(comm);
        }
    }
}

static void *comm_main(void *argument) {
    Comm *comm = argument;
    prctl(PR_SET_NAME, "rustorch-comm");
    prctl(PR_SET_TIMERSLACK, 1000UL); // naps of 20 µs are meant
    threads_solo_begin();
    Status status = comm->transport->open(comm->context, &comm->rank, &comm->size,
                                          &comm->local_rank, &comm->local_size);
    if (status == OK &&
        !(comm->peers = mem_zalloc(MEM_COMM, (size_t)comm->size * sizeof *comm->peers)))
        status = ERR_MEMORY;
    if (status == OK) status = window_open(comm);
    if (status == OK) status = control_listen(comm);
    if (status < 0) {
        error_take(&comm->error);
        comm_set_state(comm, COMM_FAILED);
        return NULL;
    }
    comm_set_state(comm, COMM_OPEN);
    if (!comm_loop(comm)) return NULL;
    cancel_one(comm, &comm->hearing);
    comm->transport->close(comm->context, true);
    comm_set_state(comm, COMM_LEFT);
    return NULL;
}

Status comm_start(Comm *comm) {
    // Signals are for the main thread, which runs Python's handlers.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&comm->thread, NULL, comm_main, comm);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error)
        return fail(ERR_FAILED, "the communication thread cannot be started: %s", strerror(error));
    pthread_mutex_lock(&comm->lock);
    while (comm->state == COMM_OPENING) pthread_cond_wait(&comm->changed, &comm->lock);
    pthread_mutex_unlock(&comm->lock);
    if (comm->state == COMM_FAILED) {
        pthread_join(comm->thread, NULL);
        error_give(&comm->error);
        return comm->error.code;
    }
    return OK;
}

void comm_submit(Comm *comm, RtWork *work) {
    work->next = NULL;
    *comm->queue_end = work;
    comm->queue_end = &work->next;
    comm->queued = true;
    if (comm->asleep) pthread_cond_signal(&comm->wake);
}
