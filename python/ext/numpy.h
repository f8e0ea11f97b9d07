// numpy.h: the way to include NumPy's C API in the extension. One file (array.c) defines
// EXT_NUMPY_OWNER and fills the table of functions in ext_add_array; the others use it, so no
// function of NumPy may be called before that.
#pragma once

#include <Python.h>

#define NPY_NO_DEPRECATED_API NPY_1_20_API_VERSION
#define NPY_TARGET_VERSION NPY_1_20_API_VERSION
#define PY_ARRAY_UNIQUE_SYMBOL rustorch_numpy_api
#ifndef EXT_NUMPY_OWNER
#define NO_IMPORT_ARRAY
#endif

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#include <numpy/arrayobject.h>
#pragma GCC diagnostic pop
