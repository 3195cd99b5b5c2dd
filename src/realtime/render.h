/*
 * How an event looks to a client: the STOMP MESSAGE frame from behind its subscription header to
 * its end, rendered once for all recipients. What differs between them is the head (destination and
 * subscription, written by the session) and the recipient's id: 36 characters at blob->mark, which
 * the session patches in its own copy. Event ids: see cursor.h. Any thread.
 */
#ifndef REALTIME_RENDER_H
#define REALTIME_RENDER_H

#include "base/blob.h"
#include "base/buf.h"
#include "domain/event.h"

/* Shared; one reference, the caller's. */
struct blob *render_event(const struct event *e);

/* Its body alone, as that recipient gets it. */
void render_body(struct buf *out, const struct event *e, Id recipient);

/* PRESENCE of a user who is there, or was last seen then (0: not known). position: as
 * render_note's. Shared; one reference, the caller's. */
struct blob *render_presence(Id user, bool there, int64_t seen, int64_t position);

/* The body that names chats to fetch anew. */
void render_resync(struct buf *out, const Id *chats, size_t n);

/* A body that is the same for everyone who gets it: blob->mark is 0. Not a stored event; position:
 * what whoever gets it has got of the log, so that its id is a good cursor. */
struct blob *render_note(Str json, int64_t position);

/* The bytes that every event frame begins with, what stands between user id and subscription, and
 * what stands before the event's id, where the shared part begins. */
#define RENDER_HEAD "MESSAGE\ndestination:/user/"
#define RENDER_MIDDLE "/queue/messages\nsubscription:"
#define RENDER_ID "\nmessage-id:"

#endif
