/* Quantiles are right to the width of a bucket, the greatest to the microsecond. */
#include "bench/hist.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void every_duration_stands_within_a_64th(void **state)
{
    (void)state;
    for (int64_t us = 0; us < 3000ll * 1000 * 1000; us += 1 + us / 50) {
        struct hist *h = mem_alloc(sizeof *h);
        hist_add(h, us);
        hist_add(h, 3500ll * 1000 * 1000); /* so that the greatest is another */
        int64_t got = hist_at(h, 0);
        if (got < us || got > us + us / HIST_SUB)
            fail_msg("%lld is shown as %lld", (long long)us, (long long)got);
        mem_free(h);
    }
}

static void quantiles(void **state)
{
    (void)state;
    struct hist *h = mem_alloc(sizeof *h);
    assert_int_equal(hist_at(h, 0.5), 0);
    for (int i = 1; i <= 100; i++)
        hist_add(h, i);
    assert_int_equal(hist_at(h, 0), 1);
    assert_int_equal(hist_at(h, 0.5), 51);
    assert_int_equal(hist_at(h, 0.99), 100);
    assert_int_equal(hist_at(h, 1), 100);
    mem_free(h);
}

static void a_clock_that_steps_back_and_hours_are_bounded(void **state)
{
    (void)state;
    struct hist *h = mem_alloc(sizeof *h);
    hist_add(h, -5);
    assert_int_equal(h->max, 0);
    hist_add(h, INT64_MAX);
    assert_int_equal(hist_at(h, 1), 3600u * 1000 * 1000);
    mem_free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_duration_stands_within_a_64th),
        cmocka_unit_test(quantiles),
        cmocka_unit_test(a_clock_that_steps_back_and_hours_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
