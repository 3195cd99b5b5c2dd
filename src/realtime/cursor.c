#include "realtime/cursor.h"

enum { DIGITS = 15 /* so that no value overflows */ };

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

static bool number(Str s, int64_t *out)
{
    *out = 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (digit < 0)
            return false;
        *out = *out * 16 + digit;
        if (i + 1 > DIGITS)
            return false;
    }
    return s.n > 0;
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
    if (!number(first, &c.position) || (letter != 'e' && !number(rest, &second)))
        return unknown;
    c.marks = letter == 's' ? second : c.position;
    c.kind = letter == 'e'   ? REPLAY_STORED
             : letter == 'u' ? REPLAY_UNSTORED
             : letter == 's' ? REPLAY_PLAN
                             : REPLAY_UNKNOWN;
    return c.kind == REPLAY_UNKNOWN ? unknown : c;
}
