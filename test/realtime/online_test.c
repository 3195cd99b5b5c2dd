/* Who is connected: the limits, exact whatever threads come and go, and what is counted for usage.
 */
#include "realtime/online.h"

#include "base/mem.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>

#include <cmocka.h>

enum { APP = 7, OTHER_APP = 8, ANN = 1, BOB = 2, CLEO = 3, NO_LIMIT = 0, PLENTY = 1000 };

#define START 1777118400000 /* milliseconds */

static struct online *online;

static int fresh(void **state)
{
    (void)state;
    online = online_new(10000, 5000);
    return 0;
}

static int gone(void **state)
{
    (void)state;
    online_free(&online);
    assert_null(online);
    return 0;
}

static Err enter(int64_t app, int64_t user, int64_t users, int64_t sessions)
{
    Id id = {{(uint8_t)app, (uint8_t)user}};
    return online_enter(online, app, user, id, users, sessions);
}

static void leave(int64_t app, int64_t user)
{
    online_leave(online, app, user);
}

static Err would_enter(int64_t user, int64_t users, int64_t sessions)
{
    return online_check(online, APP, user, users, sessions, NO_LIMIT);
}

static void users_up_to_the_plans_limit(void **state)
{
    (void)state;
    assert_int_equal(enter(APP, ANN, 2, PLENTY), ERR_OK);
    assert_int_equal(enter(APP, BOB, 2, PLENTY), ERR_OK);
    assert_int_equal(enter(APP, CLEO, 2, PLENTY), ERR_CONCURRENT_USER_LIMIT);
    assert_int_equal(enter(APP, CLEO, 2, PLENTY), ERR_CONCURRENT_USER_LIMIT); /* nothing counted */
    leave(APP, ANN);
    assert_int_equal(enter(APP, CLEO, 2, PLENTY), ERR_OK);
    assert_int_equal(enter(APP, ANN, 2, PLENTY), ERR_CONCURRENT_USER_LIMIT);
    leave(APP, BOB);
    leave(APP, CLEO);
}

static void no_limit_is_none(void **state)
{
    (void)state;
    for (int64_t user = 1; user <= 5000; user++)
        assert_int_equal(enter(APP, user, NO_LIMIT, PLENTY), ERR_OK);
    for (int64_t user = 1; user <= 5000; user++)
        leave(APP, user);
}

/* The limit is of users: who is in may bring as many devices as a user may have. */
static void a_further_device_is_no_further_user(void **state)
{
    (void)state;
    assert_int_equal(enter(APP, ANN, 1, 3), ERR_OK);
    assert_int_equal(enter(APP, ANN, 1, 3), ERR_OK);
    assert_int_equal(enter(APP, ANN, 1, 3), ERR_OK);
    assert_int_equal(enter(APP, ANN, 1, 3), ERR_RATE_LIMITED);
    assert_int_equal(enter(APP, BOB, 1, 3), ERR_CONCURRENT_USER_LIMIT);
    leave(APP, ANN);
    assert_int_equal(enter(APP, BOB, 1, 3), ERR_CONCURRENT_USER_LIMIT); /* two are left */
    assert_int_equal(enter(APP, ANN, 1, 3), ERR_OK);
    leave(APP, ANN);
    leave(APP, ANN);
    leave(APP, ANN);
    assert_int_equal(enter(APP, BOB, 1, 3), ERR_OK);
    leave(APP, BOB);
}

/* A plan that was made smaller sends no one away, and lets no one new in. */
static void a_limit_below_what_is_there(void **state)
{
    (void)state;
    assert_int_equal(enter(APP, ANN, 5, PLENTY), ERR_OK);
    assert_int_equal(enter(APP, BOB, 5, PLENTY), ERR_OK);
    assert_int_equal(enter(APP, ANN, 1, PLENTY), ERR_OK);
    assert_int_equal(enter(APP, CLEO, 1, PLENTY), ERR_CONCURRENT_USER_LIMIT);
    leave(APP, ANN);
    leave(APP, ANN);
    leave(APP, BOB);
}

static void apps_do_not_count_for_one_another(void **state)
{
    (void)state;
    assert_int_equal(enter(APP, ANN, 1, 1), ERR_OK);
    assert_int_equal(enter(OTHER_APP, ANN, 1, 1), ERR_OK);
    assert_int_equal(enter(OTHER_APP, BOB, 1, 1), ERR_CONCURRENT_USER_LIMIT);
    leave(APP, ANN);
    assert_int_equal(enter(OTHER_APP, BOB, 1, 1), ERR_CONCURRENT_USER_LIMIT);
    assert_int_equal(enter(APP, BOB, 1, 1), ERR_OK);
    leave(APP, BOB);
    leave(OTHER_APP, ANN);
}

