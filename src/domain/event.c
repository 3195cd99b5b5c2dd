#include "domain/event.h"

#include "base/mem.h"

#include <stdatomic.h>

static atomic_uint numbers;

struct event *event_add(struct event_list *list, enum event_type type)
{
    if (list->n == list->cap) {
        list->cap = list->cap ? list->cap * 2 : 8;
        list->items = mem_resize(list->items, list->cap * sizeof *list->items);
    }
    struct event *e = &list->items[list->n++];
    *e = (struct event){.type = type, .number = atomic_fetch_add(&numbers, 1)};
    return e;
}

void event_truncate(struct event_list *list, size_t n)
{
    must(n <= list->n);
    list->n = n;
}

void event_list_free(struct event_list *list)
{
    mem_free(list->items);
    arena_free(&list->arena);
    *list = (struct event_list){.arena = ARENA(list->arena.max)};
}
