/*
 * Every statement that looks at a sign-in joins its user, and one that looks at a ticket joins
 * both, so that they are dead with the user; tickets are not looked for when a user goes.
 */
#include "store/users.h"

SQL(user_insert, "insert into users (app, uuid, username, username_key, email, email_key, password,"
                 " first_name, sur_name, created_at)"
                 " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
                 " on conflict do nothing returning id");

#define USER                                                                                       \
    "select id, uuid, username, email, password, first_name, sur_name, created_at from users"      \
    " where app = $1 and deleted_at is null"

SQL(user_find, USER " and id = $2");
SQL(user_by_name, USER " and username_key = $2");

SQL(user_rename, "update users set username = $3, username_key = $4"
                 " where app = $1 and id = $2 and deleted_at is null");

/* The name stays until the chats are left: its removal empties it. */
SQL(user_end, "update users set deleted_at = $3, email = '', email_key = '', password = '',"
              " first_name = null, sur_name = null"
              " where app = $1 and id = $2 and deleted_at is null");

SQL(user_removal, "insert into removals (app, kind, user_id, created_at, due_at)"
                  " values ($1, 'user', $2, $3, $3)");

SQL(user_actor, "select a.id, a.status, u.id, s.id from apps a"
                " left join users u on u.app = a.id and u.uuid = $2 and u.deleted_at is null"
                " left join sessions s on s.app = a.id and s.uuid = $3 and s.user_id = u.id"
                "  and s.revoked_at is null and s.expires_at > $4"
                " where a.uuid = $1 and a.deleted_at is null");

SQL(session_insert, "insert into sessions (app, uuid, user_id, refresh_hash, created_at, used_at,"
                    " expires_at) values ($1, $2, $3, $4, $5, $5, $6)");

SQL(session_find,
    "select s.id, s.uuid, s.user_id, s.expires_at from sessions s"
    " join users u on u.app = s.app and u.id = s.user_id and u.deleted_at is null"
    " where s.app = $1 and s.refresh_hash = $2 and s.revoked_at is null and s.expires_at > $3");

SQL(session_slide, "update sessions set expires_at = $3, used_at = $4 where app = $1 and id = $2");

SQL(session_end,
    "update sessions set revoked_at = $3 where app = $1 and id = $2 and revoked_at is null");

SQL(session_end_all,
    "update sessions set revoked_at = $3 where app = $1 and user_id = $2 and revoked_at is null");

/* Of those of a user the oldest, beyond $3 of them: whether each is live at $5. */
SQL(session_oldest, "select id, case when revoked_at is null and expires_at > $5 then 1 else 0 end"
                    " from sessions where app = $1 and user_id = $2"
                    " order by id desc limit $4 offset $3");
SQL(session_forget, "delete from sessions where app = $1 and id = $2");

SQL(session_live, "select count(*) from sessions s"
                  " join users u on u.app = s.app and u.id = s.user_id and u.deleted_at is null"
                  " where s.app = $1 and s.id = $2 and s.user_id = $3 and s.revoked_at is null"
                  " and s.expires_at > $4");

SQL(ticket_insert, "insert into tickets (app, hash, user_id, session, expires_at)"
                   " values ($1, $2, $3, $4, $5)");

SQL(ticket_spend, "update tickets set spent_at = $3"
                  " where app = $1 and hash = $2 and spent_at is null and expires_at > $3");

/* A SockJS opening spends it for everything but another such opening, until one is claimed:
 * spent_at then holds the opening's number, below zero. */
SQL(ticket_open, "update tickets set spent_at = coalesce(spent_at, 0) - 1"
                 " where app = $1 and hash = $2 and (spent_at is null or spent_at < 0)"
                 " and expires_at > $3 returning -spent_at");

SQL(ticket_claim,
    "update tickets set spent_at = $3 where app = $1 and hash = $2 and spent_at = $4");

SQL(ticket_read, "select a.id, a.uuid, u.id, u.uuid, s.id, s.uuid, a.status, a.tier from tickets t"
                 " join apps a on a.id = t.app and a.deleted_at is null"
                 " join users u on u.app = t.app and u.id = t.user_id and u.deleted_at is null"
                 " join sessions s on s.app = t.app and s.id = t.session and s.user_id = t.user_id"
                 "  and s.revoked_at is null and s.expires_at > $3"
                 " where t.app = $1 and t.hash = $2");

int64_t users_insert(struct db *db, int64_t app, const struct users_row *row)
{
    return db_number(db, &user_insert,
                     ARGS(v_int(app), v_id(row->id), v_text(row->username),
                          v_text(row->username_key), v_text(row->email), v_text(row->email_key),
                          v_text(row->password), v_text(row->first_name), v_text(row->sur_name),
                          v_int(row->created_at)));
}

static bool find(struct db_rows *rows, struct arena *arena, struct users_row *out)
{
    bool found = db_next(rows);
    if (found)
        *out = (struct users_row){
            .user = db_int(rows, 0),
            .id = db_id(rows, 1),
            .username = db_text_copy(rows, 2, arena),
            .email = db_text_copy(rows, 3, arena),
            .password = db_text_copy(rows, 4, arena),
            .first_name = db_text_copy(rows, 5, arena),
            .sur_name = db_text_copy(rows, 6, arena),
            .created_at = db_int(rows, 7),
        };
    db_done(rows);
    return found;
}

bool users_find(struct db *db, int64_t app, int64_t user, struct arena *arena,
                struct users_row *out)
{
    return find(db_query(db, &user_find, ARGS(v_int(app), v_int(user))), arena, out);
}

