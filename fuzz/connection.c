/*
 * Whole connections with all that is behind them: HTTP on both listeners, WebSocket, STOMP, SockJS,
 * the rules and a real SQLite store, on one thread. Time stands still but when an input moves it,
 * so heart-beats and time-outs of minutes take no time, and an input always does the same.
 *
 * An input is a list of steps, each a byte and what it needs:
 *     'o' KIND      opens a connection, which becomes the present one (at most CONNECTIONS)
 *     'c' NUMBER    another one becomes the present one
 *     's' N BYTES   sends N bytes;  'S' N BYTES  sends 16 N bytes
 *     'w' N BYTES   sends them as one masked text message, 'W' 16 N
 *     't' N         N times 100 ms pass, 'T' N seconds
 *     'r'           the client stops reading, or reads again
 *     'x'           the client closes
 * In what is sent @J is a user's JWT, @K an API key, @A a management token, @1 to @4 tickets, @C
 * the chat, @U the user, @M a message, @R a refresh token; @@ is @.
 *
 * What comes back over a WebSocket is read with our own codecs and must be well-formed. In the end
 * every connection is gone, and so is every session.
 */
#include "fuzz.h"

#include "api/conn.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "codec/json.h"
#include "codec/ws.h"
#include "connection_jobs.h"
#include "domain/account.h"
#include "domain/app.h"
#include "domain/auth.h"
#include "domain/chat.h"
#include "domain/user.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

enum {
    CONNECTIONS = 6,
    TICKETS = 4,
    SETTLE_MS = 300 * 1000, /* longer than any time-out that is set here */
    SETTLE_STEP_MS = 10000,
    ROUNDS_MAX = 10000,
    RECEIVED_MAX = 8 * 1024 * 1024,
    SOCKET_BYTES = 16 * 1024, /* of a socket's buffers: small, so that output waits */
};

enum kind { CHAT, MANAGEMENT, UPGRADED, SUBSCRIBED, KINDS };

/* ----- time ----- */

static int64_t now_ms = 1777118400000; /* 2026-04-25T12:00:00Z; of both clocks */
static bool still;                     /* an input is under way, or the store is being made */

/* Stands in for the C library's, for libuv as well. libFuzzer, between inputs, gets the real one.
 */
int clock_gettime(clockid_t which, struct timespec *t)
{
    if (!still)
        return (int)syscall(SYS_clock_gettime, which, t);
    t->tv_sec = (time_t)(now_ms / 1000);
    t->tv_nsec = (long)(now_ms % 1000) * 1000000;
    return 0;
}

/* ----- the world ----- */

struct client {
    int fd; /* -1: none */
    enum kind kind;
    bool reads;
    bool upgraded; /* the 101 has come */
    struct buf received;
};

static struct {
    struct loop *loop;
    struct online *online;
    struct token_keys *keys;
    struct rules rules;
    struct jobs *jobs;
    struct server *server;
    struct client clients[CONNECTIONS];
    struct client *present;
    struct arena texts;
    Str jwt, key, access, refresh, tickets[TICKETS], chat, user, message;
} world;

static Str id_text(Id id)
{
    char text[ID_TEXT];
    id_format(id, text);
    return arena_str(&world.texts, str_from(text, ID_TEXT));
}

static Str sign(const struct token_claims *claims)
{
    struct buf out = BUF(TOKEN_MAX);
    token_sign(world.keys, claims, &out);
    Str text = arena_str(&world.texts, buf_str(&out));
    buf_free(&out);
    return text;
}

static Err sign_key(void *context, Id key_id, Id app_id, Str audience, int64_t now, struct buf *out)
{
    struct token_claims claims = {
        .class = TOKEN_API_KEY, .subject = key_id, .app = app_id, .issued_at = now};
    (void)context;
    memcpy(claims.audience, audience.p, audience.n);
    token_sign(world.keys, &claims, out);
    return ERR_OK;
}

static struct actor make_user(struct tx *tx, const struct app *app, const char *name, Id *sign_in)
{
    struct user_profile profile;
    struct user_new user = {.username = str_of(name),
                            .email = arena_fmt(&world.texts, "%s@example.com", name),
                            .password_hash = S("none")};
    struct actor a;
    must(!user_register(tx, app->app, &user, &profile));
    must(!auth_open_session(tx, app->app, profile.user, sign_in, &world.refresh));
    must(!auth_user(
        tx, &(struct auth_claims){.app_id = app->id, .subject = profile.id, .session_id = *sign_in},
        &a));
    return a;
}

