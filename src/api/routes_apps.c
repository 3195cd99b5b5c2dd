/*
 * Apps, their API keys and their usage, as their account manages them on the management listener.
 * The account's ownership of an app is for the rules to check; a path's id that is not a UUID is
 * refused here.
 */
#include "api/request.h"

#include "base/clock.h"
#include "base/mem.h"
#include "domain/app.h"

enum { USAGE_DEFAULT_DAYS = 30, USAGE_MAX_DAYS = 366, APPS_PAGE = 10000 };

/* What the endpoints take; each uses its part. */
struct input {
    Id app_id;
    Id key_id;
    Str name;
    Str status;
    Str tier;
    Id after; /* nil: the first page */
    int64_t size;
    int64_t from; /* days since the epoch, both included */
    int64_t to;
};

static struct input *input_new(struct request *r)
{
    r->data = arena_new(&r->arena, struct input);
    return r->data;
}

/* {appId} of the path. */
static Err app_decode(struct request *r)
{
    return request_id(r, r->params[0], "appId", &input_new(r)->app_id);
}

/* {appId} and {keyId}. */
static Err key_decode(struct request *r)
{
    Err e = app_decode(r);
    struct input *in = r->data;
    return e ? e : request_id(r, r->params[1], "keyId", &in->key_id);
}

static Err key_create_decode(struct request *r)
{
    Err e = app_decode(r);
    return e ? e : request_rate_new_keys(r);
}

static Err key_rotate_decode(struct request *r)
{
    Err e = key_decode(r);
    return e ? e : request_rate_new_keys(r);
}

/* ----- apps ----- */

/* What a list shows of an app, without the braces. */
static void put_summary(struct json_writer *w, const struct app *app)
{
    json_field_id(w, "id", app->id);
    json_field_id(w, "clientId", app->client_id);
    json_field_string(w, "name", app->name);
    json_field_string(w, "status", app->status);
    json_field_string(w, "tier", app->tier);
    json_field_id(w, "clusterId", app->cluster_id);
    json_field_time(w, "createdAt", app->created_at);
    json_field_time(w, "updatedAt", app->updated_at);
}

static void put_detail(struct request *r, const struct app *app)
{
    struct json_writer w = {.out = &r->out};
    json_object_begin(&w);
    put_summary(&w, app);
    json_field_string(&w, "type", app->tier);
    json_field_string(&w, "clusterEndpoint", app->cluster_endpoint);
    json_field_string(&w, "clusterName", app->cluster_name);
    json_field_string(&w, "clusterStatus", app->cluster_status);
    json_object_end(&w);
}

/* All apps of an account that never had a higher limit are one page. */
static Err list_decode(struct request *r)
{
    struct input *in = input_new(r);
    Str cursor;
    Err e = request_size(r, "size", APPS_PAGE, APPS_PAGE, &in->size);
    if (!e)
        e = request_query(r, "cursor", &cursor);
    if (e || !cursor.p)
        return e;
    return request_id(r, cursor, "cursor", &in->after);
}

/* The answer is an array, so what comes next is said in a header (RFC 8288). */
static void put_next(struct request *r, const struct input *in, Id last)
{
    char id[ID_TEXT];
    id_format(last, id);
    request_header(r, S("Link"),
                   arena_fmt(&r->arena, "<?size=%lld&cursor=%.*s>; rel=\"next\"",
                             (long long)in->size, (int)sizeof id, id));
}

static Err list_run(struct request *r, struct tx *tx)
{
    const struct input *in = r->data;
    struct json_writer w = {.out = &r->out};
    struct app *apps;
    size_t n;
    bool more;
    Err e = app_list(tx, r->account.account, in->after, in->size, &apps, &n, &more);
    if (e)
        return e;
    if (more)
        put_next(r, in, apps[n - 1].id);
    json_array_begin(&w);
    for (size_t i = 0; i < n; i++) {
        json_object_begin(&w);
        put_summary(&w, &apps[i]);
        json_object_end(&w);
    }
    json_array_end(&w);
    return ERR_OK;
}

static Err create_decode(struct request *r)
{
    return request_string(r, "name", &input_new(r)->name);
}

static Err create_run(struct request *r, struct tx *tx)
{
    const struct input *in = r->data;
    struct json_writer w = {.out = &r->out};
    struct app app;
    Err e = app_create(tx, r->account.account, in->name, &app);
    if (e)
        return e;
    json_object_begin(&w);
    put_summary(&w, &app);
    json_object_end(&w);
    r->status = 201;
    return ERR_OK;
}

static Err get_run(struct request *r, struct tx *tx)
{
    const struct input *in = r->data;
    struct app app;
    Err e = app_get(tx, r->account.account, in->app_id, &app);
    if (!e)
        put_detail(r, &app);
    return e;
}

