#include "ops.h"

#include <string.h>

// Below this work an op runs with the GIL held: giving it up and taking it back would cost more.
#define QUIET_WORK 10000

static PyTypeObject function_type, method_type;
static PyObject *functions, *methods; // dicts: name → Op

// ----------------------------------------------------------------------------------------------
// running

static int64_t shape_work(const Overload *overload, const void *attrs) { // of a factory
    int64_t numel = 0;
    for (int i = 0; i < overload->nparams; i++) {
        const RtFieldRow *field = overload->param[i].field;
        if (!field || (field->type != RT_FIELD_INTS && field->type != RT_FIELD_INT)) continue;
        int64_t count = 1;
        if (field->type == RT_FIELD_INTS) {
            const RtInts *size = (const RtInts *)((const char *)attrs + field->offset);
            for (int k = 0; k < size->n; k++)
                if (size->v[k] < 0 || __builtin_mul_overflow(count, size->v[k], &count))
                    return 0; // an error follows
        } else {
            count = *(const int64_t *)((const char *)attrs + field->offset);
        }
        if (count > numel) numel = count;
    }
    return numel;
}

static int64_t work_of(const Overload *overload, RtTensor *const *in, int nin, const void *attrs) {
    if (overload->row->kind == RT_ROW_VIEW) return 0;
    if (nin == 0) return shape_work(overload, attrs);
    int64_t work = in[0]->numel;
    for (int i = 1; i < nin; i++)
        if (in[i]->numel > work) work = in[i]->numel;
    if (nin > 1 && in[0]->numel != in[1]->numel) { // perhaps broadcast against each other
        int64_t product;
        if (__builtin_mul_overflow(in[0]->numel, in[1]->numel, &product) || product > work)
            work = product;
    }
    return overload->heavy ? work * 16 : work;
}

static Status apply(const Overload *overload, RtTensor *const *in, int nin, const void *attrs,
                    RtTensor *const *given, RtTensor **out) {
    if (work_of(overload, in, nin, attrs) <= QUIET_WORK)
        return rt_apply(overload->row->op, in, nin, attrs, given, out);
    Status status;
    EXT_UNLOCKED(status = rt_apply(overload->row->op, in, nin, attrs, given, out));
    return status;
}

// The short way: every argument is a tensor for the input of its place. `in` has room for all
// inputs of the row.
static PyObject *run_fast(const Overload *overload, RtTensor **in, int n, RtScope scope) {
    RtTensor *out[RT_MAX_OUT];
    int nin = overload->row->nin;
    for (int i = n; i < nin; i++) in[i] = RT_NONE;
    Status status = apply(overload, in, nin, overload->attrs, overload->inplace ? in : NULL, out);
    PyObject *result = status < 0 ? ext_raise() : ext_wrap(out[0]);
    rt_scope_close(scope);
    return result;
}

static PyObject *run_list(const Overload *overload, RtTensor *const *in, int nin,
                          const void *attrs) {
    RtTensor **out;
    int nout;
    Status status;
    if (work_of(overload, in, nin, attrs) > QUIET_WORK)
        EXT_UNLOCKED(status = rt_apply_list(overload->row->op, in, nin, attrs, &out, &nout));
    else
        status = rt_apply_list(overload->row->op, in, nin, attrs, &out, &nout);
    return status < 0 ? ext_raise() : ext_wrap_list(out, nout);
}

static int fill_given(const Overload *overload, const Bound *bound, RtTensor *const *in,
                      RtTensor **given) {
    memset(given, 0, RT_MAX_OUT * sizeof *given);
    if (overload->inplace) {
        given[0] = in[0];
        return 1;
    }
    for (int i = 0; i < overload->nparams; i++) {
        PyObject *value = bound->value[i];
        if (overload->param[i].type != PARAM_OUT || !value || value == Py_None) continue;
        for (int k = 0; k < overload->nresults; k++)
            if (!(given[k] =
                      ext_tensor(is_tensor(value) ? value : PySequence_Fast_GET_ITEM(value, k))))
                return -1;
        return 1;
    }
    return 0;
}

