/*
 * Input goes through two codecs, WebSocket and STOMP, straight from the loop's receive buffer; what
 * is incomplete, or has to wait, is kept in `in` and `stomp_in`, which hold no memory otherwise.
 *
 * One frame is decoded at a time and looked at before it is consumed: when it must wait it simply
 * stays in the buffer and is decoded again later. That is rare, and needs no queue of frames.
 */
#include "realtime/session.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"
#include "codec/ws.h"
#include "realtime/render.h"

#include <stdio.h>

enum {
    SCRATCH = 256 * 1024,     /* holds any one frame */
    WRITE_AT = 64 * 1024,     /* written once there is this much */
    CONTROL_MAX = 256 * 1024, /* control frames queued; reading stops long before */
    LINGER_MS = 2000,         /* for the peer to answer a close frame */
    CLOSE_MS = 10000,         /* for a stalled peer to take the close frame */
    FRAME_HEADS = 256,        /* of output accounting: what stands around an event's frame */
};

struct subscription {
    Str id; /* as it was sent: escaped; owned */
};

struct session {
    struct hub_member member; /* first */
    struct sessions *all;
    struct tcp *tcp; /* NULL once the connection has ended */
    struct session *next_dirty;
    struct actor actor;
    int64_t users; /* the plan's limit */

    struct blob **out; /* owned array of references, oldest first */
    uint32_t out_n, out_cap;
    size_t out_bytes;
    size_t accounted; /* of out_bytes in the process's count */
    struct buf control;
    struct buf in;
    struct buf stomp_in;
    Str waiting_receipt; /* of the SUBSCRIBE that is loading; owned */

    struct subscription *subscriptions; /* owned array */
    uint32_t n_subscriptions;
    uint32_t jobs; /* in flight */
    struct ws_stream ws;
    enum stomp_version version;
    uint32_t beat_out, beat_in; /* milliseconds; 0: none */
    int64_t last_in, last_out;
    int64_t close_at; /* loop time of a close that was announced; 0: none */
    uint16_t close_code;
    struct timer timer;
    bool connected, loading, paused, dirty, closing, removed, online;
};

struct sessions {
    struct sessions_config config;
    struct hub *hub;
    struct session *dirty;
    size_t count;
    int64_t restart_hint; /* seconds */
    struct buf frame;     /* where control frames are put together */
    char *scratch;
};

static void schedule(struct session *s);

/* ----- output ----- */

static void mark_dirty(struct session *s)
{
    if (s->dirty)
        return;
    s->dirty = true;
    s->next_dirty = s->all->dirty;
    s->all->dirty = s;
}

/* The process's count of queued bytes is touched only by those that lag. */
static void account(struct session *s, size_t bytes)
{
    if (bytes > s->accounted)
        atomic_fetch_add(s->all->config.buffered, bytes - s->accounted);
    else if (bytes < s->accounted)
        atomic_fetch_sub(s->all->config.buffered, s->accounted - bytes);
    s->accounted = bytes;
}

static void drop_output(struct session *s, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        s->out_bytes -= s->out[i]->n + FRAME_HEADS;
        blob_unref(&s->out[i]);
    }
    s->out_n -= n;
    memmove(s->out, s->out + n, s->out_n * sizeof(struct blob *));
    if (s->out_n)
        return;
    mem_free(s->out);
    s->out = NULL;
    s->out_cap = 0;
}

static char *put(char *at, Str s)
{
    memcpy(at, s.p, s.n);
    return at + s.n;
}

/* One event for one subscription: WebSocket header, STOMP head, the shared rest with the
 * recipient's id patched in. */
static char *put_event(char *at, Str user, Str subscription, const struct blob *b)
{
    static const Str head = {RENDER_HEAD, sizeof RENDER_HEAD - 1};
    static const Str middle = {RENDER_MIDDLE, sizeof RENDER_MIDDLE - 1};
    size_t n = head.n + user.n + middle.n + subscription.n + b->n;
    at += ws_encode_header(at, WS_TEXT, WS_FIN, n);
    at = put(at, head);
    at = put(at, user);
    at = put(at, middle);
    at = put(at, subscription);
    if (b->mark)
        memcpy(put(at, str_from(b->p, b->mark)), user.p, user.n);
    size_t rest = b->mark ? b->mark + user.n : 0;
    memcpy(at + rest, b->p + rest, b->n - rest);
    return at + b->n;
}

