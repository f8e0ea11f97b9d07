#include "tensor/tensor.h"

#include <string.h>

#include "base/pool.h"

static RtTensor none = {.count = 1 << 30, .dtype = RT_DTYPE_NONE};
RtTensor *const RT_NONE = &none;

void (*tensor_autograd_clear)(RtTensor *tensor);
static void (*wrapper_release)(void *wrapper);

void rt_set_wrapper_release(void (*release)(void *wrapper)) { wrapper_release = release; }

RtTensor *rt_tensor_keep(RtTensor *tensor) {
    atomic_fetch_add_explicit(&tensor->count, 1, memory_order_relaxed);
    return tensor;
}

void rt_tensor_drop(RtTensor *tensor) {
    if (!tensor || tensor == RT_NONE) return;
    if (atomic_fetch_sub_explicit(&tensor->count, 1, memory_order_acq_rel) != 1) return;
    if (tensor->wrapper && wrapper_release) wrapper_release(tensor->wrapper);
    if (tensor->autograd) tensor_autograd_clear(tensor);
    rt_tensor_drop(tensor->base);
    storage_drop(tensor->storage);
    pool_give(MEM_TENSOR, tensor, sizeof *tensor);
}

int64_t numel_checked(int ndim, const int64_t *shape, size_t element_bytes) {
    int64_t numel = 1, bytes;
    for (int i = 0; i < ndim; i++)
        if (shape[i] < 0) return -1;
    for (int i = 0; i < ndim; i++) {
        if (shape[i] == 0) return 0;
        if (__builtin_mul_overflow(numel, shape[i], &numel)) return -1;
    }
    return __builtin_mul_overflow(numel, (int64_t)element_bytes, &bytes) ? -1 : numel;
}

static _Thread_local __attribute__((tls_model("initial-exec"))) bool inference_on;

bool rt_inference(void) { return inference_on; }
void rt_set_inference(bool enabled) { inference_on = enabled; }

RtTensor *tensor_make(RtStorage *storage, int ndim, const int64_t *shape, const int64_t *stride, int64_t offset,
                      RtDtype dtype) {
    if (!storage) return NULL;
    RtTensor *tensor = pool_take(MEM_TENSOR, sizeof *tensor);
    if (!tensor) {
        storage_drop(storage);
        return NULL;
    }
    memset(tensor, 0, offsetof(RtTensor, shape));
    tensor->count = 1;
    tensor->dtype = (int8_t)dtype;
    tensor->ndim = (int8_t)ndim;
    tensor->device = storage->device;
    tensor->inference = inference_on;
    tensor->offset = offset;
    tensor->storage = storage;
    tensor->view_version = atomic_load_explicit(&storage->version, memory_order_relaxed);
    int64_t numel = 1;
    for (int i = ndim - 1; i >= 0; i--) {
        tensor->shape[i] = shape[i];
        tensor->stride[i] = stride ? stride[i] : numel;
        numel *= stride || shape[i] ? shape[i] : 1; // strides of an empty tensor as if its zero sizes were one
    }
    if (!stride)
        for (int i = 0; i < ndim; i++)
            if (shape[i] == 0) numel = 0;
    tensor->numel = numel;
    return scope_add(tensor) < 0 ? NULL : tensor;
}

RtTensor *rt_tensor_new(int ndim, const int64_t *shape, RtDtype dtype, RtDevice device) {
    if (ndim < 0 || ndim > RT_MAX_DIMS) {
        fail(ERR_SHAPE, "a tensor of %d dimensions was asked for: at most %d are possible", ndim, RT_MAX_DIMS);
        return NULL;
    }
    if (rt_device_check(device) < 0) return NULL;
    size_t element = rt_dtype_bytes(dtype);
    int64_t numel = numel_checked(ndim, shape, element);
    if (numel < 0) {
        for (int i = 0; i < ndim; i++)
            if (shape[i] < 0) {
                fail(ERR_SHAPE, "a size of %lld was asked for in dimension %d: sizes must be 0 or more",
                     (long long)shape[i], i);
                return NULL;
            }
        fail(ERR_MEMORY, "a tensor was asked for whose size in bytes does not fit in 63 bits");
        return NULL;
    }
    return tensor_make(storage_new((size_t)numel * element, device), ndim, shape, NULL, 0, dtype);
}

RtTensor *rt_tensor_wrap(void *data, size_t bytes, int ndim, const int64_t *shape, const int64_t *stride,
                         RtDtype dtype, RtDevice device, void (*release)(void *), void *context) {
    RtStorage *storage = NULL;
    if (ndim > RT_MAX_DIMS)
        fail(ERR_SHAPE, "an array of %d dimensions: at most %d are possible", ndim, RT_MAX_DIMS);
    else
        storage = storage_wrap(data, bytes, device, release, context);
    if (!storage) {
        if (release) release(context);
        return NULL;
    }
    return tensor_make(storage, ndim, shape, stride, 0, dtype);
}

RtTensor *rt_tensor_alias(RtTensor *tensor) {
    if (!tensor) return NULL;
    RtTensor *alias = tensor_make(storage_alias(tensor->storage), tensor->ndim, tensor->shape, tensor->stride,
                                  tensor->offset, (RtDtype)tensor->dtype);
    if (alias) alias->inference &= tensor->inference;
    return alias;
}

