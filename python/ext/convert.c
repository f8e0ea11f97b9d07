// From Python to the engine's values: integers, lists of integers, numbers, lists of tensors.
#include "convert.h"

#include <string.h>

bool ext_is_ndarray(PyObject *object) {
    for (PyTypeObject *type = Py_TYPE(object); type; type = type->tp_base)
        if (strcmp(type->tp_name, "numpy.ndarray") == 0) return true;
    return false;
}

// NumPy's scalars (np.float32(1)) are no arrays, although they have most of an array's methods.
static bool is_numpy_scalar(PyObject *object) {
    PyTypeObject *type = Py_TYPE(object);
    return strncmp(type->tp_name, "numpy.", 6) == 0 && type->tp_as_number &&
           type->tp_as_number->nb_float && strncmp(type->tp_name, "numpy.complex", 13) != 0 &&
           !ext_is_ndarray(object);
}

static bool is_numpy_bool(PyObject *object) {
    return strcmp(Py_TYPE(object)->tp_name, "numpy.bool_") == 0 ||
           strcmp(Py_TYPE(object)->tp_name, "numpy.bool") == 0;
}

bool ext_is_number(PyObject *object) {
    return PyFloat_Check(object) || PyLong_Check(object) ||
           (is_numpy_scalar(object) || is_numpy_bool(object));
}

// ----------------------------------------------------------------------------------------------
// kinds

// A tensor of one element stands for its value where a number is expected, unless its gradient
// would be lost.
static bool is_single(PyObject *object, RtKind up_to) {
    if (!is_tensor(object)) return false;
    RtTensor *x = tensor_of(object);
    return x && x->numel == 1 && !rt_requires_grad(x) && rt_dtype_kind((RtDtype)x->dtype) <= up_to;
}

bool convert_is_int(PyObject *object) {
    if (PyLong_Check(object)) return !PyBool_Check(object);
    if (is_tensor(object))
        return is_single(object, RT_KIND_INT) && tensor_of(object)->dtype != RT_BOOL;
    return PyIndex_Check(object) && !ext_is_ndarray(object) && !is_numpy_bool(object);
}

bool convert_is_float(PyObject *object) {
    if (PyFloat_Check(object) || PyLong_Check(object)) return true;
    if (is_tensor(object)) return is_single(object, RT_KIND_FLOAT);
    PyTypeObject *type = Py_TYPE(object);
    if (PyComplex_Check(object) || ext_is_ndarray(object) || !type->tp_as_number) return false;
    return type->tp_as_number->nb_float || type->tp_as_number->nb_index;
}

bool convert_is_bool(PyObject *object) { return PyBool_Check(object) || is_numpy_bool(object); }

// Tuples and lists of integers, and what behaves as one (range).
bool convert_is_ints(PyObject *object) {
    if (PyTuple_Check(object) || PyList_Check(object)) {
        PyObject **items = PySequence_Fast_ITEMS(object);
        for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(object); i++)
            if (!convert_is_int(items[i])) return false;
        return true;
    }
    return PyRange_Check(object) || convert_is_int(object);
}

bool convert_is_tensors(PyObject *object) {
    if (!PyTuple_Check(object) && !PyList_Check(object)) return false;
    PyObject **items = PySequence_Fast_ITEMS(object);
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(object); i++)
        if (!is_tensor(items[i])) return false;
    return true;
}

// ----------------------------------------------------------------------------------------------
// values

static int read_int(PyObject *object, const char *what, int64_t *out) {
    PyObject *number = PyLong_CheckExact(object) ? Py_NewRef(object) : PyNumber_Index(object);
    if (!number) {
        PyErr_Clear();
        ext_error(ERR_TYPE, "%s must be an integer, not %s", what, Py_TYPE(object)->tp_name);
        return -1;
    }
    int overflow;
    *out = PyLong_AsLongLongAndOverflow(number, &overflow);
    Py_DECREF(number);
    if (overflow) ext_error(ERR_VALUE, "%s: %R does not fit in 64 bits", what, object);
    return overflow || (*out == -1 && PyErr_Occurred()) ? -1 : 0;
}

int convert_int(PyObject *object, const char *what, int64_t *out) {
    return read_int(object, what, out);
}

int convert_float(PyObject *object, const char *what, double *out) {
    *out = PyFloat_AsDouble(object);
    if (*out != -1 || !PyErr_Occurred()) return 0;
    if (PyErr_ExceptionMatches(PyExc_TypeError)) {
        PyErr_Clear();
        ext_error(ERR_TYPE, "%s must be a number, not %s", what, Py_TYPE(object)->tp_name);
    }
    return -1;
}

