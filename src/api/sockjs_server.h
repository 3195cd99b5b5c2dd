/*
 * SockJS (protocol 0.3.3) under /api/wsConnect/: info, the iframe page, the raw WebSocket, and
 * sessions by every transport. A session lives on the loop that opened it; a request that came to
 * another loop reaches it by struct sockjs_registry and loop_post. What a session says and hears is
 * realtime/session's.
 *
 * server makes and frees the registry, when no loop runs.
 */
#ifndef API_SOCKJS_SERVER_H
#define API_SOCKJS_SERVER_H

#include "api/exchange.h"

#define SOCKJS_PREFIX "/api/wsConnect"

struct sockjs_registry;

struct sockjs_registry *sockjs_registry_new(void);
void sockjs_registry_free(struct sockjs_registry **registry);

/* For the list of routes; ended by a row with path NULL. */
extern const struct route sockjs_routes[];

/* Is it under the prefix? With a lone slash behind it x->path becomes the prefix, which is not. */
bool sockjs_takes(struct exchange *x);
/* Answers it, now or later. */
void sockjs_start(struct exchange *x, Str body);
/* Refuses it in SockJS's way if there is one: a close frame on a WebSocket. False: not answered. */
bool sockjs_turn_away(struct exchange *x, Err err);

#endif
