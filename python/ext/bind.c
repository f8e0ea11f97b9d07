// Arguments from Python to the parameters of one signature.
#include "signature.h"
#include "values.h"

#include <string.h>

// NumPy's and older names of PyTorch for the same parameter.
static const struct {
    const char *name, *alias;
} aliases[] = {{"dim", "axis"},
               {"dim", "dims"},
               {"keepdim", "keepdims"},
               {"self", "input"},
               {"input", "self"},
               {"self", "x"},
               {"other", "x2"},
               {"size", "shape"},
               {"shape", "size"},
               {"dims", "dim"},
               {"dims", "axis"},
               {"dim0", "axis0"},
               {"dim1", "axis1"},
               {"min", "min_val"},
               {"max", "max_val"},
               {"size", "sizes"},
               {"exponent", "other"},
               {"self", "tensor"},
               {"split_size", "split_size_or_sections"},
               {"split_sizes", "split_size_or_sections"},
               {"split_sizes", "split_size"},
               {"sections", "indices_or_sections"},
               {"indices", "indices_or_sections"}};

void bind_add_aliases(Param *param) {
    for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++) {
        if (PyUnicode_CompareWithASCIIString(param->name, aliases[i].name) != 0 ||
            param->naliases == MAX_ALIASES)
            continue;
        PyObject *alias = PyUnicode_InternFromString(aliases[i].alias);
        if (alias) param->alias[param->naliases++] = alias;
    }
}

bool bind_name_matches(const Param *param, PyObject *keyword) {
    if (PyUnicode_Compare(param->name, keyword) == 0) return true;
    for (int i = 0; i < param->naliases; i++)
        if (PyUnicode_Compare(param->alias[i], keyword) == 0) return true;
    return false;
}

static bool is_name(PyObject *name, PyObject *keyword, bool interned) {
    return name == keyword || (!interned && PyUnicode_Compare(name, keyword) == 0);
}

// The parameter's own name wins over an alias, whatever stands first. Keywords written in a call
// are interned, as the names here are: then comparing addresses is enough.
static int find_param(const Overload *overload, PyObject *keyword) {
    bool interned = PyUnicode_CHECK_INTERNED(keyword);
    for (int i = 0; i < overload->nparams; i++)
        if (is_name(overload->param[i].name, keyword, interned)) return i;
    for (int i = 0; i < overload->nparams; i++)
        for (int k = 0; k < overload->param[i].naliases; k++)
            if (is_name(overload->param[i].alias[k], keyword, interned)) return i;
    return -1;
}

static bool is_out(PyObject *value, int n) {
    if (n == 1 && is_tensor(value)) return true;
    if (!PyTuple_Check(value) && !PyList_Check(value)) return false;
    return PySequence_Fast_GET_SIZE(value) == n && convert_is_tensors(value);
}

static bool has_type(const Overload *overload, const Param *param, PyObject *value, bool loose) {
    if (value == Py_None && param->optional) return true;
    bool tensor = is_tensor(value);
    switch (param->type) {
    case PARAM_TENSOR: return tensor;
    case PARAM_TENSOR_OR_NUMBER: return tensor || ext_is_number(value);
    case PARAM_TENSORS: return convert_is_tensors(value);
    case PARAM_OUT: return is_out(value, overload->nresults);
    case PARAM_NUMBER:
        return (loose || !tensor) && (convert_is_float(value) || convert_is_bool(value));
    case PARAM_INT: return (loose || !tensor) && convert_is_int(value);
    case PARAM_INTS: return (loose || !tensor) && convert_is_ints(value);
    case PARAM_FLOAT: return (loose || !tensor) && convert_is_float(value);
    case PARAM_BOOL: return convert_is_bool(value);
    case PARAM_DTYPE: {
        return ext_is_dtype(value) || PyUnicode_Check(value) || PyType_Check(value) ||
               strncmp(Py_TYPE(value)->tp_name, "numpy.dtype", 11) == 0;
    }
    case PARAM_DEVICE:
        return value_is_device(value) || PyUnicode_Check(value) ||
               (PyLong_Check(value) && !PyBool_Check(value));
    case PARAM_GENERATOR: return strcmp(Py_TYPE(value)->tp_name, "rustorch.Generator") == 0;
    case PARAM_STR: return PyUnicode_Check(value);
    case PARAM_LAYOUT: return value_is_layout(value);
    case PARAM_MEMORY_FORMAT: return value_is_memory_format(value);
    case PARAM_TYPE_COUNT: break;
    }
    return false;
}

static Mismatch fail_at(Bound *out, Mismatch why, int param, PyObject *object) {
    out->param = param;
    out->object = object;
    return why;
}

