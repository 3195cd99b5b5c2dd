/*
 * One lock and one condition. Fairness is that of virtual time: each tenant and each lane counts
 * the nanoseconds that its jobs have used; a heap of tenants, and in each tenant a heap of lanes,
 * gives the one that has used least. A job is paid for when it is taken, by what its lane's jobs
 * cost lately, and the difference is settled when it is done: so two workers do not both serve the
 * lane whose job is the most expensive. Who comes back after a rest begins at the floor, what the
 * last one served had used: rest is not saved up, nor is debt beyond DEBT_MAX.
 *
 * Lanes outlive their jobs for FORGET_MS, else a client with one job at a time would never owe
 * anything; at most IDLE_MAX of them, and none once the workers rest. Turns by count were turned
 * down: a page of 50,000 rows is not one getUser. A cap for each tenant alone was, too: two tenants
 * fill the queue with it.
 */
#include "io/work.h"

#include "base/clock.h"
#include "base/map.h"
#include "base/mem.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

enum {
    FORGET_MS = 1000,
    IDLE_MAX = 512,
    FORGET_AT_ONCE = 2,   /* lanes looked at by a submit, so that none pays for many */
    FORGET_AT_REST = 512, /* by a worker to whom nothing has come for a while */
    FIRST_COST = 50000,   /* nanoseconds, of the first job of a lane */
    DEBT_MAX = 500000000, /* nanoseconds */
    HEAP_FIRST = 4,
    NEWCOMERS = 8, /* one part in so many is for those who have nothing in the queue */
};

/* What a tenant or a lane has used, and has in the queue. */
struct share {
    int64_t used; /* nanoseconds */
    uint64_t turn;
    size_t at; /* in its heap */
    size_t count;
    size_t bytes;
};

struct heap {
    struct share **items;
    size_t n, cap;
    int64_t floor; /* what the last one served had used */
};

struct tenant {
    struct share share; /* first: a heap gives a share */
    int64_t id;
    struct heap lanes;
    size_t n_lanes;
};

struct work_lane {
    struct share share; /* first */
    struct tenant *tenant;
    int64_t id;
    struct work_item *first, **last;
    int64_t expected; /* nanoseconds of its next job */
    size_t running;
    struct work_lane *older, *newer; /* among the idle */
    int64_t idle_since;              /* milliseconds */
};

struct work_queue {
    pthread_mutex_t lock;
    pthread_cond_t filled;
    struct work_limits limits;
    size_t jobs, bytes;
    uint64_t turns;
    struct map tenants;
    struct map lanes; /* by tenant and lane */
    struct heap ring;
    struct work_lane *oldest, *newest; /* idle: nothing queued, nothing running */
    size_t n_idle;
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
    return q;
}

/* ----- heaps ----- */

static bool goes_before(const struct share *x, const struct share *y)
{
    return x->used != y->used ? x->used < y->used : x->turn < y->turn;
}

static void heap_set(struct heap *h, size_t i, struct share *s)
{
    h->items[i] = s;
    s->at = i;
}

