// hook.c: hooks on gradients, written in Python.
//
// What register_hook returns is also what the engine holds for the hook: an object with the
// callable in it. remove() empties it, which always works, and then takes it out of the engine's
// list where that is possible: the tensor's Python object must still be there, and no backward pass
// may be walking over the lists. What could not be taken out waits in `pending` for the next time a
// hook comes or goes.
#include "autograd.h"

typedef struct Handle {
    PyObject ob_base;
    PyObject *callable; // NULL: removed
    PyObject *tensor;   // a weak reference
    PyObject *weak;
    int64_t id; // the engine's
} Handle;

static PyTypeObject handle_type;
static PyObject *pending; // a list of handles

// Called by the engine ---------------------------------------------------------------------------

// What the hook returned; NULL with an exception set.
static PyObject *call(Handle *handle, RtTensor *tensor) {
    if (!handle->callable) Py_RETURN_NONE;
    PyObject *callable = Py_NewRef(handle->callable); // the hook may remove itself
    PyObject *argument = ext_wrap(tensor);
    PyObject *result = argument ? PyObject_CallOneArg(callable, argument) : NULL;
    Py_XDECREF(argument);
    Py_DECREF(callable);
    return result;
}

static Status replace(RtTensor *grad, PyObject *object, RtTensor **out) {
    if (!ext_is_tensor(object)) {
        ext_error(ERR_TYPE, "a hook must return None or a Tensor, but it returned %.100s",
                  Py_TYPE(object)->tp_name);
        return ext_python_failed();
    }
    RtTensor *given = ext_tensor(object);
    bool same = given->ndim == grad->ndim && given->dtype == grad->dtype;
    for (int i = 0; same && i < grad->ndim; i++) same = given->shape[i] == grad->shape[i];
    if (!same) {
        PyObject *from = ext_size(grad->ndim, grad->shape),
                 *to = ext_size(given->ndim, given->shape);
        ext_error(ERR_GRAD, "hook has changed the size or dtype of value: %S %s became %S %s", from,
                  rt_dtype_name((RtDtype)grad->dtype), to, rt_dtype_name((RtDtype)given->dtype));
        Py_XDECREF(from);
        Py_XDECREF(to);
        return ext_python_failed();
    }
    *out = ext_lend(given);
    return *out ? OK : rt_error_code();
}

static Status grad_hook(void *context, RtTensor *grad, RtTensor **out) {
    if (!Py_IsInitialized() || Py_IsFinalizing()) return OK;
    PyGILState_STATE state = PyGILState_Ensure();
    PyObject *result = call(context, grad);
    Status status = OK;
    if (!result)
        status = ext_python_failed();
    else if (result != Py_None)
        status = replace(grad, result, out);
    Py_XDECREF(result);
    PyGILState_Release(state);
    return status;
}

static Status leaf_hook(void *context, RtTensor *leaf) {
    if (!Py_IsInitialized() || Py_IsFinalizing()) return OK;
    PyGILState_STATE state = PyGILState_Ensure();
    PyObject *result = call(context, leaf);
    Status status = result ? OK : ext_python_failed();
    Py_XDECREF(result);
    PyGILState_Release(state);
    return status;
}

// Taking hooks out -------------------------------------------------------------------------------

static void take_out(Handle *handle) {
    if (handle->id <= 0 || !handle->tensor) return;
    PyObject *tensor = ext_weak_get(handle->tensor);
    int64_t id = handle->id;
    handle->id = 0;
    if (!tensor) return; // its object went, and it will go with its tensor
    RtTensor *t = ext_tensor(tensor);
    if (t)
        rt_hook_remove(t, id);
    else
        PyErr_Clear();
    Py_DECREF(tensor);
}

static void flush_pending(void) {
    if (autograd_passes || !pending || PyList_GET_SIZE(pending) == 0) return;
    PyObject *list = pending;
    pending = PyList_New(0);
    if (!pending) PyErr_Clear();
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list); i++)
        take_out((Handle *)PyList_GET_ITEM(list, i));
    Py_DECREF(list);
}

