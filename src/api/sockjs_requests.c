/*
 * What comes under the prefix by HTTP. Errors are checked in the order of the reference server
 * (sockjs-node): path, method, callback or payload, and only then who asks; and they are in its
 * words, as text, since clients were written against it.
 */
#include "api/sockjs_parts.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "codec/ws.h"

#include <stdio.h>

enum { YEAR_S = 365 * 24 * 3600, PAGE_MAX = 16 * 1024, PAYLOAD_MAX = 1024 * 1024 };

#define NOT_CACHED S("no-store, no-cache, no-transform, must-revalidate, max-age=0")
#define CACHED S("public, max-age=31536000")

/* request->data of what opens a session. */
struct opener {
    Str ticket;                     /* first */
    struct sockjs_session *session; /* counted */
    enum sockjs_endpoint transport;
    Str callback;
};

static Err open_ticket(struct request *r, struct tx *tx)
{
    struct exchange *x = (struct exchange *)r;
    struct opener *o = r->data;
    return auth_open_ticket(tx, o->ticket, &x->ticket, &x->tier, sockjs_opening(o->session));
}

#define SESSION SOCKJS_PREFIX "/*/{session}"
#define OPENS .steps = {{JOB_WRITE, open_ticket}}, .flags = ROUTE_TICKET
#define AT(endpoint) [(endpoint)-SOCKJS_INFO]

const struct route sockjs_routes[] = {
    AT(SOCKJS_INFO) = {.method = HTTP_GET, .path = SOCKJS_PREFIX "/info"},
    AT(SOCKJS_IFRAME) = {.method = HTTP_GET, .path = SOCKJS_PREFIX "/iframe.html"},
    AT(SOCKJS_RAW) = {.method = HTTP_GET, .path = SOCKJS_PREFIX "/websocket"},
    AT(SOCKJS_WEBSOCKET) = {.method = HTTP_GET, .path = SOCKJS_PREFIX "/*/*/websocket", OPENS},
    AT(SOCKJS_XHR) = {.method = HTTP_POST, .path = SESSION "/xhr", OPENS},
    AT(SOCKJS_XHR_SEND) = {.method = HTTP_POST, .path = SESSION "/xhr_send"},
    AT(SOCKJS_XHR_STREAMING) = {.method = HTTP_POST, .path = SESSION "/xhr_streaming", OPENS},
    AT(SOCKJS_EVENTSOURCE) = {.method = HTTP_GET, .path = SESSION "/eventsource", OPENS},
    AT(SOCKJS_HTMLFILE) = {.method = HTTP_GET, .path = SESSION "/htmlfile", OPENS},
    AT(SOCKJS_JSONP) = {.method = HTTP_GET, .path = SESSION "/jsonp", OPENS},
    AT(SOCKJS_JSONP_SEND) = {.method = HTTP_POST, .path = SESSION "/jsonp_send"},
    AT(SOCKJS_ENDPOINTS) = {0},
};

/* Those that pages of other origins may call by XMLHttpRequest, so that browsers ask before. */
static bool has_preflight(enum sockjs_endpoint endpoint)
{
    return endpoint == SOCKJS_INFO || endpoint == SOCKJS_XHR || endpoint == SOCKJS_XHR_SEND ||
           endpoint == SOCKJS_XHR_STREAMING;
}

static void answer_words(struct exchange *x, int status, Str words)
{
    answer_text(x, status, S("text/plain; charset=UTF-8"), words);
}

static void cache_for_a_year(struct exchange *x)
{
    x->cache = CACHED;
    http_header_date(&x->request.headers, S("Expires"), clock_now() + (int64_t)YEAR_S * 1000);
}

/* ----- pages ----- */

static void answer_info(struct exchange *x)
{
    char text[128];
    int n = snprintf(text, sizeof text,
                     "{\"websocket\":true,\"origins\":[\"*:*\"],\"cookie_needed\":false,"
                     "\"entropy\":%lu}",
                     (unsigned long)(random_u64() & 0xffffffff));
    answer_text(x, 200, sockjs_content_type(SOCKJS_INFO), str_from(text, (size_t)n));
}

