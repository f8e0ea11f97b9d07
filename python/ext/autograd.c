// autograd.c: gradient mode, backward and grad.
#include "autograd.h"

#include "wrapper.h"

int autograd_passes;

static PyObject *is_grad_enabled(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none)) {
    return PyBool_FromLong(rt_grad_enabled());
}

static PyObject *set_grad_enabled(PyObject *Py_UNUSED(module), PyObject *mode) {
    bool enabled;
    if (ext_flag(mode, "mode", true, &enabled) < 0) return NULL;
    rt_set_grad_enabled(enabled);
    Py_RETURN_NONE;
}

static PyObject *is_inference_mode_enabled(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none)) {
    return PyBool_FromLong(rt_inference());
}

static PyObject *set_inference(PyObject *Py_UNUSED(module), PyObject *mode) {
    bool enabled;
    if (ext_flag(mode, "mode", true, &enabled) < 0) return NULL;
    rt_set_inference(enabled);
    Py_RETURN_NONE;
}

static PyObject *autocast_get(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none)) {
    RtAutocast mode = rt_autocast();
    PyObject *dtype = ext_dtype_object(mode.dtype == RT_F16 ? RT_F16 : RT_BF16);
    return dtype ? Py_BuildValue("(NNN)", PyBool_FromLong(mode.enabled), dtype, PyBool_FromLong(mode.cache)) : NULL;
}

// _autocast_set(enabled, dtype, cache, forget)
static PyObject *autocast_set(PyObject *Py_UNUSED(module), PyObject *args) {
    int enabled, cache, forget;
    PyObject *dtype;
    RtAutocast mode;
    if (!PyArg_ParseTuple(args, "pOpp", &enabled, &dtype, &cache, &forget) || ext_dtype(dtype, &mode.dtype) < 0) return NULL;
    mode.enabled = enabled;
    mode.cache = cache;
    if (ext_status(rt_autocast_set(mode, forget)) < 0) return NULL;
    Py_RETURN_NONE;
}

// The context that no_grad and its relatives are: it sets the mode of this thread and puts the
// former one back. Which mode is the class's attribute `mode`, looked up when the context is made.
// It nests, and may be entered again before it was left: the former modes are bits of `former`.
// Called with a function, the class decorates it: @no_grad.
typedef struct ModeObject {
    PyObject ob_base;
    bool mode;
    int depth;
    uint64_t former;
} ModeObject;

static PyObject *mode_new(PyTypeObject *type, PyObject *args, PyObject *Py_UNUSED(kwargs)) {
    PyObject *mode = PyObject_GetAttrString((PyObject *)type, "mode");
    ModeObject *self = mode ? (ModeObject *)type->tp_alloc(type, 0) : NULL;
    if (self) self->mode = mode == Py_True;
    Py_XDECREF(mode);
    if (!self || PyTuple_GET_SIZE(args) != 1 || PyBool_Check(PyTuple_GET_ITEM(args, 0)))
        return (PyObject *)self;
    PyObject *decorated = PyObject_CallOneArg((PyObject *)self, PyTuple_GET_ITEM(args, 0));
    Py_DECREF(self);
    return decorated;
}

static PyObject *mode_enter(PyObject *object, PyObject *Py_UNUSED(none)) {
    ModeObject *self = (ModeObject *)object;
    if (self->depth == 64)
        return ext_error(ERR_VALUE,
                         "one gradient-mode context was entered 64 times without being left");
    self->former = self->former << 1 | rt_grad_enabled();
    self->depth++;
    rt_set_grad_enabled(self->mode);
    return Py_NewRef(object);
}

static PyObject *mode_exit(PyObject *object, PyObject *Py_UNUSED(error)) {
    ModeObject *self = (ModeObject *)object;
    if (self->depth == 0)
        return ext_error(ERR_VALUE, "a gradient-mode context was left that had not been entered");
    rt_set_grad_enabled(self->former & 1);
    self->former >>= 1;
    self->depth--;
    Py_RETURN_NONE;
}

