// The operators of Tensor, and what Python's number protocol asks of a tensor of one element.
//
// An operator is an op of the table, found by its name. Where an operand is neither tensor nor
// number the answer is NotImplemented, so that Python asks the other operand (a NumPy array, a
// user's class).
#include "ops.h"

// operator, op in the table
#define BINARY                                                                                     \
    BINARY_OP(add)                                                                                 \
    BINARY_OP(sub) BINARY_OP(mul) BINARY_OP(div) BINARY_OP(floor_divide) BINARY_OP(remainder)      \
        BINARY_OP(pow) BINARY_OP(matmul) BINARY_OP(bitwise_and) BINARY_OP(bitwise_or)              \
            BINARY_OP(bitwise_xor) BINARY_OP(bitwise_left_shift) BINARY_OP(bitwise_right_shift)
#define COMPARE                                                                                    \
    BINARY_OP(lt)                                                                                  \
    BINARY_OP(le) BINARY_OP(eq) BINARY_OP(ne) BINARY_OP(gt) BINARY_OP(ge) // as Py_LT, Py_LE, …
#define UNARY UNARY_OP(neg) UNARY_OP(abs) UNARY_OP(bitwise_not)

enum {
#define BINARY_OP(name_) AT_##name_,
#define UNARY_OP(name_) AT_##name_,
    COMPARE BINARY UNARY
#undef BINARY_OP
#undef UNARY_OP
        AT_COUNT
};
static const char *const names[AT_COUNT] = {
#define BINARY_OP(name_) #name_,
#define UNARY_OP(name_) #name_,
    COMPARE BINARY UNARY
#undef BINARY_OP
#undef UNARY_OP
};
static Op *ops[AT_COUNT], *inplace_ops[AT_COUNT];

int number_resolve(void) {
    for (int i = 0; i < AT_COUNT; i++) {
        char name[40];
        PyOS_snprintf(name, sizeof name, "%s_", names[i]);
        ops[i] = op_method(names[i]);
        inplace_ops[i] = op_method(name);
        if (!ops[i]) {
            PyErr_Format(PyExc_SystemError, "op table: the operators need a row with a method %s",
                         names[i]);
            return -1;
        }
    }
    return 0;
}

static PyObject *binary(int at, PyObject *a, PyObject *b) {
    if (!is_tensor(a) && ext_is_ndarray(a))
        return ext_error(ERR_TYPE,
                         "%s: a NumPy array and a Tensor: convert the array with "
                         "rustorch.from_numpy, or the tensor "
                         "with .numpy()",
                         names[at]);
    return op_pair(ops[at], a, b);
}

static PyObject *inplace(int at, PyObject *a, PyObject *b) {
    if (!inplace_ops[at])
        Py_RETURN_NOTIMPLEMENTED; // Python tries the operator that makes a new tensor
    return op_pair(inplace_ops[at], a, b);
}

#define BINARY_OP(name_)                                                                           \
    static PyObject *n_##name_(PyObject *a, PyObject *b) { return binary(AT_##name_, a, b); }      \
    static PyObject *i_##name_(PyObject *a, PyObject *b) { return inplace(AT_##name_, a, b); }
#define UNARY_OP(name_)                                                                            \
    static PyObject *n_##name_(PyObject *a) { return op_single(ops[AT_##name_], a); }
BINARY UNARY
#undef BINARY_OP
#undef UNARY_OP

    static PyObject *
    power(PyObject *a, PyObject *b, PyObject *modulus) {
    if (modulus != Py_None)
        return ext_error(ERR_TYPE, "pow() with a modulus does not take tensors");
    return n_pow(a, b);
}
static PyObject *power_inplace(PyObject *a, PyObject *b, PyObject *Py_UNUSED(modulus)) {
    return i_pow(a, b);
}

static PyObject *divmod_of(PyObject *a, PyObject *b) {
    PyObject *quotient = n_floor_divide(a, b);
    if (!quotient || quotient == Py_NotImplemented) return quotient;
    PyObject *rest = n_remainder(a, b), *pair = rest ? PyTuple_Pack(2, quotient, rest) : NULL;
    Py_DECREF(quotient);
    Py_XDECREF(rest);
    return pair;
}

static PyObject *positive(PyObject *a) {
    RtTensor *x = ext_tensor(a);
    if (!x) return NULL;
    if (x->dtype == RT_BOOL)
        return ext_error(ERR_DTYPE, "the operator + is not defined for tensors of dtype bool");
    return Py_NewRef(a);
}

