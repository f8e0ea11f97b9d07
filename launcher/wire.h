// wire.h: how the supervisors of a job's ranks talk to the launcher that started them.
//
// One machine, one user: messages over an abstract Unix socket (nothing to clean up), whole by
// SOCK_SEQPACKET. Each supervisor opens two channels, so that a terminal that takes no more output
// holds up output alone. The end of a channel is a message too: whoever loses the launcher kills
// its worker and leaves; whoever loses a supervisor kills what it left behind.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "outcome.h"

// What the fields a to d and the text of a message are.
typedef enum MessageType {
    // from a supervisor
    MESSAGE_HELLO = 1, // a: rank; b: channel; text: MPI's folder for the job; c: its number there
    MESSAGE_STARTED,   // a: pid of its worker
    MESSAGE_OUTPUT,    // a: stream; b: starts a line; c: raw; d: more of the line follows; text
    MESSAGE_FAILED,    // a: End; b: code; c: signal; d: pid; text
    MESSAGE_ENDED,     // as FAILED: the worker is gone and the supervisor leaves
    MESSAGE_TOLD,      // a: the signal by which someone other than the launcher told it to stop
    // from the launcher
    MESSAGE_WELCOME, // rank 0's standard input comes with it
    MESSAGE_STOP,    // a: signal for the worker; b: ms until SIGKILL
    MESSAGE_SIGNAL,  // a: signal for the worker, which goes on
} MessageType;

enum { CHANNEL_CONTROL, CHANNEL_OUTPUT };
enum { MESSAGE_OUTPUT_TEXT = 32 * 1024, MESSAGE_TEXT = OUTCOME_LONGEST + 4096 };

typedef struct Message {
    int32_t type, a, b, c, d;
    uint32_t length;
    char text[MESSAGE_TEXT];
} Message;

// The descriptor, or a negative Status; the name is what wire_connect takes.
int wire_listen(char *out_name, size_t room);
int wire_accept(int listener, pid_t *out_pid); // -1: not one of this user's
int wire_connect(const char *name);            // or a negative Status

// `descriptor` is handed over with the message unless it is -1. False: the channel is full (errno
// EAGAIN) or gone.
bool wire_send(int channel, const Message *message, int descriptor);
// 1: a message; 0: none now; -1: the other end is gone. A descriptor that came with it is stored,
// else -1.
int wire_receive(int channel, Message *out, int *out_descriptor);
void message_set(Message *message, MessageType type, int a, int b, int c, const char *text,
                 size_t length);
