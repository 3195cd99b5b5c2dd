#include "domain/chat_log.h"

#include "base/mem.h"
#include "store/events.h"

static Str copy(struct arena *arena, Str s)
{
    return s.p ? arena_str(arena, s) : s;
}

int64_t chat_log_time(const struct tx *tx, const struct chats_head *head)
{
    bool believed = head->last_time - tx->now <= CHAT_TIME_AHEAD_MS;
    return believed && head->last_time > tx->now ? head->last_time : tx->now;
}

static struct event *publish(struct tx *tx, const struct chats_head *head,
                             const struct event *draft)
{
    must(tx->events);
    struct arena *arena = &tx->events->arena;
    struct event *e = event_add(tx->events, draft->type);
    uint32_t number = e->number;
    *e = *draft;
    e->number = number;
    e->app = head->app;
    e->chat = head->chat;
    e->chat_id = head->id;
    e->text = copy(arena, draft->text);
    e->username = copy(arena, draft->username);
    return e;
}

/* The text that the log keeps: that of a message or a reaction is looked up when it is read. */
static Str stored_text(const struct event *e)
{
    return e->type == EVENT_EDIT_MSG || e->type == EVENT_REACT ? (Str){0} : e->text;
}

int64_t chat_log(struct tx *tx, struct chats_head *head, const struct event *draft)
{
    struct event *e = publish(tx, head, draft);
    e->time = head->last_time = chat_log_time(tx, head);
    e->seq = ++head->last_seq;
    e->position = db_position(tx->db);
    struct events_row row = {
        .position = e->position,
        .app = e->app,
        .chat = e->chat,
        .seq = e->seq,
        .type = e->type,
        .sender = e->sender,
        .sender_id = e->sender_id,
        .message_id = e->message_id,
        .parent_id = e->parent_id,
        .target = e->target,
        .target_id = e->target_id,
        .text = stored_text(e),
        .time = e->time,
    };
    events_insert(tx->db, &row);
    chats_set_head(tx->db, head);
    return e->time;
}

void chat_log_unstored(struct tx *tx, const struct chats_head *head, const struct event *draft)
{
    struct event *e = publish(tx, head, draft);
    e->time = tx->now;
    e->position = db_last_position(tx->db);
}
