/*
 * Each session is a small state machine on one socket; epoll says which have input. What has come
 * is decoded in the one receive buffer; only an incomplete rest is kept. Sending blocks in effect:
 * what is sent here is far smaller than a socket's buffer, so a partial write ends the program.
 */
#include "bench/clients.h"

#include "base/buf.h"
#include "base/mem.h"
#include "bench/die.h"
#include "bench/rest.h"
#include "codec/stomp.h"
#include "codec/ws.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    AT_ONCE = 64,          /* sessions that are being opened */
    A_SOURCE = 20000,      /* sockets of one source address: fewer than it has ports */
    SOURCES = 8,           /* such addresses for one user's connections, one after another */
    RECEIVE = 1024 * 1024, /* bytes */
    KEPT_MAX = 1024 * 1024,
    REQUEST_MAX = 4096,
    EVENTS = 512,
    SEEN = 128, /* ids of events that a client remembers */
    CURSOR = 40,
};

enum state { CLOSED, CONNECTING, TICKET, UPGRADE, CONNECT, SUBSCRIBE, RESUME, READY };

struct client {
    int fd;
    enum state state;
    unsigned opened; /* connections so far */
    unsigned n_seen;
    char cursor[CURSOR + 1]; /* id of the last event; C text */
    uint64_t *seen;          /* owned, SEEN of them, as a ring */
    struct buf in;           /* an incomplete rest */
};

struct clients {
    const struct plan *plan;
    const struct target *target;
    struct clients_ops ops;
    void *arg;
    int epoll;
    size_t ready;
    uint64_t repeated;
    bool remember;
    struct client *items; /* owned, by user */
    char *receive;
};

static const uint8_t mask[4] = {0x2f, 0x5a, 0x91, 0xc3};

struct clients *clients_new(const struct plan *plan, const struct target *target,
                            const struct clients_ops *ops, void *arg)
{
    struct clients *c = mem_alloc(sizeof *c);
    *c = (struct clients){.plan = plan, .target = target, .ops = *ops, .arg = arg};
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    c->epoll = epoll_create1(EPOLL_CLOEXEC);
    c->items = mem_alloc(plan->n_users * sizeof *c->items);
    c->receive = mem_alloc(RECEIVE);
    return c;
}

void clients_free(struct clients **at)
{
    struct clients *c = *at;
    if (!c)
        return;
    for (size_t i = 0; i < c->plan->n_users; i++) {
        clients_cut(c, i);
        mem_free(c->items[i].seen);
    }
    close(c->epoll);
    mem_free(c->items);
    mem_free(c->receive);
    mem_free(c);
    *at = NULL;
}

void clients_remember(struct clients *c)
{
    c->remember = true;
}

bool clients_ready(const struct clients *c, size_t user)
{
    return c->items[user].state == READY;
}

size_t clients_count_ready(const struct clients *c)
{
    return c->ready;
}

uint64_t clients_repeated(const struct clients *c)
{
    return c->repeated;
}

/* ----- connections ----- */

static size_t user_of(const struct clients *all, const struct client *c)
{
    return (size_t)(c - all->items);
}

static void watch(struct clients *all, size_t user, int op, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.u64 = user};
    if (epoll_ctl(all->epoll, op, all->items[user].fd, &event) < 0)
        die("epoll: %s", strerror(errno));
}

void clients_start(struct clients *all, size_t user)
{
    struct client *c = &all->items[user];
    must(c->state == CLOSED);
    unsigned source = (unsigned)(user / A_SOURCE) * SOURCES + c->opened++ % SOURCES;
    c->fd = target_connect(all->target, source, SOCK_NONBLOCK);
    c->in = BUF(KEPT_MAX + RECEIVE);
    c->state = CONNECTING;
    watch(all, user, EPOLL_CTL_ADD, EPOLLOUT);
}

void clients_cut(struct clients *all, size_t user)
{
    struct client *c = &all->items[user];
    if (c->state == CLOSED)
        return;
    all->ready -= c->state == READY;
    close(c->fd);
    buf_free(&c->in);
    c->state = CLOSED;
}

static void lose(struct clients *all, struct client *c, int code, const char *why)
{
    size_t user = user_of(all, c);
    if (!all->ops.lost)
        die("user %zu: the connection ended: %d %s", user, code, why);
    clients_cut(all, user);
    all->ops.lost(all->arg, user, code);
}

void clients_stall(struct clients *all, size_t user)
{
    watch(all, user, EPOLL_CTL_MOD, 0);
}

void clients_unstall(struct clients *all, size_t user)
{
    if (all->items[user].state != CLOSED)
        watch(all, user, EPOLL_CTL_MOD, EPOLLIN);
}

static void send_all(int fd, Str bytes)
{
    ssize_t n = send(fd, bytes.p, bytes.n, MSG_NOSIGNAL);
    if (n < 0 && (errno == EPIPE || errno == ECONNRESET))
        return; /* reading says so too */
    if (n != (ssize_t)bytes.n)
        die("send: %s", n < 0 ? strerror(errno) : "the server takes no more");
}

