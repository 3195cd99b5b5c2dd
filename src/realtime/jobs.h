/*
 * Jobs: a rule of the domain, run in a transaction on a store worker, its completion run on the
 * loop that submitted it. The writer takes what is queued (at most a count or a few milliseconds),
 * runs it, commits once, and posts one immutable publication of the commit's events, in commit
 * order, to every loop, together with the completions: so no loop ever sees an event, or answers a
 * client, before the change is on disk, and all loops see the same order.
 *
 * jobs_start before the loops run; jobs_stop after they have ended. jobs_submit from a loop's
 * thread; run on a worker's; done on the loop's.
 */
#ifndef REALTIME_JOBS_H
#define REALTIME_JOBS_H

#include "domain/message.h"
#include "domain/tx.h"
#include "io/loop.h"
#include "io/work.h"
#include "realtime/publication.h"

enum job_pool {
    JOB_READ,   /* a snapshot taken after the job was submitted */
    JOB_RESUME, /* the same, by readers of their own: for what many want at once */
    JOB_WRITE,  /* the writer's batch; a savepoint of its own */
    JOB_HASH,   /* no transaction: password hashing on a small pool of its own */
    JOB_POOLS
};

/*
 * Embedded in its owner, zeroed; the owner keeps it alive until `done`. A JOB_WRITE with `post` set
 * is a send: it has no `run`, and goes with its neighbours into one message_post.
 */
struct job {
    struct work_item item; /* set item.tenant, item.lane and item.bytes */
    struct loop *loop;     /* who submits */
    enum job_pool pool;
    Err (*run)(struct job *job, struct tx *tx); /* tx->db is NULL in JOB_HASH */
    void (*done)(struct job *job);
    struct message_post *post;
    struct arena *arena; /* the owner's; results live in it */
    bool keep;           /* set by run: commit what it did although it returns an error */
    Err err;             /* the outcome */
    Str why;             /* in arena; empty: the default sentence */
    struct job *next_done;
};

struct jobs;

struct jobs_config {
    Str store_url;
    const struct rules *rules;
    struct loop **loops; /* borrowed, must outlive jobs; by their loop_index */
    size_t n_loops;
    size_t readers;
    size_t resume_readers;
    size_t hashers;
    struct work_limits limits[JOB_POOLS];
    size_t batch_jobs; /* of one commit, at most */
    int64_t batch_us;  /* how long a batch may take in more */
    /* Called on each loop for each publication, before the completions that came with it. */
    void (*deliver)(void *arg, struct loop *loop, struct publication *p);
    void *arg;
};

Err jobs_start(const struct jobs_config *config, struct jobs **out, const char **why) must_check;

/* ERR_OVERLOADED or ERR_DRAINING: not queued, done will not be called. */
Err jobs_submit(struct jobs *jobs, struct job *job) must_check;

/* Commits what is queued and ends the workers; the loops must still be running. Then jobs_free. */
void jobs_stop(struct jobs *jobs);
void jobs_free(struct jobs **jobs);

/*
 * True while the store takes no writes: from a commit that the disk refused until one succeeds,
 * which the writer tries every second. Reads go on. Copies why, in words for an operator. Any
 * thread.
 */
enum { JOBS_WHY = 128 };
bool jobs_store_unavailable(struct jobs *jobs, char why[JOBS_WHY]);

/* Counts since the start, for metrics and benchmarks; any thread. */
struct jobs_stats {
    uint64_t commits;
    uint64_t writes; /* jobs in those commits */
    uint64_t failed_commits;
};
struct jobs_stats jobs_stats(const struct jobs *jobs);

#endif
