// nested.c: numbers and nested sequences of Python to tensors, and back.
//
// Three passes over the data: its shape (along the first elements), the dtype it needs (all
// elements), the values. A row of floats, ints or bools of exactly these types takes a short path
// in each. Arrays and tensors inside a sequence are blocks: their shape ends the shape, and they
// are copied whole. Conversions call back into Python, which may change the lists meanwhile: sizes
// are looked at again for each element, and elements are held while they are converted.
#include "array.h"

#include <math.h>

#define CPU ((RtDevice){RT_CPU, 0})

typedef struct Nested {
    RtDtype dtype; // of the store: float16 and bfloat16 are written as float32 and cast afterwards
    int ndim;
    int64_t shape[RT_MAX_DIMS], stride[RT_MAX_DIMS]; // stride in bytes
    int64_t at[RT_MAX_DIMS];                         // where we are, for messages
} Nested;

static bool is_block(PyObject *item) {
    if (PyArray_Check(item)) return PyArray_NDIM((PyArrayObject *)item) > 0;
    return ext_is_tensor(item) && ext_tensor(item)->ndim > 0;
}

static bool is_list(PyObject *item) {
    if (PyList_Check(item) || PyTuple_Check(item)) return true;
    if (PyFloat_Check(item) || PyLong_Check(item) || PyUnicode_Check(item) || PyArray_Check(item) ||
        ext_is_tensor(item))
        return false;
    return PySequence_Check(item) && !PyArray_CheckScalar(item);
}

// Shape ------------------------------------------------------------------------------------------

static int push_size(Nested *nested, int64_t size) {
    if (nested->ndim == RT_MAX_DIMS) {
        ext_error(ERR_VALUE, "tensor: the data is nested deeper than %d levels", RT_MAX_DIMS);
        return -1;
    }
    nested->shape[nested->ndim++] = size;
    return 0;
}

static int find_shape(Nested *nested, PyObject *data) {
    Py_INCREF(data);
    while (is_list(data)) {
        Py_ssize_t n = PySequence_Size(data);
        if (n < 0 || push_size(nested, n) < 0) goto failed;
        if (n == 0) break;
        PyObject *first = PySequence_GetItem(data, 0);
        Py_DECREF(data);
        if (!first) return -1;
        data = first;
    }
    if (is_block(data)) {
        RtTensor *tensor = PyArray_Check(data) ? NULL : ext_tensor(data);
        int n = tensor ? tensor->ndim : PyArray_NDIM((PyArrayObject *)data);
        for (int i = 0; i < n; i++)
            if (push_size(nested,
                          tensor ? tensor->shape[i] : PyArray_DIM((PyArrayObject *)data, i)) < 0)
                goto failed;
    }
    Py_DECREF(data);
    return 0;
failed:
    Py_DECREF(data);
    return -1;
}

// dtype ------------------------------------------------------------------------------------------

static int cannot_infer(PyObject *item) {
    if (PyUnicode_Check(item) || PyBytes_Check(item))
        ext_error(ERR_TYPE, "tensor: invalid data type '%.100s': expected numbers",
                  Py_TYPE(item)->tp_name);
    else if (PyComplex_Check(item))
        ext_error(ERR_TYPE, "tensor: complex numbers are not supported");
    else
        ext_error(ERR_TYPE, "Could not infer dtype of %.200s", Py_TYPE(item)->tp_name);
    return -1;
}

static int dtype_of_descr(PyArray_Descr *descr, RtDtype *out) {
    *out = array_dtype(descr);
    if (*out != RT_DTYPE_NONE) return 0;
    ext_error(
        ERR_DTYPE,
        "tensor: NumPy's dtype %S has no counterpart here: give dtype=, or convert the array first",
        descr);
    return -1;
}

static int dtype_of_item(PyObject *item, RtDtype *out) {
    if (PyArray_Check(item)) return dtype_of_descr(PyArray_DESCR((PyArrayObject *)item), out);
    if (ext_is_tensor(item)) {
        *out = (RtDtype)ext_tensor(item)->dtype;
    } else if (PyArray_CheckScalar(item)) {
        PyArray_Descr *descr = PyArray_DescrFromScalar(item);
        int rc = descr ? dtype_of_descr(descr, out) : -1;
        Py_XDECREF(descr);
        return rc;
    } else if (PyFloat_Check(item)) {
        *out = rt_default_dtype();
    } else if (PyBool_Check(item)) {
        *out = RT_BOOL;
    } else if (PyLong_Check(item)) {
        *out = RT_I64;
    } else {
        return cannot_infer(item);
    }
    return 0;
}

