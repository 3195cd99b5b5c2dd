/*
 * What was deleted logically and still has rows, and rows that are only past their time. Each call
 * touches at most limit rows, which is 30 or more, and returns how many; 0 means that nothing is
 * left. On the thread of the connection.
 */
#ifndef STORE_REMOVALS_H
#define STORE_REMOVALS_H

#include "store/db.h"

enum removals_kind {
    REMOVALS_CHAT,     /* texts and reactions of a chat; tombstones and the log stay */
    REMOVALS_CHAT_END, /* the rest of it, when its log is past its time */
    REMOVALS_USER,
    REMOVALS_APP,
};

struct removals_row {
    int64_t id;
    enum removals_kind kind;
    int64_t app;
    int64_t chat; /* of a user: the one under way, 0 before */
    int64_t user;
    int64_t created_at;
    int64_t progress; /* the seq up to which it is through with a chat */
};

/* The one that has waited longest of those that are due. False: none is. */
bool removals_next(struct db *db, int64_t now, struct removals_row *out);
/* Its turn comes again at due_at, as that kind. */
void removals_later(struct db *db, const struct removals_row *removal, enum removals_kind kind,
                    int64_t due_at);
void removals_done(struct db *db, int64_t id);

/* Makes tombstones of a chat's next messages, up to limit seqs of it, and moves its progress. */
int64_t removals_chat(struct db *db, struct removals_row *removal, int64_t now, int64_t limit);
int64_t removals_chat_end(struct db *db, int64_t app, int64_t chat, int64_t limit);

/* Makes tombstones of a user's messages, one membership after another, ends each with the name that
 * the log has of it, and moves the progress. The user has left all of its chats. */
int64_t removals_user_chats(struct db *db, struct removals_row *removal, int64_t now,
                            int64_t limit);
/* Reactions, sign-ins and answers. */
int64_t removals_user(struct db *db, int64_t app, int64_t user, int64_t limit);
/* Empties the user's row; the row stays, for tombstones and the log speak of it. */
void removals_user_name(struct db *db, int64_t app, int64_t user);

/* All but its days of usage, which bills speak of, and the app's own row while it has any. */
int64_t removals_app(struct db *db, int64_t app, int64_t limit);

/* Rows of any app and account: those older than those times, and tickets and sign-ins that have
 * expired or ended before now. */
struct removals_times {
    int64_t now;
    int64_t events;
    int64_t answers;
    int64_t keys; /* revoked */
    int64_t audit;
    int64_t apps; /* deleted */
    int64_t usage_day;
};
int64_t removals_expired(struct db *db, const struct removals_times *times, int64_t limit);

#endif