static void sift_up(struct heap *h, struct share *s)
{
    size_t i = s->at;
    while (i > 0 && goes_before(s, h->items[(i - 1) / 2])) {
        heap_set(h, i, h->items[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    heap_set(h, i, s);
}

static void sift_down(struct heap *h, struct share *s)
{
    size_t i = s->at;
    for (size_t child; (child = 2 * i + 1) < h->n; i = child) {
        if (child + 1 < h->n && goes_before(h->items[child + 1], h->items[child]))
            child++;
        if (!goes_before(h->items[child], s))
            break;
        heap_set(h, i, h->items[child]);
    }
    heap_set(h, i, s);
}

static void heap_add(struct work_queue *q, struct heap *h, struct share *s)
{
    if (h->n == h->cap) {
        h->cap = h->cap ? h->cap * 2 : HEAP_FIRST;
        h->items = mem_resize(h->items, h->cap * sizeof(struct share *));
    }
    if (s->used < h->floor)
        s->used = h->floor;
    if (s->used > h->floor + DEBT_MAX)
        s->used = h->floor + DEBT_MAX;
    s->turn = ++q->turns;
    s->at = h->n++;
    sift_up(h, s);
}

static void heap_remove(struct heap *h, struct share *s)
{
    struct share *last = h->items[--h->n];
    if (last == s)
        return;
    last->at = s->at;
    sift_up(h, last);
    sift_down(h, last);
}

/* Of one that is queued or not; more may be less. */
static void charge(struct heap *h, struct share *s, int64_t more)
{
    s->used += more;
    if (!s->count)
        return;
    sift_up(h, s);
    sift_down(h, s);
}

/* ----- lanes ----- */

static MapKey key_of(int64_t tenant, int64_t lane)
{
    return (MapKey){(uint64_t)tenant, (uint64_t)lane};
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void leave_idle(struct work_queue *q, struct work_lane *l)
{
    *(l->older ? &l->older->newer : &q->oldest) = l->newer;
    *(l->newer ? &l->newer->older : &q->newest) = l->older;
    l->older = l->newer = NULL;
    q->n_idle--;
}

static void become_idle(struct work_queue *q, struct work_lane *l)
{
    l->idle_since = now_ms();
    l->older = q->newest;
    *(q->newest ? &q->newest->newer : &q->oldest) = l;
    q->newest = l;
    q->n_idle++;
}

static bool is_idle(const struct work_lane *l)
{
    return !l->share.count && !l->running;
}

static void forget_lane(struct work_queue *q, struct work_lane *l)
{
    struct tenant *t = l->tenant;
    leave_idle(q, l);
    map_remove(&q->lanes, key_of(t->id, l->id));
    mem_free(l);
    if (--t->n_lanes)
        return;
    map_remove(&q->tenants, key_of(t->id, 0));
    mem_free(t->lanes.items);
    mem_free(t);
}

static void forget_idle(struct work_queue *q, int most)
{
    int64_t before = now_ms() - FORGET_MS;
    for (int i = 0; i < most && q->oldest; i++)
        if (q->n_idle > IDLE_MAX || q->oldest->idle_since < before)
            forget_lane(q, q->oldest);
}

static struct work_lane *lane_new(struct work_queue *q, struct tenant *t, const struct work_item *i)
{
    if (!t) {
        t = mem_alloc(sizeof *t);
        t->id = i->tenant;
        map_put(&q->tenants, key_of(t->id, 0), t);
    }
    struct work_lane *l = mem_alloc(sizeof *l);
    l->tenant = t;
    l->id = i->lane;
    l->last = &l->first;
    l->expected = FIRST_COST;
    t->n_lanes++;
    map_put(&q->lanes, key_of(t->id, l->id), l);
    become_idle(q, l);
    return l;
}

void work_free(struct work_queue **at)
{
    struct work_queue *q = *at;
    struct work_lane *l;
    struct tenant *t;
    if (!q)
        return;
    must(q->jobs == 0);
    for (size_t i = 0; (l = map_next(&q->lanes, &i));)
        mem_free(l);
    for (size_t i = 0; (t = map_next(&q->tenants, &i));) {
        mem_free(t->lanes.items);
        mem_free(t);
    }
    map_free(&q->lanes);
    map_free(&q->tenants);
    mem_free(q->ring.items);
    pthread_cond_destroy(&q->filled);
    pthread_mutex_destroy(&q->lock);
    mem_free(q);
    *at = NULL;
}

/* ----- in ----- */

static const struct share nothing;

/* May one who has so much take more of what is left of a whole? Its part is never larger than what
 * is left, and the last of it is for those who have nothing. */
static bool may_grow(size_t has, size_t left, size_t whole)
{
    return has ? has + whole / NEWCOMERS < left : left > 0;
}

/* t, l: NULL when they have nothing yet. */
static bool has_room(const struct work_queue *q, const struct tenant *t, const struct work_lane *l,
                     size_t bytes)
{
    const struct share *tenant = t ? &t->share : &nothing, *lane = l ? &l->share : &nothing;
    const struct work_limits *most = &q->limits;
    size_t jobs = most->jobs - q->jobs, left = most->bytes - q->bytes;
    if (bytes >= left)
        return bytes == left && !tenant->bytes && jobs;
    if (!may_grow(tenant->count, jobs, most->jobs) || tenant->count >= most->tenant_jobs ||
        !may_grow(tenant->bytes, left - bytes, most->bytes))
        return false;
    if (jobs > most->tenant_jobs)
        jobs = most->tenant_jobs;
    return may_grow(lane->count, jobs > tenant->count ? jobs - tenant->count : 1, jobs) &&
           lane->bytes + tenant->bytes <= left;
}

static void append(struct work_queue *q, struct work_lane *l, struct work_item *item)
{
    struct tenant *t = l->tenant;
    if (is_idle(l))
        leave_idle(q, l);
    item->next = NULL;
    *l->last = item;
    l->last = &item->next;
    if (!l->share.count)
        heap_add(q, &t->lanes, &l->share);
    if (!t->share.count)
        heap_add(q, &q->ring, &t->share);
    l->share.count++;
    t->share.count++;
    l->share.bytes += item->bytes;
    t->share.bytes += item->bytes;
    q->jobs++;
    q->bytes += item->bytes;
}

static Err add(struct work_queue *q, struct work_item *item)
{
    if (q->ended)
        return ERR_DRAINING;
    forget_idle(q, FORGET_AT_ONCE);
    struct work_lane *l = map_get(&q->lanes, key_of(item->tenant, item->lane));
    struct tenant *t = l ? l->tenant : map_get(&q->tenants, key_of(item->tenant, 0));
    if (!has_room(q, t, l, item->bytes))
        return ERR_OVERLOADED;
    append(q, l ? l : lane_new(q, t, item), item);
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

/* ----- out ----- */

static struct work_lane *next_lane(const struct work_queue *q)
{
    const struct tenant *t = q->ring.n ? (const struct tenant *)q->ring.items[0] : NULL;
    return t ? (struct work_lane *)t->lanes.items[0] : NULL;
}

/* Of the one in turn, whose items are one fewer: pays, and goes to its place. */
static void serve(struct work_queue *q, struct heap *h, struct share *s, size_t bytes, int64_t cost)
{
    s->count--;
    s->bytes -= bytes;
    if (s->used > h->floor)
        h->floor = s->used;
    s->used += cost;
    s->turn = ++q->turns;
    if (s->count)
        sift_down(h, s);
    else
        heap_remove(h, s);
}

static struct work_item *remove_next(struct work_queue *q)
{
    struct work_lane *l = next_lane(q);
    struct tenant *t = l->tenant;
    struct work_item *item = l->first;
    l->first = item->next;
    if (!l->first)
        l->last = &l->first;
    item->next = NULL;
    item->taken_from = l;
    item->paid = l->expected;
    l->running++;
    serve(q, &t->lanes, &l->share, item->bytes, item->paid);
    serve(q, &q->ring, &t->share, item->bytes, item->paid);
    q->jobs--;
    q->bytes -= item->bytes;
    return item;
}

static void wait_until_filled(struct work_queue *q, int64_t wait_ms)
{
    struct timespec until = clock_mono_in(wait_ms);
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
    if (q->jobs == 0)
        forget_idle(q, FORGET_AT_REST);
    struct work_item *item = q->jobs ? remove_next(q) : NULL;
    pthread_mutex_unlock(&q->lock);
    return item;
}

struct work_item *work_take_within(struct work_queue *q, int64_t budget)
{
    pthread_mutex_lock(&q->lock);
    struct work_lane *l = next_lane(q);
    struct work_item *item = l && l->expected <= budget ? remove_next(q) : NULL;
    pthread_mutex_unlock(&q->lock);
    return item;
}

void work_done(struct work_queue *q, struct work_item *first)
{
    pthread_mutex_lock(&q->lock);
    for (struct work_item *item = first; item; item = item->next) {
        struct work_lane *l = item->taken_from;
        charge(&l->tenant->lanes, &l->share, item->cost - item->paid);
        charge(&q->ring, &l->tenant->share, item->cost - item->paid);
        l->expected += (item->cost - l->expected) / 4;
        item->taken_from = NULL;
        l->running--;
        if (is_idle(l))
            become_idle(q, l);
    }
    pthread_mutex_unlock(&q->lock);
}

size_t work_lanes(struct work_queue *q)
{
    pthread_mutex_lock(&q->lock);
    size_t n = q->lanes.count;
    pthread_mutex_unlock(&q->lock);
    return n;
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
