// fake.h: several ranks in one process, each on a thread of its own with its own communication
// thread, over a transport that moves bytes between them. Small messages are buffered; large ones
// wait for their receiver, as MPI's do, so that a wrong order of messages hangs here as well.
#pragma once

#include "comm/work.h"

#define FAKE_RANKS_MAX 8

typedef struct FakeNet FakeNet;
FakeNet *fake_net_new(int size);
void fake_net_free(FakeNet *net);
// The next `n` messages of rank `from` are lost: their receiver waits in vain.
void fake_net_lose(FakeNet *net, int from, int n);
// The ranks of the net; their start is a meeting, so all are started at once.
void fake_comms(FakeNet *net, Comm **out, double timeout, double match_timeout);
// Nets made from now on have each rank on a host of its own, where no memory is shared.
void fake_put_apart(bool apart);
// From now on bytes go through sockets (comm/socket.c) instead of the net.
void fake_over_sockets(bool sockets);
// Ends the ranks of a net: all of them leave together.
void fake_leave(Comm **comms, int size);

// Runs body once a rank, each on a thread of its own with an open scope, in a group of all; joins
// them.
typedef void (*FakeBody)(RtGroup *world, int rank, int size, void *context);
void fake_run(int size, FakeBody body, void *context);
