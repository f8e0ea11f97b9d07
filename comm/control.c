// control.c: what communication threads tell each other beside the collectives: bad news, questions
// and answers, goodbye.
#include "comm/window.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"

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
void control_tell(Comm *comm, int peer, ControlType type, uint32_t group, uint64_t sequence,
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
    control_tell(comm, rank, CONTROL_GONE, 0, serial, NULL);
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
void group_denounce(RtGroup *group, uint64_t sequence, const char *text) {
    Comm *comm = group->comm;
    for (int k = 0; k < group->n; k++)
        if (k != group->rank)
            control_tell(comm, group->ranks[k], CONTROL_BROKEN, group->id, sequence, text);
    group_break(group, sequence, text);
}

static void control_heard(CommRequest *request);

Status control_listen(Comm *comm) {
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
        control_tell(comm, message.rank, CONTROL_ANSWER, message.group, sequence, text);
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
