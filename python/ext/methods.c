// The methods of Tensor that are no ops of the table: questions about it, conversion, detaching.
#include "methods.h"

#include <string.h>

#include "array.h"
#include "values.h"

#define SELF                                                                                       \
    RtTensor *x = ext_tensor(self);                                                                \
    if (!x) return NULL
#define METHOD(name_) static PyObject *m_##name_(PyObject *self, PyObject *Py_UNUSED(unused))
#define METHOD_FAST(name_)                                                                         \
    static PyObject *m_##name_(PyObject *self, PyObject *const *args, Py_ssize_t nargs,            \
                               PyObject *kwnames)

// ----------------------------------------------------------------------------------------------
// questions

// dim given: that size or stride; -1 on error. None or nothing: the whole tuple.
static PyObject *whole_or_one(RtTensor *x, PyObject *dim, const int64_t *values, const char *what) {
    if (!dim || dim == Py_None) {
        if (strcmp(what, "size") == 0) return ext_size(x->ndim, values);
        PyObject *tuple = PyTuple_New(x->ndim);
        for (int i = 0; tuple && i < x->ndim; i++)
            PyTuple_SET_ITEM(tuple, i, PyLong_FromLongLong(values[i]));
        return tuple;
    }
    Py_ssize_t i = PyNumber_AsSsize_t(dim, PyExc_OverflowError);
    if (i == -1 && PyErr_Occurred()) return NULL;
    if (i < -x->ndim || i >= x->ndim) {
        if (x->ndim == 0)
            return ext_error(ERR_INDEX, "%s(): dimension %zd of a tensor that has none", what, i);
        return ext_error(
            ERR_INDEX,
            "%s(): dimension out of range (expected to be in range of [%d, %d], but got %zd)", what,
            -x->ndim, x->ndim - 1, i);
    }
    return PyLong_FromLongLong(values[i < 0 ? i + x->ndim : i]);
}

METHOD_FAST(size) {
    static const char *const names[] = {"dim", NULL};
    PyObject *dim;
    SELF;
    if (ext_arguments("size", names, 1, 0, args, nargs, kwnames, &dim) < 0) return NULL;
    return whole_or_one(x, dim, x->shape, "size");
}
METHOD_FAST(stride) {
    static const char *const names[] = {"dim", NULL};
    PyObject *dim;
    SELF;
    if (ext_arguments("stride", names, 1, 0, args, nargs, kwnames, &dim) < 0) return NULL;
    return whole_or_one(x, dim, x->stride, "stride");
}
METHOD(dim) {
    SELF;
    return PyLong_FromLong(x->ndim);
}
METHOD(numel) {
    SELF;
    return PyLong_FromLongLong(x->numel);
}
METHOD(storage_offset) {
    SELF;
    return PyLong_FromLongLong(x->offset);
}
METHOD(element_size) {
    SELF;
    return PyLong_FromSize_t(rt_dtype_bytes((RtDtype)x->dtype));
}
METHOD(data_ptr) {
    SELF;
    return PyLong_FromVoidPtr(rt_tensor_data(x));
}
METHOD(is_floating_point) {
    SELF;
    return PyBool_FromLong(rt_dtype_kind((RtDtype)x->dtype) == RT_KIND_FLOAT);
}
METHOD(is_complex) {
    SELF;
    Py_RETURN_FALSE;
}
METHOD(is_signed) {
    SELF;
    return PyBool_FromLong(x->dtype != RT_BOOL && x->dtype != RT_U8);
}
METHOD(is_view) {
    SELF;
    return PyBool_FromLong(x->base != NULL);
}
METHOD(is_inference) {
    SELF;
    return PyBool_FromLong(x->inference);
}
METHOD(get_device) {
    SELF;
    return PyLong_FromLong(x->device.type == RT_CPU ? -1 : x->device.index);
}
METHOD_FAST(is_contiguous) {
    static const char *const names[] = {"memory_format", NULL};
    PyObject *format;
    SELF;
    if (ext_arguments("is_contiguous", names, 0, 0, args, nargs, kwnames, &format) < 0) return NULL;
    if (format && value_check_memory_format(format) < 0) return NULL;
    return PyBool_FromLong(rt_tensor_is_contiguous(x));
}

// ----------------------------------------------------------------------------------------------
// one element

