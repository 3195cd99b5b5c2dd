/*
 * Events that come while a user's chats are being read: each is pushed once, or not at all when it
 * was there before the subscription. What the hub's loop hears, and when, is in the test's hand:
 * `await_reader` ends the read without the hub's knowing, `hear` tells it of the latest commit
 * before that, and `settle` lets everything come in its order, that commit once more included.
 */
#include "realtime/hub_bench.h"

enum { HELD_MAX = 4096 /* publications that wait for one user */ };

/* Begins to listen; its chats are read as of now, and the hub does not know yet. */
static struct listener *begins(struct bench *b, const struct actor *a)
{
    struct listener *l = arrives(b, a);
    hub_subscribe(b->hub, &l->m);
    await_reader(b);
    assert_got(l, "");
    return l;
}

static void hear(struct bench *b)
{
    hub_deliver(b->hub, b->latest);
}

static void await_answer(struct bench *b, struct listener *l)
{
    run_until(b->rt->loops[0], l->answers);
    settle(b);
    assert_int_equal(l->answers, 1);
    assert_ok(l->err);
}

/* Pushed or not, what was said when is all there; the answer may stand among it. */
static void assert_pushed(struct listener *l, const char *expected)
{
    struct buf pushed = BUF(65536);
    Str rest = buf_str(&l->got);
    while (rest.n) {
        Str word = str_cut(&rest, ' ');
        if (!str_eq(word, S("ok")) && word.n)
            buf_fmt(&pushed, STR_FMT " ", STR_ARG(word));
    }
    assert_text(buf_str(&pushed), expected);
    buf_free(&pushed);
    buf_clear(&l->got);
}

static void what_was_there_before_is_not_pushed(void **state)
{
    struct bench *b = *state;
    sends(b, 2); /* its loop has not heard of it */
    int64_t position = b->latest->events.items[0].position;
    struct listener *ann = begins(b, &b->rt->f->ann);
    settle(b); /* both come while the hub waits for the read, and are in what was read */
    await_answer(b, ann);
    assert_pushed(ann, "");
    assert_true(hub_position(&ann->m) >= position);
    sends(b, 1);
    settle(b);
    assert_pushed(ann, "SEND:4 ");
}

/* It came before the subscription or just after it: who can tell? */
static void what_the_read_has_and_nobody_pushed_is_told_of(void **state)
{
    struct bench *b = *state;
    settle(b);
    struct listener *ann = begins(b, &b->rt->f->ann);
    await_answer(b, ann);
    assert_int_equal(ann->missed, 0); /* nothing happened, so nothing need be asked for */

    sends(b, 1);
    struct listener *bob = begins(b, &b->rt->f->bob);
    await_answer(b, bob); /* the read's end comes first or the message does */
    assert_pushed(bob, "");
    assert_int_equal(bob->missed, 1);

    take_out(b, &b->rt->f->cleo);
    struct listener *cleo = begins(b, &b->rt->f->cleo);
    await_answer(b, cleo);
    assert_pushed(cleo, "");
    assert_int_equal(cleo->missed, 1);
    assert_int_equal(ann->missed, 0);
}

static void what_comes_after_the_read_is_pushed_once(void **state)
{
    struct bench *b = *state;
    struct listener *ann = begins(b, &b->rt->f->ann);
    sends(b, 1);
    hear(b);
    sends(b, 1);
    hear(b);
    hear(b);
    await_answer(b, ann);
    sends(b, 1);
    settle(b);
    assert_pushed(ann, "SEND:2 SEND:3 SEND:4 ");
}

static void others_who_follow_the_chat_get_it_once_too(void **state)
{
    struct bench *b = *state;
    struct listener *bob = listens(b, &b->rt->f->bob);
    sends(b, 1); /* before the read */
    struct listener *ann = begins(b, &b->rt->f->ann);
    sends(b, 1); /* after it */
    settle(b);
    await_answer(b, ann);
    assert_pushed(bob, "SEND:2 SEND:3 ");
    assert_pushed(ann, "SEND:3 ");
    sends(b, 1);
    settle(b);
    assert_pushed(bob, "SEND:4 ");
    assert_pushed(ann, "SEND:4 ");
}

