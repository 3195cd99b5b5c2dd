/*
 * Every answer passes here: status line, the headers that all answers have, CORS, the error shapes,
 * the log line.
 */
#include "api/exchange.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

enum {
    ANSWER_MAX = 96 * 1024 * 1024,
    HEAD_MAX = 32 * 1024,
    COPIED = 16 * 1024, /* bytes of a body at most, so that it goes with its head */
    SMALL = 4096,       /* bytes of an answer that always goes out, like a ticket */
    OVERLOADED_RETRY_S = 1,
};

/* ----- origins ----- */

static bool in_list(Str list, Str origin)
{
    while (list.n) {
        Str one = str_trim(str_cut(&list, ','));
        if (str_eq(one, S("*")) || str_eq(one, origin))
            return true;
    }
    return false;
}

static Str origin_of(const struct exchange *x)
{
    return http_header(&x->request.head, S("Origin"));
}

bool answer_origin_allowed(const struct exchange *x)
{
    const struct server_config *config = &x->request.server->config;
    enum surface surface = conn_surface(x->conn);
    Str origin = origin_of(x);
    if (!origin.n || in_list(config->origins[surface], origin))
        return true;
    return surface == SURFACE_MANAGEMENT &&
           str_eq(origin, http_url_origin(x->request.server->url[surface]));
}

/* SockJS's own answers are as its document has them: "*" for who names no Origin, else the Origin,
 * "null" too, and always with credentials. */
static void cors(struct exchange *x, struct buf *out)
{
    enum surface surface = conn_surface(x->conn);
    Str origin = origin_of(x);
    bool any = in_list(x->request.server->config.origins[surface], S("*"));
    bool sockjs = str_starts(x->path, S("/api/wsConnect"));
    if (surface == SURFACE_API && any && !sockjs) {
        http_header_add(out, S("Access-Control-Allow-Origin"), S("*"));
    } else {
        http_header_add(out, S("Vary"), S("Origin"));
        if (sockjs && any && !origin.n)
            origin = S("*");
        if (!origin.n || !answer_origin_allowed(x))
            return;
        http_header_add(out, S("Access-Control-Allow-Origin"), origin);
        if (!str_eq(origin, S("*")) || x->request.status < 400)
            http_header_add(out, S("Access-Control-Allow-Credentials"), S("true"));
    }
    http_header_add(out, S("Access-Control-Expose-Headers"),
                    S("Authorization, X-Request-Id, Retry-After, RateLimit-Limit, "
                      "RateLimit-Remaining, RateLimit-Reset"));
}

/* ----- the log ----- */

struct request_line {
    struct log_field fields[12];
    size_t n;
};

static void add_field(struct request_line *line, struct log_field field)
{
    must(line->n < countof(line->fields));
    line->fields[line->n++] = field;
}

/* text has room for it until the line is written. */
static void add_id(struct request_line *line, const char *key, Id id, char text[ID_TEXT])
{
    if (id_is_nil(id))
        return;
    id_format(id, text);
    add_field(line, log_s(key, str_from(text, ID_TEXT)));
}

/* What a verified token or a ticket says, and whom a sign-in has found: claims that nothing proves
 * are in no line. */
static Id app_of(const struct exchange *x)
{
    return id_is_nil(x->request.claims.app) ? x->ticket.app_id : x->request.claims.app;
}

static Id user_of(const struct exchange *x)
{
    const struct request *r = &x->request;
    if (!id_is_nil(x->ticket.app_id))
        return x->ticket.actor.user_id;
    return r->claims.class == TOKEN_USER ? r->claims.subject : r->found;
}

static Id account_of(const struct request *r)
{
    return r->route && r->route->auth == AUTH_ACCOUNT ? r->claims.subject : r->found;
}

void answer_log(struct exchange *x)
{
    const struct request *r = &x->request;
    static const Str names[SURFACES] = {{"api", 3}, {"management", 10}};
    enum surface surface = conn_surface(x->conn);
    struct request_line line = {.n = 0};
    char app[ID_TEXT], user[ID_TEXT];
    if (!log_enabled(LOG_INFO))
        return;
    add_field(&line, log_s("id", x->id));
    add_field(&line, log_s("on", names[surface]));
    add_field(&line, log_s("client", x->peer.n ? x->peer : conn_peer(x->conn)));
    if (surface == SURFACE_MANAGEMENT) {
        add_id(&line, "account", account_of(r), user);
    } else {
        add_id(&line, "app", app_of(x), app);
        add_id(&line, "user", user_of(x), user);
    }
    add_field(&line, log_s("method", r->head.method_text.n ? r->head.method_text : S("-")));
    add_field(&line, log_s("path", x->path.n ? x->path : S("-")));
    add_field(&line, log_n("status", r->status));
    if (x->refusal)
        add_field(&line, log_s("code", err_code(x->refusal)));
    add_field(&line, log_n("us", clock_mono() - x->started));
    log_fields(LOG_INFO, "request", line.n, line.fields);
}

