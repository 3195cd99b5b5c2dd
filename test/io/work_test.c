/* The queue between loops and workers: order, fairness, limits, its end, and waking who waits. */
#include "io/work.h"

#include "base/clock.h"
#include "base/mem.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <unistd.h>

#include <cmocka.h>

enum { LONG_MS = 60000, WATCHDOG_S = 120 };

static const struct work_limits ample = {1000000, 1 << 30, 1000000};

/* Puts items named by letters into the queue, upper case for tenant 1, lower for 2, digits for 3.
 */
static struct work_item items[128];

static Err put(struct work_queue *q, char c)
{
    items[(int)c].tenant = c >= 'a' ? 2 : c >= 'A' ? 1 : 3;
    return work_submit(q, &items[(int)c]);
}

static void put_all(struct work_queue *q, const char *names)
{
    for (; *names; names++)
        assert_int_equal(put(q, *names), ERR_OK);
}

static void assert_order(struct work_queue *q, const char *names)
{
    char got[64];
    size_t n = 0;
    for (struct work_item *item; (item = work_take(q, 0));)
        got[n++] = (char)(item - items);
    got[n] = '\0';
    assert_string_equal(got, names);
}

static void first_in_first_out_within_a_tenant(void **state)
{
    (void)state;
    struct work_queue *q = work_new(ample);
    assert_null(work_take(q, 0));
    put_all(q, "ABCDEF");
    assert_order(q, "ABCDEF");
    put_all(q, "A");
    assert_order(q, "A");
    work_free(&q);
    assert_null(q);
}

static void tenants_take_turns(void **state)
{
    (void)state;
    struct work_queue *q = work_new(ample);
    put_all(q, "ABCDEab12");
    assert_order(q, "Aa1Bb2CDE");
    put_all(q, "ABC");
    assert_ptr_equal(work_take(q, 0), &items['A']);
    put_all(q, "a1");
    assert_order(q, "Ba1C");
    put_all(q, "Aa");
    assert_ptr_equal(work_take(q, 0), &items['A']);
    put_all(q, "BC"); /* one whose queue was empty stands at the back */
    assert_order(q, "aBC");
    work_free(&q);
}

static void a_limit_in_jobs(void **state)
{
    (void)state;
    struct work_queue *q = work_new((struct work_limits){3, 1000, 1000});
    put_all(q, "Aa1");
    items['B'].next = &items['x'];
    assert_int_equal(put(q, 'B'), ERR_OVERLOADED);
    assert_ptr_equal(items['B'].next, &items['x']); /* untouched */
    assert_non_null(work_take(q, 0));
    assert_int_equal(put(q, 'B'), ERR_OK);
    assert_int_equal(put(q, 'C'), ERR_OVERLOADED);
    assert_order(q, "a1B");
    work_free(&q);
}

static void a_limit_in_bytes(void **state)
{
    (void)state;
    struct work_queue *q = work_new((struct work_limits){1000, 100, 1000});
    items['A'].bytes = 60;
    items['B'].bytes = 41;
    items['C'].bytes = 40;
    items['D'].bytes = 101;
    items['E'].bytes = 0;
    assert_int_equal(put(q, 'D'), ERR_OVERLOADED);
    assert_int_equal(put(q, 'A'), ERR_OK);
    assert_int_equal(put(q, 'B'), ERR_OVERLOADED);
    assert_int_equal(put(q, 'C'), ERR_OK);
    assert_int_equal(put(q, 'E'), ERR_OK);
    assert_ptr_equal(work_take(q, 0), &items['A']);
    assert_int_equal(put(q, 'B'), ERR_OK);
    assert_order(q, "CEB");
    for (char c = 'A'; c <= 'E'; c++)
        items[(int)c].bytes = 0;
    work_free(&q);
}

static void a_flood_of_one_tenant_leaves_room_for_others(void **state)
{
    (void)state;
    struct work_queue *q = work_new((struct work_limits){5, 1000, 3});
    put_all(q, "ABC");
    assert_int_equal(put(q, 'D'), ERR_OVERLOADED);
    put_all(q, "ab");
    assert_int_equal(put(q, 'c'), ERR_OVERLOADED); /* the queue's own limit */
    assert_ptr_equal(work_take(q, 0), &items['A']);
    assert_int_equal(put(q, 'D'), ERR_OK);
    assert_order(q, "aBbCD");
    work_free(&q);
}

