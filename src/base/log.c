/*
 * A line is built in an array on the stack, without allocation, so that running out of memory can
 * be logged too. While a value is added, room is kept for the fields after it: a request's line
 * with a path of 16 KiB still says its status.
 */
#include "base/log.h"

#include "base/clock.h"
#include "base/log_queue.h"
#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>

enum {
    FIELD_RESERVE = 96, /* kept for each field that is still to come */
    END_RESERVE = 32,   /* for the quote, "cut" and the end of the line */
};

struct line {
    char p[LOG_LINE_BYTES];
    size_t n;
    size_t limit; /* of the present field */
    bool cut;
};

static const char *const level_names[] = {"debug", "info", "warn", "error"};
static enum log_level min_level = LOG_INFO;
static enum log_format line_format = LOG_TEXT;

void log_setup(enum log_level min, enum log_format format)
{
    min_level = min;
    line_format = format;
}

bool log_enabled(enum log_level level)
{
    return level >= min_level;
}

/* ----- one line ----- */

/* All of s, or nothing of it and of what comes after it in this field. */
static void add(struct line *l, Str s)
{
    if (l->n > l->limit || s.n > l->limit - l->n) {
        l->cut = true;
        l->limit = 0;
        return;
    }
    memcpy(l->p + l->n, s.p, s.n);
    l->n += s.n;
}

static void add_fmt(struct line *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void add_fmt(struct line *l, const char *fmt, ...)
{
    char text[128];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (n > 0)
        add(l, str_from(text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1));
}

/* A line has ten of them and more: printf would be half of what it costs its loop. */
static void add_number(struct line *l, int64_t number)
{
    char text[24];
    size_t at = sizeof text;
    uint64_t left = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    do
        text[--at] = (char)('0' + left % 10);
    while (left /= 10);
    if (number < 0)
        text[--at] = '-';
    add(l, str_from(text + at, sizeof text - at));
}

/* The bytes of the character that s begins with; 0 when they are not UTF-8. */
static size_t character(Str s, uint32_t *code)
{
    unsigned char lead = (unsigned char)s.p[0];
    size_t n = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (n > s.n || !utf8_valid(str_from(s.p, n)))
        return 0;
    *code = n == 1 ? lead : lead & (0x7fu >> n);
    for (size_t i = 1; i < n; i++)
        *code = *code << 6 | ((unsigned char)s.p[i] & 0x3f);
    return n;
}

/* What moves a terminal's cursor, ends a line or turns the direction of writing. */
static bool is_control(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x2028 && c <= 0x202e) ||
           (c >= 0x2066 && c <= 0x2069);
}

/* How many bytes at the front stand for themselves in any form. */
static size_t ascii_run(Str s)
{
    size_t n = 0;
    while (n < s.n && s.p[n] >= ' ' && s.p[n] < 0x7f && s.p[n] != '"' && s.p[n] != '\\')
        n++;
    return n;
}

/* With the escapes of JSON. A byte that is not UTF-8 is \xNN in text, U+FFFD in JSON. */
static void add_escaped(struct line *l, Str s)
{
    for (size_t n; s.n && l->limit; s = str_skip(s, n ? n : 1)) {
        uint32_t code;
        size_t run = ascii_run(s), left = l->limit - l->n;
        if (run) {
            n = run < left ? run : left ? left : 1;
            add(l, str_from(s.p, n));
            continue;
        }
        n = character(s, &code);
        if (!n && line_format == LOG_JSON)
            add(l, S("\\ufffd"));
        else if (!n)
            add_fmt(l, "\\x%02x", (unsigned char)s.p[0]);
        else if (code == '"' || code == '\\')
            add_fmt(l, "\\%c", (char)code);
        else if (is_control(code))
            add_fmt(l, "\\u%04x", code);
        else
            add(l, str_from(s.p, n));
    }
}

static bool is_plain(Str s)
{
    if (!s.n)
        return false;
    for (size_t n; s.n; s = str_skip(s, n)) {
        uint32_t code;
        char c = s.p[0];
        if (c > ' ' && c < 0x7f && c != '"' && c != '\\' && c != '=') {
            n = 1;
            continue;
        }
        n = character(s, &code);
        if (!n || is_control(code) || code == ' ' || code == '"' || code == '\\' || code == '=')
            return false;
    }
    return true;
}

static void add_field(struct line *l, const struct log_field *f)
{
    bool json = line_format == LOG_JSON;
    add(l, json ? S(",\"") : S(" "));
    add(l, str_of(f->key));
    add(l, json ? S("\":") : S("="));
    if (!f->text.p) {
        add_number(l, f->number);
        return;
    }
    Str quote = line_format == LOG_TEXT && is_plain(f->text) ? S("") : S("\"");
    add(l, quote);
    add_escaped(l, f->text);
    l->limit = sizeof l->p;
    add(l, quote);
}

static void build_line(struct line *l, enum log_level level, const char *event, size_t n,
                       const struct log_field *fields)
{
    char time[CLOCK_TEXT];
    clock_format(clock_now(), time);
    l->n = 0;
    l->cut = false;
    l->limit = sizeof l->p - END_RESERVE;
    add_fmt(l,
            line_format == LOG_JSON ? "{\"time\":\"%.24s\",\"level\":\"%s\",\"event\":\"%s\""
                                    : "%.24s %s %s",
            time, level_names[level], event);
    for (size_t i = 0; i < n; i++) {
        l->limit = sizeof l->p - END_RESERVE - (n - 1 - i) * FIELD_RESERVE;
        add_field(l, &fields[i]);
    }
    l->limit = sizeof l->p;
    if (l->cut)
        add(l, line_format == LOG_JSON ? S(",\"cut\":true") : S(" cut=true"));
    add(l, line_format == LOG_JSON ? S("}\n") : S("\n"));
}

void log_fields(enum log_level level, const char *event, size_t n, const struct log_field *fields)
{
    struct line l;
    if (!log_enabled(level))
        return;
    build_line(&l, level, event, n, fields);
    log_queue_add(str_from(l.p, l.n));
}

/* ----- the thread ----- */

static size_t dropped_line(uint64_t dropped, char out[LOG_LINE_BYTES])
{
    struct line l;
    const struct log_field lines = log_n("lines", dropped);
    build_line(&l, LOG_WARN, "log lines dropped", 1, &lines);
    memcpy(out, l.p, l.n);
    return l.n;
}

void log_start(void)
{
    log_queue_start(dropped_line);
}

void log_flush(void)
{
    (void)log_queue_flush(LOG_FLUSH_MS);
}

void log_stop(void)
{
    log_queue_stop(LOG_FLUSH_MS);
}

bool log_allowed(struct log_throttle *throttle, int64_t *held)
{
    int64_t now = clock_mono(), next = atomic_load(&throttle->next);
    if (now < next || !atomic_compare_exchange_strong(&throttle->next, &next,
                                                      now + (int64_t)LOG_THROTTLE_MS * 1000)) {
        atomic_fetch_add(&throttle->held, 1);
        return false;
    }
    *held = atomic_exchange(&throttle->held, 0);
    return true;
}