/* ----- heads ----- */

static void rate_headers(struct exchange *x, struct buf *out)
{
    if (x->rate.limit < 0)
        return;
    http_header_uint(out, S("RateLimit-Limit"), (uint64_t)x->rate.limit);
    http_header_uint(out, S("RateLimit-Remaining"), (uint64_t)x->rate.remaining);
    http_header_uint(out, S("RateLimit-Reset"), (uint64_t)x->rate.reset);
}

/* Made once a second for each thread. */
void answer_date(struct buf *out)
{
    static _Thread_local int64_t second;
    static _Thread_local char line[64];
    static _Thread_local size_t n;
    int64_t now = clock_now();
    if (now / 1000 != second) {
        struct buf text = BUF(sizeof line);
        http_header_date(&text, S("Date"), now);
        memcpy(line, text.p, text.n);
        n = text.n;
        second = now / 1000;
        buf_free(&text);
    }
    buf_add(out, str_from(line, n));
}

/* What all answers have. */
static void head_begin(struct exchange *x, struct buf *out)
{
    http_status(out, x->request.status);
    answer_date(out);
    http_header_add(out, S("X-Request-Id"), x->id);
    http_header_add(out, S("Cache-Control"), x->cache.n ? x->cache : S("no-store"));
    http_header_add(out, S("X-Content-Type-Options"), S("nosniff"));
    cors(x, out);
    rate_headers(x, out);
    buf_add(out, buf_str(&x->request.headers));
}

static void head_end(struct exchange *x, struct buf *out, bool keep)
{
    if (!keep)
        http_header_add(out, S("Connection"), S("close"));
    else if (x->request.head.minor == 0)
        http_header_add(out, S("Connection"), S("keep-alive"));
    http_head_end(out);
}

static struct unsent_who who_of(const struct exchange *x)
{
    const struct request *r = &x->request;
    struct unsent_who who = {.address = x->peer};
    if (r->route && r->route->auth == AUTH_USER)
        who.owner = r->claims.app;
    if (r->route && (r->route->auth == AUTH_USER || r->route->auth == AUTH_ACCOUNT))
        who.user = r->claims.subject;
    return who;
}

static void charge(const struct exchange *x)
{
    if (!conn_busy(x->conn))
        return;
    struct unsent_who who = who_of(x);
    conn_charge(x->conn, &who);
}

bool answer_may_begin(const struct exchange *x)
{
    struct unsent_who who = who_of(x);
    return !unsent_crowded(x->request.server->unsent, &who);
}

bool answer_may_wait(const struct exchange *x)
{
    const struct request *r = &x->request;
    if (r->out.n <= SMALL || r->head.method != HTTP_GET)
        return true;
    struct unsent_who who = who_of(x);
    return unsent_room(r->server->unsent, &who, r->out.n);
}

/* Head and body in one write when that costs no more than a small copy. The body is moved. */
static void write_answer(struct conn *c, struct buf *head, struct buf *body, Str constant)
{
    if (body->n <= COPIED) {
        buf_add(head, buf_str(body));
        buf_free(body);
    }
    conn_write(c, head, body->n ? S("") : constant);
    if (body->n)
        conn_write(c, body, constant);
}

static void send_answer(struct exchange *x, Str type, struct buf *body, Str constant)
{
    struct request *r = &x->request;
    struct buf head = BUF(HEAD_MAX + COPIED);
    bool bare = r->status == 204 || r->status == 304;
    bool keep = r->head.keep_alive && !atomic_load(&r->server->draining);
    size_t n = body->n + constant.n;
    head_begin(x, &head);
    if (!bare && n)
        http_header_add(&head, S("Content-Type"), type);
    if (!bare)
        http_header_uint(&head, S("Content-Length"), n);
    head_end(x, &head, keep);
    if (bare || r->head.method == HTTP_HEAD) {
        buf_free(body);
        constant = S("");
    }
    answer_log(x);
    struct conn *c = x->conn;
    write_answer(c, &head, body, constant);
    charge(x);
    exchange_free(&x);
    conn_answer(c, S(""), keep ? CONN_KEEP : CONN_CLOSE);
}

/* ----- answers in parts ----- */

/* Without chunks (HTTP/1.0) the connection's end is the answer's. */
static bool in_chunks(const struct exchange *x)
{
    return x->request.head.minor > 0;
}

void answer_begin(struct exchange *x, Str type)
{
    struct buf out = BUF(ANSWER_MAX);
    head_begin(x, &out);
    http_header_add(&out, S("Content-Type"), type);
    if (in_chunks(x))
        http_header_add(&out, S("Transfer-Encoding"), S("chunked"));
    head_end(x, &out, in_chunks(x) && x->request.head.keep_alive);
    answer_log(x);
    conn_interim(x->conn, buf_str(&out));
    charge(x);
    buf_free(&out);
}

