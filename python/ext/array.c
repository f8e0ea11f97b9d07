// array.c: tensors and NumPy arrays over the same memory.
//
// An array made from a tensor keeps a header of its own over the tensor's storage, and a tensor
// made from an array keeps the array: either side may go first. A header, not the tensor's Python
// object, because `t.data = …` may give that object another storage while the array is still alive.
#define EXT_NUMPY_OWNER
#include "array.h"

#define CPU ((RtDevice){RT_CPU, 0})

// dtypes -----------------------------------------------------------------------------------------

static PyObject *bfloat16_type; // ml_dtypes.bfloat16, once it was needed

RtDtype array_dtype(PyArray_Descr *descr) {
    switch (descr->type_num) {
    case NPY_BOOL: return RT_BOOL;
    case NPY_UBYTE: return RT_U8;
    case NPY_BYTE: return RT_I8;
    case NPY_SHORT: return RT_I16;
    case NPY_INT: return RT_I32;
    case NPY_LONG: return sizeof(long) == 8 ? RT_I64 : RT_I32;
    case NPY_LONGLONG: return RT_I64;
    case NPY_HALF: return RT_F16;
    case NPY_FLOAT: return RT_F32;
    case NPY_DOUBLE: return RT_F64;
    default: break;
    }
    if (descr->type_num >= NPY_USERDEF && descr->typeobj) {
        const char *dot = strrchr(descr->typeobj->tp_name, '.');
        if (strcmp(dot ? dot + 1 : descr->typeobj->tp_name, "bfloat16") == 0) return RT_BF16;
    }
    return RT_DTYPE_NONE;
}

int array_type_number(RtDtype dtype) {
    static const int numbers[RT_DTYPE_COUNT] = {
        [RT_BOOL] = NPY_BOOL,  [RT_U8] = NPY_UBYTE,  [RT_I8] = NPY_BYTE,  [RT_I16] = NPY_SHORT,
        [RT_I32] = NPY_INT,    [RT_I64] = NPY_INT64, [RT_F16] = NPY_HALF, [RT_F32] = NPY_FLOAT,
        [RT_F64] = NPY_DOUBLE, [RT_BF16] = -1};
    return numbers[dtype];
}

static PyArray_Descr *descr_of(RtDtype dtype) {
    int number = array_type_number(dtype);
    if (number >= 0) return PyArray_DescrFromType(number);
    if (!bfloat16_type) {
        PyObject *module = PyImport_ImportModule("ml_dtypes");
        bfloat16_type = module ? PyObject_GetAttrString(module, "bfloat16") : NULL;
        Py_XDECREF(module);
        if (!bfloat16_type) {
            PyErr_Clear();
            ext_error(ERR_TYPE, "NumPy has no bfloat16: install the package ml_dtypes, or convert "
                                "first with .float()");
            return NULL;
        }
    }
    PyArray_Descr *descr = NULL;
    return PyArray_DescrConverter(bfloat16_type, &descr) == NPY_SUCCEED ? descr : NULL;
}

// Arrays to tensors ------------------------------------------------------------------------------

int array_warn_readonly(void) {
    static bool warned;
    if (warned) return 0;
    warned = true;
    return PyErr_WarnEx(
        PyExc_UserWarning,
        "The given NumPy array is not writable, and rustorch does not support non-writable "
        "tensors. "
        "Writing to this tensor writes to the array all the same: copy the array, or make it "
        "writable, before it becomes a tensor. This warning is given once.",
        1);
}

static const char *why_not_shareable(PyArrayObject *array) {
    if (!PyArray_ISNBO(PyArray_DESCR(array)->byteorder))
        return "its byte order is not this machine's; convert it with "
               "array.astype(array.dtype.newbyteorder('='))";
    if (!PyArray_ISALIGNED(array))
        return "its elements are not aligned in memory; copy it with array.copy()";
    npy_intp item = PyArray_ITEMSIZE(array);
    for (int i = 0; i < PyArray_NDIM(array); i++)
        if (PyArray_DIM(array, i) > 1 && PyArray_STRIDE(array, i) % item != 0)
            return "its strides in bytes are no multiples of the element size; copy it with "
                   "array.copy()";
    if (PyArray_NDIM(array) > RT_MAX_DIMS) return "it has more than 16 dimensions";
    return NULL;
}

bool array_shareable(PyArrayObject *array) {
    return array_dtype(PyArray_DESCR(array)) != RT_DTYPE_NONE && !why_not_shareable(array);
}