static void answer_iframe(struct exchange *x)
{
    struct request *r = &x->request;
    struct buf page = BUF(PAGE_MAX);
    uint8_t hash[TOKEN_HASH];
    uint64_t tag;
    sockjs_iframe(&page, r->server->config.sockjs_url);
    token_hash(buf_str(&page), hash);
    memcpy(&tag, hash, sizeof tag);
    Str etag = arena_fmt(&r->arena, "\"%016llx\"", (unsigned long long)tag);
    http_header_add(&r->headers, S("ETag"), etag);
    cache_for_a_year(x);
    if (answer_etag_matches(x, etag))
        answer_text(x, 304, S(""), S(""));
    else
        answer_text(x, 200, sockjs_content_type(SOCKJS_IFRAME), buf_str(&page));
    buf_free(&page);
}

static void answer_options(struct exchange *x, enum sockjs_endpoint endpoint)
{
    struct request *r = &x->request;
    cache_for_a_year(x);
    http_header_add(&r->headers, S("Access-Control-Allow-Methods"),
                    endpoint == SOCKJS_INFO ? S("OPTIONS, GET") : S("OPTIONS, POST"));
    http_header_uint(&r->headers, S("Access-Control-Max-Age"), YEAR_S);
    answer_text(x, 204, S(""), S(""));
}

static void answer_not_allowed(struct exchange *x, enum sockjs_endpoint endpoint)
{
    Str allowed = sockjs_routes[endpoint - SOCKJS_INFO].method == HTTP_POST ? S("OPTIONS, POST")
                                                                            : S("GET, HEAD");
    http_header_add(&x->request.headers, S("Allow"), allowed);
    answer_words(x, 405, S(""));
}

/* ----- WebSockets ----- */

/* Over a WebSocket a refusal is a close frame: a browser shows a page nothing of an HTTP error. */
static void refuse_websocket(struct exchange *x, Err err, Str why)
{
    if (!why.n)
        why = err_text(err);
    x->refusal = err;
    struct conn *c = x->conn;
    struct buf out = BUF(8192), frame = BUF(4096);
    upgrade_head(x, &out);
    sockjs_close(&frame, WS_NOT_ALLOWED, why);
    ws_encode(&out, WS_TEXT, WS_FIN, buf_str(&frame));
    ws_encode_close(&out, WS_NOT_ALLOWED, why);
    exchange_free(&x);
    conn_answer(c, buf_str(&out), CONN_CLOSE);
    buf_free(&out);
    buf_free(&frame);
}

static void websocket_opened(struct exchange *x, Err err, Str why)
{
    struct opener *o = x->request.data;
    struct sockjs_session *e = o->session;
    if (!err)
        err = upgrade_admit(x);
    int status = err_status(err);
    if (err && (status == 401 || status == 403 || status == 429)) {
        refuse_websocket(x, err, why);
    } else if (err) {
        answer_error(x, err, why);
    } else {
        struct session *s = upgrade_switch(x, sockjs_wire(e));
        if (s)
            sockjs_opened(e, s);
    }
    sockjs_unref(e);
}

bool sockjs_turn_away(struct exchange *x, Err err)
{
    const Str prefix = S(SOCKJS_PREFIX);
    const char *why;
    if (conn_surface(x->conn) != SURFACE_API || !x->path.n || !sockjs_takes(x) ||
        !x->request.head.upgrade_websocket ||
        sockjs_path(str_skip(x->path, prefix.n)).endpoint != SOCKJS_WEBSOCKET)
        return false;
    Err bad = upgrade_check(x, &why);
    if (bad && bad != ERR_AUTH_INVALID_TICKET) /* which is looked at last */
        return false;
    refuse_websocket(x, err, S(""));
    return true;
}

static bool is_websocket(struct exchange *x)
{
    const struct http_request *head = &x->request.head;
    if (!http_has_token(head, S("Upgrade"), S("websocket")))
        answer_words(x, 400, S("Can \"Upgrade\" only to \"WebSocket\"."));
    else if (!head->upgrade_websocket)
        answer_words(x, 400, S("\"Connection\" must be \"Upgrade\"."));
    else
        return true;
    return false;
}

