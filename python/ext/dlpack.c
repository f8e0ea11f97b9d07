// dlpack.c: Tensor.__dlpack__ and from_dlpack: sharing memory with NumPy, PyTorch and others
// through DLPack.
//
// What we export keeps a header over the tensor's storage and is freed without the GIL. What we
// import calls the producer's deleter when the last view of it is gone; the standard lets that
// happen on any thread, so the deleter takes the GIL by itself if it needs it.
#include "dlpack.h"

#include "array.h"

#define CPU ((RtDevice){RT_CPU, 0})

// Export -----------------------------------------------------------------------------------------

typedef struct Export {
    RtTensor *header;
    int64_t shape[RT_MAX_DIMS], stride[RT_MAX_DIMS];
    union {
        DlManaged plain;
        DlManagedVersioned versioned;
    };
} Export;

static void export_free(Export *export) {
    rt_tensor_drop(export->header);
    free(export);
}
static void delete_plain(DlManaged *self) { export_free(self->context); }
static void delete_versioned(DlManagedVersioned *self) { export_free(self->context); }

static const struct {
    uint8_t code, bits;
} codes[RT_DTYPE_COUNT] = {
    [RT_BOOL] = {DL_BOOL, 8},  [RT_U8] = {DL_UINT, 8},      [RT_I8] = {DL_INT, 8},
    [RT_I16] = {DL_INT, 16},   [RT_I32] = {DL_INT, 32},     [RT_I64] = {DL_INT, 64},
    [RT_F16] = {DL_FLOAT, 16}, [RT_BF16] = {DL_BFLOAT, 16}, [RT_F32] = {DL_FLOAT, 32},
    [RT_F64] = {DL_FLOAT, 64},
};

static void describe(Export *export, DlTensor *out) {
    const RtTensor *header = export->header;
    for (int i = 0; i < header->ndim; i++) {
        export->shape[i] = header->shape[i];
        export->stride[i] = header->stride[i];
    }
    *out = (DlTensor){.data = rt_tensor_data(header),
                      .ndim = header->ndim,
                      .shape = export->shape,
                      .strides = export->stride};
    out->device.type = header->device.type == RT_CUDA ? DL_CUDA : DL_CPU;
    out->device.id = header->device.index;
    out->dtype.code = codes[header->dtype].code;
    out->dtype.bits = codes[header->dtype].bits;
    out->dtype.lanes = 1;
}

// A capsule that nobody consumed frees what it holds.
static void capsule_gone(PyObject *capsule) {
    if (PyCapsule_IsValid(capsule, "dltensor")) {
        DlManaged *managed = PyCapsule_GetPointer(capsule, "dltensor");
        managed->deleter(managed);
    } else if (PyCapsule_IsValid(capsule, "dltensor_versioned")) {
        DlManagedVersioned *managed = PyCapsule_GetPointer(capsule, "dltensor_versioned");
        managed->deleter(managed);
    }
}

static PyObject *export_capsule(RtTensor *tensor, bool versioned, bool copied) {
    RtTensor *header = rt_tensor_alias(tensor);
    if (!header) return ext_raise();
    Export *export = calloc(1, sizeof *export);
    if (!export) return PyErr_NoMemory();
    export->header = rt_tensor_keep(header);
    if (versioned) {
        export->versioned.version.major = 1;
        export->versioned.version.minor = 1;
        export->versioned.context = export;
        export->versioned.deleter = delete_versioned;
        export->versioned.flags = copied ? DL_FLAG_COPIED : 0;
        describe(export, &export->versioned.tensor);
    } else {
        export->plain.context = export;
        export->plain.deleter = delete_plain;
        describe(export, &export->plain.tensor);
    }
    PyObject *capsule = versioned
                            ? PyCapsule_New(&export->versioned, "dltensor_versioned", capsule_gone)
                            : PyCapsule_New(&export->plain, "dltensor", capsule_gone);
    if (!capsule) export_free(export);
    return capsule;
}

// (1, 0) asks for the versioned structure.
static int wants_version(PyObject *version, bool *out) {
    *out = false;
    if (!version || version == Py_None) return 0;
    long major, minor;
    if (!PyTuple_Check(version)) {
        PyErr_SetString(PyExc_TypeError,
                        "__dlpack__: max_version must be a tuple (major, minor) or None");
        return -1;
    }
    if (!PyArg_ParseTuple(version, "ll:max_version", &major, &minor)) return -1;
    *out = major >= 1;
    return 0;
}

