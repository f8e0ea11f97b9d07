// call.c: from a call with tensors to a work in the queue.
#include "comm/window.h"

#include <string.h>

#include "base/memory.h"
#include "comm/combine.h"

#define WINDOW_MIN ((size_t)64 << 10) // smaller tensors go through the transport at least as fast

// ------------------------------------------------------------------------------ making a work

static RtWork *work_new(RtGroup *group, CommOp op, int nbindings) {
    if (comm_usable() < 0) return NULL;
    if (!group) return NULL;
    if (group->rank < 0) {
        fail(ERR_VALUE, "%s: rank %d is not a member of the group", collective_word(op),
             group->comm->rank);
        return NULL;
    }
    RtWork *work = mem_zalloc(MEM_COMM, sizeof *work);
    if (!work) return NULL;
    work->count = 1;
    plan_init(&work->plan);
    work->plan.width = group->n;
    work->source = -1;
    work->group = rt_group_keep(group);
    work->header = (CommHeader){.magic = HEADER_MAGIC,
                                .rank = group->comm->rank,
                                .group = group->id,
                                .op = op,
                                .dtype = -1,
                                .reduce = -1,
                                .root = -1};
    if (nbindings &&
        !(work->bindings = mem_zalloc(MEM_COMM, (size_t)nbindings * sizeof *work->bindings))) {
        rt_work_drop(work);
        return NULL;
    }
    return work;
}

// Gives up a work whose making failed; NULL.
static RtWork *work_spoiled(RtWork *work) {
    rt_work_drop(work);
    return NULL;
}

static Team team_of(const RtGroup *group) {
    return (Team){.rank = group->rank, .n = group->n, .ranks = group->ranks};
}

static size_t tensor_bytes(const RtTensor *tensor) {
    return (size_t)tensor->numel * rt_dtype_bytes((RtDtype)tensor->dtype);
}

static Status work_check(const RtWork *work, const RtTensor *tensor, bool out) {
    const char *word = collective_word((CommOp)work->header.op);
    if (!tensor) return error_code();
    if (tensor == RT_NONE) return fail(ERR_TYPE, "%s: a tensor is missing", word);
    if (tensor->device.type != RT_CPU)
        return fail(
            ERR_DEVICE,
            "%s: the tensor is on a GPU, and the %s transport moves CPU memory; use .cpu() first",
            word, work->group->comm->transport ? work->group->comm->transport->name : "solo");
    for (int d = 0; out && d < tensor->ndim; d++)
        if (tensor->stride[d] == 0 && tensor->shape[d] > 1)
            return fail(ERR_VALUE,
                        "%s: the output is an expanded tensor whose elements share memory; clone() "
                        "it first",
                        word);
    return OK;
}

// Adds a tensor to the work. `copy`: it must not be used in place.
static Status work_add(RtWork *work, RtTensor *tensor, bool in, bool out, bool copy) {
    TRY(work_check(work, tensor, out));
    Binding *binding = &work->bindings[work->nbindings];
    binding->in = in;
    binding->out = out;
    binding->staged = copy || !rt_tensor_is_contiguous(tensor);
    binding->flat =
        binding->staged ? mem_align(MEM_COMM, 64, tensor_bytes(tensor)) : rt_tensor_data(tensor);
    if (binding->staged && !binding->flat) return ERR_MEMORY;
    binding->tensor = rt_tensor_keep(tensor);
    work->nbindings++;
    return OK;
}

// The same for the list that holds one tensor a rank; all must fit `like`.
static Status work_add_list(RtWork *work, RtTensor **list, const RtTensor *like, const char *name,
                            bool in, bool out, bool copy) {
    const char *word = collective_word((CommOp)work->header.op);
    if (!list)
        return fail(ERR_TYPE, "%s: %s must hold one tensor a rank (%d)", word, name,
                    work->group->n);
    for (int i = 0; i < work->group->n; i++) {
        TRY(work_add(work, list[i], in, out, copy));
        if (like && (list[i]->numel != like->numel || list[i]->dtype != like->dtype))
            return fail(
                ERR_SHAPE,
                "%s: %s[%d] has %lld elements of %s, but the tensor of this rank has %lld of %s",
                word, name, i, (long long)list[i]->numel, rt_dtype_name((RtDtype)list[i]->dtype),
                (long long)like->numel, rt_dtype_name((RtDtype)like->dtype));
    }
    return OK;
}

