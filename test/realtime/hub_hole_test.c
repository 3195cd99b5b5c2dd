/* Events that never came: they are read from the store, in their place. */
#include "realtime/hub_bench.h"

enum { MANY = 2345 /* more than are read at once */ };

SQL(test_lose, "delete from messages where app = $1 and seq between $2 and $3");

/* The hub does not hear of what is done between these two. */
static void begin_to_drop(struct bench *b)
{
    settle(b);
    b->dropping = true;
}

static void end_dropping(struct bench *b)
{
    settle(b);
    b->dropping = false;
}

static void a_hole_is_read_from_the_store(void **state)
{
    struct bench *b = *state;
    struct listener *ann = listens(b, &b->rt->f->ann), *bob = listens(b, &b->rt->f->bob);
    sends(b, 1);
    begin_to_drop(b);
    sends(b, 1);
    change(b, rule_rename, &b->rt->f->ann, "Another");
    end_dropping(b);
    sends(b, 1);
    struct publication *shown = publication_ref(b->latest);
    settle(b);
    const char *expected = "SEND:2 SEND:3 NAME:4 SEND:5 ";
    run_until(b->rt->loops[0], ann->got.n == strlen(expected));
    hub_deliver(b->hub, shown);
    sends(b, 1);
    settle(b);
    assert_got(ann, "SEND:2 SEND:3 NAME:4 SEND:5 SEND:6 ");
    assert_got(bob, "SEND:2 SEND:3 NAME:4 SEND:5 SEND:6 ");
    publication_unref(&shown);
}

/* Only the chat's own stored events wait for it, and in their order. */
static void others_do_not_wait_for_a_hole(void **state)
{
    struct bench *b = *state;
    struct listener *ann = listens(b, &b->rt->f->ann);
    begin_to_drop(b);
    sends(b, 2);
    end_dropping(b);
    gate_close(b->rt, JOB_READ, b->rt->loops[1]);
    sends(b, 2);
    struct publication *again = publication_ref(b->latest);
    send_to(b, b->other, 1);
    change(b, rule_typing, &b->rt->f->ann, NULL);
    settle(b);
    hub_deliver(b->hub, again); /* twice while it waits */
    assert_got(ann, "b.SEND:2 TYPING ");
    gate_open();
    run_until(b->rt->loops[0], ann->got.n);
    settle(b);
    assert_got(ann, "SEND:2 SEND:3 SEND:4 SEND:5 ");
    publication_unref(&again);
}

static void joins_and_leaves_in_a_hole(void **state)
{
    struct bench *b = *state;
    struct listener *ann = listens(b, &b->rt->f->ann), *bob = listens(b, &b->rt->f->bob);
    struct listener *dan = listens(b, &b->rt->f->dan);
    begin_to_drop(b);
    sends(b, 1);
    change(b, rule_add, &b->rt->f->ann, "Dan");
    take_out(b, &b->rt->f->bob);
    end_dropping(b);
    sends(b, 1);
    settle(b);
    run_until(b->rt->loops[0], ann->got.n);
    assert_got(ann, "SEND:2 JOIN:3 LEAVE:4 SEND:5 ");
    assert_got(bob, "SEND:2 JOIN:3 LEAVE:4 ");
    assert_got(dan, "JOIN:3 LEAVE:4 SEND:5 ");
}

/* The event that shows the hole brings in someone who was not there for what is in it. */
static void who_joins_after_a_hole_gets_nothing_of_it(void **state)
{
    struct bench *b = *state;
    struct listener *ann = listens(b, &b->rt->f->ann), *dan = listens(b, &b->rt->f->dan);
    begin_to_drop(b);
    sends(b, 2);
    end_dropping(b);
    change(b, rule_add, &b->rt->f->ann, "Dan");
    settle(b);
    run_until(b->rt->loops[0], ann->got.n);
    assert_got(ann, "SEND:2 SEND:3 JOIN:4 ");
    assert_got(dan, "JOIN:4 ");
}