/* An account with an app, two users and a chat of theirs with a message. */
static void fill_store(struct tx *tx)
{
    struct account account;
    struct app app;
    struct app_key key;
    struct chat_details chat;
    Id family, sign_in, bobs;
    Str token;
    must(!app_cluster_ensure(tx, S("demo-cluster"), S("http://chat.example"),
                             S("DEMO,MULTI_TENANT"), &world.rules.cluster));
    must(!account_register(tx, S("Acme"), S("dev@example.com"), S("none"), &account));
    must(!account_open_family(tx, account.account, &family, &token));
    must(!app_create(tx, account.account, S("App"), &app));
    must(!app_key_create(tx, account.account, app.id, sign_key, NULL, &key, &world.key));
    struct actor bob = make_user(tx, &app, "bob", &bobs);
    struct actor ann = make_user(tx, &app, "ann", &sign_in);
    const Str names[] = {S("ann"), S("bob")};
    must(!chat_create(tx, &ann, S("Chat"), names, countof(names), &chat));
    struct message_post post = {.actor = bob, .chat_id = chat.id, .text = S("hello")},
                        *posts[] = {&post};
    message_post(tx, posts, 1);
    must(!post.err);
    for (size_t i = 0; i < TICKETS; i++)
        must(!auth_issue_ticket(tx, &ann, &world.tickets[i]));
    world.chat = id_text(chat.id);
    world.user = id_text(ann.user_id);
    world.message = id_text(post.message_id);
    int64_t end = now_ms + 1000ll * 86400 * 365;
    world.access = sign(&(struct token_claims){.class = TOKEN_MANAGEMENT,
                                               .subject = account.id,
                                               .session = family,
                                               .issued_at = now_ms,
                                               .expires_at = end});
    world.jwt = sign(&(struct token_claims){.class = TOKEN_USER,
                                            .subject = ann.user_id,
                                            .app = app.id,
                                            .session = sign_in,
                                            .audience = "demo-cluster",
                                            .issued_at = now_ms,
                                            .expires_at = end});
}

static void make_store(Str url)
{
    struct event_list events = {.arena = ARENA(16 << 20)};
    const char *why = NULL;
    struct db *db;
    must(!db_open(url, DB_WRITER, &db, &why));
    struct tx tx = {
        .db = db, .now = now_ms, .arena = &world.texts, .events = &events, .rules = &world.rules};
    db_begin(db);
    fill_store(&tx);
    must(!db_commit(db));
    db_close(&db);
    event_list_free(&events);
}

static struct server_config server_config(void)
{
    static const struct rate_limit off = {0};
    return (struct server_config){
        .loops = &world.loop,
        .n_loops = 1,
        .online = world.online,
        .rules = &world.rules,
        .keys = world.keys,
        .cluster = S("demo-cluster"),
        .origins = {S("*"), S("")},
        .trusted_proxies = S(""),
        .http = {.head = 16 * 1024, .body = 256 * 1024, .more = 4096},
        .body = 64 * 1024,
        .sockjs_url = S("https://sockjs.example/sockjs.js"),
        .session = {.connect_ms = 10000,
                    .heart_beat_ms = 10000,
                    .ping_ms = 45000,
                    .over_rate_ms = 60000,
                    .jobs = 32,
                    .output = 64 * 1024,
                    .subscriptions = 64,
                    .resumes = 4,
                    .message = 256 * 1024,
                    .compress_above = 1024,
                    .stomp = STOMP_LIMITS(STOMP_12),
                    .sessions_per_user = 100,
                    .presence_members = 200},
        .buffer_budget = 8 * 1024 * 1024,
        .user_output = 1024 * 1024,
        .address_output = 2 * 1024 * 1024,
        .demo_users = 100,
        .message_rate = off,
        .request_rate = off,
        .key_rate = off,
        .failures = off,
        .management_rate = off,
        .account_rate = off,
        .register_rate = off,
        .new_key_rate = off,
        .typing_ms = 3000,
        .idle_ms = 60000,
        .request_ms = 30000,
        .connections = 1000,
        .management_sockets = 100,
        .hash_memory = 8192,
        .hash_passes = 1,
    };
}

static void make_rules(void)
{
    const int64_t hour = 3600 * 1000;
    world.rules = (struct rules){.message_length = 10000,
                                 .chat_members = 1000,
                                 .user_chats = 1000,
                                 .unread_most = 100,
                                 .demo_apps = 5,
                                 .account_apps = 50,
                                 .user_logins = 100,
                                 .usage_retention = 720 * hour,
                                 .audit_retention = 720 * hour,
                                 .app_keys = 5,
                                 .user_token_ttl = hour,
                                 .refresh_ttl = 720 * hour,
                                 .ticket_ttl = 24 * hour,
                                 .account_token_ttl = hour,
                                 .account_refresh_ttl = 720 * hour,
                                 .log_retention = 168 * hour,
                                 .replay_events = 1000,
                                 .client_id_ttl = 24 * hour,
                                 .decoy_hash = S("none")};
}

static char store_dir[] = "/tmp/whisp-fuzz.XXXXXX";

