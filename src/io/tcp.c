/*
 * Writing is a plain send(2) first: nearly always the kernel takes all of it and no request, buffer
 * or callback is needed. Turned down: uv_try_write, which does the same through write(2); the
 * kernel's part of that costs 5 % more. Only the rest of a partial write is copied, into one
 * allocation that holds the uv_write_t too. Reading goes into the loop's one shared buffer, so an
 * idle connection holds none.
 */
#include "io/tcp.h"

#include "base/mem.h"
#include "io/traffic.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <uv.h>

enum { KEEPALIVE_S = 60 };

struct tcp_rest {
    uv_write_t req;
    struct tcp *tcp;
    size_t n;
    size_t counted; /* that, and what waits behind it */
    char bytes[];
};

struct tcp_finish {
    struct timer timer;
    struct tcp *tcp;
    uv_shutdown_t req;
    int64_t linger_ms;
};

struct tcp {
    struct tcp_rest *rest; /* being written; this and the next two are all that tcp_send touches */
    int fd;
    bool closed;
    bool wanted;     /* the owner wants to read */
    bool held;       /* what TLS has to say waits: nothing is read */
    struct tls *tls; /* or NULL */
    const struct tcp_ops *ops;
    void *owner;
    struct tcp_finish *finishing; /* after tcp_finish */
    void (*at_end)(void *arg);
    void *at_end_arg;
    uv_tcp_t uv;
};

static void closed(uv_handle_t *handle)
{
    struct tcp *tcp = handle->data;
    atomic_fetch_sub(loop_load(tcp_loop(tcp)), 1);
    tcp->ops->on_close(tcp);
    if (tcp->at_end)
        tcp->at_end(tcp->at_end_arg);
    if (tcp->finishing)
        loop_timer_clear(&tcp->finishing->timer);
    mem_free(tcp->finishing);
    tls_free(&tcp->tls);
    mem_free(tcp);
}

void tcp_close(struct tcp *tcp)
{
    if (tcp->closed)
        return;
    if (tcp->ops->on_closing)
        tcp->ops->on_closing(tcp);
    tcp->closed = true;
    uv_close((uv_handle_t *)&tcp->uv, closed);
}

static void give_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    (void)suggested;
    struct tcp *tcp = handle->data;
    size_t size;
    char *bytes = loop_receive_buffer(tcp_loop(tcp), &size);
    *buf = uv_buf_init(bytes, (unsigned)size);
}

static void send_encrypted(struct tcp *tcp);

static void count(const struct tcp *tcp, struct tcp_rest *rest, size_t n)
{
    atomic_size_t *output = loop_output(tcp_loop(tcp));
    if (output && n != rest->counted)
        atomic_fetch_add(output, n - rest->counted); /* which may be less than nothing */
    rest->counted = n;
}

/* Nothing more comes in while the peer does not take what TLS had to say to what came before. */
static void hold(struct tcp *tcp)
{
    size_t waiting = tls_output(tcp->tls)->n;
    if (!waiting || !tcp->rest || tcp->closed)
        return;
    count(tcp, tcp->rest, tcp->rest->n + waiting);
    tcp->held = true;
    uv_read_stop((uv_stream_t *)&tcp->uv);
}

/* One on_data for what one read brought, as without TLS: what pauses reading comes in there. */
static void decrypt(struct tcp *tcp, Str bytes)
{
    size_t room, n = 0;
    char *to = loop_plain_buffer(tcp_loop(tcp), &room);
    tls_feed(tcp->tls, bytes);
    int got;
    while ((got = tls_read(tcp->tls, to + n, (int)(room - n))) > 0)
        n += (size_t)got;
    send_encrypted(tcp); /* of the handshake, or an alert */
    hold(tcp);
    if (n && !tcp->closed)
        tcp->ops->on_data(tcp, to, n);
    if (got == TLS_BROKEN)
        tcp_close(tcp);
    else if (got == TLS_ENDED && !tcp->closed && !tcp->finishing)
        tcp->ops->on_end(tcp);
}

