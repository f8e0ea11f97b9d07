// cores.h: how many cores this process may use, and which.
#pragma once

#include "base/status.h"

RT_PLUGIN int cores_allowed(void); // by affinity and cgroup quota, at least 1
RT_PLUGIN int cores_online(void);  // of the machine
