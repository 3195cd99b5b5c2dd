/*
 * Apps and where they live. Whatever counts something before it adds to it (demo apps, keys) first
 * takes the lock of what it counts for: the account's, then the app's.
 */
#include "domain/app.h"

#include "domain/text.h"
#include "store/accounts.h"
#include "store/apps.h"

static const char *const tiers[] = {"DEMO", "MULTI_TENANT", "DEDICATED"};

bool app_tier_known(Str tier)
{
    for (size_t i = 0; i < sizeof tiers / sizeof *tiers; i++)
        if (str_eq(tier, str_of(tiers[i])))
            return true;
    return false;
}

static bool has_tier(Str list, Str tier)
{
    while (list.n)
        if (str_eq(str_cut(&list, ','), tier))
            return true;
    return false;
}

static void from_row(const struct apps_row *row, struct app *out)
{
    *out = (struct app){
        .app = row->app,
        .id = row->id,
        .client_id = row->account_id,
        .name = row->name,
        .status = row->status,
        .tier = row->tier,
        .cluster_id = row->cluster.id,
        .cluster_name = row->cluster.name,
        .cluster_endpoint = row->cluster.endpoint,
        .cluster_status = row->cluster.status,
        .created_at = row->created_at,
        .updated_at = row->updated_at,
    };
}

Err app_cluster_ensure(struct tx *tx, Str name, Str endpoint, Str served, int64_t *out)
{
    Err e = text_name(tx, "cluster", name);
    if (e)
        return e;
    Str rest = served;
    do {
        if (!app_tier_known(str_cut(&rest, ',')))
            return tx_fail(
                tx, ERR_INVALID_FIELD,
                "tiers must be a list of DEMO, MULTI_TENANT and DEDICATED, with commas.");
    } while (rest.n);
    struct apps_cluster cluster = {
        .id = id_new(tx->now),
        .name = name,
        .endpoint = endpoint,
        .tiers = served,
        .status = S("ACTIVE"),
    };
    *out = apps_put_cluster(tx->db, &cluster, tx->now);
    return tx_done(tx, ERR_OK);
}

static bool serves(const struct apps_cluster *cluster, Str tier)
{
    return has_tier(cluster->tiers, tier) && str_eq(cluster->status, S("ACTIVE"));
}

/* The row number of a cluster for the tier: the preferred one if it serves it, else the oldest that
 * does; 0: there is none. */
static int64_t cluster_for(struct tx *tx, Str tier, int64_t preferred)
{
    int64_t chosen = 0;
    struct apps_cluster cluster;
    struct db_rows *rows = apps_clusters(tx->db);
    while (apps_clusters_next(rows, &cluster))
        if (serves(&cluster, tier) && (!chosen || cluster.cluster == preferred))
            chosen = cluster.cluster;
    return chosen;
}

/* Under the account's lock. */
static Err check_demo_apps(struct tx *tx, int64_t account)
{
    accounts_lock(tx->db, account);
    if (apps_count(tx->db, account, S("DEMO")) < tx->rules->demo_apps)
        return ERR_OK;
    return tx_fail(tx, ERR_DEMO_APP_LIMIT,
                   "An account has at most %lld demo apps; delete or upgrade one.",
                   (long long)tx->rules->demo_apps);
}

/* Under the account's lock. */
static Err check_apps(struct tx *tx, int64_t account)
{
    Err e = check_demo_apps(tx, account);
    if (e || apps_count_all(tx->db, account) < tx->rules->account_apps)
        return e;
    return tx_fail(tx, ERR_APP_LIMIT, "An account has at most %lld apps; delete one.",
                   (long long)tx->rules->account_apps);
}

Err app_list(struct tx *tx, int64_t account, Id after, int64_t limit, struct app **out, size_t *n,
             bool *more)
{
    size_t cap = 0;
    struct app *apps = NULL;
    struct apps_row row;
    int64_t place = id_is_nil(after) ? 0 : apps_place(tx->db, account, after);
    *n = 0;
    *more = false;
    if (!place && !id_is_nil(after))
        return tx_fail(tx, ERR_INVALID_FIELD, "cursor must be the id of one of your apps.");
    struct db_rows *rows = apps_of_account(tx->db, account, place, limit + 1);
    while (apps_next(rows, tx->arena, &row)) {
        if ((int64_t)*n == limit) {
            *more = true;
            db_done(rows);
            break;
        }
        if (*n == cap) {
            cap = cap ? cap * 2 : 8;
            struct app *larger = arena_array(tx->arena, struct app, cap);
            if (*n)
                memcpy(larger, apps, *n * sizeof *apps);
            apps = larger;
        }
        from_row(&row, &apps[(*n)++]);
    }
    *out = apps;
    return tx_done(tx, ERR_OK);
}

