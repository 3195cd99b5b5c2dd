#include "domain/chat.h"

#include "domain/chat_access.h"
#include "domain/chat_counts.h"
#include "domain/chat_leave.h"
#include "domain/chat_log.h"
#include "domain/text.h"
#include "store/messages.h"

#include <stdlib.h>

enum { NAMES_MAX = 1000, GROUP = 2 /* members, and more is a group */ };

static int by_number(const void *x, const void *y)
{
    int64_t a = *(const int64_t *)x, b = *(const int64_t *)y;
    return (a > b) - (a < b);
}

/* Sorts, and keeps one of each; returns how many are left. */
static size_t distinct(int64_t *numbers, size_t n)
{
    size_t kept = 0;
    qsort(numbers, n, sizeof *numbers, by_number);
    for (size_t i = 0; i < n; i++)
        if (!kept || numbers[kept - 1] != numbers[i])
            numbers[kept++] = numbers[i];
    return kept;
}

static Err no_such_user(struct tx *tx, Str username)
{
    enum { CAN_BE = TEXT_USERNAME_MAX * 4 }; /* bytes; a longer one would be cut in the sentence */
    if (username.n > CAN_BE)
        return tx_done(tx, ERR_USER_NOT_FOUND);
    return tx_done(tx, tx_fail(tx, ERR_USER_NOT_FOUND, "There is no user \"" STR_FMT "\".",
                               STR_ARG(username)));
}

static Err in_too_many(struct tx *tx, const struct members_user *user)
{
    return tx_fail(tx, ERR_USER_CHAT_LIMIT, "\"" STR_FMT "\" is in as many chats as a user may be.",
                   STR_ARG(user->username));
}

/* Room for one more in an array of the arena that holds n items of cap. */
static void *grow(struct arena *arena, void *items, size_t n, size_t *cap, size_t size)
{
    if (n < *cap)
        return items;
    size_t more = *cap ? *cap * 2 : 16;
    void *moved = arena_alloc(arena, more * size);
    if (n)
        memcpy(moved, items, n * size);
    *cap = more;
    return moved;
}

/* The row numbers of the *n named, the actor's own among them, each once; *n goes down to those. */
static Err find_named(struct tx *tx, const struct actor *a, const Str *usernames, int64_t *members,
                      size_t *n)
{
    bool own = false;
    for (size_t i = 0; i < *n; i++) {
        struct members_user user;
        Str key = text_key(usernames[i], tx->arena);
        if (!members_user_named(tx->db, a->app, key, tx->arena, &user))
            return no_such_user(tx, usernames[i]);
        if (!chat_counts_room(tx, a->app, user.user))
            return tx_done(tx, in_too_many(tx, &user));
        members[i] = user.user;
        own = own || user.user == a->user;
    }
    *n = distinct(members, *n);
    if (!own)
        return tx_fail(tx, ERR_INVALID_FIELD, "userNames must hold your own name.");
    if (*n < 2)
        return tx_fail(tx, ERR_INVALID_FIELD, "userNames must hold two or more users.");
    return (int64_t)*n > tx->rules->chat_members ? ERR_CHAT_FULL : ERR_OK;
}

Err chat_create(struct tx *tx, const struct actor *a, Str name, const Str *usernames, size_t n,
                struct chat_details *out)
{
    Err e = chat_access_app(tx, a->app);
    if (!e)
        e = text_name(tx, "chatName", name);
    if (e)
        return e;
    if (n < 2 || n > NAMES_MAX)
        return tx_fail(tx, ERR_INVALID_FIELD, "userNames must hold 2 to %d names.", NAMES_MAX);
    int64_t *members = arena_array(&tx->events->arena, int64_t, n);
    e = find_named(tx, a, usernames, members, &n);
    if (e)
        return e;
    struct chats_head head = {.app = a->app,
                              .id = id_new(tx->now),
                              .creator = a->user,
                              .created_at = tx->now,
                              .last_time = tx->now,
                              .activity_at = tx->now,
                              .member_count = (int64_t)n};
    head.chat = chats_insert(tx->db, &head, name);
    struct event event = {.type = EVENT_NEW_CHAT,
                          .sender = a->user,
                          .sender_id = a->user_id,
                          .text = name,
                          .members = members,
                          .n_members = n};
    chat_log(tx, &head, &event);
    for (size_t i = 0; i < n; i++) {
        members_insert(tx->db, &(struct members_join){.app = a->app,
                                                      .chat = head.chat,
                                                      .user = members[i],
                                                      .seq = head.last_seq,
                                                      .time = head.created_at});
        chat_counts_joined(tx, a->app, members[i]);
    }
    *out = (struct chat_details){.id = head.id,
                                 .name = arena_str(tx->arena, name),
                                 .creator_id = a->user_id,
                                 .created_at = head.created_at,
                                 .group = n > GROUP,
                                 .last_seq = head.last_seq,
                                 .activity_at = head.activity_at};
    return tx_done(tx, ERR_OK);
}

