// Image files and image transforms: rustorch.io and rustorch.data.transforms give them names and
// defaults.
#include "ext/ext.h"

#include "io/io.h"

#define MAX_NUMBERS 64 // of a fill or a mean: one a channel

typedef struct Numbers {
    int n;
    double v[MAX_NUMBERS];
} Numbers;

// A sequence of numbers, or None for none; for PyArg_ParseTuple's O&.
static int read_numbers(PyObject *object, void *out) {
    Numbers *numbers = out;
    numbers->n = 0;
    if (object == Py_None) return 1;
    PyObject *fast = PySequence_Fast(object, "a sequence of numbers is expected");
    if (!fast) return 0;
    Py_ssize_t n = PySequence_Fast_GET_SIZE(fast);
    if (n > MAX_NUMBERS)
        PyErr_Format(PyExc_ValueError, "at most %d numbers are possible, not %zd", MAX_NUMBERS, n);
    for (Py_ssize_t i = 0; !PyErr_Occurred() && i < n; i++)
        numbers->v[i] = PyFloat_AsDouble(PySequence_Fast_GET_ITEM(fast, i));
    Py_DECREF(fast);
    if (PyErr_Occurred()) return 0;
    numbers->n = (int)n;
    return 1;
}

static int read_tensor(PyObject *object, void *out) {
    RtTensor *tensor = ext_tensor(object);
    *(RtTensor **)out = tensor;
    return tensor != NULL;
}

// Opens a scope, lends x to it, calls without the GIL, wraps the result.
#define CALL(expression_)                                                                          \
    do {                                                                                           \
        RtScope scope_;                                                                            \
        if (ext_status(rt_scope_open(&scope_)) < 0) return NULL;                                   \
        RtTensor *result_ = NULL;                                                                  \
        if (ext_lend(x)) EXT_UNLOCKED(result_ = (expression_));                                    \
        PyObject *wrapped_ = ext_wrap(result_);                                                    \
        rt_scope_close(scope_);                                                                    \
        return wrapped_;                                                                           \
    } while (0)

// Files -------------------------------------------------------------------------------------------

static PyObject *image_decode(PyObject *Py_UNUSED(module), PyObject *args) {
    RtTensor *x;
    int format, mode, deep, orientation = 1;
    if (!PyArg_ParseTuple(args, "O&iip:_image_decode", read_tensor, &x, &format, &mode, &deep))
        return NULL;
    if (x->dtype != RT_U8 || x->ndim != 1 || !rt_tensor_is_contiguous(x) ||
        x->device.type != RT_CPU)
        return ext_error(
            ERR_TYPE, "the bytes of an image must be a one-dimensional, contiguous uint8 tensor");
    RtScope scope;
    if (ext_status(rt_scope_open(&scope)) < 0) return NULL;
    RtTensor *image = NULL;
    if (ext_lend(x))
        EXT_UNLOCKED(image =
                         rt_image_decode(rt_tensor_data(x), (size_t)x->numel, (RtImageFormat)format,
                                         (RtImageMode)mode, deep, &orientation));
    PyObject *wrapped = ext_wrap(image),
             *result = wrapped ? Py_BuildValue("Ni", wrapped, orientation) : NULL;
    rt_scope_close(scope);
    return result;
}

static PyObject *image_encode(PyObject *Py_UNUSED(module), PyObject *args) {
    RtTensor *x;
    int format, level;
    if (!PyArg_ParseTuple(args, "O&ii:_image_encode", read_tensor, &x, &format, &level))
        return NULL;
    CALL(rt_image_encode(x, (RtImageFormat)format, level));
}

// Transforms --------------------------------------------------------------------------------------

static PyObject *image_pad(PyObject *Py_UNUSED(module), PyObject *args) {
    RtTensor *x;
    long long left, top, right, bottom;
    int mode;
    Numbers fill;
    if (!PyArg_ParseTuple(args, "O&LLLLiO&:pad", read_tensor, &x, &left, &top, &right, &bottom,
                          &mode, read_numbers, &fill))
        return NULL;
    CALL(rt_image_pad(x, left, top, right, bottom, (RtPadMode)mode, fill.v, fill.n));
}

static PyObject *image_flip(PyObject *Py_UNUSED(module), PyObject *args) {
    RtTensor *x;
    int left_right, top_bottom;
    if (!PyArg_ParseTuple(args, "O&pp:flip", read_tensor, &x, &left_right, &top_bottom))
        return NULL;
    CALL(rt_image_flip(x, left_right, top_bottom));
}

static PyObject *image_resize(PyObject *Py_UNUSED(module), PyObject *args) {
    RtTensor *x;
    long long height, width;
    int mode, antialias;
    if (!PyArg_ParseTuple(args, "O&LLip:resize", read_tensor, &x, &height, &width, &mode,
                          &antialias))
        return NULL;
    CALL(rt_image_resize(x, height, width, (RtResample)mode, antialias));
}

