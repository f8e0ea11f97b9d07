// ops/table.h: what follows from a row of the table. Included by rustorch.h.
//
// A row is one of
//
//   KERNEL(name, nin, nout, attrs, shape, dtype, cast, grad, needs, flags, signatures, doc)   computes: cpu_NAME
//   VIEW  (name, nin, nout, attrs,                     grad, needs, flags, signatures, doc)   re-describes: view_NAME
//   MADE  (name, nin, nout, attrs,                                  flags, signatures, doc)   other ops: made_NAME
//
//   name        the C name is rt_NAME; a name that begins with a subject word (tensor_…) is spelled with an alias
//   nin, nout   numbers of tensors, 1 to 8; N for a list
//   attrs       a struct of attrs.def, or none
//   shape       shape rule: infer_SHAPE in ops/infer.c computes the shapes of the outputs
//   dtype       dtype rule: dtype_RULE in ops/infer.c chooses the dtype of computation and of the outputs
//   cast        autocast: LOW (to the low precision), F32, RANGE (F32 if f16 is the low one), WIDEST, KEEP: ops/autocast.h
//   grad        GRAD (grad_NAME in grad/FAMILY.c) or FLAT (no gradient)
//   needs       NEED(m0, m1, …): for the gradient of input i, the tensors mi to be saved: X0…X7 inputs, Y0…Y3 outputs.
//               The shapes and dtypes of inputs and outputs are always there.
//   flags       INPLACE (Python also has NAME_), OUT (takes out=), DENSE (inputs are made contiguous before the kernel),
//               NOFUNC (no Python function), NOMETHOD, OVERWRITES (writes to input 0 always: copy_, fill_, …), HIDDEN (not in Python)
//   signatures  one or several, in PyTorch's spelling, separated by " | " at line ends: see ops/signature.h
//   doc         one sentence, for Python and docs/ops.md
//
// From a row follow: OP_NAME, rt_NAME, the slot of each backend, the Python function and method, its stub and doc
// entry, its tests and its benchmark line. A missing kernel, gradient or test case stops the build and names the op.
#pragma once

// ---------------------------------------------------------------------------------------------- attributes

#define RT_NO_DEVICE ((RtDevice){RT_DEVICE_NONE, 0})

typedef bool RtField_BOOL;
typedef int64_t RtField_INT;
typedef int64_t RtField_OPTINT;
typedef double RtField_FLOAT;
typedef RtScalar RtField_NUMBER;
typedef RtInts RtField_INTS;
typedef RtSizes RtField_SIZES;
typedef RtDtype RtField_DTYPE;
typedef RtDevice RtField_DEVICE;
typedef RtGenerator *RtField_GENERATOR;
#define CHOICES(name_, words_) typedef int RtField_CHOICE_##name_;
#include "ops/choices.def"
#undef CHOICES

typedef enum RtFieldType {
    RT_FIELD_BOOL,
    RT_FIELD_INT,
    RT_FIELD_OPTINT,
    RT_FIELD_FLOAT,
    RT_FIELD_NUMBER,
    RT_FIELD_INTS,
    RT_FIELD_SIZES,
    RT_FIELD_DTYPE,
    RT_FIELD_DEVICE,
    RT_FIELD_GENERATOR,
#define CHOICES(name_, words_) RT_FIELD_CHOICE_##name_,
#include "ops/choices.def"
#undef CHOICES
    RT_FIELD_COUNT
} RtFieldType;

#define F(type_, field_, default_) RtField_##type_ field_;
#define ATTRS(name_, fields_)                                                                      \
    typedef struct RtAttrs_##name_ {                                                               \
        fields_                                                                                    \
    } RtAttrs_##name_;
#include "ops/attrs.def"
#undef ATTRS
#undef F

// The defaults; WITH(reduce, .keepdim = true) is a struct with these fields and all others at their default.
#define F(type_, field_, default_) .field_ = default_,
#define ATTRS(name_, fields_)                                                                      \
    static inline RtAttrs_##name_ rt_defaults_##name_(void) { return (RtAttrs_##name_){fields_}; }
#include "ops/attrs.def"
#undef ATTRS
#undef F

