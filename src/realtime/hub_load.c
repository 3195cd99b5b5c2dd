/*
 * The chats of a user who begins to listen. The user is registered first, so publications that
 * arrive while the read runs are held; the read's snapshot gives each chat's head; what was held is
 * applied on top of it. Whatever was committed after the snapshot was posted after the
 * registration, so nothing is missed; what both hold is told apart by seq.
 */
#include "realtime/hub_parts.h"

#include "base/mem.h"
#include "domain/chat.h"
#include "domain/replay.h"

enum {
    LOAD_ARENA = 256 * 1024 * 1024, /* holds CHAT_HEADS, and all that those held may bring, amply */
    HELD_MAX = 4096,                /* publications held for one user; past that it is read again */
};

/* A chat of a user whose interest is being loaded. */
struct base {
    int64_t head;   /* what the user has, at first of the snapshot: events above it are due */
    int64_t passed; /* what the user's loop had delivered to others before; -1: no one was there */
};

/* A read of a user's chats; user is NULL once nobody waits for it. */
struct hub_load {
    struct job job;
    struct hub_load *next, **at; /* among the hub's */
    struct arena arena;
    struct hub *hub;
    struct hub_user *user;
    int64_t app, row;
    struct chat_head *heads;
    size_t n;
    int64_t position; /* of the snapshot */
    struct map bases; /* by chat */
    struct publication **held;
    size_t n_held, cap_held;
};

static void load_free(struct hub_load *l)
{
    *l->at = l->next;
    if (l->next)
        l->next->at = l->at;
    for (size_t i = 0; i < l->n_held; i++)
        publication_unref(&l->held[i]);
    mem_free(l->held);
    map_free(&l->bases);
    arena_free(&l->arena);
    mem_free(l);
}

static Err read_heads(struct job *job, struct tx *tx)
{
    struct hub_load *l = (struct hub_load *)job;
    l->position = replay_end(tx);
    return chat_heads(tx, l->app, l->row, &l->heads, &l->n);
}

static void answer_subscribers(struct hub_user *u, Err err)
{
    for (struct hub_member *m = u->first, *next; m; m = next) {
        next = m->next;
        if (m->subscribed)
            u->hub->ops.subscribed(m, err);
    }
}

static struct base *link_from(struct hub_load *l, struct hub_user *u, int64_t chat, int64_t head)
{
    struct base *b = map_get(&l->bases, hub_key(u->app, chat));
    struct hub_chat *c = hub_chat_get(u->hub, u->app, chat);
    if (!b) {
        b = arena_new(&l->arena, struct base);
        *b = (struct base){.head = head, .passed = c ? c->last_seq : -1};
        map_put(&l->bases, hub_key(u->app, chat), b);
    }
    if (!c)
        c = hub_chat_make(u->hub, u->app, chat, head);
    if (!hub_linked(u, c))
        hub_link(u, c);
    return b;
}

static bool joins(const struct event *e, int64_t user)
{
    if (e->type == EVENT_USER_JOIN)
        return e->target == user;
    for (size_t i = 0; e->type == EVENT_NEW_CHAT && i < e->n_members; i++)
        if (e->members[i] == user)
            return true;
    return false;
}

static void tell_missed(struct hub_user *u)
{
    for (struct hub_member *m = u->first; m; m = m->next)
        if (m->subscribed)
            u->hub->ops.missed(m);
}

/* It was the user's, and the snapshot has it already, so that it is not pushed. */
static bool was_missed(const struct hub_user *u, const struct base *b, const struct event *e)
{
    if (b)
        return e->seq <= b->head;
    return e->type == EVENT_DELETE_CHAT || (e->type == EVENT_USER_LEAVE && e->target == u->user);
}

/* A READ_MSG that came while the user's chats were being read may have gone out without this user.
 */
static void apply_mark(struct hub_user *u, const struct event *e)
{
    struct hub_chat *c = hub_chat_get(u->hub, e->app, e->chat);
    if (c && hub_linked(u, c) && hub_hears(u, e))
        hub_push_to_user(u, e);
}

/* An event that came while the user's chats were being read, for this user. False: it was missed.
 */
