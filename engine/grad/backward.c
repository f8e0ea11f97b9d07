// The walk: from the tensors whose gradients are given, back to the leaves.
//
// 1. Count, for every node that can be reached, how many gradients it will get (iterative
// depth-first search). When only
//    some inputs are asked for, find out which nodes lead to one.
// 2. Take the ready node with the highest number, compute the gradients of its inputs, add them up
// at the nodes they go
//    to, and let go of what the node kept. A leaf runs as soon as it is ready, so that whoever
//    listens (data-parallel training) can start sending while the walk goes on.
#include "grad/tape.h"

#include <pthread.h>
#include <string.h>

#include "base/profile.h"
#include "ops/autocast.h"

typedef struct Slot {
    RtNode *node;
    int waits;     // gradients still to come
    bool needed;   // leads to an input that was asked for
    bool visited;  // by the search
    RtTensor **g;  // nout sums so far; NULL entries: nothing came
    RtTensor *one; // room for g when nout is 1
} Slot;

typedef struct EndEntry {
    struct EndEntry *next;
    RtBackwardEnd end;
    void *context;
    void (*drop)(void *); // of the context, or NULL
} EndEntry;

typedef struct Capture { // an input of rt_grad: its gradient is taken on the way
    GradEdge edge;
    RtTensor *result; // counted
} Capture;

typedef struct Walk {
    Slot *slots;
    int64_t nslots, room;
    int64_t *table; // open addressing: index of slot + 1
    int64_t table_room;
    int64_t *heap; // ready slots, highest number first
    int64_t nheap, heap_room;
    Capture *captures;
    int ncaptures;
    bool accumulate; // into leaves
    bool retain, create;
    EndEntry *ends;
    struct Walk *outer; // a walk inside a hook or function of another
} Walk;

static _Thread_local Walk *current_walk;
static pthread_mutex_t accumulate_lock = PTHREAD_MUTEX_INITIALIZER;

void backward_hold(bool hold) {
    hold ? pthread_mutex_lock(&accumulate_lock) : pthread_mutex_unlock(&accumulate_lock);
}

// Slots -------------------------------------------------------------------------------------------

static size_t place_of(const Walk *walk, const RtNode *node) {
    uint64_t hash = (uint64_t)(uintptr_t)node * 0x9E3779B97F4A7C15u;
    size_t mask = (size_t)walk->table_room - 1, at = (size_t)(hash >> 20) & mask;
    while (walk->table[at] && walk->slots[walk->table[at] - 1].node != node) at = (at + 1) & mask;
    return at;
}

static Status table_grow(Walk *walk) {
    int64_t room = walk->table_room ? walk->table_room * 2 : 64;
    int64_t *table = mem_zalloc(MEM_TAPE, (size_t)room * sizeof *table);
    if (!table) return ERR_MEMORY;
    mem_free(MEM_TAPE, walk->table);
    walk->table = table;
    walk->table_room = room;
    for (int64_t i = 0; i < walk->nslots; i++) table[place_of(walk, walk->slots[i].node)] = i + 1;
    return OK;
}

// The slot of a node, made when absent: an index, or a negative Status.
static int64_t slot_of(Walk *walk, RtNode *node) {
    if (walk->nslots * 2 >= walk->table_room) TRY(table_grow(walk));
    size_t at = place_of(walk, node);
    if (walk->table[at]) return walk->table[at] - 1;
    if (walk->nslots == walk->room) {
        int64_t room = walk->room ? walk->room * 2 : 32;
        Slot *slots = mem_resize(MEM_TAPE, walk->slots, (size_t)room * sizeof *slots);
        if (!slots) return ERR_MEMORY;
        walk->slots = slots;
        walk->room = room;
    }
    walk->slots[walk->nslots] = (Slot){.node = rt_node_keep(node)};
    walk->table[at] = ++walk->nslots;
    return walk->nslots - 1;
}

static RtTensor **slot_gradients(Slot *slot) {
    if (slot->node->nout == 1) return &slot->one;
    if (!slot->g) slot->g = mem_zalloc(MEM_TAPE, (size_t)slot->node->nout * sizeof *slot->g);
    return slot->g;
}

static void slot_clear(Slot *slot) {
    RtTensor **g = slot->node->nout == 1 ? &slot->one : slot->g;
    for (int i = 0; g && i < slot->node->nout; i++) {
        rt_tensor_drop(g[i]);
        g[i] = NULL;
    }
    mem_free(MEM_TAPE, slot->g);
    slot->g = NULL;
}

