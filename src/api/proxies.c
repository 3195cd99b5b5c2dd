#include "api/proxies.h"

#include <arpa/inet.h>

struct network {
    uint8_t address[16]; /* an IPv4 address as ::ffff:a.b.c.d */
    uint64_t bits;
};

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

static bool parse_address(Str s, uint8_t out[16], bool *v4)
{
    char text[INET6_ADDRSTRLEN] = {0};
    if (s.n > 2 && s.p[0] == '[' && s.p[s.n - 1] == ']')
        s = str_from(s.p + 1, s.n - 2);
    if (s.n == 0 || s.n >= sizeof text)
        return false;
    memcpy(text, s.p, s.n);
    memcpy(out, mapped, sizeof mapped);
    *v4 = inet_pton(AF_INET, text, out + sizeof mapped) == 1;
    return *v4 || inet_pton(AF_INET6, text, out) == 1;
}

static bool parse_network(Str s, struct network *out)
{
    bool v4, whole = str_find(s, '/') < 0;
    Str address = str_cut(&s, '/');
    if (!parse_address(str_trim(address), out->address, &v4))
        return false;
    out->bits = 128;
    if (whole)
        return true;
    if (!str_to_uint(str_trim(s), v4 ? 32 : 128, &out->bits))
        return false;
    out->bits += v4 ? 96 : 0;
    return true;
}

static bool within(const uint8_t address[16], const struct network *n)
{
    size_t bytes = n->bits / 8, bits = n->bits % 8;
    if (memcmp(address, n->address, bytes) != 0)
        return false;
    return bits == 0 || ((address[bytes] ^ n->address[bytes]) >> (8 - bits)) == 0;
}

bool proxies_valid(Str trusted)
{
    struct network n;
    while (trusted.n)
        if (!parse_network(str_trim(str_cut(&trusted, ',')), &n))
            return false;
    return true;
}

bool proxies_trusted(Str trusted, Str who)
{
    uint8_t address[16];
    bool v4;
    struct network n;
    if (!parse_address(who, address, &v4))
        return false;
    while (trusted.n)
        if (parse_network(str_trim(str_cut(&trusted, ',')), &n) && within(address, &n))
            return true;
    return false;
}

Str proxies_client(Str trusted, Str peer, Str forwarded)
{
    Str client = peer;
    while (forwarded.n && proxies_trusted(trusted, client)) {
        size_t at = forwarded.n;
        while (at > 0 && forwarded.p[at - 1] != ',')
            at--;
        Str last = str_trim(str_skip(forwarded, at));
        forwarded.n = at ? at - 1 : 0;
        uint8_t address[16];
        bool v4;
        if (!parse_address(last, address, &v4))
            break;
        client = last;
    }
    return client;
}

bool proxies_holder(Str address, uint8_t out[PROXIES_HOLDER])
{
    bool v4;
    if (!parse_address(address, out, &v4))
        return false;
    if (memcmp(out, mapped, sizeof mapped) != 0) /* an IPv6 socket's IPv4 peer is IPv4 */
        memset(out + 8, 0, 8);
    return true;
}
