/*
 * struct arena: memory that is freed all at once: one per request, per inbound frame, per commit.
 * Nothing in it is freed singly. Its maximum guards against a request that makes it grow without
 * end: past it the program aborts, so what goes in must have been limited before. One thread at a
 * time.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/str.h"

struct arena_chunk;

struct arena {
    struct arena_chunk *chunks; /* owned, newest first */
    char *at;
    size_t left;
    size_t used;
    size_t max;
};

#define ARENA(maximum) ((struct arena){.max = (maximum)})

/* Frees everything; the arena is empty and usable again. */
void arena_free(struct arena *a);

/* Zeroed, aligned for any type; good until arena_free. */
void *arena_alloc(struct arena *a, size_t size);

/* n of a size; their product may not overflow. */
void *arena_alloc_many(struct arena *a, size_t n, size_t size);

/* Copies; a NUL follows the copy, so that .p is also a C string when s holds no NUL. */
Str arena_str(struct arena *a, Str s);

Str arena_fmt(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define arena_new(a, type) ((type *)arena_alloc((a), sizeof(type)))
#define arena_array(a, type, n) ((type *)arena_alloc_many((a), (n), sizeof(type)))

#endif
