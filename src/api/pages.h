/*
 * The pages: the documents of the APIs (OpenAPI, AsyncAPI), the reference page that shows them, and
 * at "/" one that leads to these.
 * They are files of the build, taken into the program; nothing of them changes while it runs, and
 * none asks another host for anything. On the conn's loop.
 */
#ifndef API_PAGES_H
#define API_PAGES_H

#include "api/exchange.h"

/* Answers when x->path is a page of its surface, and frees the exchange; false: it is none. */
bool pages_answer(struct exchange *x);

/* The route of a surface's page i; NULL after the last. */
const struct route *pages_route(enum surface surface, size_t i);

#endif
