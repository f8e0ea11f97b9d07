// plan.h: a collective as a graph of small steps (send, receive, combine, copy) with their order.
//
// An algorithm writes the whole graph down at once (collective.c); the communication thread then
// only does what is ready. A step is ready when all steps that it was put `after` are over.
// Building never fails half-way: after one failed allocation all later adds return -1 and
// plan_status tells.
//
// Between two ranks, steps under one channel take place in the order in which they became ready, so
// builders keep the steps of one channel in one chain.
#pragma once

#include "comm/comm.h"
#include "comm/transport.h"

typedef enum StepKind { STEP_SEND, STEP_RECV, STEP_COPY, STEP_COMBINE, STEP_CHECK } StepKind;

typedef struct Plan Plan;

typedef struct Step {
    CommRequest request; // first: finish gets the step from it
    Plan *plan;
    StepKind kind;
    int waits;      // how many steps must be over before this one
    int first_edge; // the steps that wait for this one: plan->edges
    int peer;       // rank of the job
    uint32_t channel;
    void *data;         // receives, results
    const void *source; // sends, copies
    size_t bytes;
    int first_input; // COMBINE: plan->inputs
    int64_t count;
    bool over;
} Step;

typedef struct PlanEdge {
    int to, next;
} PlanEdge;

struct Plan {
    Step *steps;
    PlanEdge *edges;
    const void **inputs;
    int *ready; // queue of steps, each enters once
    int nsteps, step_room, nedges, edge_room, ninputs, input_room;
    int ready_head, ready_tail, nover, nflying;
    bool failed;
    // how combine steps compute
    RtReduceOp op;
    RtDtype dtype;
    int width; // inputs of a combine step
    // what went wrong while running: a message of another size than the plan says
    int wrong_step; // -1: nothing
    bool transport_failed;
    int failed_peer; // then
};

void plan_init(Plan *plan);
void plan_clear(Plan *plan); // only when nothing is flying
Status plan_status(const Plan *plan);

int plan_send(Plan *plan, int peer, uint32_t channel, const void *data, size_t bytes);
int plan_recv(Plan *plan, int peer, uint32_t channel, void *data, size_t bytes);
int plan_copy(Plan *plan, void *to, const void *from,
              size_t bytes); // nothing to do when they are the same
// Places for the `width` inputs of the next combine step, to be filled in the order of combination.
const void **plan_inputs(Plan *plan);
int plan_combine(Plan *plan, void *out, int64_t count);
// An int64 that another rank sent (data) must equal `count`; otherwise the step is wrong_step.
int plan_check(Plan *plan, int peer, const int64_t *data, int64_t count);
void plan_after(Plan *plan, int step, int before); // before -1: no condition

// Run, on the communication thread. plan_begin once; plan_work does at most one copy or combine and
// starts all messages that are ready, and returns how many steps it did.
Status plan_begin(Plan *plan);
Status plan_work(Plan *plan, const CommTransport *transport, void *context, uint32_t group,
                 uint32_t sequence, CommKind kind, int *out_did);
static inline bool plan_over(const Plan *plan) { return plan->nover == plan->nsteps; }
// Whether something is awaited from the peer, or could not be delivered to it.
bool plan_waits_for(const Plan *plan, int peer);
