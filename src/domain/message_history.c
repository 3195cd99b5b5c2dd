/*
 * Reading what was said: a page of history, and the run of stored events that fills a hole. A page
 * is two queries, its messages with their originals and the reactions of the range that they span.
 */
#include "base/mem.h"
#include "domain/chat_access.h"
#include "domain/message.h"
#include "domain/message_event.h"
#include "store/events.h"
#include "store/messages.h"
#include "store/reactions.h"

/* Reactions come newest message first, as the page does: both are walked once. A page that becomes
 * too large for them ends before the message at which it does. bytes: what it has without them. */
static void add_reactions(struct tx *tx, const struct chats_head *head, struct message_page *page,
                          size_t bytes)
{
    struct message *m = page->items, *end = m + page->n;
    size_t cap = 0;
    struct reactions_listed r;
    struct db_rows *rows =
        reactions_list(tx->db, head->app, head->chat, end[-1].seq, page->items[0].seq);
    while (reactions_next(rows, &r)) {
        while (m < end && m->seq > r.message_seq) {
            m++;
            cap = 0;
        }
        if (m == end || m->seq != r.message_seq)
            continue;
        bytes += 2 * sizeof *m->reactions + r.reaction.n;
        if (bytes > MESSAGE_PAGE_BYTES && m > page->items) {
            page->n = (size_t)(m - page->items);
            db_done(rows);
            break;
        }
        if (m->n_reactions == cap) {
            cap = cap ? cap * 2 : 4;
            struct message_reaction *more = arena_array(tx->arena, struct message_reaction, cap);
            if (m->n_reactions)
                memcpy(more, m->reactions, m->n_reactions * sizeof *more);
            m->reactions = more;
        }
        m->reactions[m->n_reactions++] =
            (struct message_reaction){.id = r.id,
                                      .sender_id = r.sender_id,
                                      .reaction = arena_str(tx->arena, r.reaction),
                                      .created_at = r.time};
    }
}

Err message_history(struct tx *tx, const struct actor *a, Id chat_id, int64_t size, Id cursor,
                    struct message_page *out)
{
    *out = (struct message_page){0};
    if (size < 1)
        return tx_fail(tx, ERR_INVALID_FIELD, "size is 1 to %d.", MESSAGE_PAGE);
    if (size > MESSAGE_PAGE)
        size = MESSAGE_PAGE;
    struct chat_access chat;
    Err e = chat_access(tx, a, chat_id, CHAT_READ, &chat);
    if (e)
        return e;
    struct messages_row row;
    int64_t before = INT64_MAX;
    if (!id_is_nil(cursor)) {
        if (!messages_find(tx->db, a->app, chat.head.chat, cursor, tx->arena, &row))
            return tx_done(tx, ERR_UNKNOWN_CURSOR);
        before = row.seq;
    }
    out->items = arena_array(tx->arena, struct message, (size_t)size);
    struct db_rows *rows = messages_page(tx->db, a->app, chat.head.chat, before, size);
    size_t bytes = 0;
    while (messages_next(rows, &row)) {
        bytes += sizeof *out->items + row.text.n + row.sender_name.n + row.original.text.n;
        if (out->n == (size_t)size || (out->n && bytes > MESSAGE_PAGE_BYTES)) {
            db_done(rows);
            break;
        }
        out->items[out->n++] =
            (struct message){.id = row.id,
                             .sender_id = row.sender_id,
                             .sender_name = arena_str(tx->arena, row.sender_name),
                             .seq = row.seq,
                             .time = row.time,
                             .edited_at = row.edited_at,
                             .text = arena_str(tx->arena, row.text),
                             .reply_to = message_event_original(&row, tx->arena)};
    }
    if (out->n) {
        add_reactions(tx, &chat.head, out, bytes);
        if (out->items[0].seq > chat.member.read_seq)
            out->mark_seq = out->items[0].seq;
    }
    return tx_done(tx, ERR_OK);
}

/* Who was in the chat from its first event on. */
static void add_founders(struct tx *tx, struct event *e, struct arena *arena)
{
    enum { MOST = 1000 }; /* of one createChat */
    int64_t *members = arena_array(arena, int64_t, MOST);
    struct db_rows *rows = members_joined_at(tx->db, e->app, e->chat, e->seq, MOST);
    for (int64_t user; members_joined_next(rows, &user);) {
        must(e->n_members < MOST);
        members[e->n_members++] = user;
    }
    e->members = members;
}

static void replay_row(struct tx *tx, const struct events_row *row, struct event_list *out)
{
    struct event *e = event_add(out, (enum event_type)row->type);
    e->app = row->app;
    e->chat = row->chat;
    e->seq = row->seq;
    e->position = row->position;
    e->time = row->time;
    e->sender = row->sender;
    e->target = row->target;
    e->chat_id = row->chat_id;
    e->sender_id = row->sender_id;
    e->message_id = row->message_id;
    e->parent_id = row->parent_id;
    e->target_id = row->target_id;
    if (row->text.p)
        e->text = arena_str(&out->arena, row->text);
    if (row->username.p)
        e->username = arena_str(&out->arena, row->username);
    if (e->type == EVENT_NEW_CHAT)
        add_founders(tx, e, &out->arena);
}

/* Whether one more event fits: its text and that of its original, and what the arena wastes when it
 * grows for them. */
static bool fits(const struct tx *tx, const struct arena *arena)
{
    enum { UTF8_MOST = 4, WASTE = 256 * 1024 };
    size_t most = 2 * UTF8_MOST * (size_t)tx->rules->message_length + WASTE;
    return arena->used < arena->max && arena->max - arena->used > most;
}

/* Both runs are in seq order and no seq is in both: they are merged. */
Err message_replay(struct tx *tx, int64_t app, int64_t chat, int64_t from, int64_t to, size_t limit,
                   struct event_list *out)
{
    struct messages_row message;
    struct events_row event;
    struct db_rows *messages = messages_between(tx->db, app, chat, from, to, (int64_t)limit);
    struct db_rows *events = events_between(tx->db, app, chat, from, to, (int64_t)limit);
    bool more_messages = messages_next(messages, &message);
    bool more_events = events_next(events, &event);
    for (size_t n = 0; n < limit && (more_messages || more_events); n++) {
        if (n && !fits(tx, &out->arena))
            break;
        if (more_messages && (!more_events || message.seq < event.seq)) {
            message_event(&message, app, chat, &out->arena, event_add(out, EVENT_SEND_MSG));
            more_messages = messages_next(messages, &message);
        } else {
            replay_row(tx, &event, out);
            more_events = events_next(events, &event);
        }
    }
    db_done(messages);
    db_done(events);
    return tx_done(tx, ERR_OK);
}