void answer_part(struct exchange *x, Str bytes)
{
    struct buf out = BUF(ANSWER_MAX);
    if (x->request.head.method == HTTP_HEAD)
        return;
    if (in_chunks(x))
        http_chunk_add(&out, bytes);
    conn_interim(x->conn, in_chunks(x) ? buf_str(&out) : bytes);
    charge(x);
    buf_free(&out);
}

void answer_end(struct exchange *x)
{
    struct buf out = BUF(64);
    struct conn *c = x->conn;
    const struct request *r = &x->request;
    bool keep = in_chunks(x) && r->head.keep_alive && !atomic_load(&r->server->draining);
    if (in_chunks(x) && r->head.method != HTTP_HEAD)
        http_chunk_end(&out);
    exchange_free(&x);
    conn_answer(c, buf_str(&out), keep ? CONN_KEEP : CONN_CLOSE);
    buf_free(&out);
}

/* ----- answers ----- */

void answer_send(struct exchange *x)
{
    struct buf body = x->request.out;
    x->request.out = BUF(body.max);
    if (body.overflow)
        answer_error(x, ERR_INTERNAL, S(""));
    else
        send_answer(x, S("application/json"), &body, S(""));
    buf_free(&body);
}

bool answer_etag_matches(struct exchange *x, Str etag)
{
    struct request *r = &x->request;
    Str list = http_header_list(&r->head, S("If-None-Match"), &r->arena);
    while (list.n) {
        Str one = str_trim(str_cut(&list, ','));
        if (str_starts(one, S("W/")))
            one = str_skip(one, 2);
        if (str_eq(one, etag) || str_eq(one, S("*")))
            return true;
    }
    return false;
}

void answer_text(struct exchange *x, int status, Str type, Str body)
{
    struct buf copy = BUF(ANSWER_MAX);
    buf_add(&copy, body);
    x->request.status = status;
    send_answer(x, type, &copy, S(""));
}

void answer_constant(struct exchange *x, Str type, Str body)
{
    struct buf none = BUF(0);
    send_answer(x, type, &none, body);
}

/* The shape of every 401 is the documented service's; `status` is a string there. */
static void problem_401(struct json_writer *w, struct exchange *x, Err err, Str why)
{
    json_field_string(w, "type", S("https://httpstatuses.com/401"));
    json_field_string(w, "title", S("Unauthorized"));
    json_field_string(w, "status", S("401"));
    json_field_string(w, "detail", why);
    json_field_string(w, "instance", x->path);
    json_field_string(w, "code", err_code(err));
    json_field_string(w, "message", why);
}

static void retry_after(struct exchange *x, Err err)
{
    int64_t seconds = OVERLOADED_RETRY_S;
    if (err == ERR_RATE_LIMITED && x->rate.limit >= 0)
        seconds = x->rate.retry;
    Str text = arena_fmt(&x->request.arena, "%lld", (long long)(seconds > 0 ? seconds : 1));
    http_header_add(&x->request.headers, S("Retry-After"), text);
}

void answer_error(struct exchange *x, Err err, Str why)
{
    struct request *r = &x->request;
    struct json_writer w = {.out = &r->out};
    if (err >= ERR_COUNT || err == ERR_OK)
        err = ERR_INTERNAL;
    if (!why.n)
        why = err_text(err);
    if (err == ERR_INTERNAL) {
        why = arena_fmt(&r->arena, "Something went wrong here; report the request id " STR_FMT ".",
                        STR_ARG(x->id));
    }
    r->status = err_status(err);
    x->refusal = err;
    x->cache = S("");
    buf_clear(&r->out);
    json_object_begin(&w);
    if (r->status == 401) {
        problem_401(&w, x, err, why);
        http_header_add(&r->headers, S("WWW-Authenticate"), S("Bearer"));
    } else {
        json_field_string(&w, "message", why);
        json_field_string(&w, "code", err_code(err));
    }
    json_object_end(&w);
    if (r->status == 429 || r->status == 503)
        retry_after(x, err);
    answer_send(x);
}

void answer_method(struct exchange *x, Str allowed)
{
    http_header_add(&x->request.headers, S("Allow"), allowed);
    answer_error(x, ERR_METHOD_NOT_ALLOWED, S(""));
}

void answer_preflight(struct exchange *x)
{
    struct request *r = &x->request;
    r->status = 204;
    if (answer_origin_allowed(x)) {
        http_header_add(&r->headers, S("Access-Control-Allow-Methods"),
                        S("GET, HEAD, POST, PUT, DELETE"));
        http_header_add(&r->headers, S("Access-Control-Allow-Headers"),
                        S("authorization, content-type, x-api-key, x-request-id, idempotency-key, "
                          "traceparent, tracestate, baggage, sentry-trace"));
        http_header_add(&r->headers, S("Access-Control-Max-Age"), S("86400"));
    }
    answer_send(x);
}