static void send_bytes(struct session *s, Str bytes)
{
    if (!bytes.n)
        return;
    tcp_send(s->tcp, bytes);
    s->last_out = loop_now(s->all->config.loop);
    if (tcp_busy(s->tcp))
        tcp_read_stop(s->tcp);
}

/* Writes what is queued, as far as the peer takes it. */
static void write_out(struct session *s)
{
    if (!s->tcp || tcp_busy(s->tcp))
        return;
    char user[ID_TEXT], *start = s->all->scratch, *at = start;
    id_format(s->actor.user_id, user);
    if (s->control.n <= WRITE_AT)
        at = put(at, buf_str(&s->control));
    else
        send_bytes(s, buf_str(&s->control));
    buf_free(&s->control);
    uint32_t done = 0;
    while (done < s->out_n && !tcp_busy(s->tcp)) {
        for (uint32_t i = 0; i < s->n_subscriptions; i++) {
            at = put_event(at, str_from(user, sizeof user), s->subscriptions[i].id, s->out[done]);
            if (at - start < WRITE_AT)
                continue;
            if (tcp_busy(s->tcp)) { /* several subscriptions, and the peer took no more: rare */
                session_close(s, WS_TOO_SLOW, S("too slow"));
                return;
            }
            send_bytes(s, str_from(start, (size_t)(at - start)));
            at = start;
        }
        done++;
    }
    if (!tcp_busy(s->tcp))
        send_bytes(s, str_from(start, (size_t)(at - start)));
    if (done)
        drop_output(s, done);
    account(s, s->out_n ? s->out_bytes : 0);
}

static void close_largest(struct sessions *all)
{
    struct session *largest = NULL;
    size_t at = 0;
    for (struct hub_member *m = NULL; (m = hub_next(all->hub, &at, m));) {
        struct session *s = (struct session *)m;
        if (!s->closing && s->out_n && (!largest || s->out_bytes > largest->out_bytes))
            largest = s;
    }
    if (largest)
        session_close(largest, WS_TOO_SLOW, S("the server's buffers are full"));
}

static void leave(struct session *s)
{
    if (!s->removed)
        hub_remove(s->all->hub, &s->member);
    s->removed = true;
    if (s->online)
        online_leave(s->all->config.online, s->actor.app, s->actor.user);
    s->online = false;
}

static void flush(struct session *s)
{
    write_out(s);
    if (!s->closing || !s->tcp || tcp_busy(s->tcp))
        return;
    write_out(s); /* the close frame, when something else was in its way */
    if (!tcp_busy(s->tcp) && !s->control.n)
        tcp_finish(s->tcp, LINGER_MS);
}

static void end_of_tick(void *arg)
{
    struct sessions *all = arg;
    while (all->dirty) {
        struct session *s = all->dirty;
        all->dirty = s->next_dirty;
        s->dirty = false;
        flush(s);
        if (s->closing)
            leave(s);
    }
    if (atomic_load_explicit(all->config.buffered, memory_order_relaxed) >
        all->config.budget / 5 * 4)
        close_largest(all);
}

static void add_control(struct session *s, Str stomp)
{
    ws_encode(&s->control, WS_TEXT, WS_FIN, stomp);
    if (s->control.overflow)
        session_close(s, WS_TOO_SLOW, S("too slow"));
    mark_dirty(s);
}

void session_push(struct session *s, struct blob *frame)
{
    if (s->closing || !s->n_subscriptions)
        return;
    if (s->out_bytes > s->all->config.limits->output) {
        write_out(s);
        if (s->closing || s->out_bytes > s->all->config.limits->output) {
            session_close(s, WS_TOO_SLOW, S("too slow"));
            return;
        }
    }
    if (s->out_n == s->out_cap) {
        s->out_cap = s->out_cap ? s->out_cap * 2 : 4;
        s->out = mem_resize(s->out, s->out_cap * sizeof(struct blob *));
    }
    s->out[s->out_n++] = blob_ref(frame);
    s->out_bytes += frame->n + FRAME_HEADS;
    mark_dirty(s);
}

void session_tell(struct session *s, Str json)
{
    struct blob *frame = render_note(json);
    session_push(s, frame);
    blob_unref(&frame);
}

