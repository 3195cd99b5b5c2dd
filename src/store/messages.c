/*
 * One list of columns for every reader. Text is null unless the message, its sender and its chat
 * are live, so that no reader can forget to look; the original of a reply likewise.
 */
#include "store/messages.h"

SQL(message_insert,
    "insert into messages (id, app, chat, seq, uuid, sender, text, reply_to, client_id,"
    " client_hash, created_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)");

#define READ                                                                                       \
    "select m.id, m.seq, m.uuid, c.uuid, m.sender, u.uuid, m.created_at, m.edited_at,"             \
    " case when m.deleted_at is null and u.deleted_at is null and c.deleted_at is null"            \
    "  then m.text end,"                                                                           \
    " m.client_id, m.reply_to, o.uuid, ou.uuid, o.created_at, o.edited_at, o.text, u.username"     \
    " from messages m"                                                                             \
    " join users u on u.app = m.app and u.id = m.sender"                                           \
    " join chats c on c.app = m.app and c.id = m.chat"                                             \
    " left join messages o on o.app = m.app and o.chat = m.chat and o.seq = m.reply_to"            \
    "  and o.deleted_at is null and c.deleted_at is null"                                          \
    " left join users ou on ou.app = o.app and ou.id = o.sender and ou.deleted_at is null"         \
    " where m.app = $1 and m.chat = $2"

SQL(message_find, READ " and m.uuid = $3");
SQL(message_at, READ " and m.seq = $3");
SQL(message_client_hash, "select client_hash from messages where app = $1 and id = $2");
SQL(message_by_client, READ " and m.sender = $3 and m.client_id = $4 and m.created_at > $5");
SQL(message_page, READ " and m.seq < $3 and m.deleted_at is null and u.deleted_at is null"
                       " order by m.seq desc limit $4");
SQL(message_between, READ " and m.seq > $3 and m.seq <= $4 order by m.seq limit $5");

SQL(message_last_seq,
    "select seq from messages where app = $1 and chat = $2 order by seq desc limit 1");

SQL(message_edit,
    "update messages set text = $4, edited_at = $5 where app = $1 and chat = $2 and seq = $3");

SQL(message_bury, "update messages set text = null, extra = null, deleted_at = $4"
                  " where app = $1 and chat = $2 and seq = $3 and deleted_at is null");
SQL(message_bury_reactions,
    "delete from reactions where app = $1 and chat = $2 and message_seq = $3");

void messages_insert(struct db *db, const struct messages_new *m)
{
    db_run(db, &message_insert,
           ARGS(v_int(m->position), v_int(m->app), v_int(m->chat), v_int(m->seq), v_id(m->id),
                v_int(m->sender), v_text(m->text), m->reply_to ? v_int(m->reply_to) : v_null,
                m->client_id.n ? v_text(m->client_id) : v_null,
                m->client_id.n ? v_bytes(m->client_hash) : v_null, v_int(m->time)));
}

static void take(struct db_rows *rows, struct messages_row *out)
{
    *out = (struct messages_row){
        .position = db_int(rows, 0),
        .seq = db_int(rows, 1),
        .id = db_id(rows, 2),
        .chat_id = db_id(rows, 3),
        .sender = db_int(rows, 4),
        .sender_id = db_id(rows, 5),
        .sender_name = db_text(rows, 16),
        .time = db_int(rows, 6),
        .edited_at = db_int(rows, 7),
        .text = db_text(rows, 8),
        .client_id = db_text(rows, 9),
        .reply_to = db_int(rows, 10),
        .has_original = !db_is_null(rows, 12),
    };
    if (out->has_original)
        out->original = (struct messages_original){
            .id = db_id(rows, 11),
            .sender_id = db_id(rows, 12),
            .time = db_int(rows, 13),
            .edited_at = db_int(rows, 14),
            .text = db_text(rows, 15),
        };
}

static Str keep(struct arena *arena, Str s)
{
    return s.p ? arena_str(arena, s) : s;
}

static bool take_one(struct db_rows *rows, struct arena *arena, struct messages_row *out)
{
    bool found = db_next(rows);
    if (found) {
        take(rows, out);
        out->text = keep(arena, out->text);
        out->client_id = keep(arena, out->client_id);
        out->sender_name = keep(arena, out->sender_name);
        out->original.text = keep(arena, out->original.text);
    }
    db_done(rows);
    return found;
}

bool messages_find(struct db *db, int64_t app, int64_t chat, Id id, struct arena *arena,
                   struct messages_row *out)
{
    return take_one(db_query(db, &message_find, ARGS(v_int(app), v_int(chat), v_id(id))), arena,
                    out);
}

bool messages_at(struct db *db, int64_t app, int64_t chat, int64_t seq, struct arena *arena,
                 struct messages_row *out)
{
    return take_one(db_query(db, &message_at, ARGS(v_int(app), v_int(chat), v_int(seq))), arena,
                    out);
}

bool messages_by_client(struct db *db, int64_t app, int64_t chat, int64_t sender, Str client_id,
                        int64_t since, struct arena *arena, struct messages_row *out)
{
    struct db_rows *rows =
        db_query(db, &message_by_client,
                 ARGS(v_int(app), v_int(chat), v_int(sender), v_text(client_id), v_int(since)));
    if (!take_one(rows, arena, out))
        return false;
    rows = db_query(db, &message_client_hash, ARGS(v_int(app), v_int(out->position)));
    if (db_next(rows))
        out->client_hash = db_text_copy(rows, 0, arena);
    db_done(rows);
    return true;
}

struct db_rows *messages_page(struct db *db, int64_t app, int64_t chat, int64_t before,
                              int64_t limit)
{
    return db_query(db, &message_page, ARGS(v_int(app), v_int(chat), v_int(before), v_int(limit)));
}

struct db_rows *messages_between(struct db *db, int64_t app, int64_t chat, int64_t from, int64_t to,
                                 int64_t limit)
{
    return db_query(db, &message_between,
                    ARGS(v_int(app), v_int(chat), v_int(from), v_int(to), v_int(limit)));
}

bool messages_next(struct db_rows *rows, struct messages_row *out)
{
    if (!db_next(rows))
        return false;
    take(rows, out);
    return true;
}

int64_t messages_last_seq(struct db *db, int64_t app, int64_t chat)
{
    return db_number(db, &message_last_seq, ARGS(v_int(app), v_int(chat)));
}

void messages_edit(struct db *db, int64_t app, int64_t chat, int64_t seq, Str text, int64_t time)
{
    db_run(db, &message_edit, ARGS(v_int(app), v_int(chat), v_int(seq), v_text(text), v_int(time)));
}

void messages_bury(struct db *db, int64_t app, int64_t chat, int64_t seq, int64_t time)
{
    db_run(db, &message_bury, ARGS(v_int(app), v_int(chat), v_int(seq), v_int(time)));
    db_run(db, &message_bury_reactions, ARGS(v_int(app), v_int(chat), v_int(seq)));
}
