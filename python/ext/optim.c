// Optimiser steps: rustorch.optim hands over lists of tensors, the engine does one pass.
#include "ext/ext.h"

static const char *const rule_names[RT_OPTIM_COUNT] = {
#define OPTIMIZER(name_, states_, words_) [RT_OPTIM_##name_] = #name_,
#include "optim/optim.def"
#undef OPTIMIZER
};

static int find_rule(const char *name) {
    for (int rule = 0; rule < RT_OPTIM_COUNT; rule++)
        if (strcmp(rule_names[rule], name) == 0) return rule;
    PyErr_Format(PyExc_ValueError, "_optim_step: there is no rule \"%s\"", name);
    return -1;
}

typedef struct TensorList {
    RtTensor **items;
    int n;
    PyObject *owner;
} TensorList;

static void list_clear(TensorList *list) {
    PyMem_Free(list->items);
    Py_XDECREF(list->owner);
}

static PyObject *optim_step(PyObject *module, PyObject *args, PyObject *keywords) {
    static char *names[] = {"rule", "params", "grads", "states", "steps", "lr", "weight_decay", "momentum", "dampening", "beta1",
                            "beta2", "eps", "nesterov", "maximize", "amsgrad", "decoupled", NULL};
    const char *rule_name;
    PyObject *params, *grads, *states, *steps;
    RtOptim options = {0};
    int nesterov = 0, maximize = 0, amsgrad = 0, decoupled = 0;
    (void)module;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "sOOO!O!d|ddddddpppp:_optim_step", names, &rule_name, &params, &grads,
                                     &PyTuple_Type, &states, &PyList_Type, &steps, &options.lr, &options.weight_decay,
                                     &options.momentum, &options.dampening, &options.beta1, &options.beta2, &options.eps,
                                     &nesterov, &maximize, &amsgrad, &decoupled))
        return NULL;
    options.nesterov = nesterov;
    options.maximize = maximize;
    options.amsgrad = amsgrad;
    options.decoupled = decoupled;
    int rule = find_rule(rule_name);
    if (rule < 0) return NULL;
    TensorList p = {0}, g = {0}, s[RT_OPTIM_STATES] = {{0}};
    RtTensor *const *state_items[RT_OPTIM_STATES] = {NULL};
    int64_t *counts = NULL;
    PyObject *result = NULL;
    if (ext_tensor_list(params, &p.items, &p.n, &p.owner) < 0 || ext_tensor_list(grads, &g.items, &g.n, &g.owner) < 0) goto out;
    for (Py_ssize_t k = 0; k < PyTuple_GET_SIZE(states) && k < RT_OPTIM_STATES; k++) {
        if (PyTuple_GET_ITEM(states, k) == Py_None) continue;
        if (ext_tensor_list(PyTuple_GET_ITEM(states, k), &s[k].items, &s[k].n, &s[k].owner) < 0) goto out;
        state_items[k] = s[k].items;
        if (s[k].n != p.n) {
            PyErr_SetString(PyExc_ValueError, "_optim_step: lists of different lengths");
            goto out;
        }
    }
    if (g.n != p.n || PyList_GET_SIZE(steps) != p.n) {
        PyErr_SetString(PyExc_ValueError, "_optim_step: lists of different lengths");
        goto out;
    }
    counts = PyMem_Malloc((size_t)(p.n + 1) * sizeof *counts);
    if (!counts) {
        PyErr_NoMemory();
        goto out;
    }
    for (int i = 0; i < p.n; i++) counts[i] = PyLong_AsLongLong(PyList_GET_ITEM(steps, i));
    if (PyErr_Occurred()) goto out;
    Status status;
    EXT_UNLOCKED(status = rt_optim_step((RtOptimRule)rule, &options, p.n, p.items, g.items, state_items, counts));
    if (ext_status(status) == 0) result = Py_NewRef(Py_None);
out:
    PyMem_Free(counts);
    list_clear(&p);
    list_clear(&g);
    for (int k = 0; k < RT_OPTIM_STATES; k++) list_clear(&s[k]);
    return result;
}

static PyObject *norm_together(PyObject *module, PyObject *tensors) {
    TensorList list = {0};
    (void)module;
    if (ext_tensor_list(tensors, &list.items, &list.n, &list.owner) < 0) return NULL;
    double norm = 0;
    Status status;
    EXT_UNLOCKED(status = rt_norm_together(list.n, list.items, &norm));
    list_clear(&list);
    return ext_status(status) < 0 ? NULL : PyFloat_FromDouble(norm);
}

static PyMethodDef methods[] = {
    {"_optim_step", (PyCFunction)(void (*)(void))optim_step, METH_VARARGS | METH_KEYWORDS,
     "One step of an update rule for lists of tensors: see rustorch.optim."},
    {"_norm_together", norm_together, METH_O, "The 2-norm of all the tensors of a sequence taken together, as a float."},
    {NULL, NULL, 0, NULL},
};

int ext_add_optim(PyObject *module) { return PyModule_AddFunctions(module, methods); }
