// autograd.Function: operations whose gradient is written in Python. apply() runs forward without
// recording and then makes one node for the whole.
#include "context.h"

#include <string.h>

static PyTypeObject function_type;

typedef struct Apply { // one call of apply
    FunctionContext *ctx;
    PyObject *args;    // of forward, without ctx
    PyObject *setup;   // setup_context, if there is one
    RtTensor **inputs; // the tensors among them
    int ninputs;
    PyObject *outputs;   // a tuple
    RtTensor **recorded; // for each tensor among the outputs; RT_NONE: no gradient goes through it
    int nrecorded;
    bool executable; // a node is to be made
} Apply;

static int read_inputs(Apply *apply) {
    FunctionContext *ctx = apply->ctx;
    Py_ssize_t n = PyTuple_GET_SIZE(apply->args);
    ctx->nargs = (int)n;
    ctx->input_of_arg = PyMem_Malloc((size_t)(n + 1) * sizeof *ctx->input_of_arg);
    apply->inputs = PyMem_Malloc((size_t)(n + 1) * sizeof *apply->inputs);
    ctx->needs_input_grad = PyTuple_New(n);
    if (!ctx->input_of_arg || !apply->inputs || !ctx->needs_input_grad) {
        if (!PyErr_Occurred()) PyErr_NoMemory();
        return -1;
    }
    bool any = false;
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *arg = PyTuple_GET_ITEM(apply->args, i);
        bool needs = false;
        ctx->input_of_arg[i] = -1;
        if (ext_is_tensor(arg)) {
            RtTensor *tensor = ext_tensor(arg);
            if (!tensor) return -1;
            needs = rt_requires_grad(tensor);
            ctx->input_of_arg[i] = apply->ninputs;
            apply->inputs[apply->ninputs++] = tensor;
        }
        any = any || needs;
        PyTuple_SET_ITEM(ctx->needs_input_grad, i, PyBool_FromLong(needs));
    }
    apply->executable = any && rt_grad_enabled();
    return 0;
}

// setup_context of a Function that has one (a new reference), or NULL.
static int find_setup(PyObject *function, PyObject **out) {
    static PyObject *none;
    if (!none && !(none = PyObject_GetAttrString((PyObject *)&function_type, "setup_context")))
        return -1;
    *out = PyObject_GetAttrString(function, "setup_context");
    if (!*out) return -1;
    if (*out == none) Py_CLEAR(*out);
    return 0;
}

// forward(ctx, *args), or forward(*args) and setup_context(ctx, args, output).
static PyObject *call_forward(Apply *apply, PyObject *function) {
    PyObject *forward = PyObject_GetAttrString(function, "forward"), *result = NULL;
    if (!forward) return NULL;
    if (apply->setup) {
        result = PyObject_Call(forward, apply->args, NULL);
        PyObject *done = result ? PyObject_CallFunctionObjArgs(apply->setup, apply->ctx,
                                                               apply->args, result, NULL)
                                : NULL;
        if (!done) Py_CLEAR(result);
        Py_XDECREF(done);
    } else {
        Py_ssize_t n = PyTuple_GET_SIZE(apply->args);
        PyObject *all = PyTuple_New(1 + n);
        for (Py_ssize_t i = 0; all && i <= n; i++)
            PyTuple_SET_ITEM(
                all, i,
                Py_NewRef(i ? PyTuple_GET_ITEM(apply->args, i - 1) : (PyObject *)apply->ctx));
        result = all ? PyObject_Call(forward, all, NULL) : NULL;
        Py_XDECREF(all);
    }
    Py_DECREF(forward);
    return result;
}

static bool contains(PyObject *tuple, const RtTensor *tensor) {
    for (Py_ssize_t i = 0; tuple && i < PyTuple_GET_SIZE(tuple); i++) {
        PyObject *item = PyTuple_GET_ITEM(tuple, i);
        if (ext_is_tensor(item) && ext_tensor(item) == tensor) return true;
    }
    return false;
}

static bool is_input(const Apply *apply, const RtTensor *tensor) {
    for (int i = 0; i < apply->ninputs; i++)
        if (apply->inputs[i] == tensor) return true;
    return false;
}

// Puts another tensor in place of output i.
static RtTensor *substitute(Apply *apply, Py_ssize_t i, RtTensor *tensor) {
    PyObject *object = ext_wrap(tensor);
    if (!object) return NULL;
    return PyTuple_SetItem(apply->outputs, i, object) < 0 ? NULL : tensor;
}

static int check_dirty(const RtTensor *tensor) {
    if (rt_is_leaf(tensor) && rt_requires_grad(tensor)) {
        ext_error(ERR_GRAD,
                  "a leaf Tensor that requires grad is being used in an in-place operation.");
        return -1;
    }
    if (tensor->base && rt_requires_grad(tensor->base)) {
        ext_error(
            ERR_UNSUPPORTED,
            "a Function cannot write in place to a view of a tensor that requires grad: give it a "
            "clone()");
        return -1;
    }
    return 0;
}

