/*
 * The way into a chat for every rule but sending: is the app active, is there such a chat, is the
 * actor in it. Internal to the rules.
 */
#ifndef DOMAIN_CHAT_ACCESS_H
#define DOMAIN_CHAT_ACCESS_H

#include "domain/tx.h"
#include "store/chats.h"
#include "store/members.h"

struct chat_access {
    struct chats_head head;
    struct members_row member;
};

enum chat_use {
    CHAT_READ,   /* looks, or changes nothing but the actor's own membership row */
    CHAT_CHANGE, /* holds the chat's lock to the end of the transaction */
};

/* ERR_APP_SUSPENDED; ERR_AUTH_INVALID_TOKEN: the app is gone. */
Err chat_access_app(struct tx *tx, int64_t app) must_check;

/* Those of chat_access_app, ERR_CHAT_NOT_FOUND, ERR_NOT_A_MEMBER. */
Err chat_access(struct tx *tx, const struct actor *a, Id chat_id, enum chat_use use,
                struct chat_access *out) must_check;

#endif
