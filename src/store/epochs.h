/*
 * The epochs of the log, one for each start of a server, and where the log was when. Knows nothing
 * of cursors. On the thread of the connection.
 */
#ifndef STORE_EPOCHS_H
#define STORE_EPOCHS_H

#include "store/db.h"

struct epochs_row {
    int64_t first; /* the lowest position that it may give out */
    int64_t last;  /* the last one it gave out; 0 when it has no end yet */
    int64_t tag;   /* 32 bits, not 0 */
};

/* The newest first, at most limit. */
struct db_rows *epochs_list(struct db *db, int64_t limit);
bool epochs_next(struct db_rows *rows, struct epochs_row *out);

/* Ends those that have no end at the last position that is known to have been given out, forgets
 * those of which the log has nothing left, and begins one. */
void epochs_begin(struct db *db, int64_t first, int64_t tag);

/* At a server's end in order: the last position that it gave out. */
void epochs_note_given(struct db *db, int64_t position);

/* The log was at that position at that time. */
void epochs_note_time(struct db *db, int64_t position, int64_t at);

/* A position that the log had passed at least ms before it came to `position`; first - 1 when
 * nothing since first says so. */
int64_t epochs_before(struct db *db, int64_t first, int64_t position, int64_t ms);

/* Forgets times below the position, some at each call. */
void epochs_prune_times(struct db *db, int64_t position);

#endif