static PyObject *handle_remove(PyObject *self, PyObject *Py_UNUSED(none)) {
    Handle *handle = (Handle *)self;
    flush_pending();
    Py_CLEAR(handle->callable);
    if (!autograd_passes)
        take_out(handle);
    else if (handle->id > 0 && pending && PyList_Append(pending, self) < 0)
        return NULL;
    Py_RETURN_NONE;
}

// The type ---------------------------------------------------------------------------------------

static PyObject *handle_enter(PyObject *self, PyObject *Py_UNUSED(none)) { return Py_NewRef(self); }
static PyObject *handle_exit(PyObject *self, PyObject *Py_UNUSED(args)) {
    return handle_remove(self, NULL);
}
static PyObject *get_id(PyObject *self, void *Py_UNUSED(closure)) {
    return PyLong_FromLongLong(((Handle *)self)->id);
}

static int handle_traverse(PyObject *self, visitproc visit, void *arg) {
    Py_VISIT(((Handle *)self)->callable);
    Py_VISIT(((Handle *)self)->tensor);
    return 0;
}

static int handle_clear(PyObject *self) {
    Py_CLEAR(((Handle *)self)->callable);
    Py_CLEAR(((Handle *)self)->tensor);
    return 0;
}

static void handle_dealloc(PyObject *self) {
    PyObject_GC_UnTrack(self);
    if (((Handle *)self)->weak) PyObject_ClearWeakRefs(self);
    handle_clear(self);
    Py_TYPE(self)->tp_free(self);
}