static void send_frame(struct client *c, struct buf *frame)
{
    struct buf out = BUF(KEPT_MAX);
    ws_encode_masked(&out, WS_TEXT, WS_FIN, mask, buf_str(frame));
    must(!frame->overflow && !out.overflow);
    send_all(c->fd, buf_str(&out));
    buf_free(&out);
    buf_free(frame);
}

/* ----- HTTP ----- */

static void ask_ticket(struct clients *all, struct client *c)
{
    size_t user = user_of(all, c);
    struct buf out = BUF(REQUEST_MAX);
    buf_fmt(&out,
            "GET /api/auth/getTicket HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n\r\n",
            all->target->host, all->plan->users[user].jwt);
    must(!out.overflow);
    c->state = TICKET;
    watch(all, user, EPOLL_CTL_MOD, EPOLLIN);
    send_all(c->fd, buf_str(&out));
    buf_free(&out);
}

static void upgrade(struct clients *all, struct client *c, Str answer)
{
    Str value = rest_field(answer, "ticket");
    struct buf out = BUF(REQUEST_MAX);
    buf_fmt(&out,
            "GET /api/wsConnect?ticket=" STR_FMT " HTTP/1.1\r\nHost: %s\r\n"
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            "Sec-WebSocket-Protocol: v12.stomp\r\n\r\n",
            STR_ARG(value), all->target->host);
    must(!out.overflow);
    send_all(c->fd, buf_str(&out));
    buf_free(&out);
    c->state = UPGRADE;
}

/* ----- STOMP ----- */

static void say_connect(struct client *c, const struct plan_user *user)
{
    struct buf out = BUF(REQUEST_MAX);
    stomp_frame_begin(&out, STOMP_CONNECT);
    buf_fmt(&out, "accept-version:1.2\nheart-beat:0,0\nAuthorization:Bearer %s\n", user->jwt);
    stomp_frame_end(&out, S(""));
    send_frame(c, &out);
    c->state = CONNECT;
}

static void say_subscribe(struct client *c)
{
    struct buf out = BUF(REQUEST_MAX);
    stomp_frame_begin(&out, STOMP_SUBSCRIBE);
    buf_add(&out, S("id:sub-0\ndestination:/user/queue/messages\nreceipt:subscribed\n"));
    if (c->cursor[0])
        buf_fmt(&out, "last-event-id:%s\n", c->cursor);
    stomp_frame_end(&out, S(""));
    send_frame(c, &out);
    c->state = c->cursor[0] ? RESUME : SUBSCRIBE;
}

static void become_ready(struct clients *all, struct client *c)
{
    c->state = READY;
    all->ready++;
    if (all->ops.ready)
        all->ops.ready(all->arg, user_of(all, c));
}

/* True when an event of that id has just been seen; notes it. */
static bool was_seen(struct client *c, Str id)
{
    uint64_t hash = 14695981039346656037u; /* FNV-1a */
    for (size_t i = 0; i < id.n; i++)
        hash = (hash ^ (uint8_t)id.p[i]) * 1099511628211u;
    if (!c->seen)
        c->seen = mem_alloc(SEEN * sizeof *c->seen);
    for (size_t i = 0; i < SEEN; i++)
        if (c->seen[i] == hash)
            return true;
    c->seen[c->n_seen++ % SEEN] = hash;
    return false;
}

static void on_event(struct clients *all, struct client *c, const struct stomp_frame *f)
{
    static const Str resumed = S("{\"type\":\"RESUMED\",\"complete\":true}");
    Str id = S("");
    bool ends = c->state == RESUME && str_eq(f->body, resumed);
    if (all->remember) {
        if (!stomp_header(f, S("message-id"), &id) || id.n > CURSOR)
            die("an event without an id: " STR_FMT, STR_ARG(f->body));
        bool repeated = !ends && was_seen(c, id);
        memcpy(c->cursor, id.p, id.n);
        c->cursor[id.n] = 0;
        all->repeated += repeated;
        if (repeated)
            return;
    }
    if (ends)
        become_ready(all, c);
    else
        all->ops.event(all->arg, user_of(all, c), f->body,
                       c->state == RESUME ? CLIENTS_REPLAYED : CLIENTS_LIVE);
}

static void on_frame(struct clients *all, struct client *c, const struct stomp_frame *f)
{
    Str id = S("");
    if (f->command == STOMP_MESSAGE && c->state >= RESUME) {
        on_event(all, c, f);
    } else if (f->command == STOMP_CONNECTED && c->state == CONNECT) {
        say_subscribe(c);
    } else if (f->command == STOMP_RECEIPT && stomp_header(f, S("receipt-id"), &id)) {
        if (c->state == SUBSCRIBE)
            become_ready(all, c);
        else if (!str_eq(id, S("subscribed")))
            all->ops.receipt(all->arg, user_of(all, c), id);
    } else if (f->command != STOMP_HEARTBEAT) {
        die("user %zu got a " STR_FMT ": " STR_FMT, user_of(all, c),
            STR_ARG(stomp_command_text(f->command)), STR_ARG(f->body));
    }
}

