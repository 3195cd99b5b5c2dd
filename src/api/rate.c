#include "api/rate.h"

#include "base/clock.h"
#include "base/mem.h"

#include <pthread.h>

enum { SHARDS = 16, SHARD_MAX = 8192 };

struct bucket {
    MapKey key;
    double tokens;
    int64_t at; /* microseconds, monotonic */
    int64_t full_at;
};

struct rate {
    struct shard {
        pthread_mutex_t lock;
        struct map buckets;
    } shards[SHARDS];
};

struct rate *rate_new(void)
{
    struct rate *rate = mem_alloc(sizeof *rate);
    for (int i = 0; i < SHARDS; i++)
        must(pthread_mutex_init(&rate->shards[i].lock, NULL) == 0);
    return rate;
}

void rate_free(struct rate **at)
{
    struct rate *rate = *at;
    if (!rate)
        return;
    for (int i = 0; i < SHARDS; i++) {
        struct bucket *b;
        for (size_t k = 0; (b = map_next(&rate->shards[i].buckets, &k));)
            mem_free(b);
        map_free(&rate->shards[i].buckets);
        pthread_mutex_destroy(&rate->shards[i].lock);
    }
    mem_free(rate);
    *at = NULL;
}

/* Those that are full again go; if none is, all go: a crowd of strangers must not hold memory. */
static void make_room(struct shard *s, int64_t now)
{
    struct map kept = {0};
    struct bucket *b;
    for (size_t i = 0; (b = map_next(&s->buckets, &i));) {
        if (b->full_at > now && kept.count < SHARD_MAX / 2)
            map_put(&kept, b->key, b);
        else
            mem_free(b);
    }
    map_free(&s->buckets);
    s->buckets = kept;
}

static struct bucket *bucket_of(struct shard *s, MapKey key, struct rate_limit limit, int64_t now)
{
    struct bucket *b = map_get(&s->buckets, key);
    if (!b) {
        if (s->buckets.count >= SHARD_MAX)
            make_room(s, now);
        b = mem_alloc(sizeof *b);
        *b = (struct bucket){.key = key, .tokens = limit.burst, .at = now};
        map_put(&s->buckets, key, b);
    }
    b->tokens += (double)(now - b->at) / 1e6 * limit.per_second;
    if (b->tokens > limit.burst)
        b->tokens = limit.burst;
    b->at = now;
    return b;
}

static int64_t round_up(double s)
{
    int64_t whole = (int64_t)s;
    return (double)whole < s ? whole + 1 : whole;
}

static bool look(struct rate *rate, MapKey key, struct rate_limit limit, struct rate_state *state,
                 double cost)
{
    if (limit.burst <= 0)
        return true;
    struct shard *s = &rate->shards[(key.a ^ key.b) % SHARDS];
    int64_t now = clock_mono();
    pthread_mutex_lock(&s->lock);
    struct bucket *b = bucket_of(s, key, limit, now);
    bool ok = b->tokens >= 1;
    if (ok || cost < 0)
        b->tokens = b->tokens - cost > limit.burst ? limit.burst : b->tokens - cost;
    double missing = (limit.burst - b->tokens) / limit.per_second;
    b->full_at = now + (int64_t)(missing * 1e6);
    if (state)
        *state = (struct rate_state){
            .limit = (int64_t)limit.burst,
            .remaining = (int64_t)b->tokens,
            .reset = round_up(missing),
            .retry = b->tokens >= 1 ? 0 : round_up((1 - b->tokens) / limit.per_second),
            .retry_ms = b->tokens >= 1 ? 0 : round_up((1 - b->tokens) * 1000 / limit.per_second)};
    pthread_mutex_unlock(&s->lock);
    return ok;
}

bool rate_take(struct rate *rate, MapKey key, struct rate_limit limit, struct rate_state *state)
{
    return look(rate, key, limit, state, 1);
}

void rate_give(struct rate *rate, MapKey key, struct rate_limit limit)
{
    look(rate, key, limit, NULL, -1);
}

bool rate_peek(struct rate *rate, MapKey key, struct rate_limit limit, struct rate_state *state)
{
    return look(rate, key, limit, state, 0);
}

void rate_forget(struct rate *rate, MapKey key)
{
    struct shard *s = &rate->shards[(key.a ^ key.b) % SHARDS];
    pthread_mutex_lock(&s->lock);
    mem_free(map_remove(&s->buckets, key));
    pthread_mutex_unlock(&s->lock);
}
