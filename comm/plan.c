#include "comm/plan.h"

#include <string.h>

#include "base/memory.h"
#include "comm/combine.h"

void plan_init(Plan *plan) {
    memset(plan, 0, sizeof *plan);
    plan->wrong_step = -1;
}

void plan_clear(Plan *plan) {
    mem_free(MEM_COMM, plan->steps);
    mem_free(MEM_COMM, plan->edges);
    mem_free(MEM_COMM, plan->inputs);
    mem_free(MEM_COMM, plan->ready);
    plan_init(plan);
}

Status plan_status(const Plan *plan) { return plan->failed ? ERR_MEMORY : OK; }

static bool room_for(Plan *plan, void **list, int *room, int used, int more, size_t item) {
    if (plan->failed) return false;
    if (used + more <= *room) return true;
    int wanted = *room * 2 > used + more ? *room * 2 : used + more + 8;
    void *larger = mem_resize(MEM_COMM, *list, (size_t)wanted * item);
    if (!larger) {
        plan->failed = true;
        return false;
    }
    *list = larger;
    *room = wanted;
    return true;
}

static Step *step_add(Plan *plan, StepKind kind) {
    if (!room_for(plan, (void **)&plan->steps, &plan->step_room, plan->nsteps, 1, sizeof(Step)))
        return NULL;
    Step *step = &plan->steps[plan->nsteps++];
    memset(step, 0, sizeof *step);
    step->kind = kind;
    step->first_edge = -1;
    return step;
}

int plan_send(Plan *plan, int peer, uint32_t channel, const void *data, size_t bytes) {
    Step *step = step_add(plan, STEP_SEND);
    if (!step) return -1;
    step->peer = peer;
    step->channel = channel;
    step->source = data;
    step->bytes = bytes;
    return plan->nsteps - 1;
}

int plan_recv(Plan *plan, int peer, uint32_t channel, void *data, size_t bytes) {
    Step *step = step_add(plan, STEP_RECV);
    if (!step) return -1;
    step->peer = peer;
    step->channel = channel;
    step->data = data;
    step->bytes = bytes;
    return plan->nsteps - 1;
}

int plan_copy(Plan *plan, void *to, const void *from, size_t bytes) {
    if (to == from || bytes == 0) return -1;
    Step *step = step_add(plan, STEP_COPY);
    if (!step) return -1;
    step->data = to;
    step->source = from;
    step->bytes = bytes;
    return plan->nsteps - 1;
}

const void **plan_inputs(Plan *plan) {
    if (!room_for(plan, (void **)&plan->inputs, &plan->input_room, plan->ninputs, plan->width,
                  sizeof *plan->inputs))
        return NULL;
    return plan->inputs + plan->ninputs;
}

int plan_combine(Plan *plan, void *out, int64_t count) {
    Step *step = step_add(plan, STEP_COMBINE);
    if (!step) return -1;
    step->data = out;
    step->first_input = plan->ninputs;
    step->count = count;
    plan->ninputs += plan->width;
    return plan->nsteps - 1;
}

int plan_check(Plan *plan, int peer, const int64_t *data, int64_t count) {
    Step *step = step_add(plan, STEP_CHECK);
    if (!step) return -1;
    step->peer = peer;
    step->source = data;
    step->count = count;
    return plan->nsteps - 1;
}

void plan_after(Plan *plan, int step, int before) {
    if (step < 0 || before < 0) return;
    if (!room_for(plan, (void **)&plan->edges, &plan->edge_room, plan->nedges, 1, sizeof(PlanEdge)))
        return;
    plan->edges[plan->nedges] = (PlanEdge){.to = step, .next = plan->steps[before].first_edge};
    plan->steps[before].first_edge = plan->nedges++;
    plan->steps[step].waits++;
}

static void step_over(Step *step) {
    Plan *plan = step->plan;
    step->over = true;
    plan->nover++;
    for (int edge = step->first_edge; edge >= 0; edge = plan->edges[edge].next)
        if (--plan->steps[plan->edges[edge].to].waits == 0)
            plan->ready[plan->ready_tail++] = plan->edges[edge].to;
}

static void message_over(CommRequest *request) {
    Step *step = (Step *)request;
    Plan *plan = step->plan;
    plan->nflying--;
    if (request->failed) {
        plan->transport_failed = true;
        plan->failed_peer = request->peer;
        return;
    }
    // A message of another size belongs to another collective: the step stays open, and the headers
    // tell why.
    if (step->kind == STEP_RECV && (request->truncated || request->bytes != step->bytes)) {
        if (plan->wrong_step < 0) plan->wrong_step = (int)(step - plan->steps);
        return;
    }
    step_over(step);
}

Status plan_begin(Plan *plan) {
    TRY(plan_status(plan));
    plan->ready = mem_alloc(MEM_COMM, (size_t)(plan->nsteps + 1) * sizeof *plan->ready);
    if (!plan->ready) return ERR_MEMORY;
    for (int i = 0; i < plan->nsteps; i++) {
        plan->steps[i].plan = plan;
        plan->steps[i].request.finish = message_over;
        if (plan->steps[i].waits == 0) plan->ready[plan->ready_tail++] = i;
    }
    return OK;
}

Status plan_work(Plan *plan, const CommTransport *transport, void *context, uint32_t group,
                 uint32_t sequence, CommKind kind, int *out_did) {
    bool computed = false;
    int did = 0;
    while (plan->ready_head < plan->ready_tail && !computed) {
        Step *step = &plan->steps[plan->ready[plan->ready_head++]];
        CommTag tag = {
            .kind = kind, .group = group, .sequence = sequence, .channel = step->channel};
        did++;
        switch (step->kind) {
        case STEP_SEND:
            plan->nflying++;
            TRY(transport->isend(context, step->peer, tag, step->source, step->bytes,
                                 &step->request));
            break;
        case STEP_RECV:
            plan->nflying++;
            TRY(transport->irecv(context, step->peer, tag, step->data, step->bytes,
                                 &step->request));
            break;
        case STEP_COPY:
            memcpy(step->data, step->source, step->bytes);
            step_over(step);
            computed = true;
            break;
        case STEP_COMBINE:
            combine_run(plan->op, plan->dtype, step->data, plan->inputs + step->first_input,
                        plan->width, step->count);
            step_over(step);
            computed = true;
            break;
        case STEP_CHECK:
            if (*(const int64_t *)step->source == step->count)
                step_over(step);
            else // says more than a message of a wrong size
                plan->wrong_step = (int)(step - plan->steps);
            break;
        }
    }
    *out_did += did;
    return OK;
}

bool plan_waits_for(const Plan *plan, int peer) {
    for (int i = 0; i < plan->nsteps; i++)
        if (plan->steps[i].request.active && plan->steps[i].peer == peer) return true;
    return false;
}