// Decides what becomes of a tensor that forward returned; the result goes into `recorded`.
static int treat_output(Apply *apply, Py_ssize_t i, RtTensor *tensor) {
    FunctionContext *ctx = apply->ctx;
    bool input = is_input(apply, tensor), dirty = contains(ctx->dirty, tensor),
         needs = rt_requires_grad(tensor);
    bool constant = !apply->executable || contains(ctx->constant, tensor) ||
                    rt_dtype_kind((RtDtype)tensor->dtype) != RT_KIND_FLOAT;
    if (dirty && apply->executable && check_dirty(tensor) < 0) return -1;
    // What has a history of its own, or is one of the inputs unchanged, is returned as another
    // tensor over its memory.
    if (!dirty && (needs || (input && apply->executable)) &&
        !(tensor = substitute(apply, i, rt_detach(tensor))))
        return -1;
    FunctionOutput *output = &ctx->outputs[i];
    output->node_output = apply->nrecorded;
    output->like = rt_defaults_factory();
    output->like.size.n = tensor->ndim;
    memcpy(output->like.size.v, tensor->shape, (size_t)tensor->ndim * sizeof(int64_t));
    output->like.dtype = (RtDtype)tensor->dtype;
    output->like.device = tensor->device;
    apply->recorded[apply->nrecorded++] = constant ? RT_NONE : tensor;
    return 0;
}

static int check_all_dirty_returned(const Apply *apply) {
    PyObject *dirty = apply->ctx->dirty;
    for (Py_ssize_t i = 0; dirty && i < PyTuple_GET_SIZE(dirty); i++) {
        RtTensor *tensor = ext_tensor(PyTuple_GET_ITEM(dirty, i));
        if (tensor && contains(apply->outputs, tensor)) continue;
        if (!PyErr_Occurred())
            ext_error(ERR_GRAD,
                      "Some elements marked as dirty during the forward method were not returned "
                      "as output. The "
                      "inputs that are modified inplace must all be outputs of the Function.");
        return -1;
    }
    return 0;
}

static int treat_outputs(Apply *apply) {
    FunctionContext *ctx = apply->ctx;
    if (check_all_dirty_returned(apply) < 0) return -1;
    Py_ssize_t n = PyTuple_GET_SIZE(apply->outputs);
    ctx->nout = (int)n;
    ctx->outputs = PyMem_Calloc((size_t)(n + 1), sizeof *ctx->outputs);
    apply->recorded = PyMem_Malloc((size_t)(n + 1) * sizeof *apply->recorded);
    if (!ctx->outputs || !apply->recorded) {
        PyErr_NoMemory();
        return -1;
    }
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *item = PyTuple_GET_ITEM(apply->outputs, i);
        ctx->outputs[i].node_output = -1;
        if (!ext_is_tensor(item)) continue;
        RtTensor *tensor = ext_tensor(item);
        if (!tensor || treat_output(apply, i, tensor) < 0) return -1;
    }
    bool any = false;
    for (int i = 0; i < apply->nrecorded; i++) any = any || apply->recorded[i] != RT_NONE;
    apply->executable = apply->executable && any;
    return 0;
}

// The tensors given to save_for_backward, now that the node is known.
static int save_all(Apply *apply) {
    FunctionContext *ctx = apply->ctx;
    PyObject *list = ctx->to_save;
    if (!list) return 0;
    Py_ssize_t n = PyTuple_GET_SIZE(list);
    ctx->saved = PyMem_Calloc((size_t)(n + 1), sizeof *ctx->saved);
    if (!ctx->saved) {
        PyErr_NoMemory();
        return -1;
    }
    ctx->nsaved = (int)n;
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *item = PyTuple_GET_ITEM(list, i);
        if (item == Py_None) continue;
        RtTensor *tensor = ext_tensor(item);
        if (!tensor) return -1;
        int output = -1;
        for (int k = 0; k < apply->nrecorded; k++)
            if (apply->recorded[k] == tensor) output = k;
        ctx->saved[i] = output >= 0 ? rt_save(tensor, ctx->node, output) : rt_save(tensor, NULL, 0);
        if (!ctx->saved[i]) {
            ext_raise();
            return -1;
        }
    }
    Py_CLEAR(ctx->to_save);
    return 0;
}

static int record(Apply *apply) {
    FunctionContext *ctx = apply->ctx;
    ctx->name = PyUnicode_FromFormat("%sBackward", ((PyTypeObject *)ctx->function)->tp_name);
    const char *name = ctx->name ? PyUnicode_AsUTF8(ctx->name) : NULL;
    if (!name) return -1;
    Py_INCREF(ctx); // the node's
    RtFunction function = context_function;
    function.name = name;
    Status status = rt_function_record(&function, ctx, apply->inputs, apply->ninputs,
                                       apply->recorded, apply->nrecorded, &ctx->node);
    if (ext_status(status) < 0) return -1;
    return save_all(apply);
}