// The addresses between the first and the last element; empty tensors have none.
static void tensor_span(const RtTensor *tensor, const char **out_low, const char **out_high) {
    int64_t low = 0, high = 1;
    for (int d = 0; d < tensor->ndim; d++)
        *(tensor->stride[d] < 0 ? &low : &high) += (tensor->shape[d] - 1) * tensor->stride[d];
    int64_t item = (int64_t)rt_dtype_bytes((RtDtype)tensor->dtype);
    *out_low = (const char *)rt_tensor_data(tensor) + low * item;
    *out_high = (const char *)rt_tensor_data(tensor) + high * item;
}

static bool tensors_overlap(const RtTensor *a, const RtTensor *b) {
    if (!a || !b || a == RT_NONE || b == RT_NONE || a->numel == 0 || b->numel == 0) return false;
    const char *a_low, *a_high, *b_low, *b_high;
    tensor_span(a, &a_low, &a_high);
    tensor_span(b, &b_low, &b_high);
    return a_low < b_high && b_low < a_high;
}

static Status root_check(const RtWork *work, int root, const char *name) {
    if (root >= 0 && root < work->group->n) return OK;
    return fail(ERR_VALUE, "%s: %s is %d, but the group has ranks 0 to %d",
                collective_word((CommOp)work->header.op), name, root, work->group->n - 1);
}

static void header_fill(RtWork *work, const RtTensor *tensor, int root, int reduce) {
    work->header.dtype = tensor->dtype;
    work->header.count = tensor->numel;
    work->header.root = root;
    work->header.reduce = reduce;
}

static Status scratch_make(RtWork *work, size_t bytes) {
    if (bytes && !(work->scratch = mem_align(MEM_COMM, 64, bytes))) return ERR_MEMORY;
    return OK;
}

static Status reduction_prepare(RtWork *work, const RtTensor *tensor, RtReduceOp op,
                                bool combines) {
    TRY(combine_check(collective_word((CommOp)work->header.op), op, (RtDtype)tensor->dtype));
    work->plan.op = op;
    work->plan.dtype = (RtDtype)tensor->dtype;
    Team team = team_of(work->group);
    return combines ? scratch_make(work, reduce_scratch(&team, tensor_bytes(tensor))) : OK;
}

// Puts the work into the queue. Its sequence number is given under the lock: it is its place in the
// queue.
static RtWork *work_submit(RtWork *work) {
    RtGroup *group = work->group;
    Comm *comm = group->comm;
    if (plan_begin(&work->plan) < 0) return work_spoiled(work);
    for (int i = 0; i < work->nbindings; i++)
        if (work->bindings[i].out) rt_tensor_written(work->bindings[i].tensor);
    comm->nworks++;
    if (group->n == 1) {
        work_run_alone(work);
        return work;
    }
    pthread_mutex_lock(&comm->lock);
    bool broken = group->broken, open = comm->state == COMM_OPEN;
    if (!broken && open) {
        if (work->header.op != COMM_SEND && work->header.op != COMM_RECV) {
            work->header.sequence = group->sequence++;
            group->last = work->header;
        } else if (work->header.op == COMM_SEND) {
            work->point_sequence = comm->point_sequence++ & 0xfffff;
            work->header.extra = work->point->header.extra = work->point_sequence;
        }
        comm_submit(comm, rt_work_keep(work));
    }
    pthread_mutex_unlock(&comm->lock);
    if (!broken && open) return work;
    comm->nworks--;
    if (broken)
        error_give(&group->why);
    else
        fail(ERR_PEER, "%s: the process group has been shut down",
             collective_word((CommOp)work->header.op));
    return work_spoiled(work);
}

// ------------------------------------------------------------------------------ the calls

