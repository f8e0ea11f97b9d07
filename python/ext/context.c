// The ctx object of autograd.Function, and what its node calls.
#include "context.h"

static FunctionContext *as_context(PyObject *object) { return (FunctionContext *)object; }

PyObject *function_context_object(const RtNode *node) {
    return rt_function_context(node, function_drop);
}

// What the node calls ----------------------------------------------------------------------------

static void saved_free(FunctionContext *ctx) {
    RtSaved **saved = ctx->saved;
    int n = ctx->nsaved;
    ctx->saved = NULL;
    ctx->nsaved = 0;
    for (int i = 0; i < n; i++) rt_saved_drop(saved[i]);
    PyMem_Free(saved);
}

static void node_release(void *context) {
    if (!Py_IsInitialized() || Py_IsFinalizing()) return;
    PyGILState_STATE state = PyGILState_Ensure();
    as_context(context)->released = true;
    saved_free(context);
    PyGILState_Release(state);
}

void function_drop(void *context) {
    if (!Py_IsInitialized() || Py_IsFinalizing()) return;
    PyGILState_STATE state = PyGILState_Ensure();
    FunctionContext *ctx = context;
    ctx->node = NULL;
    ctx->released = true;
    saved_free(ctx);
    Py_DECREF(ctx);
    PyGILState_Release(state);
}

// (ctx, gradient of output 0, …)
static PyObject *backward_arguments(FunctionContext *ctx, RtTensor **grads) {
    PyObject *args = PyTuple_New(1 + ctx->nout);
    if (!args) return NULL;
    PyTuple_SET_ITEM(args, 0, Py_NewRef((PyObject *)ctx));
    for (int i = 0; i < ctx->nout; i++) {
        const FunctionOutput *output = &ctx->outputs[i];
        RtTensor *grad = output->node_output < 0 ? RT_NONE : grads[output->node_output];
        if (grad == RT_NONE && output->node_output >= 0 && ctx->materialize)
            grad = rt_zeros(output->like);
        PyObject *item = ext_wrap(grad);
        if (!item) {
            Py_DECREF(args);
            return NULL;
        }
        PyTuple_SET_ITEM(args, 1 + i, item);
    }
    return args;
}

static int give_gradient(FunctionContext *ctx, Py_ssize_t arg, PyObject *object, RtTensor **give) {
    if (object == Py_None) return 0;
    int input = arg < ctx->nargs ? ctx->input_of_arg[arg] : -1;
    if (input < 0) {
        ext_error(ERR_GRAD,
                  "function %U returned a gradient different from None at position %zd, but the "
                  "corresponding "
                  "forward input was not a Tensor",
                  ctx->name, arg + 1);
        return -1;
    }
    if (!ext_is_tensor(object)) {
        ext_error(ERR_TYPE,
                  "function %U returned a %.100s at position %zd: expected a Tensor or None",
                  ctx->name, Py_TYPE(object)->tp_name, arg + 1);
        return -1;
    }
    if ((give[input] = ext_lend(ext_tensor(object)))) return 0;
    give[input] = RT_NONE;
    ext_raise();
    return -1;
}

// result: what backward returned: one gradient or a tuple with one for each argument of forward;
// None at the end may be left out or too many.
static int give_gradients(FunctionContext *ctx, PyObject *result, RtTensor **give) {
    bool many = PyTuple_Check(result) || PyList_Check(result);
    PyObject *list = many ? PySequence_Tuple(result) : PyTuple_Pack(1, result);
    if (!list) return -1;
    Py_ssize_t n = PyTuple_GET_SIZE(list);
    while (n > ctx->nargs && PyTuple_GET_ITEM(list, n - 1) == Py_None) n--;
    int rc = 0;
    if (n != ctx->nargs) {
        ext_error(ERR_GRAD,
                  "function %U returned an incorrect number of gradients (expected %d, got %zd)",
                  ctx->name, ctx->nargs, n);
        rc = -1;
    }
    for (Py_ssize_t i = 0; rc == 0 && i < n; i++)
        rc = give_gradient(ctx, i, PyTuple_GET_ITEM(list, i), give);
    Py_DECREF(list);
    return rc;
}

