#define _GNU_SOURCE
#include "place.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cores.h"

typedef struct Core {
    int id, package, core;
} Core;

static int topology_number(int cpu, const char *name) {
    char path[128];
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/%s", cpu, name);
    FILE *file = fopen(path, "re");
    int number = 0;
    if (!file) return 0;
    if (fscanf(file, "%d", &number) != 1) number = 0;
    fclose(file);
    return number;
}

static int by_position(const void *left, const void *right) {
    const Core *a = left, *b = right;
    if (a->package != b->package) return a->package < b->package ? -1 : 1;
    if (a->core != b->core) return a->core < b->core ? -1 : 1;
    return a->id < b->id ? -1 : a->id > b->id;
}

// The cores that `process` (0: this one) may use; the count, or 0 if it cannot be read.
static int allowed_cores(pid_t process, int *out) {
    size_t bytes = CPU_ALLOC_SIZE(PLACE_MAX_CORES);
    cpu_set_t *set = CPU_ALLOC(PLACE_MAX_CORES);
    if (!set) return 0;
    int n = 0;
    if (sched_getaffinity(process, bytes, set) == 0)
        for (size_t cpu = 0; cpu < PLACE_MAX_CORES; cpu++)
            if (CPU_ISSET_S(cpu, bytes, set)) out[n++] = (int)cpu;
    CPU_FREE(set);
    return n;
}

static void sort_by_topology(int *cores, int n) {
    Core sorted[PLACE_MAX_CORES];
    for (int i = 0; i < n; i++)
        sorted[i] = (Core){cores[i], topology_number(cores[i], "physical_package_id"),
                           topology_number(cores[i], "core_id")};
    qsort(sorted, (size_t)n, sizeof *sorted, by_position);
    for (int i = 0; i < n; i++) cores[i] = sorted[i].id;
}

void place_divide(const int *cores, int ncores, int quota, int local_rank, int local_size,
                  Placement *out) {
    int each = ncores / local_size, more = ncores % local_size;
    int first = 0, n = ncores;
    out->shared = each == 0;
    out->bound = local_size > 1 && each > 0;
    if (out->bound) {
        first = local_rank * each + (local_rank < more ? local_rank : more);
        n = each + (local_rank < more);
    }
    memcpy(out->cores, cores + first, (size_t)n * sizeof *cores);
    out->ncores = n;
    int most = quota < ncores ? quota / local_size
                              : n; // a quota is the host's, and bounds all ranks together
    out->threads = out->shared || most < 1 ? 1 : most < n ? most : n;
}

Status place_rank(int local_rank, int local_size, Placement *out) {
    int own[PLACE_MAX_CORES], parent[PLACE_MAX_CORES];
    int nown = allowed_cores(0, own), nparent = allowed_cores(getppid(), parent);
    if (nown == 0)
        return fail(ERR_FAILED, "the cores of this process cannot be read: %s", strerror(errno));
    int quota = cores_allowed(); // ≤ nown; smaller when a control group limits it
    bool by_default =
        getenv("OMPI_MCA_orte_bound_at_launch") && !getenv("OMPI_MCA_hwloc_base_binding_policy");
    if (local_size > 1 && nparent > nown) {
        if (!by_default) {
            sort_by_topology(own, nown);
            place_divide(own, nown, quota, 0, 1, out);
            out->bound = true;
            return OK;
        }
        memcpy(own, parent, sizeof own);
        quota = quota < nown ? quota : nparent;
        nown = nparent;
    }
    sort_by_topology(own, nown);
    place_divide(own, nown, quota, local_rank, local_size, out);
    return OK;
}

Status place_apply(const Placement *placement) {
    size_t bytes = CPU_ALLOC_SIZE(PLACE_MAX_CORES);
    cpu_set_t *set = CPU_ALLOC(PLACE_MAX_CORES);
    if (!set) return fail(ERR_MEMORY, "no memory for a set of cores");
    CPU_ZERO_S(bytes, set);
    for (int i = 0; i < placement->ncores; i++) CPU_SET_S((size_t)placement->cores[i], bytes, set);
    int failed = sched_setaffinity(0, bytes, set);
    CPU_FREE(set);
    return failed ? fail_errno(errno, "the rank's cores cannot be set") : OK;
}

void place_text(const Placement *placement, Text *out) {
    text_add(out, placement->ncores == 1 ? "core " : "cores ");
    for (int i = 0; i < placement->ncores;) {
        int last = i;
        while (last + 1 < placement->ncores &&
               placement->cores[last + 1] == placement->cores[last] + 1)
            last++;
        text_addf(out, "%s%d", i ? "," : "", placement->cores[i]);
        if (last > i) text_addf(out, "-%d", placement->cores[last]);
        i = last + 1;
    }
    text_addf(out, ", %d thread%s%s", placement->threads, placement->threads == 1 ? "" : "s",
              placement->shared ? ", shared with other ranks" : "");
}
