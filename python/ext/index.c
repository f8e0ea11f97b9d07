// index.c: x[key] and x[key] = value.
//
// The steps of the key become a view, one op a step; its index tensors go to the row `index` or
// `index_put` together with that view.
#include "array.h"
#include "key.h"

#define LONG_WORK 16384 // elements from which the GIL is released

// The view ---------------------------------------------------------------------------------------

static RtTensor *step_apply(RtTensor *tensor, const KeyStep *step) {
    RtTensor *out = NULL;
    return rt_apply(step->op, &tensor, 1, &step->attrs, NULL, &out) < 0 ? NULL : out;
}

// The elements that the steps leave; self itself if there are none.
static RtTensor *key_view(const Key *key) {
    RtTensor *view = key->self;
    for (int i = 0; view && i < key->nsteps; i++) view = step_apply(view, &key->steps[i]);
    return view;
}

static RtTensor *same_elements(RtTensor *self) { // another tensor over all of self
    RtAttrs_size attrs = rt_defaults_size();
    attrs.size.n = self->ndim;
    memcpy(attrs.size.v, self->shape, (size_t)self->ndim * sizeof(int64_t));
    return self->ndim ? rt_slice(self, rt_defaults_slice()) : rt_view(self, attrs);
}

static bool is_long(const RtTensor *a, const RtTensor *b) {
    return a->numel >= LONG_WORK || b->numel >= LONG_WORK;
}

static RtAttrs_index index_attrs(const Key *key) {
    RtAttrs_index attrs = rt_defaults_index();
    attrs.dims.n = key->nindices;
    memcpy(attrs.dims.v, key->dims, (size_t)key->nindices * sizeof(int64_t));
    return attrs;
}

// Reading ----------------------------------------------------------------------------------------

static RtTensor *read_at(const Key *key) {
    RtTensor *view = key_view(key);
    if (!view || key->nindices == 0) return key->nsteps ? view : same_elements(view);
    RtTensor *list[1 + KEY_INDICES] = {view}, *result;
    memcpy(list + 1, key->index, (size_t)key->nindices * sizeof *list);
    RtAttrs_index attrs = index_attrs(key);
    if (is_long(view, list[1]))
        EXT_UNLOCKED(result = rt_index(list, 1 + key->nindices, attrs));
    else
        result = rt_index(list, 1 + key->nindices, attrs);
    return result;
}

PyObject *index_row(RtTensor *self, int64_t index) {
    int64_t size = self->shape[0];
    if (index < -size || index >= size) {
        key_out_of_range(index, 0, size);
        return NULL;
    }
    RtScope scope;
    if (ext_status(rt_scope_open(&scope)) < 0) return NULL;
    PyObject *result =
        ext_wrap(rt_select(self, WITH(slice, .index = index < 0 ? index + size : index)));
    rt_scope_close(scope);
    return result;
}

static PyObject *subscript(PyObject *object, PyObject *index) {
    RtTensor *self = ext_tensor(object);
    if (!self) return NULL;
    if (PyLong_CheckExact(index) && self->ndim > 0) {
        int overflow;
        long long number = PyLong_AsLongLongAndOverflow(index, &overflow);
        if (!overflow) return index_row(self, number);
    }
    RtScope scope;
    if (ext_status(rt_scope_open(&scope)) < 0) return NULL;
    Key key;
    PyObject *result = NULL;
    if (key_read(self, index, &key) == 0) result = ext_wrap(read_at(&key));
    rt_scope_close(scope);
    return result;
}

// Writing ----------------------------------------------------------------------------------------

