// Results of ops: a tensor, a tuple with named fields, a number.
#include "ops.h"

#include <string.h>

// As PyTorch prints them: one field a line.
static PyObject *named_repr(PyObject *self) {
    PyObject *names = PyObject_GetAttrString((PyObject *)Py_TYPE(self), "_fields");
    PyObject *text = names ? PyUnicode_FromFormat("%s(", Py_TYPE(self)->tp_name) : NULL;
    for (Py_ssize_t i = 0; text && i < PyTuple_GET_SIZE(names); i++) {
        PyObject *longer =
            PyUnicode_FromFormat("%U%s\n%U=%R", text, i ? "," : "", PyTuple_GET_ITEM(names, i),
                                 PyTuple_GET_ITEM(self, i));
        Py_SETREF(text, longer);
    }
    if (text) Py_SETREF(text, PyUnicode_FromFormat("%U)", text));
    Py_XDECREF(names);
    return text;
}

static PyTypeObject *make_type(Overload *overload) {
    PyStructSequence_Field fields[RT_MAX_OUT + 1] = {{0}};
    for (int i = 0; i < overload->nresults; i++)
        fields[i].name = PyUnicode_AsUTF8(PyTuple_GET_ITEM(overload->result_names, i));
    PyObject *name = PyUnicode_FromFormat("rustorch.return_types.%U", overload->name);
    if (!name) return NULL;
    PyStructSequence_Desc desc = {PyUnicode_AsUTF8(name),
                                  "The results of an op, by position and by name.", fields,
                                  overload->nresults};
    PyTypeObject *type =
        PyStructSequence_NewType(&desc); // the name stays alive: the type points to it
    if (!type) return NULL;
    type->tp_repr = named_repr;
    if (PyDict_SetItemString(type->tp_dict, "_fields", overload->result_names) < 0) return NULL;
    PyType_Modified(type);
    return type;
}

// Overloads of one name and the same fields share a type: it is found by name when a result is
// unpickled.
static PyObject *types;

PyTypeObject *result_type(Overload *overload) {
    if (overload->result_type) return overload->result_type;
    if (!types && !(types = PyDict_New())) return NULL;
    PyObject *key = PyTuple_Pack(2, overload->name, overload->result_names);
    if (!key) return NULL;
    PyObject *type = PyDict_GetItem(types, key);
    if (type) {
        Py_INCREF(type);
    } else {
        type = (PyObject *)make_type(overload);
        if (type && PyDict_SetItem(types, key, type) < 0) Py_CLEAR(type);
    }
    Py_DECREF(key);
    return overload->result_type = (PyTypeObject *)type;
}

static PyObject *wrap_tuple(Overload *overload, RtTensor **out) {
    if (!overload->result_names) return ext_wrap_list(out, overload->nresults);
    PyTypeObject *type = result_type(overload);
    PyObject *result = type ? PyStructSequence_New(type) : NULL;
    for (int i = 0; result && i < overload->nresults; i++) {
        PyObject *item = ext_wrap(out[i]);
        if (!item)
            Py_CLEAR(result);
        else
            PyStructSequence_SET_ITEM(result, i, item);
    }
    return result;
}

PyObject *result_wrap(Overload *overload, RtTensor **out) {
    RtScalar value;
    switch (overload->result) {
    case RESULT_TUPLE: return wrap_tuple(overload, out);
    case RESULT_NUMBER:
        return !out[0] || method_item(out[0], &value) < 0 ? NULL : ext_scalar_object(value);
    default: return ext_wrap(out[0]);
    }
}
