// Files of named tensors: rustorch.serialization gives them their meaning.
#include "ext.h"

#include "io/io.h"

// A path as str, bytes or os.PathLike; *out_bytes is a new reference that holds the text.
static const char *path_text(PyObject *object, PyObject **out_bytes) {
    return PyUnicode_FSConverter(object, out_bytes) ? PyBytes_AS_STRING(*out_bytes) : NULL;
}

static int read_items(PyObject *names, PyObject *tensors, RtFileItem *items, Py_ssize_t n) {
    for (Py_ssize_t i = 0; i < n; i++) {
        items[i].name = PyUnicode_AsUTF8(PyList_GET_ITEM(names, i));
        items[i].tensor = ext_tensor(PyList_GET_ITEM(tensors, i));
        if (!items[i].name || !items[i].tensor) return -1;
    }
    return 0;
}

static PyObject *file_save(PyObject *Py_UNUSED(module), PyObject *args) {
    PyObject *path_object, *names, *tensors, *path_bytes = NULL;
    if (!PyArg_ParseTuple(args, "OO!O!:_file_save", &path_object, &PyList_Type, &names,
                          &PyList_Type, &tensors))
        return NULL;
    Py_ssize_t n = PyList_GET_SIZE(names);
    if (n != PyList_GET_SIZE(tensors) || n > INT32_MAX)
        return ext_error(ERR_VALUE, "_file_save: as many names as tensors are needed");
    const char *path = path_text(path_object, &path_bytes);
    if (!path) return NULL;
    // tuples of our own keep the tensors and the names alive while other threads run
    PyObject *kept_names = PyList_AsTuple(names), *kept = PyList_AsTuple(tensors), *result = NULL;
    RtFileItem *items = PyMem_Calloc((size_t)n + 1, sizeof *items);
    if (!items) PyErr_NoMemory();
    if (kept_names && kept && items && read_items(names, tensors, items, n) == 0) {
        Status status;
        EXT_UNLOCKED(status = rt_file_save(path, items, (int)n));
        if (ext_status(status) == 0) result = Py_NewRef(Py_None);
    }
    PyMem_Free(items);
    Py_XDECREF(kept);
    Py_XDECREF(kept_names);
    Py_DECREF(path_bytes);
    return result;
}

// All tensors of an open file into the scope; runs without the GIL.
static Status read_all(RtFile *file, bool map, RtTensor **out) {
    for (int i = 0; i < rt_file_count(file); i++) {
        out[i] = map ? rt_file_map(file, i) : rt_file_read(file, i);
        if (!out[i]) return rt_error_code();
    }
    return OK;
}

static PyObject *wrap_all(const RtFile *file, RtTensor **tensors) {
    PyObject *result = PyDict_New();
    for (int i = 0; result && i < rt_file_count(file); i++) {
        const char *name = rt_file_name(file, i);
        PyObject *key = PyUnicode_DecodeUTF8(name, (Py_ssize_t)strlen(name), "surrogateescape");
        PyObject *tensor = key ? ext_wrap(tensors[i]) : NULL;
        if (!tensor || PyDict_SetItem(result, key, tensor) < 0) Py_CLEAR(result);
        Py_XDECREF(tensor);
        Py_XDECREF(key);
    }
    return result;
}

static PyObject *load_open(RtFile *file, bool map) {
    PyObject *result = NULL;
    RtScope scope;
    if (ext_status(rt_scope_open(&scope)) < 0) return NULL;
    RtTensor **tensors = PyMem_Calloc((size_t)rt_file_count(file) + 1, sizeof *tensors);
    if (!tensors) {
        PyErr_NoMemory();
    } else {
        Status status;
        EXT_UNLOCKED(status = read_all(file, map, tensors));
        if (ext_status(status) == 0) result = wrap_all(file, tensors);
    }
    PyMem_Free(tensors);
    rt_scope_close(scope);
    return result;
}

static PyObject *file_load(PyObject *Py_UNUSED(module), PyObject *args) {
    PyObject *path_object, *path_bytes = NULL, *result = NULL;
    int map = 0;
    if (!PyArg_ParseTuple(args, "O|p:_file_load", &path_object, &map)) return NULL;
    const char *path = path_text(path_object, &path_bytes);
    if (!path) return NULL;
    RtFile *file;
    EXT_UNLOCKED(file = rt_file_open(path));
    if (file) {
        result = load_open(file, map);
        rt_file_close(file);
    } else {
        ext_raise();
    }
    Py_DECREF(path_bytes);
    return result;
}

