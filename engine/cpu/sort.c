// sort, topk, bincount.
//
// Elements become unsigned keys in whose order the elements are sorted: NaN last, -0 equal to 0,
// reversed for descending order. Keys are sorted by digits, from the lowest (a stable radix sort);
// digits in which all keys agree are skipped, so that narrow types and small numbers cost little.
// Short lines are merged. Lines are divided among threads.
#include "cpu/sort.h"

#include <string.h>

#include "cpu/backend.h"
#include "cpu/convert.h"
#include "cpu/copy.h"
#include "cpu/index_work.h"
#include "cpu/parallel.h"

static uint64_t key_of_double(double value) {
    if (value != value) return UINT64_MAX;
    if (value == 0) value = 0; // -0 as 0
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits >> 63 ? ~bits : bits | 1ull << 63;
}

static uint64_t key_of_float(float value) { // 32 bits: half the passes
    if (value != value) return UINT32_MAX;
    if (value == 0) value = 0;
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits >> 31 ? ~bits : bits | 1u << 31;
}

#define KEYS(key_, type_)                                                                          \
    for (int64_t i = 0; i < n; i++) {                                                              \
        type_ value = *(const type_ *)(line + i * step);                                           \
        items[i] = (Item){(key_) ^ flip, i};                                                       \
    }                                                                                              \
    break

void sort_read_keys(RtDtype dtype, const char *line, int64_t step, int64_t n, bool descending,
                    Item *items) {
    uint64_t flip = descending ? UINT64_MAX : 0;
    switch (dtype) {
    case RT_BOOL:
    case RT_U8: KEYS(value, uint8_t);
    case RT_I8: KEYS((uint64_t)(value + 128), int8_t);
    case RT_I16: KEYS((uint64_t)(value + 32768), int16_t);
    case RT_I32: KEYS((uint64_t)((int64_t)value + INT64_C(2147483648)), int32_t);
    case RT_I64: KEYS((uint64_t)value ^ 1ull << 63, int64_t);
    case RT_F16: KEYS(key_of_float(f32_of_f16(value)), RtF16);
    case RT_BF16: KEYS(key_of_float(f32_of_bf16(value)), RtBf16);
    case RT_F32: KEYS(key_of_float(value), float);
    default: KEYS(key_of_double(value), double);
    }
}

enum {
    FEW = 64,           // so many are kept in order by insertion
    MANY = 32768,       // from here on digits are of 11 bits
    MOST_DIGITS = 2048, // of 11 bits
};

// What the keys of a line have in common. Digits are taken of their distances from the least: those
// of signed numbers around 0 are small, while the numbers themselves differ in every bit.
typedef struct Span {
    uint64_t least, bits; // bits: those in which the distances differ
    bool sorted;
} Span;

static Span span_of(const Item *items, int64_t n) {
    Span span = {.least = items[0].key, .sorted = true};
    for (int64_t i = 1; i < n; i++) {
        span.sorted &= items[i - 1].key <= items[i].key;
        if (items[i].key < span.least) span.least = items[i].key;
    }
    for (int64_t i = 0; i < n; i++) span.bits |= items[i].key - span.least;
    return span;
}

static void sort_few(Item *items, int64_t n) { // by insertion: stable
    for (int64_t i = 1; i < n; i++) {
        Item item = items[i];
        int64_t at = i;
        for (; at > 0 && items[at - 1].key > item.key; at--) items[at] = items[at - 1];
        items[at] = item;
    }
}

// Runs that are in order, `run` long, become runs of twice the length. Which side gives the next
// item is a coin toss, so it is computed and not branched on.
static void merge_runs(const Item *items, Item *out, int64_t n, int64_t run) {
    for (int64_t begin = 0; begin < n; begin += 2 * run) {
        int64_t middle = begin + run < n ? begin + run : n,
                end = begin + 2 * run < n ? begin + 2 * run : n, a = begin, b = middle, at = begin;
        while (a < middle && b < end) {
            bool second = items[b].key < items[a].key;
            out[at++] = items[second ? b : a];
            b += second;
            a += !second;
        }
        while (a < middle) out[at++] = items[a++];
        while (b < end) out[at++] = items[b++];
    }
}

