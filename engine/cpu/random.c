// Random tensors. Every element is a function of the seed and of its own row-major index: see
// tensor/random.h.
#include "cpu/random.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "cpu/backend.h"
#include "cpu/convert.h"
#include "cpu/loops.h"
#include "tensor/random.h"

#define TILE_BLOCKS 128
#define TILE_WORDS (TILE_BLOCKS * 4)
#define GRAIN_RANDOM 4096

// What the inner functions of this file are given.
typedef struct Draw {
    uint64_t seed, position;
    int words;          // an element takes
    double a, b, limit; // parameters of the distribution; the largest value allowed
    uint64_t span;      // integers: low + a number below span; 0: 2⁶⁴
    int64_t low;
    int bits; // of a uniform number: as many as the dtype holds
    RtDtype dtype;
} Draw;

static Draw draw_begin(const OpCall *call, int words) {
    Draw draw = {.words = words, .dtype = call->dtype[0]};
    draw.position = generator_take(ATTRS_OF(call, random)->generator,
                                   RANDOM_BLOCKS(call->out[0]->numel, words), &draw.seed);
    return draw;
}

static int words_of(RtDtype dtype) { return dtype == RT_F64 ? 2 : 1; }

// Cuts the run first … first + n into pieces that lie within TILE_BLOCKS blocks: one piece a call.
typedef struct Piece {
    int64_t done, n; // elements before this piece, and in it
    int64_t skip;    // words of the first block that belong to earlier elements
    int64_t blocks;
    uint32_t words[TILE_WORDS];
} Piece;

static Piece piece_none(void) {
    Piece piece; // the words are left as they are
    piece.done = piece.n = 0;
    return piece;
}

static bool piece_next(Piece *piece, const Draw *draw, int64_t first, int64_t n) {
    piece->done += piece->n;
    if (piece->done >= n) return false;
    int64_t word = (first + piece->done) * draw->words, block = word / 4;
    piece->skip = word % 4;
    int64_t fits = (TILE_WORDS - piece->skip) / draw->words;
    piece->n = n - piece->done < fits ? n - piece->done : fits;
    piece->blocks = (piece->skip + piece->n * draw->words + 3) / 4;
    ISA_PICK(random_loops)
        ->words(piece->words, draw->seed, draw->position + (uint64_t)block, piece->blocks);
    return true;
}

static void run_draw(const OpCall *call, LoopInner inner, const Draw *draw, RtDtype work) {
    loop_run(&(Loop){.inner = inner,
                     .context = draw,
                     .nout = 1,
                     .operand = {call->out[0]},
                     .work = {work},
                     .grain = GRAIN_RANDOM,
                     .in_order = true});
}

// -------------------------------------------------------------------------------------- uniform

// Computed as doubles. A rounding up to `b` would leave [a, b): limit is the number of the dtype
// below it.
static void inner_uniform(char *const *p, int64_t n, int64_t first, const void *context) {
    const Draw *draw = context;
    double scale = ldexp(draw->b - draw->a, -draw->bits);
    for (Piece piece = piece_none(); piece_next(&piece, draw, first, n);) {
        float room[TILE_WORDS];
        ISA_PICK(random_loops)
            ->uniforms32(room, piece.words, piece.blocks, draw->bits, draw->a, scale, draw->limit);
        memcpy((float *)p[0] + piece.done, room + piece.skip, (size_t)piece.n * sizeof *room);
    }
}

static void inner_uniform64(char *const *p, int64_t n, int64_t first, const void *context) {
    const Draw *draw = context;
    double width = draw->b - draw->a;
    for (Piece piece = piece_none(); piece_next(&piece, draw, first, n);) {
        const uint32_t *words = piece.words + piece.skip;
        for (int64_t i = 0; i < piece.n; i++) {
            uint64_t word = (uint64_t)words[2 * i + 1] << 32 | words[2 * i];
            double value = draw->a + (double)(int64_t)(word >> 11) * 0x1p-53 * width;
            ((double *)p[0])[piece.done + i] = value > draw->limit ? draw->limit : value;
        }
    }
}

