#include "api/chores.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "domain/app.h"
#include "domain/chat.h"

enum {
    SWEEP_MS = 5000,
    SWEEP_MORE_MS = 100,
    USAGE_MS = 10000,
    ARENA_MAX = 16 * 1024 * 1024,
};

struct chore {
    struct job job;
    struct timer timer;
    struct arena arena;
    struct chores *all;
};

struct chores {
    struct server *server;
    struct loop *loop;
    struct chore sweep, usage;
    bool more; /* the sweep left something */
    bool stopped;
    struct online_usage *counted; /* owned, while being written */
    size_t n;
};

static void submit(struct chore *c)
{
    Err err = jobs_submit(c->all->server->jobs, &c->job);
    if (!err)
        return;
    c->job.err = err;
    c->job.done(&c->job);
}

static void due(struct timer *timer)
{
    struct chore *c = (struct chore *)((char *)timer - offsetof(struct chore, timer));
    if (!c->all->stopped)
        submit(c);
}

static Err sweep(struct job *job, struct tx *tx)
{
    struct chore *c = (struct chore *)job;
    return chat_sweep(tx, &c->all->more);
}

static void report(const struct job *job, const char *what)
{
    if (job->err && job->err != ERR_OVERLOADED && job->err != ERR_DRAINING)
        log_event(LOG_ERROR, what, log_s("reason", err_code(job->err)));
}

static void swept(struct job *job)
{
    struct chore *c = (struct chore *)job;
    report(job, "sweep failed");
    bool more = c->all->more && !job->err;
    arena_free(&c->arena);
    if (!c->all->stopped)
        loop_timer_set(c->all->loop, &c->timer, more ? SWEEP_MORE_MS : SWEEP_MS, due);
}

static Err write_usage(struct job *job, struct tx *tx)
{
    struct chore *c = (struct chore *)job;
    struct chores *all = c->all;
    if (!all->counted)
        all->counted = online_take_usage(all->server->config.online, tx->now, &all->n);
    struct app_usage_delta *deltas = arena_array(tx->arena, struct app_usage_delta, all->n + 1);
    for (size_t i = 0; i < all->n; i++)
        deltas[i] =
            (struct app_usage_delta){.app = all->counted[i].app,
                                     .api_calls = all->counted[i].api_calls,
                                     .peak_users = all->counted[i].peak_users,
                                     .connection_seconds = all->counted[i].connection_seconds};
    return app_usage_add(tx, S("local"), deltas, all->n);
}

static void usage_written(struct job *job)
{
    struct chore *c = (struct chore *)job;
    report(job, "usage not written");
    if (!job->err) { /* else the same is tried again */
        mem_free(c->all->counted);
        c->all->counted = NULL;
    }
    arena_free(&c->arena);
    if (!c->all->stopped)
        loop_timer_set(c->all->loop, &c->timer, USAGE_MS, due);
}

static void begin(struct chore *c, struct chores *all, Err (*run)(struct job *, struct tx *),
                  void (*done)(struct job *), int64_t ms)
{
    c->all = all;
    c->arena = ARENA(ARENA_MAX);
    c->job = (struct job){
        .loop = all->loop, .pool = JOB_WRITE, .run = run, .done = done, .arena = &c->arena};
    loop_timer_set(all->loop, &c->timer, ms, due);
}

struct chores *chores_start(struct server *server, struct loop *loop)
{
    struct chores *all = mem_alloc(sizeof *all);
    all->server = server;
    all->loop = loop;
    begin(&all->sweep, all, sweep, swept, SWEEP_MORE_MS);
    begin(&all->usage, all, write_usage, usage_written, USAGE_MS);
    return all;
}

void chores_stop(struct chores *all)
{
    all->stopped = true;
    loop_timer_clear(&all->sweep.timer);
    loop_timer_clear(&all->usage.timer);
}

void chores_free(struct chores **at)
{
    struct chores *all = *at;
    if (!all)
        return;
    mem_free(all->counted);
    mem_free(all);
    *at = NULL;
}