static Err update_decode(struct request *r)
{
    Err e = app_decode(r);
    struct input *in = r->data;
    if (!e)
        e = request_optional(r, "name", &in->name);
    return e ? e : request_optional(r, "status", &in->status);
}

static Err update_run(struct request *r, struct tx *tx)
{
    const struct input *in = r->data;
    struct app app;
    Err e = app_update(tx, r->account.account, in->app_id, in->name, in->status, &app);
    if (!e)
        put_detail(r, &app);
    return e;
}

static Err upgrade_decode(struct request *r)
{
    Err e = app_decode(r);
    struct input *in = r->data;
    return e ? e : request_string(r, "tier", &in->tier);
}

static Err upgrade_run(struct request *r, struct tx *tx)
{
    const struct input *in = r->data;
    struct app app;
    Err e = app_set_tier(tx, r->account.account, in->app_id, in->tier, &app);
    if (!e)
        put_detail(r, &app);
    return e;
}

static Err delete_run(struct request *r, struct tx *tx)
{
    const struct input *in = r->data;
    r->status = 204;
    return app_delete(tx, r->account.account, in->app_id);
}

/* ----- keys ----- */

static void put_key(struct json_writer *w, const struct app_key *key)
{
    json_object_begin(w);
    json_field_id(w, "id", key->id);
    json_field_string(w, "keyPrefix", key->prefix);
    json_field_string(w, "audience", key->audience);
    json_field_string(w, "tier", key->tier);
    json_field_string(w, "status", key->active ? S("ACTIVE") : S("REVOKED"));
    json_field_time(w, "createdAt", key->created_at);
    json_field_time_or_null(w, "lastUsedAt", key->used_at);
    json_field_time_or_null(w, "revokedAt", key->revoked_at);
    json_object_end(w);
}

static Err keys_run(struct request *r, struct tx *tx)
{
    const struct input *in = r->data;
    struct json_writer w = {.out = &r->out};
    struct app_key *keys;
    size_t n;
    Err e = app_keys(tx, r->account.account, in->app_id, &keys, &n);
    if (e)
        return e;
    json_array_begin(&w);
    for (size_t i = 0; i < n; i++)
        put_key(&w, &keys[i]);
    json_array_end(&w);
    return ERR_OK;
}

/* An app_key_signer; the context is the keys that sign. */
static Err sign(void *context, Id key_id, Id app_id, Str audience, int64_t now, struct buf *out)
{
    const struct token_keys *keys = context;
    struct token_claims c = {
        .class = TOKEN_API_KEY, .subject = key_id, .app = app_id, .issued_at = now};
    must(audience.n < sizeof c.audience);
    memcpy(c.audience, audience.p, audience.n);
    token_sign(keys, &c, out);
    return ERR_OK;
}

/* The only answer that ever shows the token. */
static void put_new_key(struct request *r, const struct app_key *key, Str token)
{
    struct json_writer w = {.out = &r->out};
    json_object_begin(&w);
    json_field_id(&w, "id", key->id);
    json_field_string(&w, "token", token);
    json_field_string(&w, "keyPrefix", key->prefix);
    json_field_string(&w, "audience", key->audience);
    json_field_string(&w, "tier", key->tier);
    json_field_time(&w, "createdAt", key->created_at);
    json_object_end(&w);
    r->status = 201;
}

static Err key_create_run(struct request *r, struct tx *tx)
{
    const struct input *in = r->data;
    struct app_key key;
    Str token;
    Err e = app_key_create(tx, r->account.account, in->app_id, sign, (void *)request_keys(r), &key,
                           &token);
    if (!e)
        put_new_key(r, &key, token);
    return e;
}

static Err key_revoke_run(struct request *r, struct tx *tx)
{
    const struct input *in = r->data;
    r->status = 204;
    return app_key_revoke(tx, r->account.account, in->app_id, in->key_id);
}

static Err key_rotate_run(struct request *r, struct tx *tx)
{
    const struct input *in = r->data;
    struct app_key key;
    Str token;
    Err e = app_key_rotate(tx, r->account.account, in->app_id, in->key_id, sign,
                           (void *)request_keys(r), &key, &token);
    if (!e)
        put_new_key(r, &key, token);
    return e;
}

/* ----- usage ----- */

static Err day_decode(struct request *r, const char *name, int64_t fallback, int64_t *out)
{
    Str text;
    Err e = request_query(r, name, &text);
    if (e)
        return e;
    *out = fallback;
    if (text.p && !clock_parse_day(text, out))
        return request_fail(r, ERR_INVALID_FIELD, "%s must be a date such as 2026-04-25.", name);
    return ERR_OK;
}

