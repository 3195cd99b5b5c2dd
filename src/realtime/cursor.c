#include "realtime/cursor.h"

/* Far above any position, and far enough below INT64_MAX that a sum with a few rows fits. */
#define POSITION_MAX ((1ull << 60) - 1)

void cursor_of_event(struct buf *out, const struct event *e)
{
    if (e->seq)
        buf_fmt(out, "e%llx", (unsigned long long)e->position);
    else
        cursor_of_note(out, e->position, e->number);
}

void cursor_of_note(struct buf *out, int64_t position, uint32_t number)
{
    buf_fmt(out, "u%llx-%x", (unsigned long long)position, number);
}

void cursor_of_replay(struct buf *out, int64_t position, int64_t marks)
{
    buf_fmt(out, "s%llx-%llx", (unsigned long long)position, (unsigned long long)marks);
}

static bool parse_position(Str s, int64_t *out)
{
    uint64_t value;
    if (!str_hex_to_uint(s, POSITION_MAX, &value))
        return false;
    *out = (int64_t)value;
    return true;
}

struct replay_cursor cursor_read(Str text)
{
    const struct replay_cursor unknown = {.kind = REPLAY_UNKNOWN};
    struct replay_cursor c = unknown;
    int64_t second;
    if (!text.n)
        return unknown;
    char letter = text.p[0];
    Str rest = str_skip(text, 1), first = rest;
    if (letter != 'e')
        first = str_cut(&rest, '-');
    if (!parse_position(first, &c.position) || (letter != 'e' && !parse_position(rest, &second)))
        return unknown;
    c.marks = letter == 's' ? second : c.position;
    c.kind = letter == 'e'   ? REPLAY_STORED
             : letter == 'u' ? REPLAY_UNSTORED
             : letter == 's' ? REPLAY_PLAN
                             : REPLAY_UNKNOWN;
    return c.kind == REPLAY_UNKNOWN ? unknown : c;
}
