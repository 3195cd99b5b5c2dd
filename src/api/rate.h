/*
 * Token buckets by key, for the whole process: each key may do `burst` at once and `per_second`
 * over time. Memory is bounded: buckets that are full again are dropped when a shard is crowded,
 * and past that the fullest in the way; forgetting a bucket never refuses anyone. Any thread.
 */
#ifndef API_RATE_H
#define API_RATE_H

#include "base/map.h"

#include <stdbool.h>
#include <stdint.h>

struct rate;

struct rate_limit {
    double per_second;
    double burst; /* 0: no limit */
};

/* How a bucket stands, for the RateLimit headers. */
struct rate_state {
    int64_t limit;     /* the burst */
    int64_t remaining; /* whole tokens left */
    int64_t reset;     /* seconds until it is full again */
    int64_t retry;     /* seconds until there is a token; 0: there is one */
    int64_t retry_ms;  /* the same in milliseconds, rounded up */
};

struct rate *rate_new(void);
void rate_free(struct rate **rate);

/* Takes a token; false when there is none. state may be NULL. */
bool rate_take(struct rate *rate, MapKey key, struct rate_limit limit, struct rate_state *state);

/* Gives one back that was taken. */
void rate_give(struct rate *rate, MapKey key, struct rate_limit limit);

/* Whether there is one, without taking it. */
bool rate_peek(struct rate *rate, MapKey key, struct rate_limit limit, struct rate_state *state);

/* The key's bucket is full again. */
void rate_forget(struct rate *rate, MapKey key);

#endif
