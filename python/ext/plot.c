// Figures: rustorch.visualization describes them as dicts whose keys are the fields of the structs in io/io.h.
#include "ext/ext.h"

#include <stddef.h>

#include "io/io.h"

typedef enum FieldType {
    FIELD_TEXT,   // str or None
    FIELD_NUMBER, // float
    FIELD_WHOLE,  // int
    FIELD_COLOUR, // int
    FIELD_FLAG,   // bool
    FIELD_CHOICE, // str, one of `names`
    FIELD_NUMBERS, // a C-contiguous float64 buffer, of as many elements as the others of its struct, or None
    FIELD_COLOURS, // the same of uint32
    FIELD_TEXTS,   // a list of str, or None
    FIELD_PIXELS,  // a buffer (rows, columns) of uint32
    FIELD_STRUCT,  // a dict, by `fields`
    FIELD_STRUCTS, // a list of dicts
} FieldType;

typedef struct Field Field;
struct Field {
    const char *name;
    FieldType type;
    size_t offset, count; // count: the place of the int64_t that says how many
    const char *const *names;
    int nnames;
    const Field *fields;
    size_t size;
};

// Keeps what the structs point to: buffers, strings, and memory of its own (as bytes objects).
typedef struct Reader {
    PyObject *kept;
} Reader;

static int keep(Reader *reader, PyObject *owned) {
    if (!owned) return -1;
    int status = PyList_Append(reader->kept, owned);
    Py_DECREF(owned);
    return status;
}

static void *new_memory(Reader *reader, size_t bytes) {
    PyObject *block = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)bytes);
    if (keep(reader, block) < 0) return NULL;
    return memset(PyBytes_AS_STRING(block), 0, bytes);
}

static const char *read_text(Reader *reader, PyObject *value) {
    const char *text = PyUnicode_AsUTF8(value);
    return text && keep(reader, Py_NewRef(value)) == 0 ? text : NULL;
}

// The buffer of an array; *out_n: its elements, or rows and columns.
static const void *read_buffer(Reader *reader, const char *name, PyObject *value,
                               const char *format, int ndim, int64_t out_n[2]) {
    PyObject *view = PyMemoryView_FromObject(value);
    if (keep(reader, view) < 0) return NULL;
    const Py_buffer *buffer = PyMemoryView_GET_BUFFER(view);
    if (buffer->ndim != ndim || !buffer->format || strcmp(buffer->format, format) != 0 ||
        !PyBuffer_IsContiguous(buffer, 'C')) {
        ext_error(ERR_TYPE, "figure: %s must be a contiguous array of '%s' with %d dimensions",
                  name, format, ndim);
        return NULL;
    }
    for (int i = 0; i < ndim; i++) out_n[i] = buffer->shape[i];
    return buffer->buf;
}

static int same_count(const char *name, int64_t *count, int64_t n) {
    if (*count != 0 && *count != n) {
        ext_error(ERR_VALUE, "figure: %s has %lld elements where %lld are expected", name,
                  (long long)n, (long long)*count);
        return -1;
    }
    *count = n;
    return 0;
}

static int read_struct(Reader *reader, PyObject *dict, const Field *fields, char *out);

static int read_list(Reader *reader, const Field *field, PyObject *list, char *out) {
    if (!PyList_Check(list)) {
        ext_error(ERR_TYPE, "figure: %s must be a list", field->name);
        return -1;
    }
    Py_ssize_t n = PyList_GET_SIZE(list);
    bool texts = field->type == FIELD_TEXTS;
    char *block = new_memory(reader, (size_t)(n + 1) * (texts ? sizeof(char *) : field->size));
    if (!block || same_count(field->name, (int64_t *)(out + field->count), n) < 0) return -1;
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *item = PyList_GET_ITEM(list, i);
        if (texts && !(((const char **)block)[i] = read_text(reader, item))) return -1;
        if (!texts && read_struct(reader, item, field->fields, block + (size_t)i * field->size) < 0)
            return -1;
    }
    *(void **)(out + field->offset) = block;
    return 0;
}

