/*
 * Counting walks an index entry for each chat, which is milliseconds for one who is in 100,000:
 * with 1,000 names in one createChat it would hold the writer up. So the counts are remembered, one
 * user in a slot. What is remembered is never too low: joins add to it, and who leaves is counted
 * anew. One who seems to be in as many as may be is counted again, at most once a second.
 *
 * Turned down: a column of the user's row, which is one more write for each member of a new chat.
 */
#include "domain/chat_counts.h"

#include "base/mem.h"
#include "store/members.h"

enum { SLOTS = 16 * 1024 /* a power of two */, AGAIN_MS = 1000 };

struct chat_counts {
    struct slot {
        int64_t app, user; /* 0: empty */
        int64_t counted_at;
        int64_t n;
    } slots[SLOTS];
};

struct chat_counts *chat_counts_new(void)
{
    return mem_alloc(sizeof(struct chat_counts));
}

void chat_counts_free(struct chat_counts **at)
{
    mem_free(*at);
    *at = NULL;
}

void chat_counts_clear(struct chat_counts *counts)
{
    memset(counts, 0, sizeof *counts);
}

static struct slot *slot_of(struct chat_counts *counts, int64_t app, int64_t user)
{
    uint64_t hash = ((uint64_t)user + (uint64_t)app * 31) * 0x9e3779b97f4a7c15u;
    return &counts->slots[hash >> 40 & (SLOTS - 1)];
}

static bool holds(const struct slot *s, int64_t app, int64_t user)
{
    return s->user == user && s->app == app;
}

bool chat_counts_room(struct tx *tx, int64_t app, int64_t user)
{
    int64_t most = tx->rules->user_chats;
    if (!tx->counts)
        return members_chats_of(tx->db, app, user, most) < most;
    struct slot *s = slot_of(tx->counts, app, user);
    if (!holds(s, app, user) || (s->n >= most && tx->now >= s->counted_at + AGAIN_MS))
        *s = (struct slot){app, user, tx->now, members_chats_of(tx->db, app, user, most)};
    return s->n < most;
}

void chat_counts_joined(struct tx *tx, int64_t app, int64_t user)
{
    struct slot *s = tx->counts ? slot_of(tx->counts, app, user) : NULL;
    if (s && holds(s, app, user))
        s->n++;
}

void chat_counts_left(struct tx *tx, int64_t app, int64_t user)
{
    struct slot *s = tx->counts ? slot_of(tx->counts, app, user) : NULL;
    if (s && holds(s, app, user))
        *s = (struct slot){0};
}
