/*
 * READ_MSG: one of a reader in a chat within a second, the last one always. The test's own thread,
 * which runs the loop, sees a clock of its own, so that seconds pass at once.
 */
#include "realtime/hub_bench.h"

#include "base/clock.h"

#include <sys/syscall.h>
#include <time.h>

enum { SECOND = 1000, LATE = 200 /* that a timer may be */ };

static _Thread_local int64_t pretended_ms; /* 0: the real time */

int clock_gettime(clockid_t id, struct timespec *out)
{
    bool monotonic = id == CLOCK_MONOTONIC || id == CLOCK_MONOTONIC_COARSE;
    if (!pretended_ms || !monotonic)
        return (int)syscall(SYS_clock_gettime, id, out);
    *out = (struct timespec){pretended_ms / 1000, pretended_ms % 1000 * 1000000};
    return 0;
}

/* Time stands still from here on. */
static void stop_the_clock(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    pretended_ms = now.tv_sec * 1000 + now.tv_nsec / 1000000 + 1;
}

static void pass(struct bench *b, int64_t ms)
{
    for (int64_t end = pretended_ms + ms; pretended_ms < end; pretended_ms += 10)
        uv_run(loop_uv(b->rt->loops[0]), UV_RUN_NOWAIT);
}

static int end(void **state)
{
    pretended_ms = 0;
    return bench_close(state);
}

/* A read mark in the bench's chat. */
static struct event mark_of(struct bench *b, const struct actor *reader, uint32_t number)
{
    return (struct event){.type = EVENT_READ_MSG,
                          .app = reader->app,
                          .chat = b->chat_row,
                          .sender = reader->user,
                          .sender_id = reader->user_id,
                          .number = number,
                          .target = b->rt->f->ann.user,
                          .audience = 3};
}

/* Of a commit that began so many ms ago. */
static void tell_late(struct bench *b, struct event draft, int64_t late)
{
    struct publication *p = publication_new();
    p->at = clock_mono() / 1000 - late;
    *event_add(&p->events, draft.type) = draft;
    hub_deliver(b->hub, p);
    publication_unref(&p);
}

static void tell(struct bench *b, struct event draft)
{
    tell_late(b, draft, 0);
}

static void reads(struct bench *b, const struct actor *reader, uint32_t number)
{
    tell(b, mark_of(b, reader, number));
}

static void one_a_second_and_the_last_one(void **state)
{
    struct bench *b = *state;
    struct listener *ann = listens(b, &b->rt->f->ann), *bob = listens(b, &b->rt->f->bob);
    stop_the_clock();
    pass(b, SECOND);
    reads(b, &b->rt->f->bob, 1);
    assert_got(ann, "READ#1 "); /* the first one at once */
    for (uint32_t i = 2; i <= 5; i++)
        reads(b, &b->rt->f->bob, i);
    pass(b, SECOND - 20);
    assert_got(ann, "");
    pass(b, 20 + LATE);
    assert_got(ann, "READ#5 "); /* the last one, not those between */
    reads(b, &b->rt->f->bob, 6);
    pass(b, SECOND - 20 - LATE);
    assert_got(ann, ""); /* a second from that one on */
    pass(b, 20 + LATE + LATE);
    assert_got(ann, "READ#6 ");
    pass(b, 5 * SECOND);
    assert_got(ann, "");
    reads(b, &b->rt->f->bob, 7);
    assert_got(ann, "READ#7 "); /* after a pause at once again */
    assert_got(bob, "READ#1 READ#5 READ#6 READ#7 ");
}

/* However late the loop is with its timer: so a cursor says which marks its owner may lack. */
static void what_comes_a_second_later_does_not_overtake_it(void **state)
{
    struct bench *b = *state;
    struct listener *ann = listens(b, &b->rt->f->ann);
    struct event typing = mark_of(b, &b->rt->f->cleo, 9);
    typing.type = EVENT_TYPING;
    stop_the_clock();
    pass(b, SECOND);
    reads(b, &b->rt->f->bob, 1);
    reads(b, &b->rt->f->bob, 2);
    pretended_ms += SECOND - 1;
    tell(b, typing);
    assert_got(ann, "READ#1 TYPING ");
    pretended_ms += 1;
    tell(b, typing);
    assert_got(ann, "READ#2 TYPING ");
}

