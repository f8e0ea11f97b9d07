// progress.c: one work from its first message to its last, as the communication thread sees it.
#include "comm/window.h"

#include <stdio.h>
#include <string.h>

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

Status work_start(Comm *comm, RtWork *work) {
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
        control_tell(comm, work->header_in.peer, CONTROL_REFUSE, work->group->id, theirs->extra,
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

// Some rank disagrees, and the headers that go around will tell which; if they do not in time, who
// asks must do with what it knows.
static bool wait_for_headers(const Comm *comm, RtWork *work) {
    double now = comm_now();
    if (work->suspected == 0) work->suspected = now;
    return now - work->suspected < comm->match_timeout;
}

// A member whose block is for another size, or -1.
static int window_misfit(const RtWork *work) {
    const RtGroup *group = work->group;
    for (int k = 0; k < group->n; k++)
        if (k != group->rank && work->notes[k].total != work->notes[group->n].total) return k;
    return -1;
}

// All know all blocks: the second part of an all-reduce through windows.
static Status window_start(Comm *comm, RtWork *work) {
    RtGroup *group = work->group;
    Binding *binding = &work->bindings[0];
    size_t bytes = (size_t)binding->tensor->numel * rt_dtype_bytes((RtDtype)binding->tensor->dtype);
    for (int k = 0; k < group->n; k++) {
        if (k == group->rank) continue;
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
Status work_advance(Comm *comm, RtWork *work, int *out_did, bool *out_over) {
    Plan *plan = &work->plan;
    CommHeader *mine = &work->header;
    bool point = mine->op == COMM_SEND || mine->op == COMM_RECV;
    if (work->group->broken && (point || mine->sequence >= work->group->broken_from)) {
        error_give(&work->group->why);
        return ERR_PEER;
    }
    if (work->header_out.failed || work->header_in.failed || plan->transport_failed)
        return fail(ERR_PEER, "%s: the connection to rank %d broke",
                    collective_word((CommOp)mine->op),
                    work->header_in.failed    ? work->header_in.peer
                    : work->header_out.failed ? work->header_out.peer
                                              : plan->failed_peer);
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
        if (plan->steps[plan->wrong_step].kind != STEP_CHECK && wait_for_headers(comm, work))
            return OK;
        wrong_message(work);
        char text[HEADER_TEXT];
        snprintf(text, sizeof text, "%s", error_message());
        group_denounce(work->group, work->header.sequence, text);
        return fail(ERR_PEER, "%s", text);
    }
    if (work->block && !work->mapped && !work->header_pending && plan_over(plan)) {
        int misfit = window_misfit(work);
        if (misfit >= 0 && wait_for_headers(comm, work)) return OK;
        if (misfit >= 0)
            return fail(ERR_PEER, "all_reduce: rank %d has %llu bytes, rank %d has %llu",
                        work->group->ranks[misfit], (unsigned long long)work->notes[misfit].total,
                        mine->rank, (unsigned long long)work->notes[work->group->n].total);
        TRY(window_start(comm, work));
        TRY(plan_work(plan, comm->transport, comm->context, work->group->id,
                      (uint32_t)mine->sequence, COMM_DATA, out_did));
        ++*out_did;
    }
    *out_over = !work->header_pending && !work->header_out.active && plan_over(plan);
    return OK;
}