static Item *sort_merging(Item *items, Item *spare, int64_t n) {
    enum { RUN = 16 };
    for (int64_t at = 0; at < n; at += RUN) sort_few(items + at, n - at < RUN ? n - at : RUN);
    for (int64_t run = RUN; run < n; run *= 2) {
        merge_runs(items, spare, n, run);
        Item *swap = items;
        items = spare;
        spare = swap;
    }
    return items;
}

Item *sort_items(Item *items, Item *spare, int64_t n) {
    if (n <= 48) {
        sort_few(items, n);
        return items;
    }
    Span span = span_of(items, n);
    if (span.sorted) return items;
    int width = n < MANY ? 8 : 11, passes = 0;
    uint64_t digits = n < MANY ? 256 : MOST_DIGITS;
    for (int shift = 0; shift < 64; shift += width)
        passes += (span.bits >> shift & (digits - 1)) != 0;
    if (n < 24 * passes) return sort_merging(items, spare, n); // the counters would cost more
    for (int shift = 0; shift < 64; shift += width) {
        if ((span.bits >> shift & (digits - 1)) == 0) continue;
        int64_t start[MOST_DIGITS], sum = 0;
        memset(start, 0, digits * sizeof *start);
#define DIGIT(i_) ((items[i_].key - span.least) >> shift & (digits - 1))
        for (int64_t i = 0; i < n; i++) start[DIGIT(i)]++;
        for (uint64_t digit = 0; digit < digits; digit++) {
            int64_t count = start[digit];
            start[digit] = sum;
            sum += count;
        }
        for (int64_t i = 0; i < n; i++) spare[start[DIGIT(i)]++] = items[i];
        Item *swap = items;
        items = spare;
        spare = swap;
    }
    return items;
}

// By counting, digit by digit of the keys from the highest on: those that are still possible go to
// spare, and keep their order.
Item sort_select(const Item *items, Item *spare, int64_t n, int64_t k) {
    Span span = span_of(items, n);
    for (int shift = 56; shift >= 0 && n > 1; shift -= 8) {
        if ((span.bits >> shift & 255) == 0) continue;
        int64_t count[256] = {0}, kept = 0;
        uint64_t digits = 256, digit = 0;
        for (int64_t i = 0; i < n; i++) count[DIGIT(i)]++;
        while (k >= count[digit]) k -= count[digit++];
        for (int64_t i = 0; i < n; i++) {
            spare[kept] = items[i];
            kept += DIGIT(i) == digit;
        }
        items = spare;
        n = kept;
    }
    return items[k];
}
#undef DIGIT

// The k smallest keys, in order, for any k: what is not behind the last of them is picked out and
// sorted. Returns where they are.
static const Item *pick_many(Item *items, Item *spare, int64_t n, int64_t k) {
    Item last = sort_select(items, spare, n, k - 1);
    int64_t have = 0;
    for (int64_t i = 0; i < n && have < k; i++) {
        items[have] = items[i];
        have +=
            items[i].key < last.key || (items[i].key == last.key && items[i].index <= last.index);
    }
    return sort_items(items, spare, k);
}

// The k smallest keys, in order, by insertion into a list of k: for small k a line is little more
// than read.
static void pick_few(const Item *items, int64_t n, Item *best, int64_t k) {
    int64_t have = 0;
    for (int64_t i = 0; i < n; i++) {
        if (have == k && items[i].key >= best[k - 1].key) continue;
        int64_t at = have < k ? have++ : k - 1;
        for (; at > 0 && best[at - 1].key > items[i].key; at--) best[at] = best[at - 1];
        best[at] = items[i];
    }
}

typedef struct Lines {
    const RtTensor *x;
    RtTensor *values, *indices;
    int dim;
    int64_t n, k; // k: how much of a line is wanted
    bool descending;
    Item *room;
} Lines;

static void take_line(const Lines *lines, const char *line, int64_t step, const Item *items,
                      char *values, int64_t values_step, char *indices, int64_t indices_step) {
    size_t bytes = rt_dtype_bytes((RtDtype)lines->x->dtype);
    for (int64_t i = 0; i < lines->k; i++) {
        memcpy(values + i * values_step, line + items[i].index * step, bytes);
        *(int64_t *)(indices + i * indices_step) = items[i].index;
    }
}