void session_receipt(struct session *s, Str receipt)
{
    if (!receipt.n || s->closing)
        return;
    struct buf *f = &s->all->frame;
    buf_clear(f);
    buf_add(f, S("RECEIPT\nreceipt-id:"));
    buf_add(f, receipt); /* as it was sent, so still escaped */
    buf_add(f, S("\n\n\0"));
    add_control(s, buf_str(f));
}

void session_close(struct session *s, int code, Str reason)
{
    if (s->closing || !s->tcp)
        return;
    s->closing = true; /* before write_out, which may come here */
    write_out(s);
    if (s->out_n)
        drop_output(s, s->out_n);
    account(s, 0);
    buf_free(&s->in);
    buf_free(&s->stomp_in);
    ws_encode_close(&s->control, code, reason);
    s->close_at = loop_now(s->all->config.loop) + CLOSE_MS;
    tcp_read_stop(s->tcp);
    mark_dirty(s);
    schedule(s);
}

void session_fail(struct session *s, int code, Str receipt, const char *why)
{
    if (s->closing)
        return;
    struct buf *f = &s->all->frame;
    buf_clear(f);
    stomp_frame_begin(f, STOMP_ERROR);
    stomp_header_add(f, s->version, S("message"), str_of(why));
    if (receipt.n) {
        buf_add(f, S("receipt-id:"));
        buf_add(f, receipt); /* as it was sent, so still escaped */
        buf_byte(f, '\n');
    }
    stomp_header_add(f, s->version, S("content-type"), S("text/plain"));
    stomp_frame_end(f, str_of(why));
    add_control(s, buf_str(f));
    session_close(s, code, str_of(why));
}

/* ----- time ----- */

/* A little early, since timers may be late by two tenths of a second. */
static int64_t beat_due(const struct session *s)
{
    return s->last_out + (s->beat_out >= 1000 ? s->beat_out - 300 : s->beat_out / 2);
}

static void close_later(struct session *s, int code, int64_t delay_ms)
{
    if (s->closing)
        return;
    s->close_code = (uint16_t)code;
    s->close_at = loop_now(s->all->config.loop) + delay_ms;
    schedule(s);
}

static void close_now(struct session *s)
{
    char hint[32];
    int n = snprintf(hint, sizeof hint, "retry-after=%lld", (long long)s->all->restart_hint);
    session_close(s, s->close_code,
                  s->close_code == WS_RESTARTING ? str_from(hint, (size_t)n) : S("signed out"));
}

static void expire(struct timer *timer)
{
    struct session *s = (struct session *)((char *)timer - offsetof(struct session, timer));
    int64_t now = loop_now(s->all->config.loop);
    if (!s->tcp)
        return;
    if (s->close_at && now >= s->close_at) {
        if (s->closing) {
            tcp_close(s->tcp);
            return;
        }
        s->close_at = 0;
        close_now(s);
    } else if (!s->connected && now - s->last_in >= s->all->config.limits->connect_ms) {
        session_fail(s, WS_NOT_ALLOWED, S(""), "No CONNECT frame came in time.");
    } else if (s->beat_in && !s->paused && !tcp_busy(s->tcp) &&
               now - s->last_in > 2 * (int64_t)s->beat_in) {
        session_close(s, WS_TOO_SLOW, S("no heart-beat"));
    } else if (s->beat_out && now >= beat_due(s)) {
        if (!tcp_busy(s->tcp))
            add_control(s, S("\n"));
        s->last_out = now;
    }
    schedule(s);
}

static void sooner(int64_t *due, int64_t at)
{
    if (!*due || at < *due)
        *due = at;
}

static void schedule(struct session *s)
{
    int64_t now = loop_now(s->all->config.loop), due = 0;
    if (s->close_at)
        sooner(&due, s->close_at);
    if (!s->connected)
        sooner(&due, s->last_in + s->all->config.limits->connect_ms);
    if (s->beat_in && !s->closing)
        sooner(&due, s->last_in + 2 * (int64_t)s->beat_in + 1);
    if (s->beat_out && !s->closing)
        sooner(&due, beat_due(s));
    if (due)
        timer_set(s->all->config.loop, &s->timer, due - now, expire);
    else
        timer_clear(&s->timer);
}

/* ----- STOMP frames ----- */

