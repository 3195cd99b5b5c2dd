/*
 * The writer runs sends that stand next to one another in the queue as one set; another job between
 * them ends the set, so that the order of a session's own frames holds. A set needs no savepoint,
 * every other job has one.
 *
 * A commit that fails fails all its jobs, and nothing of it is published. After it, completions and
 * events travel in one message to each loop.
 *
 * Each job is charged the time that it took (of a set: its part), before its completion is posted:
 * from then on it is its owner's. A job that is expected to take longer than what is left of its
 * batch begins the next one, so that those before it need not wait for its end.
 */
#include "realtime/jobs.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "domain/chat_counts.h"
#include "domain/replay.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

enum {
    IDLE_MS = 200,          /* how long the writer waits before it maintains the store */
    PROBE_US = 1000 * 1000, /* between tries to write to a store that refused it */
    REST_WAITS = 15,        /* of those, until a connection gives its cache back */
    NOTE_MS = 1000,         /* between notes of the log's time */
    BATCH_MAX = 1024,
    LOOPS_MAX = 256,
};

struct jobs {
    struct jobs_config config;
    struct work_queue *queues[JOB_POOLS];
    pthread_t *threads;
    size_t n_threads;
    struct db *writer;
    struct chat_counts *counts; /* the writer's */
    struct db **readers;        /* those of JOB_READ, then those of JOB_RESUME */
    size_t n_readers;
    int64_t noted_at; /* when the writer last noted the time of the log */
    _Atomic uint64_t commits, writes, failed_commits;
    atomic_bool unavailable; /* the store takes no writes */
    pthread_mutex_t why_lock;
    char why[JOBS_WHY];
    int64_t probe_at; /* clock_mono; the writer's */
};

struct worker {
    struct jobs *jobs;
    struct db *db; /* NULL: a hasher */
    enum job_pool pool;
};

/* What a worker sends to one loop after a transaction. */
struct delivery {
    struct loop_msg msg;
    struct jobs *jobs;
    struct publication *publication; /* NULL: of a read, or of hashing */
    struct job *done;
};

static void arrive(struct loop *loop, struct loop_msg *msg)
{
    struct delivery *d = (struct delivery *)msg;
    if (d->publication && d->publication->events.n)
        d->jobs->config.deliver(d->jobs->config.arg, loop, d->publication);
    for (struct job *job = d->done, *next; job; job = next) {
        next = job->next_done;
        job->done(job);
    }
    publication_unref(&d->publication);
    mem_free(d);
}

static void deliver(struct jobs *jobs, struct loop *loop, struct publication *p, struct job *done)
{
    struct delivery *d = mem_alloc(sizeof *d);
    d->msg.run = arrive;
    d->jobs = jobs;
    d->publication = p ? publication_ref(p) : NULL;
    d->done = done;
    loop_post(loop, &d->msg);
}

/*
 * Takes the caller's reference. Jobs go to their loops in their order. All are sorted out before
 * the first is sent: from then on they belong to their loops, which may free them at once.
 */
static void publish(struct jobs *jobs, struct publication *p, struct job **list, size_t n)
{
    size_t n_loops = jobs->config.n_loops;
    struct job *first[LOOPS_MAX] = {NULL}, **last[LOOPS_MAX];
    for (size_t l = 0; l < n_loops; l++)
        last[l] = &first[l];
    for (size_t i = 0; i < n; i++) {
        unsigned l = loop_index(list[i]->loop);
        list[i]->next_done = NULL;
        *last[l] = list[i];
        last[l] = &list[i]->next_done;
    }
    for (size_t l = 0; l < n_loops; l++)
        if (first[l] || p->events.n)
            deliver(jobs, jobs->config.loops[l], p, first[l]);
    publication_unref(&p);
}

/* After so many waits in a row that brought nothing. */
static void rest(struct db *db, unsigned waits)
{
    if (waits == REST_WAITS && db)
        db_rest(db);
    if (waits && waits % REST_WAITS == 0) /* what the others have freed, too */
        mem_trim();
}

