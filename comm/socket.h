// socket.h: the transport over connected stream sockets, for ranks that a script started itself
// (multiprocessing, torchrun) instead of a launcher. Who opens the sockets, finds the ranks and
// numbers the hosts is the caller (python/rustorch/distributed/_rendezvous.py).
//
// A message is a header and its bytes. What arrives before anybody asked for it is kept in memory.
// A peer that closes its socket has gone: receives from it fail at once.
#pragma once

#include "comm/transport.h"

typedef struct SocketJob SocketJob;

// fds[k]: connected to rank k (-1 for this rank itself); they belong to the job from here on, also
// if this fails. hosts[k]: ranks with the same number are on the same host. NULL: an error.
SocketJob *socket_job_new(int rank, int size, const int *fds, const int *hosts);
void socket_job_free(SocketJob *job);

extern const CommTransport socket_transport; // its context is a SocketJob
