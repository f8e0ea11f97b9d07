// Making nodes: what the door's recorder does, and what nodes and leaves keep.
#include "grad/tape.h"

#include <pthread.h>
#include <string.h>

#include "base/profile.h"

static _Thread_local __attribute__((tls_model("initial-exec"))) bool grad_off; // zero: on
static _Atomic uint64_t next_number;
// Guards the weak pointers: between leaves and their nodes, and between tensors and their Retain.
static pthread_mutex_t leaf_lock = PTHREAD_MUTEX_INITIALIZER;

void record_hold(bool hold) {
    hold ? pthread_mutex_lock(&leaf_lock) : pthread_mutex_unlock(&leaf_lock);
}

bool rt_grad_enabled(void) { return !grad_off; }
void rt_set_grad_enabled(bool enabled) { grad_off = !enabled; }

typedef struct Retain { // the context of the hook that keeps a tensor's gradient
    RtTensor *tensor;   // weak
} Retain;

// Autograd data of tensors ------------------------------------------------------------------------

RtAutograd *autograd_of(RtTensor *tensor) {
    if (tensor->autograd) return tensor->autograd;
    RtAutograd *autograd = pool_take(MEM_TAPE, sizeof *autograd);
    if (!autograd) return NULL;
    *autograd = (RtAutograd){0};
    return tensor->autograd = autograd;
}

static void drop_autograd(RtTensor *tensor) {
    pthread_mutex_lock(&leaf_lock);
    RtAutograd *autograd = tensor->autograd;
    tensor->autograd = NULL;
    if (autograd->leaf_node) autograd->leaf_node->leaf = NULL;
    if (autograd->retain) autograd->retain->tensor = NULL;
    pthread_mutex_unlock(&leaf_lock);
    rt_tensor_drop(autograd->grad);
    rt_tensor_drop(autograd->buffer);
    hooks_clear(&autograd->hooks);
    rt_node_drop(autograd->node);
    pool_give(MEM_TAPE, autograd, sizeof *autograd);
}

void tape_install(void) { tensor_autograd_clear = drop_autograd; }

bool tape_requires_grad(const RtTensor *tensor) {
    return tensor->autograd && (tensor->autograd->node || tensor->autograd->requires_grad);
}

GradEdge tape_edge(RtTensor *tensor) {
    RtAutograd *autograd = tensor->autograd;
    if (!autograd) return (GradEdge){0};
    if (autograd->node) return (GradEdge){rt_node_keep(autograd->node), autograd->output};
    if (!autograd->requires_grad) return (GradEdge){0};
    pthread_mutex_lock(&leaf_lock);
    RtNode *node = autograd->leaf_node;
    if (node) {
        rt_node_keep(node);
    } else if ((node = node_new(NODE_LEAF, 0, 1, NULL))) {
        node->leaf = tensor;
        node->number = UINT64_MAX;
        node->y_shape[0] = shape_of(tensor);
        node->y_dtype[0] = (RtDtype)tensor->dtype;
        node->device = tensor->device;
        autograd->leaf_node = node;
    }
    pthread_mutex_unlock(&leaf_lock);
    return (GradEdge){node, 0};
}

// A weak pointer made a counted one. The tensor may be going at this moment: its memory is there as
// long as the pointer is, but a count of 0 does not rise again. Under leaf_lock.
static RtTensor *weak_take(RtTensor *tensor) {
    if (!tensor) return NULL;
    int64_t count = tensor->count;
    while (count > 0)
        if (atomic_compare_exchange_weak(&tensor->count, &count, count + 1)) return tensor;
    return NULL;
}

RtTensor *leaf_take(RtNode *node) {
    pthread_mutex_lock(&leaf_lock);
    RtTensor *leaf = weak_take(node->leaf);
    pthread_mutex_unlock(&leaf_lock);
    return leaf;
}

// Nodes -------------------------------------------------------------------------------------------

static size_t aligned(size_t bytes) { return (bytes + 15) & ~(size_t)15; }

RtNode *node_new(NodeKind kind, int nin, int nout, const OpCall *call) {
    size_t attrs_bytes = call ? (size_t)call->row->attrs->bytes : 0;
    size_t at[6],
        bytes = aligned(kind == NODE_SLICES ? sizeof(RtNode) : offsetof(RtNode, geometry));
    size_t parts[6] = {
        (size_t)nin * sizeof(GradEdge),         (size_t)nin * sizeof(bool),
        (size_t)(nin + nout) * sizeof(RtShape), (size_t)(nin + nout) * sizeof(RtDtype),
        (size_t)(nin + nout) * sizeof(RtSaved), attrs_bytes};
    for (int i = 0; i < 6; i++) {
        at[i] = bytes;
        bytes += aligned(parts[i]);
    }
    RtNode *node = pool_take(MEM_TAPE, bytes);
    if (!node) return NULL;
    char *block = (char *)node;
    memset(node, 0, offsetof(RtNode, geometry));
    node->count = 1;
    node->kind = kind;
    node->number = atomic_fetch_add_explicit(&next_number, 1, memory_order_relaxed);
    if (profiling()) profile_node(RT_PROFILE_OP, node->number);
    node->nin = nin;
    node->nout = nout;
    node->bytes = bytes;
    node->edges = (GradEdge *)(block + at[0]);
    node->want = (bool *)(block + at[1]);
    node->x_shape = (RtShape *)(block + at[2]);
    node->y_shape = node->x_shape + nin;
    node->x_dtype = (RtDtype *)(block + at[3]);
    node->y_dtype = node->x_dtype + nin;
    node->saved = (RtSaved *)(block + at[4]);
    memset(node->edges, 0, parts[0]);
    memset(node->want, 0, parts[1]);
    memset(node->saved, 0, parts[4]);
    if (call) {
        node->row = call->row;
        node->device = call->device;
        node->attrs = block + at[5];
        memcpy(node->attrs, call->attrs, attrs_bytes);
    }
    return node;
}

