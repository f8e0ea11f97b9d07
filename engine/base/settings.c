#include "base/settings.h"

#include <errno.h>
#include <stdlib.h>

#include "base/log.h"

static const SettingRow rows[SETTING_COUNT] = {
#define SETTING(name_, variable_, default_, meaning_)                                              \
    [SETTING_##name_] = {#name_, variable_, default_, meaning_},
#include "base/settings.def"
#undef SETTING
};

const SettingRow *setting_row(Setting setting) { return &rows[setting]; }

const char *setting_text(Setting setting) {
    const char *value = getenv(rows[setting].variable);
    return value && *value ? value : rows[setting].fallback;
}

int64_t setting_int(Setting setting, int64_t low, int64_t high, int64_t fallback) {
    const char *value = setting_text(setting);
    if (!*value) return fallback;
    char *end;
    errno = 0;
    long long number = strtoll(value, &end, 10);
    if (errno || *end || number < low || number > high) {
        log_warn("%s=%s is not a number from %lld to %lld: it is ignored", rows[setting].variable, value,
                 (long long)low, (long long)high);
        return fallback;
    }
    return number;
}
