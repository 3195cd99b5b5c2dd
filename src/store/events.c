/*
 * An edited text or a reaction is not copied into the log: it is looked up when the log is read, so
 * that nothing deleted can come out of it. Turned down: scrubbing the log at each deletion, which
 * would need indexes on all that it mentions.
 */
#include "store/events.h"

SQL(event_insert,
    "insert into events (id, app, chat, seq, type, sender, sender_uuid, message_uuid, parent_uuid,"
    " target, target_uuid, text, created_at)"
    " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)");

/* Types: 2 EDIT_MSG, 6 REACT, 7 DELETE_REACT, 9 USER_JOIN. */
SQL(events_between_seqs,
    "select e.id, e.app, e.chat, e.seq, e.type, e.sender, e.sender_uuid, e.message_uuid,"
    " e.parent_uuid, e.target, e.target_uuid, e.created_at,"
    " case e.type"
    " when 2 then (select m.text from messages m join users u on u.app = m.app and u.id = m.sender"
    "  where m.app = e.app and m.uuid = e.message_uuid and m.deleted_at is null"
    "  and u.deleted_at is null and c.deleted_at is null)"
    " when 6 then (select r.reaction from reactions r"
    "  join messages m on m.app = r.app and m.chat = r.chat and m.seq = r.message_seq"
    "  join users s on s.app = m.app and s.id = m.sender"
    "  join users u on u.app = r.app and u.id = r.user_id"
    "  where r.app = e.app and r.uuid = e.message_uuid and m.deleted_at is null"
    "  and s.deleted_at is null and u.deleted_at is null and c.deleted_at is null)"
    " else e.text end,"
    " case e.type when 9 then (select u.username from users u"
    "  where u.app = e.app and u.id = e.target and u.deleted_at is null) end, c.uuid"
    " from events e join chats c on c.app = e.app and c.id = e.chat"
    " where e.app = $1 and e.chat = $2 and e.seq > $3 and e.seq <= $4"
    " order by e.seq limit $5");

SQL(event_of_reaction, "select 1 from events where app = $1 and message_uuid = $2"
                       " and type in (6, 7) and sender = $3 limit 1");

static struct db_value id_or_null(Id id)
{
    return id_is_nil(id) ? v_null : v_id(id);
}

void events_insert(struct db *db, const struct events_row *row)
{
    db_run(db, &event_insert,
           ARGS(v_int(row->position), v_int(row->app), v_int(row->chat), v_int(row->seq),
                v_int(row->type), v_int(row->sender), v_id(row->sender_id),
                id_or_null(row->message_id), id_or_null(row->parent_id),
                row->target ? v_int(row->target) : v_null, id_or_null(row->target_id),
                row->text.p ? v_text(row->text) : v_null, v_int(row->time)));
}

struct db_rows *events_between(struct db *db, int64_t app, int64_t chat, int64_t from, int64_t to,
                               int64_t limit)
{
    return db_query(db, &events_between_seqs,
                    ARGS(v_int(app), v_int(chat), v_int(from), v_int(to), v_int(limit)));
}

bool events_next(struct db_rows *rows, struct events_row *out)
{
    if (!db_next(rows))
        return false;
    *out = (struct events_row){
        .position = db_int(rows, 0),
        .app = db_int(rows, 1),
        .chat = db_int(rows, 2),
        .seq = db_int(rows, 3),
        .type = db_int(rows, 4),
        .sender = db_int(rows, 5),
        .sender_id = db_id(rows, 6),
        .message_id = db_id(rows, 7),
        .parent_id = db_id(rows, 8),
        .target = db_int(rows, 9),
        .target_id = db_id(rows, 10),
        .time = db_int(rows, 11),
        .text = db_text(rows, 12),
        .username = db_text(rows, 13),
        .chat_id = db_id(rows, 14),
    };
    return true;
}

bool events_had_reaction(struct db *db, int64_t app, Id reaction, int64_t sender)
{
    return db_number(db, &event_of_reaction, ARGS(v_int(app), v_id(reaction), v_int(sender))) != 0;
}
