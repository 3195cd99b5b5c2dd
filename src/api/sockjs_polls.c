/*
 * Requests that wait for frames. A polling one is answered with its one frame and a length, a
 * streaming one in chunks, one a frame, since some clients look at each read by itself.
 */
#include "api/sockjs_parts.h"

#include "base/mem.h"

enum { PRELUDE_MAX = 4096, GONE = 499 };

struct sockjs_note *sockjs_note(struct sockjs_session *e, struct sockjs_poll *p)
{
    struct sockjs_note *n = mem_alloc(sizeof *n);
    n->session = e;
    n->poll = p;
    if (e)
        sockjs_ref(e);
    if (p)
        atomic_fetch_add(&p->refs, 1);
    return n;
}

void sockjs_note_free(struct sockjs_note *n)
{
    if (n->poll)
        sockjs_poll_unref(n->poll);
    if (n->session)
        sockjs_unref(n->session);
    buf_free(&n->bytes);
    mem_free(n);
}

void sockjs_poll_unref(struct sockjs_poll *p)
{
    if (atomic_fetch_sub(&p->refs, 1) != 1)
        return;
    sockjs_unref(p->session);
    mem_free(p);
}

bool sockjs_polls_once(const struct sockjs_poll *p)
{
    return p->transport == SOCKJS_XHR || p->transport == SOCKJS_JSONP;
}

static void tell(struct sockjs_poll *p, void (*what)(struct loop *, struct loop_msg *))
{
    struct sockjs_note *n = sockjs_note(p->session, p);
    n->msg.run = what;
    loop_post(sockjs_loop(p->session), &n->msg);
}

/* It is answered, or never will be. */
static void let_go(struct sockjs_poll *p)
{
    p->x = NULL;
    sockjs_poll_unref(p);
}

static void gone(void *watcher)
{
    struct sockjs_poll *p = watcher;
    struct exchange *x = p->x;
    struct conn *c = x->conn;
    if (sockjs_polls_once(p)) { /* the others have their line in the log */
        x->request.status = GONE;
        answer_log(x);
    }
    exchange_free(&x);
    conn_answer(c, S(""), CONN_CLOSE);
    tell(p, sockjs_gone);
    let_go(p);
}

static void drained(void *watcher)
{
    struct sockjs_poll *p = watcher;
    if (!p->undrained)
        return;
    p->undrained = false;
    tell(p, sockjs_drained);
}

void sockjs_poll(struct exchange *x, struct sockjs_session *e, enum sockjs_endpoint transport,
                 Str callback)
{
    static const struct conn_watch watch = {gone, drained};
    struct sockjs_poll *p = mem_alloc(sizeof *p);
    must(callback.n < sizeof p->callback);
    memcpy(p->callback, callback.p, callback.n);
    atomic_init(&p->refs, 1);
    p->transport = transport;
    p->loop = conn_loop(x->conn);
    p->session = e;
    p->x = x;
    sockjs_ref(e);
    conn_hold(x->conn, &watch, p);
    if (!sockjs_polls_once(p)) {
        struct buf prelude = BUF(PRELUDE_MAX);
        sockjs_prelude(&prelude, transport, callback);
        /* What proxies like nginx would hold back until it is whole. */
        http_header_add(&x->request.headers, S("X-Accel-Buffering"), S("no"));
        answer_begin(x, sockjs_content_type(transport));
        answer_part(x, buf_str(&prelude));
        buf_free(&prelude);
    }
    tell(p, sockjs_attach);
}

static void write_frame(struct sockjs_poll *p, Str bytes, bool last)
{
    struct exchange *x = p->x;
    if (sockjs_polls_once(p)) {
        let_go(p);
        answer_text(x, 200, sockjs_content_type(p->transport), bytes);
        return;
    }
    if (bytes.n)
        answer_part(x, bytes);
    if (last) {
        let_go(p);
        answer_end(x);
    } else if (conn_busy(x->conn)) {
        p->undrained = true;
    } else {
        tell(p, sockjs_drained);
    }
}

void sockjs_deliver(struct loop *loop, struct loop_msg *msg)
{
    struct sockjs_note *n = (struct sockjs_note *)msg;
    (void)loop;
    if (n->poll->x)
        write_frame(n->poll, buf_str(&n->bytes), n->last);
    sockjs_note_free(n);
}

void sockjs_sent(struct loop *loop, struct loop_msg *msg)
{
    struct sockjs_note *n = (struct sockjs_note *)msg;
    struct exchange *x = n->x;
    (void)loop;
    if (n->status == 404) {
        answer_error(x, ERR_NOT_FOUND, S("There is no such SockJS session."));
    } else if (n->status == 503) {
        answer_error(x, ERR_OVERLOADED,
                     S("Other requests of this session wait to be read; send one at a time."));
    } else if (n->status == 200) {
        answer_text(x, 200, sockjs_content_type(SOCKJS_JSONP_SEND), S("ok"));
    } else {
        /* Browsers' tools take a 204 without a type for XML. */
        http_header_add(&x->request.headers, S("Content-Type"),
                        sockjs_content_type(SOCKJS_XHR_SEND));
        answer_text(x, 204, S(""), S(""));
    }
    sockjs_note_free(n);
}
