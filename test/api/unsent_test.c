/* Bytes that wait: by user, by address, and of all; and that what has gone is counted no more. */
#include "api/unsent.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { USER_MAX = 1000, ADDRESS_MAX = 1500 };

static atomic_size_t buffered;

static struct unsent_who who(uint8_t user, Str address)
{
    return (struct unsent_who){.owner = {{1}}, .user = {{user}}, .address = address};
}

static int begin(void **state)
{
    atomic_store(&buffered, 7); /* of others */
    *state = unsent_new(USER_MAX, ADDRESS_MAX, &buffered);
    return 0;
}

static int end(void **state)
{
    struct unsent *u = *state;
    unsent_free(&u);
    assert_null(u);
    assert_int_equal(atomic_load(&buffered), 7);
    return 0;
}

static void one_answer_may_always_wait(void **state)
{
    struct unsent *u = *state;
    struct unsent_who ann = who(1, S("192.0.2.1"));
    assert_true(unsent_room(u, &ann, 100 * USER_MAX));
    struct unsent_share *share = unsent_share(u, &ann);
    assert_true(unsent_room(u, &ann, 100 * USER_MAX));
    unsent_set(share, 10 * USER_MAX, 0);
    assert_false(unsent_room(u, &ann, 1));
    assert_true(unsent_crowded(u, &ann));
    unsent_end(&share);
    assert_null(share);
    assert_true(unsent_room(u, &ann, 100 * USER_MAX));
    assert_false(unsent_crowded(u, &ann));
}

static void a_user_has_one_limit_from_wherever(void **state)
{
    struct unsent *u = *state;
    struct unsent_who here = who(1, S("192.0.2.1")), there = who(1, S("192.0.2.2"));
    struct unsent_who other = who(2, S("192.0.2.3"));
    struct unsent_share *a = unsent_share(u, &here), *b = unsent_share(u, &there);
    unsent_set(a, 400, 100);
    assert_int_equal(atomic_load(&buffered), 7 + 400); /* what tcp has it counts by itself */
    unsent_set(b, 500, 0);
    assert_false(unsent_room(u, &here, 1));
    assert_false(unsent_room(u, &there, 1));
    assert_true(unsent_room(u, &other, USER_MAX));
    unsent_set(a, 0, 100);
    assert_true(unsent_room(u, &there, 400));
    assert_false(unsent_room(u, &there, 401));
    unsent_end(&a);
    unsent_end(&b);
}

static void an_address_has_one_limit_whoever_asks(void **state)
{
    struct unsent *u = *state;
    struct unsent_who ann = who(1, S("2001:db8::1")), bob = who(2, S("2001:db8::2"));
    struct unsent_who nobody = who(0, S("2001:db8::3")), far = who(3, S("2001:db8:0:1::1"));
    struct unsent_share *a = unsent_share(u, &ann), *b = unsent_share(u, &bob);
    unsent_set(a, 900, 0);
    unsent_set(b, 600, 0);
    assert_false(unsent_room(u, &nobody, 1));
    assert_true(unsent_crowded(u, &nobody));
    assert_true(unsent_room(u, &far, 1000));
    assert_false(unsent_crowded(u, &far));
    unsent_end(&a);
    assert_true(unsent_room(u, &nobody, 900));
    unsent_end(&b);
}

static void who_is_not_known_is_not_limited_but_counted(void **state)
{
    struct unsent *u = *state;
    struct unsent_who nobody = who(0, S("a pipe"));
    struct unsent_share *share = unsent_share(u, &nobody);
    unsent_set(share, 100 * ADDRESS_MAX, 0);
    assert_int_equal(atomic_load(&buffered), 7 + 100 * ADDRESS_MAX);
    assert_true(unsent_room(u, &nobody, ADDRESS_MAX));
    unsent_end(&share);
    unsent_end(&share);
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(one_answer_may_always_wait),
        ROW(a_user_has_one_limit_from_wherever),
        ROW(an_address_has_one_limit_whoever_asks),
        ROW(who_is_not_known_is_not_limited_but_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
