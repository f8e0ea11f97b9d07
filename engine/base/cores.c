#define _GNU_SOURCE
#include "base/cores.h"

#include <sched.h>
#include <stdio.h>
#include <unistd.h>

// The CPU quota of the control group in cores, rounded up, or 0 without one.
static int quota_cores(void) {
    FILE *file = fopen("/sys/fs/cgroup/cpu.max", "re");
    if (!file) return 0;
    long quota = 0, period = 0;
    int nread = fscanf(file, "%ld %ld", &quota, &period);
    fclose(file);
    return nread == 2 && quota > 0 && period > 0 ? (int)((quota + period - 1) / period) : 0;
}

int cores_online(void) {
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (int)n : 1;
}

int cores_allowed(void) {
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : cores_online();
    int quota = quota_cores();
    if (quota > 0 && quota < n) n = quota;
    return n > 0 ? n : 1;
}
