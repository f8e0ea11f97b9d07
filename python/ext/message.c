// What is said when arguments fit no signature: what was given, what is accepted, and the nearest
// name for a misspelt one.
#include "signature.h"

#include <string.h>

#define LONGEST_WORD 32

// Edit distance (Levenshtein), one row at a time.
static int distance(const char *a, const char *b) {
    size_t n = strlen(b);
    int row[LONGEST_WORD + 1];
    if (strlen(a) > LONGEST_WORD || n > LONGEST_WORD) return LONGEST_WORD;
    for (size_t j = 0; j <= n; j++) row[j] = (int)j;
    for (size_t i = 1; a[i - 1]; i++) {
        int diagonal = row[0];
        row[0] = (int)i;
        for (size_t j = 1; j <= n; j++) {
            int best = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            if (row[j] + 1 < best) best = row[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[n];
}

// The parameter whose name is nearest to keyword, or NULL if none is near.
static PyObject *nearest(PyObject *keyword, Overload *const *overloads, int n) {
    const char *word = PyUnicode_AsUTF8(keyword);
    PyObject *found = NULL;
    int best = word ? (int)strlen(word) / 2 + 1 : 0;
    for (int k = 0; word && k < n; k++)
        for (int i = 0; i < overloads[k]->nparams; i++) {
            const char *name = PyUnicode_AsUTF8(overloads[k]->param[i].name);
            int far = name ? distance(word, name) : best;
            if (far < best) {
                best = far;
                found = overloads[k]->param[i].name;
            }
        }
    return found;
}

static PyObject *hint_for_name(PyObject *keyword, Overload *const *overloads, int n) {
    PyObject *name = nearest(keyword, overloads, n);
    return name ? PyUnicode_FromFormat(": did you mean '%U'?", name) : PyUnicode_FromString("");
}

static bool has_array(PyObject *const *args, Py_ssize_t n) {
    for (Py_ssize_t i = 0; i < n; i++)
        if (ext_is_ndarray(args[i])) return true;
    return false;
}

static const char *hint_for_type(PyObject *object) {
    return ext_is_ndarray(object)
               ? ": convert the array with rustorch.from_numpy or rustorch.tensor"
               : "";
}

// "tuple of ints" says more than "tuple".
static PyObject *type_shown(PyObject *object) {
    if (!PyTuple_CheckExact(object) && !PyList_CheckExact(object))
        return PyUnicode_FromString(Py_TYPE(object)->tp_name);
    Py_ssize_t n = PySequence_Fast_GET_SIZE(object);
    PyObject **items = PySequence_Fast_ITEMS(object);
    const char *kind = Py_TYPE(object)->tp_name;
    if (n == 0) return PyUnicode_FromFormat("empty %s", kind);
    for (Py_ssize_t i = 1; i < n; i++)
        if (Py_TYPE(items[i]) != Py_TYPE(items[0]))
            return PyUnicode_FromFormat("%s of several types", kind);
    return PyUnicode_FromFormat("%s of %s", kind, Py_TYPE(items[0])->tp_name);
}

static void raise_wrong_type(PyObject *name, const Param *param, const Bound *bound,
                             bool as_method) {
    static const char *const words[PARAM_TYPE_COUNT] = {
        [PARAM_TENSOR] = "Tensor",
        [PARAM_TENSOR_OR_NUMBER] = "Tensor or a number",
        [PARAM_TENSORS] = "a tuple or list of Tensors",
        [PARAM_NUMBER] = "a number",
        [PARAM_INT] = "int",
        [PARAM_INTS] = "int or a tuple of ints",
        [PARAM_FLOAT] = "float",
        [PARAM_BOOL] = "bool",
        [PARAM_DTYPE] = "rustorch.dtype",
        [PARAM_DEVICE] = "a device",
        [PARAM_GENERATOR] = "rustorch.Generator",
        [PARAM_STR] = "str",
        [PARAM_LAYOUT] = "rustorch.layout",
        [PARAM_MEMORY_FORMAT] = "rustorch.memory_format",
        [PARAM_OUT] = "Tensor (or a tuple with one for each result)"};
    PyObject *shown = type_shown(bound->object);
    if (!shown) return;
    PyObject *place =
        param->keyword_only
            ? PyUnicode_FromString("")
            : PyUnicode_FromFormat(" (position %d)", bound->param + (as_method ? 0 : 1));
    if (place)
        ext_error(ERR_TYPE, "%U(): argument '%U'%U must be %s%s, not %U%s", name, param->name,
                  place, words[param->type], param->optional ? " or None" : "", shown,
                  hint_for_type(bound->object));
    Py_XDECREF(place);
    Py_DECREF(shown);
}

static void raise_single(PyObject *name, Overload *const *overloads, bool as_method,
                         PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames) {
    const Overload *overload = overloads[0];
    Bound bound;
    Mismatch why = bind_match(overload, args, nargs, kwnames, true, &bound);
    const Param *param = bound.param >= 0 && why != MATCH ? &overload->param[bound.param] : NULL;
    int self = as_method ? 1 : 0;
    switch (why) {
    case TOO_MANY:
        ext_error(ERR_TYPE, "%U() takes %d positional argument%s but %zd were given", name,
                  overload->npositional - self, overload->npositional - self == 1 ? "" : "s",
                  nargs - self);
        break;
    case UNKNOWN_NAME: {
        PyObject *hint = hint_for_name(bound.object, overloads, 1);
        if (hint)
            ext_error(ERR_TYPE, "%U() got an unexpected keyword argument '%U'%U", name,
                      bound.object, hint);
        Py_XDECREF(hint);
        break;
    }
    case GIVEN_TWICE:
        ext_error(ERR_TYPE, "%U() got multiple values for argument '%U'", name, param->name);
        break;
    case MISSING:
        ext_error(ERR_TYPE, "%U() is missing the argument '%U' (%U)", name, param->name,
                  param->type_text);
        break;
    default: raise_wrong_type(name, param, &bound, as_method);
    }
}

static PyObject *given_text(PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames,
                            bool as_method) {
    PyObject *parts = PyList_New(0);
    Py_ssize_t nkeywords = kwnames ? PyTuple_GET_SIZE(kwnames) : 0;
    for (Py_ssize_t i = as_method ? 1 : 0; parts && i < nargs + nkeywords; i++) {
        PyObject *part = type_shown(args[i]);
        if (part && i >= nargs) {
            PyObject *named =
                PyUnicode_FromFormat("%U=%U", PyTuple_GET_ITEM(kwnames, i - nargs), part);
            Py_SETREF(part, named);
        }
        if (!part || PyList_Append(parts, part) < 0) Py_CLEAR(parts);
        Py_XDECREF(part);
    }
    PyObject *comma = parts ? PyUnicode_FromString(", ") : NULL,
             *text = comma ? PyUnicode_Join(comma, parts) : NULL;
    Py_XDECREF(comma);
    Py_XDECREF(parts);
    return text;
}

static PyObject *expected_text(Overload *const *overloads, int n, bool as_method) {
    PyObject *text = PyUnicode_FromString("");
    for (int k = 0; text && k < n; k++) {
        PyObject *line = signature_text(overloads[k], as_method);
        if (!line) {
            Py_CLEAR(text);
            break;
        }
        PyObject *longer = PyUnicode_FromFormat("%U\n  %U", text, line);
        Py_DECREF(line);
        Py_SETREF(text, longer);
    }
    return text;
}

// A keyword that no overload knows, or NULL.
static PyObject *unknown_keyword(Overload *const *overloads, int n, PyObject *kwnames) {
    for (Py_ssize_t k = 0; kwnames && k < PyTuple_GET_SIZE(kwnames); k++) {
        PyObject *keyword = PyTuple_GET_ITEM(kwnames, k);
        bool known = false;
        for (int j = 0; j < n; j++)
            for (int i = 0; i < overloads[j]->nparams; i++)
                known = known || bind_name_matches(&overloads[j]->param[i], keyword);
        if (!known) return keyword;
    }
    return NULL;
}

// The one overload that the arguments fit but for a type; NULL if there is none or more than one.
static Overload *const *nearly(Overload *const *overloads, int n, PyObject *const *args,
                               Py_ssize_t nargs, PyObject *kwnames) {
    Overload *const *found = NULL;
    Bound bound;
    for (int i = 0; i < n; i++) {
        if (bind_match(overloads[i], args, nargs, kwnames, true, &bound) != WRONG_TYPE) continue;
        if (found) return NULL;
        found = &overloads[i];
    }
    return found;
}

PyObject *message_no_match(PyObject *name, Overload *const *overloads, int n, bool as_method,
                           PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames) {
    PyObject *keyword = unknown_keyword(overloads, n, kwnames);
    Overload *const *single = n == 1 ? overloads : nearly(overloads, n, args, nargs, kwnames);
    if (single) {
        raise_single(name, single, as_method, args, nargs, kwnames);
        return NULL;
    }
    if (keyword) {
        PyObject *hint = hint_for_name(keyword, overloads, n);
        if (hint)
            ext_error(ERR_TYPE, "%U() got an unexpected keyword argument '%U'%U", name, keyword,
                      hint);
        Py_XDECREF(hint);
        return NULL;
    }
    Py_ssize_t nkeywords = kwnames ? PyTuple_GET_SIZE(kwnames) : 0;
    PyObject *given = given_text(args, nargs, kwnames, as_method),
             *expected = given ? expected_text(overloads, n, as_method) : NULL;
    if (expected)
        ext_error(ERR_TYPE, "%U() was given (%U), but takes one of%U%s", name, given, expected,
                  has_array(args, nargs + nkeywords)
                      ? "\nConvert NumPy arrays with rustorch.from_numpy or rustorch.tensor."
                      : "");
    Py_XDECREF(given);
    Py_XDECREF(expected);
    return NULL;
}
