// collective.h: the algorithms, each as a function that writes a plan. They know addresses, sizes
// and ranks; tensors, checks and threads are none of their business.
//
// What is added up is added in the order of the ranks, by one rank alone (the owner of the slice)
// or by all ranks in the same way, so that every rank ends with the same bits. Large data travels
// in chunks that stay in a core's cache, a few of them under way at a time.
#pragma once

#include "comm/plan.h"

typedef enum CommOp {
#define COLLECTIVE(name_, word_, parts_) COMM_##name_,
#include "comm/collective.def"
#undef COLLECTIVE
    COMM_OP_COUNT
} CommOp;

// The ranks that take part: rank is mine in the group, ranks[i] the rank in the job of member i.
typedef struct Team {
    int rank, n;
    const int *ranks;
} Team;

// Outputs overlap no inputs, except where they are the same block of the same rank.
//
// Bytes of scratch memory that the plan needs; the same arguments as for building. The plan fields
// op, dtype and width
// (= team->n) are set before a reduction is built.
size_t reduce_scratch(const Team *team, size_t bytes);

void build_barrier(Plan *plan, const Team *team, void *scratch); // scratch: 1 byte
void build_broadcast(Plan *plan, const Team *team, void *data, size_t bytes, int root);
void build_all_reduce(Plan *plan, const Team *team, void *data, size_t bytes, void *scratch);
void build_reduce(Plan *plan, const Team *team, void *data, size_t bytes, int root, void *scratch);
void build_reduce_scatter(Plan *plan, const Team *team, void *out, const void *const *in,
                          size_t bytes, void *scratch);
void build_all_gather(Plan *plan, const Team *team, void *const *out, const void *in, size_t bytes);
void build_gather(Plan *plan, const Team *team, void *const *out, const void *in, size_t bytes,
                  int root);
void build_scatter(Plan *plan, const Team *team, void *out, const void *const *in, size_t bytes,
                   int root);
// sizes: 2·n int64 of scratch: what I send to each (filled here) and what each says it sends to me.
void build_all_to_all(Plan *plan, const Team *team, void *const *out, const size_t *out_bytes,
                      const void *const *in, const size_t *in_bytes, int64_t *sizes);
void build_send(Plan *plan, int peer, const void *data, size_t bytes);
void build_recv(Plan *plan, int peer, void *data, size_t bytes);
