/*
 * Usage rows, keyed (app, day, node, worker) and summed on read, so that no two writers meet in one
 * row. Days are days since the epoch, UTC. On the thread of the connection.
 */
#ifndef STORE_USAGE_H
#define STORE_USAGE_H

#include "store/db.h"

/* Counts sent messages, in the transaction that stores them, as its last write. */
void usage_add_messages(struct db *db, int64_t app, int64_t day, int64_t messages);

/* What a node counted of an app since it told last. */
struct usage_counts {
    int64_t app;
    int64_t day;
    int64_t api_calls;
    int64_t peak_users; /* of the day so far: kept if it is the greatest */
    int64_t connection_seconds;
};

void usage_add(struct db *db, Str node, const struct usage_counts *counts);

/* The user was there on that day; again is fine. */
void usage_note_active(struct db *db, int64_t app, int64_t day, int64_t user);

/* Turns rows of users of the oldest day before that one into a number, at most limit, of one app;
 * returns how many. */
int64_t usage_count_active(struct db *db, int64_t before, int64_t limit);

struct usage_day {
    int64_t day;
    int64_t messages;
    int64_t api_calls;
    int64_t peak_users;
    int64_t connection_seconds;
    int64_t active_users;
};

/* Days from..to that have a row, oldest first, all nodes summed. */
struct db_rows *usage_days(struct db *db, int64_t app, int64_t from, int64_t to);
bool usage_days_next(struct db_rows *rows, struct usage_day *out);

#endif