// The largest number of the dtype below x (x itself rounded to the dtype first).
static double number_below(double x, RtDtype dtype) {
    if (dtype == RT_F64) return nextafter(x, -INFINITY);
    if (dtype == RT_F32) return (double)((float)x < x ? (float)x : nextafterf((float)x, -INFINITY));
    int16_t bits; // halves: neighbours in value are neighbours in bits, but for the sign
    double rounded;
    convert_run(&bits, dtype, &x, RT_F64, 1);
    convert_run(&rounded, RT_F64, &bits, dtype, 1);
    if (rounded >= x) {
        bits = (bits & 0x7fff) == 0 ? (int16_t)0x8001
               : bits < 0           ? (int16_t)(bits + 1)
                                    : (int16_t)(bits - 1);
        convert_run(&rounded, RT_F64, &bits, dtype, 1);
    }
    return rounded;
}

static Status run_uniform(OpCall *call, double from, double to) {
    if (!(from <= to) || !isfinite(to - from))
        return call_fail(
            call, ERR_VALUE,
            "a range from %g to %g is not possible: from must not be above to, and both finite",
            from, to);
    RtDtype dtype = call->dtype[0];
    Draw draw = draw_begin(call, words_of(dtype));
    draw.a = from;
    draw.b = to;
    draw.limit = from < to ? number_below(to, dtype) : to;
    draw.bits = dtype == RT_F16 ? 11 : dtype == RT_BF16 ? 8 : 24;
    run_draw(call, dtype == RT_F64 ? inner_uniform64 : inner_uniform, &draw, dtype_work(dtype));
    return OK;
}

Status cpu_rand(OpCall *call) { return run_uniform(call, 0, 1); }
Status cpu_uniform_(OpCall *call) {
    return run_uniform(call, ATTRS_OF(call, random)->from, ATTRS_OF(call, random)->to);
}

// -------------------------------------------------------------------------- normal, exponential

typedef void (*Shaped)(double *out, const uint32_t *words, int64_t n);

static void shaped_run(char *to, int64_t n, int64_t first, const Draw *draw, Shaped shaped,
                       RtDtype work) {
    for (Piece piece = piece_none(); piece_next(&piece, draw, first, n);) {
        double room[TILE_WORDS];
        shaped(room, piece.words, piece.blocks);
        const double *values = room + piece.skip / draw->words;
        const RandomLoops *loops = ISA_PICK(random_loops);
        if (work == RT_F64)
            loops->affine64((double *)to + piece.done, values, piece.n, draw->a, draw->b);
        else
            loops->affine32((float *)to + piece.done, values, piece.n, draw->a, draw->b);
    }
}

static void inner_normal32(char *const *p, int64_t n, int64_t first, const void *context) {
    shaped_run(p[0], n, first, context, ISA_PICK(random_loops)->normals32, RT_F32);
}
static void inner_normal64(char *const *p, int64_t n, int64_t first, const void *context) {
    shaped_run(p[0], n, first, context, ISA_PICK(random_loops)->normals64, RT_F64);
}
static void inner_exponential32(char *const *p, int64_t n, int64_t first, const void *context) {
    shaped_run(p[0], n, first, context, ISA_PICK(random_loops)->exponentials32, RT_F32);
}
static void inner_exponential64(char *const *p, int64_t n, int64_t first, const void *context) {
    shaped_run(p[0], n, first, context, ISA_PICK(random_loops)->exponentials64, RT_F64);
}

static Status run_normal(OpCall *call, double mean, double std) {
    if (!(std >= 0)) return call_fail(call, ERR_VALUE, "std must be 0 or more, but it is %g", std);
    RtDtype dtype = call->dtype[0];
    Draw draw = draw_begin(call, words_of(dtype));
    draw.a = mean;
    draw.b = std;
    run_draw(call, dtype == RT_F64 ? inner_normal64 : inner_normal32, &draw, dtype_work(dtype));
    return OK;
}

Status cpu_randn(OpCall *call) { return run_normal(call, 0, 1); }
Status cpu_normal(OpCall *call) {
    return run_normal(call, ATTRS_OF(call, random)->mean, ATTRS_OF(call, random)->std);
}
Status cpu_normal_(OpCall *call) { return cpu_normal(call); }

