/*
 * An event that is stored names the epoch of its position, so that its id is the same for everyone
 * and at each repeat; everything else names the present one. The present epoch is looked at first:
 * old ones are met in replays only.
 */
#include "realtime/cursor.h"

#include "base/mem.h"

enum { DIGITS = 13 /* hexadecimal, of a position */, TAG_DIGITS = 8 };

static struct replay_epoch known[REPLAY_EPOCHS + 1] = {{.last = INT64_MAX}};
static size_t n_known = 1;

void cursor_setup(const struct replay_epoch *epochs, size_t n)
{
    must(n > 0 && n <= REPLAY_EPOCHS);
    known[0] = (struct replay_epoch){.first = 0, .last = epochs[0].first - 1, .tag = 0};
    memcpy(known + 1, epochs, n * sizeof *epochs);
    n_known = n + 1;
}

static const struct replay_epoch *present(void)
{
    return &known[n_known - 1];
}

static const struct replay_epoch *epoch_of(int64_t position)
{
    size_t i = n_known - 1;
    while (i && position < known[i].first)
        i--;
    return &known[i];
}

static const struct replay_epoch *epoch_named(uint32_t tag)
{
    size_t i = n_known;
    while (i--)
        if (known[i].tag == tag)
            return &known[i];
    return NULL;
}

static void put_tag(struct buf *out, const struct replay_epoch *e)
{
    if (e->tag)
        buf_fmt(out, "-%x", e->tag);
}

void cursor_of_event(struct buf *out, const struct event *e)
{
    if (!e->seq) {
        cursor_of_note(out, e->position, e->number);
        return;
    }
    buf_fmt(out, "e%llx", (unsigned long long)e->position);
    put_tag(out, epoch_of(e->position));
}

void cursor_of_note(struct buf *out, int64_t position, uint32_t number)
{
    buf_fmt(out, "u%llx-%x", (unsigned long long)position, number);
    put_tag(out, present());
}

void cursor_of_replay(struct buf *out, int64_t position, int64_t marks)
{
    buf_fmt(out, "s%llx-%llx", (unsigned long long)position, (unsigned long long)marks);
    put_tag(out, present());
}

int64_t cursor_start(void)
{
    int64_t first = present()->first;
    return first ? first - 1 : 0;
}

struct replay_cursor cursor_at(int64_t position)
{
    return (struct replay_cursor){.kind = REPLAY_PLAN,
                                  .first = epoch_of(position)->first,
                                  .position = position,
                                  .marks = position};
}

static bool read_number(Str *rest, size_t digits, int64_t *out)
{
    uint64_t value;
    Str text = str_cut(rest, '-');
    if (text.n > digits || !str_hex_to_uint(text, INT64_MAX, &value))
        return false;
    *out = (int64_t)value;
    return true;
}

/* The numbers behind the letter: a position, a second number of all but `e`, a tag unless it is of
 * before there were any. */
static bool read_parts(Str rest, char letter, int64_t *position, int64_t *second, int64_t *tag)
{
    *second = *tag = 0;
    if (!read_number(&rest, DIGITS, position))
        return false;
    if (letter != 'e' && !read_number(&rest, DIGITS, second))
        return false;
    return rest.n == 0 || (read_number(&rest, TAG_DIGITS, tag) && rest.n == 0);
}

struct replay_cursor cursor_read(Str text)
{
    const struct replay_cursor unknown = {.kind = REPLAY_UNKNOWN};
    int64_t position, second, tag;
    char letter = text.n ? text.p[0] : 0;
    if (text.n && text.p[text.n - 1] == '-')
        return unknown;
    if ((letter != 'e' && letter != 'u' && letter != 's') ||
        !read_parts(str_skip(text, 1), letter, &position, &second, &tag))
        return unknown;
    const struct replay_epoch *epoch = epoch_named((uint32_t)tag);
    if (!epoch || position > epoch->last || (letter == 'e' && epoch != epoch_of(position)) ||
        (letter == 's' && second > epoch->last))
        return unknown;
    return (struct replay_cursor){
        .kind = letter == 'e'   ? REPLAY_STORED
                : letter == 'u' ? REPLAY_UNSTORED
                                : REPLAY_PLAN,
        .first = epoch_of(position)->first, /* what is told now may be of long ago */
        .position = position,
        .marks = letter == 's' ? second : position,
    };
}