static void sort_lines(void *context, int64_t begin, int64_t end, int chunk) {
    const Lines *lines = context;
    const RtTensor *x = lines->x;
    int64_t bytes = (int64_t)rt_dtype_bytes((RtDtype)x->dtype), n = lines->n;
    int64_t x_step = x->ndim ? x->stride[lines->dim] * bytes : bytes;
    int64_t values_step = x->ndim ? lines->values->stride[lines->dim] * bytes : bytes;
    int64_t indices_step = x->ndim ? lines->indices->stride[lines->dim] * 8 : 8;
    Item *items = lines->room + 2 * n * chunk, *spare = items + n;
    for (int64_t line = begin; line < end; line++) {
        int64_t at = line, in_x = 0, in_values = 0, in_indices = 0;
        for (int i = x->ndim - 1; i >= 0; i--) {
            if (i == lines->dim) continue;
            int64_t here = at % x->shape[i];
            at /= x->shape[i];
            in_x += here * x->stride[i];
            in_values += here * lines->values->stride[i];
            in_indices += here * lines->indices->stride[i];
        }
        const char *from = (const char *)rt_tensor_data(x) + in_x * bytes;
        sort_read_keys((RtDtype)x->dtype, from, x_step, n, lines->descending, items);
        const Item *sorted = spare;
        if (lines->k < n && lines->k <= FEW)
            pick_few(items, n, spare, lines->k);
        else if (lines->k < n / 2)
            sorted = pick_many(items, spare, n, lines->k);
        else
            sorted = sort_items(items, spare, n);
        take_line(lines, from, x_step, sorted,
                  (char *)rt_tensor_data(lines->values) + in_values * bytes, values_step,
                  (char *)rt_tensor_data(lines->indices) + in_indices * 8, indices_step);
    }
}

SortLines sort_lines_of(const RtTensor *x, int64_t dim) {
    SortLines lines = {.n = 1};
    if (x->ndim) {
        lines.dim = (int)(dim == RT_INT_NONE ? x->ndim - 1 : dim < 0 ? dim + x->ndim : dim);
        lines.n = x->shape[lines.dim];
    }
    lines.count = lines.n ? x->numel / lines.n : 0;
    lines.grain = lines.n >= 2048 || lines.n == 0 ? 1 : 2048 / lines.n;
    return lines;
}

Item *sort_room(const SortLines *lines) {
    int64_t bytes =
        (int64_t)sizeof(Item) * 2 * lines->n * parallel_chunks(lines->count, lines->grain);
    RtTensor *room = rt_tensor_new(1, &bytes, RT_U8, (RtDevice){RT_CPU, 0});
    return room ? rt_tensor_data(room) : NULL;
}

static Status order_lines(OpCall *call, int64_t k, bool descending) {
    RtTensor *x = call->in[0];
    SortLines along = sort_lines_of(x, ATTRS_OF(call, dim)->dim);
    Lines lines = {.x = x,
                   .values = call->out[0],
                   .indices = call->out[1],
                   .descending = descending,
                   .dim = along.dim,
                   .n = along.n,
                   .k = k};
    if (call->out[0]->numel == 0) return OK;
    if (!(lines.room = sort_room(&along))) return error_code();
    parallel_run(along.count, along.grain, sort_lines, &lines);
    return OK;
}

Status cpu_sort(OpCall *call) {
    const RtAttrs_dim *attrs = ATTRS_OF(call, dim);
    return order_lines(call, sort_lines_of(call->in[0], attrs->dim).n, attrs->descending);
}

Status cpu_topk(OpCall *call) {
    return order_lines(call, ATTRS_OF(call, dim)->k, ATTRS_OF(call, dim)->largest);
}

// ---------------------------------------------------------------------------------------- bincount

Status cpu_bincount(OpCall *call) {
    RtTensor *x = call->in[0], *weights = call->in[1], *out = call->out[0];
    const int64_t *at;
    TRY(index_load(call, x, &at));
    tensor_zero(out);
    void *sums = rt_tensor_data(out);
    if (!PRESENT(weights)) {
        for (int64_t i = 0; i < x->numel; i++) ((int64_t *)sums)[at[i]]++;
        return OK;
    }
    RtTensor *dense = tensor_dense(weights);
    if (!dense) return error_code();
    const void *weight = rt_tensor_data(dense);
    for (int64_t i = 0; i < x->numel; i++) {
        if (out->dtype == RT_F32)
            ((float *)sums)[at[i]] += ((const float *)weight)[i];
        else
            ((double *)sums)[at[i]] += ((const double *)weight)[i];
    }
    return OK;
}
