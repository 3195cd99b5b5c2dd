#include "store/answers.h"

SQL(answer_find, "select body_hash, status, headers, body from first_answers "
                 "where app = $1 and owner = $2 and key = $3");
SQL(answer_put, "insert into first_answers (app, owner, key, body_hash, status, headers, body, "
                "created_at, about) values ($1, $2, $3, $4, $5, $6, $7, $8, $9) "
                "on conflict do nothing");
SQL(answers_forget_sql, "delete from first_answers where app = $1 and about = $2");

bool answers_find(struct db *db, const struct answers_key *key, struct arena *arena,
                  struct answers_row *out, bool *same)
{
    struct db_rows *rows =
        db_query(db, &answer_find, ARGS(v_int(key->app), v_int(key->owner), v_text(key->key)));
    bool found = db_next(rows);
    if (found) {
        Str hash = str_from((const char *)key->body_hash, sizeof key->body_hash);
        *same = str_eq(db_text(rows, 0), hash);
        out->status = db_int(rows, 1);
        out->headers = db_text_copy(rows, 2, arena);
        out->body = db_text_copy(rows, 3, arena);
    }
    db_done(rows);
    return found;
}

void answers_put(struct db *db, const struct answers_key *key, const struct answers_row *row,
                 int64_t now)
{
    Str hash = str_from((const char *)key->body_hash, sizeof key->body_hash);
    db_run(db, &answer_put,
           ARGS(v_int(key->app), v_int(key->owner), v_text(key->key), v_bytes(hash),
                v_int(row->status), v_text(row->headers), v_text(row->body), v_int(now),
                row->about ? v_int(row->about) : v_null));
}

void answers_forget(struct db *db, int64_t app, int64_t user)
{
    db_run(db, &answers_forget_sql, ARGS(v_int(app), v_int(user)));
}
