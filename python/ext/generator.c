// generator.c: rustorch.Generator, a source of random numbers with a seed and a position.
//
// The state is 24 bytes: a mark that names the algorithm, the seed, and the position, both
// little-endian. It is all there is: the value at (seed, position) depends on nothing else.
#include "ext.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#define STATE_BYTES 24
static const char state_mark[8] = {'P', 'h', 'i', 'l', 'o', 'x', '4', 'x'};

typedef struct GeneratorObject {
    PyObject ob_base;
    RtGenerator *generator;
} GeneratorObject;

static PyTypeObject generator_type;

static RtGenerator *of(PyObject *self) { return ((GeneratorObject *)self)->generator; }

int ext_generator(PyObject *object, RtGenerator **out) {
    if (!object || object == Py_None) {
        *out = NULL;
        return 0;
    }
    if (!PyObject_TypeCheck(object, &generator_type)) {
        PyErr_Format(PyExc_TypeError, "generator must be a rustorch.Generator or None, not %.100s",
                     Py_TYPE(object)->tp_name);
        return -1;
    }
    *out = of(object);
    return 0;
}

static PyObject *generator_wrap(PyTypeObject *type, RtGenerator *generator) {
    if (!generator) return ext_raise();
    GeneratorObject *self = (GeneratorObject *)type->tp_alloc(type, 0);
    if (!self) {
        rt_generator_drop(generator);
        return NULL;
    }
    self->generator = generator;
    return (PyObject *)self;
}

static PyObject *generator_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"device", NULL};
    PyObject *device_object = Py_None;
    RtDevice device;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O:Generator", names, &device_object) ||
        ext_device(device_object, &device) < 0)
        return NULL;
    // One stream for all devices: the values depend on seed and position alone.
    if (device.type != RT_DEVICE_NONE && ext_status(rt_device_check(device)) < 0) return NULL;
    return generator_wrap(type,
                          rt_generator_new(67280421310721u)); // the seed that PyTorch starts with
}

static void generator_dealloc(PyObject *self) {
    rt_generator_drop(of(self));
    Py_TYPE(self)->tp_free(self);
}

// A seed: any integer of 64 bits, with or without sign.
static int seed_of(PyObject *number, uint64_t *out) {
    PyObject *index = PyNumber_Index(number);
    if (!index) return -1;
    int overflow;
    long long value = PyLong_AsLongLongAndOverflow(index, &overflow);
    *out = overflow > 0 ? PyLong_AsUnsignedLongLong(index) : (uint64_t)value;
    Py_DECREF(index);
    if (overflow > 0 && !(*out == (uint64_t)-1 && PyErr_Occurred())) return 0;
    if (overflow) {
        PyErr_Clear();
        ext_error(ERR_VALUE, "a seed must lie between -2**63 and 2**64 - 1");
        return -1;
    }
    return value == -1 && PyErr_Occurred() ? -1 : 0;
}

static PyObject *manual_seed(PyObject *self, PyObject *number) {
    uint64_t seed;
    if (seed_of(number, &seed) < 0) return NULL;
    rt_generator_seed(of(self), seed);
    Py_INCREF(self);
    return self;
}

static PyObject *new_seed(PyObject *self, PyObject *Py_UNUSED(none)) {
    uint64_t seed;
    if (getrandom(&seed, sizeof seed, 0) != (ssize_t)sizeof seed)
        return PyErr_SetFromErrno(PyExc_OSError);
    seed >>= 1; // fits in an int64 as well, so that it can be stored anywhere
    rt_generator_seed(of(self), seed);
    return PyLong_FromUnsignedLongLong(seed);
}

static PyObject *initial_seed(PyObject *self, PyObject *Py_UNUSED(none)) {
    uint64_t seed, position;
    rt_generator_get(of(self), &seed, &position);
    return PyLong_FromUnsignedLongLong(seed);
}

static void state_write(const RtGenerator *generator, unsigned char *out) {
    uint64_t number[2];
    rt_generator_get(generator, &number[0], &number[1]);
    memcpy(out, state_mark, 8);
    for (int i = 0; i < 16; i++) out[8 + i] = (unsigned char)(number[i / 8] >> (8 * (i % 8)));
}

static int state_read(RtGenerator *generator, const unsigned char *bytes, int64_t n) {
    if (n != STATE_BYTES || memcmp(bytes, state_mark, 8) != 0) {
        ext_error(
            ERR_VALUE,
            "set_state: these %lld bytes are not the state of a rustorch.Generator (%d bytes)",
            (long long)n, STATE_BYTES);
        return -1;
    }
    uint64_t number[2] = {0, 0};
    for (int i = 0; i < 16; i++) number[i / 8] |= (uint64_t)bytes[8 + i] << (8 * (i % 8));
    rt_generator_set(generator, number[0], number[1]);
    return 0;
}

