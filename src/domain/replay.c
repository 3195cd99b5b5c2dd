/*
 * The plan costs one look at each of the user's chats and an index row for each event that is due.
 * Turned down: reading chat by chat, which is one query a chat, but the last event to arrive would
 * then say nothing of the other chats.
 */
#include "domain/replay.h"

#include "base/mem.h"
#include "domain/chat.h"
#include "domain/chat_access.h"
#include "domain/message.h"
#include "store/epochs.h"
#include "store/replays.h"

#include <stdlib.h>

enum {
    MARKS_OF_CROWD = 20000, /* looked at, in a chat where hardly anyone hears of them */
    RUN = 16,               /* events read at once in a page */
};

struct list {
    void *items;
    size_t n, cap;
};

struct plan {
    struct tx *tx;
    int64_t user;
    struct replay_cursor from;
    size_t room; /* for entries and marks */
    bool news;   /* there is anything new in the chat at hand */
    struct list chats, entries, read, resync;
};

/* The next item of a list in the arena, not yet filled. */
static void *add(struct arena *arena, struct list *list, size_t size)
{
    if (list->n == list->cap) {
        list->cap = list->cap ? list->cap * 2 : 16;
        void *moved = arena_alloc(arena, list->cap * size);
        if (list->n)
            memcpy(moved, list->items, list->n * size);
        list->items = moved;
    }
    return (char *)list->items + size * list->n++;
}

#define add_to(plan, list, type) ((type *)add((plan)->tx->arena, &(plan)->list, sizeof(type)))

/* True when one more fits; past that the replay is not complete. */
static bool take_room(struct plan *p, struct replay *out)
{
    p->news = true;
    if (p->room == 0)
        out->complete = false;
    else
        p->room--;
    return out->complete;
}

/* The entries of a time of membership, newest first. Returns the position of its beginning when
 * that is among them, else 0. */
static int64_t plan_events(struct plan *p, const struct replays_membership *m, struct replay *out)
{
    int64_t seq, position, joined = 0;
    struct db_rows *rows = replays_tail(p->tx->db, out->app, m->chat, m->joined_seq, m->last_seq,
                                        (int64_t)p->room + 1);
    while (replays_tail_next(rows, &seq, &position) && position > p->from.position) {
        if (!take_room(p, out))
            break;
        *add_to(p, entries, struct replay_entry) =
            (struct replay_entry){.position = position, .seq = seq, .index = p->chats.n - 1};
        if (seq == m->joined_seq)
            joined = position;
    }
    db_done(rows);
    return joined;
}

static void plan_marks(struct plan *p, const struct replays_membership *m, int64_t joined,
                       struct replay *out)
{
    bool crowd = m->members > EVENT_READ_CROWD;
    int64_t since = joined > out->marks ? joined : out->marks;
    struct replays_mark mark;
    struct db_rows *rows =
        replays_marks(p->tx->db, out->app, m->chat, since, p->user, MARKS_OF_CROWD + 1);
    for (size_t looked = 1; replays_marks_next(rows, &mark); looked++) {
        if (looked > MARKS_OF_CROWD) { /* there are more, and any of them may be the user's */
            p->room = 0;
            take_room(p, out);
            break;
        }
        if (crowd && mark.reader != p->user && mark.sender != p->user)
            continue;
        if (!take_room(p, out))
            break;
        if (mark.position > out->marks_end)
            out->marks_end = mark.position;
        *add_to(p, entries, struct replay_entry) =
            (struct replay_entry){.position = mark.position, .index = p->read.n};
        *add_to(p, read, struct replay_mark) = (struct replay_mark){.chat = p->chats.n - 1,
                                                                    .reader = mark.reader,
                                                                    .sender = mark.sender,
                                                                    .reader_id = mark.reader_id,
                                                                    .message_id = mark.message_id,
                                                                    .position = mark.position};
    }
    db_done(rows);
}

/* Once the replay cannot be complete, this still finds out which chats have news. */
static void plan_chat(struct plan *p, const struct replays_membership *m, bool all_anew,
                      struct replay *out)
{
    int64_t joined = 0;
    *add_to(p, chats, struct replay_chat) =
        (struct replay_chat){.chat = m->chat, .id = m->chat_id, .last_seq = m->last_seq};
    p->news = all_anew && m->present;
    if (!all_anew)
        joined = plan_events(p, m, out);
    if (!all_anew && m->present)
        plan_marks(p, m, joined, out);
    if (p->news)
        *add_to(p, resync, Id) = m->chat_id;
    else if (!m->present)
        p->chats.n--;
}

/* False when the log cannot say what came after the cursor. */
static bool reaches(struct plan *p, const struct replay *out)
{
    int64_t pruned = replays_pruned(p->tx->db);
    int64_t last = out->position > pruned ? out->position : pruned;
    if (p->from.kind != REPLAY_STORED) /* also those of marks, and of changes that were undone */
        last = db_reserved_position(p->tx->db);
    return p->from.kind != REPLAY_UNKNOWN && p->from.position >= pruned &&
           p->from.position <= last && p->from.marks <= last;
}

