/*
 * Connections over real sockets on loopback. Our side is on a loop that the test steps; the peer is
 * a plain non-blocking socket in the test's own hand, so each test decides what has arrived when.
 */
#ifndef TEST_IO_TCP_BENCH_H
#define TEST_IO_TCP_BENCH_H

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
    BIG = 1 << 20,       /* more than the kernel takes at once */
    SMALL_WINDOW = 8192, /* of both sockets' buffers */
    GOT_MAX = 64 << 20,
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

static inline void fired(struct tcp *tcp, struct side *s, int *count)
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

static inline void on_data(struct tcp *tcp, char *bytes, size_t n)
{
    struct side *s = tcp_owner(tcp);
    assert_true(n > 0);
    buf_add(&s->got, str_from(bytes, n));
    memset(bytes, '#', n); /* they may be written to */
    fired(tcp, s, &s->data);
}

static inline void on_end(struct tcp *tcp)
{
    struct side *s = tcp_owner(tcp);
    fired(tcp, s, &s->ended);
}

static inline void on_drain(struct tcp *tcp)
{
    struct side *s = tcp_owner(tcp);
    assert_false(tcp_busy(tcp));
    fired(tcp, s, &s->drained);
}

static inline void on_close(struct tcp *tcp)
{
    struct side *s = tcp_owner(tcp);
    fired(tcp, s, &s->closed);
    s->tcp = NULL;
}

static const struct tcp_ops ops = {on_data, on_end, on_drain, on_close, NULL};

/* ----- the peer ----- */

static inline void send_all(int fd, Str bytes)
{
    assert_int_equal(send(fd, bytes.p, bytes.n, MSG_NOSIGNAL), (ssize_t)bytes.n);
}

enum { NOTHING_YET = -1, RESET = -2 };

/* Appends what is there; 0: the end. */
static inline ssize_t receive(int fd, struct buf *got)
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
static inline void peer_gets(struct side *s, struct buf *got, size_t n)
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

static inline void peer_resets(struct side *s)
{
    struct linger at_once = {1, 0};
    assert_int_equal(setsockopt(s->peer, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
    close(s->peer);
    s->peer = -1;
}

/* ----- a connection for each test ----- */

static inline void narrow(int fd)
{
    int size = SMALL_WINDOW;
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size), 0);
}

static struct tls_context *secured; /* borrowed; NULL: without TLS */

static inline void accepted(void *arg, int fd)
{
    struct side *s = arg;
    assert_null(s->tcp);
    narrow(fd);
    s->in_callback = true;
    s->tcp = tcp_open(s->loop, fd, secured, &ops, s);
    s->in_callback = false;
}

static inline struct sockaddr_in address(const struct listener *listener)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons(listener_port(listener)),
                                .sin_addr = {htonl(INADDR_LOOPBACK)}};
}

static inline int dial(const struct listener *listener)
{
    struct sockaddr_in to = address(listener);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(fd >= 0);
    narrow(fd);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0)
        assert_int_equal(errno, EINPROGRESS);
    return fd;
}

static inline int connection(void **state)
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

static inline int no_connection(void **state)
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

static inline void assert_calls(const struct side *s, int ended, int drained, int closed)
{
    assert_int_equal(s->ended, ended);
    assert_int_equal(s->drained, drained);
    assert_int_equal(s->closed, closed);
}

/* As a user of tcp does it; no callback may fire meanwhile. */
static inline void send_text(struct side *s, Str bytes)
{
    s->in_callback = true;
    tcp_send(s->tcp, bytes);
    s->in_callback = false;
}

/* Bytes that do not repeat at any power of two. */
static inline char *pattern(size_t n)
{
    char *p = mem_alloc(n);
    for (size_t i = 0; i < n; i++)
        p[i] = (char)(i % 251);
    return p;
}

static inline void assert_pattern(Str got)
{
    for (size_t i = 0; i < got.n; i++)
        if (got.p[i] != (char)(i % 251))
            fail_msg("byte %zu is %d", i, got.p[i]);
}

/* More than fits; what tcp_send was given is gone right after. */
static inline void send_big(struct side *s)
{
    char *bytes = pattern(BIG);
    send_text(s, str_from(bytes, BIG));
    memset(bytes, '!', BIG);
    mem_free(bytes);
    assert_true(tcp_busy(s->tcp));
    assert_true(tcp_pending(s->tcp) > 0 && tcp_pending(s->tcp) < BIG);
}

#define with_connection(test) cmocka_unit_test_setup_teardown(test, connection, no_connection)

#endif
