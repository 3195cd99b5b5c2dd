/*
 * Event ids and cursors as clients see them: opaque texts of at most 40 characters that hold a
 * position in the log and the tag of the epoch that gave it out. Any thread, after cursor_setup.
 *
 *     e1f-9ac31b07       the event stored at position 0x1f
 *     u1f-7-9ac31b07     the 7th event that was not stored; 0x1f was the last position before it
 *     s1f-1e-9ac31b07    what GET /api/sync gives: events up to 0x1f, read marks from 0x1e on are
 * due
 *
 * Without the tag: from before there were epochs.
 */
#ifndef REALTIME_CURSOR_H
#define REALTIME_CURSOR_H

#include "base/buf.h"
#include "domain/replay.h"

/* The epochs that the store knows, oldest first; copied. Once, before the first thread; without it
 * all positions are of one epoch without a tag. */
void cursor_setup(const struct replay_epoch *epochs, size_t n);

void cursor_of_event(struct buf *out, const struct event *e);
/* Of what is told at that position and is no event of a chat. */
void cursor_of_note(struct buf *out, int64_t position, uint32_t number);
void cursor_of_replay(struct buf *out, int64_t position, int64_t marks);

/* The position below all that the present epoch gives out: nothing is stored between it and the
 * last event of before. */
int64_t cursor_start(void);

/* Where one is who need not be told of anything up to the position, read markers that are held back
 * included. */
struct replay_cursor cursor_at(int64_t position);

/* Any of them that this store can have given out; anything else is REPLAY_UNKNOWN. */
struct replay_cursor cursor_read(Str text);

#endif
