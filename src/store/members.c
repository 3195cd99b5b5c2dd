/*
 * Within a chat times follow the seq, so that standing is (joined_seq, user): one index serves the
 * list and the heir.
 */
#include "store/members.h"

SQL(user_named, "select id, uuid, username from users"
                " where app = $1 and username_key = $2 and deleted_at is null");

SQL(user_of_row, "select id, uuid, username from users where app = $1 and id = $2");

SQL(user_deleted, "select id, uuid, username from users"
                  " where app = $1 and id = $2 and deleted_at is not null");

SQL(user_in_chat, "select u.id, u.uuid, u.username from users u"
                  " join members mb on mb.app = u.app and mb.chat = $2 and mb.user_id = u.id"
                  " where u.app = $1 and u.uuid = $3 and u.deleted_at is null"
                  " and mb.left_seq is null");

SQL(member_find, "select mb.joined_seq, mb.read_seq from members mb"
                 " join users u on u.app = mb.app and u.id = mb.user_id"
                 " where mb.app = $1 and mb.chat = $2 and mb.user_id = $3 and mb.left_seq is null"
                 " and u.deleted_at is null");

SQL(member_insert, "insert into members (app, chat, user_id, joined_seq, joined_at, read_seq)"
                   " values ($1, $2, $3, $4, $5, $6)");

SQL(member_end, "update members set left_seq = $4"
                " where app = $1 and chat = $2 and user_id = $3 and left_seq is null");

SQL(member_mark,
    "update members set read_seq = $4, read_position = $5"
    " where app = $1 and chat = $2 and user_id = $3 and left_seq is null and read_seq < $4");

SQL(member_heir, "select mb.user_id from members mb"
                 " join users u on u.app = mb.app and u.id = mb.user_id"
                 " where mb.app = $1 and mb.chat = $2 and mb.user_id <> $3 and mb.left_seq is null"
                 " and u.deleted_at is null order by mb.joined_seq, mb.user_id limit 1");

SQL(member_chats, "select c.uuid from members mb"
                  " join chats c on c.app = mb.app and c.id = mb.chat"
                  " where mb.app = $1 and mb.user_id = $2 and mb.left_seq is null"
                  " and c.deleted_at is null order by mb.chat limit $3");

SQL(member_chats_of, "select count(*) from (select 1 from members"
                     " where app = $1 and user_id = $2 and left_seq is null limit $3) counted");

/* Of a mark's message that is deleted the one before it stands, if it is one of the last hundred:
 * more would make a list of many members slow. */
#define LAST_SEEN                                                                                  \
    "(select y.uuid from messages y join users yu on yu.app = y.app and yu.id = y.sender"          \
    " where y.app = mb.app and y.chat = mb.chat and y.seq <= mb.read_seq"                          \
    " and y.seq > mb.read_seq - 100 and y.deleted_at is null and yu.deleted_at is null"            \
    " order by y.seq desc limit 1)"
SQL(member_list,
    "select u.uuid, u.username, mb.joined_at, " LAST_SEEN ", u.id, u.last_seen_at, mb.joined_seq"
    " from members mb join users u on u.app = mb.app and u.id = mb.user_id"
    " where mb.app = $1 and mb.chat = $2 and mb.left_seq is null"
    " and (mb.joined_seq, mb.user_id) >"
    " ($3, coalesce((select a.id from users a where a.app = $1 and a.uuid = $4), 0))"
    " and mb.joined_seq <= $5 and u.deleted_at is null"
    " order by mb.joined_seq, mb.user_id limit $6");

SQL(member_chat_size, "select last_seq, member_count from chats"
                      " where app = $1 and id = $2 and deleted_at is null");

SQL(member_people, "select u.id, u.uuid, u.last_seen_at from members mb"
                   " join users u on u.app = mb.app and u.id = mb.user_id"
                   " where mb.app = $1 and mb.chat = $2 and mb.left_seq is null"
                   " and u.deleted_at is null limit $3");

SQL(member_joined, "select user_id from members where app = $1 and chat = $2 and joined_seq = $3"
                   " order by user_id limit $4");

static bool take_user(struct db_rows *rows, struct arena *arena, struct members_user *out)
{
    bool found = db_next(rows);
    if (found) {
        out->user = db_int(rows, 0);
        out->id = db_id(rows, 1);
        out->username = db_text_copy(rows, 2, arena);
    }
    db_done(rows);
    return found;
}

bool members_user_named(struct db *db, int64_t app, Str username_key, struct arena *arena,
                        struct members_user *out)
{
    return take_user(db_query(db, &user_named, ARGS(v_int(app), v_text(username_key))), arena, out);
}

bool members_user(struct db *db, int64_t app, int64_t user, struct arena *arena,
                  struct members_user *out)
{
    return take_user(db_query(db, &user_of_row, ARGS(v_int(app), v_int(user))), arena, out);
}

