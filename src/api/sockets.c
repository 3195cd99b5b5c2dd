/*
 * One lock, taken when a socket that is counted by address opens or ends; all of the process are an
 * atomic. Whoever holds sockets is an entry that knows its own count, so that giving back looks
 * nothing up and cannot be given to another.
 */
#include "api/sockets.h"

#include "api/proxies.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/random.h"

#include <pthread.h>
#include <stdatomic.h>

struct sockets_holder {
    struct sockets *all;
    MapKey key;
    size_t open;
};

struct sockets {
    size_t max, per_address;
    atomic_size_t open;
    pthread_mutex_t lock;
    struct map holders;
    struct sockets_holder nobody;
};

struct sockets *sockets_new(size_t max, size_t per_address)
{
    struct sockets *s = mem_alloc(sizeof *s);
    s->max = max;
    s->per_address = per_address;
    s->nobody.all = s;
    must(pthread_mutex_init(&s->lock, NULL) == 0);
    return s;
}

void sockets_free(struct sockets **at)
{
    struct sockets *s = *at;
    if (!s)
        return;
    must(s->holders.count == 0);
    map_free(&s->holders);
    pthread_mutex_destroy(&s->lock);
    mem_free(s);
    *at = NULL;
}

bool sockets_begin(struct sockets *s)
{
    if (atomic_fetch_add(&s->open, 1) < s->max)
        return true;
    atomic_fetch_sub(&s->open, 1);
    return false;
}

size_t sockets_count(const struct sockets *s)
{
    return atomic_load(&s->open);
}

size_t sockets_max(const struct sockets *s)
{
    return s->max;
}

bool sockets_by_address(const struct sockets *s)
{
    return s->per_address > 0;
}

struct sockets_holder *sockets_nobody(struct sockets *s)
{
    return &s->nobody;
}

struct sockets_holder *sockets_hold(struct sockets *s, Str address)
{
    uint8_t holder[PROXIES_HOLDER];
    if (!s->per_address || !proxies_holder(address, holder))
        return &s->nobody;
    MapKey key = random_hash(str_from((const char *)holder, sizeof holder));
    pthread_mutex_lock(&s->lock);
    struct sockets_holder *h = map_get(&s->holders, key);
    if (!h) {
        h = mem_alloc(sizeof *h);
        *h = (struct sockets_holder){.all = s, .key = key};
        map_put(&s->holders, key, h);
    }
    if (h->open < s->per_address)
        h->open++;
    else
        h = NULL;
    pthread_mutex_unlock(&s->lock);
    return h;
}

void sockets_let_go(struct sockets_holder **at)
{
    struct sockets_holder *h = *at;
    *at = NULL;
    if (!h || h == &h->all->nobody)
        return;
    struct sockets *s = h->all;
    pthread_mutex_lock(&s->lock);
    if (--h->open == 0) {
        map_remove(&s->holders, h->key);
        mem_free(h);
    }
    pthread_mutex_unlock(&s->lock);
}

void sockets_end(void *holder)
{
    struct sockets_holder *h = holder;
    atomic_fetch_sub(&h->all->open, 1);
    sockets_let_go(&h);
}
