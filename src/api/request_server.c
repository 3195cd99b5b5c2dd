/* What route handlers may use of the server. */
#include "api/exchange.h"
#include "api/proxies.h"

#include "base/mem.h"
#include "base/random.h"
#include "domain/text.h"

#include <sodium.h>
#include <stdio.h>

static struct exchange *exchange_of(struct request *r)
{
    return (struct exchange *)r; /* its first member */
}

const struct rules *request_rules(const struct request *r)
{
    return r->server->config.rules;
}

const struct token_keys *request_keys(const struct request *r)
{
    return r->server->config.keys;
}

Str request_cluster(const struct request *r)
{
    return r->server->config.cluster;
}

/* A hash is the one allocation whose size an option sets and whose number clients set. */
static Err lack_memory(struct request *r)
{
    return request_fail(r, ERR_OVERLOADED, "There is no memory to check passwords; try again.");
}

Err request_hash_password(struct request *r, Str password, Str *hash)
{
    char text[SERVER_HASH];
    if (!server_hash_password(&r->server->config, text_composed(password, &r->arena), text))
        return lack_memory(r);
    *hash = arena_str(&r->arena, str_of(text));
    return ERR_OK;
}

struct argon2 {
    unsigned kib, passes;
    unsigned char salt[crypto_pwhash_SALTBYTES], hash[32];
};

static bool decode(Str text, unsigned char *out, size_t size)
{
    size_t n = 0;
    return sodium_base642bin(out, size, text.p, text.n, NULL, &n, NULL,
                             sodium_base64_VARIANT_ORIGINAL_NO_PADDING) == 0 &&
           n == size;
}

/* "$argon2id$v=19$m=19456,t=2,p=1$salt$hash", as crypto_pwhash_str writes it. */
static bool parse_argon2(Str text, struct argon2 *out)
{
    char head[SERVER_HASH] = {0};
    int n = 0;
    if (text.n >= sizeof head)
        return false;
    memcpy(head, text.p, text.n);
    if (sscanf(head, "$argon2id$v=19$m=%9u,t=%9u,p=1$%n", &out->kib, &out->passes, &n) != 2 || !n)
        return false;
    Str rest = str_skip(text, (size_t)n);
    return decode(str_cut(&rest, '$'), out->salt, sizeof out->salt) &&
           decode(rest, out->hash, sizeof out->hash);
}

/* Not crypto_pwhash_str_verify: it says the same of a wrong password and of too little memory. */
Err request_check_password(struct request *r, Str hash, Str password, bool *matches)
{
    struct argon2 stored;
    unsigned char out[sizeof stored.hash];
    *matches = false;
    if (!parse_argon2(hash, &stored))
        return ERR_OK;
    password = text_composed(password, &r->arena);
    if (crypto_pwhash(out, sizeof out, password.p, password.n, stored.salt, stored.passes,
                      (size_t)stored.kib * 1024, crypto_pwhash_ALG_ARGON2ID13) != 0)
        return lack_memory(r);
    *matches = sodium_memcmp(out, stored.hash, sizeof out) == 0;
    return ERR_OK;
}

bool request_secure(const struct request *r)
{
    const struct exchange *x = (const struct exchange *)r;
    return str_starts(r->server->url[conn_surface(x->conn)], S("https://"));
}

Str request_path_prefix(const struct request *r)
{
    const struct exchange *x = (const struct exchange *)r;
    return http_url_path(r->server->url[conn_surface(x->conn)]);
}

bool request_origin_allowed(const struct request *r)
{
    return answer_origin_allowed((const struct exchange *)r);
}

void request_payer(struct request *r, Id app, Str user)
{
    memcpy(&r->tenant, app.b + sizeof app / 2, sizeof r->tenant); /* the random half of a UUID */
    r->lane = (int64_t)random_hash(user).a;
}

/* ----- failed sign-ins ----- */

static MapKey failures_of(const struct request *r, Str who)
{
    uint8_t text[TOKEN_HASH + sizeof r->app + 1] = {'f'};
    token_hash(who, text + 1);
    memcpy(text + 1 + TOKEN_HASH, &r->app, sizeof r->app);
    return random_hash(str_from((const char *)text, sizeof text));
}

