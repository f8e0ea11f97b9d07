#define _GNU_SOURCE
#include "mpirun.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "processes.h"

// ---- the command

typedef struct Words {
    char **words;
    size_t count, room;
    bool failed;
} Words;

static void words_add(Words *words, const char *word) {
    if (words->failed) return;
    if (words->count + 2 > words->room) {
        size_t room = words->room ? words->room * 2 : 64;
        char **grown = mem_resize(MEM_GENERAL, words->words, room * sizeof *grown);
        if (!grown) {
            words->failed = true;
            return;
        }
        words->words = grown;
        words->room = room;
    }
    char *copy = mem_text(MEM_GENERAL, word);
    words->failed = !copy;
    words->words[words->count] = copy;
    words->count += copy != NULL;
    words->words[words->count] = NULL;
}

static void words_add_setting(Words *words, const char *name, const char *value) {
    words_add(words, "--mca");
    words_add(words, name);
    words_add(words, value);
}

void mpirun_command_free(char **command) {
    for (char **word = command; word && *word; word++) mem_free(MEM_GENERAL, *word);
    mem_free(MEM_GENERAL, command);
}

char **mpirun_command(const Order *order, const char *mpirun) {
    const Options *options = order->options;
    Words words = {0};
    char number[16];
    snprintf(number, sizeof number, "%d", order->world.size);
    words_add(&words, mpirun);
    words_add(&words, "-np");
    words_add(&words, number);
    if (geteuid() == 0) words_add(&words, "--allow-run-as-root");
    words_add(&words, "--bind-to"); // each worker places itself
    words_add(&words, "none");
    words_add(&words, "--oversubscribe"); // how many ranks are too many has been decided
    // this machine alone, whatever allocation we are in: ranks of an allocation are started by
    // mpirun or srun
    words_add_setting(&words, "plm", "isolated");
    words_add_setting(&words, "ras", "^slurm,tm,gridengine,loadleveler,lsf,alps");
    words_add_setting(&words, "orte_default_hostfile", "none");
    if (!getenv("OMPI_MCA_oob_tcp_if_include") && !getenv("OMPI_MCA_oob_tcp_if_exclude"))
        words_add_setting(&words, "oob_tcp_if_include", "lo");
    words_add_setting(&words, "mpi_yield_when_idle", "1");
    words_add(&words, order->programs->launcher);
    if (options->log_dir) {
        words_add(&words, "--log-dir");
        words_add(&words, options->log_dir);
    }
    words_add(&words, "--python");
    words_add(&words, order->programs->python);
    if (options->as_torch) words_add(&words, "--as-torch");
    if (options->module) words_add(&words, "-m");
    words_add(&words, "--");
    for (char **word = options->script; *word; word++) words_add(&words, *word);
    if (!words.failed) return words.words;
    mpirun_command_free(words.words);
    return NULL;
}

// ---- the process

static void become_mpirun(char **command, pid_t parent, int out, int err) {
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) _exit(1);
    signals_restore();
    int nothing = open("/dev/null", O_RDONLY);
    dup2(nothing, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    execv(command[0], command);
    say("%s cannot be started: %s", command[0], strerror(errno));
    _exit(127);
}

Status mpirun_start(char **command, pid_t *out_pid, int out_streams[SCREEN_STREAMS]) {
    Status status = OK;
    int ends[SCREEN_STREAMS] = {-1, -1};
    pid_t parent = getpid();
    for (int i = 0; i < SCREEN_STREAMS; i++) {
        int pair[2];
        if (pipe2(pair, O_CLOEXEC) < 0) GUARD(fail_errno(errno, "no pipe for mpirun"));
        fcntl(pair[0], F_SETFL, O_NONBLOCK);
        out_streams[i] = pair[0];
        ends[i] = pair[1];
    }
    pid_t pid = fork();
    if (pid == 0) become_mpirun(command, parent, ends[SCREEN_OUT], ends[SCREEN_ERR]);
    if (pid < 0) GUARD(fail_errno(errno, "mpirun cannot be started"));
    *out_pid = pid;
out:
    for (int i = 0; i < SCREEN_STREAMS; i++)
        if (ends[i] >= 0) close(ends[i]);
    return status;
}

// ---- what it leaves behind

static void sweep_memory(uint32_t mpi_job) {
    const char *where = getenv("OMPI_MCA_btl_vader_backing_directory");
    if (!where || !*where) where = "/dev/shm";
    char mark[64]; // vader_segment.HOST.UID.JOB.RANK
    snprintf(mark, sizeof mark, ".%u.%x.", (unsigned)geteuid(), (unsigned)mpi_job);
    DIR *folder = opendir(where);
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        if (strncmp(entry->d_name, "vader_segment.", 14) || !strstr(entry->d_name, mark)) continue;
        char path[PATH_MAX];
        if (snprintf(path, sizeof path, "%s/%s", where, entry->d_name) < PATH_MAX) unlink(path);
    }
    if (folder) closedir(folder);
}

static int remove_entry(const char *path, const struct stat *about, int kind, struct FTW *walk) {
    (void)about, (void)kind, (void)walk;
    remove(path); // what cannot be removed is left to the next reboot, as without us
    return 0;
}

void mpirun_sweep(const char *session, uint32_t mpi_job) {
    if (mpi_job) sweep_memory(mpi_job);
    const char *last = strrchr(session, '/');
    if (!last || strncmp(last, "/pid.", 5) || !strstr(session, "/ompi.")) return;
    nftw(session, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    char above[PATH_MAX];
    if (snprintf(above, sizeof above, "%.*s", (int)(last - session), session) < PATH_MAX)
        rmdir(above); // only when no other job is in it
}
