// log.h: what a developer asks to see. Silent unless RUSTORCH_LOG is warn, info or debug. One line a call, on standard
// error, prefixed with level, process and rank. Not for errors: those are returned (status.h).
#pragma once

#include "base/status.h"

typedef enum LogLevel { LOG_OFF, LOG_WARN, LOG_INFO, LOG_DEBUG } LogLevel;

RT_PLUGIN LogLevel log_level(void);
RT_PLUGIN void log_write(LogLevel level, const char *format, ...) RT_PRINTF(2, 3);
#define log_warn(...) log_write(LOG_WARN, __VA_ARGS__)
#define log_info(...) log_write(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_DEBUG, __VA_ARGS__)
