// ops/rnn.h: what the rules, kernels and formulas of recurrent layers share.
#pragma once

#include "ops/call.h"

typedef enum RnnMode { RNN_TANH, RNN_RELU, RNN_LSTM, RNN_GRU } RnnMode; // as in ops/choices.def

int64_t rnn_gates(int mode);
// Numbers kept of each row for the gradient. lstm: the gates i, f, g, o and the cell; gru: r, z, n
// and the hidden part of n before r. The plain ones need nothing beside the output.
int64_t rnn_reserve(int mode, int64_t H);