Status cpu_exponential_(OpCall *call) {
    double rate = ATTRS_OF(call, random)->lambd;
    if (!(rate > 0)) return call_fail(call, ERR_VALUE, "lambd must be above 0, but it is %g", rate);
    RtDtype dtype = call->dtype[0];
    Draw draw = draw_begin(call, words_of(dtype));
    draw.b = 1 / rate;
    run_draw(call, dtype == RT_F64 ? inner_exponential64 : inner_exponential32, &draw,
             dtype_work(dtype));
    return OK;
}

// ------------------------------------------------------------------------------------ bernoulli

static Status check_probability(const OpCall *call, double p) {
    if (!(p >= 0 && p <= 1))
        return call_fail(call, ERR_VALUE, "a probability must be between 0 and 1, but it is %g", p);
    return OK;
}

static void inner_bernoulli(char *const *p, int64_t n, int64_t first, const void *context) {
    const Draw *draw = context;
    for (Piece piece = piece_none(); piece_next(&piece, draw, first, n);) {
        const uint32_t *words = piece.words + piece.skip;
        for (int64_t i = 0; i < piece.n; i++)
            ((uint8_t *)p[0])[piece.done + i] = words[i] * 0x1p-32 < draw->a;
    }
}

Status cpu_bernoulli_(OpCall *call) {
    TRY(check_probability(call, ATTRS_OF(call, random)->p));
    Draw draw = draw_begin(call, 1);
    draw.a = ATTRS_OF(call, random)->p;
    run_draw(call, inner_bernoulli, &draw, RT_BOOL);
    return OK;
}

static void inner_bernoulli_each(char *const *p, int64_t n, int64_t first, const void *context) {
    const Draw *draw = context;
    const double *probability = (const double *)p[1];
    for (Piece piece = piece_none(); piece_next(&piece, draw, first, n);) {
        const uint32_t *words = piece.words + piece.skip;
        for (int64_t i = 0; i < piece.n; i++)
            ((uint8_t *)p[0])[piece.done + i] = words[i] * 0x1p-32 < probability[piece.done + i];
    }
}

static void inner_probabilities(char *const *p, int64_t n, int64_t first, const void *context) {
    (void)first;
    const double *probability = (const double *)p[0];
    _Atomic(double) *wrong = *(_Atomic(double) *const *)context;
    for (int64_t i = 0; i < n; i++)
        if (!(probability[i] >= 0 && probability[i] <= 1)) atomic_store(wrong, probability[i]);
}

static Status bernoulli_each(OpCall *call, RtTensor *probability) {
    _Atomic(double) wrong = 0, *wrong_at = &wrong;
    loop_run(&(Loop){.inner = inner_probabilities,
                     .context = &wrong_at,
                     .nin = 1,
                     .operand = {probability},
                     .work = {RT_F64}});
    TRY(check_probability(call, atomic_load(&wrong)));
    Draw draw = draw_begin(call, 1);
    loop_run(&(Loop){.inner = inner_bernoulli_each,
                     .context = &draw,
                     .nout = 1,
                     .nin = 1,
                     .operand = {call->out[0], probability},
                     .work = {RT_BOOL, RT_F64},
                     .grain = GRAIN_RANDOM,
                     .in_order = true});
    return OK;
}

Status cpu_bernoulli(OpCall *call) { return bernoulli_each(call, call->in[0]); }
Status cpu_bernoulli_tensor_(OpCall *call) { return bernoulli_each(call, call->in[1]); }

// ------------------------------------------------------------------------------------- integers

// The high half of a 64-bit word times the span: its bias is at most span / 2⁶⁴ (Lemire, 2019).
static uint64_t below_span(uint64_t word, uint64_t span) {
    __extension__ typedef unsigned __int128 Wide;
    return span ? (uint64_t)((Wide)word * span >> 64) : word;
}

static uint64_t word_at(const uint32_t *words, int64_t i) {
    return (uint64_t)words[2 * i + 1] << 32 | words[2 * i];
}

static void inner_randint(char *const *p, int64_t n, int64_t first, const void *context) {
    const Draw *draw = context;
    for (Piece piece = piece_none(); piece_next(&piece, draw, first, n);) {
        const uint32_t *words = piece.words + piece.skip;
        for (int64_t i = 0; i < piece.n; i++)
            ((int64_t *)p[0])[piece.done + i] =
                (int64_t)((uint64_t)draw->low + below_span(word_at(words, i), draw->span));
    }
}

