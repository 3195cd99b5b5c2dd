/*
 * bench/peers_load PROTOCOL URL ROOMS MEMBERS WINDOW SECONDS PIDS [DATA]
 *
 * One generator for whispd and those it is compared with, so that it weighs the same on all:
 * MEMBERS connections in each of ROOMS, of which the first publishes with WINDOW messages under way
 * each. It speaks each protocol just well enough: a table says what to send and what to await on
 * the way in. After that it does not look at frames: each event has the room and its number in its
 * text, which is searched for in what comes, so every connection is still seen to get every message
 * once and in order. PIDS: the server's processes, with commas; DATA: what whispd bench --seed has
 * filled. Prints one line of JSON.
 */
#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "bench/die.h"
#include "bench/hist.h"
#include "bench/others.h"
#include "bench/plan.h"
#include "bench/rest.h"
#include "bench/target.h"
#include "codec/ws.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    EVENTS = 512,
    RECEIVE = 1 << 20,
    WINDOW_MAX = 64,
    MARK = 9,    /* "c000000 n" */
    DIGITS = 8,  /* of the number behind it */
    EVENT = 366, /* bytes of an event's body, as whispd's are */
    FRAME = 560, /* of a whole frame of whispd's, which the floor copies */
    STEPS = 3,
    PIDS = 16,
    FRAME_MAX = 8192,
    WARM_UP_US = 1000 * 1000,
    PATIENCE_US = 60 * 1000 * 1000,
    SECOND_US = 1000 * 1000,
};

#define UPGRADE(path, protocol)                                                                    \
    "GET " path " HTTP/1.1\r\nHost: $h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"           \
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" protocol "\r\n"

#define STOMP "Sec-WebSocket-Protocol: v12.stomp\r\n"

/* $h: host; $t: ticket; $j: JWT; $r: room; $c: chat's id; $m: the event, EVENT bytes of JSON;
 * $x: the text of it alone; $0: a NUL. A step that begins with GET or r goes out as it is, others
 * as WebSocket frames. */
static const struct protocol {
    const char *name;
    enum ws_opcode opcode;
    struct {
        const char *send, *await;
    } steps[STEPS];
    const char *publish;
} protocols[] = {
    {"floor", 0, {{"r$r", "k"}}, "$x"},
    {"whispd",
     WS_TEXT,
     {{UPGRADE("/api/wsConnect?ticket=$t", STOMP), "\r\n\r\n"},
      {"CONNECT\naccept-version:1.2\nheart-beat:0,0\nAuthorization:Bearer $j\n\n$0", "CONNECTED"},
      {"SUBSCRIBE\nid:0\ndestination:/user/queue/messages\nreceipt:s\n\n$0", "RECEIPT"}},
     "SEND\ndestination:/api/"
     "chat\n\n{\"type\":\"SEND_MSG\",\"chatId\":\"$c\",\"message\":\"$x\"}$0"},
    {"rabbitmq",
     WS_TEXT,
     {{UPGRADE("/ws", STOMP), "\r\n\r\n"},
      {"CONNECT\naccept-version:1.2\nhost:/\nlogin:guest\npasscode:guest\nheart-beat:0,0\n\n$0",
       "CONNECTED"},
      {"SUBSCRIBE\nid:0\ndestination:/topic/room$r\nreceipt:s\n\n$0", "RECEIPT"}},
     "SEND\ndestination:/topic/room$r\n\n$m$0"},
    {"nats",
     WS_BINARY,
     {{UPGRADE("/", ""), "\r\n\r\n"},
      {"CONNECT {\"verbose\":false,\"pedantic\":false}\r\nSUB room$r 1\r\nPING\r\n", "PONG"}},
     "PUB room$r 366\r\n$m\r\n"},
    {"socketio",
     WS_TEXT,
     {{UPGRADE("/socket.io/?EIO=4&transport=websocket", ""), "0{"},
      {"40", "40{"},
      {"42[\"join\",\"room$r\"]", "joined"}},
     "42[\"event\",\"room$r\",$m]"},
};

struct room {
    uint32_t sent, open;
    int64_t sent_at[WINDOW_MAX];
    uint32_t left[WINDOW_MAX];
};

struct conn {
    int fd;
    size_t room;
    uint32_t next;
    size_t kept; /* bytes of a mark that was cut */
    char rest[MARK + DIGITS];
};

struct run {
    const struct protocol *protocol;
    struct target target;
    struct plan *plan; /* of whispd */
    size_t n_rooms, members;
    uint32_t window;
    struct room *rooms;
    struct conn *conns; /* by room, then member */
    int epoll;
    struct hist last;
    uint64_t deliveries, publishes;
    clockid_t clocks[PIDS];
    size_t n_clocks;
};

static char received[RECEIVE + MARK + DIGITS];

/* ----- what goes out ----- */

/* As long as one of whispd's, and with the same fields. */
static void put_event(struct buf *out, Str text)
{
    size_t begin = out->n;
    buf_add(out, S("{\"type\":\"SEND_MSG\",\"message\":\""));
    buf_add(out, text);
    buf_add(out, S("\",\"recipientId\":\""));
    while (out->n - begin < EVENT - 2)
        buf_byte(out, '0');
    buf_add(out, S("\"}"));
}

