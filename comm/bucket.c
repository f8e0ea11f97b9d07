// bucket.c: RtReducer, data-parallel training (Li et al., "PyTorch Distributed: Experiences on
// Accelerating Data Parallel Training", VLDB 2020, describes the scheme).
#include <string.h>

#include "comm/window.h"

#include "base/memory.h"
#include "comm/pack.h"

#define REGION_ALIGN 64 // a gradient starts on a cache line, as tensors do

typedef struct Member {
    RtReducer *reducer;
    RtTensor *parameter, *view; // the view is its part of the bucket, in the parameter's shape
    char *name;
    int64_t hook;
    int bucket;
    bool ready;      // its gradient of this pass is there
    bool used_first; // static graph: it had a gradient in the first pass
    void *saved;     // what .grad held, while a locally unused parameter takes part
} Member;

typedef struct Bucket {
    RtTensor *flat;
    SharedBlock *block; // flat lies in it, where ranks share memory; flat owns it
    RtDtype dtype;
    int64_t numel;
    int pending; // gradients that are missing
    RtWork *work;
} Bucket;

struct RtReducer {
    RtGroup *group;
    Member *members;
    int nmembers;
    Bucket *buckets;
    int nbuckets;
    int64_t flags_at; // offset of the flags in the last bucket, one a member
    int next;         // the bucket that is sent next
    bool sync, static_graph, running, passed; // passed: the first pass is over
};

// ------------------------------------------------------------------------------ making buckets

static int64_t region_numel(const RtTensor *parameter) {
    int64_t unit = REGION_ALIGN / (int64_t)rt_dtype_bytes((RtDtype)parameter->dtype);
    return (parameter->numel + unit - 1) / unit * unit;
}

// Parameters in reverse; one open bucket a dtype; a bucket that has reached its limit is closed.
// Buckets are numbered in the order in which they were begun.
static void members_assign(RtReducer *reducer, size_t first_bytes, size_t cap_bytes) {
    int open[RT_DTYPE_COUNT];
    memset(open, -1, sizeof open);
    for (int i = reducer->nmembers - 1; i >= 0; i--) {
        Member *member = &reducer->members[i];
        int *current = &open[member->parameter->dtype];
        if (*current < 0) {
            *current = reducer->nbuckets++;
            reducer->buckets[*current].dtype = (RtDtype)member->parameter->dtype;
        }
        Bucket *bucket = &reducer->buckets[*current];
        member->bucket = *current;
        bucket->numel += region_numel(member->parameter);
        size_t limit = *current == 0 ? first_bytes : cap_bytes;
        if ((size_t)bucket->numel * rt_dtype_bytes(bucket->dtype) >= limit) *current = -1;
    }
}

static void drop_flat(void *flat) { rt_tensor_drop(flat); }
static void drop_block(void *block) { block_drop(block); }

// In memory that the ranks of a host share if they can, so that the gradients are reduced where
// they lie.
static Status flat_make(RtReducer *reducer, Bucket *bucket) {
    size_t bytes = (size_t)bucket->numel * rt_dtype_bytes(bucket->dtype);
    RtDevice cpu = {RT_CPU, 0};
    if (group_shares(reducer->group)) {
        bucket->block = block_new(reducer->group->comm, bytes);
        if (!bucket->block) return ERR_MEMORY;
        bucket->flat = rt_tensor_wrap(bucket->block->data, bytes, 1, &bucket->numel, (int64_t[]){1},
                                      bucket->dtype, cpu, drop_block, bucket->block);
    } else
        bucket->flat = rt_tensor_new(1, &bucket->numel, bucket->dtype, cpu);
    if (!bucket->flat) return error_code();
    rt_tensor_keep(bucket->flat);
    memset(rt_tensor_data(bucket->flat), 0, bytes);
    return OK;
}

static Status views_make(RtReducer *reducer) {
    Bucket *last = &reducer->buckets[reducer->nbuckets - 1];
    reducer->flags_at = last->numel;
    last->numel += reducer->nmembers;
    for (int b = 0; b < reducer->nbuckets; b++) {
        Bucket *bucket = &reducer->buckets[b];
        TRY(flat_make(reducer, bucket));
        bucket->numel = 0; // counted again below
    }
    for (int i = reducer->nmembers - 1; i >= 0; i--) {
        Member *member = &reducer->members[i];
        Bucket *bucket = &reducer->buckets[member->bucket];
        const RtTensor *parameter = member->parameter;
        size_t item = rt_dtype_bytes(bucket->dtype);
        int64_t stride[RT_MAX_DIMS], step = 1;
        for (int d = parameter->ndim - 1; d >= 0; d--) {
            stride[d] = step;
            step *= parameter->shape[d] > 0 ? parameter->shape[d] : 1;
        }
        char *place = (char *)rt_tensor_data(bucket->flat) + (size_t)bucket->numel * item;
        bucket->numel += region_numel(parameter);
        rt_tensor_keep(bucket->flat); // for the view's storage
        RtTensor *view = rt_tensor_wrap(place, (size_t)parameter->numel * item, parameter->ndim,
                                        parameter->shape, stride, bucket->dtype, parameter->device,
                                        drop_flat, bucket->flat);
        if (!view) return error_code();
        member->view = rt_tensor_keep(view);
    }
    return OK;
}

