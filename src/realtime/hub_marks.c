/*
 * READ_MSG: one of a reader in a chat goes out a second, the last one always. A gate stands for
 * each reader and chat that has read within the last second.
 *
 * What is held back is overtaken by what comes after it, but only for a time: before anything of a
 * commit is delivered, all that was held for REPLAY_LATE_MS by the time of that commit goes out,
 * however late the loop's timer is. So one who comes back with the last event it got is missing no
 * marker that moved earlier than that before it (see domain/replay.h).
 */
#include "realtime/hub_parts.h"

#include "base/mem.h"
#include "domain/replay.h"

struct gate {
    struct gate *previous, *next; /* in the order of `at` */
    MapKey key;
    int64_t at;                 /* when it was closed; of what it holds, the commit is no earlier */
    struct publication *latest; /* NULL: nothing since the last one that went out */
    size_t index;
};

static void deliver(struct hub *hub, const struct event *e)
{
    struct hub_chat *c = hub_chat_get(hub, e->app, e->chat);
    if (c)
        hub_push_to_chat(hub, c, e);
}

static void open_in_time(struct timer *timer)
{
    struct hub *hub = (struct hub *)((char *)timer - offsetof(struct hub, marks_timer));
    hub_marks_until(hub, loop_now(hub->loop));
}

static void set_timer(struct hub *hub)
{
    int64_t wait = hub->first_mark->at + REPLAY_LATE_MS - loop_now(hub->loop);
    loop_timer_set(hub->loop, &hub->marks_timer, wait > 0 ? wait : 0, open_in_time);
}

/* The queue is in the order of `at`. Times of commits and of the loop differ by little, so that the
 * place is near the end. */
static void put_gate(struct hub *hub, struct gate *g, int64_t at)
{
    struct gate *before = hub->last_mark;
    while (before && before->at > at)
        before = before->previous;
    g->at = at;
    g->previous = before;
    g->next = before ? before->next : hub->first_mark;
    *(before ? &before->next : &hub->first_mark) = g;
    *(g->next ? &g->next->previous : &hub->last_mark) = g;
    if (hub->first_mark == g)
        set_timer(hub);
}

static void take_gate(struct hub *hub, struct gate *g)
{
    *(g->previous ? &g->previous->next : &hub->first_mark) = g->next;
    *(g->next ? &g->next->previous : &hub->last_mark) = g->previous;
}

static void free_gate(struct hub *hub, struct gate *g)
{
    take_gate(hub, g);
    map_remove(&hub->marks, g->key);
    publication_unref(&g->latest);
    mem_free(g);
}

void hub_marks_until(struct hub *hub, int64_t now)
{
    while (hub->first_mark && hub->first_mark->at <= now - REPLAY_LATE_MS) {
        struct gate *g = hub->first_mark;
        if (!g->latest) {
            free_gate(hub, g);
            continue;
        }
        deliver(hub, &g->latest->events.items[g->index]);
        publication_unref(&g->latest);
        take_gate(hub, g);
        put_gate(hub, g, now);
    }
    if (hub->first_mark)
        set_timer(hub);
}

void hub_mark(struct hub *hub, struct publication *p, size_t index)
{
    const struct event *e = &p->events.items[index];
    MapKey key = hub_key(e->chat, e->sender);
    struct gate *g = map_get(&hub->marks, key);
    if (g) {
        publication_unref(&g->latest);
        g->latest = publication_ref(p);
        g->index = index;
        if (p->at <
            g->at) { /* its commit took long: the gate was closed by the loop's time since */
            take_gate(hub, g);
            put_gate(hub, g, p->at);
        }
        return;
    }
    if (!hub_chat_get(hub, e->app, e->chat))
        return;
    deliver(hub, e);
    g = mem_alloc(sizeof *g);
    g->key = key;
    map_put(&hub->marks, key, g);
    put_gate(hub, g, p->at);
}

void hub_marks_free(struct hub *hub)
{
    loop_timer_clear(&hub->marks_timer);
    while (hub->first_mark)
        free_gate(hub, hub->first_mark);
    map_free(&hub->marks);
}
