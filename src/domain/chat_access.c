#include "domain/chat_access.h"

Err chat_access_app(struct tx *tx, int64_t app)
{
    switch (chats_app_state(tx->db, app)) {
    case CHATS_APP_ACTIVE:
        return ERR_OK;
    case CHATS_APP_SUSPENDED:
        return ERR_APP_SUSPENDED;
    case CHATS_APP_GONE:
        break;
    }
    return tx_done(tx, ERR_AUTH_INVALID_TOKEN);
}

Err chat_access(struct tx *tx, const struct actor *a, Id chat_id, enum chat_use use,
                struct chat_access *out)
{
    Err e = chat_access_app(tx, a->app);
    if (e)
        return e;
    bool found = use == CHAT_CHANGE ? chats_lock(tx->db, a->app, chat_id, &out->head)
                                    : chats_find(tx->db, a->app, chat_id, &out->head);
    if (!found)
        return tx_done(tx, ERR_CHAT_NOT_FOUND);
    if (!members_find(tx->db, a->app, out->head.chat, a->user, &out->member))
        return tx_done(tx, ERR_NOT_A_MEMBER);
    return ERR_OK;
}
