// status.h: one way to fail.
//
// A function that can fail returns Status (0 or a negative code), or a pointer that is NULL on failure. Whoever
// first knows what is wrong writes the message, once, with the values:
//
//     return fail(ERR_SHAPE, "linear: input (%s) does not fit weight (%s): ...", ...);
//
// Callers only pass the code on: TRY where nothing is held, GUARD to the one label `out:` where something is.
// Code and message live in a record of the calling thread; whoever handles an error clears it. Libraries never
// print, exit or abort. After a thread hands work to another, error_take and error_give carry the record across.
#pragma once

#include <stdarg.h>
#include <stddef.h>

#if defined(__GNUC__)
#define RT_API __attribute__((visibility("default")))
#define RT_PRINTF(format_, first_) __attribute__((format(printf, format_, first_)))
#endif
// What the plug-ins need of the library, beyond the public functions: see rustorch_plugin.h.
#define RT_PLUGIN __attribute__((visibility("default")))

enum ErrorRow {
    ERR_ROW_OK, // so that the codes start at -1
#define ERR(code_, python_, sentence_) ERR_ROW_##code_,
#include "base/errors.def"
#undef ERR
    ERR_ROW_COUNT,
};

typedef enum Status {
    OK = 0,
#define ERR(code_, python_, sentence_) ERR_##code_ = -(int)ERR_ROW_##code_,
#include "base/errors.def"
#undef ERR
} Status;

#define TRY(expr_)                                                                                 \
    do {                                                                                           \
        Status status_ = (expr_);                                                                  \
        if (status_ < 0) return status_;                                                           \
    } while (0)

// Needs `Status status` in scope and a label `out:`.
#define GUARD(expr_)                                                                               \
    do {                                                                                           \
        status = (expr_);                                                                          \
        if (status < 0) goto out;                                                                  \
    } while (0)

// Record code and message; returns the code. A message longer than 2,000 bytes is cut.
RT_PLUGIN Status fail(Status code, const char *format, ...) RT_PRINTF(2, 3);
RT_PLUGIN Status fail_args(Status code, const char *format, va_list args) RT_PRINTF(2, 0);
// As fail(ERR_FILE or ERR_MISSING, …) with ": <strerror>" added; error_errno tells the number.
RT_PLUGIN Status fail_errno(int number, const char *format, ...) RT_PRINTF(2, 3);

// The recorded code for a function that was handed a NULL; ERR_FAILED if nobody recorded one.
RT_PLUGIN Status error_code(void);
RT_PLUGIN const char *error_message(void); // "" when there is none; valid until the next fail of this thread
RT_PLUGIN int error_errno(void);           // errno that caused it, or 0
RT_PLUGIN void error_clear(void);

// A copy of the record that may travel to another thread.
typedef struct ErrorRecord {
    Status code;
    int number;
    char message[2048];
} ErrorRecord;
RT_PLUGIN void error_take(ErrorRecord *out); // copies the record of this thread and clears it
RT_PLUGIN void error_give(const ErrorRecord *record);

RT_PLUGIN const char *status_name(Status code);     // "ERR_SHAPE"
RT_PLUGIN const char *status_sentence(Status code); // "shapes do not fit together"
