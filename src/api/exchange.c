/*
 * The order is the contract's: the route first (404, 405), then credentials, then rates, then the
 * body, then the work. Signatures are checked here on the loop; whether a token's owner still
 * exists is read in each transaction.
 */
#include "api/exchange.h"
#include "api/pages.h"
#include "api/proxies.h"
#include "api/sockjs_server.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"
#include "domain/auth.h"
#include "store/answers.h"

enum {
    ARENA_MAX = 64 * 1024 * 1024,
    BODY_MAX = 64 * 1024 * 1024,
    HEADERS_MAX = 16 * 1024,
    ID_MAX = 64,
    JOB_BYTES = 4096, /* what a request holds besides its body */
};

static const struct route *const tables[SURFACES][2] = {
    [SURFACE_API] = {routes_auth, routes_chat},
    [SURFACE_MANAGEMENT] = {routes_management, routes_apps},
};

/* ----- the request ----- */

static Str request_id_of(struct exchange *x)
{
    Str given = http_header(&x->request.head, S("X-Request-Id"));
    bool sane = given.n > 0 && given.n <= ID_MAX;
    for (size_t i = 0; sane && i < given.n; i++) {
        char c = given.p[i];
        sane = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
               c == '-' || c == '_' || c == '.';
    }
    if (sane)
        return given;
    return arena_fmt(&x->request.arena, "%016llx", (unsigned long long)random_u64());
}

static void take_peer(struct exchange *x)
{
    struct request *r = &x->request;
    x->peer = arena_str(
        &r->arena, proxies_client(r->server->config.trusted_proxies, conn_peer(x->conn),
                                  http_header_list(&r->head, S("X-Forwarded-For"), &r->arena)));
}

struct exchange *exchange_new(struct conn *c, Str head)
{
    struct exchange *x = mem_alloc(sizeof *x);
    struct request *r = &x->request;
    const char *why;
    x->conn = c;
    x->started = clock_mono();
    x->rate.limit = -1;
    r->server = conn_server(c);
    r->status = 200;
    r->arena = ARENA(ARENA_MAX);
    r->out = BUF(BODY_MAX);
    r->headers = BUF(HEADERS_MAX);
    if (head.n) {
        head = arena_str(&r->arena, head);
        must(http_decode_head(head, &r->server->config.http, &r->head, &why) > 0);
        take_peer(x);
        if (r->head.method != HTTP_GET) /* only a GET can upgrade (RFC 6455 section 4.1) */
            r->head.upgrade_websocket = false;
    }
    x->id = request_id_of(x);
    return x;
}

void exchange_free(struct exchange **at)
{
    struct exchange *x = *at;
    if (!x)
        return;
    struct request *r = &x->request;
    json_free(&r->json);
    buf_free(&r->out);
    buf_free(&r->headers);
    arena_free(&r->arena);
    mem_free(x);
    *at = NULL;
}

void exchange_refuse(struct conn *c, Err err, const char *why)
{
    struct exchange *x = exchange_new(c, S(""));
    answer_error(x, err, str_of(why));
}

/* ----- routes ----- */

/* "/api/chat/getUsers/{chatId}" against a decoded path; parameters are taken on the way. */
static bool path_matches(const char *pattern, Str path, Str params[ROUTE_PARAMS])
{
    Str p = str_of(pattern);
    size_t n = 0;
    if (path.p[path.n - 1] == '/')
        return false;
    while (p.n && path.n) {
        Str want = str_cut(&p, '/'), have = str_cut(&path, '/');
        if (want.n && want.p[0] == '{' && have.n && n < ROUTE_PARAMS)
            params[n++] = have;
        else if (!str_eq(want, have))
            return false;
        if (!p.n != !path.n)
            return false;
    }
    return !p.n && !path.n;
}

static bool method_matches(enum http_method want, enum http_method have)
{
    return want == have || (want == HTTP_GET && have == HTTP_HEAD);
}

