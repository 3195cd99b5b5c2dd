/*
 * Who is in the chats that are watched here: read once a chat, however many watch it, and kept up
 * by the events that the hub delivers. A crowd is only counted. One job reads at a time, a few
 * chats each, so that a thousand clients who come back cost the readers no more than one after
 * another; what changes while it is read is read again.
 *
 * Turned down: a list of people for each who watches. In a chat of 200 it is 40,000 entries.
 */
#include "realtime/hub_people.h"

#include "base/log.h"
#include "base/mem.h"
#include "domain/chat.h"

enum {
    CHATS_AT_ONCE = 16,    /* read by one job */
    PERSONS_MAX = 1000000, /* kept by a loop; past that chats are taken for crowds */
};

struct people_reading {
    struct job job; /* first */
    struct arena arena;
    struct hub_people *all;
    int64_t members_max;
    size_t n;
    struct reading_chat {
        int64_t app, chat;
        uint64_t number;
        struct chat_people found;
    } items[CHATS_AT_ONCE];
};

/* ----- the chats that wait ----- */

static void wait_to_be_read(struct hub_people *all, struct people_chat *c)
{
    c->state = PEOPLE_WAIT;
    c->changed = false;
    c->next = NULL;
    c->prev = all->last;
    *(all->last ? &all->last->next : &all->first) = c;
    all->last = c;
}

static void stop_waiting(struct hub_people *all, struct people_chat *c)
{
    *(c->prev ? &c->prev->next : &all->first) = c->next;
    *(c->next ? &c->next->prev : &all->last) = c->prev;
    c->next = c->prev = NULL;
}

/* ----- persons ----- */

static struct hub_person *person_of(struct hub_people *all, int64_t app, int64_t user, Id id,
                                    int64_t seen)
{
    struct hub_person *p = map_get(&all->persons, hub_key(app, user));
    struct online_state state;
    if (p)
        return p;
    online_states(all->online, app, &user, 1, &state);
    p = mem_alloc(sizeof *p);
    *p = (struct hub_person){.app = app,
                             .user = user,
                             .id = id,
                             .there = state.shown,
                             .seen = state.seen ? state.seen : seen};
    map_put(&all->persons, hub_key(app, user), p);
    return p;
}

static bool is_in(const struct people_chat *c, const struct hub_person *p)
{
    for (uint32_t i = 0; i < c->n; i++)
        if (c->people[i] == p)
            return true;
    return false;
}

static void add(struct people_chat *c, struct hub_person *p)
{
    hub_append((void ***)&c->people, &c->n, &c->cap, p);
    hub_append((void ***)&p->chats, &p->n, &p->cap, c);
}

static void take_out(struct hub_people *all, struct people_chat *c, struct hub_person *p)
{
    hub_take_out((void **)c->people, &c->n, p);
    hub_take_out((void **)p->chats, &p->n, c);
    if (p->n)
        return;
    map_remove(&all->persons, hub_key(p->app, p->user));
    mem_free(p->chats);
    mem_free(p);
}

static void empty(struct hub_people *all, struct people_chat *c)
{
    while (c->n)
        take_out(all, c, c->people[c->n - 1]);
    mem_free(c->people);
    c->people = NULL;
    c->cap = 0;
}

bool hub_people_share(const struct hub_person *p, const struct hub_watch *w)
{
    for (uint32_t i = 0; i < p->n; i++)
        for (uint32_t k = 0; k < p->chats[i]->n_watches; k++)
            if (p->chats[i]->watches[k] == w)
                return true;
    return false;
}

/* ----- reading ----- */

static Err read_people(struct job *job, struct tx *tx)
{
    struct people_reading *r = (struct people_reading *)job;
    Err err = ERR_OK;
    for (size_t i = 0; i < r->n && !err; i++)
        err =
            chat_people(tx, r->items[i].app, r->items[i].chat, r->members_max, &r->items[i].found);
    return err;
}

static void settled(struct hub_people *all, struct people_chat *c)
{
    if (!c->counted)
        return;
    c->counted = false;
    for (uint32_t i = 0; i < c->n_watches; i++)
        c->watches[i]->unread--;
    for (uint32_t i = 0; i < c->n_watches; i++)
        hub_presence_chat_read(all, c->watches[i], c);
}

static bool has_room(struct hub_people *all)
{
    bool full = all->persons.count >= PERSONS_MAX;
    if (full && !all->full)
        log_event(LOG_WARN, "presence is full", log_n("users", (int64_t)all->persons.count));
    all->full = full;
    return !full;
}

static void take(struct hub_people *all, struct people_chat *c, const struct chat_people *found)
{
    c->seq = found->last_seq;
    c->members = found->members;
    c->state = found->n && has_room(all) ? PEOPLE_READ : PEOPLE_CROWD;
    for (size_t i = 0; i < found->n && c->state == PEOPLE_READ; i++)
        add(c, person_of(all, c->app, found->items[i].user, found->items[i].id,
                         found->items[i].seen_at));
    settled(all, c);
}

