/* When a user is news, in a time that the test makes: an away of 10 s, an interval of 5 s. Each row
 * is a story of one user; what is told, and when, is all that others know. */
#include "realtime/presence.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { S1 = 1000, TICK = 100, AWAY = 10 * S1, INTERVAL = 5 * S1 };

/* "+" the first session comes, "-" the last one ends, at these tenths of a second; then the news:
 * "1" is there, "0" is not, "s" was only seen. */
static const struct {
    const char *name;
    struct {
        char what;
        int at;
    } does[12], news[12];
} stories[] = {
    {"comes", {{'+', 10}}, {{'1', 10}}},
    {"comes and goes", {{'+', 10}, {'-', 100}}, {{'1', 10}, {'0', 200}}},
    {"is back in time", {{'+', 10}, {'-', 100}, {'+', 199}}, {{'1', 10}}},
    {"is back too late", {{'+', 10}, {'-', 100}, {'+', 251}}, {{'1', 10}, {'0', 200}, {'1', 251}}},
    {"is back soon after it was told",
     {{'+', 10}, {'-', 100}, {'+', 201}},
     {{'1', 10}, {'0', 200}, {'1', 250}}},
    {"away counts from the last time it left",
     {{'+', 10}, {'-', 100}, {'+', 150}, {'-', 160}},
     {{'1', 10}, {'0', 260}}},
    {"is back and away again while it is no news",
     {{'+', 10}, {'-', 100}, {'+', 201}, {'-', 202}},
     {{'1', 10}, {'0', 200}, {'s', 302}}},
    {"drops again and again",
     {{'+', 10}, {'-', 20}, {'+', 30}, {'-', 40}, {'+', 50}, {'-', 60}, {'+', 70}},
     {{'1', 10}}},
    {"stays away at last",
     {{'+', 10}, {'-', 20}, {'+', 30}, {'-', 40}, {'+', 50}, {'-', 60}},
     {{'1', 10}, {'0', 160}}},
};

static struct presence new_presence(void)
{
    return (struct presence){.away_ms = AWAY, .interval_ms = INTERVAL, .away_max = 3};
}

static void step_all(struct presence *p, int64_t now)
{
    while (presence_step(p, now))
        ;
}

static void stories_are_told(void **state)
{
    (void)state;
    for (size_t i = 0; i < countof(stories); i++) {
        struct presence p = new_presence();
        struct presence_user u = {0};
        size_t done = 0, told = 0;
        for (int at = 0; at < 600; at++) {
            int64_t now = (int64_t)at * TICK;
            for (; stories[i].does[done].what && stories[i].does[done].at == at; done++) {
                if (stories[i].does[done].what == '+')
                    presence_came(&p, &u);
                else
                    presence_left(&p, &u, now, now);
            }
            step_all(&p, now);
            while (presence_next(&p)) {
                char what = u.shown ? '1' : u.fresh ? '0' : 's';
                presence_told(&p, &u, now);
                if (what != stories[i].news[told].what || at != stories[i].news[told].at)
                    fail_msg("%s: %c at %d", stories[i].name, what, at);
                told++;
            }
        }
        if (stories[i].news[told].what)
            fail_msg("%s: %zu told", stories[i].name, told);
        assert_int_equal(presence_over(&u), !u.there);
        presence_free(&p);
    }
}

/* Telling takes its time: what happens meanwhile is told after it, and after the interval. */
static void nothing_is_lost_while_it_is_told(void **state)
{
    struct presence p = new_presence();
    struct presence_user u = {0};
    (void)state;
    presence_came(&p, &u);
    assert_ptr_equal(presence_next(&p), &u);
    assert_true(u.shown);
    presence_left(&p, &u, 0, 7);
    step_all(&p, AWAY);
    assert_null(presence_next(&p));
    assert_false(presence_over(&u));
    presence_told(&p, &u, AWAY);
    step_all(&p, AWAY + INTERVAL - 1);
    assert_null(presence_next(&p));
    step_all(&p, AWAY + INTERVAL);
    assert_ptr_equal(presence_next(&p), &u);
    assert_false(u.shown);
    assert_int_equal(u.gone_at, 7);
    presence_told(&p, &u, AWAY + INTERVAL);
    step_all(&p, AWAY + 2 * INTERVAL);
    assert_true(presence_over(&u));
    presence_free(&p);
}

/* What is not pending any more leaves its queue at last, and only then may the user be freed. */
static void a_user_outlives_its_entries(void **state)
{
    struct presence p = new_presence();
    struct presence_user u = {0};
    (void)state;
    p.away_max = 1000;
    for (int64_t at = 1; at <= 1000; at++) {
        presence_came(&p, &u);
        presence_left(&p, &u, at, at);
    }
    for (int64_t now = 1; now < 2 * AWAY; now++) {
        step_all(&p, now);
        while (presence_next(&p))
            presence_told(&p, &u, now);
        assert_int_equal(presence_over(&u), now >= AWAY + 1000 + INTERVAL);
    }
    assert_false(u.entries);
    presence_free(&p);
}

static void no_more_are_away_than_may_be(void **state)
{
    struct presence p = new_presence();
    struct presence_user users[5] = {0};
    (void)state;
    for (size_t i = 0; i < 5; i++) {
        presence_came(&p, &users[i]);
        assert_ptr_equal(presence_next(&p), &users[i]);
        presence_told(&p, &users[i], 0);
        presence_left(&p, &users[i], INTERVAL, INTERVAL);
    }
    step_all(&p, INTERVAL);
    assert_ptr_equal(presence_next(&p), &users[0]); /* those who left first */
    assert_ptr_equal(presence_next(&p), &users[1]);
    assert_null(presence_next(&p));
    presence_free(&p);
}

static void in_a_hurry_nothing_waits(void **state)
{
    struct presence p = new_presence();
    struct presence_user users[2] = {0};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        presence_came(&p, &users[i]);
        presence_next(&p);
        presence_told(&p, &users[i], 0);
    }
    presence_left(&p, &users[0], 1, 1);
    presence_hurry(&p);
    step_all(&p, 1);
    assert_ptr_equal(presence_next(&p), &users[0]);
    assert_null(presence_next(&p));
    assert_false(presence_over(&users[1]));
    presence_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stories_are_told),
        cmocka_unit_test(nothing_is_lost_while_it_is_told),
        cmocka_unit_test(a_user_outlives_its_entries),
        cmocka_unit_test(no_more_are_away_than_may_be),
        cmocka_unit_test(in_a_hurry_nothing_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
