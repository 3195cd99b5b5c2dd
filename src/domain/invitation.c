#include "domain/invitation.h"

#include "base/random.h"
#include "domain/secret.h"
#include "domain/text.h"

#include <inttypes.h>

Str invitation_new(const uint8_t key[32], Str email, int64_t expires_at, struct arena *arena)
{
    Str folded = text_key(email, arena);
    Str text = arena_fmt(arena, "%" PRIx64 "\n" STR_FMT, (uint64_t)expires_at, STR_ARG(folded));
    Str signature = secret_derive(key, "invitation", text, arena);
    return arena_fmt(arena, "%" PRIx64 "-" STR_FMT, (uint64_t)expires_at, STR_ARG(signature));
}

bool invitation_valid(const uint8_t key[32], Str invitation, Str email, int64_t now,
                      struct arena *arena)
{
    Str rest = invitation;
    uint64_t expires_at;
    if (!str_hex_to_uint(str_cut(&rest, '-'), INT64_MAX, &expires_at) || (int64_t)expires_at <= now)
        return false;
    Str right = invitation_new(key, email, (int64_t)expires_at, arena);
    return random_same(right, invitation);
}
