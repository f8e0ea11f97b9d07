// The table at run time: rows, their attribute structs, and rt_NAME for each row.
#include "ops/call.h"

#include <string.h>

#include "ops/door.h"

#define CHOICES(name_, words_) [RT_FIELD_CHOICE_##name_] = words_,
static const char *const choice_words[RT_FIELD_COUNT] = {
#include "ops/choices.def"
};
#undef CHOICES

const char *rt_choice_words(RtFieldType type) { return choice_words[type]; }

// Attribute structs: one RtAttrsRow each, with offsets and defaults.
#define F(type_, field_, default_) {#field_, RT_FIELD_##type_, (int)offsetof(This, field_)},
#define ATTRS(name_, fields_)                                                                      \
    static RtAttrsRow attrs_row_##name_;                                                           \
    static void attrs_init_##name_(void) {                                                         \
        typedef RtAttrs_##name_ This;                                                              \
        static const RtFieldRow fields[] = {fields_};                                              \
        static This defaults;                                                                      \
        defaults = rt_defaults_##name_();                                                          \
        attrs_row_##name_ = (RtAttrsRow){#name_, sizeof(This), sizeof fields / sizeof *fields, fields, &defaults}; \
    }
#include "ops/attrs.def"
#undef ATTRS
#undef F

#define NEED(...) {__VA_ARGS__}
#define X0 (1 << 0)
#define X1 (1 << 1)
#define X2 (1 << 2)
#define X3 (1 << 3)
#define X4 (1 << 4)
#define X5 (1 << 5)
#define X6 (1 << 6)
#define X7 (1 << 7)
#define X8 (1 << 8)
#define X9 (1 << 9)
#define X10 (1 << 10)
#define X11 (1 << 11)
#define Y0 (1 << 12)
#define Y1 (1 << 13)
#define Y2 (1 << 14)
#define Y3 (1 << 15)
#define NONE RT_FLAG_NONE
#define INPLACE RT_FLAG_INPLACE
#define OUT RT_FLAG_OUT
#define DENSE RT_FLAG_DENSE
#define NOFUNC RT_FLAG_NOFUNC
#define NOMETHOD RT_FLAG_NOMETHOD
#define OVERWRITES RT_FLAG_OVERWRITES
#define HIDDEN RT_FLAG_HIDDEN
#define N RT_LIST
#define GRAD true
#define FLAT false
#define KEEP RT_CAST_KEEP
#define LOW RT_CAST_LOW
#define F32 RT_CAST_F32
#define RANGE RT_CAST_RANGE
#define WIDEST RT_CAST_WIDEST

static RtOpRow rows[OP_COUNT] = {
#define KERNEL(name_, nin_, nout_, attrs_, shape_, dtype_, cast_, grad_, needs_, flags_, signatures_, doc_) \
    [OP_##name_] = {OP_##name_, RT_ROW_KERNEL, #name_, __FILE_NAME__, nin_, nout_, &attrs_row_##attrs_, cast_, grad_, \
                    needs_, flags_, signatures_, doc_},
#define VIEW(name_, nin_, nout_, attrs_, grad_, needs_, flags_, signatures_, doc_)                 \
    [OP_##name_] = {OP_##name_, RT_ROW_VIEW, #name_, __FILE_NAME__, nin_, nout_, &attrs_row_##attrs_, KEEP, grad_, \
                    needs_, flags_, signatures_, doc_},
#define MADE(name_, nin_, nout_, attrs_, flags_, signatures_, doc_)                                \
    [OP_##name_] = {OP_##name_, RT_ROW_MADE, #name_, __FILE_NAME__, nin_, nout_, &attrs_row_##attrs_, KEEP, false, \
                    NEED(0), flags_, signatures_, doc_},
#include "ops/families.def"
#undef KERNEL
#undef VIEW
#undef MADE
};

#undef N
#undef X0
#undef KEEP

static char families[OP_COUNT][16];

void rows_init(void) {
#define ATTRS(name_, fields_) attrs_init_##name_();
#include "ops/attrs.def"
#undef ATTRS
    for (int op = 0; op < OP_COUNT; op++) { // "elementwise.def" → "elementwise"
        size_t length = strcspn(rows[op].family, ".");
        if (length > sizeof families[op] - 1) length = sizeof families[op] - 1;
        memcpy(families[op], rows[op].family, length);
        rows[op].family = families[op];
    }
}

const RtOpRow *rt_op_row(int op) { return op >= 0 && op < OP_COUNT ? &rows[op] : NULL; }
int rt_op_count(void) { return OP_COUNT; }
const RtOpRow *row_of(RtOp op) { return &rows[op]; }

// rt_NAME: packs its arguments and goes through the door.
#define PACK_0 NULL, 0
#define PACK_1 (RtTensor *[]){a}, 1
#define PACK_2 (RtTensor *[]){a, b}, 2
#define PACK_3 (RtTensor *[]){a, b, c}, 3
#define PACK_4 (RtTensor *[]){a, b, c, d}, 4
#define PACK_5 (RtTensor *[]){a, b, c, d, e}, 5
#define PACK_6 (RtTensor *[]){a, b, c, d, e, f}, 6
#define PACK_7 (RtTensor *[]){a, b, c, d, e, f, g}, 7
#define PACK_9 (RtTensor *[]){a, b, c, d, e, f, g, h, i}, 9
#define PACK_N list, n
#define PASS_ATTRS_Y &attrs
#define PASS_ATTRS_N NULL

#define BODY_1(name_, nin_, pass_)                                                                 \
    {                                                                                              \
        RtTensor *out[1] = {NULL};                                                                 \
        return rt_apply(OP_##name_, PACK_##nin_, pass_, NULL, out) < 0 ? NULL : out[0];            \
    }
#define BODY_MANY(name_, nin_, pass_, assign_)                                                     \
    {                                                                                              \
        RtTensor *out[RT_MAX_OUT];                                                                 \
        TRY(rt_apply(OP_##name_, PACK_##nin_, pass_, NULL, out));                                  \
        assign_;                                                                                   \
        return OK;                                                                                 \
    }
#define BODY_2(name_, nin_, pass_) BODY_MANY(name_, nin_, pass_, (*out_0 = out[0], *out_1 = out[1]))
#define BODY_3(name_, nin_, pass_)                                                                 \
    BODY_MANY(name_, nin_, pass_, (*out_0 = out[0], *out_1 = out[1], *out_2 = out[2]))
#define BODY_4(name_, nin_, pass_)                                                                 \
    BODY_MANY(name_, nin_, pass_, (*out_0 = out[0], *out_1 = out[1], *out_2 = out[2], *out_3 = out[3]))
#define BODY_N(name_, nin_, pass_)                                                                 \
    { return rt_apply_list(OP_##name_, PACK_##nin_, pass_, out_list, out_n); }

#define DEFINE(name_, nin_, nout_, attrs_)                                                         \
    RT_FUNCTION(name_, nin_, nout_, attrs_)                                                        \
    BODY_##nout_(name_, nin_, RT_CAT(PASS_ATTRS_, RT_HAS_ATTRS(attrs_)))
#define KERNEL(name_, nin_, nout_, attrs_, ...) DEFINE(name_, nin_, nout_, attrs_)
#define VIEW(name_, nin_, nout_, attrs_, ...) DEFINE(name_, nin_, nout_, attrs_)
#define MADE(name_, nin_, nout_, attrs_, ...) DEFINE(name_, nin_, nout_, attrs_)
#include "ops/families.def"
#undef KERNEL
#undef VIEW
#undef MADE
