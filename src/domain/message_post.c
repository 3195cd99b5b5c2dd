/*
 * Sending, for a whole batch. The posts are looked at twice: sorted by app, chat and sender, so
 * that each app, chat and membership is read once and chats are locked in the order of their ids,
 * whatever order the batch has (two workers cannot wait for each other); then in the batch's own
 * order, where seq, time and position are given out and rows are written. Everything that can
 * refuse a post comes in the first pass. Turned down: maps of what was read; sorting gives the
 * order of the locks for the same price.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "domain/chat_access.h"
#include "domain/chat_log.h"
#include "domain/message.h"
#include "domain/message_event.h"
#include "domain/message_text.h"
#include "domain/secret.h"
#include "store/messages.h"
#include "store/usage.h"

#include <stdlib.h>

enum { CLIENT_ID_MAX = 64 }; /* characters of a clientMessageId */

/* A chat that something of the batch is for. */
struct room {
    Err err;
    struct chats_head head;
    int64_t sent;
};

struct item {
    struct message_post *post;
    size_t order; /* in the batch */
    struct room *room;
    const struct event_original *original;
    int64_t reply_to;   /* its seq */
    struct item *twin;  /* an earlier one of this batch that this one repeats */
    struct item *older; /* the last one before of the same sender and chat with a client id */
    size_t event;       /* once it is sent: index in the event list */
};

static int by_place(const void *x, const void *y)
{
    const struct item *a = *(struct item *const *)x, *b = *(struct item *const *)y;
    const struct actor *from = &a->post->actor, *other = &b->post->actor;
    if (from->app != other->app)
        return from->app < other->app ? -1 : 1;
    int c = memcmp(a->post->chat_id.b, b->post->chat_id.b, sizeof a->post->chat_id.b);
    if (c)
        return c;
    if (from->user != other->user)
        return from->user < other->user ? -1 : 1;
    return a->order < b->order ? -1 : 1;
}

static Err check_fields(struct tx *tx, const struct message_post *p)
{
    size_t n = 0;
    if (p->client_message_id.n && (!utf8_count(p->client_message_id, &n) || n > CLIENT_ID_MAX))
        return tx_fail(tx, ERR_INVALID_FIELD, "clientMessageId is 1 to %d characters.",
                       CLIENT_ID_MAX);
    return message_text_check(tx, p->text);
}

/* Of what a post says: its text, and what it replies to. */
static void fingerprint(const struct tx *tx, const struct message_post *p,
                        uint8_t out[SECRET_FINGERPRINT])
{
    const Str parts[] = {str_from((const char *)p->reply_to.b, sizeof p->reply_to.b), p->text};
    secret_fingerprint(tx->rules->fingerprint_key, parts, countof(parts), out);
}

/* Whether the stored message is what the post would send again. What was sent before fingerprints
 * were kept, and was edited or deleted since, cannot be compared: then the retry is believed. */
static bool same_as_stored(struct tx *tx, const struct item *it, const struct messages_row *row)
{
    const struct message_post *p = it->post;
    if (row->client_hash.p) {
        uint8_t hash[SECRET_FINGERPRINT];
        fingerprint(tx, p, hash);
        return str_eq(row->client_hash, str_from((const char *)hash, sizeof hash));
    }
    if (row->text.p && !row->edited_at && !str_eq(row->text, p->text))
        return false;
    if (id_is_nil(p->reply_to) || row->reply_to == 0)
        return id_is_nil(p->reply_to) && row->reply_to == 0;
    if (row->has_original)
        return id_eq(row->original.id, p->reply_to);
    struct messages_row original;
    return messages_find(tx->db, p->actor.app, it->room->head.chat, p->reply_to, tx->arena,
                         &original) &&
           original.seq == row->reply_to;
}

