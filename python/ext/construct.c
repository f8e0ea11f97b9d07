// construct.c: rustorch.tensor, as_tensor, asarray and frombuffer: tensors from what Python has.
#include "array.h"

#define CPU ((RtDevice){RT_CPU, 0})

typedef struct Wish { // what the caller asked of the new tensor
    RtDtype dtype;
    RtDevice device;
    bool requires_grad, pin_memory;
} Wish;

static int read_wish(PyObject *dtype, PyObject *device, PyObject *requires_grad,
                     PyObject *pin_memory, Wish *out) {
    if (ext_dtype(dtype ? dtype : Py_None, &out->dtype) < 0 ||
        ext_device(device ? device : Py_None, &out->device) < 0 ||
        ext_flag(requires_grad, "requires_grad", false, &out->requires_grad) < 0 ||
        ext_flag(pin_memory, "pin_memory", false, &out->pin_memory) < 0)
        return -1;
    if (!out->pin_memory) return 0;
    if (ext_status(rt_device_check((RtDevice){RT_CUDA, 0})) < 0)
        return -1; // pinned memory is memory of a CUDA driver
    ext_error(
        ERR_UNSUPPORTED,
        "pin_memory=True: page-locked memory is not available for single tensors; use DataLoader's "
        "pin_memory");
    return -1;
}

static PyObject *tensor(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t nargs,
                        PyObject *kwnames) {
    static const char *const names[] = {"data",          "dtype",      "device",
                                        "requires_grad", "pin_memory", NULL};
    PyObject *in[5];
    Wish wish;
    if (ext_arguments("tensor", names, 1, 1, args, nargs, kwnames, in) < 0 ||
        read_wish(in[1], in[2], in[3], in[4], &wish) < 0)
        return NULL;
    if (ext_is_tensor(in[0]) && PyErr_WarnEx(PyExc_UserWarning,
                                             "To copy construct from a tensor, it is recommended "
                                             "to use sourceTensor.detach().clone() or "
                                             "sourceTensor.detach().clone().requires_grad_(True), "
                                             "rather than rustorch.tensor(sourceTensor).",
                                             1) < 0)
        return NULL;
    RtScope scope;
    if (ext_status(rt_scope_open(&scope)) < 0) return NULL;
    PyObject *result =
        array_finish(ext_from_data(in[0], wish.dtype, wish.device), wish.requires_grad);
    rt_scope_close(scope);
    return result;
}

static bool fits(const RtTensor *tensor, RtDtype dtype, RtDevice device) {
    return (dtype == RT_DTYPE_NONE || dtype == tensor->dtype) &&
           (device.type == RT_DEVICE_NONE ||
            (device.type == tensor->device.type && device.index == tensor->device.index));
}

static PyObject *as_tensor(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t nargs,
                           PyObject *kwnames) {
    static const char *const names[] = {"data", "dtype", "device", NULL};
    PyObject *in[3];
    Wish wish;
    if (ext_arguments("as_tensor", names, 3, 1, args, nargs, kwnames, in) < 0 ||
        read_wish(in[1], in[2], NULL, NULL, &wish) < 0)
        return NULL;
    if (ext_is_tensor(in[0]) && fits(ext_tensor(in[0]), wish.dtype, wish.device))
        return Py_NewRef(in[0]);
    RtScope scope;
    if (ext_status(rt_scope_open(&scope)) < 0) return NULL;
    RtTensor *made = NULL;
    if (ext_is_tensor(in[0])) {
        made = array_convert(ext_tensor(in[0]), wish.dtype, wish.device, false);
    } else if (PyArray_Check(in[0]) && array_shareable((PyArrayObject *)in[0])) {
        made = array_share((PyArrayObject *)in[0], "as_tensor");
        if (made) made = array_convert(made, wish.dtype, wish.device, false);
    } else {
        made = ext_from_data(in[0], wish.dtype, wish.device);
    }
    PyObject *result = array_finish(made, false);
    rt_scope_close(scope);
    return result;
}

// frombuffer -------------------------------------------------------------------------------------

