// dtype, device, layout and memory_format objects.
//
// dtypes are singletons, so that `x.dtype is rustorch.float32` holds. dtypes and devices compare
// equal to their names, and calling one gives its name (`x.dtype()`), next to PyTorch's attributes.
#include "values.h"

#include <string.h>

typedef struct DtypeObject {
    PyObject_HEAD RtDtype dtype;
    PyObject *name; // "float32"
} DtypeObject;

typedef struct DeviceObject {
    PyObject_HEAD int type; // RtDeviceType
    int index;              // -1: not given
} DeviceObject;

// layout and memory_format: constants that scripts pass along.
typedef struct WordObject {
    PyObject_HEAD const char *name;
} WordObject;

static PyTypeObject dtype_type, device_type, layout_type, memory_format_type;
static DtypeObject *dtypes[RT_DTYPE_COUNT];
static PyObject *default_device; // the CPU: what nearly every tensor answers

static PyObject *compare(bool equal, int op) {
    if (op != Py_EQ && op != Py_NE) Py_RETURN_NOTIMPLEMENTED;
    return PyBool_FromLong(equal == (op == Py_EQ));
}

static PyObject *no_new(PyTypeObject *type, PyObject *Py_UNUSED(args),
                        PyObject *Py_UNUSED(kwargs)) {
    PyErr_Format(PyExc_TypeError, "%s objects are constants of rustorch and cannot be made",
                 type->tp_name);
    return NULL;
}

// ----------------------------------------------------------------------------------------------
// dtype

static PyObject *dtype_repr(DtypeObject *self) {
    return PyUnicode_FromFormat("rustorch.%U", self->name);
}
static Py_hash_t dtype_hash(DtypeObject *self) {
    return PyObject_Hash(self->name);
} // equal to its name: same hash

static PyObject *dtype_compare(DtypeObject *self, PyObject *other, int op) {
    if (PyUnicode_Check(other)) return compare(PyUnicode_Compare(self->name, other) == 0, op);
    if (!Py_IS_TYPE(other, &dtype_type)) Py_RETURN_NOTIMPLEMENTED;
    return compare((PyObject *)self == other, op);
}

static PyObject *dtype_call(DtypeObject *self, PyObject *args, PyObject *kwargs) {
    if (PyTuple_GET_SIZE(args) || kwargs) {
        PyErr_SetString(PyExc_TypeError, "a dtype is called without arguments and gives its name");
        return NULL;
    }
    return Py_NewRef(self->name);
}

static PyObject *dtype_reduce(DtypeObject *self, PyObject *Py_UNUSED(unused)) {
    return Py_NewRef(self->name);
}

static PyObject *dtype_itemsize(DtypeObject *self, void *Py_UNUSED(closure)) {
    return PyLong_FromSize_t(rt_dtype_bytes(self->dtype));
}
static PyObject *dtype_is_floating(DtypeObject *self, void *Py_UNUSED(closure)) {
    return PyBool_FromLong(rt_dtype_kind(self->dtype) == RT_KIND_FLOAT);
}
static PyObject *dtype_is_complex(DtypeObject *Py_UNUSED(self), void *Py_UNUSED(closure)) {
    Py_RETURN_FALSE;
}
static PyObject *dtype_is_signed(DtypeObject *self, void *Py_UNUSED(closure)) {
    return PyBool_FromLong(self->dtype != RT_BOOL && self->dtype != RT_U8);
}

static PyGetSetDef dtype_getset[] = {
    {"itemsize", (getter)dtype_itemsize, NULL, "Bytes of one element.", NULL},
    {"is_floating_point", (getter)dtype_is_floating, NULL,
     "True for float16, bfloat16, float32 and float64.", NULL},
    {"is_complex", (getter)dtype_is_complex, NULL, "False: there are no complex dtypes.", NULL},
    {"is_signed", (getter)dtype_is_signed, NULL, "True if negative values can be represented.",
     NULL},
    {0}};
static PyMethodDef dtype_methods[] = {{"__reduce__", (PyCFunction)dtype_reduce, METH_NOARGS, NULL},
                                      {0}};

