/*
 * A lock is a comment: SQLite has one writer and needs none, the PostgreSQL driver takes the words
 * out of the comment. Turned down: an update that changes nothing, which both engines understand
 * and for which PostgreSQL writes a second version of every head.
 */
#include "store/chats.h"

SQL(app_status, "select status from apps where id = $1 and deleted_at is null");

#define HEAD                                                                                       \
    "select app, id, uuid, creator, created_at, last_seq, last_time, activity_at, member_count"    \
    " from chats where app = $1 and uuid = $2 and deleted_at is null"
SQL(chat_head, HEAD);
SQL(chat_head_locked, HEAD " /*+ for update */");

SQL(chat_insert,
    "insert into chats (app, uuid, name, creator, created_at, last_seq, last_time, activity_at,"
    " member_count) values ($1, $2, $3, $4, $5, $6, $7, $8, $9) returning id");

SQL(chat_set_head, "update chats set last_seq = $3, last_time = $4 where app = $1 and id = $2");

SQL(chat_set_activity,
    "update chats set last_seq = $3, last_time = $4, activity_at = $5 where app = $1 and id = $2");

SQL(chat_refresh_activity,
    "update chats set activity_at = coalesce((select m.created_at from messages m"
    " join users u on u.app = m.app and u.id = m.sender"
    " where m.app = chats.app and m.chat = chats.id and m.deleted_at is null and m.sender <> $3"
    " and u.deleted_at is null order by m.seq desc limit 1), chats.created_at)"
    " where app = $1 and id = $2");

SQL(chat_set_members,
    "update chats set creator = $3, member_count = $4 where app = $1 and id = $2");

SQL(chat_set_name, "update chats set name = $3 where app = $1 and id = $2");

SQL(chat_end, "update chats set deleted_at = $3 where app = $1 and id = $2");

SQL(chat_removal,
    "insert into removals (app, kind, chat, created_at, due_at) values ($1, 'chat', $2, $3, $3)");

/*
 * The page is cut first, by what the walk over all of the user's chats needs and no more; only its
 * rows then cost the look at their messages. A deleted user may still have to leave some of its
 * chats: then the creator is the one who will be, members are counted, up to three, and messages of
 * deleted users are not. Only while that goes on, these cost a look.
 */
#define LEAVING "exists (select 1 from removals r where r.app = $1 and r.kind = 'user')"
#define HEIR                                                                                       \
    "(select hu.uuid from members hm join users hu on hu.app = hm.app and hu.id = hm.user_id"      \
    " where hm.app = $1 and hm.chat = p.id and hm.left_seq is null and hu.deleted_at is null"      \
    " order by hm.joined_seq, hm.user_id limit 1)"
#define LIVE_MEMBERS                                                                               \
    "(select count(*) from (select 1 from members gm"                                              \
    " join users gu on gu.app = gm.app and gu.id = gm.user_id"                                     \
    " where gm.app = $1 and gm.chat = p.id and gm.left_seq is null and gu.deleted_at is null"      \
    " limit 3) g)"
#define OTHERS_UNREAD                                                                              \
    " where x.app = $1 and x.chat = p.id and x.seq > mb.read_seq and x.sender <> $2"               \
    " and x.deleted_at is null"
#define UNREAD "(select count(*) from (select x.seq from messages x" OTHERS_UNREAD " limit $7) n)"
#define LIVE_UNREAD                                                                                \
    "(select count(*) from (select x.seq from messages x"                                          \
    " join users xu on xu.app = x.app and xu.id = x.sender" OTHERS_UNREAD                          \
    " and xu.deleted_at is null limit $7) n)"
SQL(chat_list,
    "select p.uuid, c.name,"
    " case when cu.deleted_at is null then cu.uuid else coalesce(" HEIR ", cu.uuid) end,"
    " c.created_at, p.activity_at,"
    " case when c.member_count > 2 and " LEAVING " then " LIVE_MEMBERS " else c.member_count end,"
    " m.created_at, m.text,"
    " case when " LEAVING " then " LIVE_UNREAD " else " UNREAD " end, c.last_seq"
    " from (select w.id, w.uuid, w.activity_at from members wm"
    "  join chats w on w.app = wm.app and w.id = wm.chat"
    "  where wm.app = $1 and wm.user_id = $2 and wm.left_seq is null and w.deleted_at is null"
    "  and (w.activity_at < $3 or (w.activity_at = $3 and w.uuid > $4))"
    "  order by w.activity_at desc, w.uuid limit $5 offset $6) p"
    " join chats c on c.app = $1 and c.id = p.id"
    " join members mb on mb.app = $1 and mb.chat = p.id and mb.user_id = $2 and mb.left_seq is null"
    " join users me on me.app = $1 and me.id = $2 and me.deleted_at is null"
    " join users cu on cu.app = $1 and cu.id = c.creator"
    " left join messages m on m.app = $1 and m.chat = p.id and m.seq ="
    " (select y.seq from messages y join users yu on yu.app = y.app and yu.id = y.sender"
    "  where y.app = $1 and y.chat = p.id and y.deleted_at is null and yu.deleted_at is null"
    "  order by y.seq desc limit 1)"
    " order by p.activity_at desc, p.uuid");

