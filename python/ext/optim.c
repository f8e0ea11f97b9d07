// Optimiser steps: rustorch.optim hands over lists of tensors, the engine does one pass.
#include "ext/ext.h"

static const char *const rule_names[RT_OPTIM_COUNT] = {
#define OPTIMIZER(name_, states_, scalars_, words_) [RT_OPTIM_##name_] = #name_,
#include "optim/optim.def"
#undef OPTIMIZER
};

static int find_rule(const char *name) {
    for (int rule = 0; rule < RT_OPTIM_COUNT; rule++)
        if (strcmp(rule_names[rule], name) == 0) return rule;
    PyErr_Format(PyExc_ValueError, "_optim_step: there is no rule \"%s\"", name);
    return -1;
}

typedef struct Option {
    const char *name;
    size_t offset;
    bool is_flag;
} Option;

static const Option option_table[] = {
#define OPTION_NUMBER(name_) {#name_, offsetof(RtOptim, name_), false},
#define OPTION_FLAG(name_) {#name_, offsetof(RtOptim, name_), true},
#include "optim/options.def"
#undef OPTION_NUMBER
#undef OPTION_FLAG
};

static int read_option(RtOptim *options, PyObject *key, PyObject *value) {
    for (size_t k = 0; k < sizeof option_table / sizeof *option_table; k++) {
        const Option *option = &option_table[k];
        if (!PyUnicode_Check(key) || PyUnicode_CompareWithASCIIString(key, option->name) != 0)
            continue;
        char *field = (char *)options + option->offset;
        if (option->is_flag) {
            int truth = PyObject_IsTrue(value);
            *(bool *)field = truth > 0;
            return truth < 0 ? -1 : 0;
        }
        *(double *)field = PyFloat_AsDouble(value);
        return PyErr_Occurred() ? -1 : 0;
    }
    PyErr_Format(PyExc_TypeError, "_optim_step: there is no option %R", key);
    return -1;
}

static int read_options(PyObject *dict, RtOptim *options) {
    PyObject *key, *value;
    Py_ssize_t at = 0;
    while (PyDict_Next(dict, &at, &key, &value))
        if (read_option(options, key, value) < 0) return -1;
    return 0;
}

// A tuple of lists, each n long or None, into lists and items.
static int read_lists(PyObject *tuple, int n, int most, ExtTensors *lists,
                      RtTensor *const **items) {
    if (PyTuple_GET_SIZE(tuple) > most) {
        PyErr_Format(PyExc_ValueError, "_optim_step: %zd lists, at most %d are taken",
                     PyTuple_GET_SIZE(tuple), most);
        return -1;
    }
    for (Py_ssize_t k = 0; k < PyTuple_GET_SIZE(tuple); k++) {
        PyObject *list = PyTuple_GET_ITEM(tuple, k);
        if (list == Py_None) continue;
        if (ext_tensors_read(list, &lists[k]) < 0) return -1;
        items[k] = lists[k].items;
        if (lists[k].n != n) {
            PyErr_SetString(PyExc_ValueError, "_optim_step: lists of different lengths");
            return -1;
        }
    }
    return 0;
}

static PyObject *optim_step(PyObject *module, PyObject *args) {
    const char *rule_name;
    PyObject *params, *grads, *states, *scalars, *dict;
    RtOptim options = {0};
    (void)module;
    if (!PyArg_ParseTuple(args, "sOOO!O!O!:_optim_step", &rule_name, &params, &grads, &PyTuple_Type,
                          &states, &PyTuple_Type, &scalars, &PyDict_Type, &dict))
        return NULL;
    int rule = find_rule(rule_name);
    if (rule < 0 || read_options(dict, &options) < 0) return NULL;
    ExtTensors p = {0}, g = {0}, s[RT_OPTIM_STATES] = {{0}}, c[RT_OPTIM_SCALARS] = {{0}};
    RtTensor *const *state_items[RT_OPTIM_STATES] = {NULL}, *const *
                                                                scalar_items[RT_OPTIM_SCALARS] = {
                                                                NULL};
    PyObject *result = NULL;
    if (ext_tensors_read(params, &p) < 0 || ext_tensors_read(grads, &g) < 0 ||
        read_lists(states, p.n, RT_OPTIM_STATES, s, state_items) < 0 ||
        read_lists(scalars, p.n, RT_OPTIM_SCALARS, c, scalar_items) < 0)
        goto out;
    if (g.n != p.n) {
        PyErr_SetString(PyExc_ValueError, "_optim_step: lists of different lengths");
        goto out;
    }
    Status status;
    EXT_UNLOCKED(status = rt_optim_step((RtOptimRule)rule, &options, p.n, p.items, g.items,
                                        state_items, scalar_items));
    if (ext_status(status) == 0) result = Py_NewRef(Py_None);
out:
    ext_tensors_clear(&p);
    ext_tensors_clear(&g);
    for (int k = 0; k < RT_OPTIM_STATES; k++) ext_tensors_clear(&s[k]);
    for (int k = 0; k < RT_OPTIM_SCALARS; k++) ext_tensors_clear(&c[k]);
    return result;
}

static PyObject *norm_together(PyObject *module, PyObject *tensors) {
    ExtTensors list = {0};
    (void)module;
    if (ext_tensors_read(tensors, &list) < 0) return NULL;
    double norm = 0;
    Status status;
    EXT_UNLOCKED(status = rt_norm_together(list.n, list.items, &norm));
    ext_tensors_clear(&list);
    return ext_status(status) < 0 ? NULL : PyFloat_FromDouble(norm);
}

static PyMethodDef methods[] = {
    {"_optim_step", optim_step, METH_VARARGS,
     "_optim_step(rule, params, grads, states, scalars, options): one step of an update rule, see "
     "rustorch.optim."},
    {"_norm_together", norm_together, METH_O,
     "The 2-norm of all the tensors of a sequence taken together, as a float."},
    {NULL, NULL, 0, NULL},
};

int ext_add_optim(PyObject *module) { return PyModule_AddFunctions(module, methods); }