static PyObject *run_stored(Overload *overload, const Bound *bound, RtTensor *const *in, int nin,
                            const void *attrs) {
    RtTensor *given[RT_MAX_OUT], *out[RT_MAX_OUT];
    if (overload->result == RESULT_LIST) return run_list(overload, in, nin, attrs);
    int writes = fill_given(overload, bound, in, given);
    if (writes < 0) return NULL;
    if (apply(overload, in, nin, attrs, writes ? given : NULL, out) < 0) return ext_raise();
    if (overload->requires_grad >= 0 &&
        *(const bool *)((const char *)attrs + overload->requires_grad) &&
        rt_set_requires_grad(out[0], true) < 0)
        return ext_raise();
    return result_wrap(overload, out);
}

static PyObject *run_bound(Overload *overload, const Bound *bound, RtTensor *const *in, int nin) {
    _Alignas(16) char room[MAX_ATTRS_BYTES];
    const void *attrs;
    PyObject *result = NULL;
    if (bind_attrs(overload, bound, room, &attrs) == 0)
        result = run_stored(overload, bound, in, nin, attrs);
    bind_clear(overload, attrs);
    return result;
}

typedef struct Inputs { // of one call
    RtTensor *local[RT_MAX_IN], **in;
    int n, room;
    PyObject *owner; // keeps the items of lists alive
} Inputs;

static int inputs_add(Inputs *inputs, RtTensor *tensor) {
    if (inputs->n == inputs->room) {
        size_t bytes = (size_t)inputs->room * 2 * sizeof *inputs->in;
        RtTensor **more = PyMem_Malloc(bytes);
        if (!more) return PyErr_NoMemory(), -1;
        memcpy(more, inputs->in, (size_t)inputs->n * sizeof *more);
        if (inputs->in != inputs->local) PyMem_Free(inputs->in);
        inputs->in = more;
        inputs->room *= 2;
    }
    inputs->in[inputs->n++] = tensor;
    return 0;
}

static int inputs_add_list(Inputs *inputs, PyObject *sequence) {
    ExtTensors list;
    int status = 0;
    if (ext_tensors_read(sequence, &list) < 0) return -1;
    for (int i = 0; status == 0 && i < list.n; i++) status = inputs_add(inputs, list.items[i]);
    PyMem_Free(list.items);
    Py_XSETREF(inputs->owner, list.owner); // the tensors live until the op is over
    return status;
}

static int inputs_add_value(Inputs *inputs, const Overload *overload, const Param *param,
                            PyObject *value) {
    if (param->type == PARAM_TENSORS) return inputs_add_list(inputs, value);
    if (!value || value == Py_None) return inputs_add(inputs, RT_NONE);
    if (is_tensor(value)) {
        RtTensor *tensor = ext_tensor(value);
        return tensor ? inputs_add(inputs, tensor) : -1;
    }
    RtScalar number;
    if (ext_scalar(value, PyUnicode_AsUTF8(param->name), &number) < 0) return -1;
    RtTensor *tensor = convert_wrapped(number);
    if (!tensor) return ext_raise(), -1;
    if (overload->inplace && param->input == 0)
        return ext_error(ERR_TYPE, "%U(): a number cannot be changed in place", overload->name), -1;
    return inputs_add(inputs, tensor);
}

static int inputs_fill(Inputs *inputs, const Overload *overload, const Bound *bound) {
    for (int i = 0; i < overload->nparams; i++) {
        const Param *param = &overload->param[i];
        if (param->input < 0) continue;
        if (param->type == PARAM_TENSORS && !bound->value[i]) {
            for (Py_ssize_t k = 0; k < bound->nrest; k++) {
                RtTensor *tensor = ext_tensor(bound->rest[k]);
                if (!tensor || inputs_add(inputs, tensor) < 0) return -1;
            }
        } else if (inputs_add_value(inputs, overload, param, bound->value[i]) < 0) {
            return -1;
        }
    }
    while (inputs->n < overload->row->nin) // an overload with fewer tensors than the row
        if (inputs_add(inputs, RT_NONE) < 0) return -1;
    return 0;
}

