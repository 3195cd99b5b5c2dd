/*
 * struct session: one realtime connection of a user, from the WebSocket upgrade to its close: STOMP
 * frames in, events, receipts and heart-beats out. It knows the protocol (CONNECT, SUBSCRIBE,
 * receipts, heart-beats, closing) but not what a SEND means: that is the commands' table in api/.
 *
 * struct sessions is the sessions of one loop. A session frees itself after its connection has
 * ended and its jobs are done. Everything happens on the loop's thread.
 *
 * Frames take effect in order: SENDs go to the writer one after another without waiting (up to a
 * number in flight); anything else waits until no job of the session is in flight. While it waits,
 * or the peer does not take our output, or it has sent more than its rate, the session is not read
 * from.
 *
 * Output: events are queued as references to shared frames, control frames as bytes; at the end of
 * the tick each session with output makes one write. What does not go out stays queued; past the
 * limit the session is closed with 1013.
 */
#ifndef REALTIME_SESSION_H
#define REALTIME_SESSION_H

#include "codec/stomp.h"
#include "domain/auth.h"
#include "io/tcp.h"
#include "realtime/hub.h"
#include "realtime/online.h"
#include "realtime/wire.h"

struct session;
struct sessions;

struct session_limits {
    int64_t connect_ms;    /* from the socket's opening to CONNECT */
    int64_t heart_beat_ms; /* what we can send and want to get */
    int64_t ping_ms;       /* between pings of a session that gets no heart-beats */
    int64_t over_rate_ms;  /* how long a session may stay over its rate */
    size_t jobs;           /* in flight */
    size_t output;         /* bytes queued for a peer that does not take them */
    size_t subscriptions;
    size_t resumes;        /* of a loop at once */
    size_t message;        /* a WebSocket message, inflated too */
    size_t compress_above; /* bytes of an event; 0: permessage-deflate is off */
    struct stomp_limits stomp;
    int64_t sessions_per_user;
    int64_t presence_members; /* in a chat of more no one is told of another's presence */
};

enum { SESSION_DROP = -1 };

struct session_ops {
    /* The JWT of a CONNECT frame, against the session's ticket; *why says what is wrong. */
    Err (*connect)(struct session *s, const struct auth_ticket *ticket, Str token,
                   const char **why);
    /* May a SEND to /api/chat take effect now? 0: yes, and it is counted; SESSION_DROP: it is
     * nothing that anyone waits for; else in so many milliseconds, when it is asked again. */
    int64_t (*admit)(struct session *s, const struct stomp_frame *frame);
    /* One that was admitted. May call session_submit, session_receipt, session_tell. */
    void (*command)(struct session *s, const struct stomp_frame *frame);
};

struct sessions_config {
    struct loop *loop;
    struct jobs *jobs;
    struct online *online;
    const struct session_limits *limits;
    const struct session_ops *ops;
    void *context;           /* of the ops: session_context */
    atomic_size_t *buffered; /* the process's queued output, shared by all loops */
    size_t budget;           /* for it: past 80 % the largest laggards go first */
    /* Closes the loop's largest laggard that is no session, if more bytes than these wait for it;
     * NULL: there are only sessions. */
    bool (*shed)(void *context, struct loop *loop, size_t more_than);
};

/* Takes over the loop's end of tick. */
struct sessions *sessions_new(const struct sessions_config *config);
/* After the last session has ended. */
void sessions_free(struct sessions **sessions);

struct hub *sessions_hub(struct sessions *sessions);
size_t sessions_count(const struct sessions *sessions);

/*
 * A session on an upgraded connection, which it takes over, or by SockJS on a wire, or both. users
 * is the plan's number of distinct users (0: no limit), checked at CONNECT. window: what
 * ws_deflate_accept gave for the WebSocket; 0: no compression. The caller has counted the session
 * (online_open); its end gives that back.
 */
struct session *session_open(struct sessions *sessions, struct tcp *tcp, struct wire *wire,
                             const struct auth_ticket *ticket, int64_t users, unsigned window);
/* Bytes that came behind the upgrade request; may be written to. */
void session_feed(struct session *s, char *bytes, size_t n);

/* For the wire: bytes of STOMP have come; false: hold back more until wire_ops.resume. */
bool session_wire_input(struct session *s, Str stomp);
/* It is not busy any longer. */
void session_wire_ready(struct session *s);
/* Of a session without a tcp: its connection has ended. */
void session_wire_end(struct session *s);
/* The outcome of wire_ops.claim; the job's `done` calls it last. */
void session_claimed(struct session *s, Err err);

/* Closes the loop's sessions with 1012, each at a random moment within spread_ms, and a hint when
 * to come back. */
void sessions_restart(struct sessions *sessions, int64_t spread_ms);

/* For the commands. */
void *session_context(const struct session *s);
const struct actor *session_actor(const struct session *s);
struct loop *session_loop(const struct session *s);

/*
 * Submits a job of the session and counts it as in flight until session_job_done, which the job's
 * `done` calls last. On an error nothing is in flight.
 */
Err session_submit(struct session *s, struct job *job) must_check;
void session_job_done(struct session *s);

/* RECEIPT for the frame's receipt header as it was sent, if it had one (n > 0). */
void session_receipt(struct session *s, Str receipt);
/* A MESSAGE with this body to this session alone; dropped when it has no subscription. */
void session_tell(struct session *s, Str json);
/* The same with an event's frame. */
void session_push(struct session *s, struct blob *frame);

/* An ERROR frame with the sentence, then close with the code. */
void session_fail(struct session *s, int code, Str receipt, const char *why);

/* A WebSocket close frame, then the connection's end. Only the first one counts. */
void session_close(struct session *s, int code, Str reason);

#endif
