/*
 * Each session is a small state machine on one socket; epoll says which have input. What has come
 * is decoded in the one receive buffer; only an incomplete rest is kept. Sending blocks in effect:
 * what is sent here is far smaller than a socket's buffer, so a partial write ends the program.
 */
#include "bench/clients.h"

#include "base/buf.h"
#include "base/mem.h"
#include "bench/die.h"
#include "codec/stomp.h"
#include "codec/ws.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    AT_ONCE = 64,          /* sessions that are being opened */
    A_SOURCE = 20000,      /* sockets of one source address: fewer than it has ports */
    RECEIVE = 1024 * 1024, /* bytes */
    KEPT_MAX = 1024 * 1024,
    REQUEST_MAX = 4096,
    EVENTS = 512,
};

enum state { CLOSED, TICKET, UPGRADE, CONNECT, SUBSCRIBE, READY };

struct client {
    int fd;
    enum state state;
    struct buf in; /* an incomplete rest */
};

struct clients {
    const struct plan *plan;
    struct clients_ops ops;
    void *arg;
    uint16_t port;
    int epoll;
    size_t ready;
    struct client *items; /* owned, by user */
    char *receive;
};

static const uint8_t mask[4] = {0x2f, 0x5a, 0x91, 0xc3};

struct clients *clients_new(const struct plan *plan, uint16_t port, const struct clients_ops *ops,
                            void *arg)
{
    struct clients *c = mem_alloc(sizeof *c);
    *c = (struct clients){.plan = plan, .port = port, .ops = *ops, .arg = arg};
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
        buf_free(&c->items[i].in);
        if (c->items[i].state != CLOSED)
            close(c->items[i].fd);
    }
    close(c->epoll);
    mem_free(c->items);
    mem_free(c->receive);
    mem_free(c);
    *at = NULL;
}

/* ----- sockets ----- */

int clients_connect(uint16_t port, unsigned source)
{
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr = {htonl(0x7f000002 + source)}};
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    if (fd < 0 || setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on) < 0 ||
        bind(fd, (struct sockaddr *)&from, sizeof from) < 0 ||
        connect(fd, (struct sockaddr *)&to, sizeof to) < 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0)
        die("connect: %s", strerror(errno));
    return fd;
}