/* What Bob is missing is read from the store while Ann's chats are; she has it already, or gets it
 * with him, and then all that follows. */
static void one_who_follows_waits_for_a_hole(void **state)
{
    struct bench *b = *state;
    struct listener *bob = listens(b, &b->rt->f->bob);
    b->dropping = true;
    sends(b, 1);
    settle(b);
    b->dropping = false;
    struct listener *ann = begins(b, &b->rt->f->ann);
    gate_close(b->rt, JOB_READ, b->rt->loops[1]);
    sends(b, 1);
    hear(b);
    await_answer(b, ann);
    assert_pushed(bob, "");
    assert_pushed(ann, "");
    gate_open();
    run_until(b->rt->loops[0], bob->got.n);
    sends(b, 1);
    settle(b);
    assert_pushed(bob, "SEND:2 SEND:3 SEND:4 ");
    assert_pushed(ann, "SEND:2 SEND:3 SEND:4 ");
}

static void one_who_follows_has_heard_what_the_read_has_not(void **state)
{
    struct bench *b = *state;
    struct listener *bob = listens(b, &b->rt->f->bob);
    struct listener *ann = begins(b, &b->rt->f->ann);
    sends(b, 1);
    hear(b);
    hear(b);
    change(b, rule_rename, &b->rt->f->ann, "Another");
    hear(b);
    assert_pushed(bob, "SEND:2 NAME:3 ");
    assert_pushed(ann, "");
    await_answer(b, ann);
    sends(b, 1);
    settle(b);
    assert_pushed(ann, "SEND:2 NAME:3 SEND:4 ");
    assert_pushed(bob, "SEND:4 ");
}

static void who_joins_meanwhile(void **state)
{
    for (int followed = 0; followed < 2; followed++) {
        struct bench *b = *state;
        struct listener *bob = followed ? listens(b, &b->rt->f->bob) : NULL;
        struct listener *dan = begins(b, &b->rt->f->dan);
        sends(b, 1);
        hear(b);
        change(b, rule_add, &b->rt->f->ann, "Dan");
        hear(b);
        sends(b, 1);
        hear(b);
        await_answer(b, dan);
        sends(b, 1);
        settle(b);
        assert_pushed(dan, "JOIN:3 SEND:4 SEND:5 ");
        if (bob)
            assert_pushed(bob, "SEND:2 JOIN:3 SEND:4 SEND:5 ");
        bench_close(state);
        bench_open(state);
    }
}

static void who_leaves_meanwhile(void **state)
{
    for (int followed = 0; followed < 2; followed++) {
        struct bench *b = *state;
        struct listener *ann = followed ? listens(b, &b->rt->f->ann) : NULL;
        struct listener *bob = begins(b, &b->rt->f->bob);
        sends(b, 1);
        hear(b);
        take_out(b, &b->rt->f->bob);
        hear(b);
        sends(b, 1);
        hear(b);
        await_answer(b, bob);
        sends(b, 1);
        send_to(b, b->other, 1);
        settle(b);
        assert_pushed(bob, "SEND:2 LEAVE:3 b.SEND:2 ");
        if (ann)
            assert_pushed(ann, "SEND:2 LEAVE:3 SEND:4 SEND:5 b.SEND:2 ");
        bench_close(state);
        bench_open(state);
    }
}

static void a_chat_that_begins_meanwhile(void **state)
{
    struct bench *b = *state;
    struct listener *ann = begins(b, &b->rt->f->ann);
    Id chat = make_chat(b->rt, b->rt->loops[1], 2);
    hear(b);
    send_to(b, chat, 1);
    hear(b);
    await_answer(b, ann);
    send_to(b, chat, 1);
    settle(b);
    assert_pushed(ann, "b.NEW:1 b.SEND:2 b.SEND:3 ");
}

