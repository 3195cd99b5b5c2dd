/*
 * Chats and messages over REST: what a user's JWT opens on the chat listener. A page of history is
 * rendered by its reader and only then, when the reader's mark has to move, goes to the writer: the
 * one writer of a store should never spend its time on making text.
 */
#include "api/request.h"

#include "domain/chat.h"
#include "domain/message.h"
#include "domain/replay.h"
#include "realtime/cursor.h"
#include "realtime/render.h"

enum {
    NAMES_MAX = 1000, /* members named in one createChat */
    CHATS_DEFAULT = 20,
    MESSAGES_DEFAULT = 50,
    MEMBERS_DEFAULT = 100,
    MEMBERS_PART = 500, /* read and sent at once, where no page is asked for */
    SYNC_DEFAULT = 100,
    SYNC_BYTES = 32 * 1024 * 1024, /* of a page's texts */
    PAGE_JSON = 32 * 1024 * 1024,  /* bytes of a page of history, from which on it ends early */
};

/* What the endpoints take; each uses its part. */
struct input {
    Id chat_id;
    Id other_id; /* a user, or the message that is the cursor */
    Str name;    /* of a chat or a user */
    Str *names;
    size_t n_names;
    int64_t page;
    int64_t size;
    Str cursor;
    struct chat_place place; /* in a list of members */
    bool begun;              /* the list's first part is made */
    int64_t mark_seq;
    bool mark; /* the page is read by someone, so the reader's mark moves */
};

static struct input *input_new(struct request *r)
{
    r->data = arena_new(&r->arena, struct input);
    return r->data;
}

/* ----- chats ----- */

static void put_chat(struct json_writer *w, const struct chat_details *c)
{
    json_object_begin(w);
    json_field_id(w, "chatId", c->id);
    json_field_string(w, "chatName", c->name);
    json_field_time_or_null(w, "lastMessageTimestamp", c->last_time);
    json_field_string_or_null(w, "lastMessage", c->last_message);
    json_field_time(w, "createdAt", c->created_at);
    json_field_id(w, "creator", c->creator_id);
    json_field_bool(w, "groupChat", c->group);
    json_field_int(w, "unreadCount", c->unread);
    json_field_int(w, "lastSeq", c->last_seq);
    json_object_end(w);
}

static Err create_decode(struct request *r)
{
    struct input *in = input_new(r);
    Err e = request_string(r, "chatName", &in->name);
    if (e)
        return e;
    enum json_found found =
        json_get_strings(r->json, "userNames", &r->arena, &in->names, &in->n_names);
    if (found != JSON_FOUND || in->n_names > NAMES_MAX)
        return request_fail(r, ERR_INVALID_FIELD,
                            "userNames must be an array of at most %d strings, each a username.",
                            NAMES_MAX);
    return ERR_OK;
}

static Err create_run(struct request *r, struct tx *tx)
{
    const struct input *in = r->data;
    struct json_writer w = {.out = &r->out};
    struct chat_details chat;
    Err e = chat_create(tx, &r->actor, in->name, in->names, in->n_names, &chat);
    if (e)
        return e;
    put_chat(&w, &chat);
    r->status = 201;
    return ERR_OK;
}

static Err list_decode(struct request *r)
{
    struct input *in = input_new(r);
    Err e = request_number(r, "page", 0, INT32_MAX, 0, &in->page);
    if (!e)
        e = request_size(r, "size", CHAT_PAGE, CHATS_DEFAULT, &in->size);
    return e ? e : request_query(r, "cursor", &in->cursor);
}

static Err list_run(struct request *r, struct tx *tx)
{
    const struct input *in = r->data;
    struct json_writer w = {.out = &r->out};
    struct chat_details *chats;
    size_t n;
    Str next;
    Err e = chat_list(tx, &r->actor, in->page, in->size, in->cursor, &chats, &n, &next);
    if (e)
        return e;
    json_object_begin(&w);
    json_field_array(&w, "chats");
    for (size_t i = 0; i < n; i++)
        put_chat(&w, &chats[i]);
    json_array_end(&w);
    json_field_string_or_null(&w, "nextCursor", next.n ? next : (Str){0});
    json_object_end(&w);
    return ERR_OK;
}