// x.view(2, 3) and meshgrid(a, b): the arguments themselves are the list.
static bool takes_rest(const Overload *overload, int i, PyObject *arg) {
    const Param *param = &overload->param[i];
    if (param->type == PARAM_INTS) return param->variadic && convert_is_int(arg);
    return param->type == PARAM_TENSORS && overload->npositional == 1 && is_tensor(arg);
}

static Mismatch match_rest(const Overload *overload, int i, PyObject *const *args, Py_ssize_t nargs,
                           Bound *out) {
    const Param *param = &overload->param[i];
    for (Py_ssize_t k = i; k < nargs; k++)
        if (param->type == PARAM_INTS ? !convert_is_int(args[k]) : !is_tensor(args[k]))
            return fail_at(out, WRONG_TYPE, i, args[k]);
    out->rest = args + i;
    out->nrest = nargs - i;
    return MATCH;
}

static Mismatch match_keywords(const Overload *overload, PyObject *const *values, PyObject *kwnames,
                               Bound *out) {
    for (Py_ssize_t k = 0; k < PyTuple_GET_SIZE(kwnames); k++) {
        PyObject *keyword = PyTuple_GET_ITEM(kwnames, k);
        int i = find_param(overload, keyword);
        if (i < 0) return fail_at(out, UNKNOWN_NAME, -1, keyword);
        if (out->value[i] || (out->rest && (overload->param[i].variadic ||
                                            overload->param[i].type == PARAM_TENSORS)))
            return fail_at(out, GIVEN_TWICE, i, keyword);
        out->value[i] = values[k];
    }
    return MATCH;
}

Mismatch bind_match(const Overload *overload, PyObject *const *args, Py_ssize_t nargs,
                    PyObject *kwnames, bool loose, Bound *out) {
    memset(out->value, 0, (size_t)overload->nparams * sizeof *out->value);
    out->rest = NULL;
    out->nrest = 0;
    for (int i = 0; i < nargs; i++) {
        if (i >= overload->npositional) return fail_at(out, TOO_MANY, -1, args[i]);
        if (takes_rest(overload, i, args[i])) {
            Mismatch why = match_rest(overload, i, args, nargs, out);
            if (why != MATCH) return why;
            break;
        }
        out->value[i] = args[i];
    }
    if (kwnames) {
        Mismatch why = match_keywords(overload, args + nargs, kwnames, out);
        if (why != MATCH) return why;
    }
    for (int i = 0; i < overload->nparams; i++) {
        const Param *param = &overload->param[i];
        PyObject *value = out->value[i];
        if (value) {
            if (!has_type(overload, param, value, loose)) return fail_at(out, WRONG_TYPE, i, value);
        } else if (param->required && !(out->rest && i == out->rest - args)) {
            // x.view() and zeros() have an empty shape
            if (!(param->variadic && nargs <= i)) return fail_at(out, MISSING, i, NULL);
        }
    }
    return MATCH;
}

// ----------------------------------------------------------------------------------------------
// values

// "none|mean|sum": the position of the word; None is "none".
static int store_choice(const Overload *overload, const Param *param, PyObject *value, int *out) {
    const char *words = rt_choice_words(param->field->type);
    const char *word = value == Py_None         ? "none"
                       : PyUnicode_Check(value) ? PyUnicode_AsUTF8(value)
                                                : NULL;
    if (!word)
        return PyErr_Occurred()
                   ? -1
                   : (ext_error(ERR_TYPE, "%U(): %U must be a str", overload->name, param->name),
                      -1);
    size_t n = strlen(word);
    int position = 0;
    for (const char *at = words; at; position++) {
        const char *bar = strchr(at, '|');
        size_t length = bar ? (size_t)(bar - at) : strlen(at);
        if (length == n && strncmp(at, word, n) == 0) {
            *out = position;
            return 0;
        }
        at = bar ? bar + 1 : NULL;
    }
    PyObject *list = PyUnicode_FromString(words),
             *shown = list ? PyObject_CallMethod(list, "replace", "ss", "|", "', '") : NULL;
    if (shown)
        ext_error(ERR_VALUE, "%U(): %U must be one of '%U', not '%s'", overload->name, param->name,
                  shown, word);
    Py_XDECREF(list);
    Py_XDECREF(shown);
    return -1;
}

