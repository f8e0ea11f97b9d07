// tensor.h: inside the engine: tensors and scopes beyond what rustorch.h exports.
#pragma once

#include "rustorch.h"

#include "tensor/storage.h"

// Installed by rt_init; this folder knows nothing of the tape.
extern void (*tensor_autograd_clear)(RtTensor *tensor);

// A tensor over a storage (whose count the tensor takes over; dropped on failure). stride NULL: contiguous. Belongs to
// the open scope.
RtTensor *tensor_make(RtStorage *storage, int ndim, const int64_t *shape, const int64_t *stride, int64_t offset,
                      RtDtype dtype);
Status scope_add(RtTensor *tensor); // the scope takes over one count; dropped on failure
int64_t numel_checked(int ndim, const int64_t *shape, size_t element_bytes); // -1: negative size or overflow
