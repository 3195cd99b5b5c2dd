#include "realtime/publication.h"

#include "base/mem.h"

enum { EVENTS_MAX = 512 * 1024 * 1024 }; /* of one commit; jobs and rows are limited long before */

struct publication *publication_ref(struct publication *p)
{
    atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
    return p;
}

void publication_unref(struct publication **at)
{
    struct publication *p = *at;
    *at = NULL;
    if (!p || atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) != 1)
        return;
    event_list_free(&p->events);
    mem_free(p);
}

struct publication *publication_new(void)
{
    struct publication *p = mem_alloc(sizeof *p);
    atomic_init(&p->refs, 1);
    p->events.arena = ARENA(EVENTS_MAX);
    return p;
}
