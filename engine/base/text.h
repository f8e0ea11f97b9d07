// text.h: a growing string. Text_add… report failure once: after one failed add all later ones do nothing, and
// text_status tells. text_clear may be called twice.
#pragma once

#include "base/memory.h"

typedef struct Text {
    char *chars; // NUL-terminated, or NULL while empty
    size_t length, room;
    bool failed;
} Text;

RT_PLUGIN void text_add(Text *text, const char *chars);
RT_PLUGIN void text_addn(Text *text, const char *chars, size_t length);
RT_PLUGIN void text_addf(Text *text, const char *format, ...) RT_PRINTF(2, 3);
RT_PLUGIN const char *text_chars(const Text *text); // never NULL
RT_PLUGIN Status text_status(const Text *text);
RT_PLUGIN void text_clear(Text *text);