// The integers that a dtype holds exactly; high is the largest of them.
static void exact_integers(RtDtype dtype, int64_t *low, int64_t *high) {
    switch (dtype) {
    case RT_BOOL: *low = 0, *high = 1; break;
    case RT_U8: *low = 0, *high = UINT8_MAX; break;
    case RT_I8: *low = INT8_MIN, *high = INT8_MAX; break;
    case RT_I16: *low = INT16_MIN, *high = INT16_MAX; break;
    case RT_I32: *low = INT32_MIN, *high = INT32_MAX; break;
    case RT_I64: *low = INT64_MIN, *high = INT64_MAX; break;
    case RT_F16: *low = -2048, *high = 2048; break;
    case RT_BF16: *low = -256, *high = 256; break;
    case RT_F32: *low = -(1 << 24), *high = 1 << 24; break;
    default: *low = -(INT64_C(1) << 53), *high = INT64_C(1) << 53;
    }
}

// low … last, both included.
static Status run_integers(OpCall *call, int64_t low, int64_t last) {
    int64_t least, most;
    exact_integers(call->dtype[0], &least, &most);
    bool is_int = rt_dtype_kind(call->dtype[0]) != RT_KIND_FLOAT;
    if (is_int && (low < least || last > most))
        return call_fail(call, ERR_VALUE, "%s cannot hold all integers from %lld to %lld",
                         rt_dtype_name(call->dtype[0]), (long long)low, (long long)last);
    Draw draw = draw_begin(call, 2);
    draw.low = low;
    draw.span = (uint64_t)last - (uint64_t)low + 1;
    run_draw(call, inner_randint, &draw, RT_I64);
    return OK;
}

Status cpu_randint(OpCall *call) {
    int64_t low = ATTRS_OF(call, random)->low, high = ATTRS_OF(call, random)->high;
    if (low >= high)
        return call_fail(call, ERR_VALUE, "low must be below high, but they are %lld and %lld",
                         (long long)low, (long long)high);
    return run_integers(call, low, high - 1);
}

Status cpu_random_(OpCall *call) {
    if (ATTRS_OF(call, random)->high != RT_INT_NONE) return cpu_randint(call);
    int64_t least, most;
    exact_integers(call->dtype[0], &least, &most);
    return run_integers(call, 0, most);
}

// Fisher and Yates, from the front: element i goes to a random place among the first i + 1.
static void shuffle(int64_t *order, int64_t n, uint64_t seed, uint64_t position) {
    uint32_t words[4];
    for (int64_t i = 0; i < n; i++) {
        if (i % 2 == 0) philox_block(seed, position + (uint64_t)(i / 2), words);
        int64_t j = (int64_t)below_span(word_at(words, i % 2), (uint64_t)i + 1);
        order[i] = order[j];
        order[j] = i;
    }
}

static void inner_copy(char *const *p, int64_t n, int64_t first, const void *context) {
    (void)first, (void)context;
    memcpy(p[0], p[1], (size_t)n * sizeof(int64_t));
}

Status cpu_randperm(OpCall *call) {
    RtTensor *out = call->out[0], *order = out;
    int64_t n = out->numel, least, most;
    exact_integers(call->dtype[0], &least, &most);
    if (n - 1 > most)
        return call_fail(call, ERR_VALUE, "%s cannot hold the integers up to %lld",
                         rt_dtype_name(call->dtype[0]), (long long)n - 1);
    bool direct = call->dtype[0] == RT_I64 && rt_tensor_is_contiguous(out);
    if (!direct) order = rt_tensor_new(1, &n, RT_I64, call->device);
    if (!order) return error_code();
    uint64_t seed,
        position = generator_take(ATTRS_OF(call, random)->generator, RANDOM_BLOCKS(n, 2), &seed);
    shuffle(rt_tensor_data(order), n, seed, position);
    if (!direct)
        loop_run(&(Loop){.inner = inner_copy,
                         .nout = 1,
                         .nin = 1,
                         .operand = {out, order},
                         .work = {RT_I64, RT_I64}});
    return OK;
}

// ---------------------------------------------------------------------------------- multinomial

// One row of weights, as doubles, and room to work in.
typedef struct Weights {
    int64_t n;
    double *weight, *key;
} Weights;

