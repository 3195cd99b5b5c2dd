/*
 * What the files of the session share: session.c (input, lifetime), session_time.c (its timer),
 * session_out.c (output), session_log.c (its lines in the log),
 * session_stomp.c (what STOMP frames do), session_resume.c (what was missed), session_deflate.c
 * (compressed messages), session_wire.c (SockJS). For no one else.
 */
#ifndef REALTIME_SESSION_PARTS_H
#define REALTIME_SESSION_PARTS_H

#include "base/buf.h"
#include "base/log.h"
#include "codec/ws.h"
#include "realtime/session.h"

enum {
    SESSION_CONTROL_HIGH = 64 * 1024, /* bytes of control frames above which input waits */
    SESSION_CONTROL_MAX = 256 * 1024, /* bytes of control frames queued */
    SESSION_CLOSE_ROOM = 8 * 1024,    /* and of a close frame behind them, a SockJS one too */
};

struct subscription {
    struct subscription *next;
    size_t n;
    bool presence; /* asked for */
    bool acks;     /* its ack mode is not auto: its MESSAGEs have an ack header */
    bool ahead;    /* it has got the oldest queued event already, others have not */
    char id[];     /* as it was sent: escaped; no NUL */
};

/* An open one; its SENDs are kept as they came. */
struct transaction {
    Str name; /* as it was sent; owned */
    struct buf frames;
    unsigned n;
};

/* What a CONNECT is checked against. */
struct entrance {
    struct auth_ticket ticket;
    int64_t users; /* the plan's limit */
};

/* Once it has sent messages above the rate. */
struct throttle {
    struct timer timer;
    struct session *session;
    bool held;     /* not read from until the timer fires */
    int64_t since; /* loop time since when it is over the rate */
    int64_t until; /* loop time when it was last let go on */
};

/* What a delivery touches stands first and together: with thousands of sessions a tick none of it
 * is in a cache, and each line that has to be fetched is a good part of what our side of it costs.
 */
struct session {
    struct hub_member member; /* first */
    struct sessions *all;
    struct tcp *tcp;   /* NULL once the connection has ended; or it has a wire only */
    struct wire *wire; /* of SockJS, borrowed; else NULL, and NULL once it has ended */
    struct session *next_dirty;
    struct blob **out; /* references, oldest first: &only, or an owned array */
    struct blob *only; /* room for the one event that a tick mostly has */
    uint32_t out_n, out_cap;
    uint32_t out_bytes; /* session_limits.output, which is 1 GiB at most, and one event */
    uint32_t accounted; /* of them in the process's count */
    struct session_resume *resume;      /* owned; NULL: what comes live goes straight out */
    struct subscription *subscriptions; /* owned list */
    uint32_t n_subscriptions;
    uint32_t jobs; /* in flight */
    int64_t last_out;
    bool refused_version, connected, loading, committing, paused, dirty, closing, removed, online;
    bool claiming;          /* the ticket, before CONNECTED */
    bool pinged;            /* it was silent, and has not answered yet */
    uint8_t version;        /* enum stomp_version */
    uint32_t compress_most; /* bytes of an event that may be compressed; 0: not agreed */
    struct actor actor;
    struct buf control;

    struct buf in;
    struct buf stomp_in;
    struct buf *parts;   /* owned: of a compressed message so far; NULL: none */
    Str waiting_receipt; /* of the SUBSCRIBE that is loading, or of the COMMIT under way; owned */
    struct transaction *transaction; /* owned; NULL: none */
    union {
        struct entrance *entrance; /* owned; until CONNECTED */
        struct throttle *throttle; /* owned; since then; NULL: none */
    };
    int64_t position; /* in the log: of the snapshot that was replayed */
    struct ws_stream ws;
    uint32_t began;             /* loop time in seconds */
    uint32_t beat_out, beat_in; /* milliseconds; 0: none */
    uint16_t close_code;
    uint16_t wanted; /* stomp_frame.wanted of what is in stomp_in; UINT16_MAX: STOMP_WANTS_NUL */
    int64_t last_in;
    int64_t close_at; /* loop time of a close that was announced; 0: none */
    struct timer timer;
};

struct sessions {
    struct sessions_config config;
    struct hub *hub;
    struct session *dirty;
    size_t count;
    size_t resuming;                                   /* those that have a turn */
    struct session_resume *first_resume, *last_resume; /* those that wait for one */
    int64_t shed_at; /* loop time when the budget was last looked after */
    bool restarting;
    int64_t restart_hint;       /* seconds */
    struct buf frame;           /* where control frames are put together */
    struct ws_deflate *deflate; /* NULL until the first session uses it */
    size_t inflated;            /* bytes in this tick */
    char *scratch;
};

/* Its connection has ended. */
static inline bool session_gone(const struct session *s)
{
    return !s->tcp && !s->wire;
}

/* What was written last is still on its way, or nobody is there to take it. */
static inline bool session_busy(const struct session *s)
{
    return s->tcp ? tcp_busy(s->tcp) : s->wire && s->wire->ops->busy(s->wire);
}

/* ----- session.c ----- */

/* Holds input back until session_go_on. */
void session_pause(struct session *s);
/* Takes up what had to wait. */
void session_go_on(struct session *s);
/* Not read from for so long: it has sent more than it may. Past the time that the limits give it is
 * closed. */