static void a_check_counts_nothing(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(would_enter(ANN, 1, 1), ERR_OK);
    assert_int_equal(enter(APP, ANN, 1, 1), ERR_OK);
    assert_int_equal(would_enter(ANN, 1, 1), ERR_RATE_LIMITED);
    assert_int_equal(would_enter(ANN, 1, 2), ERR_OK);
    assert_int_equal(would_enter(BOB, 1, 1), ERR_CONCURRENT_USER_LIMIT);
    assert_int_equal(would_enter(BOB, 2, 1), ERR_OK);
    assert_int_equal(enter(APP, BOB, 2, 1), ERR_OK);
    leave(APP, ANN);
    leave(APP, BOB);
}

/* ----- threads ----- */

enum { THREADS = 8, RACES = 300, VISITS = 20000, LIMIT = 3 };

/* What the threads compete for: places of users, or sessions of one. */
struct race {
    bool one_user;
    pthread_barrier_t barrier;
    atomic_int let_in, inside;
};

struct runner {
    pthread_t thread;
    struct race *race;
    int64_t user;
};

static Err try_to_enter(const struct runner *r)
{
    Err err = r->race->one_user ? enter(APP, ANN, LIMIT, LIMIT) : enter(APP, r->user, LIMIT, 1);
    must(err == ERR_OK ||
         err == (r->race->one_user ? ERR_RATE_LIMITED : ERR_CONCURRENT_USER_LIMIT));
    return err;
}

static void leave_again(const struct runner *r)
{
    leave(APP, r->race->one_user ? ANN : r->user);
}

/* All at once for the last places, and nobody leaves before all have tried. */
static void *run_for_it(void *arg)
{
    struct runner *r = arg;
    for (int i = 0; i < RACES; i++) {
        pthread_barrier_wait(&r->race->barrier);
        bool in = try_to_enter(r) == ERR_OK;
        if (in)
            atomic_fetch_add(&r->race->let_in, 1);
        pthread_barrier_wait(&r->race->barrier);
        if (in)
            leave_again(r);
        pthread_barrier_wait(&r->race->barrier);
    }
    return NULL;
}

/* What is counted here, within an enter and its leave, is never more than what was let in. */
static void *come_and_go(void *arg)
{
    struct runner *r = arg;
    for (int i = 0; i < VISITS; i++) {
        if (try_to_enter(r))
            continue;
        must(atomic_fetch_add(&r->race->inside, 1) < LIMIT);
        atomic_fetch_add(&r->race->let_in, 1);
        atomic_fetch_sub(&r->race->inside, 1);
        leave_again(r);
    }
    return NULL;
}

static void assert_all_have_left(void)
{
    for (int64_t user = 1; user <= LIMIT; user++)
        assert_int_equal(enter(APP, user, LIMIT, 1), ERR_OK);
    assert_int_equal(enter(APP, LIMIT + 1, LIMIT, 1), ERR_CONCURRENT_USER_LIMIT);
    for (int64_t user = 1; user <= LIMIT; user++)
        leave(APP, user);
}

