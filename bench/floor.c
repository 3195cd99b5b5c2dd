/*
 * bench/floor BYTES
 *
 * The least that a chat server can cost: no HTTP, no STOMP, no store. It listens on a free port of
 * 127.0.0.1, which it prints. A connection first says its room, "r0000000", and gets a "k"; then
 * every BYTES that it sends go, as they are, to all connections of its room. What comes in one tick
 * goes out as one write per socket. A peer that does not read ends it: a floor has no queues.
 */
#include "base/mem.h"
#include "bench/die.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ROOMS = 10000, FILES = 65536, EVENTS = 512, HELLO = 8, TICK_BYTES = 1 << 20 };

struct room {
    int *fds; /* owned */
    size_t n, cap;
    char *out; /* owned; of this tick */
    size_t out_n;
};

struct conn {
    struct room *room;
    size_t in_n; /* of an incomplete frame or hello */
    char *in;    /* owned */
};

static struct room rooms[ROOMS];
static struct room *dirty[ROOMS];
static size_t n_dirty;
static struct conn conns[FILES];
static char bytes[TICK_BYTES];
static size_t frame;

static void join(struct conn *c, int fd)
{
    char number[HELLO] = "";
    memcpy(number, c->in + 1, HELLO - 1);
    size_t i = strtoul(number, NULL, 10);
    if (i >= ROOMS)
        die("there is no room %zu", i);
    struct room *r = c->room = &rooms[i];
    if (r->n == r->cap) {
        r->cap = r->cap ? r->cap * 2 : 4;
        r->fds = mem_resize(r->fds, r->cap * sizeof *r->fds);
    }
    r->fds[r->n++] = fd;
    if (send(fd, "k", 1, MSG_NOSIGNAL) != 1)
        die("hello: %s", strerror(errno));
}

static void publish(struct room *r, const char *p)
{
    if (!r->out)
        r->out = mem_alloc(TICK_BYTES);
    if (!r->out_n)
        dirty[n_dirty++] = r;
    if (r->out_n + frame > TICK_BYTES)
        die("too much in one tick");
    memcpy(r->out + r->out_n, p, frame);
    r->out_n += frame;
}

static void readable(int fd)
{
    struct conn *c = &conns[fd];
    ssize_t n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (n <= 0)
        exit(0); /* the measurement is over */
    for (size_t at = 0; at < (size_t)n;) {
        size_t whole = c->room ? frame : HELLO, left = (size_t)n - at;
        size_t take = left < whole - c->in_n ? left : whole - c->in_n;
        memcpy(c->in + c->in_n, bytes + at, take);
        at += take;
        c->in_n += take;
        if (c->in_n < whole)
            return;
        c->in_n = 0;
        if (c->room)
            publish(c->room, c->in);
        else
            join(c, fd);
    }
}

static void flush(void)
{
    for (size_t i = 0; i < n_dirty; i++) {
        struct room *r = dirty[i];
        for (size_t m = 0; m < r->n; m++)
            if (send(r->fds[m], r->out, r->out_n, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)r->out_n)
                die("a peer does not read");
        r->out_n = 0;
    }
    n_dirty = 0;
}

static void accept_all(int listener, int epoll)
{
    int fd, on = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
        if (fd >= FILES)
            die("too many connections");
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        conns[fd].in = mem_alloc(frame > HELLO ? frame : HELLO);
        epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
    }
}

int main(int argc, char **argv)
{
    struct epoll_event events[EVENTS];
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t n = sizeof at;
    struct rlimit files;
    frame = argc == 2 ? strtoul(argv[1], NULL, 10) : 0;
    if (frame < HELLO || frame > TICK_BYTES / 64)
        die("usage: floor BYTES");
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    int epoll = epoll_create1(0), listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
    if (listener < 0 || bind(listener, (struct sockaddr *)&at, n) < 0 ||
        listen(listener, 4096) < 0 || getsockname(listener, (struct sockaddr *)&at, &n) < 0 ||
        epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) < 0)
        die("listen: %s", strerror(errno));
    printf("{\"port\":%d}\n", ntohs(at.sin_port));
    fflush(stdout);
    for (;;) {
        int ready = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < ready; i++) {
            if (events[i].data.fd == listener)
                accept_all(listener, epoll);
            else
                readable(events[i].data.fd);
        }
        flush();
    }
}
