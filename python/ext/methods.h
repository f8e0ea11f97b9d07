// methods.h: methods of Tensor that are written in other files than methods.c, and what these
// share.
#pragma once

#include "wrapper.h"

// The value of a tensor of one element; an error for any other.
int method_item(RtTensor *tensor, RtScalar *out);
// Is the text the name of a dtype?
bool method_names_dtype(PyObject *text);

PyObject *copy_copy(PyObject *self, PyObject *unused);     // copy.c
PyObject *copy_deepcopy(PyObject *self, PyObject *memo);   // copy.c
PyObject *copy_reduce(PyObject *self, PyObject *protocol); // copy.c
int copy_add(PyObject *module);                            // copy.c: _rebuild
int compare_add(PyObject *module); // compare.c: equal, isclose, allclose, new_tensor
PyObject *number_format(PyObject *self, PyObject *spec); // number.c
