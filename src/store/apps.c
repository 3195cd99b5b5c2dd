#include "store/apps.h"

SQL(cluster_put,
    "insert into clusters (uuid, name, endpoint, tiers, status, created_at)"
    " values ($1, $2, $3, $4, $5, $6) on conflict (name)"
    " do update set endpoint = excluded.endpoint, tiers = excluded.tiers returning id");

SQL(cluster_list, "select id, uuid, name, endpoint, tiers, status from clusters order by id");

#define APP                                                                                        \
    "select a.id, a.uuid, a.account, o.uuid, a.name, a.status, a.tier, c.id, c.uuid, c.name,"      \
    " c.endpoint, c.status, a.created_at, a.updated_at"                                            \
    " from apps a join accounts o on o.id = a.account join clusters c on c.id = a.cluster"         \
    " where a.account = $1 and a.deleted_at is null"

SQL(app_list, APP " and a.id > $2 order by a.id limit $3");
SQL(app_place, "select id from apps where account = $1 and uuid = $2");
SQL(app_find, APP " and a.uuid = $2");
SQL(app_find_locked, APP " and a.uuid = $2 /*+ for update of a */");

SQL(app_count, "select count(*) from apps where account = $1 and tier = $2 and deleted_at is null");
SQL(app_count_all, "select count(*) from apps where account = $1 and deleted_at is null");

SQL(app_insert, "insert into apps (uuid, account, name, status, tier, cluster, created_at,"
                " updated_at) values ($1, $2, $3, $4, $5, $6, $7, $7) returning id");

SQL(app_update, "update apps set name = $2, status = $3, tier = $4, cluster = $5, updated_at = $6"
                " where id = $1");

SQL(app_settle, "insert into app_clusters (app, cluster) values ($1, $2) on conflict do nothing");

SQL(app_end, "update apps set deleted_at = $2 where id = $1");

SQL(app_removal, "insert into removals (app, kind, created_at, due_at) values ($1, 'app', $2, $2)");

SQL(app_standing, "select status, tier from apps where id = $1 and deleted_at is null");

#define KEY_COLUMNS "id, uuid, prefix, audience, created_at, used_at, revoked_at"
#define KEY "select " KEY_COLUMNS " from api_keys where app = $1"

SQL(key_list,
    "select " KEY_COLUMNS " from (select * from (" KEY " and revoked_at is null order by id"
    " limit $2) active union all select * from (" KEY " and revoked_at is not null"
    " order by revoked_at desc, id desc limit $3) revoked) listed order by id");
SQL(key_find, KEY " and uuid = $2");

SQL(key_count, "select count(*) from api_keys where app = $1 and revoked_at is null");

SQL(key_insert, "insert into api_keys (app, uuid, hash, prefix, audience, tier, created_at)"
                " values ($1, $2, $3, $4, $5, $6, $7)");

SQL(key_revoke,
    "update api_keys set revoked_at = $3 where app = $1 and id = $2 and revoked_at is null");

SQL(key_forget, "delete from api_keys where app = $1 and id in"
                " (select id from api_keys where app = $1 and revoked_at is not null"
                " order by revoked_at desc, id desc limit $3 offset $2)");

SQL(key_known, "select a.id, k.id, a.status, a.cluster,"
               " (select count(*) from app_clusters l join clusters c on c.id = l.cluster"
               "  where l.app = a.id and c.name = $4), k.used_at, k.revoked_at"
               " from apps a join api_keys k on k.app = a.id and k.uuid = $2 and k.hash = $3"
               " where a.uuid = $1 and a.deleted_at is null");

SQL(key_used, "update api_keys set used_at = $3 where app = $1 and id = $2");

int64_t apps_put_cluster(struct db *db, const struct apps_cluster *cluster, int64_t now)
{
    return db_number(db, &cluster_put,
                     ARGS(v_id(cluster->id), v_text(cluster->name), v_text(cluster->endpoint),
                          v_text(cluster->tiers), v_text(cluster->status), v_int(now)));
}

struct db_rows *apps_clusters(struct db *db)
{
    return db_query(db, &cluster_list, (struct db_values){0});
}

bool apps_clusters_next(struct db_rows *rows, struct apps_cluster *out)
{
    if (!db_next(rows))
        return false;
    *out = (struct apps_cluster){
        .cluster = db_int(rows, 0),
        .id = db_id(rows, 1),
        .name = db_text(rows, 2),
        .endpoint = db_text(rows, 3),
        .tiers = db_text(rows, 4),
        .status = db_text(rows, 5),
    };
    return true;
}

int64_t apps_place(struct db *db, int64_t account, Id id)
{
    return db_number(db, &app_place, ARGS(v_int(account), v_id(id)));
}

struct db_rows *apps_of_account(struct db *db, int64_t account, int64_t after, int64_t limit)
{
    return db_query(db, &app_list, ARGS(v_int(account), v_int(after), v_int(limit)));
}

bool apps_next(struct db_rows *rows, struct arena *arena, struct apps_row *out)
{
    if (!db_next(rows))
        return false;
    *out = (struct apps_row){
        .app = db_int(rows, 0),
        .id = db_id(rows, 1),
        .account = db_int(rows, 2),
        .account_id = db_id(rows, 3),
        .name = db_text_copy(rows, 4, arena),
        .status = db_text_copy(rows, 5, arena),
        .tier = db_text_copy(rows, 6, arena),
        .cluster = {.cluster = db_int(rows, 7),
                    .id = db_id(rows, 8),
                    .name = db_text_copy(rows, 9, arena),
                    .endpoint = db_text_copy(rows, 10, arena),
                    .status = db_text_copy(rows, 11, arena)},
        .created_at = db_int(rows, 12),
        .updated_at = db_int(rows, 13),
    };
    return true;
}

