/*
 * By table, three bytes and four characters at a time. libsodium's codec is turned down: it takes
 * care not to leak secrets by timing, at ten times the cost, and what is decoded here came from the
 * network a moment ago.
 */
#include "codec/base64url.h"

#include "base/buf.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

#define KNOWN 64 /* set for the characters of the alphabet, above the value */

/* clang-format off */
static const uint8_t table[256] = {
      0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,
      0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,
      0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0, 126,   0,   0,
    116, 117, 118, 119, 120, 121, 122, 123, 124, 125,   0,   0,   0,   0,   0,   0,
      0,  64,  65,  66,  67,  68,  69,  70,  71,  72,  73,  74,  75,  76,  77,  78,
     79,  80,  81,  82,  83,  84,  85,  86,  87,  88,  89,   0,   0,   0,   0, 127,
      0,  90,  91,  92,  93,  94,  95,  96,  97,  98,  99, 100, 101, 102, 103, 104,
    105, 106, 107, 108, 109, 110, 111, 112, 113, 114, 115,   0,   0,   0,   0,   0,
};
/* clang-format on */

void base64url_write(char *out, Str bytes)
{
    const uint8_t *p = (const uint8_t *)bytes.p;
    size_t left = bytes.n;
    for (; left >= 3; left -= 3, p += 3, out += 4) {
        uint32_t v = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
        out[0] = alphabet[v >> 18];
        out[1] = alphabet[v >> 12 & 63];
        out[2] = alphabet[v >> 6 & 63];
        out[3] = alphabet[v & 63];
    }
    if (left == 0)
        return;
    uint32_t v = (uint32_t)p[0] << 16 | (left == 2 ? (uint32_t)p[1] << 8 : 0);
    out[0] = alphabet[v >> 18];
    out[1] = alphabet[v >> 12 & 63];
    if (left == 2)
        out[2] = alphabet[v >> 6 & 63];
}

void base64url_encode(struct buf *out, Str bytes)
{
    size_t n = BASE64URL_TEXT(bytes.n);
    char *to = n ? buf_reserve(out, n) : NULL;
    if (!to)
        return;
    base64url_write(to, bytes);
    out->n += n;
}

long base64url_decode(Str text, uint8_t *out, size_t size)
{
    const uint8_t *p = (const uint8_t *)text.p;
    size_t left = text.n;
    size_t n = BASE64URL_BYTES(text.n);
    if (text.n % 4 == 1 || n > size)
        return -1;
    for (; left >= 4; left -= 4, p += 4, out += 3) {
        uint8_t a = table[p[0]], b = table[p[1]], c = table[p[2]], d = table[p[3]];
        if (!(a & b & c & d & KNOWN))
            return -1;
        out[0] = (uint8_t)(a << 2 | (b & 63) >> 4);
        out[1] = (uint8_t)(b << 4 | (c & 63) >> 2);
        out[2] = (uint8_t)(c << 6 | (d & 63));
    }
    if (left == 0)
        return (long)n;
    uint8_t a = table[p[0]], b = table[p[1]], c = left == 3 ? table[p[2]] : KNOWN;
    uint8_t over = left == 3 ? c & 3 : b & 15;
    if (!(a & b & c & KNOWN) || over)
        return -1;
    out[0] = (uint8_t)(a << 2 | (b & 63) >> 4);
    if (left == 3)
        out[1] = (uint8_t)(b << 4 | (c & 63) >> 2);
    return (long)n;
}