static RtTensor *value_tensor(const RtTensor *self, PyObject *object) {
    if (PyFloat_CheckExact(object) && (self->dtype == RT_F32 || self->dtype == RT_F64) &&
        self->device.type == RT_CPU)
        return rt_tensor_scalar(rt_float(PyFloat_AS_DOUBLE(object)), (RtDtype)self->dtype, false);
    if (ext_is_tensor(object)) {
        RtTensor *value = ext_tensor(object);
        if (value->device.type == self->device.type && value->device.index == self->device.index)
            return value;
        return array_convert(value, RT_DTYPE_NONE, self->device, false);
    }
    if (PyArray_Check(object) && self->device.type == RT_CPU &&
        array_shareable((PyArrayObject *)object) && PyArray_ISWRITEABLE((PyArrayObject *)object))
        return array_share((PyArrayObject *)object, "x[...] = array");
    if (PyUnicode_Check(object) || object == Py_None) {
        ext_error(ERR_TYPE, "can't assign a %.100s to a tensor of dtype %s",
                  Py_TYPE(object)->tp_name, rt_dtype_name((RtDtype)self->dtype));
        return NULL;
    }
    return ext_from_data(object, (RtDtype)self->dtype, self->device);
}

// value without leading dimensions of size one beyond `ndim`, and checked to broadcast to shape.
static RtTensor *fit_value(RtTensor *value, int ndim, const int64_t *shape) {
    RtTensor *given = value;
    while (value && value->ndim > ndim && value->shape[0] == 1)
        value = rt_select(value, rt_defaults_slice());
    if (!value) {
        ext_raise();
        return NULL;
    }
    bool fits = value->ndim <= ndim;
    for (int i = 1; fits && i <= value->ndim; i++)
        fits =
            value->shape[value->ndim - i] == 1 || value->shape[value->ndim - i] == shape[ndim - i];
    if (fits) return value;
    PyObject *from = ext_size(given->ndim, given->shape), *to = ext_size(ndim, shape);
    ext_error(ERR_SHAPE,
              "shape mismatch: value tensor of shape %S cannot be broadcast to indexing result of "
              "shape %S",
              from, to);
    Py_XDECREF(from);
    Py_XDECREF(to);
    return NULL;
}

static Status apply_into(RtOp op, RtTensor **in, int n, const void *attrs) {
    RtTensor *out = NULL;
    Status status;
    if (is_long(in[0], in[1]))
        EXT_UNLOCKED(status = rt_apply(op, in, n, attrs, in, &out));
    else
        status = rt_apply(op, in, n, attrs, in, &out);
    return status;
}

// The bytes that a tensor's elements lie in.
static void extent(const RtTensor *tensor, const char **out_first, const char **out_end) {
    int64_t low = 0, high = 1, item = (int64_t)rt_dtype_bytes((RtDtype)tensor->dtype);
    for (int i = 0; i < tensor->ndim; i++) {
        int64_t last = tensor->stride[i] * (tensor->shape[i] - 1);
        if (last < 0)
            low += last;
        else
            high += last;
    }
    *out_first = (const char *)rt_tensor_data(tensor) + low * item;
    *out_end = (const char *)rt_tensor_data(tensor) + high * item;
}

static bool same_place(const RtTensor *a, const RtTensor *b) {
    bool same = a->storage->data == b->storage->data && a->offset == b->offset &&
                a->ndim == b->ndim && a->dtype == b->dtype;
    for (int i = 0; same && i < a->ndim; i++)
        same = a->shape[i] == b->shape[i] && a->stride[i] == b->stride[i];
    return same;
}

// The second half of x[key] += y: what is to be written is a view of the same elements of x, which
// have their values and, where gradients are recorded, their place in the graph already.
static bool is_there(const RtTensor *view, const RtTensor *value) {
    if (!same_place(view, value)) return false;
    const RtTensor *base = view->base ? view->base : view;
    return !rt_grad_enabled() || (value->base == base && !value->no_grad_view);
}

// value, or a copy of it if writing to view could change it meanwhile: x[1:] = x[:-1].
static RtTensor *apart(RtTensor *view, RtTensor *value) {
    if (view->numel == 0 || value->numel == 0) return value;
    const char *view_first, *view_end, *first, *end;
    extent(view, &view_first, &view_end);
    extent(value, &first, &end);
    return first < view_end && view_first < end ? rt_clone(value) : value;
}

