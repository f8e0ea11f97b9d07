// The type rustorch.Tensor: life and death of its objects, construction, and what is no table op
// and no attribute.
#include "wrapper.h"

#include <string.h>

PyTypeObject *ext_tensor_type = &tensor_type;

// Objects of the exact type wait here for their next tensor: taking one is cheaper than asking the
// allocator.
#define FREE_ROOM 128
static TensorObject *free_objects[FREE_ROOM];
static int nfree;

bool ext_is_tensor(PyObject *object) { return is_tensor(object); }

RtTensor *ext_tensor(PyObject *object) {
    if (!is_tensor(object)) {
        ext_error(ERR_TYPE, "a Tensor is needed, not %s%s", Py_TYPE(object)->tp_name,
                  ext_is_ndarray(object)
                      ? ": convert it with rustorch.from_numpy or rustorch.tensor"
                      : "");
        return NULL;
    }
    if (!tensor_of(object))
        ext_error(ERR_FAILED, "this tensor was already taken apart by the garbage collector");
    return tensor_of(object);
}

static TensorObject *object_new(PyTypeObject *type) {
    if (type != &tensor_type || nfree == 0) return (TensorObject *)type->tp_alloc(type, 0);
    TensorObject *self = free_objects[--nfree];
    (void)PyObject_INIT((PyObject *)self, type);
    PyObject_GC_Track(self);
    return self;
}

static PyObject *object_attach(TensorObject *self, RtTensor *tensor) {
    if (!self) return NULL;
    self->tensor = rt_tensor_keep(tensor);
    atomic_store_explicit(&tensor->wrapper, (void *)self, memory_order_release);
    return (PyObject *)self;
}

PyObject *ext_wrap(RtTensor *tensor) {
    if (!tensor) return ext_raise();
    if (tensor == RT_NONE) Py_RETURN_NONE;
    TensorObject *self = atomic_load_explicit(&tensor->wrapper, memory_order_acquire);
    if (self && self->owned) { // the tensor's reference becomes the caller's, and the object owns a
                               // count again
        self->owned = false;
        rt_tensor_keep(tensor);
        return (PyObject *)self;
    }
    // An object without references waits in the interpreter's queue of nested deallocations: it
    // cannot come back.
    if (self && Py_REFCNT(self) > 0) return Py_NewRef(self);
    return object_attach(object_new(&tensor_type), tensor);
}

PyObject *ext_wrap_as(PyTypeObject *type, RtTensor *tensor) {
    if (!tensor) return ext_raise();
    if (!PyType_IsSubtype(type, &tensor_type))
        return ext_error(ERR_TYPE, "%s is not a subclass of Tensor", type->tp_name);
    if (atomic_load_explicit(&tensor->wrapper, memory_order_acquire))
        return ext_error(ERR_VALUE, "this tensor has a Python object already");
    return object_attach(object_new(type), tensor);
}

PyObject *ext_wrap_list(RtTensor **list, int n) {
    PyObject *tuple = PyTuple_New(n);
    for (int i = 0; tuple && i < n; i++) {
        PyObject *item = ext_wrap(list[i]);
        if (!item)
            Py_CLEAR(tuple);
        else
            PyTuple_SET_ITEM(tuple, i, item);
    }
    return tuple;
}

// Called by the engine when a tensor that owns its object goes.
static void release_object(void *object) {
    if (!Py_IsInitialized() || Py_IsFinalizing()) return;
    PyGILState_STATE state = PyGILState_Ensure();
    TensorObject *self = object;
    self->owned = false;
    self->tensor = NULL;
    Py_DECREF(self);
    PyGILState_Release(state);
}

static bool worth_keeping(const TensorObject *self) {
    return Py_TYPE(self) != &tensor_type || self->weak ||
           (self->dict && PyDict_GET_SIZE(self->dict) > 0);
}

