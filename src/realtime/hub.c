/*
 * A user's chats and a chat's users are plain arrays of pointers to one another: adding is cheap
 * and walking is what delivery does; removing looks the entry up, which a chat of ten thousand
 * online users can afford at the pace at which people leave.
 */
#include "realtime/hub_parts.h"

#include "base/mem.h"
#include "realtime/cursor.h"
#include "realtime/render.h"

enum {
    OWN_DELAY_MS = 500, /* the caller's own sessions outlive its logout by this */
    ENDED_DELAY_MS = 1, /* one who came too late goes from a timer: its opening is under way */
};

struct hub *hub_new(const struct hub_config *config, const struct hub_ops *ops)
{
    struct hub *hub = mem_alloc(sizeof *hub);
    hub->loop = config->loop;
    hub->jobs = config->jobs;
    hub->ops = *ops;
    hub->position = cursor_start();
    hub->people = hub_people_new(hub, config);
    return hub;
}

void hub_free(struct hub **at)
{
    struct hub *hub = *at;
    if (!hub)
        return;
    must(hub->users.count == 0 && hub->chats.count == 0);
    hub_marks_free(hub);
    hub_people_free(&hub->people);
    map_free(&hub->users);
    map_free(&hub->chats);
    map_free(&hub->holes);
    mem_free(hub->endings);
    mem_free(hub);
    *at = NULL;
}

/* ----- who is in what ----- */

void hub_append(void ***items, uint32_t *n, uint32_t *cap, void *item)
{
    if (*n == *cap) {
        *cap = *cap ? *cap + (*cap + 1) / 2 : 2;
        *items = mem_resize(*items, *cap * sizeof **items);
    }
    (*items)[(*n)++] = item;
}

void hub_take_out(void **items, uint32_t *n, const void *item)
{
    for (uint32_t i = 0; i < *n; i++) {
        if (items[i] == item) {
            items[i] = items[--*n];
            return;
        }
    }
}

bool hub_linked(const struct hub_user *u, const struct hub_chat *c)
{
    bool by_user = u->n <= c->n;
    uint32_t n = by_user ? u->n : c->n;
    for (uint32_t i = 0; i < n; i++)
        if (by_user ? u->chats[i] == c : c->users[i] == u)
            return true;
    return false;
}

struct hub_chat *hub_chat_get(struct hub *hub, int64_t app, int64_t chat)
{
    return map_get(&hub->chats, hub_key(app, chat));
}

struct hub_chat *hub_chat_make(struct hub *hub, int64_t app, int64_t chat, int64_t last_seq)
{
    struct hub_chat *c = mem_alloc(sizeof *c);
    *c = (struct hub_chat){.app = app, .chat = chat, .last_seq = last_seq};
    map_put(&hub->chats, hub_key(app, chat), c);
    return c;
}

void hub_link(struct hub_user *u, struct hub_chat *c)
{
    hub_append((void ***)&u->chats, &u->n, &u->cap, c);
    hub_append((void ***)&c->users, &c->n, &c->cap, u);
    if (u->watch)
        hub_watch_chat(u, c);
}

void hub_chat_drop_if_empty(struct hub *hub, struct hub_chat *c)
{
    if (c->n)
        return;
    hub_hole_forget(hub, c);
    map_remove(&hub->chats, hub_key(c->app, c->chat));
    mem_free(c->users);
    mem_free(c);
}

void hub_unlink(struct hub_user *u, struct hub_chat *c)
{
    if (u->watch)
        hub_unwatch_chat(u, c);
    hub_take_out((void **)u->chats, &u->n, c);
    hub_take_out((void **)c->users, &c->n, u);
}

/* ----- delivery ----- */

static void push_to(struct hub *hub, struct hub_user *u, struct blob *frame, const struct event *e)
{
    for (struct hub_member *m = u->first, *next; m; m = next) {
        next = m->next;
        if (m->subscribed)
            hub->ops.push(m, frame, e);
    }
}

void hub_push_to_user(struct hub_user *u, const struct event *e)
{
    struct blob *frame = render_event(e);
    push_to(u->hub, u, frame, e);
    blob_unref(&frame);
}

/* Only the reader and the message's sender. */
bool hub_hears(const struct hub_user *u, const struct event *e)
{
    return e->type != EVENT_READ_MSG || e->audience <= EVENT_READ_CROWD || u->user == e->sender ||
           u->user == e->target;
}

void hub_push_to_chat(struct hub *hub, struct hub_chat *c, const struct event *e)
{
    struct blob *frame = render_event(e);
    for (uint32_t i = 0; i < c->n; i++)
        if (hub_hears(c->users[i], e))
            push_to(hub, c->users[i], frame, e);
    blob_unref(&frame);
}

static struct hub_user *live_user(struct hub *hub, int64_t app, int64_t user)
{
    struct hub_user *u = map_get(&hub->users, hub_key(app, user));
    return u && u->state == HUB_LIVE ? u : NULL;
}

static void join(struct hub *hub, const struct event *e, int64_t user)
{
    struct hub_user *u = live_user(hub, e->app, user);
    if (!u)
        return;
    struct hub_chat *c = hub_chat_get(hub, e->app, e->chat);
    if (!c)
        c = hub_chat_make(hub, e->app, e->chat, e->seq - 1);
    if (!hub_linked(u, c))
        hub_link(u, c);
}

/* Those whom the event brings in get interest. */
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
        struct hub_user *u = map_get(&hub->users, hub_key(e->app, e->target));
        if (u)
            hub_unlink(u, c);
    } else if (e->type == EVENT_DELETE_CHAT) {
        while (c->n)
            hub_unlink(c->users[0], c);
    }
    hub_chat_drop_if_empty(hub, c);
}

