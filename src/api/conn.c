/*
 * Input is gathered in one buffer and consumed from it. What a client sends while a request is in
 * flight is read once, then the rest waits in the kernel; most send nothing, and turning reading
 * off and on would be two system calls a request. The buffer holds no memory between requests.
 *
 * An answer waits as it was made, and goes to the kernel in pieces: what tcp and TLS copy of it is
 * one piece at most.
 *
 * A client that connects by itself is counted from its connection's beginning to its end; one
 * behind a proxy, which the head of a request tells, while that request is in flight or its session
 * lasts: between requests the connection is the proxy's own.
 */
#include "api/conn.h"

#include "api/exchange.h"
#include "api/proxies.h"
#include "base/log.h"
#include "base/mem.h"

enum {
    IN_MAX = 512 * 1024,       /* a head and one receive buffer's worth behind it */
    OUT_MAX = 4 * 1024 * 1024, /* of parts of an answer, and what else is said meanwhile */
    PIECE = 64 * 1024,         /* written at once */
    LINGER_MS = 2000,
    AHEAD_MAX = 64 * 1024, /* read of what follows a request that is held */
    REFUSED_MS = 2000,     /* for the request of one that is too many */
    REFUSALS = 256, /* connections that are too many and wait to be told; others are just closed */
};

enum state { READ_HEAD, READ_BODY, IN_FLIGHT, CLOSING };

struct conn {
    struct conn *next, **at; /* among the loop's */
    struct server *server;
    struct tcp *tcp; /* NULL once the connection has ended */
    struct exchange *exchange;
    struct buf in;
    struct buf body;
    struct buf out;             /* what waits for the kernel */
    Str constant;               /* and behind that */
    struct unsent_share *share; /* owned: of what waits there; NULL: not charged to anyone */
    struct timer timer;
    size_t untaken;                 /* bytes of the answer, when the timer was set */
    const struct conn_watch *watch; /* of the request in flight, when it is held */
    void *watcher;
    struct sockets_holder *client; /* of the request in flight, when a proxy brings it */
    enum surface surface;
    enum state state;
    struct http_chunked chunked;
    struct http_limits limits; /* body: as the route has it */
    uint64_t body_left;        /* of a body with a length */
    bool body_chunked;
    bool in_advance;
    bool proxied;  /* the peer is a proxy, or clients are not counted */
    bool too_many; /* for the peer's address: its request is refused */
    bool timed;    /* the time for the request that is coming in runs */
    bool ended;    /* the peer sends no more */
    char peer[64]; /* its address, without the port */
};

static void advance(struct conn *c);

static void expire(struct timer *timer);

static void wait_for(struct conn *c, int64_t ms)
{
    loop_timer_set(tcp_loop(c->tcp), &c->timer, ms, expire);
}

/* For the peer to take something of an answer, however little. */
static void wait_for_peer(struct conn *c)
{
    c->untaken = c->out.n + c->constant.n + tcp_unacknowledged(c->tcp);
    wait_for(c, c->server->config.idle_ms);
}

static void expire(struct timer *timer)
{
    struct conn *c = (struct conn *)((char *)timer - offsetof(struct conn, timer));
    if (!c->tcp || c->state == IN_FLIGHT)
        return;
    size_t untaken = c->untaken;
    if (conn_busy(c))
        wait_for_peer(c);
    if (!conn_busy(c) || c->untaken >= untaken)
        tcp_close(c->tcp);
}

static int64_t time_for_request(const struct conn *c)
{
    int64_t ms = c->server->config.request_ms;
    return c->too_many && ms > REFUSED_MS ? REFUSED_MS : ms;
}

static void conn_free(struct conn *c)
{
    *c->at = c->next;
    if (c->next)
        c->next->at = c->at;
    sockets_let_go(&c->client);
    if (c->too_many && c->surface == SURFACE_API)
        atomic_fetch_sub(&c->server->refusals, 1);
    buf_free(&c->in);
    buf_free(&c->body);
    buf_free(&c->out);
    unsent_end(&c->share);
    mem_free(c);
}

/* ----- output ----- */

static void account(struct conn *c)
{
    if (!conn_busy(c))
        unsent_end(&c->share);
    else if (c->share)
        unsent_set(c->share, buf_memory(&c->out), c->tcp ? tcp_pending(c->tcp) : 0);
}

static void drop_output(struct conn *c)
{
    buf_free(&c->out);
    c->constant = S("");
    unsent_end(&c->share);
}

