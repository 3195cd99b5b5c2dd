/*
 * Chats and who is in them. Every change has its event with the chat's next seq, under the chat's
 * lock (the writer's transaction). Names are checked here.
 */
#ifndef DOMAIN_CHAT_H
#define DOMAIN_CHAT_H

#include "domain/tx.h"

struct chat_details {
    Id id;
    Str name;
    Id creator_id;
    int64_t created_at;
    int64_t last_time; /* of the newest message that is not deleted; 0: none */
    Str last_message;  /* its text as edited; .p NULL: none */
    bool group;        /* more than two members */
    int64_t unread;    /* of others, after the mark; counted up to rules.unread_most */
    int64_t last_seq;  /* of the chat's events, as of which all this is */
    int64_t activity_at;
};

struct chat_member {
    Id user_id;
    Str username;
    int64_t joined_at;
    Id last_seen; /* nil: nothing yet */
    int64_t user;
    int64_t seen_at; /* when it was last connected, as the store has it; 0: never */
    bool online;     /* the store does not know */
};

enum { CHAT_PAGE = 1000 }; /* chats of a page */

/* usernames must hold the actor's own and another; doubles count once. Unknown: ERR_USER_NOT_FOUND
 * naming it. */
Err chat_create(struct tx *tx, const struct actor *a, Str name, const Str *usernames, size_t n,
                struct chat_details *out) must_check;

/*
 * The actor's chats, latest activity first, ties by id. cursor, when not empty, is what a former
 * call gave as next; then page is ignored. *next is empty after the last page (in tx->arena).
 */
Err chat_list(struct tx *tx, const struct actor *a, int64_t page, int64_t size, Str cursor,
              struct chat_details **out, size_t *n, Str *next) must_check;

/* Where a list of members goes on; zeroed: it begins, and has those who are there then. */
struct chat_place {
    int64_t seq;
    Id user;
    int64_t until;
};

enum { MEMBER_PAGE = 1000 };

/* The next members behind the place, at most size, longest standing first; the place moves on.
 * *more: there are others. Over all pages nobody comes twice, and nobody who stays is left out. */
Err chat_members(struct tx *tx, const struct actor *a, Id chat_id, int64_t size,
                 struct chat_place *place, struct chat_member **out, size_t *n,
                 bool *more) must_check;

Err chat_add(struct tx *tx, const struct actor *a, Id chat_id, Str username) must_check;
/* Oneself, or anyone by the creator. A creator who leaves passes the chat to the longest member. */
Err chat_remove(struct tx *tx, const struct actor *a, Id chat_id, Id user_id) must_check;
Err chat_rename(struct tx *tx, const struct actor *a, Id chat_id, Str name) must_check;
Err chat_delete(struct tx *tx, const struct actor *a, Id chat_id) must_check;

/* A chat that a user is in, for the interest of a loop. */
struct chat_head {
    int64_t chat; /* row number */
    int64_t last_seq;
};

enum { CHAT_HEADS = 256 * 1024 }; /* more are too many to follow live */

/* All chats of a user with their heads, in one snapshot, in tx->arena (16 MiB hold CHAT_HEADS).
 * ERR_OVERLOADED: there are more. */
Err chat_heads(struct tx *tx, int64_t app, int64_t user, struct chat_head **out,
               size_t *n) must_check;

struct chat_person {
    int64_t user; /* row number */
    Id id;
    int64_t seen_at; /* as the store has it; 0: never */
};

/* Who is in a chat, if it is not a crowd: one of more than max. In one snapshot, in tx->arena. */
struct chat_people {
    int64_t last_seq;
    int64_t members; /* 0: there is no such chat */
    struct chat_person *items;
    size_t n; /* a crowd: 0 */
};

Err chat_people(struct tx *tx, int64_t app, int64_t chat, int64_t max,
                struct chat_people *out) must_check;

/*
 * Takes user out of all chats, at most limit of them, with a USER_LEAVE each: part of removing a
 * user. *more says that some are left.
 */
Err chat_leave_all(struct tx *tx, int64_t app, int64_t user, size_t limit, bool *more) must_check;

/* Removes rows of logically deleted chats, users and apps, old events, tickets, answers: at most
 * limit, within these. *more says that there is more to do now. */
enum { CHAT_SWEEP = 1000, CHAT_SWEEP_LEAST = 50 };
Err chat_sweep(struct tx *tx, int64_t limit, bool *more) must_check;

#endif