static Status node_backward(void *context, RtTensor **grads_out, int Py_UNUSED(n_out),
                            RtTensor **grads_in, int Py_UNUSED(n_in)) {
    PyGILState_STATE state = PyGILState_Ensure();
    FunctionContext *ctx = context;
    Py_INCREF(ctx);
    PyObject *method = PyObject_GetAttrString(ctx->function, "backward");
    PyObject *args = method ? backward_arguments(ctx, grads_out) : NULL;
    PyObject *result = args ? PyObject_Call(method, args, NULL) : NULL;
    Status status = result && give_gradients(ctx, result, grads_in) == 0 ? OK : ext_python_failed();
    Py_XDECREF(result);
    Py_XDECREF(args);
    Py_XDECREF(method);
    Py_DECREF(ctx);
    PyGILState_Release(state);
    return status;
}

const RtFunction context_function = {
    .backward = node_backward, .release = node_release, .drop = function_drop};

// The object -------------------------------------------------------------------------------------

static int check_tensors(PyObject *args, bool optional, const char *what) {
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(args); i++) {
        PyObject *item = PyTuple_GET_ITEM(args, i);
        if (ext_is_tensor(item) || (optional && item == Py_None)) continue;
        ext_error(ERR_TYPE, "%s expects Tensors, but argument %zd is a %.100s", what, i,
                  Py_TYPE(item)->tp_name);
        return -1;
    }
    return 0;
}

static PyObject *save_for_backward(PyObject *self, PyObject *args) {
    if (check_tensors(args, true, "save_for_backward") < 0) return NULL;
    Py_XSETREF(as_context(self)->to_save, Py_NewRef(args));
    Py_RETURN_NONE;
}

static PyObject *mark_dirty(PyObject *self, PyObject *args) {
    if (check_tensors(args, false, "mark_dirty") < 0) return NULL;
    Py_XSETREF(as_context(self)->dirty, Py_NewRef(args));
    Py_RETURN_NONE;
}

static PyObject *mark_non_differentiable(PyObject *self, PyObject *args) {
    if (check_tensors(args, false, "mark_non_differentiable") < 0) return NULL;
    Py_XSETREF(as_context(self)->constant, Py_NewRef(args));
    Py_RETURN_NONE;
}

static PyObject *set_materialize_grads(PyObject *self, PyObject *value) {
    if (ext_flag(value, "value", true, &as_context(self)->materialize) < 0) return NULL;
    Py_RETURN_NONE;
}

static PyObject *get_saved_tensors(PyObject *self, void *Py_UNUSED(closure)) {
    FunctionContext *ctx = as_context(self);
    if (ctx->to_save) return Py_NewRef(ctx->to_save);
    if (ctx->released)
        return ext_error(
            ERR_GRAD,
            "Trying to backward through the graph a second time (or directly access saved tensors "
            "after they "
            "have already been freed). Saved intermediate values of the graph are freed when you "
            "call "
            ".backward() or autograd.grad(). Specify retain_graph=True if you need to backward "
            "through the "
            "graph a second time or if you need to access saved tensors after calling backward.");
    PyObject *tuple = PyTuple_New(ctx->nsaved);
    RtScope scope;
    if (!tuple || ext_status(rt_scope_open(&scope)) < 0) {
        Py_XDECREF(tuple);
        return NULL;
    }
    for (int i = 0; tuple && i < ctx->nsaved; i++) {
        PyObject *item =
            ext_wrap(ctx->saved[i] ? rt_saved_take(ctx->saved[i], ctx->node) : RT_NONE);
        if (!item)
            Py_CLEAR(tuple);
        else
            PyTuple_SET_ITEM(tuple, i, item);
    }
    rt_scope_close(scope);
    return tuple;
}

static PyObject *get_needs_input_grad(PyObject *self, void *Py_UNUSED(closure)) {
    PyObject *tuple = as_context(self)->needs_input_grad;
    return Py_NewRef(tuple ? tuple : Py_None);
}

static int context_traverse(PyObject *self, visitproc visit, void *arg) {
    FunctionContext *ctx = as_context(self);
    Py_VISIT(ctx->dict);
    Py_VISIT(ctx->function);
    Py_VISIT(ctx->to_save);
    Py_VISIT(ctx->dirty);
    Py_VISIT(ctx->constant);
    return 0;
}