int ext_ints(PyObject *object, const char *what, RtInts *out) {
    out->n = 0;
    if (convert_is_int(object)) {
        out->n = 1;
        return read_int(object, what, &out->v[0]);
    }
    if (PyUnicode_Check(object) || is_tensor(object) || !PySequence_Check(object)) {
        ext_error(ERR_TYPE, "%s must be an integer or a tuple or list of integers, not %s", what,
                  Py_TYPE(object)->tp_name);
        return -1;
    }
    PyObject *list = PySequence_Fast(object, "a sequence of integers is needed");
    if (!list) return -1;
    Py_ssize_t n = PySequence_Fast_GET_SIZE(list);
    int status = 0;
    if (n > RT_MAX_DIMS) {
        ext_error(ERR_VALUE, "%s has %zd items: at most %d are possible", what, n, RT_MAX_DIMS);
        status = -1;
    }
    for (Py_ssize_t i = 0; status == 0 && i < n; i++)
        status = read_int(PySequence_Fast_GET_ITEM(list, i), what, &out->v[i]);
    Py_DECREF(list);
    out->n = (int)n;
    return status;
}

int ext_scalar(PyObject *object, const char *what, RtScalar *out) {
    if (PyFloat_CheckExact(object)) {
        *out = rt_float(PyFloat_AS_DOUBLE(object));
        return 0;
    }
    if (convert_is_bool(object)) {
        *out = (RtScalar){.kind = RT_SCALAR_BOOL, .i = PyObject_IsTrue(object)};
        return 0;
    }
    if (is_tensor(object)) {
        RtTensor *x = ext_tensor(object);
        return x ? method_item(x, out) : -1;
    }
    int64_t integer;
    double number;
    if (convert_is_int(object)) {
        if (read_int(object, what, &integer) < 0) return -1;
        *out = rt_int(integer);
    } else {
        if (!convert_is_float(object)) {
            ext_error(ERR_TYPE, "%s must be a number, not %s", what, Py_TYPE(object)->tp_name);
            return -1;
        }
        if (convert_float(object, what, &number) < 0) return -1;
        *out = rt_float(number);
    }
    return 0;
}

PyObject *ext_scalar_object(RtScalar scalar) {
    switch (scalar.kind) {
    case RT_SCALAR_BOOL: return PyBool_FromLong(scalar.i != 0);
    case RT_SCALAR_INT: return PyLong_FromLongLong(scalar.i);
    case RT_SCALAR_FLOAT: return PyFloat_FromDouble(scalar.f);
    default: Py_RETURN_NONE;
    }
}

RtTensor *convert_wrapped(RtScalar value) {
    static const RtDtype dtypes[] = {
        [RT_SCALAR_BOOL] = RT_BOOL, [RT_SCALAR_INT] = RT_I64, [RT_SCALAR_FLOAT] = RT_F64};
    return rt_tensor_scalar(value, dtypes[value.kind], true);
}

int ext_tensors_read(PyObject *sequence, ExtTensors *out) {
    if (is_tensor(sequence) && tensor_of(sequence)->ndim == 0) {
        ext_error(ERR_TYPE, "a list or tuple of tensors is needed, not one 0-dimensional tensor");
        return -1;
    }
    PyObject *owner =
        PySequence_Tuple(sequence); // a copy: another thread may change the list while an op runs
    if (!owner) {
        if (!PyErr_ExceptionMatches(PyExc_TypeError)) return -1;
        PyErr_Clear();
        ext_error(ERR_TYPE, "a list or tuple of tensors is needed, not %s",
                  Py_TYPE(sequence)->tp_name);
        return -1;
    }
    Py_ssize_t n = PyTuple_GET_SIZE(owner);
    RtTensor **list = PyMem_Malloc((size_t)(n ? n : 1) * sizeof *list);
    if (!list) PyErr_NoMemory();
    for (Py_ssize_t i = 0; list && i < n; i++) {
        PyObject *item = PyTuple_GET_ITEM(owner, i);
        list[i] = is_tensor(item) ? ext_tensor(item) : NULL;
        if (!list[i]) {
            if (!PyErr_Occurred())
                ext_error(ERR_TYPE, "a list of tensors is needed, but item %zd is %s", i,
                          Py_TYPE(item)->tp_name);
            PyMem_Free(list);
            list = NULL;
        }
    }
    if (!list) {
        Py_DECREF(owner);
        return -1;
    }
    *out = (ExtTensors){list, (int)n, owner};
    return 0;
}

void ext_tensors_clear(ExtTensors *list) {
    PyMem_Free(list->items);
    Py_XDECREF(list->owner);
    *list = (ExtTensors){0};
}