static PyObject *run(Overload *overload, const Bound *bound) {
    RtScope scope;
    if (ext_status(rt_scope_open(&scope)) < 0) return NULL;
    Inputs inputs = {.in = inputs.local, .room = RT_MAX_IN};
    PyObject *result = NULL;
    if (inputs_fill(&inputs, overload, bound) == 0)
        result = run_bound(overload, bound, inputs.in, inputs.n);
    rt_scope_close(scope);
    if (inputs.in != inputs.local) PyMem_Free(inputs.in);
    Py_XDECREF(inputs.owner);
    return result;
}

// ----------------------------------------------------------------------------------------------
// calling

static Overload *find_match(const Op *op, PyObject *const *args, Py_ssize_t nargs,
                            PyObject *kwnames, bool loose, Bound *bound) {
    for (int i = 0; i < op->n; i++)
        if (bind_match(op->overloads[i], args, nargs, kwnames, loose, bound) == MATCH)
            return op->overloads[i];
    return NULL;
}

// First tensors are tensors; only if nothing fits, in an older order neither, may one of a single
// element stand for a number.
static PyObject *call_parsed(Op *op, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames) {
    Bound bound;
    OldOrder old;
    Overload *fits = find_match(op, args, nargs, kwnames, false, &bound);
    if (fits) return run(fits, &bound);
    int is_old = op_old_order(op, args, nargs, kwnames, &old);
    if (is_old < 0) return NULL;
    if (is_old) {
        fits = find_match(op, old.args, old.nargs, old.kwnames, false, &bound);
        PyObject *result = fits ? run(fits, &bound) : NULL;
        Py_DECREF(old.kwnames);
        if (fits) return result;
    }
    fits = find_match(op, args, nargs, kwnames, true, &bound);
    if (fits) return run(fits, &bound);
    return message_no_match(op->name, op->overloads, op->n, op->method, args, nargs, kwnames);
}

// Length of the name of a row with which the text begins, before ": "; 0: it begins otherwise.
static Py_ssize_t leading_row(const char *text) {
    const char *end = strstr(text, ": ");
    for (int op = 0; end && op < OP_COUNT; op++) {
        const char *name = rt_op_row((RtOp)op)->name;
        if (strlen(name) == (size_t)(end - text) && !strncmp(text, name, strlen(name)))
            return end - text;
    }
    return 0;
}

// What was wrong with the arguments is told as an error of the function that was called: one that is
// made of others fails with the name of one of those.
static PyObject *name_error(const Op *op) {
    static const Status codes[] = {ERR_SHAPE, ERR_DTYPE, ERR_TYPE,
                                   ERR_VALUE, ERR_INDEX, ERR_UNSUPPORTED};
    bool ours = false;
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        ours = ours || PyErr_ExceptionMatches(ext_error_class(codes[i]));
    const char *name = ours ? PyUnicode_AsUTF8(op->name) : NULL;
    if (!name || name[0] == '_') return NULL;
    size_t length = strlen(name) - (name[strlen(name) - 1] == '_');
    PyObject *class, *error, *trace;
    PyErr_Fetch(&class, &error, &trace);
    PyErr_NormalizeException(&class, &error, &trace);
    PyObject *message = PyObject_Str(error);
    const char *text = message ? PyUnicode_AsUTF8(message) : NULL;
    char called[80];
    snprintf(called, sizeof called, "%s()", name);
    const char *behind = text && !strncmp(text, name, length) ? text + length : NULL;
    if (behind && *behind == '_') behind++; // of the form that writes in place
    bool named = behind && strchr(":( ", *behind);
    if (text && !named && !strstr(text, called)) {
        Py_ssize_t inner = leading_row(text);
        PyObject *args =
            inner ? Py_BuildValue("(N)", PyUnicode_FromFormat("%s%s", name, text + inner))
                  : Py_BuildValue("(N)", PyUnicode_FromFormat("%s: %s", called, text));
        if (args) PyObject_SetAttrString(error, "args", args);
        Py_XDECREF(args);
    }
    Py_XDECREF(message);
    PyErr_Restore(class, error, trace);
    return NULL;
}