static Status check_weights(const OpCall *call, const Weights *weights, int64_t samples,
                            double *out_sum) {
    double sum = 0;
    int64_t possible = 0;
    for (int64_t i = 0; i < weights->n; i++) {
        double w = weights->weight[i];
        if (!(w >= 0 && w < INFINITY))
            return call_fail(call, ERR_VALUE,
                             "the weights must be finite and not negative, but one is %g", w);
        sum += w;
        possible += w > 0;
    }
    if (!(sum > 0 && sum < INFINITY))
        return call_fail(call, ERR_VALUE, "the sum of the weights must be positive, but it is %g",
                         sum);
    if (possible < samples)
        return call_fail(
            call, ERR_VALUE,
            "cannot sample %lld categories without replacement: only %lld have a positive weight",
            (long long)samples, (long long)possible);
    *out_sum = sum;
    return OK;
}

static double unit_of(uint64_t word) { return (double)(int64_t)(word >> 11) * 0x1p-53; }

// With replacement: u × sum falls into one of the partial sums.
static void sample_again(const Weights *weights, int64_t *out, int64_t samples, double sum,
                         uint64_t seed, uint64_t position) {
    double *partial = weights->key, so_far = 0;
    int64_t last = 0;
    for (int64_t i = 0; i < weights->n; i++) {
        so_far += weights->weight[i];
        partial[i] = so_far;
        if (weights->weight[i] > 0) last = i;
    }
    for (int64_t k = 0; k < samples; k++) {
        uint32_t words[4];
        philox_block(seed, position + (uint64_t)(k / 2), words);
        double at = unit_of(word_at(words, k % 2)) * sum;
        int64_t low = 0, high = last; // the first i with partial[i] > at; never one without weight
        while (low < high) {
            int64_t middle = low + (high - low) / 2;
            if (partial[middle] > at)
                high = middle;
            else
                low = middle + 1;
        }
        out[k] = low;
    }
}

// Without: the smallest of exponential numbers divided by the weights (Efraimidis and Spirakis,
// 2006), by a heap of the n smallest, so that many categories and few samples cost little.
static bool comes_before(const double *key, int64_t a, int64_t b) {
    return key[a] < key[b] || (key[a] == key[b] && a < b);
}

static void sift_down(const double *key, int64_t *heap, int64_t n, int64_t i) {
    for (;;) { // the last in order on top
        int64_t child = 2 * i + 1;
        if (child >= n) return;
        if (child + 1 < n && comes_before(key, heap[child], heap[child + 1])) child++;
        if (!comes_before(key, heap[i], heap[child])) return;
        int64_t swap = heap[i];
        heap[i] = heap[child];
        heap[child] = swap;
        i = child;
    }
}

static void sample_once(const Weights *weights, int64_t *out, int64_t samples, uint64_t seed,
                        uint64_t position) {
    double *key = weights->key;
    for (int64_t i = 0; i < weights->n; i += 2) {
        uint32_t words[4];
        double drawn[2];
        philox_block(seed, position + (uint64_t)(i / 2), words);
        random_loops_baseline.exponentials64(drawn, words, 1);
        for (int64_t k = 0; k < 2 && i + k < weights->n; k++)
            key[i + k] = weights->weight[i + k] > 0 ? drawn[k] / weights->weight[i + k] : INFINITY;
    }
    for (int64_t i = 0; i < samples; i++) out[i] = i;
    for (int64_t i = samples / 2; i-- > 0;) sift_down(key, out, samples, i);
    for (int64_t i = samples; i < weights->n; i++) {
        if (!comes_before(key, i, out[0])) continue;
        out[0] = i;
        sift_down(key, out, samples, 0);
    }
    for (int64_t n = samples; n > 1; n--) { // in the order in which they were drawn
        int64_t swap = out[0];
        out[0] = out[n - 1];
        out[n - 1] = swap;
        sift_down(key, out, n - 1, 0);
    }
}

