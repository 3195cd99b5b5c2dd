/*
 * Three queues, each of users who wait equally long, so that the first is always the next that is
 * due and no heap or timer of a user's own is needed.
 */
#include "realtime/presence.h"

#include "base/mem.h"

static void append(struct presence *p, struct presence_user *u, enum presence_pending which)
{
    struct presence_queue *q = &p->queues[which];
    if (u->queued[which])
        return;
    u->queued[which] = true;
    u->links[which] = (struct presence_link){.prev = q->last};
    *(q->last ? &q->last->links[which].next : &q->first) = u;
    q->last = u;
    q->n++;
}

static void take_out(struct presence *p, struct presence_user *u, enum presence_pending which)
{
    struct presence_queue *q = &p->queues[which];
    struct presence_link *at = &u->links[which];
    if (!u->queued[which])
        return;
    u->queued[which] = false;
    *(at->prev ? &at->prev->links[which].next : &q->first) = at->next;
    *(at->next ? &at->next->links[which].prev : &q->last) = at->prev;
    q->n--;
}

/* While a user is away it passes for what it was taken for before. */
static void look(struct presence *p, struct presence_user *u)
{
    bool is = u->there || (u->queued[PRESENCE_AWAY] && u->shown);
    if (is == u->shown || u->telling || u->queued[PRESENCE_GATE])
        return;
    u->shown = is;
    append(p, u, PRESENCE_NEWS);
}

void presence_came(struct presence *p, struct presence_user *u)
{
    must(!u->there);
    u->there = true;
    take_out(p, u, PRESENCE_AWAY);
    look(p, u);
}

void presence_left(struct presence *p, struct presence_user *u, int64_t now, int64_t seen)
{
    must(u->there);
    u->there = false;
    u->left_at = now;
    u->gone_at = seen;
    append(p, u, PRESENCE_AWAY);
}

/* One who was here too shortly to be told of is news all the same: it was seen. */
static void gone(struct presence *p, struct presence_user *u)
{
    take_out(p, u, PRESENCE_AWAY);
    look(p, u);
    if (!u->shown && !u->telling)
        append(p, u, PRESENCE_NEWS);
}

struct presence_user *presence_step(struct presence *p, int64_t now)
{
    struct presence_user *away = p->queues[PRESENCE_AWAY].first;
    struct presence_user *gate = p->queues[PRESENCE_GATE].first;
    if (gate && gate->told_at + p->interval_ms <= now) {
        take_out(p, gate, PRESENCE_GATE);
        look(p, gate);
        return gate;
    }
    if (away && (away->left_at + p->away_ms <= now || p->queues[PRESENCE_AWAY].n > p->away_max)) {
        gone(p, away);
        return away;
    }
    return NULL;
}

struct presence_user *presence_next(struct presence *p)
{
    struct presence_user *u = p->queues[PRESENCE_NEWS].first;
    if (u) {
        take_out(p, u, PRESENCE_NEWS);
        u->telling = true;
        u->fresh = u->shown != u->known;
        u->known = u->shown;
    }
    return u;
}

void presence_told(struct presence *p, struct presence_user *u, int64_t now)
{
    must(u->telling);
    u->telling = false;
    if (u->fresh) {
        u->told_at = now;
        take_out(p, u, PRESENCE_GATE);
        append(p, u, PRESENCE_GATE);
    } else {
        look(p, u);
    }
}

void presence_hurry(struct presence *p)
{
    p->away_ms = p->interval_ms = 0;
}

bool presence_over(const struct presence_user *u)
{
    return !u->there && !u->telling && !u->queued[PRESENCE_AWAY] && !u->queued[PRESENCE_GATE] &&
           !u->queued[PRESENCE_NEWS];
}
