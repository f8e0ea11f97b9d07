#include "io/transform.h"

#include "cpu/parallel.h"
#include "ops/call.h"

static bool has_kernel(RtDtype dtype) {
    return dtype == RT_U8 || dtype == RT_F32 || dtype == RT_F64;
}

Status images_open(Images *images, RtTensor *x, const char *name, int ndim_least, bool any_dtype) {
    if (!x) return error_code();
    if (x->device.type != RT_CPU) return fail(ERR_DEVICE, "%s: images must be on the CPU", name);
    if (x->ndim < ndim_least)
        return fail(ERR_SHAPE,
                    "%s: an image has the shape (%sheight, width), with any dimensions before; the "
                    "tensor has (%s)",
                    name, ndim_least > 2 ? "channels, " : "…, ", shape_words(x));
    if (rt_grad_enabled() && rt_requires_grad(x))
        return fail(ERR_GRAD,
                    "%s: image transforms have no gradient, and the tensor requires one: detach() "
                    "it, or use the "
                    "functions of nn.functional",
                    name);
    *images = (Images){.given = (RtDtype)x->dtype};
    if (!any_dtype && !has_kernel(images->given)) {
        x = rt_cast(x, WITH(cast, .dtype = RT_F32));
        if (!x) return error_code();
    }
    images->x = x;
    images->height = x->shape[x->ndim - 2];
    images->width = x->shape[x->ndim - 1];
    images->row_stride = x->stride[x->ndim - 2];
    images->column_stride = x->stride[x->ndim - 1];
    images->nplanes = 1;
    for (int i = 0; i < x->ndim - 2; i++) images->nplanes *= x->shape[i];
    return OK;
}

const void *images_plane(const Images *images, int64_t plane) {
    const RtTensor *x = images->x;
    int64_t at = 0;
    for (int i = x->ndim - 3; i >= 0; i--) {
        at += plane % x->shape[i] * x->stride[i];
        plane /= x->shape[i];
    }
    return (const char *)rt_tensor_data(x) + at * (int64_t)rt_dtype_bytes((RtDtype)x->dtype);
}

int64_t images_channels(const Images *images) {
    const RtTensor *x = images->x;
    return x->ndim >= 3 ? x->shape[x->ndim - 3] : 1;
}

RtTensor *images_like(const Images *images, int64_t height, int64_t width) {
    const RtTensor *x = images->x;
    int64_t shape[RT_MAX_DIMS];
    for (int i = 0; i < x->ndim - 2; i++) shape[i] = x->shape[i];
    shape[x->ndim - 2] = height;
    shape[x->ndim - 1] = width;
    return rt_tensor_new(x->ndim, shape, (RtDtype)x->dtype, x->device);
}

RtTensor *images_finish(const Images *images, RtTensor *result) {
    if (!result || result->dtype == images->given) return result;
    if (rt_dtype_kind(images->given) != RT_KIND_FLOAT)
        result = rt_round(result, WITH(round, .decimals = 0));
    return rt_cast(result, WITH(cast, .dtype = images->given));
}

Status images_check_fill(const Images *images, const char *name, int nfill) {
    int64_t channels = images_channels(images);
    if (nfill <= 1 || nfill == channels) return OK;
    return fail(ERR_VALUE,
                "%s: the number of fill values (%d) does not match the number of channels of the "
                "image (%lld)",
                name, nfill, (long long)channels);
}

int64_t images_grain(int64_t work) {
    int64_t grain = PARALLEL_GRAIN / (work > 0 ? work : 1);
    return grain > 0 ? grain : 1;
}
