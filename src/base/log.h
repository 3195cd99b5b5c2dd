/*
 * Log lines on standard error, one event a line, as text ("time level event key=value …") or JSON.
 * No caller waits for the reader of the log: after log_start the lines go through a queue
 * (log_queue.h) to a thread that writes them. A line is at most 8 KiB: a value that does not fit is
 * cut, and the line then ends with cut=true. Control characters (C0, DEL, C1), line and
 * direction marks, and bytes that are not UTF-8 are escaped. Never give it a secret: no
 * Authorization, no x-api-key, no query string, no ticket. Any thread.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/str.h"

#include <stdatomic.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_TEXT, LOG_JSON };

struct log_field {
    const char *key;
    Str text;       /* used when text.p is set, */
    int64_t number; /* else this */
};

#define log_s(key, str) ((struct log_field){(key), (str), 0})
#define log_n(key, num) ((struct log_field){(key), {0}, (int64_t)(num)})

/* Call before the first thread starts. */
void log_setup(enum log_level min, enum log_format format);

/* Starts the thread that writes; before it a line is written by its caller. */
void log_start(void);

/* Waits until what is queued is written, at most LOG_FLUSH_MS; for an abort. */
enum { LOG_FLUSH_MS = 2000 };
void log_flush(void);

/* log_flush, and the thread's end. Before each exit. */
void log_stop(void);

bool log_enabled(enum log_level level);

void log_fields(enum log_level level, const char *event, size_t n, const struct log_field *fields);

/* log_event(LOG_INFO, "listening", log_s("url", url), log_n("port", port)) */
#define log_event(level, event, ...)                                                               \
    log_fields((level), (event),                                                                   \
               sizeof((struct log_field[]){__VA_ARGS__}) / sizeof(struct log_field),               \
               (struct log_field[]){__VA_ARGS__})

/* For events that may repeat without end; zeroed, static. */
struct log_throttle {
    _Atomic int64_t next; /* clock_mono before which nothing is logged */
    _Atomic int64_t held; /* how many were not */
};

/* True at most once in LOG_THROTTLE_MS; *held is how many were held back before it. */
enum { LOG_THROTTLE_MS = 10 * 1000 };
bool log_allowed(struct log_throttle *throttle, int64_t *held);

#endif
