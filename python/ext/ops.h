// ops.h: the Python functions and methods that follow from the table.
//
// An Op is a callable with a vectorcall entry: one Python name with its overloads. Functions are
// found in the module rustorch._C._ops, methods in the type Tensor. Calls with tensors alone take a
// short way past the argument parser.
#pragma once

#include "signature.h"

#define MAX_FAST 3

typedef struct Op {
    PyObject_HEAD vectorcallfunc vectorcall;
    PyObject *name;
    bool method; // the first argument is bound from the left of the dot
    int n;
    Overload **overloads;
    const Overload *fast[MAX_FAST + 1]; // for a call with so many tensors and nothing else; NULL:
                                        // ask the parser
    const Overload *pair; // for a tensor and a number, in either order; NULL: not possible
} Op;

Op *op_method(const char *name); // borrowed; NULL without an exception if there is none
// op(a, b) where each is a tensor or a number; Py_NotImplemented if the op takes no such operands.
// inplace: a must be a tensor.
PyObject *op_pair(Op *op, PyObject *a, PyObject *b);
PyObject *op_single(Op *op, PyObject *a);

// A call in an older order of its arguments, put in today's (old_order.c). The caller lets kwnames
// go.
#define MAX_OLD_ARGS 5
typedef struct OldOrder {
    PyObject *args[2 * MAX_OLD_ARGS]; // borrowed
    Py_ssize_t nargs;
    PyObject *kwnames;
} OldOrder;

// 1: out is filled; 0: it is no such call; -1: an exception is set.
int op_old_order(const Op *op, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames,
                 OldOrder *out);

// The outputs of a call as what the signature promises (results.c). Takes the first nresults of
// out.
PyObject *result_wrap(Overload *overload, RtTensor **out);
PyTypeObject *result_type(Overload *overload); // borrowed
