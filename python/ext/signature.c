#include "signature.h"

#include <string.h>

typedef struct Reader {
    const RtOpRow *row;
    const char *at;
    int ninputs; // tensors so far
} Reader;

static int wrong(const Reader *reader, const char *what) {
    PyErr_Format(PyExc_SystemError, "op table: row %s (%s): %s, at \"%.40s\" in \"%s\"",
                 reader->row->name, reader->row->family, what, reader->at, reader->row->signatures);
    return -1;
}

static void skip_space(Reader *reader) {
    while (*reader->at == ' ' || *reader->at == '\n') reader->at++;
}

static bool take(Reader *reader, const char *token) {
    skip_space(reader);
    size_t n = strlen(token);
    if (strncmp(reader->at, token, n) != 0) return false;
    reader->at += n;
    return true;
}

static bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static PyObject *read_word(Reader *reader) {
    skip_space(reader);
    const char *start = reader->at;
    while (is_word(*reader->at)) reader->at++;
    if (reader->at == start) {
        wrong(reader, "a name is missing");
        return NULL;
    }
    PyObject *word = PyUnicode_FromStringAndSize(start, reader->at - start);
    if (word) PyUnicode_InternInPlace(&word);
    return word;
}

// ----------------------------------------------------------------------------------------------
// types

static const struct {
    const char *word;
    ParamType type;
} type_words[] = { // longer words before those that they begin with
    {"Tensor|Number", PARAM_TENSOR_OR_NUMBER},
    {"Tensor[]", PARAM_TENSORS},
    {"Tensor", PARAM_TENSOR},
    {"Number", PARAM_NUMBER},
    {"int[", PARAM_INTS},
    {"int...", PARAM_INTS},
    {"int", PARAM_INT},
    {"float", PARAM_FLOAT},
    {"bool", PARAM_BOOL},
    {"dtype", PARAM_DTYPE},
    {"device", PARAM_DEVICE},
    {"Generator", PARAM_GENERATOR},
    {"str", PARAM_STR},
    {"layout", PARAM_LAYOUT},
    {"memory_format", PARAM_MEMORY_FORMAT}};

static int read_type(Reader *reader, Param *param) {
    skip_space(reader);
    const char *start = reader->at;
    size_t i = 0, n = sizeof type_words / sizeof *type_words;
    while (i < n && !take(reader, type_words[i].word)) i++;
    if (i == n) return wrong(reader, "an unknown type");
    param->type = type_words[i].type;
    if (reader->at[-1] == '[') { // int[] or int[2]
        while (*reader->at >= '0' && *reader->at <= '9')
            param->width = param->width * 10 + (*reader->at++ - '0');
        if (*reader->at++ != ']') return wrong(reader, "] is missing");
    }
    param->variadic = reader->at[-1] == '.';
    if (*reader->at == '?') {
        param->optional = true;
        reader->at++;
    }
    if (*reader->at != ' ') return wrong(reader, "an unknown type");
    param->type_text = PyUnicode_FromStringAndSize(start, reader->at - start);
    return param->type_text ? 0 : -1;
}

// ----------------------------------------------------------------------------------------------
// defaults

static PyObject *read_literal(Reader *reader);

static PyObject *read_ints_literal(Reader *reader, const char *close) {
    PyObject *list = PyList_New(0);
    while (list && !take(reader, close)) {
        PyObject *item = read_literal(reader);
        if (!item || PyList_Append(list, item) < 0) Py_CLEAR(list);
        Py_XDECREF(item);
        take(reader, ",");
    }
    return list;
}

