/*
 * Usage rows, keyed (app, day, node, worker) and summed on read, so that no two writers meet in one
 * row. Days are days since the epoch, UTC. On the thread of the connection.
 */
#ifndef STORE_USAGE_H
#define STORE_USAGE_H

#include "store/db.h"

/* Counts sent messages, in the transaction that stores them, as its last write. */
void usage_add_messages(struct db *db, int64_t app, int64_t day, int64_t messages);

#endif