/* ----- the writer ----- */

struct batch {
    struct job *jobs[BATCH_MAX];
    size_t n;
    struct message_post *sends[BATCH_MAX]; /* of the open set */
    size_t n_sends;
    size_t first_send; /* index in jobs */
};

static struct job *job_of(struct work_item *item)
{
    return item ? (struct job *)((char *)item - offsetof(struct job, item)) : NULL;
}

/* Since a time of clock_mono, in nanoseconds. */
static int64_t cost_since(int64_t start)
{
    return (clock_mono() - start) * 1000;
}

static void run_sends(struct batch *b, struct tx *tx)
{
    if (!b->n_sends)
        return;
    int64_t start = clock_mono();
    tx->arena = &tx->events->arena; /* outlives the completions */
    message_post(tx, b->sends, b->n_sends);
    int64_t each = cost_since(start) / (int64_t)b->n_sends;
    for (size_t i = 0; i < b->n_sends; i++) {
        struct job *job = b->jobs[b->first_send + i];
        job->err = job->post->err;
        job->why = job->post->why;
        job->item.cost = each;
    }
    b->n_sends = 0;
}

/* A rule knows only that a statement failed; the store knows whether time may mend it. */
static Err blame(const struct db *db, Err err)
{
    return err == ERR_INTERNAL && db_cause(db) ? db_cause(db) : err;
}

static void note_unavailable(struct jobs *jobs, const struct db *db)
{
    if (db_cause(db) != ERR_STORE_UNAVAILABLE)
        return;
    Str why = db_cause_text(db);
    pthread_mutex_lock(&jobs->why_lock);
    snprintf(jobs->why, sizeof jobs->why, STR_FMT, STR_ARG(why));
    pthread_mutex_unlock(&jobs->why_lock);
    if (atomic_exchange(&jobs->unavailable, true))
        return;
    jobs->probe_at = clock_mono() + PROBE_US;
    log_event(LOG_ERROR, "store takes no writes", log_s("reason", why));
}

static void probe_store(struct jobs *jobs)
{
    if (!atomic_load(&jobs->unavailable) || clock_mono() < jobs->probe_at)
        return;
    if (db_probe(jobs->writer)) {
        atomic_store(&jobs->unavailable, false);
        log_event(LOG_INFO, "store takes writes again",
                  log_n("failed_commits", jobs->failed_commits));
    }
    jobs->probe_at = clock_mono() + PROBE_US;
}

static void run_one(struct job *job, struct tx *tx)
{
    size_t events = tx->events ? tx->events->n : 0;
    int64_t start = clock_mono();
    tx->arena = job->arena;
    tx->why = (Str){0};
    db_savepoint(tx->db);
    job->err = job->run(job, tx);
    job->item.cost = cost_since(start);
    if (!job->err && db_failed(tx->db))
        job->err = ERR_INTERNAL;
    job->err = blame(tx->db, job->err);
    job->why = tx->why;
    if (!job->err || job->keep) {
        db_release(tx->db);
        return;
    }
    event_truncate(tx->events, events);
    if (!db_undo(tx->db) && db_cause(tx->db) != ERR_STORE_UNAVAILABLE)
        log_event(LOG_ERROR, "transaction lost", log_n("after", (int64_t)events));
}

static void take_batch(struct jobs *jobs, struct batch *b, struct job *first, struct tx *tx)
{
    int64_t until = clock_mono() + jobs->config.batch_us;
    for (struct job *job = first; job;) {
        b->jobs[b->n++] = job;
        if (job->post) {
            if (!b->n_sends)
                b->first_send = b->n - 1;
            b->sends[b->n_sends++] = job->post;
        } else {
            run_sends(b, tx);
            run_one(job, tx);
        }
        int64_t left = until - clock_mono();
        if (b->n >= jobs->config.batch_jobs || left <= 0)
            break;
        job = job_of(work_take_within(jobs->queues[JOB_WRITE], left * 1000));
    }
    run_sends(b, tx);
}

/* Where the log is, at most once a second and only by a commit that has moved it: the time of a
 * later one would put the last event later than it was. */