/* Sets twin or post->repeated when the post is a retry; newest: the chain of earlier ones. */
static Err find_first(struct tx *tx, struct item *it, struct item *newest)
{
    struct message_post *p = it->post;
    for (struct item *i = newest; i; i = i->older) {
        if (!str_eq(i->post->client_message_id, p->client_message_id))
            continue;
        if (!str_eq(i->post->text, p->text) || !id_eq(i->post->reply_to, p->reply_to))
            return ERR_CLIENT_MESSAGE_MISMATCH;
        it->twin = i;
        return ERR_OK;
    }
    struct messages_row row;
    int64_t since = tx->now - tx->rules->client_id_ttl;
    int64_t chat = it->room->head.chat;
    if (!messages_by_client(tx->db, p->actor.app, chat, p->actor.user, p->client_message_id, since,
                            tx->arena, &row))
        return ERR_OK;
    if (!same_as_stored(tx, it, &row))
        return ERR_CLIENT_MESSAGE_MISMATCH;
    p->message_id = row.id;
    p->repeated = arena_new(tx->arena, struct event);
    message_event(&row, p->actor.app, chat, tx->arena, p->repeated);
    return ERR_OK;
}

static Err find_original(struct tx *tx, struct item *it)
{
    struct messages_row row;
    struct arena *arena = &tx->events->arena;
    const struct message_post *p = it->post;
    if (!messages_find(tx->db, p->actor.app, it->room->head.chat, p->reply_to, arena, &row) ||
        !row.text.p)
        return ERR_MESSAGE_NOT_FOUND;
    struct event_original *o = arena_new(arena, struct event_original);
    *o = (struct event_original){.message_id = row.id,
                                 .sender_id = row.sender_id,
                                 .time = row.time,
                                 .edited_at = row.edited_at,
                                 .text = row.text};
    it->original = o;
    it->reply_to = row.seq;
    return ERR_OK;
}

/* Where the first pass stands: what is known of the app, the chat and the sender at hand. */
struct place {
    const struct message_post *post; /* the last one looked at; NULL: none yet */
    Err app;
    struct room *room;
    Err member;
    struct item *newest; /* of this sender and chat, accepted, with a client id */
};

static bool same_chat(const struct message_post *a, const struct message_post *b)
{
    return a->actor.app == b->actor.app && id_eq(a->chat_id, b->chat_id);
}

static void move_to(struct tx *tx, struct place *at, const struct message_post *p)
{
    const struct message_post *last = at->post;
    at->post = p;
    if (last && same_chat(last, p) && last->actor.user == p->actor.user)
        return;
    at->newest = NULL;
    if (!last || last->actor.app != p->actor.app)
        at->app = chat_access_app(tx, p->actor.app);
    if (!last || !same_chat(last, p)) {
        at->room = arena_new(tx->arena, struct room);
        at->room->err = at->app;
        if (!at->app && !chats_lock(tx->db, p->actor.app, p->chat_id, &at->room->head))
            at->room->err = ERR_CHAT_NOT_FOUND;
    }
    struct members_row member;
    at->member = at->room->err;
    if (!at->member &&
        !members_find(tx->db, p->actor.app, at->room->head.chat, p->actor.user, &member))
        at->member = ERR_NOT_A_MEMBER;
}

/* The first pass over one post: everything that can refuse it. */
static Err look(struct tx *tx, struct place *at, struct item *it)
{
    const struct message_post *p = it->post;
    move_to(tx, at, p);
    if (at->member)
        return at->member;
    it->room = at->room;
    if (p->client_message_id.n) {
        Err e = find_first(tx, it, at->newest);
        if (e || it->twin || p->repeated)
            return e;
    }
    if (!id_is_nil(p->reply_to)) {
        Err e = find_original(tx, it);
        if (e)
            return e;
    }
    if (p->client_message_id.n) {
        it->older = at->newest;
        at->newest = it;
    }
    return ERR_OK;
}

static void look_at_all(struct tx *tx, struct item **sorted, size_t n)
{
    struct place at = {0};
    for (size_t i = 0; i < n; i++) {
        struct message_post *p = sorted[i]->post;
        tx->why = (Str){0};
        p->err = check_fields(tx, p);
        if (!p->err)
            p->err = look(tx, &at, sorted[i]);
        p->why = tx->why;
    }
    tx->why = (Str){0};
}