// Widens *dtype (RT_DTYPE_NONE at the start) by everything in data.
static int find_dtype(PyObject *data, int depth, RtDtype *dtype) {
    if (depth > RT_MAX_DIMS) {
        ext_error(ERR_VALUE, "tensor: the data is nested deeper than %d levels", RT_MAX_DIMS);
        return -1;
    }
    if (!is_list(data)) {
        RtDtype one = RT_DTYPE_NONE;
        if (dtype_of_item(data, &one) < 0) return -1;
        *dtype = *dtype == RT_DTYPE_NONE ? one : rt_dtype_promote(*dtype, one);
        return 0;
    }
    PyObject *list = PySequence_Fast(data, "tensor: expected a sequence");
    if (!list) return -1;
    if (PySequence_Fast_GET_SIZE(list) == 0 && *dtype == RT_DTYPE_NONE) *dtype = rt_default_dtype();
    PyTypeObject *seen = NULL; // rows of one type are the rule: each type is looked at once
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(list); i++) {
        PyObject *item = PySequence_Fast_GET_ITEM(list, i);
        if (Py_TYPE(item) == seen) continue;
        if (PyFloat_CheckExact(item) || PyLong_CheckExact(item) || PyBool_Check(item))
            seen = Py_TYPE(item);
        Py_INCREF(item);
        int rc = find_dtype(item, depth + 1, dtype);
        Py_DECREF(item);
        if (rc < 0) {
            Py_DECREF(list);
            return -1;
        }
    }
    Py_DECREF(list);
    return 0;
}

// Values -----------------------------------------------------------------------------------------

static PyObject *position(const Nested *nested, int depth) { // "[1][0]"
    PyObject *text = PyUnicode_FromString("");
    for (int i = 0; text && i < depth; i++) {
        PyObject *longer = PyUnicode_FromFormat("%U[%lld]", text, (long long)nested->at[i]);
        Py_DECREF(text);
        text = longer;
    }
    return text;
}

static int ragged(const Nested *nested, int depth, PyObject *found) {
    PyObject *where = position(nested, depth);
    if (!where) return -1;
    const char *here = depth ? " at data" : "";
    if (depth == nested->ndim)
        ext_error(
            ERR_SHAPE,
            "expected a number%s%U, found a sequence: the rows are nested to different depths",
            here, where);
    else if (is_list(found))
        ext_error(ERR_SHAPE, "expected sequence of length %lld at dim %d (got %zd)%s%U",
                  (long long)nested->shape[depth], depth, PySequence_Size(found), here, where);
    else
        ext_error(ERR_SHAPE, "expected sequence of length %lld at dim %d (got %.100s)%s%U",
                  (long long)nested->shape[depth], depth, Py_TYPE(found)->tp_name, here, where);
    Py_DECREF(where);
    return -1;
}

static int does_not_fit(PyObject *item, RtDtype dtype) {
    if (PyErr_Occurred() && !PyErr_ExceptionMatches(PyExc_OverflowError)) return -1;
    PyErr_Clear();
    ext_error(ERR_VALUE, "value cannot be converted to type %s without overflow: %R",
              rt_dtype_name(dtype), item);
    return -1;
}

static int store_int(void *to, RtDtype dtype, int64_t value, PyObject *item) {
    switch (dtype) {
    case RT_U8: // -1 is 255, as in C and PyTorch
        if (value < -255 || value > 255) return does_not_fit(item, dtype);
        *(uint8_t *)to = (uint8_t)value;
        return 0;
    case RT_I8:
        if (value != (int8_t)value) return does_not_fit(item, dtype);
        *(int8_t *)to = (int8_t)value;
        return 0;
    case RT_I16:
        if (value != (int16_t)value) return does_not_fit(item, dtype);
        *(int16_t *)to = (int16_t)value;
        return 0;
    case RT_I32:
        if (value != (int32_t)value) return does_not_fit(item, dtype);
        *(int32_t *)to = (int32_t)value;
        return 0;
    case RT_I64: *(int64_t *)to = value; return 0;
    case RT_BOOL: *(bool *)to = value != 0; return 0;
    case RT_F64: *(double *)to = (double)value; return 0;
    default: *(float *)to = (float)value; return 0;
    }
}

