/* Time as text and days; the C library's calendar is the model. */
#include "base/clock.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

static const struct {
    int64_t ms;
    const char *text;
} moments[] = {
    {0, "1970-01-01T00:00:00.000Z"},
    {1777118400123, "2026-04-25T12:00:00.123Z"},
    {951782399999, "2000-02-28T23:59:59.999Z"},
    {951782400000, "2000-02-29T00:00:00.000Z"},
    {4107542399999, "2100-02-28T23:59:59.999Z"},
    {4107542400000, "2100-03-01T00:00:00.000Z"},
    {1735689599999, "2024-12-31T23:59:59.999Z"},
    {1735689600000, "2025-01-01T00:00:00.000Z"},
    {253402300799999, "9999-12-31T23:59:59.999Z"},
    {-1, "1969-12-31T23:59:59.999Z"},
    {-86400000, "1969-12-31T00:00:00.000Z"},
    {-62135596800000, "0001-01-01T00:00:00.000Z"},
};

static void moments_as_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < countof(moments); i++) {
        char out[CLOCK_TEXT + 1];
        out[CLOCK_TEXT] = '\0';
        clock_format(moments[i].ms, out);
        assert_string_equal(out, moments[i].text);
    }
}

static void days_begin_at_midnight(void **state)
{
    (void)state;
    assert_int_equal(clock_day(0), 0);
    assert_int_equal(clock_day(86399999), 0);
    assert_int_equal(clock_day(86400000), 1);
    assert_int_equal(clock_day(-1), -1);
    assert_int_equal(clock_day(-86400000), -1);
    assert_int_equal(clock_day(-86400001), -2);
}

static void every_day_of_eight_centuries(void **state)
{
    (void)state;
    for (int64_t day = -719162; day < -719162 + 2 * 146097; day += 1) {
        char text[11] = {0}, want[32];
        time_t at = day * 86400;
        struct tm tm;
        gmtime_r(&at, &tm);
        snprintf(want, sizeof want, "%04d-%02d-%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
        clock_format_day(day, text);
        assert_string_equal(text, want);
        int64_t again = 0;
        assert_true(clock_parse_day(str_of(text), &again));
        assert_int_equal(again, day);
    }
}

static const char *const not_days[] = {
    "",           "2026-04-2",  "2026-04-255", "2026-02-29", "2026-02-30",
    "2100-02-29", "2026-04-31", "2026-13-01",  "2026-00-10", "2026-01-00",
    "2026-01-32", "2026/01/01", "20260101",    "2026-1-001", " 026-01-01",
    "-026-01-01", "2026-01-+1", "2026-01-1 ",  "2026-O1-01",
};

static void what_is_not_a_day(void **state)
{
    (void)state;
    for (size_t i = 0; i < countof(not_days); i++) {
        int64_t day;
        print_message("  %s\n", not_days[i]);
        assert_false(clock_parse_day(str_of(not_days[i]), &day));
    }
}

static void clocks_run(void **state)
{
    (void)state;
    int64_t before = (int64_t)time(NULL) * 1000;
    int64_t now = clock_now();
    assert_true(now >= before - 1000 && now <= before + 60000);
    int64_t start = clock_mono(), last = start;
    struct timespec from, to;
    clock_gettime(CLOCK_MONOTONIC, &from);
    while (last < start + 2000) {
        int64_t t = clock_mono();
        assert_true(t >= last);
        last = t;
    }
    clock_gettime(CLOCK_MONOTONIC, &to);
    int64_t ns = (to.tv_sec - from.tv_sec) * 1000000000 + to.tv_nsec - from.tv_nsec;
    assert_true(ns >= 1900000); /* microseconds, then */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moments_as_text),
        cmocka_unit_test(days_begin_at_midnight),
        cmocka_unit_test(every_day_of_eight_centuries),
        cmocka_unit_test(what_is_not_a_day),
        cmocka_unit_test(clocks_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
