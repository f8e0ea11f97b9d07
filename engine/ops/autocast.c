#include "ops/autocast.h"

#include <stdint.h>

#include "tensor/tensor.h"

// A leaf that was cast, and its copy in the low precision.
typedef struct Cast {
    RtTensor *leaf, *low; // both counted
    uint32_t version;     // of the leaf, when it was cast
} Cast;

typedef struct Autocast {
    RtAutocast mode;
    Cast *casts; // open addressing, `room` a power of two
    int64_t n, room;
} Autocast;

static _Thread_local __attribute__((tls_model("initial-exec"))) Autocast local = {
    .mode = {.cache = true, .dtype = RT_BF16}};

RtAutocast rt_autocast(void) { return local.mode; }

static void casts_clear(void) {
    Cast *casts = local.casts;
    int64_t room = local.room;
    local.casts = NULL;
    local.n = local.room = 0;
    for (int64_t i = 0; i < room; i++) {
        rt_tensor_drop(casts[i].low);
        rt_tensor_drop(casts[i].leaf);
    }
    mem_free(MEM_TAPE, casts);
}

Status rt_autocast_set(RtAutocast mode, bool forget) {
    if (mode.enabled && mode.dtype != RT_BF16 && mode.dtype != RT_F16)
        return fail(ERR_TYPE, "autocast: the low precision must be bfloat16 or float16, not %s",
                    rt_dtype_name(mode.dtype));
    if (forget) casts_clear();
    local.mode = mode;
    return OK;
}

bool autocast_pause(void) {
    bool before = local.mode.enabled;
    local.mode.enabled = false;
    return before;
}

void autocast_resume(bool before) { local.mode.enabled = before; }

static Cast *cast_slot(Cast *casts, int64_t room, const RtTensor *leaf) {
    uint64_t at = ((uintptr_t)leaf >> 4) * 0x9E3779B97F4A7C15u >> 32;
    for (;; at++) {
        Cast *cast = &casts[at & (uint64_t)(room - 1)];
        if (!cast->leaf || cast->leaf == leaf) return cast;
    }
}

static Status casts_grow(void) {
    int64_t room = local.room ? local.room * 2 : 64;
    Cast *casts = mem_zalloc(MEM_TAPE, (size_t)room * sizeof *casts);
    if (!casts) return ERR_MEMORY;
    for (int64_t i = 0; i < local.room; i++)
        if (local.casts[i].leaf) *cast_slot(casts, room, local.casts[i].leaf) = local.casts[i];
    mem_free(MEM_TAPE, local.casts);
    local.casts = casts;
    local.room = room;
    return OK;
}

// A weight is used in every step of a loop, and cast once.
static RtTensor *cast_cached(RtTensor *leaf) {
    uint32_t version = rt_tensor_version(leaf);
    if (local.n * 2 >= local.room && casts_grow() < 0) return NULL;
    Cast *cast = cast_slot(local.casts, local.room, leaf);
    if (cast->leaf && cast->version == version) return cast->low;
    RtTensor *low = rt_cast(leaf, WITH(cast, .dtype = local.mode.dtype));
    if (!low) return NULL;
    if (cast->leaf)
        rt_tensor_drop(cast->low);
    else
        local.n++, cast->leaf = rt_tensor_keep(leaf);
    cast->low = rt_tensor_keep(low);
    cast->version = version;
    return low;
}

static bool is_eligible(const RtTensor *x) {
    return PRESENT(x) && !x->wrapped && rt_dtype_kind((RtDtype)x->dtype) == RT_KIND_FLOAT &&
           x->dtype != RT_F64;
}

static RtDtype dtype_for(const OpCall *call) {
    bool f32 = false, f16 = false, bf16 = false;
    switch (call->row->cast) {
    case RT_CAST_LOW: return local.mode.dtype;
    case RT_CAST_F32: return RT_F32;
    case RT_CAST_RANGE: return local.mode.dtype == RT_F16 ? RT_F32 : RT_DTYPE_NONE;
    case RT_CAST_WIDEST:
        for (int i = 0; i < call->nin; i++) {
            if (!is_eligible(call->in[i])) continue;
            f32 = f32 || call->in[i]->dtype == RT_F32;
            f16 = f16 || call->in[i]->dtype == RT_F16;
            bf16 = bf16 || call->in[i]->dtype == RT_BF16;
        }
        return f32 || (f16 && bf16) ? RT_F32 : RT_DTYPE_NONE;
    default: return RT_DTYPE_NONE;
    }
}

Status autocast_inputs(const OpCall *call, bool (*is_leaf)(const RtTensor *), RtTensor **in) {
    RtDtype dtype = dtype_for(call);
    for (int i = 0; i < call->nin; i++) {
        RtTensor *x = in[i] = call->in[i];
        if (dtype == RT_DTYPE_NONE || !is_eligible(x) || x->dtype == (int8_t)dtype) continue;
        bool cached = local.mode.cache && dtype == local.mode.dtype && !x->base && is_leaf(x) &&
                      rt_grad_enabled();
        in[i] = cached ? cast_cached(x) : rt_cast(x, WITH(cast, .dtype = dtype));
        if (!in[i]) return error_code();
    }
    return OK;
}