static void were_read(struct job *job)
{
    struct people_reading *r = (struct people_reading *)job;
    struct hub_people *all = r->all;
    all->reading = NULL;
    for (size_t i = 0; i < r->n; i++) {
        struct reading_chat *item = &r->items[i];
        struct people_chat *c = map_get(&all->chats, hub_key(item->app, item->chat));
        if (!c || c->state != PEOPLE_READING || c->number != item->number)
            continue; /* no one watches it any more, or it is to be read anew */
        if (job->err || c->changed)
            wait_to_be_read(all, c);
        else
            take(all, c, &item->found);
    }
    if (all->first && !job->err)
        hub_people_read(all);
    else if (all->first)
        hub_presence_later(all);
    arena_free(&r->arena);
    mem_free(r);
}

void hub_people_read(struct hub_people *all)
{
    if (all->reading || !all->first)
        return;
    struct people_reading *r = mem_alloc(sizeof *r);
    r->all = all;
    r->arena = ARENA(HUB_ARENA);
    r->members_max = all->members_max;
    while (all->first && r->n < CHATS_AT_ONCE) {
        struct people_chat *c = all->first;
        stop_waiting(all, c);
        c->state = PEOPLE_READING;
        c->number = ++all->number;
        r->items[r->n++] =
            (struct reading_chat){.app = c->app, .chat = c->chat, .number = c->number};
    }
    r->job = (struct job){.item = {.tenant = r->items[0].app, .bytes = sizeof *r},
                          .loop = all->hub->loop,
                          .pool = JOB_READ,
                          .run = read_people,
                          .done = were_read,
                          .arena = &r->arena};
    all->reading = r;
    Err err = jobs_submit(all->hub->jobs, &r->job); /* once it is queued, it is the worker's */
    if (!err)
        return;
    r->job.err = err;
    were_read(&r->job);
}

/* ----- who watches ----- */

void hub_people_watch(struct hub_people *all, struct hub_watch *w, int64_t chat)
{
    int64_t app = w->user->app;
    struct people_chat *c = map_get(&all->chats, hub_key(app, chat));
    if (!c) {
        c = mem_alloc(sizeof *c);
        *c = (struct people_chat){.app = app, .chat = chat, .counted = true};
        map_put(&all->chats, hub_key(app, chat), c);
        wait_to_be_read(all, c);
        hub_presence_later(all);
    }
    hub_append((void ***)&c->watches, &c->n_watches, &c->cap_watches, w);
    w->chats++;
    if (c->counted)
        w->unread++;
    else
        hub_presence_chat_read(all, w, c);
}

bool hub_people_unwatch(struct hub_people *all, struct hub_watch *w, int64_t chat)
{
    struct people_chat *c = map_get(&all->chats, hub_key(w->user->app, chat));
    uint32_t before = c ? c->n_watches : 0;
    if (c)
        hub_take_out((void **)c->watches, &c->n_watches, w);
    if (!c || c->n_watches == before)
        return false;
    w->chats--;
    if (c->counted)
        w->unread--;
    if (c->n_watches)
        return true;
    if (c->state == PEOPLE_WAIT)
        stop_waiting(all, c);
    empty(all, c);
    map_remove(&all->chats, hub_key(c->app, c->chat));
    mem_free(c->watches);
    mem_free(c);
    return true;
}

/* ----- who comes and goes ----- */

static void joined(struct hub_people *all, struct people_chat *c, const struct event *e)
{
    c->members++;
    if (c->state == PEOPLE_READ && c->members > all->members_max) {
        c->state = PEOPLE_CROWD;
        empty(all, c);
    }
    if (c->state == PEOPLE_CROWD)
        return;
    struct hub_person *p = person_of(all, e->app, e->target, e->target_id, 0);
    if (is_in(c, p))
        return;
    add(c, p);
    hub_presence_joined(all, c, p);
}

static void left(struct hub_people *all, struct people_chat *c, const struct event *e)
{
    c->members--;
    struct hub_person *p = map_get(&all->persons, hub_key(e->app, e->target));
    if (c->state == PEOPLE_READ && p && is_in(c, p))
        take_out(all, c, p);
    if (c->state == PEOPLE_CROWD && c->members <= all->members_max) {
        wait_to_be_read(all, c);
        c->counted = true;
        for (uint32_t i = 0; i < c->n_watches; i++)
            c->watches[i]->unread++;
        hub_presence_later(all);
    }
}

void hub_people_event(struct hub *hub, const struct event *e)
{
    if (e->type != EVENT_USER_JOIN && e->type != EVENT_USER_LEAVE)
        return;
    struct people_chat *c = map_get(&hub->people->chats, hub_key(e->app, e->chat));
    if (!c || c->state == PEOPLE_WAIT)
        return;
    if (c->state == PEOPLE_READING) {
        c->changed = true;
        return;
    }
    if (e->seq <= c->seq)
        return;
    c->seq = e->seq;
    if (e->type == EVENT_USER_JOIN)
        joined(hub->people, c, e);
    else
        left(hub->people, c, e);
}

void hub_people_forget(struct hub *hub, int64_t app, int64_t user)
{
    struct hub_person *p = map_get(&hub->people->persons, hub_key(app, user));
    for (uint32_t n = p ? p->n : 0; n > 0; n--)
        take_out(hub->people, p->chats[n - 1], p);
}
