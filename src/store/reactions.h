/*
 * Rows of reactions. One of a deleted user is not found by anything here. On the thread of the
 * connection.
 */
#ifndef STORE_REACTIONS_H
#define STORE_REACTIONS_H

#include "store/db.h"

struct reactions_new {
    int64_t app;
    int64_t chat;
    int64_t message_seq;
    Id id;
    int64_t user;
    Str reaction;
    int64_t time;
};

void reactions_insert(struct db *db, const struct reactions_new *r);

struct reactions_row {
    Id chat_id;
    int64_t user;
};

/* False: none, or its message is deleted. */
bool reactions_find(struct db *db, int64_t app, Id id, struct reactions_row *out);
/* False: it was not there. */
bool reactions_delete(struct db *db, int64_t app, Id id);

struct reactions_listed {
    Id id;
    Id sender_id;
    int64_t message_seq;
    Str reaction; /* borrowed until the next call */
    int64_t time;
};

/* Those of the messages with from <= seq <= to, newest message first, oldest reaction first. */
struct db_rows *reactions_list(struct db *db, int64_t app, int64_t chat, int64_t from, int64_t to);
bool reactions_next(struct db_rows *rows, struct reactions_listed *out);

#endif
