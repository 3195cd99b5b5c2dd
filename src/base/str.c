#include "base/str.h"

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

bool str_eq_nocase(Str a, Str b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        if (lower(a.p[i]) != lower(b.p[i]))
            return false;
    return true;
}

bool str_starts(Str s, Str prefix)
{
    return s.n >= prefix.n && str_eq(str_from(s.p, prefix.n), prefix);
}

Str str_skip(Str s, size_t offset)
{
    return offset < s.n ? (Str){s.p + offset, s.n - offset} : (Str){"", 0};
}

Str str_trim(Str s)
{
    while (s.n && (s.p[0] == ' ' || s.p[0] == '\t')) {
        s.p++;
        s.n--;
    }
    while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
        s.n--;
    return s;
}

long str_find(Str s, char c)
{
    const char *at = s.n ? memchr(s.p, c, s.n) : NULL;
    return at ? (long)(at - s.p) : -1;
}

Str str_cut(Str *rest, char c)
{
    long at = str_find(*rest, c);
    Str part = *rest;
    if (at < 0) {
        *rest = (Str){"", 0};
        return part;
    }
    part.n = (size_t)at;
    *rest = str_skip(*rest, part.n + 1);
    return part;
}

bool str_to_uint(Str s, uint64_t max, uint64_t *out)
{
    uint64_t v = 0;
    if (s.n == 0)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
        uint64_t digit = (uint64_t)(s.p[i] - '0');
        if (digit > max || v > (max - digit) / 10)
            return false;
        v = v * 10 + digit;
    }
    *out = v;
    return true;
}

bool str_hex_to_uint(Str s, uint64_t max, uint64_t *out)
{
    uint64_t v = 0;
    if (s.n == 0)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool letter = c >= 'a' && c <= 'f';
        if (!letter && (c < '0' || c > '9'))
            return false;
        uint64_t digit = (uint64_t)(letter ? c - 'a' + 10 : c - '0');
        if (digit > max || v > (max - digit) / 16)
            return false;
        v = v * 16 + digit;
    }
    *out = v;
    return true;
}

void str_lower(Str s, char *out)
{
    for (size_t i = 0; i < s.n; i++)
        out[i] = lower(s.p[i]);
}