static void start_websocket(struct exchange *x, enum sockjs_endpoint endpoint)
{
    struct request *r = &x->request;
    const char *why = NULL;
    if (!is_websocket(x))
        return;
    bool raw = endpoint == SOCKJS_RAW;
    Err err = upgrade_check(x, &why);
    if (err == ERR_AUTH_INVALID_TICKET && !raw) {
        refuse_websocket(x, err, S(""));
        return;
    }
    if (err) {
        answer_error(x, err, str_of(why));
        return;
    }
    r->route = raw ? &upgrade_route : &sockjs_routes[endpoint - SOCKJS_INFO];
    x->finish = raw ? upgrade_finish : websocket_opened;
    if (!raw) {
        struct opener *o = arena_new(&r->arena, struct opener);
        o->ticket = *(const Str *)r->data;
        o->session = sockjs_new(r->server->sockjs, o->ticket, conn_loop(x->conn));
        r->data = o;
    }
    exchange_run(x);
}

/* ----- receiving ----- */

/* The callback of those that have one; false: it has been answered. */
static bool take_callback(struct exchange *x, enum sockjs_endpoint endpoint, Str *out)
{
    struct request *r = &x->request;
    *out = S("");
    if (endpoint != SOCKJS_JSONP && endpoint != SOCKJS_HTMLFILE)
        return true;
    bool there = http_query(r->head.query, S("c"), &r->arena, out) ||
                 http_query(r->head.query, S("callback"), &r->arena, out);
    if (!there || !out->n)
        answer_words(x, 500, S("\"callback\" parameter required"));
    else if (!sockjs_callback_valid(*out))
        answer_words(x, 500, S("invalid \"callback\" parameter"));
    else
        return true;
    return false;
}

static void opened(struct exchange *x, Err err, Str why)
{
    struct opener *o = x->request.data;
    struct sockjs_session *e = o->session;
    struct server *server = x->request.server;
    if (!err && conn_alive(x->conn))
        err = upgrade_admit(x);
    if (err) {
        sockjs_not_opened(e);
        answer_error(x, err, why);
    } else if (!conn_alive(x->conn)) {
        sockjs_not_opened(e); /* the ticket may open another */
        answer_send(x);
    } else {
        unsigned loop = loop_index(sockjs_loop(e));
        sockjs_set_owner(e, &x->ticket);
        sockjs_opened(e, session_open(server->sessions[loop], NULL, sockjs_wire(e), &x->ticket,
                                      upgrade_users(x), 0));
        sockjs_poll(x, e, o->transport, o->callback);
    }
    sockjs_unref(e);
}

static void start_receiving(struct exchange *x, const struct sockjs_path *path)
{
    struct request *r = &x->request;
    Str callback, ticket;
    bool opening;
    if (!take_callback(x, path->endpoint, &callback))
        return;
    if (!http_query(r->head.query, S("ticket"), &r->arena, &ticket)) {
        answer_error(x, ERR_AUTH_INVALID_TICKET, S(""));
        return;
    }
    struct sockjs_session *e =
        sockjs_find_or_open(r->server->sockjs, path->session, ticket, conn_loop(x->conn), &opening);
    if (opening) {
        struct opener *o = arena_new(&r->arena, struct opener);
        *o = (struct opener){ticket, e, path->endpoint, callback};
        r->data = o;
        r->route = &sockjs_routes[path->endpoint - SOCKJS_INFO];
        x->finish = opened;
        exchange_run(x);
        return;
    }
    if (sockjs_has_ticket(e, ticket)) {
        sockjs_owner(e, &x->ticket);
        sockjs_poll(x, e, path->endpoint, callback);
    } else {
        answer_error(x, ERR_AUTH_INVALID_TICKET, S(""));
    }
    sockjs_unref(e);
}

/* ----- sending ----- */

static Str payload_of(struct exchange *x, enum sockjs_endpoint endpoint, Str body)
{
    struct request *r = &x->request;
    Str type = http_header(&r->head, S("Content-Type")), form;
    type = str_trim(str_cut(&type, ';'));
    if (endpoint != SOCKJS_JSONP_SEND ||
        !str_eq_nocase(type, S("application/x-www-form-urlencoded")))
        return body;
    return http_query(body, S("d"), &r->arena, &form) ? form : S("");
}

