/*
 * UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF. The validator
 * is a value that a caller keeps between pieces of a text. It does not know code point properties
 * or normal forms. Holds no memory; any thread.
 */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include "base/err.h"
#include "base/str.h"

/* Start with zero. */
struct utf8 {
    uint8_t need; /* continuation bytes still to come */
    uint8_t low;  /* the range of the next one; both 0 between characters */
    uint8_t high;
};

/* Goes on with the next piece. False at the first byte that no valid text could have there; the
 * state is then of no more use. */
must_check bool utf8_step(struct utf8 *u, Str piece);

/* True when the pieces so far do not end inside a character. */
must_check bool utf8_complete(const struct utf8 *u);

/* Of a whole text. */
must_check bool utf8_valid(Str s);

/* False when s is not valid; else the number of its code points. */
must_check bool utf8_count(Str s, size_t *code_points);

#endif