static PyObject *mode_set(PyObject *object, PyObject *mode) {
    if (ext_flag(mode, "mode", true, &((ModeObject *)object)->mode) < 0) return NULL;
    Py_RETURN_NONE;
}

static PyMethodDef mode_methods[] = {
    {"__enter__", mode_enter, METH_NOARGS, "__enter__($self)\n--\n\nSets the mode."},
    {"__exit__", mode_exit, METH_VARARGS,
     "__exit__($self, *error)\n--\n\nPuts the former mode back."},
    {"_set_mode", mode_set, METH_O,
     "_set_mode($self, mode)\n--\n\nThe mode that this context sets."},
    {NULL, NULL, 0, NULL},
};

static PyTypeObject mode_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "rustorch._C._GradMode",
    .tp_basicsize = sizeof(ModeObject),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .tp_doc = "A context that sets whether operations are recorded.",
    .tp_new = mode_new,
    .tp_methods = mode_methods,
};

// Lists of tensors -------------------------------------------------------------------------------

typedef struct TensorList {
    PyObject *owner; // keeps the items
    RtTensor **items;
    int n;
} TensorList;

static void list_clear(TensorList *list) {
    PyMem_Free(list->items);
    Py_CLEAR(list->owner);
    list->items = NULL;
}

// A tensor or a sequence of them; with `optional`, None (alone or as an item) stands for RT_NONE.
static int list_read(PyObject *object, const char *what, bool optional, TensorList *out) {
    *out = (TensorList){0};
    bool one = ext_is_tensor(object) || (optional && object == Py_None);
    out->owner = one ? PyTuple_Pack(1, object) : PySequence_Tuple(object);
    if (!out->owner) {
        if (PyErr_ExceptionMatches(PyExc_TypeError))
            PyErr_Format(PyExc_TypeError,
                         "%s must be a Tensor or a sequence of Tensors, not %.100s", what,
                         Py_TYPE(object)->tp_name);
        return -1;
    }
    Py_ssize_t n = PyTuple_GET_SIZE(out->owner);
    out->n = (int)n;
    out->items = PyMem_Malloc((size_t)(n + 1) * sizeof *out->items);
    if (!out->items) {
        list_clear(out);
        PyErr_NoMemory();
        return -1;
    }
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *item = PyTuple_GET_ITEM(out->owner, i);
        out->items[i] = optional && item == Py_None ? RT_NONE : ext_tensor(item);
        if (!out->items[i]) {
            list_clear(out);
            return -1;
        }
    }
    return 0;
}

// The gradients given for n tensors; none given stands for None for each.
static int gradients_read(PyObject *object, int n, const char *what, TensorList *out) {
    *out = (TensorList){0};
    if (!object || object == Py_None) return 0;
    if (list_read(object, what, true, out) < 0) return -1;
    if (out->n == n) return 0;
    ext_error(ERR_GRAD, "got %d tensors and %d gradients", n, out->n);
    list_clear(out);
    return -1;
}

static int flags_read(PyObject *retain, PyObject *create, bool *out_retain, bool *out_create) {
    if (ext_flag(create, "create_graph", false, out_create) < 0) return -1;
    return ext_flag(retain == Py_None ? NULL : retain, "retain_graph", *out_create, out_retain);
}

// backward ---------------------------------------------------------------------------------------

static PyObject *run_backward(const TensorList *tensors, const TensorList *grads, PyObject *inputs,
                              bool retain, bool create) {
    TensorList limited = {0};
    if (inputs && inputs != Py_None) {
        if (list_read(inputs, "inputs", false, &limited) < 0) return NULL;
        if (limited.n == 0) {
            list_clear(&limited);
            return ext_error(ERR_GRAD, "'inputs' argument to backward cannot be empty.");
        }
    }
    Status status;
    autograd_passes++;
    EXT_UNLOCKED(status = rt_backward(tensors->items, grads->items, tensors->n, limited.items,
                                      limited.n, retain, create));
    autograd_passes--;
    list_clear(&limited);
    if (ext_status(status) < 0) return NULL;
    Py_RETURN_NONE;
}