static void send_out(struct conn *c)
{
    if (!c->tcp)
        return;
    while (c->out.n && !tcp_busy(c->tcp)) {
        Str piece = str_from(c->out.p, c->out.n < PIECE ? c->out.n : PIECE);
        tcp_send(c->tcp, piece);
        buf_consume(&c->out, piece.n);
    }
    while (c->constant.n && !tcp_busy(c->tcp)) {
        Str piece = str_from(c->constant.p, c->constant.n < PIECE ? c->constant.n : PIECE);
        tcp_send(c->tcp, piece);
        c->constant = str_skip(c->constant, piece.n);
    }
    if (c->out.n)
        buf_trim(&c->out);
    else
        c->out = BUF(OUT_MAX);
    account(c);
    if (c->state == CLOSING && !conn_busy(c))
        tcp_finish(c->tcp, LINGER_MS);
}

static void write_bytes(struct conn *c, Str bytes)
{
    if (!c->tcp)
        return;
    if (!conn_busy(c) && bytes.n <= PIECE) {
        tcp_send(c->tcp, bytes);
        return;
    }
    buf_add(&c->out, bytes);
    if (c->out.overflow)
        tcp_close(c->tcp);
    else
        send_out(c);
}

void conn_write(struct conn *c, struct buf *bytes, Str constant)
{
    must(!c->constant.n); /* one request at a time */
    if (!c->tcp || c->out.n) {
        write_bytes(c, buf_str(bytes));
    } else {
        c->out = *bytes;
        *bytes = BUF(bytes->max);
    }
    if (c->tcp)
        c->constant = constant;
    send_out(c);
    buf_free(bytes);
}

void conn_charge(struct conn *c, const struct unsent_who *who)
{
    if (!conn_busy(c))
        return;
    if (!c->share)
        c->share = unsent_share(c->server->unsent, who);
    account(c);
}

void conn_interim(struct conn *c, Str bytes)
{
    write_bytes(c, bytes);
}

void conn_answer(struct conn *c, Str bytes, enum conn_next next)
{
    c->exchange = NULL;
    c->watch = NULL;
    c->timed = false;
    sockets_let_go(&c->client);
    if (!c->tcp) {
        conn_free(c);
        return;
    }
    write_bytes(c, bytes);
    if (next == CONN_CLOSE) {
        tcp_read_stop(c->tcp);
        c->state = CLOSING;
        wait_for_peer(c);
        send_out(c);
        return;
    }
    c->state = READ_HEAD;
    if (!c->in_advance)
        advance(c);
}

void conn_hold(struct conn *c, const struct conn_watch *watch, void *watcher)
{
    c->watch = watch;
    c->watcher = watcher;
    if (c->tcp)
        tcp_read_start(c->tcp);
}

bool conn_busy(const struct conn *c)
{
    return c->out.n || c->constant.n || (c->tcp && tcp_busy(c->tcp));
}

/* ----- input ----- */

static void begin_body(struct conn *c)
{
    const struct http_request *head = &c->exchange->request.head;
    c->chunked = (struct http_chunked){0};
    c->body_chunked = head->chunked;
    c->body_left = head->content_length > 0 ? (uint64_t)head->content_length : 0;
    c->body = BUF(c->limits.body);
    c->state = READ_BODY;
    if (head->expect_continue && !c->in.n)
        conn_interim(c, S("HTTP/1.1 100 Continue\r\n\r\n"));
}

static void refuse(struct conn *c, Err err, const char *why)
{
    exchange_free(&c->exchange);
    c->state = IN_FLIGHT;
    exchange_refuse(c, err, why);
}

/* Whose request it is may be one too many. */
static bool admit(struct conn *c, Str client)
{
    struct server *s = c->server;
    if (c->too_many)
        return false;
    if (c->surface != SURFACE_API || !c->proxied || !sockets_by_address(s->sockets[c->surface]) ||
        proxies_trusted(s->config.trusted_proxies, client))
        return true;
    c->client = sockets_hold(s->sockets[c->surface], client);
    return c->client != NULL;
}

/* Each reader returns false when it needs more input. */
static bool read_head(struct conn *c)
{
    struct http_request head;
    const char *why = NULL;
    if (!c->in.n) {
        wait_for(c, c->server->config.idle_ms);
        return false;
    }
    if (!c->timed)
        wait_for(c, time_for_request(c));
    c->timed = true;
    long used = http_decode_head(buf_str(&c->in), &c->server->config.http, &head, &why);
    if (used < 0) {
        refuse(c, (Err)-used, why);
        return true;
    }
    if (!used)
        return false;
    c->exchange = exchange_new(c, str_from(c->in.p, (size_t)used));
    buf_consume(&c->in, (size_t)used);
    c->limits.body = exchange_body_limit(c->exchange);
    if (!admit(c, c->exchange->peer)) {
        c->state = IN_FLIGHT;
        exchange_turn_away(c->exchange);
    } else if (c->exchange->request.head.content_length > (int64_t)c->limits.body) {
        refuse(c, ERR_PAYLOAD_TOO_LARGE, NULL);
    } else {
        begin_body(c);
    }
    return true;
}

