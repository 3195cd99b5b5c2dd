#include "domain/app.h"
#include "store/apps.h"
#include "store/usage.h"

#include "base/clock.h"

Err app_usage(struct tx *tx, int64_t account, Id id, int64_t from, int64_t to,
              struct app_usage **out, size_t *n)
{
    struct apps_row app;
    if (!apps_find(tx->db, account, id, tx->arena, &app))
        return tx_done(tx, ERR_APP_NOT_FOUND);
    size_t cap = 0;
    struct app_usage *days = NULL;
    struct usage_day row;
    *n = 0;
    struct db_rows *rows = usage_days(tx->db, app.app, from, to);
    while (usage_days_next(rows, &row)) {
        if (*n == cap) {
            cap = cap ? cap * 2 : 32;
            struct app_usage *more = arena_array(tx->arena, struct app_usage, cap);
            if (*n)
                memcpy(more, days, *n * sizeof *days);
            days = more;
        }
        days[(*n)++] = (struct app_usage){
            .day = row.day,
            .messages = row.messages,
            .peak_users = row.peak_users,
            .active_users = row.active_users,
            .api_calls = row.api_calls,
            .connection_minutes = row.connection_seconds / 60,
        };
    }
    *out = days;
    return tx_done(tx, ERR_OK);
}

Err app_usage_add(struct tx *tx, Str node, const struct app_usage_delta *deltas, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct usage_counts counts = {
            .app = deltas[i].app,
            .day = clock_day(tx->now),
            .api_calls = deltas[i].api_calls,
            .peak_users = deltas[i].peak_users,
            .connection_seconds = deltas[i].connection_seconds,
        };
        usage_add(tx->db, node, &counts);
    }
    return tx_done(tx, ERR_OK);
}
