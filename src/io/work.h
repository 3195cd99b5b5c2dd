/*
 * A work queue between loops and worker threads: bounded in jobs and bytes, fair by what jobs cost.
 * Each job belongs to a tenant and, within the tenant, to a lane (a user, a key, an address). The
 * tenant that has used least goes next, and within the tenant the lane that has used least; first
 * in first out within a lane. It knows nothing of what a job does. Any thread; whoever makes the
 * queue frees it after its workers have ended.
 *
 * What is left of the queue is the share that one may take of it: a tenant is refused what would
 * make its part larger than what is free, and a lane likewise within that. So those who flood a
 * queue are refused, and one who has nothing in it finds room.
 */
#ifndef IO_WORK_H
#define IO_WORK_H

#include "base/err.h"

#include <stdint.h>

struct work_lane;

/* Embedded in a job. */
struct work_item {
    struct work_item *next;
    int64_t tenant;
    int64_t lane;
    size_t bytes; /* what the job holds, for the queue's limit */
    int64_t cost; /* nanoseconds that it took, for work_done */
    /* The queue's own, from work_take to work_done. */
    struct work_lane *taken_from;
    int64_t paid;
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

/* The same, at once, if the next one's lane is expected to take no more than so many nanoseconds.
 */
struct work_item *work_take_within(struct work_queue *queue, int64_t budget);

/* Items that were taken have been done: charges the cost of each to its lane and tenant. A list
 * linked by `next`. An item that is never reported costs what its lane's items did before. */
void work_done(struct work_queue *queue, struct work_item *first);

/* Lanes that the queue remembers: those that have work, and a bounded number of others. */
size_t work_lanes(struct work_queue *queue);

/* No more is taken in; work_take gives what is left and then NULL. */
void work_end(struct work_queue *queue);
/* Ended and empty. */
bool work_ended(struct work_queue *queue);

#endif
