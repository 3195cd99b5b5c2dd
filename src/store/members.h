/*
 * Who is in which chat: one row a time of membership, from the seq of the event that began it to
 * the one that ended it. Deleted users are in no chat. On the thread of the connection.
 */
#ifndef STORE_MEMBERS_H
#define STORE_MEMBERS_H

#include "store/db.h"

struct members_user {
    int64_t user;
    Id id;
    Str username; /* in the caller's arena */
};

/* A live user of the app; username_key: the name in ASCII lower case. False: there is none. */
bool members_user_named(struct db *db, int64_t app, Str username_key, struct arena *arena,
                        struct members_user *out);
/* By row number; a deleted one too. */
bool members_user(struct db *db, int64_t app, int64_t user, struct arena *arena,
                  struct members_user *out);
/* The same, but only one who is deleted. */
bool members_deleted_user(struct db *db, int64_t app, int64_t user, struct arena *arena,
                          struct members_user *out);
/* A member of the chat, by id. False: no such user, or not in the chat. */
bool members_user_in(struct db *db, int64_t app, int64_t chat, Id user, struct arena *arena,
                     struct members_user *out);

struct members_row {
    int64_t joined_seq;
    int64_t read_seq;
};

/* False: not a member. */
bool members_find(struct db *db, int64_t app, int64_t chat, int64_t user, struct members_row *out);

struct members_join {
    int64_t app;
    int64_t chat;
    int64_t user;
    int64_t seq;
    int64_t time;
    int64_t read_seq;
};

void members_insert(struct db *db, const struct members_join *join);
/* False: was no member. */
bool members_end(struct db *db, int64_t app, int64_t chat, int64_t user, int64_t left_seq);
/* Moves the mark forward, and gives it a log position; false when it was there or further. */
bool members_mark(struct db *db, int64_t app, int64_t chat, int64_t user, int64_t read_seq);

/* The member of longest standing, other than user; 0: none. */
int64_t members_heir(struct db *db, int64_t app, int64_t chat, int64_t user);

/* Ids of live chats that the user is in, at most limit, in the order of row numbers. */
struct db_rows *members_chats(struct db *db, int64_t app, int64_t user, int64_t limit);
bool members_chats_next(struct db_rows *rows, Id *chat);

/* How many chats the user is in, counted up to most; those that were deleted count until their rows
 * go. */
int64_t members_chats_of(struct db *db, int64_t app, int64_t user, int64_t most);

struct members_listed {
    Id user_id;
    Str username; /* borrowed until the next call */
    int64_t joined_at;
    Id last_seen; /* the message at the mark; nil: none */
    int64_t user;
    int64_t seen_at; /* when it was last connected; 0: never, or not put down */
    int64_t joined_seq;
};

/* Behind a member in the order of the list; user nil: before all. */
struct members_place {
    int64_t seq;
    Id user;
    int64_t until; /* joined at that seq or before */
};

/* The members of a chat, longest standing first, at most limit behind the place. */
struct db_rows *members_list(struct db *db, int64_t app, int64_t chat,
                             const struct members_place *after, int64_t limit);
bool members_list_next(struct db_rows *rows, struct members_listed *out);

/* Row numbers of those who joined with the event of that seq. */
struct db_rows *members_joined_at(struct db *db, int64_t app, int64_t chat, int64_t seq,
                                  int64_t limit);
bool members_joined_next(struct db_rows *rows, int64_t *user);

/* A chat by row number, and how many are in it. False: there is none. */
bool members_chat_size(struct db *db, int64_t app, int64_t chat, int64_t *last_seq, int64_t *count);
/* Who they are, in no order. */
struct db_rows *members_people(struct db *db, int64_t app, int64_t chat, int64_t limit);
bool members_people_next(struct db_rows *rows, int64_t *user, Id *id, int64_t *seen_at);

#endif
