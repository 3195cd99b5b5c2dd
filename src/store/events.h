/*
 * The log: rows of every stored event that is not a message's own row. Knows nothing of what the
 * event types mean, except where reading needs the present text of what an event speaks of. Rows
 * outlive what they speak of, until their retention ends. On the thread of the connection.
 */
#ifndef STORE_EVENTS_H
#define STORE_EVENTS_H

#include "store/db.h"

struct events_row {
    int64_t position;
    int64_t app;
    int64_t chat;
    int64_t seq;
    int64_t type;
    int64_t sender;
    Id sender_id;
    Id message_id; /* nil: none, here and below */
    Id parent_id;
    int64_t target; /* 0: none */
    Id target_id;
    Str text; /* .p NULL: none */
    int64_t time;
    /* Only read. */
    Id chat_id;
    Str username; /* of the target of a USER_JOIN, as it is now; .p NULL: gone */
};

void events_insert(struct db *db, const struct events_row *row);

/*
 * The rows with from < seq <= to in seq order, at most limit: an EDIT_MSG with the present text of
 * its message, a REACT with its reaction, .p NULL when that is gone. Ends like db_next; strings are
 * borrowed until the next call.
 */
struct db_rows *events_between(struct db *db, int64_t app, int64_t chat, int64_t from, int64_t to,
                               int64_t limit);
bool events_next(struct db_rows *rows, struct events_row *out);

/* True when sender once gave, or took back, the reaction of that id, as far as the log goes. */
bool events_had_reaction(struct db *db, int64_t app, Id reaction, int64_t sender);

#endif
