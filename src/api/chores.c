#include "api/chores.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "domain/app.h"
#include "domain/chat.h"
#include "domain/seen.h"

enum {
    SWEEP_MS = 5000,
    SWEEP_NS = 1000 * 1000, /* of a step while others write */
    SWEEP_SHARE = 10,       /* one part of the writer's time in so many, then */
    SWEEP_REST_MS = 5,      /* between steps, at least */
    FEW_WRITES = 3,         /* are the chores' own */
    USAGE_MS = 10000,
    PRESENCE_MS = 100,
    CHANGES = 500, /* of presence, in one go */
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
    struct chore sweep, usage, presence;
    bool more;       /* the sweep left something */
    int64_t rows;    /* of its next step */
    uint64_t writes; /* by anyone, as of its last step */
    bool stopped;
    struct online_usage *counted; /* owned, while being written */
    size_t n;
    struct online_change changes[CHANGES]; /* of presence, being written and told */
    size_t n_changes;
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
    return chat_sweep(tx, c->all->rows, &c->all->more);
}

static void report(const struct job *job, const char *what)
{
    if (job->err && err_status(job->err) != 503)
        log_event(LOG_ERROR, what, log_s("reason", err_code(job->err)));
}

/* The sweep has no hurry. While others write its steps are short and far apart, so that nobody
 * waits for it long; else they are large. How long until the next one. */
static int64_t pace(struct chores *all, int64_t cost)
{
    uint64_t writes = jobs_stats(all->server->jobs).writes;
    bool live = writes > all->writes + FEW_WRITES;
    int64_t rows = live && cost ? all->rows * SWEEP_NS / cost : CHAT_SWEEP;
    all->writes = writes;
    all->rows = rows < CHAT_SWEEP_LEAST ? CHAT_SWEEP_LEAST : rows > CHAT_SWEEP ? CHAT_SWEEP : rows;
    int64_t ms = cost / 1000000 * (live ? SWEEP_SHARE - 1 : 1);
    return ms < SWEEP_REST_MS ? SWEEP_REST_MS : ms;
}

static void swept(struct job *job)
{
    struct chore *c = (struct chore *)job;
    report(job, "sweep failed");
    int64_t ms = pace(c->all, job->item.cost);
    if (!c->all->more || job->err)
        ms = SWEEP_MS;
    arena_free(&c->arena);
    if (!c->all->stopped)
        loop_timer_set(c->all->loop, &c->timer, ms, due);
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
    Err err = app_usage_add(tx, S(NODE), deltas, all->n);
    if (!err && all->n) /* someone may be connected */
        err = seen_write(tx, S(NODE), NULL, 0);
    return err;
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

/* ----- presence: it is on disk when it is told, so that what is told is what can be read ----- */

Err chores_write_presence(struct tx *tx, const struct online_change *changes, size_t n)
{
    struct seen_mark *marks = arena_array(tx->arena, struct seen_mark, n);
    for (size_t i = 0; i < n; i++)
        marks[i] = (struct seen_mark){changes[i].app, changes[i].user,
                                      changes[i].there ? 0 : changes[i].seen};
    return seen_write(tx, S(NODE), marks, n);
}

static Err write_presence(struct job *job, struct tx *tx)
{
    const struct chores *all = ((struct chore *)job)->all;
    return chores_write_presence(tx, all->changes, all->n_changes);
}

static void presence_due(struct timer *timer)
{
    struct chore *c = (struct chore *)((char *)timer - offsetof(struct chore, timer));
    struct chores *all = c->all;
    if (all->stopped)
        return;
    if (!all->n_changes)
        all->n_changes = online_take_changes(all->server->config.online, all->changes, CHANGES);
    if (all->n_changes)
        submit(c);
    else
        loop_timer_set(all->loop, &c->timer, PRESENCE_MS, presence_due);
}

static void presence_written(struct job *job)
{
    struct chore *c = (struct chore *)job;
    struct chores *all = c->all;
    bool more = !job->err && all->n_changes == CHANGES;
    report(job, "presence not written");
    if (!job->err) { /* else the same is tried again */
        server_tell_presence(all->server, all->changes, all->n_changes);
        online_told(all->server->config.online, all->changes, all->n_changes);
        all->n_changes = 0;
    }
    arena_free(&c->arena);
    if (more)
        presence_due(&c->timer);
    else if (!all->stopped)
        loop_timer_set(all->loop, &c->timer, PRESENCE_MS, presence_due);
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
    all->rows = CHAT_SWEEP_LEAST;
    begin(&all->sweep, all, sweep, swept, SWEEP_REST_MS);
    begin(&all->usage, all, write_usage, usage_written, USAGE_MS);
    begin(&all->presence, all, write_presence, presence_written, PRESENCE_MS);
    loop_timer_set(loop, &all->presence.timer, PRESENCE_MS, presence_due);
    return all;
}

void chores_stop(struct chores *all)
{
    all->stopped = true;
    loop_timer_clear(&all->sweep.timer);
    loop_timer_clear(&all->usage.timer);
    loop_timer_clear(&all->presence.timer);
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
