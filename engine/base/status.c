#include "base/status.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/room.h"

#define RECORD (thread_room()->record)

static const struct {
    const char *name, *sentence;
} rows[ERR_ROW_COUNT] = {
    [0] = {"OK", "no error"},
#define ERR(code_, python_, sentence_) [ERR_ROW_##code_] = {"ERR_" #code_, sentence_},
#include "base/errors.def"
#undef ERR
};

Status fail_args(Status code, const char *format, va_list args) {
    RECORD.code = code;
    RECORD.number = 0;
    vsnprintf(RECORD.message, sizeof RECORD.message, format, args);
    return code;
}

Status fail(Status code, const char *format, ...) {
    va_list args;
    va_start(args, format);
    fail_args(code, format, args);
    va_end(args);
    return code;
}

Status fail_errno(int number, const char *format, ...) {
    va_list args;
    va_start(args, format);
    fail_args(number == ENOENT ? ERR_MISSING : ERR_FILE, format, args);
    va_end(args);
    size_t used = strlen(RECORD.message);
    snprintf(RECORD.message + used, sizeof RECORD.message - used, ": %s", strerror(number));
    RECORD.number = number;
    return RECORD.code;
}

Status error_code(void) { return RECORD.code ? RECORD.code : ERR_FAILED; }
const char *error_message(void) { return RECORD.message; }
int error_errno(void) { return RECORD.number; }

void error_clear(void) {
    RECORD.code = OK;
    RECORD.number = 0;
    RECORD.message[0] = 0;
}

void error_take(ErrorRecord *out) {
    *out = RECORD;
    error_clear();
}

void error_give(const ErrorRecord *given) { RECORD = *given; }

const char *status_name(Status code) {
    int row = -(int)code;
    return row >= 0 && row < ERR_ROW_COUNT ? rows[row].name : "unknown status";
}

const char *status_sentence(Status code) {
    int row = -(int)code;
    return row >= 0 && row < ERR_ROW_COUNT ? rows[row].sentence : "unknown status";
}
