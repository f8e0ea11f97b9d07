// Profilers: rustorch.profiler and rustorch.utils.Profiler say what to do with what they find.
#include "ext/ext.h"

typedef struct ProfileObject {
    PyObject_HEAD RtProfile *profile;
} ProfileObject;

static const char *const kind_words[RT_PROFILE_KIND_COUNT] = {
#define PROFILE_KIND(kind_, word_) [RT_PROFILE_##kind_] = word_,
#include "base/profile.def"
#undef PROFILE_KIND
};

static void profile_dealloc(ProfileObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    rt_profile_free(self->profile);
    type->tp_free((PyObject *)self);
    Py_DECREF(type);
}

static PyObject *profile_new(PyTypeObject *type, PyObject *args, PyObject *keywords) {
    static char *names[] = {"max_events", "shapes", NULL};
    long long max_events;
    int shapes = 0;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "L|p:_Profile", names, &max_events, &shapes))
        return NULL;
    ProfileObject *self = (ProfileObject *)type->tp_alloc(type, 0);
    if (!self) return NULL;
    self->profile = rt_profile_new(max_events, shapes);
    if (self->profile) return (PyObject *)self;
    Py_DECREF(self);
    return ext_raise();
}

static PyObject *profile_start(ProfileObject *self, PyObject *Py_UNUSED(none)) {
    if (ext_status(rt_profile_start(self->profile)) < 0) return NULL;
    Py_RETURN_NONE;
}

static PyObject *profile_stop(ProfileObject *self, PyObject *Py_UNUSED(none)) {
    if (ext_status(rt_profile_stop(self->profile)) < 0) return NULL;
    Py_RETURN_NONE;
}

static PyObject *profile_reset(ProfileObject *self, PyObject *Py_UNUSED(none)) {
    rt_profile_reset(self->profile);
    Py_RETURN_NONE;
}

static PyObject *profile_running(ProfileObject *self, void *Py_UNUSED(closure)) {
    return PyBool_FromLong(rt_profile_running(self->profile));
}

static PyObject *row_object(const RtProfileRow *row) {
    PyObject *name = PyUnicode_DecodeUTF8(row->name, (Py_ssize_t)strlen(row->name), "replace");
    if (!name) return NULL;
    return Py_BuildValue("(NzsOLLLLLLLLLL)", name, row->shapes, kind_words[row->kind],
                         row->backward ? Py_True : Py_False, (long long)row->calls,
                         (long long)row->total_ns, (long long)row->self_ns, (long long)row->min_ns,
                         (long long)row->max_ns, (long long)row->in_bytes,
                         (long long)row->out_bytes, (long long)row->flops,
                         (long long)row->allocated_bytes, (long long)row->self_allocated_bytes);
}

static PyObject *rows_list(const RtProfileData *data) {
    PyObject *list = PyList_New(data->nrows);
    for (int i = 0; list && i < data->nrows; i++) {
        PyObject *row = row_object(&data->rows[i]);
        if (row)
            PyList_SET_ITEM(list, i, row);
        else
            Py_CLEAR(list);
    }
    return list;
}

static PyObject *threads_list(const RtProfileData *data) {
    PyObject *list = PyList_New(data->nthreads);
    for (int i = 0; list && i < data->nthreads; i++) {
        RtProfileThread thread = rt_profile_thread(i);
        PyObject *name = PyUnicode_DecodeLocale(thread.name, "surrogateescape");
        PyObject *item = name ? Py_BuildValue("(NL)", name, (long long)thread.id) : NULL;
        if (item)
            PyList_SET_ITEM(list, i, item);
        else
            Py_CLEAR(list);
    }
    return list;
}

static PyObject *profile_read(ProfileObject *self, PyObject *Py_UNUSED(none)) {
    RtProfileData data;
    if (ext_status(rt_profile_read(self->profile, &data)) < 0) return NULL;
    PyObject *rows = rows_list(&data), *threads = rows ? threads_list(&data) : NULL;
    if (!threads) {
        Py_XDECREF(rows);
        return NULL;
    }
    Py_ssize_t bytes = (Py_ssize_t)data.nevents * (Py_ssize_t)sizeof *data.events;
    return Py_BuildValue("(LNy#NL)", (long long)data.elapsed_ns, rows,
                         data.events ? (const char *)data.events : "", bytes, threads,
                         (long long)data.lost);
}

static PyMethodDef profile_methods[] = {
    {"start", (PyCFunction)profile_start, METH_NOARGS,
     "start($self)\n--\n\nWrite down what runs, on all threads."},
    {"stop", (PyCFunction)profile_stop, METH_NOARGS, "stop($self)\n--\n\nNo more of it."},
    {"reset", (PyCFunction)profile_reset, METH_NOARGS,
     "reset($self)\n--\n\nForget what was found."},
    {"read", (PyCFunction)profile_read, METH_NOARGS,
     "read($self)\n--\n\nA tuple: nanoseconds it ran; rows as tuples; events, as the bytes of "
     "RtProfileEvent; threads as "
     "(name, id); how many events there was no room for."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef profile_properties[] = {
    {"running", (getter)profile_running, NULL, "Whether it is between start and stop.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_new, profile_new},
    {Py_tp_dealloc, profile_dealloc},
    {Py_tp_methods, profile_methods},
    {Py_tp_getset, profile_properties},
    {Py_tp_doc, "_Profile(max_events, shapes=False)\n--\n\nWhat rustorch.utils.Profiler and "
                "rustorch.profiler.profile "
                "write with."},
    {0, NULL},
};

static PyType_Spec spec = {
    .name = "rustorch._C._Profile",
    .basicsize = sizeof(ProfileObject),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = slots,
};

static PyObject *profile_enter_span(PyObject *Py_UNUSED(module), PyObject *args) {
    const char *name, *word = "scope";
    if (!PyArg_ParseTuple(args, "s|s:_profile_enter", &name, &word)) return NULL;
    for (int kind = 0; kind < RT_PROFILE_KIND_COUNT; kind++)
        if (strcmp(kind_words[kind], word) == 0)
            return PyLong_FromLongLong(rt_profile_enter((RtProfileKind)kind, name));
    return ext_error(ERR_VALUE, "_profile_enter: there is no kind \"%s\"", word);
}

static PyObject *profile_leave_span(PyObject *Py_UNUSED(module), PyObject *token) {
    long long value = PyLong_AsLongLong(token);
    if (value == -1 && PyErr_Occurred()) return NULL;
    if (value) rt_profile_leave(value);
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"_profile_enter", profile_enter_span, METH_VARARGS,
     "_profile_enter(name, kind=\"scope\")\n--\n\nOpen a span: a token for _profile_leave, 0 when "
     "no profiler runs."},
    {"_profile_leave", profile_leave_span, METH_O,
     "_profile_leave(token)\n--\n\nEnd a span, and what is open inside it. One that is over is "
     "left alone."},
    {NULL, NULL, 0, NULL},
};

int ext_add_profile(PyObject *module) {
    PyObject *type = PyType_FromSpec(&spec);
    if (!type) return -1;
    if (PyModule_AddObject(module, "_Profile", type) < 0) {
        Py_DECREF(type);
        return -1;
    }
    return PyModule_AddFunctions(module, functions);
}
