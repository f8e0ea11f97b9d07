// What a node keeps of its inputs and outputs, and how it comes back.
//
// A tensor is kept as it is, with the version of its storage: one that changed meanwhile is an error when it is used. With
// save hooks on the recording thread, what they return is kept instead (on a disk, in less precision, or as what is
// needed to compute it again), together with the tensor's place in the graph.
#include "grad/tape.h"

static _Thread_local __attribute__((tls_model("initial-exec"))) struct {
    const RtSaveHooks *hooks;
    void *context;
} save_mode;

void rt_set_save_hooks(const RtSaveHooks *hooks, void *context) {
    save_mode.hooks = hooks;
    save_mode.context = context;
}

static Status pack(RtSaved *saved, RtTensor *tensor, int output) {
    Packed *packed = pool_take(MEM_TAPE, sizeof *packed);
    if (!packed) return ERR_MEMORY;
    *packed = (Packed){.hooks = save_mode.hooks, .shape = shape_of(tensor), .dtype = (RtDtype)tensor->dtype};
    Status status = OK;
    RtScope scope;
    GUARD(rt_scope_open(&scope));
    bool grad = rt_grad_enabled();
    rt_set_grad_enabled(false);
    RtTensor *shown = output < 0 ? tensor : rt_detach(tensor);
    packed->object = shown ? packed->hooks->pack(save_mode.context, shown) : NULL;
    rt_set_grad_enabled(grad);
    rt_scope_close(scope);
    if (!packed->object) status = error_code();
    if (status >= 0 && output < 0 && tape_requires_grad(tensor)) {
        packed->edge = tape_edge(tensor);
        if (!packed->edge.node) status = error_code();
    }
out:
    if (status < 0) {
        if (packed->object) packed->hooks->drop(packed->object);
        pool_give(MEM_TAPE, packed, sizeof *packed);
        return status;
    }
    *saved = (RtSaved){.output = output, .packed = packed};
    return OK;
}

Status saved_set(RtSaved *saved, RtTensor *tensor, int output) {
    if (tensor->inference)
        return fail(ERR_GRAD, "a tensor made in inference mode cannot be saved for a gradient: "
                              "clone() gives one that can");
    if (save_mode.hooks) return pack(saved, tensor, output);
    RtTensor *kept = tensor;
    if (output >= 0) { // the tensor itself points to the node
        RtScope scope;
        TRY(rt_scope_open(&scope));
        kept = rt_detach(tensor);
        if (kept) rt_tensor_keep(kept);
        rt_scope_close(scope);
        if (!kept) return ERR_MEMORY;
    } else {
        rt_tensor_keep(kept);
    }
    *saved = (RtSaved){.tensor = kept, .version = rt_tensor_version(tensor), .output = output};
    return OK;
}

void saved_clear(RtSaved *saved) {
    RtTensor *tensor = saved->tensor;
    Packed *packed = saved->packed;
    saved->tensor = NULL;
    saved->packed = NULL;
    rt_tensor_drop(tensor);
    if (!packed) return;
    packed->hooks->drop(packed->object);
    rt_node_drop(packed->edge.node);
    pool_give(MEM_TAPE, packed, sizeof *packed);
}

static RtTensor *unpack(const RtSaved *saved, RtNode *node, const char *op) {
    const Packed *packed = saved->packed;
    RtTensor *tensor = packed->hooks->unpack(packed->object);
    if (!tensor) return NULL;
    if (!shape_is(tensor, &packed->shape) || tensor->dtype != (int8_t)packed->dtype) {
        Text shape = {0};
        shape_text(&shape, packed->shape.dim, packed->shape.n);
        fail(ERR_GRAD, "%s: the unpack hook gave a tensor of shape (%s), %s, for a saved one of shape (%s), %s", op,
             shape_words(tensor), rt_dtype_name((RtDtype)tensor->dtype), text_chars(&shape), rt_dtype_name(packed->dtype));
        text_clear(&shape);
        return NULL;
    }
    RtNode *from = saved->output < 0 ? packed->edge.node : node;
    int output = saved->output < 0 ? packed->edge.output : saved->output;
    RtTensor *made = rt_detach(tensor);
    if (!made || !from) return made;
    return tensor_set_node(made, from, output) < 0 ? NULL : made;
}

RtTensor *saved_take(const RtSaved *saved, RtNode *node, const char *op) {
    if (saved->packed) return unpack(saved, node, op);
    RtTensor *tensor = saved->tensor;
    uint32_t now = rt_tensor_version(tensor);
    if (now != saved->version) {
        fail(ERR_GRAD,
             "one of the tensors needed for the gradient of %s was modified by an in-place operation: the tensor of shape "
             "(%s) is at version %u, but version %u was saved. Use the out-of-place form, or clone() before writing",
             op, shape_words(tensor), now, saved->version);
        return NULL;
    }
    if (saved->output < 0) return tensor;
    RtTensor *made = rt_detach(tensor);
    if (!made || !node) return made;
    return tensor_set_node(made, node, saved->output) < 0 ? NULL : made; // other threads may read the node
}

RtSaved *rt_save(RtTensor *tensor, RtNode *node_of_output, int output_index) {
    RtSaved *saved = pool_take(MEM_TAPE, sizeof *saved);
    if (!saved) return NULL;
    *saved = (RtSaved){0};
    if (saved_set(saved, tensor, node_of_output ? output_index : -1) < 0) {
        pool_give(MEM_TAPE, saved, sizeof *saved);
        return NULL;
    }
    return saved;
}

RtTensor *rt_saved_take(RtSaved *saved, RtNode *node) {
    RtTensor *tensor = saved_take(saved, node, node ? rt_node_name(node) : "a function");
    if (tensor && tensor == saved->tensor && scope_add(rt_tensor_keep(tensor)) < 0) return NULL;
    return tensor;
}

void rt_saved_drop(RtSaved *saved) {
    if (!saved) return;
    saved_clear(saved);
    pool_give(MEM_TAPE, saved, sizeof *saved);
}