static void remove_store(void)
{
    static const char *const files[] = {"whisp.db", "whisp.db-wal", "whisp.db-shm"};
    char path[64];
    for (size_t i = 0; i < countof(files); i++) {
        snprintf(path, sizeof path, "%s/%s", store_dir, files[i]);
        unlink(path);
    }
    rmdir(store_dir);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    const char *why = NULL;
    still = true;
    const Str urls[SURFACES] = {S("http://chat.example"), S("http://manage.example")};
    random_setup();
    json_setup();
    log_setup(LOG_ERROR, LOG_TEXT);
    world.texts = ARENA(1 << 20);
    world.keys = token_keys_new();
    for (int c = 0; c < TOKEN_CLASSES; c++)
        token_key_generate(world.keys, (enum token_class)c);
    make_rules();
    must(mkdtemp(store_dir));
    atexit(remove_store);
    Str url = arena_fmt(&world.texts, "sqlite:%s/whisp.db", store_dir);
    make_store(url);
    world.loop = loop_new(0);
    world.online = online_new(10000, 5000);
    struct server_config config = server_config();
    world.server = server_new(&config);
    struct jobs_config jobs = {.store_url = url,
                               .rules = &world.rules,
                               .loops = &world.loop,
                               .n_loops = 1,
                               .deliver = server_deliver,
                               .arg = world.server};
    must(!jobs_start(&jobs, &world.jobs, &why));
    server_start(world.server, world.jobs, urls);
    for (size_t i = 0; i < CONNECTIONS; i++)
        world.clients[i].fd = -1;
    still = false;
    return 0;
}

/* ----- what comes back ----- */

static void check_stomp(Str text)
{
    struct stomp_frame frame;
    const char *why = NULL;
    const struct stomp_limits limits = {STOMP_12, STOMP_MAX_HEADERS, 64 * 1024, 8 << 20};
    long used = stomp_decode(text, &limits, &frame, &why);
    must(used == (long)text.n); /* one frame in each message */
}

/* WebSocket frames as a client reads them; compression is not asked for here. */
static void check_websocket(struct client *c)
{
    const struct ws_limits limits = {.role = WS_CLIENT, .message = RECEIVED_MAX};
    struct ws_frame frame;
    const char *why = NULL;
    long used;
    while ((used = ws_decode(buf_str(&c->received), &limits, &frame, &why)) > 0) {
        if (frame.opcode == WS_TEXT)
            check_stomp(frame.payload);
        buf_consume(&c->received, (size_t)used);
    }
    must(used == 0);
}

static void check_received(struct client *c)
{
    if (c->kind != UPGRADED && c->kind != SUBSCRIBED) {
        buf_clear(&c->received);
        return;
    }
    const char *end = memmem(c->received.p, c->received.n, "\r\n\r\n", 4);
    if (!c->upgraded && end) {
        c->upgraded = str_starts(buf_str(&c->received), S("HTTP/1.1 101 "));
        c->kind = c->upgraded ? c->kind : CHAT; /* its ticket was spent before */
        buf_consume(&c->received, (size_t)(end + 4 - c->received.p));
    }
    if (c->upgraded)
        check_websocket(c);
}

static void close_client(struct client *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    buf_free(&c->received);
}