static PyObject *tensor_backward(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                                 PyObject *kwnames) {
    static const char *const names[] = {"gradient", "retain_graph", "create_graph", "inputs", NULL};
    PyObject *in[4];
    bool retain, create;
    RtTensor *tensor = ext_tensor(self), *grad = NULL;
    if (!tensor || ext_arguments("backward", names, 4, 0, args, nargs, kwnames, in) < 0 ||
        flags_read(in[1], in[2], &retain, &create) < 0)
        return NULL;
    if (in[0] && in[0] != Py_None && !(grad = ext_tensor(in[0]))) return NULL;
    TensorList tensors = {NULL, &tensor, 1}, grads = {NULL, grad ? &grad : NULL, 1};
    return run_backward(&tensors, &grads, in[3], retain, create);
}

static PyObject *backward(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t nargs,
                          PyObject *kwnames) {
    static const char *const names[] = {"tensors",      "grad_tensors", "retain_graph",
                                        "create_graph", "inputs",       NULL};
    PyObject *in[5], *result = NULL;
    bool retain, create;
    TensorList tensors, grads;
    if (ext_arguments("backward", names, 5, 1, args, nargs, kwnames, in) < 0 ||
        flags_read(in[2], in[3], &retain, &create) < 0 ||
        list_read(in[0], "tensors", false, &tensors) < 0)
        return NULL;
    if (gradients_read(in[1], tensors.n, "grad_tensors", &grads) == 0) {
        result = run_backward(&tensors, &grads, in[4], retain, create);
        list_clear(&grads);
    }
    list_clear(&tensors);
    return result;
}

// grad -------------------------------------------------------------------------------------------

static PyObject *run_grad(const TensorList *outputs, const TensorList *grads,
                          const TensorList *inputs, bool retain, bool create, bool allow_unused) {
    RtTensor **found = PyMem_Malloc((size_t)(inputs->n + 1) * sizeof *found);
    if (!found) return PyErr_NoMemory();
    RtScope scope;
    PyObject *result = NULL;
    if (ext_status(rt_scope_open(&scope)) == 0) {
        Status status;
        autograd_passes++;
        EXT_UNLOCKED(status = rt_grad(outputs->items, grads->items, outputs->n, inputs->items,
                                      inputs->n, retain, create, allow_unused, found));
        autograd_passes--;
        if (ext_status(status) == 0) result = ext_wrap_list(found, inputs->n);
        rt_scope_close(scope);
    }
    PyMem_Free(found);
    return result;
}

static PyObject *grad(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t nargs,
                      PyObject *kwnames) {
    static const char *const names[] = {
        "outputs", "inputs", "grad_outputs", "retain_graph", "create_graph", "allow_unused", NULL};
    PyObject *in[6], *result = NULL;
    bool retain, create, allow_unused;
    TensorList outputs, inputs, grads;
    if (ext_arguments("grad", names, 6, 2, args, nargs, kwnames, in) < 0 ||
        flags_read(in[3], in[4], &retain, &create) < 0 ||
        ext_flag(in[5], "allow_unused", false, &allow_unused) < 0 ||
        list_read(in[0], "outputs", false, &outputs) < 0)
        return NULL;
    if (list_read(in[1], "inputs", false, &inputs) == 0) {
        if (gradients_read(in[2], outputs.n, "grad_outputs", &grads) == 0) {
            result = run_grad(&outputs, &grads, &inputs, retain, create, allow_unused);
            list_clear(&grads);
        }
        list_clear(&inputs);
    }
    list_clear(&outputs);
    return result;
}

// The garbage collector --------------------------------------------------------------------------

typedef struct VisitCall {
    visitproc visit;
    void *arg;
} VisitCall;

static int visit_context(void *context, void (*drop)(void *), void *arg) {
    const VisitCall *call = arg;
    bool python = context && (drop == ext_release_object || drop == function_drop);
    return python ? call->visit(context, call->arg) : 0;
}

