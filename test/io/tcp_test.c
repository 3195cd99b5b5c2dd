/* Connections over real sockets: bytes, reading, closing, owners. Their finish: tcp_finish_test.c.
 */
#include "io/tcp_bench.h"

/* ----- bytes ----- */

static void bytes_go_both_ways(void **state)
{
    struct side *s = *state;
    struct buf got = BUF(GOT_MAX);
    assert_ptr_equal(tcp_owner(s->tcp), s);
    assert_ptr_equal(tcp_loop(s->tcp), s->loop);
    assert_int_equal(atomic_load(loop_load(s->loop)), 1);
    send_all(s->peer, S("hello"));
    run_until(s->loop, s->got.n == 5);
    assert_true(str_eq(buf_str(&s->got), S("hello")));
    send_text(s, S("to you"));
    assert_false(tcp_busy(s->tcp));
    assert_int_equal(tcp_pending(s->tcp), 0);
    assert_int_equal(receive(s->peer, &got), 6); /* the loop has not run: it went out at once */
    assert_true(str_eq(buf_str(&got), S("to you")));
    send_text(s, S(""));
    run_what_is_there(s->loop);
    assert_int_equal(receive(s->peer, &got), NOTHING_YET);
    assert_calls(s, 0, 0, 0);
    buf_free(&got);
}

static void the_peer_has_a_name(void **state)
{
    struct side *s = *state;
    struct sockaddr_in own;
    socklen_t n = sizeof own;
    char name[64], expected[64];
    assert_int_equal(getsockname(s->peer, (struct sockaddr *)&own, &n), 0);
    snprintf(expected, sizeof expected, "127.0.0.1:%u", ntohs(own.sin_port));
    tcp_peer(s->tcp, name, sizeof name);
    assert_string_equal(name, expected);
    tcp_peer(s->tcp, name, 8);
    assert_string_equal(name, "127.0.0");
}

static void what_the_kernel_does_not_take_is_kept(void **state)
{
    struct side *s = *state;
    struct buf got = BUF(GOT_MAX);
    send_big(s);
    size_t pending = tcp_pending(s->tcp);
    run_what_is_there(s->loop);
    assert_true(tcp_busy(s->tcp));
    assert_int_equal(tcp_pending(s->tcp), pending);
    assert_calls(s, 0, 0, 0);
    peer_gets(s, &got, BIG);
    run_until(s->loop, s->drained);
    assert_pattern(buf_str(&got));
    assert_false(tcp_busy(s->tcp));
    assert_int_equal(tcp_pending(s->tcp), 0);
    send_text(s, S("and more"));
    peer_gets(s, &got, BIG + 8);
    assert_calls(s, 0, 1, 0);
    buf_free(&got);
}

static void others_may_send_while_we_are_busy(void **state)
{
    struct side *s = *state;
    send_big(s);
    send_all(s->peer, S("are you there?"));
    run_until(s->loop, s->got.n == 14);
    assert_true(tcp_busy(s->tcp));
}

static int rounds;

static void once_more(struct side *s)
{
    char *bytes = pattern(BIG);
    tcp_send(s->tcp, str_from(bytes, BIG));
    mem_free(bytes);
    assert_true(tcp_busy(s->tcp));
    if (++rounds < 3)
        s->then = once_more;
}

static void a_drain_may_send_again(void **state)
{
    struct side *s = *state;
    struct buf got = BUF(GOT_MAX);
    rounds = 0;
    send_big(s);
    s->then = once_more;
    peer_gets(s, &got, 4 * (size_t)BIG);
    for (size_t i = 0; i < 4; i++)
        assert_pattern(str_from(got.p + i * BIG, BIG));
    run_until(s->loop, s->drained == 4);
    buf_free(&got);
}

/* ----- reading ----- */

static void stop_reading(struct side *s)
{
    tcp_read_stop(s->tcp);
}

static void reading_stops_and_goes_on(void **state)
{
    struct side *s = *state;
    tcp_read_stop(s->tcp);
    send_all(s->peer, S("one"));
    run_what_is_there(s->loop);
    assert_int_equal(s->data, 0);
    tcp_read_start(s->tcp);
    tcp_read_start(s->tcp);
    run_until(s->loop, s->data);
    assert_true(str_eq(buf_str(&s->got), S("one")));

    s->then = stop_reading;
    send_all(s->peer, S("two"));
    run_until(s->loop, s->data == 2);
    send_all(s->peer, S("three"));
    shutdown(s->peer, SHUT_WR);
    run_what_is_there(s->loop);
    assert_int_equal(s->data, 2);
    assert_int_equal(s->ended, 0); /* the end waits behind what was not read */
    tcp_read_start(s->tcp);
    run_until(s->loop, s->ended);
    assert_true(str_eq(buf_str(&s->got), S("onetwothree")));
}

/* ----- closing ----- */

static void close_twice(struct side *s)
{
    tcp_close(s->tcp);
    tcp_close(s->tcp);
    tcp_read_start(s->tcp);
    tcp_send(s->tcp, S("too late"));
    assert_false(tcp_busy(s->tcp));
    assert_int_equal(s->closed, 0); /* later in the loop */
}

