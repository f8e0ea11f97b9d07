// What rustorch.h says of gradients beside the walk: flags, .grad, hooks, nodes seen from outside.
#include "grad/tape.h"

#include <string.h>

bool rt_requires_grad(const RtTensor *tensor) {
    if (tensor->base && tensor->view_version != rt_tensor_version(tensor)) {
        if (view_sync((RtTensor *)(uintptr_t)tensor) < 0)
            error_clear(); // out of memory: as it was before the write
    }
    return tape_requires_grad(tensor);
}

Status rt_set_requires_grad(RtTensor *tensor, bool requires_grad) {
    if (tensor->autograd && tensor->autograd->node) {
        if (requires_grad) return OK;
        return fail(ERR_GRAD, "requires_grad can be turned off for leaf tensors only: use detach() "
                              "for a tensor that was "
                              "computed");
    }
    if (requires_grad && rt_dtype_kind((RtDtype)tensor->dtype) != RT_KIND_FLOAT)
        return fail(ERR_DTYPE,
                    "only tensors of floating-point dtype can require gradients, this one is %s",
                    rt_dtype_name((RtDtype)tensor->dtype));
    if (!requires_grad && !tensor->autograd) return OK;
    if (requires_grad && tensor->inference && !rt_inference())
        return fail(ERR_GRAD, "a tensor made in inference mode cannot require a gradient outside "
                              "it: clone() gives one that can");
    RtAutograd *autograd = autograd_of(tensor);
    if (!autograd) return ERR_MEMORY;
    autograd->requires_grad = requires_grad;
    return OK;
}

bool rt_is_leaf(const RtTensor *tensor) {
    rt_requires_grad(tensor);
    return !tensor->autograd || !tensor->autograd->node;
}

RtTensor *rt_grad_of(const RtTensor *tensor) {
    return tensor->autograd && tensor->autograd->grad ? tensor->autograd->grad : RT_NONE;
}

Status rt_set_grad(RtTensor *tensor, RtTensor *grad) {
    if (!PRESENT(grad)) {
        if (!tensor->autograd) return OK;
        RtTensor *before = tensor->autograd->grad;
        tensor->autograd->grad = NULL;
        rt_tensor_drop(before);
        return OK;
    }
    if (!shape_same(grad, tensor))
        return fail(ERR_SHAPE,
                    "grad: a gradient of shape (%s) was assigned to a tensor of shape (%s)",
                    shape_words(grad), shape_words(tensor));
    if (grad->dtype != tensor->dtype)
        return fail(ERR_DTYPE, "grad: a gradient of dtype %s was assigned to a tensor of dtype %s",
                    rt_dtype_name((RtDtype)grad->dtype), rt_dtype_name((RtDtype)tensor->dtype));
    RtAutograd *autograd = autograd_of(tensor);
    if (!autograd) return ERR_MEMORY;
    RtTensor *before = autograd->grad;
    autograd->grad = rt_tensor_keep(grad);
    rt_tensor_drop(before);
    return OK;
}

Status rt_set_grad_buffer(RtTensor *leaf, RtTensor *buffer) {
    if (PRESENT(buffer) && (buffer->dtype != leaf->dtype || !shape_same(buffer, leaf)))
        return fail(ERR_SHAPE,
                    "a gradient buffer of shape (%s), %s, for a tensor of shape (%s), %s",
                    shape_words(buffer), rt_dtype_name((RtDtype)buffer->dtype), shape_words(leaf),
                    rt_dtype_name((RtDtype)leaf->dtype));
    RtAutograd *autograd = autograd_of(leaf);
    if (!autograd) return ERR_MEMORY;
    RtTensor *before = autograd->buffer;
    autograd->buffer = PRESENT(buffer) ? rt_tensor_keep(buffer) : NULL;
    rt_tensor_drop(before);
    return OK;
}

RtTensor *rt_detach(RtTensor *tensor) {
    if (!tensor) return NULL;
    RtTensor *made = tensor_make(storage_keep(tensor->storage), tensor->ndim, tensor->shape,
                                 tensor->stride, tensor->offset, (RtDtype)tensor->dtype);
    if (made) made->inference &= tensor->inference;
    return made;
}

Status rt_detach_in_place(RtTensor *tensor) {
    if (rt_inference() || tensor->inference) return OK; // never recorded
    if (tensor->base)
        return fail(
            ERR_GRAD,
            "detach_: a view cannot be detached in place: use detach(), which gives a new tensor");
    if (tensor->autograd) {
        RtNode *node = tensor->autograd->node;
        tensor->autograd->node = NULL;
        tensor->autograd->requires_grad = false;
        rt_node_drop(node);
    }
    return OK;
}

RtNode *rt_grad_node(RtTensor *tensor) {
    rt_requires_grad(tensor);
    return tensor->autograd ? tensor->autograd->node : NULL;
}

int rt_output_index(const RtTensor *tensor) {
    return tensor->autograd ? tensor->autograd->output : 0;
}
bool rt_retains_grad(const RtTensor *tensor) {
    return tensor->autograd && tensor->autograd->retains_grad;
}

int rt_node_inputs(const RtNode *node) { return node->nin; }

int rt_node_next(const RtNode *node, int input, RtNode **out_node) {
    *out_node = node->edges[input].node;
    return node->edges[input].output;
}

static int64_t leaf_or_node_hook(RtTensor *tensor, HookEntry entry) {
    if (!rt_requires_grad(tensor)) {
        if (entry.drop) entry.drop(entry.context);
        return fail(ERR_GRAD,
                    "a hook cannot be registered on a tensor that does not require a gradient");
    }
    RtNode *node = tensor->autograd->node;
    entry.output = node ? tensor->autograd->output : 0;
    return hook_append(node ? &node->hooks : &tensor->autograd->hooks, entry);
}

int64_t rt_hook_add(RtTensor *tensor, RtGradHook hook, void *context, void (*drop)(void *)) {
    return leaf_or_node_hook(tensor, (HookEntry){.hook = hook, .context = context, .drop = drop});
}

int64_t rt_leaf_hook_add(RtTensor *leaf, RtLeafHook hook, void *context, void (*drop)(void *)) {
    if (!rt_is_leaf(leaf)) {
        if (drop) drop(context);
        return fail(ERR_GRAD, "a hook after accumulation can be registered on leaf tensors only");
    }
    return leaf_or_node_hook(leaf,
                             (HookEntry){.leaf_hook = hook, .context = context, .drop = drop});
}

void rt_hook_remove(RtTensor *tensor, int64_t id) {
    if (!tensor->autograd) return;
    if (!hook_remove(&tensor->autograd->hooks, id) && tensor->autograd->node)
        hook_remove(&tensor->autograd->node->hooks, id);
}

static int visit_hooks(const HookList *list, RtVisitor visitor, void *arg) {
    int result = 0;
    for (const HookEntry *entry = list->first; entry && result == 0; entry = entry->next)
        result = visitor(entry->context, entry->drop, arg);
    return result;
}

int rt_visit(const RtTensor *tensor, RtVisitor visitor, void *arg) {
    if (!tensor->autograd) return 0;
    int result = visit_hooks(&tensor->autograd->hooks, visitor, arg);
    const RtNode *node = tensor->autograd->node;
    if (result || !node || node->count != 1) return result;
    result = visit_hooks(&node->hooks, visitor, arg);
    if (result == 0 && node->kind == NODE_FUNCTION)
        result = visitor(node->context, node->function.drop, arg);
    return result;
}
