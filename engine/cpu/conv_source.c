#include "cpu/conv_source.h"

#include <string.h>

#include "cpu/convert.h"

void *conv_room(int64_t elements, RtDtype dtype) {
    RtTensor *room = rt_tensor_new(1, &elements, dtype, (RtDevice){RT_CPU, 0});
    return room ? rt_tensor_data(room) : NULL;
}

const void *conv_in_work(const RtTensor *x, const Types *types) {
    if (types->dtype == types->work) return rt_tensor_data(x);
    void *room = conv_room(x->numel, types->work);
    if (room) convert_run(room, types->work, rt_tensor_data(x), types->dtype, x->numel);
    return room;
}

void *conv_result(const OpCall *call, const Types *types) {
    return types->dtype == types->work ? rt_tensor_data(call->out[0])
                                       : conv_room(call->out[0]->numel, types->work);
}

void conv_hand_over(const OpCall *call, const Types *types, const void *result) {
    if (types->dtype != types->work)
        convert_run(rt_tensor_data(call->out[0]), types->dtype, result, types->work,
                    call->out[0]->numel);
}

int64_t source_planes(const Source *s) { return s->channels * s->phases[0] * s->phases[1]; }

// One row of a plane.
static void fill_row(const Source *s, const char *row, int64_t phase, size_t size, char *to) {
    // columns x with 0 ≤ x · step + phase − before < width
    int64_t shift = phase - s->before[1];
    int64_t begin = most(0, ceil_div(-shift, s->step[1]));
    int64_t end = least(s->pitch, ceil_div(s->size[1] - shift, s->step[1]));
    if (end < begin) begin = end = 0;
    memset(to, 0, (size_t)begin * size);
    if (begin < end) {
        const char *from = row + (begin * s->step[1] + shift) * (int64_t)rt_dtype_bytes(s->dtype);
        char *at = to + (size_t)begin * size;
        if (s->step[1] != 1 &&
            s->dtype == RT_F32) { // rows are short: a call costs more than they do
            for (int64_t i = 0; i < end - begin; i++)
                memcpy(at + i * 4, from + i * s->step[1] * 4, 4);
        } else if (s->step[1] != 1)
            convert_gather(at, s->work, from, s->dtype, s->step[1], end - begin);
        else if (s->dtype == s->work)
            memcpy(at, from, (size_t)(end - begin) * size);
        else
            convert_run(at, s->work, from, s->dtype, end - begin);
    }
    memset(to + (size_t)end * size, 0, (size_t)(s->pitch - end) * size);
}

void source_fill(const Source *s, const void *image, int64_t first, int64_t rows, int64_t tall,
                 void *to) {
    size_t size = rt_dtype_bytes(s->work), line = (size_t)s->pitch * size;
    int64_t row_bytes = s->size[1] * (int64_t)rt_dtype_bytes(s->dtype);
    char *plane = to;
    for (int64_t c = 0; c < s->channels; c++) {
        const char *channel = (const char *)image + c * s->size[0] * row_bytes;
        for (int64_t a = 0; a < s->phases[0]; a++) {
            for (int64_t b = 0; b < s->phases[1]; b++, plane += (size_t)tall * line) {
                for (int64_t r = 0; r < rows; r++) {
                    int64_t y = (first + r) * s->step[0] + a - s->before[0];
                    if (y < 0 || y >= s->size[0])
                        memset(plane + (size_t)r * line, 0, line);
                    else
                        fill_row(s, channel + y * row_bytes, b, size, plane + (size_t)r * line);
                }
                if (rows < tall) memset(plane + (size_t)rows * line, 0, (size_t)s->slack * size);
            }
        }
    }
    memset(plane, 0, (size_t)s->slack * size);
}
