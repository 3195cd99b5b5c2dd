#include "domain/user.h"

#include "domain/chat.h"
#include "domain/text.h"
#include "store/answers.h"
#include "store/apps.h"
#include "store/users.h"

/* Chats that a user leaves in the transaction that deletes it; the rest follow in small jobs. */
enum { LEAVE_AT_ONCE = 500 };

static void from_row(const struct users_row *row, struct user_profile *out)
{
    *out = (struct user_profile){
        .user = row->user,
        .id = row->id,
        .username = row->username,
        .email = row->email,
        .first_name = row->first_name,
        .sur_name = row->sur_name,
    };
}

Err user_check_new(struct tx *tx, const struct user_new *u, Str password)
{
    Err e = text_username(tx, "username", u->username);
    if (!e)
        e = text_email(tx, "email", u->email);
    if (!e)
        e = text_password(tx, "password", password);
    if (!e)
        e = text_optional_name(tx, "firstName", u->first_name);
    return e ? e : text_optional_name(tx, "surName", u->sur_name);
}

static Str copy_or_null(struct tx *tx, Str s)
{
    return s.n ? arena_str(tx->arena, s) : (Str){0};
}

Err user_register(struct tx *tx, int64_t app, const struct user_new *u, struct user_profile *out)
{
    /* Hashing took time: the app may be another than the one that asked. */
    Str status;
    Str tier;
    if (!apps_standing(tx->db, app, tx->arena, &status, &tier))
        return tx_done(tx, ERR_AUTH_INVALID_API_KEY);
    if (!str_eq(status, S("ACTIVE")))
        return ERR_APP_SUSPENDED;
    struct users_row row = {
        .id = id_new(tx->now),
        .username = arena_str(tx->arena, u->username),
        .username_key = text_key(u->username, tx->arena),
        .email = arena_str(tx->arena, u->email),
        .email_key = text_key(u->email, tx->arena),
        .password = u->password_hash,
        .first_name = copy_or_null(tx, u->first_name),
        .sur_name = copy_or_null(tx, u->sur_name),
        .created_at = tx->now,
    };
    row.user = users_insert(tx->db, app, &row);
    if (!row.user) {
        struct users_row other;
        bool named = users_by_name(tx->db, app, row.username_key, tx->arena, &other);
        return tx_done(tx, named ? ERR_USERNAME_TAKEN : ERR_EMAIL_TAKEN);
    }
    from_row(&row, out);
    return ERR_OK;
}

Err user_for_signin(struct tx *tx, int64_t app, Str username, struct user_profile *out,
                    Str *password_hash)
{
    struct users_row row;
    if (users_by_name(tx->db, app, text_key(username, tx->arena), tx->arena, &row)) {
        from_row(&row, out);
        *password_hash = row.password;
        return ERR_OK;
    }
    *out = (struct user_profile){0};
    *password_hash = tx->rules->decoy_hash;
    return tx_done(tx, ERR_OK);
}

Err user_get(struct tx *tx, const struct actor *a, struct user_profile *out)
{
    struct users_row row;
    if (!users_find(tx->db, a->app, a->user, tx->arena, &row))
        return tx_done(tx, ERR_AUTH_INVALID_TOKEN);
    from_row(&row, out);
    return ERR_OK;
}

Err user_rename(struct tx *tx, const struct actor *a, Str username)
{
    Err e = text_username(tx, "newUsername", username);
    if (e)
        return e;
    struct users_row other;
    Str key = text_key(username, tx->arena);
    if (users_by_name(tx->db, a->app, key, tx->arena, &other) && other.user != a->user)
        return ERR_USERNAME_TAKEN;
    if (!users_rename(tx->db, a->app, a->user, username, key))
        return tx_done(tx, ERR_AUTH_INVALID_TOKEN);
    return ERR_OK;
}

Err user_delete(struct tx *tx, const struct actor *a)
{
    bool more;
    Err e = chat_leave_all(tx, a->app, a->user, LEAVE_AT_ONCE, &more);
    if (e)
        return e;
    if (!users_end(tx->db, a->app, a->user, tx->now))
        return tx_done(tx, ERR_AUTH_INVALID_TOKEN);
    users_end_sessions(tx->db, a->app, a->user, tx->now);
    answers_forget(tx->db, a->app, a->user);
    struct event *gone = event_add(tx->events, EVENT_USER_GONE);
    gone->app = a->app;
    gone->target = a->user;
    return tx_done(tx, ERR_OK);
}
