// Reading a key: from Python objects to steps and index tensors.
#include "key.h"

#include "array.h"

typedef enum ItemKind {
    ITEM_NONE,
    ITEM_DOTS,
    ITEM_SLICE,
    ITEM_INT,
    ITEM_BOOL,
    ITEM_TENSOR
} ItemKind;

typedef struct Item {
    ItemKind kind;
    int64_t number;   // ITEM_INT, ITEM_BOOL
    PyObject *slice;  // borrowed from the key
    RtTensor *tensor; // belongs to the scope or to the key
} Item;

// From objects to items --------------------------------------------------------------------------

static int read_tensor(RtTensor *tensor, Item *out) {
    if (!tensor) return -1;
    RtKind kind = rt_dtype_kind((RtDtype)tensor->dtype);
    if (kind == RT_KIND_FLOAT) {
        ext_error(ERR_INDEX,
                  "tensors used as indices must be long, int, byte or bool tensors, not %s",
                  rt_dtype_name((RtDtype)tensor->dtype));
        return -1;
    }
    if (tensor->ndim == 0 && tensor->device.type == RT_CPU) {
        *out = (Item){.kind = kind == RT_KIND_BOOL ? ITEM_BOOL : ITEM_INT,
                      .number = rt_tensor_item(tensor, 0).i};
        return 0;
    }
    *out = (Item){.kind = ITEM_TENSOR, .tensor = tensor};
    return 0;
}

// A uint8 tensor is a mask, as PyTorch reads it (an array of uint8 holds positions, as NumPy reads
// it).
static int read_byte_mask(RtTensor *tensor, Item *out) {
    if (PyErr_WarnEx(
            PyExc_UserWarning,
            "indexing with dtype rustorch.uint8 is deprecated, please use a dtype rustorch.bool "
            "instead",
            1) < 0)
        return -1;
    return read_tensor(array_convert(tensor, RT_BOOL, tensor->device, false), out);
}

static int read_sequence(PyObject *object, RtDevice device, Item *out) {
    if ((PyList_Check(object) || PyTuple_Check(object)) && PySequence_Size(object) == 0) {
        RtTensor *empty = rt_tensor_new(1, (int64_t[]){0}, RT_I64, device);
        if (!empty) ext_raise();
        return read_tensor(empty, out);
    }
    RtTensor *tensor = ext_from_data(object, RT_DTYPE_NONE, device);
    if (tensor && tensor->dtype == RT_U8) tensor = array_convert(tensor, RT_I64, device, false);
    return read_tensor(tensor, out);
}

static int read_item(PyObject *object, RtDevice device, Item *out) {
    if (PyBool_Check(object)) {
        *out = (Item){.kind = ITEM_BOOL, .number = object == Py_True};
    } else if (PyLong_Check(object) ||
               (PyIndex_Check(object) && !PyArray_Check(object) && !ext_is_tensor(object))) {
        *out = (Item){.kind = ITEM_INT, .number = PyNumber_AsSsize_t(object, PyExc_IndexError)};
        return out->number == -1 && PyErr_Occurred() ? -1 : 0;
    } else if (object == Py_None) {
        *out = (Item){.kind = ITEM_NONE};
    } else if (object == Py_Ellipsis) {
        *out = (Item){.kind = ITEM_DOTS};
    } else if (PySlice_Check(object)) {
        *out = (Item){.kind = ITEM_SLICE, .slice = object};
    } else if (ext_is_tensor(object)) {
        RtTensor *tensor = ext_tensor(object);
        return tensor->dtype == RT_U8 && tensor->ndim > 0 ? read_byte_mask(tensor, out)
                                                          : read_tensor(tensor, out);
    } else if (PyArray_Check(object) || PyArray_IsScalar(object, Bool) ||
               (PySequence_Check(object) && !PyUnicode_Check(object) && !PyBytes_Check(object))) {
        return read_sequence(object, device, out);
    } else {
        ext_error(ERR_INDEX,
                  "only integers, slices (`:`), ellipsis (`...`), None, and integer or boolean "
                  "tensors are "
                  "valid indices (got %.100s)",
                  Py_TYPE(object)->tp_name);
        return -1;
    }
    return 0;
}

static int dims_of(const Item *item) { // how many dimensions of self it stands for
    switch (item->kind) {
    case ITEM_SLICE:
    case ITEM_INT: return 1;
    case ITEM_TENSOR: return item->tensor->dtype == RT_BOOL ? item->tensor->ndim : 1;
    default: return 0;
    }
}

// From items to steps ----------------------------------------------------------------------------

static void drop_dim(Key *key, int dim) {
    key->ndim--;
    for (int i = dim; i < key->ndim; i++) key->shape[i] = key->shape[i + 1];
}

static int add_dim(Key *key, int dim) {
    if (key->ndim == RT_MAX_DIMS) {
        ext_error(ERR_SHAPE, "an index adds dimensions beyond the %d that are possible",
                  RT_MAX_DIMS);
        return -1;
    }
    for (int i = key->ndim++; i > dim; i--) key->shape[i] = key->shape[i - 1];
    key->shape[dim] = 1;
    return 0;
}

static void note(Key *key, RtOp op, RtAttrs_slice attrs) {
    key->steps[key->nsteps++] = (KeyStep){op, attrs};
}

int key_out_of_range(int64_t index, int dim, int64_t size) {
    ext_error(ERR_INDEX, "index %lld is out of bounds for dimension %d with size %lld",
              (long long)index, dim, (long long)size);
    return -1;
}