static PyTypeObject dtype_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "rustorch.dtype",
    .tp_basicsize = sizeof(DtypeObject),
    .tp_doc =
        "The element type of a tensor: rustorch.float32, rustorch.int64, ...\n"
        "\n"
        "Calling it gives its name. Where a dtype is asked for the name will do as well.\n"
        "\n"
        "Examples\n"
        "--------\n"
        ">>> rustorch.tensor([1, 2]).dtype\n"
        "rustorch.int64\n"
        ">>> rustorch.bfloat16.itemsize, rustorch.bfloat16.is_floating_point, rustorch.bfloat16()\n"
        "(2, True, 'bfloat16')\n"
        ">>> isinstance(rustorch.zeros(1, dtype=\"float64\").dtype, rustorch.dtype)\n"
        "True\n",
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = no_new,
    .tp_repr = (reprfunc)dtype_repr,
    .tp_hash = (hashfunc)dtype_hash,
    .tp_call = (ternaryfunc)dtype_call,
    .tp_richcompare = (richcmpfunc)dtype_compare,
    .tp_getset = dtype_getset,
    .tp_methods = dtype_methods,
};

bool ext_is_dtype(PyObject *object) { return Py_IS_TYPE(object, &dtype_type); }
PyObject *ext_dtype_object(RtDtype dtype) { return Py_NewRef(dtypes[dtype]); }

// The spellings that are accepted next to the names of dtype.def.
static const struct {
    const char *name;
    RtDtype dtype;
} dtype_aliases[] = {{"float", RT_F32}, {"double", RT_F64}, {"half", RT_F16},
                     {"long", RT_I64},  {"int", RT_I32},    {"short", RT_I16}};

static RtDtype dtype_named(const char *name) {
    if (strncmp(name, "rustorch.", 9) == 0) name += 9;
    RtDtype dtype = rt_dtype_find(name);
    for (size_t i = 0; dtype == RT_DTYPE_NONE && i < sizeof dtype_aliases / sizeof *dtype_aliases;
         i++)
        if (strcmp(dtype_aliases[i].name, name) == 0) dtype = dtype_aliases[i].dtype;
    return dtype;
}

// NumPy's dtype objects, and its scalar classes (np.float32), by their name.
static RtDtype dtype_of_numpy(PyObject *object) {
    const char *attribute = NULL;
    if (PyType_Check(object) && strncmp(((PyTypeObject *)object)->tp_name, "numpy.", 6) == 0)
        attribute = "__name__";
    else if (strncmp(Py_TYPE(object)->tp_name, "numpy.dtype", 11) == 0)
        attribute = "name";
    if (!attribute) return RT_DTYPE_NONE;
    PyObject *name = PyObject_GetAttrString(object, attribute);
    const char *text = name ? PyUnicode_AsUTF8(name) : NULL;
    RtDtype dtype = !text                        ? RT_DTYPE_NONE
                    : strcmp(text, "bool_") == 0 ? RT_BOOL
                                                 : rt_dtype_find(text);
    if (!text) PyErr_Clear();
    Py_XDECREF(name);
    return dtype;
}

int ext_dtype(PyObject *object, RtDtype *out) {
    *out = RT_DTYPE_NONE;
    if (object == Py_None) return 0;
    if (Py_IS_TYPE(object, &dtype_type))
        *out = ((DtypeObject *)object)->dtype;
    else if (object == (PyObject *)&PyFloat_Type)
        *out = rt_default_dtype();
    else if (object == (PyObject *)&PyLong_Type)
        *out = RT_I64;
    else if (object == (PyObject *)&PyBool_Type)
        *out = RT_BOOL;
    else if (PyUnicode_Check(object)) {
        const char *name = PyUnicode_AsUTF8(object);
        if (!name) return -1;
        *out = dtype_named(name);
        if (*out == RT_DTYPE_NONE) {
            ext_error(ERR_DTYPE,
                      "\"%s\" is not a dtype: use one of bool, uint8, int8, int16, int32, int64, "
                      "float16, bfloat16, "
                      "float32, float64",
                      name);
            return -1;
        }
    } else {
        *out = dtype_of_numpy(object);
        if (*out == RT_DTYPE_NONE) {
            ext_error(ERR_DTYPE, "%R is not a dtype of rustorch", object);
            return -1;
        }
    }
    return 0;
}

// ----------------------------------------------------------------------------------------------
// device

static const char *device_words[] = {"cpu", "cuda"};

static PyObject *device_name(const DeviceObject *self) {
    if (self->index < 0) return PyUnicode_FromString(device_words[self->type]);
    return PyUnicode_FromFormat("%s:%d", device_words[self->type], self->index);
}

static PyObject *device_make(int type, int index) {
    DeviceObject *self = PyObject_New(DeviceObject, &device_type);
    if (!self) return NULL;
    self->type = type;
    self->index = index;
    return (PyObject *)self;
}

