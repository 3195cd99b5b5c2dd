/*
 * READ_MSG: one of a reader in a chat goes out a second, the last one always. A gate stands for
 * each reader and chat that has read within the last second.
 */
#include "realtime/hub_parts.h"

#include "base/mem.h"

enum { GATE_MS = 1000 };

struct gate {
    struct timer timer;
    struct hub *hub;
    MapKey key;
    struct publication *latest; /* NULL: nothing since the last one that went out */
    size_t index;
};

static void deliver(struct hub *hub, const struct event *e)
{
    struct hub_chat *c = hub_chat_get(hub, e->app, e->chat);
    if (c)
        hub_push_to_chat(hub, c, e);
}

static void open_gate(struct timer *timer)
{
    struct gate *g = (struct gate *)timer; /* its first member */
    if (g->latest) {
        deliver(g->hub, &g->latest->events.items[g->index]);
        publication_unref(&g->latest);
        loop_timer_set(g->hub->loop, &g->timer, GATE_MS, open_gate);
        return;
    }
    map_remove(&g->hub->marks, g->key);
    mem_free(g);
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
        return;
    }
    if (!hub_chat_get(hub, e->app, e->chat))
        return;
    deliver(hub, e);
    g = mem_alloc(sizeof *g);
    g->hub = hub;
    g->key = key;
    map_put(&hub->marks, key, g);
    loop_timer_set(hub->loop, &g->timer, GATE_MS, open_gate);
}

void hub_marks_free(struct hub *hub)
{
    struct gate *g;
    for (size_t i = 0; (g = map_next(&hub->marks, &i));) {
        loop_timer_clear(&g->timer);
        publication_unref(&g->latest);
        mem_free(g);
    }
    map_free(&hub->marks);
}
