/*
 * Who is connected to this process: distinct users and their realtime sessions by app, for the
 * plan's limit of users, the limit of sessions a user and that of open sessions an app, each
 * checked and counted in one step; and who of them is news. Knows nothing of loops or sockets. Any
 * thread: one lock, taken when a session opens or ends, and by those who ask.
 */
#ifndef REALTIME_ONLINE_H
#define REALTIME_ONLINE_H

#include "base/err.h"
#include "base/id.h"

#include <stdbool.h>
#include <stdint.h>

struct online;

/* Others hear that a user is gone away_ms after its last session, and of one user once in
 * interval_ms. */
struct online *online_new(int64_t away_ms, int64_t interval_ms);
void online_free(struct online **online);

/* Counts an open session of the app, from before its CONNECT to its end; id: the app's.
 * ERR_APP_CONNECTION_LIMIT when it has `open` already (0: no limit). */
Err online_open(struct online *online, int64_t app, Id id, int64_t open) must_check;
void online_close(struct online *online, int64_t app);
/* The id of an app that has had a session, else nil: for the log. */
Id online_app_id(struct online *online, int64_t app);

/*
 * Counts a session that has CONNECTed; id: the user's. ERR_CONCURRENT_USER_LIMIT when the user has
 * none yet and `users` others are there (0: no limit); ERR_RATE_LIMITED when the user has
 * `sessions` already.
 */
Err online_enter(struct online *online, int64_t app, int64_t user, Id id, int64_t users,
                 int64_t sessions) must_check;
void online_leave(struct online *online, int64_t app, int64_t user);

/* What online_open and online_enter would say now, without counting. */
Err online_check(struct online *online, int64_t app, int64_t user, int64_t users, int64_t sessions,
                 int64_t open) must_check;

/* ----- presence: see presence.h for when a user is news ----- */

struct online_change {
    int64_t app, user;
    Id id;
    bool there;
    int64_t seen; /* not there: since when, milliseconds since the epoch */
};

/*
 * Takes what is news into out, at most max; whoever takes it tells everyone, and then calls
 * online_told with the same. Work is bounded by max, too.
 */
size_t online_take_changes(struct online *online, struct online_change *out, size_t max);
void online_told(struct online *online, const struct online_change *changes, size_t n);

/* The end: whoever has no session any more is news at once. */
void online_hurry(struct online *online);

struct online_state {
    bool connected; /* has a session */
    bool shown;     /* as there: what was told, or is taken to be told */
    int64_t seen;   /* when the last session ended, if that is not in the store yet; else 0 */
};

/* Of n users of an app. */
void online_states(struct online *online, int64_t app, const int64_t *users, size_t n,
                   struct online_state *out);

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