/* Interest changes here and not before: who joins gets nothing from before, and an old event that
 * comes again brings no one back. */
void hub_deliver_stored(struct hub *hub, const struct event *e)
{
    struct hub_chat *c = hub_chat_get(hub, e->app, e->chat);
    if (c && e->seq <= c->last_seq)
        return;
    interest_before(hub, e);
    c = hub_chat_get(hub, e->app, e->chat);
    if (!c)
        return;
    c->last_seq = e->seq;
    hub_push_to_chat(hub, c, e);
    hub_people_event(hub, e);
    interest_after(hub, c, e);
}

void hub_event(struct hub *hub, struct publication *p, size_t index)
{
    const struct event *e = &p->events.items[index];
    struct hub_chat *c = hub_chat_get(hub, e->app, e->chat);
    if (e->type == EVENT_READ_MSG)
        hub_mark(hub, p, index);
    else if (e->seq && c && (e->seq > c->last_seq + 1 || hub_has_hole(hub, c)))
        hub_hole_wait(hub, c, p, index);
    else if (e->seq)
        hub_deliver_stored(hub, e);
    else if (c)
        hub_push_to_chat(hub, c, e);
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

/*
 * A commit's events come before its completions: the session of a ticket that was spent in the same
 * commit, just before its sign-in ended, comes when the event is over. So what ended is remembered
 * until the tick is; a new sign-in takes several.
 */
static void note_ending(struct hub *hub, const struct event *e)
{
    if (hub->endings_at != loop_now(hub->loop))
        hub->n_endings = 0;
    hub->endings_at = loop_now(hub->loop);
    if (hub->n_endings == hub->cap_endings) {
        hub->cap_endings = hub->cap_endings ? 2 * hub->cap_endings : 8;
        hub->endings = mem_resize(hub->endings, hub->cap_endings * sizeof *hub->endings);
    }
    hub->endings[hub->n_endings++] =
        (struct hub_ending){.app = e->app,
                            .user = e->type == EVENT_APP_CLOSED ? 0 : e->target,
                            .sign_in = e->type == EVENT_SESSION_REVOKED ? e->session : 0};
}

static bool has_ended(const struct hub *hub, const struct hub_user *u, const struct hub_member *m)
{
    if (hub->endings_at != loop_now(hub->loop))
        return false;
    for (size_t i = 0; i < hub->n_endings; i++) {
        const struct hub_ending *end = &hub->endings[i];
        if (end->app == u->app && (!end->user || end->user == u->user) &&
            (!end->sign_in || end->sign_in == m->sign_in))
            return true;
    }
    return false;
}

static void control_event(struct hub *hub, const struct event *e)
{
    note_ending(hub, e);
    if (e->type != EVENT_APP_CLOSED) {
        struct hub_user *u = map_get(&hub->users, hub_key(e->app, e->target));
        if (u)
            revoke(hub, u, e);
        if (e->type == EVENT_USER_GONE)
            hub_people_forget(hub, e->app, e->target);
        return;
    }
    struct hub_user *u;
    for (size_t i = 0; (u = map_next(&hub->users, &i));)
        if (u->app == e->app)
            revoke(hub, u, e);
}

/* ----- members ----- */

void hub_add(struct hub *hub, struct hub_member *m, int64_t app, int64_t user, Id user_id)
{
    struct hub_user *u = map_get(&hub->users, hub_key(app, user));
    if (!u) {
        u = mem_alloc(sizeof *u);
        *u = (struct hub_user){.hub = hub, .app = app, .user = user, .id = user_id};
        map_put(&hub->users, hub_key(app, user), u);
    }
    m->user = u;
    m->next = u->first;
    u->first = m;
    if (has_ended(hub, u, m))
        hub->ops.revoke(m, ENDED_DELAY_MS);
}

/* Nobody of the user listens any more: its interest goes. */
static void forget_interest(struct hub_user *u)
{
    for (struct hub_member *m = u->first; m; m = m->next)
        if (m->subscribed)
            return;
    hub_load_forget(u);
    while (u->n) {
        struct hub_chat *c = u->chats[u->n - 1];
        hub_unlink(u, c);
        hub_chat_drop_if_empty(u->hub, c);
    }
    mem_free(u->chats);
    u->chats = NULL;
    u->cap = 0;
    u->state = HUB_IDLE;
}

void hub_unsubscribe(struct hub *hub, struct hub_member *m)
{
    if (!m->subscribed)
        return;
    m->subscribed = false;
    hub_unwatch(hub, m);
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
    map_remove(&hub->users, hub_key(u->app, u->user));
    mem_free(u);
}

void hub_subscribe(struct hub *hub, struct hub_member *m)
{
    struct hub_user *u = m->user;
    m->subscribed = true;
    if (u->state == HUB_LIVE) {
        hub->ops.subscribed(m, ERR_OK);
        return;
    }
    if (u->state == HUB_IDLE)
        hub_load_start(u);
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

int64_t hub_position(const struct hub_member *m)
{
    const struct hub_user *u = m->user;
    int64_t position = u->hub->position;
    return u->state == HUB_LIVE && u->position > position ? u->position : position;
}

void hub_deliver(struct hub *hub, struct publication *p)
{
    hub_marks_until(hub, p->at);
    for (size_t i = 0; i < p->events.n; i++) {
        if (p->events.items[i].seq)
            hub->position = p->events.items[i].position;
        if (p->events.items[i].type >= EVENT_SESSION_REVOKED)
            control_event(hub, &p->events.items[i]);
        else
            hub_event(hub, p, i);
    }
    hub_load_hold(hub, p);
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