static PyObject *read_literal(Reader *reader) {
    skip_space(reader);
    if (take(reader, "None")) Py_RETURN_NONE;
    if (take(reader, "True")) Py_RETURN_TRUE;
    if (take(reader, "False")) Py_RETURN_FALSE;
    if (take(reader, "(")) return read_ints_literal(reader, ")");
    if (take(reader, "[")) return read_ints_literal(reader, "]");
    if (*reader->at == '"' || *reader->at == '\'') {
        const char quote = *reader->at++, *start = reader->at;
        while (*reader->at && *reader->at != quote) reader->at++;
        if (!*reader->at) {
            wrong(reader, "a quote is missing");
            return NULL;
        }
        return PyUnicode_FromStringAndSize(start, reader->at++ - start);
    }
    const char *start = reader->at;
    while (is_word(*reader->at) || *reader->at == '.' || *reader->at == '-' || *reader->at == '+')
        reader->at++;
    char text[40];
    size_t n = (size_t)(reader->at - start);
    if (n == 0 || n >= sizeof text) {
        wrong(reader, "a default is missing");
        return NULL;
    }
    memcpy(text, start, n);
    text[n] = 0;
    char *end;
    PyObject *value = PyLong_FromString(text, &end, 10);
    if (value) return value;
    PyErr_Clear();
    double number = PyOS_string_to_double(text, NULL, NULL);
    if (number == -1 && PyErr_Occurred()) {
        wrong(reader, "a default that is no literal");
        return NULL;
    }
    return PyFloat_FromDouble(number);
}

// ----------------------------------------------------------------------------------------------
// parameters

static const RtFieldRow *field_named(const RtOpRow *row, PyObject *name) {
    for (int i = 0; i < row->attrs->nfields; i++)
        if (PyUnicode_CompareWithASCIIString(name, row->attrs->fields[i].name) == 0)
            return &row->attrs->fields[i];
    return NULL;
}

static bool fills_input(ParamType type) {
    return type == PARAM_TENSOR || type == PARAM_TENSOR_OR_NUMBER || type == PARAM_TENSORS;
}

static int read_param(Reader *reader, Overload *overload, bool keyword_only) {
    if (overload->nparams == MAX_PARAMS - 1) return wrong(reader, "too many parameters");
    Param *param = &overload->param[overload->nparams];
    *param = (Param){.input = -1, .keyword_only = keyword_only, .required = true};
    if (read_type(reader, param) < 0 || !(param->name = read_word(reader))) return -1;
    overload->nparams++;
    bind_add_aliases(param);
    if (!keyword_only) overload->npositional++;
    if (fills_input(param->type)) {
        if (reader->row->nin != RT_LIST && reader->ninputs >= reader->row->nin)
            return wrong(reader, "more tensors than inputs");
        param->input = reader->ninputs++;
    } else if (param->type != PARAM_LAYOUT && param->type != PARAM_MEMORY_FORMAT) {
        param->field = field_named(reader->row, param->name);
        if (!param->field) return wrong(reader, "no attribute of that name");
    }
    if (!take(reader, "=")) return 0;
    skip_space(reader);
    const char *start = reader->at;
    PyObject *value = read_literal(reader);
    if (!value) return -1;
    param->required = false;
    if (value == Py_None) param->optional = true;
    param->default_text = PyUnicode_FromStringAndSize(start, reader->at - start);
    int status = param->default_text ? 0 : -1;
    if (status == 0 && param->field) status = bind_store(overload, param, value, overload->attrs);
    if (status < 0 && !PyErr_ExceptionMatches(PyExc_SystemError))
        wrong(reader, "a default that the attribute does not take");
    Py_DECREF(value);
    return status;
}

static int read_params(Reader *reader, Overload *overload) {
    if (!take(reader, "(")) return wrong(reader, "( is missing");
    bool keyword_only = false;
    while (!take(reader, ")")) {
        if (take(reader, "*"))
            keyword_only = true;
        else if (read_param(reader, overload, keyword_only) < 0)
            return -1;
        take(reader, ",");
    }
    if (reader->row->nin != RT_LIST && reader->ninputs > reader->row->nin)
        return wrong(reader, "more tensors than inputs");
    return 0;
}

static int add_out(Overload *overload) {
    Param *param = &overload->param[overload->nparams++];
    *param = (Param){.type = PARAM_OUT, .optional = true, .keyword_only = true, .input = -1};
    param->name = PyUnicode_InternFromString("out");
    param->type_text = PyUnicode_FromString(overload->nresults > 1 ? "(Tensor, ...)?" : "Tensor?");
    param->default_text = PyUnicode_FromString("None");
    return param->name && param->type_text && param->default_text ? 0 : -1;
}

