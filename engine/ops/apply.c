// The door: every op goes through rt_apply, and nothing beside it.
//
//   1. check the inputs            4. make inputs contiguous (DENSE)   7. copy to out= where it could not be written
//   2. autocast; dtypes; cast      5. allocate or check the outputs    8. record on the tape
//   3. shapes                      6. run the backend's kernel
//
// A profiler that runs sees all of it as one span (profiled.c).
//
// Whatever must see all ops is one branch here.
#include "ops/door.h"
#include "ops/autocast.h"

#include <stdio.h>
#include <string.h>

#include "base/profile.h"
#include "tensor/tensor.h"

const Backend *door_backends[2];
Recorder door_recorder;

Status call_fail(const OpCall *call, Status code, const char *format, ...) {
    char message[1500];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    return fail(code, "%s: %s", call->row->name, message);
}

// The array is rt_apply_list's to free: it must outlive the scope of the made op.
Status call_outputs(OpCall *call, int n) {
    call->out = mem_zalloc(MEM_GENERAL, (size_t)(n ? n : 1) * sizeof *call->out);
    call->nout = call->out ? n : 0;
    return call->out ? OK : ERR_MEMORY;
}

// 1 -----------------------------------------------------------------------------------------------

static Status check_inputs(OpCall *call) {
    int expected = call->row->nin;
    if (expected != RT_LIST && call->nin != expected)
        return call_fail(call, ERR_TYPE, "%d tensors were given, %d are needed", call->nin,
                         expected);
    if (expected == RT_LIST && call->nin == 0)
        return call_fail(call, ERR_VALUE, "a list with at least one tensor is needed");
    bool found = false;
    call->device = (RtDevice){RT_CPU, 0};
    for (int i = 0; i < call->nin; i++) {
        RtTensor *x = call->in[i];
        if (!x) return error_code(); // an earlier op failed: its message stays
        if (x == RT_NONE || x->wrapped) continue;
        if (found && (x->device.type != call->device.type || x->device.index != call->device.index))
            return call_fail(call, ERR_DEVICE,
                             "tensors are on different devices: move them to one with .to()");
        call->device = x->device;
        found = true;
        if (x->base && x->view_version != rt_tensor_version(x)) TRY(door_recorder.sync_view(x));
    }
    return OK;
}

// 2 -----------------------------------------------------------------------------------------------

// Sums, products and quotients of f16 and bf16 are computed in f32, and a Python number beside them
// is not rounded before (as in PyTorch: 0.1 in f16 is 2e-5 off). Other ops see the number in the
// dtype of the result.
static RtDtype number_dtype(const OpCall *call) {
    if (call->compute != RT_F16 && call->compute != RT_BF16) return call->compute;
    switch (call->row->op) {
    case OP_add:
    case OP_sub:
    case OP_rsub:
    case OP_mul:
    case OP_div: return RT_F32;
    default: return call->compute;
    }
}

static RtTensor *cast_input(const OpCall *call, RtTensor *x) {
    if (!x->wrapped) return rt_cast(x, WITH(cast, .dtype = call->compute));
    RtDtype dtype = number_dtype(call);
    return x->dtype == (int8_t)dtype ? x : rt_tensor_scalar(rt_tensor_item(x, 0), dtype, true);
}

static Status cast_inputs(OpCall *call, RtTensor **in) {
    for (int i = 0; i < call->nin; i++) {
        in[i] = call->in[i];
        bool exempt = i < 16 && (call->keep_dtype >> i & 1);
        if (!PRESENT(in[i]) || exempt || call->compute == RT_DTYPE_NONE ||
            in[i]->dtype == (int8_t)call->compute)
            continue;
        in[i] = cast_input(call, in[i]);
        if (!in[i]) return error_code();
    }
    return OK;
}

// 4 -----------------------------------------------------------------------------------------------

static Status make_dense(OpCall *call, RtTensor **in, RtTensor *written) {
    for (int i = 0; i < call->nin; i++) {
        if (!PRESENT(in[i]) || in[i] == written || rt_tensor_is_contiguous(in[i])) continue;
        in[i] = rt_clone(in[i]);
        if (!in[i]) return error_code();
    }
    return OK;
}

// 5 -----------------------------------------------------------------------------------------------

