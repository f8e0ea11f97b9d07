#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/settings.h"

LogLevel log_level(void) {
    static const char *names[] = {"off", "warn", "info", "debug"};
    const char *asked = setting_text(SETTING_log);
    for (int level = LOG_DEBUG; level > LOG_OFF; level--)
        if (strcmp(asked, names[level]) == 0) return (LogLevel)level;
    return LOG_OFF;
}

void log_write(LogLevel level, const char *format, ...) {
    static const char *words[] = {"", "warning", "info", "debug"};
    if (level > log_level()) return;
    char line[2048];
    int used = snprintf(line, sizeof line, "rustorch %s [%d]: ", words[level], (int)getpid());
    va_list args;
    va_start(args, format);
    vsnprintf(line + used, sizeof line - (size_t)used - 2, format, args);
    va_end(args);
    fprintf(stderr, "%s\n", line);
}