static Str header(const struct stomp_frame *f, const char *name)
{
    Str value;
    return stomp_header(f, str_of(name), &value) ? value : S("");
}

static Str keep(Str s)
{
    char *p = mem_resize(NULL, s.n + 1);
    memcpy(p, s.p, s.n);
    return str_from(p, s.n);
}

static void drop(Str *s)
{
    mem_free((char *)(uintptr_t)s->p);
    *s = (Str){0};
}

static uint32_t agreed(uint32_t theirs, int64_t ours)
{
    return theirs && ours ? (theirs > ours ? theirs : (uint32_t)ours) : 0;
}

static void say_connected(struct session *s)
{
    struct buf *f = &s->all->frame;
    char user[ID_TEXT], sign_in[ID_TEXT];
    id_format(s->actor.user_id, user);
    id_format(s->actor.session_id, sign_in);
    buf_clear(f);
    buf_fmt(f,
            "CONNECTED\nversion:" STR_FMT "\nheart-beat:%lld,%lld\nsession:%.36s\nserver:whispd\n"
            "user-name:%.36s\nwhisp-protocol:1\n\n",
            STR_ARG(stomp_version_text(s->version)),
            (long long)s->all->config.limits->heart_beat_ms,
            (long long)s->all->config.limits->heart_beat_ms, sign_in, user);
    buf_add(f, S("\0"));
    add_control(s, buf_str(f));
}

static void on_connect(struct session *s, const struct stomp_frame *f)
{
    const struct sessions_config *c = &s->all->config;
    const char *why = NULL;
    uint32_t out = 0, in = 0;
    Str token = header(f, "Authorization");
    if (!token.n)
        token = header(f, "authorization");
    if (s->connected) {
        session_fail(s, WS_PROTOCOL_ERROR, S(""), "The session is connected already.");
        return;
    }
    if (!stomp_negotiate(header(f, "accept-version"), &s->version)) {
        session_fail(s, WS_PROTOCOL_ERROR, S(""), "Supported versions are 1.0, 1.1 and 1.2.");
        return;
    }
    Str beat = header(f, "heart-beat");
    if (beat.n && !stomp_heart_beat(beat, &out, &in)) {
        session_fail(s, WS_PROTOCOL_ERROR, S(""), "The heart-beat header is not two numbers.");
        return;
    }
    Err err = c->ops->connect(s, token, &why);
    if (!err) {
        err = online_enter(c->online, s->actor.app, s->actor.user, s->users,
                           c->limits->sessions_per_user);
        s->online = !err;
    }
    if (err) {
        session_fail(s, WS_NOT_ALLOWED, S(""), why ? why : err_text(err).p);
        return;
    }
    s->connected = true;
    s->beat_in = agreed(out, c->limits->heart_beat_ms);
    s->beat_out = agreed(in, c->limits->heart_beat_ms);
    say_connected(s);
    schedule(s);
}

static bool own_destination(const struct session *s, Str destination)
{
    char own[6 + ID_TEXT + 16];
    char user[ID_TEXT];
    id_format(s->actor.user_id, user);
    int n = snprintf(own, sizeof own, "/user/%.36s/queue/messages", user);
    return str_eq(destination, S("/user/queue/messages")) ||
           str_eq(destination, str_from(own, (size_t)n));
}

static struct subscription *find_subscription(struct session *s, Str id)
{
    for (uint32_t i = 0; i < s->n_subscriptions; i++)
        if (str_eq(s->subscriptions[i].id, id))
            return &s->subscriptions[i];
    return NULL;
}

static void on_subscribe(struct session *s, const struct stomp_frame *f)
{
    Str id = header(f, "id"), receipt = header(f, "receipt");
    if (!id.n && s->version == STOMP_10)
        id = S("0");
    const char *why = NULL;
    if (!own_destination(s, header(f, "destination")))
        why = "Subscribe to /user/queue/messages or to your own queue.";
    else if (!id.n)
        why = "SUBSCRIBE needs an id header.";
    else if (find_subscription(s, id))
        why = "This subscription id is in use.";
    else if (s->n_subscriptions >= s->all->config.limits->subscriptions)
        why = "The session has as many subscriptions as it can.";
    if (why) {
        session_fail(s, WS_PROTOCOL_ERROR, receipt, why);
        return;
    }
    s->subscriptions =
        mem_resize(s->subscriptions, (s->n_subscriptions + 1) * sizeof *s->subscriptions);
    s->subscriptions[s->n_subscriptions++].id = keep(id);
    s->loading = true;
    s->jobs++;
    s->waiting_receipt = keep(receipt);
    hub_subscribe(s->all->hub, &s->member);
}