static PyMethodDef handle_methods[] = {
    {"remove", handle_remove, METH_NOARGS,
     "remove($self)\n--\n\nTake the hook away; doing it twice is fine."},
    {"__enter__", handle_enter, METH_NOARGS,
     "__enter__($self)\n--\n\nThe handle; the hook goes at the end of the block."},
    {"__exit__", handle_exit, METH_VARARGS, "__exit__($self, *args)\n--\n\nTakes the hook away."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef handle_properties[] = {
    {"id", get_id, NULL, "A number of its own; 0 once the hook was removed.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyTypeObject handle_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "rustorch._C.RemovableHandle",
    .tp_basicsize = sizeof(Handle),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_doc = "What registering a hook on a tensor returns: remove() takes the hook away.\n"
              "\n"
              "As a context it takes the hook away at the end.\n"
              "\n"
              "Examples\n"
              "--------\n"
              ">>> x = rustorch.ones(1, requires_grad=True)\n"
              ">>> handle = x.register_hook(lambda grad: grad * 10)\n"
              ">>> (x * 2).backward()\n"
              ">>> handle.remove()\n"
              ">>> (x * 2).backward()\n"
              ">>> x.grad\n"
              "tensor([22.])\n",
    .tp_dealloc = handle_dealloc,
    .tp_traverse = handle_traverse,
    .tp_clear = handle_clear,
    .tp_weaklistoffset = offsetof(Handle, weak),
    .tp_methods = handle_methods,
    .tp_getset = handle_properties,
};

static PyObject *add(PyObject *self, PyObject *callable, bool leaf) {
    RtTensor *tensor = ext_tensor(self);
    if (!tensor) return NULL;
    if (!PyCallable_Check(callable))
        return ext_error(ERR_TYPE, "a hook must be callable, not %.100s",
                         Py_TYPE(callable)->tp_name);
    flush_pending();
    Handle *handle = (Handle *)handle_type.tp_alloc(&handle_type, 0);
    if (!handle) return NULL;
    handle->callable = Py_NewRef(callable);
    handle->tensor = PyWeakref_NewRef(self, NULL);
    if (!handle->tensor) {
        Py_DECREF(handle);
        return NULL;
    }
    Py_INCREF(handle); // the engine's
    handle->id = leaf ? rt_leaf_hook_add(tensor, leaf_hook, handle, ext_release_object)
                      : rt_hook_add(tensor, grad_hook, handle, ext_release_object);
    if (handle->id < 0) {
        Py_DECREF(handle);
        return ext_raise();
    }
    return (PyObject *)handle;
}

static PyObject *register_hook(PyObject *self, PyObject *callable) {
    return add(self, callable, false);
}
static PyObject *register_leaf_hook(PyObject *self, PyObject *callable) {
    return add(self, callable, true);
}

static PyObject *retain_grad(PyObject *self, PyObject *Py_UNUSED(none)) {
    RtTensor *tensor = ext_tensor(self);
    if (!tensor || ext_status(rt_retain_grad(tensor)) < 0) return NULL;
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"register_hook", register_hook, METH_O,
     "register_hook($self, hook)\n"
     "--\n"
     "\n"
     "Have a function called whenever the gradient of this tensor was computed.\n"
     "\n"
     "Parameters\n"
     "----------\n"
     "hook : callable\n"
     "    hook(grad); it may return another gradient to be used in place of grad, or\n"
     "    None. What it raises comes out\n"
     "    of backward().\n"
     "\n"
     "Returns\n"
     "-------\n"
     "RemovableHandle\n"
     "    remove() takes the hook away.\n"
     "\n"
     "Raises\n"
     "------\n"
     "AutogradError\n"
     "    If the tensor requires no gradient.\n"
     "\n"
     "Examples\n"
     "--------\n"
     ">>> import rustorch\n"
     ">>> x = rustorch.tensor([1.0], requires_grad=True)\n"
     ">>> handle = x.register_hook(lambda grad: grad * 10)\n"
     ">>> x.sum().backward()\n"
     ">>> x.grad\n"
     "tensor([10.])\n"},
    {"register_post_accumulate_grad_hook", register_leaf_hook, METH_O,
     "register_post_accumulate_grad_hook($self, hook)\n"
     "--\n"
     "\n"
     "Have a function called after the gradient of this leaf was added to its .grad.\n"
     "\n"
     "Parameters\n"
     "----------\n"
     "hook : callable\n"
     "    hook(tensor).\n"
     "\n"
     "Returns\n"
     "-------\n"
     "RemovableHandle\n"
     "    remove() takes the hook away.\n"
     "\n"
     "Raises\n"
     "------\n"
     "AutogradError\n"
     "    If the tensor is no leaf, or requires no gradient.\n"
     "\n"
     "Examples\n"
     "--------\n"
     ">>> import rustorch\n"
     ">>> x = rustorch.tensor([1.0], requires_grad=True)\n"
     ">>> handle = x.register_post_accumulate_grad_hook(lambda t: print(t.grad))\n"
     ">>> x.sum().backward()\n"
     "tensor([1.])\n"},
    {"retain_grad", retain_grad, METH_NOARGS,
     "retain_grad($self)\n--\n\nLet backward() fill .grad of this tensor although it is no leaf."},
    {NULL, NULL, 0, NULL},
};

static PyObject *get_retains_grad(PyObject *self, void *Py_UNUSED(closure)) {
    RtTensor *tensor = ext_tensor(self);
    return tensor ? PyBool_FromLong(rt_retains_grad(tensor)) : NULL;
}

static PyObject *get_output_nr(PyObject *self, void *Py_UNUSED(closure)) {
    RtTensor *tensor = ext_tensor(self);
    return tensor ? PyLong_FromLong(rt_output_index(tensor)) : NULL;
}

static PyGetSetDef properties[] = {
    {"retains_grad", get_retains_grad, NULL,
     "Whether retain_grad() was called on a tensor that is no leaf.", NULL},
    {"output_nr", get_output_nr, NULL, "Which output of its grad_fn this tensor is.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

int hook_add_type(PyObject *module) {
    if (PyType_Ready(&handle_type) < 0 || !(pending = PyList_New(0))) return -1;
    if (PyModule_AddObjectRef(module, "RemovableHandle", (PyObject *)&handle_type) < 0) return -1;
    return ext_tensor_methods(methods) < 0 ? -1 : ext_tensor_getset(properties);
}
