/*
 * What a user missed while away: the stored events of each time of membership and the read markers
 * that have moved since a position in the log, in the order of the log. A plan is made in one
 * snapshot and holds only numbers; the events themselves are read page by page after it, as they
 * are by then (edited text; a deleted message has text.p NULL).
 *
 * In the order of the log over all chats, so that whichever event is the last to arrive is a good
 * place to go on from. Knows nothing of how positions look to clients.
 *
 * A READ_MSG may be held back for REPLAY_LATE_MS, so that an event of a higher position overtakes
 * it: one who got that event last is given the markers that moved less than that before it, too.
 */
#ifndef DOMAIN_REPLAY_H
#define DOMAIN_REPLAY_H

#include "domain/tx.h"

/*
 * An epoch of the log: what one run of a server gave out, from first to last. Its tag is random,
 * and stands in every id, so that an id that was given out after a backup was made means nothing to
 * the store that was restored from it.
 */
struct replay_epoch {
    int64_t first, last; /* last: INT64_MAX of the present one */
    uint32_t tag;        /* 0: of what there was before epochs */
};

enum { REPLAY_EPOCHS = 4096 }; /* older ones are not known any more */

/* Begins one. *out: all that are known, oldest first, in tx->arena. */
Err replay_begin_epoch(struct tx *tx, uint32_t tag, struct replay_epoch **out,
                       size_t *n) must_check;

/* What a writer notes once a second, and at its end: see replay_plan. at: milliseconds of a clock
 * that never goes back. */
void replay_note_time(struct tx *tx, int64_t at);
void replay_note_end(struct tx *tx);

/* Where the user has got to. */
struct replay_cursor {
    enum {
        REPLAY_UNKNOWN,  /* not one of ours: nothing is known of what the user has */
        REPLAY_STORED,   /* a stored event's */
        REPLAY_UNSTORED, /* that of an event that was not stored: the last position before it */
        REPLAY_PLAN,     /* that of an earlier plan, or of an entry of it */
    } kind;
    int64_t first;    /* position of its epoch */
    int64_t position; /* all stored events up to here are known */
    int64_t marks;    /* REPLAY_PLAN: read marks that moved up to here are known */
};

enum { REPLAY_LATE_MS = 1000 };

struct replay_entry {
    int64_t position;
    int64_t seq;  /* 0: a read marker */
    size_t index; /* of an event in chats, of a marker in read */
};

struct replay_chat {
    int64_t chat; /* row number */
    Id id;
    int64_t last_seq; /* what comes live and is not above it is in the plan already */
};

struct replay_mark {
    size_t chat;
    int64_t reader;
    int64_t sender; /* of the message */
    Id reader_id;
    Id message_id;
    int64_t position; /* when it moved */
};

struct replay {
    int64_t app;
    int64_t position;  /* of the snapshot: where one who has all of this has got to */
    int64_t marks;     /* it has the read marks that moved after this */
    int64_t marks_end; /* … up to here */
    bool complete;
    struct replay_chat *chats; /* those the user is in, and those with entries; one may be twice */
    size_t n_chats;
    struct replay_entry *entries; /* complete: by position */
    size_t n_entries;
    struct replay_mark *read; /* complete; the entries say in which order */
    size_t n_read;
    Id *resync; /* not complete: chats to fetch anew */
    size_t n_resync;
};

/*
 * Not complete when the cursor is unknown or the log has lost something since (then all the user's
 * chats are to be fetched anew), or when there are more than rules->replay_events events and marks
 * (then those with news). In tx->arena. ERR_OVERLOADED: the user is in too many chats.
 */
Err replay_plan(struct tx *tx, int64_t app, int64_t user, const struct replay_cursor *cursor,
                struct replay *out) must_check;

enum { REPLAY_PAGE = 500, REPLAY_SPARE = 4 * 1024 * 1024 };

/*
 * Appends the events of entries from *at on, at most n <= REPLAY_PAGE; *at moves behind what was
 * read, by one at least. Ends early when out's arena holds so many bytes; it needs
 * REPLAY_SPARE more, for what comes last. *lost: the log no longer has all of what is left of the
 * plan, which cannot be kept any more; then nothing is appended.
 */
Err replay_page(struct tx *tx, const struct replay *replay, size_t *at, size_t n, size_t bytes,
                struct event_list *out, bool *lost) must_check;

/* Where one who has everything has got to. */
int64_t replay_end(struct tx *tx);

#endif