Status rt_tensor_set_data(RtTensor *tensor, RtTensor *source) {
    if (tensor->dtype != source->dtype && tensor->autograd && rt_requires_grad(tensor) &&
        rt_dtype_kind((RtDtype)source->dtype) != RT_KIND_FLOAT)
        return fail(ERR_DTYPE, "data: a tensor that requires a gradient cannot take data of dtype %s",
                    rt_dtype_name((RtDtype)source->dtype));
    RtStorage *storage = storage_keep(source->storage);
    storage_drop(tensor->storage);
    rt_tensor_drop(tensor->base);
    tensor->base = NULL;
    tensor->storage = storage;
    tensor->dtype = source->dtype;
    tensor->ndim = source->ndim;
    tensor->device = source->device;
    tensor->numel = source->numel;
    tensor->offset = source->offset;
    memcpy(tensor->shape, source->shape, sizeof tensor->shape);
    memcpy(tensor->stride, source->stride, sizeof tensor->stride);
    return OK;
}

bool rt_tensor_is_contiguous(const RtTensor *tensor) {
    if (tensor->numel == 0) return true;
    int64_t expected = 1;
    for (int i = tensor->ndim - 1; i >= 0; i--) {
        if (tensor->shape[i] == 1) continue;
        if (tensor->stride[i] != expected) return false;
        expected *= tensor->shape[i];
    }
    return true;
}

void *rt_tensor_data(const RtTensor *tensor) {
    return (char *)tensor->storage->data + tensor->offset * (int64_t)rt_dtype_bytes((RtDtype)tensor->dtype);
}

uint32_t rt_tensor_version(const RtTensor *tensor) { return tensor->storage->version; }
void rt_tensor_written(RtTensor *tensor) { atomic_fetch_add(&tensor->storage->version, 1); }

static float half_to_float(uint16_t bits) {
    _Float16 half;
    memcpy(&half, &bits, sizeof half);
    return (float)half;
}

static float bf16_to_float(uint16_t bits) {
    uint32_t wide = (uint32_t)bits << 16;
    float value;
    memcpy(&value, &wide, sizeof value);
    return value;
}

RtScalar rt_tensor_item(const RtTensor *tensor, int64_t index) {
    int64_t at = 0;
    for (int i = tensor->ndim - 1; i >= 0; i--) {
        at += index % tensor->shape[i] * tensor->stride[i];
        index /= tensor->shape[i];
    }
    const char *element = (const char *)rt_tensor_data(tensor) + at * (int64_t)rt_dtype_bytes((RtDtype)tensor->dtype);
    switch ((RtDtype)tensor->dtype) {
    case RT_BOOL: return (RtScalar){.kind = RT_SCALAR_BOOL, .i = *(const uint8_t *)element != 0};
    case RT_U8: return rt_int(*(const uint8_t *)element);
    case RT_I8: return rt_int(*(const int8_t *)element);
    case RT_I16: return rt_int(*(const int16_t *)element);
    case RT_I32: return rt_int(*(const int32_t *)element);
    case RT_I64: return rt_int(*(const int64_t *)element);
    case RT_F16: return rt_float(half_to_float(*(const uint16_t *)element));
    case RT_BF16: return rt_float(bf16_to_float(*(const uint16_t *)element));
    case RT_F32: return rt_float(*(const float *)element);
    default: return rt_float(*(const double *)element);
    }
}

static uint16_t float_to_bf16(float value) {
    uint32_t wide;
    memcpy(&wide, &value, sizeof wide);
    if ((wide & 0x7fffffff) > 0x7f800000) return 0x7fc0; // NaN
    return (uint16_t)((wide + 0x7fff + (wide >> 16 & 1)) >> 16);
}

RtTensor *rt_tensor_scalar(RtScalar value, RtDtype dtype, bool wrapped) {
    RtTensor *tensor = rt_tensor_new(0, NULL, dtype, (RtDevice){RT_CPU, 0});
    if (!tensor) return NULL;
    void *data = tensor->storage->data;
    tensor->wrapped = wrapped;
    switch (dtype) {
    case RT_BOOL: *(uint8_t *)data = rt_scalar_double(value) != 0; break;
    case RT_U8: *(uint8_t *)data = (uint8_t)rt_scalar_int(value); break;
    case RT_I8: *(int8_t *)data = (int8_t)rt_scalar_int(value); break;
    case RT_I16: *(int16_t *)data = (int16_t)rt_scalar_int(value); break;
    case RT_I32: *(int32_t *)data = (int32_t)rt_scalar_int(value); break;
    case RT_I64: *(int64_t *)data = rt_scalar_int(value); break;
    case RT_F16: {
        _Float16 half = (_Float16)rt_scalar_double(value);
        memcpy(data, &half, sizeof half);
        break;
    }
    case RT_BF16: *(uint16_t *)data = float_to_bf16((float)rt_scalar_double(value)); break;
    case RT_F32: *(float *)data = (float)rt_scalar_double(value); break;
    default: *(double *)data = rt_scalar_double(value); break;
    }
    return tensor;
}