bool users_by_name(struct db *db, int64_t app, Str username_key, struct arena *arena,
                   struct users_row *out)
{
    return find(db_query(db, &user_by_name, ARGS(v_int(app), v_text(username_key))), arena, out);
}

bool users_rename(struct db *db, int64_t app, int64_t user, Str username, Str username_key)
{
    return db_run(db, &user_rename,
                  ARGS(v_int(app), v_int(user), v_text(username), v_text(username_key))) == 1;
}

bool users_end(struct db *db, int64_t app, int64_t user, int64_t now)
{
    if (db_run(db, &user_end, ARGS(v_int(app), v_int(user), v_int(now))) != 1)
        return false;
    db_run(db, &user_removal, ARGS(v_int(app), v_int(user), v_int(now)));
    return true;
}

bool users_find_actor(struct db *db, int64_t now, struct users_actor *actor)
{
    struct db_rows *rows = db_query(
        db, &user_actor,
        ARGS(v_id(actor->app_id), v_id(actor->user_id), v_id(actor->session_id), v_int(now)));
    bool found = db_next(rows);
    if (found) {
        actor->app = db_int(rows, 0);
        actor->suspended = !str_eq(db_text(rows, 1), S("ACTIVE"));
        actor->user = db_int(rows, 2);
        actor->session = db_int(rows, 3);
    }
    db_done(rows);
    return found;
}

void users_add_session(struct db *db, int64_t app, const struct users_session *session,
                       Str refresh_hash, int64_t now)
{
    db_run(db, &session_insert,
           ARGS(v_int(app), v_id(session->id), v_int(session->user), v_bytes(refresh_hash),
                v_int(now), v_int(session->expires_at)));
}

bool users_find_session(struct db *db, int64_t app, Str refresh_hash, int64_t now,
                        struct users_session *out)
{
    struct db_rows *rows =
        db_query(db, &session_find, ARGS(v_int(app), v_bytes(refresh_hash), v_int(now)));
    bool found = db_next(rows);
    if (found)
        *out = (struct users_session){
            .session = db_int(rows, 0),
            .id = db_id(rows, 1),
            .user = db_int(rows, 2),
            .expires_at = db_int(rows, 3),
        };
    db_done(rows);
    return found;
}

void users_slide_session(struct db *db, int64_t app, const struct users_session *session,
                         int64_t now)
{
    db_run(db, &session_slide,
           ARGS(v_int(app), v_int(session->session), v_int(session->expires_at), v_int(now)));
}

void users_end_session(struct db *db, int64_t app, int64_t session, int64_t now)
{
    db_run(db, &session_end, ARGS(v_int(app), v_int(session), v_int(now)));
}

void users_end_sessions(struct db *db, int64_t app, int64_t user, int64_t now)
{
    db_run(db, &session_end_all, ARGS(v_int(app), v_int(user), v_int(now)));
}

size_t users_forget_sessions(struct db *db, int64_t app, int64_t user, int64_t kept, int64_t now,
                             int64_t live[USERS_AT_ONCE])
{
    int64_t all[USERS_AT_ONCE];
    size_t n = 0, n_live = 0;
    struct db_rows *rows =
        db_query(db, &session_oldest,
                 ARGS(v_int(app), v_int(user), v_int(kept), v_int(USERS_AT_ONCE), v_int(now)));
    for (; n < USERS_AT_ONCE && db_next(rows); n++) {
        all[n] = db_int(rows, 0);
        if (db_int(rows, 1))
            live[n_live++] = all[n];
    }
    db_done(rows);
    for (size_t i = 0; i < n; i++)
        db_run(db, &session_forget, ARGS(v_int(app), v_int(all[i])));
    return n_live;
}

bool users_session_live(struct db *db, int64_t app, int64_t user, int64_t session, int64_t now)
{
    return db_number(db, &session_live,
                     ARGS(v_int(app), v_int(session), v_int(user), v_int(now))) == 1;
}

void users_add_ticket(struct db *db, int64_t app, const struct users_ticket *ticket, Str hash)
{
    db_run(db, &ticket_insert,
           ARGS(v_int(app), v_bytes(hash), v_int(ticket->user), v_int(ticket->session),
                v_int(ticket->expires_at)));
}

bool users_spend_ticket(struct db *db, int64_t app, Str hash, int64_t now)
{
    return db_run(db, &ticket_spend, ARGS(v_int(app), v_bytes(hash), v_int(now))) == 1;
}

int64_t users_open_ticket(struct db *db, int64_t app, Str hash, int64_t now)
{
    return db_number(db, &ticket_open, ARGS(v_int(app), v_bytes(hash), v_int(now)));
}

bool users_claim_ticket(struct db *db, int64_t app, Str hash, int64_t opening, int64_t now)
{
    return db_run(db, &ticket_claim,
                  ARGS(v_int(app), v_bytes(hash), v_int(now), v_int(-opening))) == 1;
}

bool users_read_ticket(struct db *db, int64_t app, Str hash, int64_t now, struct arena *arena,
                       struct users_actor *out)
{
    struct db_rows *rows = db_query(db, &ticket_read, ARGS(v_int(app), v_bytes(hash), v_int(now)));
    bool found = db_next(rows);
    if (found)
        *out = (struct users_actor){
            .app = db_int(rows, 0),
            .app_id = db_id(rows, 1),
            .user = db_int(rows, 2),
            .user_id = db_id(rows, 3),
            .session = db_int(rows, 4),
            .session_id = db_id(rows, 5),
            .suspended = !str_eq(db_text(rows, 6), S("ACTIVE")),
            .tier = db_text_copy(rows, 7, arena),
        };
    db_done(rows);
    return found;
}
