/* The end of a connection that wants its last bytes to be seen. */
#include "io/tcp_bench.h"

enum { LINGER_MS = 300, LONG_MS = 600000 /* never comes */ };

static void finish(struct side *s, int64_t linger_ms)
{
    s->in_callback = true;
    tcp_finish(s->tcp, linger_ms);
    tcp_finish(s->tcp, 0); /* the first one counts */
    s->in_callback = false;
}

/* The peer goes on talking, is not answered by a reset, and ends it in its own time. */
static void a_finish_ends_when_the_peer_does(void **state)
{
    struct side *s = *state;
    struct buf got = BUF(GOT_MAX);
    send_text(s, S("goodbye"));
    finish(s, LONG_MS);
    send_all(s->peer, S("but I was not done"));
    peer_gets(s, &got, SIZE_MAX);
    assert_true(str_eq(buf_str(&got), S("goodbye")));
    send_all(s->peer, S("not at all"));
    run_what_is_there(s->loop);
    assert_int_equal(s->data, 0);
    assert_calls(s, 0, 0, 0);
    assert_int_equal(receive(s->peer, &got), 0); /* still no reset */
    close(s->peer);
    s->peer = -1;
    run_until(s->loop, s->closed);
    assert_int_equal(s->data, 0);
    assert_calls(s, 0, 0, 1);
    buf_free(&got);
}

static void a_finish_begins_after_what_is_pending(void **state)
{
    struct side *s = *state;
    struct buf got = BUF(GOT_MAX);
    send_big(s);
    finish(s, LONG_MS);
    peer_gets(s, &got, SIZE_MAX);
    assert_int_equal(got.n, BIG);
    assert_pattern(buf_str(&got));
    shutdown(s->peer, SHUT_WR);
    run_until(s->loop, s->closed);
    assert_calls(s, 0, 0, 1);
    buf_free(&got);
}

/* It has said all it wants to, and now waits for the whole of the answer. */
static void a_peer_that_only_sends_no_more_gets_what_is_pending(void **state)
{
    struct side *s = *state;
    struct buf got = BUF(GOT_MAX);
    send_big(s);
    finish(s, LONG_MS);
    shutdown(s->peer, SHUT_WR);
    run_what_is_there(s->loop);
    peer_gets(s, &got, SIZE_MAX);
    assert_int_equal(got.n, BIG);
    assert_pattern(buf_str(&got));
    run_until(s->loop, s->closed);
    assert_calls(s, 0, 0, 1);
    buf_free(&got);
}

static void a_peer_that_has_ended_before_gets_what_is_pending(void **state)
{
    struct side *s = *state;
    struct buf got = BUF(GOT_MAX);
    shutdown(s->peer, SHUT_WR);
    run_until(s->loop, s->ended);
    send_big(s);
    finish(s, LONG_MS);
    peer_gets(s, &got, SIZE_MAX);
    assert_int_equal(got.n, BIG);
    run_until(s->loop, s->closed);
    assert_calls(s, 1, 0, 1);
    buf_free(&got);
}

static void a_finish_does_not_wait_for_ever(void **state)
{
    struct side *s = *state;
    struct buf got = BUF(GOT_MAX);
    int64_t start = loop_now(s->loop);
    send_text(s, S("goodbye"));
    finish(s, LINGER_MS);
    run_until(s->loop, s->closed);
    assert_true(loop_now(s->loop) - start >= LINGER_MS);
    assert_true(loop_now(s->loop) - start < LONG_MS / 2);
    assert_calls(s, 0, 0, 1);
    peer_gets(s, &got, SIZE_MAX);
    assert_true(str_eq(buf_str(&got), S("goodbye")));
    buf_free(&got);
}

static void a_finish_does_not_wait_for_who_does_not_read(void **state)
{
    struct side *s = *state;
    int64_t start = loop_now(s->loop);
    send_big(s);
    finish(s, LINGER_MS);
    run_until(s->loop, s->closed);
    assert_true(loop_now(s->loop) - start >= LINGER_MS);
    assert_calls(s, 0, 0, 1);
}

static void a_reset_ends_a_finish(void **state)
{
    struct side *s = *state;
    finish(s, LONG_MS);
    run_what_is_there(s->loop);
    peer_resets(s);
    run_until(s->loop, s->closed);
    assert_calls(s, 0, 0, 1);
}

static void a_close_ends_a_finish(void **state)
{
    struct side *s = *state;
    send_big(s);
    finish(s, LINGER_MS);
    tcp_close(s->tcp);
    tcp_finish(s->tcp, LINGER_MS);
    run_until(s->loop, s->closed);
    assert_calls(s, 0, 0, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_connection(a_finish_ends_when_the_peer_does),
        with_connection(a_finish_begins_after_what_is_pending),
        with_connection(a_peer_that_only_sends_no_more_gets_what_is_pending),
        with_connection(a_peer_that_has_ended_before_gets_what_is_pending),
        with_connection(a_finish_does_not_wait_for_ever),
        with_connection(a_finish_does_not_wait_for_who_does_not_read),
        with_connection(a_reset_ends_a_finish),
        with_connection(a_close_ends_a_finish),
    };
    alarm(WATCHDOG_S);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