static void the_end_gives_what_is_left(void **state)
{
    (void)state;
    struct work_queue *q = work_new(ample);
    put_all(q, "AB");
    assert_false(work_ended(q));
    work_end(q);
    assert_int_equal(put(q, 'C'), ERR_DRAINING);
    assert_false(work_ended(q));
    assert_ptr_equal(work_take(q, LONG_MS), &items['A']);
    assert_ptr_equal(work_take(q, LONG_MS), &items['B']);
    assert_true(work_ended(q));
    assert_null(work_take(q, LONG_MS));
    work_free(&q);
}

static void a_take_waits_its_time(void **state)
{
    (void)state;
    struct work_queue *q = work_new(ample);
    int64_t start = clock_mono();
    assert_null(work_take(q, 30));
    assert_true(clock_mono() - start >= 30000);
    work_free(&q);
}

/* ----- threads ----- */

struct echo {
    struct work_queue *there, *back;
};

static void *echo(void *arg)
{
    struct echo *e = arg;
    for (struct work_item *item; (item = work_take(e->there, LONG_MS));)
        must(work_submit(e->back, item) == ERR_OK);
    return NULL;
}

/* Each side mostly waits for the other; a wake-up that is lost lasts LONG_MS. */
static void who_waits_is_woken(void **state)
{
    (void)state;
    struct echo e = {work_new(ample), work_new(ample)};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, echo, &e), 0);
    for (int i = 0; i < 2000; i++) {
        assert_int_equal(put(e.there, 'A'), ERR_OK);
        assert_ptr_equal(work_take(e.back, LONG_MS), &items['A']);
    }
    work_end(e.there);
    assert_int_equal(pthread_join(thread, NULL), 0);
    work_free(&e.there);
    work_free(&e.back);
}

enum { PRODUCERS = 3, CONSUMERS = 3, EACH = 3000 };

struct numbered {
    struct work_item item;
    int number;
};

static struct numbered numbered[PRODUCERS][EACH];
static atomic_int taken[PRODUCERS][EACH];
static atomic_int refused;

static void *produce(void *arg)
{
    static atomic_int producers;
    int me = atomic_fetch_add(&producers, 1) % PRODUCERS;
    for (int i = 0; i < EACH; i++) {
        struct numbered *n = &numbered[me][i];
        *n = (struct numbered){{.tenant = me, .bytes = 10}, i};
        while (work_submit(arg, &n->item) != ERR_OK) /* full: the consumers will make room */
            atomic_fetch_add(&refused, 1);
    }
    return NULL;
}

static void *consume(void *arg)
{
    int last[PRODUCERS] = {-1, -1, -1};
    for (struct work_item *item; (item = work_take(arg, LONG_MS));) {
        struct numbered *n = (struct numbered *)item;
        must(n->number > last[item->tenant]);
        last[item->tenant] = n->number;
        atomic_fetch_add(&taken[item->tenant][n->number], 1);
    }
    return NULL;
}

static void many_threads_get_each_item_once(void **state)
{
    (void)state;
    struct work_queue *q = work_new((struct work_limits){100, 800, 50});
    pthread_t producers[PRODUCERS], consumers[CONSUMERS];
    for (int i = 0; i < CONSUMERS; i++)
        assert_int_equal(pthread_create(&consumers[i], NULL, consume, q), 0);
    for (int i = 0; i < PRODUCERS; i++)
        assert_int_equal(pthread_create(&producers[i], NULL, produce, q), 0);
    for (int i = 0; i < PRODUCERS; i++)
        assert_int_equal(pthread_join(producers[i], NULL), 0);
    work_end(q); /* wakes all */
    for (int i = 0; i < CONSUMERS; i++)
        assert_int_equal(pthread_join(consumers[i], NULL), 0);
    for (int i = 0; i < PRODUCERS; i++)
        for (int k = 0; k < EACH; k++)
            assert_int_equal(atomic_load(&taken[i][k]), 1);
    print_message("  refused for a while: %d\n", atomic_load(&refused));
    work_free(&q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_in_first_out_within_a_tenant),
        cmocka_unit_test(tenants_take_turns),
        cmocka_unit_test(a_limit_in_jobs),
        cmocka_unit_test(a_limit_in_bytes),
        cmocka_unit_test(a_flood_of_one_tenant_leaves_room_for_others),
        cmocka_unit_test(the_end_gives_what_is_left),
        cmocka_unit_test(a_take_waits_its_time),
        cmocka_unit_test(who_waits_is_woken),
        cmocka_unit_test(many_threads_get_each_item_once),
    };
    alarm(WATCHDOG_S);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
