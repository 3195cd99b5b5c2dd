/* How many sockets are open, in all and by address: limits hold, and what is given back is there
 * again, exactly, whoever counts at the same time. */
#include "api/sockets.h"

#include "base/mem.h"
#include "base/random.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>

#include <cmocka.h>

enum { ALL = 8, EACH = 3 };

static int fixture_open(void **state)
{
    *state = sockets_new(ALL, EACH);
    return 0;
}

static int fixture_close(void **state)
{
    struct sockets *s = *state;
    sockets_free(&s); /* asserts that no address is counted any more */
    assert_null(s);
    return 0;
}

static void no_more_than_all(void **state)
{
    struct sockets *s = *state;
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < ALL; i++)
            assert_true(sockets_begin(s));
        assert_false(sockets_begin(s));
        for (int i = 0; i < ALL; i++)
            sockets_end(sockets_nobody(s));
    }
}

static const struct {
    const char *name, *one, *other;
    bool same;
} holders[] = {
    {"an IPv4 address", "203.0.113.7", "203.0.113.7", true},
    {"its neighbour", "203.0.113.7", "203.0.113.8", false},
    {"IPv4 on an IPv6 socket", "203.0.113.7", "::ffff:203.0.113.7", true},
    {"its neighbour there", "::ffff:203.0.113.7", "::ffff:203.0.113.8", false},
    {"an IPv6 address", "2001:db8::1", "2001:db8::1", true},
    {"others of its /64", "2001:db8::1", "2001:db8::ffff:1:2:3", true},
    {"in brackets", "2001:db8::1", "[2001:db8::2]", true},
    {"the next /64", "2001:db8::1", "2001:db8:0:1::1", false},
    {"loopback is like any other", "::1", "::2", true},
    {"IPv4 and IPv6", "0.0.0.1", "::1", false},
};

static void addresses_and_their_holders(void **state)
{
    struct sockets *s = *state;
    for (size_t i = 0; i < countof(holders); i++) {
        struct sockets_holder *held[EACH];
        for (int k = 0; k < EACH; k++)
            assert_non_null(held[k] = sockets_hold(s, str_of(holders[i].one)));
        assert_null(sockets_hold(s, str_of(holders[i].one)));
        struct sockets_holder *other = sockets_hold(s, str_of(holders[i].other));
        if (!other != holders[i].same)
            fail_msg("%s: %s and %s", holders[i].name, holders[i].one, holders[i].other);
        sockets_let_go(&other);
        for (int k = 0; k < EACH; k++)
            sockets_let_go(&held[k]);
        assert_null(held[0]);
        assert_non_null(held[0] = sockets_hold(s, str_of(holders[i].one)));
        sockets_let_go(&held[0]);
    }
}

static void what_is_no_address_is_not_counted(void **state)
{
    struct sockets *s = *state;
    for (int i = 0; i < 2 * EACH; i++)
        assert_ptr_equal(sockets_hold(s, S("?")), sockets_nobody(s));
}

static void no_limit_counts_nobody(void **state)
{
    struct sockets *s = sockets_new(ALL, 0);
    (void)state;
    assert_false(sockets_by_address(s));
    assert_ptr_equal(sockets_hold(s, S("203.0.113.7")), sockets_nobody(s));
    sockets_free(&s);
}

enum { THREADS = 4, ROUNDS = 20000 };

static atomic_int held_now, most;

/* Opens and ends sockets of the same address as others do. */
static void *open_and_end(void *arg)
{
    struct sockets *s = arg;
    for (int i = 0; i < ROUNDS; i++) {
        struct sockets_holder *h = sockets_hold(s, S("203.0.113.7"));
        if (!h)
            continue;
        int now = atomic_fetch_add(&held_now, 1) + 1;
        for (int seen = atomic_load(&most);
             now > seen && !atomic_compare_exchange_weak(&most, &seen, now);)
            ;
        atomic_fetch_sub(&held_now, 1);
        if (sockets_begin(s))
            sockets_end(h);
        else
            sockets_let_go(&h);
    }
    return NULL;
}

static void many_threads_and_no_drift(void **state)
{
    struct sockets *s = *state;
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, open_and_end, s), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_in_range(atomic_load(&most), 1, EACH);
    no_more_than_all(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(no_more_than_all, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(addresses_and_their_holders, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(what_is_no_address_is_not_counted, fixture_open,
                                        fixture_close),
        cmocka_unit_test_setup_teardown(no_limit_counts_nobody, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(many_threads_and_no_drift, fixture_open, fixture_close),
    };
    random_setup();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