static void start_sending(struct exchange *x, const struct sockjs_path *path, Str body)
{
    struct request *r = &x->request;
    struct buf messages = BUF(PAYLOAD_MAX);
    Str ticket = S("");
    enum sockjs_decoded decoded = sockjs_decode(payload_of(x, path->endpoint, body), &messages);
    struct sockjs_session *e = NULL;
    if (decoded == SOCKJS_MESSAGES)
        e = sockjs_find(r->server->sockjs, path->session);
    if (!e)
        buf_free(&messages);
    if (decoded == SOCKJS_BROKEN) {
        answer_words(x, 500, S("Broken JSON encoding."));
    } else if (decoded != SOCKJS_MESSAGES) {
        answer_words(x, 500, S("Payload expected."));
    } else if (!e) {
        answer_error(x, ERR_NOT_FOUND, S("There is no such SockJS session."));
    } else if (!http_query(r->head.query, S("ticket"), &r->arena, &ticket) ||
               !sockjs_has_ticket(e, ticket)) {
        buf_free(&messages);
        answer_error(x, ERR_AUTH_INVALID_TICKET, S(""));
    } else {
        struct sockjs_note *n = sockjs_note(e, NULL);
        sockjs_owner(e, &x->ticket);
        n->x = x;
        n->loop = conn_loop(x->conn);
        n->bytes = messages;
        n->status = path->endpoint == SOCKJS_JSONP_SEND ? 200 : 204;
        n->msg.run = sockjs_send;
        loop_post(sockjs_loop(e), &n->msg);
    }
    if (e)
        sockjs_unref(e);
}

/* ----- all ----- */

bool sockjs_takes(struct exchange *x)
{
    const Str prefix = S(SOCKJS_PREFIX "/");
    if (str_eq(x->path, prefix)) {
        x->path = S(SOCKJS_PREFIX);
        return false;
    }
    return str_starts(x->path, prefix) || (!x->path.n && str_starts(x->request.head.path, prefix));
}

static void start(struct exchange *x, const struct sockjs_path *path, Str body)
{
    enum sockjs_endpoint endpoint = path->endpoint;
    if (endpoint == SOCKJS_INFO) {
        answer_info(x);
    } else if (endpoint == SOCKJS_IFRAME) {
        answer_iframe(x);
    } else if (!answer_origin_allowed(x)) {
        answer_error(x, ERR_ORIGIN_NOT_ALLOWED, S(""));
    } else if (x->request.head.method == HTTP_HEAD) {
        answer_text(x, 200, sockjs_content_type(endpoint), S(""));
    } else if (endpoint == SOCKJS_RAW || endpoint == SOCKJS_WEBSOCKET) {
        start_websocket(x, endpoint);
    } else if (endpoint == SOCKJS_XHR_SEND || endpoint == SOCKJS_JSONP_SEND) {
        start_sending(x, path, body);
    } else {
        start_receiving(x, path);
    }
}

void sockjs_start(struct exchange *x, Str body)
{
    struct request *r = &x->request;
    const Str prefix = S(SOCKJS_PREFIX);
    struct sockjs_path path = {0};
    if (x->path.n) /* else it is not valid */
        path = sockjs_path(str_skip(x->path, prefix.n));
    Str asked = http_header(&r->head, S("Access-Control-Request-Headers"));
    if (r->head.method == HTTP_OPTIONS && !has_preflight(path.endpoint)) {
        answer_preflight(x);
        return;
    }
    if (path.endpoint == SOCKJS_NONE || path.endpoint == SOCKJS_GREETING) {
        answer_error(x, ERR_NOT_FOUND, S(""));
        return;
    }
    if (asked.n && answer_origin_allowed(x))
        http_header_add(&r->headers, S("Access-Control-Allow-Headers"), asked);
    x->cache = NOT_CACHED;
    enum http_method method = sockjs_routes[path.endpoint - SOCKJS_INFO].method;
    if (r->head.method == HTTP_OPTIONS)
        answer_options(x, path.endpoint);
    else if (r->head.method == method || (method == HTTP_GET && r->head.method == HTTP_HEAD))
        start(x, &path, body);
    else
        answer_not_allowed(x, path.endpoint);
}