static bool same_geometry(const RtTensor *a, const RtTensor *b) {
    return a->ndim == b->ndim && a->offset == b->offset && a->dtype == b->dtype &&
           !memcmp(a->shape, b->shape, (size_t)a->ndim * 8) &&
           !memcmp(a->stride, b->stride, (size_t)a->ndim * 8);
}

static void byte_range(const RtTensor *x, int64_t *low, int64_t *high) {
    int64_t element = (int64_t)rt_dtype_bytes((RtDtype)x->dtype), first = x->offset,
            last = x->offset;
    for (int i = 0; i < x->ndim; i++) {
        int64_t reach = (x->shape[i] - 1) * x->stride[i];
        if (reach < 0)
            first += reach;
        else
            last += reach;
    }
    *low = (int64_t)(intptr_t)x->storage->data + first * element;
    *high = (int64_t)(intptr_t)x->storage->data + (last + 1) * element;
}

static bool overlaps(const RtTensor *a, const RtTensor *b) {
    if (a->numel == 0 || b->numel == 0) return false;
    int64_t a_low, a_high, b_low, b_high;
    byte_range(a, &a_low, &a_high);
    byte_range(b, &b_low, &b_high);
    return a_low < b_high && b_low < a_high;
}

// Does the tensor fill its byte range without gaps? Two such tensors that overlap share elements;
// of others one cannot tell cheaply, and they are allowed, as in PyTorch.
static bool fills_range(const RtTensor *x) {
    int64_t low, high;
    byte_range(x, &low, &high);
    return high - low == x->numel * (int64_t)rt_dtype_bytes((RtDtype)x->dtype);
}

// Is one value written to all elements? Then it does not matter that some are the same.
static bool writes_one_value(const OpCall *call) {
    switch (call->row->op) {
    case OP_fill_:
    case OP_zero_: return true;
    case OP_copy_:
        for (int i = 0; i < call->in[1]->ndim; i++)
            if (call->in[1]->shape[i] > 1 && call->in[1]->stride[i] != 0) return false;
        return true;
    default: return false;
    }
}

static Status check_overlap(const OpCall *call, const RtTensor *target, RtTensor *const *in,
                            bool wanted) {
    if (target->numel == 0) return OK;
    for (int i = 0; i < target->ndim && (wanted || !writes_one_value(call)); i++)
        if (target->stride[i] == 0 && target->shape[i] > 1)
            return call_fail(call, ERR_VALUE,
                             "more than one element of the written-to tensor refers to a single "
                             "memory location: clone() "
                             "the tensor before writing to it");
    for (int i = 0; i < call->nin; i++)
        if (PRESENT(in[i]) && in[i] != target && overlaps(in[i], target) &&
            !same_geometry(in[i], target) && fills_range(in[i]) && fills_range(target))
            return call_fail(call, ERR_VALUE,
                             "some elements of input %d and of the written-to tensor refer to a "
                             "single memory location: "
                             "clone() the input first",
                             i);
    return OK;
}

// out= with another shape gets new memory of the right shape, as in PyTorch.
static Status resize_given(const OpCall *call, RtTensor *given, const RtShape *shape) {
    RtTensor *fresh = rt_tensor_new(shape->n, shape->dim, (RtDtype)given->dtype, given->device);
    if (!fresh) return error_code();
    if (given->base)
        return call_fail(call, ERR_SHAPE, "out= is a view of shape (%s) that does not fit",
                         shape_words(given));
    return rt_tensor_set_data(given, fresh);
}

static Status check_result(const OpCall *call, RtDtype dtype, const RtTensor *given) {
    if (rt_dtype_can_cast(dtype, (RtDtype)given->dtype)) return OK;
    return call_fail(call, ERR_DTYPE,
                     "the result has dtype %s, which cannot be written to a tensor of dtype %s",
                     rt_dtype_name(dtype), rt_dtype_name((RtDtype)given->dtype));
}

static Status prepare_given(OpCall *call, RtTensor *given, int i, bool inplace, bool wanted,
                            RtTensor *const *in) {
    if (!(call->row->flags & RT_FLAG_OVERWRITES)) TRY(check_result(call, call->dtype[i], given));
    TRY(door_recorder.check_write(call, given, wanted, inplace));
    if (!shape_is(given, &call->shape[i])) {
        Text text = {0};
        shape_text(&text, call->shape[i].dim, call->shape[i].n);
        Status status = OK;
        if (inplace)
            status = call_fail(
                call, ERR_SHAPE,
                "the result has shape (%s), which does not fit the tensor of shape (%s) in place",
                text_chars(&text), shape_words(given));
        text_clear(&text);
        TRY(status);
        TRY(resize_given(call, given, &call->shape[i]));
    }
    return check_overlap(call, given, in, wanted);
}

