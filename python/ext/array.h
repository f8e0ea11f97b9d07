// array.h: what array.c, nested.c, dlpack.c and index.c share about NumPy arrays and foreign
// memory.
#pragma once

#include "ext.h"
#include "numpy.h"

RtDtype array_dtype(PyArray_Descr *descr); // RT_DTYPE_NONE for those that rustorch has not
int array_type_number(RtDtype dtype);      // NumPy's number; -1 for bfloat16
// A tensor over the array's memory, in the open scope; `what` names the function in errors. NULL:
// exception set.
RtTensor *array_share(PyArrayObject *array, const char *what);
bool array_shareable(PyArrayObject *array); // array_share would succeed
// An array over the tensor's memory (CPU), whatever its gradient.
PyObject *array_over(RtTensor *tensor);
// The tensor with another dtype and device (itself if they fit already), in the open scope.
// RT_DTYPE_NONE and RT_DEVICE_NONE leave them. `copy`: never the same memory.
RtTensor *array_convert(RtTensor *tensor, RtDtype dtype, RtDevice device, bool copy);
// Sets requires_grad on a new tensor and wraps it; NULL in: raises.
PyObject *array_finish(RtTensor *tensor, bool requires_grad);
int array_warn_readonly(void); // once in a program
// "Can't call numpy() on Tensor that requires grad…", raised as `exception`. -1 if the tensor needs
// a gradient.
int array_refuse_grad(RtTensor *tensor, PyObject *exception, const char *what, const char *instead);
PyObject *dlpack_import(
    PyObject *object); // a Tensor over what an object with __dlpack__, or a capsule, holds
int nested_add(void);  // parts of ext_add_array
int construct_add(PyObject *module);