static bool apply_held(struct hub_user *u, struct hub_load *l, struct publication *p, size_t index)
{
    const struct event *e = &p->events.items[index];
    if (e->type == EVENT_READ_MSG && e->app == u->app)
        apply_mark(u, e);
    if (e->type >= EVENT_SESSION_REVOKED || !e->seq || e->app != u->app)
        return true;
    struct base *b = map_get(&l->bases, hub_key(e->app, e->chat));
    if (joins(e, u->user) && (!b || e->seq > b->head))
        b = link_from(l, u, e->chat, e->seq - 1);
    if (was_missed(u, b, e))
        return false;
    struct hub_chat *c = hub_chat_get(u->hub, e->app, e->chat);
    if (!b || !c || !hub_linked(u, c))
        return true;
    if (b->passed < 0) {
        hub_event(u->hub, p, index); /* no one else here follows the chat: the ordinary way */
    } else if (e->seq <= b->passed) {
        hub_push_to_user(u, e);
        b->head = e->seq;
        if (e->type == EVENT_USER_LEAVE && e->target == u->user) {
            hub_unlink(u, c);
            hub_chat_drop_if_empty(u->hub, c);
        }
    }
    return true;
}

static void go_live(struct hub_user *u, struct hub_load *l)
{
    u->state = HUB_LIVE;
    u->position = l->position;
    if (l->n > u->cap) { /* as many as it needs: most sessions never get another chat */
        u->chats = mem_resize(u->chats, l->n * sizeof(*u->chats));
        u->cap = (uint32_t)l->n;
    }
    for (size_t i = 0; i < l->n; i++)
        link_from(l, u, l->heads[i].chat, l->heads[i].last_seq);
    bool all = l->position <= u->hub->position; /* else some that it has are still to come */
    for (size_t i = 0; i < l->n_held; i++)
        for (size_t k = 0; k < l->held[i]->events.n; k++)
            all &= apply_held(u, l, l->held[i], k);
    if (!all)
        tell_missed(u);
}

static void heads_read(struct job *job)
{
    struct hub_load *l = (struct hub_load *)job;
    struct hub_user *u = l->user;
    if (u) {
        u->state = HUB_IDLE;
        if (!job->err)
            go_live(u, l);
        answer_subscribers(u, job->err);
    }
    load_free(l);
}

void hub_load_start(struct hub_user *u)
{
    struct hub *hub = u->hub;
    struct hub_load *l = mem_alloc(sizeof *l);
    *l = (struct hub_load){.hub = hub,
                           .user = u,
                           .app = u->app,
                           .row = u->user,
                           .arena = ARENA(LOAD_ARENA),
                           .at = &hub->loads,
                           .next = hub->loads};
    l->job = (struct job){.item = {.tenant = u->app, .lane = u->user, .bytes = sizeof *l},
                          .loop = hub->loop,
                          .pool = JOB_READ,
                          .run = read_heads,
                          .done = heads_read,
                          .arena = &l->arena};
    if (l->next)
        l->next->at = &l->next;
    hub->loads = l;
    u->load = l;
    u->state = HUB_LOADING;
    Err err = jobs_submit(hub->jobs, &l->job); /* once it is queued, it is the worker's */
    if (!err)
        return;
    l->job.err = err;
    heads_read(&l->job);
}

void hub_load_hold(struct hub *hub, struct publication *p)
{
    for (struct hub_load *l = hub->loads, *next; l; l = next) {
        next = l->next;
        if (!l->user)
            continue;
        if (l->n_held == HELD_MAX) { /* too much has come: read again, from here on */
            struct hub_user *u = l->user;
            l->user = NULL;
            tell_missed(u);
            hub_load_start(u);
            if (u->state != HUB_LOADING)
                continue;
            l = u->load;
        }
        if (l->n_held == l->cap_held) {
            l->cap_held = l->cap_held ? l->cap_held * 2 : 4;
            l->held = mem_resize(l->held, l->cap_held * sizeof(*l->held));
        }
        l->held[l->n_held++] = publication_ref(p);
    }
}

void hub_load_forget(struct hub_user *u)
{
    if (u->state == HUB_LOADING)
        u->load->user = NULL;
}
