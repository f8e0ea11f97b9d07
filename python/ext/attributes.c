// The attributes of Tensor: x.shape, x.dtype, x.requires_grad, x.grad, …
#include "values.h"
#include "wrapper.h"

#define SELF                                                                                       \
    RtTensor *x = ext_tensor(self);                                                                \
    if (!x) return NULL

#define GET(name_) static PyObject *get_##name_(PyObject *self, void *Py_UNUSED(closure))
#define GET_IS(name_, expression_)                                                                 \
    GET(name_) {                                                                                   \
        SELF;                                                                                      \
        return PyBool_FromLong(expression_);                                                       \
    }

GET(shape) {
    SELF;
    return ext_size(x->ndim, x->shape);
}
GET(dtype) {
    SELF;
    return ext_dtype_object((RtDtype)x->dtype);
}
GET(device) {
    SELF;
    return ext_device_object(x->device);
}
GET(ndim) {
    SELF;
    return PyLong_FromLong(x->ndim);
}
GET(itemsize) {
    SELF;
    return PyLong_FromSize_t(rt_dtype_bytes((RtDtype)x->dtype));
}
GET(nbytes) {
    SELF;
    return PyLong_FromLongLong(x->numel * (int64_t)rt_dtype_bytes((RtDtype)x->dtype));
}
GET(version) {
    SELF;
    return PyLong_FromUnsignedLong(rt_tensor_version(x));
}
GET(base) {
    SELF;
    return ext_wrap(x->base ? x->base : RT_NONE);
}
GET(layout) {
    SELF;
    return value_strided();
}
GET_IS(is_leaf, rt_is_leaf(x))
GET_IS(is_cuda, x->device.type == RT_CUDA)
GET_IS(is_cpu, x->device.type == RT_CPU)
GET_IS(requires_grad, rt_requires_grad(x))

// What tensors of rustorch never are.
static PyObject *get_false(PyObject *Py_UNUSED(self), void *Py_UNUSED(closure)) { Py_RETURN_FALSE; }
static PyObject *get_none(PyObject *Py_UNUSED(self), void *Py_UNUSED(closure)) { Py_RETURN_NONE; }

static int no_delete(PyObject *value, const char *name) {
    if (value) return 0;
    ext_error(ERR_TYPE, "Tensor.%s cannot be deleted", name);
    return -1;
}

static int set_requires_grad(PyObject *self, PyObject *value, void *Py_UNUSED(closure)) {
    RtTensor *x = ext_tensor(self);
    if (!x || no_delete(value, "requires_grad") < 0) return -1;
    int wanted = PyObject_IsTrue(value);
    return wanted < 0 ? -1 : ext_status(rt_set_requires_grad(x, wanted));
}

GET(grad) {
    SELF;
    return ext_wrap(rt_grad_of(x));
}

static int set_grad(PyObject *self, PyObject *value, void *Py_UNUSED(closure)) {
    RtTensor *x = ext_tensor(self);
    if (!x) return -1;
    RtTensor *grad = RT_NONE;
    if (value && value != Py_None) {
        if (value == self) {
            ext_error(ERR_VALUE, "a tensor cannot be its own gradient");
            return -1;
        }
        if (!(grad = ext_tensor(value))) return -1;
    }
    return ext_status(rt_set_grad(x, grad));
}

GET(grad_fn) {
    SELF;
    rt_error_clear();
    RtNode *node = rt_grad_node(x);
    if (!node && rt_error_code() != OK && rt_error_message()[0]) return ext_raise();
    return ext_node(node);
}

GET(data) {
    SELF;
    RtScope scope;
    if (ext_status(rt_scope_open(&scope)) < 0) return NULL;
    PyObject *alias = ext_wrap_callable(rt_tensor_alias(x));
    rt_scope_close(scope);
    return alias;
}

