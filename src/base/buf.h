/*
 * struct buf: a growable run of bytes with a mandatory maximum and a sticky overflow: an append
 * that would pass the maximum sets `overflow` and appends nothing, and so does every later one;
 * builders check once at the end. Holds no memory while empty after buf_free. Not for sharing
 * between threads; the owner frees it.
 *
 * Consuming is cheap however small the parts are: p moves on, and the bytes behind it are moved to
 * the front only when at least as many have been consumed.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/str.h"

struct buf {
    char *p;          /* the first byte; the owned memory begins `at` bytes before */
    uint32_t n;       /* these are small, since each idle session has some */
    uint32_t cap;     /* from p on */
    uint32_t max;     /* of n; at most 1 GiB */
    uint32_t at : 31; /* bytes consumed, before p */
    uint32_t overflow : 1;
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

/* Removes the first n bytes; frees the memory when nothing is left, and some of it when much is
 * consumed. p moves. */
void buf_consume(struct buf *b, size_t n);

/* Bytes of memory that it holds. */
static inline size_t buf_memory(const struct buf *b)
{
    return (size_t)b->at + b->cap;
}

/* Gives back the memory that holds no bytes, when it is much. */
void buf_trim(struct buf *b);

static inline Str buf_str(const struct buf *b)
{
    return (Str){b->p ? b->p : "", b->n};
}

#endif
