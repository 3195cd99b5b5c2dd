/*
 * Str: a borrowed slice of bytes, pointer and length. It knows nothing of encodings or of who owns
 * the bytes; a Str is good as long as what it points into. Not NUL-terminated. Any thread.
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct {
    const char *p;
    size_t n;
} Str;

#define S(literal) ((Str){"" literal, sizeof(literal) - 1})
#define STR_FMT "%.*s"
#define STR_ARG(s) (int)(s).n, (s).p

static inline Str str_of(const char *z)
{
    return z ? (Str){z, strlen(z)} : (Str){"", 0};
}

static inline Str str_from(const char *p, size_t n)
{
    return (Str){p, n};
}

static inline bool str_eq(Str a, Str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* Equal without regard to ASCII case. */
bool str_eq_nocase(Str a, Str b);

bool str_starts(Str s, Str prefix);

/* The part of s from offset on; empty when offset is past the end. */
Str str_skip(Str s, size_t offset);

/* Without ASCII spaces and tabs at both ends. */
Str str_trim(Str s);

/* Index of the first c, or -1. */
long str_find(Str s, char c);

/* Cuts the part before the first c off *rest and returns it; the whole rest when c is not there. */
Str str_cut(Str *rest, char c);

/* Decimal digits only, no sign; false when empty, not a number, or above max. */
bool str_to_uint(Str s, uint64_t max, uint64_t *out);

/* The same of hexadecimal digits, lower case. */
bool str_hex_to_uint(Str s, uint64_t max, uint64_t *out);

/* Writes ASCII lower case of s to out (s.n bytes). */
void str_lower(Str s, char *out);

#endif