static void send(struct tx *tx, struct item *it)
{
    struct message_post *p = it->post;
    struct chats_head *head = &it->room->head;
    head->last_time = head->activity_at = chat_log_time(tx, head);
    p->message_id = id_new(tx->now);
    uint8_t hash[SECRET_FINGERPRINT];
    if (p->client_message_id.n)
        fingerprint(tx, p, hash);
    struct messages_new m = {.position = db_position(tx->db),
                             .app = head->app,
                             .chat = head->chat,
                             .seq = ++head->last_seq,
                             .id = p->message_id,
                             .sender = p->actor.user,
                             .text = p->text,
                             .reply_to = it->reply_to,
                             .client_id = p->client_message_id,
                             .client_hash = str_from((const char *)hash, sizeof hash),
                             .time = head->last_time};
    messages_insert(tx->db, &m);
    it->room->sent++;

    it->event = tx->events->n;
    struct event *e = event_add(tx->events, it->original ? EVENT_REPLY : EVENT_SEND_MSG);
    e->app = m.app;
    e->chat = m.chat;
    e->seq = m.seq;
    e->position = m.position;
    e->time = m.time;
    e->sender = m.sender;
    e->chat_id = head->id;
    e->sender_id = p->actor.user_id;
    e->message_id = m.id;
    e->text = arena_str(&tx->events->arena, m.text);
    if (m.client_id.n)
        e->client_message_id = arena_str(&tx->events->arena, m.client_id);
    e->original = it->original;
}

/* The twin's event, in an arena that lives as long as the post. */
static void repeat_twin(struct tx *tx, struct item *it)
{
    struct event *e = arena_new(tx->arena, struct event);
    *e = tx->events->items[it->twin->event];
    e->text = arena_str(tx->arena, e->text);
    e->client_message_id = arena_str(tx->arena, e->client_message_id);
    if (e->original) {
        struct event_original *o = arena_new(tx->arena, struct event_original);
        *o = *e->original;
        o->text = arena_str(tx->arena, o->text);
        e->original = o;
    }
    it->post->message_id = e->message_id;
    it->post->repeated = e;
}

/* One head update for each chat, then one usage update for each app. */
static void settle(struct tx *tx, struct item **sorted, size_t n)
{
    const struct room *last = NULL;
    for (size_t i = 0; i < n; i++) {
        const struct room *room = sorted[i]->room;
        if (room && room != last && room->sent)
            chats_set_activity(tx->db, &room->head);
        last = room ? room : last;
    }
    last = NULL;
    int64_t app = 0, sent = 0;
    for (size_t i = 0; i < n; i++) {
        const struct room *room = sorted[i]->room;
        if (!room || room == last)
            continue;
        if (sent && room->head.app != app) {
            usage_add_messages(tx->db, app, clock_day(tx->now), sent);
            sent = 0;
        }
        app = room->head.app;
        sent += room->sent;
        last = room;
    }
    if (sent)
        usage_add_messages(tx->db, app, clock_day(tx->now), sent);
}

void message_post(struct tx *tx, struct message_post **posts, size_t n)
{
    must(tx->events);
    struct item *items = arena_array(tx->arena, struct item, n);
    struct item **sorted = arena_array(tx->arena, struct item *, n);
    for (size_t i = 0; i < n; i++) {
        items[i] = (struct item){.post = posts[i], .order = i};
        sorted[i] = &items[i];
        posts[i]->message_id = (Id){0};
        posts[i]->repeated = NULL;
    }
    qsort(sorted, n, sizeof *sorted, by_place);
    look_at_all(tx, sorted, n);
    for (size_t i = 0; i < n; i++) {
        if (posts[i]->err || posts[i]->repeated)
            continue;
        if (items[i].twin)
            repeat_twin(tx, &items[i]);
        else
            send(tx, &items[i]);
    }
    settle(tx, sorted, n);
    for (size_t i = 0; db_failed(tx->db) && i < n; i++)
        posts[i]->err = ERR_INTERNAL;
}
