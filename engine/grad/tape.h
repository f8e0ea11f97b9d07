// tape.h: the graph of what was computed, and the walk back through it.
//
// A node is one recorded call: it knows the nodes its inputs came from (edges), keeps the tensors
// its gradient needs (saved), and is kept by its output tensors and by the nodes after it. A leaf
// that wants a gradient has a leaf node, made when it is first used and known to the leaf by a weak
// pointer. Nothing points forward, so there are no cycles: a saved output holds storage and
// version, never its own node.
//
// Nodes are numbered in the order of recording. The walk (backward.c) takes the ready node with the
// highest number, so it needs no recursion, and frees what a node kept as it goes. record.c makes
// nodes; hook.c runs hooks; views.c handles writes through views and to bases; autograd.c holds
// what rustorch.h exports.
#pragma once

#include "base/pool.h"
#include "grad/formula.h"
#include "ops/door.h"
#include "tensor/tensor.h"

typedef struct GradEdge {
    RtNode *node; // NULL: no gradient goes this way
    int output;   // of that node
} GradEdge;

// What the save hooks of the recording thread made of a tensor.
typedef struct Packed {
    const RtSaveHooks *hooks;
    void *object;
    RtShape shape; // of the tensor
    RtDtype dtype;
    GradEdge edge; // an input's place in the graph
} Packed;

struct RtSaved {
    RtTensor *tensor; // an input; or a header over the output's storage without autograd data; NULL if packed
    uint32_t version; // of the storage, when it was saved
    int output;       // -1: an input
    Packed *packed;   // or NULL
};

static inline bool saved_is_set(const RtSaved *saved) { return saved->tensor || saved->packed; }

typedef enum NodeKind { NODE_OP, NODE_LEAF, NODE_FUNCTION, NODE_SLICES } NodeKind;

typedef struct HookEntry {
    struct HookEntry *next;
    int64_t id;           // rises along the list
    _Atomic int count;    // the list's, and that of who runs it
    RtGradHook hook;      // on a gradient
    RtLeafHook leaf_hook; // or after accumulation
    void *context;
    void (*drop)(void *);
    int output; // of the node
} HookEntry;

// In the order in which they were added. A hook may remove itself and others, and add some, while
// it runs: then the walk goes on with those still there, and those added run from the next time on.
typedef struct HookList {
    HookEntry *_Atomic first;
} HookList;

struct RtNode {
    _Atomic int64_t count;
    NodeKind kind;
    uint64_t
        number; // order of recording; leaves have UINT64_MAX: they run as soon as they are ready
    int nin, nout;
    const RtOpRow *row; // NODE_OP and the write inside NODE_SLICES
    GradEdge *edges;    // nin
    bool *want;         // nin: this input takes part
    RtShape *x_shape, *y_shape;
    RtDtype *x_dtype, *y_dtype;
    RtDevice device;
    void *attrs;
    RtSaved *saved; // nin + nout; see saved_is_set
    bool released;  // what it kept is gone: a second walk is an error
    HookList hooks;
    RtNode *next_dead; // in the list of those to be freed
    // NODE_LEAF
    RtTensor *leaf; // weak: the leaf clears it when it goes
    // NODE_FUNCTION
    RtFunction function;
    void *context;
    const RtAnomaly *anomaly; // whose `trace` is, or NULL
    void *trace;              // where the operation was called
    size_t bytes;             // of this block
    // NODE_SLICES alone: the block of another node ends here, before its arrays.
    // edges[nin - 1] is the base before the write; the write reads and gives at this geometry of
    // the base.
    RtAttrs_geometry geometry;
    RtShape view_shape;
};

struct RtAutograd {
    bool requires_grad; // a leaf's own wish
    bool retains_grad;
    RtTensor *grad;
    RtTensor *buffer; // where the first gradient goes (rt_set_grad_buffer)
    RtNode *node;     // counted; NULL for a leaf
    int output;
    RtNode *leaf_node; // weak
    HookList hooks;    // of a leaf: on its gradient and after accumulation
    struct Retain
        *retain; // of a tensor that is no leaf and wants .grad too; its node's hook holds it; weak
};

RtAutograd *autograd_of(RtTensor *tensor); // made when absent
bool tape_requires_grad(const RtTensor *tensor);
GradEdge tape_edge(RtTensor *tensor); // where the gradient of tensor goes; counted; node NULL with
                                      // an error recorded only on failure
// A node with room for nin inputs and nout outputs; count 1.
RtNode *node_new(NodeKind kind, int nin, int nout, const OpCall *call);
Status node_set_edges(RtNode *node, RtTensor *const *in);
Status node_set_output(RtTensor *tensor, RtNode *node, int output); // the tensor keeps node
Status tensor_set_node(RtTensor *tensor, RtNode *node, int output); // without telling the node its shape
Status node_save(RtNode *node, const RtOpRow *row, RtTensor *const *in, int nin,
                 RtTensor *const *out, int nout);
void node_release(RtNode *node);
void anomaly_trace(RtNode *node);                                     // notes where the operation is called
Status anomaly_check(RtNode *node, RtTensor *const *give, Status status); // after its gradient: reports; finds NaN
RtTensor *saved_take(const RtSaved *saved, RtNode *node, const char *op);
Status saved_set(RtSaved *saved, RtTensor *tensor, int output);
void saved_clear(RtSaved *saved);
RtTensor *
leaf_take(RtNode *node); // the tensor that a leaf node stands for, counted; NULL: it is gone

// hook.c
int64_t hook_append(HookList *list, HookEntry entry);
void hooks_clear(HookList *list);
bool hook_remove(HookList *list, int64_t id);
Status hooks_run(HookList *list, int output, RtTensor **gradient); // may replace the gradient
Status leaf_hooks_run(HookList *list, RtTensor *leaf);             // those after accumulation

extern const Recorder tape_recorder;
// Around fork, in this order, and before storage_hold: the child must not find a lock that nobody gives back.
void backward_hold(bool hold);
void record_hold(bool hold);
void hook_hold(bool hold);
void tape_install(void);

// views.c
Status view_sync(RtTensor *view);
RtTensor *slices_view(RtNode *node, RtTensor *base); // the written part of base
Status record_slices(OpCall *call, RtTensor *const *in, RtTensor *target);
Status check_write(const OpCall *call, RtTensor *target, bool wanted, bool inplace);
// The gradient of a NODE_SLICES, given how to compute that of the write itself.
Status slices_gradient(RtNode *node, RtTensor *g, RtTensor **give,
                       Status (*write_gradient)(RtNode *node, RtTensor **g, RtTensor **give));

// formula.c: the gradients of a node's inputs into give (nin places), all belonging to the open
// scope
Status node_gradient(RtNode *node, RtTensor **g, RtTensor **give);
