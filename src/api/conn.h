/*
 * struct conn: one HTTP/1.1 connection: bytes to requests, answers to bytes, keep-alive,
 * pipelining, time-outs. One request at a time: while it is in flight, and until its answer has
 * been taken, nothing is read, so that at most one answer waits for a peer. It does not know routes
 * or answers: struct exchange does. It frees itself after its connection has ended and its request
 * is done. On its loop's thread.
 */
#ifndef API_CONN_H
#define API_CONN_H

#include "api/server.h"
#include "base/buf.h"

struct conn;
struct exchange;

/* fd is moved. */
void conn_open(struct server *server, struct loop *loop, enum surface surface, int fd);

enum conn_next { CONN_KEEP, CONN_CLOSE };

/* The answer to the request in flight, whose exchange is freed by the caller after. */
void conn_answer(struct conn *c, Str bytes, enum conn_next next);

/* What comes before conn_answer: 100 Continue, or a part of the answer. */
void conn_interim(struct conn *c, Str bytes);

/* The same, of bytes that are moved, and others behind them that live as long as the process. */
void conn_write(struct conn *c, struct buf *bytes, Str constant);

/* What waits for the peer now, and until it is gone, counts as theirs. */
void conn_charge(struct conn *c, const struct unsent_who *who);

/* Closes the connection of the loop for which the most bytes wait, if that is more than so many. */
bool conn_close_largest(struct server *server, struct loop *loop, size_t more_than);

/*
 * The request in flight waits for something that may take long, or is answered in parts: from now
 * on the peer is watched, until conn_answer. `gone`: the peer has left; what remains is
 * conn_answer. `drained`: conn_busy has ended. What comes meanwhile is kept for the next request.
 */
struct conn_watch {
    void (*gone)(void *watcher);
    void (*drained)(void *watcher);
};
void conn_hold(struct conn *c, const struct conn_watch *watch, void *watcher);
/* Does the peer not take what was written? */
bool conn_busy(const struct conn *c);

/* The connection becomes a session's, after the answer; the conn frees itself. wire: SockJS over
 * the WebSocket, else NULL. users, window: see session_open. NULL when the connection was lost. The
 * app has been counted (online_open). */
struct session *conn_upgrade(struct conn *c, Str answer, struct wire *wire,
                             const struct auth_ticket *ticket, int64_t users, unsigned window);

/* Closes the loop's connections that have no request in flight. */
void conn_close_idle(struct server *server, struct loop *loop);

/* Still there? Else the answer goes nowhere. */
bool conn_alive(const struct conn *c);

struct server *conn_server(const struct conn *c);
struct loop *conn_loop(const struct conn *c);
enum surface conn_surface(const struct conn *c);
/* "203.0.113.7": the peer's address, borrowed from the connection. */
Str conn_peer(const struct conn *c);

#endif