// "cuda:1" → type and index; without a colon the index is -1.
static int device_parse(PyObject *text, int *type, int *index) {
    const char *name = PyUnicode_AsUTF8(text);
    RtDevice device;
    if (!name || ext_status(rt_device_parse(name, &device)) < 0) return -1;
    *type = device.type;
    *index = strchr(name, ':') ? device.index : -1;
    return 0;
}

static PyObject *device_new(PyTypeObject *Py_UNUSED(type), PyObject *args, PyObject *kwargs) {
    static char *keywords[] = {"type", "index", NULL};
    PyObject *what, *number = Py_None;
    int kind = RT_CUDA, index = -1;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|O:device", keywords, &what, &number))
        return NULL;
    if (Py_IS_TYPE(what, &device_type)) {
        if (number != Py_None)
            return ext_error(ERR_TYPE, "device(device, index): a device has its index already");
        return Py_NewRef(what);
    }
    if (PyLong_Check(what) && !PyBool_Check(what)) {
        if (number != Py_None)
            return ext_error(ERR_TYPE, "device(index): only one index can be given");
        number = what;
    } else if (!PyUnicode_Check(what)) {
        return ext_error(ERR_TYPE, "device(): a name as \"cpu\" or \"cuda:0\" is needed, not %s",
                         Py_TYPE(what)->tp_name);
    } else if (device_parse(what, &kind, &index) < 0) {
        return NULL;
    }
    if (number != Py_None) {
        if (index >= 0)
            return ext_error(ERR_VALUE, "device(%R, %R): the index is given twice", what, number);
        long value = PyLong_AsLong(number);
        if (value == -1 && PyErr_Occurred()) return NULL;
        if (value < 0 || value > 127)
            return ext_error(ERR_VALUE, "device(): index %ld is not between 0 and 127", value);
        index = (int)value;
    }
    return device_make(kind, index);
}

static PyObject *device_repr(DeviceObject *self) {
    if (self->index < 0) return PyUnicode_FromFormat("device(type='%s')", device_words[self->type]);
    return PyUnicode_FromFormat("device(type='%s', index=%d)", device_words[self->type],
                                self->index);
}

static Py_hash_t device_hash(DeviceObject *self) {
    PyObject *name = device_name(self);
    Py_hash_t hash = name ? PyObject_Hash(name) : -1;
    Py_XDECREF(name);
    return hash;
}

static PyObject *device_compare(DeviceObject *self, PyObject *other, int op) {
    if (PyUnicode_Check(other)) {
        PyObject *name = device_name(self);
        if (!name) return NULL;
        bool equal = PyUnicode_Compare(name, other) == 0;
        Py_DECREF(name);
        return compare(equal, op);
    }
    if (!Py_IS_TYPE(other, &device_type)) Py_RETURN_NOTIMPLEMENTED;
    DeviceObject *that = (DeviceObject *)other;
    return compare(self->type == that->type && self->index == that->index, op);
}

static PyObject *device_call(DeviceObject *self, PyObject *args, PyObject *kwargs) {
    // A decorator would be called with a function: PyTorch's `@device` is not there.
    if (PyTuple_GET_SIZE(args) || kwargs)
        return ext_error(ERR_TYPE, "a device is called without arguments and gives its name");
    return device_name(self);
}

static PyObject *device_reduce(DeviceObject *self, PyObject *Py_UNUSED(unused)) {
    PyObject *name = device_name(self);
    return name ? Py_BuildValue("(O(N))", Py_TYPE(self), name) : NULL;
}

// `with device:` says where tensors are made, which is the CPU.
static PyObject *device_enter(PyObject *self, PyObject *Py_UNUSED(unused)) {
    RtDevice device;
    if (ext_device(self, &device) < 0 || ext_status(rt_device_check(device)) < 0) return NULL;
    if (device.type != RT_CPU)
        return ext_error(ERR_DEVICE,
                         "with %R: tensors are made on the CPU; give device=%R where "
                         "one is made elsewhere",
                         self, self);
    return Py_NewRef(self);
}
static PyObject *device_exit(PyObject *Py_UNUSED(self), PyObject *Py_UNUSED(args)) {
    Py_RETURN_NONE;
}

static PyObject *device_type_get(DeviceObject *self, void *Py_UNUSED(closure)) {
    return PyUnicode_InternFromString(device_words[self->type]);
}
static PyObject *device_index_get(DeviceObject *self, void *Py_UNUSED(closure)) {
    if (self->index < 0) Py_RETURN_NONE;
    return PyLong_FromLong(self->index);
}