static void tensor_dealloc(PyObject *object) {
    TensorObject *self = (TensorObject *)object;
    RtTensor *tensor = self->tensor;
    bool current = tensor && atomic_load_explicit(&tensor->wrapper, memory_order_relaxed) == self;
    if (current && worth_keeping(self) &&
        atomic_load_explicit(&tensor->count, memory_order_relaxed) > 1) {
        Py_SET_REFCNT(object, 1); // the tensor's reference
        // The interpreter's code for subclasses drops the type after this function: an object that
        // lives on needs it.
        if (Py_TYPE(object)->tp_flags & Py_TPFLAGS_HEAPTYPE) Py_INCREF(Py_TYPE(object));
        self->owned = true;
        rt_tensor_drop(
            tensor); // may be the last count after all: then release_object ends here again
        return;
    }
    PyObject_GC_UnTrack(object);
    if (self->weak) PyObject_ClearWeakRefs(object);
    Py_CLEAR(self->dict);
    self->tensor = NULL;
    if (current) atomic_store_explicit(&tensor->wrapper, NULL, memory_order_relaxed);
    rt_tensor_drop(tensor);
    if (Py_TYPE(object) == &tensor_type && nfree < FREE_ROOM)
        free_objects[nfree++] = self;
    else
        Py_TYPE(object)->tp_free(object);
}

// What the tensor holds is visited only when nobody but this object holds the tensor.
static int tensor_traverse(PyObject *object, visitproc visit, void *arg) {
    TensorObject *self = (TensorObject *)object;
    Py_VISIT(self->dict);
    if (self->tensor && self->tensor->autograd && !self->owned &&
        atomic_load(&self->tensor->count) == 1)
        return ext_autograd_traverse(self->tensor, visit, arg);
    return 0;
}

static int tensor_clear(PyObject *object) {
    TensorObject *self = (TensorObject *)object;
    Py_CLEAR(self->dict);
    RtTensor *tensor = self->tensor;
    if (tensor && tensor->autograd && !self->owned && atomic_load(&tensor->count) == 1) {
        self->tensor = NULL;
        atomic_store(&tensor->wrapper, NULL);
        rt_tensor_drop(tensor);
    }
    return 0;
}

// ----------------------------------------------------------------------------------------------
// construction

static bool all_ints(PyObject *args) {
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(args); i++)
        if (!PyLong_Check(PyTuple_GET_ITEM(args, i)) || PyBool_Check(PyTuple_GET_ITEM(args, i)))
            return false;
    return true;
}

static bool is_shape(PyObject *object) {
    return (PyList_Check(object) || PyTuple_Check(object)) && !ext_is_dtype(object);
}

// Tensor(2, 3) is uninitialised memory; Tensor(data) has the default dtype; a second argument is a
// dtype, or the shape of flat data.
static RtTensor *construct(PyObject *args, PyObject *dtype_given, PyObject *device_given) {
    RtDtype dtype = rt_default_dtype();
    RtDevice device = {RT_CPU, 0};
    if (device_given &&
        (ext_device(device_given, &device) < 0 || ext_status(rt_device_check(device)) < 0))
        return NULL;
    Py_ssize_t n = PyTuple_GET_SIZE(args);
    PyObject *data = n ? PyTuple_GET_ITEM(args, 0) : NULL,
             *second = n > 1 ? PyTuple_GET_ITEM(args, 1) : NULL;
    bool by_size =
        !data || all_ints(args) || (n == 1 && strcmp(Py_TYPE(data)->tp_name, "rustorch.Size") == 0);
    if (second && !by_size && !is_shape(second)) {
        if (dtype_given || n > 2) {
            ext_error(ERR_TYPE, "Tensor() takes data, dtype and requires_grad, or sizes");
            return NULL;
        }
        dtype_given = second;
        second = NULL;
    }
    RtDtype asked = RT_DTYPE_NONE;
    if (dtype_given && ext_dtype(dtype_given, &asked) < 0) return NULL;
    if (asked != RT_DTYPE_NONE) dtype = asked;
    RtTensor *made;
    if (by_size) {
        RtInts size = {.n = 1, .v = {0}};
        if (data && ext_ints(n == 1 ? data : args, "Tensor(): size", &size) < 0) return NULL;
        made = rt_tensor_new(size.n, size.v, dtype, device);
    } else if (is_tensor(data) && !second && asked == RT_DTYPE_NONE) {
        RtTensor *source = ext_tensor(data);
        if (!source) return NULL;
        made = rt_tensor_alias(source);
    } else {
        made = ext_from_data(data, dtype, device);
        RtInts shape;
        if (made && second) {
            if (ext_ints(second, "Tensor(): shape", &shape) < 0) return NULL;
            PyObject *flat = ext_wrap(made),
                     *shaped = flat ? ext_method("view", flat, "(O)", second) : NULL;
            Py_XDECREF(flat);
            made = shaped ? ext_lend(tensor_of(shaped)) : NULL;
            Py_XDECREF(shaped);
            // The view's object went with the reference: the tensor may take another one.
        }
    }
    if (!made && !PyErr_Occurred()) ext_raise();
    return made;
}