static PyObject *call_op(Op *op, PyObject *const *args, Py_ssize_t n, PyObject *kwnames) {
    if (!kwnames && n >= 1 && n <= MAX_FAST && op->fast[n]) {
        RtTensor *in[RT_MAX_IN];
        RtScope scope;
        Py_ssize_t i = 0;
        while (i < n && is_tensor(args[i]) && (in[i] = tensor_of(args[i]))) i++;
        if (i == n)
            return rt_scope_open(&scope) < 0 ? ext_raise()
                                             : run_fast(op->fast[n], in, (int)n, scope);
    }
    if (op->method && (n == 0 || !is_tensor(args[0])))
        return ext_error(ERR_TYPE, "Tensor.%U() needs a Tensor as its first argument", op->name);
    return call_parsed(op, args, n, kwnames);
}

static PyObject *op_call(PyObject *callable, PyObject *const *args, size_t nargsf,
                         PyObject *kwnames) {
    Op *op = (Op *)callable;
    PyObject *result = call_op(op, args, PyVectorcall_NARGS(nargsf), kwnames);
    return result ? result : name_error(op);
}

PyObject *op_single(Op *op, PyObject *a) { return op_call((PyObject *)op, &a, 1, NULL); }

// A number beside a tensor of its kind or a higher one takes the tensor's dtype at once: promotion
// would give it that. Not beside f16 and bf16: the door may keep it in f32.
static RtTensor *operand(PyObject *object, PyObject *other) {
    RtScalar value;
    if (is_tensor(object)) return ext_tensor(object);
    RtTensor *beside = is_tensor(other) ? tensor_of(other) : NULL;
    if (ext_scalar(object, "operand", &value) < 0) return NULL;
    RtKind kind = value.kind == RT_SCALAR_FLOAT ? RT_KIND_FLOAT
                  : value.kind == RT_SCALAR_INT ? RT_KIND_INT
                                                : RT_KIND_BOOL;
    bool at_once = beside && kind <= rt_dtype_kind((RtDtype)beside->dtype) &&
                   beside->dtype != RT_F16 && beside->dtype != RT_BF16;
    RtTensor *tensor =
        at_once ? rt_tensor_scalar(value, (RtDtype)beside->dtype, true) : convert_wrapped(value);
    return tensor ? tensor : (RtTensor *)ext_raise();
}

PyObject *op_pair(Op *op, PyObject *a, PyObject *b) {
    bool tensor_a = is_tensor(a), tensor_b = is_tensor(b);
    const Overload *overload = tensor_a && tensor_b ? op->fast[2] : op->pair;
    if (!overload || !(tensor_a || (!overload->inplace && ext_is_number(a))) ||
        !(tensor_b || ext_is_number(b)))
        Py_RETURN_NOTIMPLEMENTED;
    RtScope scope;
    RtTensor *in[RT_MAX_IN];
    if (rt_scope_open(&scope) < 0) return ext_raise();
    if (!(in[0] = operand(a, b)) || !(in[1] = operand(b, a))) {
        rt_scope_close(scope);
        return NULL;
    }
    return run_fast(overload, in, 2, scope);
}

// ----------------------------------------------------------------------------------------------
// the objects

static PyObject *op_repr(Op *op) {
    return PyUnicode_FromFormat(op->method ? "<method '%U' of 'rustorch.Tensor' objects>"
                                           : "<built-in function rustorch.%U>",
                                op->name);
}
static PyObject *op_name(Op *op, void *Py_UNUSED(closure)) { return Py_NewRef(op->name); }
static PyObject *op_qualname(Op *op, void *Py_UNUSED(closure)) {
    return op->method ? PyUnicode_FromFormat("Tensor.%U", op->name) : Py_NewRef(op->name);
}
static PyObject *op_module(Op *Py_UNUSED(op), void *Py_UNUSED(closure)) {
    return PyUnicode_FromString("rustorch");
}

