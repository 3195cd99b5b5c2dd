/*
 * What the two files of presence share: hub_people.c (who is in the chats that are watched, read
 * from the store and kept up) and hub_presence.c (who watches, and what they are told). For no one
 * else.
 */
#ifndef REALTIME_HUB_PEOPLE_H
#define REALTIME_HUB_PEOPLE_H

#include "realtime/hub_parts.h"

/* A user whom someone here watches. */
struct hub_person {
    int64_t app, user;
    Id id;
    bool there;
    int64_t seen;
    uint64_t stamp;             /* of the last walk that met it */
    struct people_chat **chats; /* owned array */
    uint32_t n, cap;
};

/* Of a user here who watches. */
struct hub_watch {
    struct hub_user *user;
    uint64_t stamp;
    uint32_t chats;  /* that it watches */
    uint32_t unread; /* of these, not read yet */
    bool introduced; /* has been told who is there */
};

enum people_state {
    PEOPLE_WAIT,    /* for the next job that reads */
    PEOPLE_READING, /* in the job's hands */
    PEOPLE_READ,
    PEOPLE_CROWD, /* too many: no one is kept */
};

/* A chat that someone here watches. */
struct people_chat {
    int64_t app, chat;
    enum people_state state;
    bool changed;    /* since it is being read */
    bool counted;    /* the watches have it among their unread */
    uint64_t number; /* of its reading */
    int64_t seq;     /* the people are those as of that event */
    int64_t members;
    struct people_chat *next, *prev; /* that wait */
    struct hub_person **people;      /* owned array */
    uint32_t n, cap;
    struct hub_watch **watches; /* owned array */
    uint32_t n_watches, cap_watches;
};

/* A session that is being told who is there. */
struct introduction {
    struct introduction *next, *prev;
    struct hub_member *member;
    bool all;       /* of those who are not, too */
    bool listed;    /* until then it is told nothing */
    int64_t *users; /* owned: row numbers of whom it is to be told */
    size_t n, at;
};

struct hub_people {
    struct hub *hub;
    struct online *online;
    int64_t members_max;
    struct map persons, chats;
    struct people_chat *first, *last; /* that wait to be read */
    struct people_reading *reading;   /* the job under way; NULL: none */
    struct introduction *first_introduction, *last_introduction;
    uint64_t stamp, number;
    struct timer timer;
    bool timed, full;
};

/* ----- hub_people.c ----- */

/* It watches the chat from now on; read if need be. */
void hub_people_watch(struct hub_people *all, struct hub_watch *w, int64_t chat);
/* Not any longer; false: it did not. */
bool hub_people_unwatch(struct hub_people *all, struct hub_watch *w, int64_t chat);
/* Reads those that wait, unless it does already. */
void hub_people_read(struct hub_people *all);
bool hub_people_share(const struct hub_person *p, const struct hub_watch *w);

/* ----- hub_presence.c ----- */

/* A chat that w watches is read, or need not be any more. */
void hub_presence_chat_read(struct hub_people *all, struct hub_watch *w, struct people_chat *c);
/* Someone has joined a chat that is read. */
void hub_presence_joined(struct hub_people *all, struct people_chat *c, struct hub_person *p);
/* Calls for the timer: something is to be done later. */
void hub_presence_later(struct hub_people *all);

#endif
