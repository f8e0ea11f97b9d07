#include "comm/fake.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "comm/socket.h"

enum { EAGER = 4096 };

typedef struct Message {
    struct Message *next;
    int from;
    CommTag tag;
    const void *data; // the sender's, or a copy behind this struct
    size_t bytes;
    CommRequest *sender; // NULL: buffered
} Message;

typedef struct Posted {
    struct Posted *next;
    int from;
    CommTag tag;
    void *data;
    size_t bytes;
    CommRequest *request;
} Posted;

typedef struct Endpoint {
    FakeNet *net;
    int rank, lose;
    Message *messages; // not received yet, oldest first
    Posted *posted;
    CommRequest *over; // to be told to their owner
} Endpoint;

struct FakeNet {
    pthread_mutex_t lock;
    int size;
    bool apart;
    Endpoint ends[FAKE_RANKS_MAX];
};

static bool ranks_apart, over_sockets;
void fake_put_apart(bool apart) { ranks_apart = apart; }
void fake_over_sockets(bool sockets) { over_sockets = sockets; }

FakeNet *fake_net_new(int size) {
    FakeNet *net = calloc(1, sizeof *net);
    pthread_mutex_init(&net->lock, NULL);
    net->size = size;
    net->apart = ranks_apart;
    for (int i = 0; i < size; i++) net->ends[i] = (Endpoint){.net = net, .rank = i};
    return net;
}

void fake_net_free(FakeNet *net) {
    for (int i = 0; i < net->size; i++) {
        for (Message *message = net->ends[i].messages, *next; message; message = next) {
            next = message->next;
            free(message);
        }
        for (Posted *posted = net->ends[i].posted, *next; posted; posted = next) {
            next = posted->next;
            free(posted);
        }
    }
    pthread_mutex_destroy(&net->lock);
    free(net);
}

void fake_net_lose(FakeNet *net, int from, int n) {
    pthread_mutex_lock(&net->lock);
    net->ends[from].lose = n;
    pthread_mutex_unlock(&net->lock);
}

static bool tag_same(CommTag a, CommTag b) {
    return a.kind == b.kind && a.group == b.group && a.sequence == b.sequence &&
           a.channel == b.channel;
}

static void request_over(Endpoint *end, CommRequest *request) {
    CommRequest **link = &end->over;
    while (*link) link = &(*link)->next;
    request->next = NULL;
    *link = request;
}

static void deliver(Endpoint *to, Posted *posted, int from, const void *data, size_t bytes) {
    CommRequest *request = posted->request;
    request->truncated = bytes > posted->bytes;
    request->bytes = request->truncated ? posted->bytes : bytes;
    request->peer = from;
    if (request->bytes) memcpy(posted->data, data, request->bytes);
    request_over(to, request);
    free(posted);
}

static Status fake_open(void *context, int *rank, int *size, int *local_rank, int *local_size) {
    Endpoint *end = context;
    *rank = *local_rank = end->rank;
    *size = *local_size = end->net->size;
    return OK;
}

static Status fake_hosts(void *context, int *out_hosts) {
    Endpoint *end = context;
    for (int rank = 0; rank < end->net->size; rank++) out_hosts[rank] = end->net->apart ? rank : 0;
    return OK;
}

static Status fake_isend(void *context, int peer, CommTag tag, const void *data, size_t bytes,
                         CommRequest *request) {
    Endpoint *end = context, *to = &end->net->ends[peer];
    request->active = true;
    request->failed = request->truncated = false;
    pthread_mutex_lock(&end->net->lock);
    Posted **link = &to->posted;
    while (*link && !(((*link)->from == end->rank || (*link)->from == COMM_ANY_RANK) &&
                      tag_same((*link)->tag, tag)))
        link = &(*link)->next;
    if (end->lose && tag.kind == COMM_DATA) {
        end->lose--;
        request_over(end, request);
    } else if (*link) {
        Posted *posted = *link;
        *link = posted->next;
        deliver(to, posted, end->rank, data, bytes);
        request_over(end, request);
    } else {
        bool eager = bytes <= EAGER;
        Message *message = malloc(sizeof *message + (eager ? bytes : 0)), **last = &to->messages;
        *message = (Message){.from = end->rank,
                             .tag = tag,
                             .data = eager ? message + 1 : data,
                             .bytes = bytes,
                             .sender = eager ? NULL : request};
        if (eager) {
            if (bytes) memcpy(message + 1, data, bytes);
            request_over(end, request);
        }
        while (*last) last = &(*last)->next;
        *last = message;
    }
    pthread_mutex_unlock(&end->net->lock);
    return OK;
}

static Status fake_irecv(void *context, int peer, CommTag tag, void *data, size_t bytes,
                         CommRequest *request) {
    Endpoint *end = context;
    request->active = true;
    request->failed = request->truncated = false;
    Posted *posted = malloc(sizeof *posted);
    *posted = (Posted){.from = peer, .tag = tag, .data = data, .bytes = bytes, .request = request};
    pthread_mutex_lock(&end->net->lock);
    Message **link = &end->messages;
    while (*link &&
           !((peer == COMM_ANY_RANK || (*link)->from == peer) && tag_same((*link)->tag, tag)))
        link = &(*link)->next;
    if (*link) {
        Message *message = *link;
        *link = message->next;
        deliver(end, posted, message->from, message->data, message->bytes);
        if (message->sender) request_over(&end->net->ends[message->from], message->sender);
        free(message);
    } else {
        Posted **last = &end->posted;
        while (*last) last = &(*last)->next;
        *last = posted;
    }
    pthread_mutex_unlock(&end->net->lock);
    return OK;
}