RtTensor *array_share(PyArrayObject *array, const char *what) {
    RtDtype dtype = array_dtype(PyArray_DESCR(array));
    if (dtype == RT_DTYPE_NONE) {
        ext_error(ERR_DTYPE,
                  "%s: an array of dtype %S cannot become a tensor. The supported dtypes are: "
                  "float64, float32, "
                  "float16, bfloat16, int64, int32, int16, int8, uint8, and bool",
                  what, PyArray_DESCR(array));
        return NULL;
    }
    const char *why = why_not_shareable(array);
    if (why) {
        ext_error(PyArray_NDIM(array) > RT_MAX_DIMS ? ERR_SHAPE : ERR_VALUE,
                  "%s: the array's memory cannot be shared: %s", what, why);
        return NULL;
    }
    if (!PyArray_ISWRITEABLE(array) && array_warn_readonly() < 0) return NULL;
    int64_t shape[RT_MAX_DIMS], stride[RT_MAX_DIMS], last = 0;
    npy_intp item = PyArray_ITEMSIZE(array);
    for (int i = 0; i < PyArray_NDIM(array); i++) {
        shape[i] = PyArray_DIM(array, i);
        stride[i] = PyArray_STRIDE(array, i) / item;
        if (stride[i] > 0 && shape[i] > 1) last += stride[i] * (shape[i] - 1);
    }
    Py_INCREF(array);
    RtTensor *tensor =
        rt_tensor_wrap(PyArray_DATA(array), (size_t)((last + 1) * item), PyArray_NDIM(array), shape,
                       stride, dtype, CPU, ext_release_object, array);
    if (!tensor) ext_raise();
    return tensor;
}

// A new tensor on another device.
static RtTensor *moved(RtTensor *tensor, RtDtype dtype, RtDevice device) {
    if (rt_device_check(device) < 0) return NULL;
    RtTensor *there = rt_tensor_new(tensor->ndim, tensor->shape, dtype, device), *out = NULL;
    if (!there) return NULL;
    return rt_apply(OP_copy_, (RtTensor *[]){there, tensor}, 2, NULL, &there, &out) < 0 ? NULL
                                                                                        : there;
}

static RtTensor *converted(RtTensor *tensor, RtDtype dtype, RtDevice device, bool copy) {
    if (device.type != tensor->device.type || device.index != tensor->device.index)
        return moved(tensor, dtype, device);
    if (dtype != tensor->dtype) return rt_cast(tensor, WITH(cast, .dtype = dtype));
    return copy ? rt_clone(tensor) : tensor;
}

RtTensor *array_convert(RtTensor *tensor, RtDtype dtype, RtDevice device, bool copy) {
    RtTensor *result = NULL;
    if (tensor) {
        if (dtype == RT_DTYPE_NONE) dtype = (RtDtype)tensor->dtype;
        if (device.type == RT_DEVICE_NONE) device = tensor->device;
        if (tensor->numel < 16384)
            result = converted(tensor, dtype, device, copy);
        else
            EXT_UNLOCKED(result = converted(tensor, dtype, device, copy));
    }
    if (!result && !PyErr_Occurred()) ext_raise();
    return result;
}

PyObject *array_finish(RtTensor *tensor, bool requires_grad) {
    if (!tensor) return PyErr_Occurred() ? NULL : ext_raise();
    if (requires_grad && ext_status(rt_set_requires_grad(tensor, true)) < 0) return NULL;
    return ext_wrap(tensor);
}

static PyObject *from_numpy(PyObject *Py_UNUSED(module), PyObject *object) {
    if (!PyArray_Check(object))
        return ext_error(ERR_TYPE, "from_numpy: expected np.ndarray (got %.100s)",
                         Py_TYPE(object)->tp_name);
    RtScope scope;
    if (ext_status(rt_scope_open(&scope)) < 0) return NULL;
    PyObject *result = array_finish(array_share((PyArrayObject *)object, "from_numpy"), false);
    rt_scope_close(scope);
    return result;
}

// Tensors to arrays ------------------------------------------------------------------------------

static void drop_capsule(PyObject *capsule) {
    rt_tensor_drop(PyCapsule_GetPointer(capsule, "rustorch.memory"));
}

// A header over the tensor's storage that lives as long as the capsule.
static PyObject *hold(RtTensor *tensor, RtTensor **out_header) {
    RtScope scope;
    if (ext_status(rt_scope_open(&scope)) < 0) return NULL;
    RtTensor *header = rt_tensor_alias(tensor);
    if (header) rt_tensor_keep(header);
    rt_scope_close(scope);
    if (!header) return ext_raise();
    PyObject *capsule = PyCapsule_New(header, "rustorch.memory", drop_capsule);
    if (!capsule) rt_tensor_drop(header);
    *out_header = header;
    return capsule;
}

