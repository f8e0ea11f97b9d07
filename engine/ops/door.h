// door.h: what rt_init installs in the door, and what the door shares with the rest of the engine.
//
// The door (apply.c) is below the tape and the backends: it reaches them through these pointers.
#pragma once

#include "ops/call.h"

typedef struct Recorder {
    bool (*wanted)(RtTensor *const *in, int nin);   // gradients are on, and one of the inputs takes part in them
    // May `target` be written, in place or as out=?
    Status (*check_write)(const OpCall *call, RtTensor *target, bool wanted, bool inplace);
    // After the kernel ran. in: the inputs as the kernel saw them (in-place: in[0] is a clone if the gradient needs it).
    Status (*record)(OpCall *call, RtTensor *const *in, bool inplace);
    Status (*sync_view)(RtTensor *view); // a view whose base was written to: work out its place in the graph again
    bool (*is_leaf)(const RtTensor *tensor); // one that wants a gradient
} Recorder;

extern const Backend *door_backends[2]; // by RtDeviceType; NULL: not there
extern Recorder door_recorder;

// profiled.c: run(call, given), and what it took is told to the profiler.
Status run_profiled(OpCall *call, RtTensor *const *given, Status (*run)(OpCall *call, RtTensor *const *given));

void rows_init(void);
const RtOpRow *row_of(RtOp op);