static int store_float(void *to, RtDtype dtype, double value, PyObject *item) {
    switch (dtype) {
    case RT_F32: *(float *)to = (float)value; return 0;
    case RT_F64: *(double *)to = value; return 0;
    case RT_BOOL: *(bool *)to = value != 0; return 0;
    default: // an integer dtype was asked for: truncated
        if (!(value > -0x1p63 && value < 0x1p63)) return does_not_fit(item, dtype);
        return store_int(to, dtype, (int64_t)value, item);
    }
}

static int store_python_int(void *to, RtDtype dtype, PyObject *item) {
    int overflow;
    long long value = PyLong_AsLongLongAndOverflow(item, &overflow);
    if (value == -1 && PyErr_Occurred()) return -1;
    if (!overflow) return store_int(to, dtype, value, item);
    if (dtype == RT_BOOL) return store_int(to, dtype, 1, item);
    if (rt_dtype_kind(dtype) != RT_KIND_FLOAT) return does_not_fit(item, dtype);
    double wide = PyLong_AsDouble(item);
    if (wide == -1 && PyErr_Occurred()) return does_not_fit(item, dtype);
    return store_float(to, dtype, wide, item);
}

// Any object that stands for one number.
static int store(void *to, RtDtype dtype, PyObject *item) {
    if (PyFloat_Check(item)) return store_float(to, dtype, PyFloat_AS_DOUBLE(item), item);
    if (PyLong_Check(item)) return store_python_int(to, dtype, item);
    if (ext_is_tensor(item)) {
        RtTensor *tensor = ext_tensor(item);
        if (tensor->device.type != RT_CPU) {
            ext_error(ERR_DEVICE,
                      "tensor: a list holds a tensor on another device: use .item() or .cpu()");
            return -1;
        }
        RtScalar value = rt_tensor_item(tensor, 0);
        return value.kind == RT_SCALAR_FLOAT ? store_float(to, dtype, value.f, item)
                                             : store_int(to, dtype, value.i, item);
    }
    if (PyUnicode_Check(item) || PyBytes_Check(item) || PyComplex_Check(item))
        return cannot_infer(item);
    if (PyIndex_Check(item) && !PyArray_Check(item)) { // NumPy's integers and the like
        PyObject *index = PyNumber_Index(item);
        int rc = index ? store_python_int(to, dtype, index) : -1;
        Py_XDECREF(index);
        return rc;
    }
    double value = PyFloat_AsDouble(item);
    if (value == -1 && PyErr_Occurred()) {
        if (!PyErr_ExceptionMatches(PyExc_TypeError)) return -1;
        PyErr_Clear();
        return cannot_infer(item);
    }
    return store_float(to, dtype, value, item);
}

// An array or tensor inside the data: NumPy copies and casts it.
static int store_block(const Nested *nested, int depth, PyObject *item, char *to) {
    RtScope scope;
    if (ext_status(rt_scope_open(&scope)) < 0) return -1;
    int rc = -1;
    PyObject *source = NULL, *target = NULL;
    if (PyArray_Check(item)) {
        source = Py_NewRef(item);
    } else {
        RtTensor *tensor = ext_tensor(item);
        bool low = tensor->dtype == RT_BF16; // NumPy may not know it
        RtTensor *plain =
            array_convert(rt_detach(tensor), low ? RT_F32 : RT_DTYPE_NONE, CPU, false);
        source = plain ? array_over(plain) : NULL;
    }
    if (!source) goto out;
    PyArrayObject *array = (PyArrayObject *)source;
    bool fits = PyArray_NDIM(array) == nested->ndim - depth;
    for (int i = 0; fits && i < PyArray_NDIM(array); i++)
        fits = PyArray_DIM(array, i) == nested->shape[depth + i];
    if (!fits) {
        ragged(nested, depth, item);
        goto out;
    }
    npy_intp shape[RT_MAX_DIMS];
    for (int i = depth; i < nested->ndim; i++) shape[i - depth] = nested->shape[i];
    target = PyArray_SimpleNewFromData(nested->ndim - depth, shape,
                                       array_type_number(nested->dtype), to);
    if (target) rc = PyArray_CopyInto((PyArrayObject *)target, array);
out:
    Py_XDECREF(source);
    Py_XDECREF(target);
    rt_scope_close(scope);
    return rc;
}