void session_throttle(struct session *s, int64_t ms);
/* Sets the timer for whatever is due first. */
void session_schedule(struct session *s);
void session_close_later(struct session *s, int code, int64_t delay_ms);

/* A message, or the next part of one. */
void session_message(struct session *s, const struct ws_event *e);
/* Bytes of STOMP. */
void session_payload(struct session *s, Str payload);
/* What was written is taken: writes on, and takes up input that waited for that. */
void session_drained(struct session *s);
/* The connection has ended. Frees it, perhaps. */
void session_end(struct session *s);

/* ----- session_log.c ----- */

/* The session's last line: why it ends, how long it was, what came and went. Once, before its
 * connection is gone. */
void session_log_end(const struct session *s, int code, Str reason);
/* The fields app and user of a line about it, by their ids. */
enum { SESSION_LOG_WHO = 2 };
struct session_who {
    char app[ID_TEXT], user[ID_TEXT]; /* which the fields point to */
};
void session_log_who(const struct session *s, struct session_who *who,
                     struct log_field out[SESSION_LOG_WHO]);

/* ----- session_wire.c: what the functions above them do, of a session on a wire ----- */

enum { SESSION_WIRE_BEAT_MS = 25 * 1000 };

void session_wire_frame(struct session *s, Str frame);
void session_wire_control(struct session *s, Str stomp);
void session_wire_write(struct session *s);
void session_wire_close(struct session *s, int code, Str reason);
void session_wire_message(struct session *s, const struct ws_event *e);

/* ----- session_deflate.c ----- */

/* Is this event to go out compressed? */
static inline bool session_compresses(const struct session *s, const struct blob *b)
{
    return b->n <= s->compress_most && b->n > s->all->config.limits->compress_above;
}

/* One event for one subscription, as a WebSocket message; returns its end. */
char *session_put_compressed(struct session *s, char *at, Str user, const struct subscription *to,
                             struct blob *b);
/* Of a compressed message. */
void session_inflate(struct session *s, const struct ws_event *e);
void session_drop_parts(struct session *s);

/* ----- session_out.c ----- */

/* What stands before the shared part of an event's frame, which has this many bytes; returns its
 * end. */
size_t session_head_size(Str user, const struct subscription *to, const struct blob *b);
char *session_put_head(char *at, Str user, const struct subscription *to, const struct blob *b);
/* Copies s there; returns its end. */
static inline char *session_put(char *at, Str s)
{
    memcpy(at, s.p, s.n);
    return at + s.n;
}

/* One event for one subscription, as STOMP; returns its end. */
char *session_put_frame(char *at, Str user, const struct subscription *to, const struct blob *b);

/* The oldest event has been written for all subscriptions, though with a break. */
void session_even_out(struct session *s);
/* The event that is being written went to the subscriptions up to this one, and not beyond. */
void session_put_ahead(struct session *s, const struct subscription *last);

/* Before its first event. */
void session_start_output(struct session *s);
/* It has something to write at the end of the tick. */
void session_dirty(struct session *s);
void session_not_dirty(struct session *s);
/* Queues a STOMP frame of its own. */
void session_control(struct session *s, Str stomp);
/* After bytes were added to `control`, which had so many before. */
void session_check_control(struct session *s, uint32_t before);
/* Writes what is queued, as far as the peer takes it. */
void session_write(struct session *s);
/* Drops the n oldest queued events. */
void session_drop_output(struct session *s, uint32_t n);
/* Brings the process's count of what sessions hold up to date: what the peer does not take, and
 * what has come from it and has to wait. */
void session_account(struct session *s);
/* The end of the tick: one write for each session that has output. */
void sessions_flush(void *all);
/* Closed: no events any more, and it does not count as connected. */
void session_leave(struct session *s);

/* ----- session_stomp.c ----- */

/* SENDs queue up behind one another; anything else waits for those before it. */
bool session_must_wait(const struct session *s, enum stomp_command command);
/* raw: the frame's own bytes. False: it has not been taken, and has to come again. */
bool session_frame(struct session *s, const struct stomp_frame *f, Str raw);
/* The last job in flight has ended. */
void session_idle(struct session *s);
void session_end_transaction(struct session *s);
void session_unsubscribe(struct session *s, Str id);
/* The hub has taken up a subscription. */
void session_subscribed(struct hub_member *m, Err err);
/* It was not pushed all that came since it began. */
void session_missed(struct hub_member *m);
/* Frees what is kept of a frame, and nulls it. */
void session_drop(Str *kept);

/* ----- session_resume.c ----- */

/* CONNECTED: live events are held for the first SUBSCRIBE. */
void session_resume_early(struct session *s);
/* From now on live events are held; cursor: the client's last-event-id. */
void session_resume_begin(struct session *s, Str cursor);
/* The hub has taken up the subscription: what was missed can be sent. */
void session_resume_go(struct session_resume *r);
/* Events that should have been held were not: the log has to be read. */
void session_resume_missed(struct session_resume *r);
/* A SUBSCRIBE is being sent what it missed. */
bool session_resume_under_way(const struct session *s);
void session_resume_hold(struct session_resume *r, struct blob *frame, const struct event *e);
/* The peer has taken what was written. */
void session_resume_drained(struct session_resume *r);
/* Ends it without a word; nothing when there is none. */
void session_resume_cancel(struct session *s);

#endif
