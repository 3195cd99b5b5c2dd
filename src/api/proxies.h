/*
 * The client's address behind trusted proxies: each of them adds whom it heard from at the end of
 * X-Forwarded-For, so the client is the last address that is not a trusted proxy. Pure.
 */
#ifndef API_PROXIES_H
#define API_PROXIES_H

#include "base/str.h"

/* trusted: addresses and networks between commas ("10.0.0.0/8, ::1"); empty: none. */
bool proxies_valid(Str trusted);

/* peer: who is connected. The result is peer or a part of forwarded. */
Str proxies_client(Str trusted, Str peer, Str forwarded);

bool proxies_trusted(Str trusted, Str address);

/* Who holds an address: an IPv4 one by itself, of an IPv6 one the /64. False: it is none. */
enum { PROXIES_HOLDER = 16 };
bool proxies_holder(Str address, uint8_t out[PROXIES_HOLDER]);

#endif