PyObject *array_over(RtTensor *tensor) {
    PyArray_Descr *descr = descr_of((RtDtype)tensor->dtype);
    if (!descr) return NULL;
    npy_intp item = (npy_intp)rt_dtype_bytes((RtDtype)tensor->dtype), shape[RT_MAX_DIMS],
             stride[RT_MAX_DIMS];
    for (int i = 0; i < tensor->ndim; i++) {
        shape[i] = tensor->shape[i];
        stride[i] = tensor->stride[i] * item;
    }
    RtTensor *header;
    PyObject *owner = hold(tensor, &header);
    if (!owner) {
        Py_DECREF(descr);
        return NULL;
    }
    PyObject *array = PyArray_NewFromDescr(&PyArray_Type, descr, tensor->ndim, shape, stride,
                                           rt_tensor_data(header), NPY_ARRAY_WRITEABLE, NULL);
    if (!array) {
        Py_DECREF(owner);
        return NULL;
    }
    if (PyArray_SetBaseObject((PyArrayObject *)array, owner) < 0)
        Py_CLEAR(array); // takes over owner
    return array;
}

int array_refuse_grad(RtTensor *tensor, PyObject *exception, const char *what,
                      const char *instead) {
    if (!rt_requires_grad(tensor)) return 0;
    PyErr_Format(exception, "Can't call %s on Tensor that requires grad. Use %s instead.", what,
                 instead);
    return -1;
}

static PyObject *to_array(PyObject *self, bool force) {
    RtTensor *tensor = ext_tensor(self);
    if (!tensor) return NULL;
    if (!force && array_refuse_grad(tensor, ext_error_class(ERR_GRAD), "numpy()",
                                    "tensor.detach().numpy()") < 0)
        return NULL;
    if (tensor->device.type == RT_CPU) return array_over(tensor);
    if (!force)
        return ext_error(
            ERR_TYPE,
            "can't convert a tensor on cuda:%d to numpy. Use Tensor.cpu() to copy the tensor to "
            "host memory first.",
            tensor->device.index);
    RtScope scope;
    if (ext_status(rt_scope_open(&scope)) < 0) return NULL;
    RtTensor *here = array_convert(tensor, RT_DTYPE_NONE, CPU, false);
    PyObject *result = here ? array_over(here) : NULL;
    rt_scope_close(scope);
    return result;
}

static PyObject *tensor_numpy(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                              PyObject *kwnames) {
    static const char *const names[] = {"force", NULL};
    PyObject *in[1];
    bool force;
    if (ext_arguments("numpy", names, 0, 0, args, nargs, kwnames, in) < 0 ||
        ext_flag(in[0], "force", false, &force) < 0)
        return NULL;
    return to_array(self, force);
}

static PyObject *tensor_to_numpy(PyObject *self, PyObject *Py_UNUSED(none)) {
    return to_array(self, true);
}

// numpy.asarray and friends: __array__(dtype=None, copy=None), NumPy 2's protocol (NumPy 1 gives no
// copy).
static PyObject *tensor_array(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                              PyObject *kwnames) {
    static const char *const names[] = {"dtype", "copy", NULL};
    PyObject *in[2];
    if (ext_arguments("__array__", names, 2, 0, args, nargs, kwnames, in) < 0) return NULL;
    PyArray_Descr *descr = NULL;
    if (in[0] && in[0] != Py_None && PyArray_DescrConverter(in[0], &descr) != NPY_SUCCEED)
        return NULL;
    bool must_copy = in[1] == Py_True, must_not = in[1] == Py_False;
    PyObject *array = to_array(self, false);
    if (!array) {
        Py_XDECREF(descr);
        return NULL;
    }
    bool same = !descr || PyArray_EquivTypes(descr, PyArray_DESCR((PyArrayObject *)array));
    if (same && !must_copy) {
        Py_XDECREF(descr);
        return array;
    }
    PyObject *result = NULL;
    if (must_not) {
        PyErr_SetString(PyExc_ValueError,
                        "Unable to avoid copy while creating an array as requested.");
        Py_XDECREF(descr);
    } else if (same) {
        Py_XDECREF(descr);
        result = PyArray_NewCopy((PyArrayObject *)array, NPY_KEEPORDER);
    } else {
        result = PyArray_CastToType((PyArrayObject *)array, descr, 0); // takes over descr
    }
    Py_DECREF(array);
    return result;
}

// Results of NumPy's functions on tensors become tensors again.
static PyObject *tensor_array_wrap(PyObject *self, PyObject *const *args, Py_ssize_t nargs) {
    if (nargs < 1 || !PyArray_Check(args[0])) {
        PyErr_SetString(PyExc_TypeError, "__array_wrap__ expects an array");
        return NULL;
    }
    return from_numpy(self, args[0]);
}

