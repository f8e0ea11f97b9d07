// watch.c: Python functions that the tape calls while it records: save hooks and anomaly mode.
#include "autograd.h"

// The engine borrows these pairs of functions; they are held here as long as they are set.
static _Thread_local PyObject *save_hooks; // (pack, unpack)
static PyObject *anomaly;                  // (trace, failed)

// Save hooks -------------------------------------------------------------------------------------

// What stands for the tensor is (unpack, what pack returned).
static void *pack(void *context, RtTensor *tensor) {
    PyGILState_STATE state = PyGILState_Ensure();
    PyObject *hooks = context, *packed = NULL, *wrapped = ext_wrap(tensor);
    PyObject *object =
        wrapped ? PyObject_CallOneArg(PyTuple_GET_ITEM(hooks, 0), wrapped) : NULL;
    if (object) packed = PyTuple_Pack(2, PyTuple_GET_ITEM(hooks, 1), object);
    Py_XDECREF(object);
    Py_XDECREF(wrapped);
    if (!packed) ext_python_failed();
    PyGILState_Release(state);
    return packed;
}

static RtTensor *unpack(void *object) {
    PyGILState_STATE state = PyGILState_Ensure();
    RtTensor *tensor = NULL;
    PyObject *result =
        PyObject_CallOneArg(PyTuple_GET_ITEM(object, 0), PyTuple_GET_ITEM(object, 1));
    if (result && !ext_is_tensor(result))
        ext_error(ERR_TYPE, "an unpack hook must return a Tensor, but it returned %.100s",
                  Py_TYPE(result)->tp_name);
    else if (result)
        tensor = ext_lend(ext_tensor(result));
    if (!tensor && PyErr_Occurred()) ext_python_failed();
    Py_XDECREF(result);
    PyGILState_Release(state);
    return tensor;
}

// _set_save_hooks(hooks) sets (pack, unpack) or None for this thread; returns what was set before.
static PyObject *set_save_hooks(PyObject *Py_UNUSED(module), PyObject *hooks) {
    static const RtSaveHooks called = {pack, unpack, ext_release_object};
    PyObject *before = save_hooks;
    if (hooks != Py_None && !(PyTuple_Check(hooks) && PyTuple_GET_SIZE(hooks) == 2))
        return ext_error(ERR_TYPE, "save hooks are a pair of functions or None");
    save_hooks = hooks == Py_None ? NULL : Py_NewRef(hooks);
    rt_set_save_hooks(save_hooks ? &called : NULL, save_hooks);
    if (before) return before;
    Py_RETURN_NONE;
}

// Anomaly mode -----------------------------------------------------------------------------------

static void *trace(void) {
    PyGILState_STATE state = PyGILState_Ensure();
    PyObject *text = anomaly ? PyObject_CallNoArgs(PyTuple_GET_ITEM(anomaly, 0)) : NULL;
    if (!text) PyErr_Clear(); // without a trace the gradient is still right
    PyGILState_Release(state);
    return text;
}

static void failed(void *text, const char *name) {
    PyGILState_STATE state = PyGILState_Ensure();
    PyObject *type, *value, *traceback; // of the error that is reported
    PyErr_Fetch(&type, &value, &traceback);
    if (anomaly) {
        PyObject *result =
            PyObject_CallFunction(PyTuple_GET_ITEM(anomaly, 1), "Os", (PyObject *)text, name);
        if (!result) PyErr_WriteUnraisable(anomaly);
        Py_XDECREF(result);
    }
    PyErr_Restore(type, value, traceback);
    PyGILState_Release(state);
}

// _set_anomaly(trace, failed, check_nan); trace None: off
static PyObject *set_anomaly(PyObject *Py_UNUSED(module), PyObject *args) {
    static const RtAnomaly called = {trace, failed, ext_release_object};
    PyObject *on_trace, *on_failure;
    int check_nan;
    if (!PyArg_ParseTuple(args, "OOp", &on_trace, &on_failure, &check_nan)) return NULL;
    PyObject *pair = on_trace == Py_None ? NULL : PyTuple_Pack(2, on_trace, on_failure);
    if (!pair && PyErr_Occurred()) return NULL;
    rt_set_anomaly(pair ? &called : NULL, check_nan);
    Py_XSETREF(anomaly, pair);
    Py_RETURN_NONE;
}

// Beside the tape ----------------------------------------------------------------------------------

static Status backward_end(void *callable) {
    PyGILState_STATE state = PyGILState_Ensure();
    PyObject *result = PyObject_CallNoArgs(callable);
    Status status = result ? OK : ext_python_failed();
    Py_XDECREF(result);
    PyGILState_Release(state);
    return status;
}

static PyObject *queue_callback(PyObject *Py_UNUSED(module), PyObject *callable) {
    if (!PyCallable_Check(callable))
        return ext_error(ERR_TYPE, "queue_callback: a callable is needed, not %.100s",
                         Py_TYPE(callable)->tp_name);
    if (ext_status(rt_backward_end(backward_end, Py_NewRef(callable), ext_release_object)) < 0)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *increment_version(PyObject *Py_UNUSED(module), PyObject *object) {
    RtTensor *tensor = ext_tensor(object);
    if (!tensor) return NULL;
    rt_tensor_written(tensor);
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"_queue_callback", queue_callback, METH_O,
     "_queue_callback(callable): call it when the backward pass of this thread ends."},
    {"_increment_version", increment_version, METH_O,
     "_increment_version(tensor): the tensor was written to from outside."},
    {"_set_save_hooks", set_save_hooks, METH_O,
     "_set_save_hooks(hooks): see rustorch.autograd.graph.saved_tensors_hooks."},
    {"_set_anomaly", set_anomaly, METH_VARARGS,
     "_set_anomaly(trace, failed, check_nan): see rustorch.autograd.set_detect_anomaly."},
    {NULL, NULL, 0, NULL},
};

int watch_add(PyObject *module) { return PyModule_AddFunctions(module, functions); }