static void received(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct tcp *tcp = stream->data;
    if (tcp->closed)
        return;
    if (n > 0 && !tcp->finishing && tcp->tls)
        decrypt(tcp, str_from(buf->base, (size_t)n));
    else if (n > 0 && !tcp->finishing)
        tcp->ops->on_data(tcp, buf->base, (size_t)n);
    else if (n == UV_EOF && !tcp->finishing)
        tcp->ops->on_end(tcp);
    else if (n < 0 && !(n == UV_EOF && tcp->rest)) /* begin_shutdown meets that end again */
        tcp_close(tcp);
}

struct tcp *tcp_open(struct loop *loop, int fd, struct tls_context *context,
                     const struct tcp_ops *ops, void *owner)
{
    struct tcp *tcp = mem_alloc(sizeof *tcp);
    tcp->ops = ops;
    tcp->owner = owner;
    tcp->fd = fd;
    tcp->tls = context ? tls_new(context) : NULL;
    tcp->uv.data = tcp;
    must(uv_tcp_init(loop_uv(loop), &tcp->uv) == 0);
    must(uv_tcp_open(&tcp->uv, fd) == 0);
    uv_tcp_nodelay(&tcp->uv, 1);
    uv_tcp_keepalive(&tcp->uv, 1, KEEPALIVE_S); /* finds peers that are gone without a word */
    atomic_fetch_add(loop_load(loop), 1);
    tcp_read_start(tcp);
    return tcp;
}

void tcp_at_end(struct tcp *tcp, void (*fn)(void *arg), void *arg)
{
    tcp->at_end = fn;
    tcp->at_end_arg = arg;
}

void tcp_hand_over(struct tcp *tcp, const struct tcp_ops *ops, void *owner)
{
    tcp->ops = ops;
    tcp->owner = owner;
}

void *tcp_owner(const struct tcp *tcp)
{
    return tcp->owner;
}

struct loop *tcp_loop(const struct tcp *tcp)
{
    return tcp->uv.loop->data;
}

void tcp_read_start(struct tcp *tcp)
{
    tcp->wanted = true;
    if (!tcp->closed && !tcp->held)
        uv_read_start((uv_stream_t *)&tcp->uv, give_buffer, received);
}

void tcp_read_stop(struct tcp *tcp)
{
    tcp->wanted = false;
    uv_read_stop((uv_stream_t *)&tcp->uv);
}

static void shut(uv_shutdown_t *req, int status)
{
    struct tcp_finish *f = req->data;
    if (status < 0)
        tcp_close(f->tcp);
}

static void linger_over(struct timer *timer)
{
    struct tcp_finish *f = (struct tcp_finish *)timer;
    tcp_close(f->tcp);
}

static void begin_shutdown(struct tcp *tcp)
{
    struct tcp_finish *f = tcp->finishing;
    f->req.data = f;
    if (uv_shutdown(&f->req, (uv_stream_t *)&tcp->uv, shut) < 0) {
        tcp_close(tcp);
        return;
    }
    uv_read_start((uv_stream_t *)&tcp->uv, give_buffer, received);
}

static void rest_written(uv_write_t *req, int status)
{
    struct tcp_rest *rest = (struct tcp_rest *)req;
    struct tcp *tcp = rest->tcp;
    count(tcp, rest, 0);
    tcp->rest = NULL;
    mem_free(rest);
    if (status < 0)
        tcp_close(tcp);
    if (tcp->tls)
        send_encrypted(tcp); /* its own words, from meanwhile */
    if (tcp->held) {
        tcp->held = false;
        if (tcp->wanted)
            tcp_read_start(tcp);
    }
    if (tcp->closed || tcp->rest)
        return;
    if (tcp->finishing)
        begin_shutdown(tcp);
    else
        tcp->ops->on_drain(tcp);
}