static int run_apply(Apply *apply, PyObject *function, bool *out_single) {
    if (read_inputs(apply) < 0) return -1;
    bool mode = rt_grad_enabled();
    rt_set_grad_enabled(false);
    PyObject *result = call_forward(apply, function);
    rt_set_grad_enabled(mode);
    if (!result) return -1;
    *out_single = !PyTuple_Check(result) && !PyList_Check(result);
    if (*out_single)
        apply->outputs = PyTuple_Pack(1, result);
    else { // a tuple of our own: items may be replaced
        apply->outputs = PyTuple_New(PySequence_Size(result));
        for (Py_ssize_t i = 0; apply->outputs && i < PyTuple_GET_SIZE(apply->outputs); i++)
            PyTuple_SET_ITEM(apply->outputs, i, PySequence_GetItem(result, i));
    }
    Py_DECREF(result);
    if (!apply->outputs || treat_outputs(apply) < 0) return -1;
    return apply->executable ? record(apply) : 0;
}

// The arguments by position; keywords, and what setup_context should see of defaults, are the
// business of _bind.
static PyObject *bind(PyObject *function, PyObject *args, PyObject *kwargs, bool setup) {
    bool named = kwargs && PyDict_GET_SIZE(kwargs) > 0;
    if (!setup && named)
        return ext_error(ERR_TYPE,
                         "%s.apply() takes no keyword arguments unless setup_context is written",
                         ((PyTypeObject *)function)->tp_name);
    if (!setup) return Py_NewRef(args);
    PyObject *bound = PyObject_CallMethod(function, "_bind", "OO", args, named ? kwargs : Py_None);
    if (!bound || PyTuple_Check(bound)) return bound;
    Py_DECREF(bound);
    return ext_error(ERR_TYPE, "_bind must return a tuple");
}

static PyObject *function_apply(PyObject *function, PyObject *args, PyObject *kwargs) {
    Apply apply = {0};
    PyObject *result = NULL;
    bool single = false;
    RtScope scope;
    if (find_setup(function, &apply.setup) < 0 ||
        !(apply.args = bind(function, args, kwargs, apply.setup != NULL)))
        goto out;
    apply.ctx = context_new(function);
    if (apply.ctx && ext_status(rt_scope_open(&scope)) == 0) {
        if (run_apply(&apply, function, &single) == 0)
            result = Py_NewRef(single ? PyTuple_GET_ITEM(apply.outputs, 0) : apply.outputs);
        rt_scope_close(scope);
    }
out:
    Py_XDECREF(apply.outputs);
    Py_XDECREF(apply.ctx);
    Py_XDECREF(apply.args);
    Py_XDECREF(apply.setup);
    PyMem_Free(apply.inputs);
    PyMem_Free(apply.recorded);
    return result;
}

// Function's base --------------------------------------------------------------------------------

static PyObject *no_forward(PyObject *Py_UNUSED(none), PyObject *Py_UNUSED(args)) {
    return ext_error(ERR_UNSUPPORTED,
                     "You must implement the forward function for custom autograd.Function.");
}
static PyObject *no_setup(PyObject *Py_UNUSED(none), PyObject *Py_UNUSED(args)) {
    return ext_error(ERR_UNSUPPORTED, "setup_context is not implemented.");
}
static PyObject *no_backward(PyObject *Py_UNUSED(none), PyObject *Py_UNUSED(args)) {
    return ext_error(ERR_UNSUPPORTED,
                     "You must implement either the backward or vjp method for your custom "
                     "autograd.Function to use it with backward mode AD.");
}

static PyMethodDef function_methods[] = {
    {"apply", (PyCFunction)(void (*)(void))function_apply,
     METH_CLASS | METH_VARARGS | METH_KEYWORDS,
     "apply(*args)\n--\n\nRun forward on args and record it, so that backward gives the gradient."},
    {"forward", no_forward, METH_STATIC | METH_VARARGS,
     "forward(ctx, *args)\n--\n\nTo be written: the operation. Without ctx if setup_context is "
     "written too."},
    {"setup_context", no_setup, METH_STATIC | METH_VARARGS,
     "setup_context(ctx, inputs, output)\n--\n\nMay be written: fills ctx, apart from forward."},
    {"backward", no_backward, METH_STATIC | METH_VARARGS,
     "backward(ctx, *grad_outputs)\n--\n\nTo be written: the gradient of each argument of forward, "
     "or None."},
    {NULL, NULL, 0, NULL},
};

static PyTypeObject function_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "rustorch._C._FunctionBase",
    .tp_basicsize = sizeof(PyObject),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .tp_doc = "The base of rustorch.autograd.Function.",
    .tp_methods = function_methods,
    .tp_new = PyType_GenericNew, // an instance computes nothing, and Python says so
};

int function_add_types(PyObject *module) {
    if (PyType_Ready(&context_type) < 0 || PyType_Ready(&function_type) < 0) return -1;
    if (PyModule_AddObjectRef(module, "FunctionCtx", (PyObject *)&context_type) < 0) return -1;
    return PyModule_AddObjectRef(module, "_FunctionBase", (PyObject *)&function_type);
}
