#include "store/accounts.h"

SQL(account_insert, "insert into accounts (uuid, company, email, email_key, password, role,"
                    " created_at, updated_at) values ($1, $2, $3, $4, $5, $6, $7, $7)"
                    " on conflict do nothing returning id");

SQL(account_update,
    "update accounts set company = coalesce($2, company), email = coalesce($3, email),"
    " email_key = coalesce($4, email_key), password = coalesce($5, password), updated_at = $6"
    " where id = $1");

#define ACCOUNT                                                                                    \
    "select o.id, o.uuid, o.company, o.email, o.password, o.role, o.created_at, o.updated_at"

SQL(account_by_email, ACCOUNT " from accounts o where o.email_key = $1");

SQL(account_of_family,
    ACCOUNT " from accounts o join families f on f.account = o.id"
            " where o.uuid = $1 and f.uuid = $2 and f.revoked_at is null and f.expires_at > $3");

SQL(account_lock, "select id from accounts where id = $1 /*+ for update */");

SQL(family_insert, "insert into families (uuid, account, created_at, expires_at)"
                   " values ($1, $2, $3, $4) returning id");

SQL(family_extend, "update families set expires_at = $2 where id = $1");

SQL(family_end, "update families set revoked_at = $2 where uuid = $1 and revoked_at is null");

SQL(family_end_others, "update families set revoked_at = $3"
                       " where account = $1 and uuid <> $2 and revoked_at is null");

/* Of those of an account the oldest, beyond $3 of them, at most $4. */
SQL(family_end_oldest, "update families set revoked_at = $2 where id in"
                       " (select id from families where account = $1 and revoked_at is null"
                       " order by id desc limit $4 offset $3)");

SQL(token_insert, "insert into family_tokens (hash, family, created_at) values ($1, $2, $3)");

SQL(token_find, ACCOUNT ", f.id, f.uuid, f.expires_at, f.revoked_at, t.used_at from family_tokens t"
                        " join families f on f.id = t.family join accounts o on o.id = f.account"
                        " where t.hash = $1");

SQL(token_use, "update family_tokens set used_at = $2 where hash = $1 and used_at is null");

SQL(token_forget, "delete from family_tokens where hash in (select hash from family_tokens"
                  " where family = $1 and used_at < $2 order by used_at limit $3)");

/* Besides the $2 that were used last. */
SQL(token_forget_oldest, "delete from family_tokens where hash in (select hash from family_tokens"
                         " where family = $1 and used_at is not null"
                         " order by used_at desc limit $3 offset $2)");

SQL(audit_insert, "insert into audit (account, app, action, subject, created_at)"
                  " values ($1, $2, $3, $4, $5)");

SQL(audit_forget, "delete from audit where id in (select id from audit where account = $1"
                  " order by id desc limit $3 offset $2)");

int64_t accounts_insert(struct db *db, const struct accounts_row *row)
{
    return db_number(db, &account_insert,
                     ARGS(v_id(row->id), v_text(row->company), v_text(row->email),
                          v_text(row->email_key), v_text(row->password), v_text(row->role),
                          v_int(row->created_at)));
}

void accounts_update(struct db *db, const struct accounts_row *row)
{
    db_run(db, &account_update,
           ARGS(v_int(row->account), v_text(row->company), v_text(row->email),
                v_text(row->email_key), v_text(row->password), v_int(row->updated_at)));
}

static void read_account(struct db_rows *rows, struct arena *arena, struct accounts_row *out)
{
    *out = (struct accounts_row){
        .account = db_int(rows, 0),
        .id = db_id(rows, 1),
        .company = db_text_copy(rows, 2, arena),
        .email = db_text_copy(rows, 3, arena),
        .password = db_text_copy(rows, 4, arena),
        .role = db_text_copy(rows, 5, arena),
        .created_at = db_int(rows, 6),
        .updated_at = db_int(rows, 7),
    };
}

static bool find(struct db_rows *rows, struct arena *arena, struct accounts_row *out)
{
    bool found = db_next(rows);
    if (found)
        read_account(rows, arena, out);
    db_done(rows);
    return found;
}

bool accounts_by_email(struct db *db, Str email_key, struct arena *arena, struct accounts_row *out)
{
    return find(db_query(db, &account_by_email, ARGS(v_text(email_key))), arena, out);
}

bool accounts_of_family(struct db *db, Id account, Id family, int64_t now, struct arena *arena,
                        struct accounts_row *out)
{
    return find(db_query(db, &account_of_family, ARGS(v_id(account), v_id(family), v_int(now))),
                arena, out);
}

void accounts_lock(struct db *db, int64_t account)
{
    db_number(db, &account_lock, ARGS(v_int(account)));
}

int64_t accounts_add_family(struct db *db, int64_t account, Id id, int64_t now, int64_t expires_at)
{
    return db_number(db, &family_insert,
                     ARGS(v_id(id), v_int(account), v_int(now), v_int(expires_at)));
}

void accounts_extend_family(struct db *db, int64_t family, int64_t expires_at)
{
    db_run(db, &family_extend, ARGS(v_int(family), v_int(expires_at)));
}

void accounts_end_family(struct db *db, Id family, int64_t now)
{
    db_run(db, &family_end, ARGS(v_id(family), v_int(now)));
}

void accounts_end_families(struct db *db, int64_t account, Id but, int64_t now)
{
    db_run(db, &family_end_others, ARGS(v_int(account), v_id(but), v_int(now)));
}

void accounts_end_oldest(struct db *db, int64_t account, int64_t kept, int64_t now)
{
    db_run(db, &family_end_oldest,
           ARGS(v_int(account), v_int(now), v_int(kept), v_int(ACCOUNTS_AT_ONCE)));
}

void accounts_add_token(struct db *db, int64_t family, Str hash, int64_t now)
{
    db_run(db, &token_insert, ARGS(v_bytes(hash), v_int(family), v_int(now)));
}

bool accounts_find_token(struct db *db, Str hash, int64_t now, struct arena *arena,
                         struct accounts_token *out)
{
    struct db_rows *rows = db_query(db, &token_find, ARGS(v_bytes(hash)));
    bool found = db_next(rows);
    if (found) {
        read_account(rows, arena, &out->account);
        out->family = db_int(rows, 8);
        out->family_id = db_id(rows, 9);
        out->live = db_int(rows, 10) > now && db_is_null(rows, 11);
        out->used = !db_is_null(rows, 12);
        out->used_at = out->used ? db_int(rows, 12) : 0;
    }
    db_done(rows);
    return found;
}

bool accounts_use_token(struct db *db, Str hash, int64_t now)
{
    return db_run(db, &token_use, ARGS(v_bytes(hash), v_int(now))) == 1;
}

void accounts_forget_tokens(struct db *db, int64_t family, int64_t before, int64_t kept)
{
    db_run(db, &token_forget, ARGS(v_int(family), v_int(before), v_int(ACCOUNTS_AT_ONCE)));
    db_run(db, &token_forget_oldest, ARGS(v_int(family), v_int(kept), v_int(ACCOUNTS_AT_ONCE)));
}

void accounts_audit(struct db *db, int64_t account, int64_t app, Str action, Id subject,
                    int64_t now)
{
    char text[ID_TEXT];
    id_format(subject, text);
    db_run(db, &audit_insert,
           ARGS(v_int(account), v_int(app), v_text(action), v_text(str_from(text, sizeof text)),
                v_int(now)));
    db_run(db, &audit_forget, ARGS(v_int(account), v_int(ACCOUNTS_AUDIT), v_int(ACCOUNTS_AT_ONCE)));
}