static int fill(Nested *nested, PyObject *data, int depth, char *to);

static int fill_item(Nested *nested, PyObject *item, int depth, char *to) {
    Py_INCREF(item);
    int rc;
    if (is_block(item))
        rc = store_block(nested, depth, item, to);
    else if (depth < nested->ndim)
        rc = fill(nested, item, depth, to);
    else if (is_list(item))
        rc = ragged(nested, depth, item);
    else
        rc = store(to, nested->dtype, item);
    Py_DECREF(item);
    return rc;
}

static int fill(Nested *nested, PyObject *data, int depth, char *to) {
    if (!is_list(data)) return ragged(nested, depth, data);
    PyObject *list = PySequence_Fast(data, "tensor: expected a sequence");
    if (!list) return -1;
    int64_t n = nested->shape[depth], stride = nested->stride[depth];
    RtDtype dtype = nested->dtype;
    bool leaves = depth == nested->ndim - 1;
    int rc = 0;
    if (PySequence_Fast_GET_SIZE(list) != n) rc = ragged(nested, depth, data);
    for (int64_t i = 0; rc == 0 && i < n; i++, to += stride) {
        if (i >= PySequence_Fast_GET_SIZE(list)) {
            PyErr_SetString(PyExc_RuntimeError, "tensor: a list became shorter while it was read");
            rc = -1;
            break;
        }
        PyObject *item = PySequence_Fast_GET_ITEM(list, i);
        if (leaves && PyFloat_CheckExact(item) && dtype == RT_F32) {
            *(float *)to = (float)PyFloat_AS_DOUBLE(item);
        } else if (leaves && PyFloat_CheckExact(item)) {
            rc = store_float(to, dtype, PyFloat_AS_DOUBLE(item), item);
        } else if (leaves && PyLong_CheckExact(item)) {
            rc = store_python_int(to, dtype, item);
        } else {
            nested->at[depth] = i;
            rc = fill_item(nested, item, depth + 1, to);
        }
    }
    Py_DECREF(list);
    return rc;
}

static bool has_array_interface(PyObject *data) {
    return PyObject_HasAttrString(data, "__array__") ||
           PyObject_HasAttrString(data, "__array_interface__");
}

static RtTensor *from_array(PyArrayObject *array, RtDtype dtype) {
    char kind = PyArray_DESCR(array)->kind;
    RtDtype own = array_dtype(PyArray_DESCR(array));
    if (own == RT_DTYPE_NONE && (dtype == RT_DTYPE_NONE || !strchr("iufb", kind))) {
        dtype_of_descr(PyArray_DESCR(array), &own);
        return NULL;
    }
    if (PyArray_NDIM(array) > RT_MAX_DIMS) {
        ext_error(ERR_SHAPE, "tensor: an array of %d dimensions: at most %d are possible",
                  PyArray_NDIM(array), RT_MAX_DIMS);
        return NULL;
    }
    if (dtype == RT_DTYPE_NONE) dtype = own;
    if (own == RT_BF16 || dtype == RT_BF16 ||
        dtype == RT_F16) { // casts of ours: NumPy may not know bfloat16
        RtTensor *shared =
            array_shareable(array) ? array_share(array, "tensor") : from_array(array, RT_F32);
        return shared ? array_convert(shared, dtype, CPU, true) : NULL;
    }
    int64_t shape[RT_MAX_DIMS];
    npy_intp dims[RT_MAX_DIMS];
    for (int i = 0; i < PyArray_NDIM(array); i++) shape[i] = dims[i] = PyArray_DIM(array, i);
    RtTensor *tensor = rt_tensor_new(PyArray_NDIM(array), shape, dtype, CPU);
    if (!tensor) {
        ext_raise();
        return NULL;
    }
    PyObject *target = PyArray_SimpleNewFromData(PyArray_NDIM(array), dims,
                                                 array_type_number(dtype), rt_tensor_data(tensor));
    int rc = target ? PyArray_CopyInto((PyArrayObject *)target, array) : -1;
    Py_XDECREF(target);
    return rc < 0 ? NULL : tensor;
}