// Ready nodes -------------------------------------------------------------------------------------

static uint64_t number_at(const Walk *walk, int64_t i) {
    return walk->slots[walk->heap[i]].node->number;
}

static void heap_swap(Walk *walk, int64_t i, int64_t j) {
    int64_t slot = walk->heap[i];
    walk->heap[i] = walk->heap[j];
    walk->heap[j] = slot;
}

static Status heap_push(Walk *walk, int64_t slot) {
    if (walk->nheap == walk->heap_room) {
        int64_t room = walk->heap_room ? walk->heap_room * 2 : 32;
        int64_t *heap = mem_resize(MEM_TAPE, walk->heap, (size_t)room * sizeof *heap);
        if (!heap) return ERR_MEMORY;
        walk->heap = heap;
        walk->heap_room = room;
    }
    int64_t i = walk->nheap++;
    walk->heap[i] = slot;
    for (; i > 0 && number_at(walk, (i - 1) / 2) < number_at(walk, i); i = (i - 1) / 2)
        heap_swap(walk, i, (i - 1) / 2);
    return OK;
}

static int64_t heap_pop(Walk *walk) {
    int64_t top = walk->heap[0];
    walk->heap[0] = walk->heap[--walk->nheap];
    for (int64_t i = 0, child; (child = 2 * i + 1) < walk->nheap; i = child) {
        if (child + 1 < walk->nheap && number_at(walk, child + 1) > number_at(walk, child)) child++;
        if (number_at(walk, i) >= number_at(walk, child)) break;
        heap_swap(walk, i, child);
    }
    return top;
}

// 1. Search ---------------------------------------------------------------------------------------

static bool is_captured(const Walk *walk, const RtNode *node) {
    for (int i = 0; i < walk->ncaptures; i++)
        if (walk->captures[i].edge.node == node) return true;
    return false;
}

typedef struct SearchFrame {
    int64_t slot;
    int input; // next to look at
} SearchFrame;

static Status search(Walk *walk, RtNode *root) {
    SearchFrame *stack = NULL;
    int64_t n = 0, room = 0;
    Status status = OK;
    int64_t slot = slot_of(walk, root);
    if (slot < 0) return (Status)slot;
    if (walk->slots[slot].visited) return OK;
    for (;;) {
        if (slot >= 0 && !walk->slots[slot].visited) { // enter
            walk->slots[slot].visited = true;
            walk->slots[slot].needed =
                walk->accumulate || is_captured(walk, walk->slots[slot].node);
            if (n == room) {
                room = room ? room * 2 : 64;
                SearchFrame *grown = mem_resize(MEM_TAPE, stack, (size_t)room * sizeof *stack);
                if (!grown) {
                    status = ERR_MEMORY;
                    goto out;
                }
                stack = grown;
            }
            stack[n++] = (SearchFrame){slot, 0};
        }
        if (n == 0) break;
        SearchFrame *frame = &stack[n - 1];
        RtNode *node = walk->slots[frame->slot].node;
        if (frame->input > 0 && node->edges[frame->input - 1].node) { // back from a child
            int64_t child = slot_of(walk, node->edges[frame->input - 1].node);
            if (walk->slots[child].needed) walk->slots[frame->slot].needed = true;
        }
        if (frame->input == node->nin) {
            n--;
            slot = -1;
            continue;
        }
        RtNode *next = node->edges[frame->input++].node;
        slot = -1;
        if (!next) continue;
        slot = slot_of(walk, next);
        if (slot < 0) {
            status = (Status)slot;
            goto out;
        }
        walk->slots[slot].waits++;
        if (walk->slots[slot].visited) slot = -1;
    }
out:
    mem_free(MEM_TAPE, stack);
    return status;
}

// 2. Walk -----------------------------------------------------------------------------------------

// Adds a gradient to what a node has got for one of its outputs. A sum of our own is added to in
// place.
static Status add_gradient(Walk *walk, int64_t slot, int output, RtTensor *g) {
    RtTensor **sums = slot_gradients(&walk->slots[slot]);
    if (!sums) return ERR_MEMORY;
    if (!sums[output]) {
        sums[output] = rt_tensor_keep(g);
        return OK;
    }
    RtTensor *sum = rt_add(sums[output], g, rt_defaults_alpha());
    if (!sum) return error_code();
    rt_tensor_drop(sums[output]);
    sums[output] = rt_tensor_keep(sum);
    return OK;
}

