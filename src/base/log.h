/*
 * Log lines on standard error, one event a line, as text ("time level event key=value …") or JSON.
 * Each line is one write(2), so lines of several threads do not mix. Never give it a secret: no
 * Authorization, no x-api-key, no query string, no ticket. Any thread.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/str.h"

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

bool log_enabled(enum log_level level);

void log_fields(enum log_level level, const char *event, size_t n, const struct log_field *fields);

/* log_event(LOG_INFO, "listening", log_s("url", url), log_n("port", port)) */
#define log_event(level, event, ...)                                                               \
    log_fields((level), (event),                                                                   \
               sizeof((struct log_field[]){__VA_ARGS__}) / sizeof(struct log_field),               \
               (struct log_field[]){__VA_ARGS__})

#endif