/* A commit takes a while, so its time is behind the loop's. */
static void not_even_when_its_commit_took_long(void **state)
{
    struct bench *b = *state;
    struct listener *ann = listens(b, &b->rt->f->ann);
    struct event typing = mark_of(b, &b->rt->f->ann, 9);
    typing.type = EVENT_TYPING;
    stop_the_clock();
    pass(b, SECOND);
    reads(b, &b->rt->f->bob, 1);
    reads(b, &b->rt->f->bob, 2);
    pass(b, SECOND + LATE); /* the loop lets the second one go, and closes again */
    assert_got(ann, "READ#1 READ#2 ");
    tell_late(b, mark_of(b, &b->rt->f->bob, 3), SECOND / 2);
    tell_late(b, mark_of(b, &b->rt->f->cleo, 4), SECOND / 2);
    tell_late(b, mark_of(b, &b->rt->f->cleo, 5), SECOND / 2);
    assert_got(ann, "READ#4 ");
    pretended_ms += SECOND / 2; /* the loop stands still */
    tell(b, typing);
    assert_got(ann, "READ#3 READ#5 TYPING ");
}

static void readers_and_chats_have_seconds_of_their_own(void **state)
{
    struct bench *b = *state;
    struct listener *ann = listens(b, &b->rt->f->ann);
    send_to(b, b->other, 1);
    int64_t other = b->latest->events.items[0].chat;
    settle(b);
    assert_got(ann, "b.SEND:2 ");
    stop_the_clock();
    struct event elsewhere = mark_of(b, &b->rt->f->bob, 3);
    elsewhere.chat = other;
    reads(b, &b->rt->f->bob, 1);
    reads(b, &b->rt->f->cleo, 2);
    tell(b, elsewhere);
    assert_got(ann, "READ#1 READ#2 b.READ#3 ");
    sends(b, 1);
    settle(b);
    assert_got(ann, "SEND:2 "); /* nothing else waits for a mark's second */
}

static void in_a_crowd_only_two_hear_of_it(void **state)
{
    struct bench *b = *state;
    const struct fixture *f = b->rt->f;
    struct listener *ann = listens(b, &f->ann), *bob = listens(b, &f->bob);
    struct listener *cleo = listens(b, &f->cleo), *phone = listens(b, &f->bob);
    stop_the_clock();
    struct event e = mark_of(b, &f->bob, 1); /* of a message of Ann's */
    e.audience = EVENT_READ_CROWD + 1;
    tell(b, e);
    assert_got(ann, "READ#1 ");
    assert_got(bob, "READ#1 ");
    assert_got(phone, "READ#1 ");
    assert_got(cleo, "");
    pass(b, 5 * SECOND);
    e.number = 2;
    e.audience = EVENT_READ_CROWD;
    tell(b, e);
    assert_got(ann, "READ#2 ");
    assert_got(cleo, "READ#2 ");
}

static void a_mark_waits_in_vain_for_those_who_left(void **state)
{
    struct bench *b = *state;
    struct listener *ann = listens(b, &b->rt->f->ann);
    stop_the_clock();
    reads(b, &b->rt->f->bob, 1);
    reads(b, &b->rt->f->bob, 2);
    hub_remove(b->hub, &ann->m);
    pass(b, 3 * SECOND);
    assert_got(ann, "READ#1 ");
    reads(b, &b->rt->f->bob, 3); /* nobody follows the chat */
    pass(b, 3 * SECOND);
    assert_got(ann, "");
}

static void marks_that_still_wait_at_the_end(void **state)
{
    struct bench *b = *state;
    struct listener *ann = listens(b, &b->rt->f->ann);
    reads(b, &b->rt->f->bob, 1);
    reads(b, &b->rt->f->bob, 2);
    assert_got(ann, "READ#1 ");
}

#define on_the_clock(test) cmocka_unit_test_setup_teardown(test, bench_open, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        on_the_clock(one_a_second_and_the_last_one),
        on_the_clock(what_comes_a_second_later_does_not_overtake_it),
        on_the_clock(not_even_when_its_commit_took_long),
        on_the_clock(readers_and_chats_have_seconds_of_their_own),
        on_the_clock(in_a_crowd_only_two_hear_of_it),
        on_the_clock(a_mark_waits_in_vain_for_those_who_left),
        on_the_clock(marks_that_still_wait_at_the_end),
    };
    alarm(WATCHDOG_S);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
