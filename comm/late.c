// late.c: ranks that do not come: the deadline of a work, and who is named when it has passed.
#include "comm/work.h"

#include <stdio.h>

#include "base/text.h"

#define ANSWER_SECONDS                                                                             \
    1.0 // for a communication thread to answer; the main thread need not be free for that

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
            control_tell(comm, group->ranks[k], CONTROL_ASK, group->id, 0, NULL);
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

Status check_deadlines(Comm *comm, RtWork *work, double now) {
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
