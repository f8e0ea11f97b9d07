// convert.h: what kind of value is a Python object, and the value as the engine has it.
//
// convert_is_… never raise; they decide which of several signatures is meant. The others raise when
// the object is not of the kind, or its value does not fit. `what` names the argument in messages.
#pragma once

#include "methods.h"

bool convert_is_int(
    PyObject *object); // an int but no bool, a NumPy integer, an integer tensor of one element
bool convert_is_float(PyObject *object);   // a number, or a tensor of one element
bool convert_is_bool(PyObject *object);    // True, False and NumPy's
bool convert_is_ints(PyObject *object);    // one int, or a sequence of them
bool convert_is_tensors(PyObject *object); // a list or tuple of tensors

int convert_int(PyObject *object, const char *what, int64_t *out);
int convert_float(PyObject *object, const char *what, double *out);
// A number as a 0-dimensional tensor of the open scope that takes part in promotion by its kind
// alone.
RtTensor *convert_wrapped(RtScalar value);
