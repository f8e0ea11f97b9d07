// index_plan.h: how index tensors and the dimensions of a tensor together make the shape of x[…].
//
// Used by the shape rules and the kernels of index, index_put and index_backward. A bool mask
// stands for as many dimensions as it has, and for one vector of positions in each; its trues are
// counted, so data is read.
#pragma once

#include "ops/call.h"

#define INDEX_MAX (RT_MAX_IN - 1)

typedef struct IndexPlan {
    int first, count;   // in[first] … in[first + count - 1] are the index tensors
    int dim[INDEX_MAX]; // the (first) dimension of self that each stands for
    uint32_t covered;   // bit d: dimension d of self is indexed
    RtShape where;      // what the indices broadcast to
    int at;             // the dimension of the result where `where` begins
    RtShape result;
} IndexPlan;

Status index_plan(const OpCall *call, const RtShape *self, int first, IndexPlan *out);
