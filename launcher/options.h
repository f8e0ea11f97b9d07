// options.h: the command line of rustorch-launch, from one table (options.def).
//
// Options stand before the script; whatever follows the script (or module) belongs to it and is
// never looked at.
// `--name value` and `--name=value`, `-n 4` and `-n4` are the same; `--` ends the options. Texts
// are borrowed from argv. An error is ERR_VALUE with one sentence that names the option, and the
// nearest name for an unknown one.
#pragma once

#include <stdbool.h>

#include "base/text.h"

typedef struct Options {
#define FIELD_FLAG(field_) bool field_
#define FIELD_NUMBER(field_) int field_ // -1: not given
#define FIELD_TEXT(field_) const char *field_
#define OPTION(kind_, field_, short_, long_, argument_, help_) FIELD_##kind_(field_);
#include "options.def"
#undef OPTION
#undef FIELD_FLAG
#undef FIELD_NUMBER
#undef FIELD_TEXT
    char **script; // the script or module and its arguments, NULL-terminated; script[0] may be NULL
} Options;

Status options_parse(int argc, char **argv, Options *out);
void options_help(Text *out); // one screen
