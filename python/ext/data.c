// Batches made in C: rustorch.data.DataLoader hands over tensors and an order of rows.
#include "ext/ext.h"

#include "io/io.h"

typedef struct BatchLoader {
    PyObject_HEAD
    RtLoader *loader;
    int nsources;
} BatchLoader;

static void loader_dealloc(BatchLoader *self) {
    PyTypeObject *type = Py_TYPE(self);
    RtLoader *loader = self->loader;
    self->loader = NULL;
    EXT_UNLOCKED(rt_loader_drop(loader)); // waits for its threads
    type->tp_free((PyObject *)self);
    Py_DECREF(type);
}

static int read_numbers(PyObject *dict, const char *key, double *out, int room, int *out_n) {
    PyObject *list = PyDict_GetItemString(dict, key);
    *out_n = 0;
    if (!list) return 0;
    if (!PyList_Check(list) || PyList_GET_SIZE(list) > room) {
        PyErr_Format(PyExc_ValueError, "_BatchLoader: \"%s\" must be a list of at most %d numbers", key, room);
        return -1;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list); i++) {
        out[i] = PyFloat_AsDouble(PyList_GET_ITEM(list, i));
        if (PyErr_Occurred()) return -1;
    }
    *out_n = (int)PyList_GET_SIZE(list);
    return 0;
}

#define MAX_CHANNELS 64
#define MAX_LOADED 16

// {"tensor": t, "divisor": 255.0, "mean": [...], "std": [...], "add_channel": True}; all but the tensor optional
static int read_source(PyObject *dict, RtLoaderSource *out, double mean[MAX_CHANNELS], double std[MAX_CHANNELS]) {
    if (!PyDict_Check(dict)) {
        PyErr_SetString(PyExc_TypeError, "_BatchLoader: a source is a dict");
        return -1;
    }
    PyObject *tensor = PyDict_GetItemString(dict, "tensor");
    *out = (RtLoaderSource){.tensor = tensor ? ext_tensor(tensor) : NULL, .mean = mean, .std = std};
    if (!out->tensor) {
        if (!PyErr_Occurred()) PyErr_SetString(PyExc_KeyError, "tensor");
        return -1;
    }
    int nmean = 0, nstd = 0;
    if (read_numbers(dict, "mean", mean, MAX_CHANNELS, &nmean) < 0 || read_numbers(dict, "std", std, MAX_CHANNELS, &nstd) < 0)
        return -1;
    if (nmean != nstd) {
        PyErr_SetString(PyExc_ValueError, "_BatchLoader: as many deviations as means are needed");
        return -1;
    }
    PyObject *divisor = PyDict_GetItemString(dict, "divisor"), *add = PyDict_GetItemString(dict, "add_channel");
    out->affine = nmean > 0;
    out->nchannels = nmean;
    out->divisor = divisor ? PyFloat_AsDouble(divisor) : 0;
    out->add_channel = add && PyObject_IsTrue(add) == 1;
    return PyErr_Occurred() ? -1 : 0;
}

static PyObject *loader_new(PyTypeObject *type, PyObject *args, PyObject *keywords) {
    static char *names[] = {"sources", "order", "batch_size", "drop_last", "threads", "depth", NULL};
    PyObject *sources, *order_object;
    long long batch;
    int drop_last = 0, threads = 0, depth = 2;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O!OL|pii:_BatchLoader", names, &PyList_Type, &sources, &order_object,
                                     &batch, &drop_last, &threads, &depth))
        return NULL;
    RtLoaderSource list[MAX_LOADED];
    static double means[MAX_LOADED][MAX_CHANNELS], stds[MAX_LOADED][MAX_CHANNELS]; // under the GIL; copied below
    Py_ssize_t n = PyList_GET_SIZE(sources);
    if (n < 1 || n > MAX_LOADED) {
        PyErr_Format(PyExc_ValueError, "_BatchLoader: 1 to %d tensors, not %zd", MAX_LOADED, n);
        return NULL;
    }
    for (Py_ssize_t i = 0; i < n; i++)
        if (read_source(PyList_GET_ITEM(sources, i), &list[i], means[i], stds[i]) < 0) return NULL;
    RtTensor *order = ext_tensor(order_object);
    if (!order) return NULL;
    if (order->dtype != RT_I64 || order->ndim != 1 || !rt_tensor_is_contiguous(order)) {
        PyErr_SetString(PyExc_ValueError, "_BatchLoader: the order must be a contiguous int64 vector");
        return NULL;
    }
    BatchLoader *self = (BatchLoader *)type->tp_alloc(type, 0);
    if (!self) return NULL;
    self->nsources = (int)n;
    self->loader = rt_loader_new(list, (int)n, rt_tensor_data(order), order->numel, batch, drop_last, threads, depth);
    if (!self->loader) {
        Py_DECREF(self);
        return ext_raise();
    }
    return (PyObject *)self;
}

static PyObject *loader_next(BatchLoader *self) {
    RtTensor *batch[MAX_LOADED];
    bool done = false;
    RtScope scope;
    if (ext_status(rt_scope_open(&scope)) < 0) return NULL;
    Status status;
    EXT_UNLOCKED(status = rt_loader_next(self->loader, batch, &done));
    PyObject *result = NULL;
    if (status < 0)
        ext_raise();
    else if (!done)
        result = ext_wrap_list(batch, self->nsources);
    rt_scope_close(scope);
    return result; // NULL without an exception ends the iteration
}

static PyType_Slot slots[] = {
    {Py_tp_new, loader_new},
    {Py_tp_dealloc, loader_dealloc},
    {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, loader_next},
    {Py_tp_doc, "_BatchLoader(sources, order, batch_size, drop_last=False, threads=0, depth=2)\n--\n\n"
                "Batches of rows of tensors, gathered in C: an iterator of tuples."},
    {0, NULL},
};

static PyType_Spec spec = {
    .name = "rustorch._C._BatchLoader",
    .basicsize = sizeof(BatchLoader),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = slots,
};

int ext_add_data(PyObject *module) {
    PyObject *type = PyType_FromSpec(&spec);
    if (!type) return -1;
    if (PyModule_AddObject(module, "_BatchLoader", type) == 0) return 0;
    Py_DECREF(type);
    return -1;
}