static PyObject *op_signatures(Op *op, void *Py_UNUSED(closure)) {
    PyObject *tuple = PyTuple_New(op->n);
    for (int i = 0; tuple && i < op->n; i++) {
        PyObject *text = signature_text(op->overloads[i], op->method);
        if (!text)
            Py_CLEAR(tuple);
        else
            PyTuple_SET_ITEM(tuple, i, text);
    }
    return tuple;
}

// One overload for the stub generator: ((name, type, default or None, "positional" | "keyword" |
// "rest") …), result, names.
static PyObject *overload_parts(const Overload *overload) {
    static const char *const results[] = {"Tensor", "tuple", "list", "number"};
    PyObject *params = PyTuple_New(overload->nparams);
    for (int i = 0; params && i < overload->nparams; i++) {
        const Param *param = &overload->param[i];
        PyObject *part = Py_BuildValue("(OOOs)", param->name, param->type_text,
                                       param->default_text ? param->default_text : Py_None,
                                       param->keyword_only ? "keyword"
                                       : param->variadic   ? "rest"
                                                           : "positional");
        if (!part)
            Py_CLEAR(params);
        else
            PyTuple_SET_ITEM(params, i, part);
    }
    if (!params) return NULL;
    return Py_BuildValue("(NsOi)", params, results[overload->result],
                         overload->result_names ? overload->result_names : Py_None,
                         overload->nresults);
}

static PyObject *op_overloads(Op *op, void *Py_UNUSED(closure)) {
    PyObject *tuple = PyTuple_New(op->n);
    for (int i = 0; tuple && i < op->n; i++) {
        PyObject *parts = overload_parts(op->overloads[i]);
        if (!parts)
            Py_CLEAR(tuple);
        else
            PyTuple_SET_ITEM(tuple, i, parts);
    }
    return tuple;
}

static PyObject *op_text_signature(Op *op, void *Py_UNUSED(closure)) {
    if (op->n == 1) return signature_inspect_text(op->overloads[0], op->method);
    return PyUnicode_FromString(op->method ? "($self, *args, **kwargs)" : "(*args, **kwargs)");
}

static PyObject *op_doc(Op *op, void *Py_UNUSED(closure)) {
    PyObject *signatures = op_signatures(op, NULL), *newline = PyUnicode_FromString("\n");
    PyObject *head = signatures && newline ? PyUnicode_Join(newline, signatures) : NULL,
             *doc = NULL;
    if (head)
        doc = PyUnicode_FromFormat("%U\n\n%s%s", head, op->overloads[0]->row->doc,
                                   op->overloads[0]->inplace ? " Written to self." : "");
    Py_XDECREF(head);
    Py_XDECREF(newline);
    Py_XDECREF(signatures);
    return doc;
}

static PyObject *op_reduce(Op *op, PyObject *Py_UNUSED(unused)) {
    if (!op->method) return Py_NewRef(op->name);
    PyObject *builtins = PyEval_GetBuiltins(),
             *get = builtins ? PyDict_GetItemString(builtins, "getattr") : NULL;
    return get ? Py_BuildValue("(O(OO))", get, &tensor_type, op->name) : NULL;
}

// A function is no method, even as an attribute of a user's class: `act = rustorch.relu` stays a
// function of one tensor.
static PyObject *function_get(PyObject *op, PyObject *Py_UNUSED(object),
                              PyObject *Py_UNUSED(type)) {
    return Py_NewRef(op);
}
static PyObject *method_get(PyObject *op, PyObject *object, PyObject *Py_UNUSED(type)) {
    return !object || object == Py_None ? Py_NewRef(op) : PyMethod_New(op, object);
}