// Nobody else can see this tensor's memory.
static bool only_ours(const RtTensor *g) {
    return g->count == 1 && !g->base && g->storage->count == 1 && !g->storage->release &&
           !g->storage->parent && rt_tensor_is_contiguous(g);
}

static Status accumulate(Walk *walk, RtTensor *leaf, RtTensor *g) {
    RtAutograd *autograd = leaf->autograd;
    if (autograd->grad && walk->create) {
        RtTensor *sum = rt_add(autograd->grad, g, rt_defaults_alpha());
        return sum ? rt_set_grad(leaf, sum) : error_code();
    }
    if (autograd->grad) {
        RtTensor *into[1] = {autograd->grad}, *out[1];
        return rt_apply(OP_add, (RtTensor *[]){autograd->grad, g}, 2, NULL, into, out);
    }
    if (autograd->buffer) {
        RtTensor *into[1] = {autograd->buffer}, *out[1];
        TRY(rt_apply(OP_copy_, (RtTensor *[]){autograd->buffer, g}, 2, NULL, into, out));
        autograd->grad = rt_tensor_keep(autograd->buffer);
        return OK;
    }
    if (!walk->create && !only_ours(g)) g = rt_clone(g);
    if (!g) return error_code();
    autograd->grad = rt_tensor_keep(g);
    return OK;
}

static Status accumulate_and_tell(Walk *walk, RtTensor *leaf, RtTensor *g) {
    pthread_mutex_lock(&accumulate_lock);
    Status status = accumulate(walk, leaf, g);
    pthread_mutex_unlock(&accumulate_lock);
    return status < 0 ? status : leaf_hooks_run(&leaf->autograd->hooks, leaf);
}

static Status run_leaf(Walk *walk, RtNode *node, RtTensor *g) {
    RtTensor *leaf = leaf_take(node);
    if (!leaf) return OK; // it is gone: nobody can ask
    Status status = hooks_run(&leaf->autograd->hooks, 0, &g);
    if (status >= 0) status = accumulate_and_tell(walk, leaf, g);
    rt_tensor_drop(leaf);
    return status;
}

static Status capture(Walk *walk, RtNode *node, RtTensor **g) {
    for (int i = 0; i < walk->ncaptures; i++) {
        Capture *wanted = &walk->captures[i];
        if (wanted->edge.node != node || !g[wanted->edge.output] || wanted->result) continue;
        RtTensor *result = g[wanted->edge.output];
        RtTensor *leaf = node->kind == NODE_LEAF ? leaf_take(node) : NULL;
        Status status = leaf ? hooks_run(&leaf->autograd->hooks, 0, &result) : OK;
        rt_tensor_drop(leaf);
        TRY(status);
        wanted->result = rt_tensor_keep(result);
    }
    return OK;
}

// The node at `slot` has all its gradients.
static Status run_node(Walk *walk, int64_t slot) {
    RtNode *node = walk->slots[slot].node;
    RtTensor **sums = slot_gradients(&walk->slots[slot]);
    if (!sums) return ERR_MEMORY;
    RtTensor *g_room[RT_MAX_OUT], **g = g_room, *give_room[RT_MAX_IN + 1], **give = give_room;
    int64_t bytes = (node->nin + node->nout) * (int64_t)sizeof *g;
    if (node->nin > RT_MAX_IN || node->nout > RT_MAX_OUT) {
        RtTensor *room = rt_tensor_new(1, &bytes, RT_U8, (RtDevice){RT_CPU, 0});
        if (!room) return ERR_MEMORY;
        g = rt_tensor_data(room);
        give = g + node->nout;
    }
    bool any = false;
    for (int i = 0; i < node->nout; i++) {
        g[i] = sums[i] ? sums[i] : RT_NONE;
        any = any || sums[i];
        if (!sums[i]) continue;
        TRY(hooks_run(&node->hooks, i, &g[i]));
        if (g[i] == sums[i]) continue;
        rt_tensor_keep(g[i]);
        rt_tensor_drop(sums[i]);
        sums[i] = g[i];
    }
    if (walk->ncaptures) TRY(capture(walk, node, sums));
    if (node->kind == NODE_LEAF) return any && walk->accumulate ? run_leaf(walk, node, g[0]) : OK;
    bool leads = false;
    for (int i = 0; i < node->nin; i++) {
        if (!node->edges[i].node) continue;
        int64_t next = slot_of(walk, node->edges[i].node);
        if (next < 0) return (Status)next;
        leads = leads || walk->slots[next].needed;
    }
    for (int i = 0; i < node->nin; i++) give[i] = RT_NONE;
    if (any && leads) {
        TRY(anomaly_check(node, give, node_gradient(node, g, give)));
        if (!walk->retain) node_release(node);
    }
    for (int i = 0; i < node->nin; i++) {
        RtNode *next = node->edges[i].node;
        if (!next) continue;
        int64_t to = slot_of(walk, next);
        if (to < 0) return (Status)to;
        if (give[i] != RT_NONE) TRY(add_gradient(walk, to, node->edges[i].output, give[i]));
        if (--walk->slots[to].waits == 0) TRY(heap_push(walk, to));
    }
    return OK;
}

