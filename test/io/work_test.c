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
    work_free(&q);
}

/* What was taken says what it cost; the one that was taken may be put again. */
static void report(struct work_queue *q, struct work_item *item, int64_t cost)
{
    item->next = NULL;
    item->cost = cost;
    work_done(q, item);
}

/* Takes n items, each of which costs what its tenant's do, and counts them by tenant. */
static void serve(struct work_queue *q, int n, const int64_t costs[4], int counts[4])
{
    memset(counts, 0, 4 * sizeof *counts);
    while (n--) {
        struct work_item *item = work_take(q, 0);
        assert_non_null(item);
        counts[item->tenant]++;
        report(q, item, costs[item->tenant]);
        assert_int_equal(work_submit(q, item), ERR_OK);
    }
}

static void drain(struct work_queue *q)
{
    while (work_take(q, 0))
        ;
    work_free(&q);
}

static void tenants_get_equal_time_not_equal_turns(void **state)
{
    (void)state;
    struct work_queue *q = work_new(ample);
    const int64_t costs[4] = {0, 10000000, 100000, 100000};
    int counts[4];
    put_all(q, "ABCDEFabcdef012345");
    serve(q, 2000, costs, counts);
    assert_in_range(counts[1], 1, 40); /* each turn is worth 100 of the others' */
    assert_in_range(counts[2], 900, 1010);
    assert_in_range(counts[3], 900, 1010);
    drain(q);
}

static void one_with_an_expensive_job_at_a_time_still_owes(void **state)
{
    (void)state;
    struct work_queue *q = work_new(ample);
    int cheap = 0;
    put_all(q, "A");
    report(q, work_take(q, 0), 10000000); /* its lane is empty now */
    put_all(q, "Aabc");
    for (struct work_item *item; (item = work_take(q, 0)) != &items['A'];) {
        assert_non_null(item);
        cheap++;
        report(q, item, 100000);
    }
    assert_int_equal(cheap, 3);
    drain(q);
}

static void two_workers_do_not_both_serve_the_expensive_one(void **state)
{
    (void)state;
    struct work_queue *q = work_new(ample);
    put_all(q, "ABCDa");
    for (int i = 0; i < 8; i++) { /* its cost becomes known */
        struct work_item *item = work_take(q, 0);
        report(q, item, item->tenant == 1 ? 10000000 : 100);
        assert_int_equal(work_submit(q, item), ERR_OK);
    }
    int expensive = 0;
    for (int i = 0; i < 4; i++) { /* none has ended */
        struct work_item *item = work_take(q, 0);
        expensive += item->tenant == 1;
        if (item->tenant == 2) {
            report(q, item, 100);
            assert_int_equal(work_submit(q, item), ERR_OK);
        }
    }
    assert_in_range(expensive, 0, 1);
    drain(q);
}

static struct work_item *lane_item(struct work_item *item, int64_t tenant, int64_t lane)
{
    *item = (struct work_item){.tenant = tenant, .lane = lane};
    return item;
}

/* Sixteen expensive jobs of one user wait; another user's is next, and costs it nothing. */
static void users_of_a_tenant_take_turns_by_cost(void **state)
{
    (void)state;
    struct work_queue *q = work_new(ample);
    struct work_item heavy[16], light;
    for (int i = 0; i < 16; i++)
        assert_int_equal(work_submit(q, lane_item(&heavy[i], 1, 7)), ERR_OK);
    for (int i = 0; i < 10; i++) {
        struct work_item *item = work_take(q, 0);
        assert_int_equal(item->lane, 7);
        report(q, item, 75000000);
        assert_int_equal(work_submit(q, lane_item(&light, 1, 8)), ERR_OK);
        assert_ptr_equal(work_take(q, 0), &light);
        report(q, &light, 20000);
        assert_int_equal(work_submit(q, lane_item(item, 1, 7)), ERR_OK);
    }
    drain(q);
}

/* Many users of one tenant are one tenant still. */
static void lanes_do_not_multiply_a_tenants_share(void **state)
{
    (void)state;
    static struct work_item crowd[200];
    struct work_queue *q = work_new(ample);
    const int64_t costs[4] = {0, 100000, 100000, 100000};
    int counts[4];
    for (int i = 0; i < 200; i++)
        assert_int_equal(work_submit(q, lane_item(&crowd[i], 1, i)), ERR_OK);
    put_all(q, "abcd");
    serve(q, 1000, costs, counts);
    assert_in_range(counts[2], 480, 520);
    drain(q);
}

/* One who was away has saved nothing up. */
static void rest_is_not_saved_up(void **state)
{
    (void)state;
    struct work_queue *q = work_new(ample);
    const int64_t costs[4] = {0, 100000, 100000, 100000};
    int counts[4];
    put_all(q, "AB");
    serve(q, 1000, costs, counts);
    put_all(q, "ab");
    serve(q, 100, costs, counts);
    assert_in_range(counts[1], 45, 55);
    drain(q);
}

static void what_exceeds_the_budget_waits(void **state)
{
    (void)state;
    struct work_queue *q = work_new(ample);
    assert_null(work_take_within(q, INT64_MAX));
    for (int i = 0; i < 20; i++) {
        put_all(q, "A");
        report(q, work_take(q, 0), 15000000);
    }
    put_all(q, "Aa");
    assert_ptr_equal(work_take_within(q, 5000000), &items['a']);
    assert_null(work_take_within(q, 5000000));
    assert_ptr_equal(work_take(q, 0), &items['A']);
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
    assert_order(q, "Aa1");
    assert_int_equal(put(q, 'B'), ERR_OK);
    assert_order(q, "B");
    work_free(&q);
}

