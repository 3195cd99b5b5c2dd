/*
 * What a user who was away is to be told of: times of membership, the tail of a chat by log
 * position, read marks that moved, and how far back the log goes. Knows nothing of cursors. On the
 * thread of the connection.
 */
#ifndef STORE_REPLAYS_H
#define STORE_REPLAYS_H

#include "store/db.h"

/* A time of membership: from joined_seq to last_seq, both included. */
struct replays_membership {
    int64_t chat;
    Id chat_id;
    int64_t joined_seq;
    int64_t last_seq; /* of the leaving, or the chat's last */
    int64_t members;  /* of the chat */
    bool present;     /* it goes on, and the chat is live */
};

/* Those of a live user that go on or ended after the position; of deleted chats all. */
struct db_rows *replays_memberships(struct db *db, int64_t app, int64_t user, int64_t position);
bool replays_memberships_next(struct db_rows *rows, struct replays_membership *out);

/* Seq and position of a chat's messages and events with from <= seq <= to, newest first. */
struct db_rows *replays_tail(struct db *db, int64_t app, int64_t chat, int64_t from, int64_t to,
                             int64_t limit);
bool replays_tail_next(struct db_rows *rows, int64_t *seq, int64_t *position);

struct replays_mark {
    int64_t reader;
    Id reader_id;
    Id message_id;
    int64_t sender;   /* of the message */
    int64_t position; /* when it moved */
};

/*
 * Marks of the chat's present members that moved after the position: the newest, at most
 * limit, and the one of user; ordered by reader.
 */
struct db_rows *replays_marks(struct db *db, int64_t app, int64_t chat, int64_t position,
                              int64_t user, int64_t limit);
bool replays_marks_next(struct db_rows *rows, struct replays_mark *out);

/* The greatest position of a row that is gone from the log; 0: all are there. */
int64_t replays_pruned(struct db *db);

#endif
