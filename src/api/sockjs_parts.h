/*
 * What the files of SockJS share: sockjs_requests.c (what comes by HTTP), sockjs_polls.c (requests
 * that wait for frames), sockjs_sessions.c (sessions and the registry). For no one else.
 *
 * A session belongs to one loop, its requests to theirs. Between them go notes, always by
 * loop_post, so that there is one way for one loop and for many. To a waiting request goes one
 * frame at a time; the next follows when its peer has taken it.
 */
#ifndef API_SOCKJS_PARTS_H
#define API_SOCKJS_PARTS_H

#include "api/sockjs_server.h"
#include "codec/sockjs.h"
#include "domain/auth.h"

struct sockjs_session;

/* A request that waits for frames. Counted: one for its own loop while it is unanswered, one for
 * the session while it is its receiver, one for each note. */
struct sockjs_poll {
    atomic_uint refs;
    enum sockjs_endpoint transport;
    char callback[65];
    struct loop *loop;
    struct sockjs_session *session; /* counted */

    struct exchange *x; /* on its loop; NULL once answered */
    bool undrained;     /* on its loop: the last frame is on its way */

    size_t sent; /* on the session's loop */
};

/* A message between the two loops; what it needs of these. */
struct sockjs_note {
    struct loop_msg msg;
    struct sockjs_session *session; /* counted */
    struct sockjs_poll *poll;       /* counted */
    struct exchange *x;             /* of a sending request */
    struct loop *loop;              /* its */
    struct buf bytes;               /* owned */
    int status;
    bool last;
};

struct sockjs_note *sockjs_note(struct sockjs_session *e, struct sockjs_poll *p);
void sockjs_note_free(struct sockjs_note *n);

/* ----- sockjs_sessions.c ----- */

/* Who a session id names, counted; NULL: no one. Any thread. */
struct sockjs_session *sockjs_find(struct sockjs_registry *all, Str id);
/* The same, or a new one, being opened on this loop, with *opening set. */
struct sockjs_session *sockjs_find_or_open(struct sockjs_registry *all, Str id, Str ticket,
                                           struct loop *loop, bool *opening);
/* One over a WebSocket, which no id names. */
struct sockjs_session *sockjs_new(struct sockjs_registry *all, Str ticket, struct loop *loop);
void sockjs_ref(struct sockjs_session *e);
void sockjs_unref(struct sockjs_session *e);

bool sockjs_has_ticket(const struct sockjs_session *e, Str ticket);
/* Whose it is, once its ticket was taken, for the log: ticket->app_id and ->actor.user_id alone.
 * Any thread. */
void sockjs_set_owner(struct sockjs_session *e, const struct auth_ticket *ticket);
void sockjs_owner(struct sockjs_session *e, struct auth_ticket *ticket);
struct loop *sockjs_loop(const struct sockjs_session *e);
struct wire *sockjs_wire(struct sockjs_session *e);
struct auth_opening *sockjs_opening(struct sockjs_session *e);

/* On its loop. Its ticket has opened it: the ticket's earlier session ends. */
void sockjs_opened(struct sockjs_session *e, struct session *s);
/* On its loop: it could not be opened. */
void sockjs_not_opened(struct sockjs_session *e);

/* Notes to a session's loop. */
void sockjs_attach(struct loop *loop, struct loop_msg *msg);  /* poll: a new receiver */
void sockjs_drained(struct loop *loop, struct loop_msg *msg); /* poll: has taken the last frame */
void sockjs_gone(struct loop *loop, struct loop_msg *msg);    /* poll: its peer has left */
void sockjs_send(struct loop *loop, struct loop_msg *msg);    /* bytes; answered by sockjs_sent */

/* ----- sockjs_polls.c ----- */

/* Holds the request and makes it a receiver of the session. */
void sockjs_poll(struct exchange *x, struct sockjs_session *e, enum sockjs_endpoint transport,
                 Str callback);
void sockjs_poll_unref(struct sockjs_poll *p);
/* Has one frame only? */
bool sockjs_polls_once(const struct sockjs_poll *p);

/* Notes to a request's loop. */
void sockjs_deliver(struct loop *loop, struct loop_msg *msg); /* poll, bytes, last */
void sockjs_sent(struct loop *loop, struct loop_msg *msg);    /* x, status */

#endif