static void release_buffer(void *context) {
    Py_buffer *view = context;
    if (!Py_IsInitialized() || Py_IsFinalizing()) return;
    PyGILState_STATE state = PyGILState_Ensure();
    PyBuffer_Release(view);
    PyMem_Free(view);
    PyGILState_Release(state);
}

// count elements of dtype from offset on; count -1: all there are. Takes over view.
static RtTensor *over_buffer(Py_buffer *view, RtDtype dtype, Py_ssize_t count, Py_ssize_t offset) {
    Py_ssize_t item = (Py_ssize_t)rt_dtype_bytes(dtype);
    PyObject *no = NULL;
    if (view->len == 0 || count == 0)
        no = ext_error(ERR_VALUE,
                       "frombuffer: both buffer length (%zd) and count (%zd) must not be 0",
                       view->len, count);
    else if (count < -1)
        no = ext_error(ERR_VALUE, "frombuffer: count must be -1 or more than 0, not %zd", count);
    else if (offset < 0 || offset >= view->len)
        no = ext_error(
            ERR_VALUE,
            "frombuffer: offset (%zd bytes) must be non-negative and no greater than buffer length "
            "(%zd bytes) minus 1",
            offset, view->len);
    else if (count < 0 && (view->len - offset) % item != 0)
        no = ext_error(
            ERR_VALUE,
            "frombuffer: buffer length (%zd bytes) after offset (%zd bytes) must be a multiple of "
            "element size (%zd)",
            view->len - offset, offset, item);
    else if (count > 0 && (view->len - offset) / item < count)
        no = ext_error(ERR_VALUE,
                       "frombuffer: requested count (%zd elements) after offset (%zd bytes) must "
                       "not be greater "
                       "than the buffer holds (%zd bytes)",
                       count, offset, view->len);
    else if (((uintptr_t)view->buf + (uintptr_t)offset) % (uintptr_t)item != 0)
        no = ext_error(
            ERR_VALUE,
            "frombuffer: the elements would not be aligned in memory: the address at offset %zd is "
            "no multiple of the element size (%zd)",
            offset, item);
    else if (!view->readonly || array_warn_readonly() == 0)
        no = Py_None;
    if (!no) {
        release_buffer(view);
        return NULL;
    }
    int64_t n = count > 0 ? count : (view->len - offset) / item;
    RtTensor *made = rt_tensor_wrap((char *)view->buf + offset, (size_t)(n * item), 1, &n, NULL,
                                    dtype, CPU, release_buffer, view);
    if (!made) ext_raise();
    return made;
}

static RtTensor *from_buffer(PyObject *object, RtDtype dtype, Py_ssize_t count, Py_ssize_t offset) {
    Py_buffer *view = PyMem_Malloc(sizeof *view);
    if (!view) {
        PyErr_NoMemory();
        return NULL;
    }
    if (PyObject_GetBuffer(object, view, PyBUF_WRITABLE) < 0) {
        PyErr_Clear();
        if (PyObject_GetBuffer(object, view, PyBUF_SIMPLE) < 0) {
            PyMem_Free(view);
            return NULL;
        }
    }
    return over_buffer(view, dtype, count, offset);
}

static PyObject *frombuffer(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t nargs,
                            PyObject *kwnames) {
    static const char *const names[] = {"buffer", "dtype",         "count",
                                        "offset", "requires_grad", NULL};
    PyObject *in[5];
    Wish wish;
    if (ext_arguments("frombuffer", names, 1, 2, args, nargs, kwnames, in) < 0 ||
        read_wish(in[1], NULL, in[4], NULL, &wish) < 0)
        return NULL;
    if (wish.dtype == RT_DTYPE_NONE) return ext_error(ERR_TYPE, "frombuffer: dtype must be given");
    Py_ssize_t count = in[2] ? PyNumber_AsSsize_t(in[2], PyExc_OverflowError) : -1;
    if (count == -1 && PyErr_Occurred()) return NULL;
    Py_ssize_t offset = in[3] ? PyNumber_AsSsize_t(in[3], PyExc_OverflowError) : 0;
    if (offset == -1 && PyErr_Occurred()) return NULL;
    RtScope scope;
    if (ext_status(rt_scope_open(&scope)) < 0) return NULL;
    PyObject *result =
        array_finish(from_buffer(in[0], wish.dtype, count, offset), wish.requires_grad);
    rt_scope_close(scope);
    return result;
}

