// Line charts: rustorch.visualization hands over lists of numbers.
#include "ext/ext.h"

#include "io/io.h"

typedef struct Numbers {
    double *x, *y;
} Numbers;

static double *read_doubles(PyObject *sequence, Py_ssize_t *out_n) {
    PyObject *fast = PySequence_Fast(sequence, "plot: a sequence of numbers is expected");
    if (!fast) return NULL;
    *out_n = PySequence_Fast_GET_SIZE(fast);
    double *values = PyMem_Malloc((size_t)(*out_n + 1) * sizeof *values);
    if (!values) PyErr_NoMemory();
    for (Py_ssize_t i = 0; values && i < *out_n; i++) {
        values[i] = PyFloat_AsDouble(PySequence_Fast_GET_ITEM(fast, i));
        if (PyErr_Occurred()) {
            PyMem_Free(values);
            values = NULL;
        }
    }
    Py_DECREF(fast);
    return values;
}

#define MAX_PANELS 16
#define MAX_SERIES 64

// (name, x, y)
static int read_series(PyObject *tuple, RtSeries *out, Numbers *numbers) {
    PyObject *x, *y;
    Py_ssize_t nx, ny;
    if (!PyArg_ParseTuple(tuple, "sOO", &out->name, &x, &y)) return -1;
    if (!(numbers->x = read_doubles(x, &nx)) || !(numbers->y = read_doubles(y, &ny))) return -1;
    if (nx != ny) {
        PyErr_Format(PyExc_ValueError, "plot: %s has %zd x values and %zd y values", out->name, nx, ny);
        return -1;
    }
    out->x = numbers->x;
    out->y = numbers->y;
    out->n = nx;
    return 0;
}

// (title, x label, y label, log y, [series])
static PyObject *plot_lines(PyObject *module, PyObject *args) {
    PyObject *path_object, *panel_list, *result = NULL;
    const char *title;
    double width, height, scale;
    (void)module;
    if (!PyArg_ParseTuple(args, "O&sO!ddd:_plot_lines", PyUnicode_FSConverter, &path_object, &title, &PyList_Type, &panel_list,
                          &width, &height, &scale))
        return NULL;
    RtPanel panels[MAX_PANELS];
    RtSeries *series = PyMem_Calloc(MAX_SERIES, sizeof *series);
    Numbers *numbers = PyMem_Calloc(MAX_SERIES, sizeof *numbers);
    int n = 0, used = 0;
    if (!series || !numbers) {
        PyErr_NoMemory();
        goto out;
    }
    for (; n < PyList_GET_SIZE(panel_list); n++) {
        PyObject *list;
        int log_y;
        if (n == MAX_PANELS) {
            PyErr_Format(PyExc_ValueError, "plot: at most %d panels are possible", MAX_PANELS);
            goto out;
        }
        RtPanel *panel = &panels[n];
        if (!PyArg_ParseTuple(PyList_GET_ITEM(panel_list, n), "ssspO!", &panel->title, &panel->x_label, &panel->y_label, &log_y,
                              &PyList_Type, &list))
            goto out;
        panel->log_y = log_y;
        panel->series = series + used;
        panel->nseries = (int)PyList_GET_SIZE(list);
        for (int s = 0; s < panel->nseries; s++, used++) {
            if (used == MAX_SERIES) {
                PyErr_Format(PyExc_ValueError, "plot: at most %d curves are possible", MAX_SERIES);
                goto out;
            }
            if (read_series(PyList_GET_ITEM(list, s), &series[used], &numbers[used]) < 0) goto out;
        }
    }
    Status status;
    EXT_UNLOCKED(status = rt_plot_lines(PyBytes_AS_STRING(path_object), title, panels, n, width, height, scale));
    if (ext_status(status) == 0) result = Py_NewRef(Py_None);
out:
    for (int i = 0; numbers && i < MAX_SERIES; i++) {
        PyMem_Free(numbers[i].x);
        PyMem_Free(numbers[i].y);
    }
    PyMem_Free(numbers);
    PyMem_Free(series);
    Py_DECREF(path_object);
    return result;
}

static PyMethodDef methods[] = {
    {"_plot_lines", plot_lines, METH_VARARGS, "Line charts into a file: see rustorch.visualization."},
    {NULL, NULL, 0, NULL},
};

int ext_add_plot(PyObject *module) { return PyModule_AddFunctions(module, methods); }
