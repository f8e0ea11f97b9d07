// signature.h: the signatures of the table, parsed, and how arguments from Python are bound to
// them.
//
// A row of the table has one or several signatures; the signatures that share a Python name, from
// all rows, are the overloads of one function. They are parsed once, when the extension is loaded;
// what is wrong in one stops the import and names the row.
//
//   name(Tensor self, Tensor|Number other, int[2] stride=1, *, Number alpha=1, str? mode="x") ->
//   (Tensor a, Tensor b)
//
// Types: Tensor, Tensor|Number, Tensor[], Number, int, int[], int[N] (one int stands for N), int...
// (also as separate arguments), float, bool, dtype, device, Generator, str, layout, memory_format;
// with `?` None is allowed. Tensors fill the row's inputs in order, all else fills the attribute of
// the same name. Results: Tensor, Tensor[], a tuple of named or unnamed tensors, or the element of
// a 0-dimensional result as bool, int, float or Number.
#pragma once

#include "convert.h"

#define MAX_PARAMS 24
#define MAX_ATTRS_BYTES 2048

typedef enum ParamType {
    PARAM_TENSOR,
    PARAM_TENSOR_OR_NUMBER,
    PARAM_TENSORS,
    PARAM_NUMBER,
    PARAM_INT,
    PARAM_INTS,
    PARAM_FLOAT,
    PARAM_BOOL,
    PARAM_DTYPE,
    PARAM_DEVICE,
    PARAM_GENERATOR,
    PARAM_STR,
    PARAM_LAYOUT,
    PARAM_MEMORY_FORMAT,
    PARAM_OUT, // out=: not written in the signature, every row with OUT has it
    PARAM_TYPE_COUNT
} ParamType;

#define MAX_ALIASES 4

typedef struct Param {
    PyObject *name;               // interned
    PyObject *alias[MAX_ALIASES]; // other names that are accepted (dim: axis), interned
    int naliases;
    ParamType type;
    bool optional; // None is allowed
    bool required; // has no default
    bool keyword_only;
    bool variadic;                      // the rest of the positional arguments, one by one
    int width;                          // of int[N], or 0
    int input;                          // the first input it fills, or -1
    const RtFieldRow *field;            // the attribute it fills, or NULL
    PyObject *type_text, *default_text; // as written; default_text is NULL without a default
} Param;

typedef enum ResultKind { RESULT_TENSOR, RESULT_TUPLE, RESULT_LIST, RESULT_NUMBER } ResultKind;

typedef struct Overload {
    const RtOpRow *row;
    PyObject *name; // Python's
    bool inplace;   // NAME_: writes to input 0 and returns it
    bool method;    // the first parameter is self
    int nparams, npositional;
    Param param[MAX_PARAMS];
    ResultKind result;
    int nresults;
    PyObject *result_names;    // a tuple of names, or NULL
    PyTypeObject *result_type; // made when first needed
    void *attrs;               // the attributes with the defaults of this signature
    int requires_grad;         // offset of that field, or -1
    int sizes;                 // of the field that is an RtSizes, or -1
    bool heavy;                // work grows faster than the number of elements (matmul, conv)
} Overload;

// Parses one signature, from *text on to its end (";" or the end of the string). NULL with an
// exception if it is wrong.
Overload *signature_parse(const RtOpRow *row, const char **text, bool inplace);
void signature_drop(Overload *overload);
// "max(Tensor input, int dim, bool keepdim=False) -> (values, indices)"; as_method leaves the first
// argument out.
PyObject *signature_text(const Overload *overload, bool as_method);
// "($self, other, *, alpha=1)" as inspect.signature reads it.
PyObject *signature_inspect_text(const Overload *overload, bool as_method);

// ----------------------------------------------------------------------------------------------
// binding (bind.c)

typedef enum Mismatch { MATCH, TOO_MANY, UNKNOWN_NAME, GIVEN_TWICE, MISSING, WRONG_TYPE } Mismatch;

typedef struct Bound {
    PyObject *value[MAX_PARAMS]; // NULL: not given
    PyObject *const *rest;       // of a variadic parameter
    Py_ssize_t nrest;
    // Why it does not match:
    int param;
    PyObject *object; // the argument of the wrong type, or the keyword that is not known
} Bound;

// Puts arguments to parameters and checks their types. loose: a tensor of one element stands for a
// number.
Mismatch bind_match(const Overload *overload, PyObject *const *args, Py_ssize_t nargs,
                    PyObject *kwnames, bool loose, Bound *out);
// Writes the value into the attribute of the parameter.
int bind_store(const Overload *overload, const Param *param, PyObject *value, void *attrs);
// Stores all given attributes. *out is the overload's template, or `room` with the given ones
// written in.
int bind_attrs(const Overload *overload, const Bound *bound, void *room, const void **out);
// Frees what bind_attrs has allocated for them, also where it failed.
void bind_clear(const Overload *overload, const void *attrs);
void bind_add_aliases(Param *param); // fills alias by name
bool bind_name_matches(const Param *param, PyObject *keyword);

// The TypeError for arguments that fit none of the overloads (message.c). Returns NULL.
PyObject *message_no_match(PyObject *name, Overload *const *overloads, int n, bool as_method,
                           PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames);
