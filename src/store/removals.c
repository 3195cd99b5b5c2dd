/*
 * Rows are deleted by key, found by a limited subselect: neither engine has a limit on a delete.
 * The kinds of a removal are lists of such statements, run in order until the limit is used up.
 */
#include "store/removals.h"

#include "base/mem.h"
#include "store/chats.h"
#include "store/epochs.h"

static const char *const kinds[] = {
    [REMOVALS_CHAT] = "chat",
    [REMOVALS_CHAT_END] = "chat_end",
    [REMOVALS_USER] = "user",
    [REMOVALS_APP] = "app",
};

SQL(removal_next, "select id, kind, app, chat, user_id, created_at, progress from removals"
                  " where due_at <= $1 order by due_at, id limit 1");
SQL(removal_later,
    "update removals set kind = $2, due_at = $3, chat = $4, progress = $5 where id = $1");
SQL(removal_done, "delete from removals where id = $1");

/* $1 app, $2 chat, $3 and $4 seqs, $5 now. */
SQL(chat_bury, "update messages set text = null, extra = null, client_id = null,"
               " client_hash = null, deleted_at = coalesce(deleted_at, $5)"
               " where app = $1 and chat = $2 and seq > $3 and seq <= $4");
SQL(chat_last_seq, "select last_seq from chats where app = $1 and id = $2");

/* Of a chat: $1 app, $2 chat, $3 limit. */
SQL(chat_reactions, "delete from reactions where app = $1 and id in"
                    " (select id from reactions where app = $1 and chat = $2 limit $3)");
SQL(chat_messages, "delete from messages where app = $1 and id in"
                   " (select id from messages where app = $1 and chat = $2 limit $3)");
SQL(chat_members, "delete from members where app = $1 and chat = $2 and (user_id, joined_seq) in"
                  " (select user_id, joined_seq from members where app = $1 and chat = $2"
                  "  limit $3)");
SQL(chat_events, "delete from events where app = $1 and id in"
                 " (select id from events where app = $1 and chat = $2 limit $3)");
SQL(chat_log_end, "select id from events where app = $1 and chat = $2 order by seq desc limit 1");
SQL(chat_row, "delete from chats where app = $1 and id in"
              " (select id from chats where app = $1 and id = $2 limit $3)");

/* Of a user: $1 app, $2 user, $3 limit. */
SQL(user_reactions, "delete from reactions where app = $1 and id in"
                    " (select id from reactions where app = $1 and user_id = $2 limit $3)");
SQL(user_sessions, "delete from sessions where app = $1 and id in"
                   " (select id from sessions where app = $1 and user_id = $2 limit $3)");
SQL(user_answers, "delete from first_answers where app = $1 and owner = $2 and key in"
                  " (select key from first_answers where app = $1 and owner = $2 limit $3)");

/* In the order of the index, so that the one under way stays first. */
SQL(user_membership_next,
    "select mb.chat, mb.joined_seq, coalesce(mb.left_seq, c.last_seq, 0) from members mb"
    " left join chats c on c.app = mb.app and c.id = mb.chat"
    " where mb.app = $1 and mb.user_id = $2 order by mb.left_seq, mb.chat limit 1");
SQL(user_messages, "select seq from messages where app = $1 and chat = $2 and seq > $3"
                   " and seq <= $4 and sender = $5 and deleted_at is null order by seq limit $6");
SQL(user_message_reactions, "delete from reactions where app = $1 and id in"
                            " (select id from reactions where app = $1 and chat = $2"
                            "  and message_seq = $3 limit $4)");
SQL(user_message_bury, "update messages set text = null, extra = null, client_id = null,"
                       " client_hash = null,"
                       " deleted_at = $4 where app = $1 and chat = $2 and seq = $3");

/* Type 10: USER_LEAVE. */
SQL(user_farewell, "update events set text = 'A user left the Chat'"
                   " where app = $1 and chat = $2 and seq = $3 and type = 10");
SQL(user_membership, "delete from members"
                     " where app = $1 and chat = $2 and user_id = $3 and joined_seq = $4");
SQL(user_name, "update users set username = '', username_key = '', email = '', email_key = '',"
               " password = '', first_name = null, sur_name = null, last_seen_at = null,"
               " online_on = null where app = $1 and id = $2");

/* Of an app: $1 app, $2 limit. */
#define OF_APP(table)                                                                              \
    "delete from " table " where app = $1 and id in"                                               \
    " (select id from " table " where app = $1 limit $2)"
