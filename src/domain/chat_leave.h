/*
 * How someone stops being a member, by whatever rule. Internal to the rules.
 */
#ifndef DOMAIN_CHAT_LEAVE_H
#define DOMAIN_CHAT_LEAVE_H

#include "domain/tx.h"
#include "store/chats.h"
#include "store/members.h"

/*
 * Takes a member out of a locked chat, with its USER_LEAVE; who is no member is let be. A creator
 * passes the chat to the member of longest standing; a chat left empty is deleted.
 */
void chat_leave(struct tx *tx, struct chats_head *head, const struct members_user *who);

/*
 * Is the actor, a member, the locked chat's creator? A creator who is deleted and has not left yet,
 * since a user's many chats are left in small jobs, leaves here and now.
 */
bool chat_is_led_by(struct tx *tx, const struct actor *a, struct chats_head *head);

/* Deletes a locked chat, with its DELETE_CHAT by who. */
void chat_leave_for_good(struct tx *tx, struct chats_head *head, const struct members_user *who);

#endif