static EndEntry *end_take(Walk *walk) {
    EndEntry *entry = walk->ends;
    walk->ends = entry->next;
    return entry;
}

static void end_free(EndEntry *entry) {
    if (entry->drop) entry->drop(entry->context);
    pool_give(MEM_TAPE, entry, sizeof *entry);
}

static Status run_node_profiled(Walk *walk, int64_t slot) {
    const RtNode *node = walk->slots[slot].node;
    int64_t span = profile_enter(RT_PROFILE_NODE, rt_node_name(node), NULL);
    profile_node(RT_PROFILE_NODE, node->number);
    Status status = run_node(walk, slot);
    profile_leave(span, PROFILE_NO_WORK);
    return status;
}

static Status run_walk(Walk *walk) {
    while (walk->nheap) {
        int64_t slot = heap_pop(walk);
        RtScope scope;
        TRY(rt_scope_open(&scope));
        Status status = profiling() ? run_node_profiled(walk, slot) : run_node(walk, slot);
        slot_clear(&walk->slots[slot]);
        rt_scope_close(scope);
        TRY(status);
    }
    while (walk->ends) {
        EndEntry *entry = end_take(walk);
        Status status = entry->end(entry->context);
        end_free(entry);
        TRY(status);
    }
    return OK;
}

Status rt_backward_end(RtBackwardEnd end, void *context, void (*drop)(void *)) {
    EndEntry *entry = current_walk ? pool_take(MEM_TAPE, sizeof *entry) : NULL;
    if (!entry) {
        if (drop) drop(context);
        return current_walk ? ERR_MEMORY : fail(ERR_GRAD, "no backward pass is running on this thread");
    }
    *entry = (EndEntry){NULL, end, context, drop};
    EndEntry **last = &current_walk->ends;
    while (*last) last = &(*last)->next;
    *last = entry;
    return OK;
}

static RtTensor *first_gradient(RtTensor *tensor, RtTensor *given, int i) {
    if (!PRESENT(given)) {
        if (tensor->numel != 1) {
            fail(ERR_GRAD,
                 "grad can be implicitly created only for scalar outputs: tensor %d has shape "
                 "(%s); pass the gradient, or "
                 "reduce it with .sum() or .mean()",
                 i, shape_words(tensor));
            return NULL;
        }
        RtAttrs_factory attrs = rt_defaults_factory();
        attrs.size.n = tensor->ndim;
        memcpy(attrs.size.v, tensor->shape, (size_t)tensor->ndim * sizeof(int64_t));
        attrs.dtype = (RtDtype)tensor->dtype;
        attrs.device = tensor->device;
        return rt_ones(attrs);
    }
    if (!shape_same(given, tensor)) {
        fail(ERR_SHAPE, "the gradient given for tensor %d has shape (%s), the tensor has (%s)", i,
             shape_words(given), shape_words(tensor));
        return NULL;
    }
    return given->dtype == tensor->dtype
               ? given
               : rt_cast(given, WITH(cast, .dtype = (RtDtype)tensor->dtype));
}

static Status start_walk(Walk *walk, RtTensor **tensors, RtTensor **grads, int n) {
    for (int i = 0; i < n; i++) {
        if (tensors[i]->base) TRY(view_sync(tensors[i]));
        if (!tape_requires_grad(tensors[i]))
            return fail(ERR_GRAD,
                        "element %d of tensors does not require grad and does not have a grad_fn",
                        i);
        RtTensor *g = first_gradient(tensors[i], grads ? grads[i] : RT_NONE, i);
        if (!g) return error_code();
        GradEdge edge = tape_edge(tensors[i]);
        if (!edge.node) return error_code();
        Status status = search(walk, edge.node);
        int64_t slot = slot_of(walk, edge.node);
        if (status >= 0 && slot < 0) status = (Status)slot;
        if (status >= 0) status = add_gradient(walk, slot, edge.output, g);
        rt_node_drop(edge.node); // the slot keeps it
        TRY(status);
    }
    for (int64_t slot = 0; slot < walk->nslots; slot++) // roots that nothing else leads to
        if (walk->slots[slot].waits == 0) TRY(heap_push(walk, slot));
    return OK;
}

