/*
 * bench/floor_send SOCKETS BYTES ROUNDS
 *
 * What the kernel alone asks for a delivery: one process writes BYTES to each of SOCKETS loopback
 * connections, one send(2) each, and another one reads them; the next round begins when all has
 * been read. The floor that CPU a delivery is held against. Prints one line of JSON for each of
 * ROUNDS times 100 rounds: the microseconds of the writer's CPU, user and system, a write.
 */
#include "base/mem.h"
#include "bench/die.h"
#include "bench/others.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BATCH = 100, EVENTS = 512 };

static char bytes[64 * 1024];

static int listen_on_loopback(struct sockaddr_in *at)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    socklen_t n = sizeof *at;
    *at = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    if (fd < 0 || bind(fd, (struct sockaddr *)at, n) < 0 || listen(fd, 4096) < 0 ||
        getsockname(fd, (struct sockaddr *)at, &n) < 0)
        die("listen: %s", strerror(errno));
    return fd;
}

/* The other process: says one byte on `done` when every socket's bytes of a round have come. */
static void read_rounds(const struct sockaddr_in *to, size_t sockets, size_t n, int done)
{
    struct epoll_event events[EVENTS];
    int epoll = epoll_create1(0);
    for (size_t i = 0; i < sockets; i++) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
        if (fd < 0 || connect(fd, (const struct sockaddr *)to, sizeof *to) < 0 ||
            epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
            die("connect: %s", strerror(errno));
    }
    for (size_t left = sockets * n;;) {
        int ready = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < ready; i++) {
            ssize_t got = recv(events[i].data.fd, bytes, sizeof bytes, 0);
            if (got <= 0)
                _exit(0);
            left -= (size_t)got;
        }
        if (left == 0) {
            left = sockets * n;
            if (write(done, "", 1) != 1)
                _exit(0);
        }
    }
}

int main(int argc, char **argv)
{
    size_t sockets = argc == 4 ? (size_t)atoi(argv[1]) : 0,
           n = argc == 4 ? (size_t)atoi(argv[2]) : 0;
    struct rlimit files;
    struct sockaddr_in at;
    int done[2], on = 1;
    if (!sockets || !n || n > sizeof bytes)
        die("usage: floor_send SOCKETS BYTES ROUNDS");
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    int listener = listen_on_loopback(&at);
    if (pipe(done) < 0)
        die("pipe: %s", strerror(errno));
    pid_t child = fork();
    if (child == 0)
        read_rounds(&at, sockets, n, done[1]);
    clockid_t reader;
    if (clock_getcpuclockid(child, &reader) != 0)
        die("there is no reader");
    int *fds = mem_alloc(sockets * sizeof *fds);
    for (size_t i = 0; i < sockets; i++) {
        fds[i] = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
        setsockopt(fds[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    for (int round = -1; round < atoi(argv[3]); round++) {
        struct others others;
        others_begin(&others, reader);
        double cpu = others_clock(CLOCK_PROCESS_CPUTIME_ID);
        for (int i = 0; i < BATCH; i++) {
            char byte;
            for (size_t s = 0; s < sockets; s++)
                if (send(fds[s], bytes, n, MSG_NOSIGNAL) != (ssize_t)n)
                    die("write: %s", strerror(errno));
            if (read(done[0], &byte, 1) != 1)
                die("the reader has ended");
        }
        cpu = others_clock(CLOCK_PROCESS_CPUTIME_ID) - cpu;
        if (round >= 0) /* the first one warms up */
            printf("{\"cpuPerWrite\":%.3f,\"others\":%.3f}\n", cpu / BATCH / (double)sockets,
                   others_share(&others));
    }
    return 0;
}
