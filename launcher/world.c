#include "world.h"

#include <stdlib.h>
#include <string.h>

#include "base/settings.h"

typedef struct StarterRow {
    const char *name, *rank, *size, *local_rank, *local_size;
} StarterRow;

static const StarterRow starters[] = {
#define STARTER(name_, rank_, size_, local_rank_, local_size_)                                     \
    {name_, rank_, size_, local_rank_, local_size_},
#include "starters.def"
#undef STARTER
};

// A number ≥ 0 from the environment, or -1.
static int env_number(const char *variable) {
    const char *value = getenv(variable);
    if (!value || !*value) return -1;
    char *end;
    long number = strtol(value, &end, 10);
    return *end || number < 0 || number > 100000000 ? -1 : (int)number;
}

int slurm_tasks_on_node(const char *text, int node) {
    while (*text) {
        char *end;
        long tasks = strtol(text, &end, 10), times = 1;
        if (end == text || tasks < 0) return -1;
        if (strncmp(end, "(x", 2) == 0) {
            times = strtol(end + 2, &end, 10);
            if (times < 1 || *end != ')') return -1;
            end++;
        }
        if (node < times) return (int)tasks;
        node -= (int)times;
        if (*end && *end != ',') return -1;
        text = *end ? end + 1 : end;
    }
    return -1;
}

static void by_table(World *out) {
    for (size_t i = 0; i < sizeof starters / sizeof *starters; i++) {
        const StarterRow *row = &starters[i];
        World world = {.rank = env_number(row->rank),
                       .size = env_number(row->size),
                       .local_rank = env_number(row->local_rank),
                       .local_size = env_number(row->local_size),
                       .started = true,
                       .starter = row->name};
        if (world.rank < 0 || world.size < 0 || world.local_rank < 0 || world.local_size < 0)
            continue;
        *out = world;
        return;
    }
}

// In a batch script, outside any step, SLURM_PROCID is set too: only a step has a number of tasks.
static Status by_slurm(World *out) {
    int rank = env_number("SLURM_PROCID"), size = env_number("SLURM_STEP_NUM_TASKS");
    if (rank < 0 || size < 0) return OK;
    if (!getenv("PMIX_RANK")) {
        if (size == 1) return OK; // a step of one task, such as an interactive shell
        out->rank = rank;
        return fail(ERR_PEER,
                    "srun started %d tasks without PMIx, so each would be a job of one rank; "
                    "start them with: srun --mpi=pmix rustorch-launch ...",
                    size);
    }
    const char *tasks = getenv("SLURM_STEP_TASKS_PER_NODE");
    int node = env_number("SLURM_NODEID"), restart = env_number("SLURM_RESTART_COUNT");
    *out = (World){.rank = rank,
                   .size = size,
                   .local_rank = env_number("SLURM_LOCALID"),
                   .local_size = tasks && node >= 0 ? slurm_tasks_on_node(tasks, node) : -1,
                   .restart = restart < 0 ? 0 : restart,
                   .started = true,
                   .starter = "Slurm"};
    return OK;
}

World world_alone(void) {
    return (World){.size = 1, .local_size = 1, .starter = "rustorch-launch"};
}

Status world_find(World *out) {
    World world = *out = world_alone();
    // srun --mpi=pmi2 sets PMI_RANK as Hydra does, but no library we are built for answers to it;
    // under mpirun in a Slurm job the step's variables are those of its daemon
    bool step = getenv("SLURM_STEP_NUM_TASKS") && !getenv("OMPI_COMM_WORLD_RANK");
    if (!step)
        by_table(&world);
    else {
        Status status = by_slurm(&world);
        if (status < 0) {
            out->rank = world.rank;
            return status;
        }
    }
    if (!world.started && !step && getenv("PMIX_RANK"))
        return fail(ERR_PEER, "PMIX_RANK is set, but nothing says how many ranks there are; "
                              "start them with: mpirun -n N rustorch-launch ...");
    if (!world.started) return OK;
    if (world.size < 1 || world.rank >= world.size || world.local_rank < 0 ||
        world.local_rank >= world.local_size || world.local_size > world.size)
        return fail(ERR_PEER, "%s says rank %d of %d, local rank %d of %d: that cannot be",
                    world.starter, world.rank, world.size, world.local_rank, world.local_size);
    if (*setting_text(SETTING_restart))
        world.restart = (int)setting_int(SETTING_restart, 0, 1000000, 0);
    *out = world;
    return OK;
}

extern char **environ;

static bool starters_variable(const char *entry) {
    static const char *const prefixes[] = {"OMPI_COMM_WORLD_",
                                           "OMPI_MCA_orte_",
                                           "OMPI_MCA_ess",
                                           "OMPI_MCA_pmix=",
                                           "OMPI_APP_",
                                           "OMPI_UNIVERSE_",
                                           "OMPI_MCA_initial_",
                                           "OMPI_MCA_mpi_oversubscribe",
                                           "OMPI_COMMAND",
                                           "OMPI_ARGV",
                                           "OMPI_FIRST_RANKS",
                                           "OMPI_MCA_shmem_RUNTIME",
                                           "OMPI_NUM_APP",
                                           "PMIX_",
                                           "OMPI_FILE_LOCATION",
                                           "OMPI_MCA_rmaps_base_oversub",
                                           "PMI_",
                                           "MPI_LOCAL",
                                           "MV2_COMM_WORLD_",
                                           "PALS_"};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (strncmp(entry, prefixes[i], strlen(prefixes[i])) == 0) return true;
    return false;
}

void world_forget(void) {
    for (char **entry = environ; *entry;) {
        size_t length = strcspn(*entry, "=");
        char name[256];
        if (!starters_variable(*entry) || length >= sizeof name) {
            entry++;
            continue;
        }
        memcpy(name, *entry, length);
        name[length] = 0;
        unsetenv(name); // moves the next entry here
    }
    static const Setting ours[] = {SETTING_rank,       SETTING_world_size, SETTING_local_rank,
                                   SETTING_local_size, SETTING_report,     SETTING_job,
                                   SETTING_failed,     SETTING_restart};
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        unsetenv(setting_row(ours[i])->variable);
}
