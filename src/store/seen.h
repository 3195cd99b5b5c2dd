/*
 * When users were last connected: a time on the user's row, and while it is connected the node that
 * it is connected to, whose crash then ends that. On the thread of the connection.
 */
#ifndef STORE_SEEN_H
#define STORE_SEEN_H

#include "store/db.h"

/* The user is connected to the node since then. Nothing for a deleted user; nor is the next. */
void seen_begin(struct db *db, int64_t app, int64_t user, Str node, int64_t at);
/* It is not any more. */
void seen_end(struct db *db, int64_t app, int64_t user, int64_t at);

/* The node runs at that time. */
void seen_alive(struct db *db, Str node, int64_t at);

/* Whoever is put down as connected to the node, which is not running: was last seen when the node
 * was, or came after. At most limit rows; returns how many. */
int64_t seen_recover(struct db *db, Str node, int64_t limit);

#endif
