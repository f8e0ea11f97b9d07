// seed.c: Python's own random numbers (module random) started from a seed in less than a microsecond.
//
// random.seed() takes twenty, which a DataLoader would pay for each sample. A random.Random is a Mersenne twister: an
// index and 624 words behind the object's head, in every CPython so far. Whether they lie so here is checked against
// getstate() once; where they do not, the caller is told, and uses random.seed().
#include "ext.h"

#define WORDS 624

typedef struct Twister {
    PyObject ob_base;
    int index; // WORDS: the words are to be stirred before the next number is drawn
    uint32_t words[WORDS];
} Twister;

// Is what getstate() says what lies in memory? -1: a Python exception.
static int layout_is_known(PyObject *object) {
    if ((size_t)Py_TYPE(object)->tp_basicsize < sizeof(Twister)) return 0;
    PyObject *state = PyObject_CallMethod(object, "getstate", NULL);
    PyObject *words = state && PyTuple_Check(state) && PyTuple_GET_SIZE(state) == 3
                          ? PyTuple_GET_ITEM(state, 1)
                          : NULL;
    int known = state ? words && PyTuple_Check(words) && PyTuple_GET_SIZE(words) == WORDS + 1 : -1;
    const Twister *twister = (const Twister *)object;
    for (int i = 0; known == 1 && i <= WORDS; i++) {
        unsigned long word = PyLong_AsUnsignedLong(PyTuple_GET_ITEM(words, i));
        if (word == (unsigned long)-1 && PyErr_Occurred())
            known = -1;
        else
            known = word == (i < WORDS ? twister->words[i] : (unsigned long)twister->index);
    }
    Py_XDECREF(state);
    return known;
}

// SplitMix64: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
static void fill(Twister *twister, uint64_t seed) {
    for (int i = 0; i < WORDS; i += 2) {
        uint64_t z = seed += 0x9E3779B97F4A7C15u;
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
        z = (z ^ z >> 27) * 0x94D049BB133111EBu;
        z ^= z >> 31;
        twister->words[i] = (uint32_t)z;
        twister->words[i + 1] = (uint32_t)(z >> 32);
    }
    twister->index = WORDS;
}

static PyObject *seed_python(PyObject *Py_UNUSED(module), PyObject *args) {
    static int known = -1; // not looked at yet
    PyObject *object;
    unsigned long long seed;
    if (!PyArg_ParseTuple(args, "OK", &object, &seed)) return NULL;
    if (known < 0 && (known = layout_is_known(object)) < 0) return NULL;
    if (known) fill((Twister *)object, seed);
    return PyBool_FromLong(known);
}

int ext_add_seed(PyObject *module) {
    static PyMethodDef functions[] = {
        {"_seed_python", seed_python, METH_VARARGS,
         "_seed_python(generator, seed)\n--\n\nStart random's own generator from a seed; False: it "
         "is laid out in an unknown way, "
         "and was not touched."},
        {NULL, NULL, 0, NULL}};
    return PyModule_AddFunctions(module, functions);
}