static int store_ints(const Param *param, PyObject *value, const char *what, RtInts *out) {
    if (value == Py_None) {
        out->n = -1;
        return 0;
    }
    if (ext_ints(value, what, out) < 0) return -1;
    if (out->n == 1 && param->width > 1) {
        out->n = param->width;
        for (int i = 1; i < out->n; i++) out->v[i] = out->v[0];
    }
    if (param->width == 1 && out->n != 1) {
        ext_error(ERR_VALUE, "%s must be one integer, not %d of them", what, out->n);
        return -1;
    }
    if (param->width > 1 && out->n != param->width) {
        ext_error(ERR_VALUE, "%s must be one integer or %d of them, not %d", what, param->width,
                  out->n);
        return -1;
    }
    return 0;
}

// The items are PyMem's: see bind_clear.
static int store_sizes(PyObject *value, const char *what, RtSizes *out) {
    if (convert_is_int(value) || PyUnicode_Check(value) || is_tensor(value) ||
        !PySequence_Check(value)) {
        ext_error(ERR_TYPE, "%s must be a tuple or list of integers, not %s", what,
                  Py_TYPE(value)->tp_name);
        return -1;
    }
    PyObject *list = PySequence_Fast(value, "a sequence of integers is needed");
    if (!list) return -1;
    Py_ssize_t n = PySequence_Fast_GET_SIZE(list);
    int64_t *items = PyMem_Malloc((size_t)(n + 1) * sizeof *items);
    int status = items ? 0 : (PyErr_NoMemory(), -1);
    for (Py_ssize_t i = 0; status == 0 && i < n; i++)
        status = convert_int(PySequence_Fast_GET_ITEM(list, i), what, &items[i]);
    Py_DECREF(list);
    if (status < 0)
        PyMem_Free(items);
    else
        *out = (RtSizes){n, items};
    return status;
}

int bind_store(const Overload *overload, const Param *param, PyObject *value, void *attrs) {
    void *field = (char *)attrs + param->field->offset;
    const char *what = param->field->name;
    switch (param->field->type) {
    case RT_FIELD_BOOL: {
        int truth = PyObject_IsTrue(value);
        *(RtField_BOOL *)field = truth > 0;
        return truth < 0 ? -1 : 0;
    }
    case RT_FIELD_INT: return convert_int(value, what, field);
    case RT_FIELD_OPTINT:
        if (value != Py_None) return convert_int(value, what, field);
        *(RtField_OPTINT *)field = RT_INT_NONE;
        return 0;
    case RT_FIELD_FLOAT: return convert_float(value, what, field);
    case RT_FIELD_NUMBER:
        if (value != Py_None) return ext_scalar(value, what, field);
        *(RtScalar *)field = (RtScalar){0};
        return 0;
    case RT_FIELD_INTS: return store_ints(param, value, what, field);
    case RT_FIELD_SIZES: return store_sizes(value, what, field);
    case RT_FIELD_DTYPE: return ext_dtype(value, field);
    case RT_FIELD_DEVICE: return ext_device(value, field);
    case RT_FIELD_GENERATOR: return ext_generator(value, field);
    default: return store_choice(overload, param, value, field);
    }
}

static int store_rest(const Overload *overload, const Param *param, const Bound *bound,
                      void *attrs) {
    RtInts *ints = (RtInts *)((char *)attrs + param->field->offset);
    if (bound->nrest > RT_MAX_DIMS) {
        ext_error(ERR_VALUE, "%U(): %zd integers were given: at most %d are possible",
                  overload->name, bound->nrest, RT_MAX_DIMS);
        return -1;
    }
    ints->n = (int)bound->nrest;
    for (int k = 0; k < ints->n; k++)
        if (convert_int(bound->rest[k], param->field->name, &ints->v[k]) < 0) return -1;
    return 0;
}

void bind_clear(const Overload *overload, const void *attrs) {
    if (overload->sizes >= 0)
        PyMem_Free(
            (void *)(uintptr_t)((const RtSizes *)((const char *)attrs + overload->sizes))->v);
}

int bind_attrs(const Overload *overload, const Bound *bound, void *room, const void **out) {
    *out = overload->attrs;
    for (int i = 0; i < overload->nparams; i++) {
        const Param *param = &overload->param[i];
        PyObject *value = bound->value[i];
        if (param->type == PARAM_MEMORY_FORMAT && value && value_check_memory_format(value) < 0)
            return -1;
        bool rest = param->variadic && !value &&
                    (bound->nrest || param->required); // zeros(): an empty list
        if (!param->field || (!value && !rest)) continue;
        if (*out != room) {
            memcpy(room, overload->attrs, (size_t)overload->row->attrs->bytes);
            *out = room;
        }
        if ((rest ? store_rest(overload, param, bound, room)
                  : bind_store(overload, param, value, room)) < 0)
            return -1;
    }
    return 0;
}