static int write_view(RtTensor *view, RtTensor *value) {
    value = fit_value(value, view->ndim, view->shape);
    return value ? ext_status(apply_into(OP_copy_, (RtTensor *[]){view, value}, 2, NULL)) : -1;
}

// One number wherever a mask is true: a fill, no list of positions.
static int write_mask(RtTensor *view, RtTensor *mask, int dim, RtTensor *value) {
    for (int i = dim + mask->ndim; mask && i < view->ndim; i++)
        mask = rt_unsqueeze(mask, WITH(slice, .dim = -1));
    if (!mask) {
        ext_raise();
        return -1;
    }
    return ext_status(apply_into(OP_masked_fill, (RtTensor *[]){view, mask, value}, 3, NULL));
}

// The value of an assignment, as the view's dtype where an index op will take it.
static RtTensor *read_value(const Key *key, RtTensor *view, PyObject *object) {
    RtTensor *value = view ? value_tensor(view, object) : NULL;
    if (value && (key->nindices > 0 || !same_place(view, value))) value = apart(view, value);
    if (value && key->nindices > 0 && value->dtype != view->dtype)
        value = array_convert(value, (RtDtype)view->dtype, view->device, false);
    if (!value && !PyErr_Occurred()) ext_raise();
    return value;
}

// How many dimensions the part of the view has that the indices name.
static int selected_ndim(const Key *key, const RtTensor *view) {
    int kept = view->ndim, broadcast = 0;
    for (int i = 0; i < key->nindices; i++) {
        bool mask = key->index[i]->dtype == RT_BOOL;
        int own = mask ? 1 : key->index[i]->ndim;
        kept -= mask ? key->index[i]->ndim : 1;
        if (own > broadcast) broadcast = own;
    }
    return kept + broadcast;
}

static int write_at(const Key *key, PyObject *object) {
    RtTensor *view = key_view(key), *value = read_value(key, view, object);
    if (!value) return -1;
    if (key->nindices == 0) return is_there(view, value) ? 0 : write_view(view, value);
    if (key->nindices == 1 && key->index[0]->dtype == RT_BOOL && value->ndim == 0)
        return write_mask(view, key->index[0], (int)key->dims[0], value);
    int ndim = selected_ndim(key, view);
    while (value && value->ndim > ndim && value->shape[0] == 1)
        value = rt_select(value, rt_defaults_slice());
    if (!value) {
        ext_raise();
        return -1;
    }
    RtTensor *list[2 + KEY_INDICES] = {view, value};
    memcpy(list + 2, key->index, (size_t)key->nindices * sizeof *list);
    RtAttrs_index attrs = index_attrs(key);
    return ext_status(apply_into(OP_index_put, list, 2 + key->nindices, &attrs));
}

static int ass_subscript(PyObject *object, PyObject *index, PyObject *value) {
    RtTensor *self = ext_tensor(object);
    if (!self) return -1;
    if (!value) {
        PyErr_SetString(PyExc_TypeError, "Tensor does not support deleting items");
        return -1;
    }
    RtScope scope;
    if (ext_status(rt_scope_open(&scope)) < 0) return -1;
    Key key;
    int rc = key_read(self, index, &key) < 0 ? -1 : write_at(&key, value);
    rt_scope_close(scope);
    return rc;
}

// The slots -------------------------------------------------------------------------------------

static Py_ssize_t length(PyObject *object) {
    RtTensor *tensor = ext_tensor(object);
    if (!tensor) return -1;
    if (tensor->ndim > 0) return (Py_ssize_t)tensor->shape[0];
    ext_error(ERR_TYPE, "len() of a 0-d tensor");
    return -1;
}

void ext_index_slots(PyTypeObject *type) {
    static PyMappingMethods mapping = {length, subscript, ass_subscript};
    type->tp_as_mapping = &mapping;
    type->tp_iter = rows_iterate;
}

int ext_add_index(PyObject *Py_UNUSED(module)) { return rows_ready(); }