int ext_autograd_traverse(RtTensor *tensor, visitproc visit, void *arg) {
    return rt_visit(tensor, visit_context, &(VisitCall){visit, arg});
}

#define KEYWORDS(function_)                                                                        \
    ((PyCFunction)(void (*)(void))(function_)), METH_FASTCALL | METH_KEYWORDS

static PyMethodDef functions[] = {
    {"is_grad_enabled", is_grad_enabled, METH_NOARGS,
     "is_grad_enabled()\n"
     "--\n"
     "\n"
     "Whether operations of this thread are recorded for gradients.\n"
     "\n"
     "Examples\n"
     "--------\n"
     ">>> rustorch.is_grad_enabled()\n"
     "True\n"
     ">>> with rustorch.no_grad():\n"
     "...     rustorch.is_grad_enabled()\n"
     "False\n"},
    {"_set_grad_enabled", set_grad_enabled, METH_O,
     "_set_grad_enabled(mode)\n--\n\nTurns recording on or off."},
    {"is_inference_mode_enabled", is_inference_mode_enabled, METH_NOARGS,
     "is_inference_mode_enabled()\n"
     "--\n"
     "\n"
     "Whether inference_mode is on in this thread.\n"
     "\n"
     "Examples\n"
     "--------\n"
     ">>> with rustorch.inference_mode():\n"
     "...     rustorch.is_inference_mode_enabled()\n"
     "True\n"
     ">>> rustorch.is_inference_mode_enabled()\n"
     "False\n"},
    {"_set_inference", set_inference, METH_O,
     "_set_inference(mode)\n--\n\nWhether tensors are made for inference alone from now on."},
    {"_autocast", autocast_get, METH_NOARGS,
     "(enabled, dtype, cache) of this thread's mixed precision."},
    {"_autocast_set", autocast_set, METH_VARARGS,
     "_autocast_set(enabled, dtype, cache, forget): see rustorch.amp."},
    {"_backward", KEYWORDS(backward),
     "_backward(tensors, grad_tensors=None, retain_graph=None, create_graph=False, "
     "inputs=None)\n--\n\n"
     "rustorch.autograd.backward."},
    {"_grad", KEYWORDS(grad),
     "_grad(outputs, inputs, grad_outputs=None, retain_graph=None, create_graph=False, "
     "allow_unused=False)\n--\n\n"
     "rustorch.autograd.grad."},
    {NULL, NULL, 0, NULL},
};

static PyMethodDef methods[] = {
    {"backward", KEYWORDS(tensor_backward),
     "backward($self, gradient=None, retain_graph=None, create_graph=False, inputs=None)\n"
     "--\n"
     "\n"
     "Accumulate the gradient of this tensor into the .grad of the leaves it was computed\n"
     "from.\n"
     "\n"
     "Parameters\n"
     "----------\n"
     "gradient : Tensor, optional\n"
     "    Of the tensor's shape; not needed for a single element.\n"
     "retain_graph : bool, optional\n"
     "    Keep what was saved, for another pass; by default as create_graph.\n"
     "create_graph : bool\n"
     "    Record the pass itself, so that it can be differentiated.\n"
     "inputs : sequence of Tensor, optional\n"
     "    Accumulate into these only.\n"
     "\n"
     "Examples\n"
     "--------\n"
     ">>> import rustorch\n"
     ">>> x = rustorch.tensor([1.0, 2.0], requires_grad=True)\n"
     ">>> (x * x).sum().backward()\n"
     ">>> x.grad\n"
     "tensor([2., 4.])\n"},
    {NULL, NULL, 0, NULL},
};

int ext_add_autograd(PyObject *module) {
    if (ext_tensor_methods(methods) < 0 || hook_add_type(module) < 0 || node_add_type(module) < 0 ||
        function_add_types(module) < 0 || watch_add(module) < 0 || callable_add(module) < 0 ||
        PyType_Ready(&mode_type) < 0 ||
        PyModule_AddObjectRef(module, "_GradMode", (PyObject *)&mode_type) < 0)
        return -1;
    return PyModule_AddFunctions(module, functions);
}