static Status gradient_ready(void *context, RtTensor *leaf);

static Status hooks_add(RtReducer *reducer) {
    for (int i = 0; i < reducer->nmembers; i++) {
        Member *member = &reducer->members[i];
        TRY(rt_set_grad_buffer(member->parameter, member->view));
        member->hook = rt_leaf_hook_add(member->parameter, gradient_ready, member, NULL);
        if (member->hook < 0) return (Status)member->hook;
    }
    return OK;
}

static Status parameters_check(RtTensor **parameters, const char *const *names, int n) {
    if (n < 1)
        return fail(
            ERR_VALUE,
            "data-parallel training needs a parameter that requires a gradient, and there is none");
    for (int i = 0; i < n; i++) {
        if (rt_dtype_kind((RtDtype)parameters[i]->dtype) != RT_KIND_FLOAT)
            return fail(ERR_DTYPE, "parameter %s is %s and cannot have a gradient", names[i],
                        rt_dtype_name((RtDtype)parameters[i]->dtype));
        if (parameters[i]->device.type != RT_CPU)
            return fail(ERR_DEVICE, "parameter %s is on a GPU, and this group moves CPU memory",
                        names[i]);
        if (!rt_requires_grad(parameters[i]) || !rt_is_leaf(parameters[i]))
            return fail(ERR_GRAD, "parameter %s must be a leaf that requires a gradient", names[i]);
    }
    return OK;
}

static Status reducer_fill(RtReducer *reducer, RtTensor **parameters, const char *const *names,
                           int n, size_t first_bytes, size_t cap_bytes) {
    reducer->members = mem_zalloc(MEM_COMM, (size_t)n * sizeof *reducer->members);
    reducer->buckets = mem_zalloc(MEM_COMM, (size_t)n * sizeof *reducer->buckets);
    if (!reducer->members || !reducer->buckets) return ERR_MEMORY;
    for (int i = 0; i < n; i++) {
        Member *member = &reducer->members[i];
        *member =
            (Member){.reducer = reducer, .parameter = rt_tensor_keep(parameters[i]), .hook = -1};
        reducer->nmembers++;
        if (!(member->name = mem_text(MEM_COMM, names[i]))) return ERR_MEMORY;
    }
    members_assign(reducer, first_bytes, cap_bytes);
    TRY(views_make(reducer));
    return hooks_add(reducer);
}

RtReducer *rt_reducer_new(RtGroup *group, RtTensor **parameters, const char *const *names, int n,
                          size_t first_bytes, size_t cap_bytes, bool static_graph) {
    if (comm_usable() < 0 || !group || parameters_check(parameters, names, n) < 0) return NULL;
    RtReducer *reducer = mem_zalloc(MEM_COMM, sizeof *reducer);
    if (!reducer) return NULL;
    reducer->group = rt_group_keep(group);
    reducer->sync = true;
    reducer->static_graph = static_graph;
    RtScope scope;
    Status status = rt_scope_open(&scope);
    if (status == OK) {
        status = reducer_fill(reducer, parameters, names, n, first_bytes, cap_bytes);
        rt_scope_close(scope);
    }
    if (status == OK) return reducer;
    ErrorRecord error;
    error_take(&error);
    rt_reducer_drop(reducer);
    error_give(&error);
    return NULL;
}

// Waits for what is under way, whatever becomes of it: the buckets must not be freed before.
static Status works_wait(RtReducer *reducer) {
    Status first = OK;
    ErrorRecord error;
    for (int b = 0; b < reducer->nbuckets; b++) {
        Bucket *bucket = &reducer->buckets[b];
        if (!bucket->work) continue;
        Status status = rt_work_wait(bucket->work, -1, NULL);
        rt_work_drop(bucket->work);
        bucket->work = NULL;
        if (status < 0 && first == OK) {
            first = status;
            error_take(&error);
        }
    }
    if (first < 0) error_give(&error);
    return first;
}

