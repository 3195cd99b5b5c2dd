/*
 * Changing, reacting, reading. What an event says is decided here, under the chat's lock: who asks
 * is checked first, then whether there is anything to do.
 */
#include "domain/message.h"

#include "domain/chat_access.h"
#include "domain/chat_leave.h"
#include "domain/chat_log.h"
#include "domain/message_text.h"
#include "domain/text.h"
#include "store/events.h"
#include "store/messages.h"
#include "store/reactions.h"

/* A message of the chat, with the chat locked; a tombstone has text.p NULL. */
static Err enter(struct tx *tx, const struct actor *a, Id chat_id, Id message_id,
                 struct chat_access *chat, struct messages_row *row)
{
    Err e = chat_access(tx, a, chat_id, CHAT_CHANGE, chat);
    if (e)
        return e;
    if (!messages_find(tx->db, a->app, chat->head.chat, message_id, tx->arena, row))
        return tx_done(tx, ERR_MESSAGE_NOT_FOUND);
    return ERR_OK;
}

static struct event draft(enum event_type type, const struct actor *a, Id message_id)
{
    return (struct event){
        .type = type, .sender = a->user, .sender_id = a->user_id, .message_id = message_id};
}

Err message_edit(struct tx *tx, const struct actor *a, Id chat_id, Id message_id, Str text)
{
    struct chat_access chat;
    struct messages_row row;
    Err e = message_text_check(tx, text);
    if (!e)
        e = enter(tx, a, chat_id, message_id, &chat, &row);
    if (e)
        return e;
    if (!row.text.p)
        return ERR_MESSAGE_NOT_FOUND;
    if (row.sender != a->user)
        return ERR_NOT_THE_SENDER;
    struct event event = draft(EVENT_EDIT_MSG, a, message_id);
    event.text = text;
    int64_t time = chat_log(tx, &chat.head, &event);
    messages_edit(tx->db, a->app, chat.head.chat, row.seq, text, time);
    return tx_done(tx, ERR_OK);
}

Err message_delete(struct tx *tx, const struct actor *a, Id chat_id, Id message_id)
{
    struct chat_access chat;
    struct messages_row row;
    Err e = enter(tx, a, chat_id, message_id, &chat, &row);
    if (e)
        return e;
    if (row.sender != a->user && !chat_is_led_by(tx, a, &chat.head))
        return ERR_NOT_THE_SENDER;
    if (!row.text.p)
        return tx_done(tx, ERR_OK);
    struct event event = draft(EVENT_DELETE_MSG, a, message_id);
    int64_t time = chat_log(tx, &chat.head, &event);
    messages_bury(tx->db, a->app, chat.head.chat, row.seq, time);
    if (row.time == chat.head.activity_at)
        chats_refresh_activity(tx->db, a->app, chat.head.chat, 0);
    return tx_done(tx, ERR_OK);
}

/* Whether one more reaction may be added; *there when it is there already. One that others have
 * spelled first is spelled as they did. */
static Err check_reaction(struct tx *tx, const struct actor *a, const struct chats_head *head,
                          int64_t seq, Str *reaction, bool *there)
{
    struct reactions_listed row;
    size_t all = 0, of_user = 0;
    bool spelled = false;
    struct db_rows *rows = reactions_list(tx->db, a->app, head->chat, seq, seq);
    *there = false;
    for (; reactions_next(rows, &row); all++) {
        bool own = id_eq(row.sender_id, a->user_id);
        of_user += own;
        if (spelled ? !str_eq(row.reaction, *reaction) : !text_same_sign(row.reaction, *reaction))
            continue;
        if (!spelled)
            *reaction = arena_str(tx->arena, row.reaction);
        spelled = true;
        *there = *there || own;
    }
    if (*there)
        return ERR_OK;
    if (of_user >= MESSAGE_REACTIONS_OF_USER)
        return tx_fail(tx, ERR_FORBIDDEN, "You have %d reactions on this message; take one back.",
                       MESSAGE_REACTIONS_OF_USER);
    if (all >= MESSAGE_REACTIONS)
        return tx_fail(tx, ERR_FORBIDDEN, "A message takes at most %d reactions.",
                       MESSAGE_REACTIONS);
    return ERR_OK;
}

