/*
 * Doubling growth up to the maximum; the first allocation is 64 bytes. What was consumed stays in
 * front of p until there are at least as many bytes of it as are left, so that each byte is moved
 * once at most for each time that it was added; for that the memory may be twice the maximum.
 * Turned down: moving the rest at each step, which is quadratic for a peer that sends many small
 * parts in one piece; a ring, whose bytes would not stand together.
 */
#include "base/buf.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>

enum { TRIM_AT = 64 * 1024 }; /* bytes that are worth a reallocation */

static char *memory(const struct buf *b)
{
    return b->p ? b->p - b->at : NULL;
}

/* Moves the bytes to the front of the memory and makes that `size` bytes. */
static void settle(struct buf *b, size_t size)
{
    char *front = memory(b);
    if (b->at && b->n)
        memmove(front, b->p, b->n);
    if (size != buf_memory(b))
        front = mem_resize(front, size);
    b->p = front;
    b->at = 0;
    b->cap = (uint32_t)size;
}

void buf_free(struct buf *b)
{
    mem_free(memory(b));
    *b = BUF(b->max);
}

void buf_clear(struct buf *b)
{
    b->n = 0;
    b->overflow = false;
}

char *buf_reserve(struct buf *b, size_t n)
{
    if (b->overflow || n > b->max - b->n) {
        b->overflow = true;
        return NULL;
    }
    if (n > b->cap - b->n) {
        size_t size = buf_memory(b) ? buf_memory(b) : 64;
        size_t used = b->at >= b->n ? b->n : (size_t)b->at + b->n;
        size_t most = used == b->n ? b->max : 2 * (size_t)b->max;
        while (size - used < n)
            size *= 2;
        settle(b, size < most ? size : most);
    }
    return b->p + b->n;
}

void buf_add(struct buf *b, Str s)
{
    char *to = s.n ? buf_reserve(b, s.n) : NULL;
    if (!to)
        return;
    memcpy(to, s.p, s.n);
    b->n += s.n;
}

void buf_byte(struct buf *b, char c)
{
    buf_add(b, str_from(&c, 1));
}

void buf_fmt(struct buf *b, const char *fmt, ...)
{
    va_list ap;
    char small[256];
    va_start(ap, fmt);
    int n = vsnprintf(small, sizeof small, fmt, ap);
    va_end(ap);
    must(n >= 0);
    if ((size_t)n < sizeof small) {
        buf_add(b, str_from(small, (size_t)n));
        return;
    }
    char *large = mem_resize(NULL, (size_t)n + 1);
    va_start(ap, fmt);
    vsnprintf(large, (size_t)n + 1, fmt, ap);
    va_end(ap);
    buf_add(b, str_from(large, (size_t)n));
    mem_free(large);
}

void buf_uint(struct buf *b, uint64_t v)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + v % 10);
        v /= 10;
    } while (v);
    buf_add(b, str_from(digits + at, sizeof digits - at));
}

void buf_consume(struct buf *b, size_t n)
{
    must(n <= b->n);
    if (n == b->n) {
        buf_free(b);
        return;
    }
    b->p += n;
    b->at += (uint32_t)n & INT32_MAX;
    b->n -= (uint32_t)n;
    b->cap -= (uint32_t)n;
    if (b->at >= TRIM_AT && b->at >= b->n)
        settle(b, b->n);
}

void buf_trim(struct buf *b)
{
    if (b->n && buf_memory(b) - b->n >= TRIM_AT)
        settle(b, b->n);
}
