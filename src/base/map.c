#include "base/map.h"

#include "base/mem.h"

struct map_slot {
    MapKey key;
    void *value; /* NULL: empty */
};

/* Mixes both halves (the finalizer of SplitMix64), so that consecutive row numbers spread. */
static size_t home(const struct map *m, MapKey key)
{
    uint64_t h = key.a * 0x9e3779b97f4a7c15u ^ key.b;
    h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9u;
    h = (h ^ (h >> 27)) * 0x94d049bb133111ebu;
    return (size_t)(h ^ (h >> 31)) & (m->cap - 1);
}

static int same(MapKey x, MapKey y)
{
    return x.a == y.a && x.b == y.b;
}

/* The slot of the key, or the empty one where it would go. */
static size_t find(const struct map *m, MapKey key)
{
    size_t i = home(m, key);
    while (m->slots[i].value && !same(m->slots[i].key, key))
        i = (i + 1) & (m->cap - 1);
    return i;
}

static void rehash(struct map *m, size_t cap)
{
    struct map old = *m;
    m->slots = mem_alloc(cap * sizeof *m->slots);
    m->cap = cap;
    for (size_t i = 0; i < old.cap; i++)
        if (old.slots[i].value)
            m->slots[find(m, old.slots[i].key)] = old.slots[i];
    mem_free(old.slots);
}

void map_free(struct map *m)
{
    mem_free(m->slots);
    *m = (struct map){0};
}

void *map_get(const struct map *m, MapKey key)
{
    return m->cap ? m->slots[find(m, key)].value : NULL;
}

void map_put(struct map *m, MapKey key, void *value)
{
    must(value != NULL);
    if ((m->count + 1) * 4 > m->cap * 3)
        rehash(m, m->cap ? m->cap * 2 : 8);
    struct map_slot *slot = &m->slots[find(m, key)];
    m->count += slot->value == NULL;
    *slot = (struct map_slot){key, value};
}

void *map_remove(struct map *m, MapKey key)
{
    if (!m->cap)
        return NULL;
    size_t hole = find(m, key);
    void *value = m->slots[hole].value;
    if (!value)
        return NULL;
    m->count--;
    for (size_t i = (hole + 1) & (m->cap - 1); m->slots[i].value; i = (i + 1) & (m->cap - 1)) {
        size_t want = home(m, m->slots[i].key);
        /* Move i back into the hole unless its home lies in (hole, i]. */
        if (((i - want) & (m->cap - 1)) >= ((i - hole) & (m->cap - 1))) {
            m->slots[hole] = m->slots[i];
            hole = i;
        }
    }
    m->slots[hole].value = NULL;
    if (m->cap > 64 && m->count * 8 < m->cap)
        rehash(m, m->cap / 4);
    return value;
}

void *map_next(const struct map *m, size_t *at)
{
    while (*at < m->cap) {
        void *value = m->slots[(*at)++].value;
        if (value)
            return value;
    }
    return NULL;
}
