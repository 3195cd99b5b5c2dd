/*
 * One table of what each type shows beside chat, recipient and sender, in the order of the
 * documented examples.
 */
#include "realtime/render.h"

#include "base/mem.h"
#include "codec/json.h"
#include "realtime/cursor.h"

#include <stdatomic.h>

enum { FRAME_MAX = 1024 * 1024, HEAD_MAX = 256 };

static const char *const type_names[] = {
    [EVENT_SEND_MSG] = "SEND_MSG",
    [EVENT_EDIT_MSG] = "EDIT_MSG",
    [EVENT_DELETE_MSG] = "DELETE_MSG",
    [EVENT_REPLY] = "REPLY",
    [EVENT_TYPING] = "TYPING",
    [EVENT_REACT] = "REACT",
    [EVENT_DELETE_REACT] = "DELETE_REACT",
    [EVENT_READ_MSG] = "READ_MSG",
    [EVENT_USER_JOIN] = "USER_JOIN",
    [EVENT_USER_LEAVE] = "USER_LEAVE",
    [EVENT_NEW_CHAT] = "NEW_CHAT",
    [EVENT_DELETE_CHAT] = "DELETE_CHAT",
    [EVENT_CHAT_RENAMED] = "CHAT_RENAMED",
};

enum shows {
    TIME = 1,
    TEXT = 2,
    MESSAGE_ID = 4,
    EDITED_AT = 8,
    REPLY_TO = 16,
    PARENT_ID = 32,
    TARGET = 64, /* message: the new member's id; username */
};

static const unsigned shown[] = {
    [EVENT_SEND_MSG] = TIME | TEXT | MESSAGE_ID,
    [EVENT_EDIT_MSG] = TEXT | MESSAGE_ID | EDITED_AT,
    [EVENT_DELETE_MSG] = TIME | MESSAGE_ID,
    [EVENT_REPLY] = TIME | TEXT | MESSAGE_ID | REPLY_TO,
    [EVENT_TYPING] = 0,
    [EVENT_REACT] = TIME | TEXT | MESSAGE_ID | PARENT_ID,
    [EVENT_DELETE_REACT] = MESSAGE_ID,
    [EVENT_READ_MSG] = MESSAGE_ID,
    [EVENT_USER_JOIN] = TARGET,
    [EVENT_USER_LEAVE] = TIME | TEXT,
    [EVENT_NEW_CHAT] = TIME | TEXT,
    [EVENT_DELETE_CHAT] = 0,
    [EVENT_CHAT_RENAMED] = TIME | TEXT,
};

static void reply_to(struct json_writer *w, const struct event *e)
{
    const struct event_original *o = e->original;
    if (!o) {
        json_field_null(w, "replyTo");
        return;
    }
    json_field_object(w, "replyTo");
    json_field_id(w, "chatId", e->chat_id);
    json_field_time(w, "timeStamp", o->time);
    json_field_id(w, "messageId", o->message_id);
    json_field_id(w, "senderId", o->sender_id);
    json_field_string(w, "content", o->text);
    json_field_bool(w, "edited", o->edited_at != 0);
    json_field_time_or_null(w, "editedAt", o->edited_at);
    json_object_end(w);
}

