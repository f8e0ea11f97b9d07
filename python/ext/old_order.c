// Arguments in the order that PyTorch had before 1.5, when a number stood in front of the tensor
// that it multiplies: x.add_(alpha, other), addcmul(x, value, a, b), addmm(beta, x, alpha, a, b).
// Asked where no signature fits the arguments as they stand: calls of today pay nothing for it.
#include "ops.h"

#include <stdio.h>
#include <string.h>

// Words stand between spaces. An order has a letter for each positional argument, t for a tensor
// and n for a number; the numbers, in that order, are the arguments so called today.
static const struct {
    const char *ops, *orders, *number[2];
} old[] = {
    {" add sub ", " tnt ", {"alpha"}},
    {" addcmul addcdiv ", " tntt ", {"value"}},
    {" addbmm addmm addmv addr baddbmm ", " ntntt nttt tnntt tntt ", {"beta", "alpha"}},
};

static bool has_word(const char *words, const char *word, size_t length) {
    char spaced[MAX_OLD_ARGS * 8];
    int n = snprintf(spaced, sizeof spaced, " %.*s ", (int)length, word);
    return n < (int)sizeof spaced && strstr(words, spaced);
}

static int warn(const char *name, const char *number) {
    return PyErr_WarnFormat(PyExc_UserWarning, 1,
                            "This order of the arguments of %s is deprecated: write the tensors "
                            "first, and the number by name, as %s=2",
                            name, number);
}

int op_old_order(const Op *op, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames,
                 OldOrder *out) {
    char order[MAX_OLD_ARGS + 1] = "";
    const char *name = PyUnicode_AsUTF8(op->name);
    Py_ssize_t nkeywords = kwnames ? PyTuple_GET_SIZE(kwnames) : 0;
    if (!name || nargs > MAX_OLD_ARGS || nkeywords > MAX_OLD_ARGS) return 0;
    for (Py_ssize_t i = 0; i < nargs; i++)
        order[i] = is_tensor(args[i]) ? 't' : ext_is_number(args[i]) ? 'n' : '?';
    size_t length = strlen(name);
    length -= length && name[length - 1] == '_';
    for (size_t k = 0; k < sizeof old / sizeof *old; k++) {
        if (!has_word(old[k].ops, name, length) || !has_word(old[k].orders, order, strlen(order)))
            continue;
        int tensors = 0, numbers = 0;
        for (Py_ssize_t i = 0; i < nargs; i++)
            if (order[i] == 't') out->args[tensors++] = args[i];
        for (Py_ssize_t i = 0; i < nargs; i++)
            if (order[i] == 'n') out->args[tensors + numbers++] = args[i];
        out->nargs = tensors;
        out->kwnames = PyTuple_New(numbers + nkeywords);
        if (!out->kwnames) return -1;
        for (int i = 0; i < numbers; i++) {
            PyObject *word = PyUnicode_InternFromString(old[k].number[i]);
            if (!word) return Py_DECREF(out->kwnames), -1;
            PyTuple_SET_ITEM(out->kwnames, i, word);
        }
        for (Py_ssize_t i = 0; i < nkeywords; i++) {
            out->args[nargs + i] = args[nargs + i];
            PyTuple_SET_ITEM(out->kwnames, numbers + i, Py_NewRef(PyTuple_GET_ITEM(kwnames, i)));
        }
        if (warn(name, old[k].number[0]) < 0) return Py_DECREF(out->kwnames), -1;
        return 1;
    }
    return 0;
}
