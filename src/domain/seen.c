#include "domain/seen.h"

#include "store/seen.h"

enum { MENDED_AT_ONCE = 1000 };

Err seen_write(struct tx *tx, Str node, const struct seen_mark *marks, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (marks[i].ended_at)
            seen_end(tx->db, marks[i].app, marks[i].user, marks[i].ended_at);
        else
            seen_begin(tx->db, marks[i].app, marks[i].user, node, tx->now);
    }
    seen_alive(tx->db, node, tx->now);
    return tx_done(tx, ERR_OK);
}

Err seen_mend(struct tx *tx, Str node, bool *more)
{
    *more = seen_recover(tx->db, node, MENDED_AT_ONCE) == MENDED_AT_ONCE;
    return tx_done(tx, ERR_OK);
}