Err message_react(struct tx *tx, const struct actor *a, Id chat_id, Id message_id, Str reaction)
{
    if (reaction.n == 0 || reaction.n > TEXT_SIGN_MAX)
        return tx_fail(tx, ERR_INVALID_FIELD, "reaction is 1 to %d bytes.", TEXT_SIGN_MAX);
    struct chat_access chat;
    struct messages_row row;
    Err e = enter(tx, a, chat_id, message_id, &chat, &row);
    if (e)
        return e;
    if (!row.text.p)
        return ERR_MESSAGE_NOT_FOUND;
    bool there;
    e = check_reaction(tx, a, &chat.head, row.seq, &reaction, &there);
    if (e || there)
        return e;
    struct event event = draft(EVENT_REACT, a, id_new(tx->now));
    event.parent_id = message_id;
    event.text = reaction;
    int64_t time = chat_log(tx, &chat.head, &event);
    reactions_insert(tx->db, &(struct reactions_new){.app = a->app,
                                                     .chat = chat.head.chat,
                                                     .message_seq = row.seq,
                                                     .id = event.message_id,
                                                     .user = a->user,
                                                     .reaction = reaction,
                                                     .time = time});
    return tx_done(tx, ERR_OK);
}

Err message_unreact(struct tx *tx, const struct actor *a, Id reaction_id)
{
    Err e = chat_access_app(tx, a->app);
    if (e)
        return e;
    struct reactions_row row;
    if (!reactions_find(tx->db, a->app, reaction_id, &row))
        return tx_done(tx, events_had_reaction(tx->db, a->app, reaction_id, a->user)
                               ? ERR_OK
                               : ERR_REACTION_NOT_FOUND);
    struct chat_access chat;
    e = chat_access(tx, a, row.chat_id, CHAT_CHANGE, &chat);
    if (e)
        return e;
    if (row.user != a->user)
        return ERR_NOT_THE_OWNER;
    /* Found before the chat was locked: another may have been quicker. */
    if (!reactions_delete(tx->db, a->app, reaction_id))
        return tx_done(tx, ERR_OK);
    struct event event = draft(EVENT_DELETE_REACT, a, reaction_id);
    chat_log(tx, &chat.head, &event);
    return tx_done(tx, ERR_OK);
}

/* Nothing but the actor's own row changes, so the chat need not be locked. */
static Err mark(struct tx *tx, const struct actor *a, const struct chat_access *chat,
                const struct messages_row *row)
{
    if (row->seq <= chat->member.read_seq ||
        !members_mark(tx->db, a->app, chat->head.chat, a->user, row->seq))
        return tx_done(tx, ERR_OK);
    struct event event = draft(EVENT_READ_MSG, a, row->id);
    event.target = row->sender;
    event.audience = (size_t)chat->head.member_count;
    chat_log_unstored(tx, &chat->head, &event);
    return tx_done(tx, ERR_OK);
}

Err message_read(struct tx *tx, const struct actor *a, Id chat_id, Id message_id)
{
    struct chat_access chat;
    struct messages_row row;
    Err e = chat_access(tx, a, chat_id, CHAT_READ, &chat);
    if (e)
        return e;
    if (!messages_find(tx->db, a->app, chat.head.chat, message_id, tx->arena, &row))
        return tx_done(tx, ERR_MESSAGE_NOT_FOUND);
    return mark(tx, a, &chat, &row);
}

Err message_mark(struct tx *tx, const struct actor *a, Id chat_id, int64_t seq)
{
    struct chat_access chat;
    struct messages_row row;
    Err e = chat_access(tx, a, chat_id, CHAT_READ, &chat);
    if (e)
        return e;
    if (!messages_at(tx->db, a->app, chat.head.chat, seq, tx->arena, &row))
        return tx_done(tx, ERR_MESSAGE_NOT_FOUND);
    return mark(tx, a, &chat, &row);
}

Err message_typing(struct tx *tx, const struct actor *a, Id chat_id)
{
    struct chat_access chat;
    Err e = chat_access(tx, a, chat_id, CHAT_READ, &chat);
    if (e)
        return e;
    struct event event = draft(EVENT_TYPING, a, (Id){{0}});
    chat_log_unstored(tx, &chat.head, &event);
    return tx_done(tx, ERR_OK);
}
