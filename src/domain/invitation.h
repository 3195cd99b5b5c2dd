/*
 * Invitations to register an account on a server whose registration is closed. One names an email
 * and a time and is signed with the server's key; nothing is stored. It is good once, since an
 * email registers once.
 */
#ifndef DOMAIN_INVITATION_H
#define DOMAIN_INVITATION_H

#include "base/arena.h"
#include "base/str.h"

#include <stdint.h>

/* In the arena: "<expires_at in lower-case hex>-<43 characters>". key: rules.fingerprint_key. */
Str invitation_new(const uint8_t key[32], Str email, int64_t expires_at, struct arena *arena);

/* Is it of that email, in whatever case, and not expired? */
bool invitation_valid(const uint8_t key[32], Str invitation, Str email, int64_t now,
                      struct arena *arena) __attribute__((warn_unused_result));

#endif
