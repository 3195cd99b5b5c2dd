/*
 * struct buf: a growable run of bytes with a mandatory maximum and a sticky overflow: an append
 * that would pass the maximum sets `overflow` and appends nothing, and so does every later one;
 * builders check once at the end. Holds no memory while empty after buf_free. Not for sharing
 * between threads; the owner frees it.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/str.h"

struct buf {
    char *p;    /* owned */
    uint32_t n; /* these are small, since each idle session has some */
    uint32_t cap;
    uint32_t max;
    bool overflow;
};

#define BUF(maximum) ((struct buf){.max = (uint32_t)(maximum)})

/* Frees the memory; the buf is empty and usable again with the same maximum. */
void buf_free(struct buf *b);

/* Empties, keeps the memory, clears overflow. */
void buf_clear(struct buf *b);

/* Makes room for n more bytes and returns where they go, or NULL on overflow; add to b->n after. */
char *buf_reserve(struct buf *b, size_t n);

void buf_add(struct buf *b, Str s);
void buf_byte(struct buf *b, char c);
void buf_fmt(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_uint(struct buf *b, uint64_t v);

/* Removes the first n bytes; frees the memory when nothing is left. */
void buf_consume(struct buf *b, size_t n);

static inline Str buf_str(const struct buf *b)
{
    return (Str){b->p ? b->p : "", b->n};
}

#endif