static PyObject *tensor_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    static const char *const names[] = {"data", "dtype", "device", "requires_grad"};
    PyObject *value[4] = {0};
    Py_ssize_t known = 0;
    for (int i = 0; kwargs && i < 4; i++) {
        value[i] = PyDict_GetItemString(kwargs, names[i]);
        known += value[i] != NULL;
    }
    PyObject *data = value[0], *dtype = value[1], *device = value[2];
    int requires_grad = value[3] ? PyObject_IsTrue(value[3]) : 0;
    if (requires_grad < 0) return NULL;
    // A subclass may have keywords of its own for its __init__.
    if (kwargs && PyDict_GET_SIZE(kwargs) > known && type == &tensor_type)
        return ext_error(
            ERR_TYPE, "Tensor() takes the keywords data, dtype, device and requires_grad, not %R",
            kwargs);
    if (data && PyTuple_GET_SIZE(args)) return ext_error(ERR_TYPE, "Tensor(): data is given twice");
    Py_ssize_t n =
        PyTuple_GET_SIZE(args); // (data, dtype, requires_grad), as the API reference has it
    bool three = n == 3 && PyBool_Check(PyTuple_GET_ITEM(args, 2)) && !value[3];
    if (three) requires_grad = PyTuple_GET_ITEM(args, 2) == Py_True;
    RtScope scope;
    if (ext_status(rt_scope_open(&scope)) < 0) return NULL;
    PyObject *holder = data ? PyTuple_Pack(1, data) : PyTuple_GetSlice(args, 0, three ? 2 : n),
             *self = NULL;
    RtTensor *made = holder ? construct(holder, dtype, device) : NULL;
    if (made && (!requires_grad || ext_status(rt_set_requires_grad(made, true)) == 0))
        self = made->wrapper && type == &tensor_type ? ext_wrap(made) : ext_wrap_as(type, made);
    Py_XDECREF(holder);
    rt_scope_close(scope);
    return self;
}

// _make_subclass(cls, data, require_grad=False): an object of a subclass over the memory of data.
static PyObject *make_subclass(PyObject *Py_UNUSED(none), PyObject *args, PyObject *kwargs) {
    static char *keywords[] = {"cls", "data", "require_grad", NULL};
    PyObject *type, *data;
    int requires_grad = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!O|p:_make_subclass", keywords, &PyType_Type,
                                     &type, &data, &requires_grad))
        return NULL;
    RtTensor *source = ext_tensor(data);
    RtScope scope;
    if (!source || ext_status(rt_scope_open(&scope)) < 0) return NULL;
    RtTensor *made = rt_detach(source);
    PyObject *self = NULL;
    if (!made || (requires_grad && rt_set_requires_grad(made, true) < 0))
        ext_raise();
    else
        self = ext_wrap_as((PyTypeObject *)type, made);
    rt_scope_close(scope);
    return self;
}