static bool read_chunks(struct conn *c, bool *done)
{
    Str data;
    const char *why = NULL;
    long used = http_decode_chunk(buf_str(&c->in), &c->chunked, &c->limits, &data, done, &why);
    if (used < 0) {
        refuse(c, (Err)-used, why);
        return true;
    }
    buf_add(&c->body, data);
    buf_consume(&c->in, (size_t)used);
    return used > 0;
}

static bool read_body(struct conn *c)
{
    bool done = false;
    if (c->body_chunked) {
        if (!read_chunks(c, &done))
            return false;
        if (!done || c->state != READ_BODY)
            return true;
    } else {
        size_t n = c->in.n < c->body_left ? c->in.n : (size_t)c->body_left;
        buf_add(&c->body, str_from(c->in.p, n));
        buf_consume(&c->in, n);
        c->body_left -= n;
        if (c->body_left)
            return false;
    }
    must(!c->body.overflow); /* limits.body is its maximum too */
    c->state = IN_FLIGHT;
    loop_timer_clear(&c->timer);
    struct buf body = c->body;
    c->body = BUF(body.max);
    exchange_start(c->exchange, buf_str(&body));
    buf_free(&body);
    return true;
}

/* No request begins behind an answer that the peer does not take. */
static bool may_begin(const struct conn *c)
{
    return c->state == READ_HEAD && !conn_busy(c);
}

/* A head in many small parts is not to be read again at each: it grows by lines. */
static bool worth_decoding(const struct conn *c, Str more)
{
    return c->state != READ_HEAD || c->in.n == more.n || c->in.n >= c->server->config.http.head ||
           str_find(more, '\n') >= 0;
}

static void end_input(struct conn *c)
{
    c->ended = true;
    if (c->watch || (c->state != IN_FLIGHT && !conn_busy(c)))
        tcp_close(c->tcp);
    else if (c->state != IN_FLIGHT)
        c->state = CLOSING;
}

static void advance(struct conn *c)
{
    c->in_advance = true;
    bool more = true;
    while (more && c->tcp && (c->state == READ_BODY || may_begin(c)))
        more = c->state == READ_HEAD ? read_head(c) : read_body(c);
    c->in_advance = false;
    if (!c->tcp)
        return;
    if (c->state == READ_HEAD && conn_busy(c)) {
        tcp_read_stop(c->tcp);
        wait_for_peer(c);
    } else if (c->state == IN_FLIGHT && !c->watch) {
        if (c->in.n)
            tcp_read_stop(c->tcp);
    } else if (c->ended) {
        end_input(c);
    } else if (c->state != CLOSING) {
        tcp_read_start(c->tcp);
    }
}

static void on_data(struct tcp *tcp, char *bytes, size_t n)
{
    struct conn *c = tcp_owner(tcp);
    buf_add(&c->in, str_from(bytes, n));
    if (c->in.overflow)
        tcp_close(tcp);
    else if (c->state == IN_FLIGHT && (!c->watch || c->in.n > AHEAD_MAX))
        tcp_read_stop(tcp);
    else if (c->state != IN_FLIGHT && worth_decoding(c, str_from(bytes, n)))
        advance(c);
}

static void on_end(struct tcp *tcp)
{
    end_input(tcp_owner(tcp));
}

static void on_drain(struct tcp *tcp)
{
    struct conn *c = tcp_owner(tcp);
    send_out(c);
    if (c->state == IN_FLIGHT && c->watch && !conn_busy(c))
        c->watch->drained(c->watcher);
    else if (c->state == CLOSING && conn_busy(c))
        wait_for_peer(c);
    else if (c->state == READ_HEAD || c->state == READ_BODY)
        advance(c);
}

static void on_close(struct tcp *tcp)
{
    struct conn *c = tcp_owner(tcp);
    c->tcp = NULL;
    drop_output(c);
    loop_timer_clear(&c->timer);
    if (c->state == IN_FLIGHT && c->exchange) { /* its answer frees both */
        if (c->watch)
            c->watch->gone(c->watcher);
        return;
    }
    exchange_free(&c->exchange);
    conn_free(c);
}

static const struct tcp_ops conn_tcp = {on_data, on_end, on_drain, on_close, NULL};

