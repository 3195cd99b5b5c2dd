/*
 * Connections over real sockets on loopback. Our side is on a loop that the test steps; the peer is
 * a plain non-blocking socket in the test's own hand, so each test decides what has arrived when.
 */
#include "io/tcp.h"

#include "base/buf.h"
#include "base/mem.h"
#include "io/steps.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>

#include <cmocka.h>

enum {
    BIG = 4 << 20,       /* more than the kernel takes at once */
    SMALL_WINDOW = 8192, /* of both sockets' buffers */
    GOT_MAX = 64 << 20,
    LINGER_MS = 300,
    LONG_MS = 600000, /* never comes */
};

/* Our side of a connection, and what has happened to it. */
struct side {
    struct loop *loop;
    struct listener *listener;
    struct tcp *tcp; /* NULL before the connection and after on_close */
    struct buf got;
    int data, ended, drained, closed; /* calls */
    bool in_callback;                 /* within tcp_open, tcp_send and the like: must not fire */
    void (*then)(struct side *s);     /* what the test does within the next callback */
    int peer;
};

static void fired(struct tcp *tcp, struct side *s, int *count)
{
    assert_ptr_equal(s->tcp, tcp);
    assert_false(s->in_callback);
    assert_int_equal(s->closed, 0);
    ++*count;
    void (*then)(struct side *) = s->then;
    s->then = NULL;
    if (then)
        then(s);
}

static void on_data(struct tcp *tcp, char *bytes, size_t n)
{
    struct side *s = tcp_owner(tcp);
    assert_true(n > 0);
    buf_add(&s->got, str_from(bytes, n));
    memset(bytes, '#', n); /* they may be written to */
    fired(tcp, s, &s->data);
}

static void on_end(struct tcp *tcp)
{
    struct side *s = tcp_owner(tcp);
    fired(tcp, s, &s->ended);
}

static void on_drain(struct tcp *tcp)
{
    struct side *s = tcp_owner(tcp);
    assert_false(tcp_busy(tcp));
    fired(tcp, s, &s->drained);
}

static void on_close(struct tcp *tcp)
{
    struct side *s = tcp_owner(tcp);
    fired(tcp, s, &s->closed);
    s->tcp = NULL;
}

static const struct tcp_ops ops = {on_data, on_end, on_drain, on_close};

/* ----- the peer ----- */

static void send_all(int fd, Str bytes)
{
    assert_int_equal(send(fd, bytes.p, bytes.n, MSG_NOSIGNAL), (ssize_t)bytes.n);
}

enum { NOTHING_YET = -1, RESET = -2 };

/* Appends what is there; 0: the end. */
static ssize_t receive(int fd, struct buf *got)
{
    char bytes[65536];
    ssize_t n = recv(fd, bytes, sizeof bytes, 0);
    if (n >= 0) {
        buf_add(got, str_from(bytes, (size_t)n));
        return n;
    }
    if (errno == ECONNRESET)
        return RESET;
    assert_true(errno == EAGAIN || errno == EWOULDBLOCK);
    return NOTHING_YET;
}

/* Steps our side until the peer has got so many bytes, or the end with SIZE_MAX. */
static void peer_gets(struct side *s, struct buf *got, size_t n)
{
    while (got->n < n) {
        ssize_t received = receive(s->peer, got);
        assert_int_not_equal(received, RESET);
        if (received == 0)
            break;
        uv_run(loop_uv(s->loop), UV_RUN_NOWAIT);
    }
    assert_true(n == SIZE_MAX || got->n == n);
}

static void peer_resets(struct side *s)
{
    struct linger at_once = {1, 0};
    assert_int_equal(setsockopt(s->peer, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
    close(s->peer);
    s->peer = -1;
}

/* ----- a connection for each test ----- */

static void narrow(int fd)
{
    int size = SMALL_WINDOW;
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size), 0);
}

static void accepted(void *arg, int fd)
{
    struct side *s = arg;
    assert_null(s->tcp);
    narrow(fd);
    s->in_callback = true;
    s->tcp = tcp_open(s->loop, fd, NULL, &ops, s);
    s->in_callback = false;
}

static struct sockaddr_in address(const struct listener *listener)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons(listener_port(listener)),
                                .sin_addr = {htonl(INADDR_LOOPBACK)}};
}

static int dial(const struct listener *listener)
{
    struct sockaddr_in to = address(listener);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(fd >= 0);
    narrow(fd);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0)
        assert_int_equal(errno, EINPROGRESS);
    return fd;
}

static int connection(void **state)
{
    struct side *s = mem_alloc(sizeof *s);
    const char *why = "";
    *state = s;
    s->got = BUF(GOT_MAX);
    s->loop = loop_new(0);
    assert_int_equal(listener_open(s->loop, S("127.0.0.1"), 0, accepted, s, &s->listener, &why),
                     ERR_OK);
    s->peer = dial(s->listener);
    run_until(s->loop, s->tcp);
    return 0;
}

static int no_connection(void **state)
{
    struct side *s = *state;
    if (s->tcp)
        tcp_close(s->tcp);
    run_until(s->loop, !s->tcp);
    assert_int_equal(s->closed, 1);
    assert_int_equal(atomic_load(loop_load(s->loop)), 0);
    run_what_is_there(s->loop);
    listener_close(&s->listener);
    assert_null(s->listener);
    loop_free(&s->loop);
    if (s->peer >= 0)
        close(s->peer);
    buf_free(&s->got);
    mem_free(s);
    return 0;
}

static void assert_calls(const struct side *s, int ended, int drained, int closed)
{
    assert_int_equal(s->ended, ended);
    assert_int_equal(s->drained, drained);
    assert_int_equal(s->closed, closed);
}

/* As a user of tcp does it; no callback may fire meanwhile. */
static void send_text(struct side *s, Str bytes)
{
    s->in_callback = true;
    tcp_send(s->tcp, bytes);
    s->in_callback = false;
}

/* Bytes that do not repeat at any power of two. */
static char *pattern(size_t n)
{
    char *p = mem_alloc(n);
    for (size_t i = 0; i < n; i++)
        p[i] = (char)(i % 251);
    return p;
}

static void assert_pattern(Str got)
{
    for (size_t i = 0; i < got.n; i++)
        if (got.p[i] != (char)(i % 251))
            fail_msg("byte %zu is %d", i, got.p[i]);
}

/* More than fits; what tcp_send was given is gone right after. */
static void send_big(struct side *s)
{
    char *bytes = pattern(BIG);
    send_text(s, str_from(bytes, BIG));
    memset(bytes, '!', BIG);
    mem_free(bytes);
    assert_true(tcp_busy(s->tcp));
    assert_true(tcp_pending(s->tcp) > 0 && tcp_pending(s->tcp) < BIG);
}

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

/* ----- finishing ----- */

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

#define with_connection(test) cmocka_unit_test_setup_teardown(test, connection, no_connection)

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
        with_connection(a_finish_ends_when_the_peer_does),
        with_connection(a_finish_begins_after_what_is_pending),
        with_connection(a_peer_that_only_sends_no_more_gets_what_is_pending),
        with_connection(a_peer_that_has_ended_before_gets_what_is_pending),
        with_connection(a_finish_does_not_wait_for_ever),
        with_connection(a_finish_does_not_wait_for_who_does_not_read),
        with_connection(a_reset_ends_a_finish),
        with_connection(a_close_ends_a_finish),
        with_connection(another_owner_takes_over),
    };
    alarm(WATCHDOG_S);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
