// equal, isclose and allclose, made of ops; and new_tensor.
#include "methods.h"

static bool same_shape(const RtTensor *a, const RtTensor *b) {
    if (a->ndim != b->ndim) return false;
    for (int i = 0; i < a->ndim; i++)
        if (a->shape[i] != b->shape[i]) return false;
    return true;
}

// Are all elements of a tensor of bools true? Takes over the reference; NULL stays NULL.
static PyObject *all_true(PyObject *flags) {
    PyObject *all = flags ? ext_method("all", flags, NULL) : NULL;
    int truth = all ? PyObject_IsTrue(all) : -1;
    Py_XDECREF(all);
    Py_XDECREF(flags);
    return truth < 0 ? NULL : PyBool_FromLong(truth);
}

// A function's first argument may be called input; a method has it from the left of the dot.
static PyObject *equal(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t nargs,
                       PyObject *kwnames) {
    static const char *const names[] = {"input", "other", NULL};
    PyObject *in[2];
    RtTensor *a, *b;
    if (ext_arguments("equal", names, 2, 2, args, nargs, kwnames, in) < 0 ||
        !(a = ext_tensor(in[0])) || !(b = ext_tensor(in[1])))
        return NULL;
    if (!same_shape(a, b)) Py_RETURN_FALSE;
    return all_true(ext_method("eq", in[0], "(O)", in[1]));
}

// method(self, argument) with all references taken over; NULL stays NULL.
static PyObject *then(PyObject *self, const char *method, PyObject *argument) {
    PyObject *result = self && argument ? ext_method(method, self, "(O)", argument) : NULL;
    Py_XDECREF(self);
    Py_XDECREF(argument);
    return result;
}

// a == b, or |a - b| <= atol + rtol * |b| where b is finite, or both NaN if equal_nan.
static PyObject *close_flags(PyObject *a, PyObject *b, double rtol, double atol, bool equal_nan) {
    PyObject *distance = ext_method("sub", a, "(O)", b),
             *gap = distance ? ext_method("abs", distance, NULL) : NULL;
    PyObject *size = ext_method("abs", b, NULL);
    PyObject *bound =
        then(then(size, "mul", PyFloat_FromDouble(rtol)), "add", PyFloat_FromDouble(atol));
    PyObject *near = then(then(gap, "le", bound), "bitwise_and", ext_method("isfinite", b, NULL));
    PyObject *close = then(near, "bitwise_or", ext_method("eq", a, "(O)", b));
    Py_XDECREF(distance);
    if (!equal_nan) return close;
    return then(close, "bitwise_or",
                then(ext_method("isnan", a, NULL), "bitwise_and", ext_method("isnan", b, NULL)));
}

static PyObject *close_by(const char *function, PyObject *const *args, Py_ssize_t nargs,
                          PyObject *kwnames) {
    static const char *const names[] = {"input", "other", "rtol", "atol", "equal_nan", NULL};
    PyObject *in[5];
    bool equal_nan;
    RtScalar rtol = rt_float(1e-5), atol = rt_float(1e-8);
    if (ext_arguments(function, names, 5, 2, args, nargs, kwnames, in) < 0 || !ext_tensor(in[0]) ||
        !ext_tensor(in[1]) || ext_flag(in[4], "equal_nan", false, &equal_nan) < 0 ||
        (in[2] && ext_scalar(in[2], "rtol", &rtol) < 0) ||
        (in[3] && ext_scalar(in[3], "atol", &atol) < 0))
        return NULL;
    if (tensor_of(in[0])->dtype != tensor_of(in[1])->dtype)
        return ext_error(ERR_DTYPE, "%s(): tensors of one dtype are needed, not %s and %s",
                         function, rt_dtype_name((RtDtype)tensor_of(in[0])->dtype),
                         rt_dtype_name((RtDtype)tensor_of(in[1])->dtype));
    if (tensor_of(in[0])->dtype == RT_BOOL) return ext_method("eq", in[0], "(O)", in[1]);
    return close_flags(in[0], in[1], rt_scalar_double(rtol), rt_scalar_double(atol), equal_nan);
}

static PyObject *isclose(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t nargs,
                         PyObject *kwnames) {
    return close_by("isclose", args, nargs, kwnames);
}
static PyObject *allclose(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t nargs,
                          PyObject *kwnames) {
    return all_true(close_by("allclose", args, nargs, kwnames));
}