void rt_reducer_drop(RtReducer *reducer) {
    if (!reducer) return;
    works_wait(reducer);
    for (int i = 0; i < reducer->nmembers; i++) {
        Member *member = &reducer->members[i];
        if (member->hook >= 0) rt_hook_remove(member->parameter, member->hook);
        rt_set_grad_buffer(member->parameter, RT_NONE);
        rt_tensor_drop(member->view);
        rt_tensor_drop(member->parameter);
        mem_free(MEM_COMM, member->saved);
        mem_free(MEM_COMM, member->name);
    }
    for (int b = 0; b < reducer->nbuckets; b++) rt_tensor_drop(reducer->buckets[b].flat);
    mem_free(MEM_COMM, reducer->members);
    mem_free(MEM_COMM, reducer->buckets);
    rt_group_drop(reducer->group);
    mem_free(MEM_COMM, reducer);
}

void rt_reducer_set_sync(RtReducer *reducer, bool sync) { reducer->sync = sync; }
int rt_reducer_buckets(const RtReducer *reducer) { return reducer->nbuckets; }

size_t rt_reducer_bucket_bytes(const RtReducer *reducer, int bucket) {
    return (size_t)reducer->buckets[bucket].flat->numel *
           rt_dtype_bytes(reducer->buckets[bucket].dtype);
}

// ------------------------------------------------------------------------------ one backward pass

static bool in_bucket(const Member *member, const RtTensor *grad) {
    return grad != RT_NONE && rt_tensor_data(grad) == rt_tensor_data(member->view) &&
           rt_tensor_is_contiguous(grad);
}

// Brings a gradient that is somewhere else (assigned by the user, or there before the bucket was)
// into the bucket.
static Status take_in(Member *member, RtTensor *grad) {
    if (in_bucket(member, grad)) return OK;
    tensor_pack(grad, rt_tensor_data(member->view));
    return rt_set_grad(member->parameter, member->view);
}

// A parameter without a gradient in this pass contributes what its .grad held, or zeros.
static Status fill_unused(Member *member) {
    RtTensor *grad = rt_grad_of(member->parameter);
    size_t bytes = (size_t)member->view->numel * rt_dtype_bytes((RtDtype)member->view->dtype);
    if (grad == RT_NONE) {
        memset(rt_tensor_data(member->view), 0, bytes);
    } else if (in_bucket(member, grad)) {
        member->saved = mem_alloc(MEM_COMM, bytes);
        if (!member->saved) return ERR_MEMORY;
        memcpy(member->saved, rt_tensor_data(member->view), bytes);
    } else
        tensor_pack(grad,
                    rt_tensor_data(member->view)); // .grad changes only if some rank has used it
    return OK;
}

static void flags_write(RtReducer *reducer) {
    Bucket *last = &reducer->buckets[reducer->nbuckets - 1];
    size_t item = rt_dtype_bytes(last->dtype);
    char *flags = (char *)rt_tensor_data(last->flat) + (size_t)reducer->flags_at * item;
    double f64 = 1;
    float f32 = 1;
    uint16_t f16 = 0x3c00, bf16 = 0x3f80;
    const void *one = last->dtype == RT_F64   ? (void *)&f64
                      : last->dtype == RT_F32 ? (void *)&f32
                      : last->dtype == RT_F16 ? (void *)&f16
                                              : (void *)&bf16;
    memset(flags, 0, (size_t)reducer->nmembers * item);
    for (int i = 0; i < reducer->nmembers; i++)
        if (reducer->members[i].ready) memcpy(flags + (size_t)i * item, one, item);
}

// The average of the flags is not zero where one rank had set it.
static bool flag_read(const RtReducer *reducer, int i) {
    const Bucket *last = &reducer->buckets[reducer->nbuckets - 1];
    size_t item = rt_dtype_bytes(last->dtype);
    const char *flag =
        (const char *)rt_tensor_data(last->flat) + ((size_t)reducer->flags_at + (size_t)i) * item;
    for (size_t k = 0; k < item; k++)
        if (flag[k]) return true;
    return false;
}

// Sends the buckets from `next` on whose gradients are there; at the end all of them. When the last
// one goes, all others have gone, so all is known that its flags say.
static Status buckets_send(RtReducer *reducer, bool all) {
    while (reducer->next < reducer->nbuckets &&
           (all || reducer->buckets[reducer->next].pending == 0)) {
        Bucket *bucket = &reducer->buckets[reducer->next];
        for (int i = 0; i < reducer->nmembers; i++)
            if (reducer->members[i].bucket == reducer->next && !reducer->members[i].ready)
                TRY(fill_unused(&reducer->members[i]));
        if (reducer->next == reducer->nbuckets - 1) flags_write(reducer);
        bucket->work =
            bucket->block
                ? group_reduce_block(reducer->group, bucket->flat, bucket->block, RT_REDUCE_AVG)
                : rt_group_all_reduce(reducer->group, bucket->flat, RT_REDUCE_AVG);
        if (!bucket->work) return error_code();
        reducer->next++;
    }
    return OK;
}

