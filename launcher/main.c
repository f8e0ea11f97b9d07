// rustorch-launch: find out how we were started, start ranks, watch them, report.
//
// Three roles, decided from the environment (world.h):
// - nobody started us as a rank, and one rank is asked for: supervise it here; that needs no MPI
// - nobody started us as a rank, and more are asked for: mpirun starts this program again for each
//   of them, and we own the job (job.h)
// - mpirun, srun or the job above started us: supervise this rank (supervise.h)
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cores.h"
#include "base/settings.h"
#include "job.h"
#include "mpirun.h"
#include "processes.h"

enum { EXIT_USAGE = 2, RANKS_A_CORE = 4 };

// ---- what the user gave us

static Status check_script(const Options *options) {
    const char *script = options->script[0];
    if (!script)
        return fail(ERR_VALUE, "%s is missing; see rustorch-launch --help",
                    options->module ? "the module's name" : "the script");
    if (options->module) return OK;
    struct stat found;
    char path[PATH_MAX];
    if (stat(script, &found) < 0) {
        int number = errno;
        snprintf(path, sizeof path, "%s.py", script);
        if (number == ENOENT && access(path, R_OK) == 0)
            return fail(ERR_MISSING, "there is no script %s; did you mean %s?", script, path);
        if (number == ENOENT) return fail(ERR_MISSING, "there is no script %s", script);
        return fail_errno(number, "the script %s cannot be read", script);
    }
    if (access(script, R_OK) < 0) return fail_errno(errno, "the script %s cannot be read", script);
    snprintf(path, sizeof path, "%s/__main__.py", script);
    if (S_ISDIR(found.st_mode) && access(path, R_OK) < 0)
        return fail(ERR_VALUE, "%s is a folder without __main__.py, not a script", script);
    return OK;
}

static Status check_size(const Options *options, int ranks) {
    int cores = cores_allowed();
    if (ranks > RANKS_A_CORE * cores && !options->oversubscribe)
        return fail(ERR_VALUE,
                    "-n %d: that is more than %d ranks on each of the %d cores here; "
                    "if you mean it, add --oversubscribe",
                    ranks, RANKS_A_CORE, cores);
    if (ranks > cores)
        say("%d ranks on %d core%s: the ranks share cores and will be slow", ranks, cores,
            cores == 1 ? "" : "s");
    return OK;
}

// The folder and what is missing above it. Ranks of several hosts may do this at the same time.
static Status make_log_folder(const char *folder) {
    char path[PATH_MAX];
    if (!folder) return OK;
    if (snprintf(path, sizeof path, "%s", folder) >= PATH_MAX)
        return fail(ERR_VALUE, "--log-dir: the path is too long");
    for (char *at = path + 1;; at++) {
        if (*at != '/' && *at) continue;
        bool last = *at == 0;
        *at = 0;
        if (mkdir(path, 0777) < 0 && errno != EEXIST)
            return fail_errno(errno, "--log-dir %s cannot be made", path);
        if (last) break;
        *at = '/';
    }
    struct stat found;
    if (stat(folder, &found) < 0 || !S_ISDIR(found.st_mode) || access(folder, W_OK) < 0)
        return fail(ERR_VALUE, "--log-dir %s is not a folder that can be written", folder);
    return OK;
}

// ---- --dry-run

static void add_word(Text *text, const char *word) {
    bool plain = *word && !strpbrk(word, " \t\n'\"\\$`*?[](){}<>|&;#~!");
    text_addf(text, plain ? " %s" : " '%s'", word);
}

static Status print_plan(const Order *order) {
    Status status = OK;
    Text text = {0};
    char mpirun[PATH_MAX];
    static Placement place;
    const World *world = &order->world;
    bool all = !world->started; // else this rank alone
    text_addf(&text, "python: %s\n", order->programs->python);
    if (all && world->size > 1) {
        GUARD(mpirun_find(mpirun));
        char **command = mpirun_command(order, mpirun);
        text_add(&text, "command:");
        for (char **word = command; word && *word; word++) add_word(&text, *word);
        text_add(&text, "\n");
        mpirun_command_free(command);
    }
    for (int i = all ? 0 : world->local_rank; i < (all ? world->size : world->local_rank + 1);
         i++) {
        GUARD(place_rank(i, world->local_size, &place));
        text_addf(&text, "rank %d of %d (%s): ", all ? i : world->rank, world->size,
                  world->starter);
        place_text(&place, &text);
        text_add(&text, "\n");
    }
    GUARD(text_status(&text));
    fputs(text_chars(&text), stdout);
out:
    text_clear(&text);
    return status;
}