/* "<seq>-<user id>" */
static bool read_member_place(Str text, struct chat_place *out)
{
    uint64_t seq;
    if (!str_hex_to_uint(str_cut(&text, '-'), INT64_MAX, &seq) || !id_parse(text, &out->user))
        return false;
    out->seq = (int64_t)seq;
    out->until = INT64_MAX;
    return true;
}

static Str member_place_text(struct request *r, const struct chat_place *place)
{
    char user[ID_TEXT];
    id_format(place->user, user);
    return arena_fmt(&r->arena, "%llx-%.36s", (unsigned long long)place->seq, user);
}

static Err members_decode(struct request *r)
{
    struct input *in = input_new(r);
    Str cursor;
    Err e = request_id(r, r->params[0], "chatId", &in->chat_id);
    if (!e)
        e = request_query(r, "cursor", &cursor);
    if (!e)
        e = request_size(r, "size", MEMBER_PAGE, cursor.n ? MEMBERS_DEFAULT : 0, &in->size);
    if (!e && cursor.n && !read_member_place(cursor, &in->place))
        e = request_fail(r, ERR_INVALID_FIELD, "cursor must be one that this endpoint gave.");
    return e;
}

static void put_members(struct request *r, struct json_writer *w, struct chat_member *members,
                        size_t n)
{
    request_online(r, members, n);
    for (size_t i = 0; i < n; i++) {
        json_object_begin(w);
        json_field_id(w, "userId", members[i].user_id);
        json_field_string(w, "username", members[i].username);
        json_field_time(w, "joinedChatAt", members[i].joined_at);
        json_field_id_or_null(w, "lastSeenMessage", members[i].last_seen);
        json_field_bool(w, "online", members[i].online);
        json_field_time_or_null(w, "lastSeenAt", members[i].online ? 0 : members[i].seen_at);
        json_object_end(w);
    }
}

/* A page when one is asked for; else all, part by part. */
static Err members_run(struct request *r, struct tx *tx)
{
    struct input *in = r->data;
    bool first = !in->begun;
    struct json_writer w = {.out = &r->out, .comma = !first};
    struct chat_member *members;
    size_t n;
    bool more;
    Err e = chat_members(tx, &r->actor, in->chat_id, in->size ? in->size : MEMBERS_PART, &in->place,
                         &members, &n, &more);
    if (e)
        return e;
    if (first) {
        json_object_begin(&w);
        json_field_array(&w, "users");
    }
    put_members(r, &w, members, n);
    in->begun = true;
    r->more = more && !in->size;
    if (r->more)
        return ERR_OK;
    json_array_end(&w);
    json_field_string_or_null(&w, "nextCursor", more ? member_place_text(r, &in->place) : (Str){0});
    json_object_end(&w);
    return ERR_OK;
}

static Err add_decode(struct request *r)
{
    struct input *in = input_new(r);
    Err e = request_string_id(r, "chatId", &in->chat_id);
    return e ? e : request_string(r, "newUsername", &in->name);
}

static Err add_run(struct request *r, struct tx *tx)
{
    const struct input *in = r->data;
    Err e = chat_add(tx, &r->actor, in->chat_id, in->name);
    return e ? e : request_empty(r);
}

static Err remove_decode(struct request *r)
{
    struct input *in = input_new(r);
    Err e = request_string_id(r, "chatId", &in->chat_id);
    return e ? e : request_string_id(r, "removeUser", &in->other_id);
}

static Err remove_run(struct request *r, struct tx *tx)
{
    const struct input *in = r->data;
    Err e = chat_remove(tx, &r->actor, in->chat_id, in->other_id);
    return e ? e : request_empty(r);
}

static Err rename_decode(struct request *r)
{
    struct input *in = input_new(r);
    Err e = request_string_id(r, "chatId", &in->chat_id);
    return e ? e : request_string(r, "newChatName", &in->name);
}

static Err rename_run(struct request *r, struct tx *tx)
{
    const struct input *in = r->data;
    Err e = chat_rename(tx, &r->actor, in->chat_id, in->name);
    return e ? e : request_empty(r);
}

