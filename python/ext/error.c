// The Python exceptions, and the way from an error record to one and back.
//
// errors.def names a class for each code; CLASSES below says what a class derives from. An error
// that comes from the operating system is also the OSError that caused it, so two classes exist for
// that alone.
#include "ext.h"

// clang-format off
#define CLASSES \
    CLASS(RusTorchError,        NULL,                PyExc_RuntimeError,        "The base of all errors of rustorch.") \
    CLASS(TensorError,          class_RusTorchError, NULL,                      "A tensor operation failed.") \
    CLASS(ShapeError,           class_TensorError,   PyExc_ValueError,          "Shapes do not fit together.") \
    CLASS(DtypeError,           class_TensorError,   PyExc_TypeError,           "A dtype that the operation does not take.") \
    CLASS(ArgumentTypeError,    class_TensorError,   PyExc_TypeError,           "An argument of the wrong type.") \
    CLASS(ArgumentValueError,   class_TensorError,   PyExc_ValueError,          "An argument with a value that is not allowed.") \
    CLASS(IndexOutOfRangeError, class_TensorError,   PyExc_IndexError,          "An index outside its range.") \
    CLASS(DeviceError,          class_RusTorchError, NULL,                      "A device is absent, or tensors are on different devices.") \
    CLASS(AutogradError,        class_RusTorchError, NULL,                      "The gradient cannot be computed as asked.") \
    CLASS(SerializationError,   class_RusTorchError, NULL,                      "A file cannot be read, written or trusted.") \
    CLASS(DistributedError,     class_RusTorchError, NULL,                      "Another rank failed, disagreed or did not answer.") \
    CLASS(PluginError,          class_RusTorchError, PyExc_ImportError,         "An optional part of rustorch is not installed.") \
    CLASS(UnsupportedError,     class_RusTorchError, PyExc_NotImplementedError, "The operation is not available for this input.") \
    CLASS(OutOfMemoryError,     class_RusTorchError, PyExc_MemoryError,         "Memory could not be had.") \
    CLASS(SerializationOSError, class_SerializationError, PyExc_OSError,        "A file cannot be read or written: the operating system refused.") \
    CLASS(SerializationFileNotFoundError, class_SerializationError, PyExc_FileNotFoundError, "A file does not exist.")
// clang-format on

#define CLASS(name_, base_, also_, doc_) static PyObject *class_##name_;
CLASSES
#undef CLASS

static PyObject *class_MemoryError,
    *class_none; // spellings of errors.def that name a class otherwise

static PyObject *add_class(PyObject *module, const char *name, PyObject *base, PyObject *also,
                           const char *doc) {
    PyObject *bases =
        base && also ? PyTuple_Pack(2, base, also) : PyTuple_Pack(1, base ? base : also);
    if (!bases) return NULL;
    PyObject *full = PyUnicode_FromFormat("rustorch.%s", name);
    PyObject *made =
        full ? PyErr_NewExceptionWithDoc(PyUnicode_AsUTF8(full), doc, bases, NULL) : NULL;
    Py_XDECREF(full);
    Py_DECREF(bases);
    if (made && PyModule_AddObjectRef(module, name, made) < 0) Py_CLEAR(made);
    return made;
}

PyObject *ext_error_class(Status code) {
    switch (code) {
#define ERR(code_, python_, sentence_)                                                             \
    case ERR_##code_:                                                                              \
        return class_##python_;
#include "base/errors.def"
#undef ERR
    default: return class_RusTorchError;
    }
}

PyObject *ext_error(Status code, const char *format, ...) {
    va_list args;
    va_start(args, format);
    PyErr_FormatV(ext_error_class(code), format, args);
    va_end(args);
    return NULL;
}

static void raise_message(PyObject *class, const char *message, int number) {
    PyObject *text = PyUnicode_DecodeUTF8(message, (Py_ssize_t)strlen(message), "replace");
    PyObject *error = text ? PyObject_CallOneArg(class, text) : NULL;
    Py_XDECREF(text);
    if (!error) return;
    if (number) {
        PyObject *value = PyLong_FromLong(number);
        if (!value || PyObject_SetAttrString(error, "errno", value) < 0) {
            Py_XDECREF(value);
            Py_DECREF(error);
            return;
        }
        Py_DECREF(value);
    }
    PyErr_SetObject(class, error);
    Py_DECREF(error);
}

// Ctrl-C reaches every rank. A rank that waits for others in C hears of their end first; what it
// raises is the KeyboardInterrupt all the same.
static void prefer_signal(void) {
    PyObject *class, *error, *trace;
    PyErr_Fetch(&class, &error, &trace);
    if (PyErr_CheckSignals() < 0) {
        Py_XDECREF(class);
        Py_XDECREF(error);
        Py_XDECREF(trace);
    } else
        PyErr_Restore(class, error, trace);
}

PyObject *ext_raise(void) {
    Status code = rt_error_code();
    if (code == ERR_PYTHON) {
        rt_error_clear();
        if (!PyErr_Occurred())
            PyErr_SetString(class_RusTorchError, "a Python callback failed without an exception");
        return NULL;
    }
    int number = rt_error_errno();
    PyObject *class = ext_error_class(code);
    if (code == ERR_MISSING)
        class = class_SerializationFileNotFoundError;
    else if (code == ERR_FILE && number)
        class = class_SerializationOSError;
    else
        number = 0;
    const char *message = rt_error_message();
    raise_message(class, message[0] ? message : "the operation failed", number);
    rt_error_clear();
    if (code == ERR_PEER) prefer_signal();
    return NULL;
}

int ext_status(Status status) {
    if (status >= 0) return 0;
    ext_raise();
    return -1;
}

Status ext_python_failed(void) { return rt_error_set(ERR_PYTHON, "a Python exception is set"); }

// _errors() lists (code, class, sentence): docs/errors.md is written from it.
static PyObject *list_errors(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(unused)) {
    static const struct {
        const char *name, *sentence;
        Status code;
    } rows[] = {
#define ERR(code_, python_, sentence_) {#code_, sentence_, ERR_##code_},
#include "base/errors.def"
#undef ERR
    };
    PyObject *list = PyList_New(0);
    for (size_t i = 0; list && i < sizeof rows / sizeof *rows; i++) {
        PyObject *class = ext_error_class(rows[i].code);
        PyObject *row =
            Py_BuildValue("(sOs)", rows[i].name, class ? class : Py_None, rows[i].sentence);
        if (!row || PyList_Append(list, row) < 0) Py_CLEAR(list);
        Py_XDECREF(row);
    }
    return list;
}

int ext_add_errors(PyObject *module) {
#define CLASS(name_, base_, also_, doc_)                                                           \
    class_##name_ = add_class(module, #name_, base_, also_, doc_);                                 \
    if (!class_##name_) return -1;
    CLASSES
#undef CLASS
    class_MemoryError = class_OutOfMemoryError;
    static PyMethodDef methods[] = {
        {"_errors", list_errors, METH_NOARGS, "The error codes: (code, class, sentence)."}, {0}};
    return PyModule_AddFunctions(module, methods);
}
