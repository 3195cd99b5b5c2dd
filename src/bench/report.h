/*
 * struct report: the numbers of a measurement, printed at the end as a table and as one JSON
 * object. Numbers are the run's, or of one of several rounds, of which the table shows the median
 * with the least and the greatest and the JSON all. It also shows how far a run is, when someone
 * watches.
 */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include "bench/hist.h"

struct report;

struct report *report_new(const char *scenario);
void report_free(struct report **report);

/* The numbers from here on are of another round; or of the run again. */
void report_round(struct report *report);
void report_run(struct report *report);

/* name: of the JSON field, static. unit: "" for none. */
void report_put(struct report *report, const char *name, const char *unit, double value);
/* p50, p99, p99.9 and max, in microseconds: fields <name>P50 and so on; name at most 32 bytes. */
void report_times(struct report *report, const char *name, const struct hist *times);
/* True once the number is missed or a check fails; static text; shown, and failed in the JSON. */
void report_fail(struct report *report, const char *why);
int report_failed(const struct report *report);

/* The table goes to standard error when the JSON goes to standard output ("-"); json NULL: none. */
void report_print(const struct report *report, const char *json);

/* One line that overwrites itself on standard error, if that is a terminal. */
void report_progress(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void report_progress_end(void);

#endif