static PyGetSetDef device_getset[] = {
    {"type", (getter)device_type_get, NULL, "\"cpu\" or \"cuda\".", NULL},
    {"index", (getter)device_index_get, NULL, "Which one of its type, or None.", NULL},
    {0}};
static PyMethodDef device_methods[] = {
    {"__reduce__", (PyCFunction)device_reduce, METH_NOARGS, NULL},
    {"__enter__", device_enter, METH_NOARGS,
     "__enter__($self)\n--\n\nThe device, if tensors are made there: a DeviceError if not."},
    {"__exit__", device_exit, METH_VARARGS, "__exit__($self, *args)\n--\n\nNothing to undo."},
    {0}};

static PyTypeObject device_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "rustorch.device",
    .tp_basicsize = sizeof(DeviceObject),
    .tp_doc = "device(type, index=None)\n"
              "--\n"
              "\n"
              "Where a tensor lies: device(\"cpu\"), device(\"cuda:0\"), device(\"cuda\", 0).\n"
              "\n"
              "It may be made anywhere; whether it is there is asked when it is used. Calling it "
              "gives its\n"
              "name. As a context it is where tensors are made: the CPU, a DeviceError for what is "
              "not there.\n"
              "\n"
              "Parameters\n"
              "----------\n"
              "type : str or int\n"
              "    A name with or without a number; a number alone is that of a GPU.\n"
              "index : int, optional\n"
              "    Which one of its type.\n"
              "\n"
              "Examples\n"
              "--------\n"
              ">>> rustorch.zeros(2).device\n"
              "device(type='cpu')\n"
              ">>> gpu = rustorch.device(\"cuda:1\")\n"
              ">>> gpu.type, gpu.index, str(gpu)\n"
              "('cuda', 1, 'cuda:1')\n"
              ">>> with rustorch.device(\"cpu\"):\n"
              "...     x = rustorch.ones(2)\n"
              ">>> x.device == rustorch.device(\"cpu\")\n"
              "True\n",
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = device_new,
    .tp_repr = (reprfunc)device_repr,
    .tp_str = (reprfunc)device_name,
    .tp_hash = (hashfunc)device_hash,
    .tp_call = (ternaryfunc)device_call,
    .tp_richcompare = (richcmpfunc)device_compare,
    .tp_getset = device_getset,
    .tp_methods = device_methods,
};

bool value_is_device(PyObject *object) { return Py_IS_TYPE(object, &device_type); }

PyObject *ext_device_object(RtDevice device) {
    if (device.type == RT_CPU) return Py_NewRef(default_device);
    return device_make(device.type, device.index);
}

int ext_device(PyObject *object, RtDevice *out) {
    int type = RT_CUDA, index = -1;
    *out = RT_NO_DEVICE;
    if (object == Py_None) return 0;
    if (Py_IS_TYPE(object, &device_type)) {
        type = ((DeviceObject *)object)->type;
        index = ((DeviceObject *)object)->index;
    } else if (PyUnicode_Check(object)) {
        if (device_parse(object, &type, &index) < 0) return -1;
    } else if (PyLong_Check(object) && !PyBool_Check(object)) {
        long value = PyLong_AsLong(object);
        if (value == -1 && PyErr_Occurred()) return -1;
        if (value < 0 || value > 127) {
            ext_error(ERR_DEVICE, "device index %ld is not between 0 and 127", value);
            return -1;
        }
        index = (int)value;
    } else {
        ext_error(ERR_TYPE, "a device is needed (device object, name or index), not %s",
                  Py_TYPE(object)->tp_name);
        return -1;
    }
    *out = (RtDevice){(int8_t)type, (int8_t)(index < 0 ? 0 : index)};
    return 0;
}

// ----------------------------------------------------------------------------------------------
// layout, memory_format

static PyObject *word_repr(WordObject *self) {
    return PyUnicode_FromFormat("rustorch.%s", self->name);
}
static PyObject *word_reduce(WordObject *self, PyObject *Py_UNUSED(unused)) {
    return PyUnicode_FromString(self->name);
}
static PyMethodDef word_methods[] = {{"__reduce__", (PyCFunction)word_reduce, METH_NOARGS, NULL},
                                     {0}};

