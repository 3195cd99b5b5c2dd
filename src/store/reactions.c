#include "store/reactions.h"

SQL(reaction_insert,
    "insert into reactions (app, chat, message_seq, uuid, user_id, reaction, created_at)"
    " values ($1, $2, $3, $4, $5, $6, $7)");

SQL(reaction_find, "select c.uuid, r.user_id from reactions r"
                   " join chats c on c.app = r.app and c.id = r.chat"
                   " join users u on u.app = r.app and u.id = r.user_id"
                   " join messages m on m.app = r.app and m.chat = r.chat and m.seq = r.message_seq"
                   " join users s on s.app = m.app and s.id = m.sender"
                   " where r.app = $1 and r.uuid = $2 and c.deleted_at is null"
                   " and u.deleted_at is null and m.deleted_at is null and s.deleted_at is null");

SQL(reaction_delete, "delete from reactions where app = $1 and uuid = $2");

SQL(reaction_list, "select r.uuid, u.uuid, r.message_seq, r.reaction, r.created_at"
                   " from reactions r join users u on u.app = r.app and u.id = r.user_id"
                   " where r.app = $1 and r.chat = $2 and r.message_seq >= $3"
                   " and r.message_seq <= $4 and u.deleted_at is null"
                   " order by r.message_seq desc, r.id");

void reactions_insert(struct db *db, const struct reactions_new *r)
{
    db_run(db, &reaction_insert,
           ARGS(v_int(r->app), v_int(r->chat), v_int(r->message_seq), v_id(r->id), v_int(r->user),
                v_text(r->reaction), v_int(r->time)));
}

bool reactions_find(struct db *db, int64_t app, Id id, struct reactions_row *out)
{
    struct db_rows *rows = db_query(db, &reaction_find, ARGS(v_int(app), v_id(id)));
    bool found = db_next(rows);
    if (found)
        *out = (struct reactions_row){.chat_id = db_id(rows, 0), .user = db_int(rows, 1)};
    db_done(rows);
    return found;
}

bool reactions_delete(struct db *db, int64_t app, Id id)
{
    return db_run(db, &reaction_delete, ARGS(v_int(app), v_id(id))) != 0;
}

struct db_rows *reactions_list(struct db *db, int64_t app, int64_t chat, int64_t from, int64_t to)
{
    return db_query(db, &reaction_list, ARGS(v_int(app), v_int(chat), v_int(from), v_int(to)));
}

bool reactions_next(struct db_rows *rows, struct reactions_listed *out)
{
    if (!db_next(rows))
        return false;
    *out = (struct reactions_listed){
        .id = db_id(rows, 0),
        .sender_id = db_id(rows, 1),
        .message_seq = db_int(rows, 2),
        .reaction = db_text(rows, 3),
        .time = db_int(rows, 4),
    };
    return true;
}
