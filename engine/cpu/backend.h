// cpu/backend.h: the CPU's kernels, as the door sees them. A kernel is `Status cpu_NAME(OpCall *call)`; what it may
// rely on is said in ops/call.h.
#pragma once

#include "ops/call.h"

extern const Backend cpu_backend;

#define KERNEL(name_, ...) Status cpu_##name_(OpCall *call);
#define VIEW(name_, ...)
#define MADE(name_, ...)
#include "ops/families.def"
#undef KERNEL
#undef VIEW
#undef MADE
