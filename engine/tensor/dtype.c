#include "rustorch.h"

#include <string.h>

static const struct {
    const char *name;
    size_t bytes;
    RtKind kind;
} rows[RT_DTYPE_COUNT] = {
#define DTYPE(name_, type_, kind_, bytes_, python_, letter_)                                       \
    [RT_##name_] = {#python_, sizeof(type_), RT_KIND_##kind_},
#include "tensor/dtype.def"
#undef DTYPE
};

static _Atomic int default_dtype = RT_F32;

size_t rt_dtype_bytes(RtDtype dtype) { return rows[dtype].bytes; }
RtKind rt_dtype_kind(RtDtype dtype) { return rows[dtype].kind; }
const char *rt_dtype_name(RtDtype dtype) { return dtype == RT_DTYPE_NONE ? "none" : rows[dtype].name; }

RtDtype rt_dtype_find(const char *name) {
    for (int dtype = 0; dtype < RT_DTYPE_COUNT; dtype++)
        if (strcmp(rows[dtype].name, name) == 0) return (RtDtype)dtype;
    return RT_DTYPE_NONE;
}

// As PyTorch's lattice: the higher kind wins; two integers go to the wider, u8 with a signed one to the next signed
// type that holds both; float16 with bfloat16 to float32.
RtDtype rt_dtype_promote(RtDtype a, RtDtype b) {
    if (a == b) return a;
    RtKind kind_a = rows[a].kind, kind_b = rows[b].kind;
    if (kind_a != kind_b) return kind_a > kind_b ? a : b;
    if ((a == RT_F16 && b == RT_BF16) || (a == RT_BF16 && b == RT_F16)) return RT_F32;
    if ((a == RT_U8 && b == RT_I8) || (a == RT_I8 && b == RT_U8)) return RT_I16;
    return rows[a].bytes != rows[b].bytes ? (rows[a].bytes > rows[b].bytes ? a : b) : (a > b ? a : b);
}

bool rt_dtype_can_cast(RtDtype from, RtDtype to) { return rows[from].kind <= rows[to].kind; }

RtDtype rt_default_dtype(void) { return (RtDtype)default_dtype; }

Status rt_set_default_dtype(RtDtype dtype) {
    if (dtype == RT_DTYPE_NONE || rows[dtype].kind != RT_KIND_FLOAT)
        return fail(ERR_DTYPE, "set_default_dtype: %s is not a floating-point dtype", rt_dtype_name(dtype));
    default_dtype = dtype;
    return OK;
}

double rt_scalar_double(RtScalar scalar) { return scalar.kind == RT_SCALAR_FLOAT ? scalar.f : (double)scalar.i; }

int64_t rt_scalar_int(RtScalar scalar) {
    if (scalar.kind != RT_SCALAR_FLOAT) return scalar.i;
    if (!(scalar.f > -9223372036854775808.0)) return INT64_MIN; // also NaN
    return scalar.f >= 9223372036854775808.0 ? INT64_MAX : (int64_t)scalar.f;
}

Status rt_device_parse(const char *text, RtDevice *out) {
    const char *colon = strchr(text, ':');
    size_t length = colon ? (size_t)(colon - text) : strlen(text);
    int index = 0;
    if (colon) {
        index = -1;
        if (colon[1] && strspn(colon + 1, "0123456789") == strlen(colon + 1) && strlen(colon + 1) < 4)
            for (const char *digit = colon + 1, *first = digit; *digit; digit++)
                index = (digit == first ? 0 : index * 10) + (*digit - '0');
    }
    int8_t type = length == 3 && !strncmp(text, "cpu", 3)    ? RT_CPU
                  : length == 4 && !strncmp(text, "cuda", 4) ? RT_CUDA
                                                             : RT_DEVICE_NONE;
    if (type == RT_DEVICE_NONE || index < 0 || index > 127)
        return fail(ERR_DEVICE, "\"%s\" is not a device: use \"cpu\", \"cuda\" or \"cuda:N\"", text);
    *out = (RtDevice){type, (int8_t)index};
    return OK;
}

Status rt_device_check(RtDevice device) {
    if (device.type == RT_CPU) return OK;
    return fail(ERR_DEVICE, "cuda:%d is not available: this build of rustorch has no CUDA plug-in", device.index);
}
