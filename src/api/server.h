/*
 * The server: two surfaces (the chat API and the management API), each with a listener, on the
 * loops that main made; what their connections share. It owns no thread: server_start runs on loop
 * 0's thread before it runs, server_drain on loop 0's.
 */
#ifndef API_SERVER_H
#define API_SERVER_H

#include "api/rate.h"
#include "api/sockets.h"
#include "api/unsent.h"
#include "codec/http.h"
#include "codec/token.h"
#include "domain/tx.h"
#include "realtime/jobs.h"
#include "realtime/online.h"
#include "realtime/session.h"

enum surface { SURFACE_API, SURFACE_MANAGEMENT, SURFACES };

/* Connections of the management API over its limit: they are told so, but probes are answered. */
enum { SERVER_PROBES = 32 };

#define NODE "local" /* this server's name among the nodes of its cluster: it is the only one */

struct server_config {
    struct loop **loops; /* borrowed */
    size_t n_loops;
    struct online *online;
    const struct rules *rules;
    const struct token_keys *keys;
    Str cluster;             /* name */
    Str origins[SURFACES];   /* "*", or a comma-separated list; management: besides its own */
    Str trusted_proxies;     /* see proxies.h */
    struct http_limits http; /* body: the largest that any route takes, SockJS's */
    uint64_t body;           /* of any other route */
    struct tls_context *tls; /* of both surfaces; borrowed; NULL: plain HTTP */
    Str sockjs_url;          /* of the client, for SockJS's iframe */
    struct session_limits session;
    size_t buffer_budget;
    size_t user_output, address_output; /* bytes of HTTP answers that may wait for one */
    int64_t demo_users;
    struct rate_limit message_rate, request_rate, key_rate, failures;
    struct rate_limit management_rate, account_rate, register_rate, new_key_rate;
    int64_t typing_ms;
    int64_t idle_ms;            /* a connection between requests; the end of an answer */
    int64_t request_ms;         /* a request's head and body */
    size_t connections;         /* of the chat API, realtime sessions too */
    size_t management_sockets;  /* of the management API, besides those */
    size_t address_connections; /* of a client address, on the chat API; 0: no limit */
    int64_t app_connections;    /* realtime sessions of an app; 0: no limit */
    uint64_t hash_memory;       /* bytes, of a password hash */
    uint64_t hash_passes;
};

struct server {
    struct server_config config;
    struct jobs *jobs;
    struct sessions **sessions; /* by loop */
    struct conn **conns;        /* by loop: HTTP connections, linked */
    struct rate *rate;
    struct sockjs_registry *sockjs;
    struct listener *listeners[SURFACES];
    atomic_size_t buffered; /* bytes that wait for clients, of sessions and of HTTP */
    struct unsent *unsent;  /* of those, HTTP's, by who does not take them */
    struct sockets *sockets[SURFACES];
    size_t sockets_refused; /* since it was last logged; on loop 0 */
    int64_t refused_at;     /* when that was, monotonic microseconds */
    atomic_size_t refusals; /* connections of the chat API that are open only to be told so */
    Str url[SURFACES];      /* public */
    atomic_bool draining;   /* /readyz fails */
    atomic_size_t closed;   /* loops that have begun to close what they have */
};

struct server *server_new(const struct server_config *config);
void server_free(struct server **server);

/* Binds; accepting begins when loop 0 runs. *why says what failed. port 0: a free one. */
Err server_listen(struct server *server, enum surface surface, Str host, uint16_t port,
                  const char **why) must_check;
uint16_t server_port(const struct server *server, enum surface surface);

/* Before the loops run. url: what clients call the surfaces; borrowed. */
void server_start(struct server *server, struct jobs *jobs, const Str url[SURFACES]);

/* Called on each loop for each publication: jobs_config.deliver. arg is the server. */
void server_deliver(void *arg, struct loop *loop, struct publication *p);

/* On loop 0: tells the hub of each loop. Changes are borrowed. */
void server_tell_presence(struct server *server, const struct online_change *changes, size_t n);

/* Any thread: /readyz fails from now on. */
void server_drain(struct server *server);
/* On loop 0: no new connections; HTTP connections end after their request, sessions close with 1012
 * over spread_ms, on every loop. */
void server_close(struct server *server, int64_t spread_ms);
/* True once every loop has begun to: from then on connections only become fewer. Any thread. */
bool server_closed(const struct server *server);

enum { SERVER_HASH = 128 }; /* bytes of a password hash's text with its NUL, at most */

/* Hashes at the configured cost, argon2id. About 10 ms. False when there is no memory for it. */
bool server_hash_password(const struct server_config *config, Str password,
                          char out[SERVER_HASH]) must_check;

#endif
