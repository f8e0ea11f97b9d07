// ops/call.h: one call of one op, as the door (apply.c), the rules (infer.c), views, made ops and
// kernels see it.
//
// The door fills a call from top to bottom: inputs, shapes and dtypes of the outputs (infer),
// inputs cast to `compute`, outputs allocated, kernel run. A kernel reads `in`, `out` and `attrs`
// and writes only the data of `out`. When a kernel runs, the following is certain:
//   - every in[i] that the dtype rule does not exempt has dtype `compute`; outputs have dtype[i];
//   - all tensors are on `device`; absent optional inputs are RT_NONE; out[i]->numel may be 0;
//   - with DENSE, present inputs are contiguous; otherwise they may be strided, expanded (stride 0)
//   or negative;
//   - outputs are contiguous, except that an in-place op or out= may hand in a strided out[0]
//   (never with DENSE);
//   - for the shape rule BROADCAST the inputs still have their own shapes: see cpu/loops.h.
#pragma once

#include "rustorch.h"

#include "base/memory.h"
#include "base/text.h"

typedef struct RtShape {
    int n;
    int64_t dim[RT_MAX_DIMS];
} RtShape;

typedef struct OpCall {
    const RtOpRow *row;
    const void *attrs;
    RtTensor *const *in;
    int nin;
    RtTensor **out; // room for row->nout; a MADE or VIEW row with a list of outputs calls
                    // call_outputs first
    int nout;
    RtShape shape[RT_MAX_OUT]; // set by the shape rule
    RtDtype dtype[RT_MAX_OUT]; // set by the dtype rule
    RtDtype compute;           // set by the dtype rule; RT_DTYPE_NONE: inputs stay as they are
    uint16_t keep_dtype; // bit i: input i is not cast to `compute` (indices, masks); set by the
                         // dtype rule
    RtDevice device;     // of the inputs, or of the attribute for an op without inputs
} OpCall;

#define ATTRS_OF(call_, name_) ((const RtAttrs_##name_ *)(call_)->attrs)
#define PRESENT(tensor_) ((tensor_) != RT_NONE)

typedef Status (*OpKernel)(OpCall *call);
typedef Status (*OpRule)(OpCall *call);

typedef struct Backend {
    const char *name;
    OpKernel kernel[OP_COUNT]; // NULL for VIEW and MADE rows
} Backend;

// Rules, one a word used in the table's columns.
#define KERNEL(name_, nin_, nout_, attrs_, shape_, type_, ...)                                     \
    Status infer_##shape_(OpCall *call);                                                           \
    Status dtype_##type_(OpCall *call);
#define VIEW(name_, ...) Status view_##name_(OpCall *call);
#define MADE(name_, ...) Status made_##name_(OpCall *call);
#include "ops/families.def"
#undef KERNEL
#undef VIEW
#undef MADE

// Helpers for rules, views and made ops.
Status call_outputs(OpCall *call, int n); // room for n outputs of a list
Status call_fail(const OpCall *call, Status code, const char *format, ...)
    RT_PRINTF(3, 4); // "softmax: …"
Status dim_wrap(const OpCall *call, int64_t dim, int ndim,
                int *out); // -1 is the last; IndexError text as PyTorch's
RtShape shape_of(const RtTensor *tensor);
bool shape_is(const RtTensor *tensor, const RtShape *shape);
bool shape_same(const RtTensor *a, const RtTensor *b);
Status shape_broadcast(const OpCall *call, RtShape *shape,
                       const RtTensor *tensor);         // widens shape by tensor's
int64_t shape_numel(const RtShape *shape);              // -1 if it overflows
void shape_text(Text *text, const int64_t *dim, int n); // "64, 784"
// A view of tensor's storage, made by hand: belongs to the scope, base is set. stride and offset in
// elements.
RtTensor *view_new(RtTensor *tensor, int ndim, const int64_t *shape, const int64_t *stride,
                   int64_t offset);

// The attribute dtype, or the given one. For factories: the default dtype.
static inline RtDtype dtype_or(RtDtype asked, RtDtype otherwise) {
    return asked == RT_DTYPE_NONE ? otherwise : asked;
}

// A short printable shape for messages: "64, 784". Valid until the fourth next call on this thread.
const char *shape_words(const RtTensor *tensor);
