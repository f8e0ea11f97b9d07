// callable.c: a tensor that returns itself when it is called. `x.data` is one, so that `x.data()`
// works as well: the spelling of code in which data is a method. What is computed with it is an
// ordinary tensor.
#include "wrapper.h"

static PyObject *call(PyObject *self, PyObject *args, PyObject *kwargs) {
    if (PyTuple_GET_SIZE(args) == 0 && (!kwargs || PyDict_GET_SIZE(kwargs) == 0))
        return Py_NewRef(self);
    return ext_error(ERR_TYPE, "data() takes no arguments");
}

static PyTypeObject callable_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "rustorch._C._CallableTensor",
    .tp_basicsize = sizeof(TensorObject),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .tp_doc = "A tensor that returns itself when it is called: x.data and x.data() are the same.",
    .tp_base = &tensor_type,
    .tp_call = call,
};

PyObject *ext_wrap_callable(RtTensor *tensor) { return ext_wrap_as(&callable_type, tensor); }

int callable_add(PyObject *module) {
    if (PyType_Ready(&callable_type) < 0) return -1;
    return PyModule_AddObjectRef(module, "_CallableTensor", (PyObject *)&callable_type);
}
