#include "domain/message_text.h"

#include "base/utf8.h"

Err message_text_check(struct tx *tx, Str text)
{
    size_t n = 0;
    long long max = tx->rules->message_length;
    if (!utf8_count(text, &n) || n == 0)
        return tx_fail(tx, ERR_INVALID_FIELD, "message is 1 to %lld characters.", max);
    if ((long long)n > max)
        return tx_fail(tx, ERR_MESSAGE_TOO_LONG, "message is 1 to %lld characters.", max);
    return ERR_OK;
}
