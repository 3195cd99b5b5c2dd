#include "base/id.h"

#include "base/random.h"

Id id_new(int64_t now)
{
    Id id;
    random_bytes(id.b, sizeof id.b);
    for (int i = 0; i < 6; i++)
        id.b[i] = (uint8_t)((uint64_t)now >> (40 - 8 * i));
    id.b[6] = (uint8_t)(0x70 | (id.b[6] & 0x0f)); /* version 7 */
    id.b[8] = (uint8_t)(0x80 | (id.b[8] & 0x3f)); /* variant 10 */
    return id;
}

static bool hyphen_before(int byte)
{
    return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

void id_format(Id id, char out[ID_TEXT])
{
    static const char hex[] = "0123456789abcdef";
    for (int i = 0; i < 16; i++) {
        if (hyphen_before(i))
            *out++ = '-';
        *out++ = hex[id.b[i] >> 4];
        *out++ = hex[id.b[i] & 15];
    }
}

static int nibble(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool id_parse(Str s, Id *out)
{
    if (s.n != ID_TEXT)
        return false;
    const char *p = s.p;
    for (int i = 0; i < 16; i++) {
        if (hyphen_before(i) && *p++ != '-')
            return false;
        int high = nibble(*p++);
        int low = nibble(*p++);
        if (high < 0 || low < 0)
            return false;
        out->b[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

bool id_is_nil(Id id)
{
    static const Id nil;
    return id_eq(id, nil);
}
