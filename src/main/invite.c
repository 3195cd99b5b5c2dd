#include "main/invite.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/random.h"
#include "codec/json.h"
#include "domain/invitation.h"
#include "domain/text.h"
#include "main/keys.h"

#include <stdio.h>

enum { ARENA_MAX = 64 * 1024 };

static int complain(const char *what, Str why)
{
    fprintf(stderr, "whispd: invite: %s" STR_FMT "\n", what, STR_ARG(why));
    return 2;
}

static int print_invitation(const struct config *config, Str email, struct arena *arena)
{
    const char *data = arena_fmt(arena, STR_FMT "%c", STR_ARG(config->data), 0).p;
    struct token_keys *keys;
    uint8_t key[TOKEN_HASH];
    const char *why;
    if (!keys_present(data))
        return complain("no server has run on this data directory; name its --data: ",
                        config->data);
    if (keys_open(data, KEYS_REFUSE, &keys, &why))
        return complain("", str_of(why));
    keys_fingerprint(keys, key);
    token_keys_free(&keys);
    Str invitation = invitation_new(key, email, clock_now() + config->invitation_ttl, arena);
    return printf(STR_FMT "\n", STR_ARG(invitation)) < 0;
}

int invite_run(const struct config *config, Str email)
{
    struct arena arena = ARENA(ARENA_MAX);
    struct tx tx = {.arena = &arena};
    int status;
    random_setup();
    json_setup();
    if (text_email(&tx, "EMAIL", email))
        status = complain("", tx.why);
    else
        status = print_invitation(config, email, &arena);
    arena_free(&arena);
    return status;
}