static void send_all(int fd, Str bytes)
{
    ssize_t n = send(fd, bytes.p, bytes.n, MSG_NOSIGNAL);
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

static void get(int fd, const struct plan_user *user, const char *path)
{
    struct buf out = BUF(REQUEST_MAX);
    buf_fmt(&out, "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer %s\r\n\r\n", path,
            user->jwt);
    must(!out.overflow);
    send_all(fd, buf_str(&out));
    buf_free(&out);
}

/* The length of a whole answer in bytes with its body, 0: more is needed. */
static size_t take_answer(Str in, int status, Str *body)
{
    const char *end = memmem(in.p, in.n, "\r\n\r\n", 4);
    if (!end)
        return 0;
    Str head = str_from(in.p, (size_t)(end - in.p) + 4);
    if (head.n < 13 || atoi(head.p + 9) != status)
        die("not a %d: " STR_FMT, status, STR_ARG(in));
    const char *length = memmem(head.p, head.n, "\r\nContent-Length: ", 18);
    if (!length)
        length = memmem(head.p, head.n, "\r\ncontent-length: ", 18);
    size_t n = length ? strtoul(length + 18, NULL, 10) : 0;
    if (in.n < head.n + n)
        return 0;
    *body = str_from(in.p + head.n, n);
    return head.n + n;
}

Str clients_get(int fd, const struct plan_user *user, const char *path)
{
    static char in[1024 * 1024];
    size_t n = 0;
    Str body;
    get(fd, user, path);
    do {
        ssize_t got = recv(fd, in + n, sizeof in - n, 0);
        if (got <= 0)
            die("GET %s: no whole answer", path);
        n += (size_t)got;
    } while (!take_answer(str_from(in, n), 200, &body));
    return body;
}

static void upgrade(struct client *c, Str answer)
{
    Str rest = answer;
    const char *ticket = memmem(answer.p, answer.n, "\"ticket\":\"", 10);
    if (!ticket)
        die("no ticket: " STR_FMT, STR_ARG(answer));
    rest = str_skip(answer, (size_t)(ticket - answer.p) + 10);
    Str value = str_cut(&rest, '"');
    struct buf out = BUF(REQUEST_MAX);
    buf_fmt(&out,
            "GET /api/wsConnect?ticket=" STR_FMT " HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            "Sec-WebSocket-Protocol: v12.stomp\r\n\r\n",
            STR_ARG(value));
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
    stomp_frame_end(&out, S(""));
    send_frame(c, &out);
    c->state = SUBSCRIBE;
}

static void on_frame(struct clients *all, struct client *c, const struct stomp_frame *f)
{
    Str id = S("");
    size_t user = (size_t)(c - all->items);
    if (f->command == STOMP_MESSAGE && c->state == READY) {
        all->ops.event(all->arg, user, f->body);
    } else if (f->command == STOMP_CONNECTED && c->state == CONNECT) {
        say_subscribe(c);
    } else if (f->command == STOMP_RECEIPT && stomp_header(f, S("receipt-id"), &id)) {
        if (c->state == READY) {
            all->ops.receipt(all->arg, user, id);
            return;
        }
        c->state = READY;
        all->ready++;
    } else {
        die("user %zu got a " STR_FMT ": " STR_FMT, user, STR_ARG(stomp_command_text(f->command)),
            STR_ARG(f->body));
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

static size_t take_frame(struct clients *all, struct client *c, Str in)
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
    if (used < 0 || ws.opcode != WS_TEXT || !ws.fin)
        die("user %zu: %s " STR_FMT, (size_t)(c - all->items),
            used > 0 && ws.opcode == WS_CLOSE ? "closed," : "not a text message",
            STR_ARG(str_skip(ws.payload, 2)));
    if (stomp_decode(ws.payload, &stomp, &f, &why) != (long)ws.payload.n)
        die("not one STOMP frame: %s", why);
    on_frame(all, c, &f);
    return (size_t)used;
}

/* One answer or frame; 0: more is needed. */
static size_t take_one(struct clients *all, struct client *c, Str in)
{
    Str body = S("");
    size_t used;
    if (!in.n)
        return 0;
    switch (c->state) {
    case TICKET:
        if ((used = take_answer(in, 200, &body)))
            upgrade(c, body);
        return used;
    case UPGRADE:
        if ((used = take_answer(in, 101, &body)))
            say_connect(c, &all->plan->users[c - all->items]);
        return used;
    default:
        return take_frame(all, c, in);
    }
}

static size_t take_all(struct clients *all, struct client *c, Str in)
{
    size_t used = 0, one;
    while ((one = take_one(all, c, str_skip(in, used))))
        used += one;
    return used;
}

static void readable(struct clients *all, struct client *c)
{
    ssize_t n = recv(c->fd, all->receive, RECEIVE, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0)
        die("user %zu: the connection ended: %s", (size_t)(c - all->items),
            n < 0 ? strerror(errno) : "end of file");
    Str in = str_from(all->receive, (size_t)n);
    if (c->in.n) {
        buf_add(&c->in, in);
        must(!c->in.overflow);
        buf_consume(&c->in, take_all(all, c, buf_str(&c->in)));
        return;
    }
    size_t used = take_all(all, c, in);
    if (used < in.n)
        buf_add(&c->in, str_skip(in, used));
}

void clients_run(struct clients *all, int wait_ms)
{
    struct epoll_event events[EVENTS];
    int n = epoll_wait(all->epoll, events, EVENTS, wait_ms);
    for (int i = 0; i < n; i++)
        readable(all, &all->items[events[i].data.u64]);
}

void clients_open(struct clients *all, size_t first, size_t end)
{
    size_t before = all->ready, opened = first;
    while (all->ready - before < end - first) {
        for (; opened < end && opened - first < all->ready - before + AT_ONCE; opened++) {
            struct client *c = &all->items[opened];
            *c = (struct client){.fd = clients_connect(all->port, (unsigned)(opened / A_SOURCE)),
                                 .state = TICKET,
                                 .in = BUF(KEPT_MAX)};
            struct epoll_event event = {.events = EPOLLIN, .data.u64 = opened};
            if (epoll_ctl(all->epoll, EPOLL_CTL_ADD, c->fd, &event) < 0)
                die("epoll: %s", strerror(errno));
            get(c->fd, &all->plan->users[opened], "/api/auth/getTicket");
        }
        clients_run(all, 1000);
    }
}
