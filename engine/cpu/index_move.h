// cpu/index_move.h: reading and writing the positions that an IndexPlan names.
//
// Negative positions count from the end; one out of bounds fails before anything is written. Reads
// are divided among threads; writes too, where they cannot meet: writes to one position happen in
// the order of the index, so that the last one stays, and sums are formed in that order. f16 and
// bf16 cannot be added up here: see sum_begin.
#pragma once

#include "ops/index_plan.h"

Status index_read(const OpCall *call, const IndexPlan *plan, RtTensor *self,
                  RtTensor *out); // out: of the result's shape
// values broadcast to the result's shape. add: self[…] += values, else self[…] = values.
Status index_write(const OpCall *call, const IndexPlan *plan, RtTensor *self, RtTensor *values,
                   bool add);
