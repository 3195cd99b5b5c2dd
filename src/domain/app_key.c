/*
 * API keys. A key says of itself only which it is; whether it is good is in its row. The list shows
 * the tier that its app has now; the row keeps the one it was made under.
 */
#include "domain/app.h"

#include "domain/secret.h"
#include "store/accounts.h"
#include "store/apps.h"

enum {
    KEY_TEXT_MAX = 8192,
    KEY_PREFIX = 8,
    LISTED = 1000,      /* active ones; --app-keys allows no more */
    REVOKED_KEPT = 100, /* of an app; past them the oldest are forgotten */
    AT_ONCE = 100,      /* that one revocation forgets */
};

static void from_row(const struct apps_row *app, const struct apps_key *row, struct app_key *out)
{
    *out = (struct app_key){
        .id = row->id,
        .prefix = row->prefix,
        .audience = row->audience,
        .tier = app->tier,
        .active = row->revoked_at == 0,
        .created_at = row->created_at,
        .used_at = row->used_at,
        .revoked_at = row->revoked_at,
    };
}

Err app_keys(struct tx *tx, int64_t account, Id id, struct app_key **out, size_t *n)
{
    struct apps_row app;
    if (!apps_find(tx->db, account, id, tx->arena, &app))
        return tx_done(tx, ERR_APP_NOT_FOUND);
    size_t cap = 0;
    struct app_key *keys = NULL;
    struct apps_key row;
    *n = 0;
    struct db_rows *rows = apps_keys(tx->db, app.app, LISTED, REVOKED_KEPT);
    while (apps_keys_next(rows, tx->arena, &row)) {
        if (*n == cap) {
            cap = cap ? cap * 2 : 8;
            struct app_key *more = arena_array(tx->arena, struct app_key, cap);
            if (*n)
                memcpy(more, keys, *n * sizeof *keys);
            keys = more;
        }
        from_row(&app, &row, &keys[(*n)++]);
    }
    *out = keys;
    return tx_done(tx, ERR_OK);
}

static void revoke_key(struct tx *tx, int64_t app, int64_t key)
{
    apps_revoke_key(tx->db, app, key, tx->now);
    apps_forget_keys(tx->db, app, REVOKED_KEPT, AT_ONCE);
}

/* The app, locked and not suspended. */
static Err active_app(struct tx *tx, int64_t account, Id id, struct apps_row *app)
{
    if (!apps_lock(tx->db, account, id, tx->arena, app))
        return tx_done(tx, ERR_APP_NOT_FOUND);
    return str_eq(app->status, S("ACTIVE")) ? ERR_OK : ERR_APP_SUSPENDED;
}

static Err make_key(struct tx *tx, const struct apps_row *app, app_key_signer *sign, void *context,
                    struct app_key *out, Str *token)
{
    struct buf text = BUF(KEY_TEXT_MAX);
    struct apps_key key = {
        .id = id_new(tx->now),
        .audience = app->cluster.name,
        .created_at = tx->now,
    };
    Err e = sign(context, key.id, app->id, key.audience, tx->now, &text);
    if (!e && text.overflow)
        e = ERR_INTERNAL;
    *token = arena_str(tx->arena, buf_str(&text));
    buf_free(&text);
    if (e)
        return e;
    key.prefix = str_from(token->p, token->n < KEY_PREFIX ? token->n : KEY_PREFIX);
    apps_add_key(tx->db, app->app, &key, secret_hash(*token, tx->arena), app->tier);
    from_row(app, &key, out);
    return tx_done(tx, ERR_OK);
}

Err app_key_create(struct tx *tx, int64_t account, Id id, app_key_signer *sign, void *context,
                   struct app_key *out, Str *token)
{
    struct apps_row app;
    Err e = active_app(tx, account, id, &app);
    if (e)
        return e;
    if (apps_count_keys(tx->db, app.app) >= tx->rules->app_keys)
        return tx_fail(tx, ERR_API_KEY_LIMIT, "An app has at most %lld active keys; revoke one.",
                       (long long)tx->rules->app_keys);
    e = make_key(tx, &app, sign, context, out, token);
    if (!e)
        accounts_audit(tx->db, account, app.app, S("key.create"), out->id, tx->now);
    return e;
}

Err app_key_revoke(struct tx *tx, int64_t account, Id id, Id key_id)
{
    struct apps_row app;
    struct apps_key key;
    if (!apps_lock(tx->db, account, id, tx->arena, &app))
        return tx_done(tx, ERR_APP_NOT_FOUND);
    if (!apps_find_key(tx->db, app.app, key_id, tx->arena, &key))
        return tx_done(tx, ERR_KEY_NOT_FOUND);
    if (key.revoked_at)
        return ERR_OK;
    revoke_key(tx, app.app, key.key);
    accounts_audit(tx->db, account, app.app, S("key.revoke"), key.id, tx->now);
    return tx_done(tx, ERR_OK);
}

Err app_key_rotate(struct tx *tx, int64_t account, Id id, Id key_id, app_key_signer *sign,
                   void *context, struct app_key *out, Str *token)
{
    struct apps_row app;
    struct apps_key old;
    Err e = active_app(tx, account, id, &app);
    if (e)
        return e;
    if (!apps_find_key(tx->db, app.app, key_id, tx->arena, &old) || old.revoked_at)
        return tx_done(tx, ERR_KEY_NOT_FOUND);
    revoke_key(tx, app.app, old.key);
    accounts_audit(tx->db, account, app.app, S("key.rotate"), old.id, tx->now);
    return make_key(tx, &app, sign, context, out, token);
}
