// autograd.h: what autograd.c, hook.c, node.c and function.c share.
#pragma once

#include "ext.h"

// Backward passes that run at this moment, on any thread; changed with the GIL held. While one
// runs, hooks are not taken out of the engine's lists.
extern int autograd_passes;

int hook_add_type(PyObject *module);      // RemovableHandle, and Tensor's methods for hooks
int node_add_type(PyObject *module);      // Node
int function_add_types(PyObject *module); // FunctionCtx, _FunctionBase
int watch_add(PyObject *module);          // save hooks, anomaly mode
PyObject *function_context_object(
    const RtNode *node);           // borrowed: the ctx behind a node of a Function; NULL: none
void function_drop(void *context); // the drop function of such nodes
