/*
 * struct request: one HTTP request from its decoded head to its written answer, and struct route: a
 * row of a route table, the door from HTTP to the rules of the domain. A request goes through its
 * route's `decode` on the loop (body and parameters into plain structs in the request's arena,
 * errors before anything is queued), then through up to three steps, each on a worker of the step's
 * pool; the last one writes the answer's body. Handlers know nothing of sockets, threads or
 * transactions.
 *
 * The server makes and frees requests; everything a handler keeps is in request->arena.
 */
#ifndef API_REQUEST_H
#define API_REQUEST_H

#include "base/arena.h"
#include "base/buf.h"
#include "codec/http.h"
#include "codec/json.h"
#include "codec/token.h"
#include "domain/account.h"
#include "domain/chat.h"
#include "domain/tx.h"
#include "realtime/jobs.h"

struct request;
struct server;

enum route_auth {
    AUTH_NONE,
    AUTH_KEY,     /* x-api-key; request->app is set in each transaction */
    AUTH_USER,    /* a user's JWT; request->actor */
    AUTH_ACCOUNT, /* a management access token; request->account */
};

enum { ROUTE_STEPS = 3, ROUTE_PARAMS = 3 };

struct route_step {
    enum job_pool pool;
    /* On a worker. An error ends the request; request_finish ends it early without one. */
    Err (*run)(struct request *r, struct tx *tx);
};

struct route {
    enum http_method method;
    const char *path; /* "/api/chat/getUsers/{chatId}": a {part} matches one segment */
    enum route_auth auth;
    Err (*decode)(struct request *r); /* on the loop; NULL: nothing to decode, a body is ignored */
    struct route_step steps[ROUTE_STEPS];
    unsigned flags;
};

enum {
    ROUTE_JSON = 1,        /* takes a JSON object, parsed into request->json before decode */
    ROUTE_IDEMPOTENT = 2,  /* honours Idempotency-Key */
    ROUTE_SPARE_WRITE = 8, /* its last step may be lost while the store takes no writes */
    ROUTE_TICKET = 4,      /* request->data begins with the ticket, a Str, or is NULL */
    ROUTE_PAGE = 16,       /* its answer may be large: not begun for who leaves many unread */
};

struct request {
    struct server *server;
    const struct route *route;
    struct http_request head; /* its slices live in arena */
    Str params[ROUTE_PARAMS]; /* decoded path parameters, in the order of the pattern */
    Str body;
    struct json_value *json; /* ROUTE_JSON: an object; freed by the server */
    struct arena arena;

    /* Who asks, as far as the route's auth says. */
    struct token_claims claims; /* verified signature and expiry */
    Str token;                  /* its text */
    int64_t app;                /* AUTH_KEY, AUTH_USER: the app's row number */
    struct actor actor;         /* AUTH_USER, in every transaction step */
    struct account account;     /* AUTH_ACCOUNT, in every transaction step */

    /* Who waits for the steps, for fair turns; see request_payer. */
    int64_t tenant;
    int64_t lane;

    void *data; /* the handler's own, between decode and the steps */

    /* The answer. */
    int status;         /* 200 unless a handler says otherwise */
    struct buf out;     /* body: JSON; empty: no content */
    struct buf headers; /* further header lines, each ending in CRLF: request_header */
    int64_t about;      /* the user whom the answer speaks of; 0: the one who asks, or none */
    Id found; /* AUTH_NONE, AUTH_KEY: whom the credentials in the body are of, for the log; or nil
               */
    bool finished;
    bool more; /* `out` is a part of the answer: the step is to run again for the next one */
    bool keep; /* commit although the step returns an error */
    Str why;   /* the sentence of an error found by decode */
};

/* Path parameter, query parameter or JSON string to Id; else ERR_INVALID_ID with a sentence. */
Err request_id(struct request *r, Str text, const char *name, Id *out) must_check;

/* A required string of the JSON body; ERR_INVALID_FIELD with a sentence that names it. */
Err request_string(struct request *r, const char *name, Str *out) must_check;
/* An optional one: absent or null gives .p NULL; another type is ERR_INVALID_FIELD. */
Err request_optional(struct request *r, const char *name, Str *out) must_check;
/* request_string, then an Id. */
Err request_string_id(struct request *r, const char *name, Id *out) must_check;

