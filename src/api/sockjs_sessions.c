/*
 * SockJS sessions: the wire below realtime/session where there is no WebSocket, or the ticket's
 * side of one where there is. Two maps behind one lock: session id to session, of those that
 * requests have to find; ticket to its latest session that has not CONNECTED yet.
 *
 * After its end a session stays in the first map for the time of a time-out, to tell its close
 * frame to whoever asks. Turned down: a session that moves to the loop of its latest request. Its
 * interest in the hub would have to move with it.
 */
#include "api/sockjs_parts.h"

#include "base/mem.h"
#include "base/random.h"
#include "codec/ws.h"

#include <pthread.h>

enum {
    ABSENT_MS = 5 * 1000,      /* without a receiver */
    BEAT_MS = 25 * 1000,       /* of silence */
    STREAM_BYTES = 128 * 1024, /* of one streaming answer */
    FRAME_MAX = 100 * 1024 * 1024,
    CLAIM_ARENA = 64 * 1024,
    SENDERS_MAX = 8, /* requests of a session that wait to be read; clients make one at a time */
};

enum state { OPENING, OPEN, CLOSED };

struct sockjs_registry {
    pthread_mutex_t lock;
    struct map ids;
    struct map tickets;
};

struct sockjs_session {
    struct wire wire; /* first */
    struct sockjs_registry *all;
    struct loop *loop;
    atomic_uint refs;
    MapKey id, ticket;
    Id app_id, user_id; /* under the lock of all */
    struct auth_opening opening;

    /* On its loop. */
    enum state state;
    bool opened_frame;            /* `o` was sent */
    bool receiver_busy;           /* a frame is on its way */
    bool listed;                  /* in the map of ids, which holds a reference: timers may run */
    struct session *session;      /* NULL: not yet, or not any longer */
    struct sockjs_poll *receiver; /* counted */
    struct loop_msg *senders;     /* notes, oldest first: wait until input is wanted again */
    struct buf left;              /* CLOSED: elements that no one has taken */
    struct buf close_frame;
    struct timer timer;
};

/* ----- the registry ----- */

struct sockjs_registry *sockjs_registry_new(void)
{
    struct sockjs_registry *all = mem_alloc(sizeof *all);
    must(pthread_mutex_init(&all->lock, NULL) == 0);
    return all;
}

static void session_free(struct sockjs_session *e)
{
    buf_free(&e->left);
    buf_free(&e->close_frame);
    mem_free(e);
}

void sockjs_registry_free(struct sockjs_registry **at)
{
    struct sockjs_registry *all = *at;
    if (!all)
        return;
    size_t i = 0;
    for (struct sockjs_session *e; (e = map_next(&all->ids, &i));)
        sockjs_unref(e);
    i = 0;
    for (struct sockjs_session *e; (e = map_next(&all->tickets, &i));)
        sockjs_unref(e);
    map_free(&all->ids);
    map_free(&all->tickets);
    pthread_mutex_destroy(&all->lock);
    mem_free(all);
    *at = NULL;
}

void sockjs_ref(struct sockjs_session *e)
{
    atomic_fetch_add(&e->refs, 1);
}

void sockjs_unref(struct sockjs_session *e)
{
    if (atomic_fetch_sub(&e->refs, 1) == 1)
        session_free(e);
}

/* Takes it out of the map, if it is still there. */
static void unlist(struct sockjs_session *e, struct map *map, MapKey key)
{
    pthread_mutex_lock(&e->all->lock);
    bool there = map_get(map, key) == e;
    if (there)
        map_remove(map, key);
    pthread_mutex_unlock(&e->all->lock);
    if (there)
        sockjs_unref(e);
}

/* No request finds it any more. A message that is under way to it may still come, and must not set
 * the timer again: nobody would clear it. */
static void unlist_id(struct sockjs_session *e)
{
    loop_timer_clear(&e->timer);
    e->listed = false;
    unlist(e, &e->all->ids, e->id);
}

struct sockjs_session *sockjs_find(struct sockjs_registry *all, Str id)
{
    pthread_mutex_lock(&all->lock);
    struct sockjs_session *e = map_get(&all->ids, random_hash(id));
    if (e)
        sockjs_ref(e);
    pthread_mutex_unlock(&all->lock);
    return e;
}

