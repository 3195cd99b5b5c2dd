/*
 * What the files of the hub share: hub.c (who is in what, delivery), hub_load.c (the chats of a
 * user who subscribes), hub_hole.c (events that are missing), hub_marks.c (READ_MSG),
 * hub_presence.c and hub_people.c (PRESENCE). For no one else.
 */
#ifndef REALTIME_HUB_PARTS_H
#define REALTIME_HUB_PARTS_H

#include "base/map.h"
#include "realtime/hub.h"

enum { HUB_ARENA = 16 * 1024 * 1024 }; /* of one read */

struct hub_chat {
    int64_t app, chat;
    int64_t last_seq;
    struct hub_user **users; /* owned array */
    uint32_t n, cap;
};

enum hub_state { HUB_IDLE, HUB_LOADING, HUB_LIVE };

struct hub_user {
    struct hub *hub;
    int64_t app, user;
    Id id;
    struct hub_member *first;
    struct hub_chat **chats; /* owned array */
    uint32_t n, cap;
    enum hub_state state;
    union {
        struct hub_load *load; /* HUB_LOADING */
        int64_t position;      /* HUB_LIVE: in the log, when its chats were read */
    };
    struct hub_watch *watch; /* a session of its asked for presence; else NULL */
};

/* A sign-in that was revoked, a user who was deleted, or an app that was closed. */
struct hub_ending {
    int64_t app;
    int64_t user;    /* 0: all of the app */
    int64_t sign_in; /* 0: all of the user */
};

struct hub {
    struct loop *loop;
    struct jobs *jobs;
    struct hub_ops ops;
    struct hub_people *people; /* owned */
    struct map users;
    struct map chats;
    struct map holes; /* by chat: being read; events wait in them */
    struct map marks; /* gates of READ_MSG, and the same as a queue */
    struct gate *first_mark, *last_mark;
    struct timer marks_timer;
    struct hub_load *loads;
    struct hub_ending *endings; /* owned: those of this tick */
    size_t n_endings, cap_endings;
    int64_t endings_at; /* the tick's time */
    int64_t position;   /* in the log: of the last event that came */
};

static inline MapKey hub_key(int64_t app, int64_t row)
{
    return (MapKey){(uint64_t)app, (uint64_t)row};
}

/* ----- hub.c ----- */

/* Arrays of pointers; removing puts the last one in the place. */
void hub_append(void ***items, uint32_t *n, uint32_t *cap, void *item);
void hub_take_out(void **items, uint32_t *n, const void *item);

/* NULL when no one here follows it. */
struct hub_chat *hub_chat_get(struct hub *hub, int64_t app, int64_t chat);
struct hub_chat *hub_chat_make(struct hub *hub, int64_t app, int64_t chat, int64_t last_seq);
void hub_chat_drop_if_empty(struct hub *hub, struct hub_chat *c);
bool hub_linked(const struct hub_user *u, const struct hub_chat *c);
void hub_link(struct hub_user *u, struct hub_chat *c);
void hub_unlink(struct hub_user *u, struct hub_chat *c);

/* An event of a chat in its turn, whatever its seq. */
void hub_event(struct hub *hub, struct publication *p, size_t index);
/* Unless the chat is past it: those whom it brings in get interest, it goes to all, those whom it
 * takes out lose interest. May free the chat. */
void hub_deliver_stored(struct hub *hub, const struct event *e);
void hub_push_to_chat(struct hub *hub, struct hub_chat *c, const struct event *e);
/* In a crowd not everyone hears of a READ_MSG. */
bool hub_hears(const struct hub_user *u, const struct event *e);
void hub_push_to_user(struct hub_user *u, const struct event *e);

/* ----- hub_load.c ----- */

void hub_load_start(struct hub_user *u);
/* Keeps the publication for all users whose chats are being read. */
void hub_load_hold(struct hub *hub, struct publication *p);
/* Nobody waits for it any more, if it is under way. */
void hub_load_forget(struct hub_user *u);

/* ----- hub_hole.c ----- */

/* Do events of the chat wait already? */
bool hub_has_hole(const struct hub *hub, const struct hub_chat *c);
/* The event waits until those between the chat's last one and it have been read. */
void hub_hole_wait(struct hub *hub, struct hub_chat *c, struct publication *p, size_t index);
void hub_hole_forget(struct hub *hub, const struct hub_chat *c);

/* ----- hub_marks.c ----- */

/* Delivers a READ_MSG, or keeps it as the reader's latest until its second is over. */
void hub_mark(struct hub *hub, struct publication *p, size_t index);
/* Delivers those that have been held back long enough by then; ms of the monotonic clock. */
void hub_marks_until(struct hub *hub, int64_t now);
void hub_marks_free(struct hub *hub);

/* ----- hub_presence.c ----- */

struct hub_people *hub_people_new(struct hub *hub, const struct hub_config *config);
void hub_people_free(struct hub_people **people);
/* A user who watches has got a chat, or is about to lose it. */
void hub_watch_chat(struct hub_user *u, struct hub_chat *c);
void hub_unwatch_chat(struct hub_user *u, struct hub_chat *c);
/* Who is in a chat changes by this event, which comes in its turn. */
void hub_people_event(struct hub *hub, const struct event *e);
/* A user is deleted. */
void hub_people_forget(struct hub *hub, int64_t app, int64_t user);

#endif
