// pack.h: a strided tensor to and from its elements in row-major order without gaps.
#pragma once

#include "rustorch.h"

void tensor_pack(const RtTensor *tensor, void *flat);
void tensor_unpack(const void *flat, RtTensor *tensor);
