/*
 * What a SEND to /api/chat means: one table of actions, the realtime door to the rules of the
 * domain. Decodes the JSON body, submits the job, answers with RECEIPT once the change is durable,
 * or with an ERROR event when it is refused. On the session's loop.
 */
#ifndef API_STOMP_COMMANDS_H
#define API_STOMP_COMMANDS_H

#include "realtime/session.h"

/* The session's context must be the struct server. */
extern const struct session_ops stomp_commands;

#endif
