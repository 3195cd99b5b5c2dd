/*
 * Rows of chats: heads, names, the list of a user. A chat that is deleted is not found by anything
 * here. Knows neither rules nor events. On the thread of the connection.
 */
#ifndef STORE_CHATS_H
#define STORE_CHATS_H

#include "store/db.h"

enum chats_app { CHATS_APP_GONE, CHATS_APP_SUSPENDED, CHATS_APP_ACTIVE };

enum chats_app chats_app_state(struct db *db, int64_t app);

/* What every change of a chat starts from. */
struct chats_head {
    int64_t app;
    int64_t chat;
    Id id;
    int64_t creator;
    int64_t created_at;
    int64_t last_seq;
    int64_t last_time;
    int64_t activity_at;
    int64_t member_count;
};

/* False: there is none. */
bool chats_find(struct db *db, int64_t app, Id id, struct chats_head *out);
/* The same, and no one else changes the chat before this transaction ends. */
bool chats_lock(struct db *db, int64_t app, Id id, struct chats_head *out);

/* Returns the row number. */
int64_t chats_insert(struct db *db, const struct chats_head *head, Str name);

/* Stores last_seq and last_time. */
void chats_set_head(struct db *db, const struct chats_head *head);
/* Stores those and activity_at. */
void chats_set_activity(struct db *db, const struct chats_head *head);
/* Works activity_at out again: the newest live message that is not by but_sender, else creation. */
void chats_refresh_activity(struct db *db, int64_t app, int64_t chat, int64_t but_sender);
/* Stores creator and member_count. */
void chats_set_members(struct db *db, const struct chats_head *head);
void chats_set_name(struct db *db, int64_t app, int64_t chat, Str name);
/* Deletes it logically and puts it down for removal. */
void chats_end(struct db *db, int64_t app, int64_t chat, int64_t now);

struct chats_listed {
    Id id;
    Str name;
    Id creator_id;
    int64_t created_at;
    int64_t activity_at;
    int64_t member_count; /* up to 2 it is exact */
    int64_t last_time;    /* of the newest live message; 0: none */
    Str last_message;
    int64_t unread;   /* counted up to unread_most */
    int64_t last_seq; /* of the chat, as of which all this is */
};

/* Where a page begins: after this activity and id; then offset rows on. */
struct chats_place {
    int64_t activity_at;
    Id id;
    int64_t offset;
};

/* A user's chats, latest activity first, ties by id. Unread messages are counted up to unread_most.
 * Strings are borrowed until the next call. */
struct db_rows *chats_list(struct db *db, int64_t app, int64_t user, struct chats_place after,
                           int64_t limit, int64_t unread_most);
bool chats_list_next(struct db_rows *rows, struct chats_listed *out);

/* Row number and last_seq of each of a user's chats. */
struct db_rows *chats_heads(struct db *db, int64_t app, int64_t user);
bool chats_heads_next(struct db_rows *rows, int64_t *chat, int64_t *last_seq);

#endif