static void a_chat_that_ends_in_a_hole(void **state)
{
    struct bench *b = *state;
    struct listener *ann = listens(b, &b->rt->f->ann);
    begin_to_drop(b);
    sends(b, 1);
    end_dropping(b);
    change(b, rule_end, &b->rt->f->ann, NULL);
    settle(b);
    run_until(b->rt->loops[0], ann->got.n);
    assert_got(ann, "SEND:2 END:3 ");
}

static Err rule_send_many(struct task *t, struct tx *tx)
{
    for (int i = 0; i < MANY; i++) {
        struct message_post post = fixture_post(t->actor, t->chat, "hello"), *posts[] = {&post};
        message_post(tx, posts, 1);
        if (post.err)
            return post.err;
    }
    return ERR_OK;
}

static void a_hole_of_more_than_one_read(void **state)
{
    struct bench *b = *state;
    struct listener *ann = listens(b, &b->rt->f->ann);
    begin_to_drop(b);
    change(b, rule_send_many, &b->rt->f->ann, NULL);
    end_dropping(b);
    sends(b, 1);
    struct buf expected = BUF(65536);
    for (int seq = 2; seq <= MANY + 2; seq++)
        buf_fmt(&expected, "SEND:%d ", seq);
    run_until(b->rt->loops[0], ann->got.n >= expected.n);
    assert_true(str_eq(buf_str(&ann->got), buf_str(&expected)));
    buf_free(&expected);
}

static Err rule_lose(struct task *t, struct tx *tx)
{
    db_run(tx->db, &test_lose, ARGS(v_int(t->actor->app), v_int(2), v_int(t->number)));
    return ERR_OK;
}

static void lose(struct bench *b, int64_t last)
{
    struct task *t = task_new(b->rt, JOB_WRITE, b->rt->loops[1], rule_lose);
    t->number = last;
    perform(task_on(t, &b->rt->f->ann, b->chat, NULL));
}

/* Swept away meanwhile: what is not to be had does not hold up what comes after it. */
static void what_the_store_has_lost_is_passed_over(void **state)
{
    struct bench *b = *state;
    struct listener *ann = listens(b, &b->rt->f->ann);
    begin_to_drop(b);
    sends(b, 3);
    lose(b, 3);
    end_dropping(b);
    sends(b, 1);
    settle(b);
    run_until(b->rt->loops[0], ann->got.n);
    assert_got(ann, "SEND:4 SEND:5 ");
    begin_to_drop(b);
    sends(b, 1);
    lose(b, 6);
    end_dropping(b);
    sends(b, 2);
    settle(b);
    run_until(b->rt->loops[0], ann->got.n);
    settle(b);
    assert_got(ann, "SEND:7 SEND:8 ");
}

static void who_goes_while_a_hole_is_read(void **state)
{
    struct bench *b = *state;
    struct listener *ann = listens(b, &b->rt->f->ann);
    begin_to_drop(b);
    sends(b, 1);
    end_dropping(b);
    gate_close(b->rt, JOB_READ, b->rt->loops[1]);
    sends(b, 1);
    settle(b);
    hub_remove(b->hub, &ann->m);
    struct listener *back = arrives(b, &b->rt->f->ann);
    hub_subscribe(b->hub, &back->m);
    gate_open();
    run_until(b->rt->loops[0], back->answers);
    sends(b, 1);
    settle(b);
    assert_got(ann, "");
    assert_got(back, "ok SEND:4 ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_hub(a_hole_is_read_from_the_store),
        with_hub(others_do_not_wait_for_a_hole),
        with_hub(joins_and_leaves_in_a_hole),
        with_hub(who_joins_after_a_hole_gets_nothing_of_it),
        with_hub(a_chat_that_ends_in_a_hole),
        with_hub(a_hole_of_more_than_one_read),
        with_hub(what_the_store_has_lost_is_passed_over),
        with_hub(who_goes_while_a_hole_is_read),
    };
    alarm(WATCHDOG_S);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