static const struct wire_ops wire_ops;

struct sockjs_session *sockjs_new(struct sockjs_registry *all, Str ticket, struct loop *loop)
{
    struct sockjs_session *e = mem_alloc(sizeof *e);
    e->wire.ops = &wire_ops;
    e->all = all;
    e->loop = loop;
    e->ticket = random_hash(ticket);
    atomic_init(&e->refs, 1);
    return e;
}

struct sockjs_session *sockjs_find_or_open(struct sockjs_registry *all, Str id, Str ticket,
                                           struct loop *loop, bool *opening)
{
    MapKey key = random_hash(id);
    pthread_mutex_lock(&all->lock);
    struct sockjs_session *e = map_get(&all->ids, key);
    *opening = !e;
    if (!e) {
        e = sockjs_new(all, ticket, loop);
        e->id = key;
        e->listed = true;
        map_put(&all->ids, key, e);
    }
    sockjs_ref(e);
    pthread_mutex_unlock(&all->lock);
    return e;
}

bool sockjs_has_ticket(const struct sockjs_session *e, Str ticket)
{
    MapKey key = random_hash(ticket);
    return key.a == e->ticket.a && key.b == e->ticket.b;
}

void sockjs_set_owner(struct sockjs_session *e, const struct auth_ticket *ticket)
{
    pthread_mutex_lock(&e->all->lock);
    e->app_id = ticket->app_id;
    e->user_id = ticket->actor.user_id;
    pthread_mutex_unlock(&e->all->lock);
}

void sockjs_owner(struct sockjs_session *e, struct auth_ticket *ticket)
{
    pthread_mutex_lock(&e->all->lock);
    ticket->app_id = e->app_id;
    ticket->actor.user_id = e->user_id;
    pthread_mutex_unlock(&e->all->lock);
}

struct loop *sockjs_loop(const struct sockjs_session *e)
{
    return e->loop;
}

struct wire *sockjs_wire(struct sockjs_session *e)
{
    return &e->wire;
}

struct auth_opening *sockjs_opening(struct sockjs_session *e)
{
    return &e->opening;
}

/* ----- opening ----- */

/* Of two sessions of a ticket the later one goes on. */
static void supersede(struct loop *loop, struct loop_msg *msg)
{
    struct sockjs_note *n = (struct sockjs_note *)msg;
    (void)loop;
    if (n->session->session)
        session_close(n->session->session, WS_NOT_ALLOWED,
                      S("The ticket has opened another session."));
    sockjs_note_free(n);
}

void sockjs_opened(struct sockjs_session *e, struct session *s)
{
    e->session = s;
    e->state = OPEN;
    sockjs_ref(e); /* the session's, until `ended` */
    sockjs_ref(e); /* the map's */
    pthread_mutex_lock(&e->all->lock);
    struct sockjs_session *earlier = map_get(&e->all->tickets, e->ticket), *later = e;
    if (earlier && earlier->opening.number > e->opening.number) { /* its loop was quicker */
        later = earlier;
        earlier = e;
    }
    map_put(&e->all->tickets, e->ticket, later);
    pthread_mutex_unlock(&e->all->lock);
    if (!earlier)
        return;
    struct sockjs_note *n = sockjs_note(earlier, NULL);
    n->msg.run = supersede;
    loop_post(earlier->loop, &n->msg);
    sockjs_unref(earlier);
}

void sockjs_not_opened(struct sockjs_session *e)
{
    e->state = CLOSED;
    unlist_id(e);
}

/* ----- frames to the receiver ----- */

static void expire(struct timer *timer);

static void wait_for(struct sockjs_session *e, int64_t ms)
{
    if (e->listed)
        loop_timer_set(e->loop, &e->timer, ms, expire);
}

static bool is_last(struct sockjs_poll *p)
{
    return sockjs_polls_once(p) || p->sent >= STREAM_BYTES;
}

enum after { MORE, LAST };

static void deliver(struct sockjs_poll *p, Str frame, enum after after)
{
    struct sockjs_note *n = sockjs_note(NULL, p);
    n->msg.run = sockjs_deliver;
    n->bytes = BUF(FRAME_MAX);
    sockjs_wrap(&n->bytes, p->transport, str_of(p->callback), frame);
    must(!n->bytes.overflow);
    p->sent += n->bytes.n;
    n->last = after == LAST || is_last(p);
    loop_post(p->loop, &n->msg);
}