SQL(app_reactions, OF_APP("reactions"));
SQL(app_messages, OF_APP("messages"));
SQL(app_events, OF_APP("events"));
SQL(app_chats, OF_APP("chats"));
SQL(app_sessions, OF_APP("sessions"));
SQL(app_users, OF_APP("users"));
SQL(app_keys, OF_APP("api_keys"));
SQL(app_members, "delete from members where app = $1 and (chat, user_id, joined_seq) in"
                 " (select chat, user_id, joined_seq from members where app = $1 limit $2)");
SQL(app_tickets, "delete from tickets where app = $1 and hash in"
                 " (select hash from tickets where app = $1 limit $2)");
SQL(app_answers, "delete from first_answers where app = $1 and (owner, key) in"
                 " (select owner, key from first_answers where app = $1 limit $2)");
SQL(app_active, "delete from active_users where app = $1 and (day, user_id) in"
                " (select day, user_id from active_users where app = $1 limit $2)");
SQL(app_clusters, "delete from app_clusters where app = $1 and cluster in"
                  " (select cluster from app_clusters where app = $1 limit $2)");
/* One that was used stays as long as its usage does. */
SQL(app_row, "delete from apps where id in (select id from apps a where a.id = $1"
             " and a.deleted_at is not null"
             " and not exists (select 1 from usage_days where app = a.id) limit $2)");
SQL(app_removals, "delete from removals where id in"
                  " (select id from removals where app = $1 and kind <> 'app' limit $2)");

/* Of all: $1 time, $2 limit. */
SQL(expired_events,
    "delete from events where (app, id) in"
    " (select app, id from events where created_at < $1 order by created_at, id limit $2)");
SQL(expired_events_last,
    "select max(id) from"
    " (select id from events where created_at < $1 order by created_at, id limit $2) e");
SQL(expired_answers, "delete from first_answers where (app, owner, key) in"
                     " (select app, owner, key from first_answers where created_at < $1"
                     "  order by created_at limit $2)");
/* Those that are opened but not claimed wait a minute longer: they may be, after their expiry. */
SQL(expired_tickets, "delete from tickets where (app, hash) in"
                     " (select app, hash from tickets where expires_at < $1"
                     "  and (spent_at is null or spent_at > 0 or expires_at < $1 - 60000)"
                     "  order by expires_at limit $2)");
SQL(expired_sessions, "delete from sessions where (app, id) in (select app, id from sessions"
                      " where expires_at < $1 order by expires_at limit $2)");

/* The tokens of a family go before it. */
SQL(expired_tokens, "delete from family_tokens where hash in"
                    " (select t.hash from families f join family_tokens t on t.family = f.id"
                    "  where f.expires_at < $1 limit $2)");
SQL(expired_families,
    "delete from families where id in (select f.id from families f"
    " where f.expires_at < $1"
    " and not exists (select 1 from family_tokens where family = f.id) limit $2)");
SQL(ended_tokens, "delete from family_tokens where hash in"
                  " (select t.hash from families f join family_tokens t on t.family = f.id"
                  "  where f.revoked_at < $1 limit $2)");
SQL(ended_families, "delete from families where id in (select f.id from families f"
                    " where f.revoked_at < $1"
                    " and not exists (select 1 from family_tokens where family = f.id) limit $2)");
SQL(old_keys, "delete from api_keys where id in"
              " (select id from api_keys where revoked_at < $1 order by revoked_at limit $2)");
SQL(old_audit, "delete from audit where id in"
               " (select id from audit where created_at < $1 order by created_at limit $2)");
SQL(old_apps, "delete from apps where id in"
              " (select id from apps where deleted_at < $1 order by deleted_at limit $2)");
/* $1 a day. */
SQL(old_usage, "delete from usage_days where (app, day, node, worker) in"
               " (select app, day, node, worker from usage_days where day < $1"
               "  order by day limit $2)");

/* $1 a position that is about to go from the log. */
SQL(log_pruned, "insert into log_state (id, pruned) values (1, $1) on conflict (id)"
                " do update set pruned = excluded.pruned where log_state.pruned < excluded.pruned");

static enum removals_kind kind_of(Str name)
{
    size_t kind = 0;
    while (!str_eq(name, str_of(kinds[kind])))
        must(++kind < countof(kinds));
    return (enum removals_kind)kind;
}