static Err delete_decode(struct request *r)
{
    Str text;
    Err e = request_query(r, "chatId", &text);
    if (!e && !text.p)
        e = request_fail(r, ERR_INVALID_FIELD,
                         "chatId is missing in the query; it must be a UUID.");
    return e ? e : request_id(r, text, "chatId", &input_new(r)->chat_id);
}

static Err delete_run(struct request *r, struct tx *tx)
{
    const struct input *in = r->data;
    Err e = chat_delete(tx, &r->actor, in->chat_id);
    return e ? e : request_empty(r);
}

/* ----- messages ----- */

/* The fields that a message and the original of a reply have in common. */
static void put_text(struct json_writer *w, Id chat_id, const struct event_original *m)
{
    json_field_id(w, "chatId", chat_id);
    json_field_time(w, "timeStamp", m->time);
    json_field_id(w, "messageId", m->message_id);
    json_field_id(w, "senderId", m->sender_id);
    json_field_string(w, "content", m->text);
    json_field_bool(w, "edited", m->edited_at != 0);
    json_field_time_or_null(w, "editedAt", m->edited_at);
}

static void put_reaction(struct json_writer *w, Id chat_id, Id message_id,
                         const struct message_reaction *reaction)
{
    json_object_begin(w);
    json_field_id(w, "reactionId", reaction->id);
    json_field_id(w, "chatId", chat_id);
    json_field_id(w, "messageId", message_id);
    json_field_id(w, "senderId", reaction->sender_id);
    json_field_string(w, "reaction", reaction->reaction);
    json_field_time(w, "createdAt", reaction->created_at);
    json_object_end(w);
}

static void put_message(struct json_writer *w, Id chat_id, const struct message *m)
{
    const struct event_original own = {m->id, m->sender_id, m->time, m->edited_at, m->text};
    json_object_begin(w);
    put_text(w, chat_id, &own);
    json_field_string(w, "senderName", m->sender_name);
    if (m->reply_to) {
        json_field_object(w, "replyTo");
        put_text(w, chat_id, m->reply_to);
        json_object_end(w);
    } else {
        json_field_null(w, "replyTo");
    }
    json_field_array(w, "reactions");
    for (size_t i = 0; i < m->n_reactions; i++)
        put_reaction(w, chat_id, m->id, &m->reactions[i]);
    json_array_end(w);
    json_object_end(w);
}

static Err history_decode(struct request *r)
{
    struct input *in = input_new(r);
    Str cursor;
    Err e = request_id(r, r->params[0], "chatId", &in->chat_id);
    if (!e)
        e = request_size(r, "size", MESSAGE_PAGE, MESSAGES_DEFAULT, &in->size);
    if (!e)
        e = request_flag(r, "mark", true, &in->mark);
    if (!e)
        e = request_query(r, "lastMessage", &cursor);
    if (e || !cursor.n)
        return e;
    e = request_id(r, cursor, "lastMessage", &in->other_id);
    if (!e && id_is_nil(in->other_id)) /* which to the rules means none */
        e = ERR_UNKNOWN_CURSOR;
    return e;
}

static Err history_read(struct request *r, struct tx *tx)
{
    struct input *in = r->data;
    struct json_writer w = {.out = &r->out};
    struct message_page page;
    Err e = message_history(tx, &r->actor, in->chat_id, in->size, in->other_id, &page);
    if (e)
        return e;
    json_object_begin(&w);
    json_field_array(&w, "messages");
    for (size_t i = 0; i < page.n && w.out->n < PAGE_JSON; i++)
        put_message(&w, in->chat_id, &page.items[i]);
    json_array_end(&w);
    json_object_end(&w);
    in->mark_seq = page.mark_seq;
    if (!page.mark_seq || !in->mark || r->head.method == HTTP_HEAD)
        request_finish(r);
    return ERR_OK;
}

static Err history_mark(struct request *r, struct tx *tx)
{
    const struct input *in = r->data;
    return message_mark(tx, &r->actor, in->chat_id, in->mark_seq);
}

/* ----- what one who was away has missed ----- */

static Err sync_decode(struct request *r)
{
    struct input *in = input_new(r);
    Err e = request_number(r, "limit", 1, REPLAY_PAGE, SYNC_DEFAULT, &in->size);
    return e ? e : request_query(r, "cursor", &in->cursor);
}