// ---- the roles

// The job is ours: run it, and again while it loses ranks and restarts are left.
static Status run_job(Order *order, int *out_code) {
    int restarts = order->options->max_restarts > 0 ? order->options->max_restarts : 0;
    for (int attempt = 0;; attempt++) {
        Outcome outcome = {0};
        order->world.restart = attempt;
        TRY(order->world.size > 1 ? job_run(order, &outcome) : supervise(order, &outcome));
        *out_code = outcome.code;
        bool again = outcome_curable(&outcome) && attempt < restarts;
        outcome_clear(&outcome);
        if (!again) return OK;
        say("starting the job again (restart %d of %d)", attempt + 1, restarts);
    }
}

static Status run_rank(const Order *order, int *out_code) {
    Outcome outcome = {0};
    TRY(supervise(order, &outcome));
    *out_code = outcome.code;
    outcome_clear(&outcome);
    return OK;
}

// What only who starts the ranks can do, asked of one of them.
static Status check_rank(const Options *options, const World *world) {
    if (options->ranks > 0 && options->ranks != world->size)
        return fail(ERR_VALUE, "-n %d, but %s started %d rank%s", options->ranks, world->starter,
                    world->size, world->size == 1 ? "" : "s");
    if (options->max_restarts > 0)
        return fail(ERR_VALUE,
                    "--max-restarts needs ranks that rustorch-launch started itself; "
                    "these were started by %s",
                    world->starter);
    return OK;
}

static Status launch(const Options *options, const World *world, int *out_code) {
    static Programs programs;
    Order order = {.options = options, .programs = &programs, .world = *world};
    TRY(check_script(options));
    TRY(programs_find(options->python, &programs));
    TRY(world->started ? check_rank(options, world) : check_size(options, world->size));
    if (options->dry_run) return print_plan(&order);
    TRY(make_log_folder(options->log_dir));
    order.signals = signals_open();
    if (order.signals < 0) return error_code();
    if (!world->started) return run_job(&order, out_code);
    if (*setting_text(SETTING_job)) order.job = setting_text(SETTING_job);
    return run_rank(&order, out_code);
}

// Who is started with a standard stream closed would get it as the descriptor of something else.
static void open_standard_streams(void) {
    int descriptor;
    do descriptor = open("/dev/null", O_RDWR);
    while (descriptor >= 0 && descriptor <= STDERR_FILENO);
    if (descriptor > STDERR_FILENO) close(descriptor);
}

static Status find_role(const Options *options, World *out) {
    *out = world_alone();
    // A worker's environment carries its rank: whoever a script starts is not that rank again.
    bool nested = *setting_text(SETTING_rank) != 0;
    if (!nested) TRY(world_find(out));
    // One process of mpirun or srun that is asked for several ranks: a shell in an allocation.
    bool shell = out->started && out->size == 1 && options->ranks > 1;
    if (nested || shell) {
        world_forget();
        *out = world_alone();
    }
    if (!out->started && options->ranks > 0) out->size = out->local_size = options->ranks;
    return OK;
}

int main(int argc, char **argv) {
    Options options;
    World world = world_alone();
    int code = 0;
    open_standard_streams();
    Status status = options_parse(argc, argv, &options);
    if (status == OK && options.help) {
        Text text = {0};
        options_help(&text);
        fputs(text_chars(&text), stdout);
        text_clear(&text);
        return 0;
    }
    if (status == OK && options.version) {
        puts("rustorch-launch " RUSTORCH_VERSION);
        return 0;
    }
    if (status == OK) status = find_role(&options, &world);
    if (status == OK) status = launch(&options, &world, &code);
    if (status == OK) return code & 0xff;
    // of many ranks that found the same mistake, one speaks
    if (world.started ? report_claim(&world) : world.rank == 0) say("%s", error_message());
    return status == ERR_VALUE || status == ERR_MISSING || status == ERR_FILE ? EXIT_USAGE : 1;
}
