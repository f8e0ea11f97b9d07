// settings.h: the environment variables that rustorch reads, one table (settings.def). Values are read when asked for.
#pragma once

#include <stdint.h>

#include "base/status.h"

typedef enum Setting {
#define SETTING(name_, variable_, default_, meaning_) SETTING_##name_,
#include "base/settings.def"
#undef SETTING
    SETTING_COUNT
} Setting;

typedef struct SettingRow {
    const char *name, *variable, *fallback, *meaning;
} SettingRow;

RT_PLUGIN const SettingRow *setting_row(Setting setting);
RT_PLUGIN const char *setting_text(Setting setting); // the value or the default; never NULL
// The value as an integer from low to high; a value that is none is a logged warning and `fallback`.
RT_PLUGIN int64_t setting_int(Setting setting, int64_t low, int64_t high, int64_t fallback);