static int context_clear(PyObject *self) {
    FunctionContext *ctx = as_context(self);
    Py_CLEAR(ctx->dict);
    Py_CLEAR(ctx->to_save);
    Py_CLEAR(ctx->dirty);
    Py_CLEAR(ctx->constant);
    return 0;
}

static void context_dealloc(PyObject *self) {
    FunctionContext *ctx = as_context(self);
    PyObject_GC_UnTrack(self);
    if (ctx->weak) PyObject_ClearWeakRefs(self);
    context_clear(self);
    saved_free(ctx);
    Py_CLEAR(ctx->function);
    Py_CLEAR(ctx->name);
    Py_CLEAR(ctx->needs_input_grad);
    PyMem_Free(ctx->input_of_arg);
    PyMem_Free(ctx->outputs);
    Py_TYPE(self)->tp_free(self);
}

static PyObject *context_repr(PyObject *self) {
    FunctionContext *ctx = as_context(self);
    const char *name = ctx->function ? ((PyTypeObject *)ctx->function)->tp_name : "Function";
    return PyUnicode_FromFormat("<%sBackward object at %p>", name, (void *)self);
}

static PyMethodDef context_methods[] = {
    {"save_for_backward", save_for_backward, METH_VARARGS,
     "save_for_backward($self, *tensors)\n--\n\nKeep inputs or outputs (or None) for backward, as "
     "saved_tensors; call it once."},
    {"mark_dirty", mark_dirty, METH_VARARGS,
     "mark_dirty($self, *tensors)\n--\n\nSay that forward wrote to these inputs in place. They "
     "must be "
     "returned too."},
    {"mark_non_differentiable", mark_non_differentiable, METH_VARARGS,
     "mark_non_differentiable($self, *tensors)\n--\n\nSay that no gradient goes through these "
     "outputs."},
    {"set_materialize_grads", set_materialize_grads, METH_O,
     "set_materialize_grads($self, value)\n--\n\nWhether backward gets zeros (True, as at the "
     "start) or "
     "None for a gradient that "
     "did not come."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef context_properties[] = {
    {"saved_tensors", get_saved_tensors, NULL, "What save_for_backward was given, as a tuple.",
     NULL},
    {"needs_input_grad", get_needs_input_grad, NULL,
     "For each argument of forward whether its gradient is wanted.", NULL},
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict,
     "Attributes that forward left for backward.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

PyTypeObject context_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "rustorch.autograd.function.FunctionCtx",
    .tp_basicsize = sizeof(FunctionContext),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_doc = "What forward of a Function hands to its backward: ``ctx``.\n"
              "\n"
              "Examples\n"
              "--------\n"
              ">>> class Scale(rustorch.autograd.Function):\n"
              "...     @staticmethod\n"
              "...     def forward(ctx, x, factor):\n"
              "...         ctx.save_for_backward(x)\n"
              "...         ctx.factor = factor\n"
              "...         return x * factor\n"
              "...     @staticmethod\n"
              "...     def backward(ctx, grad):\n"
              "...         (x,) = ctx.saved_tensors\n"
              "...         print(ctx.factor, x, ctx.needs_input_grad)\n"
              "...         return grad * ctx.factor, None\n"
              ">>> x = rustorch.ones(1, requires_grad=True)\n"
              ">>> Scale.apply(x, 3).backward()\n"
              "3 tensor([1.], requires_grad=True) (True, False)\n"
              ">>> x.grad\n"
              "tensor([3.])\n",
    .tp_dealloc = context_dealloc,
    .tp_traverse = context_traverse,
    .tp_clear = context_clear,
    .tp_repr = context_repr,
    .tp_dictoffset = offsetof(FunctionContext, dict),
    .tp_weaklistoffset = offsetof(FunctionContext, weak),
    .tp_methods = context_methods,
    .tp_getset = context_properties,
};

FunctionContext *context_new(PyObject *function) {
    FunctionContext *ctx = as_context(context_type.tp_alloc(&context_type, 0));
    if (!ctx) return NULL;
    ctx->function = Py_NewRef(function);
    ctx->materialize = true;
    return ctx;
}