static bool find(struct db *db, const struct db_sql *sql, int64_t account, Id id,
                 struct arena *arena, struct apps_row *out)
{
    struct db_rows *rows = db_query(db, sql, ARGS(v_int(account), v_id(id)));
    bool found = apps_next(rows, arena, out);
    db_done(rows);
    return found;
}

bool apps_find(struct db *db, int64_t account, Id id, struct arena *arena, struct apps_row *out)
{
    return find(db, &app_find, account, id, arena, out);
}

bool apps_lock(struct db *db, int64_t account, Id id, struct arena *arena, struct apps_row *out)
{
    return find(db, &app_find_locked, account, id, arena, out);
}

int64_t apps_count(struct db *db, int64_t account, Str tier)
{
    return db_number(db, &app_count, ARGS(v_int(account), v_text(tier)));
}

int64_t apps_count_all(struct db *db, int64_t account)
{
    return db_number(db, &app_count_all, ARGS(v_int(account)));
}

int64_t apps_insert(struct db *db, const struct apps_row *row)
{
    return db_number(db, &app_insert,
                     ARGS(v_id(row->id), v_int(row->account), v_text(row->name),
                          v_text(row->status), v_text(row->tier), v_int(row->cluster.cluster),
                          v_int(row->created_at)));
}

void apps_update(struct db *db, const struct apps_row *row)
{
    db_run(db, &app_update,
           ARGS(v_int(row->app), v_text(row->name), v_text(row->status), v_text(row->tier),
                v_int(row->cluster.cluster), v_int(row->updated_at)));
}

void apps_settle(struct db *db, int64_t app, int64_t cluster)
{
    db_run(db, &app_settle, ARGS(v_int(app), v_int(cluster)));
}

void apps_end(struct db *db, int64_t app, int64_t now)
{
    db_run(db, &app_end, ARGS(v_int(app), v_int(now)));
    db_run(db, &app_removal, ARGS(v_int(app), v_int(now)));
}

bool apps_standing(struct db *db, int64_t app, struct arena *arena, Str *status, Str *tier)
{
    struct db_rows *rows = db_query(db, &app_standing, ARGS(v_int(app)));
    bool found = db_next(rows);
    if (found) {
        *status = db_text_copy(rows, 0, arena);
        *tier = db_text_copy(rows, 1, arena);
    }
    db_done(rows);
    return found;
}

struct db_rows *apps_keys(struct db *db, int64_t app, int64_t active, int64_t revoked)
{
    return db_query(db, &key_list, ARGS(v_int(app), v_int(active), v_int(revoked)));
}

bool apps_keys_next(struct db_rows *rows, struct arena *arena, struct apps_key *out)
{
    if (!db_next(rows))
        return false;
    *out = (struct apps_key){
        .key = db_int(rows, 0),
        .id = db_id(rows, 1),
        .prefix = db_text_copy(rows, 2, arena),
        .audience = db_text_copy(rows, 3, arena),
        .created_at = db_int(rows, 4),
        .used_at = db_int(rows, 5),
        .revoked_at = db_int(rows, 6),
    };
    return true;
}

bool apps_find_key(struct db *db, int64_t app, Id id, struct arena *arena, struct apps_key *out)
{
    struct db_rows *rows = db_query(db, &key_find, ARGS(v_int(app), v_id(id)));
    bool found = apps_keys_next(rows, arena, out);
    db_done(rows);
    return found;
}

int64_t apps_count_keys(struct db *db, int64_t app)
{
    return db_number(db, &key_count, ARGS(v_int(app)));
}

void apps_add_key(struct db *db, int64_t app, const struct apps_key *key, Str hash, Str tier)
{
    db_run(db, &key_insert,
           ARGS(v_int(app), v_id(key->id), v_bytes(hash), v_text(key->prefix),
                v_text(key->audience), v_text(tier), v_int(key->created_at)));
}

void apps_revoke_key(struct db *db, int64_t app, int64_t key, int64_t now)
{
    db_run(db, &key_revoke, ARGS(v_int(app), v_int(key), v_int(now)));
}

void apps_forget_keys(struct db *db, int64_t app, int64_t kept, int64_t limit)
{
    db_run(db, &key_forget, ARGS(v_int(app), v_int(kept), v_int(limit)));
}

bool apps_know_key(struct db *db, Id app, Id key, Str hash, Str audience,
                   struct apps_known_key *out)
{
    struct db_rows *rows =
        db_query(db, &key_known, ARGS(v_id(app), v_id(key), v_bytes(hash), v_text(audience)));
    bool found = db_next(rows);
    if (found)
        *out = (struct apps_known_key){
            .app = db_int(rows, 0),
            .key = db_int(rows, 1),
            .suspended = !str_eq(db_text(rows, 2), S("ACTIVE")),
            .cluster = db_int(rows, 3),
            .lived = db_int(rows, 4) != 0,
            .used_at = db_int(rows, 5),
            .revoked_at = db_int(rows, 6),
        };
    db_done(rows);
    return found;
}

void apps_note_key(struct db *db, int64_t app, int64_t key, int64_t now)
{
    db_run(db, &key_used, ARGS(v_int(app), v_int(key), v_int(now)));
}
