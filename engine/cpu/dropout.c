// Dropout. Whether element i is kept is a function of the generator's seed and position and of i
// alone.
#include "cpu/dropout.h"

#include <string.h>

#include "cpu/backend.h"
#include "cpu/convert.h"
#include "cpu/parallel.h"
#include "tensor/random.h"

#define RUN                                                                                        \
    1024 // elements at a time; a multiple of 4, so that a Philox block never lies in two runs

typedef struct Dropout {
    const DropoutLoops *loops;
    RtDtype dtype;
    const char *x;
    char *y;
    bool *keep;
    int64_t n;
    bool drawn; // the mask is drawn here
    uint64_t seed, position;
    uint32_t threshold;
    double scale;
} Dropout;

static void apply(const Dropout *dropout, int64_t at, int64_t n) {
    const bool *keep = dropout->keep + at;
    int64_t bytes = (int64_t)rt_dtype_bytes(dropout->dtype);
    const void *x = dropout->x + at * bytes;
    void *y = dropout->y + at * bytes;
    float room[2][RUN];
    if (dropout->dtype == RT_F64) {
        dropout->loops->apply_f64(x, keep, y, n, dropout->scale);
    } else if (dropout->dtype == RT_F32) {
        dropout->loops->apply_f32(x, keep, y, n, dropout->scale);
    } else {
        convert_run(room[0], RT_F32, x, dropout->dtype, n);
        dropout->loops->apply_f32(room[0], keep, room[1], n, dropout->scale);
        convert_run(y, dropout->dtype, room[1], RT_F32, n);
    }
}

static void runs(void *context, int64_t begin, int64_t end, int chunk) {
    const Dropout *dropout = context;
    for (int64_t run = begin; run < end; run++) {
        int64_t at = run * RUN, n = dropout->n - at < RUN ? dropout->n - at : RUN, whole = n / 4;
        if (dropout->drawn) {
            uint64_t position = dropout->position + (uint64_t)(at / 4);
            bool last[4];
            dropout->loops->draw(dropout->seed, position, whole, dropout->threshold,
                                 dropout->keep + at);
            if (n % 4) {
                dropout->loops->draw(dropout->seed, position + (uint64_t)whole, 1,
                                     dropout->threshold, last);
                memcpy(dropout->keep + at + 4 * whole, last, (size_t)(n % 4));
            }
        }
        apply(dropout, at, n);
    }
    (void)chunk;
}

static Dropout dropout_of(const RtTensor *x, const RtTensor *keep, const RtTensor *y, double p) {
    return (Dropout){.loops = ISA_PICK(dropout_loops),
                     .dtype = (RtDtype)x->dtype,
                     .x = rt_tensor_data(x),
                     .y = rt_tensor_data(y),
                     .keep = rt_tensor_data(keep),
                     .n = x->numel,
                     .scale = p < 1 ? 1 / (1 - p) : 0};
}

Status cpu_native_dropout(OpCall *call) {
    const RtAttrs_dropout *attrs = ATTRS_OF(call, dropout);
    const RtTensor *x = call->in[0];
    double p = attrs->training ? attrs->p : 0;
    if (x->numel == 0) return OK;
    Dropout dropout = dropout_of(x, call->out[1], call->out[0], p);
    dropout.drawn = p > 0 && p < 1;
    if (dropout.drawn) {
        dropout.position =
            generator_take(attrs->generator, RANDOM_BLOCKS(x->numel, 1), &dropout.seed);
        dropout.threshold = (uint32_t)(p * 4294967296.0);
    } else {
        memset(dropout.keep, p < 1, (size_t)x->numel);
    }
    parallel_run((x->numel + RUN - 1) / RUN, PARALLEL_GRAIN / RUN / 2, runs, &dropout);
    return OK;
}

Status cpu_native_dropout_backward(OpCall *call) {
    const RtTensor *g = call->in[0];
    if (g->numel == 0) return OK;
    Dropout dropout = dropout_of(g, call->in[1], call->out[0], ATTRS_OF(call, dropout)->p);
    parallel_run((g->numel + RUN - 1) / RUN, PARALLEL_GRAIN / RUN, runs, &dropout);
    return OK;
}
