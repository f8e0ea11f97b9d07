#include "base/text.h"

#include <stdio.h>
#include <string.h>

static bool make_room(Text *text, size_t more) {
    if (text->failed) return false;
    size_t need = text->length + more + 1;
    if (need <= text->room) return true;
    size_t room = text->room ? text->room * 2 : 128;
    while (room < need) room *= 2;
    char *chars = mem_resize(MEM_GENERAL, text->chars, room);
    if (!chars) {
        text->failed = true;
        return false;
    }
    text->chars = chars;
    text->room = room;
    return true;
}

void text_addn(Text *text, const char *chars, size_t length) {
    if (!make_room(text, length)) return;
    memcpy(text->chars + text->length, chars, length);
    text->length += length;
    text->chars[text->length] = 0;
}

void text_add(Text *text, const char *chars) { text_addn(text, chars, strlen(chars)); }

void text_addf(Text *text, const char *format, ...) {
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (length >= 0 && make_room(text, (size_t)length)) {
        vsnprintf(text->chars + text->length, (size_t)length + 1, format, again);
        text->length += (size_t)length;
    }
    va_end(again);
}

const char *text_chars(const Text *text) { return text->chars ? text->chars : ""; }
Status text_status(const Text *text) { return text->failed ? ERR_MEMORY : OK; }

void text_clear(Text *text) {
    mem_free(MEM_GENERAL, text->chars);
    *text = (Text){0};
}