#define WORD_TYPE(type_, name_, doc_)                                                              \
    static PyTypeObject type_ = {                                                                  \
        PyVarObject_HEAD_INIT(NULL, 0).tp_name = name_,                                            \
        .tp_basicsize = sizeof(WordObject),                                                        \
        .tp_doc = doc_,                                                                            \
        .tp_flags = Py_TPFLAGS_DEFAULT,                                                            \
        .tp_new = no_new,                                                                          \
        .tp_repr = (reprfunc)word_repr,                                                            \
        .tp_methods = word_methods,                                                                \
    }
WORD_TYPE(layout_type, "rustorch.layout",
          "How elements are laid out: always rustorch.strided.\n"
          "\n"
          "Examples\n"
          "--------\n"
          ">>> rustorch.zeros(2).layout\n"
          "rustorch.strided\n"
          ">>> isinstance(rustorch.strided, rustorch.layout)\n"
          "True\n");
WORD_TYPE(
    memory_format_type, "rustorch.memory_format",
    "The order of dimensions in memory: rustorch.contiguous_format, rustorch.preserve_format.\n"
    "\n"
    "rustorch.channels_last and rustorch.channels_last_3d have names, but tensors are not stored "
    "so:\n"
    "asking for them is an UnsupportedError.\n"
    "\n"
    "Examples\n"
    "--------\n"
    ">>> isinstance(rustorch.contiguous_format, rustorch.memory_format)\n"
    "True\n"
    ">>> rustorch.zeros(2, 3).t().contiguous(memory_format=rustorch.contiguous_format).stride()\n"
    "(2, 1)\n");

static PyObject *strided;

static PyObject *add_word(PyObject *module, PyTypeObject *type, const char *name) {
    WordObject *word = PyObject_New(WordObject, type);
    if (!word) return NULL;
    word->name = name;
    if (PyModule_AddObjectRef(module, name, (PyObject *)word) < 0) Py_CLEAR(word);
    return (PyObject *)word;
}

PyObject *value_strided(void) { return Py_NewRef(strided); }
bool value_is_layout(PyObject *object) { return Py_IS_TYPE(object, &layout_type); }
bool value_is_memory_format(PyObject *object) { return Py_IS_TYPE(object, &memory_format_type); }

int value_check_memory_format(PyObject *object) {
    if (object == Py_None) return 0;
    if (!Py_IS_TYPE(object, &memory_format_type)) {
        ext_error(ERR_TYPE, "memory_format must be a rustorch.memory_format, not %s",
                  Py_TYPE(object)->tp_name);
        return -1;
    }
    const char *name = ((WordObject *)object)->name;
    if (strncmp(name, "channels_last", 13) != 0) return 0;
    ext_error(
        ERR_UNSUPPORTED,
        "memory_format=%s: tensors are stored in the order of their dimensions; permute() the "
        "dimensions if another order is wanted",
        name);
    return -1;
}

// --------------------------------------------------------------------------------------------------------------

static int add_dtypes(PyObject *module) {
    for (int i = 0; i < RT_DTYPE_COUNT; i++) {
        DtypeObject *self = PyObject_New(DtypeObject, &dtype_type);
        if (!self) return -1;
        self->dtype = (RtDtype)i;
        self->name = PyUnicode_InternFromString(rt_dtype_name((RtDtype)i));
        if (!self->name ||
            PyModule_AddObjectRef(module, rt_dtype_name((RtDtype)i), (PyObject *)self) < 0)
            return -1;
        dtypes[i] = self;
    }
    for (size_t i = 0; i < sizeof dtype_aliases / sizeof *dtype_aliases; i++)
        if (PyModule_AddObjectRef(module, dtype_aliases[i].name,
                                  (PyObject *)dtypes[dtype_aliases[i].dtype]) < 0)
            return -1;
    return 0;
}

static PyObject *get_default_dtype(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(unused)) {
    return ext_dtype_object(rt_default_dtype());
}

static PyObject *set_default_dtype(PyObject *Py_UNUSED(module), PyObject *object) {
    RtDtype dtype;
    if (ext_dtype(object, &dtype) < 0 || ext_status(rt_set_default_dtype(dtype)) < 0) return NULL;
    Py_RETURN_NONE;
}

