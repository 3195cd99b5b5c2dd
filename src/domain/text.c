/*
 * A user name must look the same to everyone who reads it, so what cannot be seen is refused rather
 * than taken out: the name that is stored is the one that was typed. Any name has something to see.
 * That covers all of Unicode's Default_Ignorable_Code_Point (zero-width characters, bidi marks,
 * fillers, variation selectors). Look-alikes of different scripts are let be; telling them apart is
 * a product's matter.
 */
#include "domain/text.h"

#include "base/utf8.h"

#include <stdlib.h>
#include <utf8proc.h>

#define NORMAL (UTF8PROC_STABLE | UTF8PROC_COMPOSE)

/* NFC of a text has at most four times its code points while it is taken apart (UAX #15). */
enum { UNFOLD = 4 };

/* Cuts the first code point off *s; negative at the end. s is valid UTF-8. */
static utf8proc_int32_t next(Str *s)
{
    utf8proc_int32_t c;
    if (s->n == 0)
        return -1;
    utf8proc_ssize_t n =
        utf8proc_iterate((const utf8proc_uint8_t *)s->p, (utf8proc_ssize_t)s->n, &c);
    if (n <= 0)
        return -1;
    *s = str_skip(*s, (size_t)n);
    return c;
}

static bool ascii(Str s)
{
    size_t i = 0;
    while (i < s.n && (uint8_t)s.p[i] < 0x80)
        i++;
    return i == s.n;
}

static bool space(utf8proc_int32_t c)
{
    switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
        return true;
    default:
        return (c >= '\t' && c <= '\r') || c == 0x85;
    }
}

static bool invisible(utf8proc_int32_t c)
{
    switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
        return true;
    default:
        return utf8proc_get_property(c)->ignorable;
    }
}

/* Draws something of its own, wherever it stands. */
static bool visible(utf8proc_int32_t c)
{
    enum { BRAILLE_BLANK = 0x2800, NULL_NOTEHEAD = 0x1d159 }; /* symbols that draw nothing */
    switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_MN: /* marks stand on what is before them */
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
        return false;
    default:
        return !space(c) && !invisible(c) && c != BRAILLE_BLANK && c != NULL_NOTEHEAD;
    }
}

static bool has_something_to_see(Str s)
{
    while (s.n)
        if (visible(next(&s)))
            return true;
    return false;
}

static bool between(Str s, size_t min, size_t max)
{
    size_t n;
    return utf8_count(s, &n) && n >= min && n <= max;
}

Err text_username(struct tx *tx, const char *field, Str s)
{
    if (!between(s, 1, TEXT_USERNAME_MAX))
        return tx_fail(tx, ERR_INVALID_FIELD, "%s must be 1 to %d characters.", field,
                       TEXT_USERNAME_MAX);
    utf8proc_int32_t first = -1;
    utf8proc_int32_t last = -1;
    for (Str rest = s; rest.n;) {
        last = next(&rest);
        if (first < 0)
            first = last;
        if (invisible(last))
            return tx_fail(tx, ERR_INVALID_FIELD,
                           "%s must not have control or invisible characters.", field);
    }
    if (!has_something_to_see(s))
        return tx_fail(tx, ERR_INVALID_FIELD, "%s must have something to see.", field);
    if (space(first) || space(last))
        return tx_fail(tx, ERR_INVALID_FIELD, "%s must not begin or end with white space.", field);
    if (!str_eq(text_composed(s, tx->arena), s))
        return tx_fail(tx, ERR_INVALID_FIELD, "%s must be in Unicode normal form C.", field);
    return ERR_OK;
}