static void detach(struct sockjs_session *e)
{
    if (e->receiver)
        sockjs_poll_unref(e->receiver);
    e->receiver = NULL;
    wait_for(e, ABSENT_MS);
}

/* To the receiver, which is not busy. */
static void frame(struct sockjs_session *e, Str text)
{
    deliver(e->receiver, text, MORE);
    e->receiver_busy = true;
    if (is_last(e->receiver))
        detach(e);
    else
        wait_for(e, BEAT_MS);
}

static struct buf array_of(Str elements)
{
    struct buf out = BUF(FRAME_MAX);
    sockjs_array(&out, elements);
    return out;
}

/* The session has closed: what was left, then its close frame, as far as one answer goes. */
static void tell_end(struct sockjs_session *e, struct sockjs_poll *p)
{
    bool left = e->left.n > 0;
    if (left) {
        struct buf text = array_of(buf_str(&e->left));
        deliver(p, buf_str(&text), MORE);
        buf_free(&text);
        buf_free(&e->left);
    }
    if (!left || !is_last(p))
        deliver(p, buf_str(&e->close_frame), LAST);
}

static void end_as(struct sockjs_session *e, int code, Str reason)
{
    e->state = CLOSED;
    e->close_frame = BUF(4096);
    sockjs_close(&e->close_frame, code, reason);
}

static void expire(struct timer *timer)
{
    struct sockjs_session *e =
        (struct sockjs_session *)((char *)timer - offsetof(struct sockjs_session, timer));
    if (e->receiver) {
        if (e->receiver_busy)
            wait_for(e, BEAT_MS);
        else
            frame(e, S("h"));
        return;
    }
    sockjs_ref(e);
    e->state = CLOSED;
    unlist_id(e);
    if (e->session)
        session_wire_end(e->session);
    sockjs_unref(e);
}

/* ----- notes from requests ----- */

void sockjs_attach(struct loop *loop, struct loop_msg *msg)
{
    struct sockjs_note *n = (struct sockjs_note *)msg;
    struct sockjs_session *e = n->session;
    struct sockjs_poll *p = n->poll;
    (void)loop;
    if (e->state == OPENING || e->receiver) {
        deliver(p, S("c[2010,\"Another connection still open\"]"), LAST);
    } else if (e->state == CLOSED && !e->close_frame.n) { /* not opened, or forgotten */
        deliver(p, S("c[1002,\"Connection interrupted\"]"), LAST);
    } else if (e->state == CLOSED) {
        tell_end(e, p);
        wait_for(e, ABSENT_MS);
    } else {
        atomic_fetch_add(&p->refs, 1);
        e->receiver = p;
        e->receiver_busy = false;
        wait_for(e, BEAT_MS);
        if (!e->opened_frame)
            frame(e, S("o"));
        else
            session_wire_ready(e->session);
        e->opened_frame = true;
    }
    sockjs_note_free(n);
}

void sockjs_drained(struct loop *loop, struct loop_msg *msg)
{
    struct sockjs_note *n = (struct sockjs_note *)msg;
    struct sockjs_session *e = n->session;
    (void)loop;
    if (e->receiver == n->poll) {
        e->receiver_busy = false;
        if (e->session)
            session_wire_ready(e->session);
    }
    sockjs_note_free(n);
}

void sockjs_gone(struct loop *loop, struct loop_msg *msg)
{
    struct sockjs_note *n = (struct sockjs_note *)msg;
    struct sockjs_session *e = n->session;
    (void)loop;
    if (e->receiver == n->poll) {
        detach(e);
        if (e->state == OPEN)
            end_as(e, WS_PROTOCOL_ERROR, S("Connection interrupted"));
        if (e->session)
            session_wire_end(e->session);
    }
    sockjs_note_free(n);
}

static void answer_sender(struct sockjs_note *n, int status)
{
    if (status)
        n->status = status;
    n->msg.run = sockjs_sent;
    loop_post(n->loop, &n->msg);
}

/* Gives what has come to the session, in order, as long as it wants more; a request whose part was
 * the last that it wanted is answered when it wants more again. */
