#include "store/usage.h"

SQL(usage_messages,
    "insert into usage_days (app, day, node, worker, messages) values ($1, $2, 'local', 0, $3)"
    " on conflict (app, day, node, worker)"
    " do update set messages = usage_days.messages + excluded.messages");

void usage_add_messages(struct db *db, int64_t app, int64_t day, int64_t messages)
{
    db_run(db, &usage_messages, ARGS(v_int(app), v_int(day), v_int(messages)));
}
