// copy.copy, copy.deepcopy and pickle of tensors.
//
// A pickled tensor is its dtype, shape and bytes (in row-major order): pickle is for Python's own
// transport and for users; the files of rustorch contain none.
#include "methods.h"

#include <string.h>

// Carries over what belongs to the object: being a parameter, the wish for a gradient, the class,
// the attributes.
static PyObject *finish(PyObject *self, RtTensor *source, RtTensor *made, PyObject *dict) {
    if (!made) return ext_raise();
    if (rt_requires_grad(source) && !rt_requires_grad(made) &&
        ext_status(rt_set_requires_grad(made, true)) < 0)
        return NULL;
    made->is_parameter = source->is_parameter;
    PyObject *result = ext_wrap_as(Py_TYPE(self), made);
    if (result && dict) {
        Py_INCREF(dict);
        Py_XSETREF(((TensorObject *)result)->dict, dict);
    }
    return result;
}

PyObject *copy_copy(PyObject *self, PyObject *Py_UNUSED(unused)) {
    RtTensor *x = ext_tensor(self);
    RtScope scope;
    if (!x || ext_status(rt_scope_open(&scope)) < 0) return NULL;
    PyObject *dict = ((TensorObject *)self)->dict, *copied = dict ? PyDict_Copy(dict) : NULL;
    PyObject *result = dict && !copied ? NULL : finish(self, x, rt_detach(x), copied);
    Py_XDECREF(copied);
    rt_scope_close(scope);
    return result;
}

static PyObject *deepcopy(PyObject *object, PyObject *memo) {
    PyObject *module = PyImport_ImportModule("copy");
    PyObject *result = module ? PyObject_CallMethod(module, "deepcopy", "OO", object, memo) : NULL;
    Py_XDECREF(module);
    return result;
}

static int deepcopy_rest(PyObject *self, PyObject *result, PyObject *memo) {
    PyObject *key = PyLong_FromVoidPtr(self);
    int status = key ? PyObject_SetItem(memo, key, result) : -1;
    Py_XDECREF(key);
    RtTensor *grad = rt_grad_of(tensor_of(self));
    if (status == 0 && grad != RT_NONE) {
        PyObject *old = ext_wrap(grad), *fresh = old ? deepcopy(old, memo) : NULL;
        status = fresh ? PyObject_SetAttrString(result, "grad", fresh) : -1;
        Py_XDECREF(old);
        Py_XDECREF(fresh);
    }
    PyObject *dict = ((TensorObject *)self)->dict;
    if (status == 0 && dict) {
        PyObject *fresh = deepcopy(dict, memo);
        if (!fresh) return -1;
        Py_XSETREF(((TensorObject *)result)->dict, fresh);
    }
    return status;
}

PyObject *copy_deepcopy(PyObject *self, PyObject *memo) {
    RtTensor *x = ext_tensor(self);
    if (!x) return NULL;
    if (!rt_is_leaf(x))
        return ext_error(ERR_GRAD, "only tensors made by the user (graph leaves) can be "
                                   "deep-copied: detach() this one first");
    PyObject *key = PyLong_FromVoidPtr(self), *known = key ? PyObject_GetItem(memo, key) : NULL;
    Py_XDECREF(key);
    if (known) return known;
    if (!PyErr_ExceptionMatches(PyExc_KeyError)) return NULL;
    PyErr_Clear();
    RtScope scope;
    if (ext_status(rt_scope_open(&scope)) < 0) return NULL;
    bool enabled = rt_grad_enabled();
    rt_set_grad_enabled(false);
    RtTensor *clone;
    EXT_UNLOCKED(clone = rt_clone(x));
    rt_set_grad_enabled(enabled);
    PyObject *result = finish(self, x, clone, NULL);
    rt_scope_close(scope);
    if (result && deepcopy_rest(self, result, memo) < 0) Py_CLEAR(result);
    return result;
}

// ----------------------------------------------------------------------------------------------
// pickle

static PyObject *rebuild_function;

static PyObject *bytes_of(RtTensor *x) {
    RtTensor *dense = rt_contiguous(x);
    if (!dense) return ext_raise();
    return PyBytes_FromStringAndSize(
        rt_tensor_data(dense), (Py_ssize_t)((size_t)x->numel * rt_dtype_bytes((RtDtype)x->dtype)));
}

PyObject *copy_reduce(PyObject *self, PyObject *Py_UNUSED(protocol)) {
    RtTensor *x = ext_tensor(self);
    if (!x) return NULL;
    if (x->device.type != RT_CPU)
        return ext_error(ERR_DEVICE,
                         "a tensor on a GPU cannot be pickled: move it with .cpu() first");
    RtScope scope;
    if (ext_status(rt_scope_open(&scope)) < 0) return NULL;
    bool enabled = rt_grad_enabled();
    rt_set_grad_enabled(false);
    PyObject *bytes = bytes_of(x), *result = NULL;
    rt_set_grad_enabled(enabled);
    rt_scope_close(scope);
    PyObject *dict = ((TensorObject *)self)->dict;
    if (bytes)
        result = Py_BuildValue("(O(ONNNOO)O)", rebuild_function, Py_TYPE(self),
                               ext_dtype_object((RtDtype)x->dtype), ext_size(x->ndim, x->shape),
                               bytes, rt_requires_grad(x) ? Py_True : Py_False,
                               x->is_parameter ? Py_True : Py_False, dict ? dict : Py_None);
    return result;
}

static PyObject *rebuild(PyObject *Py_UNUSED(module), PyObject *args) {
    PyObject *type, *dtype_object, *shape_object;
    Py_buffer bytes;
    int requires_grad, is_parameter;
    RtDtype dtype;
    RtInts shape;
    if (!PyArg_ParseTuple(args, "O!OOy*pp:_rebuild", &PyType_Type, &type, &dtype_object,
                          &shape_object, &bytes, &requires_grad, &is_parameter))
        return NULL;
    PyObject *result = NULL;
    RtScope scope;
    if (ext_dtype(dtype_object, &dtype) == 0 && ext_ints(shape_object, "_rebuild", &shape) == 0 &&
        ext_status(rt_scope_open(&scope)) == 0) {
        RtTensor *made = rt_tensor_new(shape.n, shape.v, dtype, (RtDevice){RT_CPU, 0});
        if (!made || (requires_grad && rt_set_requires_grad(made, true) < 0)) {
            ext_raise();
        } else if ((size_t)bytes.len != (size_t)made->numel * rt_dtype_bytes(dtype)) {
            ext_error(ERR_VALUE,
                      "a pickled tensor has %zd bytes where its shape and dtype need %lld",
                      bytes.len, (long long)(made->numel * (int64_t)rt_dtype_bytes(dtype)));
        } else {
            memcpy(rt_tensor_data(made), bytes.buf, (size_t)bytes.len);
            made->is_parameter = is_parameter;
            result = ext_wrap_as((PyTypeObject *)type, made);
        }
        rt_scope_close(scope);
    }
    PyBuffer_Release(&bytes);
    return result;
}

int copy_add(PyObject *module) {
    static PyMethodDef functions[] = {
        {"_rebuild", rebuild, METH_VARARGS, "Makes the tensor that was pickled."}, {0}};
    if (PyModule_AddFunctions(module, functions) < 0) return -1;
    rebuild_function = PyObject_GetAttrString(module, "_rebuild");
    return rebuild_function ? 0 : -1;
}