static void take_input(struct sockjs_session *e)
{
    while (e->senders) {
        struct sockjs_note *n = (struct sockjs_note *)e->senders;
        struct buf bytes = n->bytes;
        n->bytes = BUF(bytes.max);
        bool wanted = !e->session || session_wire_input(e->session, buf_str(&bytes));
        buf_free(&bytes);
        if (!wanted || e->senders != &n->msg)
            return;
        e->senders = n->msg.next;
        answer_sender(n, 0);
    }
}

void sockjs_send(struct loop *loop, struct loop_msg *msg)
{
    struct sockjs_note *n = (struct sockjs_note *)msg;
    struct sockjs_session *e = n->session;
    (void)loop;
    if (e->state == OPENING) {
        answer_sender(n, 404);
        return;
    }
    bool first = !e->senders;
    struct loop_msg **end = &e->senders;
    size_t waiting = 0;
    for (; *end; end = &(*end)->next)
        waiting++;
    if (waiting == SENDERS_MAX) {
        answer_sender(n, 503);
        return;
    }
    msg->next = NULL;
    *end = msg;
    sockjs_ref(e);
    if (first)
        take_input(e);
    sockjs_unref(e);
}

/* ----- the wire ----- */

static struct sockjs_session *of(struct wire *w)
{
    return (struct sockjs_session *)w;
}

static bool busy(const struct wire *w)
{
    const struct sockjs_session *e = (const struct sockjs_session *)w;
    return !e->receiver || e->receiver_busy;
}

static void send(struct wire *w, Str elements)
{
    struct buf text = array_of(elements);
    frame(of(w), buf_str(&text));
    buf_free(&text);
}

static void resume(struct wire *w)
{
    struct sockjs_session *e = of(w);
    struct sockjs_note *n = (struct sockjs_note *)e->senders;
    if (!n)
        return;
    e->senders = n->msg.next;
    answer_sender(n, 0);
    take_input(e);
}

static void end(struct loop *loop, struct loop_msg *msg)
{
    struct sockjs_note *n = (struct sockjs_note *)msg;
    (void)loop;
    if (n->session->session)
        session_wire_end(n->session->session);
    sockjs_note_free(n);
}

static void close_wire(struct wire *w, Str elements, int code, Str reason)
{
    struct sockjs_session *e = of(w);
    end_as(e, code, reason);
    e->left = BUF(FRAME_MAX);
    buf_add(&e->left, elements);
    if (e->receiver) {
        tell_end(e, e->receiver);
        detach(e);
    }
    struct sockjs_note *n = sockjs_note(e, NULL);
    n->msg.run = end;
    loop_post(e->loop, &n->msg);
}

static void ended(struct wire *w)
{
    struct sockjs_session *e = of(w);
    e->session = NULL;
    resume(w);
    unlist(e, &e->all->tickets, e->ticket);
    sockjs_unref(e);
}

/* ----- the ticket ----- */

struct claim {
    struct job job; /* first */
    struct arena arena;
    struct sockjs_session *e; /* counted */
    struct session *session;  /* waits for the job */
};

static Err run_claim(struct job *job, struct tx *tx)
{
    return auth_claim_ticket(tx, &((struct claim *)job)->e->opening);
}

static void claimed(struct job *job)
{
    struct claim *c = (struct claim *)job;
    if (!job->err)
        unlist(c->e, &c->e->all->tickets, c->e->ticket);
    session_claimed(c->session, job->err);
    sockjs_unref(c->e);
    arena_free(&c->arena);
    mem_free(c);
}

static Err claim(struct wire *w, struct session *s)
{
    struct claim *c = mem_alloc(sizeof *c);
    c->arena = ARENA(CLAIM_ARENA);
    c->e = of(w);
    c->session = s;
    c->job = (struct job){.item = {.tenant = session_actor(s)->app,
                                   .lane = session_actor(s)->user,
                                   .bytes = sizeof *c},
                          .loop = session_loop(s),
                          .pool = JOB_WRITE,
                          .run = run_claim,
                          .done = claimed,
                          .arena = &c->arena};
    Err err = session_submit(s, &c->job);
    if (err)
        mem_free(c);
    else
        sockjs_ref(c->e);
    return err;
}

static const struct wire_ops wire_ops = {busy, send, resume, close_wire, claim, ended};
