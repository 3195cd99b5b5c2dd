#include "domain/chat_leave.h"

#include "domain/chat.h"
#include "domain/chat_counts.h"
#include "domain/chat_log.h"

static Str farewell(struct tx *tx, Str username)
{
    return username.n ? arena_fmt(tx->arena, STR_FMT " left the Chat", STR_ARG(username))
                      : S("A user left the Chat");
}

void chat_leave_for_good(struct tx *tx, struct chats_head *head, const struct members_user *who)
{
    struct event event = {.type = EVENT_DELETE_CHAT, .sender = who->user, .sender_id = who->id};
    int64_t time = chat_log(tx, head, &event);
    chats_end(tx->db, head->app, head->chat, time);
}

void chat_leave(struct tx *tx, struct chats_head *head, const struct members_user *who)
{
    if (!members_end(tx->db, head->app, head->chat, who->user, head->last_seq + 1))
        return;
    chat_counts_left(tx, head->app, who->user);
    struct event event = {.type = EVENT_USER_LEAVE,
                          .sender = who->user,
                          .sender_id = who->id,
                          .target = who->user,
                          .target_id = who->id,
                          .text = farewell(tx, who->username)};
    chat_log(tx, head, &event);
    head->member_count--;
    int64_t heir = head->creator;
    if (heir == who->user)
        heir = members_heir(tx->db, head->app, head->chat, who->user);
    if (heir)
        head->creator = heir;
    chats_set_members(tx->db, head);
    if (!heir || head->member_count == 0)
        chat_leave_for_good(tx, head, who);
}

bool chat_is_led_by(struct tx *tx, const struct actor *a, struct chats_head *head)
{
    struct members_user who;
    if (head->creator != a->user &&
        members_deleted_user(tx->db, head->app, head->creator, tx->arena, &who)) {
        chat_leave(tx, head, &who);
        chats_refresh_activity(tx->db, head->app, head->chat, who.user);
        if (!chats_lock(tx->db, head->app, head->id, head))
            return false;
    }
    return head->creator == a->user;
}

Err chat_leave_all(struct tx *tx, int64_t app, int64_t user, size_t limit, bool *more)
{
    struct members_user who;
    *more = false;
    if (!members_user(tx->db, app, user, tx->arena, &who))
        return tx_done(tx, ERR_OK);
    Id *chats = arena_array(tx->arena, Id, limit + 1);
    size_t n = 0;
    struct db_rows *rows = members_chats(tx->db, app, user, (int64_t)limit + 1);
    while (n <= limit && members_chats_next(rows, &chats[n]))
        n++;
    db_done(rows);
    *more = n > limit;
    for (size_t i = 0; i < n && i < limit; i++) {
        struct chats_head head;
        if (!chats_lock(tx->db, app, chats[i], &head))
            continue;
        chat_leave(tx, &head, &who);
        chats_refresh_activity(tx->db, app, head.chat, user);
    }
    return tx_done(tx, ERR_OK);
}