static int check_device(const RtTensor *tensor, PyObject *asked) {
    if (!asked || asked == Py_None) return 0;
    long type, id;
    if (!PyTuple_Check(asked)) {
        PyErr_SetString(PyExc_TypeError,
                        "__dlpack__: dl_device must be a tuple (type, id) or None");
        return -1;
    }
    if (!PyArg_ParseTuple(asked, "ll:dl_device", &type, &id)) return -1;
    if (type == (tensor->device.type == RT_CUDA ? DL_CUDA : DL_CPU) && id == tensor->device.index)
        return 0;
    PyErr_Format(
        PyExc_BufferError,
        "__dlpack__: the tensor is on another device than (%ld, %ld): move it first with .to()",
        type, id);
    return -1;
}

static PyObject *tensor_dlpack(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                               PyObject *kwnames) {
    static const char *const names[] = {"stream", "max_version", "dl_device", "copy", NULL};
    PyObject *in[4];
    bool versioned;
    RtTensor *tensor = ext_tensor(self);
    if (!tensor || ext_arguments("__dlpack__", names, 1, 0, args, nargs, kwnames, in) < 0 ||
        wants_version(in[1], &versioned) < 0 || check_device(tensor, in[2]) < 0 ||
        array_refuse_grad(tensor, PyExc_BufferError, "__dlpack__()", "tensor.detach()") < 0)
        return NULL;
    if (in[0] && in[0] != Py_None && tensor->device.type == RT_CPU) {
        bool none = PyLong_Check(in[0]) && PyLong_AsLong(in[0]) == -1;
        if (!none) {
            if (!PyErr_Occurred())
                PyErr_SetString(PyExc_BufferError, "__dlpack__: stream must be None on the CPU");
            return NULL;
        }
    }
    bool copy = in[3] == Py_True;
    RtScope scope;
    if (ext_status(rt_scope_open(&scope)) < 0) return NULL;
    if (copy) tensor = array_convert(tensor, RT_DTYPE_NONE, tensor->device, true);
    PyObject *capsule = tensor ? export_capsule(tensor, versioned, copy) : NULL;
    rt_scope_close(scope);
    return capsule;
}

static PyObject *tensor_dlpack_device(PyObject *self, PyObject *Py_UNUSED(none)) {
    RtTensor *tensor = ext_tensor(self);
    if (!tensor) return NULL;
    return Py_BuildValue("(ii)", tensor->device.type == RT_CUDA ? DL_CUDA : DL_CPU,
                         tensor->device.index);
}

// Import -----------------------------------------------------------------------------------------

static RtDtype dtype_of(const DlTensor *tensor) {
    if (tensor->dtype.lanes == 1)
        for (int i = 0; i < RT_DTYPE_COUNT; i++)
            if (codes[i].code == tensor->dtype.code && codes[i].bits == tensor->dtype.bits)
                return (RtDtype)i;
    return RT_DTYPE_NONE;
}

// Whether the description can be a tensor of ours; raises otherwise.
static int check_import(const DlTensor *tensor) {
    if (tensor->device.type != DL_CPU && tensor->device.type != DL_CUDA_HOST) {
        ext_error(ERR_DEVICE,
                  "from_dlpack: the data is on a device (DLPack type %d) that rustorch cannot use "
                  "in place",
                  tensor->device.type);
        return -1;
    }
    if (dtype_of(tensor) == RT_DTYPE_NONE) {
        ext_error(
            ERR_DTYPE,
            "from_dlpack: a dtype without counterpart here (DLPack code %d, %d bits, %d lanes)",
            tensor->dtype.code, tensor->dtype.bits, tensor->dtype.lanes);
        return -1;
    }
    if (tensor->ndim < 0 || tensor->ndim > RT_MAX_DIMS) {
        ext_error(ERR_SHAPE, "from_dlpack: a tensor of %d dimensions: at most %d are possible",
                  tensor->ndim, RT_MAX_DIMS);
        return -1;
    }
    int64_t numel = 1;
    for (int i = 0; i < tensor->ndim; i++)
        if (tensor->shape[i] < 0 || __builtin_mul_overflow(numel, tensor->shape[i], &numel)) {
            ext_error(ERR_SHAPE, "from_dlpack: the sizes are negative or too large");
            return -1;
        }
    uintptr_t address = (uintptr_t)tensor->data + (uintptr_t)tensor->byte_offset;
    if (numel > 0 && (!tensor->data || address % (tensor->dtype.bits / 8))) {
        ext_error(ERR_VALUE, "from_dlpack: the data is missing, or not aligned in memory");
        return -1;
    }
    return 0;
}

