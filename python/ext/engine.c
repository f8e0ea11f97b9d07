// engine.c: threads, memory and facts about the build.
#include "ext.h"

#include "base/memory.h"

static PyObject *set_num_threads(PyObject *Py_UNUSED(module), PyObject *count) {
    if (!PyLong_Check(count) || PyBool_Check(count)) {
        PyErr_Format(PyExc_TypeError, "set_num_threads expects an int, but got %.100s",
                     Py_TYPE(count)->tp_name);
        return NULL;
    }
    int overflow;
    long n = PyLong_AsLongAndOverflow(count, &overflow);
    if (overflow || n > 1 << 20) n = 1 << 20; // the engine says what it takes
    if (n < 0) n = 0;
    if (ext_status(rt_set_threads((int)n)) < 0) return NULL;
    Py_RETURN_NONE;
}

static PyObject *get_num_threads(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none)) {
    return PyLong_FromLong(rt_threads());
}

static PyObject *default_num_threads(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none)) {
    return PyLong_FromLong(rt_default_threads());
}

static PyObject *memory_stats(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none)) {
    RtMemoryStats stats;
    rt_memory_stats(&stats);
    return Py_BuildValue(
        "{sLsLsLsLsLsL}", "live_bytes", (long long)stats.live_bytes, "peak_bytes",
        (long long)stats.peak_bytes, "reserved_bytes", (long long)stats.reserved_bytes,
        "peak_reserved_bytes", (long long)stats.peak_reserved, "allocations",
        (long long)stats.allocations, "system_allocations", (long long)stats.system_allocations);
}

static PyObject *reset_peak_memory_stats(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none)) {
    rt_memory_reset_peak();
    Py_RETURN_NONE;
}

static PyObject *empty_cache(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none)) {
    EXT_UNLOCKED(rt_memory_release());
    Py_RETURN_NONE;
}

static PyObject *set_memory_limit(PyObject *Py_UNUSED(module), PyObject *limit) {
    long long bytes = 0;
    if (limit != Py_None && (!PyLong_Check(limit) || PyBool_Check(limit)))
        return ext_error(ERR_TYPE, "set_memory_limit expects a number of bytes or None, but got %.100s",
                         Py_TYPE(limit)->tp_name);
    if (limit != Py_None) {
        int overflow;
        bytes = PyLong_AsLongLongAndOverflow(limit, &overflow);
        if (overflow > 0) bytes = INT64_MAX;
        if (bytes < 1 || overflow < 0)
            return ext_error(ERR_VALUE, "set_memory_limit: the limit must be 1 byte or more, or None for no limit, not %R", limit);
    }
    rt_set_memory_limit(bytes);
    Py_RETURN_NONE;
}

static PyObject *get_memory_limit(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none)) {
    int64_t bytes = rt_memory_limit();
    if (!bytes) Py_RETURN_NONE;
    return PyLong_FromLongLong(bytes);
}

static PyObject *config_text(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none)) {
    char *text = rt_config_text();
    if (!text) return ext_raise();
    PyObject *result = PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace");
    rt_text_free(text);
    return result;
}