/* The event that came last may have overtaken markers that were held back. */
static int64_t marks_from(const struct plan *p)
{
    if (p->from.kind == REPLAY_PLAN)
        return p->from.marks;
    return epochs_before(p->tx->db, p->from.first, p->from.position, REPLAY_LATE_MS);
}

static int by_position(const void *x, const void *y)
{
    const struct replay_entry *a = x, *b = y;
    return (a->position > b->position) - (a->position < b->position);
}

/* Chats stand together: one that the user has left and joined again is named once. */
static void finish(struct plan *p, struct replay *out)
{
    out->chats = p->chats.items;
    out->n_chats = p->chats.n;
    if (out->complete) {
        out->entries = p->entries.items;
        out->n_entries = p->entries.n;
        out->read = p->read.items;
        out->n_read = p->read.n;
        if (out->n_entries)
            qsort(out->entries, out->n_entries, sizeof *out->entries, by_position);
        return;
    }
    out->resync = p->resync.items;
    for (size_t i = 0; i < p->resync.n; i++)
        if (!i || !id_eq(out->resync[i], out->resync[i - 1]))
            out->resync[out->n_resync++] = out->resync[i];
}

/* False: there are too many times of membership. */
static bool plan_chats(struct plan *p, bool all_anew, struct replay *out)
{
    struct replays_membership m;
    p->chats.n = p->entries.n = p->read.n = p->resync.n = 0;
    out->complete = !all_anew;
    out->marks = all_anew ? 0 : marks_from(p);
    struct db_rows *rows =
        replays_memberships(p->tx->db, out->app, p->user, all_anew ? INT64_MAX : p->from.position);
    while (replays_memberships_next(rows, &m)) {
        if (p->chats.n == CHAT_HEADS) {
            db_done(rows);
            return false;
        }
        plan_chat(p, &m, all_anew, out);
    }
    return true;
}

Err replay_plan(struct tx *tx, int64_t app, int64_t user, const struct replay_cursor *cursor,
                struct replay *out)
{
    struct plan p = {
        .tx = tx, .user = user, .from = *cursor, .room = (size_t)tx->rules->replay_events};
    *out = (struct replay){.app = app, .complete = true};
    Err e = chat_access_app(tx, app);
    if (e)
        return e;
    out->position = db_last_position(tx->db);
    out->marks_end = out->position;
    bool all_anew = !reaches(&p, out);
    bool fits = plan_chats(&p, all_anew, out);
    if (!fits && !all_anew) /* others may have put it into many chats and out again */
        fits = plan_chats(&p, true, out);
    if (!fits)
        return tx_fail(tx, ERR_OVERLOADED, "You are in more than %d chats.", CHAT_HEADS);
    finish(&p, out);
    return tx_done(tx, ERR_OK);
}

/* How many entries from `at` on, n at most, are events that follow one another in one chat. */
static size_t run_at(const struct replay *r, size_t at, size_t n)
{
    const struct replay_entry *first = &r->entries[at];
    size_t run = 1;
    while (run < n && at + run < r->n_entries && first[run].seq && first[run].index == first->index)
        run++;
    return run;
}

static void add_mark(const struct replay *r, const struct replay_mark *mark, struct event_list *out)
{
    struct event *e = event_add(out, EVENT_READ_MSG);
    e->app = r->app;
    e->chat = r->chats[mark->chat].chat;
    e->chat_id = r->chats[mark->chat].id;
    e->position = mark->position;
    e->sender = mark->reader;
    e->sender_id = mark->reader_id;
    e->target = mark->sender;
    e->message_id = mark->message_id;
}

/* What was pruned since the plan was made may be missing from what is left of it. */
static bool has_lost(struct tx *tx, const struct replay *r, size_t at)
{
    while (at < r->n_entries && !r->entries[at].seq)
        at++;
    return at < r->n_entries && replays_pruned(tx->db) >= r->entries[at].position;
}

Err replay_page(struct tx *tx, const struct replay *r, size_t *at, size_t n, size_t bytes,
                struct event_list *out, bool *lost)
{
    must(out->arena.max >= bytes + REPLAY_SPARE);
    *lost = has_lost(tx, r, *at);
    for (size_t end = *at + n;
         !*lost && *at < end && *at < r->n_entries && out->arena.used < bytes;) {
        const struct replay_entry *first = &r->entries[*at];
        if (!first->seq) {
            add_mark(r, &r->read[first->index], out);
            ++*at;
            continue;
        }
        size_t most = end - *at < RUN ? end - *at : RUN;
        size_t run = run_at(r, *at, most);
        int64_t chat = r->chats[first->index].chat, last = first[run - 1].seq;
        size_t before = out->n;
        Err e = message_replay(tx, r->app, chat, first->seq - 1, last, run, out);
        if (e)
            return e;
        size_t got = out->n - before; /* it may end early */
        *lost = !got || out->items[out->n - 1].seq != first[got - 1].seq;
        *at += got;
    }
    return tx_done(tx, ERR_OK);
}

int64_t replay_end(struct tx *tx)
{
    return db_last_position(tx->db);
}
