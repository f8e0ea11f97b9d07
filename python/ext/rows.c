// rows.c: for row in x.
//
// Without gradients a row is made when it is asked for. With them all rows are made at once and
// recorded as one node, whose gradient is one stack: row by row each gradient would be as large as
// x.
#include "key.h"

#include <stdlib.h>
#include <string.h>

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

typedef struct RowsNode { // what stands for the gradient of a row that has none
    RtAttrs_factory zeros;
} RowsNode;

static Status rows_backward(void *context, RtTensor **grads, int n, RtTensor **give, int n_give) {
    (void)n_give;
    RtTensor *zeros = NULL;
    for (int i = 0; i < n; i++) {
        if (grads[i] != RT_NONE) continue;
        if (!zeros && !(zeros = rt_zeros(((RowsNode *)context)->zeros))) return rt_error_code();
        grads[i] = zeros;
    }
    give[0] = rt_stack(grads, n, rt_defaults_slice());
    return give[0] ? OK : rt_error_code();
}

static Status rows_record(RtTensor *tensor, RtTensor **rows, int n) {
    static const RtFunction function = {
        .name = "UnbindBackward", .backward = rows_backward, .drop = free};
    RowsNode *node = malloc(sizeof *node);
    if (!node)
        return rt_error_set(ERR_MEMORY, "out of memory while a tensor was taken apart into rows");
    node->zeros = rt_defaults_factory();
    node->zeros.size.n = tensor->ndim - 1;
    memcpy(node->zeros.size.v, tensor->shape + 1, (size_t)(tensor->ndim - 1) * sizeof(int64_t));
    node->zeros.dtype = (RtDtype)tensor->dtype;
    node->zeros.device = tensor->device;
    RtNode *made;
    TRY(rt_function_record(&function, node, &tensor, 1, rows, n, &made));
    // They are views like any other: a write to one of them, or to the tensor, is worked out from
    // where they lie.
    for (int i = 0; i < n; i++) rows[i]->no_grad_view = false;
    return OK;
}

static PyObject *all_rows(RtTensor *tensor) {
    int n = (int)tensor->shape[0];
    RtTensor **rows = PyMem_Malloc((size_t)n * sizeof *rows);
    if (!rows) return PyErr_NoMemory();
    PyObject *tuple = NULL, *result = NULL;
    RtScope scope;
    if (ext_status(rt_scope_open(&scope)) == 0) {
        Status status = OK;
        rt_set_grad_enabled(false);
        for (int i = 0; status >= 0 && i < n; i++)
            if (!(rows[i] = rt_select(tensor, WITH(slice, .index = i)))) status = rt_error_code();
        rt_set_grad_enabled(true);
        if (status >= 0) status = rows_record(tensor, rows, n);
        if (ext_status(status) == 0) tuple = ext_wrap_list(rows, n);
        rt_scope_close(scope);
    }
    PyMem_Free(rows);
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
