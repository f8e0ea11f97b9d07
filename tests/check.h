// check.h: what C tests of rustorch share, on top of cmocka.
//
// CHECK_OK(expr): a Status or pointer expression that must succeed; prints the recorded message if not.
// CHECK_FAILS(expr, ERR_SHAPE, "text"): it must fail with this code and a message that contains text.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/status.h"

#include <cmocka.h>
// cmocka's fail is a macro, ours a function; its fail_msg calls the macro.
#undef fail
#undef fail_msg
#define fail_msg(...)                                                                              \
    do {                                                                                           \
        print_error("ERROR: " __VA_ARGS__);                                                        \
        print_error("\n");                                                                         \
        _fail(__FILE__, __LINE__);                                                                 \
    } while (0)

#define CHECK_OK(expr_)                                                                            \
    do {                                                                                           \
        if ((expr_) < 0) fail_msg("%s failed: %s", #expr_, error_message());                       \
    } while (0)

#define CHECK_MADE(pointer_)                                                                       \
    do {                                                                                           \
        if (!(pointer_)) fail_msg("%s failed: %s", #pointer_, error_message());                    \
    } while (0)

#define CHECK_FAILS(expr_, code_, text_)                                                           \
    do {                                                                                           \
        error_clear();                                                                             \
        if ((intptr_t)(expr_) > 0) fail_msg("%s succeeded, but it must fail", #expr_);             \
        if (error_message()[0] == 0) fail_msg("%s left no message", #expr_);                       \
        if (error_code() != (code_))                                                               \
            fail_msg("%s: %s instead of %s: %s", #expr_, status_name(error_code()), status_name(code_), error_message()); \
        if (!strstr(error_message(), text_)) fail_msg("%s: no \"%s\" in: %s", #expr_, text_, error_message()); \
        error_clear();                                                                             \
    } while (0)
