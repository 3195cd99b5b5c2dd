/*
 * Who watches, and what they are told. A change finds the chats of its user that are watched here,
 * and through them who watches; a walk's number, stamped on whoever was met, keeps it to once each.
 *
 * Who begins to watch is introduced: once all of its chats are read, those who are there are listed
 * and told of in parts, so that no peer is given more than it takes. A chat that comes later is
 * introduced by itself.
 */
#include "realtime/hub_people.h"

#include "base/mem.h"
#include "realtime/render.h"

enum {
    WATCHED_CHATS = 1000, /* of a user: others are not watched */
    TOLD_AT_ONCE = 256,   /* users that a session is told of before others have their turn */
    TOLD_A_TICK = 8192,   /* and those that the loop tells all of them of */
    LATER_MS = 100,
};

/* ----- telling ----- */

/* The frame for those who have got the same of the log: mostly all. */
struct telling {
    const struct hub_person *person;
    struct blob *frame; /* owned */
    int64_t position;
};

static void tell(struct hub *hub, struct telling *t, struct hub_member *m)
{
    const struct hub_person *p = t->person;
    const struct event e = {.type = EVENT_PRESENCE, .app = p->app, .sender = p->user};
    int64_t position = hub_position(m);
    if (!t->frame || t->position != position) {
        blob_unref(&t->frame);
        t->frame = render_presence(p->id, p->there, p->seen, position);
        t->position = position;
    }
    hub->ops.push(m, t->frame, &e);
}

/* One whose list is not made yet will have it in the list. */
static bool is_listed(const struct hub_member *m)
{
    return !m->introduction || m->introduction->listed;
}

static void tell_watch(struct hub_people *all, struct telling *t, struct hub_watch *w)
{
    if (w->user->user == t->person->user || !w->introduced)
        return;
    for (struct hub_member *m = w->user->first, *next; m; m = next) {
        next = m->next;
        if (m->presence && m->subscribed && is_listed(m))
            tell(all->hub, t, m);
    }
}

/* ----- introductions ----- */

static void introduction_end(struct hub_people *all, struct hub_member *m)
{
    struct introduction *i = m->introduction;
    if (!i)
        return;
    m->introduction = NULL;
    *(i->prev ? &i->prev->next : &all->first_introduction) = i->next;
    *(i->next ? &i->next->prev : &all->last_introduction) = i->prev;
    mem_free(i->users);
    mem_free(i);
}

static void introduction_begin(struct hub_people *all, struct hub_member *m)
{
    struct introduction *i = mem_alloc(sizeof *i);
    introduction_end(all, m);
    *i = (struct introduction){.prev = all->last_introduction, .member = m, .all = m->presence};
    *(i->prev ? &i->prev->next : &all->first_introduction) = i;
    all->last_introduction = i;
    m->introduction = i;
}

static void list_chat(struct introduction *i, const struct people_chat *c, uint64_t stamp,
                      size_t *cap)
{
    for (uint32_t k = 0; k < c->n; k++) {
        struct hub_person *p = c->people[k];
        if (p->stamp == stamp || p->user == i->member->user->user || (!p->there && !i->all))
            continue;
        p->stamp = stamp;
        if (i->n == *cap) {
            *cap = *cap ? *cap * 2 : 16;
            i->users = mem_resize(i->users, *cap * sizeof *i->users);
        }
        i->users[i->n++] = p->user;
    }
}

static struct people_chat *chat_of(const struct hub_people *all, const struct hub_chat *c)
{
    return map_get(&all->chats, hub_key(c->app, c->chat));
}

static void list(struct hub_people *all, struct introduction *i)
{
    const struct hub_user *u = i->member->user;
    size_t cap = 0;
    uint64_t stamp = ++all->stamp;
    i->listed = true;
    for (uint32_t k = 0; k < u->n; k++) {
        const struct people_chat *c = chat_of(all, u->chats[k]);
        if (c)
            list_chat(i, c, stamp, &cap);
    }
}

/* Tells it of some more, and returns of how many. */
static size_t introduce(struct hub_people *all, struct introduction *i)
{
    const struct hub_watch *w = i->member->user->watch;
    size_t told = 0;
    if (!i->listed)
        list(all, i);
    for (; i->at < i->n && told < TOLD_AT_ONCE; told++) {
        const struct hub_person *p =
            map_get(&all->persons, hub_key(w->user->app, i->users[i->at++]));
        if (!p || (!p->there && !i->all) || !hub_people_share(p, w))
            continue;
        struct telling t = {.person = p};
        tell(all->hub, &t, i->member);
        blob_unref(&t.frame);
    }
    return told;
}

static void go_on(struct hub_people *all)
{
    size_t told = 0;
    struct introduction *i = all->first_introduction;
    for (struct introduction *next; i && told < TOLD_A_TICK; i = next) {
        next = i->next;
        if (!i->member->user->watch->introduced || all->hub->ops.busy(i->member))
            continue;
        told += introduce(all, i);
        if (i->at == i->n)
            introduction_end(all, i->member);
    }
    if (all->first_introduction)
        hub_presence_later(all);
}

