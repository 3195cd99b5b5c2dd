/*
 * Calendar arithmetic is the proleptic Gregorian calendar counted in 400-year eras (the well-known
 * days-from-civil formulas), because gmtime_r and timegm cost more and read the time zone.
 */
#include "base/clock.h"

#include <time.h>

static int64_t now_of(clockid_t which, int64_t per_second)
{
    struct timespec t;
    clock_gettime(which, &t);
    return t.tv_sec * per_second + t.tv_nsec / (1000000000 / per_second);
}

int64_t clock_now(void)
{
    return now_of(CLOCK_REALTIME, 1000);
}

int64_t clock_mono(void)
{
    return now_of(CLOCK_MONOTONIC, 1000000);
}

static void civil(int64_t day, int *year, int *month, int *mday)
{
    day += 719468;
    int64_t era = (day >= 0 ? day : day - 146096) / 146097;
    int64_t doe = day - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    *mday = (int)(doy - (153 * mp + 2) / 5 + 1);
    *month = (int)(mp < 10 ? mp + 3 : mp - 9);
    *year = (int)(yoe + era * 400 + (*month <= 2));
}

static int64_t days(int64_t year, int64_t month, int64_t mday)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t yoe = year - era * 400;
    int64_t doy = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + mday - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static char *digits(char *out, int value, int width)
{
    for (int i = width - 1; i >= 0; i--) {
        out[i] = (char)('0' + value % 10);
        value /= 10;
    }
    return out + width;
}

int64_t clock_day(int64_t ms)
{
    return (ms >= 0 ? ms : ms - 86399999) / 86400000;
}

void clock_format_day(int64_t day, char out[10])
{
    int year, month, mday;
    civil(day, &year, &month, &mday);
    char *at = digits(out, year, 4);
    *at++ = '-';
    at = digits(at, month, 2);
    *at++ = '-';
    digits(at, mday, 2);
}

struct timespec clock_mono_in(int64_t ms)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    int64_t nsec = t.tv_nsec + ms % 1000 * 1000000;
    t.tv_sec += ms / 1000 + nsec / 1000000000;
    t.tv_nsec = nsec % 1000000000;
    return t;
}

void clock_format(int64_t ms, char out[CLOCK_TEXT])
{
    int64_t day = clock_day(ms);
    int rest = (int)(ms - day * 86400000);
    clock_format_day(day, out);
    char *at = out + 10;
    *at++ = 'T';
    at = digits(at, rest / 3600000, 2);
    *at++ = ':';
    at = digits(at, rest / 60000 % 60, 2);
    *at++ = ':';
    at = digits(at, rest / 1000 % 60, 2);
    *at++ = '.';
    at = digits(at, rest % 1000, 3);
    *at = 'Z';
}

bool clock_parse_day(Str s, int64_t *day)
{
    uint64_t year, month, mday;
    char again[10];
    if (s.n != 10 || s.p[4] != '-' || s.p[7] != '-' ||
        !str_to_uint(str_from(s.p, 4), 9999, &year) ||
        !str_to_uint(str_from(s.p + 5, 2), 12, &month) ||
        !str_to_uint(str_from(s.p + 8, 2), 31, &mday) || month == 0)
        return false;
    *day = days((int64_t)year, (int64_t)month, (int64_t)mday);
    clock_format_day(*day, again); /* refuses 2026-02-30 */
    return str_eq(str_from(again, sizeof again), s);
}