int method_item(RtTensor *x, RtScalar *out) {
    if (x->numel != 1) {
        ext_error(ERR_VALUE, "a tensor with %lld elements cannot be converted to a number",
                  (long long)x->numel);
        return -1;
    }
    RtScope scope;
    if (ext_status(rt_scope_open(&scope)) < 0) return -1;
    RtTensor *here = x->device.type == RT_CPU
                         ? x
                         : array_convert(x, RT_DTYPE_NONE, (RtDevice){RT_CPU, 0}, false);
    if (here) *out = rt_tensor_item(here, 0);
    rt_scope_close(scope);
    if (!here && !PyErr_Occurred()) ext_raise();
    return here ? 0 : -1;
}

METHOD(item) {
    RtScalar value;
    SELF;
    return method_item(x, &value) < 0 ? NULL : ext_scalar_object(value);
}

// ----------------------------------------------------------------------------------------------
// gradients

METHOD(detach) {
    SELF;
    RtScope scope;
    if (ext_status(rt_scope_open(&scope)) < 0) return NULL;
    PyObject *result = ext_wrap(rt_detach(x));
    rt_scope_close(scope);
    return result;
}
METHOD(detach_) {
    SELF;
    return ext_status(rt_detach_in_place(x)) < 0 ? NULL : Py_NewRef(self);
}
METHOD_FAST(requires_grad_) {
    static const char *const names[] = {"requires_grad", NULL};
    PyObject *flag;
    bool wanted;
    SELF;
    if (ext_arguments("requires_grad_", names, 1, 0, args, nargs, kwnames, &flag) < 0 ||
        ext_flag(flag, "requires_grad", true, &wanted) < 0 ||
        ext_status(rt_set_requires_grad(x, wanted)) < 0)
        return NULL;
    return Py_NewRef(self);
}

// ----------------------------------------------------------------------------------------------
// conversion

static PyObject *convert(PyObject *self, RtDtype dtype, RtDevice device, bool copy) {
    SELF;
    if (device.type != RT_DEVICE_NONE && ext_status(rt_device_check(device)) < 0) return NULL;
    RtScope scope;
    if (ext_status(rt_scope_open(&scope)) < 0) return NULL;
    RtTensor *made = array_convert(x, dtype, device, copy);
    PyObject *result = made == x ? Py_NewRef(self) : made ? ext_wrap(made) : NULL;
    if (!made && !PyErr_Occurred()) ext_raise();
    rt_scope_close(scope);
    return result;
}

// to(dtype), to(device, dtype), to(other), each with non_blocking, copy and memory_format.
METHOD_FAST(to) {
    static const char *const names[] = {"device", "dtype", "non_blocking", "copy", "memory_format",
                                        "other",  NULL};
    PyObject *in[6], *shifted[5];
    // A dtype or a tensor in first place moves the other positions by one.
    if (nargs > 0 && (ext_is_tensor(args[0]) ||
                      !(value_is_device(args[0]) || PyUnicode_Check(args[0]) ||
                        PyLong_Check(args[0]) || args[0] == Py_None) ||
                      (PyUnicode_Check(args[0]) && method_names_dtype(args[0])))) {
        bool other = ext_is_tensor(args[0]);
        static const char *const rest[] = {"non_blocking", "copy", "memory_format", NULL};
        if (ext_arguments("to", rest, 3, 0, args + 1, nargs - 1, kwnames, shifted) < 0) return NULL;
        in[0] = NULL;
        in[1] = other ? NULL : args[0];
        in[2] = shifted[0];
        in[3] = shifted[1];
        in[4] = shifted[2];
        in[5] = other ? args[0] : NULL;
    } else if (ext_arguments("to", names, 5, 0, args, nargs, kwnames, in) < 0) {
        return NULL;
    }
    RtDtype dtype = RT_DTYPE_NONE;
    RtDevice device = RT_NO_DEVICE;
    bool copy, non_blocking;
    if ((in[0] && ext_device(in[0], &device) < 0) || (in[1] && ext_dtype(in[1], &dtype) < 0) ||
        ext_flag(in[2], "non_blocking", false, &non_blocking) < 0 ||
        ext_flag(in[3], "copy", false, &copy) < 0 ||
        (in[4] && value_check_memory_format(in[4]) < 0))
        return NULL;
    if (in[5]) {
        RtTensor *other = ext_tensor(in[5]);
        if (!other) return NULL;
        dtype = (RtDtype)other->dtype;
        device = other->device;
    }
    return convert(self, dtype, device, copy);
}

#define CAST(name_, dtype_)                                                                        \
    METHOD(name_) { return convert(self, dtype_, RT_NO_DEVICE, false); }
