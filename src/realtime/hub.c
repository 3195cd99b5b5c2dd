/*
 * A user's chats and a chat's users are plain arrays of pointers to one another: adding is cheap
 * and walking is what delivery does; removing looks the entry up, which a chat of ten thousand
 * online users can afford at the pace at which people leave.
 *
 * A subscription that has to load: the user is registered first, so publications that arrive while
 * the read runs are held; the read's snapshot gives each chat's head; what was held is applied on
 * top of it. Whatever was committed after the snapshot was posted after the registration, so
 * nothing is missed; what both hold is told apart by seq.
 */
#include "realtime/hub.h"

#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "domain/chat.h"
#include "realtime/render.h"

enum {
    HELD_MAX = 4096,    /* publications held for one loading user */
    READ_CROWD = 200,   /* larger chats hear READ_MSG only at its two ends */
    OWN_DELAY_MS = 500, /* the caller's own sessions outlive its logout by this */
    HOLE_EVENTS = 1000, /* read at once */
    HOLE_AGAIN_MS = 100,
    LOAD_BYTES = 16 * 1024 * 1024,
};

struct hub_chat {
    int64_t app, chat;
    int64_t last_seq;
    struct hub_user **users; /* owned array */
    uint32_t n, cap;
    struct hole *hole; /* being read; events wait in it */
};

enum user_state { USER_IDLE, USER_LOADING, USER_LIVE };

struct hub_user {
    struct hub *hub;
    int64_t app, user;
    Id id;
    struct hub_member *first;
    struct hub_chat **chats; /* owned array */
    uint32_t n, cap;
    enum user_state state;
    struct load *load; /* while LOADING */
};

/* A chat of a user whose interest is being loaded. */
struct base {
    int64_t head;   /* what the user has as of the snapshot: events above it are due */
    int64_t passed; /* what the user's loop had delivered to others before; -1: no one was there */
};

/* A read of a user's chats; user is NULL once nobody waits for it. */
struct load {
    struct job job;
    struct load *next, **at; /* among the hub's */
    struct arena arena;
    struct hub *hub;
    struct hub_user *user;
    int64_t app, row;
    struct chat_head *heads;
    size_t n;
    struct map bases; /* by chat */
    struct publication **held;
    size_t n_held, cap_held;
};

/* Events of a chat that wait until those before them are read; chat is NULL once it is gone. */
struct hole {
    struct job job;
    struct arena arena;
    struct hub *hub;
    struct hub_chat *chat;
    struct timer again;
    int64_t app, row, from, to;
    struct event_list found;
    struct waiting {
        struct publication *p;
        size_t index;
    } * waiting;
    size_t n, cap;
};

struct hub {
    struct loop *loop;
    struct jobs *jobs;
    struct hub_ops ops;
    struct map users;
    struct map chats;
    struct load *loads;
};

static MapKey key(int64_t app, int64_t row)
{
    return (MapKey){(uint64_t)app, (uint64_t)row};
}

struct hub *hub_new(struct loop *loop, struct jobs *jobs, const struct hub_ops *ops)
{
    struct hub *hub = mem_alloc(sizeof *hub);
    hub->loop = loop;
    hub->jobs = jobs;
    hub->ops = *ops;
    return hub;
}

void hub_free(struct hub **at)
{
    struct hub *hub = *at;
    if (!hub)
        return;
    must(hub->users.count == 0 && hub->chats.count == 0);
    map_free(&hub->users);
    map_free(&hub->chats);
    mem_free(hub);
    *at = NULL;
}

/* ----- who is in what ----- */

static void append(void ***items, uint32_t *n, uint32_t *cap, void *item)
{
    if (*n == *cap) {
        *cap = *cap ? *cap * 2 : 2;
        *items = mem_resize(*items, *cap * sizeof **items);
    }
    (*items)[(*n)++] = item;
}

static void remove_from(void **items, uint32_t *n, const void *item)
{
    for (uint32_t i = 0; i < *n; i++) {
        if (items[i] == item) {
            items[i] = items[--*n];
            return;
        }
    }
}

