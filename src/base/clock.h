/*
 * Clocks. Wall time is milliseconds since the Unix epoch, UTC; monotonic time is for durations and
 * never shown to anyone. Any thread.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include "base/str.h"

#include <time.h>

#define CLOCK_TEXT 24

/* Milliseconds since 1970-01-01T00:00:00Z. */
int64_t clock_now(void);

/* Microseconds from an arbitrary start, never backward. */
int64_t clock_mono(void);

/* That many milliseconds from now, of the same clock: for pthread_cond_timedwait. */
struct timespec clock_mono_in(int64_t ms);

/* RFC 3339 in UTC with milliseconds, 24 characters, no NUL: 2026-04-25T12:00:00.123Z. */
void clock_format(int64_t ms, char out[CLOCK_TEXT]);

/* Days since the epoch, UTC. */
int64_t clock_day(int64_t ms);

/* "2026-04-25" to days since the epoch; false when it is not a date. */
bool clock_parse_day(Str s, int64_t *day) __attribute__((warn_unused_result));

/* Days since the epoch to "2026-04-25", 10 characters, no NUL. */
void clock_format_day(int64_t day, char out[10]);

#endif
