#include "bench/report.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "bench/die.h"

#include <errno.h>
#include <stdarg.h>
#include <unistd.h>

enum { NAME = 40, JSON_MAX = 1024 * 1024, PROGRESS_US = 100 * 1000, FAILURES = 16, TIMES = 4 };

struct number {
    int round; /* 0: of the run */
    char name[NAME];
    const char *unit;
    double value;
};

struct report {
    const char *scenario;
    int round, rounds;
    struct number *items; /* owned */
    size_t n, cap;
    const char *failures[FAILURES];
    size_t n_failures;
};

struct report *report_new(const char *scenario)
{
    struct report *r = mem_alloc(sizeof *r);
    r->scenario = scenario;
    return r;
}

void report_free(struct report **at)
{
    if (*at)
        mem_free((*at)->items);
    mem_free(*at);
    *at = NULL;
}

void report_round(struct report *r)
{
    r->round = ++r->rounds;
}

void report_run(struct report *r)
{
    r->round = 0;
}

static void add(struct report *r, const char *name, const char *suffix, const char *unit,
                double value)
{
    if (r->n == r->cap) {
        r->cap = r->cap ? r->cap * 2 : 64;
        r->items = mem_resize(r->items, r->cap * sizeof *r->items);
    }
    struct number *number = &r->items[r->n++];
    *number = (struct number){.round = r->round, .unit = unit, .value = value};
    snprintf(number->name, sizeof number->name, "%s%s", name, suffix);
}

void report_put(struct report *r, const char *name, const char *unit, double value)
{
    add(r, name, "", unit, value);
}

void report_times(struct report *r, const char *name, const struct hist *times)
{
    add(r, name, "P50", "us", hist_at(times, 0.5));
    add(r, name, "P99", "us", hist_at(times, 0.99));
    add(r, name, "P999", "us", hist_at(times, 0.999));
    add(r, name, "Max", "us", times->max);
}

void report_fail(struct report *r, const char *why)
{
    if (r->n_failures < FAILURES)
        r->failures[r->n_failures++] = why;
}

int report_failed(const struct report *r)
{
    return r->n_failures > 0;
}

/* ----- the table ----- */

static const char *shown(double value, char out[32])
{
    double size = value < 0 ? -value : value;
    int decimals = size == (double)(long)size || size >= 1000 ? 0 : size >= 10 ? 1 : 3;
    snprintf(out, 32, "%.*f", decimals, value);
    return out;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Of all rounds that have the number: the median, the least and the greatest; returns how many. */
static size_t spread(const struct report *r, const struct number *of, double out[3])
{
    double *values = mem_alloc(r->n * sizeof *values);
    size_t n = 0;
    for (size_t i = 0; i < r->n; i++)
        if (!r->items[i].round == !of->round && strcmp(r->items[i].name, of->name) == 0)
            values[n++] = r->items[i].value;
    qsort(values, n, sizeof *values, by_value);
    out[0] = values[n / 2];
    out[1] = values[0];
    out[2] = values[n - 1];
    mem_free(values);
    return n;
}

static void print_number(const struct report *r, const struct number *number, FILE *to)
{
    char a[32], b[32], c[32];
    double s[3];
    size_t n = spread(r, number, s);
    fprintf(to, "  %-26s %11s %s", number->name, shown(s[0], a), number->unit);
    if (n > 1)
        fprintf(to, "  (%s to %s)", shown(s[1], b), shown(s[2], c));
    fputc('\n', to);
}

/* The four of report_times in one line, in milliseconds. */
static void print_times(const struct report *r, const struct number *first, FILE *to)
{
    static const char *const names[TIMES] = {"p50", "p99", "p99.9", "max"};
    double s[3];
    fprintf(to, "  %-26.*s", (int)(strlen(first->name) - 3), first->name);
    for (int i = 0; i < TIMES; i++) {
        spread(r, first + i, s);
        fprintf(to, "  %s %.2f", names[i], s[0] / 1000);
    }
    fputs(" ms\n", to);
}

static bool begins_times(const struct number *number)
{
    size_t n = strlen(number->name);
    return n > 3 && strcmp(number->name + n - 3, "P50") == 0;
}

static void print_table(const struct report *r, FILE *to)
{
    fprintf(to, "%s\n", r->scenario);
    for (size_t i = 0; i < r->n; i++) {
        const struct number *number = &r->items[i];
        if (number->round > 1)
            continue;
        if (begins_times(number)) {
            print_times(r, number, to);
            i += TIMES - 1;
        } else {
            print_number(r, number, to);
        }
    }
    for (size_t i = 0; i < r->n_failures; i++)
        fprintf(to, "  FAILED: %s\n", r->failures[i]);
}

/* ----- JSON ----- */

static void put_round(const struct report *r, int round, struct buf *out)
{
    bool comma = false;
    for (size_t i = 0; i < r->n; i++) {
        if (r->items[i].round != round)
            continue;
        buf_fmt(out, "%s\"%s\":%.10g", comma ? "," : "", r->items[i].name, r->items[i].value);
        comma = true;
    }
}

static void put_json(const struct report *r, struct buf *out)
{
    buf_fmt(out, "{\"scenario\":\"%s\",\"failed\":[", r->scenario);
    for (size_t i = 0; i < r->n_failures; i++)
        buf_fmt(out, "%s\"%s\"", i ? "," : "", r->failures[i]);
    buf_add(out, S("],"));
    put_round(r, 0, out);
    buf_add(out, S(",\"rounds\":["));
    for (int i = 1; i <= r->rounds; i++) {
        buf_add(out, i > 1 ? S(",{") : S("{"));
        put_round(r, i, out);
        buf_byte(out, '}');
    }
    buf_add(out, S("]}\n"));
    must(!out->overflow);
}

void report_print(const struct report *r, const char *json)
{
    struct buf out = BUF(JSON_MAX);
    bool to_stdout = json && strcmp(json, "-") == 0;
    print_table(r, to_stdout ? stderr : stdout);
    fflush(stdout);
    if (!json)
        return;
    put_json(r, &out);
    FILE *f = to_stdout ? stdout : fopen(json, "we");
    if (!f || fwrite(out.p, 1, out.n, f) != out.n || (to_stdout ? fflush(f) : fclose(f)))
        die("%s: %s", json, strerror(errno));
    buf_free(&out);
}

/* ----- progress ----- */

static bool showing;

void report_progress(const char *fmt, ...)
{
    static int64_t last;
    int64_t now = clock_mono();
    if (!isatty(STDERR_FILENO) || (showing && now - last < PROGRESS_US))
        return;
    last = now;
    showing = true;
    va_list ap;
    va_start(ap, fmt);
    fputs("\r\033[K", stderr);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
}

void report_progress_end(void)
{
    if (showing)
        fputs("\r\033[K", stderr);
    showing = false;
}