static void a_chat_that_ends_meanwhile(void **state)
{
    for (int followed = 0; followed < 2; followed++) {
        struct bench *b = *state;
        struct listener *bob = followed ? listens(b, &b->rt->f->bob) : NULL;
        struct listener *ann = begins(b, &b->rt->f->ann);
        sends(b, 1);
        hear(b);
        change(b, rule_end, &b->rt->f->ann, NULL);
        hear(b);
        await_answer(b, ann);
        send_to(b, b->other, 1);
        settle(b);
        assert_pushed(ann, "SEND:2 END:3 b.SEND:2 ");
        if (bob)
            assert_pushed(bob, "SEND:2 END:3 b.SEND:2 ");
        bench_close(state);
        bench_open(state);
    }
}

/* So much comes that it is no longer kept: the chats are read once more, as they are by then. */
static void more_comes_than_is_held(void **state)
{
    struct bench *b = *state;
    struct listener *bob = listens(b, &b->rt->f->bob), *ann = begins(b, &b->rt->f->ann);
    gate_close(b->rt, JOB_READ, b->rt->loops[1]);
    sends(b, 1);
    for (int i = 0; i <= HELD_MAX; i++)
        hear(b);
    settle(b); /* the first read comes in vain */
    assert_got(ann, "");
    sends(b, 1);
    hear(b);
    gate_open();
    await_answer(b, ann);
    sends(b, 1);
    settle(b);
    assert_pushed(bob, "SEND:2 SEND:3 SEND:4 ");
    assert_pushed(ann, "SEND:4 ");
}

/* ----- who asks ----- */

static void a_second_device_waits_for_the_same_read(void **state)
{
    struct bench *b = *state;
    struct listener *ann = begins(b, &b->rt->f->ann), *phone = arrives(b, &b->rt->f->ann);
    hub_subscribe(b->hub, &phone->m);
    assert_int_equal(phone->answers, 0);
    sends(b, 1);
    hear(b);
    await_answer(b, ann);
    await_answer(b, phone);
    assert_pushed(ann, "SEND:2 ");
    assert_pushed(phone, "SEND:2 ");
}

static void who_goes_meanwhile_is_not_answered(void **state)
{
    struct bench *b = *state;
    struct listener *ann = begins(b, &b->rt->f->ann), *bob = begins(b, &b->rt->f->bob);
    sends(b, 1);
    hear(b);
    hub_remove(b->hub, &ann->m);
    hub_unsubscribe(b->hub, &bob->m);
    settle(b);
    assert_got(ann, "");
    assert_got(bob, "");
    hub_subscribe(b->hub, &bob->m);
    await_answer(b, bob);
    sends(b, 1);
    settle(b);
    assert_pushed(bob, "SEND:3 ");
}

static void who_asks_again_meanwhile_is_answered_once(void **state)
{
    struct bench *b = *state;
    struct listener *ann = begins(b, &b->rt->f->ann);
    hub_unsubscribe(b->hub, &ann->m);
    hub_subscribe(b->hub, &ann->m);
    await_reader(b);
    sends(b, 1);
    hear(b);
    await_answer(b, ann);
    assert_pushed(ann, "SEND:2 ");
}

static void a_server_that_has_no_time_says_so(void **state)
{
    struct bench *b = *state;
    jobs_stop(b->rt->jobs);
    struct listener *ann = arrives(b, &b->rt->f->ann);
    hub_subscribe(b->hub, &ann->m);
    assert_int_equal(ann->answers, 1);
    assert_err(ann->err, ERR_DRAINING);
    assert_got(ann, "refused ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_hub(what_was_there_before_is_not_pushed),
        with_hub(what_the_read_has_and_nobody_pushed_is_told_of),
        with_hub(what_comes_after_the_read_is_pushed_once),
        with_hub(others_who_follow_the_chat_get_it_once_too),
        with_hub(one_who_follows_waits_for_a_hole),
        with_hub(one_who_follows_has_heard_what_the_read_has_not),
        with_hub(who_joins_meanwhile),
        with_hub(who_leaves_meanwhile),
        with_hub(a_chat_that_begins_meanwhile),
        with_hub(a_chat_that_ends_meanwhile),
        with_hub(more_comes_than_is_held),
        with_hub(a_second_device_waits_for_the_same_read),
        with_hub(who_goes_meanwhile_is_not_answered),
        with_hub(who_asks_again_meanwhile_is_answered_once),
        with_hub(a_server_that_has_no_time_says_so),
    };
    alarm(WATCHDOG_S);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
