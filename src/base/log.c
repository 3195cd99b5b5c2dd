#include "base/log.h"

#include "base/buf.h"
#include "base/clock.h"

#include <unistd.h>

enum { LINE_MAX_BYTES = 8192 };

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

/* Quoted with the escapes that are both JSON's and readable; other control bytes as \u00XX. */
static void quoted(struct buf *b, Str s)
{
    buf_byte(b, '"');
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c == '"' || c == '\\')
            buf_fmt(b, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            buf_fmt(b, "\\u%04x", c);
        else
            buf_byte(b, (char)c);
    }
    buf_byte(b, '"');
}

static bool plain(Str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] == '"' || s.p[i] == '\\' || s.p[i] == 0x7f || s.p[i] == '=')
            return false;
    return s.n > 0;
}

static void field(struct buf *b, const struct log_field *f)
{
    if (line_format == LOG_JSON)
        buf_fmt(b, ",\"%s\":", f->key);
    else
        buf_fmt(b, " %s=", f->key);
    if (!f->text.p)
        buf_fmt(b, "%lld", (long long)f->number);
    else if (line_format == LOG_TEXT && plain(f->text))
        buf_add(b, f->text);
    else
        quoted(b, f->text);
}

void log_fields(enum log_level level, const char *event, size_t n, const struct log_field *fields)
{
    if (!log_enabled(level))
        return;
    struct buf b = BUF(LINE_MAX_BYTES);
    char time[CLOCK_TEXT];
    clock_format(clock_now(), time);
    buf_fmt(&b,
            line_format == LOG_JSON ? "{\"time\":\"%.24s\",\"level\":\"%s\",\"event\":\"%s\""
                                    : "%.24s %s %s",
            time, level_names[level], event);
    for (size_t i = 0; i < n; i++)
        field(&b, &fields[i]);
    if (line_format == LOG_JSON)
        buf_byte(&b, '}');
    buf_byte(&b, '\n');
    if (!b.overflow && write(STDERR_FILENO, b.p, b.n) < 0) {
        /* Nowhere is left to say it. */
    }
    buf_free(&b);
}