/* Where the one who has got that far goes on, and whether there is more at once. */
static void put_place(struct json_writer *w, int64_t position, int64_t marks, bool complete,
                      bool more)
{
    struct buf cursor = BUF(64);
    cursor_of_replay(&cursor, position, marks);
    json_array_end(w);
    json_field_string(w, "cursor", buf_str(&cursor));
    json_field_bool(w, "complete", complete);
    json_field_bool(w, "hasMore", more);
    json_object_end(w);
    buf_free(&cursor);
}

/* The plan is of this transaction's own snapshot, so nothing of it can be lost. */
static Err put_events(struct request *r, struct tx *tx, const struct replay *replay, int64_t from,
                      struct json_writer *w)
{
    const struct input *in = r->data;
    struct event_list page = {.arena = ARENA(SYNC_BYTES + REPLAY_SPARE)};
    size_t limit = (size_t)in->size, at = 0;
    bool lost;
    Err e = replay_page(tx, replay, &at, limit, SYNC_BYTES, &page, &lost);
    bool all = at == replay->n_entries;
    for (size_t i = 0; !e && i < page.n; i++) {
        if (i)
            buf_byte(w->out, ',');
        render_body(w->out, &page.items[i], r->actor.user_id);
    }
    event_list_free(&page);
    all |= lost; /* of its own snapshot: the store is broken, so the rest is not to be had */
    int64_t last = at ? replay->entries[at - 1].position : 0;
    put_place(w,
              all           ? replay->position
              : last > from ? last
                            : from,
              all ? replay->marks_end : last, !lost, !all);
    return e;
}

static Err sync_run(struct request *r, struct tx *tx)
{
    const struct input *in = r->data;
    struct json_writer w = {.out = &r->out};
    struct replay replay = {.complete = true};
    struct replay_cursor cursor = cursor_read(in->cursor);
    int64_t end = replay_end(tx);
    Err e = in->cursor.n ? replay_plan(tx, r->actor.app, r->actor.user, &cursor, &replay) : ERR_OK;
    if (e)
        return e;
    json_object_begin(&w);
    json_field_array(&w, "events");
    if (in->cursor.n && replay.complete)
        return put_events(r, tx, &replay, cursor.position, &w);
    if (!replay.complete)
        render_resync(w.out, replay.resync, replay.n_resync);
    put_place(&w, end, end, replay.complete, false);
    return ERR_OK;
}

const struct route routes_chat[] = {
    {HTTP_POST,
     "/api/chat/createChat",
     AUTH_USER,
     create_decode,
     {{JOB_WRITE, create_run}},
     ROUTE_JSON | ROUTE_IDEMPOTENT},
    {HTTP_GET, "/api/chat/getChats", AUTH_USER, list_decode, {{JOB_READ, list_run}}, ROUTE_PAGE},
    {HTTP_GET,
     "/api/chat/getUsers/{chatId}",
     AUTH_USER,
     members_decode,
     {{JOB_READ, members_run}},
     ROUTE_PAGE},
    {HTTP_POST,
     "/api/chat/addUser",
     AUTH_USER,
     add_decode,
     {{JOB_WRITE, add_run}},
     ROUTE_JSON | ROUTE_IDEMPOTENT},
    {HTTP_POST,
     "/api/chat/removeUser",
     AUTH_USER,
     remove_decode,
     {{JOB_WRITE, remove_run}},
     ROUTE_JSON},
    {HTTP_POST,
     "/api/chat/changeName",
     AUTH_USER,
     rename_decode,
     {{JOB_WRITE, rename_run}},
     ROUTE_JSON},
    {HTTP_DELETE, "/api/chat/deleteChat", AUTH_USER, delete_decode, {{JOB_WRITE, delete_run}}, 0},
    {HTTP_GET,
     "/api/messages/getMessages/{chatId}",
     AUTH_USER,
     history_decode,
     {{JOB_READ, history_read}, {JOB_WRITE, history_mark}},
     ROUTE_SPARE_WRITE | ROUTE_PAGE},
    {HTTP_GET, "/api/sync", AUTH_USER, sync_decode, {{JOB_RESUME, sync_run}}, ROUTE_PAGE},
    {.path = NULL},
};
