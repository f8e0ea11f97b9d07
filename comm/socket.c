#include "comm/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/memory.h"

typedef struct Frame { // what goes before the bytes of a message
    CommTag tag;
    uint64_t bytes;
} Frame;

typedef struct Sending {
    struct Sending *next;
    Frame frame;
    const char *data;
    size_t done; // of frame and data together
    CommRequest *request;
} Sending;

typedef struct Posted { // a receive that waits for its message
    struct Posted *next;
    int from;
    CommTag tag;
    char *data;
    size_t bytes;
    CommRequest *request;
} Posted;

typedef struct Message { // one that came, or is coming, before its receive
    struct Message *next;
    int from;
    Frame frame;
    bool whole;
    char data[];
} Message;

typedef struct Link { // to one peer
    int fd;           // -1: none, or gone
    Sending *sendings, **sendings_end;
    Frame frame; // of the message that is coming in
    size_t done; // of frame and data together
    Posted *into;
    Message *kept; // neither: the message is dropped for want of memory
} Link;

struct SocketJob {
    int rank, size;
    int *hosts;
    Link *links;
    struct pollfd *polls;
    Posted *posted;    // oldest first
    Message *messages; // oldest first
    CommRequest *over; // to be told to their owners
    CommRequest **over_end;
};

static bool tag_same(CommTag a, CommTag b) {
    return a.kind == b.kind && a.group == b.group && a.sequence == b.sequence &&
           a.channel == b.channel;
}

static void request_over(SocketJob *job, CommRequest *request) {
    request->next = NULL;
    *job->over_end = request;
    job->over_end = &request->next;
}

static void posted_over(SocketJob *job, Posted *posted, int from, size_t bytes, bool failed) {
    CommRequest *request = posted->request;
    request->truncated = bytes > posted->bytes;
    request->bytes = request->truncated ? posted->bytes : bytes;
    request->peer = from;
    request->failed = failed;
    request_over(job, request);
    mem_free(MEM_COMM, posted);
}

// ------------------------------------------------------------------------------ a peer that is gone

static void link_lose(SocketJob *job, int peer) {
    Link *link = &job->links[peer];
    if (link->fd < 0) return;
    close(link->fd);
    link->fd = -1;
    if (link->into) posted_over(job, link->into, peer, 0, true);
    link->into = NULL;
    while (link->sendings) {
        Sending *sending = link->sendings;
        link->sendings = sending->next;
        sending->request->failed = true;
        sending->request->peer = peer;
        request_over(job, sending->request);
        mem_free(MEM_COMM, sending);
    }
    link->sendings_end = &link->sendings;
    for (Posted **at = &job->posted; *at;) {
        Posted *posted = *at;
        if (posted->from != peer) {
            at = &posted->next;
            continue;
        }
        *at = posted->next;
        posted_over(job, posted, peer, 0, true);
    }
    for (Message **at = &job->messages; *at;) { // cut off in the middle
        Message *message = *at;
        if (message->from != peer || message->whole) {
            at = &message->next;
            continue;
        }
        *at = message->next;
        mem_free(MEM_COMM, message);
    }
    link->kept = NULL;
}