static void a_limit_in_bytes(void **state)
{
    (void)state;
    struct work_queue *q = work_new((struct work_limits){1000, 100, 1000});
    items['A'].bytes = 60;
    items['b'].bytes = 41;
    items['c'].bytes = 40;
    items['D'].bytes = 101;
    items['1'].bytes = 0;
    assert_int_equal(put(q, 'D'), ERR_OVERLOADED);
    assert_int_equal(put(q, 'A'), ERR_OK);
    assert_int_equal(put(q, 'b'), ERR_OVERLOADED);
    assert_int_equal(put(q, 'c'), ERR_OK);
    assert_int_equal(put(q, '1'), ERR_OK);
    assert_ptr_equal(work_take(q, 0), &items['A']);
    assert_order(q, "c1");
    for (const char *c = "AbcD1"; *c; c++)
        items[(int)*c].bytes = 0;
    work_free(&q);
}

/* Puts items of the tenant until the queue refuses one. */
static size_t flood(struct work_queue *q, int64_t tenant, int64_t lane)
{
    struct work_item *item = mem_alloc(sizeof *item);
    size_t n = 0;
    while (!work_submit(q, lane_item(item, tenant, lane))) {
        item = mem_alloc(sizeof *item);
        n++;
    }
    mem_free(item);
    return n;
}

static void free_all(struct work_queue *q)
{
    for (struct work_item *item; (item = work_take(q, 0));)
        mem_free(item);
    work_free(&q);
}

static void floods_of_many_tenants_leave_room_for_a_newcomer(void **state)
{
    (void)state;
    struct work_queue *q = work_new((struct work_limits){256, 1 << 20, 128});
    size_t total = 0;
    for (int64_t tenant = 1; tenant <= 20; tenant++) {
        size_t n = flood(q, tenant, 0);
        total += n;
        if (tenant == 1)
            assert_in_range(n, 50, 128);
        assert_int_not_equal(n, 0);
        assert_int_equal(flood(q, tenant, 0), 0);
    }
    assert_in_range(total, 200, 255);
    free_all(q);
}

static void a_users_flood_leaves_room_for_its_tenants_other_users(void **state)
{
    (void)state;
    struct work_queue *q = work_new((struct work_limits){256, 1 << 20, 128});
    size_t first = flood(q, 1, 1), second = flood(q, 1, 2);
    assert_in_range(first, 40, 128);
    assert_in_range(second, 15, first);
    assert_int_not_equal(flood(q, 1, 3), 0);
    assert_int_not_equal(flood(q, 2, 1), 0);
    free_all(q);
}

static void large_jobs_leave_room_for_a_newcomer(void **state)
{
    (void)state;
    struct work_queue *q = work_new((struct work_limits){1000, 100000, 1000});
    static struct work_item large[200];
    size_t n = 0;
    for (; n < 200; n++) {
        large[n] = (struct work_item){.tenant = 1 + (int64_t)n % 2, .bytes = 1000};
        if (work_submit(q, &large[n]))
            break;
    }
    assert_in_range(n, 30, 70);
    items['1'].bytes = 1000;
    assert_int_equal(put(q, '1'), ERR_OK);
    items['1'].bytes = 0;
    while (work_take(q, 0))
        ;
    work_free(&q);
}

/* Each of many lanes has had one job: what is kept of them is bounded, and quick to drop. */
static void memory_is_bounded_by_lanes_that_have_work(void **state)
{
    (void)state;
    struct work_queue *q = work_new(ample);
    struct work_item item;
    for (int64_t lane = 0; lane < 300000; lane++) {
        assert_int_equal(work_submit(q, lane_item(&item, lane % 3, lane)), ERR_OK);
        assert_ptr_equal(work_take(q, 0), &item);
        report(q, &item, 1000);
    }
    assert_in_range(work_lanes(q), 1, 5000);
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
        report(arg, item, 1000 * (n->number % 7));
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
        cmocka_unit_test(tenants_get_equal_time_not_equal_turns),
        cmocka_unit_test(one_with_an_expensive_job_at_a_time_still_owes),
        cmocka_unit_test(two_workers_do_not_both_serve_the_expensive_one),
        cmocka_unit_test(users_of_a_tenant_take_turns_by_cost),
        cmocka_unit_test(lanes_do_not_multiply_a_tenants_share),
        cmocka_unit_test(rest_is_not_saved_up),
        cmocka_unit_test(what_exceeds_the_budget_waits),
        cmocka_unit_test(a_limit_in_jobs),
        cmocka_unit_test(a_limit_in_bytes),
        cmocka_unit_test(floods_of_many_tenants_leave_room_for_a_newcomer),
        cmocka_unit_test(a_users_flood_leaves_room_for_its_tenants_other_users),
        cmocka_unit_test(large_jobs_leave_room_for_a_newcomer),
        cmocka_unit_test(memory_is_bounded_by_lanes_that_have_work),
        cmocka_unit_test(the_end_gives_what_is_left),
        cmocka_unit_test(a_take_waits_its_time),
        cmocka_unit_test(who_waits_is_woken),
        cmocka_unit_test(many_threads_get_each_item_once),
    };
    alarm(WATCHDOG_S);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
