/*
 * struct exchange: a request and its way through the server: route, credentials, rates, body,
 * steps, answer. What a conn makes for each request. On the conn's loop, save the steps.
 */
#ifndef API_EXCHANGE_H
#define API_EXCHANGE_H

#include "api/conn.h"
#include "api/request.h"
#include "domain/auth.h"

struct exchange {
    struct request request;
    struct conn *conn;
    struct job job;
    size_t step;
    Str id;      /* X-Request-Id */
    Str path;    /* decoded */
    Str peer;    /* the client's address; empty: the head could not be read */
    Err refusal; /* what its answer says; ERR_OK: none */
    struct rate_state rate;
    Str idempotency_key;
    struct auth_ticket ticket; /* that was spent */
    Str tier;                  /* of its app */
    Str cache;                 /* Cache-Control, other than no-store */
    Str extension;             /* of a WebSocket: Sec-WebSocket-Extensions of the answer, if any */
    unsigned window;           /* of that: see ws_deflate_accept */
    /* Instead of an answer, when the steps are done or one has failed. */
    void (*finish)(struct exchange *x, Err err, Str why);
    int64_t started;      /* microseconds, monotonic */
    struct timer stalled; /* of an answer in parts: its peer takes nothing */
    bool streaming, in_job,
        gone; /* of the same: its head is out; its step runs; its peer has left */
};

/* head: the bytes of a request head that http_decode_head has accepted; copied. */
struct exchange *exchange_new(struct conn *c, Str head);
void exchange_free(struct exchange **x);

/* The request is there with its body (copied): routes it and answers, now or later. */
void exchange_start(struct exchange *x, Str body);

/* The head of a request is there, and its client has too many connections, or the management API
 * has: refuses it, save a probe of the latter, and ends this one. */
void exchange_turn_away(struct exchange *x);

/* Bytes that the body of this request may have. */
uint64_t exchange_body_limit(const struct exchange *x);

/* Begins the steps of x->request.route. */
void exchange_run(struct exchange *x);

/* Answers with an error and ends the connection: for what is not even a request. */
void exchange_refuse(struct conn *c, Err err, const char *why);

/* Appends a JSON array of all routes: listener, method, path, auth. */
void exchange_list_routes(struct buf *out);

/* ----- answers: answer.c ----- */

/* Answers with what is in x->request, or with an error; frees the exchange. */
void answer_send(struct exchange *x);
void answer_error(struct exchange *x, Err err, Str why);
/* A body of another type than JSON. */
void answer_text(struct exchange *x, int status, Str type, Str body);
/* The same with status 200 and a body that lives as long as the process: nothing is copied. */
void answer_constant(struct exchange *x, Str type, Str body);
/* Who leaves answers untaken gets no more pages on further connections: none is begun, and none
 * that was made goes out. What a write has done is always said. */
bool answer_may_begin(const struct exchange *x);
bool answer_may_wait(const struct exchange *x);
/* Has the client, by its If-None-Match, what this strong ETag names? (RFC 9110 section 13.1.2) */
bool answer_etag_matches(struct exchange *x, Str etag);
/* An answer in parts: its head; parts, each a chunk, flushed; its end, which frees the exchange. */
void answer_begin(struct exchange *x, Str type);
void answer_part(struct exchange *x, Str bytes);
void answer_end(struct exchange *x);
/* ----- answers whose step makes them part by part: stream.c ----- */

/* After a step: is its answer one in parts? Then stream_step_done takes the exchange over. */
bool stream_takes(const struct exchange *x);
void stream_step_done(struct exchange *x);

/* OPTIONS. */
void answer_preflight(struct exchange *x);
/* 405; allowed: "GET, HEAD". */
void answer_method(struct exchange *x, Str allowed);

/* The Date header, which every answer has. */
void answer_date(struct buf *out);

/* The request's log line; the others write it themselves. */
void answer_log(struct exchange *x);

/* May this request's Origin use the surface? (No Origin may.) */
bool answer_origin_allowed(const struct exchange *x);

/* ----- who pays: payer.c ----- */

/* On the loop: takes a token of the user's rate, looks at the key's. ERR_RATE_LIMITED. */
Err payer_check_rate(struct exchange *x) must_check;
/* In a transaction that has looked for the key, with what it found: takes a token of the app's rate
 * at the first step, and gives the error, if any. Any thread. */
Err payer_charge_key(struct exchange *x, Err found) must_check;
/* Whose turn the next step takes. */
void payer_set_turn(struct exchange *x);

/* ----- the WebSocket upgrade: upgrade.c ----- */

extern const struct route upgrade_route;
/* Checks the handshake before the ticket is spent; ERR_OK: go on with the steps. */
Err upgrade_check(struct exchange *x, const char **why) must_check;
/* exchange.finish of a plain one: switches when the ticket is spent. Frees the exchange. */
void upgrade_finish(struct exchange *x, Err err, Str why);
/* Answers with the 101: the connection becomes a session's. wire: see session_open. Frees the
 * exchange; NULL when the connection was lost. upgrade_admit must have counted. */
struct session *upgrade_switch(struct exchange *x, struct wire *wire);
/* The head of the 101, and its line in the log. */
void upgrade_head(struct exchange *x, struct buf *out);
/* Counts the session that begins as its app's; session_open takes the count over. */
Err upgrade_admit(const struct exchange *x) must_check;
/* The plan's number of distinct users for the app whose ticket was spent; 0: no limit. */
int64_t upgrade_users(const struct exchange *x);

#endif
