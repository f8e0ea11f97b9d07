// Methods of Tensor that are written in Python.
//
// Tensor is a static type, so that nobody changes it by accident; the package adds the methods it
// writes in Python once, while it is imported.
#include "wrapper.h"

static PyObject *add_methods(PyObject *Py_UNUSED(module), PyObject *methods) {
    if (!PyDict_Check(methods))
        return ext_error(ERR_TYPE, "_add_methods() takes a dict of functions");
    PyObject *name, *value;
    Py_ssize_t at = 0;
    while (PyDict_Next(methods, &at, &name, &value)) {
        if (PyDict_GetItemWithError(tensor_type.tp_dict, name) || PyErr_Occurred()) {
            if (PyErr_Occurred()) return NULL;
            return ext_error(ERR_VALUE, "Tensor has an attribute %R already", name);
        }
        if (PyDict_SetItem(tensor_type.tp_dict, name, value) < 0) return NULL;
    }
    PyType_Modified(&tensor_type);
    Py_RETURN_NONE;
}

static PyObject *take_view(PyObject *Py_UNUSED(module), PyObject *pair) {
    PyObject *self, *of;
    if (!PyArg_ParseTuple(pair, "OO", &self, &of)) return NULL;
    RtTensor *tensor = ext_tensor(self), *view = tensor ? ext_tensor(of) : NULL;
    if (!view || ext_status(rt_take_view(tensor, view)) < 0) return NULL;
    return Py_NewRef(self);
}

int ext_add_extend(PyObject *module) {
    static PyMethodDef functions[] = {
        {"_add_methods", add_methods, METH_O,
         "_add_methods(methods)\n--\n\nGive Tensor the methods and properties of a dict."},
        {"_take_view", take_view, METH_VARARGS,
         "_take_view(tensor, view)\n--\n\nLet a tensor become a view of it."},
        {NULL, NULL, 0, NULL}};
    return PyModule_AddFunctions(module, functions);
}