// ----------------------------------------------------------------------------------------------
// results

static int read_tuple_result(Reader *reader, Overload *overload) {
    overload->result = RESULT_TUPLE;
    overload->nresults = 0;
    PyObject *names = PyList_New(0);
    if (!names) return -1;
    int status = 0;
    while (status == 0 && !take(reader, ")")) {
        if (!take(reader, "Tensor")) {
            PyObject *name = read_word(reader); // "(values, indices)": names alone
            status = name ? PyList_Append(names, name) : -1;
            Py_XDECREF(name);
        } else if (*reader->at == ' ' && is_word(reader->at[1])) {
            PyObject *name = read_word(reader);
            status = name ? PyList_Append(names, name) : -1;
            Py_XDECREF(name);
        }
        overload->nresults++;
        take(reader, ",");
    }
    if (status == 0 && PyList_GET_SIZE(names) == overload->nresults)
        overload->result_names = PyList_AsTuple(names);
    Py_DECREF(names);
    return status < 0 || PyErr_Occurred() ? -1 : 0;
}

static int read_result(Reader *reader, Overload *overload) {
    static const char *const numbers[] = {"bool", "int", "float", "Number"};
    if (!take(reader, "->")) return wrong(reader, "-> is missing");
    overload->nresults = 1;
    if (take(reader, "(")) return read_tuple_result(reader, overload);
    if (take(reader, "Tensor[]")) {
        overload->result = RESULT_LIST;
    } else if (take(reader, "Tensor")) {
        overload->result = RESULT_TENSOR;
    } else {
        size_t i = 0;
        while (i < 4 && !take(reader, numbers[i])) i++;
        if (i == 4) return wrong(reader, "an unknown result");
        overload->result = RESULT_NUMBER;
    }
    if (overload->result == RESULT_LIST ? reader->row->nout != RT_LIST
                                        : reader->row->nout < overload->nresults)
        return wrong(reader, "the row does not have these outputs");
    return 0;
}

// ----------------------------------------------------------------------------------------------
// signatures

static bool is_heavy(const RtOpRow *row) {
    static const char *const families[] = {"matmul", "conv", "attention"};
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        if (strcmp(row->family, families[i]) == 0) return true;
    return false;
}

static int parse(Reader *reader, Overload *overload, bool inplace) {
    const RtOpRow *row = reader->row;
    PyObject *name = read_word(reader);
    if (!name) return -1;
    overload->name = inplace ? PyUnicode_FromFormat("%U_", name) : Py_NewRef(name);
    Py_DECREF(name);
    if (!overload->name) return -1;
    if (row->attrs->bytes > MAX_ATTRS_BYTES)
        return wrong(reader, "the attributes are larger than MAX_ATTRS_BYTES");
    overload->attrs = PyMem_Malloc((size_t)row->attrs->bytes);
    if (!overload->attrs) return PyErr_NoMemory(), -1;
    memcpy(overload->attrs, row->attrs->defaults, (size_t)row->attrs->bytes);
    if (read_params(reader, overload) < 0 || read_result(reader, overload) < 0) return -1;
    if (row->flags & RT_FLAG_OUT && !inplace && overload->result != RESULT_LIST &&
        add_out(overload) < 0)
        return -1;
    overload->method = overload->nparams > 0 &&
                       PyUnicode_CompareWithASCIIString(overload->param[0].name, "self") == 0;
    overload->requires_grad = overload->sizes = -1;
    for (int i = 0; i < overload->nparams; i++) {
        const Param *param = &overload->param[i];
        if (param->field && strcmp(param->field->name, "requires_grad") == 0)
            overload->requires_grad = param->field->offset;
        if (param->field && param->field->type == RT_FIELD_SIZES)
            overload->sizes = param->field->offset;
    }
    overload->heavy = is_heavy(row);
    overload->inplace = inplace;
    skip_space(reader);
    if (*reader->at == ';')
        reader->at++;
    else if (*reader->at)
        return wrong(reader, "; or the end is missing");
    skip_space(reader);
    return 0;
}

