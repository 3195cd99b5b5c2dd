/*
 * Who is connected to this process: distinct users and their realtime sessions by app, for the
 * plan's limit of users, the limit of sessions a user and that of open sessions an app, each
 * checked and counted in one step. Knows nothing of loops or sockets. Any thread (one lock, taken
 * only when a session opens or ends).
 */
#ifndef REALTIME_ONLINE_H
#define REALTIME_ONLINE_H

#include "base/err.h"

#include <stdint.h>

struct online;

struct online *online_new(void);
void online_free(struct online **online);

/* Counts an open session of the app, from before its CONNECT to its end. ERR_APP_CONNECTION_LIMIT
 * when it has `open` already (0: no limit). */
Err online_open(struct online *online, int64_t app, int64_t open) must_check;
void online_close(struct online *online, int64_t app);

/*
 * Counts a session that has CONNECTed. ERR_CONCURRENT_USER_LIMIT when the user has none yet and
 * `users` others are there (0: no limit); ERR_RATE_LIMITED when the user has `sessions` already.
 */
Err online_enter(struct online *online, int64_t app, int64_t user, int64_t users,
                 int64_t sessions) must_check;
void online_leave(struct online *online, int64_t app, int64_t user);

/* What online_open and online_enter would say now, without counting. */
Err online_check(struct online *online, int64_t app, int64_t user, int64_t users, int64_t sessions,
                 int64_t open) must_check;

/* Counts a REST request of the app. */
void online_count_call(struct online *online, int64_t app);

/* What was counted since the last call. */
struct online_usage {
    int64_t app;
    int64_t peak_users;
    int64_t connection_seconds;
    int64_t api_calls;
};
/* Owned by the caller, n entries. now: milliseconds. */
struct online_usage *online_take_usage(struct online *online, int64_t now, size_t *n);

#endif