static void subscribed(struct hub_member *m, Err err)
{
    struct session *s = (struct session *)m;
    if (!s->loading)
        return;
    s->loading = false;
    if (err)
        session_close(s, WS_TOO_SLOW, err_text(err));
    session_receipt(s, s->waiting_receipt);
    drop(&s->waiting_receipt);
    session_job_done(s);
}

static void on_unsubscribe(struct session *s, const struct stomp_frame *f)
{
    Str id = header(f, "id");
    struct subscription *found = find_subscription(s, id.n ? id : S("0"));
    if (found) {
        write_out(s); /* what came before still goes to it */
        drop(&found->id);
        *found = s->subscriptions[--s->n_subscriptions];
    }
    if (!s->n_subscriptions) {
        hub_unsubscribe(s->all->hub, &s->member);
        drop_output(s, s->out_n);
    }
    session_receipt(s, header(f, "receipt"));
}

static void on_send(struct session *s, const struct stomp_frame *f)
{
    if (!str_eq(header(f, "destination"), S("/api/chat")))
        session_fail(s, WS_PROTOCOL_ERROR, header(f, "receipt"), "Send to /api/chat.");
    else
        s->all->config.ops->command(s, f);
}

static void on_disconnect(struct session *s, const struct stomp_frame *f)
{
    session_receipt(s, header(f, "receipt"));
    session_close(s, WS_NORMAL, S(""));
}

static void on_ack(struct session *s, const struct stomp_frame *f)
{
    session_receipt(s, header(f, "receipt"));
}

static void on_frame(struct session *s, const struct stomp_frame *f)
{
    bool connecting = f->command == STOMP_CONNECT || f->command == STOMP_STOMP;
    if (!s->connected && !connecting) {
        session_fail(s, WS_PROTOCOL_ERROR, header(f, "receipt"),
                     "The first frame must be CONNECT.");
        return;
    }
    switch (f->command) {
    case STOMP_CONNECT:
    case STOMP_STOMP:
        on_connect(s, f);
        break;
    case STOMP_SEND:
        on_send(s, f);
        break;
    case STOMP_SUBSCRIBE:
        on_subscribe(s, f);
        break;
    case STOMP_UNSUBSCRIBE:
        on_unsubscribe(s, f);
        break;
    case STOMP_DISCONNECT:
        on_disconnect(s, f);
        break;
    case STOMP_ACK:
    case STOMP_NACK:
        on_ack(s, f);
        break;
    default:
        session_fail(s, WS_PROTOCOL_ERROR, header(f, "receipt"),
                     "This command is not for clients to send.");
    }
}

/* SENDs queue up behind one another; anything else waits for those before it. */
static bool must_wait(const struct session *s, enum stomp_command command)
{
    if (command == STOMP_SEND)
        return s->loading || s->jobs >= s->all->config.limits->jobs;
    return s->jobs > 0;
}

/* ----- input ----- */

static void pause_input(struct session *s)
{
    s->paused = true;
    if (s->tcp)
        tcp_read_stop(s->tcp);
}

static size_t take_stomp(struct session *s, Str in)
{
    size_t at = 0;
    while (!s->paused && !s->closing && at < in.n) {
        struct stomp_frame f;
        const char *why = NULL;
        struct stomp_limits limits = s->all->config.limits->stomp;
        limits.version = s->version;
        long used = stomp_decode(str_skip(in, at), &limits, &f, &why);
        if (used == 0)
            break;
        if (used > 0 && f.command == STOMP_HEARTBEAT) {
            at += (size_t)used;
        } else if (must_wait(s, used > 0 ? f.command : STOMP_DISCONNECT)) {
            pause_input(s);
        } else if (used < 0) {
            session_fail(s, WS_PROTOCOL_ERROR, S(""), why);
        } else {
            at += (size_t)used;
            on_frame(s, &f);
        }
    }
    return at;
}

