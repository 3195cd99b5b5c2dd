/*
 * Three queues, each of users who wait equally long, so that the first is always the next that is
 * due and no heap or timer of a user's own is needed. What is not pending any more stays in its
 * queue until it is the first: so a user who is at rest, as most are, needs no links.
 */
#include "realtime/presence.h"

#include "base/mem.h"

#include <string.h>

struct presence_entry {
    struct presence_user *user;
    int64_t since;
};

void presence_free(struct presence *p)
{
    for (size_t i = 0; i < PRESENCE_QUEUES; i++)
        mem_free(p->queues[i].entries);
}

static void append(struct presence *p, struct presence_user *u, enum presence_pending which,
                   int64_t since)
{
    struct presence_queue *q = &p->queues[which];
    must(!u->pending[which]);
    if (q->first + q->n == q->cap && q->first > q->cap / 2) {
        memmove(q->entries, q->entries + q->first, q->n * sizeof *q->entries);
        q->first = 0;
    } else if (q->first + q->n == q->cap) {
        q->cap = q->cap ? 2 * q->cap : 64;
        q->entries = mem_resize(q->entries, q->cap * sizeof *q->entries);
    }
    q->entries[q->first + q->n++] = (struct presence_entry){u, since};
    u->pending[which] = true;
    u->entries++;
}

static void take_first(struct presence *p, enum presence_pending which)
{
    struct presence_queue *q = &p->queues[which];
    q->entries[q->first++].user->entries--;
    if (--q->n == 0) {
        mem_free(q->entries);
        *q = (struct presence_queue){0};
    }
}

/* The first entry; NULL: there is none. */
static const struct presence_entry *first_of(const struct presence *p, enum presence_pending which)
{
    const struct presence_queue *q = &p->queues[which];
    return q->n ? &q->entries[q->first] : NULL;
}

static void make_news(struct presence *p, struct presence_user *u)
{
    if (!u->pending[PRESENCE_NEWS])
        append(p, u, PRESENCE_NEWS, 0);
}

/* While a user is away it passes for what it was taken for before. */
static void look(struct presence *p, struct presence_user *u)
{
    bool is = u->there || (u->pending[PRESENCE_AWAY] && u->shown);
    if (is == u->shown || u->telling || u->pending[PRESENCE_GATE])
        return;
    u->shown = is;
    make_news(p, u);
}

void presence_came(struct presence *p, struct presence_user *u)
{
    must(!u->there);
    u->there = true;
    u->pending[PRESENCE_AWAY] = false;
    look(p, u);
}

void presence_left(struct presence *p, struct presence_user *u, int64_t now, int64_t seen)
{
    must(u->there);
    u->there = false;
    u->left_at = now;
    u->gone_at = seen;
    append(p, u, PRESENCE_AWAY, now);
}

/* One who was here too shortly to be told of is news all the same: it was seen. */
static void gone(struct presence *p, struct presence_user *u)
{
    u->pending[PRESENCE_AWAY] = false;
    look(p, u);
    if (!u->shown && !u->telling)
        make_news(p, u);
}

struct presence_user *presence_step(struct presence *p, int64_t now)
{
    const struct presence_entry *gate = first_of(p, PRESENCE_GATE);
    const struct presence_entry *away = first_of(p, PRESENCE_AWAY);
    if (gate && gate->since + p->interval_ms <= now) {
        struct presence_user *u = gate->user;
        u->pending[PRESENCE_GATE] = false;
        take_first(p, PRESENCE_GATE);
        look(p, u);
        return u;
    }
    if (!away)
        return NULL;
    struct presence_user *u = away->user;
    bool pending = u->pending[PRESENCE_AWAY] && u->left_at == away->since;
    if (pending && away->since + p->away_ms > now && p->queues[PRESENCE_AWAY].n <= p->away_max)
        return NULL;
    if (pending)
        gone(p, u);
    take_first(p, PRESENCE_AWAY);
    return u;
}

struct presence_user *presence_next(struct presence *p)
{
    const struct presence_entry *first = first_of(p, PRESENCE_NEWS);
    if (!first)
        return NULL;
    struct presence_user *u = first->user;
    take_first(p, PRESENCE_NEWS);
    u->pending[PRESENCE_NEWS] = false;
    u->telling = true;
    u->fresh = u->shown != u->known;
    u->known = u->shown;
    return u;
}

void presence_told(struct presence *p, struct presence_user *u, int64_t now)
{
    must(u->telling);
    u->telling = false;
    if (u->fresh)
        append(p, u, PRESENCE_GATE, now);
    else
        look(p, u);
}

void presence_hurry(struct presence *p)
{
    p->away_ms = p->interval_ms = 0;
}

bool presence_over(const struct presence_user *u)
{
    return !u->there && !u->telling && !u->entries;
}