static PyGetSetDef op_getset[] = {
    {"__name__", (getter)op_name, NULL, NULL, NULL},
    {"__qualname__", (getter)op_qualname, NULL, NULL, NULL},
    {"__module__", (getter)op_module, NULL, NULL, NULL},
    {"__doc__", (getter)op_doc, NULL, NULL, NULL},
    {"__text_signature__", (getter)op_text_signature, NULL, NULL, NULL},
    {"__overloads__", (getter)op_overloads, NULL, "The signatures, taken apart: for the stubs.",
     NULL},
    {"__signatures__", (getter)op_signatures, NULL, "The accepted signatures, one a string.", NULL},
    {0}};
static PyMethodDef op_methods[] = {{"__reduce__", (PyCFunction)op_reduce, METH_NOARGS, NULL}, {0}};

#define OP_TYPE(type_, name_, flags_, get_)                                                        \
    static PyTypeObject type_ = {                                                                  \
        PyVarObject_HEAD_INIT(NULL, 0).tp_name = name_,                                            \
        .tp_basicsize = sizeof(Op),                                                                \
        .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL | (flags_),                    \
        .tp_vectorcall_offset = offsetof(Op, vectorcall),                                          \
        .tp_call = PyVectorcall_Call,                                                              \
        .tp_repr = (reprfunc)op_repr,                                                              \
        .tp_getset = op_getset,                                                                    \
        .tp_methods = op_methods,                                                                  \
        .tp_descr_get = get_,                                                                      \
    }
OP_TYPE(function_type, "rustorch.op_function", 0, function_get);
OP_TYPE(method_type, "rustorch.op_method", Py_TPFLAGS_METHOD_DESCRIPTOR, method_get);

// ----------------------------------------------------------------------------------------------
// from the table

static Op *op_for(PyObject *table, PyObject *name, bool method) {
    Op *op = (Op *)PyDict_GetItem(table, name);
    if (op) return op;
    op = PyObject_New(Op, method ? &method_type : &function_type);
    if (!op) return NULL;
    memset((char *)op + sizeof(PyObject), 0, sizeof *op - sizeof(PyObject));
    op->vectorcall = op_call;
    op->name = Py_NewRef(name);
    op->method = method;
    int status = PyDict_SetItem(table, name, (PyObject *)op);
    Py_DECREF(op);
    return status < 0 ? NULL : op;
}

static bool takes_tensor(const Param *param, int input) {
    return (param->type == PARAM_TENSOR || param->type == PARAM_TENSOR_OR_NUMBER) &&
           param->input == input && !param->keyword_only;
}

// Does a call with n tensors, and nothing else, fit the overload?
static bool is_fast(const Overload *overload, int n) {
    if (overload->result != RESULT_TENSOR || overload->row->nin < n || overload->requires_grad >= 0)
        return false;
    for (int i = 0; i < overload->nparams; i++) {
        const Param *param = &overload->param[i];
        if (i < n ? !takes_tensor(param, i) : param->required) return false;
        if (i >= n && param->variadic) return false;
    }
    return overload->nparams >= n;
}

static int op_add(PyObject *table, Overload *overload, bool method) {
    Op *op = op_for(table, overload->name, method);
    if (!op) return -1;
    Overload **more = PyMem_Realloc(op->overloads, (size_t)(op->n + 1) * sizeof *more);
    if (!more) return PyErr_NoMemory(), -1;
    op->overloads = more;
    op->overloads[op->n++] = overload;
    for (int n = 1; n <= MAX_FAST; n++)
        if (!op->fast[n] && is_fast(overload, n)) op->fast[n] = overload;
    if (!op->pair && is_fast(overload, 2) && overload->row->nin == 2 &&
        overload->param[1].type == PARAM_TENSOR_OR_NUMBER)
        op->pair = overload;
    return 0;
}