static PyObject *get_array_interface(PyObject *self, void *Py_UNUSED(closure)) {
    PyObject *array = to_array(self, false);
    PyObject *result = array ? PyObject_GetAttrString(array, "__array_interface__") : NULL;
    Py_XDECREF(array);
    return result;
}

static PyObject *get_array_priority(PyObject *Py_UNUSED(self), void *Py_UNUSED(closure)) {
    return PyLong_FromLong(1000); // above arrays, so that array + tensor asks the tensor
}

static PyMethodDef functions[] = {
    {"from_numpy", from_numpy, METH_O,
     "from_numpy(ndarray)\n"
     "--\n"
     "\n"
     "A tensor over the memory of an array: a write to one is seen in the other.\n"
     "\n"
     "Parameters\n"
     "----------\n"
     "ndarray : numpy.ndarray\n"
     "    Of dtype bool, int8 to int64, uint8, float16 to float64 or\n"
     "    ml_dtypes.bfloat16, in this machine's byte\n"
     "    order, aligned, with strides of whole elements (which may be zero or\n"
     "    negative). A read-only array is\n"
     "    shared all the same, with a warning once in a program.\n"
     "\n"
     "Returns\n"
     "-------\n"
     "Tensor\n"
     "\n"
     "Raises\n"
     "------\n"
     "TensorError\n"
     "    If the memory cannot be shared; rustorch.tensor copies such arrays.\n"
     "\n"
     "Examples\n"
     "--------\n"
     ">>> import numpy, rustorch\n"
     ">>> a = numpy.zeros(3, dtype=numpy.float32)\n"
     ">>> t = rustorch.from_numpy(a)\n"
     ">>> _ = t.add_(1)\n"
     ">>> a.tolist()\n"
     "[1.0, 1.0, 1.0]\n"},
    {NULL, NULL, 0, NULL},
};

static PyMethodDef methods[] = {
    {"numpy", EXT_KEYWORDS(tensor_numpy),
     "numpy($self, *, force=False)\n"
     "--\n"
     "\n"
     "A NumPy array over the memory of the tensor: a write to one is seen in the other.\n"
     "\n"
     "Parameters\n"
     "----------\n"
     "force : bool\n"
     "    Detach and copy to the CPU where that is needed; without it such tensors are\n"
     "    an error.\n"
     "\n"
     "Returns\n"
     "-------\n"
     "numpy.ndarray\n"
     "\n"
     "Raises\n"
     "------\n"
     "AutogradError\n"
     "    If the tensor requires a gradient.\n"
     "TypeError\n"
     "    If it is not on the CPU; or of dtype bfloat16, when the package ml_dtypes is\n"
     "    not installed.\n"
     "\n"
     "Examples\n"
     "--------\n"
     ">>> import rustorch\n"
     ">>> rustorch.tensor([1, 2]).numpy() + 1\n"
     "array([2, 3])\n"},
    {"to_numpy", tensor_to_numpy, METH_NOARGS,
     "to_numpy($self)\n"
     "--\n"
     "\n"
     "A NumPy array over the memory of the tensor, detached by itself, and copied from\n"
     "another device.\n"
     "\n"
     "Returns\n"
     "-------\n"
     "numpy.ndarray\n"
     "\n"
     "Examples\n"
     "--------\n"
     ">>> import rustorch\n"
     ">>> rustorch.tensor([1.0, 2.0], requires_grad=True).to_numpy().tolist()\n"
     "[1.0, 2.0]\n"},
    {"__array__", EXT_KEYWORDS(tensor_array),
     "__array__($self, dtype=None, copy=None)\n--\n\nFor numpy.asarray."},
    {"__array_wrap__", (PyCFunction)(void (*)(void))tensor_array_wrap, METH_FASTCALL,
     "__array_wrap__($self, array, context=None, return_scalar=False)\n--\n\nNumPy's result as a "
     "tensor."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef properties[] = {
    {"__array_interface__", get_array_interface, NULL, "NumPy's array interface, version 3.", NULL},
    {"__array_priority__", get_array_priority, NULL, "Above arrays: array + tensor is a tensor.",
     NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

int ext_add_array(PyObject *module) {
    if (_import_array() < 0) return -1;
    if (ext_tensor_methods(methods) < 0 || ext_tensor_getset(properties) < 0) return -1;
    if (nested_add() < 0 || construct_add(module) < 0) return -1;
    return PyModule_AddFunctions(module, functions);
}