static PyObject *get_state(PyObject *self, PyObject *Py_UNUSED(none)) {
    RtScope scope;
    if (ext_status(rt_scope_open(&scope)) < 0) return NULL;
    RtTensor *state = rt_tensor_new(1, (int64_t[]){STATE_BYTES}, RT_U8, (RtDevice){RT_CPU, 0});
    if (state) state_write(of(self), rt_tensor_data(state));
    PyObject *result = ext_wrap(state);
    rt_scope_close(scope);
    return result;
}

static PyObject *set_state(PyObject *self, PyObject *object) {
    RtTensor *state = ext_tensor(object);
    if (!state) return NULL;
    if (state->dtype != RT_U8 || state->device.type != RT_CPU)
        return ext_error(ERR_TYPE,
                         "set_state expects a uint8 tensor on the CPU, as get_state returns it");
    unsigned char bytes[STATE_BYTES];
    for (int64_t i = 0; i < state->numel && i < STATE_BYTES; i++)
        bytes[i] = (unsigned char)rt_tensor_item(state, i).i;
    if (state_read(of(self), bytes, state->numel) < 0) return NULL;
    Py_INCREF(self);
    return self;
}

static PyObject *clone_state(PyObject *self, PyObject *Py_UNUSED(none)) {
    uint64_t seed, position;
    rt_generator_get(of(self), &seed, &position);
    RtGenerator *copy = rt_generator_new(seed);
    if (copy) rt_generator_set(copy, seed, position);
    return generator_wrap(Py_TYPE(self), copy);
}

static PyObject *reduce(PyObject *self, PyObject *Py_UNUSED(none)) {
    unsigned char bytes[STATE_BYTES];
    state_write(of(self), bytes);
    return Py_BuildValue("O()y#", Py_TYPE(self), (char *)bytes, (Py_ssize_t)STATE_BYTES);
}

static PyObject *take_state(PyObject *self, PyObject *bytes) {
    char *data;
    Py_ssize_t n;
    if (PyBytes_AsStringAndSize(bytes, &data, &n) < 0 ||
        state_read(of(self), (unsigned char *)data, n) < 0)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *get_device(PyObject *Py_UNUSED(self), void *Py_UNUSED(closure)) {
    return ext_device_object((RtDevice){RT_CPU, 0});
}

static PyObject *generator_repr(PyObject *self) {
    uint64_t seed, position;
    rt_generator_get(of(self), &seed, &position);
    return PyUnicode_FromFormat("<rustorch.Generator seed=%llu position=%llu>",
                                (unsigned long long)seed, (unsigned long long)position);
}

static PyMethodDef methods[] = {
    {"manual_seed", manual_seed, METH_O,
     "manual_seed($self, seed)\n--\n\nStart again from this seed; returns the generator."},
    {"seed", new_seed, METH_NOARGS,
     "seed($self)\n--\n\nStart again from a seed of the system's; returns the seed."},
    {"initial_seed", initial_seed, METH_NOARGS,
     "initial_seed($self)\n--\n\nThe seed that the generator started from."},
    {"get_state", get_state, METH_NOARGS, "get_state($self)\n--\n\nThe state, as a uint8 tensor."},
    {"set_state", set_state, METH_O,
     "set_state($self, state)\n--\n\nGo on from a state that get_state returned."},
    {"clone_state", clone_state, METH_NOARGS,
     "clone_state($self)\n--\n\nA generator of its own that goes on from here."},
    {"__reduce__", reduce, METH_NOARGS, "__reduce__($self)\n--\n\nFor copy and pickle."},
    {"__setstate__", take_state, METH_O, "__setstate__($self, state)\n--\n\nFor copy and pickle."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef properties[] = {
    {"device", get_device, NULL, "The device; values are the same on every device.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyTypeObject generator_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "rustorch.Generator",
    .tp_basicsize = sizeof(GeneratorObject),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .tp_doc = "Generator(device='cpu')\n--\n\n"
              "A source of random numbers with a seed and a state of its own (Philox 4x32-10: "
              "Salmon et al., "
              "\"Parallel random numbers: as easy as 1, 2, 3\", SC 2011).\n\n"
              "Examples\n--------\n"
              ">>> import rustorch\n"
              ">>> g = rustorch.Generator().manual_seed(7)\n"
              ">>> g.initial_seed()\n7\n",
    .tp_new = generator_new,
    .tp_dealloc = generator_dealloc,
    .tp_repr = generator_repr,
    .tp_methods = methods,
    .tp_getset = properties,
};

int ext_add_generator(PyObject *module) {
    if (PyType_Ready(&generator_type) < 0) return -1;
    Py_INCREF(&generator_type);
    if (PyModule_AddObject(module, "Generator", (PyObject *)&generator_type) < 0) return -1;
    PyObject *standard = generator_wrap(&generator_type, rt_generator_keep(rt_generator_default()));
    return standard ? PyModule_AddObject(module, "default_generator", standard) : -1;
}
