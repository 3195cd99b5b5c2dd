/*
 * Events that did not come: read from the store, before those that wait for them. Within one
 * process that does not happen; a bus between nodes may lose.
 */
#include "realtime/hub_parts.h"

#include "base/log.h"
#include "base/mem.h"

enum { HOLE_EVENTS = 1000 /* read at once */, HOLE_AGAIN_MS = 100 };

/* Events of a chat that wait until those before them are read; chat is NULL once it is gone. */
struct hub_hole {
    struct job job;
    struct arena arena;
    struct hub *hub;
    struct hub_chat *chat;
    struct timer again;
    int64_t app, row, from, to;
    struct event_list found;
    struct waiting {
        struct publication *p;
        size_t index;
    } * waiting;
    size_t n, cap;
};

static Err read_hole(struct job *job, struct tx *tx)
{
    struct hub_hole *h = (struct hub_hole *)job;
    return message_replay(tx, h->app, h->row, h->from, h->to, HOLE_EVENTS, &h->found);
}

static void hole_free(struct hub_hole *h)
{
    for (size_t i = 0; i < h->n; i++)
        publication_unref(&h->waiting[i].p);
    mem_free(h->waiting);
    event_list_free(&h->found);
    arena_free(&h->arena);
    mem_free(h);
}

static void hole_submit(struct hub_hole *h);

static void hole_again(struct timer *timer)
{
    hole_submit((struct hub_hole *)((char *)timer - offsetof(struct hub_hole, again)));
}

static int64_t first_waiting(const struct hub_hole *h)
{
    return h->waiting[0].p->events.items[h->waiting[0].index].seq;
}

static void deliver_found(struct hub_hole *h)
{
    for (size_t i = 0; i < h->found.n; i++)
        hub_deliver_stored(h->hub, &h->found.items[i]);
}

static void forget_found(struct hub_hole *h)
{
    event_list_free(&h->found);
    arena_free(&h->arena);
}

/* A read may end before all is read; only one that finds nothing says that nothing is there. */
static bool more_to_read(struct hub_hole *h)
{
    return h->chat && h->found.n && h->chat->last_seq + 1 < first_waiting(h);
}

static void hole_read(struct job *job)
{
    struct hub_hole *h = (struct hub_hole *)job;
    if (job->err && h->chat) {
        log_event(LOG_WARN, "missing events not read", log_n("chat", h->row),
                  log_s("reason", err_code(job->err)));
        forget_found(h); /* it may have been cut short */
        loop_timer_set(h->hub->loop, &h->again, HOLE_AGAIN_MS, hole_again);
        return;
    }
    deliver_found(h);
    if (more_to_read(h)) {
        h->from = h->chat->last_seq;
        forget_found(h);
        hole_submit(h);
        return;
    }
    if (h->chat) {
        if (h->chat->last_seq + 1 < first_waiting(h))
            h->chat->last_seq = first_waiting(h) - 1; /* no longer in the log: not to be had */
        map_remove(&h->hub->holes, hub_key(h->app, h->row));
    }
    for (size_t i = 0; i < h->n; i++)
        hub_event(h->hub, h->waiting[i].p, h->waiting[i].index);
    hole_free(h);
}

static void hole_submit(struct hub_hole *h)
{
    Err err = jobs_submit(h->hub->jobs, &h->job); /* once it is queued, it is the worker's */
    if (!err)
        return;
    h->job.err = err;
    hole_read(&h->job);
}

static struct hub_hole *hole_new(struct hub *hub, struct hub_chat *c, int64_t before)
{
    struct hub_hole *h = mem_alloc(sizeof *h);
    *h = (struct hub_hole){.hub = hub,
                           .chat = c,
                           .app = c->app,
                           .row = c->chat,
                           .from = c->last_seq,
                           .to = before - 1,
                           .arena = ARENA(HUB_ARENA),
                           .found = {.arena = ARENA(HUB_ARENA)}};
    h->job = (struct job){.item = {.tenant = c->app, .bytes = sizeof *h},
                          .loop = hub->loop,
                          .pool = JOB_READ,
                          .run = read_hole,
                          .done = hole_read,
                          .arena = &h->arena};
    log_event(LOG_WARN, "events missing", log_n("chat", c->chat), log_n("after", h->from),
              log_n("before", before));
    return h;
}

static struct hub_hole *hole_of(const struct hub *hub, const struct hub_chat *c)
{
    return hub->holes.count ? map_get(&hub->holes, hub_key(c->app, c->chat)) : NULL;
}

bool hub_has_hole(const struct hub *hub, const struct hub_chat *c)
{
    return hole_of(hub, c) != NULL;
}

void hub_hole_wait(struct hub *hub, struct hub_chat *c, struct publication *p, size_t index)
{
    struct hub_hole *h = hole_of(hub, c);
    bool first = !h;
    if (first) {
        h = hole_new(hub, c, p->events.items[index].seq);
        map_put(&hub->holes, hub_key(c->app, c->chat), h);
    }
    if (h->n == h->cap) {
        h->cap = h->cap ? h->cap * 2 : 4;
        h->waiting = mem_resize(h->waiting, h->cap * sizeof *h->waiting);
    }
    h->waiting[h->n++] = (struct waiting){publication_ref(p), index};
    if (first)
        hole_submit(h);
}

void hub_hole_forget(struct hub *hub, const struct hub_chat *c)
{
    struct hub_hole *h = map_remove(&hub->holes, hub_key(c->app, c->chat));
    if (h)
        h->chat = NULL;
}