static PyObject *image_blur(PyObject *Py_UNUSED(module), PyObject *args) {
    RtTensor *x;
    long long rows, columns;
    double sigma[2];
    if (!PyArg_ParseTuple(args, "O&LLdd:gaussian_blur", read_tensor, &x, &rows, &columns, &sigma[0],
                          &sigma[1]))
        return NULL;
    const int64_t size[2] = {rows, columns};
    CALL(rt_image_blur(x, size, sigma));
}

static PyObject *image_warp(PyObject *Py_UNUSED(module), PyObject *args) {
    RtTensor *x;
    long long height, width;
    Numbers matrix, fill;
    int mode;
    if (!PyArg_ParseTuple(args, "O&LLO&iO&:affine", read_tensor, &x, &height, &width, read_numbers,
                          &matrix, &mode, read_numbers, &fill))
        return NULL;
    if (matrix.n != 9)
        return ext_error(ERR_VALUE, "a matrix of 9 numbers is expected, not %d", matrix.n);
    CALL(rt_image_warp(x, height, width, matrix.v, (RtResample)mode, fill.v, fill.n));
}

static PyObject *image_adjust(PyObject *Py_UNUSED(module), PyObject *args) {
    RtTensor *x;
    int kind;
    double factor;
    if (!PyArg_ParseTuple(args, "O&id:adjust", read_tensor, &x, &kind, &factor)) return NULL;
    CALL(rt_image_adjust(x, (RtAdjust)kind, factor));
}

static PyObject *image_gray(PyObject *Py_UNUSED(module), PyObject *args) {
    RtTensor *x;
    int channels;
    if (!PyArg_ParseTuple(args, "O&i:rgb_to_grayscale", read_tensor, &x, &channels)) return NULL;
    CALL(rt_image_gray(x, channels));
}

static PyObject *image_scale(PyObject *Py_UNUSED(module), PyObject *args) {
    RtTensor *x;
    double divisor;
    Numbers mean, std;
    if (!PyArg_ParseTuple(args, "O&dO&O&:normalize", read_tensor, &x, &divisor, read_numbers, &mean,
                          read_numbers, &std))
        return NULL;
    if (mean.n != std.n)
        return ext_error(ERR_VALUE, "normalize: %d means and %d deviations were given", mean.n,
                         std.n);
    CALL(rt_image_scale(x, divisor, mean.n, mean.v, std.v));
}

static PyObject *image_map(PyObject *Py_UNUSED(module), PyObject *args) {
    RtTensor *x, *tables;
    if (!PyArg_ParseTuple(args, "O&O&:table", read_tensor, &x, read_tensor, &tables)) return NULL;
    CALL(ext_lend(tables) ? rt_image_map(x, tables) : NULL);
}

static PyObject *image_histogram(PyObject *Py_UNUSED(module), PyObject *args) {
    RtTensor *x;
    if (!PyArg_ParseTuple(args, "O&:histogram", read_tensor, &x)) return NULL;
    CALL(rt_image_histogram(x));
}

static PyMethodDef methods[] = {
    {"_image_decode", image_decode, METH_VARARGS,
     "_image_decode(bytes, format, mode, deep)\n--\n\nAn image, and its orientation."},
    {"_image_encode", image_encode, METH_VARARGS,
     "_image_encode(image, format, level)\n--\n\nThe bytes of a file."},
    {"_image_pad", image_pad, METH_VARARGS,
     "_image_pad(image, left, top, right, bottom, mode, fill)\n--\n\nNegative amounts cut."},
    {"_image_flip", image_flip, METH_VARARGS,
     "_image_flip(image, left_right, top_bottom)\n--\n\nMirrored."},
    {"_image_resize", image_resize, METH_VARARGS,
     "_image_resize(image, height, width, mode, antialias)\n--\n\nAnother size."},
    {"_image_blur", image_blur, METH_VARARGS,
     "_image_blur(image, rows, columns, sigma_y, sigma_x)\n--\n\nA Gaussian blur."},
    {"_image_warp", image_warp, METH_VARARGS,
     "_image_warp(image, height, width, matrix, mode, fill)\n--\n\nMapped by a 3 x 3 matrix."},
    {"_image_adjust", image_adjust, METH_VARARGS,
     "_image_adjust(image, kind, factor)\n--\n\nBrightness, contrast and so on."},
    {"_image_gray", image_gray, METH_VARARGS, "_image_gray(image, channels)\n--\n\nGrey values."},
    {"_image_scale", image_scale, METH_VARARGS,
     "_image_scale(image, divisor, mean, std)\n--\n\n(x / divisor - mean) / std as floats."},
    {"_image_map", image_map, METH_VARARGS,
     "_image_map(image, tables)\n--\n\nuint8 values through tables."},
    {"_image_histogram", image_histogram, METH_VARARGS,
     "_image_histogram(image)\n--\n\nHow often each uint8 value occurs, a plane."},
    {NULL, NULL, 0, NULL},
};

int ext_add_image(PyObject *module) { return PyModule_AddFunctions(module, methods); }