// Two dtypes by position or name; None on success.
static PyObject *call_two_dtypes(const char *function, const char *const *names,
                                 PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames,
                                 RtDtype *a, RtDtype *b) {
    PyObject *in[2];
    if (ext_arguments(function, names, 2, 2, args, nargs, kwnames, in) < 0 ||
        ext_dtype(in[0], a) < 0 || ext_dtype(in[1], b) < 0)
        return NULL;
    if (*a == RT_DTYPE_NONE || *b == RT_DTYPE_NONE)
        return ext_error(ERR_DTYPE, "%s: two dtypes are needed, not None", function);
    return Py_None;
}

static PyObject *promote_types(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t nargs,
                               PyObject *kwnames) {
    static const char *const names[] = {"type1", "type2", NULL};
    RtDtype a, b;
    if (!call_two_dtypes("promote_types", names, args, nargs, kwnames, &a, &b)) return NULL;
    return ext_dtype_object(rt_dtype_promote(a, b));
}

static PyObject *can_cast(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t nargs,
                          PyObject *kwnames) {
    static const char *const names[] = {"from_", "to", NULL};
    RtDtype a, b;
    if (!call_two_dtypes("can_cast", names, args, nargs, kwnames, &a, &b)) return NULL;
    return PyBool_FromLong(rt_dtype_can_cast(a, b));
}

static PyObject *check_device(PyObject *Py_UNUSED(module), PyObject *object) {
    RtDevice device;
    if (ext_device(object, &device) < 0) return NULL;
    if (device.type != RT_DEVICE_NONE && ext_status(rt_device_check(device)) < 0) return NULL;
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"_check_device", check_device, METH_O,
     "_check_device(device)\n--\n\nRaises what is missing if the device cannot be used."},
    {"get_default_dtype", get_default_dtype, METH_NOARGS,
     "get_default_dtype()\n"
     "--\n"
     "\n"
     "The dtype of tensors made from Python floats.\n"
     "\n"
     "Examples\n"
     "--------\n"
     ">>> rustorch.get_default_dtype()\n"
     "rustorch.float32\n"},
    {"set_default_dtype", set_default_dtype, METH_O,
     "set_default_dtype(d)\n"
     "--\n"
     "\n"
     "Set the dtype of tensors made from Python floats.\n"
     "\n"
     "Parameters\n"
     "----------\n"
     "d : dtype\n"
     "    A floating-point one.\n"
     "\n"
     "Raises\n"
     "------\n"
     "TypeError\n"
     "    It is none.\n"
     "\n"
     "Examples\n"
     "--------\n"
     ">>> rustorch.set_default_dtype(rustorch.float64)\n"
     ">>> rustorch.tensor([1.5]).dtype\n"
     "rustorch.float64\n"
     ">>> rustorch.set_default_dtype(rustorch.float32)\n"},
    {"promote_types", EXT_KEYWORDS(promote_types),
     "promote_types(type1, type2)\n"
     "--\n"
     "\n"
     "The dtype in which an operation on the two dtypes computes.\n"
     "\n"
     "Examples\n"
     "--------\n"
     ">>> rustorch.promote_types(rustorch.int64, rustorch.float16)\n"
     "rustorch.float16\n"
     ">>> rustorch.promote_types(rustorch.uint8, rustorch.int8)\n"
     "rustorch.int16\n"},
    {"can_cast", EXT_KEYWORDS(can_cast),
     "can_cast(from_, to)\n"
     "--\n"
     "\n"
     "Can a result of dtype from_ be written to a tensor of dtype to?\n"
     "\n"
     "Examples\n"
     "--------\n"
     ">>> rustorch.can_cast(rustorch.float64, rustorch.float32)\n"
     "True\n"
     ">>> rustorch.can_cast(rustorch.float32, rustorch.int64)\n"
     "False\n"},
    {0}};

int ext_add_values(PyObject *module) {
    PyTypeObject *types[] = {&dtype_type, &device_type, &layout_type, &memory_format_type};
    static const char *const names[] = {"dtype", "device", "layout", "memory_format"};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (PyType_Ready(types[i]) < 0 ||
            PyModule_AddObjectRef(module, names[i], (PyObject *)types[i]) < 0)
            return -1;
    if (add_dtypes(module) < 0 || value_add_size(module) < 0) return -1;
    default_device = device_make(RT_CPU, -1);
    strided = add_word(module, &layout_type, "strided");
    static const char *const formats[] = {"contiguous_format", "preserve_format", "channels_last",
                                          "channels_last_3d"};
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        PyObject *word = add_word(module, &memory_format_type, formats[i]);
        if (!word) return -1;
        Py_DECREF(word);
    }
    return default_device && strided ? PyModule_AddFunctions(module, functions) : -1;
}