// asarray ----------------------------------------------------------------------------------------

// A tensor that shares memory with object, in the open scope; NULL without an exception: it has no
// memory to share.
static RtTensor *shared_view(PyObject *object, const Wish *wish) {
    if (ext_is_tensor(object)) return ext_tensor(object);
    if (PyArray_Check(object) && array_shareable((PyArrayObject *)object))
        return array_share((PyArrayObject *)object, "asarray");
    if (PyArray_Check(object) || PyArray_CheckScalar(object)) return NULL;
    if (PyObject_HasAttrString(object, "__dlpack__")) {
        PyObject *other = dlpack_import(object);
        RtTensor *made = other ? ext_lend(ext_tensor(other)) : NULL;
        Py_XDECREF(other);
        return made;
    }
    if (PyObject_CheckBuffer(object) && !PyBytes_Check(object))
        return from_buffer(object, wish->dtype == RT_DTYPE_NONE ? rt_default_dtype() : wish->dtype,
                           -1, 0);
    return NULL;
}

static PyObject *asarray(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t nargs,
                         PyObject *kwnames) {
    static const char *const names[] = {"obj", "dtype", "device", "copy", "requires_grad", NULL};
    PyObject *in[5];
    Wish wish;
    if (ext_arguments("asarray", names, 1, 1, args, nargs, kwnames, in) < 0 ||
        read_wish(in[1], in[2], in[4], NULL, &wish) < 0)
        return NULL;
    bool must_copy = in[3] == Py_True, must_not = in[3] == Py_False;
    if (ext_is_tensor(in[0]) && !must_copy && fits(ext_tensor(in[0]), wish.dtype, wish.device) &&
        rt_requires_grad(ext_tensor(in[0])) == wish.requires_grad)
        return Py_NewRef(in[0]);
    RtScope scope;
    if (ext_status(rt_scope_open(&scope)) < 0) return NULL;
    PyObject *result = NULL;
    RtTensor *made = shared_view(in[0], &wish);
    if (!made && PyErr_Occurred()) goto out;
    bool as_is = made && fits(made, wish.dtype, wish.device);
    if (must_not && !as_is) {
        ext_error(ERR_VALUE,
                  made ? "asarray: copy=False, but another dtype or device needs a copy"
                       : "asarray: copy=False, but this object has no memory that could be shared");
        goto out;
    }
    if (made && rt_requires_grad(made) != wish.requires_grad)
        made = rt_detach(made); // obj itself stays as it is
    if (made)
        made = array_convert(made, wish.dtype, wish.device, must_copy);
    else
        made = ext_from_data(in[0], wish.dtype, wish.device);
    result = array_finish(made, wish.requires_grad);
out:
    rt_scope_close(scope);
    return result;
}