// _make_parameter(data, requires_grad=True, cls=Tensor): a tensor over the memory of data that is
// an nn.Parameter.
static PyObject *make_parameter(PyObject *Py_UNUSED(module), PyObject *args, PyObject *kwargs) {
    static char *keywords[] = {"data", "requires_grad", "cls", NULL};
    PyObject *data, *type = (PyObject *)&tensor_type;
    int requires_grad = 1;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|pO!:_make_parameter", keywords, &data,
                                     &requires_grad, &PyType_Type, &type))
        return NULL;
    RtTensor *source = ext_tensor(data);
    RtScope scope;
    if (!source || ext_status(rt_scope_open(&scope)) < 0) return NULL;
    RtTensor *made = rt_detach(source);
    PyObject *self = NULL;
    if (!made || (requires_grad && rt_set_requires_grad(made, true) < 0)) {
        ext_raise();
    } else {
        made->is_parameter = true;
        self = ext_wrap_as((PyTypeObject *)type, made);
    }
    rt_scope_close(scope);
    return self;
}

static PyObject *is_parameter(PyObject *Py_UNUSED(module), PyObject *object) {
    return PyBool_FromLong(is_tensor(object) && tensor_of(object) &&
                           tensor_of(object)->is_parameter);
}

static PyObject *is_tensor_object(PyObject *Py_UNUSED(module), PyObject *object) {
    return PyBool_FromLong(is_tensor(object));
}

// ----------------------------------------------------------------------------------------------
// protocol

static Py_ssize_t tensor_length(PyObject *self) {
    RtTensor *tensor = ext_tensor(self);
    if (!tensor) return -1;
    if (tensor->ndim == 0) {
        ext_error(ERR_TYPE, "len() of a 0-d tensor");
        return -1;
    }
    return (Py_ssize_t)tensor->shape[0];
}

static PyObject *tensor_iter(PyObject *self) {
    RtTensor *tensor = ext_tensor(self);
    if (!tensor) return NULL;
    if (tensor->ndim == 0) return ext_error(ERR_TYPE, "iteration over a 0-d tensor");
    PyObject *items = ext_method("unbind", self, NULL);
    PyObject *iterator = items ? PyObject_GetIter(items) : NULL;
    Py_XDECREF(items);
    return iterator;
}

static PyObject *tensor_repr(PyObject *self) {
    static PyObject *function;
    if (!function) {
        PyObject *module = PyImport_ImportModule("rustorch._repr");
        if (module) function = PyObject_GetAttrString(module, "tensor_repr");
        Py_XDECREF(module);
        if (!function) return NULL;
    }
    return PyObject_CallOneArg(function, self);
}

PyObject *ext_method(const char *name, PyObject *self, const char *format, ...) {
    PyObject *args;
    if (format) {
        va_list list;
        va_start(list, format);
        args = Py_VaBuildValue(format, list);
        va_end(list);
    } else {
        args = PyTuple_New(0);
    }
    PyObject *method = args ? PyObject_GetAttrString((PyObject *)&tensor_type, name) : NULL;
    PyObject *all = method ? PyTuple_New(1 + PyTuple_GET_SIZE(args)) : NULL, *result = NULL;
    if (all) {
        PyTuple_SET_ITEM(all, 0, Py_NewRef(self));
        for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(args); i++)
            PyTuple_SET_ITEM(all, i + 1, Py_NewRef(PyTuple_GET_ITEM(args, i)));
        result = PyObject_Call(method, all, NULL);
    }
    Py_XDECREF(all);
    Py_XDECREF(method);
    Py_XDECREF(args);
    return result;
}

static int add_to_type(const char *name, PyObject *descriptor) {
    if (!descriptor) return -1;
    int status = PyDict_SetItemString(tensor_type.tp_dict, name, descriptor);
    Py_DECREF(descriptor);
    PyType_Modified(&tensor_type);
    return status;
}