static void closing_in_on_data(void **state)
{
    struct side *s = *state;
    struct buf got = BUF(GOT_MAX);
    s->then = close_twice;
    send_all(s->peer, S("hello"));
    run_until(s->loop, s->data);
    send_all(s->peer, S("more"));
    run_until(s->loop, s->closed);
    run_what_is_there(s->loop);
    assert_int_equal(s->data, 1);
    assert_calls(s, 0, 0, 1);
    assert_true(receive(s->peer, &got) <= 0);
    assert_int_equal(got.n, 0);
    buf_free(&got);
}

static void closing_in_on_end(void **state)
{
    struct side *s = *state;
    s->then = close_twice;
    shutdown(s->peer, SHUT_WR);
    run_until(s->loop, s->closed);
    assert_calls(s, 1, 0, 1);
}

static void closing_in_on_drain(void **state)
{
    struct side *s = *state;
    struct buf got = BUF(GOT_MAX);
    send_big(s);
    s->then = close_twice;
    peer_gets(s, &got, SIZE_MAX);
    assert_int_equal(got.n, BIG);
    run_until(s->loop, s->closed);
    assert_calls(s, 0, 1, 1);
    buf_free(&got);
}

static void closing_loses_what_is_pending(void **state)
{
    struct side *s = *state;
    struct buf got = BUF(GOT_MAX);
    send_big(s);
    tcp_close(s->tcp);
    run_until(s->loop, s->closed);
    peer_gets(s, &got, SIZE_MAX);
    assert_true(got.n > 0 && got.n < BIG);
    assert_pattern(buf_str(&got));
    assert_calls(s, 0, 0, 1);
    buf_free(&got);
}

static void after_the_peers_end_we_may_still_send(void **state)
{
    struct side *s = *state;
    struct buf got = BUF(GOT_MAX);
    send_all(s->peer, S("question"));
    shutdown(s->peer, SHUT_WR);
    run_until(s->loop, s->ended);
    assert_true(str_eq(buf_str(&s->got), S("question")));
    run_what_is_there(s->loop);
    assert_calls(s, 1, 0, 0);
    send_text(s, S("answer"));
    tcp_close(s->tcp);
    peer_gets(s, &got, SIZE_MAX);
    assert_true(str_eq(buf_str(&got), S("answer")));
    assert_int_equal(s->ended, 1);
    buf_free(&got);
}

static void a_reset_closes(void **state)
{
    struct side *s = *state;
    peer_resets(s);
    run_until(s->loop, s->closed);
    assert_calls(s, 0, 0, 1);
}

static void a_reset_closes_while_busy(void **state)
{
    struct side *s = *state;
    send_big(s);
    peer_resets(s);
    run_until(s->loop, s->closed);
    assert_calls(s, 0, 0, 1);
}

/* Not even while nothing is read: a session that reads no more must not stay for ever. */
static void a_reset_shows_in_the_next_send(void **state)
{
    struct side *s = *state;
    tcp_read_stop(s->tcp);
    peer_resets(s);
    send_text(s, S("hello?"));
    assert_int_equal(s->closed, 0);
    run_until(s->loop, s->closed);
    assert_calls(s, 0, 0, 1);
}

/* ----- another owner ----- */

struct heir {
    struct buf got;
    int closed;
};

static void heir_data(struct tcp *tcp, char *bytes, size_t n)
{
    struct heir *h = tcp_owner(tcp);
    buf_add(&h->got, str_from(bytes, n));
}

static void heir_close(struct tcp *tcp)
{
    struct heir *h = tcp_owner(tcp);
    h->closed++;
}

static const struct tcp_ops heir_ops = {.on_data = heir_data, .on_close = heir_close};
static struct heir heir;

static void leave_to_heir(struct side *s)
{
    tcp_hand_over(s->tcp, &heir_ops, &heir);
    assert_ptr_equal(tcp_owner(s->tcp), &heir);
}

static void another_owner_takes_over(void **state)
{
    struct side *s = *state;
    heir = (struct heir){.got = BUF(GOT_MAX)};
    s->then = leave_to_heir;
    send_all(s->peer, S("GET"));
    run_until(s->loop, s->data);
    send_all(s->peer, S("frame"));
    run_until(s->loop, heir.got.n == 5);
    assert_int_equal(s->data, 1);
    assert_true(str_eq(buf_str(&s->got), S("GET")));
    assert_true(str_eq(buf_str(&heir.got), S("frame")));
    peer_resets(s);
    run_until(s->loop, heir.closed);
    assert_calls(s, 0, 0, 0);
    s->tcp = NULL; /* the former owner is told nothing */
    s->closed = heir.closed;
    buf_free(&heir.got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_connection(bytes_go_both_ways),
        with_connection(the_peer_has_a_name),
        with_connection(what_the_kernel_does_not_take_is_kept),
        with_connection(others_may_send_while_we_are_busy),
        with_connection(a_drain_may_send_again),
        with_connection(reading_stops_and_goes_on),
        with_connection(closing_in_on_data),
        with_connection(closing_in_on_end),
        with_connection(closing_in_on_drain),
        with_connection(closing_loses_what_is_pending),
        with_connection(after_the_peers_end_we_may_still_send),
        with_connection(a_reset_closes),
        with_connection(a_reset_closes_while_busy),
        with_connection(a_reset_shows_in_the_next_send),
        with_connection(another_owner_takes_over),
    };
    alarm(WATCHDOG_S);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