void node_release(RtNode *node) {
    for (int i = 0; i < node->nin + node->nout; i++) saved_clear(&node->saved[i]);
    if (node->function.release && !node->released) node->function.release(node->context);
    node->released = true;
}

static void node_free(RtNode *node) {
    node_release(node);
    hooks_clear(&node->hooks);
    for (int i = 0; i < node->nin; i++) rt_node_drop(node->edges[i].node);
    if (node->function.drop) node->function.drop(node->context);
    if (node->trace) node->anomaly->drop(node->trace);
    pool_give(MEM_TAPE, node, node->bytes);
}

RtNode *rt_node_keep(RtNode *node) {
    atomic_fetch_add_explicit(&node->count, 1, memory_order_relaxed);
    return node;
}

// Freeing one node may free a chain of a hundred thousand: nodes that die meanwhile wait in a list
// instead of on the stack.
void rt_node_drop(RtNode *node) {
    static _Thread_local RtNode *dead;
    static _Thread_local bool freeing;
    if (!node) return;
    if (node->kind == NODE_LEAF) { // its leaf may look it up at this moment
        pthread_mutex_lock(&leaf_lock);
        bool last = atomic_fetch_sub(&node->count, 1) == 1;
        if (last && node->leaf) node->leaf->autograd->leaf_node = NULL;
        pthread_mutex_unlock(&leaf_lock);
        if (!last) return;
    } else if (atomic_fetch_sub_explicit(&node->count, 1, memory_order_acq_rel) != 1) {
        return;
    }
    node->leaf = NULL;
    node->next_dead = dead;
    dead = node;
    if (freeing) return;
    freeing = true;
    while (dead) {
        RtNode *next = dead;
        dead = next->next_dead;
        node_free(next);
    }
    freeing = false;
}

Status node_set_edges(RtNode *node, RtTensor *const *in) {
    for (int i = 0; i < node->nin; i++) {
        if (!PRESENT(in[i])) {
            node->x_shape[i].n = 0;
            node->x_dtype[i] = RT_DTYPE_NONE;
            continue;
        }
        node->x_shape[i].n = in[i]->ndim;
        memcpy(node->x_shape[i].dim, in[i]->shape, (size_t)in[i]->ndim * sizeof(int64_t));
        node->x_dtype[i] = (RtDtype)in[i]->dtype;
        node->want[i] =
            tape_requires_grad(in[i]) && rt_dtype_kind((RtDtype)in[i]->dtype) == RT_KIND_FLOAT;
        if (!node->want[i]) continue;
        node->edges[i] = tape_edge(in[i]);
        if (!node->edges[i].node) return error_code();
    }
    return OK;
}

static Status retain_hook(void *context, RtTensor *grad, RtTensor **out) {
    const Retain *retain = context;
    (void)out;
    RtTensor *before = rt_tensor_keep(grad);
    pthread_mutex_lock(&leaf_lock);
    if (retain->tensor) { // as long as this is set, its autograd data are there
        before = retain->tensor->autograd->grad;
        retain->tensor->autograd->grad = grad;
    }
    pthread_mutex_unlock(&leaf_lock);
    rt_tensor_drop(before);
    return OK;
}

static void retain_drop(void *context) {
    Retain *retain = context;
    pthread_mutex_lock(&leaf_lock);
    if (retain->tensor) retain->tensor->autograd->retain = NULL;
    pthread_mutex_unlock(&leaf_lock);
    pool_give(MEM_TAPE, retain, sizeof *retain);
}

// From now on by the node that the tensor has now; an earlier one is told nothing any more.
static Status retain_on(RtTensor *tensor) {
    RtAutograd *autograd = tensor->autograd;
    Retain *retain = pool_take(MEM_TAPE, sizeof *retain);
    if (!retain) return ERR_MEMORY;
    retain->tensor = tensor;
    pthread_mutex_lock(&leaf_lock);
    if (autograd->retain) autograd->retain->tensor = NULL;
    autograd->retain = retain;
    pthread_mutex_unlock(&leaf_lock);
    int64_t id = hook_append(&autograd->node->hooks, (HookEntry){.hook = retain_hook,
                                                                 .context = retain,
                                                                 .drop = retain_drop,
                                                                 .output = autograd->output});
    return id < 0 ? (Status)id : OK;
}