static void keep_rest(struct session *s, struct buf *b, Str rest)
{
    if (s->closing)
        return;
    buf_add(b, rest);
    if (b->overflow)
        session_close(s, WS_TOO_LARGE, S("too large"));
}

static void drain_stomp_in(struct session *s)
{
    size_t used = take_stomp(s, buf_str(&s->stomp_in));
    if (!s->closing)
        buf_consume(&s->stomp_in, used);
}

static void on_payload(struct session *s, Str payload)
{
    if (s->stomp_in.n || s->paused) {
        keep_rest(s, &s->stomp_in, payload);
        if (!s->paused)
            drain_stomp_in(s);
        return;
    }
    size_t used = take_stomp(s, payload);
    if (used < payload.n)
        keep_rest(s, &s->stomp_in, str_skip(payload, used));
}

static void on_ws(struct session *s, const struct ws_event *e)
{
    switch (e->kind) {
    case WS_GOT_PING:
        ws_encode(&s->control, WS_PONG, WS_FIN, e->payload);
        mark_dirty(s);
        break;
    case WS_GOT_PONG:
        break;
    case WS_GOT_CLOSE:
        session_close(s, e->code, S(""));
        break;
    default:
        on_payload(s, e->payload);
    }
}

/* Unmasks in place, so a frame must be consumed once it has been looked at. */
static size_t take_ws(struct session *s, char *p, size_t n)
{
    const struct ws_limits limits = {WS_SERVER, s->all->config.limits->message};
    size_t at = 0;
    while (!s->paused && !s->closing && at < n) {
        struct ws_frame f;
        struct ws_event e;
        const char *why = NULL;
        long used = ws_decode(str_from(p + at, n - at), &limits, &f, &why);
        if (used == 0)
            break;
        int code = (int)used;
        if (used > 0) {
            ws_unmask(p + at + f.head, f.payload.n, f.key);
            at += (size_t)used;
            code = ws_stream_step(&s->ws, &limits, &f, &e, &why);
        }
        if (code < 0)
            session_close(s, -code, str_of(why));
        else
            on_ws(s, &e);
    }
    return at;
}

static void drain_in(struct session *s)
{
    size_t used = take_ws(s, s->in.p, s->in.n);
    if (!s->closing)
        buf_consume(&s->in, used);
}

static void feed(struct session *s, char *bytes, size_t n)
{
    if (s->connected)
        s->last_in = loop_now(s->all->config.loop);
    if (s->in.n || s->paused) {
        keep_rest(s, &s->in, str_from(bytes, n));
        if (!s->paused && !s->closing)
            drain_in(s);
        return;
    }
    size_t used = take_ws(s, bytes, n);
    if (used < n)
        keep_rest(s, &s->in, str_from(bytes + used, n - used));
}

/* Takes up what had to wait. */
static void go_on(struct session *s)
{
    if (!s->paused || s->closing || s->loading || s->jobs >= s->all->config.limits->jobs)
        return;
    s->paused = false;
    if (s->stomp_in.n)
        drain_stomp_in(s);
    if (!s->paused && !s->closing && s->in.n)
        drain_in(s);
    if (s->paused || s->closing)
        return;
    s->last_in = loop_now(s->all->config.loop);
    if (!tcp_busy(s->tcp))
        tcp_read_start(s->tcp);
}

/* ----- the connection ----- */

static void session_free(struct session *s)
{
    if (s->out_n)
        drop_output(s, s->out_n);
    account(s, 0);
    buf_free(&s->control);
    buf_free(&s->in);
    buf_free(&s->stomp_in);
    drop(&s->waiting_receipt);
    for (uint32_t i = 0; i < s->n_subscriptions; i++)
        drop(&s->subscriptions[i].id);
    mem_free(s->subscriptions);
    s->all->count--;
    mem_free(s);
}

static void forget_dirty(struct session *s)
{
    struct session **at = &s->all->dirty;
    while (s->dirty && *at != s)
        at = &(*at)->next_dirty;
    if (s->dirty)
        *at = s->next_dirty;
    s->dirty = false;
}

static void on_data(struct tcp *tcp, char *bytes, size_t n)
{
    feed(tcp_owner(tcp), bytes, n);
}

static void on_end(struct tcp *tcp)
{
    tcp_close(tcp);
}

