/*
 * struct clients: realtime sessions of many users on one thread: STOMP over WebSocket as a server's
 * peers have it, and the HTTP that leads there (a ticket for the user's JWT, then the upgrade, on
 * one connection). It does not know what is sent or whether what comes is right. Frames it gets are
 * checked as such: each WebSocket message one STOMP frame.
 *
 * Everything happens inside clients_run and what calls it; callbacks too.
 */
#ifndef BENCH_CLIENTS_H
#define BENCH_CLIENTS_H

#include "bench/plan.h"
#include "bench/target.h"

struct clients;

/* Whether an event came as it happened, or because the session resumes. */
enum clients_when { CLIENTS_LIVE, CLIENTS_REPLAYED };

struct clients_ops {
    void (*receipt)(void *arg, size_t user, Str id);
    void (*event)(void *arg, size_t user, Str body, enum clients_when when);
    /* The user's session is subscribed, and has what it missed. May be NULL. */
    void (*ready)(void *arg, size_t user);
    /* The connection is gone: a WebSocket close code, an HTTP status, or 0; the user may be started
     * again. NULL: the program ends instead. */
    void (*lost)(void *arg, size_t user, int code);
};

/* All is borrowed for its life. */
struct clients *clients_new(const struct plan *plan, const struct target *target,
                            const struct clients_ops *ops, void *arg);
/* Connections are cut. */
void clients_free(struct clients **clients);

/* From now on, as a real client: keep the id of the last event, resume from it, and drop events
 * whose id was just seen. */
void clients_remember(struct clients *clients);

/* Connects users [first, end) and returns when all are subscribed. No heart-beats are agreed. */
void clients_open(struct clients *clients, size_t first, size_t end);

/* Begins to connect one user, who has no connection. */
void clients_start(struct clients *clients, size_t user);
/* Cuts one's connection, without a word. */
void clients_cut(struct clients *clients, size_t user);
/* Subscribed, with what was missed. */
bool clients_ready(const struct clients *clients, size_t user);
size_t clients_count_ready(const struct clients *clients);
/* Events that were dropped because their id had been seen. */
uint64_t clients_repeated(const struct clients *clients);

/* Stops reading what comes for the user, and begins again. */
void clients_stall(struct clients *clients, size_t user);
void clients_unstall(struct clients *clients, size_t user);

/* A SEND to /api/chat with a receipt header. */
void clients_send(struct clients *clients, size_t user, Str receipt, Str body);

/* Waits at most wait_ms for something to come, and takes all that has come. */
void clients_run(struct clients *clients, int wait_ms);

#endif