/* A cursor is the last row's place: activity and id, "1777118400123-<uuid>". */
static Str cursor_write(struct arena *arena, const struct chat_details *last)
{
    char id[ID_TEXT];
    id_format(last->id, id);
    return arena_fmt(arena, "%lld-%.*s", (long long)last->activity_at, ID_TEXT, id);
}

static bool cursor_read(Str cursor, struct chats_place *out)
{
    Str id = cursor;
    uint64_t activity;
    if (!str_to_uint(str_cut(&id, '-'), INT64_MAX, &activity))
        return false;
    out->activity_at = (int64_t)activity;
    return id_parse(id, &out->id);
}

Err chat_list(struct tx *tx, const struct actor *a, int64_t page, int64_t size, Str cursor,
              struct chat_details **out, size_t *n, Str *next)
{
    struct chats_place place = {.activity_at = INT64_MAX};
    *n = 0;
    *next = S("");
    if (size < 1)
        return tx_fail(tx, ERR_INVALID_FIELD, "size is 1 to %d.", CHAT_PAGE);
    if (size > CHAT_PAGE)
        size = CHAT_PAGE;
    if (page < 0 || page > INT32_MAX)
        return tx_fail(tx, ERR_INVALID_FIELD, "page is 0 to %d.", INT32_MAX);
    if (cursor.n && !cursor_read(cursor, &place))
        return tx_fail(tx, ERR_INVALID_FIELD, "cursor must be one that this endpoint gave.");
    Err e = chat_access_app(tx, a->app);
    if (e)
        return e;
    place.offset = cursor.n ? 0 : page * size;
    *out = arena_array(tx->arena, struct chat_details, (size_t)size);
    struct chats_listed row;
    /* One more than asked for tells whether there is a next page. */
    struct db_rows *rows =
        chats_list(tx->db, a->app, a->user, place, size + 1, tx->rules->unread_most);
    while (chats_list_next(rows, &row)) {
        if (*n == (size_t)size) {
            *next = cursor_write(tx->arena, &(*out)[*n - 1]);
            db_done(rows);
            break;
        }
        (*out)[(*n)++] = (struct chat_details){
            .id = row.id,
            .name = arena_str(tx->arena, row.name),
            .creator_id = row.creator_id,
            .created_at = row.created_at,
            .last_time = row.last_time,
            .last_message = row.last_message.p ? arena_str(tx->arena, row.last_message) : (Str){0},
            .group = row.member_count > GROUP,
            .unread = row.unread,
            .last_seq = row.last_seq,
            .activity_at = row.activity_at};
    }
    return tx_done(tx, ERR_OK);
}

Err chat_members(struct tx *tx, const struct actor *a, Id chat_id, int64_t size,
                 struct chat_place *place, struct chat_member **out, size_t *n, bool *more)
{
    struct chat_access chat;
    *n = 0;
    *more = false;
    Err e = chat_access(tx, a, chat_id, CHAT_READ, &chat);
    if (e)
        return e;
    if (!place->until)
        place->until = chat.head.last_seq;
    const struct members_place after = {place->seq, place->user, place->until};
    *out = arena_array(tx->arena, struct chat_member, (size_t)size);
    struct members_listed row;
    struct db_rows *rows = members_list(tx->db, a->app, chat.head.chat, &after, size + 1);
    while (members_list_next(rows, &row)) {
        if (*n == (size_t)size) {
            *more = true;
            db_done(rows);
            break;
        }
        (*out)[(*n)++] = (struct chat_member){.user_id = row.user_id,
                                              .username = arena_str(tx->arena, row.username),
                                              .joined_at = row.joined_at,
                                              .last_seen = row.last_seen,
                                              .user = row.user,
                                              .seen_at = row.seen_at};
        place->seq = row.joined_seq;
        place->user = row.user_id;
    }
    return tx_done(tx, ERR_OK);
}