static void release_plain(void *managed) {
    if (((DlManaged *)managed)->deleter) ((DlManaged *)managed)->deleter(managed);
}
static void release_versioned(void *managed) {
    if (((DlManagedVersioned *)managed)->deleter) ((DlManagedVersioned *)managed)->deleter(managed);
}

static RtTensor *wrap_import(const DlTensor *tensor, void (*release)(void *), void *managed) {
    int64_t stride[RT_MAX_DIMS], numel = 1, last = 0;
    for (int i = tensor->ndim - 1; i >= 0; i--) {
        stride[i] = tensor->strides ? tensor->strides[i] : numel;
        numel *= tensor->shape[i];
        if (stride[i] > 0 && tensor->shape[i] > 1) last += stride[i] * (tensor->shape[i] - 1);
    }
    RtDtype dtype = dtype_of(tensor);
    return rt_tensor_wrap((char *)tensor->data + tensor->byte_offset,
                          (size_t)(last + 1) * rt_dtype_bytes(dtype), tensor->ndim, tensor->shape,
                          stride, dtype, CPU, release, managed);
}

// Takes over what the capsule holds.
static PyObject *import_capsule(PyObject *capsule) {
    bool versioned = PyCapsule_IsValid(capsule, "dltensor_versioned");
    if (!versioned && !PyCapsule_IsValid(capsule, "dltensor"))
        return ext_error(
            ERR_VALUE,
            "from_dlpack: the capsule holds no DLPack tensor, or it was used before: a capsule "
            "can be used once");
    void *managed = PyCapsule_GetPointer(capsule, versioned ? "dltensor_versioned" : "dltensor");
    DlManagedVersioned *new = managed;
    if (versioned && new->version.major > 1)
        return ext_error(ERR_VALUE,
                         "from_dlpack: DLPack version %u.%u: only versions up to 1 are understood",
                         new->version.major, new->version.minor);
    const DlTensor *tensor = versioned ? &new->tensor : &((DlManaged *)managed)->tensor;
    if (check_import(tensor) < 0) return NULL;
    if (versioned && new->flags & DL_FLAG_READ_ONLY &&array_warn_readonly() < 0) return NULL;
    RtScope scope;
    if (ext_status(rt_scope_open(&scope)) < 0) return NULL;
    PyObject *result = NULL;
    if (PyCapsule_SetName(capsule, versioned ? "used_dltensor_versioned" : "used_dltensor") == 0)
        result =
            ext_wrap(wrap_import(tensor, versioned ? release_versioned : release_plain, managed));
    rt_scope_close(scope);
    return result;
}

PyObject *dlpack_import(PyObject *object) {
    if (PyCapsule_CheckExact(object)) return import_capsule(object);
    PyObject *method = PyObject_GetAttrString(object, "__dlpack__");
    if (!method) {
        PyErr_Clear();
        return ext_error(
            ERR_TYPE,
            "from_dlpack: expected an object with __dlpack__, or a DLPack capsule, not %.100s",
            Py_TYPE(object)->tp_name);
    }
    PyObject *none = PyTuple_New(0), *keywords = Py_BuildValue("{s(ii)}", "max_version", 1, 1);
    PyObject *capsule = none && keywords ? PyObject_Call(method, none, keywords) : NULL;
    if (!capsule && PyErr_ExceptionMatches(PyExc_TypeError)) { // a producer from before versions
        PyErr_Clear();
        capsule = PyObject_CallNoArgs(method);
    }
    Py_XDECREF(none);
    Py_XDECREF(keywords);
    Py_DECREF(method);
    PyObject *result = NULL;
    if (capsule && !PyCapsule_CheckExact(capsule))
        ext_error(ERR_TYPE, "from_dlpack: __dlpack__ returned a %.100s and no capsule",
                  Py_TYPE(capsule)->tp_name);
    else if (capsule)
        result = import_capsule(capsule);
    Py_XDECREF(capsule);
    return result;
}

