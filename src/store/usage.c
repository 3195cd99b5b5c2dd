/*
 * What is not counted in a message's own transaction goes to a row of worker -1, one a node: a peak
 * must not be summed over the workers that happened to write it. Who was there has a row a user
 * while the day lasts; those of an old day are counted into a row of worker -2 as they go, each in
 * the transaction that removes it, so that the sum of both is right at any moment.
 */
#include "store/usage.h"

SQL(usage_messages,
    "insert into usage_days (app, day, node, worker, messages) values ($1, $2, 'local', 0, $3)"
    " on conflict (app, day, node, worker)"
    " do update set messages = usage_days.messages + excluded.messages");

SQL(usage_put,
    "insert into usage_days (app, day, node, worker, api_calls, peak_users, connection_seconds)"
    " values ($1, $2, $3, -1, $4, $5, $6) on conflict (app, day, node, worker) do update set"
    " api_calls = usage_days.api_calls + excluded.api_calls,"
    " peak_users = case when excluded.peak_users > usage_days.peak_users"
    "  then excluded.peak_users else usage_days.peak_users end,"
    " connection_seconds = usage_days.connection_seconds + excluded.connection_seconds");

SQL(usage_active, "insert into active_users (app, day, user_id) values ($1, $2, $3)"
                  " on conflict do nothing");

/* PostgreSQL's sums are of a wider type than what they sum. */
SQL(usage_list,
    "select day, cast(sum(messages) as bigint), cast(sum(api_calls) as bigint),"
    " cast(sum(peak_users) as bigint), cast(sum(connection_seconds) as bigint),"
    " cast(sum(active_users) as bigint)"
    " from (select day, messages, api_calls, peak_users, connection_seconds, active_users"
    "  from usage_days where app = $1 and day >= $2 and day <= $3"
    "  union all select day, 0, 0, 0, 0, 1"
    "  from active_users where app = $1 and day >= $2 and day <= $3) counts"
    " group by day order by day");

SQL(active_oldest, "select app, day from active_users where day < $1 order by day, app limit 1");
SQL(active_forget, "delete from active_users where app = $1 and day = $2 and user_id in"
                   " (select user_id from active_users where app = $1 and day = $2 limit $3)");
SQL(active_count,
    "insert into usage_days (app, day, node, worker, active_users) values ($1, $2, 'local', -2, $3)"
    " on conflict (app, day, node, worker)"
    " do update set active_users = usage_days.active_users + excluded.active_users");

void usage_add_messages(struct db *db, int64_t app, int64_t day, int64_t messages)
{
    db_run(db, &usage_messages, ARGS(v_int(app), v_int(day), v_int(messages)));
}

void usage_add(struct db *db, Str node, const struct usage_counts *counts)
{
    db_run(db, &usage_put,
           ARGS(v_int(counts->app), v_int(counts->day), v_text(node), v_int(counts->api_calls),
                v_int(counts->peak_users), v_int(counts->connection_seconds)));
}

void usage_note_active(struct db *db, int64_t app, int64_t day, int64_t user)
{
    db_run(db, &usage_active, ARGS(v_int(app), v_int(day), v_int(user)));
}

int64_t usage_count_active(struct db *db, int64_t before, int64_t limit)
{
    struct db_rows *rows = db_query(db, &active_oldest, ARGS(v_int(before)));
    bool found = db_next(rows);
    int64_t app = found ? db_int(rows, 0) : 0;
    int64_t day = found ? db_int(rows, 1) : 0;
    db_done(rows);
    if (!found)
        return 0;
    int64_t users = db_run(db, &active_forget, ARGS(v_int(app), v_int(day), v_int(limit)));
    db_run(db, &active_count, ARGS(v_int(app), v_int(day), v_int(users)));
    return users;
}

struct db_rows *usage_days(struct db *db, int64_t app, int64_t from, int64_t to)
{
    return db_query(db, &usage_list, ARGS(v_int(app), v_int(from), v_int(to)));
}

bool usage_days_next(struct db_rows *rows, struct usage_day *out)
{
    if (!db_next(rows))
        return false;
    *out = (struct usage_day){
        .day = db_int(rows, 0),
        .messages = db_int(rows, 1),
        .api_calls = db_int(rows, 2),
        .peak_users = db_int(rows, 3),
        .connection_seconds = db_int(rows, 4),
        .active_users = db_int(rows, 5),
    };
    return true;
}
