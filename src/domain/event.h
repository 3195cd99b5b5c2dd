/*
 * struct event: something that happened in a chat and that its members are told of, or that a
 * session must be closed. Rules append events to the transaction's list; once it is committed the
 * list is immutable and shared by all loops. Knows nothing of how events look on the wire.
 */
#ifndef DOMAIN_EVENT_H
#define DOMAIN_EVENT_H

#include "base/arena.h"
#include "base/id.h"

/* The numbers are stored in the log: never change or reuse one. */
enum event_type {
    EVENT_SEND_MSG = 1,
    EVENT_EDIT_MSG = 2,
    EVENT_DELETE_MSG = 3,
    EVENT_REPLY = 4,
    EVENT_TYPING = 5,
    EVENT_REACT = 6,
    EVENT_DELETE_REACT = 7,
    EVENT_READ_MSG = 8,
    EVENT_USER_JOIN = 9,
    EVENT_USER_LEAVE = 10,
    EVENT_NEW_CHAT = 11,
    EVENT_DELETE_CHAT = 12,
    EVENT_CHAT_RENAMED = 13,
    EVENT_PRESENCE = 50, /* of no chat, and never stored */
    /* Not for clients: realtime sessions to close. */
    EVENT_SESSION_REVOKED =
        100,                /* the sign-in `session` of user `target`, or all of that user if 0 */
    EVENT_USER_GONE = 101,  /* user `target` */
    EVENT_APP_CLOSED = 102, /* suspended or deleted: all of the app */
};

/* In a chat of more members only the reader and the message's sender hear of a READ_MSG. */
enum { EVENT_READ_CROWD = 200 };

/* The message that a REPLY answers, as it was then. */
struct event_original {
    Id message_id;
    Id sender_id;
    int64_t time;
    int64_t edited_at; /* 0: never */
    Str text;
};

struct event {
    enum event_type type;
    int64_t app;
    int64_t chat;        /* row number */
    int64_t seq;         /* in the chat; 0: not a stored event */
    int64_t position;    /* in the log; else READ_MSG: its own; TYPING: the last one before it */
    uint32_t number;     /* tells apart events that are not stored */
    int64_t time;        /* milliseconds since the epoch */
    int64_t sender;      /* row number */
    int64_t target;      /* USER_JOIN, USER_LEAVE: whose; READ_MSG: sender of the message */
    int64_t session;     /* SESSION_REVOKED */
    int64_t but_session; /* SESSION_REVOKED: the caller's own, closed a little later; 0: none */
    Id chat_id;
    Id sender_id;
    Id message_id; /* REACT, DELETE_REACT: the reaction's id */
    Id parent_id;  /* REACT: the message's id */
    Id target_id;  /* USER_JOIN: the new member */
    Str text;      /* message, reaction, name, or leave text */
    Str username;  /* USER_JOIN */
    Str client_message_id;
    const struct event_original *original; /* REPLY; NULL once the original is deleted */
    const int64_t *members;                /* NEW_CHAT: row numbers of all members */
    size_t n_members;
    size_t audience; /* READ_MSG: members of the chat */
};

/* Events of one commit, in commit order; the strings live in its arena. */
struct event_list {
    struct arena arena;
    struct event *items; /* owned */
    size_t n, cap;
};

/* A zeroed event at the end of the list; the pointer is good until the next append. */
struct event *event_add(struct event_list *list, enum event_type type);

/* Forgets the events past the first n: those of a rule that was undone. */
void event_truncate(struct event_list *list, size_t n);

void event_list_free(struct event_list *list);

#endif
