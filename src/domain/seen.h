/*
 * When users were last connected. Marks are written in batches by whoever knows; what a crash left
 * behind is mended at the next start, before anyone connects.
 */
#ifndef DOMAIN_SEEN_H
#define DOMAIN_SEEN_H

#include "domain/tx.h"

struct seen_mark {
    int64_t app, user;
    int64_t ended_at; /* 0: the user is connected */
};

/* At most 1,000 marks; they also say that the node runs. */
Err seen_write(struct tx *tx, Str node, const struct seen_mark *marks, size_t n) must_check;

/* Of those whom the node left connected when it stopped, 1,000. *more: there may be others. */
Err seen_mend(struct tx *tx, Str node, bool *more) must_check;

#endif