static Status walk_back(Walk *walk, RtTensor **tensors, RtTensor **grads, int n) {
    bool mode = rt_grad_enabled(), autocast = autocast_pause();
    walk->outer = current_walk;
    current_walk = walk;
    rt_set_grad_enabled(walk->create);
    int64_t span = profiling() ? profile_enter(RT_PROFILE_PASS, "backward", NULL) : 0;
    RtScope scope;
    Status status = rt_scope_open(&scope);
    if (status >= 0) {
        status = start_walk(walk, tensors, grads, n);
        if (status >= 0) status = run_walk(walk);
        rt_scope_close(scope);
    }
    if (span) profile_leave(span, PROFILE_NO_WORK);
    rt_set_grad_enabled(mode);
    autocast_resume(autocast);
    current_walk = walk->outer;
    while (walk->ends) end_free(end_take(walk)); // left over after a failure
    for (int64_t slot = 0; slot < walk->nslots; slot++) {
        slot_clear(&walk->slots[slot]);
        rt_node_drop(walk->slots[slot].node);
    }
    mem_free(MEM_TAPE, walk->slots);
    mem_free(MEM_TAPE, walk->table);
    mem_free(MEM_TAPE, walk->heap);
    return status;
}

static void captures_clear(Walk *walk) {
    for (int i = 0; i < walk->ncaptures; i++) {
        rt_node_drop(walk->captures[i].edge.node);
        rt_tensor_drop(walk->captures[i].result);
    }
    mem_free(MEM_TAPE, walk->captures);
}

static Status captures_make(Walk *walk, RtTensor **inputs, int n) {
    walk->captures = mem_zalloc(MEM_TAPE, (size_t)(n ? n : 1) * sizeof *walk->captures);
    if (!walk->captures) return ERR_MEMORY;
    walk->ncaptures = n;
    for (int i = 0; i < n; i++) {
        if (inputs[i]->base) TRY(view_sync(inputs[i]));
        if (!tape_requires_grad(inputs[i]))
            return fail(ERR_GRAD, "input %d does not require a gradient", i);
        walk->captures[i].edge = tape_edge(inputs[i]);
        if (!walk->captures[i].edge.node) return error_code();
    }
    return OK;
}

Status rt_backward(RtTensor **tensors, RtTensor **grads, int n, RtTensor **inputs, int n_inputs,
                   bool retain_graph, bool create_graph) {
    Walk walk = {.accumulate = !inputs, .retain = retain_graph, .create = create_graph};
    if (!inputs) return walk_back(&walk, tensors, grads, n);
    Status status;
    GUARD(captures_make(&walk, inputs, n_inputs));
    GUARD(walk_back(&walk, tensors, grads, n));
    for (int i = 0; i < n_inputs; i++) {
        if (!walk.captures[i].result) continue;
        RtScope scope;
        GUARD(rt_scope_open(&scope));
        status = accumulate_and_tell(&walk, inputs[i], walk.captures[i].result);
        rt_scope_close(scope);
        if (status < 0) goto out;
    }
out:
    captures_clear(&walk);
    return status;
}

Status rt_grad(RtTensor **outputs, RtTensor **grads, int n, RtTensor **inputs, int n_inputs,
               bool retain_graph, bool create_graph, bool allow_unused, RtTensor **out) {
    Walk walk = {.retain = retain_graph, .create = create_graph};
    Status status;
    GUARD(captures_make(&walk, inputs, n_inputs));
    GUARD(walk_back(&walk, outputs, grads, n));
    for (int i = 0; i < n_inputs; i++) {
        if (!walk.captures[i].result && !allow_unused) {
            status = fail(ERR_GRAD,
                          "input %d was not used in the graph: pass allow_unused=True if that is "
                          "meant, its gradient is then "
                          "None",
                          i);
            goto out;
        }
    }
    for (int i = 0; i < n_inputs; i++) {
        RtTensor *result = walk.captures[i].result;
        out[i] = result ? result : RT_NONE;
        if (result) GUARD(scope_add(rt_tensor_keep(result)));
    }
out:
    captures_clear(&walk);
    return status;
}
