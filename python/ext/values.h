// values.h: dtype, device, Size, layout and memory_format objects, beyond what ext.h says of them.
#pragma once

#include "ext.h"

bool value_is_device(PyObject *object);
bool value_is_layout(PyObject *object);
bool value_is_memory_format(PyObject *object);
// 0 for None, contiguous_format and preserve_format; an error for what cannot be had.
int value_check_memory_format(PyObject *object);
PyObject *value_strided(void);        // rustorch.strided
int value_add_size(PyObject *module); // rustorch.Size (size.c)