void clients_send(struct clients *all, size_t user, Str receipt, Str body)
{
    struct buf out = BUF(KEPT_MAX);
    must(all->items[user].state == READY);
    stomp_frame_begin(&out, STOMP_SEND);
    buf_add(&out, S("destination:/api/chat\nreceipt:"));
    buf_add(&out, receipt);
    buf_byte(&out, '\n');
    stomp_frame_end(&out, body);
    send_frame(&all->items[user], &out);
}

/* ----- input ----- */

/* What is left of the input when the connection was lost by what came. */
enum { GONE = -1 };

static long take_frame(struct clients *all, struct client *c, Str in)
{
    static const struct ws_limits limits = {.role = WS_CLIENT, .message = KEPT_MAX};
    static const struct stomp_limits stomp = {STOMP_12, STOMP_MAX_HEADERS, STOMP_MAX_HEAD,
                                              KEPT_MAX};
    struct ws_frame ws;
    struct stomp_frame f;
    const char *why = "";
    long used = ws_decode(in, &limits, &ws, &why);
    if (used == 0)
        return 0;
    if (used > 0 && ws.opcode == WS_CLOSE) {
        const uint8_t *code = (const uint8_t *)ws.payload.p;
        char reason[WS_CONTROL_MAX + 1] = "";
        memcpy(reason, ws.payload.p + 2, ws.payload.n < 2 ? 0 : ws.payload.n - 2);
        lose(all, c, ws.payload.n < 2 ? WS_NO_CODE : code[0] << 8 | code[1], reason);
        return GONE;
    }
    if (used < 0 || ws.opcode != WS_TEXT || !ws.fin)
        die("user %zu: not a text message %s", user_of(all, c), why);
    if (stomp_decode(ws.payload, &stomp, &f, &why) != (long)ws.payload.n)
        die("not one STOMP frame: %s", why);
    on_frame(all, c, &f);
    return used;
}

/* An answer of that status, or the connection is lost. */
static long take_answer(struct clients *all, struct client *c, Str in, int status, Str *body)
{
    int got = 0;
    size_t used = rest_answer(in, &got, body);
    if (used == 0 || got == status)
        return (long)used;
    char text[256];
    snprintf(text, sizeof text, STR_FMT, STR_ARG(*body));
    lose(all, c, got, text);
    return GONE;
}

/* One answer or frame; 0: more is needed; GONE. */
static long take_one(struct clients *all, struct client *c, Str in)
{
    Str body = S("");
    long used;
    if (!in.n)
        return 0;
    switch (c->state) {
    case TICKET:
        if ((used = take_answer(all, c, in, 200, &body)) > 0)
            upgrade(all, c, body);
        return used;
    case UPGRADE:
        if ((used = take_answer(all, c, in, 101, &body)) > 0)
            say_connect(c, &all->plan->users[user_of(all, c)]);
        return used;
    default:
        return take_frame(all, c, in);
    }
}

static long take_all(struct clients *all, struct client *c, Str in)
{
    long used = 0, one;
    while ((one = take_one(all, c, str_skip(in, (size_t)used))) > 0) {
        used += one;
        if (c->state == CLOSED) /* a callback has cut it */
            return GONE;
    }
    return one == GONE ? GONE : used;
}

static void readable(struct clients *all, struct client *c)
{
    ssize_t n = recv(c->fd, all->receive, RECEIVE, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0) {
        lose(all, c, 0, n < 0 ? strerror(errno) : "end of file");
        return;
    }
    Str in = str_from(all->receive, (size_t)n);
    if (c->in.n) {
        buf_add(&c->in, in);
        must(!c->in.overflow);
        long used = take_all(all, c, buf_str(&c->in));
        if (used > 0)
            buf_consume(&c->in, (size_t)used);
        return;
    }
    long used = take_all(all, c, in);
    if (used != GONE && (size_t)used < in.n)
        buf_add(&c->in, str_skip(in, (size_t)used));
}

void clients_run(struct clients *all, int wait_ms)
{
    struct epoll_event events[EVENTS];
    int n = epoll_wait(all->epoll, events, EVENTS, wait_ms);
    for (int i = 0; i < n; i++) {
        struct client *c = &all->items[events[i].data.u64];
        if (c->state == CONNECTING)
            ask_ticket(all, c);
        else if (c->state != CLOSED && events[i].events & EPOLLIN)
            readable(all, c);
        else if (c->state != CLOSED)
            lose(all, c, 0, "reset");
    }
}

void clients_open(struct clients *all, size_t first, size_t end)
{
    size_t before = all->ready, opened = first;
    while (all->ready - before < end - first) {
        for (; opened < end && opened - first < all->ready - before + AT_ONCE; opened++)
            clients_start(all, opened);
        clients_run(all, 1000);
    }
}
