/*
 * struct target: the server that is measured: where it listens, and what the operating system says
 * of its process when that is known. It may be one of our own: `whispd serve` on a data directory.
 * Ends the program when the server cannot be reached or
 * started. Knows nothing of what is said to it.
 */
#ifndef BENCH_TARGET_H
#define BENCH_TARGET_H

#include "base/str.h"

#include <sys/socket.h>
#include <time.h>

enum { TARGET_HOST = 256, TARGET_PATH = 4096 };

struct target {
    struct sockaddr_storage address;
    socklen_t address_size;
    char host[TARGET_HOST]; /* with the port, for the Host header; C text */
    int pid;                /* 0: not known */
    clockid_t cpu;
    bool own;
    char log[TARGET_PATH]; /* where our own one's lines go */
    int64_t commits;       /* of our own one, once it has ended */
};

/* url: http://HOST:PORT. pid 0: not known. */
void target_set(struct target *target, const char *url, int pid);

/* Starts one of our own on a free port. cpu: the core it is bound to, -1: any. args: options for
 * it. It can measure: limits of rates are off. One at a time. */
void target_start(struct target *target, const char *data, int cpu, char **args, int n);
/* Of our own one only; returns when it has ended. */
void target_stop(struct target *target);

/* For the end of the program, our own one, if there is one: lets it do nothing more, but also not
 * end, which another thread would notice; kills it. Any thread. */
void target_suspend(void);
void target_abandon(void);

/* A connected socket, or one that is still connecting when flags say SOCK_NONBLOCK. source tells
 * apart the addresses that we connect from, where there is a choice: on loopback. */
int target_connect(const struct target *target, unsigned source, int flags);

/* Microseconds of CPU, user and system, of all its threads so far; 0: not known. */
double target_cpu(const struct target *target);
/* KiB that are resident; 0: not known. */
long target_resident(const struct target *target);
/* How many lines of its log have the text; our own one's only. */
size_t target_said(const struct target *target, const char *text);

#endif
