/* Token buckets, in real time: limits are slow enough that no token comes by itself, or so quick
 * that one comes within a few milliseconds. */
#include "api/rate.h"

#include "base/clock.h"
#include "base/mem.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>

#include <cmocka.h>

static const MapKey ann = {1, 1}, bob = {1, 2};
static const struct rate_limit slow = {.per_second = 0.001, .burst = 3};

static int fixture_open(void **state)
{
    *state = rate_new();
    return 0;
}

static int fixture_close(void **state)
{
    struct rate *rate = *state;
    rate_free(&rate);
    assert_null(rate);
    return 0;
}

static void a_burst_and_no_more(void **state)
{
    struct rate *rate = *state;
    struct rate_state s;
    for (int i = 2; i >= 0; i--) {
        assert_true(rate_take(rate, ann, slow, &s));
        assert_int_equal(s.limit, 3);
        assert_int_equal(s.remaining, i);
        assert_in_range(s.retry, i ? 0 : 999, i ? 0 : 1000);
        assert_in_range(s.reset, (3 - i) * 1000 - 1, (3 - i) * 1000);
    }
    assert_false(rate_take(rate, ann, slow, &s));
    assert_int_equal(s.remaining, 0);
    assert_in_range(s.retry, 999, 1000);
    assert_in_range(s.reset, 2999, 3000);
    assert_false(rate_take(rate, ann, slow, NULL)); /* a refusal costs nothing, nor helps */
    assert_false(rate_peek(rate, ann, slow, &s));
    assert_in_range(s.retry, 999, 1000);
}

static void keys_do_not_share(void **state)
{
    struct rate *rate = *state;
    while (rate_take(rate, ann, slow, NULL))
        ;
    assert_true(rate_take(rate, bob, slow, NULL));
    assert_true(rate_take(rate, (MapKey){2, 1}, slow, NULL));
    assert_false(rate_take(rate, ann, slow, NULL));
}

static void a_look_takes_nothing(void **state)
{
    struct rate *rate = *state;
    struct rate_state s;
    for (int i = 0; i < 10; i++) {
        assert_true(rate_peek(rate, ann, slow, &s));
        assert_int_equal(s.remaining, 3);
        assert_int_equal(s.reset, 0);
        assert_int_equal(s.retry, 0);
    }
    while (rate_take(rate, ann, slow, NULL))
        ;
    assert_false(rate_peek(rate, ann, slow, NULL));
}

static void tokens_come_back(void **state)
{
    struct rate *rate = *state;
    const struct rate_limit quick = {.per_second = 200, .burst = 2};
    int64_t start = clock_mono(), taken = 0;
    do
        taken += rate_take(rate, ann, quick, NULL);
    while (taken < 12);
    assert_true(clock_mono() - start >= 10 * 5000 - 1000);
    struct rate_state s;
    do
        assert_in_range((rate_peek(rate, ann, quick, &s), s.remaining), 0, 2);
    while (clock_mono() - start < 100000);
    assert_int_equal(s.remaining, 2); /* never more than the burst */
}

static void no_limit(void **state)
{
    struct rate *rate = *state;
    for (int i = 0; i < 1000; i++)
        assert_true(rate_take(rate, ann, (struct rate_limit){0}, NULL));
    assert_true(rate_peek(rate, ann, (struct rate_limit){0}, NULL));
}

static void a_forgotten_key_is_full_again(void **state)
{
    struct rate *rate = *state;
    rate_forget(rate, ann);
    while (rate_take(rate, ann, slow, NULL))
        ;
    rate_forget(rate, ann);
    struct rate_state s;
    assert_true(rate_take(rate, ann, slow, &s));
    assert_int_equal(s.remaining, 2);
}

enum { CROWD = 200000 };

static void a_crowd_of_strangers_pushes_no_one_out(void **state)
{
    struct rate *rate = *state;
    while (rate_take(rate, ann, slow, NULL))
        ;
    for (uint64_t i = 0; i < CROWD; i++)
        assert_true(rate_peek(rate, (MapKey){2, i}, slow, NULL));
    assert_false(rate_take(rate, ann, slow, NULL));
}

static void a_crowd_that_takes_is_not_refused(void **state)
{
    struct rate *rate = *state;
    const struct rate_limit once = {.per_second = 0.001, .burst = 1};
    for (uint64_t i = 0; i < CROWD; i++)
        assert_true(rate_take(rate, (MapKey){2, i}, once, NULL));
}

/* ----- threads ----- */

enum { THREADS = 4 };

static atomic_int taken;

static void *take_all(void *rate)
{
    const struct rate_limit limit = {.per_second = 0.001, .burst = 1000};
    for (int i = 0; i < 1000; i++)
        atomic_fetch_add(&taken, rate_take(rate, ann, limit, NULL));
    return NULL;
}

static void threads_share_one_bucket(void **state)
{
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_all, *state), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(atomic_load(&taken), 1000);
}

#define rate_test(function) cmocka_unit_test_setup_teardown(function, fixture_open, fixture_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        rate_test(a_burst_and_no_more),
        rate_test(keys_do_not_share),
        rate_test(a_look_takes_nothing),
        rate_test(tokens_come_back),
        rate_test(no_limit),
        rate_test(a_forgotten_key_is_full_again),
        rate_test(a_crowd_of_strangers_pushes_no_one_out),
        rate_test(a_crowd_that_takes_is_not_refused),
        rate_test(threads_share_one_bucket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