/* A whole number in the query, min..max; fallback when absent. ERR_INVALID_FIELD naming it. */
Err request_number(struct request *r, const char *name, int64_t min, int64_t max, int64_t fallback,
                   int64_t *out) must_check;
/* How many rows the query asks for: 1 to max, more is taken as max; fallback when absent. */
Err request_size(struct request *r, const char *name, int64_t max, int64_t fallback,
                 int64_t *out) must_check;
/* "true" or "false" in the query; fallback when absent. */
Err request_flag(struct request *r, const char *name, bool fallback, bool *out) must_check;
/* A query parameter; .p NULL when absent. */
Err request_query(struct request *r, const char *name, Str *out) must_check;

/* The token of an Authorization header or of a field that holds one: "Bearer <token>", bare, or
 * with a doubled Bearer, as old clients send it. */
Str request_bearer(Str value);

/* Adds a header line to the answer. */
void request_header(struct request *r, Str name, Str value);

/* The answer is {}: a 200 without fields, for clients that parse every answer. Returns ERR_OK. */
Err request_empty(struct request *r) must_check;

/* The answer is complete: no further steps. */
void request_finish(struct request *r);

/*
 * For a decoder that knows better than the route's credentials whom the steps are for: as one user
 * of that app, by what a verified token says, or by a name that is looked up. Of an AUTH_KEY route
 * it holds from the second step on: before that the key itself, which may be a revoked one, is who
 * waits.
 */
void request_payer(struct request *r, Id app, Str user);

/* Returns e with r->why set: for decode (in a step use tx_fail). */
Err request_fail(struct request *r, Err e, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* What the handlers may use of the server. */
const struct rules *request_rules(const struct request *r);
const struct token_keys *request_keys(const struct request *r);
/* Password hashing at the configured cost (argon2id), for JOB_HASH steps; in the request's arena.
 * ERR_OVERLOADED when there is no memory for it. */
Err request_hash_password(struct request *r, Str password, Str *hash) must_check;
Err request_check_password(struct request *r, Str hash, Str password, bool *matches) must_check;
/* This server's cluster: the audience of its tokens. */
Str request_cluster(const struct request *r);
/* The path in the listener's public URL, like "/chat", or "": a proxy takes it off. */
Str request_path_prefix(const struct request *r);
/* Do browsers reach this listener by https? */
bool request_secure(const struct request *r);
/* No Origin header, or one that may use this listener. */
bool request_origin_allowed(const struct request *r);
/*
 * Failed sign-ins as `who`: check is ERR_RATE_LIMITED, its answer with Retry-After, once there were
 * too many. After the password has been tried, note counts a failure and gives the answer to it,
 * and clear, after a success, forgets those of `who`; both check again, since guesses come at the
 * same time too. On the management listener the client's address is checked and noted as well, and
 * never cleared: whoever has one account must not be able to go on guessing at others. `who` may be
 * as long as a body. Any thread.
 */
Err request_failures_check(struct request *r, Str who) must_check;
Err request_failure_note(struct request *r, Str who) must_check;
Err request_failures_clear(struct request *r, Str who) must_check;
/* The rate of a user's requests: ERR_RATE_LIMITED. Any thread. */
Err request_rate_user(struct request *r, Id app, Id user) must_check;
/* Rates of the management API, each ERR_RATE_LIMITED past it: of the client's address (on the chat
 * API there is none), of an account, of registering from an address, of making API keys. Any
 * thread. */
Err request_rate_address(struct request *r) must_check;
Err request_rate_account(struct request *r, Id account) must_check;
Err request_rate_registering(struct request *r) must_check;
Err request_rate_new_keys(struct request *r) must_check;
/* AUTH_USER: may the user open a realtime session now, in an app of that tier?
 * ERR_CONCURRENT_USER_LIMIT. Any thread. */
Err request_may_connect(struct request *r, Str tier) must_check;
/* Which of the app's users are online, and when the others were last, as far as that is newer than
 * what the store says. Any thread. */
void request_online(struct request *r, struct chat_member *members, size_t n);

/* Route tables, ended by a row with path NULL. */
extern const struct route routes_management[];
extern const struct route routes_apps[]; /* of the management listener too */
extern const struct route routes_auth[];
extern const struct route routes_chat[];

#endif