static int add_row(const RtOpRow *row, bool inplace) {
    const char *text = row->signatures;
    while (*text) {
        Overload *overload = signature_parse(row, &text, inplace);
        if (!overload) return -1;
        bool as_function = !(row->flags & RT_FLAG_NOFUNC) && (!inplace || row->nin == 1);
        bool as_method = !(row->flags & RT_FLAG_NOMETHOD) && overload->method;
        if (inplace && (!overload->method || overload->result != RESULT_TENSOR)) {
            signature_drop(overload);
            continue;
        }
        if (as_function && op_add(functions, overload, false) < 0) return -1;
        if (as_method && op_add(methods, overload, true) < 0) return -1;
    }
    return 0;
}

Op *op_method(const char *name) {
    return methods ? (Op *)PyDict_GetItemString(methods, name) : NULL;
}

// _table() lists the rows: name, kind, family, differentiable, signatures, doc. Stubs and
// docs/ops.md come from it.
static PyObject *list_table(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(unused)) {
    static const char *const kinds[] = {"kernel", "view", "made"};
    PyObject *list = PyList_New(0);
    for (int i = 0; list && i < rt_op_count(); i++) {
        const RtOpRow *row = rt_op_row(i);
        PyObject *item = Py_BuildValue("{ss ss ss sO si ss ss}", "name", row->name, "kind",
                                       kinds[row->kind], "family", row->family, "differentiable",
                                       row->differentiable ? Py_True : Py_False, "flags",
                                       row->flags, "signatures", row->signatures, "doc", row->doc);
        if (!item || PyList_Append(list, item) < 0) Py_CLEAR(list);
        Py_XDECREF(item);
    }
    return list;
}

// _return_type(name): the named tuple of the function's results, for rustorch.return_types.
static PyObject *return_type(PyObject *Py_UNUSED(module), PyObject *name) {
    Op *op = (Op *)PyDict_GetItem(functions, name);
    if (!op) op = (Op *)PyDict_GetItem(methods, name);
    for (int i = 0; op && i < op->n; i++)
        if (op->overloads[i]->result_names) {
            PyTypeObject *type = result_type(op->overloads[i]);
            return type ? Py_NewRef((PyObject *)type) : NULL;
        }
    PyErr_Format(PyExc_AttributeError, "rustorch.return_types has no '%S'", name);
    return NULL;
}

static PyMethodDef module_functions[] = {
    {"_table", list_table, METH_NOARGS, "The rows of the table of ops."},
    {"_return_type", return_type, METH_O, "The named tuple that a function returns."},
    {0}};

int ext_add_ops(PyObject *module) {
    functions = PyDict_New();
    methods = PyDict_New();
    if (!functions || !methods || PyType_Ready(&function_type) < 0 ||
        PyType_Ready(&method_type) < 0)
        return -1;
    for (int i = 0; i < rt_op_count(); i++) {
        const RtOpRow *row = rt_op_row(i);
        if (row->flags & RT_FLAG_HIDDEN) continue;
        if (add_row(row, false) < 0 || (row->flags & RT_FLAG_INPLACE && add_row(row, true) < 0))
            return -1;
    }
    PyObject *ops = PyModule_New("rustorch._C._ops");
    if (!ops || PyDict_Update(PyModule_GetDict(ops), functions) < 0 ||
        PyModule_AddObjectRef(module, "_ops", ops) < 0 ||
        PyDict_SetItemString(PyImport_GetModuleDict(), "rustorch._C._ops", ops) <
            0) // for `from ._C._ops import *`
        return -1;
    Py_DECREF(ops);
    if (PyDict_Update(tensor_type.tp_dict, methods) < 0) return -1;
    PyType_Modified(&tensor_type);
    if (PyModule_AddIntConstant(module, "_INPLACE", RT_FLAG_INPLACE) < 0 ||
        PyModule_AddIntConstant(module, "_OUT", RT_FLAG_OUT) < 0 ||
        PyModule_AddIntConstant(module, "_HIDDEN", RT_FLAG_HIDDEN) < 0)
        return -1;
    return number_resolve() < 0 ? -1 : PyModule_AddFunctions(module, module_functions);
}