bool removals_next(struct db *db, int64_t now, struct removals_row *out)
{
    struct db_rows *rows = db_query(db, &removal_next, ARGS(v_int(now)));
    bool found = db_next(rows);
    if (found)
        *out = (struct removals_row){
            .id = db_int(rows, 0),
            .kind = kind_of(db_text(rows, 1)),
            .app = db_int(rows, 2),
            .chat = db_int(rows, 3),
            .user = db_int(rows, 4),
            .created_at = db_int(rows, 5),
            .progress = db_int(rows, 6),
        };
    db_done(rows);
    return found;
}

void removals_later(struct db *db, const struct removals_row *r, enum removals_kind kind,
                    int64_t due_at)
{
    db_run(db, &removal_later,
           ARGS(v_int(r->id), v_text(str_of(kinds[kind])), v_int(due_at),
                r->chat ? v_int(r->chat) : v_null, v_int(r->progress)));
}

void removals_done(struct db *db, int64_t id)
{
    db_run(db, &removal_done, ARGS(v_int(id)));
}

/* What is read from the log can be complete only above that position; 0: nothing goes. */
static void prune_to(struct db *db, int64_t position)
{
    if (!position)
        return;
    db_run(db, &log_pruned, ARGS(v_int(position)));
    epochs_prune_times(db, position);
}

/* Statements of $1 app, $2 row, $3 limit. */
static int64_t run_all(struct db *db, const struct db_sql *const list[], size_t n, int64_t app,
                       int64_t row, int64_t limit)
{
    int64_t done = 0;
    for (size_t i = 0; i < n && done < limit; i++)
        done += db_run(db, list[i], ARGS(v_int(app), v_int(row), v_int(limit - done)));
    return done;
}

/* By seq, so that no step looks at what earlier ones are through with. */
int64_t removals_chat(struct db *db, struct removals_row *r, int64_t now, int64_t limit)
{
    int64_t done = db_run(db, &chat_reactions, ARGS(v_int(r->app), v_int(r->chat), v_int(limit)));
    int64_t last = db_number(db, &chat_last_seq, ARGS(v_int(r->app), v_int(r->chat)));
    int64_t to = r->progress + limit - done;
    if (done == limit || r->progress >= last)
        return done;
    db_run(db, &chat_bury,
           ARGS(v_int(r->app), v_int(r->chat), v_int(r->progress), v_int(to), v_int(now)));
    r->progress = to;
    return limit;
}

int64_t removals_chat_end(struct db *db, int64_t app, int64_t chat, int64_t limit)
{
    static const struct db_sql *const list[] = {&chat_reactions, &chat_messages, &chat_members,
                                                &chat_events, &chat_row};
    /* Its DELETE_CHAT is above all of its rows, and older than the log is kept. */
    prune_to(db, db_number(db, &chat_log_end, ARGS(v_int(app), v_int(chat))));
    return run_all(db, list, countof(list), app, chat, limit);
}

enum {
    AT_ONCE = 90,    /* messages */
    LOOK_AT = 20000, /* seqs, by the index alone */
};

struct membership {
    int64_t chat, joined_seq, left_seq;
};

/* What one step may still do. */
struct allowance {
    int64_t rows;
    int64_t seqs;
};

static bool next_membership(struct db *db, int64_t app, int64_t user, struct membership *out)
{
    struct db_rows *rows = db_query(db, &user_membership_next, ARGS(v_int(app), v_int(user)));
    bool found = db_next(rows);
    if (found)
        *out = (struct membership){db_int(rows, 0), db_int(rows, 1), db_int(rows, 2)};
    db_done(rows);
    if (found && out->left_seq < out->joined_seq) /* its chat is gone */
        out->left_seq = out->joined_seq;
    return found;
}

/* False: the message may have more reactions than the step may still remove. */
static bool bury_message(struct db *db, const struct removals_row *r, int64_t chat, int64_t seq,
                         int64_t now, struct allowance *left)
{
    int64_t most = left->rows - 4; /* the message, the chat's activity, the membership */
    int64_t reactions = db_run(db, &user_message_reactions,
                               ARGS(v_int(r->app), v_int(chat), v_int(seq), v_int(most)));
    left->rows -= reactions + 1;
    if (reactions == most)
        return false;
    db_run(db, &user_message_bury, ARGS(v_int(r->app), v_int(chat), v_int(seq), v_int(now)));
    return true;
}

