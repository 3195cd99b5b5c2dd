/*
 * Input goes through two codecs, WebSocket and STOMP, straight from the loop's receive buffer; what
 * is incomplete, or has to wait, is kept in `in` and `stomp_in`, which hold no memory otherwise.
 *
 * One frame is decoded at a time and looked at before it is consumed: when it must wait it simply
 * stays in the buffer and is decoded again later. That is rare, and needs no queue of frames.
 */
#include "realtime/session_parts.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"
#include "codec/ws_deflate.h"

#include <stdio.h>

enum {
    SCRATCH = 320 * 1024, /* holds a write's worth and any one frame */
    QUIET_MS = 1000,      /* not over the rate for so long: it was not the same flood */
};

/* ----- input ----- */

void session_pause(struct session *s)
{
    s->paused = true;
    if (s->tcp)
        tcp_read_stop(s->tcp);
}

static void note_wanted(struct session *s, size_t wanted)
{
    if (wanted == STOMP_WANTS_NUL)
        s->wanted = UINT16_MAX;
    else
        s->wanted = wanted < UINT16_MAX ? (uint16_t)wanted : UINT16_MAX - 1;
}

/* Can the frame that stomp_in begins with be whole, or wrong, by what has come now? A frame in many
 * small parts is not to be read again at each. */
static bool worth_decoding(struct session *s, Str more)
{
    const struct stomp_limits *limits = &s->all->config.limits->stomp;
    size_t most = limits->head + (s->wanted == STOMP_WANTS_LINE ? 0 : limits->body);
    if (s->stomp_in.n > most)
        return true;
    if (s->wanted == STOMP_WANTS_LINE)
        return str_find(more, '\n') >= 0 || str_find(more, '\0') >= 0;
    if (s->wanted == UINT16_MAX)
        return str_find(more, '\0') >= 0;
    s->wanted -= more.n < s->wanted ? (uint16_t)more.n : s->wanted;
    return s->wanted == 0;
}

static void let_go_on(struct timer *timer)
{
    struct throttle *t = (struct throttle *)timer; /* its first member */
    t->held = false;
    t->until = loop_now(t->session->all->config.loop);
    session_go_on(t->session);
}

/* The frame stays where it is. TCP, or the answer to an xhr_send, holds the sender back. */
void session_throttle(struct session *s, int64_t ms)
{
    int64_t now = loop_now(s->all->config.loop);
    struct throttle *t = s->throttle;
    if (!t) {
        s->throttle = t = mem_alloc(sizeof *t);
        *t = (struct throttle){.session = s, .since = now};
    } else if (now - t->until > QUIET_MS) {
        t->since = now;
    }
    if (now - t->since >= s->all->config.limits->over_rate_ms) {
        session_close(s, WS_NOT_ALLOWED, S("too many messages"));
        return;
    }
    t->held = true;
    if (ms > s->all->config.limits->over_rate_ms)
        ms = s->all->config.limits->over_rate_ms;
    loop_timer_set(s->all->config.loop, &t->timer, ms, let_go_on);
    session_pause(s);
    session_account(s);
}

static void throttle_free(struct session *s)
{
    if (!s->throttle)
        return;
    loop_timer_clear(&s->throttle->timer);
    mem_free(s->throttle);
    s->throttle = NULL;
}

/* Must what has come from it wait? */
static bool is_held(const struct session *s)
{
    return s->loading || s->committing || s->claiming || s->jobs >= s->all->config.limits->jobs ||
           s->control.n > SESSION_CONTROL_HIGH ||
           (s->connected && s->throttle && s->throttle->held);
}

