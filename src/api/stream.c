/*
 * An answer that its route's step makes part by part: the step runs again, a job each time, when
 * the peer has taken the part before. So a long answer costs the memory of one part, and others
 * take turns between its jobs. Once its head is out an error can only cut it: the chunks then have
 * no end.
 */
#include "api/exchange.h"

static void next_part(struct exchange *x);

static struct exchange *exchange_of(struct timer *timer)
{
    return (struct exchange *)((char *)timer - offsetof(struct exchange, stalled));
}

static void cut_answer(struct exchange *x)
{
    struct conn *c = x->conn;
    exchange_free(&x);
    conn_answer(c, S(""), CONN_CLOSE);
}

static void peer_stalled(struct timer *timer)
{
    cut_answer(exchange_of(timer));
}

static void peer_gone(void *watcher)
{
    struct exchange *x = watcher;
    loop_timer_clear(&x->stalled);
    x->gone = true;
    if (!x->in_job)
        cut_answer(x);
}

static void peer_drained(void *watcher)
{
    struct exchange *x = watcher;
    loop_timer_clear(&x->stalled);
    if (!x->in_job)
        next_part(x);
}

static void begin_answer(struct exchange *x)
{
    static const struct conn_watch watch = {peer_gone, peer_drained};
    x->streaming = true;
    answer_begin(x, S("application/json"));
    conn_hold(x->conn, &watch, x);
}

static void next_part(struct exchange *x)
{
    x->request.more = false;
    x->in_job = true;
    payer_set_turn(x);
    if (jobs_submit(x->request.server->jobs, &x->job)) {
        x->in_job = false;
        cut_answer(x);
    }
}

bool stream_takes(const struct exchange *x)
{
    return x->streaming || (x->request.more && !x->job.err);
}

void stream_step_done(struct exchange *x)
{
    struct request *r = &x->request;
    x->in_job = false;
    if (x->gone || x->job.err) {
        cut_answer(x);
        return;
    }
    if (!x->streaming)
        begin_answer(x);
    answer_part(x, buf_str(&r->out));
    buf_clear(&r->out);
    if (!r->more || r->head.method == HTTP_HEAD)
        answer_end(x);
    else if (conn_busy(x->conn))
        loop_timer_set(conn_loop(x->conn), &x->stalled, r->server->config.idle_ms, peer_stalled);
    else
        next_part(x);
}
