/*
 * Writing a chat's events: the next seq and time, the row in the log, the copy for those online.
 * The chat must be locked. Internal to the rules.
 */
#ifndef DOMAIN_CHAT_LOG_H
#define DOMAIN_CHAT_LOG_H

#include "domain/tx.h"
#include "store/chats.h"

/*
 * Stores and publishes an event. draft: type, sender, target, their ids, text, username, members
 * (in the event list's arena); the rest is filled in, strings are copied. head moves on. Returns
 * the event's time.
 */
int64_t chat_log(struct tx *tx, struct chats_head *head, const struct event *draft);

/* Publishes an event that is not stored: seq 0. */
void chat_log_unstored(struct tx *tx, const struct chats_head *head, const struct event *draft);

/*
 * How far ahead of the present a chat's last time is believed, milliseconds. Up to here it is the
 * clock that was set back; beyond, it was wrong when the last message came.
 */
enum { CHAT_TIME_AHEAD_MS = 3600 * 1000 };

/* The time of what comes next in the chat: not before what came last, unless that is further
 * ahead than CHAT_TIME_AHEAD_MS; then the chat's time goes back to the present, once. */
int64_t chat_log_time(const struct tx *tx, const struct chats_head *head);

#endif
