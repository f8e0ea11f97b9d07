// rustorch.Size: the shape of a tensor. A tuple of integers that can also be called: x.shape() is a
// plain list.
#include "values.h"

static PyTypeObject size_type;

static PyObject *size_from_tuple(PyObject *tuple) {
    if (!tuple) return NULL;
    Py_ssize_t n = PyTuple_GET_SIZE(tuple);
    PyObject *size = size_type.tp_alloc(&size_type, n);
    for (Py_ssize_t i = 0; size && i < n; i++)
        PyTuple_SET_ITEM(size, i, Py_NewRef(PyTuple_GET_ITEM(tuple, i)));
    Py_DECREF(tuple);
    return size;
}

PyObject *ext_size(int n, const int64_t *dims) {
    PyObject *size = size_type.tp_alloc(&size_type, n);
    for (int i = 0; size && i < n; i++) {
        PyObject *dim = PyLong_FromLongLong(dims[i]);
        if (!dim)
            Py_CLEAR(size);
        else
            PyTuple_SET_ITEM(size, i, dim);
    }
    return size;
}

// Every item an int; what has __index__ (NumPy integers, tensors of one element) becomes one.
static PyObject *size_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    PyObject *self = PyTuple_Type.tp_new(type, args, kwargs);
    for (Py_ssize_t i = 0; self && i < PyTuple_GET_SIZE(self); i++) {
        PyObject *item = PyTuple_GET_ITEM(self, i);
        if (PyLong_Check(item)) continue;
        PyObject *number = PyNumber_Index(item);
        if (!number) {
            PyErr_Clear();
            ext_error(ERR_TYPE, "Size() takes an iterable of integers (item %zd is %s)", i,
                      Py_TYPE(item)->tp_name);
            Py_CLEAR(self);
        } else {
            PyTuple_SET_ITEM(self, i, number);
            Py_DECREF(item);
        }
    }
    return self;
}

static PyObject *size_repr(PyObject *self) {
    PyObject *list = PySequence_List(self);
    PyObject *text = list ? PyUnicode_FromFormat("rustorch.Size(%R)", list) : NULL;
    Py_XDECREF(list);
    return text;
}

static PyObject *size_call(PyObject *self, PyObject *args, PyObject *kwargs) {
    if (PyTuple_GET_SIZE(args) || kwargs)
        return ext_error(ERR_TYPE, "shape() takes no arguments: use shape[i] for one dimension");
    return PySequence_List(self);
}

static PyObject *size_numel(PyObject *self, PyObject *Py_UNUSED(unused)) {
    PyObject *numel = PyLong_FromLong(1);
    for (Py_ssize_t i = 0; numel && i < PyTuple_GET_SIZE(self); i++) {
        PyObject *next = PyNumber_Multiply(numel, PyTuple_GET_ITEM(self, i));
        Py_SETREF(numel, next);
    }
    return numel;
}

static PyObject *size_concat(PyObject *self, PyObject *other) {
    PyObject *tuple = PyTuple_Type.tp_as_sequence->sq_concat(self, other);
    return tuple && PyTuple_Check(tuple) ? size_from_tuple(tuple) : tuple;
}

static PyObject *size_repeat(PyObject *self, Py_ssize_t n) {
    return size_from_tuple(PyTuple_Type.tp_as_sequence->sq_repeat(self, n));
}

static PyObject *size_subscript(PyObject *self, PyObject *key) {
    PyObject *item = PyTuple_Type.tp_as_mapping->mp_subscript(self, key);
    return item && PySlice_Check(key) ? size_from_tuple(item) : item;
}

static PyMethodDef size_methods[] = {
    {"numel", size_numel, METH_NOARGS,
     "numel($self)\n--\n\nThe number of elements of a tensor of this shape."},
    {0}};
static PySequenceMethods size_sequence = {.sq_concat = size_concat, .sq_repeat = size_repeat};
static PyMappingMethods size_mapping = {.mp_subscript = size_subscript};

static PyTypeObject size_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "rustorch.Size",
    .tp_doc = "The shape of a tensor: a tuple of integers. Calling it gives a plain list.\n"
              "\n"
              "Examples\n"
              "--------\n"
              ">>> size = rustorch.zeros(2, 3).shape\n"
              ">>> size, size[0], size.numel(), size()\n"
              "(rustorch.Size([2, 3]), 2, 6, [2, 3])\n"
              ">>> size[:1] + (4,)\n"
              "rustorch.Size([2, 4])\n",
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_base = &PyTuple_Type,
    .tp_new = size_new,
    .tp_repr = size_repr,
    .tp_call = size_call,
    .tp_as_sequence = &size_sequence,
    .tp_as_mapping = &size_mapping,
    .tp_methods = size_methods,
};

int value_add_size(PyObject *module) {
    return PyType_Ready(&size_type) < 0
               ? -1
               : PyModule_AddObjectRef(module, "Size", (PyObject *)&size_type);
}
