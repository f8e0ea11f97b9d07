// window.h: memory that the ranks of one host share, for reductions without messages that carry
// data.
//
// A block is memory of one rank that the others may map. The owner of a slice reads the
// contributions where they lie, and writes the result to where it is wanted; messages only say
// "ready" and "done". Blocks are nameless (memfd, opened by the others through /proc), so a killed
// job leaves nothing behind.
//
// window_open finds out, together with the other ranks, whether that works here; if not,
// comm->shared stays false and everything goes through the transport. RUSTORCH_COMM_SHARED=0 turns
// it off.
#pragma once

#include "comm/work.h"

// A mapped block of another rank.
struct PeerBlock {
    PeerBlock *next;
    int rank;
    uint64_t serial;
    void *data;
    size_t bytes;
    bool gone;
};

struct SharedBlock {
    SharedBlock *next; // in the pool
    Comm *comm;
    void *data;
    size_t bytes;
    uint64_t serial; // never used twice by a rank
    int fd;
};

// On the communication thread.
Status window_open(Comm *comm);
void window_close(Comm *comm);
void *window_map(Comm *comm, int rank, const BlockNote *note); // NULL: an error
void window_sweep(Comm *comm);  // unmaps blocks of others that are gone
void window_forget(Comm *comm); // unmaps my dropped blocks and tells the others
void window_gone(Comm *comm, int rank, uint64_t serial); // heard from its owner

// From any thread.
SharedBlock *block_new(Comm *comm, size_t bytes);
void block_drop(SharedBlock *block);               // tells the others
SharedBlock *block_take(Comm *comm, size_t bytes); // from the pool, or new
// Of a failed work: others may still write to it, so it is kept to the end and not used again.
void block_retire(SharedBlock *block);
void block_give(SharedBlock *block);     // back to the pool
bool group_shares(const RtGroup *group); // are all members on this host, with windows?
BlockNote block_note(const SharedBlock *block, size_t total);

// The two plans of an all-reduce through windows: what each rank does before it knows the others'
// blocks, and the rest. block: mine. direct: the data lies in the block, which then needs no
// copies; otherwise the block is passed through in pieces. notes[k], bases[k]: of member k (mine
// unused).
size_t window_block_bytes(const Team *team, size_t bytes);
void build_window_notes(Plan *plan, const Team *team, const void *data, size_t bytes,
                        const SharedBlock *block, bool direct, BlockNote *mine, BlockNote *notes);
void build_window_reduce(Plan *plan, const Team *team, void *data, size_t bytes,
                         const SharedBlock *block, bool direct, char *const *bases);
