/*
 * struct publication: what one commit publishes: its events in commit order, immutable, shared by
 * all loops by reference count and freed with the last reference. Any thread.
 */
#ifndef REALTIME_PUBLICATION_H
#define REALTIME_PUBLICATION_H

#include "domain/event.h"

#include <stdatomic.h>

struct publication {
    atomic_uint refs;
    int64_t at; /* of its commit: milliseconds of the monotonic clock, never lower than the last
                   one's */
    struct event_list events;
};

/* Empty, to be filled before it is shared; one reference, the caller's. */
struct publication *publication_new(void);

struct publication *publication_ref(struct publication *p);

/* Lets go of one reference and nulls the pointer. */
void publication_unref(struct publication **p);

#endif
