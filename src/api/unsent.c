/*
 * One lock, and one atomic that is zero as long as all clients take their answers: then nothing is
 * looked up. Turned down: closing whoever is over a limit, since a user with a slow line may ask
 * for several pages; instead what is asked in addition is refused (answer.c), and the buffer budget
 * closes the largest in an emergency.
 */
#include "api/unsent.h"

#include "api/proxies.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/random.h"

#include <pthread.h>

struct holder {
    MapKey key;
    size_t bytes, shares;
};

enum { USER, ADDRESS, HOLDERS };

struct unsent {
    size_t limits[HOLDERS];
    size_t smallest_limit;
    atomic_size_t *buffered;
    atomic_size_t waiting; /* of all */
    pthread_mutex_t lock;
    struct map holders;
};

struct unsent_share {
    struct unsent *all;
    struct holder *holders[HOLDERS]; /* NULL: it is not known who that is */
    size_t memory, waiting;
};

struct unsent *unsent_new(size_t per_user, size_t per_address, atomic_size_t *buffered)
{
    struct unsent *u = mem_alloc(sizeof *u);
    u->limits[USER] = per_user;
    u->limits[ADDRESS] = per_address;
    u->smallest_limit = per_user < per_address ? per_user : per_address;
    u->buffered = buffered;
    must(pthread_mutex_init(&u->lock, NULL) == 0);
    return u;
}

void unsent_free(struct unsent **at)
{
    struct unsent *u = *at;
    if (!u)
        return;
    must(u->holders.count == 0);
    map_free(&u->holders);
    pthread_mutex_destroy(&u->lock);
    mem_free(u);
    *at = NULL;
}

/* False: nobody is known. */
static bool key_of(const struct unsent_who *who, int which, MapKey *key)
{
    uint8_t text[1 + 2 * sizeof(Id)] = {(uint8_t)which};
    if (which == USER && id_is_nil(who->user))
        return false;
    if (which == USER) {
        memcpy(text + 1, who->owner.b, sizeof(Id));
        memcpy(text + 1 + sizeof(Id), who->user.b, sizeof(Id));
    } else if (!proxies_holder(who->address, text + 1)) {
        return false;
    }
    *key = random_hash(str_from((const char *)text, sizeof text));
    return true;
}

/* What waits for one of them; 0: nobody is known, or nothing does. */
static size_t waiting_for(struct unsent *u, const struct unsent_who *who, int which)
{
    MapKey key;
    if (!key_of(who, which, &key))
        return 0;
    pthread_mutex_lock(&u->lock);
    const struct holder *h = map_get(&u->holders, key);
    size_t n = h ? h->bytes : 0;
    pthread_mutex_unlock(&u->lock);
    return n;
}

bool unsent_room(struct unsent *u, const struct unsent_who *who, size_t n)
{
    size_t all = atomic_load_explicit(&u->waiting, memory_order_relaxed);
    if (!all || (all < u->smallest_limit && n <= u->smallest_limit - all))
        return true;
    for (int i = 0; i < HOLDERS; i++) {
        size_t waiting = waiting_for(u, who, i);
        if (waiting && waiting + n > u->limits[i])
            return false;
    }
    return true;
}

bool unsent_crowded(struct unsent *u, const struct unsent_who *who)
{
    if (atomic_load_explicit(&u->waiting, memory_order_relaxed) <= u->smallest_limit / 4 * 3)
        return false;
    for (int i = 0; i < HOLDERS; i++)
        if (waiting_for(u, who, i) > u->limits[i] / 4 * 3)
            return true;
    return false;
}

struct unsent_share *unsent_share(struct unsent *u, const struct unsent_who *who)
{
    struct unsent_share *share = mem_alloc(sizeof *share);
    share->all = u;
    for (int i = 0; i < HOLDERS; i++) {
        MapKey key;
        if (!key_of(who, i, &key))
            continue;
        pthread_mutex_lock(&u->lock);
        struct holder *h = map_get(&u->holders, key);
        if (!h) {
            h = mem_alloc(sizeof *h);
            h->key = key;
            map_put(&u->holders, key, h);
        }
        h->shares++;
        share->holders[i] = h;
        pthread_mutex_unlock(&u->lock);
    }
    return share;
}

/* Unsigned, so that adding a difference that is below zero subtracts. */
void unsent_set(struct unsent_share *share, size_t memory, size_t pending)
{
    struct unsent *u = share->all;
    size_t more = memory + pending - share->waiting;
    if (memory != share->memory)
        atomic_fetch_add(u->buffered, memory - share->memory);
    if (more) {
        atomic_fetch_add(&u->waiting, more);
        pthread_mutex_lock(&u->lock);
        for (int i = 0; i < HOLDERS; i++)
            if (share->holders[i])
                share->holders[i]->bytes += more;
        pthread_mutex_unlock(&u->lock);
    }
    share->memory = memory;
    share->waiting = memory + pending;
}

void unsent_end(struct unsent_share **at)
{
    struct unsent_share *share = *at;
    if (!share)
        return;
    struct unsent *u = share->all;
    unsent_set(share, 0, 0);
    pthread_mutex_lock(&u->lock);
    for (int i = 0; i < HOLDERS; i++) {
        struct holder *h = share->holders[i];
        if (!h || --h->shares > 0)
            continue;
        map_remove(&u->holders, h->key);
        mem_free(h);
    }
    pthread_mutex_unlock(&u->lock);
    mem_free(share);
    *at = NULL;
}