static const char *method_names[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"};

static void allow(struct buf *allowed, enum http_method m)
{
    if (allowed->n)
        buf_add(allowed, S(", "));
    buf_add(allowed, str_of(method_names[m]));
    if (m == HTTP_GET)
        buf_add(allowed, S(", HEAD"));
}

static bool try_row(struct exchange *x, const struct route *row, struct buf *allowed)
{
    if (!path_matches(row->path, x->path, x->request.params))
        return false;
    if (method_matches(row->method, x->request.head.method)) {
        x->request.route = row;
        return true;
    }
    allow(allowed, row->method);
    return false;
}

/* True when x->request.route is set; else it has been answered. */
static bool find_route(struct exchange *x)
{
    struct buf allowed = BUF(256);
    bool found = false;
    enum surface surface = conn_surface(x->conn);
    if (surface == SURFACE_API)
        found = try_row(x, &upgrade_route, &allowed);
    for (size_t t = 0; t < 2 && !found; t++)
        for (const struct route *row = tables[surface][t]; row->path && !found; row++)
            found = try_row(x, row, &allowed);
    if (!found && allowed.n)
        answer_method(x, buf_str(&allowed));
    else if (!found)
        answer_error(x, ERR_NOT_FOUND, S(""));
    buf_free(&allowed);
    return found;
}

/* The few paths that are not rows of a table: probes and public keys. */
enum { LIVE, READY, JWKS };

static const struct route builtins[] = {
    [LIVE] = {.method = HTTP_GET, .path = "/livez"},
    [READY] = {.method = HTTP_GET, .path = "/readyz"},
    [JWKS] = {.method = HTTP_GET, .path = "/.well-known/jwks.json"},
};

/* The public keys are the management API's to show. */
static size_t builtins_on(enum surface surface)
{
    return surface == SURFACE_MANAGEMENT ? countof(builtins) : JWKS;
}

/* One a line, so that it can be read and searched. */
static void list_route(struct json_writer *w, const char *listener, const struct route *row)
{
    static const char *const auths[] = {
        [AUTH_NONE] = "none", [AUTH_KEY] = "key", [AUTH_USER] = "user", [AUTH_ACCOUNT] = "account"};
    buf_add(w->out, w->comma ? S(",\n") : S("\n"));
    w->comma = false;
    json_object_begin(w);
    json_field_string(w, "listener", str_of(listener));
    json_field_string(w, "method", str_of(method_names[row->method]));
    json_field_string(w, "path", str_of(row->path));
    json_field_string(w, "auth", str_of(auths[row->auth]));
    json_object_end(w);
}

void exchange_list_routes(struct buf *out)
{
    static const char *const listeners[SURFACES] = {"api", "management"};
    struct json_writer w = {.out = out};
    json_array_begin(&w);
    list_route(&w, listeners[SURFACE_API], &upgrade_route);
    for (int s = 0; s < SURFACES; s++) {
        for (size_t i = 0; i < builtins_on((enum surface)s); i++)
            list_route(&w, listeners[s], &builtins[i]);
        for (size_t i = 0; pages_route((enum surface)s, i); i++)
            list_route(&w, listeners[s], pages_route((enum surface)s, i));
        for (size_t t = 0; t < countof(tables[s]); t++)
            for (const struct route *row = tables[s][t]; row->path; row++)
                list_route(&w, listeners[s], row);
    }
    for (const struct route *row = sockjs_routes; row->path; row++)
        list_route(&w, listeners[SURFACE_API], row);
    buf_add(out, S("\n"));
    json_array_end(&w);
}

/* Not while it drains, and not while the store takes no writes: another server may. */
static Err check_ready(struct exchange *x, Str *why)
{
    struct request *r = &x->request;
    char reason[JOBS_WHY];
    if (atomic_load(&r->server->draining))
        return ERR_DRAINING;
    if (!r->server->jobs || !jobs_store_unavailable(r->server->jobs, reason))
        return ERR_OK;
    *why = arena_fmt(&r->arena, "The store takes no writes: %s.", reason);
    return ERR_STORE_UNAVAILABLE;
}

static bool builtin(struct exchange *x)
{
    Str why = S("");
    Err err;
    struct request *r = &x->request;
    size_t i = 0;
    size_t n = builtins_on(conn_surface(x->conn));
    while (i < n && !str_eq(x->path, str_of(builtins[i].path)))
        i++;
    if (i == n)
        return false;
    if (!method_matches(builtins[i].method, r->head.method)) {
        answer_method(x, S("GET, HEAD"));
    } else if (i == READY && (err = check_ready(x, &why))) {
        answer_error(x, err, why);
    } else if (i == JWKS) {
        token_keys_jwks(r->server->config.keys, &r->out);
        answer_send(x);
    } else {
        answer_text(x, 200, S("text/plain"), S("ok\n"));
    }
    return true;
}

/* ----- credentials ----- */

static Err check_token(struct exchange *x)
{
    struct request *r = &x->request;
    const struct server_config *config = &r->server->config;
    enum token_class class = r->route->auth == AUTH_USER  ? TOKEN_USER
                             : r->route->auth == AUTH_KEY ? TOKEN_API_KEY
                                                          : TOKEN_MANAGEMENT;
    bool key = class == TOKEN_API_KEY;
    r->token = key ? http_header(&r->head, S("x-api-key"))
                   : request_bearer(http_header(&r->head, S("Authorization")));
    if (!r->token.n)
        return key ? ERR_AUTH_API_KEY_REQUIRED : ERR_AUTH_MISSING_TOKEN;
    Err err = token_verify(config->keys, class, r->token, clock_now(), &r->claims);
    if (!err && class == TOKEN_USER && !str_eq(str_of(r->claims.audience), config->cluster))
        err = ERR_AUTH_INVALID_TOKEN;
    if (err && err != ERR_AUTH_EXPIRED_TOKEN)
        r->claims = (struct token_claims){0};
    return err && key ? ERR_AUTH_INVALID_API_KEY : err;
}

/* ----- the body ----- */

static bool is_json(Str type)
{
    type = str_trim(str_cut(&type, ';'));
    return !type.n || str_eq_nocase(type, S("application/json"));
}

static Err read_json(struct request *r, Str body, const char **why)
{
    if (!(r->route->flags & ROUTE_JSON))
        return ERR_OK;
    if (!is_json(http_header(&r->head, S("Content-Type"))))
        return ERR_UNSUPPORTED_MEDIA_TYPE;
    Str coding = http_header(&r->head, S("Content-Encoding"));
    if (coding.n && !str_eq_nocase(coding, S("identity"))) {
        http_header_add(&r->headers, S("Accept-Encoding"), S("identity"));
        return request_fail(r, ERR_UNSUPPORTED_MEDIA_TYPE,
                            "The body must not be compressed; leave Content-Encoding out.");
    }
    return json_parse_object(body, &r->json, why);
}

static Err prepare(struct exchange *x, Str body, const char **why)
{
    struct request *r = &x->request;
    Err err = request_rate_address(r);
    if (!err && r->route->auth != AUTH_NONE)
        err = check_token(x);
    if (!err)
        err = payer_check_rate(x);
    if (!err && r->route->flags & ROUTE_PAGE && !answer_may_begin(x))
        err = ERR_OUTPUT_LIMIT;
    if (!err)
        err = read_json(r, body, why);
    r->body = arena_str(&r->arena, body);
    if (!err && r->route == &upgrade_route) {
        err = upgrade_check(x, why);
        x->finish = upgrade_finish;
    }
    if (!err && r->route->decode)
        err = r->route->decode(r);
    Str key = http_header(&r->head, S("Idempotency-Key"));
    if (!err && r->route->flags & ROUTE_IDEMPOTENT && key.n) {
        x->idempotency_key = key;
        if (key.n > 255)
            err = request_fail(r, ERR_INVALID_FIELD, "Idempotency-Key is at most 255 characters.");
    }
    return err;
}

/* ----- the steps ----- */

static Err authorize(struct request *r, struct tx *tx)
{
    struct auth_claims c = {.app_id = r->claims.app,
                            .subject = r->claims.subject,
                            .session_id = r->claims.session,
                            .audience = str_of(r->claims.audience),
                            .token = r->token};
    Err err = ERR_OK;
    switch (r->route->auth) {
    case AUTH_KEY:
        return payer_charge_key((struct exchange *)r, auth_key(tx, &c, &r->app));
    case AUTH_USER:
        err = auth_user(tx, &c, &r->actor);
        r->app = r->actor.app;
        return err;
    case AUTH_ACCOUNT:
        return account_get(tx, r->claims.subject, r->claims.session, &r->account);
    case AUTH_NONE:
        break;
    }
    return err;
}

/* The same key and body within a day gives the first answer again. */
static Err first_answer(struct exchange *x, struct tx *tx, enum answers_act act)
{
    struct request *r = &x->request;
    struct answers_key key = {.app = r->app,
                              .owner = r->route->auth == AUTH_ACCOUNT ? r->account.account
                                                                      : r->actor.user,
                              .key = x->idempotency_key};
    Str whole = arena_fmt(&r->arena, STR_FMT "\n" STR_FMT "\n" STR_FMT,
                          STR_ARG(r->head.method_text), STR_ARG(x->path), STR_ARG(r->body));
    token_fingerprint(r->server->config.keys, "idempotency", whole, key.body_hash);
    struct answers_row row = {r->status, buf_str(&r->headers), buf_str(&r->out), r->about};
    if (act == ANSWERS_PUT) {
        answers_put(tx->db, &key, &row, tx->now);
        return ERR_OK;
    }
    bool same;
    if (!answers_find(tx->db, &key, &r->arena, &row, &same))
        return ERR_OK;
    if (!same)
        return ERR_IDEMPOTENCY_MISMATCH;
    r->status = (int)row.status;
    buf_add(&r->headers, row.headers);
    buf_add(&r->out, row.body);
    request_finish(r);
    return ERR_OK;
}

static Err run_step(struct job *job, struct tx *tx)
{
    struct exchange *x = (struct exchange *)((char *)job - offsetof(struct exchange, job));
    struct request *r = &x->request;
    const struct route_step *step = &r->route->steps[x->step];
    Err err = ERR_OK;
    if (tx->db) {
        err = authorize(r, tx);
        if (!err && x->idempotency_key.n)
            err = first_answer(x, tx, ANSWERS_FIND);
        if (err || r->finished)
            return err;
    }
    err = step->run(r, tx);
    job->keep = r->keep;
    if (!err && step->pool == JOB_WRITE && x->idempotency_key.n)
        err = first_answer(x, tx, ANSWERS_PUT);
    if (err && r->why.n && !tx->why.n)
        tx->why = r->why;
    return err;
}

/* What a step wrote is not to go out with its error: it may hold tokens that were never stored. */
static void forget_answer(struct request *r)
{
    buf_clear(&r->out);
    buf_clear(&r->headers);
}

static void fail(struct exchange *x, Err err, Str why)
{
    if (x->finish)
        x->finish(x, err, why);
    else
        answer_error(x, err, why);
}

static void next_step(struct exchange *x);

static void step_done(struct job *job)
{
    struct exchange *x = (struct exchange *)((char *)job - offsetof(struct exchange, job));
    if (x->step == 0 && x->request.app && !x->streaming)
        online_count_call(x->request.server->config.online, x->request.app);
    if (stream_takes(x)) {
        stream_step_done(x);
        return;
    }
    bool spared = job->err == ERR_STORE_UNAVAILABLE && x->step > 0 &&
                  x->request.route->flags & ROUTE_SPARE_WRITE;
    Err err = spared ? ERR_OK : job->err;
    if (!err && !answer_may_wait(x))
        err = ERR_OUTPUT_LIMIT;
    if (err) {
        forget_answer(&x->request);
        fail(x, err, job->why);
        return;
    }
    x->step++;
    next_step(x);
}

static void next_step(struct exchange *x)
{
    struct request *r = &x->request;
    if (r->finished || x->step == ROUTE_STEPS || !r->route->steps[x->step].run) {
        if (x->finish)
            x->finish(x, ERR_OK, S(""));
        else
            answer_send(x);
        return;
    }
    x->job.pool = r->route->steps[x->step].pool;
    payer_set_turn(x);
    Err err = jobs_submit(r->server->jobs, &x->job);
    if (err)
        fail(x, err, S(""));
}

void exchange_run(struct exchange *x)
{
    struct request *r = &x->request;
    x->job = (struct job){.item = {.bytes = JOB_BYTES + r->body.n},
                          .loop = conn_loop(x->conn),
                          .run = run_step,
                          .done = step_done,
                          .arena = &r->arena};
    next_step(x);
}

uint64_t exchange_body_limit(const struct exchange *x)
{
    const struct server_config *config = &x->request.server->config;
    bool sockjs = conn_surface(x->conn) == SURFACE_API &&
                  str_starts(x->request.head.path, S(SOCKJS_PREFIX "/"));
    return sockjs ? config->http.body : config->body;
}

/* x->path. False when it is not valid. */
static bool take_path(struct exchange *x)
{
    struct request *r = &x->request;
    char *path = arena_alloc(&r->arena, r->head.path.n + 1);
    size_t n = r->head.path.n;
    if (http_decode_path(r->head.path, path, &n))
        x->path = str_from(path, n);
    return x->path.n > 0;
}

void exchange_start(struct exchange *x, Str body)
{
    struct request *r = &x->request;
    const char *why = NULL;
    bool valid = take_path(x);
    if (conn_surface(x->conn) == SURFACE_API && sockjs_takes(x)) {
        sockjs_start(x, body);
        return;
    }
    if (r->head.method == HTTP_OPTIONS) {
        answer_preflight(x);
        return;
    }
    if (!valid) {
        answer_error(x, ERR_BAD_REQUEST, S("The path is not valid."));
        return;
    }
    if (builtin(x) || pages_answer(x) || !find_route(x))
        return;
    Err err = prepare(x, body, &why);
    if (err)
        answer_error(x, err, why ? str_of(why) : r->why);
    else
        exchange_run(x);
}

void exchange_turn_away(struct exchange *x)
{
    take_path(x);
    x->request.head.keep_alive = false;
    if (conn_surface(x->conn) == SURFACE_MANAGEMENT && builtin(x))
        return;
    if (!sockjs_turn_away(x, ERR_CONNECTION_LIMIT))
        answer_error(x, ERR_CONNECTION_LIMIT, S(""));
}