int ext_tensor_methods(PyMethodDef *methods) {
    for (; methods->ml_name; methods++) {
        PyObject *descriptor;
        if (methods->ml_flags & METH_CLASS)
            descriptor = PyDescr_NewClassMethod(&tensor_type, methods);
        else if (methods->ml_flags & METH_STATIC) {
            PyObject *function = PyCFunction_NewEx(methods, NULL, NULL);
            descriptor = function ? PyStaticMethod_New(function) : NULL;
            Py_XDECREF(function);
        } else {
            descriptor = PyDescr_NewMethod(&tensor_type, methods);
        }
        if (add_to_type(methods->ml_name, descriptor) < 0) return -1;
    }
    return 0;
}

int ext_tensor_getset(PyGetSetDef *getset) {
    for (; getset->name; getset++)
        if (add_to_type(getset->name, PyDescr_NewGetSet(&tensor_type, getset)) < 0) return -1;
    return 0;
}

static PySequenceMethods tensor_sequence = {.sq_length = tensor_length,
                                            .sq_contains = tensor_contains};
static PyMethodDef static_methods[] = {
    {"_make_subclass", (PyCFunction)(void (*)(void))make_subclass,
     METH_VARARGS | METH_KEYWORDS | METH_STATIC,
     "An object of a subclass of Tensor over the memory of data."},
    {0}};
static PyMethodDef functions[] = {
    {"_make_parameter", (PyCFunction)(void (*)(void))make_parameter, METH_VARARGS | METH_KEYWORDS,
     "A tensor over the memory of data that is an nn.Parameter."},
    {"_is_parameter", is_parameter, METH_O, "Is the object a tensor that is an nn.Parameter?"},
    {"is_tensor", is_tensor_object, METH_O,
     "is_tensor(obj)\n"
     "--\n"
     "\n"
     "Is the object a Tensor?\n"
     "\n"
     "Examples\n"
     "--------\n"
     ">>> rustorch.is_tensor(rustorch.ones(2)), rustorch.is_tensor([1.0, 1.0])\n"
     "(True, False)\n"},
    {0}};

PyTypeObject tensor_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "rustorch.Tensor",
    .tp_basicsize = sizeof(TensorObject),
    .tp_doc =
        "An array of numbers of one dtype on one device, with automatic differentiation.\n"
        "\n"
        "Made by rustorch.tensor, rustorch.zeros, rustorch.from_numpy and others; Tensor(2, 3) is\n"
        "uninitialised memory of that shape, Tensor([1, 2]) the data in the default dtype.\n"
        "\n"
        "Examples\n"
        "--------\n"
        ">>> x = rustorch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)\n"
        ">>> x.shape, x.dtype, x.device\n"
        "(rustorch.Size([2, 2]), rustorch.float32, device(type='cpu'))\n"
        ">>> (x @ x).sum().backward()\n"
        ">>> x.grad\n"
        "tensor([[ 7., 11.],\n"
        "        [ 9., 13.]])\n",
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .tp_new = tensor_new,
    .tp_dealloc = tensor_dealloc,
    .tp_traverse = tensor_traverse,
    .tp_clear = tensor_clear,
    .tp_dictoffset = offsetof(TensorObject, dict),
    .tp_weaklistoffset = offsetof(TensorObject, weak),
    .tp_repr = tensor_repr,
    .tp_str = tensor_repr,
    .tp_richcompare = tensor_compare,
    .tp_iter = tensor_iter,
    .tp_as_number = &tensor_number,
    .tp_as_sequence = &tensor_sequence,
    .tp_getset = tensor_getset,
    .tp_methods = tensor_methods,
};

int ext_add_tensor(PyObject *module) {
    tensor_type.tp_hash =
        PyBaseObject_Type.tp_hash; // by identity, although == is element by element
    ext_index_slots(&tensor_type);
    ext_array_slots(&tensor_type);
    if (PyType_Ready(&tensor_type) < 0 || ext_tensor_methods(static_methods) < 0) return -1;
    rt_set_wrapper_release(release_object);
    if (PyModule_AddObjectRef(module, "Tensor", (PyObject *)&tensor_type) < 0) return -1;
    return PyModule_AddFunctions(module, functions);
}