Err chat_add(struct tx *tx, const struct actor *a, Id chat_id, Str username)
{
    struct chat_access chat;
    struct members_user user;
    struct members_row member;
    Err e = chat_access(tx, a, chat_id, CHAT_CHANGE, &chat);
    if (e)
        return e;
    struct chats_head *head = &chat.head;
    Str key = text_key(username, tx->arena);
    if (!members_user_named(tx->db, a->app, key, tx->arena, &user))
        return no_such_user(tx, username);
    if (members_find(tx->db, a->app, head->chat, user.user, &member))
        return ERR_ALREADY_MEMBER;
    if (head->member_count >= tx->rules->chat_members)
        return tx_done(tx, ERR_CHAT_FULL);
    if (!chat_counts_room(tx, a->app, user.user))
        return tx_done(tx, in_too_many(tx, &user));
    int64_t newest = messages_last_seq(tx->db, a->app, head->chat);
    struct event event = {.type = EVENT_USER_JOIN,
                          .sender = a->user,
                          .sender_id = a->user_id,
                          .target = user.user,
                          .target_id = user.id,
                          .username = user.username};
    int64_t time = chat_log(tx, head, &event);
    members_insert(tx->db, &(struct members_join){.app = a->app,
                                                  .chat = head->chat,
                                                  .user = user.user,
                                                  .seq = head->last_seq,
                                                  .time = time,
                                                  .read_seq = newest});
    chat_counts_joined(tx, a->app, user.user);
    head->member_count++;
    chats_set_members(tx->db, head);
    return tx_done(tx, ERR_OK);
}

Err chat_remove(struct tx *tx, const struct actor *a, Id chat_id, Id user_id)
{
    struct chat_access chat;
    struct members_user who;
    Err e = chat_access(tx, a, chat_id, CHAT_CHANGE, &chat);
    if (e)
        return e;
    if (!id_eq(user_id, a->user_id) && !chat_is_led_by(tx, a, &chat.head))
        return ERR_NOT_THE_CREATOR;
    if (!members_user_in(tx->db, a->app, chat.head.chat, user_id, tx->arena, &who))
        return tx_done(tx, ERR_MEMBER_NOT_FOUND);
    chat_leave(tx, &chat.head, &who);
    return tx_done(tx, ERR_OK);
}

Err chat_rename(struct tx *tx, const struct actor *a, Id chat_id, Str name)
{
    struct chat_access chat;
    Err e = chat_access(tx, a, chat_id, CHAT_CHANGE, &chat);
    if (!e)
        e = text_name(tx, "newChatName", name);
    if (e)
        return e;
    struct event event = {
        .type = EVENT_CHAT_RENAMED, .sender = a->user, .sender_id = a->user_id, .text = name};
    chat_log(tx, &chat.head, &event);
    chats_set_name(tx->db, a->app, chat.head.chat, name);
    return tx_done(tx, ERR_OK);
}

Err chat_delete(struct tx *tx, const struct actor *a, Id chat_id)
{
    struct chat_access chat;
    Err e = chat_access(tx, a, chat_id, CHAT_CHANGE, &chat);
    if (e)
        return e;
    if (!chat_is_led_by(tx, a, &chat.head))
        return ERR_NOT_THE_CREATOR;
    chat_leave_for_good(tx, &chat.head, &(struct members_user){.user = a->user, .id = a->user_id});
    return tx_done(tx, ERR_OK);
}

Err chat_heads(struct tx *tx, int64_t app, int64_t user, struct chat_head **out, size_t *n)
{
    size_t cap = 0;
    struct chat_head head;
    *n = 0;
    *out = NULL;
    Err e = chat_access_app(tx, app);
    if (e)
        return e;
    struct db_rows *rows = chats_heads(tx->db, app, user);
    while (chats_heads_next(rows, &head.chat, &head.last_seq)) {
        if (*n == CHAT_HEADS) {
            db_done(rows);
            return tx_fail(tx, ERR_OVERLOADED, "You are in more than %d chats.", CHAT_HEADS);
        }
        *out = grow(tx->arena, *out, *n, &cap, sizeof **out);
        (*out)[(*n)++] = head;
    }
    return tx_done(tx, ERR_OK);
}

Err chat_people(struct tx *tx, int64_t app, int64_t chat, int64_t max, struct chat_people *out)
{
    *out = (struct chat_people){0};
    if (!members_chat_size(tx->db, app, chat, &out->last_seq, &out->members) || out->members > max)
        return tx_done(tx, ERR_OK);
    out->items = arena_array(tx->arena, struct chat_person, (size_t)out->members);
    struct db_rows *rows = members_people(tx->db, app, chat, out->members);
    for (struct chat_person *p = out->items;
         out->n < (size_t)out->members && members_people_next(rows, &p->user, &p->id, &p->seen_at);
         p++)
        out->n++;
    db_done(rows);
    return tx_done(tx, ERR_OK);
}
