/*
 * The state is what the lead byte demands: how many bytes follow and the range of the next one.
 * Only the first continuation byte has a range narrower than 80..BF (RFC 3629 section 4), which is
 * how overlong forms, surrogates and numbers past 10FFFF end at the earliest byte. Turned down: a
 * table-driven automaton, which needs a table a reader cannot check; chat is mostly ASCII, and that
 * goes eight bytes at a time.
 */
#include "base/utf8.h"

#define HIGH_BITS 0x8080808080808080u

/* The state after the first byte of a longer character; false when it can be none. */
static bool lead(struct utf8 *u, uint8_t c)
{
    if (c < 0xc2 || c > 0xf4)
        return false;
    u->need = c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
    u->low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
    u->high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
    return true;
}

/* Index of the first byte from i on that is not ASCII, or n. */
static size_t skip_ascii(Str s, size_t i)
{
    uint64_t word;
    for (; s.n - i >= sizeof word; i += sizeof word) {
        memcpy(&word, s.p + i, sizeof word);
        if (word & HIGH_BITS)
            break;
    }
    while (i < s.n && (uint8_t)s.p[i] < 0x80)
        i++;
    return i;
}

bool utf8_step(struct utf8 *u, Str piece)
{
    for (size_t i = 0; i < piece.n; i++) {
        if (u->need == 0) {
            i = skip_ascii(piece, i);
            if (i == piece.n)
                break;
            if (!lead(u, (uint8_t)piece.p[i]))
                return false;
            continue;
        }
        uint8_t c = (uint8_t)piece.p[i];
        if (c < u->low || c > u->high)
            return false;
        u->need--;
        u->low = u->need ? 0x80 : 0;
        u->high = u->need ? 0xbf : 0;
    }
    return true;
}

bool utf8_complete(const struct utf8 *u)
{
    return u->need == 0;
}

bool utf8_valid(Str s)
{
    struct utf8 u = {0};
    return utf8_step(&u, s) && utf8_complete(&u);
}

bool utf8_count(Str s, size_t *code_points)
{
    if (!utf8_valid(s))
        return false;
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += ((uint8_t)s.p[i] & 0xc0) != 0x80;
    *code_points = n;
    return true;
}