static bool is_in(const struct hub_user *u, const struct hub_chat *c)
{
    bool by_user = u->n <= c->n;
    uint32_t n = by_user ? u->n : c->n;
    for (uint32_t i = 0; i < n; i++)
        if (by_user ? u->chats[i] == c : c->users[i] == u)
            return true;
    return false;
}

static struct hub_chat *chat_get(struct hub *hub, int64_t app, int64_t chat)
{
    return map_get(&hub->chats, key(app, chat));
}

static struct hub_chat *chat_make(struct hub *hub, int64_t app, int64_t chat, int64_t last_seq)
{
    struct hub_chat *c = mem_alloc(sizeof *c);
    *c = (struct hub_chat){.app = app, .chat = chat, .last_seq = last_seq};
    map_put(&hub->chats, key(app, chat), c);
    return c;
}

static void link_user(struct hub_user *u, struct hub_chat *c)
{
    append((void ***)&u->chats, &u->n, &u->cap, c);
    append((void ***)&c->users, &c->n, &c->cap, u);
}

static void drop_chat_if_empty(struct hub *hub, struct hub_chat *c)
{
    if (c->n)
        return;
    if (c->hole)
        c->hole->chat = NULL;
    map_remove(&hub->chats, key(c->app, c->chat));
    mem_free(c->users);
    mem_free(c);
}

static void unlink_user(struct hub_user *u, struct hub_chat *c)
{
    remove_from((void **)u->chats, &u->n, c);
    remove_from((void **)c->users, &c->n, u);
}

/* ----- delivery ----- */

static void push_to(struct hub *hub, struct hub_user *u, struct blob *frame, enum event_type type)
{
    for (struct hub_member *m = u->first, *next; m; m = next) {
        next = m->next;
        if (m->subscribed)
            hub->ops.push(m, frame, type);
    }
}

/* In a crowd only the reader and the message's sender hear of a READ_MSG. */
static bool hears(const struct hub_user *u, const struct event *e)
{
    return e->type != EVENT_READ_MSG || e->audience <= READ_CROWD || u->user == e->sender ||
           u->user == e->target;
}

static void push_to_chat(struct hub *hub, struct hub_chat *c, const struct event *e)
{
    struct blob *frame = render_event(e);
    for (uint32_t i = 0; i < c->n; i++)
        if (hears(c->users[i], e))
            push_to(hub, c->users[i], frame, e->type);
    blob_unref(&frame);
}

static struct hub_user *live_user(struct hub *hub, int64_t app, int64_t user)
{
    struct hub_user *u = map_get(&hub->users, key(app, user));
    return u && u->state == USER_LIVE ? u : NULL;
}

static void join(struct hub *hub, const struct event *e, int64_t user)
{
    struct hub_user *u = live_user(hub, e->app, user);
    if (!u)
        return;
    struct hub_chat *c = chat_get(hub, e->app, e->chat);
    if (!c)
        c = chat_make(hub, e->app, e->chat, e->seq - 1);
    if (!is_in(u, c))
        link_user(u, c);
}

static void interest_before(struct hub *hub, const struct event *e)
{
    if (e->type == EVENT_USER_JOIN)
        join(hub, e, e->target);
    for (size_t i = 0; e->type == EVENT_NEW_CHAT && i < e->n_members; i++)
        join(hub, e, e->members[i]);
}

static void interest_after(struct hub *hub, struct hub_chat *c, const struct event *e)
{
    if (e->type == EVENT_USER_LEAVE) {
        struct hub_user *u = map_get(&hub->users, key(e->app, e->target));
        if (u)
            unlink_user(u, c);
    } else if (e->type == EVENT_DELETE_CHAT) {
        while (c->n)
            unlink_user(c->users[0], c);
    }
    drop_chat_if_empty(hub, c);
}

/* The next event of a chat, in order. May free the chat. */
static void deliver_next(struct hub *hub, struct hub_chat *c, const struct event *e)
{
    if (e->seq)
        c->last_seq = e->seq;
    push_to_chat(hub, c, e);
    interest_after(hub, c, e);
}

