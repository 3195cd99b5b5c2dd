/*
 * A refresh token is good once. That a used one comes back means that two hold it, the owner and a
 * thief, and nobody knows which is which, so the whole family ends. The last TOKENS_KEPT used ones
 * are remembered as long as a family lives without use; after that the token of a thief is merely
 * unknown.
 *
 * Two tabs of a browser share a cookie and may renew it at once, and an answer may be lost: for
 * SAME_NEXT_MS after its use the last token gives its successor again, as long as that one is
 * unused. The store has only hashes, so a successor cannot be looked up; it is derived from its
 * predecessor under the server's key. Turned down: keeping it encrypted, a column for what can be
 * computed.
 */
#include "domain/account.h"

#include "domain/invitation.h"
#include "domain/secret.h"
#include "domain/text.h"
#include "store/accounts.h"

enum {
    FAMILIES = 100,     /* live ones of an account: the oldest ends */
    TOKENS_KEPT = 1000, /* used ones of a family, to know a thief's by */
    SAME_NEXT_MS = 10 * 1000,
};

static void from_row(const struct accounts_row *row, struct account *out)
{
    *out = (struct account){
        .account = row->account,
        .id = row->id,
        .company = row->company,
        .email = row->email,
        .role = row->role,
        .password_hash = row->password,
        .created_at = row->created_at,
        .updated_at = row->updated_at,
    };
}

Err account_check_new(struct tx *tx, Str company, Str email, Str password)
{
    Err e = text_name(tx, "companyName", company);
    if (!e)
        e = text_email(tx, "email", email);
    return e ? e : text_password(tx, "password", password);
}

Err account_check_change(struct tx *tx, const struct account_change *change, Str new_password)
{
    Err e = ERR_OK;
    if (change->company.p)
        e = text_name(tx, "companyName", change->company);
    if (!e && change->email.p)
        e = text_email(tx, "email", change->email);
    if (!e && new_password.p)
        e = text_password(tx, "newPassword", new_password);
    return e;
}

Err account_may_register(struct tx *tx, Str email, Str invitation)
{
    const struct rules *rules = tx->rules;
    if (rules->registration == REGISTRATION_OPEN)
        return ERR_OK;
    if (!invitation.p)
        return ERR_REGISTRATION_CLOSED;
    if (invitation_valid(rules->fingerprint_key, invitation, email, tx->now, tx->arena))
        return ERR_OK;
    return tx_fail(tx, ERR_REGISTRATION_CLOSED,
                   "The invitation is not one for this email, or has expired; ask the server's "
                   "operator for a new one.");
}

Err account_register(struct tx *tx, Str company, Str email, Str password_hash, struct account *out)
{
    struct accounts_row row = {
        .id = id_new(tx->now),
        .company = arena_str(tx->arena, company),
        .email = arena_str(tx->arena, email),
        .email_key = text_key(email, tx->arena),
        .password = arena_str(tx->arena, password_hash),
        .role = S("CLIENT"),
        .created_at = tx->now,
        .updated_at = tx->now,
    };
    row.account = accounts_insert(tx->db, &row);
    if (!row.account)
        return tx_done(tx, ERR_EMAIL_TAKEN);
    from_row(&row, out);
    return ERR_OK;
}

Err account_for_login(struct tx *tx, Str email, struct account *out)
{
    struct accounts_row row;
    if (accounts_by_email(tx->db, text_key(email, tx->arena), tx->arena, &row)) {
        from_row(&row, out);
        return ERR_OK;
    }
    *out = (struct account){.password_hash = tx->rules->decoy_hash};
    return tx_done(tx, ERR_OK);
}

Err account_still(struct tx *tx, const struct account *verified)
{
    struct account now;
    Err e = account_for_login(tx, verified->email, &now);
    if (e)
        return e;
    bool same =
        now.account == verified->account && str_eq(now.password_hash, verified->password_hash);
    return tx_done(tx, same ? ERR_OK : ERR_AUTH_BAD_CREDENTIALS);
}

static void add_token(struct tx *tx, int64_t family, Str token)
{
    accounts_add_token(tx->db, family, secret_hash(token, tx->arena), tx->now);
}