static int read_choice(const Field *field, PyObject *value, char *out) {
    for (int i = 0; i < field->nnames; i++)
        if (PyUnicode_Check(value) &&
            PyUnicode_CompareWithASCIIString(value, field->names[i]) == 0) {
            *(int *)(out + field->offset) = i;
            return 0;
        }
    PyErr_Format(PyExc_ValueError, "figure: %s may not be %R", field->name, value);
    return -1;
}

static int read_field(Reader *reader, const Field *field, PyObject *value, char *out) {
    char *at = out + field->offset;
    const void *data;
    int64_t n[2];
    switch (field->type) {
    case FIELD_TEXT: return (*(const char **)at = read_text(reader, value)) ? 0 : -1;
    case FIELD_NUMBER: *(double *)at = PyFloat_AsDouble(value); return PyErr_Occurred() ? -1 : 0;
    case FIELD_WHOLE: *(int64_t *)at = PyLong_AsLongLong(value); return PyErr_Occurred() ? -1 : 0;
    case FIELD_COLOUR:
        *(uint32_t *)at = (uint32_t)PyLong_AsUnsignedLongMask(value);
        return PyErr_Occurred() ? -1 : 0;
    case FIELD_FLAG: {
        int truth = PyObject_IsTrue(value);
        *(bool *)at = truth > 0;
        return truth < 0 ? -1 : 0;
    }
    case FIELD_CHOICE: return read_choice(field, value, out);
    case FIELD_NUMBERS:
    case FIELD_COLOURS:
        data =
            read_buffer(reader, field->name, value, field->type == FIELD_NUMBERS ? "d" : "I", 1, n);
        if (!data || same_count(field->name, (int64_t *)(out + field->count), n[0]) < 0) return -1;
        *(const void **)at = data;
        return 0;
    case FIELD_PIXELS:
        data = read_buffer(reader, field->name, value, "I", 2, n);
        if (!data) return -1;
        *(const void **)at = data;
        ((int64_t *)(out + field->count))[0] = n[0]; // rows, columns
        ((int64_t *)(out + field->count))[1] = n[1];
        return 0;
    case FIELD_STRUCT: return read_struct(reader, value, field->fields, at);
    default: return read_list(reader, field, value, out);
    }
}

static int read_struct(Reader *reader, PyObject *dict, const Field *fields, char *out) {
    PyObject *key, *value;
    Py_ssize_t place = 0;
    if (!PyDict_Check(dict)) {
        ext_error(ERR_TYPE, "figure: a dict is expected, not %s", Py_TYPE(dict)->tp_name);
        return -1;
    }
    while (PyDict_Next(dict, &place, &key, &value)) {
        const Field *field = fields;
        while (field->name &&
               !(PyUnicode_Check(key) && PyUnicode_CompareWithASCIIString(key, field->name) == 0))
            field++;
        if (!field->name) {
            PyErr_Format(PyExc_KeyError, "figure: there is no field %R", key);
            return -1;
        }
        if (value != Py_None && read_field(reader, field, value, out) < 0) return -1;
    }
    return 0;
}

// The fields -------------------------------------------------------------------------------------

static const char *const mark_kinds[] = {"line", "points", "boxes", "image", "rules"};
static const char *const dashes[] = {"solid", "dashed", "dotted", "dashdot"};
static const char *const markers[] = {"none", "circle", "square", "triangle", "diamond", "cross"};
static const char *const aligns[] = {"center", "corner", "left", "right"};
static const char *const axis_kinds[] = {"linear", "log", "names", "none"};
_Static_assert(sizeof mark_kinds / sizeof *mark_kinds == RT_MARK_COUNT &&
                   sizeof dashes / sizeof *dashes == RT_DASH_COUNT &&
                   sizeof markers / sizeof *markers == RT_MARKER_COUNT &&
                   sizeof axis_kinds / sizeof *axis_kinds == RT_AXIS_COUNT &&
                   sizeof aligns / sizeof *aligns == RT_ALIGN_COUNT,
               "one name for each value");

