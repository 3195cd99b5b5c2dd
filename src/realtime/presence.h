/*
 * struct presence: whether users are there, as others are told of it. A user who comes is news at
 * once, one who leaves only after having been away for a while, so that a reconnect is silent; and
 * of one user there is news once in an interval at most, the last state always. It knows nothing of
 * sessions, stores or who is told; time is handed in, in milliseconds that never go back. Each step
 * costs the same, however many users there are.
 *
 * Its user is embedded in an owner, who makes it zeroed and may free it once presence_over. One
 * thread at a time: `online` has the lock.
 */
#ifndef REALTIME_PRESENCE_H
#define REALTIME_PRESENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct presence_user;

/* What may be pending of a user. */
enum presence_pending {
    PRESENCE_AWAY, /* has left, and may be back before anyone hears of it */
    PRESENCE_GATE, /* was told of within the interval */
    PRESENCE_NEWS, /* is to be told of */
    PRESENCE_QUEUES
};

/* Small: there is one for each user who is online. */
struct presence_user {
    int64_t left_at;  /* of presence_left's clock */
    int64_t gone_at;  /* when it was last seen, as the caller of presence_left said */
    uint32_t entries; /* in the queues */
    bool there;
    bool shown;   /* as there: what others know, or are about to be told */
    bool telling; /* from presence_next to presence_told */
    bool known;   /* what was told last */
    bool fresh;   /* while telling: it is another than before */
    bool pending[PRESENCE_QUEUES];
};

struct presence {
    int64_t away_ms, interval_ms;
    size_t away_max; /* users who are away; past that the first ones are gone at once */
    struct presence_queue {
        struct presence_entry *entries; /* owned; NULL while there are none */
        size_t first, n, cap;
    } queues[PRESENCE_QUEUES];
};

void presence_free(struct presence *p);

/* The user's first session has come, or its last one has ended; seen: what gone_at becomes. */
void presence_came(struct presence *p, struct presence_user *u);
void presence_left(struct presence *p, struct presence_user *u, int64_t now, int64_t seen);

/* From now on nothing waits: all who are not there are news at once. */
void presence_hurry(struct presence *p);

/* Lets time pass: one step. NULL: nothing is due. The user may be over after it. */
struct presence_user *presence_step(struct presence *p, int64_t now);

/*
 * The next news: see shown. NULL: there is none. Until presence_told, from which its interval
 * counts, there is no other of that user. News of one who came and went before it could be told is
 * not fresh: it is for those who keep when users were seen, and begins no interval.
 */
struct presence_user *presence_next(struct presence *p);
/* The user may be over after it. */
void presence_told(struct presence *p, struct presence_user *u, int64_t now);

/* Not there, nothing of it is pending, and no queue has it. */
bool presence_over(const struct presence_user *u);

#endif
