/*
 * How many chats a user is in, so that nobody is put into more than rules->user_chats, whoever does
 * it. Chats that were deleted count until the log no longer needs their rows. It knows nothing of
 * how a chat is made or left: those rules tell it. Internal to them. Made by the writer, used on
 * its thread; without one (tx->counts NULL) every answer is counted anew.
 */
#ifndef DOMAIN_CHAT_COUNTS_H
#define DOMAIN_CHAT_COUNTS_H

#include "domain/tx.h"

struct chat_counts *chat_counts_new(void);
void chat_counts_free(struct chat_counts **at);

/* Forgets all, as when a commit has failed. */
void chat_counts_clear(struct chat_counts *counts);

/* True when the user may be in one chat more. */
bool chat_counts_room(struct tx *tx, int64_t app, int64_t user);

void chat_counts_joined(struct tx *tx, int64_t app, int64_t user);
void chat_counts_left(struct tx *tx, int64_t app, int64_t user);

#endif