static PyMethodDef functions[] = {
    {"tensor", EXT_KEYWORDS(tensor),
     "tensor(data, *, dtype=None, device=None, requires_grad=False, pin_memory=False)\n"
     "--\n"
     "\n"
     "A new tensor with a copy of data: numbers, nested lists or tuples of them, arrays,\n"
     "tensors.\n"
     "\n"
     "Parameters\n"
     "----------\n"
     "data : number, sequence, array or tensor\n"
     "dtype : dtype, optional\n"
     "    By default that of an array; of Python numbers bool, int64, or the default dtype.\n"
     "device : device, optional\n"
     "    By default the CPU.\n"
     "requires_grad : bool\n"
     "    Whether gradients with respect to it are wanted.\n"
     "pin_memory : bool\n"
     "    Page-locked memory; needs a CUDA device.\n"
     "\n"
     "Raises\n"
     "------\n"
     "ShapeError\n"
     "    If rows differ in length; the message says where.\n"
     "TypeError\n"
     "    If data holds something that is no number.\n"
     "\n"
     "Examples\n"
     "--------\n"
     ">>> import rustorch\n"
     ">>> rustorch.tensor([[1.0, 2.0], [3.0, 4.0]])\n"
     "tensor([[1., 2.],\n"
     "        [3., 4.]])\n"},
    {"as_tensor", EXT_KEYWORDS(as_tensor),
     "as_tensor(data, dtype=None, device=None)\n"
     "--\n"
     "\n"
     "data as a tensor that shares its memory where it can.\n"
     "\n"
     "Parameters\n"
     "----------\n"
     "data : tensor, array, number or sequence\n"
     "    A tensor of that dtype and device is returned itself; an array is shared,\n"
     "    unless it cannot be.\n"
     "dtype : dtype, optional\n"
     "    By default that of data.\n"
     "device : device, optional\n"
     "    By default that of data.\n"
     "\n"
     "Returns\n"
     "-------\n"
     "Tensor\n"
     "    Of a tensor that requires a gradient: one that is part of its graph.\n"
     "\n"
     "Examples\n"
     "--------\n"
     ">>> import numpy, rustorch\n"
     ">>> a = numpy.zeros(2)\n"
     ">>> rustorch.as_tensor(a)[0] = 7\n"
     ">>> a.tolist()\n"
     "[7.0, 0.0]\n"},
    {"asarray", EXT_KEYWORDS(asarray),
     "asarray(obj, *, dtype=None, device=None, copy=None, requires_grad=False)\n"
     "--\n"
     "\n"
     "obj as a tensor: a tensor, array, DLPack object or buffer is shared, everything else\n"
     "is copied.\n"
     "\n"
     "Parameters\n"
     "----------\n"
     "obj : object\n"
     "    The bytes of a buffer are read as numbers of dtype (by default the default dtype).\n"
     "dtype : dtype, optional\n"
     "    By default that of obj. Another dtype needs a copy.\n"
     "device : device, optional\n"
     "    By default that of obj. Another device needs a copy.\n"
     "copy : bool, optional\n"
     "    True always copies; False makes it an error where sharing is impossible.\n"
     "requires_grad : bool\n"
     "    Whether gradients with respect to the result are wanted.\n"
     "\n"
     "Returns\n"
     "-------\n"
     "Tensor\n"
     "\n"
     "Raises\n"
     "------\n"
     "ValueError\n"
     "    If copy is False and a copy is needed.\n"
     "\n"
     "Examples\n"
     "--------\n"
     ">>> import rustorch\n"
     ">>> rustorch.asarray([1, 2, 3])\n"
     "tensor([1, 2, 3])\n"},
    {"frombuffer", EXT_KEYWORDS(frombuffer),
     "frombuffer(buffer, *, dtype, count=-1, offset=0, requires_grad=False)\n"
     "--\n"
     "\n"
     "A one-dimensional tensor over the bytes of an object that has a buffer.\n"
     "\n"
     "Parameters\n"
     "----------\n"
     "buffer : object\n"
     "    bytearray, array.array, memoryview, mmap, bytes (read-only: warns once in a\n"
     "    program), ...\n"
     "dtype : dtype\n"
     "    Of the elements.\n"
     "count : int\n"
     "    How many elements; -1 takes all there are.\n"
     "offset : int\n"
     "    Where to begin, in bytes; the address there must be aligned for dtype.\n"
     "requires_grad : bool\n"
     "    Whether gradients with respect to the result are wanted.\n"
     "\n"
     "Returns\n"
     "-------\n"
     "Tensor\n"
     "    Of shape (count,).\n"
     "\n"
     "Raises\n"
     "------\n"
     "ValueError\n"
     "    If the bytes do not fit count, offset and dtype.\n"
     "\n"
     "Examples\n"
     "--------\n"
     ">>> import rustorch\n"
     ">>> rustorch.frombuffer(bytearray([1, 2, 3]), dtype=rustorch.uint8, offset=1)\n"
     "tensor([2, 3], dtype=rustorch.uint8)\n"},
    {NULL, NULL, 0, NULL},
};

int construct_add(PyObject *module) { return PyModule_AddFunctions(module, functions); }
