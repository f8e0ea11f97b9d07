// arguments.c: small services that the files of the extension share: arguments by name, and objects
// that the engine holds or lends.
#include "ext.h"

static int name_index(const char *const *names, PyObject *name) {
    for (int i = 0; names[i]; i++)
        if (PyUnicode_CompareWithASCIIString(name, names[i]) == 0) return i;
    return -1;
}

int ext_arguments(const char *function, const char *const *names, int positional, int required,
                  PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames, PyObject **out) {
    if (nargs > positional) {
        PyErr_Format(PyExc_TypeError, "%s() takes %d positional argument%s but %zd were given",
                     function, positional, positional == 1 ? "" : "s", nargs);
        return -1;
    }
    for (int i = 0; names[i]; i++) out[i] = i < nargs ? args[i] : NULL;
    Py_ssize_t n = kwnames ? PyTuple_GET_SIZE(kwnames) : 0;
    for (Py_ssize_t k = 0; k < n; k++) {
        PyObject *name = PyTuple_GET_ITEM(kwnames, k);
        int i = name_index(names, name);
        if (i < 0 || out[i]) {
            PyErr_Format(PyExc_TypeError,
                         i < 0 ? "%s() got an unexpected keyword argument '%U'"
                               : "%s() got multiple values for argument '%U'",
                         function, name);
            return -1;
        }
        out[i] = args[nargs + k];
    }
    for (int i = 0; i < required; i++)
        if (!out[i]) {
            PyErr_Format(PyExc_TypeError, "%s() missing required argument: '%s'", function,
                         names[i]);
            return -1;
        }
    return 0;
}

int ext_flag(PyObject *object, const char *what, bool otherwise, bool *out) {
    *out = otherwise;
    if (!object) return 0;
    if (PyBool_Check(object) || PyLong_CheckExact(object)) {
        *out = PyObject_IsTrue(object);
        return 0;
    }
    PyErr_Format(PyExc_TypeError, "%s must be True or False, not %.100s", what,
                 Py_TYPE(object)->tp_name);
    return -1;
}

RtTensor *ext_lend(RtTensor *tensor) {
    RtScope scope;
    if (!tensor || rt_scope_open(&scope) < 0) return NULL;
    return rt_scope_close_with(scope, &tensor, 1) < 0 ? NULL : tensor;
}

void ext_release_object(void *object) {
    if (!object || !Py_IsInitialized() || Py_IsFinalizing()) return;
    PyGILState_STATE state = PyGILState_Ensure();
    Py_DECREF((PyObject *)object);
    PyGILState_Release(state);
}
