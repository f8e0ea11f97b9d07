// Gates of recurrent layers: see cpu/rnn.h.
#include "cpu/rnn.h"

#include "cpu/isa/lanes.h"

typedef int32_t Bits_float __attribute__((vector_size(sizeof(Vec_float)), may_alias));

// Where |x| is small 1 - 2 / (e^2x + 1) cancels: there the polynomial of Cephes (Moshier) stands
// in.
LANES_INLINE Vec_float tanh_float(Vec_float x) {
    Vec_float z = x * x;
    Vec_float p = z * -5.70498872745e-3f + 2.06390887954e-2f;
    p = p * z - 5.37397155531e-2f;
    p = p * z + 1.33314422036e-1f;
    p = p * z - 3.33332819422e-1f;
    p = p * z * x + x;
    Vec_float far = 1.0f - 2.0f / (exp_float(x + x) + 1.0f);
    Bits_float near = (Bits_float)(z < 0.390625f); // |x| < 0.625
    return (Vec_float)((near & (Bits_float)p) | (~near & (Bits_float)far));
}
#ifdef ISA_avx512
Vec_double _ZGVeN8v_tanh(Vec_double);
#define TANH_D _ZGVeN8v_tanh
#elif defined(ISA_avx2)
Vec_double _ZGVdN4v_tanh(Vec_double);
#define TANH_D _ZGVdN4v_tanh
#else
Vec_double _ZGVbN2v_tanh(Vec_double);
#define TANH_D _ZGVbN2v_tanh
#endif
LANES_INLINE Vec_double tanh_double(Vec_double x) { return TANH_D(x); }

#define T float
#include "cpu/isa/rnn.inc"
#define T double
#include "cpu/isa/rnn.inc"

#define LINE(T_)                                                                                   \
    {                                                                                              \
        .lstm = lstm_##T_, .lstm_back = lstm_back_##T_, .gru = gru_##T_,                           \
        .gru_back = gru_back_##T_, .plain = plain_##T_, .plain_back = plain_back_##T_,             \
        .add = add_##T_,                                                                           \
    }
const RnnTable ISA_NAME(rnn_table) = {.of = {LINE(float), LINE(double)}};
