#include "comm/header.h"

#include <stdio.h>
#include <string.h>

#include "comm/combine.h"

static const struct {
    const char *word, *parts;
} rows[COMM_OP_COUNT] = {
#define COLLECTIVE(name_, word_, parts_) {word_, parts_},
#include "comm/collective.def"
#undef COLLECTIVE
};

const char *collective_word(CommOp op) { return rows[op].word; }

bool header_same(const CommHeader *a, const CommHeader *b) {
    return a->magic == b->magic && a->group == b->group && a->op == b->op && a->dtype == b->dtype &&
           a->reduce == b->reduce && a->root == b->root && a->sequence == b->sequence &&
           a->count == b->count && a->extra == b->extra;
}

void header_text(const CommHeader *header, char *out, size_t room) {
    if (header->magic != HEADER_MAGIC || header->op >= COMM_OP_COUNT) {
        snprintf(out, room, "something that this version of rustorch does not know");
        return;
    }
    size_t used = (size_t)snprintf(out, room, "%s(", rows[header->op].word);
    const char *comma = "";
    for (const char *part = rows[header->op].parts; *part && used < room; part++) {
        char *end = out + used;
        size_t left = room - used;
        const char *dtype = header->dtype >= 0 && header->dtype < RT_DTYPE_COUNT
                                ? rt_dtype_name((RtDtype)header->dtype)
                                : "values";
        int wrote = 0;
        if (*part == 'd' && header->count >= 0)
            wrote = snprintf(end, left, "%s%lld %s", comma, (long long)header->count, dtype);
        else if (*part == 'd')
            wrote = snprintf(end, left, "%s%s", comma, dtype);
        else if (*part == 'o')
            wrote = snprintf(end, left, "%s%s", comma, reduce_word((RtReduceOp)header->reduce));
        else if (header->root < 0)
            wrote = snprintf(end, left, "%sfrom any rank", comma);
        else
            wrote = snprintf(end, left, "%s%s rank %d", comma, *part == 'f' ? "from" : "to",
                             header->root);
        used += (size_t)wrote;
        comma = ", ";
    }
    if (used < room) snprintf(out + used, room - used, ")");
}