#define AS_METHOD(name_)                                                                           \
    static PyObject *method_##name_(PyObject *self, PyObject *const *args, Py_ssize_t nargs,       \
                                    PyObject *kwnames) {                                           \
        PyObject *all[8];                                                                          \
        Py_ssize_t n = nargs + (kwnames ? PyTuple_GET_SIZE(kwnames) : 0);                          \
        if (n > 7) return ext_error(ERR_TYPE, #name_ "(): too many arguments");                    \
        all[0] = self;                                                                             \
        for (Py_ssize_t i = 0; i < n; i++) all[i + 1] = args[i];                                   \
        return name_(NULL, all, nargs + 1, kwnames);                                               \
    }
AS_METHOD(equal)
AS_METHOD(isclose)
AS_METHOD(allclose)

static PyObject *new_tensor(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                            PyObject *kwnames) {
    static const char *const names[] = {"data", "dtype", "device", "requires_grad", NULL};
    PyObject *in[4];
    bool requires_grad;
    RtTensor *x = ext_tensor(self);
    if (!x || ext_arguments("new_tensor", names, 1, 1, args, nargs, kwnames, in) < 0 ||
        ext_flag(in[3], "new_tensor(): requires_grad", false, &requires_grad) < 0)
        return NULL;
    RtDtype dtype = (RtDtype)x->dtype;
    RtDevice device = x->device;
    if ((in[1] && in[1] != Py_None && ext_dtype(in[1], &dtype) < 0) ||
        (in[2] && in[2] != Py_None && ext_device(in[2], &device) < 0) ||
        ext_status(rt_device_check(device)) < 0)
        return NULL;
    RtScope scope;
    if (ext_status(rt_scope_open(&scope)) < 0) return NULL;
    RtTensor *made = ext_from_data(in[0], dtype, device);
    PyObject *result = NULL;
    if (!made) {
        if (!PyErr_Occurred()) ext_raise();
    } else if (!requires_grad || ext_status(rt_set_requires_grad(made, true)) == 0) {
        result = ext_wrap(made);
    }
    rt_scope_close(scope);
    return result;
}

#define FAST(name_, function_, doc_)                                                               \
    { name_, (PyCFunction)(void (*)(void))function_, METH_FASTCALL | METH_KEYWORDS, doc_ }

int compare_add(PyObject *module) {
    static PyMethodDef functions[] = {
        FAST("equal", equal,
             "equal(input, other)\n"
             "--\n"
             "\n"
             "Have the two tensors the same shape and equal elements?\n"
             "\n"
             "Examples\n"
             "--------\n"
             ">>> rustorch.equal(rustorch.tensor([1, 2]), rustorch.tensor([1, 2]))\n"
             "True\n"
             ">>> rustorch.equal(rustorch.ones(2), rustorch.ones(1))\n"
             "False\n"),
        FAST("isclose", isclose,
             "isclose(input, other, rtol=1e-05, atol=1e-08, equal_nan=False)\n--\n\n"
             "Element by element: is |input - other| <= atol + rtol * |other|?\n"
             "\n"
             "Examples\n"
             "--------\n"
             ">>> rustorch.isclose(rustorch.tensor([1.0, 2.0]), rustorch.tensor([1.000001, 2.1]))\n"
             "tensor([ True, False])\n"),
        FAST(
            "allclose", allclose,
            "allclose(input, other, rtol=1e-05, atol=1e-08, equal_nan=False)\n--\n\n"
            "Is |input - other| <= atol + rtol * |other| for all elements?\n"
            "\n"
            "Examples\n"
            "--------\n"
            ">>> rustorch.allclose(rustorch.tensor([1.0, 2.0]), rustorch.tensor([1.000001, 2.0]))\n"
            "True\n"
            ">>> nan = rustorch.tensor([float(\"nan\")])\n"
            ">>> rustorch.allclose(nan, nan), rustorch.allclose(nan, nan, equal_nan=True)\n"
            "(False, True)\n"),
        {0}};
    static PyMethodDef methods[] = {
        FAST("equal", method_equal,
             "equal($self, other)\n--\n\nHave the two tensors the same shape and equal elements?"),
        FAST("isclose", method_isclose,
             "isclose($self, other, rtol=1e-05, atol=1e-08, equal_nan=False)\n--\n\n"
             "Element by element: is |self - other| <= atol + rtol * |other|?"),
        FAST("allclose", method_allclose,
             "allclose($self, other, rtol=1e-05, atol=1e-08, equal_nan=False)\n--\n\n"
             "Is |self - other| <= atol + rtol * |other| for all elements?"),
        FAST("new_tensor", new_tensor,
             "new_tensor($self, data, *, dtype=None, device=None, requires_grad=False)\n--\n\n"
             "A tensor of the data, with the dtype and device of self."),
        {0}};
    return ext_tensor_methods(methods) < 0 ? -1 : PyModule_AddFunctions(module, functions);
}