#define WITH(attrs_, ...)                                                                          \
    (__extension__({                                                                               \
        RtAttrs_##attrs_ attrs__ = rt_defaults_##attrs_();                                         \
        RT_SET(attrs__, __VA_ARGS__)                                                               \
        attrs__;                                                                                   \
    }))
// RT_SET(a, .x = 1, .y = 2) → a.x = 1; a.y = 2; for up to 8 fields
#define RT_SET(a_, ...) RT_SET_PICK(__VA_ARGS__, 8, 7, 6, 5, 4, 3, 2, 1)(a_, __VA_ARGS__)
#define RT_SET_PICK(f1_, f2_, f3_, f4_, f5_, f6_, f7_, f8_, n_, ...) RT_SET_##n_
#define RT_SET_1(a_, f_) a_ f_;
#define RT_SET_2(a_, f_, ...) a_ f_; RT_SET_1(a_, __VA_ARGS__)
#define RT_SET_3(a_, f_, ...) a_ f_; RT_SET_2(a_, __VA_ARGS__)
#define RT_SET_4(a_, f_, ...) a_ f_; RT_SET_3(a_, __VA_ARGS__)
#define RT_SET_5(a_, f_, ...) a_ f_; RT_SET_4(a_, __VA_ARGS__)
#define RT_SET_6(a_, f_, ...) a_ f_; RT_SET_5(a_, __VA_ARGS__)
#define RT_SET_7(a_, f_, ...) a_ f_; RT_SET_6(a_, __VA_ARGS__)
#define RT_SET_8(a_, f_, ...) a_ f_; RT_SET_7(a_, __VA_ARGS__)

typedef struct RtFieldRow {
    const char *name;
    RtFieldType type;
    int offset; // in the struct
} RtFieldRow;

typedef struct RtAttrsRow {
    const char *name;
    int bytes, nfields;
    const RtFieldRow *fields;
    const void *defaults;
} RtAttrsRow;

RT_API const char *rt_choice_words(RtFieldType type); // "none|mean|sum"; NULL if the type is no choice

// ---------------------------------------------------------------------------------------------- rows

typedef enum RtOp {
#define KERNEL(name_, ...) OP_##name_,
#define VIEW(name_, ...) OP_##name_,
#define MADE(name_, ...) OP_##name_,
#include "ops/families.def"
#undef KERNEL
#undef VIEW
#undef MADE
    OP_COUNT
} RtOp;

typedef enum RtRowKind { RT_ROW_KERNEL, RT_ROW_VIEW, RT_ROW_MADE } RtRowKind;

typedef enum RtRowFlag {
    RT_FLAG_NONE = 0,
    RT_FLAG_INPLACE = 1,
    RT_FLAG_OUT = 2,
    RT_FLAG_DENSE = 4,
    RT_FLAG_NOFUNC = 8,
    RT_FLAG_NOMETHOD = 16,
    RT_FLAG_OVERWRITES = 32,
    RT_FLAG_HIDDEN = 64,
} RtRowFlag;

typedef enum RtCastRule { RT_CAST_KEEP, RT_CAST_LOW, RT_CAST_F32, RT_CAST_RANGE, RT_CAST_WIDEST } RtCastRule;

#define RT_MAX_IN 12
#define RT_MAX_OUT 4
#define RT_LIST (-1) // nin or nout of a row that takes or gives a list
#define RT_COUNT_N RT_LIST

typedef struct RtOpRow {
    RtOp op;
    RtRowKind kind;
    const char *name, *family;
    int nin, nout; // RT_LIST for a list
    const RtAttrsRow *attrs;
    RtCastRule cast;
    bool differentiable;
    uint16_t needs[RT_MAX_IN]; // bit i: input i; bit 12 + i: output i
    int flags;
    const char *signatures, *doc;
} RtOpRow;

RT_API const RtOpRow *rt_op_row(int op); // NULL beyond the last
RT_API int rt_op_count(void);

// Any op by its number. in: nin tensors (borrowed). attrs: the row's struct, or NULL for its defaults. given: tensors to
// write to (out=), or NULL; in-place is given[0] == in[0] for a row with INPLACE. The outputs belong to the open scope.
// out must have room for the row's nout; for a list, *out_list gets an array owned by the scope and *nout its length.
RT_API Status rt_apply(RtOp op, RtTensor *const *in, int nin, const void *attrs, RtTensor *const *given, RtTensor **out);
RT_API Status rt_apply_list(RtOp op, RtTensor *const *in, int nin, const void *attrs, RtTensor ***out_list, int *out_n);

