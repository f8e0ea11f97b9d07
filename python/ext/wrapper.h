// wrapper.h: the Python object of a tensor, as the files that make up the Tensor type see it.
//
// A tensor has at most one object (RtTensor.wrapper points back, weakly). Usually the object owns
// one count of the tensor. When the last Python reference goes while the engine still holds the
// tensor (the tape, .grad), an object that cannot be remade (a subclass, Python attributes, weak
// references) stays: then the tensor owns the object, and `owned` says so. The next ext_wrap turns
// it round again.
#pragma once

#include "ext.h"

typedef struct TensorObject {
    PyObject_HEAD RtTensor *tensor; // NULL only after the garbage collector took the object apart
    PyObject *dict, *weak;
    bool owned;
} TensorObject;

extern PyTypeObject tensor_type;
extern PyNumberMethods tensor_number; // number.c
extern PyGetSetDef tensor_getset[];   // attributes.c
extern PyMethodDef tensor_methods[];  // methods.c
PyObject *ext_wrap_callable(
    RtTensor *tensor); // callable.c: a new object of a subclass that may be called (x.data)
int callable_add(PyObject *module);
PyObject *tensor_compare(PyObject *a, PyObject *b, int op); // number.c
int tensor_contains(PyObject *self, PyObject *value);       // number.c
int number_resolve(void); // looks up the ops behind the operators, after the table was read

static inline bool is_tensor(PyObject *object) {
    return Py_TYPE(object) == &tensor_type || PyType_IsSubtype(Py_TYPE(object), &tensor_type);
}
static inline RtTensor *tensor_of(PyObject *object) { return ((TensorObject *)object)->tensor; }