static void put(const struct run *r, struct buf *out, const char *form, size_t room, size_t user,
                Str ticket, Str text)
{
    char id[ID_TEXT];
    for (const char *c = form; *c; c++) {
        if (*c != '$' || !c[1]) {
            buf_byte(out, *c);
            continue;
        }
        switch (*++c) {
        case 'h':
            buf_fmt(out, "%s", r->target.host);
            break;
        case 't':
            buf_add(out, ticket);
            break;
        case 'j':
            buf_fmt(out, "%s", r->plan->users[user].jwt);
            break;
        case 'r':
            buf_fmt(out, "%07zu", room);
            break;
        case 'c':
            id_format(r->plan->chats[room].id, id);
            buf_add(out, str_from(id, sizeof id));
            break;
        case 'm':
            put_event(out, text);
            break;
        case 'x':
            buf_add(out, text);
            break;
        default:
            buf_byte(out, '\0');
        }
    }
}

static void send_all(int fd, Str bytes)
{
    if (send(fd, bytes.p, bytes.n, MSG_NOSIGNAL) != (ssize_t)bytes.n)
        die("send: %s", strerror(errno));
}

/* As a frame, unless the protocol has none or the handshake is still going on. */
static void send_out(const struct run *r, int fd, struct buf *bytes)
{
    static const uint8_t mask[4] = {0x2f, 0x5a, 0x91, 0xc3};
    struct buf out = BUF(FRAME_MAX);
    must(!bytes->overflow);
    if (!r->protocol->opcode || str_starts(buf_str(bytes), S("GET ")))
        buf_add(&out, buf_str(bytes));
    else
        ws_encode_masked(&out, r->protocol->opcode, WS_FIN, mask, buf_str(bytes));
    must(!out.overflow);
    send_all(fd, buf_str(&out));
    buf_free(&out);
    buf_free(bytes);
}

/* ----- the way in: blocking, one after another ----- */

static void await(const struct run *r, int fd, const char *wanted)
{
    size_t n = 0;
    for (;;) {
        ssize_t got = recv(fd, received + n, sizeof received - n, 0);
        if (got <= 0)
            die("%s: no %s but %.*s", r->protocol->name, wanted, (int)n, received);
        n += (size_t)got;
        if (memmem(received, n, wanted, strlen(wanted)))
            return;
    }
}

static Str get_ticket(const struct run *r, size_t user)
{
    static char ticket[256];
    char headers[PLAN_JWT + 64];
    int status = 0, fd = target_connect(&r->target, 0, 0);
    Str body;
    snprintf(headers, sizeof headers, "Authorization: Bearer %s\r\n", r->plan->users[user].jwt);
    rest_ask(fd, &r->target, "GET", "/api/auth/getTicket", headers, NULL);
    rest_take(fd, &status, &body);
    close(fd);
    Str value = rest_field(body, "ticket");
    must(value.n < sizeof ticket);
    memcpy(ticket, value.p, value.n);
    return str_from(ticket, value.n);
}

static void enter(struct run *r, struct conn *c, size_t member)
{
    size_t user = r->plan ? plan_user(r->plan, &r->plan->chats[c->room], member) : 0;
    Str ticket = r->plan ? get_ticket(r, user) : S("");
    c->fd = target_connect(&r->target, 0, 0);
    for (size_t i = 0; i < STEPS && r->protocol->steps[i].send; i++) {
        struct buf out = BUF(FRAME_MAX);
        put(r, &out, r->protocol->steps[i].send, c->room, user, ticket, S(""));
        send_out(r, c->fd, &out);
        await(r, c->fd, r->protocol->steps[i].await);
    }
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    if (epoll_ctl(r->epoll, EPOLL_CTL_ADD, c->fd, &event) < 0)
        die("epoll: %s", strerror(errno));
}

/* ----- the load ----- */

static void publish(struct run *r, size_t room, uint32_t members)
{
    struct room *to = &r->rooms[room];
    char text[FRAME];
    memset(text, '.', sizeof text);
    plan_text(room, to->sent, text);
    struct buf out = BUF(FRAME_MAX);
    put(r, &out, r->protocol->publish, room, 0, S(""),
        str_from(text, r->protocol->opcode ? PLAN_TEXT : FRAME));
    to->sent_at[to->sent % WINDOW_MAX] = clock_mono();
    to->left[to->sent++ % WINDOW_MAX] = members;
    to->open++;
    send_out(r, r->conns[room * r->members].fd, &out);
}

static void delivered(struct run *r, struct conn *c, uint32_t n)
{
    struct room *room = &r->rooms[c->room];
    if (n != c->next || n >= room->sent)
        die("%s: %u came, %u was due: lost, doubled or reordered", r->protocol->name, n, c->next);
    c->next++;
    r->deliveries++;
    if (--room->left[n % WINDOW_MAX])
        return;
    room->open--;
    r->publishes++;
    hist_add(&r->last, clock_mono() - room->sent_at[n % WINDOW_MAX]);
}