static void pass_reset(RtReducer *reducer) {
    reducer->running = false;
    reducer->next = 0;
    for (int i = 0; i < reducer->nmembers; i++) {
        reducer->members[i].ready = false;
        mem_free(MEM_COMM, reducer->members[i].saved);
        reducer->members[i].saved = NULL;
    }
}

static void pass_begin(RtReducer *reducer) {
    pass_reset(reducer);
    reducer->running = true;
    for (int b = 0; b < reducer->nbuckets; b++) reducer->buckets[b].pending = 0;
    for (int i = 0; i < reducer->nmembers; i++) {
        Member *member = &reducer->members[i];
        bool known_unused = reducer->static_graph && reducer->passed && !member->used_first;
        if (!known_unused) reducer->buckets[member->bucket].pending++;
    }
}

static Status static_check(RtReducer *reducer) {
    for (int i = 0; i < reducer->nmembers; i++) {
        Member *member = &reducer->members[i];
        if (!reducer->passed)
            member->used_first = member->ready;
        else if (member->used_first != member->ready)
            return fail(ERR_GRAD,
                        "static_graph=True, but parameter %s got %s in this backward pass and %s "
                        "in the first one; leave "
                        "static_graph out",
                        member->name, member->ready ? "a gradient" : "no gradient",
                        member->ready ? "none" : "one");
    }
    return OK;
}

static Status results_take(RtReducer *reducer) {
    for (int i = 0; i < reducer->nmembers; i++) {
        Member *member = &reducer->members[i];
        rt_tensor_written(member->view);
        if (flag_read(reducer, i)) {
            RtTensor *grad = rt_grad_of(member->parameter);
            if (!in_bucket(member, grad)) TRY(rt_set_grad(member->parameter, member->view));
        } else if (member->saved) {
            size_t bytes =
                (size_t)member->view->numel * rt_dtype_bytes((RtDtype)member->view->dtype);
            memcpy(rt_tensor_data(member->view), member->saved, bytes);
        }
    }
    return OK;
}

static Status pass_end(void *context) {
    RtReducer *reducer = context;
    Status status = buckets_send(reducer, true);
    if (status < 0) {
        ErrorRecord error;
        error_take(&error);
        works_wait(reducer);
        error_give(&error);
    } else
        status = works_wait(reducer);
    if (status == OK && reducer->static_graph) status = static_check(reducer);
    if (status == OK) status = results_take(reducer);
    if (status == OK) reducer->passed = true;
    pass_reset(reducer);
    return status;
}

// The hook on each parameter: its gradient has been added to .grad.
static Status gradient_ready(void *context, RtTensor *leaf) {
    Member *member = context;
    RtReducer *reducer = member->reducer;
    if (!reducer->sync) return OK;
    if (!reducer->running) {
        TRY(rt_backward_end(pass_end, reducer, NULL));
        pass_begin(reducer);
    }
    Bucket *bucket = &reducer->buckets[member->bucket];
    if (bucket->work)
        return fail(
            ERR_GRAD, "parameter %s got a gradient after its bucket was sent: %s", member->name,
            reducer->static_graph ? "static_graph=True does not hold"
                                  : "it is accumulated more than once in one backward pass");
    TRY(take_in(member, rt_grad_of(leaf)));
    if (member->ready) return OK;
    member->ready = true;
    if (reducer->static_graph && reducer->passed && !member->used_first)
        return OK; // was not waited for
    bucket->pending--;
    return buckets_send(reducer, false);
}

Status rt_reducer_begin(RtReducer *reducer) {
    TRY(comm_usable());
    if (!reducer->running) return OK;
    if (works_wait(reducer) < 0) error_clear(); // the failed pass has reported
    pass_reset(reducer);
    return OK;
}

Status rt_reducer_flush(RtReducer *reducer) {
    TRY(rt_reducer_begin(reducer));
    pass_begin(reducer);
    for (int i = 0; i < reducer->nmembers; i++) {
        Member *member = &reducer->members[i];
        RtTensor *grad = rt_grad_of(member->parameter);
        if (grad == RT_NONE) continue;
        Status status = take_in(member, grad);
        if (status < 0) {
            pass_reset(reducer);
            return status;
        }
        member->ready = true;
    }
    bool kept = reducer->static_graph;
    reducer->static_graph = false; // says something about backward passes only
    Status status = pass_end(reducer);
    reducer->static_graph = kept;
    return status;
}