SQL(chat_heads_of_user,
    "select c.id, c.last_seq from members mb"
    " join users me on me.app = mb.app and me.id = mb.user_id and me.deleted_at is null"
    " join chats c on c.app = mb.app and c.id = mb.chat"
    " where mb.app = $1 and mb.user_id = $2 and mb.left_seq is null and c.deleted_at is null");

enum chats_app chats_app_state(struct db *db, int64_t app)
{
    enum chats_app state = CHATS_APP_GONE;
    struct db_rows *rows = db_query(db, &app_status, ARGS(v_int(app)));
    if (db_next(rows))
        state = str_eq(db_text(rows, 0), S("ACTIVE")) ? CHATS_APP_ACTIVE : CHATS_APP_SUSPENDED;
    db_done(rows);
    return state;
}

static bool find(struct db *db, const struct db_sql *sql, int64_t app, Id id,
                 struct chats_head *out)
{
    struct db_rows *rows = db_query(db, sql, ARGS(v_int(app), v_id(id)));
    bool found = db_next(rows);
    if (found)
        *out = (struct chats_head){
            .app = db_int(rows, 0),
            .chat = db_int(rows, 1),
            .id = db_id(rows, 2),
            .creator = db_int(rows, 3),
            .created_at = db_int(rows, 4),
            .last_seq = db_int(rows, 5),
            .last_time = db_int(rows, 6),
            .activity_at = db_int(rows, 7),
            .member_count = db_int(rows, 8),
        };
    db_done(rows);
    return found;
}

bool chats_find(struct db *db, int64_t app, Id id, struct chats_head *out)
{
    return find(db, &chat_head, app, id, out);
}

bool chats_lock(struct db *db, int64_t app, Id id, struct chats_head *out)
{
    return find(db, &chat_head_locked, app, id, out);
}

int64_t chats_insert(struct db *db, const struct chats_head *head, Str name)
{
    return db_number(db, &chat_insert,
                     ARGS(v_int(head->app), v_id(head->id), v_text(name), v_int(head->creator),
                          v_int(head->created_at), v_int(head->last_seq), v_int(head->last_time),
                          v_int(head->activity_at), v_int(head->member_count)));
}

void chats_set_head(struct db *db, const struct chats_head *head)
{
    db_run(
        db, &chat_set_head,
        ARGS(v_int(head->app), v_int(head->chat), v_int(head->last_seq), v_int(head->last_time)));
}

void chats_set_activity(struct db *db, const struct chats_head *head)
{
    db_run(db, &chat_set_activity,
           ARGS(v_int(head->app), v_int(head->chat), v_int(head->last_seq), v_int(head->last_time),
                v_int(head->activity_at)));
}

void chats_refresh_activity(struct db *db, int64_t app, int64_t chat, int64_t but_sender)
{
    db_run(db, &chat_refresh_activity, ARGS(v_int(app), v_int(chat), v_int(but_sender)));
}

void chats_set_members(struct db *db, const struct chats_head *head)
{
    db_run(
        db, &chat_set_members,
        ARGS(v_int(head->app), v_int(head->chat), v_int(head->creator), v_int(head->member_count)));
}

void chats_set_name(struct db *db, int64_t app, int64_t chat, Str name)
{
    db_run(db, &chat_set_name, ARGS(v_int(app), v_int(chat), v_text(name)));
}

void chats_end(struct db *db, int64_t app, int64_t chat, int64_t now)
{
    db_run(db, &chat_end, ARGS(v_int(app), v_int(chat), v_int(now)));
    db_run(db, &chat_removal, ARGS(v_int(app), v_int(chat), v_int(now)));
}

struct db_rows *chats_list(struct db *db, int64_t app, int64_t user, struct chats_place after,
                           int64_t limit, int64_t unread_most)
{
    return db_query(db, &chat_list,
                    ARGS(v_int(app), v_int(user), v_int(after.activity_at), v_id(after.id),
                         v_int(limit), v_int(after.offset), v_int(unread_most)));
}

bool chats_list_next(struct db_rows *rows, struct chats_listed *out)
{
    if (!db_next(rows))
        return false;
    *out = (struct chats_listed){
        .id = db_id(rows, 0),
        .name = db_text(rows, 1),
        .creator_id = db_id(rows, 2),
        .created_at = db_int(rows, 3),
        .activity_at = db_int(rows, 4),
        .member_count = db_int(rows, 5),
        .last_time = db_int(rows, 6),
        .last_message = db_text(rows, 7),
        .unread = db_int(rows, 8),
        .last_seq = db_int(rows, 9),
    };
    return true;
}

struct db_rows *chats_heads(struct db *db, int64_t app, int64_t user)
{
    return db_query(db, &chat_heads_of_user, ARGS(v_int(app), v_int(user)));
}

bool chats_heads_next(struct db_rows *rows, int64_t *chat, int64_t *last_seq)
{
    if (!db_next(rows))
        return false;
    *chat = db_int(rows, 0);
    *last_seq = db_int(rows, 1);
    return true;
}
