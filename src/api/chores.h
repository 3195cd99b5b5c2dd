/*
 * What the server does by itself: removing rows of what was deleted, a small job at a time, and
 * writing down what was counted (API calls, peaks, connection time) every 10 s, writing down
 * and telling who has come and gone. On loop 0; at most
 * one job of each in flight.
 */
#ifndef API_CHORES_H
#define API_CHORES_H

#include "api/server.h"

struct chores;

struct chores *chores_start(struct server *server, struct loop *loop);
/* On the loop: no more jobs from now on. */
void chores_stop(struct chores *chores);
/* Writes down who has come and who was last seen when: at most 1,000. On a worker, or alone. */
Err chores_write_presence(struct tx *tx, const struct online_change *changes, size_t n) must_check;
/* After the loop has ended. */
void chores_free(struct chores **chores);

#endif
