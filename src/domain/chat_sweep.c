/*
 * Removing rows in the background. Every query already passes them over, so that nothing here is
 * urgent; each job is small, and a restart finds in the store where it was. Removals take turns,
 * so that a large one does not keep the others waiting.
 */
#include "domain/chat.h"

#include "base/clock.h"
#include "store/removals.h"
#include "store/usage.h"

enum {
    A_CHAT_LEFT = 7, /* rows, at most */
    ANSWER_TTL = 24 * 3600 * 1000,
    ACTIVE_DAYS = 2, /* before their users are only a number; later ones may still be added to */
};

#define REVOKED_KEY_TTL (90 * 24 * 3600 * 1000ll) /* then it is an unknown one */

/* Each step says how many rows it took; 0: the removal is through with it. */

static Err leave(struct tx *tx, const struct removals_row *r, int64_t limit, int64_t *rows)
{
    bool more;
    size_t before = tx->events->n;
    Err e = chat_leave_all(tx, r->app, r->user, (size_t)(limit / A_CHAT_LEFT), &more);
    *rows = more || tx->events->n > before ? limit : 0;
    return e;
}

static Err sweep_user(struct tx *tx, struct removals_row *r, int64_t limit, int64_t *rows)
{
    Err e = leave(tx, r, limit, rows);
    if (e || *rows)
        return e;
    *rows = removals_user_chats(tx->db, r, tx->now, limit);
    if (*rows == 0)
        *rows = removals_user(tx->db, r->app, r->user, limit);
    if (*rows == 0)
        removals_user_name(tx->db, r->app, r->user);
    return ERR_OK;
}

/* One step of a removal. */
static Err sweep_one(struct tx *tx, struct removals_row *r, int64_t limit, int64_t *rows)
{
    enum removals_kind next = r->kind;
    int64_t due_at = tx->now;
    Err e = ERR_OK;
    switch (r->kind) {
    case REMOVALS_CHAT:
        *rows = removals_chat(tx->db, r, tx->now, limit);
        break;
    case REMOVALS_CHAT_END:
        *rows = removals_chat_end(tx->db, r->app, r->chat, limit);
        break;
    case REMOVALS_USER:
        e = sweep_user(tx, r, limit, rows);
        break;
    case REMOVALS_APP:
        *rows = removals_app(tx->db, r->app, limit);
        break;
    }
    /* Members, tombstones and the log of a chat tell those who were away what was there, and that
     * it is gone. */
    if (r->kind == REMOVALS_CHAT && *rows == 0) {
        next = REMOVALS_CHAT_END;
        due_at = r->created_at + tx->rules->log_retention;
    }
    if (next == r->kind && *rows == 0)
        removals_done(tx->db, r->id);
    else
        removals_later(tx->db, r, next, due_at);
    return e;
}

Err chat_sweep(struct tx *tx, int64_t limit, bool *more)
{
    int64_t expired = limit * 3 / 10; /* at least, for what is merely past its time */
    struct removals_row removal;
    int64_t rows = 0;
    Err e = ERR_OK;
    *more = removals_next(tx->db, tx->now, &removal);
    if (*more)
        e = sweep_one(tx, &removal, limit - expired, &rows);
    if (e)
        return e;
    int64_t usage = tx->now - tx->rules->usage_retention;
    struct removals_times times = {.now = tx->now,
                                   .events = tx->now - tx->rules->log_retention,
                                   .answers = tx->now - ANSWER_TTL,
                                   .keys = tx->now - REVOKED_KEY_TTL,
                                   .audit = tx->now - tx->rules->audit_retention,
                                   .apps = usage,
                                   .usage_day = clock_day(usage)};
    rows += removals_expired(tx->db, &times, limit - rows);
    int64_t users = 0; /* of one app and day: there may be others */
    if (rows < limit)
        users = usage_count_active(tx->db, clock_day(tx->now) - ACTIVE_DAYS + 1, limit - rows);
    if (rows >= limit || users)
        *more = true;
    return tx_done(tx, ERR_OK);
}