static int fake_advance(void *context) {
    Endpoint *end = context;
    pthread_mutex_lock(&end->net->lock);
    CommRequest *over = end->over;
    end->over = NULL;
    pthread_mutex_unlock(&end->net->lock);
    int n = 0;
    for (; over; n++) {
        CommRequest *request = over;
        over = request->next;
        request->active = false;
        request->finish(request);
    }
    return n;
}

static void fake_cancel(void *context, CommRequest *request) {
    Endpoint *end = context;
    pthread_mutex_lock(&end->net->lock);
    for (Posted **link = &end->posted; *link; link = &(*link)->next)
        if ((*link)->request == request) {
            Posted *posted = *link;
            *link = posted->next;
            free(posted);
            request->active = false;
            break;
        }
    pthread_mutex_unlock(&end->net->lock);
}

static void fake_close(void *context, bool clean) {
    (void)context;
    (void)clean;
}

static const CommTransport fake_transport = {.name = "fake",
                                             .open = fake_open,
                                             .hosts = fake_hosts,
                                             .isend = fake_isend,
                                             .irecv = fake_irecv,
                                             .advance = fake_advance,
                                             .cancel = fake_cancel,
                                             .close = fake_close};

typedef struct Starter {
    pthread_t thread;
    FakeNet *net;
    int rank;
    double timeout, match_timeout;
    SocketJob *sockets; // NULL: over the net
    Comm *comm;
} Starter;

static void *start_rank(void *argument) {
    Starter *starter = argument;
    void *context = &starter->net->ends[starter->rank];
    starter->comm = comm_new(starter->sockets ? &socket_transport : &fake_transport,
                             starter->sockets ? (void *)starter->sockets : context,
                             starter->timeout, starter->match_timeout);
    if (!starter->comm) {
        fprintf(stderr, "comm_new: %s\n", error_message());
        abort();
    }
    return NULL;
}

// A socket for each pair of ranks.
static void connect_ranks(FakeNet *net, Starter *starters) {
    int fds[FAKE_RANKS_MAX][FAKE_RANKS_MAX], hosts[FAKE_RANKS_MAX] = {0};
    for (int a = 0; a < net->size; a++) {
        hosts[a] = net->apart ? a : 0;
        fds[a][a] = -1;
        for (int b = 0; b < a; b++) {
            int pair[2];
            if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0) abort();
            fds[a][b] = pair[0];
            fds[b][a] = pair[1];
        }
    }
    for (int rank = 0; rank < net->size; rank++) {
        starters[rank].sockets = socket_job_new(rank, net->size, fds[rank], hosts);
        if (!starters[rank].sockets) abort();
    }
}

void fake_comms(FakeNet *net, Comm **out, double timeout, double match_timeout) {
    Starter starters[FAKE_RANKS_MAX];
    for (int rank = 0; rank < net->size; rank++)
        starters[rank] =
            (Starter){.net = net, .rank = rank, .timeout = timeout, .match_timeout = match_timeout};
    if (over_sockets) connect_ranks(net, starters);
    for (int rank = 0; rank < net->size; rank++)
        pthread_create(&starters[rank].thread, NULL, start_rank, &starters[rank]);
    for (int rank = 0; rank < net->size; rank++) {
        pthread_join(starters[rank].thread, NULL);
        out[rank] = starters[rank].comm;
    }
}

void fake_leave(Comm **comms, int size) {
    for (int rank = 0; rank < size; rank++) {
        pthread_mutex_lock(&comms[rank]->lock);
        if (comms[rank]->state == COMM_OPEN) comms[rank]->state = COMM_LEAVING;
        pthread_cond_signal(&comms[rank]->wake);
        pthread_mutex_unlock(&comms[rank]->lock);
    }
    for (int rank = 0; rank < size; rank++) {
        pthread_mutex_lock(&comms[rank]->lock);
        while (comms[rank]->state != COMM_LEFT && comms[rank]->state != COMM_FAILED)
            pthread_cond_wait(&comms[rank]->changed, &comms[rank]->lock);
        pthread_mutex_unlock(&comms[rank]->lock);
        comm_free(comms[rank]);
    }
}

typedef struct Runner {
    pthread_t thread;
    Comm *comm;
    int rank, size;
    FakeBody body;
    void *context;
} Runner;

static void *run_rank(void *argument) {
    Runner *runner = argument;
    RtGroup *world = group_make(runner->comm, NULL, runner->size, 0);
    RtScope scope;
    if (rt_scope_open(&scope) < 0) abort();
    runner->body(world, runner->rank, runner->size, runner->context);
    rt_scope_close(scope);
    rt_group_drop(world);
    return NULL;
}

void fake_run(int size, FakeBody body, void *context) {
    FakeNet *net = fake_net_new(size);
    Runner runners[FAKE_RANKS_MAX];
    Comm *comms[FAKE_RANKS_MAX];
    fake_comms(net, comms, 20, 2);
    for (int rank = 0; rank < size; rank++) {
        runners[rank] = (Runner){
            .comm = comms[rank], .rank = rank, .size = size, .body = body, .context = context};
        pthread_create(&runners[rank].thread, NULL, run_rank, &runners[rank]);
    }
    for (int rank = 0; rank < size; rank++) pthread_join(runners[rank].thread, NULL);
    fake_leave(comms, size);
    fake_net_free(net);
}
