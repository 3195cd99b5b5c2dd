/*
 * One listening socket for all loops: SO_REUSEPORT would leave long-lived connections unbalanced,
 * reset those queued when a listener closes, and let a second process bind silently.
 */
#include "base/log.h"
#include "base/mem.h"
#include "io/tcp.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

enum { ACCEPTS_PER_TICK = 64, BACKLOG = 4096, PAUSE_MS = 100 };

struct listener {
    uv_poll_t poll;
    struct timer pause;
    struct loop *loop;
    int fd;
    uint16_t port;
    void (*on_socket)(void *arg, int fd);
    void *arg;
};

static void readable(uv_poll_t *poll, int status, int events);

static void go_on(struct timer *timer)
{
    struct listener *l = (struct listener *)((char *)timer - offsetof(struct listener, pause));
    uv_poll_start(&l->poll, UV_READABLE, readable);
}

static void readable(uv_poll_t *poll, int status, int events)
{
    struct listener *l = poll->data;
    if (status < 0 || !(events & UV_READABLE))
        return;
    for (int i = 0; i < ACCEPTS_PER_TICK; i++) {
        int fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            l->on_socket(l->arg, fd);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            log_event(LOG_WARN, "accept paused", log_s("reason", str_of(strerror(errno))));
            uv_poll_stop(poll);
            loop_timer_set(l->loop, &l->pause, PAUSE_MS, go_on);
        }
        if (errno != EINTR && errno != ECONNABORTED)
            return;
    }
}

static int bound_socket(const struct addrinfo *at, const char **why)
{
    int on = 1;
    int fd = socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
        bind(fd, at->ai_addr, at->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0) {
        *why = strerror(errno);
        if (fd >= 0)
            close(fd);
        return -1;
    }
    return fd;
}

static uint16_t port_of(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } at = {.v6 = {0}};
    socklen_t n = sizeof at;
    must(getsockname(fd, &at.any, &n) == 0);
    return ntohs(at.any.sa_family == AF_INET6 ? at.v6.sin6_port : at.v4.sin_port);
}

Err listener_open(struct loop *loop, Str host, uint16_t port, void (*on_socket)(void *arg, int fd),
                  void *arg, struct listener **out, const char **why)
{
    char name[256], service[8];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found = NULL;
    snprintf(name, sizeof name, STR_FMT, STR_ARG(host));
    snprintf(service, sizeof service, "%u", port);
    int failed = getaddrinfo(name, service, &hints, &found);
    if (failed) {
        *why = gai_strerror(failed);
        return ERR_BAD_REQUEST;
    }
    int fd = bound_socket(found, why);
    freeaddrinfo(found);
    if (fd < 0)
        return ERR_BAD_REQUEST;
    struct listener *l = mem_alloc(sizeof *l);
    *l = (struct listener){
        .loop = loop, .fd = fd, .port = port_of(fd), .on_socket = on_socket, .arg = arg};
    must(uv_poll_init(loop_uv(loop), &l->poll, fd) == 0);
    l->poll.data = l;
    must(uv_poll_start(&l->poll, UV_READABLE, readable) == 0);
    *out = l;
    return ERR_OK;
}

uint16_t listener_port(const struct listener *listener)
{
    return listener->port;
}

static void poll_closed(uv_handle_t *handle)
{
    struct listener *l = handle->data;
    close(l->fd);
    mem_free(l);
}

void listener_close(struct listener **at)
{
    struct listener *l = *at;
    if (!l)
        return;
    *at = NULL;
    loop_timer_clear(&l->pause);
    uv_close((uv_handle_t *)&l->poll, poll_closed);
}