Overload *signature_parse(const RtOpRow *row, const char **text, bool inplace) {
    Overload *overload = PyMem_Calloc(1, sizeof *overload);
    if (!overload) return (Overload *)PyErr_NoMemory();
    overload->row = row;
    Reader reader = {row, *text, 0};
    if (parse(&reader, overload, inplace) < 0) {
        signature_drop(overload);
        return NULL;
    }
    *text = reader.at;
    return overload;
}

void signature_drop(Overload *overload) {
    for (int i = 0; i < overload->nparams; i++) {
        Py_XDECREF(overload->param[i].name);
        Py_XDECREF(overload->param[i].type_text);
        Py_XDECREF(overload->param[i].default_text);
        for (int k = 0; k < overload->param[i].naliases; k++)
            Py_DECREF(overload->param[i].alias[k]);
    }
    Py_XDECREF(overload->name);
    Py_XDECREF(overload->result_names);
    PyMem_Free(overload->attrs);
    PyMem_Free(overload);
}

// ---------------------------------------------------------------------------------------------- as
// text

static int append(PyObject **text, PyObject *more) {
    if (!*text || !more) {
        Py_CLEAR(*text);
        Py_XDECREF(more);
        return -1;
    }
    PyUnicode_AppendAndDel(text, more);
    return *text ? 0 : -1;
}

// PyTorch's name for `self` in a function is `input`.
static PyObject *shown_name(const Overload *overload, int i) {
    if (i == 0 && overload->method) return PyUnicode_FromString("input");
    return Py_NewRef(overload->param[i].name);
}

// `from` (of uniform_) is a name in PyTorch, but in a Python signature it cannot be one.
static PyObject *python_name(const Overload *overload, int i) {
    if (PyUnicode_CompareWithASCIIString(overload->param[i].name, "from") == 0)
        return PyUnicode_FromString("from_");
    return shown_name(overload, i);
}

PyObject *signature_text(const Overload *overload, bool as_method) {
    PyObject *text = PyUnicode_FromFormat("%U(", overload->name);
    bool star = false, first = true;
    for (int i = as_method ? 1 : 0; i < overload->nparams; i++) {
        const Param *param = &overload->param[i];
        if (!first) append(&text, PyUnicode_FromString(", "));
        first = false;
        if (param->keyword_only && !star) append(&text, PyUnicode_FromString("*, "));
        star = param->keyword_only;
        PyObject *name = shown_name(overload, i);
        append(&text, name ? PyUnicode_FromFormat("%U %U", param->type_text, name) : NULL);
        Py_XDECREF(name);
        if (param->default_text) append(&text, PyUnicode_FromFormat("=%U", param->default_text));
    }
    static const char *const results[] = {"Tensor", "(Tensor, ...)", "(Tensor, ...)", "Number"};
    if (overload->result_names) {
        PyObject *comma = PyUnicode_FromString(", "),
                 *names = comma ? PyUnicode_Join(comma, overload->result_names) : NULL;
        append(&text, names ? PyUnicode_FromFormat(") -> (%U)", names) : NULL);
        Py_XDECREF(names);
        Py_XDECREF(comma);
    } else {
        append(&text, PyUnicode_FromFormat(") -> %s", results[overload->result]));
    }
    return text;
}

PyObject *signature_inspect_text(const Overload *overload, bool as_method) {
    PyObject *text = PyUnicode_FromString("(");
    bool star = false;
    for (int i = 0; i < overload->nparams; i++) {
        const Param *param = &overload->param[i];
        if (i) append(&text, PyUnicode_FromString(", "));
        if (param->variadic) {
            append(&text, PyUnicode_FromFormat("*%U", param->name));
            star = true;
            continue;
        }
        if (param->keyword_only && !star) append(&text, PyUnicode_FromString("*, "));
        star = star || param->keyword_only;
        PyObject *name =
            i == 0 && as_method ? PyUnicode_FromString("$self") : python_name(overload, i);
        append(&text, name);
        if (param->default_text) append(&text, PyUnicode_FromFormat("=%U", param->default_text));
    }
    append(&text, PyUnicode_FromString(")"));
    return text;
}