// ---------------------------------------------------------------------------------------------- rt_NAME, one a row
//
// One output is returned; several: Status and out_…; a list of outputs: an array that belongs to the scope.
// An op with attributes takes them last, by value: rt_sum(x, WITH(reduce, .keepdim = true)).

#define RT_CAT(a_, b_) RT_CAT_(a_, b_)
#define RT_CAT_(a_, b_) a_##b_
// RT_HAS_ATTRS(attrs) is N for the word none and Y for any other.
#define RT_IS_NONE_none ~, N
#define RT_SECOND(a_, b_, ...) b_
#define RT_PROBE(...) RT_SECOND(__VA_ARGS__, Y, ~)
#define RT_HAS_ATTRS(attrs_) RT_PROBE(RT_IS_NONE_##attrs_)

#define RT_IN_0
#define RT_IN_1 RtTensor *a
#define RT_IN_2 RtTensor *a, RtTensor *b
#define RT_IN_3 RtTensor *a, RtTensor *b, RtTensor *c
#define RT_IN_4 RtTensor *a, RtTensor *b, RtTensor *c, RtTensor *d
#define RT_IN_5 RtTensor *a, RtTensor *b, RtTensor *c, RtTensor *d, RtTensor *e
#define RT_IN_6 RtTensor *a, RtTensor *b, RtTensor *c, RtTensor *d, RtTensor *e, RtTensor *f
#define RT_IN_7 RtTensor *a, RtTensor *b, RtTensor *c, RtTensor *d, RtTensor *e, RtTensor *f, RtTensor *g
#define RT_IN_9                                                                                    \
    RtTensor *a, RtTensor *b, RtTensor *c, RtTensor *d, RtTensor *e, RtTensor *f, RtTensor *g, RtTensor *h, RtTensor *i
#define RT_IN_N RtTensor *const *list, int n
#define RT_RESULT_1 RtTensor *
#define RT_RESULT_2 Status
#define RT_RESULT_3 Status
#define RT_RESULT_4 Status
#define RT_RESULT_N Status
#define RT_OUTS_1
#define RT_OUTS_2 , RtTensor **out_0, RtTensor **out_1
#define RT_OUTS_3 , RtTensor **out_0, RtTensor **out_1, RtTensor **out_2
#define RT_OUTS_4 , RtTensor **out_0, RtTensor **out_1, RtTensor **out_2, RtTensor **out_3
#define RT_OUTS_N , RtTensor ***out_list, int *out_n
#define RT_ATTRS_Y(nin_, attrs_) RT_CAT(RT_COMMA_, nin_) RtAttrs_##attrs_ attrs
#define RT_ATTRS_N(nin_, attrs_)
#define RT_COMMA_0
#define RT_COMMA_1 ,
#define RT_COMMA_2 ,
#define RT_COMMA_3 ,
#define RT_COMMA_4 ,
#define RT_COMMA_5 ,
#define RT_COMMA_6 ,
#define RT_COMMA_7 ,
#define RT_COMMA_9 ,
#define RT_COMMA_N ,

#define RT_FUNCTION(name_, nin_, nout_, attrs_)                                                    \
    RT_RESULT_##nout_ rt_##name_(                                                                  \
        RT_IN_##nin_ RT_CAT(RT_ATTRS_, RT_HAS_ATTRS(attrs_))(nin_, attrs_) RT_OUTS_##nout_)

#define KERNEL(name_, nin_, nout_, attrs_, ...) RT_API RT_FUNCTION(name_, nin_, nout_, attrs_);
#define VIEW(name_, nin_, nout_, attrs_, ...) RT_API RT_FUNCTION(name_, nin_, nout_, attrs_);
#define MADE(name_, nin_, nout_, attrs_, ...) RT_API RT_FUNCTION(name_, nin_, nout_, attrs_);
#include "ops/families.def"
#undef KERNEL
#undef VIEW
#undef MADE
