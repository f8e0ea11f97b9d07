// room.h: memory of the calling thread that is too large for a thread-local variable.
//
// The thread-local variables of librustorch.so have to fit in what the C library keeps free for libraries that are
// opened late: about 1 KB, for all such libraries together. What is larger lives here, behind one pointer a thread, and
// goes when the thread ends.
#pragma once

#include "base/status.h"

typedef struct ThreadRoom {
    ErrorRecord record;
    char words[8][400]; // short texts for messages: see thread_words
    unsigned next_words;
} ThreadRoom;

ThreadRoom *thread_room(void); // never NULL: where memory is out, such threads share one
// 400 bytes that stay valid until the eighth next call on this thread.
RT_PLUGIN char *thread_words(void);
