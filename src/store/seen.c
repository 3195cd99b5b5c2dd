#include "store/seen.h"

SQL(seen_on, "update users set online_on = $3, last_seen_at = $4"
             " where app = $1 and id = $2 and deleted_at is null");

SQL(seen_off, "update users set online_on = null, last_seen_at = $3"
              " where app = $1 and id = $2 and deleted_at is null");

SQL(seen_node, "insert into nodes (name, alive_at) values ($1, $2)"
               " on conflict (name) do update set alive_at = excluded.alive_at");

SQL(seen_left_over, "update users set online_on = null, last_seen_at = case"
                    "  when last_seen_at > (select alive_at from nodes where name = $1)"
                    "  then last_seen_at else (select alive_at from nodes where name = $1) end"
                    " where id in (select id from users where online_on = $1 limit $2)");

void seen_begin(struct db *db, int64_t app, int64_t user, Str node, int64_t at)
{
    db_run(db, &seen_on, ARGS(v_int(app), v_int(user), v_text(node), v_int(at)));
}

void seen_end(struct db *db, int64_t app, int64_t user, int64_t at)
{
    db_run(db, &seen_off, ARGS(v_int(app), v_int(user), v_int(at)));
}

void seen_alive(struct db *db, Str node, int64_t at)
{
    db_run(db, &seen_node, ARGS(v_text(node), v_int(at)));
}

int64_t seen_recover(struct db *db, Str node, int64_t limit)
{
    return db_run(db, &seen_left_over, ARGS(v_text(node), v_int(limit)));
}
