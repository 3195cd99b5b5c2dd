/*
 * How many sockets are open: all of the process, and those of each client address, both limited.
 * An address is counted as whoever holds it: IPv4 by itself, IPv6 by its /64, which one subscriber
 * has all of. It knows nothing of what the sockets are for. Memory: an entry for each address that
 * has a socket. Any thread.
 */
#ifndef API_SOCKETS_H
#define API_SOCKETS_H

#include "base/str.h"

#include <stdbool.h>

struct sockets;
struct sockets_holder;

/* max: of all; per_address: 0: no limit, and nobody is counted. */
struct sockets *sockets_new(size_t max, size_t per_address);
/* After the last has been given back. */
void sockets_free(struct sockets **sockets);

/* Counts one more of all; false: there are as many as may be. Ends with sockets_end. */
bool sockets_begin(struct sockets *sockets);

/* How many there are, and may be. */
size_t sockets_count(const struct sockets *sockets);
size_t sockets_max(const struct sockets *sockets);

bool sockets_by_address(const struct sockets *sockets);

/* Who is not counted by address; no limit, and giving back does nothing. Never NULL. */
struct sockets_holder *sockets_nobody(struct sockets *sockets);

/* Counts one more of the address ("203.0.113.7", "2001:db8::1"), to be given back once. NULL: it
 * has as many as it may. What is no address is nobody's. */
struct sockets_holder *sockets_hold(struct sockets *sockets, Str address);

/* Gives one back, and nulls the pointer, which may be NULL. */
void sockets_let_go(struct sockets_holder **holder);

/* The end of a socket: one less of all and of its holder. For tcp_at_end. */
void sockets_end(void *holder);

#endif