/* How much the kernel took at once, -1: the connection is dead. */
static ssize_t send_now(const struct tcp *tcp, Str bytes)
{
    ssize_t sent;
    do
        sent = send(tcp->fd, bytes.p, bytes.n, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS) ? 0 : sent;
}

static void send_raw(struct tcp *tcp, Str bytes)
{
    ssize_t sent = send_now(tcp, bytes);
    if (sent < 0) {
        tcp_close(tcp);
        return;
    }
    if ((size_t)sent == bytes.n)
        return;
    Str left = str_skip(bytes, (size_t)sent);
    struct tcp_rest *rest = mem_resize(NULL, sizeof *rest + left.n);
    rest->tcp = tcp;
    rest->n = left.n;
    rest->counted = 0;
    count(tcp, rest, left.n);
    memcpy(rest->bytes, left.p, left.n);
    tcp->rest = rest;
    uv_buf_t buf = uv_buf_init(rest->bytes, (unsigned)left.n);
    if (uv_write(&rest->req, (uv_stream_t *)&tcp->uv, &buf, 1, rest_written) < 0) {
        count(tcp, rest, 0);
        tcp->rest = NULL;
        mem_free(rest);
        tcp_close(tcp);
    }
}

static void send_encrypted(struct tcp *tcp)
{
    struct buf *out = tls_output(tcp->tls);
    if (tcp->rest || tcp->closed || !out->n)
        return;
    send_raw(tcp, buf_str(out));
    buf_free(out);
}

void tcp_send(struct tcp *tcp, Str bytes)
{
    must(!tcp->rest && bytes.n <= TCP_SEND_MAX);
    if (tcp->closed || bytes.n == 0)
        return;
    if (!tcp->tls)
        send_raw(tcp, bytes);
    else if (tls_write(tcp->tls, bytes))
        send_encrypted(tcp);
    else
        tcp_close(tcp);
}

bool tcp_busy(const struct tcp *tcp)
{
    return tcp->rest != NULL;
}

size_t tcp_pending(const struct tcp *tcp)
{
    return tcp->rest ? tcp->rest->n : 0;
}

size_t tcp_unacknowledged(const struct tcp *tcp)
{
    int queued = 0;
    if (tcp->closed || ioctl(tcp->fd, SIOCOUTQ, &queued) < 0 || queued < 0)
        queued = 0;
    return tcp_pending(tcp) + (size_t)queued;
}

bool tcp_traffic(const struct tcp *tcp, uint64_t *in, uint64_t *out)
{
    return !tcp->closed && traffic_read(tcp->fd, in, out);
}

void tcp_finish(struct tcp *tcp, int64_t linger_ms)
{
    if (tcp->closed || tcp->finishing)
        return;
    struct tcp_finish *f = mem_alloc(sizeof *f);
    f->tcp = tcp;
    tcp->finishing = f;
    loop_timer_set(tcp_loop(tcp), &f->timer, linger_ms, linger_over);
    if (tcp->tls) {
        tls_end(tcp->tls);
        send_encrypted(tcp);
    }
    if (!tcp->rest)
        begin_shutdown(tcp);
}

void tcp_peer(const struct tcp *tcp, char *out, size_t size)
{
    struct sockaddr_storage addr;
    int n = sizeof addr;
    char host[INET6_ADDRSTRLEN] = "?";
    uint16_t port = 0;
    if (uv_tcp_getpeername(&tcp->uv, (struct sockaddr *)&addr, &n) == 0) {
        if (addr.ss_family == AF_INET6) {
            const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&addr;
            inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof host);
            port = ntohs(in6->sin6_port);
        } else {
            const struct sockaddr_in *in = (const struct sockaddr_in *)&addr;
            inet_ntop(AF_INET, &in->sin_addr, host, sizeof host);
            port = ntohs(in->sin_port);
        }
    }
    snprintf(out, size, strchr(host, ':') ? "[%s]:%u" : "%s:%u", host, port);
}
