// walk.h: shared by sample.c (data) and walk.c (what is tested of each op).
#pragma once

#include "ops/cases.h"

typedef enum WalkLayout { LAYOUT_CONTIGUOUS, LAYOUT_TRANSPOSED, LAYOUT_STEPPED, LAYOUT_COUNT } WalkLayout;

double walk_random(uint64_t *state);
void sample_draw(Sample *sample, uint64_t seed);
void sample_free(Sample *sample);
RtDtype sample_dtype(const Sample *sample, int input, RtDtype dtype);
// Belongs to the open scope. x[input] becomes the values that the dtype can hold.
RtTensor *sample_tensor(Sample *sample, int input, RtDtype dtype, WalkLayout layout);
void sample_check_unchanged(const Sample *sample, int input, const RtTensor *tensor, const char *name);
