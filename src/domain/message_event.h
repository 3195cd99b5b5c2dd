/*
 * A message's row as the event that told of it. Internal to the rules.
 */
#ifndef DOMAIN_MESSAGE_EVENT_H
#define DOMAIN_MESSAGE_EVENT_H

#include "domain/event.h"
#include "store/messages.h"

/* A copy of the original in arena; NULL when it is gone. */
const struct event_original *message_event_original(const struct messages_row *row,
                                                    struct arena *arena);

/* Fills e, strings in arena: as the message is now, text.p NULL when it is deleted. */
void message_event(const struct messages_row *row, int64_t app, int64_t chat, struct arena *arena,
                   struct event *e);

#endif
