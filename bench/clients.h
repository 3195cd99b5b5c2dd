/*
 * struct clients: realtime sessions of many users on one thread: STOMP over WebSocket as a server's
 * peers have it, and the HTTP that leads there (a ticket for the user's JWT, then the upgrade, on
 * one connection). Any surprise ends the program. It does not know what is sent or whether what
 * comes is right. Frames it gets are checked as such: each WebSocket message one STOMP frame.
 *
 * Everything happens inside clients_open and clients_run; callbacks too.
 */
#ifndef BENCH_CLIENTS_H
#define BENCH_CLIENTS_H

#include "bench/plan.h"

struct clients;

struct clients_ops {
    void (*receipt)(void *arg, size_t user, Str id);
    void (*event)(void *arg, size_t user, Str body);
};

/* The server is on 127.0.0.1:port. All is borrowed for its life. */
struct clients *clients_new(const struct plan *plan, uint16_t port, const struct clients_ops *ops,
                            void *arg);
/* Connections are cut. */
void clients_free(struct clients **clients);

/* Connects users [first, end) and returns when all are subscribed. No heart-beats are agreed. */
void clients_open(struct clients *clients, size_t first, size_t end);

/* A SEND to /api/chat with a receipt header. */
void clients_send(struct clients *clients, size_t user, Str receipt, Str body);

/* Waits at most wait_ms for something to come, and takes all that has come. */
void clients_run(struct clients *clients, int wait_ms);

/* A plain GET as the user on a connection of its own kind (fd: clients_connect), blocking. Returns
 * the body, borrowed until the next call; the program ends unless the answer is a 200. */
int clients_connect(uint16_t port, unsigned source);
Str clients_get(int fd, const struct plan_user *user, const char *path);

#endif