bool members_deleted_user(struct db *db, int64_t app, int64_t user, struct arena *arena,
                          struct members_user *out)
{
    return take_user(db_query(db, &user_deleted, ARGS(v_int(app), v_int(user))), arena, out);
}

bool members_user_in(struct db *db, int64_t app, int64_t chat, Id user, struct arena *arena,
                     struct members_user *out)
{
    return take_user(db_query(db, &user_in_chat, ARGS(v_int(app), v_int(chat), v_id(user))), arena,
                     out);
}

bool members_find(struct db *db, int64_t app, int64_t chat, int64_t user, struct members_row *out)
{
    struct db_rows *rows = db_query(db, &member_find, ARGS(v_int(app), v_int(chat), v_int(user)));
    bool found = db_next(rows);
    if (found)
        *out = (struct members_row){.joined_seq = db_int(rows, 0), .read_seq = db_int(rows, 1)};
    db_done(rows);
    return found;
}

void members_insert(struct db *db, const struct members_join *join)
{
    db_run(db, &member_insert,
           ARGS(v_int(join->app), v_int(join->chat), v_int(join->user), v_int(join->seq),
                v_int(join->time), v_int(join->read_seq)));
}

bool members_end(struct db *db, int64_t app, int64_t chat, int64_t user, int64_t left_seq)
{
    return db_run(db, &member_end, ARGS(v_int(app), v_int(chat), v_int(user), v_int(left_seq))) !=
           0;
}

bool members_mark(struct db *db, int64_t app, int64_t chat, int64_t user, int64_t read_seq)
{
    return db_run(db, &member_mark,
                  ARGS(v_int(app), v_int(chat), v_int(user), v_int(read_seq),
                       v_int(db_position(db)))) != 0;
}

int64_t members_heir(struct db *db, int64_t app, int64_t chat, int64_t user)
{
    return db_number(db, &member_heir, ARGS(v_int(app), v_int(chat), v_int(user)));
}

struct db_rows *members_chats(struct db *db, int64_t app, int64_t user, int64_t limit)
{
    return db_query(db, &member_chats, ARGS(v_int(app), v_int(user), v_int(limit)));
}

bool members_chats_next(struct db_rows *rows, Id *chat)
{
    if (!db_next(rows))
        return false;
    *chat = db_id(rows, 0);
    return true;
}

int64_t members_chats_of(struct db *db, int64_t app, int64_t user, int64_t most)
{
    return db_number(db, &member_chats_of, ARGS(v_int(app), v_int(user), v_int(most)));
}

struct db_rows *members_list(struct db *db, int64_t app, int64_t chat,
                             const struct members_place *after, int64_t limit)
{
    return db_query(db, &member_list,
                    ARGS(v_int(app), v_int(chat), v_int(after->seq), v_id(after->user),
                         v_int(after->until), v_int(limit)));
}

bool members_list_next(struct db_rows *rows, struct members_listed *out)
{
    if (!db_next(rows))
        return false;
    *out = (struct members_listed){
        .user_id = db_id(rows, 0),
        .username = db_text(rows, 1),
        .joined_at = db_int(rows, 2),
        .last_seen = db_id(rows, 3),
        .user = db_int(rows, 4),
        .seen_at = db_int(rows, 5),
        .joined_seq = db_int(rows, 6),
    };
    return true;
}

struct db_rows *members_joined_at(struct db *db, int64_t app, int64_t chat, int64_t seq,
                                  int64_t limit)
{
    return db_query(db, &member_joined, ARGS(v_int(app), v_int(chat), v_int(seq), v_int(limit)));
}

bool members_joined_next(struct db_rows *rows, int64_t *user)
{
    if (!db_next(rows))
        return false;
    *user = db_int(rows, 0);
    return true;
}

bool members_chat_size(struct db *db, int64_t app, int64_t chat, int64_t *last_seq, int64_t *count)
{
    struct db_rows *rows = db_query(db, &member_chat_size, ARGS(v_int(app), v_int(chat)));
    bool found = db_next(rows);
    if (found) {
        *last_seq = db_int(rows, 0);
        *count = db_int(rows, 1);
    }
    db_done(rows);
    return found;
}

struct db_rows *members_people(struct db *db, int64_t app, int64_t chat, int64_t limit)
{
    return db_query(db, &member_people, ARGS(v_int(app), v_int(chat), v_int(limit)));
}

bool members_people_next(struct db_rows *rows, int64_t *user, Id *id, int64_t *seen_at)
{
    if (!db_next(rows))
        return false;
    *user = db_int(rows, 0);
    *id = db_id(rows, 1);
    *seen_at = db_int(rows, 2);
    return true;
}
