#include "interpreter.h"

#include <errno.h>
#include <stdio.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/settings.h"

static bool is_program(const char *path) {
    struct stat found;
    return stat(path, &found) == 0 && S_ISREG(found.st_mode) && access(path, X_OK) == 0;
}

static bool join_path(const char *folder, size_t length, const char *name, char out[PATH_MAX]) {
    int used = snprintf(out, PATH_MAX, "%.*s/%s", (int)length, folder, name);
    return used > 0 && used < PATH_MAX;
}

// The first folder of PATH that has one of `names`. Relative folders are passed over: what a
// program on them would be depends on where the user stands.
static Status search_path(const char *const *names, char out[PATH_MAX]) {
    const char *folder = getenv("PATH");
    while (folder && *folder) {
        size_t length = strcspn(folder, ":");
        for (const char *const *name = names; folder[0] == '/' && *name; name++)
            if (join_path(folder, length, *name, out) && is_program(out)) return OK;
        folder += length + (folder[length] == ':');
    }
    return fail(ERR_MISSING, "%s is not on PATH", names[0]);
}

Status program_on_path(const char *name, char out[PATH_MAX]) {
    return search_path((const char *const[]){name, NULL}, out);
}

Status mpirun_find(char out[PATH_MAX]) {
    if (search_path((const char *const[]){"mpirun.openmpi", "mpirun", NULL}, out) == OK) return OK;
    return fail(ERR_MISSING, "mpirun is not on PATH: more than one rank needs Open MPI (Debian and "
                             "Ubuntu: apt install openmpi-bin)");
}

static Status take_named(const char *given, const char *from, char out[PATH_MAX]) {
    if (!strchr(given, '/')) {
        if (program_on_path(given, out) == OK) return OK;
        return fail(ERR_MISSING, "%s: there is no program %s on PATH", from, given);
    }
    if (!is_program(given)) return fail(ERR_MISSING, "%s: %s is not a program", from, given);
    // absolute, because the worker may start elsewhere, but not resolved
    if (given[0] == '/' && strlen(given) < PATH_MAX) {
        memcpy(out, given, strlen(given) + 1);
        return OK;
    }
    char here[PATH_MAX];
    if (!getcwd(here, sizeof here)) return fail_errno(errno, "the current folder is not known");
    return join_path(here, strlen(here), given, out)
               ? OK
               : fail(ERR_VALUE, "%s: the path is too long", from);
}

// The python of the virtual environment whose bin `folder` is.
static bool environment_python(const char *folder, char out[PATH_MAX]) {
    char mark[PATH_MAX];
    return join_path(folder, strlen(folder), "../pyvenv.cfg", mark) && access(mark, R_OK) == 0 &&
           join_path(folder, strlen(folder), "python", out) && is_program(out);
}

// `called`: the folder by whose name this program was started, `real`: where it lies.
static Status find_python(const char *option, const char *called, const char *real,
                          char out[PATH_MAX]) {
    if (option) return take_named(option, "--python", out);
    const char *named = setting_text(SETTING_python), *active = getenv("VIRTUAL_ENV");
    if (*named) return take_named(named, "RUSTORCH_PYTHON", out);
    if (environment_python(called, out) || environment_python(real, out)) return OK;
    if (active && active[0] == '/' && join_path(active, strlen(active), "bin/python", out) &&
        is_program(out))
        return OK;
    if (join_path(called, strlen(called), "python3", out) && is_program(out)) return OK;
    if (join_path(real, strlen(real), "python3", out) && is_program(out)) return OK;
    if (program_on_path("python3", out) == OK || program_on_path("python", out) == OK) return OK;
    return fail(ERR_MISSING,
                "no Python found: neither beside rustorch-launch, nor VIRTUAL_ENV, nor "
                "python3 on PATH; name one with --python");
}

static void cut_to_folder(char *path) {
    char *slash = strrchr(path, '/');
    if (slash) *slash = 0;
}

Status programs_find(const char *python_option, Programs *out) {
    Programs found;
    char real[PATH_MAX], called[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", found.launcher, sizeof found.launcher - 1);
    if (length < 0) return fail_errno(errno, "/proc/self/exe cannot be read");
    found.launcher[length] = 0;
    memcpy(real, found.launcher, (size_t)length + 1);
    cut_to_folder(real);
    // a link in a virtual environment's bin means that environment
    const char *name = (const char *)getauxval(AT_EXECFN);
    if (!name || !strchr(name, '/') || take_named(name, "rustorch-launch", called) < 0)
        memcpy(called, found.launcher, (size_t)length + 1);
    cut_to_folder(called);
    if (!join_path(real, strlen(real), "rustorch-worker", found.worker) ||
        !is_program(found.worker))
        return fail(ERR_MISSING, "rustorch-worker is not beside %s: the installation is incomplete",
                    found.launcher);
    TRY(find_python(python_option, called, real, found.python));
    *out = found;
    return OK;
}
