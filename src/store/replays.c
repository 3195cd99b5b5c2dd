/*
 * A chat's seq and the log's positions rise together, so that its tail since a position is read
 * backwards from its end, over indexes that hold both: what is not new costs nothing.
 */
#include "store/replays.h"

SQL(replay_memberships,
    "select mb.chat, c.uuid, mb.joined_seq, coalesce(mb.left_seq, c.last_seq), c.member_count,"
    " case when mb.left_seq is null and c.deleted_at is null then 1 else 0 end"
    " from members mb"
    " join users me on me.app = mb.app and me.id = mb.user_id and me.deleted_at is null"
    " join chats c on c.app = mb.app and c.id = mb.chat"
    " where mb.app = $1 and mb.user_id = $2 and (mb.left_seq is null or exists"
    " (select 1 from events e where e.app = mb.app and e.chat = mb.chat and e.seq = mb.left_seq"
    "  and e.id > $3))"
    " order by mb.chat, mb.joined_seq");

SQL(replay_tail, "select m.seq, m.id from messages m"
                 " where m.app = $1 and m.chat = $2 and m.seq >= $3 and m.seq <= $4"
                 " union all select e.seq, e.id from events e"
                 " where e.app = $1 and e.chat = $2 and e.seq >= $3 and e.seq <= $4"
                 " order by 1 desc limit $5");

#define MARKED                                                                                     \
    "select user_id, read_seq, read_position from members"                                         \
    " where app = $1 and chat = $2 and read_position > 0 and read_position > $3"                   \
    " and left_seq is null"
SQL(replay_marks, "select mb.user_id, u.uuid, m.uuid, m.sender, mb.read_position from"
                  " (select * from (" MARKED " order by read_position desc limit $5) newest"
                  "  union " MARKED " and user_id = $4) mb"
                  " join users u on u.app = $1 and u.id = mb.user_id and u.deleted_at is null"
                  " join messages m on m.app = $1 and m.chat = $2 and m.seq = mb.read_seq"
                  " order by mb.user_id");

SQL(replay_pruned, "select pruned from log_state where id = $1");

struct db_rows *replays_memberships(struct db *db, int64_t app, int64_t user, int64_t position)
{
    return db_query(db, &replay_memberships, ARGS(v_int(app), v_int(user), v_int(position)));
}

bool replays_memberships_next(struct db_rows *rows, struct replays_membership *out)
{
    if (!db_next(rows))
        return false;
    *out = (struct replays_membership){
        .chat = db_int(rows, 0),
        .chat_id = db_id(rows, 1),
        .joined_seq = db_int(rows, 2),
        .last_seq = db_int(rows, 3),
        .members = db_int(rows, 4),
        .present = db_int(rows, 5) != 0,
    };
    return true;
}

struct db_rows *replays_tail(struct db *db, int64_t app, int64_t chat, int64_t from, int64_t to,
                             int64_t limit)
{
    return db_query(db, &replay_tail,
                    ARGS(v_int(app), v_int(chat), v_int(from), v_int(to), v_int(limit)));
}

bool replays_tail_next(struct db_rows *rows, int64_t *seq, int64_t *position)
{
    if (!db_next(rows))
        return false;
    *seq = db_int(rows, 0);
    *position = db_int(rows, 1);
    return true;
}

struct db_rows *replays_marks(struct db *db, int64_t app, int64_t chat, int64_t position,
                              int64_t user, int64_t limit)
{
    return db_query(db, &replay_marks,
                    ARGS(v_int(app), v_int(chat), v_int(position), v_int(user), v_int(limit)));
}

bool replays_marks_next(struct db_rows *rows, struct replays_mark *out)
{
    if (!db_next(rows))
        return false;
    *out = (struct replays_mark){
        .reader = db_int(rows, 0),
        .reader_id = db_id(rows, 1),
        .message_id = db_id(rows, 2),
        .sender = db_int(rows, 3),
        .position = db_int(rows, 4),
    };
    return true;
}

int64_t replays_pruned(struct db *db)
{
    return db_number(db, &replay_pruned, ARGS(v_int(1)));
}
