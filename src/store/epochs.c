/*
 * The last position that an epoch gave out is known exactly when its server ended in order; else
 * the greatest that is stored stands for it: what was never committed has been shown to no one, but
 * for the position of a read marker, whose id then leads to a RESYNC.
 */
#include "store/epochs.h"

SQL(epoch_list, "select first_position, last_position, tag from log_epochs"
                " order by first_position desc, id desc limit $1");

SQL(epoch_end, "update log_epochs set last_position = coalesce((select max(p) from"
               " (select max(id) as p from messages union all select max(id) from events"
               "  union all select given from log_state where id = $1) known), 0)"
               " where last_position is null");
SQL(epoch_forget, "delete from log_epochs where last_position <"
                  " coalesce((select pruned from log_state where id = $1), 0)");
SQL(epoch_begin, "insert into log_epochs (tag, first_position) values ($1, $2)");

SQL(epoch_note_given, "insert into log_state (id, pruned, given) values (1, 0, $1)"
                      " on conflict (id) do update set given = excluded.given");

SQL(epoch_note_time, "insert into log_times (position, at) values ($1, $2)"
                     " on conflict (position) do nothing");
SQL(epoch_time, "select at from log_times where position >= $1 and position <= $2"
                " order by position desc limit 1");
SQL(epoch_before, "select position from log_times where position >= $1 and position <= $2"
                  " and at <= $3 order by position desc limit 1");
SQL(epoch_prune_times, "delete from log_times where position in"
                       " (select position from log_times where position < $1"
                       "  order by position limit 1000)");

struct db_rows *epochs_list(struct db *db, int64_t limit)
{
    return db_query(db, &epoch_list, ARGS(v_int(limit)));
}

bool epochs_next(struct db_rows *rows, struct epochs_row *out)
{
    if (!db_next(rows))
        return false;
    *out = (struct epochs_row){
        .first = db_int(rows, 0), .last = db_int(rows, 1), .tag = db_int(rows, 2)};
    return true;
}

void epochs_begin(struct db *db, int64_t first, int64_t tag)
{
    db_run(db, &epoch_end, ARGS(v_int(1)));
    db_run(db, &epoch_forget, ARGS(v_int(1)));
    db_run(db, &epoch_begin, ARGS(v_int(tag), v_int(first)));
}

void epochs_note_given(struct db *db, int64_t position)
{
    db_run(db, &epoch_note_given, ARGS(v_int(position)));
}

void epochs_note_time(struct db *db, int64_t position, int64_t at)
{
    db_run(db, &epoch_note_time, ARGS(v_int(position), v_int(at)));
}

int64_t epochs_before(struct db *db, int64_t first, int64_t position, int64_t ms)
{
    struct db_rows *rows = db_query(db, &epoch_time, ARGS(v_int(first), v_int(position)));
    bool found = db_next(rows);
    int64_t at = found ? db_int(rows, 0) : 0;
    db_done(rows);
    int64_t before =
        found ? db_number(db, &epoch_before, ARGS(v_int(first), v_int(position), v_int(at - ms)))
              : 0;
    return before ? before : first > 0 ? first - 1 : 0;
}

void epochs_prune_times(struct db *db, int64_t position)
{
    db_run(db, &epoch_prune_times, ARGS(v_int(position)));
}