Err account_open_family(struct tx *tx, int64_t account, Id *family_id, Str *refresh_token)
{
    *family_id = id_new(tx->now);
    int64_t family = accounts_add_family(tx->db, account, *family_id, tx->now,
                                         tx->now + tx->rules->account_refresh_ttl);
    accounts_end_oldest(tx->db, account, FAMILIES, tx->now);
    *refresh_token = secret_new(tx->arena);
    add_token(tx, family, *refresh_token);
    return tx_done(tx, ERR_OK);
}

/* The token was used just now, and its successor has not been. The clock may have been set back. */
static bool gives_same_next(struct tx *tx, const struct accounts_token *used, Str next)
{
    struct accounts_token successor;
    int64_t age = tx->now - used->used_at;
    return age <= SAME_NEXT_MS && age >= -SAME_NEXT_MS &&
           accounts_find_token(tx->db, secret_hash(next, tx->arena), tx->now, tx->arena,
                               &successor) &&
           !successor.used && successor.family == used->family;
}

/* Uses it up and stores the next one. */
static void rotate_token(struct tx *tx, const struct accounts_token *token, Str next)
{
    accounts_forget_tokens(tx->db, token->family, tx->now - tx->rules->account_refresh_ttl,
                           TOKENS_KEPT);
    accounts_extend_family(tx->db, token->family, tx->now + tx->rules->account_refresh_ttl);
    add_token(tx, token->family, next);
}

Err account_refresh(struct tx *tx, Str refresh_token, Id bearer, struct account *out, Id *family_id,
                    Str *next_token, bool *keep)
{
    struct accounts_token token;
    Str hash = secret_hash(refresh_token, tx->arena);
    *keep = false;
    if (!accounts_find_token(tx->db, hash, tx->now, tx->arena, &token) || !token.live)
        return tx_done(tx, ERR_AUTH_INVALID_TOKEN);
    bool stranger = !id_is_nil(bearer) && !id_eq(bearer, token.account.id);
    /* A stranger's bearer does not use the token up, but does not save a used one either. */
    if (!token.used && stranger)
        return ERR_AUTH_INVALID_TOKEN;
    *next_token =
        secret_derive(tx->rules->fingerprint_key, "account refresh", refresh_token, tx->arena);
    if (!token.used && accounts_use_token(tx->db, hash, tx->now)) {
        rotate_token(tx, &token, *next_token);
    } else if (stranger || !accounts_find_token(tx->db, hash, tx->now, tx->arena, &token) ||
               !gives_same_next(tx, &token, *next_token)) {
        accounts_end_family(tx->db, token.family_id, tx->now);
        *keep = !db_failed(tx->db);
        return tx_done(tx, ERR_AUTH_INVALID_TOKEN);
    }
    *family_id = token.family_id;
    from_row(&token.account, out);
    return tx_done(tx, ERR_OK);
}

Err account_get(struct tx *tx, Id account_id, Id family_id, struct account *out)
{
    struct accounts_row row;
    if (!accounts_of_family(tx->db, account_id, family_id, tx->now, tx->arena, &row))
        return tx_done(tx, ERR_AUTH_INVALID_TOKEN);
    from_row(&row, out);
    return ERR_OK;
}

Err account_logout(struct tx *tx, Id family_id)
{
    accounts_end_family(tx->db, family_id, tx->now);
    return tx_done(tx, ERR_OK);
}

Err account_update(struct tx *tx, struct account *a, Id family_id,
                   const struct account_change *change)
{
    Err e = account_check_change(tx, change, (Str){0});
    if (e)
        return e;
    Str email_key = {0};
    if (change->email.p) {
        struct accounts_row other;
        email_key = text_key(change->email, tx->arena);
        if (accounts_by_email(tx->db, email_key, tx->arena, &other) && other.account != a->account)
            return ERR_EMAIL_TAKEN;
        a->email = arena_str(tx->arena, change->email);
    }
    if (change->company.p)
        a->company = arena_str(tx->arena, change->company);
    if (change->password_hash.p)
        a->password_hash = arena_str(tx->arena, change->password_hash);
    a->updated_at = tx->now;
    accounts_update(tx->db, &(struct accounts_row){.account = a->account,
                                                   .company = change->company,
                                                   .email = change->email,
                                                   .email_key = email_key,
                                                   .password = change->password_hash,
                                                   .updated_at = tx->now});
    if (change->password_hash.p)
        accounts_end_families(tx->db, a->account, family_id, tx->now);
    return tx_done(tx, ERR_OK);
}