/* False when nothing was there to read. */
static bool read_client(struct client *c)
{
    char bytes[32 * 1024];
    if (c->fd < 0 || !c->reads)
        return false;
    ssize_t n = recv(c->fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (n == 0) {
        close_client(c);
        return true;
    }
    if (n < 0)
        return false;
    buf_add(&c->received, str_from(bytes, (size_t)n));
    must(!c->received.overflow);
    check_received(c);
    return true;
}

/* Lets everything happen that can without time. */
static void run_all(void)
{
    int rounds = 0;
    for (bool more = true; more; must(++rounds < ROUNDS_MAX)) {
        uv_run(loop_uv(world.loop), UV_RUN_NOWAIT);
        more = jobs_run_one(world.jobs);
        for (size_t i = 0; i < CONNECTIONS; i++)
            more = read_client(&world.clients[i]) || more;
    }
    uv_run(loop_uv(world.loop), UV_RUN_NOWAIT);
}

/* ----- what is sent ----- */

static Str placeholder(char letter)
{
    switch (letter) {
    case 'J':
        return world.jwt;
    case 'K':
        return world.key;
    case 'A':
        return world.access;
    case 'R':
        return world.refresh;
    case 'C':
        return world.chat;
    case 'U':
        return world.user;
    case 'M':
        return world.message;
    default:
        if (letter >= '1' && letter < '1' + TICKETS)
            return world.tickets[letter - '1'];
        return letter == '@' ? S("@") : S("");
    }
}

static void fill_in(struct buf *out, Str text)
{
    for (long at; (at = str_find(text, '@')) >= 0 && (size_t)at + 1 < text.n;) {
        buf_add(out, str_from(text.p, (size_t)at));
        buf_add(out, placeholder(text.p[at + 1]));
        text = str_skip(text, (size_t)at + 2);
    }
    buf_add(out, text);
}

/* As much as goes; the rest is lost with a peer that does not take it. */
static void send_bytes(Str bytes)
{
    struct client *c = world.present;
    for (int tries = 0; c->fd >= 0 && bytes.n && tries < 64; tries++) {
        ssize_t n = send(c->fd, bytes.p, bytes.n, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n > 0)
            bytes = str_skip(bytes, (size_t)n);
        run_all();
    }
}

static void send_filled(Str text)
{
    struct buf bytes = BUF(1 << 20);
    fill_in(&bytes, text);
    send_bytes(buf_str(&bytes));
    buf_free(&bytes);
}

static void send_message(Str text)
{
    static const uint8_t key[4] = {0x11, 0x22, 0x33, 0x44};
    struct buf plain = BUF(1 << 20), frame = BUF(1 << 20);
    fill_in(&plain, text);
    ws_encode_masked(&frame, WS_TEXT, WS_FIN, key, buf_str(&plain));
    send_bytes(buf_str(&frame));
    buf_free(&plain);
    buf_free(&frame);
}

static void begin_session(struct client *c)
{
    struct buf request = BUF(1024);
    buf_fmt(&request, "GET /api/wsConnect?ticket=@%d", 1 + (int)(c - world.clients) % TICKETS);
    buf_add(&request, S(" HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n"
                        "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"));
    send_filled(buf_str(&request));
    buf_free(&request);
    if (c->kind == UPGRADED)
        return;
    send_message(S("CONNECT\naccept-version:1.2\nheart-beat:10000,10000\n"
                   "Authorization:Bearer @J\n\n\0"));
    send_message(S("SUBSCRIBE\nid:0\npresence:true\ndestination:/user/queue/messages\n\n\0"));
}

static void open_client(enum kind kind)
{
    int fds[2], size = SOCKET_BYTES;
    struct client *c = NULL;
    for (size_t i = 0; i < CONNECTIONS && !c; i++)
        if (world.clients[i].fd < 0)
            c = &world.clients[i];
    if (!c)
        return;
    must(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds));
    must(!fcntl(fds[1], F_SETFL, O_NONBLOCK));
    setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    *c = (struct client){.fd = fds[0], .kind = kind, .reads = true, .received = BUF(RECEIVED_MAX)};
    world.present = c;
    conn_open(world.server, world.loop, kind == MANAGEMENT ? SURFACE_MANAGEMENT : SURFACE_API,
              fds[1]);
    run_all();
    if (kind == UPGRADED || kind == SUBSCRIBED)
        begin_session(c);
}

static void pass_time(int64_t ms)
{
    for (; ms > 0; ms -= SETTLE_STEP_MS) {
        now_ms += ms < SETTLE_STEP_MS ? ms : SETTLE_STEP_MS;
        run_all();
    }
}

static void take_step(Str *in)
{
    uint8_t step = fuzz_byte(in);
    size_t n = 0;
    if (strchr("oscStTwW", step))
        n = fuzz_byte(in);
    switch (step) {
    case 'o':
        open_client((enum kind)(n % KINDS));
        break;
    case 'c':
        world.present = &world.clients[n % CONNECTIONS];
        break;
    case 's':
    case 'S':
        send_filled(fuzz_take(in, step == 's' ? n : 16 * n));
        break;
    case 'w':
    case 'W':
        send_message(fuzz_take(in, step == 'w' ? n : 16 * n));
        break;
    case 't':
        pass_time((int64_t)n * 100);
        break;
    case 'T':
        pass_time((int64_t)n * 1000);
        break;
    case 'r':
        world.present->reads = !world.present->reads;
        run_all();
        break;
    case 'x':
        close_client(world.present);
        run_all();
        break;
    default:
        break;
    }
}

/* All clients leave; what waits for a time-out gets it. */
static void settle(void)
{
    for (size_t i = 0; i < CONNECTIONS; i++)
        close_client(&world.clients[i]);
    for (int64_t passed = 0; passed < SETTLE_MS; passed += SETTLE_STEP_MS) {
        pass_time(SETTLE_STEP_MS);
        if (atomic_load(loop_load(world.loop)) == 0)
            break;
    }
    must(atomic_load(loop_load(world.loop)) == 0);
    must(sessions_count(world.server->sessions[0]) == 0);
    must(atomic_load(&world.server->buffered) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Str in = str_from((const char *)data, size);
    world.present = &world.clients[0];
    still = true;
    db_begin(jobs_db(world.jobs));
    while (in.n)
        take_step(&in);
    settle();
    db_rollback(jobs_db(world.jobs));
    still = false;
    return 0;
}
