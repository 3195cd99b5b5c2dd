/*
 * Feeding a decoder so that what it gives cannot depend on how the bytes were cut, always from a
 * heap allocation of the exact size, so that AddressSanitizer sees a read past the end.
 */
#ifndef TEST_CODEC_FEED_H
#define TEST_CODEC_FEED_H

#include "base/buf.h"
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define FEED_LONG 600 /* longer inputs are not cut at every place: only near both ends */

static inline char *feed_copy(Str s)
{
    char *copy = malloc(s.n);
    assert_non_null(copy);
    if (s.n)
        memcpy(copy, s.p, s.n);
    return copy;
}

/* Gives a decoder every prefix of the input. Prefixes need more until one has a result, and all
 * longer ones have the same: bytes used exactly once those bytes are there, or one error. */
static inline long feed_prefixes(Str in, long (*decode)(Str in, void *context), void *context)
{
    long result = 0;
    for (size_t n = 0; n <= in.n; n++) {
        if (n == FEED_LONG && in.n > 2 * FEED_LONG)
            n = in.n - FEED_LONG;
        char *copy = feed_copy(str_from(in.p, n));
        long got = decode(str_from(copy, n), context);
        free(copy);
        if (got > 0 && result == 0)
            assert_int_equal(got, n);
        if (result)
            assert_int_equal(got, result);
        result = got;
    }
    return result;
}

/* Gives a decoder a stream that arrives in pieces of `piece` bytes: what it did not use comes again
 * with the next piece in front of it. Ends at an error, or when `step` says so with *ended. */
static inline void feed_stream(Str in, size_t piece,
                               long (*step)(Str in, void *context, bool *ended), void *context)
{
    size_t from = 0, to = 0;
    bool ended = false;
    while (!ended && to < in.n) {
        to = to + piece < in.n ? to + piece : in.n;
        long used = 1;
        while (!ended && used > 0 && from < to) {
            char *copy = feed_copy(str_from(in.p + from, to - from));
            used = step(str_from(copy, to - from), context, &ended);
            free(copy);
            if (used < 0)
                return;
            from += (size_t)used;
        }
    }
}

#endif