PyObject *tensor_compare(PyObject *a, PyObject *b, int op) { return op_pair(ops[op], a, b); }

int tensor_contains(PyObject *self, PyObject *value) {
    if (!is_tensor(value) && !ext_is_number(value)) {
        ext_error(ERR_TYPE, "`in` takes a Tensor or a number, not %s", Py_TYPE(value)->tp_name);
        return -1;
    }
    PyObject *equal = op_pair(ops[Py_EQ], self, value), *any = NULL;
    if (equal) any = ext_method("any", equal, NULL);
    int found = any ? PyObject_IsTrue(any) : -1;
    Py_XDECREF(equal);
    Py_XDECREF(any);
    return found;
}

// ----------------------------------------------------------------------------------------------
// one element

static int truth(PyObject *self) {
    RtTensor *x = ext_tensor(self);
    RtScalar value;
    if (!x) return -1;
    if (x->numel != 1) {
        ext_error(ERR_VALUE, "the truth of a tensor with %s is ambiguous: use any() or all()",
                  x->numel == 0 ? "no elements" : "more than one element");
        return -1;
    }
    return method_item(x, &value) < 0 ? -1 : rt_scalar_double(value) != 0;
}

static PyObject *item_as(PyObject *self, PyObject *(*convert)(PyObject *)) {
    RtTensor *x = ext_tensor(self);
    RtScalar value;
    if (!x || method_item(x, &value) < 0) return NULL;
    PyObject *number = ext_scalar_object(value), *result = number ? convert(number) : NULL;
    Py_XDECREF(number);
    return result;
}
static PyObject *as_int(PyObject *self) { return item_as(self, PyNumber_Long); }
static PyObject *as_float(PyObject *self) { return item_as(self, PyNumber_Float); }

static PyObject *as_index(PyObject *self) {
    RtTensor *x = ext_tensor(self);
    if (!x) return NULL;
    if (x->numel != 1 || rt_dtype_kind((RtDtype)x->dtype) == RT_KIND_FLOAT)
        return ext_error(ERR_TYPE,
                         "only integer tensors of a single element can be converted to an index");
    return item_as(self, PyNumber_Long);
}

PyObject *number_format(PyObject *self, PyObject *spec) {
    RtTensor *x = ext_tensor(self);
    RtScalar value;
    if (!x) return NULL;
    // PyTorch formats a 0-dimensional tensor as its value, others as objects, which know no format
    // but the empty one.
    if (x->ndim > 0 || !PyObject_TypeCheck(self, &tensor_type))
        return PyObject_CallMethod((PyObject *)&PyBaseObject_Type, "__format__", "OO", self, spec);
    if (method_item(x, &value) < 0) return NULL;
    PyObject *number = ext_scalar_object(value),
             *text = number ? PyObject_Format(number, spec) : NULL;
    Py_XDECREF(number);
    return text;
}

PyNumberMethods tensor_number = {
    .nb_add = n_add,
    .nb_subtract = n_sub,
    .nb_multiply = n_mul,
    .nb_true_divide = n_div,
    .nb_floor_divide = n_floor_divide,
    .nb_remainder = n_remainder,
    .nb_divmod = divmod_of,
    .nb_power = power,
    .nb_matrix_multiply = n_matmul,
    .nb_and = n_bitwise_and,
    .nb_or = n_bitwise_or,
    .nb_xor = n_bitwise_xor,
    .nb_lshift = n_bitwise_left_shift,
    .nb_rshift = n_bitwise_right_shift,
    .nb_inplace_add = i_add,
    .nb_inplace_subtract = i_sub,
    .nb_inplace_multiply = i_mul,
    .nb_inplace_true_divide = i_div,
    .nb_inplace_floor_divide = i_floor_divide,
    .nb_inplace_remainder = i_remainder,
    .nb_inplace_power = power_inplace,
    .nb_inplace_matrix_multiply = i_matmul,
    .nb_inplace_and = i_bitwise_and,
    .nb_inplace_or = i_bitwise_or,
    .nb_inplace_xor = i_bitwise_xor,
    .nb_inplace_lshift = i_bitwise_left_shift,
    .nb_inplace_rshift = i_bitwise_right_shift,
    .nb_negative = n_neg,
    .nb_positive = positive,
    .nb_absolute = n_abs,
    .nb_invert = n_bitwise_not,
    .nb_bool = truth,
    .nb_int = as_int,
    .nb_float = as_float,
    .nb_index = as_index,
};
