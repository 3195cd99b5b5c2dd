/*
 * Messages: sending, changing, reacting, reading. Sending is the hot path and set-based: all queued
 * sends of a batch are one call. Each function checks that the app is active and that the actor is
 * a member of the chat, in this transaction. Text is valid UTF-8; its length is checked here.
 * ERR_CHAT_NOT_FOUND: unknown or another app's; ERR_NOT_A_MEMBER: there, but not a member.
 */
#ifndef DOMAIN_MESSAGE_H
#define DOMAIN_MESSAGE_H

#include "domain/tx.h"

/* One SEND_MSG or REPLY. */
struct message_post {
    struct actor actor;
    Id chat_id;
    Str text;
    Id reply_to;           /* nil: not a reply; a deleted original is ERR_MESSAGE_NOT_FOUND */
    Str client_message_id; /* empty: none; 1..64 characters */
    /* Results. */
    Err err;
    Str why; /* tx->why of this request */
    Id message_id;
    struct event
        *repeated; /* a retry: the first event, in tx->arena, for the acting session only */
};

/*
 * Does all n in their order: reads first, then writes, so that a refused one has written nothing
 * and needs no savepoint; one head update per chat, one usage update per app. Each request's
 * outcome is its own; when the store fails the caller sees it in db_failed.
 */
void message_post(struct tx *tx, struct message_post **posts, size_t n);

/* Own message only. The same text again is a change too. */
Err message_edit(struct tx *tx, const struct actor *a, Id chat_id, Id message_id,
                 Str text) must_check;
/* Own message, or the chat's creator. Deleted again: ERR_OK and no event. */
Err message_delete(struct tx *tx, const struct actor *a, Id chat_id, Id message_id) must_check;
/* What a message carries at most, so that a page of history has a bound. */
enum { MESSAGE_REACTIONS = 1000, MESSAGE_REACTIONS_OF_USER = 20 };

/* reaction: 1..64 bytes. The same one by the same user again: ERR_OK and no event. ERR_FORBIDDEN:
 * there are as many as there can be. */
Err message_react(struct tx *tx, const struct actor *a, Id chat_id, Id message_id,
                  Str reaction) must_check;
/* Own reaction. One that was there and is gone: ERR_OK and no event (unknown:
 * ERR_REACTION_NOT_FOUND). */
Err message_unreact(struct tx *tx, const struct actor *a, Id reaction_id) must_check;
/* Moves the mark forward; an older one is ERR_OK and no event. */
Err message_read(struct tx *tx, const struct actor *a, Id chat_id, Id message_id) must_check;
/* Only checks and publishes; stores nothing. */
Err message_typing(struct tx *tx, const struct actor *a, Id chat_id) must_check;

struct message_reaction {
    Id id;
    Id sender_id;
    Str reaction;
    int64_t created_at;
};

struct message {
    Id id;
    Id sender_id;
    Str sender_name; /* as it is now */
    int64_t seq;
    int64_t time;
    int64_t edited_at; /* 0: never */
    Str text;
    const struct event_original *reply_to; /* NULL: none, or deleted */
    struct message_reaction *reactions;
    size_t n_reactions;
};

struct message_page {
    struct message *items; /* newest first */
    size_t n;
    int64_t mark_seq; /* where the reader's mark should move; 0: it need not */
};

enum {
    MESSAGE_PAGE = 1000,                   /* messages of a page */
    MESSAGE_PAGE_BYTES = 10 * 1024 * 1024, /* of their texts, originals and reactions; in JSON six
                                            * times that at most, which an answer holds */
};

/*
 * The size messages before the cursor (nil: the newest), at most MESSAGE_PAGE; fewer, but one at
 * least, when they would have more than MESSAGE_PAGE_BYTES: only an empty page is the end. A
 * deleted message is a good cursor; an id never in this chat is ERR_UNKNOWN_CURSOR. A page costs
 * its rows, never the chat's length.
 */
Err message_history(struct tx *tx, const struct actor *a, Id chat_id, int64_t size, Id cursor,
                    struct message_page *out) must_check;

/* Moves the reader's mark to seq if that is forward, with its READ_MSG. */
Err message_mark(struct tx *tx, const struct actor *a, Id chat_id, int64_t seq) must_check;

/*
 * The stored events of a chat with from < seq <= to, in seq order, at most limit of them, as they
 * are now (edited text; a deleted message has text.p NULL), appended to out. What a loop reads to
 * fill a hole. Ends before the limit, after one at least, when out's arena is nearly full: only a
 * call that appends nothing says that there is nothing left.
 */
Err message_replay(struct tx *tx, int64_t app, int64_t chat, int64_t from, int64_t to, size_t limit,
                   struct event_list *out) must_check;

#endif