static RtTensor *from_nested(PyObject *data, RtDtype dtype) {
    Nested nested = {0};
    if (find_shape(&nested, data) < 0) return NULL;
    if (dtype == RT_DTYPE_NONE && find_dtype(data, 0, &dtype) < 0) return NULL;
    nested.dtype = dtype == RT_F16 || dtype == RT_BF16 ? RT_F32 : dtype;
    RtTensor *tensor = rt_tensor_new(nested.ndim, nested.shape, nested.dtype, CPU);
    if (!tensor) {
        ext_raise();
        return NULL;
    }
    for (int i = 0; i < nested.ndim; i++)
        nested.stride[i] = tensor->stride[i] * (int64_t)rt_dtype_bytes(nested.dtype);
    if (fill_item(&nested, data, 0, rt_tensor_data(tensor)) < 0) return NULL;
    return array_convert(tensor, dtype, CPU, false);
}

RtTensor *ext_from_data(PyObject *data, RtDtype dtype, RtDevice device) {
    RtTensor *tensor;
    if (ext_is_tensor(data)) return array_convert(rt_detach(ext_tensor(data)), dtype, device, true);
    if (PyArray_Check(data)) {
        tensor = from_array((PyArrayObject *)data, dtype);
    } else if (PyList_CheckExact(data) || PyTuple_CheckExact(data) || PyFloat_Check(data) ||
               PyLong_Check(data) || PyArray_CheckScalar(data) || !has_array_interface(data)) {
        tensor = from_nested(data, dtype);
    } else {
        PyObject *array = PyArray_FROM_O(data);
        tensor = array ? from_array((PyArrayObject *)array, dtype) : NULL;
        Py_XDECREF(array);
    }
    return tensor ? array_convert(tensor, RT_DTYPE_NONE, device, false) : NULL;
}

// Tensors to lists -------------------------------------------------------------------------------

static PyObject *item_object(const char *at, RtDtype dtype) {
    switch (dtype) {
    case RT_BOOL: return PyBool_FromLong(*(const uint8_t *)at != 0);
    case RT_U8: return PyLong_FromLong(*(const uint8_t *)at);
    case RT_I8: return PyLong_FromLong(*(const int8_t *)at);
    case RT_I16: return PyLong_FromLong(*(const int16_t *)at);
    case RT_I32: return PyLong_FromLong(*(const int32_t *)at);
    case RT_I64: return PyLong_FromLongLong(*(const int64_t *)at);
    case RT_F32: return PyFloat_FromDouble((double)*(const float *)at);
    default: return PyFloat_FromDouble(*(const double *)at);
    }
}

static PyObject *to_list(const RtTensor *tensor, int depth, const char *at) {
    if (depth == tensor->ndim) return item_object(at, (RtDtype)tensor->dtype);
    PyObject *list = PyList_New((Py_ssize_t)tensor->shape[depth]);
    RtDtype dtype = (RtDtype)tensor->dtype;
    int64_t stride = tensor->stride[depth] * (int64_t)rt_dtype_bytes(dtype);
    bool leaves = depth == tensor->ndim - 1;
    for (int64_t i = 0; list && i < tensor->shape[depth]; i++, at += stride) {
        PyObject *item = leaves ? item_object(at, dtype) : to_list(tensor, depth + 1, at);
        if (!item)
            Py_CLEAR(list);
        else
            PyList_SET_ITEM(list, (Py_ssize_t)i, item);
    }
    return list;
}

static PyObject *tensor_tolist(PyObject *self, PyObject *Py_UNUSED(none)) {
    RtTensor *tensor = ext_tensor(self);
    RtScope scope;
    if (!tensor || ext_status(rt_scope_open(&scope)) < 0) return NULL;
    bool low = tensor->dtype == RT_F16 || tensor->dtype == RT_BF16;
    RtTensor *plain = tensor;
    if (low || tensor->device.type != RT_CPU)
        plain = array_convert(rt_detach(tensor), low ? RT_F32 : RT_DTYPE_NONE, CPU, false);
    PyObject *list = plain ? to_list(plain, 0, rt_tensor_data(plain)) : NULL;
    rt_scope_close(scope);
    return list;
}

static PyMethodDef methods[] = {
    {"tolist", tensor_tolist, METH_NOARGS,
     "tolist($self)\n--\n\nThe elements as nested lists of Python numbers; of a 0-dimensional "
     "tensor, "
     "the number."},
    {"to_list", tensor_tolist, METH_NOARGS, "to_list($self)\n--\n\nAs tolist()."},
    {NULL, NULL, 0, NULL},
};

int nested_add(void) { return ext_tensor_methods(methods); }