static int apply_int(Key *key, int64_t index, int self_dim) {
    int64_t size = key->shape[key->dim];
    if (index < -size || index >= size) return key_out_of_range(index, self_dim, size);
    if (index < 0) index += size;
    drop_dim(key, key->dim);
    note(key, OP_select, WITH(slice, .dim = key->dim, .index = index));
    return 0;
}

static int apply_slice(Key *key, PyObject *slice) {
    Py_ssize_t start, stop, step;
    if (PySlice_Unpack(slice, &start, &stop, &step) < 0) return -1;
    if (step <= 0) {
        ext_error(ERR_VALUE, "step must be greater than zero");
        return -1;
    }
    int64_t size = key->shape[key->dim];
    int64_t length = PySlice_AdjustIndices((Py_ssize_t)size, &start, &stop, step);
    int dim = key->dim++;
    if (start == 0 && step == 1 && length == size) return 0;
    key->shape[dim] = length;
    note(key, OP_slice, WITH(slice, .dim = dim, .start = start, .end = stop, .step = step));
    return 0;
}

static int apply_tensor(Key *key, RtTensor *tensor, int self_dim) {
    if (key->nindices == KEY_INDICES) {
        ext_error(ERR_INDEX, "an index of more than %d tensors", KEY_INDICES);
        return -1;
    }
    int n = 1;
    if (tensor->dtype == RT_BOOL) {
        n = tensor->ndim;
        for (int i = 0; i < n; i++)
            if (tensor->shape[i] != key->shape[key->dim + i]) {
                PyObject *mask = ext_size(n, tensor->shape),
                         *self = ext_size(key->self->ndim, key->self->shape);
                ext_error(ERR_INDEX,
                          "The shape of the mask %S at index %d does not match the shape of the "
                          "indexed tensor "
                          "%S at index %d",
                          mask, i, self, self_dim + i);
                Py_XDECREF(mask);
                Py_XDECREF(self);
                return -1;
            }
    }
    key->index[key->nindices] = tensor;
    key->dims[key->nindices++] = key->dim;
    key->dim += n;
    return 0;
}

// True is a dimension of size one, False one of size zero.
static int apply_bool(Key *key, bool value) {
    if (add_dim(key, key->dim) < 0) return -1;
    note(key, OP_unsqueeze, WITH(slice, .dim = key->dim));
    RtTensor *index = rt_tensor_new(1, (int64_t[]){value}, RT_I64, key->self->device);
    if (!index) {
        ext_raise();
        return -1;
    }
    if (value) *(int64_t *)rt_tensor_data(index) = 0;
    return apply_tensor(key, index, 0);
}

static int apply_item(Key *key, const Item *item, int specified, int *self_dim) {
    switch (item->kind) {
    case ITEM_NONE:
        if (add_dim(key, key->dim) < 0) return -1;
        note(key, OP_unsqueeze, WITH(slice, .dim = key->dim));
        key->dim++;
        return 0;
    case ITEM_DOTS:
        key->dim += key->self->ndim - specified;
        *self_dim += key->self->ndim - specified;
        return 0;
    case ITEM_SLICE: return apply_slice(key, item->slice);
    case ITEM_INT: return apply_int(key, item->number, *self_dim);
    case ITEM_BOOL: return apply_bool(key, item->number);
    case ITEM_TENSOR: return apply_tensor(key, item->tensor, *self_dim);
    }
    return 0;
}

static int read_items(RtTensor *self, PyObject *object, Item *items, int *out_n) {
    if (!PyTuple_Check(object)) {
        *out_n = 1;
        return read_item(object, self->device, &items[0]);
    }
    Py_ssize_t n = PyTuple_GET_SIZE(object);
    if (n > KEY_ITEMS) {
        ext_error(ERR_INDEX, "too many indices for tensor of dimension %d", self->ndim);
        return -1;
    }
    for (Py_ssize_t i = 0; i < n; i++)
        if (read_item(PyTuple_GET_ITEM(object, i), self->device, &items[i]) < 0) return -1;
    *out_n = (int)n;
    return 0;
}

int key_read(RtTensor *self, PyObject *object, Key *key) {
    Item items[KEY_ITEMS];
    int n, specified = 0, dots = 0;
    if (read_items(self, object, items, &n) < 0) return -1;
    for (int i = 0; i < n; i++) {
        specified += dims_of(&items[i]);
        dots += items[i].kind == ITEM_DOTS;
    }
    if (dots > 1) {
        ext_error(ERR_INDEX, "an index can only have a single ellipsis ('...')");
        return -1;
    }
    if (self->ndim == 0 && n == 1 && specified == 1) {
        ext_error(ERR_INDEX, items[0].kind == ITEM_SLICE
                                 ? "slice() cannot be applied to a 0-dim tensor."
                                 : "invalid index of a 0-dim tensor. Use `tensor.item()` in Python "
                                   "to convert a 0-dim tensor "
                                   "to a number");
        return -1;
    }
    if (specified > self->ndim) {
        ext_error(ERR_INDEX, "too many indices for tensor of dimension %d", self->ndim);
        return -1;
    }
    key->self = self;
    key->ndim = self->ndim;
    key->dim = key->nsteps = key->nindices = 0;
    memcpy(key->shape, self->shape, (size_t)self->ndim * sizeof(int64_t));
    for (int i = 0, self_dim = 0; i < n; i++) {
        if (apply_item(key, &items[i], specified, &self_dim) < 0) return -1;
        self_dim += dims_of(&items[i]);
    }
    return 0;
}
