// header.h: what ranks tell each other about a call: the header that goes with every collective,
// and the messages between communication threads. Plain structs, sent as they are: all ranks run
// the same build on the same kind of machine (the magic number finds out if not).
#pragma once

#include "comm/collective.h"

#define HEADER_MAGIC 0x52544331u // "RTC1", and another number on a machine of the other byte order
#define HEADER_TEXT 512

typedef struct CommHeader {
    uint32_t magic;
    int32_t rank; // of the job
    uint32_t group, op;
    int32_t dtype, reduce, root; // root, peer: rank of the group; -1 where there is none
    int32_t spare;
    uint64_t sequence; // how many collectives the group had before
    int64_t count;     // elements
    uint64_t extra;    // NEW_GROUP: hash of its ranks. SEND: number of its payload
} CommHeader;

// Room in the header message of a send for a payload that is small.
#define POINT_INLINE 1024
typedef struct PointMessage {
    CommHeader header;
    char payload[POINT_INLINE];
} PointMessage;

typedef enum ControlType {
    CONTROL_BROKEN, // a group is at an end: text says why
    CONTROL_ASK,    // what are you doing in `group`?
    CONTROL_ANSWER, // sequence: collectives joined so far; text: the last one
    CONTROL_REFUSE, // a send (number `sequence`) that does not fit the recv
    CONTROL_GONE,   // shared block number `sequence` of this rank is not needed any more
    CONTROL_BYE     // this rank has done all it wanted
} ControlType;

typedef struct ControlMessage {
    uint32_t magic;
    int32_t type, rank;
    uint32_t group;
    uint64_t sequence;
    char text[HEADER_TEXT];
} ControlMessage;

bool header_same(const CommHeader *a, const CommHeader *b); // apart from the rank
// "all_reduce(1000 float32, sum)"
void header_text(const CommHeader *header, char *out, size_t room);
const char *collective_word(CommOp op);