static PyObject *fail_allocation(PyObject *Py_UNUSED(module), PyObject *const *args,
                                 Py_ssize_t nargs, PyObject *kwnames) {
    static const char *const names[] = {"n", "forever", NULL};
    PyObject *in[2];
    bool forever;
    if (ext_arguments("_fail_allocation", names, 2, 1, args, nargs, kwnames, in) < 0 ||
        ext_flag(in[1], "forever", false, &forever) < 0)
        return NULL;
    long long n = PyLong_AsLongLong(in[0]);
    if (n == -1 && PyErr_Occurred()) return NULL;
    if (n < 0)
        return ext_error(ERR_VALUE, "_fail_allocation: n must be 0 (off) or more, not %lld", n);
    mem_fail_at(n, forever);
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"set_num_threads", set_num_threads, METH_O,
     "set_num_threads(n)\n"
     "--\n"
     "\n"
     "Use n threads inside operations.\n"
     "\n"
     "Parameters\n"
     "----------\n"
     "n : int\n"
     "    1 or more.\n"
     "\n"
     "Raises\n"
     "------\n"
     "ValueError\n"
     "    If n is smaller than 1 or larger than can be.\n"
     "\n"
     "Examples\n"
     "--------\n"
     ">>> import rustorch\n"
     ">>> rustorch.set_num_threads(1)\n"
     ">>> rustorch.get_num_threads()\n"
     "1\n"},
    {"get_num_threads", get_num_threads, METH_NOARGS,
     "get_num_threads()\n"
     "--\n"
     "\n"
     "The number of threads that operations use.\n"
     "\n"
     "Examples\n"
     "--------\n"
     ">>> before = rustorch.get_num_threads()\n"
     ">>> rustorch.set_num_threads(2)\n"
     ">>> rustorch.get_num_threads()\n"
     "2\n"
     ">>> rustorch.set_num_threads(before)\n"},
    {"_default_num_threads", default_num_threads, METH_NOARGS,
     "_default_num_threads()\n--\n\nThe number of threads before set_num_threads was called."},
    {"memory_stats", memory_stats, METH_NOARGS,
     "memory_stats()\n"
     "--\n"
     "\n"
     "Counters of the memory that tensors use.\n"
     "\n"
     "Returns\n"
     "-------\n"
     "dict\n"
     "    live_bytes and peak_bytes: in tensors, now and at most. reserved_bytes and\n"
     "    peak_reserved_bytes: held from\n"
     "    the system. allocations: blocks given to tensors; system_allocations: blocks\n"
     "    asked of the system.\n"
     "\n"
     "Examples\n"
     "--------\n"
     ">>> import rustorch\n"
     ">>> rustorch.memory_stats()[\"live_bytes\"] <= rustorch.memory_stats()[\"reserved_bytes\"]\n"
     "True\n"},
    {"reset_peak_memory_stats", reset_peak_memory_stats, METH_NOARGS,
     "reset_peak_memory_stats()\n"
     "--\n"
     "\n"
     "Let the peaks of memory_stats() begin at what is in use now.\n"
     "\n"
     "Examples\n"
     "--------\n"
     ">>> rustorch.reset_peak_memory_stats()\n"
     ">>> before = rustorch.memory_stats()[\"live_bytes\"]\n"
     ">>> x = rustorch.zeros(1000)\n"
     ">>> rustorch.memory_stats()[\"peak_bytes\"] - before >= 4000\n"
     "True\n"},
    {"empty_cache", empty_cache, METH_NOARGS,
     "empty_cache()\n"
     "--\n"
     "\n"
     "Give memory that no tensor uses back to the system.\n"
     "\n"
     "Examples\n"
     "--------\n"
     ">>> x = rustorch.zeros(1 << 20)\n"
     ">>> del x\n"
     ">>> held = rustorch.memory_stats()[\"reserved_bytes\"]\n"
     ">>> rustorch.empty_cache()\n"
     ">>> rustorch.memory_stats()[\"reserved_bytes\"] <= held - (4 << 20)\n"
     "True\n"},
    {"set_memory_limit", set_memory_limit, METH_O,
     "set_memory_limit(limit)\n"
     "--\n"
     "\n"
     "Let tensors take at most so much memory: what more would be needed is a MemoryError that names both sizes.\n"
     "\n"
     "Parameters\n"
     "----------\n"
     "limit : int or None\n"
     "    Bytes, at least 1; None: no limit, as at the start. Tensors that are there stay.\n"
     "\n"
     "Examples\n"
     "--------\n"
     ">>> import rustorch\n"
     ">>> rustorch.set_memory_limit(8 << 30)\n"
     ">>> rustorch.get_memory_limit() == 8 << 30\n"
     "True\n"
     ">>> rustorch.set_memory_limit(None)\n"},
    {"get_memory_limit", get_memory_limit, METH_NOARGS,
     "get_memory_limit()\n"
     "--\n"
     "\n"
     "The most bytes that tensors may take, as set_memory_limit was told, or None.\n"
     "\n"
     "Examples\n"
     "--------\n"
     ">>> print(rustorch.get_memory_limit())\n"
     "None\n"},
    {"config_text", config_text, METH_NOARGS,
     "config_text()\n"
     "--\n"
     "\n"
     "Versions, instruction set, BLAS and plug-ins, as text: what show_config prints.\n"
     "\n"
     "Examples\n"
     "--------\n"
     ">>> [line.split(\":\")[0] for line in rustorch.config_text().splitlines()[1:4]]\n"
     "['compiler', 'instruction set', 'threads']\n"},
    {"_fail_allocation", (PyCFunction)(void (*)(void))fail_allocation,
     METH_FASTCALL | METH_KEYWORDS,
     "_fail_allocation(n, forever=False)\n--\n\nFor tests: the n-th allocation from now on fails; "
     "0 ends it."},
    {NULL, NULL, 0, NULL},
};

int ext_add_engine(PyObject *module) { return PyModule_AddFunctions(module, functions); }
