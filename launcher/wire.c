#define _GNU_SOURCE
#include "wire.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static socklen_t make_address(const char *name, struct sockaddr_un *out) {
    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    size_t length = strlen(name);
    if (length > sizeof out->sun_path - 1) length = sizeof out->sun_path - 1;
    memcpy(out->sun_path + 1, name, length); // the leading NUL makes it abstract
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + length);
}

int wire_listen(char *out_name, size_t room) {
    uint64_t random = 0;
    if (getrandom(&random, sizeof random, 0) < 0) return (int)fail_errno(errno, "no random number");
    snprintf(out_name, room, "rustorch-%d-%016llx", (int)getpid(), (unsigned long long)random);
    int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sockaddr_un address;
    socklen_t length = make_address(out_name, &address);
    if (listener >= 0 && bind(listener, (struct sockaddr *)&address, length) == 0 &&
        listen(listener, 4096) == 0)
        return listener;
    int number = errno;
    if (listener >= 0) close(listener);
    return (int)fail_errno(number, "the job's socket cannot be opened");
}

int wire_accept(int listener, pid_t *out_pid) {
    int channel = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (channel < 0) return -1;
    struct ucred peer;
    socklen_t length = sizeof peer;
    if (getsockopt(channel, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0 || peer.uid != geteuid()) {
        close(channel);
        return -1;
    }
    *out_pid = peer.pid;
    return channel;
}

int wire_connect(const char *name) {
    int channel = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    struct sockaddr_un address;
    socklen_t length = make_address(name, &address);
    if (channel >= 0 && connect(channel, (struct sockaddr *)&address, length) == 0) return channel;
    int number = errno;
    if (channel >= 0) close(channel);
    return (int)fail_errno(number, "the launcher of this job cannot be reached");
}

bool wire_send(int channel, const Message *message, int descriptor) {
    struct iovec part = {(void *)message, offsetof(Message, text) + message->length};
    struct msghdr head = {.msg_iov = &part, .msg_iovlen = 1};
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {0};
    if (descriptor >= 0) {
        head.msg_control = control.bytes;
        head.msg_controllen = sizeof control.bytes;
        struct cmsghdr *rights = CMSG_FIRSTHDR(&head);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(rights), &descriptor, sizeof descriptor);
    }
    ssize_t sent;
    do sent = sendmsg(channel, &head, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    return sent >= 0;
}

int wire_receive(int channel, Message *out, int *out_descriptor) {
    struct iovec part = {out, sizeof *out};
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct msghdr head = {.msg_iov = &part,
                          .msg_iovlen = 1,
                          .msg_control = control.bytes,
                          .msg_controllen = sizeof control.bytes};
    *out_descriptor = -1;
    ssize_t got;
    do got = recvmsg(channel, &head, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got < 0) return errno == EAGAIN ? 0 : -1;
    struct cmsghdr *rights = CMSG_FIRSTHDR(&head);
    if (rights && rights->cmsg_type == SCM_RIGHTS)
        memcpy(out_descriptor, CMSG_DATA(rights), sizeof(int));
    size_t fixed = offsetof(Message, text);
    if ((size_t)got < fixed || (size_t)got != fixed + out->length) return -1;
    return 1;
}

void message_set(Message *message, MessageType type, int a, int b, int c, const char *text,
                 size_t length) {
    if (length > MESSAGE_TEXT) length = MESSAGE_TEXT;
    message->type = (int32_t)type;
    message->a = a;
    message->b = b;
    message->c = c;
    message->d = 0;
    message->length = (uint32_t)length;
    if (length) memcpy(message->text, text, length);
}
