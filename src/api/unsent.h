/*
 * Bytes of HTTP answers that wait for clients who do not take them: of all, in the count that
 * sessions share (the buffer budget), and of each user and each client address, both limited. It
 * knows nothing of what the bytes are. Who takes answers as they come is never looked up here.
 *
 * Memory: an entry for each user and address for whom something waits. An address is counted as in
 * proxies.h: IPv6 by its /64. Any thread.
 */
#ifndef API_UNSENT_H
#define API_UNSENT_H

#include "base/id.h"
#include "base/str.h"

#include <stdatomic.h>
#include <stdbool.h>

struct unsent;
struct unsent_share;

struct unsent_who {
    Id owner, user; /* the app or what else the user belongs to; user nil: nobody is known */
    Str address;    /* "203.0.113.7"; what is no address is not counted */
};

/* per_user, per_address: bytes. buffered: the count of the process, borrowed. */
struct unsent *unsent_new(size_t per_user, size_t per_address, atomic_size_t *buffered);
/* After the last share has ended. */
void unsent_free(struct unsent **unsent);

/* May an answer of n bytes wait for them, too? One may always, whatever its size. */
bool unsent_room(struct unsent *unsent, const struct unsent_who *who, size_t n);

/* Does so much wait for them that most of a limit is used up? Then it is not worth to begin. */
bool unsent_crowded(struct unsent *unsent, const struct unsent_who *who);

/* A connection's share, with nothing in it yet. */
struct unsent_share *unsent_share(struct unsent *unsent, const struct unsent_who *who);
/* How much waits there now: memory of the owner's, and bytes that tcp counts already. */
void unsent_set(struct unsent_share *share, size_t memory, size_t pending);
/* Nothing waits any more. Nulls the pointer, which may be NULL. */
void unsent_end(struct unsent_share **share);

#endif
