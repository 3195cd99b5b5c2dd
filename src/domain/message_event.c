#include "domain/message_event.h"

static Str copy(struct arena *arena, Str s)
{
    return s.p ? arena_str(arena, s) : s;
}

const struct event_original *message_event_original(const struct messages_row *row,
                                                    struct arena *arena)
{
    if (!row->has_original)
        return NULL;
    struct event_original *o = arena_new(arena, struct event_original);
    *o = (struct event_original){
        .message_id = row->original.id,
        .sender_id = row->original.sender_id,
        .time = row->original.time,
        .edited_at = row->original.edited_at,
        .text = copy(arena, row->original.text),
    };
    return o;
}

void message_event(const struct messages_row *row, int64_t app, int64_t chat, struct arena *arena,
                   struct event *e)
{
    *e = (struct event){
        .type = row->reply_to ? EVENT_REPLY : EVENT_SEND_MSG,
        .app = app,
        .chat = chat,
        .seq = row->seq,
        .position = row->position,
        .time = row->time,
        .sender = row->sender,
        .chat_id = row->chat_id,
        .sender_id = row->sender_id,
        .message_id = row->id,
        .text = copy(arena, row->text),
        .client_message_id = copy(arena, row->client_id),
        .original = message_event_original(row, arena),
    };
}
