/*
 * Escapes in paths and query strings (RFC 3986 section 2.1). A path is decoded once and anything
 * that a second decoding or a file system could read otherwise is refused rather than mended: no
 * honest client sends it. A query value has no such meaning, so it is only made safe as text.
 */
#include "base/arena.h"
#include "base/utf8.h"
#include "codec/http.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte at *at, its escape decoded; *at moves behind it. -1 for a bad escape. */
static int next_byte(Str s, size_t *at)
{
    unsigned char c = (unsigned char)s.p[(*at)++];
    if (c != '%')
        return c;
    if (s.n - *at < 2)
        return -1;
    int high = hex_digit(s.p[*at]), low = hex_digit(s.p[*at + 1]);
    *at += 2;
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

static bool is_dots(const char *p, size_t n)
{
    return (n == 1 || n == 2) && p[0] == '.' && p[n - 1] == '.';
}

bool http_decode_path(Str raw, char *out, size_t *n)
{
    size_t at = 0, used = 0, segment = 0;
    if (raw.n == 0 || raw.p[0] != '/')
        return false;
    while (at < raw.n) {
        bool slash = raw.p[at] == '/';
        int c = next_byte(raw, &at);
        if (c < 0x20 || c == 0x7f || (c == '/' && !slash))
            return false;
        if (slash && is_dots(out + segment, used - segment))
            return false;
        out[used++] = (char)c;
        if (slash)
            segment = used;
    }
    *n = used;
    return !is_dots(out + segment, used - segment) && utf8_valid(str_from(out, used));
}

/* As next_byte, with '+' for a space (the form encoding of the URL standard). */
static int form_byte(Str s, size_t *at)
{
    bool space = s.p[*at] == '+';
    int c = next_byte(s, at);
    return space ? ' ' : c;
}

/* Decodes one side of name=value to at most raw.n bytes; false when it is no text. */
static bool decode_form(Str raw, char *out, size_t *n)
{
    *n = 0;
    for (size_t at = 0; at < raw.n;) {
        int c = form_byte(raw, &at);
        if (c <= 0)
            return false;
        out[(*n)++] = (char)c;
    }
    return utf8_valid(str_from(out, *n));
}

/* Does a name, still encoded, decode to that text? Allocates nothing: a query has many names. */
static bool form_is(Str raw, Str text)
{
    size_t at = 0, n = 0;
    while (at < raw.n && n < text.n)
        if (form_byte(raw, &at) != (unsigned char)text.p[n++])
            return false;
    return at == raw.n && n == text.n;
}

bool http_query(Str query, Str name, struct arena *arena, Str *out)
{
    while (query.n) {
        Str value = str_cut(&query, '&');
        Str key = str_cut(&value, '=');
        if (!form_is(key, name))
            continue;
        size_t n;
        char *text = arena_alloc(arena, value.n + 1);
        *out = decode_form(value, text, &n) ? str_from(text, n) : arena_str(arena, value);
        return true;
    }
    return false;
}

Str http_url_origin(Str url)
{
    return str_from(url.p, url.n - http_url_path(url).n);
}

Str http_url_path(Str url)
{
    long colon = str_find(url, ':');
    size_t host = colon < 0 ? 0 : (size_t)colon + 3;
    long slash = str_find(str_skip(url, host), '/');
    return slash < 0 ? S("") : str_skip(url, host + (size_t)slash);
}
