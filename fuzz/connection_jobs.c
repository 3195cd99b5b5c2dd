/*
 * The jobs of a fuzzed connection: what realtime/jobs.h promises, on one thread and one
 * transaction. A job runs when the fuzzer says so, in a savepoint of its own; what it publishes is
 * delivered before it is done. The fuzzer rolls the transaction back after each input, so each
 * input meets the same store. This stands in for realtime/jobs.c.
 */
#include "connection_jobs.h"

#include "base/clock.h"
#include "base/mem.h"

struct jobs {
    struct jobs_config config;
    struct db *db;
    struct job *first, **last;
};

Err jobs_start(const struct jobs_config *config, struct jobs **out, const char **why)
{
    struct jobs *jobs = mem_alloc(sizeof *jobs);
    jobs->config = *config;
    jobs->last = &jobs->first;
    *out = jobs;
    return db_open(config->store_url, DB_WRITER, &jobs->db, why);
}

Err jobs_submit(struct jobs *jobs, struct job *job)
{
    job->err = ERR_OK;
    job->why = (Str){0};
    job->next_done = NULL;
    *jobs->last = job;
    jobs->last = &job->next_done;
    return ERR_OK;
}

struct db *jobs_db(struct jobs *jobs)
{
    return jobs->db;
}

static void run_post(struct job *job, struct tx *tx)
{
    tx->arena = &tx->events->arena;
    message_post(tx, &job->post, 1);
    job->err = job->post->err;
    job->why = job->post->why;
}

static void run_rule(struct job *job, struct tx *tx)
{
    tx->arena = job->arena;
    db_savepoint(tx->db);
    job->err = job->run(job, tx);
    job->why = tx->why;
    if (!job->err || job->keep) {
        db_release(tx->db);
        return;
    }
    event_truncate(tx->events, 0);
    must(db_undo(tx->db));
}

bool jobs_run_one(struct jobs *jobs)
{
    struct job *job = jobs->first;
    if (!job)
        return false;
    jobs->first = job->next_done;
    if (!jobs->first)
        jobs->last = &jobs->first;
    struct publication *p = publication_new();
    p->at = clock_mono() / 1000;
    struct tx tx = {
        .db = jobs->db, .now = clock_now(), .events = &p->events, .rules = jobs->config.rules};
    if (job->pool == JOB_HASH) {
        tx = (struct tx){.now = clock_now(), .arena = job->arena, .rules = jobs->config.rules};
        job->err = job->run(job, &tx);
        job->why = tx.why;
    } else if (job->post) {
        run_post(job, &tx);
    } else {
        run_rule(job, &tx);
    }
    must(!db_failed(jobs->db));
    if (p->events.n)
        jobs->config.deliver(jobs->config.arg, job->loop, p);
    job->done(job);
    publication_unref(&p);
    return true;
}

/* Its store is memory. */
bool jobs_store_unavailable(struct jobs *jobs, char why[JOBS_WHY])
{
    (void)jobs;
    (void)why;
    return false;
}
