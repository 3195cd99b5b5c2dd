/*
 * The domain's fixture with jobs on it: a real store that the workers alone write to, and two loops
 * that the test steps on its own thread. So the test decides which loop has heard of what: what a
 * worker posts to a loop waits until the test runs that loop.
 */
#ifndef TEST_REALTIME_FIXTURE_H
#define TEST_REALTIME_FIXTURE_H

#include "domain/fixture.h"
#include "io/steps.h"
#include "realtime/jobs.h"

#include <semaphore.h>

enum { LOOPS = 2, TASKS = 64, AMPLE = 1 << 20 };

struct realtime {
    struct fixture *f; /* its own connection is closed while jobs run */
    char url[128];
    struct loop *loops[LOOPS];
    struct jobs_config config; /* a test may change it before jobs_begin */
    struct jobs *jobs;
    struct task *tasks[TASKS]; /* owned */
    size_t n_tasks;
};

/* A job that runs a rule with what it needs. */
struct task {
    struct job job;
    struct arena arena;
    struct realtime *rt;
    Err (*rule)(struct task *t, struct tx *tx);
    const struct actor *actor, *other;
    Id chat, id;
    const char *text;
    struct message_post post;
    int64_t number;
    int finished;                    /* calls of done */
    void (*on_done)(struct task *t); /* NULL: nothing more */
};

static inline Err task_run(struct job *job, struct tx *tx)
{
    struct task *t = (struct task *)job;
    return t->rule(t, tx);
}

static inline void task_done(struct job *job)
{
    struct task *t = (struct task *)job;
    t->finished++;
    if (t->on_done)
        t->on_done(t);
}

/* Not yet submitted; the fixture frees it. */
static inline struct task *task_new(struct realtime *rt, enum job_pool pool, struct loop *loop,
                                    Err (*rule)(struct task *, struct tx *))
{
    struct task *t = mem_alloc(sizeof *t);
    assert_true(rt->n_tasks < TASKS);
    rt->tasks[rt->n_tasks++] = t;
    t->rt = rt;
    t->rule = rule;
    t->arena = ARENA(FIXTURE_ARENA);
    t->job = (struct job){.item = {.tenant = rt->f->ann.app, .bytes = sizeof *t},
                          .loop = loop,
                          .pool = pool,
                          .run = task_run,
                          .done = task_done,
                          .arena = &t->arena};
    return t;
}

static inline struct task *task_send(struct realtime *rt, struct loop *loop, const struct actor *a,
                                     Id chat, const char *text)
{
    struct task *t = task_new(rt, JOB_WRITE, loop, NULL);
    t->post = fixture_post(a, chat, text);
    t->job.run = NULL;
    t->job.post = &t->post;
    return t;
}

static inline void submit(struct task *t)
{
    assert_ok(jobs_submit(t->rt->jobs, &t->job));
}

/* Submits it and runs its loop until it is done. */
static inline void perform(struct task *t)
{
    submit(t);
    run_until(t->job.loop, t->finished);
    assert_ok(t->job.err);
}

/* ----- rules ----- */

static inline Err rule_create(struct task *t, struct tx *tx)
{
    static const Str names[] = {S("Ann"), S("Bob"), S("Cleo"), S("Dan")};
    struct chat_details chat = {0};
    Err err = chat_create(tx, t->actor, S("Chat"), names, (size_t)t->number, &chat);
    t->chat = chat.id;
    return err;
}

static inline Err rule_rename(struct task *t, struct tx *tx)
{
    return chat_rename(tx, t->actor, t->chat, str_of(t->text));
}

static inline Err rule_add(struct task *t, struct tx *tx)
{
    return chat_add(tx, t->actor, t->chat, str_of(t->text));
}

static inline Err rule_remove(struct task *t, struct tx *tx)
{
    return chat_remove(tx, t->actor, t->chat, t->other->user_id);
}

static inline struct task *task_on(struct task *t, const struct actor *a, Id chat, const char *text)
{
    t->actor = a;
    t->chat = chat;
    t->text = text;
    return t;
}

/* A chat of Ann's with the first `members` of Ann, Bob, Cleo and Dan. */
static inline Id make_chat(struct realtime *rt, struct loop *loop, int members)
{
    struct task *t = task_new(rt, JOB_WRITE, loop, rule_create);
    t->actor = &rt->f->ann;
    t->number = members;
    perform(t);
    return t->chat;
}

