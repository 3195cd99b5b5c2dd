/*
 * struct plan: what was put into a server for a measurement, as those who measure need it: the app,
 * its users with their JWTs, the chats and who is in them. That of a seeded store is kept as lines
 * of text in its data directory, because the store knows no JWTs. Knows nothing of stores or
 * sockets.
 *
 * The i-th user is called as plan_name says. The members of a chat are a run of users, modulo their
 * number: first, first + 1, …
 */
#ifndef BENCH_PLAN_H
#define BENCH_PLAN_H

#include "base/id.h"

#define PLAN_JWT 512
#define PLAN_KEY 1024
#define PLAN_PASSWORD "a passphrase of no one" /* of every user */

struct plan_user {
    Id id;
    int64_t row;
    int64_t session; /* row of its sign-in */
    Id session_id;
    char jwt[PLAN_JWT]; /* C text */
};

struct plan_chat {
    Id id;
    size_t first; /* index of its first member */
    size_t members;
    size_t messages; /* that it was seeded with */
    Id middle;       /* one of them half-way; nil: there are none */
};

struct plan {
    uint64_t tag;
    int64_t app; /* row */
    Id app_id;
    char key[PLAN_KEY];      /* the app's API key; C text */
    struct plan_user *users; /* owned */
    size_t n_users;
    struct plan_chat *chats; /* owned */
    size_t n_chats;
};

/* In the data directory. Ends the program when it cannot be written or read. */
#define PLAN_FILE "bench.txt"
void plan_write(const struct plan *plan, const char *data);
struct plan *plan_read(const char *data);

void plan_free(struct plan **plan);

/* "bench-<i>-<tag>"; a tag tells the users of one enrolment from those of another. */
enum { PLAN_NAME = 64 };
void plan_name(const struct plan *plan, size_t user, char out[PLAN_NAME]);

/* Which member of the chat a user is, from 0; chat->members or more: none. */
static inline size_t plan_member(const struct plan *plan, const struct plan_chat *chat, size_t user)
{
    return (user + plan->n_users - chat->first) % plan->n_users;
}

/* The user who is the chat's m-th member. */
static inline size_t plan_user(const struct plan *plan, const struct plan_chat *chat, size_t m)
{
    return (chat->first + m) % plan->n_users;
}

/* The text of the n-th message of a chat, PLAN_TEXT characters, no NUL: the chat and n stand in
 * front, so that whoever sees it can tell which one it is. */
enum { PLAN_TEXT = 64, PLAN_TEXT_HEAD = 17 };
void plan_text(size_t chat, uint32_t n, char out[PLAN_TEXT]);
/* False when it is not such a text. */
bool plan_read_text(Str text, size_t *chat, uint32_t *n) __attribute__((warn_unused_result));

#endif