static bool would_block(void) { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

// ------------------------------------------------------------------------------ sending

// True: something moved.
static bool link_send(SocketJob *job, int peer) {
    Link *link = &job->links[peer];
    bool moved = false;
    while (link->fd >= 0 && link->sendings) {
        Sending *sending = link->sendings;
        struct iovec parts[2];
        int n = 0;
        size_t body = 0;
        if (sending->done < sizeof sending->frame)
            parts[n++] = (struct iovec){(char *)&sending->frame + sending->done,
                                        sizeof sending->frame - sending->done};
        else
            body = sending->done - sizeof sending->frame;
        if (sending->frame.bytes > body)
            parts[n++] = (struct iovec){(char *)sending->data + body, sending->frame.bytes - body};
        struct msghdr message = {.msg_iov = parts, .msg_iovlen = (size_t)n};
        ssize_t wrote = sendmsg(link->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (wrote < 0) {
            if (!would_block()) link_lose(job, peer);
            return moved;
        }
        moved = true;
        sending->done += (size_t)wrote;
        if (sending->done < sizeof sending->frame + sending->frame.bytes) return moved;
        link->sendings = sending->next;
        if (!link->sendings) link->sendings_end = &link->sendings;
        request_over(job, sending->request);
        mem_free(MEM_COMM, sending);
    }
    return moved;
}

// ------------------------------------------------------------------------------ receiving

static Posted *posted_take(SocketJob *job, int from, CommTag tag) {
    for (Posted **at = &job->posted; *at; at = &(*at)->next) {
        Posted *posted = *at;
        if ((posted->from != from && posted->from != COMM_ANY_RANK) || !tag_same(posted->tag, tag))
            continue;
        *at = posted->next;
        return posted;
    }
    return NULL;
}

static void message_keep(SocketJob *job, Message *message) {
    Message **end = &job->messages;
    while (*end) end = &(*end)->next;
    message->next = NULL;
    *end = message;
}

// The frame is there: find out where the bytes go.
static Status link_aim(SocketJob *job, int peer) {
    Link *link = &job->links[peer];
    link->into = posted_take(job, peer, link->frame.tag);
    if (link->into) return OK;
    link->kept = mem_alloc(MEM_COMM, sizeof *link->kept + link->frame.bytes);
    if (!link->kept) return ERR_MEMORY;
    *link->kept = (Message){.from = peer, .frame = link->frame};
    message_keep(job, link->kept);
    return OK;
}

static void link_arrived(SocketJob *job, int peer) {
    Link *link = &job->links[peer];
    if (link->into) posted_over(job, link->into, peer, link->frame.bytes, false);
    if (link->kept) link->kept->whole = true;
    link->into = NULL;
    link->kept = NULL;
    link->done = 0;
}

// Where the next bytes go, and how many fit there.
static size_t link_room(Link *link, char **out) {
    static char nowhere[4096]; // the rest of a message that is longer than its receive
    if (link->done < sizeof link->frame) {
        *out = (char *)&link->frame + link->done;
        return sizeof link->frame - link->done;
    }
    size_t at = link->done - sizeof link->frame, left = link->frame.bytes - at;
    if (link->kept) {
        *out = link->kept->data + at;
        return left;
    }
    if (at < link->into->bytes) {
        *out = link->into->data + at;
        size_t fits = link->into->bytes - at;
        return fits < left ? fits : left;
    }
    *out = nowhere;
    return left < sizeof nowhere ? left : sizeof nowhere;
}

static bool link_receive(SocketJob *job, int peer) {
    Link *link = &job->links[peer];
    bool moved = false;
    while (link->fd >= 0) {
        char *to;
        size_t room = link_room(link, &to);
        if (room) {
            ssize_t got = recv(link->fd, to, room, MSG_DONTWAIT);
            if (got <= 0) {
                if (got == 0 || !would_block()) link_lose(job, peer);
                return moved;
            }
            moved = true;
            link->done += (size_t)got;
        }
        if (link->done == sizeof link->frame && !link->into && !link->kept &&
            link_aim(job, peer) < 0) {
            link_lose(job, peer); // nothing can be understood from here on
            return moved;
        }
        if (link->done >= sizeof link->frame &&
            link->done == sizeof link->frame + link->frame.bytes)
            link_arrived(job, peer);
    }
    return moved;
}

// ------------------------------------------------------------------------------ the transport

static Status socket_open(void *context, int *out_rank, int *out_size, int *out_local_rank,
                          int *out_local_size) {
    SocketJob *job = context;
    *out_rank = job->rank;
    *out_size = job->size;
    *out_local_rank = *out_local_size = 0;
    for (int k = 0; k < job->size; k++) {
        bool here = job->hosts[k] == job->hosts[job->rank];
        *out_local_size += here;
        *out_local_rank += here && k < job->rank;
    }
    return OK;
}

static Status socket_hosts(void *context, int *out_hosts) {
    SocketJob *job = context;
    memcpy(out_hosts, job->hosts, (size_t)job->size * sizeof *out_hosts);
    return OK;
}

static void request_begin(CommRequest *request) {
    request->active = true;
    request->failed = request->truncated = false;
}

static Status fail_gone(int peer) {
    return fail(ERR_PEER, "rank %d has closed its connection: it ended or failed", peer);
}

static Status socket_isend(void *context, int peer, CommTag tag, const void *data, size_t bytes,
                           CommRequest *request) {
    SocketJob *job = context;
    Link *link = &job->links[peer];
    if (link->fd < 0) return fail_gone(peer);
    Sending *sending = mem_alloc(MEM_COMM, sizeof *sending);
    if (!sending) return ERR_MEMORY;
    *sending = (Sending){.frame = {tag, bytes}, .data = data, .request = request};
    request_begin(request);
    *link->sendings_end = sending;
    link->sendings_end = &sending->next;
    if (link->sendings == sending) link_send(job, peer);
    return OK;
}

static Status socket_irecv(void *context, int peer, CommTag tag, void *data, size_t bytes,
                           CommRequest *request) {
    SocketJob *job = context;
    Posted *posted = mem_alloc(MEM_COMM, sizeof *posted);
    if (!posted) return ERR_MEMORY;
    *posted = (Posted){.from = peer, .tag = tag, .data = data, .bytes = bytes, .request = request};
    for (Message **at = &job->messages; *at; at = &(*at)->next) {
        Message *message = *at;
        if ((peer != COMM_ANY_RANK && message->from != peer) || !tag_same(message->frame.tag, tag))
            continue;
        request_begin(request);
        if (!message->whole) { // go on where it was to lie
            Link *link = &job->links[message->from];
            size_t here = link->done - sizeof link->frame;
            memcpy(data, message->data, here < bytes ? here : bytes);
            link->into = posted;
            link->kept = NULL;
        } else {
            size_t all = message->frame.bytes;
            memcpy(data, message->data, all < bytes ? all : bytes);
            posted_over(job, posted, message->from, all, false);
        }
        *at = message->next;
        mem_free(MEM_COMM, message);
        return OK;
    }
    if (peer != COMM_ANY_RANK && job->links[peer].fd < 0) {
        mem_free(MEM_COMM, posted);
        return fail_gone(peer);
    }
    request_begin(request);
    Posted **end = &job->posted;
    while (*end) end = &(*end)->next;
    *end = posted;
    return OK;
}

static int socket_advance(void *context) {
    SocketJob *job = context;
    int n = 0, did = 0;
    for (int k = 0; k < job->size; k++) {
        job->polls[k].fd = job->links[k].fd; // poll leaves out negative ones
        job->polls[k].events = (short)(POLLIN | (job->links[k].sendings ? POLLOUT : 0));
    }
    if (poll(job->polls, (nfds_t)job->size, 0) > 0)
        for (int k = 0; k < job->size; k++) {
            if (job->polls[k].fd < 0) continue;
            if (job->polls[k].revents & POLLOUT) did |= link_send(job, k);
            if (job->polls[k].revents & (POLLIN | POLLHUP | POLLERR)) did |= link_receive(job, k);
        }
    while (job->over) {
        CommRequest *request = job->over;
        job->over = request->next;
        if (!job->over) job->over_end = &job->over;
        request->active = false;
        if (request->failed) fail_gone(request->peer);
        request->finish(request); // may start others, and free this one
        n++;
    }
    return n + did;
}

// A receive whose message is coming in already goes on; then it stays active.
static void socket_cancel(void *context, CommRequest *request) {
    SocketJob *job = context;
    for (Posted **at = &job->posted; *at; at = &(*at)->next)
        if ((*at)->request == request) {
            Posted *posted = *at;
            *at = posted->next;
            mem_free(MEM_COMM, posted);
            request->active = false;
            return;
        }
}

static bool socket_gone(void *context, int peer) {
    SocketJob *job = context;
    return job->links[peer].fd < 0;
}

static void socket_close(void *context, bool clean) {
    (void)clean; // closing waits for nobody
    socket_job_free(context);
}

const CommTransport socket_transport = {.name = "tcp",
                                        .open = socket_open,
                                        .hosts = socket_hosts,
                                        .isend = socket_isend,
                                        .irecv = socket_irecv,
                                        .advance = socket_advance,
                                        .cancel = socket_cancel,
                                        .gone = socket_gone,
                                        .close = socket_close};

// ------------------------------------------------------------------------------ the job

static Status link_open(Link *link, int fd) {
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
        return fail_errno(errno, "a socket of the process group cannot be used");
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    int yes = 1; // of sockets that know it: small messages must not wait for more
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    link->fd = fd;
    return OK;
}

SocketJob *socket_job_new(int rank, int size, const int *fds, const int *hosts) {
    SocketJob *job = mem_zalloc(MEM_COMM, sizeof *job);
    size_t n = (size_t)size;
    bool good = job && (job->hosts = mem_alloc(MEM_COMM, n * sizeof *hosts)) &&
                (job->links = mem_zalloc(MEM_COMM, n * sizeof *job->links)) &&
                (job->polls = mem_zalloc(MEM_COMM, n * sizeof *job->polls));
    if (job && job->links)
        for (int k = 0; k < size; k++) {
            job->links[k].fd = -1;
            job->links[k].sendings_end = &job->links[k].sendings;
        }
    for (int k = 0; k < size; k++) {
        if (fds[k] < 0) continue;
        if (good) good = link_open(&job->links[k], fds[k]) == OK;
        if (!good) close(fds[k]);
    }
    if (job) {
        job->rank = rank;
        job->size = size;
        job->over_end = &job->over;
    }
    if (!good) {
        if (job) socket_job_free(job);
        return NULL;
    }
    memcpy(job->hosts, hosts, n * sizeof *hosts);
    return job;
}

void socket_job_free(SocketJob *job) {
    for (int k = 0; job->links && k < job->size; k++) {
        Link *link = &job->links[k];
        if (link->fd >= 0) close(link->fd);
        for (Sending *sending = link->sendings, *next; sending; sending = next) {
            next = sending->next;
            mem_free(MEM_COMM, sending);
        }
        mem_free(MEM_COMM, link->into);
    }
    for (Posted *posted = job->posted, *next; posted; posted = next) {
        next = posted->next;
        mem_free(MEM_COMM, posted);
    }
    for (Message *message = job->messages, *next; message; message = next) {
        next = message->next;
        mem_free(MEM_COMM, message);
    }
    mem_free(MEM_COMM, job->links);
    mem_free(MEM_COMM, job->polls);
    mem_free(MEM_COMM, job->hosts);
    mem_free(MEM_COMM, job);
}
