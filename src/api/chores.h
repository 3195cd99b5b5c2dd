/*
 * What the server does by itself: removing rows of what was deleted, a small job at a time, and
 * writing down what was counted (API calls, peaks, connection time) every 10 s. On loop 0; at most
 * one job of each in flight.
 */
#ifndef API_CHORES_H
#define API_CHORES_H

#include "api/server.h"

struct chores;

struct chores *chores_start(struct server *server, struct loop *loop);
/* On the loop: no more jobs from now on. */
void chores_stop(struct chores *chores);
/* After the loop has ended. */
void chores_free(struct chores **chores);

#endif
