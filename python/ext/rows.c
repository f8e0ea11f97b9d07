// rows.c: for row in x.
//
// Without gradients a row is made when it is asked for. With them all rows are made at once by
// unbind, which is one node with one gradient: row by row each gradient would be as large as x.
#include "key.h"

typedef struct Rows {
    PyObject ob_base;
    PyObject *tensor;
    int64_t next;
} Rows;

static PyObject *rows_next(PyObject *object) {
    Rows *rows = (Rows *)object;
    RtTensor *tensor = rows->tensor ? ext_tensor(rows->tensor) : NULL;
    if (tensor && tensor->ndim > 0 && rows->next < tensor->shape[0])
        return index_row(tensor, rows->next++);
    Py_CLEAR(rows->tensor);
    return NULL;
}

static PyObject *rows_left(PyObject *object, PyObject *Py_UNUSED(none)) {
    Rows *rows = (Rows *)object;
    RtTensor *tensor = rows->tensor ? ext_tensor(rows->tensor) : NULL;
    return PyLong_FromLongLong(tensor && tensor->ndim > 0 ? tensor->shape[0] - rows->next : 0);
}

static int rows_traverse(PyObject *object, visitproc visit, void *arg) {
    Py_VISIT(((Rows *)object)->tensor);
    return 0;
}

static void rows_dealloc(PyObject *object) {
    PyObject_GC_UnTrack(object);
    Py_CLEAR(((Rows *)object)->tensor);
    PyObject_GC_Del(object);
}

static PyMethodDef rows_methods[] = {
    {"__length_hint__", rows_left, METH_NOARGS, "__length_hint__()\n--\n\nHow many rows are left."},
    {NULL, NULL, 0, NULL},
};

static PyTypeObject rows_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "rustorch._C.TensorIterator",
    .tp_basicsize = sizeof(Rows),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_doc = "The rows of a tensor, one after the other.",
    .tp_dealloc = rows_dealloc,
    .tp_traverse = rows_traverse,
    .tp_iter = PyObject_SelfIter,
    .tp_iternext = rows_next,
    .tp_methods = rows_methods,
};

// All rows at once, recorded --------------------------------------------------------------------

static PyObject *all_rows(RtTensor *tensor) {
    PyObject *tuple = NULL, *result = NULL;
    RtTensor **rows;
    int n;
    RtScope scope;
    if (ext_status(rt_scope_open(&scope)) == 0) {
        if (ext_status(rt_unbind(tensor, rt_defaults_slice(), &rows, &n)) == 0)
            tuple = ext_wrap_list(rows, n);
        rt_scope_close(scope);
    }
    if (tuple) result = PyObject_GetIter(tuple);
    Py_XDECREF(tuple);
    return result;
}

PyObject *rows_iterate(PyObject *object) {
    RtTensor *tensor = ext_tensor(object);
    if (!tensor) return NULL;
    if (tensor->ndim == 0) return ext_error(ERR_TYPE, "iteration over a 0-d tensor");
    bool recorded = rt_grad_enabled() && rt_requires_grad(tensor);
    if (recorded && tensor->shape[0] > 1 && tensor->shape[0] < 1 << 24) return all_rows(tensor);
    Rows *rows = PyObject_GC_New(Rows, &rows_type);
    if (!rows) return NULL;
    rows->tensor = Py_NewRef(object);
    rows->next = 0;
    PyObject_GC_Track(rows);
    return (PyObject *)rows;
}

int rows_ready(void) { return PyType_Ready(&rows_type); }