static PyObject *file_verify(PyObject *Py_UNUSED(module), PyObject *args) {
    PyObject *path_object, *path_bytes = NULL;
    int data = 1;
    if (!PyArg_ParseTuple(args, "O|p:_file_verify", &path_object, &data)) return NULL;
    const char *path = path_text(path_object, &path_bytes);
    if (!path) return NULL;
    Status status = OK;
    if (data) {
        EXT_UNLOCKED(status = rt_file_verify(path));
    } else {
        RtFile *file;
        EXT_UNLOCKED(file = rt_file_open(path));
        if (!file) status = rt_error_code();
        rt_file_close(file);
    }
    Py_DECREF(path_bytes);
    return ext_status(status) < 0 ? NULL : Py_NewRef(Py_None);
}

// A file being written that appears whole or not at all: a capsule around a place that is NULL once the file has ended.
#define COMMIT_NAME "rustorch.commit"

static void commit_free(PyObject *capsule) {
    RtCommit **place = PyCapsule_GetPointer(capsule, COMMIT_NAME);
    rt_commit_drop(*place);
    PyMem_Free(place);
}

static PyObject *commit_start(PyObject *Py_UNUSED(module), PyObject *path_object) {
    PyObject *path_bytes = NULL;
    const char *path = path_text(path_object, &path_bytes);
    if (!path) return NULL;
    RtCommit *commit, **place = PyMem_Malloc(sizeof *place);
    PyObject *capsule = NULL;
    if (!place) {
        PyErr_NoMemory();
    } else {
        EXT_UNLOCKED(commit = rt_commit_open(path));
        *place = commit;
        capsule = commit ? PyCapsule_New(place, COMMIT_NAME, commit_free) : ext_raise();
        if (!capsule) {
            rt_commit_drop(commit);
            PyMem_Free(place);
        }
    }
    Py_DECREF(path_bytes);
    return capsule;
}

static RtCommit **commit_place(PyObject *capsule) {
    RtCommit **place = PyCapsule_GetPointer(capsule, COMMIT_NAME);
    if (place && !*place) ext_error(ERR_FILE, "the file has been closed");
    return place && *place ? place : NULL;
}

static PyObject *commit_add(PyObject *Py_UNUSED(module), PyObject *args) {
    PyObject *capsule;
    Py_buffer buffer;
    if (!PyArg_ParseTuple(args, "Oy*:_commit_write", &capsule, &buffer)) return NULL;
    RtCommit **place = commit_place(capsule);
    Status status = OK;
    if (place) EXT_UNLOCKED(status = rt_commit_write(*place, buffer.buf, (size_t)buffer.len));
    PyBuffer_Release(&buffer);
    return !place || ext_status(status) < 0 ? NULL : Py_NewRef(Py_None);
}

static PyObject *commit_end(PyObject *Py_UNUSED(module), PyObject *args) {
    PyObject *capsule;
    int keep;
    if (!PyArg_ParseTuple(args, "Op:_commit_end", &capsule, &keep)) return NULL;
    RtCommit **place = commit_place(capsule);
    if (!place) return NULL;
    RtCommit *commit = *place;
    *place = NULL;
    Status status = OK;
    if (keep) EXT_UNLOCKED(status = rt_commit_finish(commit));
    PyObject *result = ext_status(status) < 0 ? NULL : Py_NewRef(Py_None);
    rt_commit_drop(commit);
    return result;
}

static PyMethodDef functions[] = {
    {"_file_save", file_save, METH_VARARGS,
     "_file_save(path, names, tensors)\n--\n\nWrite a file of tensors; it appears whole or not at "
     "all."},
    {"_file_load", file_load, METH_VARARGS,
     "_file_load(path, map=False)\n--\n\nThe tensors of a file by name, all checked; map: their "
     "memory is the file's."},
    {"_file_verify", file_verify, METH_VARARGS,
     "_file_verify(path, data=True)\n--\n\nRaise what is wrong with a file; data=False leaves out "
     "the tensors' data."},
    {"_commit_open", commit_start, METH_O,
     "_commit_open(path)\n--\n\nBegin a file that appears whole or not at all."},
    {"_commit_write", commit_add, METH_VARARGS,
     "_commit_write(file, bytes)\n--\n\nWrite what has the buffer protocol."},
    {"_commit_end", commit_end, METH_VARARGS,
     "_commit_end(file, keep)\n--\n\nSync the file and give it its name, or forget it."},
    {NULL, NULL, 0, NULL},
};

int ext_add_io(PyObject *module) { return PyModule_AddFunctions(module, functions); }
