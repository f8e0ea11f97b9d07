// The buffer protocol (PEP 3118): memoryview(tensor), bytes(tensor), and whoever asks for a buffer.
// As with arrays the buffer keeps a header of its own over the storage, since the tensor's object
// may be given another one.
#include "ext.h"

typedef struct BufferRoom {
    RtTensor *header;
    Py_ssize_t shape[RT_MAX_DIMS], stride[RT_MAX_DIMS];
} BufferRoom;

static char *buffer_format(RtDtype dtype) {
    static char *const formats[RT_DTYPE_COUNT] = {
        [RT_BOOL] = "?", [RT_U8] = "B",  [RT_I8] = "b",  [RT_I16] = "h", [RT_I32] = "i",
        [RT_I64] = "q",  [RT_F16] = "e", [RT_F32] = "f", [RT_F64] = "d", [RT_BF16] = NULL};
    return formats[dtype];
}

static bool contiguous_columns(const RtTensor *tensor) {
    int64_t expected = 1;
    for (int i = 0; i < tensor->ndim; i++) {
        if (tensor->shape[i] != 1 && tensor->stride[i] != expected) return false;
        expected *= tensor->shape[i];
    }
    return true;
}

// Why a request for this buffer cannot be met, or NULL.
static const char *buffer_refusal(RtTensor *tensor, int flags) {
    if (rt_requires_grad(tensor))
        return "a tensor that requires grad has no buffer: use tensor.detach()";
    if (tensor->device.type != RT_CPU)
        return "a tensor has a buffer on the CPU only: use tensor.cpu()";
    if (!buffer_format((RtDtype)tensor->dtype))
        return "bfloat16 has no buffer format: use tensor.float()";
    bool rows = rt_tensor_is_contiguous(tensor), columns = contiguous_columns(tensor);
    if ((flags & PyBUF_C_CONTIGUOUS) == PyBUF_C_CONTIGUOUS && !rows)
        return "the tensor is not C-contiguous";
    if ((flags & PyBUF_F_CONTIGUOUS) == PyBUF_F_CONTIGUOUS && !columns)
        return "the tensor is not Fortran contiguous";
    if ((flags & PyBUF_ANY_CONTIGUOUS) == PyBUF_ANY_CONTIGUOUS && !rows && !columns)
        return "the tensor is not contiguous";
    if ((flags & PyBUF_STRIDES) != PyBUF_STRIDES && !rows) return "the tensor is not contiguous";
    return NULL;
}

static int tensor_getbuffer(PyObject *self, Py_buffer *view, int flags) {
    view->obj = NULL;
    RtTensor *tensor = ext_tensor(self);
    if (!tensor) return -1;
    const char *why = buffer_refusal(tensor, flags);
    if (why) {
        PyErr_SetString(PyExc_BufferError, why);
        return -1;
    }
    RtScope scope;
    if (ext_status(rt_scope_open(&scope)) < 0) return -1;
    RtTensor *header = rt_tensor_alias(tensor);
    if (header) rt_tensor_keep(header);
    rt_scope_close(scope);
    BufferRoom *room = header ? PyMem_Malloc(sizeof *room) : NULL;
    if (!room) {
        rt_tensor_drop(header);
        header ? (void)PyErr_NoMemory() : (void)ext_raise();
        return -1;
    }
    Py_ssize_t item = (Py_ssize_t)rt_dtype_bytes((RtDtype)header->dtype);
    room->header = header;
    for (int i = 0; i < header->ndim; i++) {
        room->shape[i] = header->shape[i];
        room->stride[i] = header->stride[i] * item;
    }
    *view =
        (Py_buffer){.buf = rt_tensor_data(header),
                    .obj = Py_NewRef(self),
                    .len = header->numel * item,
                    .itemsize = item,
                    .format = flags & PyBUF_FORMAT ? buffer_format((RtDtype)header->dtype) : NULL,
                    .ndim = header->ndim,
                    .shape = flags & PyBUF_ND ? room->shape : NULL,
                    .strides = (flags & PyBUF_STRIDES) == PyBUF_STRIDES ? room->stride : NULL,
                    .internal = room};
    return 0;
}

static void tensor_releasebuffer(PyObject *Py_UNUSED(self), Py_buffer *view) {
    BufferRoom *room = view->internal;
    rt_tensor_drop(room->header);
    PyMem_Free(room);
}

void ext_array_slots(PyTypeObject *type) {
    static PyBufferProcs procs = {tensor_getbuffer, tensor_releasebuffer};
    type->tp_as_buffer = &procs;
}
