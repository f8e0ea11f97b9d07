// rustorch-worker PYTHON file|module TARGET [arguments]: one rank's process. rustorch-launch starts
// it on its cores and with its environment set; what is left to do is to be the Python that PYTHON
// names, running the target.
//
// Where that Python comes with a shared library the worker embeds it: it opens the library, so that
// extension modules find its symbols, and calls its main with PYTHON as the program's name, from
// which Python derives its environment (prefix, site-packages, sys.executable) as if it had been
// started by that path. Where there is none the worker executes PYTHON. The arguments are the same,
// so the behaviour is too. Py_BytesMain is part of Python's stable ABI since 3.8, so one worker
// serves every version: it is built against none.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"

#include "bootstrap.inc" // static const char bootstrap[]: the text of bootstrap.py

typedef int (*MainFunction)(int argc, char **argv);
typedef const char *(*VersionFunction)(void);

enum { EXIT_NO_PYTHON = 127, FIXED_WORDS = 3 };

// Of /usr/bin/python3.11 the version "3.11", of anything else (python3, a shell script in front of
// it) NULL.
static const char *version_of(const char *program) {
    const char *name = strrchr(program, '/');
    if (!name || strncmp(name, "/python3.", 9)) return NULL;
    const char *version = name + strlen("/python");
    return version[2 + strspn(version + 2, "0123456789")] ? NULL : version;
}

// The main function of the shared library that belongs to the interpreter `python`, or NULL.
static MainFunction open_python(const char *python) {
    static const char *const folders[] = {"lib", "lib64", ("lib/" RUSTORCH_MULTIARCH)};
    char real[PATH_MAX];
    const char *version = realpath(python, real) ? version_of(real) : NULL;
    if (!version) return NULL;
    int prefix = (int)(strrchr(real, '/') - real);
    while (prefix > 0 && real[--prefix] != '/') {
    } // without /bin
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        char path[PATH_MAX + 64];
        snprintf(path, sizeof path, "%.*s/%s/libpython%s.so.1.0", prefix, real, folders[i],
                 version);
        if (access(path, R_OK) < 0) continue;
        void *library = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
        if (!library) {
            log_info("%s", dlerror());
            continue;
        }
        MainFunction run = (MainFunction)dlsym(library, "Py_BytesMain");
        VersionFunction library_version = (VersionFunction)dlsym(library, "Py_GetVersion");
        size_t length = strlen(version);
        // several builds may share one name; 3.11 must not answer for 3.1
        if (run && library_version && strncmp(library_version(), version, length) == 0 &&
            library_version()[length] == '.') {
            log_info("embedding %s", path);
            return run;
        }
    }
    return NULL;
}

// bootstrap.py in a file without a name: as an argument it would fill the screen of everyone who
// looks with ps.
static int bootstrap_file(void) {
    int file = memfd_create("rustorch-worker", MFD_CLOEXEC);
    size_t done = 0, all = sizeof bootstrap - 1;
    while (file >= 0 && done < all) {
        ssize_t wrote = write(file, bootstrap + done, all - done);
        if (wrote < 0 && errno != EINTR) return -1;
        if (wrote > 0) done += (size_t)wrote;
    }
    if (file >= 0) lseek(file, 0, SEEK_SET);
    return file;
}

int main(int argc, char **argv) {
    if (argc < 4 || (strcmp(argv[2], "file") && strcmp(argv[2], "module"))) {
        fprintf(stderr, "usage: rustorch-worker PYTHON file|module TARGET [arguments]; "
                        "rustorch-launch starts it\n");
        return 2;
    }
    const char *python = argv[1];
    int file = bootstrap_file();
    char **words = mem_zalloc(MEM_GENERAL, (size_t)(argc + FIXED_WORDS) * sizeof *words);
    if (file < 0 || !words) {
        fprintf(stderr, "rustorch-worker: no memory to start Python\n");
        return EXIT_NO_PYTHON;
    }
    char start[256];
    snprintf(start, sizeof start,
             "exec(compile(__import__('os').read(%d, %zu), '<rustorch-worker>', 'exec'), "
             "{'__name__': 'rustorch_worker', 'own_file': %d})",
             file, sizeof bootstrap, file);
    words[0] = argv[1];
    words[1] = "-c";
    words[2] = start;
    memcpy(words + FIXED_WORDS, argv + 2, (size_t)(argc - 2) * sizeof *words);
    // Ctrl-C while Python starts would be lost in it, or be called a fatal error: it waits until
    // bootstrap.py lets it in.
    sigset_t interrupt;
    sigemptyset(&interrupt);
    sigaddset(&interrupt, SIGINT);
    sigprocmask(SIG_BLOCK, &interrupt, NULL);
    MainFunction run = open_python(python);
    if (run) {
        int code = run(argc + FIXED_WORDS - 2, words);
        mem_free(MEM_GENERAL, words);
        return code;
    }
    log_info("executing %s: no shared library of it was found", python);
    fcntl(file, F_SETFD, 0);
    execv(python, words);
    fprintf(stderr, "rustorch-worker: %s cannot be started: %s\n", python, strerror(errno));
    return EXIT_NO_PYTHON;
}
