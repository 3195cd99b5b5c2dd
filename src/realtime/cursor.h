/*
 * Event ids and cursors as clients see them: opaque texts of at most 40 characters that hold a
 * position in the log. Pure; any thread.
 *
 *     e1f       the event stored at position 0x1f
 *     u1f-7     the 7th event that was not stored; 0x1f was the last position before it
 *     s1f-1e    what GET /api/sync gives: events up to 0x1f, read marks from 0x1e on are due
 */
#ifndef REALTIME_CURSOR_H
#define REALTIME_CURSOR_H

#include "base/buf.h"
#include "domain/replay.h"

void cursor_of_event(struct buf *out, const struct event *e);
/* Of what is told at that position and is no event of a chat. */
void cursor_of_note(struct buf *out, int64_t position, uint32_t number);
void cursor_of_replay(struct buf *out, int64_t position, int64_t marks);

/* Any of them; anything else is REPLAY_UNKNOWN. */
struct replay_cursor cursor_read(Str text);

#endif
