// Rows of HDF5 files: rustorch.data.datasets.HDF5Dataset opens one of these a process and dataset.
#include "ext/ext.h"

#include "io/io.h"

typedef struct RowsObject {
    PyObject_HEAD RtRows *rows;
} RowsObject;

static PyObject *rows_new(PyTypeObject *type, PyObject *args, PyObject *keywords) {
    static char *names[] = {"path", "name", NULL};
    PyObject *path;
    const char *name;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O&s:_Rows", names, PyUnicode_FSConverter,
                                     &path, &name))
        return NULL;
    RtRows *rows;
    EXT_UNLOCKED(rows = rt_rows_open(PyBytes_AS_STRING(path), name));
    Py_DECREF(path);
    if (!rows) return ext_raise();
    RowsObject *self = (RowsObject *)type->tp_alloc(type, 0);
    if (self)
        self->rows = rows;
    else
        rt_rows_close(rows);
    return (PyObject *)self;
}

static void rows_dealloc(RowsObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    RtRows *rows = self->rows;
    EXT_UNLOCKED(rt_rows_close(rows)); // may wait for another thread that reads
    type->tp_free((PyObject *)self);
    Py_DECREF(type);
}

static PyObject *rows_read(RowsObject *self, PyObject *object) {
    RtTensor *index = ext_tensor(object);
    if (!index) return NULL;
    if (index->dtype != RT_I64 || index->ndim != 1 || !rt_tensor_is_contiguous(index))
        return ext_error(ERR_TYPE, "row numbers must be a contiguous int64 vector");
    RtScope scope;
    if (ext_status(rt_scope_open(&scope)) < 0) return NULL;
    RtTensor *out = NULL;
    if (ext_lend(index))
        EXT_UNLOCKED(out = rt_rows_read(self->rows, rt_tensor_data(index), index->numel));
    PyObject *result = ext_wrap(out);
    rt_scope_close(scope);
    return result;
}

static PyObject *rows_shape(RowsObject *self, void *Py_UNUSED(closure)) {
    const int64_t *shape;
    int n = rt_rows_shape(self->rows, &shape);
    return ext_size(n, shape);
}

static PyObject *rows_dtype(RowsObject *self, void *Py_UNUSED(closure)) {
    return ext_dtype_object(rt_rows_dtype(self->rows));
}

typedef struct NameList {
    char **names;
    size_t n, room;
} NameList;

// Runs without the GIL, and under the lock of libhdf5.
static Status keep_name(void *context, const char *name) {
    NameList *list = context;
    if (list->n == list->room) {
        size_t room = 2 * list->room + 16;
        char **larger = PyMem_RawRealloc(list->names, room * sizeof *larger);
        if (!larger) return rt_error_set(ERR_MEMORY, "no memory for the names of a file");
        list->names = larger;
        list->room = room;
    }
    size_t bytes = strlen(name) + 1;
    char *copy = PyMem_RawMalloc(bytes);
    if (!copy) return rt_error_set(ERR_MEMORY, "no memory for the names of a file");
    memcpy(copy, name, bytes);
    list->names[list->n++] = copy;
    return OK;
}

static PyObject *rows_names(PyObject *Py_UNUSED(module), PyObject *path_object) {
    PyObject *path, *result = NULL;
    if (!PyUnicode_FSConverter(path_object, &path)) return NULL;
    NameList list = {0};
    Status status;
    EXT_UNLOCKED(status = rt_rows_list(PyBytes_AS_STRING(path), keep_name, &list));
    Py_DECREF(path);
    if (ext_status(status) == 0) result = PyList_New(0);
    for (size_t i = 0; i < list.n; i++) {
        PyObject *name =
            result ? PyUnicode_DecodeUTF8(list.names[i], (Py_ssize_t)strlen(list.names[i]),
                                          "surrogateescape")
                   : NULL;
        if (result && (!name || PyList_Append(result, name) < 0)) Py_CLEAR(result);
        Py_XDECREF(name);
        PyMem_RawFree(list.names[i]);
    }
    PyMem_RawFree(list.names);
    return result;
}

static PyMethodDef methods[] = {
    {"read", (PyCFunction)rows_read, METH_O,
     "read($self, indices)\n--\n\nThese rows, in this order."},
    {NULL, NULL, 0, NULL},
};
static PyGetSetDef properties[] = {
    {"shape", (getter)rows_shape, NULL, "The shape of the dataset.", NULL},
    {"dtype", (getter)rows_dtype, NULL, "The dtype that rows are read as.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};
static PyType_Slot slots[] = {
    {Py_tp_new, rows_new},
    {Py_tp_dealloc, rows_dealloc},
    {Py_tp_methods, methods},
    {Py_tp_getset, properties},
    {Py_tp_doc, "_Rows(path, name)\n--\n\nA dataset of an HDF5 file, read by rows."},
    {0, NULL},
};
static PyType_Spec spec = {
    .name = "rustorch._C._Rows",
    .basicsize = sizeof(RowsObject),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = slots,
};

static PyMethodDef functions[] = {
    {"_rows_names", rows_names, METH_O,
     "_rows_names(path)\n--\n\nThe names of the datasets of an HDF5 file."},
    {NULL, NULL, 0, NULL},
};

int ext_add_file_rows(PyObject *module) {
    PyObject *type = PyType_FromSpec(&spec);
    if (!type) return -1;
    if (PyModule_AddObject(module, "_Rows", type) < 0) {
        Py_DECREF(type);
        return -1;
    }
    return PyModule_AddFunctions(module, functions);
}
