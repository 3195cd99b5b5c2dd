/*
 * Chunks of at least 2 KiB, doubling up to 64 KiB; a larger request gets a chunk of its own size.
 * The last one is cut to what the maximum leaves.
 */
#include "base/arena.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>

struct arena_chunk {
    struct arena_chunk *older;
    _Alignas(max_align_t) char bytes[];
};

enum { ALIGN = _Alignof(max_align_t), CHUNK_MIN = 2048, CHUNK_MAX = 64 * 1024 };

void arena_free(struct arena *a)
{
    while (a->chunks) {
        struct arena_chunk *c = a->chunks;
        a->chunks = c->older;
        mem_free(c);
    }
    *a = ARENA(a->max);
}

static void grow(struct arena *a, size_t size)
{
    size_t want = a->used < CHUNK_MIN ? CHUNK_MIN : a->used > CHUNK_MAX ? CHUNK_MAX : a->used;
    if (want > a->max - a->used)
        want = a->max - a->used;
    if (want < size)
        want = size;
    must(want <= a->max - a->used);
    struct arena_chunk *c = mem_resize(NULL, sizeof *c + want);
    c->older = a->chunks;
    a->chunks = c;
    a->at = c->bytes;
    a->left = want;
    a->used += want;
}

void *arena_alloc(struct arena *a, size_t size)
{
    size_t rounded = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    must(rounded >= size);
    if (rounded > a->left || !a->at)
        grow(a, rounded);
    void *p = a->at;
    a->at += rounded;
    a->left -= rounded;
    return memset(p, 0, rounded);
}

void *arena_alloc_many(struct arena *a, size_t n, size_t size)
{
    size_t bytes;
    must(!__builtin_mul_overflow(n, size, &bytes));
    return arena_alloc(a, bytes);
}

Str arena_str(struct arena *a, Str s)
{
    char *p = arena_alloc(a, s.n + 1);
    if (s.n)
        memcpy(p, s.p, s.n);
    return str_from(p, s.n);
}

Str arena_fmt(struct arena *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    must(n >= 0);
    char *p = arena_alloc(a, (size_t)n + 1);
    va_start(ap, fmt);
    vsnprintf(p, (size_t)n + 1, fmt, ap);
    va_end(ap);
    return str_from(p, (size_t)n);
}