static void on_drain(struct tcp *tcp)
{
    struct session *s = tcp_owner(tcp);
    if (!s->paused && !s->closing)
        tcp_read_start(tcp);
    s->last_in = loop_now(s->all->config.loop);
    mark_dirty(s);
}

static void on_close(struct tcp *tcp)
{
    struct session *s = tcp_owner(tcp);
    s->tcp = NULL;
    s->closing = true;
    timer_clear(&s->timer);
    forget_dirty(s);
    if (s->loading) {
        s->loading = false;
        s->jobs--;
    }
    leave(s);
    if (!s->jobs)
        session_free(s);
}

static const struct tcp_ops session_tcp = {on_data, on_end, on_drain, on_close};

void session_open(struct sessions *all, struct tcp *tcp, const struct actor *actor, int64_t users,
                  char *early, size_t n)
{
    struct session *s = mem_alloc(sizeof *s);
    size_t rest = all->config.limits->message + WS_HEADER_MAX;
    s->all = all;
    s->tcp = tcp;
    s->actor = *actor;
    s->users = users;
    s->version = STOMP_12;
    s->control = BUF(CONTROL_MAX);
    s->in = BUF(2 * rest + 256 * 1024); /* and one receive buffer's worth behind it */
    s->stomp_in = BUF(2 * rest);
    s->member.sign_in = actor->session;
    s->last_in = s->last_out = loop_now(all->config.loop);
    all->count++;
    tcp_hand_over(tcp, &session_tcp, s);
    hub_add(all->hub, &s->member, actor->app, actor->user, actor->user_id);
    schedule(s);
    if (n)
        feed(s, early, n);
}

Err session_submit(struct session *s, struct job *job)
{
    Err err = jobs_submit(s->all->config.jobs, job);
    if (!err)
        s->jobs++;
    return err;
}

void session_job_done(struct session *s)
{
    must(s->jobs > 0);
    s->jobs--;
    if (s->tcp)
        go_on(s);
    else if (!s->jobs)
        session_free(s);
}

void *session_context(const struct session *s)
{
    return s->all->config.context;
}

const struct actor *session_actor(const struct session *s)
{
    return &s->actor;
}

struct loop *session_loop(const struct session *s)
{
    return s->all->config.loop;
}

/* ----- all of a loop ----- */

/* TYPING goes first when a peer is slow. */
static void push(struct hub_member *m, struct blob *frame, enum event_type type)
{
    struct session *s = (struct session *)m;
    if (type == EVENT_TYPING && s->tcp && tcp_busy(s->tcp))
        return;
    session_push(s, frame);
}

static void revoke(struct hub_member *m, int64_t delay_ms)
{
    struct session *s = (struct session *)m;
    if (s->closing)
        return;
    if (!delay_ms) {
        session_close(s, WS_NOT_ALLOWED, S("signed out"));
        return;
    }
    close_later(s, WS_NOT_ALLOWED, delay_ms);
}

struct sessions *sessions_new(const struct sessions_config *config)
{
    static const struct hub_ops ops = {push, subscribed, revoke};
    struct sessions *all = mem_alloc(sizeof *all);
    all->config = *config;
    all->hub = hub_new(config->loop, config->jobs, &ops);
    all->frame = BUF(CONTROL_MAX);
    all->scratch = mem_alloc(SCRATCH + WRITE_AT);
    loop_at_end_of_tick(config->loop, end_of_tick, all);
    return all;
}

void sessions_free(struct sessions **at)
{
    struct sessions *all = *at;
    if (!all)
        return;
    must(all->count == 0);
    hub_free(&all->hub);
    buf_free(&all->frame);
    mem_free(all->scratch);
    mem_free(all);
    *at = NULL;
}

struct hub *sessions_hub(struct sessions *sessions)
{
    return sessions->hub;
}

size_t sessions_count(const struct sessions *sessions)
{
    return sessions->count;
}

void sessions_restart(struct sessions *all, int64_t spread_ms)
{
    size_t at = 0;
    for (struct hub_member *m = NULL; (m = hub_next(all->hub, &at, m));) {
        struct session *s = (struct session *)m;
        int64_t delay = spread_ms > 0 ? (int64_t)(random_u64() % (uint64_t)spread_ms) : 0;
        close_later(s, WS_RESTARTING, delay);
    }
    all->restart_hint = (spread_ms + 999) / 1000;
}