CAST(float, RT_F32)
CAST(double, RT_F64)
CAST(half, RT_F16)
CAST(bfloat16, RT_BF16)
CAST(long, RT_I64)
CAST(int, RT_I32)
CAST(short, RT_I16)
CAST(char, RT_I8)
CAST(byte, RT_U8)
CAST(to_bool, RT_BOOL) // bool is a macro

METHOD(cpu) { return convert(self, RT_DTYPE_NONE, (RtDevice){RT_CPU, 0}, false); }

METHOD_FAST(cuda) {
    static const char *const names[] = {"device", "non_blocking", NULL};
    PyObject *in[2];
    RtDevice device = RT_NO_DEVICE;
    bool non_blocking;
    if (ext_arguments("cuda", names, 2, 0, args, nargs, kwnames, in) < 0 ||
        (in[0] && ext_device(in[0], &device) < 0) ||
        ext_flag(in[1], "non_blocking", false, &non_blocking) < 0)
        return NULL;
    if (device.type == RT_CPU)
        return ext_error(ERR_DEVICE, "cuda(): \"cpu\" is not a GPU; use cpu()");
    if (device.type == RT_DEVICE_NONE) device = (RtDevice){RT_CUDA, 0};
    return convert(self, RT_DTYPE_NONE, device, false);
}

static const char *const type_words[RT_DTYPE_COUNT] = {
    [RT_BOOL] = "BoolTensor", [RT_U8] = "ByteTensor",       [RT_I8] = "CharTensor",
    [RT_I16] = "ShortTensor", [RT_I32] = "IntTensor",       [RT_I64] = "LongTensor",
    [RT_F16] = "HalfTensor",  [RT_BF16] = "BFloat16Tensor", [RT_F32] = "FloatTensor",
    [RT_F64] = "DoubleTensor"};

// "rustorch.cuda.FloatTensor", and the same with "torch." in front, to dtype and device; false if
// it is no such name.
static bool parse_type_word(const char *text, RtDtype *dtype, RtDevice *device) {
    if (strncmp(text, "rustorch.", 9) == 0)
        text += 9;
    else if (strncmp(text, "torch.", 6) == 0)
        text += 6;
    *device = (RtDevice){RT_CPU, 0};
    if (strncmp(text, "cuda.", 5) == 0) {
        device->type = RT_CUDA;
        text += 5;
    }
    for (int i = 0; i < RT_DTYPE_COUNT; i++)
        if (strcmp(type_words[i], text) == 0) {
            *dtype = (RtDtype)i;
            return true;
        }
    return false;
}

bool method_names_dtype(PyObject *text) {
    RtDtype dtype;
    if (ext_dtype(text, &dtype) == 0) return true;
    PyErr_Clear();
    return false;
}

// type() names the class of tensor as scripts of old expect; type(dtype or name) converts.
METHOD_FAST(type) {
    static const char *const names[] = {"dtype", "non_blocking", NULL};
    PyObject *in[2];
    bool non_blocking;
    RtDtype dtype;
    RtDevice device = RT_NO_DEVICE;
    SELF;
    if (ext_arguments("type", names, 2, 0, args, nargs, kwnames, in) < 0 ||
        ext_flag(in[1], "non_blocking", false, &non_blocking) < 0)
        return NULL;
    if (!in[0] || in[0] == Py_None)
        return PyUnicode_FromFormat("rustorch.%s%s", x->device.type == RT_CUDA ? "cuda." : "",
                                    type_words[x->dtype]);
    PyObject *name =
        PyType_Check(in[0]) ? PyObject_GetAttrString(in[0], "__name__") : Py_NewRef(in[0]);
    const char *text = name && PyUnicode_Check(name) ? PyUnicode_AsUTF8(name) : "";
    bool found = text && parse_type_word(text, &dtype, &device);
    Py_XDECREF(name);
    if (!found && (PyErr_Occurred() || ext_dtype(in[0], &dtype) < 0)) return NULL;
    return convert(self, dtype, device, false);
}

static PyObject *m_type_as(PyObject *self, PyObject *object) {
    RtTensor *other = ext_tensor(object);
    return other ? convert(self, (RtDtype)other->dtype, other->device, false) : NULL;
}

// ----------------------------------------------------------------------------------------------
// subclasses

