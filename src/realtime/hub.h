/*
 * The hub of one loop: which users are connected here, which chats they are in, and so who gets an
 * event. No locks: it belongs to its loop's thread, and every loop has its own. It knows nothing of
 * STOMP or sockets; a session is a `struct hub_member` inside its owner.
 *
 * Interest is kept per user, not per session, and only of users who are connected: a delivery costs
 * the chat's online users, never its members. Joins add interest before they are delivered, leaves
 * remove it after.
 *
 * Order: per chat the hub knows the last seq it delivered; the next one is delivered, a lower one
 * dropped, and before a higher one the hole is read from the store.
 */
#ifndef REALTIME_HUB_H
#define REALTIME_HUB_H

#include "base/blob.h"
#include "base/id.h"
#include "io/loop.h"
#include "realtime/jobs.h"
#include "realtime/online.h"

struct hub;
struct hub_user;
struct introduction;

/* Embedded in a session, zeroed. */
struct hub_member {
    struct hub_user *user;
    struct hub_member *next; /* of the same user */
    int64_t sign_in;         /* the row number of its sign-in */
    bool subscribed;
    bool presence;                     /* it asked for it */
    struct introduction *introduction; /* it is being told who is there */
};

struct hub_ops {
    /* An event for a subscribed member; the frame is borrowed: take a reference to keep it. Must
     * not remove or unsubscribe a member; nor must the others. */
    void (*push)(struct hub_member *m, struct blob *frame, const struct event *e);
    /* A subscription has begun (or could not: err); everything from now on is pushed. */
    void (*subscribed)(struct hub_member *m, Err err);
    /* Events that came since its hub_subscribe were not pushed, before its chats were known. */
    void (*missed)(struct hub_member *m);
    /* Not allowed any longer: close it in delay_ms. */
    void (*revoke)(struct hub_member *m, int64_t delay_ms);
    /* Does it not take what was pushed last, or is it being told first what it missed? */
    bool (*busy)(const struct hub_member *m);
};

struct hub_config {
    struct loop *loop;
    struct jobs *jobs;
    struct online *online;
    int64_t presence_members; /* in a chat of more no one is told of another's presence */
};

struct hub *hub_new(const struct hub_config *config, const struct hub_ops *ops);
void hub_free(struct hub **hub);

/* From now on a revocation finds it, and so does one of the commit that spent its ticket, whose
 * events came before: the member is revoked with a delay then. m->sign_in is set. Events
 * come only once it is subscribed. */
void hub_add(struct hub *hub, struct hub_member *m, int64_t app, int64_t user, Id user_id);
void hub_remove(struct hub *hub, struct hub_member *m);

/* Loads the user's chats if need be, then calls ops->subscribed, perhaps before this returns. */
void hub_subscribe(struct hub *hub, struct hub_member *m);
void hub_unsubscribe(struct hub *hub, struct hub_member *m);

/*
 * A subscribed member is pushed PRESENCE from now on: first of those who are there, as fast as it
 * takes that, then changes; whom it is told of shares a chat with it that is no crowd. Asked again,
 * it is told of the others too, who are not there.
 */
void hub_watch(struct hub *hub, struct hub_member *m);
void hub_unwatch(struct hub *hub, struct hub_member *m);

/* Changes of presence, in their order. */
void hub_presence(struct hub *hub, const struct online_change *changes, size_t n);

int64_t hub_app(const struct hub_member *m);
int64_t hub_user_row(const struct hub_member *m);
Id hub_user_id(const struct hub_member *m);

/* All stored events up to this log position have been pushed to a subscribed member, as far as they
 * are the user's and came after its subscription. */
int64_t hub_position(const struct hub_member *m);

/* Takes its own reference when it has to keep the publication. */
void hub_deliver(struct hub *hub, struct publication *p);

/* All members, in no order, without a change meanwhile: start with *at 0 and m NULL. */
struct hub_member *hub_next(struct hub *hub, size_t *at, struct hub_member *m);

#endif