#define PLAIN(type_, struct_, member_)                                                             \
    { .name = #member_, .type = FIELD_##type_, .offset = offsetof(struct_, member_) }
#define CHOICE(struct_, member_, names_)                                                           \
    {                                                                                              \
        .name = #member_, .type = FIELD_CHOICE, .offset = offsetof(struct_, member_),              \
        .names = names_, .nnames = sizeof names_ / sizeof *names_                                  \
    }
#define COUNTED(type_, struct_, member_, count_)                                                   \
    {                                                                                              \
        .name = #member_, .type = FIELD_##type_, .offset = offsetof(struct_, member_),             \
        .count = offsetof(struct_, count_)                                                         \
    }
#define INNER(struct_, member_, fields_)                                                           \
    {                                                                                              \
        .name = #member_, .type = FIELD_STRUCT, .offset = offsetof(struct_, member_),              \
        .fields = fields_                                                                          \
    }
#define INNERS(struct_, member_, count_, fields_, each_)                                           \
    {                                                                                              \
        .name = #member_, .type = FIELD_STRUCTS, .offset = offsetof(struct_, member_),             \
        .count = offsetof(struct_, count_), .fields = fields_, .size = sizeof(each_)               \
    }
// clang-format off
static const Field mark_fields[] = {
    CHOICE(RtMark, kind, mark_kinds), PLAIN(TEXT, RtMark, name),
    COUNTED(NUMBERS, RtMark, x, n), COUNTED(NUMBERS, RtMark, y, n), COUNTED(NUMBERS, RtMark, x2, n), COUNTED(NUMBERS, RtMark, y2, n),
    PLAIN(COLOUR, RtMark, colour), PLAIN(COLOUR, RtMark, edge), COUNTED(COLOURS, RtMark, colours, n),
    PLAIN(NUMBER, RtMark, width), PLAIN(NUMBER, RtMark, radius), CHOICE(RtMark, dash, dashes), CHOICE(RtMark, marker, markers),
    PLAIN(FLAG, RtMark, arrow), COUNTED(TEXTS, RtMark, texts, n), COUNTED(COLOURS, RtMark, text_colours, n),
    PLAIN(COLOUR, RtMark, text_colour), PLAIN(NUMBER, RtMark, text_size), PLAIN(FLAG, RtMark, heading), CHOICE(RtMark, align, aligns),
    COUNTED(PIXELS, RtMark, pixels, rows), {0}};
static const Field axis_fields[] = {
    CHOICE(RtAxis, kind, axis_kinds), PLAIN(TEXT, RtAxis, label), PLAIN(NUMBER, RtAxis, low), PLAIN(NUMBER, RtAxis, high),
    PLAIN(FLAG, RtAxis, whole), PLAIN(FLAG, RtAxis, reversed), COUNTED(TEXTS, RtAxis, names, nnames), {0}};
static const Field bar_fields[] = {
    PLAIN(TEXT, RtColourBar, label), PLAIN(NUMBER, RtColourBar, low), PLAIN(NUMBER, RtColourBar, high),
    COUNTED(COLOURS, RtColourBar, colours, ncolours), PLAIN(FLAG, RtColourBar, log), {0}};
static const Field panel_fields[] = {
    PLAIN(TEXT, RtPanel, title), PLAIN(TEXT, RtPanel, note), INNER(RtPanel, x, axis_fields), INNER(RtPanel, y, axis_fields),
    PLAIN(FLAG, RtPanel, square), PLAIN(FLAG, RtPanel, boxed), PLAIN(FLAG, RtPanel, grid_x), PLAIN(FLAG, RtPanel, grid_y),
    INNERS(RtPanel, marks, nmarks, mark_fields, RtMark), INNER(RtPanel, bar, bar_fields), {0}};
static const Field style_fields[] = {
    PLAIN(COLOUR, RtPlotStyle, background), PLAIN(COLOUR, RtPlotStyle, frame), PLAIN(COLOUR, RtPlotStyle, ink),
    PLAIN(COLOUR, RtPlotStyle, muted), PLAIN(COLOUR, RtPlotStyle, faint), PLAIN(TEXT, RtPlotStyle, font),
    PLAIN(NUMBER, RtPlotStyle, text), {0}};
static const Field figure_fields[] = {
    PLAIN(TEXT, RtFigure, title), PLAIN(NUMBER, RtFigure, width), PLAIN(NUMBER, RtFigure, height), PLAIN(WHOLE, RtFigure, columns),
    INNER(RtFigure, style, style_fields), INNERS(RtFigure, panels, npanels, panel_fields, RtPanel), {0}};
// clang-format on

static int read_figure(Reader *reader, PyObject *dict, RtFigure *figure) {
    *figure = (RtFigure){0};
    return read_struct(reader, dict, figure_fields, (char *)figure);
}

// Drawing ----------------------------------------------------------------------------------------

typedef struct Bytes {
    char *data;
    size_t n, room;
} Bytes;

static Status write_bytes(void *context, const void *data, size_t n) {
    Bytes *bytes = context;
    if (bytes->n + n > bytes->room) {
        size_t room = (bytes->n + n) * 2;
        char *grown = PyMem_RawRealloc(bytes->data, room);
        if (!grown) return fail(ERR_MEMORY, "plot: no memory for %zu bytes", room);
        bytes->data = grown;
        bytes->room = room;
    }
    memcpy(bytes->data + bytes->n, data, n);
    bytes->n += n;
    return OK;
}

static PyObject *missing_text(const RtMissing *missing) {
    return PyUnicode_FromKindAndData(PyUnicode_4BYTE_KIND, missing->characters, missing->n);
}

static PyObject *figure_draw(PyObject *Py_UNUSED(module), PyObject *args) {
    static const char *const formats[] = {"png", "svg", "pdf"};
    static const Field format_field = {
        .name = "format", .names = formats, .nnames = RT_FIGURE_FORMAT_COUNT};
    PyObject *dict, *format_name, *result = NULL;
    double scale;
    int format;
    if (!PyArg_ParseTuple(args, "OOd:_figure_draw", &dict, &format_name, &scale) ||
        read_choice(&format_field, format_name, (char *)&format) < 0)
        return NULL;
    Reader reader = {PyList_New(0)};
    RtFigure figure;
    RtMissing missing = {0};
    Bytes bytes = {0};
    Status status;
    if (!reader.kept || read_figure(&reader, dict, &figure) < 0) goto out;
    EXT_UNLOCKED(status = rt_figure_draw(&figure, (RtFigureFormat)format, scale, write_bytes,
                                         &bytes, &missing));
    if (ext_status(status) == 0)
        result = Py_BuildValue("y#N", bytes.data, (Py_ssize_t)bytes.n, missing_text(&missing));
out:
    PyMem_RawFree(bytes.data);
    Py_XDECREF(reader.kept);
    return result;
}

static PyObject *figure_save(PyObject *Py_UNUSED(module), PyObject *args) {
    PyObject *dict, *path, *result = NULL;
    double scale;
    if (!PyArg_ParseTuple(args, "OO&d:_figure_save", &dict, PyUnicode_FSConverter, &path, &scale))
        return NULL;
    Reader reader = {PyList_New(0)};
    RtFigure figure;
    RtMissing missing = {0};
    Status status;
    if (!reader.kept || read_figure(&reader, dict, &figure) < 0) goto out;
    EXT_UNLOCKED(status = rt_figure_save(&figure, PyBytes_AS_STRING(path), scale, &missing));
    if (ext_status(status) == 0) result = missing_text(&missing);
out:
    Py_DECREF(path);
    Py_XDECREF(reader.kept);
    return result;
}

static PyObject *figure_measure(PyObject *Py_UNUSED(module), PyObject *args) {
    const char *text, *font;
    double size, out[2];
    int heading;
    if (!PyArg_ParseTuple(args, "ssdp:_figure_measure", &text, &font, &size, &heading)) return NULL;
    if (ext_status(rt_figure_measure(text, font, size, heading, out)) < 0) return NULL;
    return Py_BuildValue("dd", out[0], out[1]);
}

static PyMethodDef methods[] = {
    {"_figure_draw", figure_draw, METH_VARARGS,
     "_figure_draw(figure, format, scale)\n--\n\nThe bytes of a picture, and the characters that "
     "no font has."},
    {"_figure_save", figure_save, METH_VARARGS,
     "_figure_save(figure, path, scale)\n--\n\nA picture as a file; returns the characters that no "
     "font has."},
    {"_figure_measure", figure_measure, METH_VARARGS,
     "_figure_measure(text, font, size, heading)\n--\n\nThe width and height of a text in points."},
    {NULL, NULL, 0, NULL},
};

int ext_add_plot(PyObject *module) { return PyModule_AddFunctions(module, methods); }