/* Parts between dots, none of them empty, of letters, digits and the given specials. */
static bool dotted(Str s, const char *specials)
{
    bool open = false; /* the present part has something in it */
    while (s.n) {
        utf8proc_int32_t c = next(&s);
        if (c == '.') {
            if (!open)
                return false;
            open = false;
            continue;
        }
        bool plain = c > 0x7f ? !invisible(c) && !space(c)
                              : (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                                    (c >= '0' && c <= '9') || (c > 0 && strchr(specials, c));
        if (!plain)
            return false;
        open = true;
    }
    return open;
}

Err text_email(struct tx *tx, const char *field, Str s)
{
    enum { LOCAL_MAX = 64 }; /* RFC 5321 section 4.5.3.1.1 */
    Str domain = s;
    Str local = str_cut(&domain, '@');
    if (s.n > TEXT_EMAIL_MAX || !utf8_valid(s) || local.n > LOCAL_MAX ||
        !dotted(local, "!#$%&'*+-/=?^_`{|}~") || !dotted(domain, "-"))
        return tx_fail(tx, ERR_INVALID_FIELD, "%s must be an email address of at most %d bytes.",
                       field, TEXT_EMAIL_MAX);
    return ERR_OK;
}

Err text_password(struct tx *tx, const char *field, Str s)
{
    if (!between(s, TEXT_PASSWORD_MIN, TEXT_PASSWORD_MAX))
        return tx_fail(tx, ERR_INVALID_FIELD, "%s must be %d to %d characters.", field,
                       TEXT_PASSWORD_MIN, TEXT_PASSWORD_MAX);
    return ERR_OK;
}

Err text_name(struct tx *tx, const char *field, Str s)
{
    if (!between(s, 1, TEXT_NAME_MAX) || !has_something_to_see(s))
        return tx_fail(tx, ERR_INVALID_FIELD,
                       "%s must be 1 to %d characters and have something to see.", field,
                       TEXT_NAME_MAX);
    return ERR_OK;
}

Err text_optional_name(struct tx *tx, const char *field, Str s)
{
    if (!between(s, 0, TEXT_NAME_MAX))
        return tx_fail(tx, ERR_INVALID_FIELD, "%s must be at most %d characters.", field,
                       TEXT_NAME_MAX);
    return ERR_OK;
}

Str text_composed(Str s, struct arena *arena)
{
    utf8proc_uint8_t *out = NULL;
    if (ascii(s))
        return s;
    utf8proc_ssize_t n =
        utf8proc_map((const utf8proc_uint8_t *)s.p, (utf8proc_ssize_t)s.n, &out, NORMAL);
    if (n < 0)
        return s;
    Str composed = arena_str(arena, str_from((const char *)out, (size_t)n));
    free(out);
    return composed;
}

/* Its code points in normal form C without U+FE0F; how many. */
static size_t sign_of(Str s, utf8proc_int32_t out[TEXT_SIGN_MAX * UNFOLD])
{
    enum { AS_PICTURE = 0xfe0f };
    size_t kept = 0;
    utf8proc_ssize_t n = utf8proc_decompose((const utf8proc_uint8_t *)s.p, (utf8proc_ssize_t)s.n,
                                            out, TEXT_SIGN_MAX * UNFOLD, NORMAL);
    if (n < 0 || n > TEXT_SIGN_MAX * UNFOLD)
        return 0;
    n = utf8proc_normalize_utf32(out, n, NORMAL);
    for (utf8proc_ssize_t i = 0; i < n; i++)
        if (out[i] != AS_PICTURE)
            out[kept++] = out[i];
    return kept;
}

bool text_same_sign(Str a, Str b)
{
    utf8proc_int32_t as[TEXT_SIGN_MAX * UNFOLD], bs[TEXT_SIGN_MAX * UNFOLD];
    if (str_eq(a, b))
        return true;
    if (ascii(a) && ascii(b))
        return false;
    size_t n = sign_of(a, as);
    return n && n == sign_of(b, bs) && memcmp(as, bs, n * sizeof *as) == 0;
}

Str text_key(Str s, struct arena *arena)
{
    s = text_composed(s, arena);
    char *p = arena_alloc(arena, s.n + 1);
    str_lower(s, p);
    return str_from(p, s.n);
}