/* The body; returns where the recipient's id stands in it. */
static size_t body(struct buf *out, const struct event *e, Str id, Id recipient)
{
    struct json_writer w = {.out = out};
    unsigned shows = shown[e->type];
    json_object_begin(&w);
    json_field_string(&w, "type", str_of(type_names[e->type]));
    if (shows & TIME)
        json_field_time(&w, "timeStamp", e->time);
    json_field_id(&w, "chatId", e->chat_id);
    if (shows & TEXT)
        json_field_string(&w, "message", e->text.p ? e->text : S(""));
    if (shows & TEXT && shows & MESSAGE_ID && !e->text.p)
        json_field_bool(&w, "deleted", true);
    if (shows & TARGET) {
        json_field_id(&w, "message", e->target_id);
        json_field_string(&w, "username", e->username.n ? e->username : S("A user")); /* deleted */
    }
    if (shows & MESSAGE_ID)
        json_field_id(&w, "messageId", e->message_id);
    if (shows & PARENT_ID)
        json_field_id(&w, "parentMessageId", e->parent_id);
    if (shows & REPLY_TO)
        reply_to(&w, e);
    json_key(&w, "recipientId");
    size_t at = out->n + 1;
    json_put_id(&w, recipient);
    json_field_id(&w, "senderId", e->sender_id);
    if (shows & EDITED_AT)
        json_field_time(&w, "editedAt", e->time);
    if (e->client_message_id.n)
        json_field_string(&w, "clientMessageId", e->client_message_id);
    if (e->seq) {
        json_field_string(&w, "eventId", id);
        json_field_int(&w, "seq", e->seq);
    }
    json_object_end(&w);
    return at;
}

static struct blob *frame(Str id, Str json, size_t recipient)
{
    struct buf out = BUF(FRAME_MAX + HEAD_MAX);
    buf_add(&out, S(RENDER_ID));
    buf_add(&out, id);
    buf_add(&out, S("\ncontent-type:application/json\ncontent-length:"));
    buf_uint(&out, json.n);
    buf_add(&out, S("\n\n"));
    size_t start = out.n;
    buf_add(&out, json);
    buf_add(&out, S("\0"));
    must(!out.overflow);
    struct blob *b = blob_new(buf_str(&out), recipient ? (uint32_t)(start + recipient) : 0);
    buf_free(&out);
    return b;
}

struct blob *render_event(const struct event *e)
{
    struct buf id = BUF(64), json = BUF(FRAME_MAX);
    cursor_of_event(&id, e);
    size_t recipient = body(&json, e, buf_str(&id), (Id){{0}});
    struct blob *b = frame(buf_str(&id), buf_str(&json), recipient);
    buf_free(&id);
    buf_free(&json);
    return b;
}

void render_body(struct buf *out, const struct event *e, Id recipient)
{
    struct buf id = BUF(64);
    cursor_of_event(&id, e);
    body(out, e, buf_str(&id), recipient);
    buf_free(&id);
}

void render_resync(struct buf *out, const Id *chats, size_t n)
{
    struct json_writer w = {.out = out};
    json_object_begin(&w);
    json_field_string(&w, "type", S("RESYNC"));
    json_field_array(&w, "chats");
    for (size_t i = 0; i < n; i++)
        json_put_id(&w, chats[i]);
    json_array_end(&w);
    json_object_end(&w);
}

/* recipient: where its id stands in the body; 0: nowhere. */
static struct blob *note(Str json, size_t recipient, int64_t position)
{
    static atomic_uint notes;
    struct buf id = BUF(64);
    cursor_of_note(&id, position, atomic_fetch_add(&notes, 1));
    struct blob *b = frame(buf_str(&id), json, recipient);
    buf_free(&id);
    return b;
}

struct blob *render_note(Str json, int64_t position)
{
    return note(json, 0, position);
}

struct blob *render_presence(Id user, bool there, int64_t seen, int64_t position)
{
    struct buf json = BUF(1024);
    struct json_writer w = {.out = &json};
    json_object_begin(&w);
    json_field_string(&w, "type", S("PRESENCE"));
    json_field_id(&w, "userId", user);
    json_field_string(&w, "status", there ? S("ONLINE") : S("OFFLINE"));
    json_field_time_or_null(&w, "lastSeenAt", there ? 0 : seen);
    json_key(&w, "recipientId");
    size_t recipient = json.n + 1;
    json_put_id(&w, (Id){{0}});
    json_field_id(&w, "senderId", user);
    json_object_end(&w);
    struct blob *b = note(buf_str(&json), recipient, position);
    buf_free(&json);
    return b;
}