static int compete(struct race *race, void *(*how)(void *))
{
    struct runner runners[THREADS];
    assert_int_equal(pthread_barrier_init(&race->barrier, NULL, THREADS), 0);
    for (int i = 0; i < THREADS; i++) {
        runners[i] = (struct runner){.race = race, .user = i + 1};
        assert_int_equal(pthread_create(&runners[i].thread, NULL, how, &runners[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(runners[i].thread, NULL), 0);
    pthread_barrier_destroy(&race->barrier);
    assert_all_have_left();
    return atomic_load(&race->let_in);
}

static void a_race_for_the_last_places_of_a_plan(void **state)
{
    (void)state;
    struct race race = {.one_user = false};
    assert_int_equal(compete(&race, run_for_it), RACES * LIMIT);
}

static void a_race_for_the_last_sessions_of_a_user(void **state)
{
    (void)state;
    struct race race = {.one_user = true};
    assert_int_equal(compete(&race, run_for_it), RACES * LIMIT);
}

static void users_come_and_go(void **state)
{
    (void)state;
    struct race race = {.one_user = false};
    assert_true(compete(&race, come_and_go) > 0);
}

static void devices_come_and_go(void **state)
{
    (void)state;
    struct race race = {.one_user = true};
    assert_true(compete(&race, come_and_go) > 0);
}

/* ----- usage ----- */

/* The app's entry of what was counted; zeroes: none. */
static struct online_usage usage(int64_t app, int64_t now)
{
    struct online_usage out = {0};
    size_t n;
    struct online_usage *all = online_take_usage(online, now, &n);
    for (size_t i = 0; i < n; i++)
        if (all[i].app == app)
            out = all[i];
    mem_free(all);
    return out;
}

#define assert_usage(taken, peak, seconds, calls)                                                  \
    do {                                                                                           \
        struct online_usage usage_ = (taken);                                                      \
        assert_int_equal(usage_.peak_users, peak);                                                 \
        assert_int_equal(usage_.connection_seconds, seconds);                                      \
        assert_int_equal(usage_.api_calls, calls);                                                 \
    } while (0)

static void the_peak_is_of_distinct_users_since_the_last_time(void **state)
{
    (void)state;
    assert_int_equal(enter(APP, ANN, NO_LIMIT, PLENTY), ERR_OK);
    assert_int_equal(enter(APP, ANN, NO_LIMIT, PLENTY), ERR_OK);
    assert_int_equal(enter(APP, BOB, NO_LIMIT, PLENTY), ERR_OK);
    leave(APP, BOB);
    assert_int_equal(enter(APP, CLEO, 2, PLENTY), ERR_OK);
    assert_int_equal(enter(APP, BOB, 2, PLENTY), ERR_CONCURRENT_USER_LIMIT);
    assert_int_equal(usage(APP, START).peak_users, 2);
    leave(APP, CLEO);
    assert_int_equal(usage(APP, START).peak_users, 2); /* two were there when it began */
    assert_int_equal(usage(APP, START).peak_users, 1);
    leave(APP, ANN);
    leave(APP, ANN);
    assert_int_equal(usage(APP, START).peak_users, 1);
    assert_usage(usage(APP, START), 0, 0, 0);
}

static void seconds_are_of_sessions_and_none_is_lost(void **state)
{
    (void)state;
    assert_int_equal(enter(APP, ANN, NO_LIMIT, PLENTY), ERR_OK);
    assert_usage(usage(APP, START), 1, 0, 0);
    assert_usage(usage(APP, START + 1500), 1, 1, 0);
    assert_usage(usage(APP, START + 2000), 1, 1, 0); /* the half of before counts on */
    assert_int_equal(enter(APP, ANN, NO_LIMIT, PLENTY), ERR_OK);
    assert_usage(usage(APP, START + 12000), 1, 20, 0);
    leave(APP, ANN);
    leave(APP, ANN);
    assert_usage(usage(APP, START + 99000), 1, 0, 0);
}

static void calls_are_counted_by_app(void **state)
{
    (void)state;
    assert_int_equal(enter(OTHER_APP, ANN, NO_LIMIT, PLENTY), ERR_OK);
    for (int i = 0; i < 3; i++)
        online_count_call(online, APP);
    size_t n;
    struct online_usage *all = online_take_usage(online, START, &n);
    assert_int_equal(n, 2);
    int mine = all[1].app == APP;
    assert_int_equal(all[mine].app, APP);
    assert_usage(all[mine], 0, 0, 3);
    assert_int_equal(all[!mine].app, OTHER_APP);
    assert_usage(all[!mine], 1, 0, 0);
    mem_free(all);
    leave(OTHER_APP, ANN);
    online_count_call(online, APP);
    assert_usage(usage(APP, START), 0, 0, 1);
    assert_usage(usage(APP, START), 0, 0, 0);
}

#define with_online(test) cmocka_unit_test_setup_teardown(test, fresh, gone)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_online(users_up_to_the_plans_limit),
        with_online(no_limit_is_none),
        with_online(a_further_device_is_no_further_user),
        with_online(a_limit_below_what_is_there),
        with_online(apps_do_not_count_for_one_another),
        with_online(a_check_counts_nothing),
        with_online(a_race_for_the_last_places_of_a_plan),
        with_online(a_race_for_the_last_sessions_of_a_user),
        with_online(users_come_and_go),
        with_online(devices_come_and_go),
        with_online(the_peak_is_of_distinct_users_since_the_last_time),
        with_online(seconds_are_of_sessions_and_none_is_lost),
        with_online(calls_are_counted_by_app),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
