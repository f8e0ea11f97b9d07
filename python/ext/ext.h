// ext.h: what the files of the Python extension share. No logic lives here, only conversion between Python, NumPy and
// the engine. Every function runs with the GIL held unless it says otherwise; a NULL or -1 result means that a Python
// exception is set.
//
// Scopes: a function that calls ops opens a scope (EXT_SCOPE), wraps what it returns (ext_wrap keeps the tensor), and
// closes the scope on every way out. Long work releases the GIL (EXT_UNLOCKED).
#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "compat.h"
#include "rustorch.h"

// Raises the class that belongs to code (errors.def); format as PyErr_Format. Returns NULL.
PyObject *ext_error(Status code, const char *format, ...);
PyObject *ext_error_class(Status code); // borrowed
// The exception for the error record of this thread, set; clears the record. ERR_PYTHON leaves the exception that is
// already set. Returns NULL, so that `return ext_raise();` reads well.
PyObject *ext_raise(void);
// ext_raise when status is negative; 0 or -1.
int ext_status(Status status);
// The other way: a Python exception becomes ERR_PYTHON in the error record (for hooks called by the engine).
Status ext_python_failed(void);

// Tensors.
extern PyTypeObject *ext_tensor_type; // rustorch.Tensor's base in C
bool ext_is_tensor(PyObject *object);
RtTensor *ext_tensor(PyObject *object);           // borrowed; TypeError if it is none
PyObject *ext_wrap(RtTensor *tensor);             // new reference, the same object for the same tensor; NULL in: raises; RT_NONE: None
PyObject *ext_wrap_list(RtTensor **list, int n);  // a Python tuple
// A new object of a subclass of Tensor for a tensor that has none yet (as_subclass, Variable). An error if it has one.
PyObject *ext_wrap_as(PyTypeObject *type, RtTensor *tensor);
// A sequence of tensors (list, tuple, iterator) as an array; owner keeps the tensors alive. {0} is an empty one.
typedef struct ExtTensors {
    RtTensor **items;
    int n;
    PyObject *owner;
} ExtTensors;
int ext_tensors_read(PyObject *sequence, ExtTensors *out);
void ext_tensors_clear(ExtTensors *list);

// Values.
int ext_ints(PyObject *object, const char *what, RtInts *out);     // int, tuple, list, Size
int ext_scalar(PyObject *object, const char *what, RtScalar *out); // int, float, bool, NumPy scalar, 0-dim tensor
int ext_dtype(PyObject *object, RtDtype *out);                     // dtype object, "float32", float/int/bool, NumPy dtype; None: RT_DTYPE_NONE
int ext_device(PyObject *object, RtDevice *out);                   // device object, "cpu", 0; None: RT_DEVICE_NONE
int ext_generator(PyObject *object, RtGenerator **out);            // Generator (generator.c); None: NULL; borrowed
PyObject *ext_dtype_object(RtDtype dtype);                         // new reference
PyObject *ext_device_object(RtDevice device);
PyObject *ext_size(int n, const int64_t *dims); // rustorch.Size
PyObject *ext_scalar_object(RtScalar scalar);
bool ext_is_dtype(PyObject *object);
bool ext_is_number(PyObject *object);  // int, float, bool, NumPy scalar
bool ext_is_ndarray(PyObject *object); // a NumPy array, found out without NumPy's headers

// Numbers, nested lists, arrays and tensors as a new tensor of the open scope (nested.c), for constructors and arguments
// that take "anything like a tensor". dtype RT_DTYPE_NONE: as rustorch.tensor chooses. Sets a Python exception on failure.
RtTensor *ext_from_data(PyObject *data, RtDtype dtype, RtDevice device);
// The arguments of a METH_FASTCALL | METH_KEYWORDS function by name (arguments.c): out[i] is what was given for names[i]
// (borrowed), or NULL. names ends with NULL; the first `positional` names may be given by position, the first `required` must
// be given.
int ext_arguments(const char *function, const char *const *names, int positional, int required, PyObject *const *args,
                  Py_ssize_t nargs, PyObject *kwnames, PyObject **out);
int ext_flag(PyObject *object, const char *what, bool otherwise, bool *out); // a bool; NULL: otherwise
// Hands a tensor that Python owns to the open scope as well, so that it outlives its wrapper. NULL in: NULL out.
RtTensor *ext_lend(RtTensor *tensor);
// Drops a Python object from any thread, with or without the GIL; does nothing when the interpreter is going down. Its
// type is that of a storage's release function.
void ext_release_object(void *object);

// Tensor's parts that live in other files. The slots are put in before the type is made ready; methods and attributes
// (static arrays) are added by ext_add_NAME afterwards, and replace what is there under their name.
void ext_index_slots(PyTypeObject *type); // index.c: tp_as_mapping (mp_subscript, mp_ass_subscript)
void ext_array_slots(PyTypeObject *type); // buffer.c: tp_as_buffer
int ext_tensor_methods(PyMethodDef *methods);
int ext_tensor_getset(PyGetSetDef *getset);
// Calls a method of Tensor (from the table or not) by its name; returns a new reference.
PyObject *ext_method(const char *name, PyObject *self, const char *format, ...); // format as Py_BuildValue, with parentheses; NULL: none

// The Python object of a node of the tape (autograd.c): a new reference; None for NULL.
PyObject *ext_node(RtNode *node);
// Visits the Python objects that a tensor's hooks and functions hold (autograd.c); for Tensor's tp_traverse.
int ext_autograd_traverse(RtTensor *tensor, visitproc visit, void *arg);

// Each file of the extension adds itself to the module: functions, types, constants.
int ext_add_errors(PyObject *module);
int ext_add_values(PyObject *module);   // dtype, device, Size
int ext_add_tensor(PyObject *module);   // Tensor
int ext_add_ops(PyObject *module);      // one function a row, in module._ops; methods on Tensor
int ext_add_autograd(PyObject *module); // modes, backward, grad, Function, hooks
int ext_add_array(PyObject *module);    // NumPy, DLPack, buffers
int ext_add_dlpack(PyObject *module);   // __dlpack__, from_dlpack
int ext_add_index(PyObject *module);
int ext_add_generator(PyObject *module); // Generator
int ext_add_optim(PyObject *module);
int ext_add_engine(PyObject *module);   // threads, memory, show_config
int ext_add_comm(PyObject *module);
int ext_add_io(PyObject *module);
int ext_add_data(PyObject *module);
int ext_add_plot(PyObject *module);
int ext_add_extend(PyObject *module);
int ext_add_seed(PyObject *module);  // _seed_python
int ext_add_image(PyObject *module); // image files and transforms
int ext_add_file_rows(PyObject *module);  // rows of HDF5 files
int ext_add_profile(PyObject *module);

// A function that takes keyword arguments, in a table of methods: EXT_KEYWORDS(function) stands for function and flags.
#define EXT_KEYWORDS(function_)                                                                    \
    ((PyCFunction)(void (*)(void))(function_)), METH_FASTCALL | METH_KEYWORDS

#define EXT_UNLOCKED(statement_)                                                                   \
    do {                                                                                           \
        PyThreadState *thread_ = PyEval_SaveThread();                                              \
        statement_;                                                                                \
        PyEval_RestoreThread(thread_);                                                             \
    } while (0)
