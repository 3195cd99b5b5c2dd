/*
 * One lock and one condition. Tenants with something queued stand in a ring; each take serves the
 * first one and sends it to the back. A tenant exists only while it has items.
 */
#include "io/work.h"

#include "base/map.h"
#include "base/mem.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

struct tenant {
    struct tenant *next; /* in the ring of those that have items */
    int64_t id;
    size_t count;
    struct work_item *first, **last;
};

struct work_queue {
    pthread_mutex_t lock;
    pthread_cond_t filled;
    struct work_limits limits;
    size_t jobs, bytes;
    struct map tenants;
    struct tenant *ring, **ring_last;
    unsigned waiting;
    bool ended;
};

struct work_queue *work_new(struct work_limits limits)
{
    struct work_queue *q = mem_alloc(sizeof *q);
    pthread_condattr_t attr;
    must(pthread_condattr_init(&attr) == 0);
    must(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
    must(pthread_cond_init(&q->filled, &attr) == 0);
    must(pthread_mutex_init(&q->lock, NULL) == 0);
    pthread_condattr_destroy(&attr);
    q->limits = limits;
    q->ring_last = &q->ring;
    return q;
}

void work_free(struct work_queue **at)
{
    struct work_queue *q = *at;
    if (!q)
        return;
    must(q->jobs == 0);
    map_free(&q->tenants);
    pthread_cond_destroy(&q->filled);
    pthread_mutex_destroy(&q->lock);
    mem_free(q);
    *at = NULL;
}

static MapKey key_of(int64_t tenant)
{
    return (MapKey){(uint64_t)tenant, 0};
}

static void to_the_back(struct work_queue *q, struct tenant *t)
{
    t->next = NULL;
    *q->ring_last = t;
    q->ring_last = &t->next;
}

static Err add(struct work_queue *q, struct work_item *item)
{
    if (q->ended)
        return ERR_DRAINING;
    if (q->jobs >= q->limits.jobs || q->bytes + item->bytes > q->limits.bytes)
        return ERR_OVERLOADED;
    struct tenant *t = map_get(&q->tenants, key_of(item->tenant));
    if (t && t->count >= q->limits.tenant_jobs)
        return ERR_OVERLOADED;
    if (!t) {
        t = mem_alloc(sizeof *t);
        t->id = item->tenant;
        t->last = &t->first;
        map_put(&q->tenants, key_of(t->id), t);
        to_the_back(q, t);
    }
    item->next = NULL;
    *t->last = item;
    t->last = &item->next;
    t->count++;
    q->jobs++;
    q->bytes += item->bytes;
    return ERR_OK;
}

Err work_submit(struct work_queue *q, struct work_item *item)
{
    pthread_mutex_lock(&q->lock);
    Err err = add(q, item);
    bool wake = !err && q->waiting > 0;
    pthread_mutex_unlock(&q->lock);
    if (wake)
        pthread_cond_signal(&q->filled);
    return err;
}

static struct work_item *remove_next(struct work_queue *q)
{
    struct tenant *t = q->ring;
    q->ring = t->next;
    if (!q->ring)
        q->ring_last = &q->ring;
    struct work_item *item = t->first;
    t->first = item->next;
    t->count--;
    if (t->first) {
        to_the_back(q, t);
    } else {
        map_remove(&q->tenants, key_of(t->id));
        mem_free(t);
    }
    q->jobs--;
    q->bytes -= item->bytes;
    return item;
}

static void wait_until_filled(struct work_queue *q, int64_t wait_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += wait_ms / 1000;
    until.tv_nsec += wait_ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    q->waiting++;
    while (q->jobs == 0 && !q->ended)
        if (pthread_cond_timedwait(&q->filled, &q->lock, &until) == ETIMEDOUT)
            break;
    q->waiting--;
}

struct work_item *work_take(struct work_queue *q, int64_t wait_ms)
{
    pthread_mutex_lock(&q->lock);
    if (q->jobs == 0 && wait_ms > 0)
        wait_until_filled(q, wait_ms);
    struct work_item *item = q->jobs ? remove_next(q) : NULL;
    pthread_mutex_unlock(&q->lock);
    return item;
}

void work_end(struct work_queue *q)
{
    pthread_mutex_lock(&q->lock);
    q->ended = true;
    pthread_mutex_unlock(&q->lock);
    pthread_cond_broadcast(&q->filled);
}

bool work_ended(struct work_queue *q)
{
    pthread_mutex_lock(&q->lock);
    bool ended = q->ended && q->jobs == 0;
    pthread_mutex_unlock(&q->lock);
    return ended;
}