static Status allocate(OpCall *call, RtTensor *const *given, bool inplace, bool wanted,
                       RtTensor *const *in) {
    for (int i = 0; i < call->nout; i++) {
        if (given && given[i]) TRY(prepare_given(call, given[i], i, inplace, wanted, in));
        bool direct = given && given[i] && given[i]->dtype == (int8_t)call->dtype[i] &&
                      (!(call->row->flags & RT_FLAG_DENSE) || rt_tensor_is_contiguous(given[i]));
        call->out[i] = direct ? given[i]
                              : rt_tensor_new(call->shape[i].n, call->shape[i].dim, call->dtype[i],
                                              call->device);
        if (!call->out[i]) return error_code();
    }
    return OK;
}

// 7 -----------------------------------------------------------------------------------------------

static Status hand_over(OpCall *call, RtTensor *const *given) {
    if (!given) return OK;
    for (int i = 0; i < call->nout; i++) {
        if (!given[i]) continue;
        if (call->out[i] != given[i]) {
            OpCall copy = {.row = row_of(OP_copy_),
                           .attrs = row_of(OP_copy_)->attrs->defaults,
                           .nin = 2,
                           .nout = 1,
                           .compute = RT_DTYPE_NONE,
                           .device = given[i]->device};
            copy.in = (RtTensor *[]){given[i], call->out[i]};
            copy.out = (RtTensor *[]){given[i]};
            TRY(door_backends[call->device.type]->kernel[OP_copy_](&copy));
            call->out[i] = given[i];
        }
        rt_tensor_written(given[i]);
    }
    return OK;
}

// --------------------------------------------------------------------------------------------------------------

static Status run_kernel(OpCall *call, OpRule shapes, OpRule dtypes, RtTensor **in,
                         RtTensor *const *given) {
    bool overwrites = call->row->flags & RT_FLAG_OVERWRITES;
    RtTensor *self = given ? given[0] : NULL;
    bool inplace = self && call->nin > 0 && self == call->in[0];
    call->compute = RT_DTYPE_NONE;
    call->keep_dtype = 0;
    if (call->row->cast != RT_CAST_KEEP && !given && rt_autocast().enabled) {
        TRY(autocast_inputs(call, door_recorder.is_leaf, in));
        call->in = in;
    }
    TRY(dtypes(call));
    TRY(rt_device_check(call->device));
    TRY(cast_inputs(call, in));
    bool wanted = call->row->differentiable && door_recorder.wanted(in, call->nin);
    call->in = in;
    TRY(shapes(call));
    if (call->row->flags & RT_FLAG_DENSE) TRY(make_dense(call, in, overwrites ? self : NULL));
    // What the gradient needs of an input that is overwritten has to be copied before.
    if (wanted && inplace && !overwrites) {
        uint16_t needs = 0;
        for (int i = 0; i < call->nin; i++)
            if (door_recorder.wanted(&in[i], 1)) needs |= call->row->needs[i];
        for (int i = 0; i < call->nin && i < 12; i++)
            if (needs >> i & 1 && in[i] == self && !(in[i] = rt_clone(self))) return error_code();
    }
    TRY(allocate(call, given, inplace, wanted, in));
    TRY(door_backends[call->device.type]->kernel[call->row->op](call));
    TRY(hand_over(call, given));
    return wanted ? door_recorder.record(call, in, inplace) : OK;
}

static Status run_view(OpCall *call, OpRule view) {
    TRY(view(call));
    if (call->nout == 0 || call->out[0] == call->in[0])
        return OK; // a view that is the tensor itself
    bool constant = call->in[0]->no_grad_view || !rt_grad_enabled();
    for (int i = 0; i < call->nout; i++) call->out[i]->no_grad_view = constant;
    return door_recorder.wanted(call->in, call->nin) ? door_recorder.record(call, call->in, false)
                                                     : OK;
}