RtWork *rt_group_barrier(RtGroup *group) {
    RtWork *work = work_new(group, COMM_BARRIER, 0);
    if (!work) return NULL;
    Team team = team_of(group);
    if (scratch_make(work, 64) < 0) return work_spoiled(work);
    build_barrier(&work->plan, &team, work->scratch);
    return work_submit(work);
}

RtWork *rt_group_broadcast(RtGroup *group, RtTensor *tensor, int root) {
    RtWork *work = work_new(group, COMM_BROADCAST, 1);
    if (!work || root_check(work, root, "src") < 0 ||
        work_add(work, tensor, group->rank == root, group->rank != root, false) < 0)
        return work_spoiled(work);
    Team team = team_of(group);
    header_fill(work, tensor, root, -1);
    build_broadcast(&work->plan, &team, work->bindings[0].flat, tensor_bytes(tensor), root);
    return work_submit(work);
}

RtWork *rt_group_broadcast_list(RtGroup *group, RtTensor **tensors, int n, int root) {
    RtWork *work = work_new(group, COMM_BROADCAST, n);
    if (!work || root_check(work, root, "src") < 0) return work_spoiled(work);
    size_t bytes = 0;
    for (int i = 0; i < n; i++) {
        if (work_check(work, tensors[i], group->rank != root) < 0) return work_spoiled(work);
        bytes += (tensor_bytes(tensors[i]) + 7) & ~(size_t)7;
    }
    if (scratch_make(work, bytes) < 0) return work_spoiled(work);
    char *flat = work->scratch;
    for (int i = 0; i < n; i++) {
        work->bindings[i] = (Binding){.tensor = rt_tensor_keep(tensors[i]),
                                      .flat = flat,
                                      .staged = true,
                                      .in_scratch = true,
                                      .in = group->rank == root,
                                      .out = group->rank != root};
        work->nbindings++;
        flat += (tensor_bytes(tensors[i]) + 7) & ~(size_t)7;
    }
    if (group->rank == root) memset(work->scratch, 0, bytes); // the gaps are sent too
    Team team = team_of(group);
    work->header.dtype = RT_U8;
    work->header.count = (int64_t)bytes;
    work->header.root = root;
    build_broadcast(&work->plan, &team, work->scratch, bytes, root);
    return work_submit(work);
}

// The first part of an all-reduce through windows; the header tells that way apart from the other
// ones.
static Status windows_prepare(RtWork *work, const Team *team, size_t bytes) {
    size_t n = (size_t)team->n;
    work->notes = mem_zalloc(MEM_COMM, (n + 1) * sizeof *work->notes);
    work->bases = mem_zalloc(MEM_COMM, n * sizeof *work->bases);
    if (!work->notes || !work->bases) return ERR_MEMORY;
    work->header.extra = work->direct ? 2 : 1;
    build_window_notes(&work->plan, team, work->bindings[0].flat, bytes, work->block, work->direct,
                       &work->notes[n], work->notes);
    return OK;
}

RtWork *rt_group_all_reduce(RtGroup *group, RtTensor *tensor, RtReduceOp op) {
    RtWork *work = work_new(group, COMM_ALL_REDUCE, 1);
    if (!work || work_add(work, tensor, true, true, false) < 0) return work_spoiled(work);
    Team team = team_of(group);
    size_t bytes = tensor_bytes(tensor);
    bool windows = bytes >= WINDOW_MIN && group_shares(group);
    header_fill(work, tensor, -1, op);
    if (reduction_prepare(work, tensor, op, group->n > 1 && !windows) < 0)
        return work_spoiled(work);
    if (windows) {
        work->block = block_take(group->comm, window_block_bytes(&team, bytes));
        if (!work->block || windows_prepare(work, &team, bytes) < 0) return work_spoiled(work);
        return work_submit(work);
    }
    build_all_reduce(&work->plan, &team, work->bindings[0].flat, tensor_bytes(tensor),
                     work->scratch);
    return work_submit(work);
}

