#include "cpu/backend.h"

const Backend cpu_backend = {
    .name = "cpu",
    .kernel =
        {
#define KERNEL(name_, ...) [OP_##name_] = cpu_##name_,
#define VIEW(name_, ...)
#define MADE(name_, ...)
#include "ops/families.def"
#undef KERNEL
#undef VIEW
#undef MADE
        },
};