static Status write_made(OpCall *call, RtTensor *const *given) {
    for (int i = 0; given && i < call->nout; i++) {
        if (!given[i]) continue;
        TRY(check_result(call, (RtDtype)call->out[i]->dtype, given[i]));
        RtTensor *written[1] = {given[i]};
        if (!shape_same(given[i], call->out[i])) {
            RtShape shape = shape_of(call->out[i]);
            TRY(resize_given(call, given[i], &shape));
        }
        TRY(rt_apply(OP_copy_, (RtTensor *[]){given[i], call->out[i]}, 2, NULL, written, written));
        call->out[i] = given[i];
    }
    return OK;
}

static Status run_made(OpCall *call, OpKernel made, RtTensor *const *given) {
    RtScope scope;
    TRY(rt_scope_open(&scope));
    Status status = made(call);
    if (status >= 0) status = write_made(call, given);
    if (status >= 0) return rt_scope_close_with(scope, call->out, call->nout);
    rt_scope_close(scope);
    return status;
}

static const OpRule shape_rules[OP_COUNT] = {
#define KERNEL(name_, nin_, nout_, attrs_, shape_, ...) [OP_##name_] = infer_##shape_,
#define VIEW(name_, ...) [OP_##name_] = view_##name_,
#define MADE(name_, ...) [OP_##name_] = made_##name_,
#include "ops/families.def"
#undef KERNEL
#undef VIEW
#undef MADE
};

static const OpRule dtype_rules[OP_COUNT] = {
#define KERNEL(name_, nin_, nout_, attrs_, shape_, type_, ...) [OP_##name_] = dtype_##type_,
#define VIEW(name_, ...)
#define MADE(name_, ...)
#include "ops/families.def"
#undef KERNEL
#undef VIEW
#undef MADE
};

static Status run_row(OpCall *call, RtTensor *const *given) {
    TRY(check_inputs(call));
    OpRule first = shape_rules[call->row->op];
    if (call->row->kind == RT_ROW_VIEW) return run_view(call, first);
    if (call->row->kind == RT_ROW_MADE) return run_made(call, first, given);
    if (call->row->flags & RT_FLAG_OVERWRITES && !given) given = call->in;
    RtTensor *local[RT_MAX_IN], **in = local;
    RtTensor *room = NULL;
    if (call->nin > RT_MAX_IN) { // a long list
        int64_t bytes = call->nin * (int64_t)sizeof *in;
        room = rt_tensor_new(1, &bytes, RT_U8, (RtDevice){RT_CPU, 0});
        if (!room) return ERR_MEMORY;
        in = rt_tensor_data(room);
    }
    return run_kernel(call, first, dtype_rules[call->row->op], in, given);
}

static inline Status run_call(OpCall *call, RtTensor *const *given) {
    return profiling() ? run_profiled(call, given, run_row) : run_row(call, given);
}

Status rt_apply(RtOp op, RtTensor *const *in, int nin, const void *attrs, RtTensor *const *given,
                RtTensor **out) {
    const RtOpRow *row = row_of(op);
    if (row->nout == RT_LIST)
        return fail(ERR_TYPE, "%s gives a list: call rt_apply_list", row->name);
    RtTensor *targets[RT_MAX_OUT];
    for (int i = 0; i < row->nout; i++) { // given and out may be the same array
        targets[i] = given ? given[i] : NULL;
        out[i] = NULL;
    }
    OpCall call;
    call.row = row;
    call.attrs = attrs ? attrs : row->attrs->defaults;
    call.in = in;
    call.nin = nin;
    call.out = out;
    call.nout = row->nout;
    return run_call(&call, given ? targets : NULL);
}

Status rt_apply_list(RtOp op, RtTensor *const *in, int nin, const void *attrs, RtTensor ***out_list,
                     int *out_n) {
    const RtOpRow *row = row_of(op);
    if (row->nout != RT_LIST)
        return fail(ERR_TYPE, "%s does not give a list: call rt_apply", row->name);
    OpCall call = {.row = row, .attrs = attrs ? attrs : row->attrs->defaults, .in = in, .nin = nin};
    Status status = run_call(&call, NULL);
    if (status >= 0) {
        int64_t bytes = (call.nout ? call.nout : 1) * (int64_t)sizeof *call.out;
        RtTensor *room = rt_tensor_new(
            1, &bytes, RT_U8, (RtDevice){RT_CPU, 0}); // the array goes with the caller's scope
        if (room) {
            *out_list = memcpy(rt_tensor_data(room), call.out, (size_t)bytes);
            *out_n = call.nout;
        } else {
            status = ERR_MEMORY;
        }
    }
    mem_free(MEM_GENERAL, call.out);
    return status;
}