/* Those after the progress, which moves with them. */
static void bury_messages(struct db *db, struct removals_row *r, const struct membership *m,
                          int64_t now, struct allowance *left)
{
    int64_t seqs[AT_ONCE];
    size_t n = 0, buried = 0;
    int64_t from = r->progress > m->joined_seq ? r->progress : m->joined_seq;
    int64_t to = m->left_seq - from < left->seqs ? m->left_seq : from + left->seqs;
    int64_t most = left->rows / 2 < AT_ONCE ? left->rows / 2 : AT_ONCE;
    struct db_rows *rows = db_query(
        db, &user_messages,
        ARGS(v_int(r->app), v_int(m->chat), v_int(from), v_int(to), v_int(r->user), v_int(most)));
    while (db_next(rows))
        seqs[n++] = db_int(rows, 0);
    db_done(rows);
    while (buried < n && bury_message(db, r, m->chat, seqs[buried], now, left))
        buried++;
    if (buried < n)
        to = seqs[buried] - 1;
    else if (n && n == (size_t)most)
        to = seqs[n - 1];
    if (buried) {
        chats_refresh_activity(db, r->app, m->chat, 0);
        left->rows--;
    }
    left->seqs -= to - from;
    r->progress = to;
}

static void end_membership(struct db *db, const struct removals_row *r, const struct membership *m)
{
    db_run(db, &user_farewell, ARGS(v_int(r->app), v_int(m->chat), v_int(m->left_seq)));
    db_run(db, &user_membership,
           ARGS(v_int(r->app), v_int(m->chat), v_int(r->user), v_int(m->joined_seq)));
}

int64_t removals_user_chats(struct db *db, struct removals_row *r, int64_t now, int64_t limit)
{
    enum { FEW = 8 }; /* rows: a message with a reaction, a chat's activity, two of a membership */
    struct allowance left = {.rows = limit, .seqs = LOOK_AT};
    struct membership m;
    while (left.rows >= FEW && left.seqs > 0 && next_membership(db, r->app, r->user, &m)) {
        if (m.chat != r->chat)
            r->progress = 0;
        r->chat = m.chat;
        bury_messages(db, r, &m, now, &left);
        if (r->progress < m.left_seq)
            continue;
        end_membership(db, r, &m);
        left.rows -= 2;
    }
    int64_t done = limit - left.rows;
    return done ? done : LOOK_AT - left.seqs;
}

int64_t removals_user(struct db *db, int64_t app, int64_t user, int64_t limit)
{
    static const struct db_sql *const list[] = {&user_reactions, &user_sessions, &user_answers};
    return run_all(db, list, countof(list), app, user, limit);
}

void removals_user_name(struct db *db, int64_t app, int64_t user)
{
    db_run(db, &user_name, ARGS(v_int(app), v_int(user)));
}

int64_t removals_app(struct db *db, int64_t app, int64_t limit)
{
    static const struct db_sql *const list[] = {
        &app_reactions, &app_messages, &app_events,   &app_members, &app_chats,
        &app_tickets,   &app_sessions, &app_answers,  &app_users,   &app_keys,
        &app_active,    &app_removals, &app_clusters, &app_row,
    };
    int64_t done = 0;
    for (size_t i = 0; i < countof(list) && done < limit; i++)
        done += db_run(db, list[i], ARGS(v_int(app), v_int(limit - done)));
    return done;
}

int64_t removals_expired(struct db *db, const struct removals_times *times, int64_t limit)
{
    const struct {
        const struct db_sql *sql;
        int64_t before;
    } list[] = {
        {&expired_events, times->events}, {&expired_answers, times->answers},
        {&expired_tickets, times->now},   {&expired_sessions, times->now},
        {&expired_tokens, times->now},    {&expired_families, times->now},
        {&ended_tokens, times->now},      {&ended_families, times->now},
        {&old_keys, times->keys},         {&old_audit, times->audit},
        {&old_usage, times->usage_day},   {&old_apps, times->apps},
    };
    int64_t done = 0;
    prune_to(db, db_number(db, &expired_events_last, ARGS(v_int(times->events), v_int(limit))));
    for (size_t i = 0; i < countof(list) && done < limit; i++)
        done += db_run(db, list[i].sql, ARGS(v_int(list[i].before), v_int(limit - done)));
    return done;
}