/* ----- holes ----- */

static Err read_hole(struct job *job, struct tx *tx)
{
    struct hole *h = (struct hole *)job;
    return message_replay(tx, h->app, h->row, h->from, h->to, HOLE_EVENTS, &h->found);
}

static void hole_free(struct hole *h)
{
    for (size_t i = 0; i < h->n; i++)
        publication_unref(&h->waiting[i].p);
    mem_free(h->waiting);
    event_list_free(&h->found);
    arena_free(&h->arena);
    mem_free(h);
}

static void chat_event(struct hub *hub, struct publication *p, size_t index);

static void hole_submit(struct hole *h);

static void hole_again(struct timer *timer)
{
    hole_submit((struct hole *)((char *)timer - offsetof(struct hole, again)));
}

static int64_t first_waiting(const struct hole *h)
{
    return h->waiting[0].p->events.items[h->waiting[0].index].seq;
}

static void hole_read(struct job *job)
{
    struct hole *h = (struct hole *)job;
    struct hub *hub = h->hub;
    if (job->err && h->chat) {
        log_event(LOG_WARN, "missing events not read", log_n("chat", h->row),
                  log_s("reason", err_code(job->err)));
        timer_set(hub->loop, &h->again, HOLE_AGAIN_MS, hole_again);
        return;
    }
    if (h->chat)
        h->chat->hole = NULL;
    for (size_t i = 0; i < h->found.n; i++) {
        const struct event *e = &h->found.items[i];
        interest_before(hub, e);
        struct hub_chat *c = chat_get(hub, h->app, h->row);
        if (c && e->seq > c->last_seq)
            deliver_next(hub, c, e);
    }
    struct hub_chat *c = chat_get(hub, h->app, h->row);
    if (c && !c->hole && h->found.n < HOLE_EVENTS && first_waiting(h) > c->last_seq + 1)
        c->last_seq = first_waiting(h) - 1; /* no longer in the log: not to be had */
    for (size_t i = 0; i < h->n; i++)
        chat_event(hub, h->waiting[i].p, h->waiting[i].index);
    hole_free(h);
}

static void hole_submit(struct hole *h)
{
    h->job.err = jobs_submit(h->hub->jobs, &h->job);
    if (h->job.err)
        hole_read(&h->job);
}

static struct hole *hole_new(struct hub *hub, struct hub_chat *c, int64_t before)
{
    struct hole *h = mem_alloc(sizeof *h);
    *h = (struct hole){.hub = hub,
                       .chat = c,
                       .app = c->app,
                       .row = c->chat,
                       .from = c->last_seq,
                       .to = before - 1,
                       .arena = ARENA(LOAD_BYTES),
                       .found = {.arena = ARENA(LOAD_BYTES)}};
    h->job = (struct job){.item = {.tenant = c->app, .bytes = sizeof *h},
                          .loop = hub->loop,
                          .pool = JOB_READ,
                          .run = read_hole,
                          .done = hole_read,
                          .arena = &h->arena};
    log_event(LOG_WARN, "events missing", log_n("chat", c->chat), log_n("after", h->from),
              log_n("before", before));
    return h;
}

static void wait_in_hole(struct hub *hub, struct hub_chat *c, struct publication *p, size_t index)
{
    bool first = !c->hole;
    if (first)
        c->hole = hole_new(hub, c, p->events.items[index].seq);
    struct hole *h = c->hole;
    if (h->n == h->cap) {
        h->cap = h->cap ? h->cap * 2 : 4;
        h->waiting = mem_resize(h->waiting, h->cap * sizeof *h->waiting);
    }
    h->waiting[h->n++] = (struct waiting){publication_ref(p), index};
    if (first)
        hole_submit(h);
}

static void chat_event(struct hub *hub, struct publication *p, size_t index)
{
    const struct event *e = &p->events.items[index];
    interest_before(hub, e);
    struct hub_chat *c = chat_get(hub, e->app, e->chat);
    if (!c)
        return;
    if (!e->seq)
        push_to_chat(hub, c, e);
    else if (c->hole || e->seq > c->last_seq + 1)
        wait_in_hole(hub, c, p, index);
    else if (e->seq == c->last_seq + 1)
        deliver_next(hub, c, e);
}

