// rustorch_plugin.h: what a plug-in sees beyond rustorch.h.
//
// A plug-in is a shared object beside librustorch.so, opened when it is first needed. It exports one symbol,
// `rt_plugin`, which fills the vtable that the caller hands over. The caller names the package to install when the
// file is absent or does not open.
#pragma once

#include "rustorch.h"

#include "base/log.h"
#include "base/memory.h"
#include "base/settings.h"
#include "base/text.h"

// `vtable` is a struct that the opener and the plug-in agree on by header; `bytes` its size, checked by the plug-in so
// that a stale file is an error and not a crash.
typedef Status (*RtPluginEntry)(void *vtable, size_t bytes);

typedef struct RtPluginName {
    const char *name;    // "mpi": the file is rustorch_mpi.so
    const char *feature; // "multi-process communication over MPI"
    const char *package; // "openmpi-bin (Debian, Ubuntu)"
} RtPluginName;

// Opens the plug-in once and fills vtable. A second call with another vtable fills that one. ERR_PLUGIN says what is
// missing and what to install.
RT_PLUGIN Status plugin_open(const RtPluginName *name, void *vtable, size_t bytes);
// "found", or why not; for show_config. Opens nothing: looks for the file only.
RT_PLUGIN bool plugin_present(const char *name);