static void later(struct timer *timer)
{
    struct hub_people *all =
        (struct hub_people *)((char *)timer - offsetof(struct hub_people, timer));
    all->timed = false;
    hub_people_read(all);
    go_on(all);
}

void hub_presence_later(struct hub_people *all)
{
    if (!all->timed)
        loop_timer_set(all->hub->loop, &all->timer, LATER_MS, later);
    all->timed = true;
}

/* Those of the chat whom w does not know from another one. */
static void introduce_chat(struct hub_people *all, struct hub_watch *w, struct people_chat *c)
{
    uint64_t stamp = ++all->stamp;
    for (uint32_t i = 0; i < w->user->n; i++) {
        const struct people_chat *other = chat_of(all, w->user->chats[i]);
        for (uint32_t k = 0; other && other != c && k < other->n; k++)
            other->people[k]->stamp = stamp;
    }
    for (uint32_t k = 0; k < c->n; k++) {
        struct telling t = {.person = c->people[k]};
        if (t.person->stamp != stamp && t.person->there)
            tell_watch(all, &t, w);
        blob_unref(&t.frame);
    }
}

/* ----- what is news ----- */

static void settle(struct hub_people *all, struct hub_watch *w)
{
    if (w->introduced || w->unread)
        return;
    w->introduced = true;
    hub_presence_later(all);
}

void hub_presence_chat_read(struct hub_people *all, struct hub_watch *w, struct people_chat *c)
{
    if (w->introduced)
        introduce_chat(all, w, c);
    else
        settle(all, w);
}

void hub_presence_joined(struct hub_people *all, struct people_chat *c, struct hub_person *p)
{
    uint64_t stamp = ++all->stamp;
    struct telling t = {.person = p};
    for (uint32_t i = 0; i < p->n; i++)
        for (uint32_t k = 0; p->chats[i] != c && k < p->chats[i]->n_watches; k++)
            p->chats[i]->watches[k]->stamp = stamp;
    for (uint32_t k = 0; p->there && k < c->n_watches; k++)
        if (c->watches[k]->stamp != stamp)
            tell_watch(all, &t, c->watches[k]);
    blob_unref(&t.frame);
}

static void change(struct hub_people *all, const struct online_change *change)
{
    struct hub_person *p = map_get(&all->persons, hub_key(change->app, change->user));
    if (!p || p->there == change->there)
        return;
    uint64_t stamp = ++all->stamp;
    struct telling t = {.person = p};
    p->there = change->there;
    p->seen = change->seen;
    for (uint32_t i = 0; i < p->n; i++) {
        for (uint32_t k = 0; k < p->chats[i]->n_watches; k++) {
            struct hub_watch *w = p->chats[i]->watches[k];
            if (w->stamp != stamp)
                tell_watch(all, &t, w);
            w->stamp = stamp;
        }
    }
    blob_unref(&t.frame);
}

void hub_presence(struct hub *hub, const struct online_change *changes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        change(hub->people, &changes[i]);
}

/* ----- who watches ----- */

void hub_watch_chat(struct hub_user *u, struct hub_chat *c)
{
    if (u->watch->chats < WATCHED_CHATS)
        hub_people_watch(u->hub->people, u->watch, c->chat);
}

void hub_unwatch_chat(struct hub_user *u, struct hub_chat *c)
{
    hub_people_unwatch(u->hub->people, u->watch, c->chat);
    settle(u->hub->people, u->watch);
}

static void watch_begin(struct hub *hub, struct hub_user *u)
{
    u->watch = mem_alloc(sizeof *u->watch);
    *u->watch = (struct hub_watch){.user = u, .unread = 1}; /* until all are known */
    for (uint32_t i = 0; i < u->n; i++)
        hub_watch_chat(u, u->chats[i]);
    u->watch->unread--;
    settle(hub->people, u->watch);
}

void hub_watch(struct hub *hub, struct hub_member *m)
{
    struct hub_people *all = hub->people;
    introduction_begin(all, m);
    m->presence = true;
    if (!m->user->watch)
        watch_begin(hub, m->user);
    hub_people_read(all);
    hub_presence_later(all);
}

void hub_unwatch(struct hub *hub, struct hub_member *m)
{
    struct hub_user *u = m->user;
    if (!m->presence)
        return;
    m->presence = false;
    introduction_end(hub->people, m);
    for (const struct hub_member *other = u->first; other; other = other->next)
        if (other->presence)
            return;
    for (uint32_t i = 0; i < u->n; i++)
        hub_people_unwatch(hub->people, u->watch, u->chats[i]->chat);
    must(u->watch->chats == 0);
    mem_free(u->watch);
    u->watch = NULL;
}

struct hub_people *hub_people_new(struct hub *hub, const struct hub_config *config)
{
    struct hub_people *all = mem_alloc(sizeof *all);
    all->hub = hub;
    all->online = config->online;
    all->members_max = config->presence_members;
    return all;
}

void hub_people_free(struct hub_people **at)
{
    struct hub_people *all = *at;
    must(all->persons.count == 0 && all->chats.count == 0 && !all->first_introduction);
    if (all->timed)
        loop_timer_clear(&all->timer);
    map_free(&all->persons);
    map_free(&all->chats);
    mem_free(all);
    *at = NULL;
}