RtWork *group_reduce_block(RtGroup *group, RtTensor *tensor, SharedBlock *block, RtReduceOp op) {
    RtWork *work = work_new(group, COMM_ALL_REDUCE, 1);
    if (!work || work_add(work, tensor, true, true, false) < 0 ||
        reduction_prepare(work, tensor, op, false) < 0)
        return work_spoiled(work);
    Team team = team_of(group);
    header_fill(work, tensor, -1, op);
    work->block = block;
    work->direct = true;
    if (windows_prepare(work, &team, tensor_bytes(tensor)) < 0) return work_spoiled(work);
    return work_submit(work);
}

RtWork *rt_group_reduce(RtGroup *group, RtTensor *tensor, int root, RtReduceOp op) {
    RtWork *work = work_new(group, COMM_REDUCE, 1);
    bool receives = group && group->rank == root;
    if (!work || root_check(work, root, "dst") < 0 ||
        work_add(work, tensor, true, receives, false) < 0 ||
        reduction_prepare(work, tensor, op, receives) < 0)
        return work_spoiled(work);
    Team team = team_of(group);
    header_fill(work, tensor, root, op);
    build_reduce(&work->plan, &team, work->bindings[0].flat, tensor_bytes(tensor), root,
                 work->scratch);
    return work_submit(work);
}

// Addresses of the bindings first … first+n-1.
static void **flat_list(RtWork *work, int first) {
    void **list = mem_alloc(MEM_COMM, (size_t)work->group->n * sizeof *list);
    for (int i = 0; list && i < work->group->n; i++) list[i] = work->bindings[first + i].flat;
    return list;
}

RtWork *rt_group_all_gather(RtGroup *group, RtTensor **outputs, RtTensor *input) {
    RtWork *work = group ? work_new(group, COMM_ALL_GATHER, group->n + 1) : NULL;
    if (!work || !input) return work_spoiled(work);
    bool copy = false; // an input that lies in the outputs may only be this rank's own block
    for (int i = 0; outputs && i < group->n; i++)
        if (tensors_overlap(outputs[i], input) &&
            !(i == group->rank && rt_tensor_data(outputs[i]) == rt_tensor_data(input)))
            copy = true;
    if (work_add(work, input, true, false, copy) < 0 ||
        work_add_list(work, outputs, input, "the output list", false, true, false) < 0)
        return work_spoiled(work);
    Team team = team_of(group);
    header_fill(work, input, -1, -1);
    void **flats = flat_list(work, 1);
    if (!flats) return work_spoiled(work);
    build_all_gather(&work->plan, &team, flats, work->bindings[0].flat, tensor_bytes(input));
    mem_free(MEM_COMM, flats);
    return work_submit(work);
}

RtWork *rt_group_gather(RtGroup *group, RtTensor **outputs, RtTensor *input, int root) {
    RtWork *work = group ? work_new(group, COMM_GATHER, group->n + 1) : NULL;
    if (!work || root_check(work, root, "dst") < 0) return work_spoiled(work);
    bool receives = group->rank == root;
    if (!receives && outputs) {
        fail(ERR_VALUE, "gather: only the rank that receives (dst %d) gives a list for the results",
             root);
        return work_spoiled(work);
    }
    if (work_add(work, input, true, false, receives) < 0 ||
        (receives && work_add_list(work, outputs, input, "gather_list", false, true, false) < 0))
        return work_spoiled(work);
    Team team = team_of(group);
    header_fill(work, input, root, -1);
    void **flats = receives ? flat_list(work, 1) : NULL;
    if (receives && !flats) return work_spoiled(work);
    build_gather(&work->plan, &team, flats, work->bindings[0].flat, tensor_bytes(input), root);
    mem_free(MEM_COMM, flats);
    return work_submit(work);
}

RtWork *rt_group_scatter(RtGroup *group, RtTensor *output, RtTensor **inputs, int root) {
    RtWork *work = group ? work_new(group, COMM_SCATTER, group->n + 1) : NULL;
    if (!work || root_check(work, root, "src") < 0) return work_spoiled(work);
    bool sends = group->rank == root;
    if (!sends && inputs) {
        fail(ERR_VALUE, "scatter: only the rank that sends (src %d) gives a list of tensors", root);
        return work_spoiled(work);
    }
    if (work_add(work, output, false, true, sends) < 0 ||
        (sends && work_add_list(work, inputs, output, "scatter_list", true, false, false) < 0))
        return work_spoiled(work);
    Team team = team_of(group);
    header_fill(work, output, root, -1);
    void **flats = sends ? flat_list(work, 1) : NULL;
    if (sends && !flats) return work_spoiled(work);
    build_scatter(&work->plan, &team, work->bindings[0].flat, (const void *const *)flats,
                  tensor_bytes(output), root);
    mem_free(MEM_COMM, flats);
    return work_submit(work);
}