static PyObject *m_as_subclass(PyObject *self, PyObject *type) {
    SELF;
    if (!PyType_Check(type) || !PyType_IsSubtype((PyTypeObject *)type, &tensor_type))
        return ext_error(ERR_TYPE, "as_subclass() takes a subclass of Tensor, not %R", type);
    PyObject *shape = ext_size(x->ndim, x->shape),
             *view = shape ? ext_method("view", self, "(N)", shape) : NULL;
    if (!view || type == (PyObject *)&tensor_type) return view;
    RtScope scope;
    RtTensor *tensor = NULL;
    if (ext_status(rt_scope_open(&scope)) == 0) {
        tensor = ext_lend(tensor_of(view));
        Py_DECREF(view);
        PyObject *result = tensor ? ext_wrap_as((PyTypeObject *)type, tensor) : ext_raise();
        rt_scope_close(scope);
        return result;
    }
    Py_DECREF(view);
    return NULL;
}

#define NOARGS(name_, text_)                                                                       \
    { #name_, m_##name_, METH_NOARGS, #name_ "($self)\n--\n\n" text_ }
#define FAST(name_, arguments_, text_)                                                             \
    { #name_, EXT_KEYWORDS(m_##name_), #name_ arguments_ "\n--\n\n" text_ }

PyMethodDef tensor_methods[] = {
    FAST(size, "($self, dim=None)", "The shape, or the size of one dimension."),
    FAST(stride, "($self, dim=None)",
         "How many elements apart neighbours along each dimension (or one) lie in memory."),
    NOARGS(dim, "The number of dimensions."),
    {"ndimension", m_dim, METH_NOARGS, "ndimension($self)\n--\n\nThe number of dimensions."},
    NOARGS(numel, "The number of elements."),
    {"nelement", m_numel, METH_NOARGS, "nelement($self)\n--\n\nThe number of elements."},
    NOARGS(storage_offset, "The position of the first element in the storage, in elements."),
    NOARGS(element_size, "Bytes of one element."),
    NOARGS(data_ptr, "The address of the first element."),
    NOARGS(is_floating_point, "Is the dtype a floating-point one?"),
    NOARGS(is_complex, "False: there are no complex dtypes."),
    NOARGS(is_signed, "Can the dtype represent negative values?"),
    {"is_inference", m_is_inference, METH_NOARGS,
     "is_inference($self)\n--\n\nWas the tensor made in inference mode?"},
    {"_is_view", m_is_view, METH_NOARGS,
     "_is_view($self)\n--\n\nDoes the tensor share the memory of another one that it was made "
     "from?"},
    NOARGS(get_device, "The index of the GPU, or -1 for the CPU."),
    FAST(is_contiguous, "($self, *, memory_format=None)",
         "Do the elements lie in row-major order without gaps?"),
    NOARGS(item, "The value of a tensor of one element, as a Python number."),
    NOARGS(detach, "The same elements, outside the graph."),
    NOARGS(detach_, "Takes the tensor itself out of the graph."),
    FAST(requires_grad_, "($self, requires_grad=True)",
         "Asks for a gradient of this tensor, or no longer; returns the tensor."),
    FAST(to, "($self, *args, **kwargs)",
         "to(dtype), to(device, dtype=None) or to(other), with non_blocking=False, copy=False: the "
         "tensor with another dtype\n"
         "or on another device; the tensor itself if it is so already."),
    NOARGS(float, "The tensor as float32."),
    NOARGS(double, "The tensor as float64."),
    NOARGS(half, "The tensor as float16."),
    NOARGS(bfloat16, "The tensor as bfloat16."),
    NOARGS(long, "The tensor as int64."),
    NOARGS(int, "The tensor as int32."),
    NOARGS(short, "The tensor as int16."),
    NOARGS(char, "The tensor as int8."),
    NOARGS(byte, "The tensor as uint8."),
    {"bool", m_to_bool, METH_NOARGS,
     "bool($self)\n--\n\nThe tensor as bool: True where an element is not zero."},
    NOARGS(cpu, "The tensor in the memory of the CPU."),
    FAST(cuda, "($self, device=None, non_blocking=False)", "The tensor on a GPU."),
    FAST(type, "($self, dtype=None, non_blocking=False)",
         "The name of the class of tensor (\"rustorch.FloatTensor\"), or the tensor converted."),
    {"type_as", m_type_as, METH_O,
     "type_as($self, other)\n--\n\nThe tensor with the dtype and device of other."},
    {"as_subclass", m_as_subclass, METH_O,
     "as_subclass($self, cls)\n--\n\nA view of the tensor as an object of a subclass."},
    {"__copy__", copy_copy, METH_NOARGS, NULL},
    {"__deepcopy__", copy_deepcopy, METH_O, NULL},
    {"__reduce_ex__", copy_reduce, METH_O, NULL},
    {"__format__", number_format, METH_O, NULL},
    {0}};