static void readable(struct run *r, struct conn *c)
{
    char mark[MARK + 32];
    snprintf(mark, sizeof mark, "c%06zu n", c->room);
    memcpy(received, c->rest, c->kept);
    ssize_t got = recv(c->fd, received + c->kept, RECEIVE, MSG_DONTWAIT);
    if (got <= 0)
        die("%s: the connection ended", r->protocol->name);
    Str in = str_from(received, c->kept + (size_t)got);
    for (;;) {
        const char *at = memmem(in.p, in.n, mark, MARK);
        size_t skip = at ? (size_t)(at - in.p) : in.n < MARK ? 0 : in.n - MARK + 1;
        uint64_t n;
        in = str_skip(in, skip);
        if (!at || in.n < MARK + DIGITS)
            break;
        if (!str_to_uint(str_from(at + MARK, DIGITS), UINT32_MAX, &n))
            die("not a number");
        delivered(r, c, (uint32_t)n);
        in = str_skip(in, MARK + DIGITS);
    }
    c->kept = in.n;
    memcpy(c->rest, in.p, in.n);
}

static size_t take(struct run *r)
{
    struct epoll_event events[EVENTS];
    int n = epoll_wait(r->epoll, events, EVENTS, 100);
    for (int i = 0; i < n; i++)
        readable(r, events[i].data.ptr);
    size_t open = 0;
    for (size_t i = 0; i < r->n_rooms; i++)
        open += r->rooms[i].open;
    return open;
}

/* Keeps the windows full for so long, then lets all arrive. */
static void keep(struct run *r, int64_t us)
{
    int64_t until = clock_mono() + us;
    while (clock_mono() < until) {
        for (size_t i = 0; i < r->n_rooms; i++)
            while (r->rooms[i].open < r->window)
                publish(r, i, (uint32_t)r->members);
        take(r);
    }
    while (take(r))
        if (clock_mono() > until + PATIENCE_US)
            die("%s: not all has come", r->protocol->name);
}

static double cpu_used(const struct run *r)
{
    double us = 0;
    for (size_t i = 0; i < r->n_clocks; i++)
        us += others_clock(r->clocks[i]);
    return us;
}

static void measure(struct run *r, double seconds)
{
    keep(r, WARM_UP_US);
    memset(&r->last, 0, sizeof r->last);
    uint64_t deliveries = r->deliveries, publishes = r->publishes;
    int64_t start = clock_mono();
    double cpu = cpu_used(r);
    keep(r, (int64_t)(seconds * SECOND_US));
    cpu = cpu_used(r) - cpu;
    double elapsed = (double)(clock_mono() - start) / SECOND_US;
    deliveries = r->deliveries - deliveries;
    publishes = r->publishes - publishes;
    printf("{\"server\":\"%s\",\"rooms\":%zu,\"members\":%zu,\"window\":%u,\"publishes\":%llu,"
           "\"publishesPerSecond\":%.1f,\"deliveriesPerSecond\":%.0f,\"cpuPerDelivery\":%.3f,"
           "\"lastP50\":%u,\"lastP99\":%u}\n",
           r->protocol->name, r->n_rooms, r->members, r->window, (unsigned long long)publishes,
           (double)publishes / elapsed, (double)deliveries / elapsed, cpu / (double)deliveries,
           hist_at(&r->last, 0.5), hist_at(&r->last, 0.99));
}

static void read_pids(struct run *r, const char *text)
{
    for (Str rest = str_of(text); rest.n && r->n_clocks < PIDS; r->n_clocks++) {
        uint64_t pid;
        if (!str_to_uint(str_cut(&rest, ','), INT32_MAX, &pid) ||
            clock_getcpuclockid((pid_t)pid, &r->clocks[r->n_clocks]) != 0)
            die("%s: not processes", text);
    }
}

int main(int argc, char **argv)
{
    static struct run r;
    struct rlimit files;
    if (argc < 8)
        die("usage: peers_load PROTOCOL URL ROOMS MEMBERS WINDOW SECONDS PIDS [DATA]");
    for (size_t i = 0; i < countof(protocols); i++)
        if (strcmp(protocols[i].name, argv[1]) == 0)
            r.protocol = &protocols[i];
    r.n_rooms = strtoul(argv[3], NULL, 10);
    r.members = strtoul(argv[4], NULL, 10);
    r.window = (uint32_t)strtoul(argv[5], NULL, 10);
    if (!r.protocol || !r.n_rooms || !r.members || !r.window || r.window > WINDOW_MAX)
        die("these arguments will not do");
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    target_set(&r.target, argv[2], 0);
    read_pids(&r, argv[7]);
    r.plan = argc > 8 ? plan_read(argv[8]) : NULL;
    r.epoll = epoll_create1(0);
    r.rooms = mem_alloc(r.n_rooms * sizeof *r.rooms);
    r.conns = mem_alloc(r.n_rooms * r.members * sizeof *r.conns);
    for (size_t i = 0; i < r.n_rooms * r.members; i++) {
        r.conns[i].room = i / r.members;
        enter(&r, &r.conns[i], i % r.members);
    }
    measure(&r, atof(argv[6]));
    return 0;
}
