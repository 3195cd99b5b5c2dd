/*
 * A session's one timer: what is due first of its announced close, the time to CONNECT, its peer's
 * silence and our own heart-beats.
 */
#include "realtime/session_parts.h"

#include <stdio.h>

enum { WIRE_SILENCE_MS = 150 * 1000 };

/* A little early, since timers may be late by two tenths of a second. */
static int64_t beat_due(const struct session *s)
{
    return s->last_out + (s->beat_out >= 1000 ? s->beat_out - 300 : s->beat_out / 2);
}

void session_close_later(struct session *s, int code, int64_t delay_ms)
{
    if (s->closing)
        return;
    s->close_code = (uint16_t)code;
    s->close_at = loop_now(s->all->config.loop) + delay_ms;
    session_schedule(s);
}

static void close_now(struct session *s)
{
    char hint[32];
    int n = snprintf(hint, sizeof hint, "retry-after=%lld", (long long)s->all->restart_hint);
    session_close(s, s->close_code,
                  s->close_code == WS_RESTARTING ? str_from(hint, (size_t)n) : S("signed out"));
}

/* How long it may be silent. Browsers throttle the timers of hidden tabs to one a minute, but
 * answer pings, which there are over a WebSocket only. */
static int64_t silence_of(const struct session *s)
{
    int64_t silence = 2 * (int64_t)s->beat_in;
    return s->tcp || silence > WIRE_SILENCE_MS ? silence : WIRE_SILENCE_MS;
}

static void ping(struct session *s)
{
    uint32_t before = s->control.n;
    ws_encode(&s->control, WS_PING, WS_FIN, S(""));
    session_check_control(s, before);
}

/* Silent, and read from: asked for a pong, or gone. */
static void judge_silence(struct session *s, int64_t now)
{
    if (!s->tcp || s->pinged) {
        session_close(s, WS_TOO_SLOW, S("no heart-beat"));
        return;
    }
    ping(s);
    s->pinged = true;
    s->last_in = now;
}

/* Sends what is due after silence of our own. */
static void beat(struct session *s, int64_t now)
{
    if (session_busy(s))
        ;
    else if (s->beat_out)
        session_control(s, S("\n"));
    else if (s->wire)
        session_wire_frame(s, S("h"));
    else
        ping(s);
    s->last_out = now;
}

/* When that is; 0: never. A request that waits for SockJS frames has its own. */
static int64_t next_beat(const struct session *s)
{
    if (s->closing || (!s->beat_out && !s->tcp))
        return 0;
    if (s->beat_out)
        return beat_due(s);
    if (s->wire)
        return s->last_out + SESSION_WIRE_BEAT_MS;
    return s->connected ? s->last_out + s->all->config.limits->ping_ms : 0;
}

static void expire(struct timer *timer)
{
    struct session *s = (struct session *)((char *)timer - offsetof(struct session, timer));
    int64_t now = loop_now(s->all->config.loop);
    if (session_gone(s))
        return;
    if (s->close_at && now >= s->close_at) {
        if (s->closing) {
            if (s->tcp)
                tcp_close(s->tcp);
            return;
        }
        s->close_at = 0;
        close_now(s);
    } else if (!s->connected && now - s->last_in >= s->all->config.limits->connect_ms) {
        session_fail(s, WS_NOT_ALLOWED, S(""),
                     s->stomp_in.n ? "The NUL that ends a frame did not come in time; some "
                                     "WebSocket clients cut a text at it."
                                   : "No CONNECT frame came in time.");
    } else if (s->beat_in && !s->paused && !session_busy(s) && now - s->last_in > silence_of(s)) {
        judge_silence(s, now);
    } else if (next_beat(s) && now >= next_beat(s)) {
        beat(s, now);
    }
    session_schedule(s);
}

static void sooner(int64_t *due, int64_t at)
{
    if (!*due || at < *due)
        *due = at;
}

void session_schedule(struct session *s)
{
    int64_t now = loop_now(s->all->config.loop), due = 0;
    if (s->close_at)
        sooner(&due, s->close_at);
    if (!s->connected)
        sooner(&due, s->last_in + s->all->config.limits->connect_ms);
    if (s->beat_in && !s->closing)
        sooner(&due, s->last_in + silence_of(s) + 1);
    if (next_beat(s))
        sooner(&due, next_beat(s));
    if (due)
        loop_timer_set(s->all->config.loop, &s->timer, due - now, expire);
    else
        loop_timer_clear(&s->timer);
}