static int set_data(PyObject *self, PyObject *value, void *Py_UNUSED(closure)) {
    RtTensor *x = ext_tensor(self), *source;
    if (!x || no_delete(value, "data") < 0 || !(source = ext_tensor(value))) return -1;
    return ext_status(rt_tensor_set_data(x, source));
}

// T reverses all dimensions; mT exchanges the last two; H is T for matrices.
GET(T) {
    SELF;
    PyObject *dims = PyTuple_New(x->ndim);
    for (int i = 0; dims && i < x->ndim; i++)
        PyTuple_SET_ITEM(dims, i, PyLong_FromLong(x->ndim - 1 - i));
    return dims ? ext_method("permute", self, "(N)", dims) : NULL;
}
GET(mT) {
    SELF;
    if (x->ndim < 2)
        return ext_error(ERR_SHAPE, "tensor.mT needs two dimensions or more, this tensor has %d",
                         x->ndim);
    return ext_method("transpose", self, "(ii)", -2, -1);
}
GET(H) {
    SELF;
    if (x->ndim != 2 && x->ndim != 0)
        return ext_error(ERR_SHAPE,
                         "tensor.H is for matrices (2 dimensions), this tensor has %d; use mT for "
                         "batches of matrices",
                         x->ndim);
    return get_T(self, NULL);
}

GET(storage) {
    SELF;
    return Py_BuildValue("(Kn)", (unsigned long long)(uintptr_t)x->storage->data,
                         (Py_ssize_t)x->storage->asked);
}

PyGetSetDef tensor_getset[] = {
    {"shape", get_shape, NULL,
     "The sizes of the dimensions, a rustorch.Size. Called, a plain list.", NULL},
    {"dtype", get_dtype, NULL, "The element type.", NULL},
    {"device", get_device, NULL, "Where the elements lie.", NULL},
    {"ndim", get_ndim, NULL, "The number of dimensions.", NULL},
    {"itemsize", get_itemsize, NULL, "Bytes of one element.", NULL},
    {"nbytes", get_nbytes, NULL, "Bytes of all elements.", NULL},
    {"requires_grad", get_requires_grad, set_requires_grad, "Is a gradient wanted for this tensor?",
     NULL},
    {"grad", get_grad, set_grad, "The gradient that backward() accumulated, or None.", NULL},
    {"grad_fn", get_grad_fn, NULL,
     "The node of the graph that made this tensor, or None for a leaf.", NULL},
    {"is_leaf", get_is_leaf, NULL,
     "True unless an operation recorded for gradients made this tensor.", NULL},
    {"data", get_data, set_data,
     "The same elements outside the graph; writes to it are not tracked.", NULL},
    {"T", get_T, NULL, "The tensor with its dimensions reversed, without a copy.", NULL},
    {"mT", get_mT, NULL, "The tensor with its last two dimensions exchanged, without a copy.",
     NULL},
    {"H", get_H, NULL, "The transpose of a matrix, without a copy.", NULL},
    {"mH", get_mT, NULL, "The tensor with its last two dimensions exchanged, without a copy.",
     NULL},
    {"layout", get_layout, NULL, "rustorch.strided.", NULL},
    {"is_cuda", get_is_cuda, NULL, "Is the tensor on a GPU?", NULL},
    {"is_cpu", get_is_cpu, NULL, "Is the tensor in the memory of the CPU?", NULL},
    {"is_sparse", get_false, NULL, "False: there are no sparse tensors.", NULL},
    {"is_quantized", get_false, NULL, "False: there are no quantized tensors.", NULL},
    {"is_meta", get_false, NULL, "False: every tensor has memory.", NULL},
    {"is_nested", get_false, NULL, "False: there are no nested tensors.", NULL},
    {"name", get_none, NULL, "None.", NULL},
    {"_version", get_version, NULL, "How often the storage was written to.", NULL},
    {"_storage", get_storage, NULL, "The address and the size in bytes of the memory.", NULL},
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, NULL,
     NULL}, // for pickle and vars()
    {"_base", get_base, NULL, "The tensor that this one is a view of, or None.", NULL},
    {0}};
