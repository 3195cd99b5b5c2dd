/*
 * Rows of messages and reactions. A deleted message is a tombstone: its row and seq stay, its text
 * is gone; one of a deleted user reads the same, and so does one of a deleted chat. On the thread
 * of the connection.
 */
#ifndef STORE_MESSAGES_H
#define STORE_MESSAGES_H

#include "store/db.h"

struct messages_original {
    Id id;
    Id sender_id;
    int64_t time;
    int64_t edited_at;
    Str text;
};

struct messages_row {
    int64_t position;
    int64_t seq;
    Id id;
    Id chat_id;
    int64_t sender;
    Id sender_id;
    Str sender_name; /* empty once all of a deleted user is removed */
    int64_t time;
    int64_t edited_at; /* 0: never */
    Str text;          /* .p NULL: deleted */
    Str client_id;     /* .p NULL: none */
    Str client_hash;   /* only of messages_by_client; .p NULL: from before there were any */
    int64_t reply_to;  /* seq of the original; 0: not a reply */
    bool has_original; /* it is live */
    struct messages_original original;
};

struct messages_new {
    int64_t position;
    int64_t app;
    int64_t chat;
    int64_t seq;
    Id id;
    int64_t sender;
    Str text;
    int64_t reply_to; /* 0: none */
    Str client_id;    /* empty: none */
    Str client_hash;  /* of what was sent with it */
    int64_t time;
};

void messages_insert(struct db *db, const struct messages_new *m);

/* A message of the chat, a tombstone too; strings in arena. False: never there. */
bool messages_find(struct db *db, int64_t app, int64_t chat, Id id, struct arena *arena,
                   struct messages_row *out);
bool messages_at(struct db *db, int64_t app, int64_t chat, int64_t seq, struct arena *arena,
                 struct messages_row *out);
/* The sender's message with that client id that is younger than since: there is one at most. */
bool messages_by_client(struct db *db, int64_t app, int64_t chat, int64_t sender, Str client_id,
                        int64_t since, struct arena *arena, struct messages_row *out);

/* Live ones with seq < before, newest first. Strings are borrowed until the next call. */
struct db_rows *messages_page(struct db *db, int64_t app, int64_t chat, int64_t before,
                              int64_t limit);
/* Those with from < seq <= to and tombstones, in seq order. */
struct db_rows *messages_between(struct db *db, int64_t app, int64_t chat, int64_t from, int64_t to,
                                 int64_t limit);
bool messages_next(struct db_rows *rows, struct messages_row *out);

/* The greatest seq of a message, a tombstone's too; 0: none. */
int64_t messages_last_seq(struct db *db, int64_t app, int64_t chat);

void messages_edit(struct db *db, int64_t app, int64_t chat, int64_t seq, Str text, int64_t time);
/* Makes it a tombstone and removes its reactions. */
void messages_bury(struct db *db, int64_t app, int64_t chat, int64_t seq, int64_t time);

#endif
