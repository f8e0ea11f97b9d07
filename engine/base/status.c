#include "base/status.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static _Thread_local ErrorRecord record;

static const struct {
    const char *name, *sentence;
} rows[ERR_ROW_COUNT] = {
    [0] = {"OK", "no error"},
#define ERR(code_, python_, sentence_) [ERR_ROW_##code_] = {"ERR_" #code_, sentence_},
#include "base/errors.def"
#undef ERR
};

Status fail_args(Status code, const char *format, va_list args) {
    record.code = code;
    record.number = 0;
    vsnprintf(record.message, sizeof record.message, format, args);
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
    size_t used = strlen(record.message);
    snprintf(record.message + used, sizeof record.message - used, ": %s", strerror(number));
    record.number = number;
    return record.code;
}

Status error_code(void) { return record.code ? record.code : ERR_FAILED; }
const char *error_message(void) { return record.message; }
int error_errno(void) { return record.number; }

void error_clear(void) {
    record.code = OK;
    record.number = 0;
    record.message[0] = 0;
}

void error_take(ErrorRecord *out) {
    *out = record;
    error_clear();
}

void error_give(const ErrorRecord *given) { record = *given; }

const char *status_name(Status code) {
    int row = -(int)code;
    return row >= 0 && row < ERR_ROW_COUNT ? rows[row].name : "unknown status";
}

const char *status_sentence(Status code) {
    int row = -(int)code;
    return row >= 0 && row < ERR_ROW_COUNT ? rows[row].sentence : "unknown status";
}