/* Over its limit the management API answers probes, so that nobody ends a server that is well. */
static bool is_crowded(const struct conn *c)
{
    const struct server *s = c->server;
    return c->surface == SURFACE_MANAGEMENT &&
           sockets_count(s->sockets[c->surface]) > s->config.management_sockets;
}

static void take_peer(struct conn *c)
{
    tcp_peer(c->tcp, c->peer, sizeof c->peer);
    char *colon = strrchr(c->peer, ':');
    if (colon)
        *colon = 0;
}

/* Counts the socket, of whose peer nothing is known but its address. */
static void count_socket(struct conn *c)
{
    struct server *s = c->server;
    struct sockets_holder *holder = sockets_nobody(s->sockets[c->surface]);
    c->proxied = true;
    if (c->surface == SURFACE_API && sockets_by_address(s->sockets[c->surface])) {
        c->proxied = proxies_trusted(s->config.trusted_proxies, conn_peer(c));
        if (!c->proxied)
            holder = sockets_hold(s->sockets[c->surface], conn_peer(c));
    }
    c->too_many = !holder || is_crowded(c);
    tcp_at_end(c->tcp, sockets_end, holder ? holder : sockets_nobody(s->sockets[c->surface]));
    if (c->too_many && c->surface == SURFACE_API && atomic_fetch_add(&s->refusals, 1) >= REFUSALS)
        tcp_close(c->tcp);
}

void conn_open(struct server *server, struct loop *loop, enum surface surface, int fd)
{
    struct conn *c = mem_alloc(sizeof *c);
    c->server = server;
    c->surface = surface;
    c->in = BUF(IN_MAX);
    c->limits = server->config.http;
    c->out = BUF(OUT_MAX);
    c->at = &server->conns[loop_index(loop)];
    c->next = *c->at;
    if (c->next)
        c->next->at = &c->next;
    *c->at = c;
    c->tcp = tcp_open(loop, fd, server->config.tls, &conn_tcp, c);
    take_peer(c);
    count_socket(c);
    wait_for(c, time_for_request(c));
}

struct session *conn_upgrade(struct conn *c, Str answer, struct wire *wire,
                             const struct auth_ticket *ticket, int64_t users, unsigned window)
{
    struct tcp *tcp = c->tcp;
    c->exchange = NULL;
    loop_timer_clear(&c->timer);
    if (!tcp) {
        online_close(c->server->config.online, ticket->actor.app);
        conn_free(c);
        return NULL;
    }
    if (tcp_busy(tcp)) { /* a 101 behind unsent bytes: no client of ours does that */
        online_close(c->server->config.online, ticket->actor.app);
        c->state = CLOSING;
        tcp_close(tcp);
        return NULL;
    }
    tcp_send(tcp, answer);
    if (c->client) { /* from now on the socket is the client's */
        tcp_at_end(tcp, sockets_end, c->client);
        c->client = NULL;
    }
    struct buf early = c->in;
    c->in = BUF(IN_MAX);
    struct session *s = session_open(c->server->sessions[loop_index(tcp_loop(tcp))], tcp, wire,
                                     ticket, users, window);
    if (early.n)
        session_feed(s, early.p, early.n);
    buf_free(&early);
    tcp_read_start(tcp);
    c->tcp = NULL;
    conn_free(c);
    return s;
}

void conn_close_idle(struct server *server, struct loop *loop)
{
    for (struct conn *c = server->conns[loop_index(loop)]; c; c = c->next)
        if (c->tcp && c->state != IN_FLIGHT && !conn_busy(c))
            tcp_close(c->tcp);
}

bool conn_close_largest(struct server *server, struct loop *loop, size_t more_than)
{
    struct conn *largest = NULL;
    for (struct conn *c = server->conns[loop_index(loop)]; c; c = c->next) {
        size_t n = c->tcp ? buf_memory(&c->out) + tcp_pending(c->tcp) : 0;
        if (n <= more_than)
            continue;
        largest = c;
        more_than = n;
    }
    if (!largest)
        return false;
    log_event(LOG_INFO, "connection too slow", log_n("queued", (int64_t)more_than));
    tcp_close(largest->tcp);
    return true;
}

bool conn_alive(const struct conn *c)
{
    return c->tcp != NULL;
}

struct server *conn_server(const struct conn *c)
{
    return c->server;
}

struct loop *conn_loop(const struct conn *c)
{
    return tcp_loop(c->tcp);
}

enum surface conn_surface(const struct conn *c)
{
    return c->surface;
}

Str conn_peer(const struct conn *c)
{
    return str_of(c->peer);
}