Status cpu_multinomial(OpCall *call) {
    const RtAttrs_random *attrs = ATTRS_OF(call, random);
    RtTensor *in = call->in[0], *out = call->out[0];
    int64_t n = in->shape[in->ndim - 1], rows = in->ndim == 2 ? in->shape[0] : 1,
            samples = attrs->num_samples;
    RtTensor *room = rt_tensor_new(2, (int64_t[]){2, n}, RT_F64, call->device);
    if (!room) return error_code();
    Weights weights = {n, rt_tensor_data(room), (double *)rt_tensor_data(room) + n};
    uint64_t blocks = RANDOM_BLOCKS(attrs->replacement ? samples : n, 2), seed;
    uint64_t position = generator_take(attrs->generator, blocks * (uint64_t)rows, &seed);
    for (int64_t row = 0; row < rows; row++) {
        const char *source = (const char *)rt_tensor_data(in) +
                             (size_t)(row * n) * rt_dtype_bytes((RtDtype)in->dtype);
        int64_t *target = (int64_t *)rt_tensor_data(out) + row * samples;
        uint64_t at = position + (uint64_t)row * blocks;
        double sum = 0;
        convert_run(weights.weight, RT_F64, source, (RtDtype)in->dtype, n);
        TRY(check_weights(call, &weights, attrs->replacement ? 1 : samples, &sum));
        if (attrs->replacement)
            sample_again(&weights, target, samples, sum, seed, at);
        else
            sample_once(&weights, target, samples, seed, at);
    }
    return OK;
}

// ------------------------------------------------------------------------- counted events
// One uniform number an element. Outcomes are tried from the most likely one outwards, each taking
// its probability off the number, until nothing is left: exact, and some standard deviations of
// steps.

// The probability of k + 1 over that of k is up(k), of k - 1 over k is down(k).
typedef struct Steps {
    double rate;         // Poisson
    double trials, odds; // binomial: odds = p / (1 - p)
} Steps;

static double step_up(const Steps *s, double k) {
    return s->trials < 0 ? s->rate / (k + 1) : (s->trials - k) / (k + 1) * s->odds;
}
static double step_down(const Steps *s, double k) {
    return s->trials < 0 ? k / s->rate : k / (s->trials - k + 1) / s->odds;
}

static double pick_outcome(const Steps *s, double most, double probability, double u) {
    double high = most, low = most, p_high = probability, p_low = probability;
    u -= probability;
    while (u >= 0 && (p_high > 0 || p_low > 0)) {
        double next_high = p_high * step_up(s, high),
               next_low = low > 0 ? p_low * step_down(s, low) : 0;
        p_high = next_high;
        p_low = next_low;
        u -= p_high;
        high += 1;
        if (u < 0) return high;
        if (p_low <= 0) continue;
        u -= p_low;
        low -= 1;
        if (u < 0) return low;
    }
    return most; // what rounding left over
}

static double log_factorial(double n) {
    int sign;
    return lgamma_r(n + 1, &sign);
}

static double poisson_at(double rate, double u) {
    if (rate == 0) return 0;
    Steps steps = {.rate = rate, .trials = -1};
    double most = floor(rate);
    return pick_outcome(&steps, most, exp(most * log(rate) - rate - log_factorial(most)), u);
}

static double binomial_at(double trials, double p, double u) {
    if (p == 0 || trials == 0) return 0;
    if (p == 1) return trials;
    Steps steps = {.trials = trials, .odds = p / (1 - p)};
    double most = floor((trials + 1) * p);
    if (most > trials) most = trials;
    double logs = log_factorial(trials) - log_factorial(most) - log_factorial(trials - most);
    return pick_outcome(&steps, most, exp(logs + most * log(p) + (trials - most) * log1p(-p)), u);
}

static double unit_at(const uint32_t *words, int64_t i) {
    return (double)(int64_t)(word_at(words, i) >> 11) * 0x1p-53;
}

static void inner_poisson(char *const *p, int64_t n, int64_t first, const void *context) {
    const Draw *draw = context;
    for (Piece piece = piece_none(); piece_next(&piece, draw, first, n);)
        for (int64_t i = 0; i < piece.n; i++)
            ((double *)p[0])[piece.done + i] = poisson_at(((const double *)p[1])[piece.done + i],
                                                          unit_at(piece.words + piece.skip, i));
}