RtWork *rt_group_reduce_scatter(RtGroup *group, RtTensor *output, RtTensor **inputs,
                                RtReduceOp op) {
    RtWork *work = group ? work_new(group, COMM_REDUCE_SCATTER, group->n + 1) : NULL;
    if (!work || !output) return work_spoiled(work);
    bool copy = false; // the output must not overwrite what is still to be sent
    for (int i = 0; inputs && i < group->n; i++)
        if (tensors_overlap(inputs[i], output)) copy = true;
    if (work_add(work, output, false, true, copy) < 0 ||
        work_add_list(work, inputs, output, "the input list", true, false, false) < 0 ||
        reduction_prepare(work, output, op, group->n > 1) < 0)
        return work_spoiled(work);
    Team team = team_of(group);
    header_fill(work, output, -1, op);
    void **flats = flat_list(work, 1);
    if (!flats) return work_spoiled(work);
    build_reduce_scatter(&work->plan, &team, work->bindings[0].flat, (const void *const *)flats,
                         tensor_bytes(output), work->scratch);
    mem_free(MEM_COMM, flats);
    return work_submit(work);
}

RtWork *rt_group_all_to_all(RtGroup *group, RtTensor **outputs, RtTensor **inputs) {
    RtWork *work = group ? work_new(group, COMM_ALL_TO_ALL, 2 * group->n) : NULL;
    if (!work) return NULL;
    int n = group->n;
    bool copy = false;
    for (int i = 0; outputs && inputs && i < n * n; i++)
        if (tensors_overlap(outputs[i / n], inputs[i % n])) copy = true;
    if (work_add_list(work, outputs, NULL, "the output list", false, true, false) < 0 ||
        work_add_list(work, inputs, NULL, "the input list", true, false, copy) < 0)
        return work_spoiled(work);
    int8_t dtype = inputs[0]->dtype;
    for (int i = 0; i < n; i++)
        if (inputs[i]->dtype != dtype || outputs[i]->dtype != dtype) {
            fail(ERR_DTYPE, "all_to_all: all tensors must have one dtype; there are %s and %s",
                 rt_dtype_name((RtDtype)dtype),
                 rt_dtype_name(
                     (RtDtype)(inputs[i]->dtype != dtype ? inputs[i] : outputs[i])->dtype));
            return work_spoiled(work);
        }
    if (inputs[group->rank]->numel != outputs[group->rank]->numel) {
        fail(ERR_SHAPE, "all_to_all: rank %d keeps %lld elements for itself but has room for %lld",
             group->rank, (long long)inputs[group->rank]->numel,
             (long long)outputs[group->rank]->numel);
        return work_spoiled(work);
    }
    Team team = team_of(group);
    header_fill(work, inputs[0], -1, -1);
    work->header.count = -1; // sizes may differ from pair to pair, and are checked pair by pair
    void **from = flat_list(work, n), **to = flat_list(work, 0);
    size_t *sizes = mem_alloc(MEM_COMM, 2 * (size_t)n * sizeof *sizes);
    bool made = from && to && sizes && scratch_make(work, 2 * (size_t)n * sizeof(int64_t)) == OK;
    for (int i = 0; made && i < n; i++) {
        sizes[i] = tensor_bytes(outputs[i]);
        sizes[n + i] = tensor_bytes(inputs[i]);
    }
    if (made)
        build_all_to_all(&work->plan, &team, to, sizes, (const void *const *)from, sizes + n,
                         work->scratch);
    mem_free(MEM_COMM, from);
    mem_free(MEM_COMM, to);
    mem_free(MEM_COMM, sizes);
    return made ? work_submit(work) : work_spoiled(work);
}

