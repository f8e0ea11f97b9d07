// cpu/fill.h: one value into every element of a tensor of any layout.
#pragma once

#include "rustorch.h"

void fill_tensor(RtTensor *tensor, const void *element); // an element of the tensor's dtype
void number_element(RtScalar number, RtDtype dtype, char out[8]); // a number as an element