static void inner_binomial(char *const *p, int64_t n, int64_t first, const void *context) {
    const Draw *draw = context;
    for (Piece piece = piece_none(); piece_next(&piece, draw, first, n);)
        for (int64_t i = 0; i < piece.n; i++)
            ((double *)p[0])[piece.done + i] = binomial_at(((const double *)p[1])[piece.done + i],
                                                           ((const double *)p[2])[piece.done + i],
                                                           unit_at(piece.words + piece.skip, i));
}

static void inner_counts(char *const *p, int64_t n, int64_t first, const void *context) {
    (void)first;
    const double *count = (const double *)p[0];
    _Atomic(double) *wrong = *(_Atomic(double) *const *)context;
    for (int64_t i = 0; i < n; i++)
        if (!(count[i] >= 0 && count[i] < INFINITY)) atomic_store(wrong, count[i]);
}

// Negative, infinite or nan: no rate, and no number of trials.
static Status check_counts(const OpCall *call, RtTensor *counts, const char *what) {
    _Atomic(double) wrong = 0, *wrong_at = &wrong;
    loop_run(&(Loop){.inner = inner_counts,
                     .context = &wrong_at,
                     .nin = 1,
                     .operand = {counts},
                     .work = {RT_F64}});
    double found = atomic_load(&wrong);
    if (found != 0)
        return call_fail(call, ERR_VALUE, "%s must be 0 or more and finite, but one is %g", what,
                         found);
    return OK;
}

static Status run_events(OpCall *call, LoopInner inner) {
    Draw draw = draw_begin(call, 2);
    Loop loop = {.inner = inner,
                 .context = &draw,
                 .nout = 1,
                 .nin = call->nin,
                 .operand = {call->out[0], call->in[0]},
                 .work = {RT_F64, RT_F64, RT_F64},
                 .grain = 1024,
                 .in_order = true};
    if (call->nin > 1) loop.operand[2] = call->in[1];
    loop_run(&loop);
    return OK;
}

Status cpu_poisson(OpCall *call) {
    TRY(check_counts(call, call->in[0], "a rate"));
    return run_events(call, inner_poisson);
}

Status cpu_binomial(OpCall *call) {
    TRY(check_counts(call, call->in[0], "a number of trials"));
    _Atomic(double) wrong = 0, *wrong_at = &wrong;
    loop_run(&(Loop){.inner = inner_probabilities,
                     .context = &wrong_at,
                     .nin = 1,
                     .operand = {call->in[1]},
                     .work = {RT_F64}});
    TRY(check_probability(call, atomic_load(&wrong)));
    return run_events(call, inner_binomial);
}

// ---------------------------------------------------------------------------------------- gamma
// Marsaglia and Tsang: "A simple method for generating gamma variables" (2000). How many numbers a
// draw takes is not known before: the element's own word seeds a stream of its own (SplitMix64).

static double next_unit(uint64_t *state) { // in (0, 1)
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return ((double)(int64_t)((z ^ (z >> 31)) >> 12) + 0.5) * 0x1p-52;
}

static double gamma_at(double shape, uint64_t word) {
    uint64_t state = word;
    if (shape == 0) return 0;
    double power =
        shape < 1 ? log(next_unit(&state)) / shape : 0; // Gamma(a) = Gamma(a + 1) U^(1/a)
    double d = (shape < 1 ? shape + 1 : shape) - 1.0 / 3, c = 1 / sqrt(9 * d);
    for (;;) {
        double radius = sqrt(-2 * log(next_unit(&state))),
               x = radius * cos(2 * M_PI * next_unit(&state)), v = 1 + c * x;
        if (v <= 0) continue;
        v = v * v * v;
        if (log(next_unit(&state)) < x * x / 2 + d * (1 - v + log(v))) return d * v * exp(power);
    }
}

static void inner_gamma(char *const *p, int64_t n, int64_t first, const void *context) {
    const Draw *draw = context;
    for (Piece piece = piece_none(); piece_next(&piece, draw, first, n);)
        for (int64_t i = 0; i < piece.n; i++)
            ((double *)p[0])[piece.done + i] = gamma_at(((const double *)p[1])[piece.done + i],
                                                        word_at(piece.words + piece.skip, i));
}

Status cpu_standard_gamma(OpCall *call) {
    TRY(check_counts(call, call->in[0], "a shape parameter"));
    return run_events(call, inner_gamma);
}