Status rt_retain_grad(RtTensor *tensor) {
    if (!rt_requires_grad(tensor))
        return fail(ERR_GRAD, "retain_grad: the tensor does not require a gradient");
    if (!tensor->autograd->node || tensor->autograd->retains_grad) return OK;
    tensor->autograd->retains_grad = true;
    return retain_on(tensor);
}

Status tensor_set_node(RtTensor *tensor, RtNode *node, int output) {
    RtAutograd *autograd = autograd_of(tensor);
    if (!autograd) return ERR_MEMORY;
    autograd->node = rt_node_keep(node);
    autograd->output = output;
    autograd->requires_grad = true;
    return OK;
}

Status node_set_output(RtTensor *tensor, RtNode *node, int output) {
    node->y_shape[output].n = tensor->ndim;
    memcpy(node->y_shape[output].dim, tensor->shape, (size_t)tensor->ndim * sizeof(int64_t));
    node->y_dtype[output] = (RtDtype)tensor->dtype;
    RtNode *before = tensor->autograd ? tensor->autograd->node : NULL;
    TRY(tensor_set_node(tensor, node, output));
    Status status = tensor->autograd->retains_grad ? retain_on(tensor) : OK;
    rt_node_drop(before);
    return status;
}

Status node_save(RtNode *node, const RtOpRow *row, RtTensor *const *in, int nin,
                 RtTensor *const *out, int nout) {
    unsigned needs = 0;
    for (int i = 0; i < nin; i++)
        if (node->want[i]) needs |= row->needs[row->nin == RT_LIST ? 0 : i];
    for (int i = 0; i < nin && i < 12; i++)
        if (needs >> i & 1 && PRESENT(in[i])) TRY(saved_set(&node->saved[i], in[i], -1));
    for (int i = 0; i < nout && i < RT_MAX_OUT; i++)
        if (needs >> (12 + i) & 1) TRY(saved_set(&node->saved[node->nin + i], out[i], i));
    return OK;
}

// The recorder ------------------------------------------------------------------------------------

static bool wanted(RtTensor *const *in, int nin) {
    if (grad_off) return false;
    bool any = false, ordinary = false; // what has inputs made for inference alone is not recorded
    for (int i = 0; i < nin; i++) {
        if (in[i] == RT_NONE) continue;
        any = any || (in[i]->autograd && tape_requires_grad(in[i]));
        ordinary = ordinary || !in[i]->inference;
    }
    return any && ordinary;
}

static Status record(OpCall *call, RtTensor *const *in, bool inplace) {
    if (inplace && call->out[0]->base) return record_slices(call, in, call->out[0]);
    RtNode *node = node_new(NODE_OP, call->nin, call->nout, call);
    if (!node) return ERR_MEMORY;
    anomaly_trace(node);
    Status status;
    GUARD(node_set_edges(node, in));
    GUARD(node_save(node, call->row, in, call->nin, call->out, call->nout));
    for (int i = 0; i < call->nout; i++) {
        if (rt_dtype_kind((RtDtype)call->out[i]->dtype) == RT_KIND_FLOAT) {
            GUARD(node_set_output(call->out[i], node, i));
        } else {
            node->y_shape[i] = shape_of(call->out[i]);
            node->y_dtype[i] = (RtDtype)call->out[i]->dtype;
        }
    }
out:
    rt_node_drop(node);
    return status;
}

static bool is_leaf(const RtTensor *tensor) {
    return tensor->autograd && tensor->autograd->requires_grad && !tensor->autograd->node;
}

const Recorder tape_recorder = {wanted, check_write, record, view_sync, is_leaf};

Status rt_function_record(const RtFunction *function, void *context, RtTensor **inputs, int n_in,
                          RtTensor **outputs, int n_out, RtNode **out_node) {
    RtNode *node = node_new(NODE_FUNCTION, n_in, n_out, NULL);
    if (!node) {
        if (function->drop) function->drop(context);
        return ERR_MEMORY;
    }
    node->function = *function;
    node->context = context;
    anomaly_trace(node);
    Status status;
    GUARD(node_set_edges(node, inputs));
    for (int i = 0; i < n_out; i++) {
        node->y_shape[i].n = 0;
        node->y_dtype[i] = RT_DTYPE_NONE;
        if (PRESENT(outputs[i]) && rt_dtype_kind((RtDtype)outputs[i]->dtype) == RT_KIND_FLOAT) {
            GUARD(node_set_output(outputs[i], node, i));
            node->device = outputs[i]->device;
        }
    }
    *out_node = node;
out:
    rt_node_drop(node); // kept by its outputs
    return status;
}

void *rt_function_context(const RtNode *node, void (*drop)(void *)) {
    return node->kind == NODE_FUNCTION && node->function.drop == drop ? node->context : NULL;
}