/* ----- revocations ----- */

static void revoke(struct hub *hub, struct hub_user *u, const struct event *e)
{
    for (struct hub_member *m = u->first, *next; m; m = next) {
        next = m->next;
        if (e->type != EVENT_SESSION_REVOKED || !e->session || m->sign_in == e->session)
            hub->ops.revoke(m, e->but_session && m->sign_in == e->but_session ? OWN_DELAY_MS : 0);
    }
}

static void control_event(struct hub *hub, const struct event *e)
{
    if (e->type != EVENT_APP_CLOSED) {
        struct hub_user *u = map_get(&hub->users, key(e->app, e->target));
        if (u)
            revoke(hub, u, e);
        return;
    }
    struct hub_user *u;
    for (size_t i = 0; (u = map_next(&hub->users, &i));)
        if (u->app == e->app)
            revoke(hub, u, e);
}

/* ----- loading a user's interest ----- */

static void load_free(struct load *l)
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
    struct load *l = (struct load *)job;
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

static struct base *link_from(struct load *l, struct hub_user *u, int64_t chat, int64_t head)
{
    struct base *b = map_get(&l->bases, key(u->app, chat));
    struct hub_chat *c = chat_get(u->hub, u->app, chat);
    if (!b) {
        b = arena_new(&l->arena, struct base);
        *b = (struct base){.head = head, .passed = c ? c->last_seq : -1};
        map_put(&l->bases, key(u->app, chat), b);
    }
    if (!c)
        c = chat_make(u->hub, u->app, chat, head);
    if (!is_in(u, c))
        link_user(u, c);
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

/* An event that came while the user's chats were being read, for this user. */
static void apply_held(struct hub_user *u, struct load *l, struct publication *p, size_t index)
{
    const struct event *e = &p->events.items[index];
    if (e->type >= EVENT_SESSION_REVOKED || !e->seq || e->app != u->app)
        return;
    struct base *b = map_get(&l->bases, key(e->app, e->chat));
    if (joins(e, u->user) && (!b || e->seq > b->head))
        b = link_from(l, u, e->chat, e->seq - 1);
    struct hub_chat *c = chat_get(u->hub, e->app, e->chat);
    if (!b || !c || e->seq <= b->head || !is_in(u, c))
        return;
    if (b->passed < 0) {
        chat_event(u->hub, p, index); /* no one else here follows the chat: the ordinary way */
    } else if (e->seq <= b->passed) {
        struct blob *frame = render_event(e);
        push_to(u->hub, u, frame, e->type);
        blob_unref(&frame);
        if (e->type == EVENT_USER_LEAVE && e->target == u->user) {
            unlink_user(u, c);
            drop_chat_if_empty(u->hub, c);
        }
    }
}

static void go_live(struct hub_user *u, struct load *l)
{
    u->state = USER_LIVE;
    for (size_t i = 0; i < l->n; i++)
        link_from(l, u, l->heads[i].chat, l->heads[i].last_seq);
    for (size_t i = 0; i < l->n_held; i++)
        for (size_t k = 0; k < l->held[i]->events.n; k++)
            apply_held(u, l, l->held[i], k);
}

static void heads_read(struct job *job)
{
    struct load *l = (struct load *)job;
    struct hub_user *u = l->user;
    if (u) {
        u->load = NULL;
        u->state = USER_IDLE;
        if (!job->err)
            go_live(u, l);
        answer_subscribers(u, job->err);
    }
    load_free(l);
}

static void start_load(struct hub_user *u)
{
    struct hub *hub = u->hub;
    struct load *l = mem_alloc(sizeof *l);
    *l = (struct load){.hub = hub,
                       .user = u,
                       .app = u->app,
                       .row = u->user,
                       .arena = ARENA(LOAD_BYTES),
                       .at = &hub->loads,
                       .next = hub->loads};
    l->job = (struct job){.item = {.tenant = u->app, .bytes = sizeof *l},
                          .loop = hub->loop,
                          .pool = JOB_READ,
                          .run = read_heads,
                          .done = heads_read,
                          .arena = &l->arena};
    if (l->next)
        l->next->at = &l->next;
    hub->loads = l;
    u->load = l;
    u->state = USER_LOADING;
    l->job.err = jobs_submit(hub->jobs, &l->job);
    if (l->job.err)
        heads_read(&l->job);
}

static void hold(struct hub *hub, struct publication *p)
{
    for (struct load *l = hub->loads, *next; l; l = next) {
        next = l->next;
        if (!l->user)
            continue;
        if (l->n_held == HELD_MAX) { /* too much has come: read again, from here on */
            struct hub_user *u = l->user;
            l->user = NULL;
            start_load(u);
            l = u->load;
        }
        if (!l)
            continue;
        if (l->n_held == l->cap_held) {
            l->cap_held = l->cap_held ? l->cap_held * 2 : 4;
            l->held = mem_resize(l->held, l->cap_held * sizeof(*l->held));
        }
        l->held[l->n_held++] = publication_ref(p);
    }
}

/* ----- members ----- */

void hub_add(struct hub *hub, struct hub_member *m, int64_t app, int64_t user, Id user_id)
{
    struct hub_user *u = map_get(&hub->users, key(app, user));
    if (!u) {
        u = mem_alloc(sizeof *u);
        *u = (struct hub_user){.hub = hub, .app = app, .user = user, .id = user_id};
        map_put(&hub->users, key(app, user), u);
    }
    m->user = u;
    m->next = u->first;
    u->first = m;
}

/* Nobody of the user listens any more: its interest goes. */
static void forget_interest(struct hub_user *u)
{
    for (struct hub_member *m = u->first; m; m = m->next)
        if (m->subscribed)
            return;
    if (u->load)
        u->load->user = NULL;
    u->load = NULL;
    while (u->n) {
        struct hub_chat *c = u->chats[u->n - 1];
        unlink_user(u, c);
        drop_chat_if_empty(u->hub, c);
    }
    mem_free(u->chats);
    u->chats = NULL;
    u->cap = 0;
    u->state = USER_IDLE;
}

void hub_unsubscribe(struct hub *hub, struct hub_member *m)
{
    (void)hub;
    if (!m->subscribed)
        return;
    m->subscribed = false;
    forget_interest(m->user);
}

void hub_remove(struct hub *hub, struct hub_member *m)
{
    struct hub_user *u = m->user;
    if (!u)
        return;
    hub_unsubscribe(hub, m);
    struct hub_member **at = &u->first;
    while (*at && *at != m)
        at = &(*at)->next;
    must(*at);
    *at = m->next;
    m->user = NULL;
    if (u->first)
        return;
    map_remove(&hub->users, key(u->app, u->user));
    mem_free(u);
}

void hub_subscribe(struct hub *hub, struct hub_member *m)
{
    struct hub_user *u = m->user;
    m->subscribed = true;
    if (u->state == USER_LIVE) {
        hub->ops.subscribed(m, ERR_OK);
        return;
    }
    if (u->state == USER_IDLE)
        start_load(u);
}

int64_t hub_app(const struct hub_member *m)
{
    return m->user->app;
}

int64_t hub_user_row(const struct hub_member *m)
{
    return m->user->user;
}

Id hub_user_id(const struct hub_member *m)
{
    return m->user->id;
}

void hub_deliver(struct hub *hub, struct publication *p)
{
    for (size_t i = 0; i < p->events.n; i++) {
        if (p->events.items[i].type >= EVENT_SESSION_REVOKED)
            control_event(hub, &p->events.items[i]);
        else
            chat_event(hub, p, i);
    }
    if (hub->loads)
        hold(hub, p);
}

struct hub_member *hub_next(struct hub *hub, size_t *at, struct hub_member *m)
{
    if (m && m->next)
        return m->next;
    struct hub_user *u;
    while ((u = map_next(&hub->users, at)))
        if (u->first)
            return u->first;
    return NULL;
}
