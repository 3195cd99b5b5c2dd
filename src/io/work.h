/*
 * A work queue between loops and worker threads: bounded in jobs and bytes, fair over tenants
 * (round robin, with a cap for each), first in first out within a tenant. It knows nothing of what
 * a job does. Any thread; whoever makes the queue frees it after its workers have ended.
 */
#ifndef IO_WORK_H
#define IO_WORK_H

#include "base/err.h"

#include <stdint.h>

/* Embedded in a job. */
struct work_item {
    struct work_item *next;
    int64_t tenant;
    size_t bytes; /* what the job holds, for the queue's limit */
};

struct work_limits {
    size_t jobs;
    size_t bytes;
    size_t tenant_jobs;
};

struct work_queue;

struct work_queue *work_new(struct work_limits limits);
void work_free(struct work_queue **queue);

/* ERR_OVERLOADED when a limit is reached, ERR_DRAINING after work_end; then the item is untouched.
 */
Err work_submit(struct work_queue *queue, struct work_item *item) must_check;

/* The next item in turn, or NULL when there is none within wait_ms (0: at once), or at the end. */
struct work_item *work_take(struct work_queue *queue, int64_t wait_ms);

/* No more is taken in; work_take gives what is left and then NULL. */
void work_end(struct work_queue *queue);
/* Ended and empty. */
bool work_ended(struct work_queue *queue);

#endif