static void heard(struct session *s)
{
    s->last_in = loop_now(s->all->config.loop);
    s->pinged = false;
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
        if (used == 0) {
            note_wanted(s, f.wanted);
            break;
        }
        if (used > 0 && f.command == STOMP_HEARTBEAT) {
            at += (size_t)used;
        } else if (session_must_wait(s, used > 0 ? f.command : STOMP_DISCONNECT)) {
            session_pause(s);
        } else if (used < 0) {
            session_fail(s, WS_PROTOCOL_ERROR, S(""), why);
        } else {
            if (!session_frame(s, &f, str_from(in.p + at, (size_t)used)))
                break;
            at += (size_t)used;
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

void session_payload(struct session *s, Str payload)
{
    if (s->stomp_in.n || s->paused) {
        keep_rest(s, &s->stomp_in, payload);
        if (!s->paused && worth_decoding(s, payload))
            drain_stomp_in(s);
        return;
    }
    size_t used = take_stomp(s, payload);
    if (used < payload.n)
        keep_rest(s, &s->stomp_in, str_skip(payload, used));
}

void session_message(struct session *s, const struct ws_event *e)
{
    if (s->wire)
        session_wire_message(s, e);
    else
        session_payload(s, e->payload);
}

static void on_ws(struct session *s, const struct ws_event *e)
{
    uint32_t before;
    switch (e->kind) {
    case WS_GOT_PING:
        before = s->control.n;
        ws_encode(&s->control, WS_PONG, WS_FIN, e->payload);
        session_check_control(s, before);
        break;
    case WS_GOT_PONG:
        break;
    case WS_GOT_CLOSE:
        session_close(s, e->code, S(""));
        break;
    default:
        if (e->compressed)
            session_inflate(s, e);
        else
            session_message(s, e);
    }
}

/* Unmasks in place, so a frame must be consumed once it has been looked at. */
static size_t take_ws(struct session *s, char *p, size_t n)
{
    const struct ws_limits limits = {WS_SERVER, s->all->config.limits->message,
                                     s->compress_most > 0};
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

void session_feed(struct session *s, char *bytes, size_t n)
{
    if (s->connected)
        heard(s);
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

void session_go_on(struct session *s)
{
    if (!s->paused || s->closing || is_held(s))
        return;
    s->paused = false;
    if (s->stomp_in.n)
        drain_stomp_in(s);
    if (!s->paused && !s->closing && s->in.n)
        drain_in(s);
    if (s->accounted && !s->closing)
        session_account(s);
    if (s->paused || s->closing)
        return;
    heard(s);
    if (!s->tcp)
        s->wire->ops->resume(s->wire);
    else if (!tcp_busy(s->tcp))
        tcp_read_start(s->tcp);
}

/* ----- the connection ----- */

static void session_free(struct session *s)
{
    if (s->out_n)
        session_drop_output(s, s->out_n);
    session_account(s);
    buf_free(&s->control);
    buf_free(&s->in);
    buf_free(&s->stomp_in);
    session_drop_parts(s);
    session_drop(&s->waiting_receipt);
    session_end_transaction(s);
    if (!s->connected)
        mem_free(s->entrance);
    while (s->subscriptions)
        session_unsubscribe(s, str_from(s->subscriptions->id, s->subscriptions->n));
    s->all->count--;
    mem_free(s);
}

static void on_data(struct tcp *tcp, char *bytes, size_t n)
{
    session_feed(tcp_owner(tcp), bytes, n);
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
    heard(s);
    session_drained(s);
}

/* The peer has taken what was written. */
void session_drained(struct session *s)
{
    session_dirty(s);
    if (s->paused && !s->closing) {
        session_write(s);
        session_go_on(s);
    }
    if (s->resume)
        session_resume_drained(s->resume);
}

void session_end(struct session *s)
{
    if (!s->tcp)
        atomic_fetch_sub(loop_load(s->all->config.loop), 1);
    if (!s->tcp && !s->closing)
        session_log_end(s, WS_LOST, S(""));
    s->tcp = NULL;
    if (s->wire) {
        buf_free(&s->wire->message);
        s->wire->ops->ended(s->wire);
    }
    s->wire = NULL;
    s->closing = true;
    loop_timer_clear(&s->timer);
    if (s->connected)
        throttle_free(s);
    session_account(s);
    session_not_dirty(s);
    if (s->loading) {
        s->loading = false;
        s->jobs--;
    }
    session_leave(s);
    if (!s->jobs)
        session_free(s);
}

static void on_close(struct tcp *tcp)
{
    session_end(tcp_owner(tcp));
}

static void on_closing(struct tcp *tcp)
{
    const struct session *s = tcp_owner(tcp);
    if (!s->closing)
        session_log_end(s, WS_LOST, S(""));
}

static const struct tcp_ops session_tcp = {on_data, on_end, on_drain, on_close, on_closing};

struct session *session_open(struct sessions *all, struct tcp *tcp, struct wire *wire,
                             const struct auth_ticket *ticket, int64_t users, unsigned window)
{
    struct session *s = mem_alloc(sizeof *s);
    size_t rest = all->config.limits->message + WS_HEADER_MAX;
    s->all = all;
    s->tcp = tcp;
    s->wire = wire;
    s->actor = ticket->actor;
    s->entrance = mem_alloc(sizeof *s->entrance);
    *s->entrance = (struct entrance){*ticket, users};
    s->compress_most = window == WS_DEFLATE_WINDOW ? UINT32_MAX : window ? 1u << window : 0;
    s->version = STOMP_12;
    session_start_output(s);
    s->control = BUF(SESSION_CONTROL_MAX + SESSION_CLOSE_ROOM);
    s->in = BUF(2 * rest + 256 * 1024); /* and one receive buffer's worth behind it */
    s->stomp_in = BUF(2 * rest);
    s->member.sign_in = s->actor.session;
    s->last_in = s->last_out = loop_now(all->config.loop);
    s->began = (uint32_t)(s->last_in / 1000);
    all->count++;
    if (tcp)
        tcp_hand_over(tcp, &session_tcp, s);
    else
        atomic_fetch_add(loop_load(all->config.loop), 1); /* it counts like a connection */
    hub_add(all->hub, &s->member, s->actor.app, s->actor.user, s->actor.user_id);
    if (tcp && wire)
        session_wire_frame(s, S("o"));
    session_schedule(s);
    if (all->restarting)
        session_close_later(s, WS_RESTARTING, 0);
    return s;
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
    if (session_gone(s)) {
        if (!s->jobs)
            session_free(s);
        return;
    }
    if (!s->jobs)
        session_idle(s);
    session_go_on(s);
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
static void push(struct hub_member *m, struct blob *frame, const struct event *e)
{
    struct session *s = (struct session *)m;
    if (s->resume)
        session_resume_hold(s->resume, frame, e);
    else if (e->type != EVENT_TYPING || !s->tcp || !tcp_busy(s->tcp))
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
    session_close_later(s, WS_NOT_ALLOWED, delay_ms);
}

static bool busy(const struct hub_member *m)
{
    const struct session *s = (const struct session *)m;
    return s->resume || session_busy(s);
}

struct sessions *sessions_new(const struct sessions_config *config)
{
    static const struct hub_ops ops = {.push = push,
                                       .subscribed = session_subscribed,
                                       .missed = session_missed,
                                       .revoke = revoke,
                                       .busy = busy};
    const struct hub_config hub = {config->loop, config->jobs, config->online,
                                   config->limits->presence_members};
    struct sessions *all = mem_alloc(sizeof *all);
    all->config = *config;
    all->hub = hub_new(&hub, &ops);
    all->frame = BUF(SESSION_CONTROL_MAX);
    all->scratch = mem_alloc(SCRATCH);
    loop_at_end_of_tick(config->loop, sessions_flush, all);
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
    ws_deflate_free(&all->deflate);
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
        /* One without a socket is told at once: its next request would find no listener. */
        bool waits = s->tcp && spread_ms > 0;
        int64_t delay = waits ? (int64_t)(random_u64() % (uint64_t)spread_ms) : 0;
        session_close_later(s, WS_RESTARTING, delay);
    }
    all->restarting = true;
    all->restart_hint = (spread_ms + 999) / 1000;
}