Err app_get(struct tx *tx, int64_t account, Id id, struct app *out)
{
    struct apps_row row;
    if (!apps_find(tx->db, account, id, tx->arena, &row))
        return tx_done(tx, ERR_APP_NOT_FOUND);
    from_row(&row, out);
    return ERR_OK;
}

Err app_create(struct tx *tx, int64_t account, Str name, struct app *out)
{
    Err e = text_name(tx, "name", name);
    if (!e)
        e = check_apps(tx, account);
    if (e)
        return e;
    int64_t cluster = cluster_for(tx, S("DEMO"), tx->rules->cluster);
    if (!cluster)
        return tx_done(tx, ERR_NO_CLUSTER_FOR_TIER);
    struct apps_row row = {
        .id = id_new(tx->now),
        .account = account,
        .name = name,
        .status = S("ACTIVE"),
        .tier = S("DEMO"),
        .cluster.cluster = cluster,
        .created_at = tx->now,
    };
    int64_t app = apps_insert(tx->db, &row);
    apps_settle(tx->db, app, cluster);
    accounts_audit(tx->db, account, app, S("app.create"), row.id, tx->now);
    return app_get(tx, account, row.id, out);
}

static void close_sessions(struct tx *tx, int64_t app)
{
    event_add(tx->events, EVENT_APP_CLOSED)->app = app;
}

/* Sets the status and does what hangs on it. */
static void set_status(struct tx *tx, struct apps_row *row, Str status)
{
    if (str_eq(row->status, status))
        return;
    bool active = str_eq(status, S("ACTIVE"));
    row->status = status;
    if (!active)
        close_sessions(tx, row->app);
    accounts_audit(tx->db, row->account, row->app, active ? S("app.activate") : S("app.suspend"),
                   row->id, tx->now);
}

Err app_update(struct tx *tx, int64_t account, Id id, Str name, Str status, struct app *out)
{
    struct apps_row row;
    Err e = name.p ? text_name(tx, "name", name) : ERR_OK;
    if (e)
        return e;
    if (status.p && !str_eq(status, S("ACTIVE")) && !str_eq(status, S("SUSPENDED")))
        return tx_fail(tx, ERR_INVALID_FIELD, "status must be ACTIVE or SUSPENDED.");
    if (!apps_lock(tx->db, account, id, tx->arena, &row))
        return tx_done(tx, ERR_APP_NOT_FOUND);
    if (name.p || status.p) {
        if (name.p)
            row.name = arena_str(tx->arena, name);
        if (status.p)
            set_status(tx, &row, arena_str(tx->arena, status));
        row.updated_at = tx->now;
        apps_update(tx->db, &row);
    }
    from_row(&row, out);
    return tx_done(tx, ERR_OK);
}

Err app_set_tier(struct tx *tx, int64_t account, Id id, Str tier, struct app *out)
{
    struct apps_row row;
    if (!app_tier_known(tier))
        return tx_fail(tx, ERR_INVALID_FIELD, "tier must be DEMO, MULTI_TENANT or DEDICATED.");
    bool down = str_eq(tier, S("DEMO"));
    if (down) /* before the app's, the same order everywhere */
        accounts_lock(tx->db, account);
    if (!apps_lock(tx->db, account, id, tx->arena, &row))
        return tx_done(tx, ERR_APP_NOT_FOUND);
    if (str_eq(row.tier, tier)) {
        from_row(&row, out);
        return ERR_OK;
    }
    Err e = down ? check_demo_apps(tx, account) : ERR_OK;
    if (e)
        return e;
    row.cluster.cluster = cluster_for(tx, tier, row.cluster.cluster);
    if (!row.cluster.cluster)
        return tx_done(tx, ERR_NO_CLUSTER_FOR_TIER);
    if (!has_tier(tx->rules->account_tiers, tier))
        return tx_done(tx, ERR_TIER_NOT_ALLOWED);
    row.tier = tier;
    row.updated_at = tx->now;
    apps_update(tx->db, &row);
    apps_settle(tx->db, row.app, row.cluster.cluster);
    accounts_audit(tx->db, account, row.app, S("app.tier"), row.id, tx->now);
    return app_get(tx, account, id, out);
}

Err app_delete(struct tx *tx, int64_t account, Id id)
{
    struct apps_row row;
    if (!apps_lock(tx->db, account, id, tx->arena, &row))
        return tx_done(tx, ERR_APP_NOT_FOUND);
    apps_end(tx->db, row.app, tx->now);
    close_sessions(tx, row.app);
    accounts_audit(tx->db, account, row.app, S("app.delete"), row.id, tx->now);
    return tx_done(tx, ERR_OK);
}