/* Who holds the client's address: of IPv6 the /64, which one subscriber has all of. */
static Str holder_of_peer(struct request *r)
{
    uint8_t holder[PROXIES_HOLDER];
    Str peer = exchange_of(r)->peer;
    if (!proxies_holder(peer, holder))
        return peer;
    return arena_str(&r->arena, str_from((const char *)holder, sizeof holder));
}

static bool counts_addresses(struct request *r)
{
    return conn_surface(exchange_of(r)->conn) == SURFACE_MANAGEMENT;
}

/* ----- rates ----- */

static Err take_token(struct request *r, char kind, Str who, struct rate_limit limit)
{
    uint8_t text[1 + TOKEN_HASH] = {(uint8_t)kind};
    if (limit.burst <= 0)
        return ERR_OK;
    token_hash(who, text + 1);
    MapKey key = random_hash(str_from((const char *)text, sizeof text));
    bool left = rate_take(r->server->rate, key, limit, &exchange_of(r)->rate);
    return left ? ERR_OK : ERR_RATE_LIMITED;
}

Err request_rate_user(struct request *r, Id app, Id user)
{
    char who[sizeof app.b + sizeof user.b];
    memcpy(who, app.b, sizeof app.b);
    memcpy(who + sizeof app.b, user.b, sizeof user.b);
    return take_token(r, 'u', str_from(who, sizeof who), r->server->config.request_rate);
}

Err request_rate_address(struct request *r)
{
    if (!counts_addresses(r))
        return ERR_OK;
    return take_token(r, 'm', holder_of_peer(r), r->server->config.management_rate);
}

Err request_rate_account(struct request *r, Id account)
{
    Str who = str_from((const char *)account.b, sizeof account.b);
    return take_token(r, 'a', who, r->server->config.account_rate);
}

Err request_rate_registering(struct request *r)
{
    return take_token(r, 'r', holder_of_peer(r), r->server->config.register_rate);
}

Err request_rate_new_keys(struct request *r)
{
    Id account = r->claims.subject;
    Str who = str_from((const char *)account.b, sizeof account.b);
    return take_token(r, 'n', who, r->server->config.new_key_rate);
}

/* ----- failed sign-ins, counted ----- */

static bool spent(struct request *r, Str who)
{
    struct rate_state state;
    if (rate_peek(r->server->rate, failures_of(r, who), r->server->config.failures, &state))
        return false;
    exchange_of(r)->rate = state; /* for Retry-After */
    return true;
}

Err request_failures_check(struct request *r, Str who)
{
    if (spent(r, who) || (counts_addresses(r) && spent(r, holder_of_peer(r))))
        return ERR_RATE_LIMITED;
    return ERR_OK;
}

static bool take_failure(struct request *r, Str who)
{
    struct rate_state state;
    if (rate_take(r->server->rate, failures_of(r, who), r->server->config.failures, &state))
        return true;
    exchange_of(r)->rate = state; /* for Retry-After */
    return false;
}

Err request_failure_note(struct request *r, Str who)
{
    bool left = take_failure(r, who);
    if (counts_addresses(r))
        left = take_failure(r, holder_of_peer(r)) && left;
    return left ? ERR_AUTH_BAD_CREDENTIALS : ERR_RATE_LIMITED;
}

Err request_failures_clear(struct request *r, Str who)
{
    Err err = request_failures_check(r, who);
    if (!err)
        rate_forget(r->server->rate, failures_of(r, who));
    return err;
}

Err request_may_connect(struct request *r, Str tier)
{
    const struct server_config *config = &r->server->config;
    int64_t users = str_eq(tier, S("DEMO")) ? config->demo_users : 0;
    return online_check(config->online, r->actor.app, r->actor.user, users,
                        config->session.sessions_per_user, config->app_connections);
}

void request_online(struct request *r, struct chat_member *members, size_t n)
{
    int64_t *users = arena_array(&r->arena, int64_t, n + 1);
    struct online_state *states = arena_array(&r->arena, struct online_state, n + 1);
    for (size_t i = 0; i < n; i++)
        users[i] = members[i].user;
    online_states(r->server->config.online, r->actor.app, users, n, states);
    for (size_t i = 0; i < n; i++) {
        members[i].online = states[i].connected || states[i].shown;
        if (states[i].seen)
            members[i].seen_at = states[i].seen;
    }
}