static void note_time(struct jobs *jobs, struct tx *tx, int64_t before, int64_t at)
{
    if (at < jobs->noted_at + NOTE_MS || db_last_position(tx->db) == before)
        return;
    replay_note_time(tx, at);
    jobs->noted_at = at;
}

/* At the end: the last position that was given out. */
static void note_end(struct jobs *jobs)
{
    struct tx tx = {.db = jobs->writer, .now = clock_now(), .rules = jobs->config.rules};
    db_begin(tx.db);
    replay_note_end(&tx);
    if (db_commit(tx.db))
        db_rollback(tx.db);
}

static void charge_batch(struct jobs *jobs, struct batch *b)
{
    for (size_t i = 0; i < b->n; i++)
        b->jobs[i]->item.next = i + 1 < b->n ? &b->jobs[i + 1]->item : NULL;
    work_done(jobs->queues[JOB_WRITE], &b->jobs[0]->item);
}

static void write_batch(struct jobs *jobs, struct batch *b, struct job *first)
{
    struct publication *p = publication_new();
    struct tx tx = {.db = jobs->writer,
                    .now = clock_now(),
                    .events = &p->events,
                    .counts = jobs->counts,
                    .rules = jobs->config.rules};
    p->at = clock_mono() / 1000;
    b->n = b->n_sends = 0;
    db_begin(tx.db);
    int64_t before = db_last_position(tx.db);
    take_batch(jobs, b, first, &tx);
    note_time(jobs, &tx, before, p->at);
    if (db_commit(tx.db)) {
        db_rollback(tx.db);
        jobs->noted_at = 0;
        chat_counts_clear(jobs->counts);
        atomic_fetch_add(&jobs->failed_commits, 1);
        if (db_cause(tx.db) != ERR_STORE_UNAVAILABLE)
            log_event(LOG_ERROR, "commit failed", log_n("jobs", b->n));
        event_truncate(&p->events, 0);
        for (size_t i = 0; i < b->n; i++)
            b->jobs[i]->err = blame(tx.db, b->jobs[i]->err ? b->jobs[i]->err : ERR_INTERNAL);
    }
    note_unavailable(jobs, tx.db);
    atomic_fetch_add(&jobs->commits, 1);
    atomic_fetch_add(&jobs->writes, b->n);
    charge_batch(jobs, b);
    publish(jobs, p, b->jobs, b->n);
}

static void *writer_main(void *arg)
{
    struct jobs *jobs = arg;
    struct batch *b = mem_alloc(sizeof *b);
    unsigned waits = 0;
    while (!work_ended(jobs->queues[JOB_WRITE])) {
        probe_store(jobs);
        struct job *first = job_of(work_take(jobs->queues[JOB_WRITE], 0));
        if (!first && !db_maintain(jobs->writer, DB_IDLE)) {
            first = job_of(work_take(jobs->queues[JOB_WRITE], IDLE_MS));
            if (!first)
                rest(jobs->writer, ++waits);
        }
        if (!first)
            continue;
        waits = 0;
        write_batch(jobs, b, first);
        db_maintain(jobs->writer, DB_BUSY);
    }
    note_end(jobs);
    mem_free(b);
    return NULL;
}

/* ----- readers and hashers ----- */

/* A read publishes nothing; hashing has no transaction. */
static void run_alone(struct jobs *jobs, struct db *db, struct job *job)
{
    int64_t start = clock_mono();
    struct tx tx = {.db = db, .now = clock_now(), .arena = job->arena, .rules = jobs->config.rules};
    if (db)
        db_begin(db);
    job->err = job->run(job, &tx);
    if (db && !job->err && db_failed(db))
        job->err = ERR_INTERNAL;
    if (db) {
        job->err = blame(db, job->err);
        db_rollback(db);
    }
    job->why = tx.why;
    job->next_done = NULL;
    job->item.cost = cost_since(start);
    work_done(jobs->queues[job->pool], &job->item);
    deliver(jobs, job->loop, NULL, job);
}

