// The one place that knows all parts of the engine: installs backend and recorder in the door, and describes the build.
#include "rustorch_plugin.h"

#include <cblas.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/cores.h"
#include "cpu/backend.h"
#include "cpu/blas.h"
#include "cpu/isa.h"
#include "cpu/parallel.h"
#include "grad/tape.h"
#include "ops/door.h"
#include "profile.h"
#include "tensor/storage.h"

static void hold_all(bool hold) {
    backward_hold(hold);
    record_hold(hold);
    hook_hold(hold);
    profilers_hold(hold);
    storage_hold(hold);
}
static void before_fork(void) { hold_all(true); }
static void after_fork(void) { hold_all(false); }
static void after_fork_in_child(void) {
    profilers_forked();
    after_fork();
}

static void install(void) {
    pthread_atfork(before_fork, after_fork, after_fork_in_child);
    blas_choose_core();
    rows_init();
    tape_install();
    door_backends[RT_CPU] = &cpu_backend;
    door_recorder = tape_recorder;
}

Status rt_init(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, install);
    return OK;
}

int rt_threads(void) { return threads_get(); }
int rt_default_threads(void) { return threads_default(); }
Status rt_set_threads(int n) { return threads_set(n); }

const char *rt_error_message(void) { return error_message(); }
Status rt_error_code(void) { return error_code(); }
int rt_error_errno(void) { return error_errno(); }
void rt_error_clear(void) { error_clear(); }
Status rt_error_set(Status code, const char *message) { return fail(code, "%s", message); }
void rt_text_free(char *text) { mem_free(MEM_GENERAL, text); }

static void describe_blas(Text *text) {
    text_addf(text, "BLAS: %s\n", openblas_get_config());
    text_addf(text, "BLAS core: %s\n", blas_core());
    if (openblas_get_parallel() != 2)
        text_add(text, "warning: this OpenBLAS is not the OpenMP build, its threads compete with rustorch's: install "
                       "libopenblas0-openmp\n");
    const char *forced = getenv("OPENBLAS_CORETYPE");
    if (forced && *forced && blas_better_core())
        text_addf(text,
                  "warning: OPENBLAS_CORETYPE=%s forces a BLAS core that is slower than this CPU allows (%s): unset it\n",
                  forced, blas_better_core());
}

char *rt_config_text(void) {
    static const char *const plugins[] = {"mpi", "hdf5", "plot", "image", "cuda", "nccl"};
    Text text = {0};
    text_addf(&text, "rustorch %s\n", RUSTORCH_VERSION);
#ifdef __clang__
    text_add(&text, "compiler: " __VERSION__ "\n"); // with its name
#else
    text_add(&text, "compiler: GCC " __VERSION__ "\n");
#endif
    text_addf(&text, "instruction set: %s\n", isa_words());
    text_addf(&text, "threads: %d (cores this process may use: %d, of the machine: %d)\n", threads_get(), cores_allowed(),
              cores_online());
    describe_blas(&text);
    text_add(&text, "plug-ins:");
    for (size_t i = 0; i < sizeof plugins / sizeof *plugins; i++)
        text_addf(&text, " %s: %s%s", plugins[i], plugin_present(plugins[i]) ? "found" : "not there",
                  i + 1 < sizeof plugins / sizeof *plugins ? "," : "\n");
    text_add(&text, "settings:");
    bool any = false;
    for (int i = 0; i < SETTING_COUNT; i++) {
        const SettingRow *row = setting_row((Setting)i);
        if (!getenv(row->variable)) continue;
        text_addf(&text, " %s=%s", row->variable, setting_text((Setting)i));
        any = true;
    }
    text_add(&text, any ? "\n" : " all at their defaults\n");
    if (text_status(&text) < 0) text_clear(&text);
    return text.chars;
}
