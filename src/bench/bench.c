/*
 * What is measured is one of three: our own server, on a store that is filled first; a server
 * elsewhere whose store was filled by --seed; one that is filled through its API. A thread awaits
 * the signals that end the program, so that it always cleans up.
 */
#include "bench/bench.h"

#include "base/mem.h"
#include "base/random.h"
#include "bench/die.h"
#include "bench/enroll.h"
#include "bench/scenario.h"
#include "codec/json.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WALK_FILES = 16, REMOVALS = 100, REMOVAL_US = 10 * 1000 };

static char temporary[TARGET_PATH]; /* "": there is none */

static int usage(void)
{
    printf("whispd bench SCENARIO [options] [-- options of whispd serve]\n\n"
           "Puts a load on a server, checks that every message reaches every member once and in\n"
           "order, and prints what it took. Without a target it starts a server of its own on a\n"
           "temporary data directory. The scenarios:\n\n");
    for (size_t i = 0; i < scenario_count; i++)
        printf("  %-9s %s\n", scenario_all[i].name, scenario_all[i].help);
    printf("\nOptions:\n\n");
    options_help();
    printf("\nThe exit status is 1 when anything was lost, doubled or reordered.\n");
    return 0;
}

/* ----- the end, from wherever it comes ----- */

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    remove(path); /* what is still being written to is tried again */
    return 0;
}

static void remove_temporary(void)
{
    for (int i = 0; i < REMOVALS && temporary[0] && access(temporary, F_OK) == 0; i++) {
        if (i)
            usleep(REMOVAL_US);
        nftw(temporary, remove_one, WALK_FILES, FTW_DEPTH | FTW_PHYS);
    }
}

static pthread_mutex_t ending = PTHREAD_MUTEX_INITIALIZER; /* over `temporary`, too */

/* Whoever comes second waits for the end of the program. */
static void clean_up(void)
{
    pthread_mutex_lock(&ending);
    target_suspend();
    remove_temporary();
    target_abandon();
}

static void *await_end(void *signals)
{
    int received;
    must(sigwait(signals, &received) == 0);
    clean_up();
    _exit(128 + received);
}

static void watch_signals(void)
{
    static sigset_t signals;
    pthread_t thread;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGHUP);
    must(atexit(clean_up) == 0);
    must(pthread_sigmask(SIG_BLOCK, &signals, NULL) == 0);
    must(pthread_create(&thread, NULL, await_end, &signals) == 0);
    pthread_detach(thread);
}

/* ----- the target ----- */

static const char *make_temporary(void)
{
    const char *parent = getenv("TMPDIR");
    char path[TARGET_PATH];
    /* Not /tmp, which is memory on many machines. */
    snprintf(path, sizeof path, "%s/whispd-bench-XXXXXX", parent ? parent : "/var/tmp");
    pthread_mutex_lock(&ending);
    bool made = mkdtemp(path) != NULL;
    if (made)
        memcpy(temporary, path, sizeof path);
    pthread_mutex_unlock(&ending);
    if (!made)
        die("%s: %s", path, strerror(errno));
    return temporary;
}

static bool seeded(const char *data)
{
    int fd = open(data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool there = fd >= 0 && faccessat(fd, PLAN_FILE, R_OK, 0) == 0;
    if (fd >= 0)
        close(fd);
    return there;
}

/* A first start makes the keys and the schema. */
static void fill(const char *data, const struct scenario *s, const struct options *o)
{
    struct seed_chats groups[SCENARIO_GROUPS];
    struct target first;
    size_t users = 0, n = s->needs(o, &users, groups);
    report_progress("filling the store: %zu users", users);
    target_start(&first, data, -1, o->server_args, o->n_server_args);
    target_stop(&first);
    seed_fill(data, users, groups, n);
}

static struct plan *own_server(struct target *t, const struct scenario *s, const struct options *o)
{
    const char *data = o->data ? o->data : make_temporary();
    if (mkdir(data, 0700) < 0 && errno != EEXIST)
        die("%s: %s", data, strerror(errno));
    if (!seeded(data))
        fill(data, s, o);
    target_start(t, data, (int)o->server_cpu, o->server_args, o->n_server_args);
    return plan_read(data);
}

static struct plan *other_server(struct target *t, const struct scenario *s,
                                 const struct options *o)
{
    struct seed_chats groups[SCENARIO_GROUPS];
    size_t users = 0;
    target_set(t, o->url, (int)o->pid);
    if (o->data)
        return plan_read(o->data);
    if (!o->api_key)
        die("--url: how is it filled? --api-key KEY, or --data DIR that --seed has filled");
    size_t n = s->needs(o, &users, groups);
    return enroll_plan(t, o->api_key, users, groups, n);
}

/* What the scenarios divide by. */
static void check_options(const struct scenario *s, const struct options *o)
{
    if ((s->options.members && o->members < 2) || (s->options.chats && o->chats < 1) ||
        (s->options.window && o->window < 1) || (s->options.messages && o->messages < 1) ||
        (s->options.rounds && o->rounds < 1))
        die("--members: 2 or more; --chats, --window, --messages, --rounds: 1 or more");
    if (o->seed && (!o->data || o->url))
        die("--seed: fills the store of --data, with no --url");
}

static void bind_clients(const struct options *o)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    if (o->client_cpu < 0)
        return;
    CPU_SET((size_t)o->client_cpu, &set);
    if (sched_setaffinity(0, sizeof set, &set) < 0)
        die("--client-cpu: %s", strerror(errno));
}

static int measure(const struct scenario *s, const struct options *o)
{
    struct target target = {0};
    struct report *report = report_new(s->name);
    struct plan *plan = o->url ? other_server(&target, s, o) : own_server(&target, s, o);
    struct load load = {.plan = plan, .target = &target, .report = report};
    bind_clients(o);
    s->run(&load, o);
    if (target.own) {
        target_stop(&target);
        report_put(report, "commits", "", (double)target.commits);
    }
    report_progress_end();
    report_print(report, o->json);
    int failed = report_failed(report);
    plan_free(&plan);
    report_free(&report);
    return failed;
}

int bench_run(int argc, char **argv)
{
    const struct scenario *s = argc > 0 ? scenario_find(argv[0]) : NULL;
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return usage();
    if (!s) {
        fprintf(stderr, "whispd bench: %s; see whispd bench --help\n",
                argc > 0 ? "there is no such scenario" : "which scenario?");
        return 2;
    }
    struct options options = s->options;
    options.server_cpu = options.client_cpu = -1;
    options_read(argc - 1, argv + 1, &options);
    check_options(s, &options);
    random_setup();
    json_setup();
    watch_signals();
    if (options.seed) {
        mkdir(options.data, 0700);
        fill(options.data, s, &options);
        return 0;
    }
    return measure(s, &options);
}
