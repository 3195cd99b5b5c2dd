/*
 * A hub on the first loop, with jobs on a real store. Changes are made on the second loop, so that
 * the hub hears of one when the test runs its loop (settle), by hand before that, or never. Each
 * listener writes down what it is pushed: "SEND:2 NAME:3 " with the seqs, "b.SEND:2 " of another
 * chat, "READ#5 " with the number of an event that has no seq, "ok " when its subscription begins.
 */
#ifndef TEST_REALTIME_HUB_BENCH_H
#define TEST_REALTIME_HUB_BENCH_H

#include "realtime/fixture.h"
#include "realtime/hub.h"
#include "realtime/online.h"

#include "base/buf.h"

enum { LISTENERS = 8, NOT_REVOKED = -1 };

struct listener {
    struct hub_member m;
    struct buf got;
    struct blob *frame; /* the last one; only to compare */
    int answers;        /* calls of subscribed */
    int missed;         /* calls of that */
    Err err;
    int64_t revoked; /* its delay */
};

struct bench {
    struct realtime *rt;
    struct online *online;
    struct hub *hub;
    struct listener listeners[LISTENERS];
    size_t n;
    Id chat, other;             /* of Ann, Bob and Cleo; of Ann and Bob */
    int64_t chat_row;           /* events of this one have no letter before them */
    bool dropping;              /* the hub gets nothing */
    struct publication *latest; /* shared; what the second loop heard last */
};

static inline void hub_push(struct hub_member *m, struct blob *frame, const struct event *e)
{
    struct listener *l = (struct listener *)m;
    assert_true(m->subscribed);
    l->frame = frame;
    buf_fmt(&l->got, "%s", event_name(e));
    if (e->seq)
        buf_fmt(&l->got, ":%lld ", (long long)e->seq);
    else
        buf_fmt(&l->got, e->type == EVENT_READ_MSG ? "#%u " : " ", e->number);
}

static struct bench *bench;

/* Other chats than the bench's get a letter. */
static inline void hub_push_lettered(struct hub_member *m, struct blob *frame,
                                     const struct event *e)
{
    if (e->chat != bench->chat_row)
        buf_add(&((struct listener *)m)->got, S("b."));
    hub_push(m, frame, e);
}

static inline void hub_answer(struct hub_member *m, Err err)
{
    struct listener *l = (struct listener *)m;
    l->answers++;
    l->err = err;
    buf_add(&l->got, err ? S("refused ") : S("ok "));
}

static inline void hub_missed(struct hub_member *m)
{
    ((struct listener *)m)->missed++;
}

static inline void hub_revoke(struct hub_member *m, int64_t delay_ms)
{
    struct listener *l = (struct listener *)m;
    assert_int_equal(l->revoked, NOT_REVOKED);
    l->revoked = delay_ms;
}

static inline bool hub_takes_all(const struct hub_member *m)
{
    (void)m;
    return false;
}

static inline void bench_deliver(void *arg, struct loop *loop, struct publication *p)
{
    struct bench *b = arg;
    if (loop_index(loop) == 1) {
        publication_unref(&b->latest);
        b->latest = publication_ref(p);
    } else if (!b->dropping) {
        hub_deliver(b->hub, p);
    }
}

/* The hub hears of all that has been committed. */
static inline void settle(struct bench *b)
{
    run_what_is_there(b->rt->loops[0]);
}

/* ----- changes, each a commit of its own that the hub has not heard of yet ----- */

static inline void change(struct bench *b, Err (*rule)(struct task *, struct tx *),
                          const struct actor *a, const char *text)
{
    perform(task_on(task_new(b->rt, JOB_WRITE, b->rt->loops[1], rule), a, b->chat, text));
}

static inline void take_out(struct bench *b, const struct actor *a)
{
    struct task *t = task_new(b->rt, JOB_WRITE, b->rt->loops[1], rule_remove);
    t->other = a;
    perform(task_on(t, &b->rt->f->ann, b->chat, NULL));
}

static inline void send_to(struct bench *b, Id chat, int times)
{
    for (int i = 0; i < times; i++)
        perform(task_send(b->rt, b->rt->loops[1], &b->rt->f->ann, chat, "hello"));
}

static inline void sends(struct bench *b, int times)
{
    send_to(b, b->chat, times);
}

static inline Err rule_typing(struct task *t, struct tx *tx)
{
    return message_typing(tx, t->actor, t->chat);
}

static inline Err rule_end(struct task *t, struct tx *tx)
{
    return chat_delete(tx, t->actor, t->chat);
}

/* ----- listeners ----- */

static inline struct listener *arrives(struct bench *b, const struct actor *a)
{
    assert_true(b->n < LISTENERS);
    struct listener *l = &b->listeners[b->n++];
    *l = (struct listener){.got = BUF(65536), .revoked = NOT_REVOKED};
    hub_add(b->hub, &l->m, a->app, a->user, a->user_id);
    return l;
}

/* Subscribed, and with nothing written down. */
static inline struct listener *listens(struct bench *b, const struct actor *a)
{
    struct listener *l = arrives(b, a);
    hub_subscribe(b->hub, &l->m);
    run_until(b->rt->loops[0], l->answers);
    assert_ok(l->err);
    buf_clear(&l->got);
    return l;
}

/* Compares what was written down since the last time. */
#define assert_got(l, expected)                                                                    \
    do {                                                                                           \
        assert_text(buf_str(&(l)->got), expected);                                                 \
        buf_clear(&(l)->got);                                                                      \
    } while (0)

/* ----- the reader, which loads a user's chats and fills holes ----- */

static inline Err rule_nothing(struct task *t, struct tx *tx)
{
    (void)t;
    (void)tx;
    return ERR_OK;
}

/* Whatever was submitted before has been read; the hub has not been told yet. */
static inline void await_reader(struct bench *b)
{
    perform(task_new(b->rt, JOB_READ, b->rt->loops[1], rule_nothing));
}

/* ----- begin and end ----- */

static inline int bench_open(void **state)
{
    static const struct hub_ops ops = {.push = hub_push_lettered,
                                       .subscribed = hub_answer,
                                       .missed = hub_missed,
                                       .revoke = hub_revoke,
                                       .busy = hub_takes_all};
    struct bench *b = bench = mem_alloc(sizeof *b);
    *state = b;
    b->rt = realtime_new();
    b->rt->config.deliver = bench_deliver;
    b->rt->config.arg = b;
    jobs_begin(b->rt);
    b->online = online_new(10000, 5000);
    const struct hub_config config = {b->rt->loops[0], b->rt->jobs, b->online, 200};
    b->hub = hub_new(&config, &ops);
    b->other = make_chat(b->rt, b->rt->loops[1], 2);
    b->chat = make_chat(b->rt, b->rt->loops[1], 3);
    b->chat_row = b->latest->events.items[0].chat;
    settle(b);
    return 0;
}

static inline int bench_close(void **state)
{
    struct bench *b = *state;
    for (size_t i = 0; i < b->n; i++)
        hub_remove(b->hub, &b->listeners[i].m);
    jobs_end(b->rt);
    hub_free(&b->hub);
    assert_null(b->hub);
    online_free(&b->online);
    publication_unref(&b->latest);
    for (size_t i = 0; i < b->n; i++)
        buf_free(&b->listeners[i].got);
    realtime_free(b->rt);
    mem_free(b);
    return 0;
}

#define with_hub(test) cmocka_unit_test_setup_teardown(test, bench_open, bench_close)

#endif