/* A word for each event that these tests make. */
static inline const char *event_name(const struct event *e)
{
    static const char *const names[] = {
        [EVENT_SEND_MSG] = "SEND",   [EVENT_TYPING] = "TYPING",     [EVENT_READ_MSG] = "READ",
        [EVENT_USER_JOIN] = "JOIN",  [EVENT_USER_LEAVE] = "LEAVE",  [EVENT_NEW_CHAT] = "NEW",
        [EVENT_DELETE_CHAT] = "END", [EVENT_CHAT_RENAMED] = "NAME",
    };
    assert_true(e->type < countof(names) && names[e->type]);
    return names[e->type];
}

/* ----- holding a worker ----- */

struct gate {
    sem_t reached, open;
};

static struct gate gate;

static inline Err rule_gate(struct task *t, struct tx *tx)
{
    (void)t;
    (void)tx;
    sem_post(&gate.reached);
    sem_wait(&gate.open);
    return ERR_OK;
}

/* Returns once a worker of the pool is held; what is submitted from now on waits for gate_open. */
static inline struct task *gate_close(struct realtime *rt, enum job_pool pool, struct loop *loop)
{
    struct task *t = task_new(rt, pool, loop, rule_gate);
    submit(t);
    sem_wait(&gate.reached);
    return t;
}

static inline void gate_open(void)
{
    sem_post(&gate.open);
}

/* ----- the store, as others see it now ----- */

SQL(realtime_messages, "select count(*) from messages where app = $1");

static inline int64_t stored_messages(struct realtime *rt)
{
    struct db *db;
    const char *why = "";
    assert_ok(db_open(str_of(rt->url), DB_READER, &db, &why));
    db_begin(db);
    int64_t n = db_number(db, &realtime_messages, ARGS(v_int(rt->f->ann.app)));
    db_rollback(db);
    db_close(&db);
    return n;
}

/* ----- begin and end ----- */

static inline struct realtime *realtime_new(void)
{
    struct realtime *rt = mem_alloc(sizeof *rt);
    void *fixture;
    fixture_open(&fixture);
    rt->f = fixture;
    assert_ok(db_commit(rt->f->db));
    snprintf(rt->url, sizeof rt->url, "sqlite:%s/test.db", rt->f->dir);
    db_close(&rt->f->db);
    for (unsigned i = 0; i < LOOPS; i++)
        rt->loops[i] = loop_new(i);
    rt->config = (struct jobs_config){.store_url = str_of(rt->url),
                                      .rules = &rt->f->rules,
                                      .loops = rt->loops,
                                      .n_loops = LOOPS,
                                      .readers = 1,
                                      .hashers = 1,
                                      .batch_jobs = 256,
                                      .batch_us = 60 * 1000000ll};
    for (int i = 0; i < JOB_POOLS; i++)
        rt->config.limits[i] = (struct work_limits){AMPLE, AMPLE, AMPLE};
    must(sem_init(&gate.reached, 0, 0) == 0 && sem_init(&gate.open, 0, 0) == 0);
    return rt;
}

static inline void jobs_begin(struct realtime *rt)
{
    const char *why = "";
    if (jobs_start(&rt->config, &rt->jobs, &why) != ERR_OK)
        fail_msg("%s", why);
}

static inline void run_all_loops(struct realtime *rt)
{
    for (unsigned i = 0; i < LOOPS; i++)
        run_what_is_there(rt->loops[i]);
}

/* What was posted is still delivered. */
static inline void jobs_end(struct realtime *rt)
{
    if (!rt->jobs)
        return;
    jobs_stop(rt->jobs);
    run_all_loops(rt);
    jobs_free(&rt->jobs);
    assert_null(rt->jobs);
}

static inline void realtime_free(struct realtime *rt)
{
    jobs_end(rt);
    for (size_t i = 0; i < rt->n_tasks; i++) {
        arena_free(&rt->tasks[i]->arena);
        mem_free(rt->tasks[i]);
    }
    for (unsigned i = 0; i < LOOPS; i++)
        loop_free(&rt->loops[i]);
    const char *why = "";
    assert_ok(db_open(str_of(rt->url), DB_WRITER, &rt->f->db, &why)); /* as the fixture expects */
    void *fixture = rt->f;
    fixture_close(&fixture);
    mem_free(rt);
}

#endif