static void *worker_main(void *arg)
{
    struct worker *w = arg;
    struct work_queue *queue = w->jobs->queues[w->pool];
    unsigned waits = 0;
    while (!work_ended(queue)) {
        struct job *job = job_of(work_take(queue, IDLE_MS));
        waits = job ? 0 : waits + 1;
        rest(w->db, waits);
        if (job)
            run_alone(w->jobs, w->db, job);
    }
    mem_free(w);
    return NULL;
}

static void start_worker(struct jobs *jobs, enum job_pool pool, struct db *db)
{
    struct worker *w = mem_alloc(sizeof *w);
    *w = (struct worker){jobs, db, pool};
    must(pthread_create(&jobs->threads[jobs->n_threads++], NULL, worker_main, w) == 0);
}

Err jobs_start(const struct jobs_config *config, struct jobs **out, const char **why)
{
    struct jobs *jobs = mem_alloc(sizeof *jobs);
    jobs->config = *config;
    jobs->counts = chat_counts_new();
    pthread_mutex_init(&jobs->why_lock, NULL);
    must(config->batch_jobs <= BATCH_MAX && config->n_loops <= LOOPS_MAX);
    for (int i = 0; i < JOB_POOLS; i++)
        jobs->queues[i] = work_new(config->limits[i]);
    jobs->n_readers = config->readers + config->resume_readers;
    jobs->readers = mem_alloc(jobs->n_readers * sizeof *jobs->readers);
    Err err = db_open(config->store_url, DB_WRITER, &jobs->writer, why);
    for (size_t i = 0; i < jobs->n_readers && !err; i++)
        err = db_open(config->store_url, DB_READER, &jobs->readers[i], why);
    *out = jobs;
    if (err) {
        jobs_free(out);
        return err;
    }
    jobs->threads = mem_alloc((1 + jobs->n_readers + config->hashers) * sizeof *jobs->threads);
    must(pthread_create(&jobs->threads[jobs->n_threads++], NULL, writer_main, jobs) == 0);
    for (size_t i = 0; i < jobs->n_readers; i++)
        start_worker(jobs, i < config->readers ? JOB_READ : JOB_RESUME, jobs->readers[i]);
    for (size_t i = 0; i < config->hashers; i++)
        start_worker(jobs, JOB_HASH, NULL);
    return ERR_OK;
}

Err jobs_submit(struct jobs *jobs, struct job *job)
{
    job->err = ERR_OK;
    job->why = (Str){0};
    return work_submit(jobs->queues[job->pool], &job->item);
}

void jobs_stop(struct jobs *jobs)
{
    for (int i = JOB_POOLS - 1; i >= 0; i--)
        work_end(jobs->queues[i]);
    for (size_t i = 0; i < jobs->n_threads; i++)
        must(pthread_join(jobs->threads[i], NULL) == 0);
    jobs->n_threads = 0;
}

void jobs_free(struct jobs **at)
{
    struct jobs *jobs = *at;
    if (!jobs)
        return;
    for (size_t i = 0; i < jobs->n_readers; i++)
        db_close(&jobs->readers[i]);
    db_close(&jobs->writer);
    for (int i = 0; i < JOB_POOLS; i++)
        work_free(&jobs->queues[i]);
    pthread_mutex_destroy(&jobs->why_lock);
    chat_counts_free(&jobs->counts);
    mem_free(jobs->readers);
    mem_free(jobs->threads);
    mem_free(jobs);
    *at = NULL;
}

bool jobs_store_unavailable(struct jobs *jobs, char why[JOBS_WHY])
{
    if (!atomic_load(&jobs->unavailable))
        return false;
    pthread_mutex_lock(&jobs->why_lock);
    memcpy(why, jobs->why, JOBS_WHY);
    pthread_mutex_unlock(&jobs->why_lock);
    return true;
}

struct jobs_stats jobs_stats(const struct jobs *jobs)
{
    return (struct jobs_stats){atomic_load(&jobs->commits), atomic_load(&jobs->writes),
                               atomic_load(&jobs->failed_commits)};
}
