/* Whose request it is, behind proxies that are trusted and headers that anyone can write. */
#include "api/proxies.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct {
    const char *trusted;
    bool valid;
} lists[] = {
    {"", true},
    {"127.0.0.1", true},
    {"10.0.0.0/8", true},
    {"10.0.0.0/8, ::1", true},
    {" 10.0.0.0/8\t,\t192.168.1.7 ", true},
    {"10.1.2.3/32,0.0.0.0/0", true},
    {"fd00::/8,2001:db8::1,::/0", true},
    {"2001:db8::1/128", true},
    {"[::1]", true},
    {"::ffff:10.0.0.1", true},
    {"10.0.0.0/33", false},
    {"10.0.0.0/", false},
    {"10.0.0.0/-1", false},
    {"10.0.0.0/8/8", false},
    {"/8", false},
    {"10.0.0", false},
    {"10.0.0.256", false},
    {"010.0.0.1", false},
    {"fd00::/129", false},
    {"fd00:::1", false},
    {"localhost", false},
    {"10.0.0.1 10.0.0.2", false},
    {"10.0.0.1,,10.0.0.2", false},
    {",", false},
    {"10.0.0.1:80", false},
    {"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb", false},
};

static void lists_of_trusted_proxies(void **state)
{
    (void)state;
    for (size_t i = 0; i < countof(lists); i++) {
        print_message("  \"%s\"\n", lists[i].trusted);
        assert_int_equal(proxies_valid(str_of(lists[i].trusted)), lists[i].valid);
    }
}

static const struct {
    const char *name, *trusted, *peer, *forwarded, *client;
} requests[] = {
    {"no one is trusted", "", "127.0.0.1", "1.2.3.4", "127.0.0.1"},
    {"a stranger says anything", "10.0.0.0/8", "8.8.8.8", "1.2.3.4", "8.8.8.8"},
    {"a proxy that adds nothing", "10.0.0.0/8", "10.0.0.1", "", "10.0.0.1"},
    {"one proxy", "10.0.0.0/8", "10.0.0.1", "1.2.3.4", "1.2.3.4"},
    {"what the client made up stays left", "10.0.0.0/8", "10.0.0.1", "6.6.6.6, 1.2.3.4", "1.2.3.4"},
    {"two proxies", "10.0.0.0/8", "10.0.0.1", "6.6.6.6, 1.2.3.4, 10.9.9.9", "1.2.3.4"},
    {"two of different networks", "10.0.0.0/8,192.168.1.7", "192.168.1.7", "1.2.3.4,10.9.9.9",
     "1.2.3.4"},
    {"a trusted client", "10.0.0.0/8", "10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"},
    {"nonsense is not an address", "10.0.0.0/8", "10.0.0.1", "unknown", "10.0.0.1"},
    {"nonsense ends the search", "10.0.0.0/8", "10.0.0.1", "1.2.3.4, x, 10.0.0.2", "10.0.0.2"},
    {"an empty entry ends it too", "10.0.0.0/8", "10.0.0.1", "1.2.3.4,", "10.0.0.1"},
    {"white space", "10.0.0.0/8", "10.0.0.1", "  1.2.3.4 \t, 10.0.0.2 ", "1.2.3.4"},
    {"the edge of a network", "10.0.0.0/15", "10.1.255.255", "1.2.3.4", "1.2.3.4"},
    {"just outside of it", "10.0.0.0/15", "10.2.0.0", "1.2.3.4", "10.2.0.0"},
    {"bits of the host do not count", "10.0.0.77/24", "10.0.0.1", "1.2.3.4", "1.2.3.4"},
    {"an address alone is one address", "10.0.0.1", "10.0.0.2", "1.2.3.4", "10.0.0.2"},
    {"all of IPv4", "0.0.0.0/0", "9.9.9.9", "1.2.3.4", "1.2.3.4"},
    {"all of IPv4 is not IPv6", "0.0.0.0/0", "2001:db8::1", "1.2.3.4", "2001:db8::1"},
    {"IPv4 on an IPv6 socket", "10.0.0.0/8", "::ffff:10.0.0.1", "1.2.3.4", "1.2.3.4"},
    {"IPv6", "fd00::/8", "fd12::1", "2001:db8::1, fd00::2", "2001:db8::1"},
    {"IPv6 in brackets", "fd00::/8", "fd12::1", "2001:db8::1, [fd00::2]", "2001:db8::1"},
    {"IPv6, a prefix inside a byte", "2001:db8::/29", "2001:dbf::1", "1.2.3.4", "1.2.3.4"},
    {"IPv6, outside of it", "2001:db8::/29", "2001:dc0::1", "1.2.3.4", "2001:dc0::1"},
};

static void whose_request_it_is(void **state)
{
    (void)state;
    for (size_t i = 0; i < countof(requests); i++) {
        Str text = str_of(requests[i].forwarded);
        char *forwarded = mem_alloc(text.n); /* of the exact size */
        memcpy(forwarded, text.p, text.n);
        Str client = proxies_client(str_of(requests[i].trusted), str_of(requests[i].peer),
                                    str_from(forwarded, text.n));
        if (!str_eq(client, str_of(requests[i].client)))
            fail_msg("%s: " STR_FMT ", not %s", requests[i].name, STR_ARG(client),
                     requests[i].client);
        mem_free(forwarded);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_of_trusted_proxies),
        cmocka_unit_test(whose_request_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
