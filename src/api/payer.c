/*
 * Who pays for a request: whose rate it is charged to, and whose turn in the work queues it takes.
 * Nothing shared is charged on the word of a credential that has not been found to be live. A key's
 * signature is no proof: a revoked key has one too, and would use up its app's rate. So the loop
 * only looks whether there is a token, and the transaction that finds the key takes it; what is
 * found dead is charged to the dead key itself.
 */
#include "api/exchange.h"
#include "api/proxies.h"

#include "base/random.h"

enum { KIND = 1, PAIR = KIND + 2 * sizeof(Id) };

static MapKey key_of_pair(char kind, Id first, Id second)
{
    char text[PAIR] = {kind};
    memcpy(text + KIND, first.b, sizeof first);
    memcpy(text + KIND + sizeof first, second.b, sizeof second);
    return random_hash(str_from(text, sizeof text));
}

static MapKey key_of_app(const struct request *r)
{
    return key_of_pair('k', r->claims.app, (Id){0});
}

static MapKey key_of_dead_key(const struct request *r)
{
    return key_of_pair('d', r->claims.app, r->claims.subject);
}

static bool has_key_rate(struct exchange *x)
{
    const struct request *r = &x->request;
    struct rate_limit limit = r->server->config.key_rate;
    struct rate_state dead;
    if (!rate_peek(r->server->rate, key_of_dead_key(r), limit, &dead)) {
        x->rate = dead;
        return false;
    }
    return rate_peek(r->server->rate, key_of_app(r), limit, &x->rate);
}

Err payer_check_rate(struct exchange *x)
{
    struct request *r = &x->request;
    if (r->route->auth == AUTH_ACCOUNT)
        return request_rate_account(r, r->claims.subject);
    if (r->route->auth == AUTH_USER)
        return request_rate_user(r, r->claims.app, r->claims.subject);
    if (r->route->auth != AUTH_KEY || r->server->config.key_rate.burst <= 0 || has_key_rate(x))
        return ERR_OK;
    return ERR_RATE_LIMITED;
}

Err payer_charge_key(struct exchange *x, Err found)
{
    const struct request *r = &x->request;
    struct rate_limit limit = r->server->config.key_rate;
    if (r->route->auth != AUTH_KEY || x->step > 0 || limit.burst <= 0)
        return found;
    if (found)
        rate_take(r->server->rate, key_of_dead_key(r), limit, NULL);
    else if (!rate_take(r->server->rate, key_of_app(r), limit, &x->rate))
        return ERR_RATE_LIMITED;
    return found;
}

/* ----- turns ----- */

/* The random half of a UUID. */
static int64_t number_of(Id id)
{
    int64_t n;
    memcpy(&n, id.b + sizeof id - sizeof n, sizeof n);
    return n;
}

static int64_t number_of_text(Str text)
{
    return (int64_t)random_hash(text).a;
}

/* A ticket names its app before the dash; until it is spent that is a claim, so that whoever sends
 * it waits as the address. */
static int64_t tenant_of_ticket(const struct request *r)
{
    Str ticket = r->data ? *(const Str *)r->data : S("");
    return number_of_text(str_cut(&ticket, '-'));
}

static int64_t lane_of_address(const struct exchange *x)
{
    uint8_t holder[PROXIES_HOLDER];
    if (!proxies_holder(x->peer, holder))
        return number_of_text(x->peer);
    return number_of_text(str_from((const char *)holder, sizeof holder));
}

void payer_set_turn(struct exchange *x)
{
    const struct request *r = &x->request;
    struct work_item *item = &x->job.item;
    bool named = r->tenant || r->lane;
    if (named && (r->route->auth != AUTH_KEY || x->step > 0)) {
        item->tenant = r->tenant;
        item->lane = r->lane;
    } else if (r->route->auth == AUTH_ACCOUNT) {
        item->tenant = number_of(r->claims.subject);
        item->lane = 0;
    } else if (r->route->auth != AUTH_NONE) {
        item->tenant = number_of(r->claims.app);
        item->lane = number_of(r->claims.subject);
    } else {
        item->tenant = r->route->flags & ROUTE_TICKET ? tenant_of_ticket(r) : 0;
        item->lane = lane_of_address(x);
    }
}
