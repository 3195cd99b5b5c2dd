/*
 * /api/wsConnect: the WebSocket handshake (RFC 6455 section 4.2). Everything that can be wrong with
 * it is found before the ticket is spent. The JWT comes later, in the STOMP CONNECT: an
 * Authorization header here is ignored.
 */
#include "api/exchange.h"

#include "base/mem.h"
#include "codec/ws.h"
#include "codec/ws_deflate.h"
#include "domain/auth.h"

static Err spend(struct request *r, struct tx *tx)
{
    struct exchange *x = (struct exchange *)r;
    return auth_spend_ticket(tx, *(Str *)r->data, &x->ticket, &x->tier);
}

const struct route upgrade_route = {.method = HTTP_GET,
                                    .path = "/api/wsConnect",
                                    .steps = {{JOB_WRITE, spend}},
                                    .flags = ROUTE_TICKET};

/* SockJS's clients may be older than the RFC; 7 and 8 differ from 13 by a header's name only. */
static bool version_spoken(const struct exchange *x)
{
    Str version = http_header(&x->request.head, S("Sec-WebSocket-Version"));
    if (str_eq(version, S("13")))
        return true;
    return str_starts(x->path, S("/api/wsConnect/")) &&
           (str_eq(version, S("7")) || str_eq(version, S("8")));
}

enum { ANSWER_MAX = 256 };

/* Several headers are one list (RFC 6455 section 9.1). */
static Err extensions(struct exchange *x, const char **why)
{
    struct request *r = &x->request;
    struct buf answer = BUF(ANSWER_MAX);
    Str offers = http_header_list(&r->head, S("Sec-WebSocket-Extensions"), &r->arena);
    int window = ws_deflate_accept(offers, &answer);
    if (window > 0 && r->server->config.session.compress_above) {
        x->window = (unsigned)window;
        x->extension = arena_str(&r->arena, buf_str(&answer));
    }
    buf_free(&answer);
    if (window >= 0)
        return ERR_OK;
    *why = "Sec-WebSocket-Extensions is not a list of extensions.";
    return ERR_BAD_REQUEST;
}

Err upgrade_check(struct exchange *x, const char **why)
{
    struct request *r = &x->request;
    char accept[WS_ACCEPT_TEXT];
    if (!r->head.upgrade_websocket) {
        r->finished = true;
        return ERR_OK;
    }
    if (!answer_origin_allowed(x))
        return ERR_ORIGIN_NOT_ALLOWED;
    if (!version_spoken(x)) {
        http_header_add(&r->headers, S("Sec-WebSocket-Version"), S("13"));
        http_header_add(&r->headers, S("Upgrade"), S("websocket"));
        http_header_add(&r->headers, S("Connection"), S("Upgrade"));
        return ERR_UPGRADE_REQUIRED;
    }
    if (!ws_accept_key(http_header(&r->head, S("Sec-WebSocket-Key")), accept)) {
        *why = "Sec-WebSocket-Key is not 16 bytes in base64.";
        return ERR_BAD_REQUEST;
    }
    Err err = extensions(x, why);
    if (err)
        return err;
    Str *ticket = arena_new(&r->arena, Str);
    if (!http_query(r->head.query, S("ticket"), &r->arena, ticket))
        return ERR_AUTH_INVALID_TICKET;
    r->data = ticket;
    return ERR_OK;
}

static void subprotocol(struct exchange *x, struct buf *out)
{
    static const Str ours[] = {{"v12.stomp", 9}, {"v11.stomp", 9}, {"v10.stomp", 9}};
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) {
        if (http_has_token(&x->request.head, S("Sec-WebSocket-Protocol"), ours[i])) {
            http_header_add(out, S("Sec-WebSocket-Protocol"), ours[i]);
            return;
        }
    }
}

int64_t upgrade_users(const struct exchange *x)
{
    return str_eq(x->tier, S("DEMO")) ? x->request.server->config.demo_users : 0;
}

Err upgrade_admit(const struct exchange *x)
{
    const struct server_config *config = &x->request.server->config;
    return online_open(config->online, x->ticket.actor.app, x->ticket.app_id,
                       config->app_connections);
}

void upgrade_head(struct exchange *x, struct buf *out)
{
    char accept[WS_ACCEPT_TEXT];
    /* upgrade_check has seen it */
    must(ws_accept_key(http_header(&x->request.head, S("Sec-WebSocket-Key")), accept));
    http_status(out, 101);
    http_header_add(out, S("Upgrade"), S("websocket"));
    http_header_add(out, S("Connection"), S("Upgrade"));
    http_header_add(out, S("Sec-WebSocket-Accept"), str_from(accept, sizeof accept));
    http_header_add(out, S("X-Request-Id"), x->id);
    answer_date(out);
    subprotocol(x, out);
    if (x->extension.n)
        http_header_add(out, S("Sec-WebSocket-Extensions"), x->extension);
    http_head_end(out);
    x->request.status = 101;
    answer_log(x);
}

struct session *upgrade_switch(struct exchange *x, struct wire *wire)
{
    struct buf out = BUF(4096);
    upgrade_head(x, &out);
    int64_t users = upgrade_users(x);
    unsigned window = x->window;
    struct auth_ticket ticket = x->ticket;
    struct conn *c = x->conn;
    exchange_free(&x);
    struct session *s = conn_upgrade(c, buf_str(&out), wire, &ticket, users, window);
    buf_free(&out);
    return s;
}

void upgrade_finish(struct exchange *x, Err err, Str why)
{
    bool upgrade = x->request.head.upgrade_websocket;
    if (!err && upgrade)
        err = upgrade_admit(x);
    if (err)
        answer_error(x, err, why);
    else if (upgrade)
        upgrade_switch(x, NULL);
    else
        answer_text(x, 200, S("text/plain; charset=UTF-8"), S("Welcome to SockJS!\n"));
}
