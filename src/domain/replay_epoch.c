/*
 * A number of log positions says nothing of time, for all apps share the log: so the writer notes
 * once a second where the log is. Turned down: a time on each read marker, which cannot be compared
 * with an event's, since a chat's times never go back.
 */
#include "base/mem.h"
#include "domain/replay.h"
#include "store/epochs.h"

/* What was given out before there were epochs, and what this store has of them, oldest first. */
static void list_epochs(struct tx *tx, struct replay_epoch *list, size_t *n)
{
    struct epochs_row row;
    struct db_rows *rows = epochs_list(tx->db, REPLAY_EPOCHS);
    *n = 0;
    while (epochs_next(rows, &row))
        list[(*n)++] =
            (struct replay_epoch){.first = row.first, .last = row.last, .tag = (uint32_t)row.tag};
    for (size_t i = 0; i < *n / 2; i++) {
        struct replay_epoch other = list[*n - 1 - i];
        list[*n - 1 - i] = list[i];
        list[i] = other;
    }
}

Err replay_begin_epoch(struct tx *tx, uint32_t tag, struct replay_epoch **out, size_t *n)
{
    must(tag);
    int64_t first = db_last_position(tx->db) + 1;
    epochs_begin(tx->db, first, tag);
    *out = arena_array(tx->arena, struct replay_epoch, REPLAY_EPOCHS);
    list_epochs(tx, *out, n);
    if (*n)
        (*out)[*n - 1].last = INT64_MAX;
    return tx_done(tx, *n ? ERR_OK : ERR_INTERNAL);
}

void replay_note_time(struct tx *tx, int64_t at)
{
    epochs_note_time(tx->db, db_last_position(tx->db), at);
}

void replay_note_end(struct tx *tx)
{
    epochs_note_given(tx->db, db_last_position(tx->db));
}