static PyObject *from_dlpack(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t nargs,
                             PyObject *kwnames) {
    static const char *const names[] = {"ext_tensor", "device", "copy", NULL};
    PyObject *in[3];
    RtDevice device;
    if (ext_arguments("from_dlpack", names, 1, 1, args, nargs, kwnames, in) < 0 ||
        ext_device(in[1] ? in[1] : Py_None, &device) < 0)
        return NULL;
    PyObject *shared = dlpack_import(in[0]);
    if (!shared || (device.type == RT_DEVICE_NONE && in[2] != Py_True)) return shared;
    RtTensor *tensor = ext_tensor(shared);
    bool moves = device.type != RT_DEVICE_NONE &&
                 (device.type != tensor->device.type || device.index != tensor->device.index);
    PyObject *result = NULL;
    RtScope scope;
    if (moves && in[2] == Py_False)
        ext_error(ERR_VALUE, "from_dlpack: copy=False, but another device needs a copy");
    else if (ext_status(rt_scope_open(&scope)) == 0) {
        result =
            array_finish(array_convert(tensor, RT_DTYPE_NONE, device, in[2] == Py_True), false);
        rt_scope_close(scope);
    }
    Py_DECREF(shared);
    return result;
}

static PyObject *to_dlpack(PyObject *Py_UNUSED(module), PyObject *object) {
    return ext_tensor(object) ? tensor_dlpack(object, NULL, 0, NULL) : NULL;
}

static PyMethodDef functions[] = {
    {"from_dlpack", EXT_KEYWORDS(from_dlpack),
     "from_dlpack(ext_tensor, *, device=None, copy=None)\n"
     "--\n"
     "\n"
     "A tensor over the memory of another library's tensor.\n"
     "\n"
     "Parameters\n"
     "----------\n"
     "ext_tensor : object\n"
     "    With a method __dlpack__ (arrays of NumPy, tensors of PyTorch, ...), or a\n"
     "    DLPack capsule, which can be used\n"
     "    once.\n"
     "device : device, optional\n"
     "    Where the result is to be; by default where the memory is.\n"
     "copy : bool, optional\n"
     "    True always copies; False makes it an error where sharing is impossible.\n"
     "\n"
     "Returns\n"
     "-------\n"
     "Tensor\n"
     "\n"
     "Raises\n"
     "------\n"
     "TensorError\n"
     "    If there is no such dtype here, or the data is not aligned.\n"
     "DeviceError\n"
     "    If the memory is on a device that cannot be used in place.\n"
     "\n"
     "Examples\n"
     "--------\n"
     ">>> import numpy, rustorch\n"
     ">>> rustorch.from_dlpack(numpy.arange(3))\n"
     "tensor([0, 1, 2])\n"},
    {"to_dlpack", to_dlpack, METH_O,
     "to_dlpack(tensor)\n"
     "--\n"
     "\n"
     "A DLPack capsule over the memory of a tensor, for the from_dlpack of another library.\n"
     "\n"
     "Parameters\n"
     "----------\n"
     "tensor : Tensor\n"
     "\n"
     "Returns\n"
     "-------\n"
     "capsule\n"
     "\n"
     "Examples\n"
     "--------\n"
     ">>> import rustorch\n"
     ">>> rustorch.from_dlpack(rustorch.to_dlpack(rustorch.tensor([1, 2])))\n"
     "tensor([1, 2])\n"},
    {NULL, NULL, 0, NULL},
};

static PyMethodDef methods[] = {
    {"__dlpack__", EXT_KEYWORDS(tensor_dlpack),
     "__dlpack__($self, *, stream=None, max_version=None, dl_device=None, copy=None)\n--\n\nA "
     "DLPack "
     "capsule."},
    {"__dlpack_device__", tensor_dlpack_device, METH_NOARGS,
     "__dlpack_device__($self)\n--\n\nDLPack's (type, id)."},
    {NULL, NULL, 0, NULL},
};

int ext_add_dlpack(PyObject *module) {
    return ext_tensor_methods(methods) < 0 ? -1 : PyModule_AddFunctions(module, functions);
}