static Err usage_decode(struct request *r)
{
    Err e = app_decode(r);
    struct input *in = r->data;
    if (!e)
        e = day_decode(r, "to", clock_day(clock_now()), &in->to);
    if (!e)
        e = day_decode(r, "from", in->to - (USAGE_DEFAULT_DAYS - 1), &in->from);
    if (!e && in->from > in->to)
        e = request_fail(r, ERR_INVALID_FIELD, "from must not be after to.");
    if (!e && in->to - in->from >= USAGE_MAX_DAYS)
        e = request_fail(r, ERR_INVALID_FIELD, "from and to must span at most %d days.",
                         USAGE_MAX_DAYS);
    return e;
}

/* The numbers of a day or of the whole time, without the braces. */
static void put_usage(struct json_writer *w, const struct app_usage *u)
{
    json_field_int(w, "messages", u->messages);
    json_field_int(w, "peakConcurrentUsers", u->peak_users);
    json_field_int(w, "activeUsers", u->active_users);
    json_field_int(w, "apiCalls", u->api_calls);
    json_field_int(w, "connectionMinutes", u->connection_minutes);
}

/* Users of several days are mostly the same ones: like the peak, theirs is the highest day's. */
static void add_usage(struct app_usage *total, const struct app_usage *u)
{
    total->messages += u->messages;
    total->api_calls += u->api_calls;
    total->connection_minutes += u->connection_minutes;
    if (total->peak_users < u->peak_users)
        total->peak_users = u->peak_users;
    if (total->active_users < u->active_users)
        total->active_users = u->active_users;
}

static Err usage_run(struct request *r, struct tx *tx)
{
    const struct input *in = r->data;
    struct json_writer w = {.out = &r->out};
    struct app_usage *days, total = {0};
    size_t n;
    Err e = app_usage(tx, r->account.account, in->app_id, in->from, in->to, &days, &n);
    if (e)
        return e;
    json_object_begin(&w);
    json_field_array(&w, "days");
    for (size_t i = 0; i < n; i++) {
        char date[10];
        clock_format_day(days[i].day, date);
        json_object_begin(&w);
        json_field_string(&w, "date", str_from(date, sizeof date));
        put_usage(&w, &days[i]);
        json_object_end(&w);
        add_usage(&total, &days[i]);
    }
    json_array_end(&w);
    json_field_object(&w, "totals");
    put_usage(&w, &total);
    json_object_end(&w);
    json_object_end(&w);
    return ERR_OK;
}

const struct route routes_apps[] = {
    {HTTP_GET, "/api/client/apps", AUTH_ACCOUNT, list_decode, {{JOB_READ, list_run}}, 0},
    {HTTP_POST,
     "/api/client/apps",
     AUTH_ACCOUNT,
     create_decode,
     {{JOB_WRITE, create_run}},
     ROUTE_JSON | ROUTE_IDEMPOTENT},
    {HTTP_GET, "/api/client/apps/{appId}", AUTH_ACCOUNT, app_decode, {{JOB_READ, get_run}}, 0},
    {HTTP_PUT,
     "/api/client/apps/{appId}",
     AUTH_ACCOUNT,
     update_decode,
     {{JOB_WRITE, update_run}},
     ROUTE_JSON},
    {HTTP_DELETE,
     "/api/client/apps/{appId}",
     AUTH_ACCOUNT,
     app_decode,
     {{JOB_WRITE, delete_run}},
     0},
    {HTTP_POST,
     "/api/client/apps/{appId}/upgrade",
     AUTH_ACCOUNT,
     upgrade_decode,
     {{JOB_WRITE, upgrade_run}},
     ROUTE_JSON},
    {HTTP_GET,
     "/api/client/apps/{appId}/keys",
     AUTH_ACCOUNT,
     app_decode,
     {{JOB_READ, keys_run}},
     0},
    {HTTP_POST,
     "/api/client/apps/{appId}/keys",
     AUTH_ACCOUNT,
     key_create_decode,
     {{JOB_WRITE, key_create_run}},
     0},
    {HTTP_DELETE,
     "/api/client/apps/{appId}/keys/{keyId}",
     AUTH_ACCOUNT,
     key_decode,
     {{JOB_WRITE, key_revoke_run}},
     0},
    {HTTP_POST,
     "/api/client/apps/{appId}/keys/{keyId}/rotate",
     AUTH_ACCOUNT,
     key_rotate_decode,
     {{JOB_WRITE, key_rotate_run}},
     0},
    {HTTP_GET,
     "/api/client/apps/{appId}/usage",
     AUTH_ACCOUNT,
     usage_decode,
     {{JOB_READ, usage_run}},
     0},
    {.path = NULL},
};
