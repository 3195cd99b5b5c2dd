/*
 * struct map: a hash table from a pair of 64-bit numbers (app and row, or the two halves of a keyed
 * hash) to a pointer. Open addressing, linear probing, backward-shift deletion, so an empty slot is
 * the only end of a probe. Values are borrowed and never NULL. One thread at a time.
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint64_t a;
    uint64_t b;
} MapKey;

struct map_slot;

struct map {
    struct map_slot *slots; /* owned */
    size_t count;
    size_t cap;
};

void map_free(struct map *m);

void *map_get(const struct map *m, MapKey key);

/* Adds or replaces. */
void map_put(struct map *m, MapKey key, void *value);

/* Returns what was there, or NULL. */
void *map_remove(struct map *m, MapKey key);

/* Walks all values in no order: start with *at = 0, ends with NULL. No change of the map meanwhile.
 */
void *map_next(const struct map *m, size_t *at);

#endif