static RtWork *point_new(RtGroup *group, CommOp op, RtTensor *tensor, int peer, int tag) {
    RtWork *work = work_new(group, op, 1);
    bool any = op == COMM_RECV && peer == RT_ANY_RANK;
    if (!work || work_add(work, tensor, op == COMM_SEND, op == COMM_RECV, false) < 0)
        return work_spoiled(work);
    if (!any && root_check(work, peer, op == COMM_SEND ? "dst" : "src") < 0)
        return work_spoiled(work);
    if (peer == group->rank || (any && group->n == 1)) {
        fail(ERR_VALUE, "%s: rank %d cannot exchange messages with itself", collective_word(op),
             group->rank);
        return work_spoiled(work);
    }
    if (tag < 0 || tag > COMM_POINT_TAG_MAX) {
        fail(ERR_VALUE, "%s: tag is %d, but tags go from 0 to %d", collective_word(op), tag,
             COMM_POINT_TAG_MAX);
        return work_spoiled(work);
    }
    size_t bytes = tensor_bytes(tensor);
    header_fill(work, tensor, peer, -1);
    work->header.sequence = (uint64_t)tag;
    work->point =
        mem_alloc(MEM_COMM, op == COMM_SEND && bytes > POINT_INLINE ? sizeof(CommHeader)
                                                                    : sizeof(PointMessage));
    if (!work->point) return work_spoiled(work);
    work->point->header = work->header;
    int world_peer = any ? 0 : group->ranks[peer];
    if (bytes > POINT_INLINE) {
        if (op == COMM_SEND)
            build_send(&work->plan, world_peer, work->bindings[0].flat, bytes);
        else
            build_recv(&work->plan, world_peer, work->bindings[0].flat, bytes);
    }
    return work_submit(work);
}

RtWork *rt_group_send(RtGroup *group, RtTensor *tensor, int peer, int tag) {
    return point_new(group, COMM_SEND, tensor, peer, tag);
}

RtWork *rt_group_recv(RtGroup *group, RtTensor *tensor, int peer, int tag) {
    return point_new(group, COMM_RECV, tensor, peer, tag);
}

// ------------------------------------------------------------------------------ new groups

static Status ranks_check(const Comm *comm, const int *ranks, int n) {
    if (n < 1) return fail(ERR_VALUE, "new_group: a group has at least one rank");
    for (int i = 0; i < n; i++) {
        if (ranks[i] < 0 || ranks[i] >= comm->size)
            return fail(ERR_VALUE, "new_group: there is no rank %d; the job has ranks 0 to %d",
                        ranks[i], comm->size - 1);
        for (int j = 0; j < i; j++)
            if (ranks[j] == ranks[i])
                return fail(ERR_VALUE, "new_group: rank %d is there twice", ranks[i]);
    }
    return OK;
}

// The ranks agree on the members (by hash) and, having counted alike, on the number of the new
// group.
RtGroup *group_new(Comm *comm, RtGroup *world, const int *ranks, int n, double timeout) {
    if (ranks_check(comm, ranks, n) < 0) return NULL;
    if (comm->next_group > COMM_GROUP_MAX) {
        fail(ERR_VALUE, "new_group: a job may make %d process groups", COMM_GROUP_MAX);
        return NULL;
    }
    RtWork *work = work_new(world, COMM_NEW_GROUP, 0);
    if (!work || scratch_make(work, 64) < 0) {
        rt_work_drop(work);
        return NULL;
    }
    uint64_t hash = 1469598103934665603u; // FNV-1a
    for (int i = 0; i < n; i++) hash = (hash ^ (uint64_t)ranks[i]) * 1099511628211u;
    work->header.extra = hash;
    work->header.count = n;
    Team team = team_of(world);
    build_barrier(&work->plan, &team, work->scratch);
    if (!(work = work_submit(work))) return NULL;
    Status status = rt_work_wait(work, -1, NULL);
    rt_work_drop(work);
    return status < 0 ? NULL : group_make(comm, ranks, n, timeout);
}
