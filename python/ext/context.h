// context.h: the ctx object of autograd.Function, shared by context.c (the object, and what its
// node calls) and function.c (apply).
//
// The node owns the ctx; the ctx points back weakly, since it is the node's drop that clears the
// pointer. What save_for_backward was given is kept as tensors until the node is there, and as
// RtSaved from then on: those check versions, and an output is saved without its node, so that no
// cycle arises.
#pragma once

#include "autograd.h"

typedef struct FunctionOutput { // of forward
    int node_output;            // -1: no tensor
    RtAttrs_factory like;       // makes the zeros that stand for a gradient that did not come
} FunctionOutput;

typedef struct FunctionContext {
    PyObject ob_base;
    PyObject *dict, *weak;
    PyObject *function;         // the subclass of Function
    PyObject *name;             // "ExpBackward"
    PyObject *to_save;          // a tuple, until the node is made
    PyObject *dirty, *constant; // tuples given to mark_dirty and mark_non_differentiable, or NULL
    PyObject *needs_input_grad; // a tuple of bools
    bool materialize, released;
    RtNode *node; // weak
    RtSaved **saved;
    int nsaved;
    int nargs, *input_of_arg; // for each argument of forward the node's input, or -1
    int nout;
    FunctionOutput *outputs;
} FunctionContext;

extern PyTypeObject context_type;
extern const RtFunction context_function; // what the node calls; the name is to be set
FunctionContext *context_new(PyObject *function);
