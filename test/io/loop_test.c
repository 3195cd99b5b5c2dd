/*
 * Loops: messages from other threads, timers, the end of a tick. For the timers this program puts
 * itself in the place of the clock that libuv reads, so that minutes pass at once and to the
 * millisecond.
 */
#include "io/loop.h"

#include "base/mem.h"
#include "io/steps.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <time.h>

#include <cmocka.h>

/* ----- the clock ----- */

static int64_t pretended_ms; /* 0: the real time */

int clock_gettime(clockid_t id, struct timespec *out)
{
    bool monotonic = id == CLOCK_MONOTONIC || id == CLOCK_MONOTONIC_COARSE;
    if (!pretended_ms || !monotonic)
        return (int)syscall(SYS_clock_gettime, id, out);
    *out = (struct timespec){pretended_ms / 1000, pretended_ms % 1000 * 1000000};
    return 0;
}

static struct loop *pretending_loop(int64_t at)
{
    pretended_ms = at;
    return loop_new(0);
}

static void end_pretending(struct loop *loop)
{
    loop_free(&loop);
    pretended_ms = 0;
}

/* Millisecond after millisecond, or in leaps. */
static void pass(struct loop *loop, int64_t ms, int64_t leap)
{
    for (int64_t end = pretended_ms + ms; pretended_ms < end;) {
        pretended_ms += leap;
        uv_run(loop_uv(loop), UV_RUN_NOWAIT);
    }
}

/* ----- messages ----- */

enum { POSTERS = 4, EACH = 2000 };

struct numbered {
    struct loop_msg msg;
    int poster, number;
};

static struct numbered numbered[POSTERS][EACH];
static struct loop *posted_to;
static int expected[POSTERS], arrived;

static void arrive(struct loop *loop, struct loop_msg *msg)
{
    struct numbered *n = (struct numbered *)msg;
    must(loop == posted_to);
    must(n->number == expected[n->poster]++);
    if (++arrived == POSTERS * EACH)
        loop_stop(loop);
}

static void *post_all(void *arg)
{
    struct numbered *all = arg;
    for (int i = 0; i < EACH; i++) {
        all[i] = (struct numbered){{.run = arrive}, (int)((all - numbered[0]) / EACH), i};
        loop_post(posted_to, &all[i].msg);
    }
    return NULL;
}

static void messages_of_a_thread_arrive_in_order(void **state)
{
    (void)state;
    pthread_t threads[POSTERS];
    posted_to = loop_new(3);
    assert_int_equal(loop_index(posted_to), 3);
    for (int i = 0; i < POSTERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, post_all, numbered[i]), 0);
    loop_run(posted_to);
    for (int i = 0; i < POSTERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(expected[i], EACH);
    }
    loop_free(&posted_to);
    assert_null(posted_to);
}

struct ball {
    struct loop_msg msg;
    struct loop *to[2];
    int left;
};

static void play(struct loop *loop, struct loop_msg *msg)
{
    struct ball *ball = (struct ball *)msg;
    if (--ball->left > 0) {
        loop_post(ball->to[loop == ball->to[0]], msg);
        return;
    }
    loop_stop(ball->to[0]);
    loop_stop(ball->to[1]);
}

static void *run(void *loop)
{
    loop_run(loop);
    return NULL;
}

static void a_sleeping_loop_is_woken(void **state)
{
    (void)state;
    pthread_t other;
    struct ball ball = {{.run = play}, {loop_new(0), loop_new(1)}, 2000};
    assert_int_equal(pthread_create(&other, NULL, run, ball.to[1]), 0);
    loop_post(ball.to[1], &ball.msg);
    loop_run(ball.to[0]);
    assert_int_equal(pthread_join(other, NULL), 0);
    assert_int_equal(ball.left, 0);
    loop_free(&ball.to[0]);
    loop_free(&ball.to[1]);
}

struct relayed {
    struct loop_msg msg;
    struct loop *next;
};

static int relays;

static void relay(struct loop *loop, struct loop_msg *msg)
{
    struct relayed *r = (struct relayed *)msg;
    struct loop *next = r->next;
    relays++;
    r->next = NULL;
    if (next)
        loop_post(next, msg);
    else
        mem_free(r);
    (void)loop;
}

/* A message owns memory, and what it posts does too. */
static void what_comes_after_a_loops_end_is_settled(void **state)
{
    struct loop *a = loop_new(0), *b = loop_new(1);
    struct relayed *r = mem_alloc(sizeof *r);
    (void)state;
    loop_stop(a);
    loop_stop(b);
    loop_run(a);
    loop_run(b);
    *r = (struct relayed){{.run = relay}, b};
    relays = 0;
    loop_post(a, &r->msg);
    assert_true(loop_settle(a));
    assert_true(loop_settle(b));
    assert_false(loop_settle(a));
    assert_false(loop_settle(b));
    assert_int_equal(relays, 2);
    loop_free(&a);
    loop_free(&b);
}

static void a_stop_before_the_run_counts(void **state)
{
    (void)state;
    struct loop *loop = loop_new(0);
    loop_stop(loop);
    loop_run(loop);
    loop_free(&loop);
}

/* ----- the end of a tick ----- */

struct output {
    struct loop_msg msg, more;
    struct timer timer;
    struct loop *loop;
    int waiting, written, rounds;
};

static void write_out(void *arg)
{
    struct output *o = arg;
    o->rounds += o->waiting > 0;
    o->written += o->waiting;
    o->waiting = 0;
    uv_stop(loop_uv(o->loop)); /* the loop is about to sleep: let the test look first */
}

static void add_output(struct loop *loop, struct loop_msg *msg)
{
    struct output *o = (struct output *)msg;
    (void)loop;
    o->waiting++;
}

static void add_output_later(struct timer *timer)
{
    struct output *o = (struct output *)((char *)timer - offsetof(struct output, timer));
    o->waiting++;
}

static void add_more(struct loop *loop, struct loop_msg *msg)
{
    struct output *o = (struct output *)((char *)msg - offsetof(struct output, more));
    (void)loop;
    o->waiting++;
}

static void what_a_tick_leaves_is_written_at_its_end(void **state)
{
    (void)state;
    struct output o = {.msg = {.run = add_output}, .more = {.run = add_more}, .loop = loop_new(0)};
    loop_at_end_of_tick(o.loop, write_out, &o);
    loop_post(o.loop, &o.more);
    loop_post(o.loop, &o.msg);
    run_until(o.loop, o.written == 2);
    assert_int_equal(o.rounds, 1); /* both at once */
    loop_timer_set(o.loop, &o.timer, 1, add_output_later);
    run_until(o.loop, o.written == 3);
    loop_free(&o.loop);
}

/* ----- timers ----- */

enum { START_MS = 1000000, LATE_MS = 200 };

struct alarm_clock {
    struct timer timer;
    int64_t set_at, ms;
    int64_t fired_at; /* 0: not yet */
    int fired;
};

static void ring(struct timer *timer)
{
    struct alarm_clock *a = (struct alarm_clock *)timer;
    a->fired_at = pretended_ms;
    a->fired++;
}

static void set(struct loop *loop, struct alarm_clock *a, int64_t ms)
{
    a->set_at = loop_now(loop);
    a->ms = ms;
    a->fired_at = 0;
    loop_timer_set(loop, &a->timer, ms, ring);
}

static void assert_on_time(const struct alarm_clock *a)
{
    int64_t late = a->fired_at - a->set_at - a->ms;
    if (!a->fired_at || late < 0 || late > LATE_MS)
        fail_msg("set at %lld for %lld ms: late by %lld ms", (long long)a->set_at, (long long)a->ms,
                 (long long)late);
}

static void timers_are_never_early_and_little_late(void **state)
{
    (void)state;
    static const int64_t spans[] = {0,   1,   50,   99,    100,   101,   150,   199,  200,
                                    201, 999, 5000, 25500, 25600, 25601, 25700, 60000};
    for (int64_t phase = 0; phase < 130; phase += 13) {
        struct alarm_clock clocks[countof(spans)] = {0};
        struct loop *loop = pretending_loop(START_MS);
        pass(loop, 1 + phase, 1);
        for (size_t i = 0; i < countof(spans); i++) {
            set(loop, &clocks[i], spans[i]);
            pass(loop, 7, 1); /* they are not all of one moment */
        }
        pass(loop, 61000, 1);
        for (size_t i = 0; i < countof(spans); i++) {
            assert_on_time(&clocks[i]);
            assert_int_equal(clocks[i].fired, 1);
        }
        end_pretending(loop);
    }
}

static void a_timer_beyond_a_turn_of_the_wheel(void **state)
{
    (void)state;
    static const int64_t spans[] = {26000, 51200, 51300, 90000, 3600000};
    struct alarm_clock clocks[countof(spans)] = {0};
    struct loop *loop = pretending_loop(START_MS);
    for (size_t i = 0; i < countof(spans); i++)
        set(loop, &clocks[i], spans[i]);
    pass(loop, 3600300, 10);
    for (size_t i = 0; i < countof(spans); i++)
        assert_on_time(&clocks[i]);
    end_pretending(loop);
}

static void a_loop_that_slept_fires_all_that_is_due(void **state)
{
    (void)state;
    struct alarm_clock clocks[300] = {0}, later = {0};
    struct loop *loop = pretending_loop(START_MS);
    for (size_t i = 0; i < countof(clocks); i++)
        set(loop, &clocks[i], (int64_t)i * 100);
    set(loop, &later, 200000);
    pass(loop, 100000, 100000);
    for (size_t i = 0; i < countof(clocks); i++)
        assert_int_equal(clocks[i].fired, 0); /* first what waits in the sockets is read */
    pass(loop, 400, 1);
    for (size_t i = 0; i < countof(clocks); i++)
        assert_int_equal(clocks[i].fired, 1);
    assert_int_equal(later.fired, 0);
    set(loop, &clocks[0], 150);
    pass(loop, 400, 1);
    assert_on_time(&clocks[0]);
    pass(loop, 100000, 100);
    assert_on_time(&later);
    end_pretending(loop);
}

static void a_timer_may_be_moved_and_cleared(void **state)
{
    (void)state;
    struct alarm_clock sooner = {0}, further = {0}, cleared = {0}, unset = {0};
    struct loop *loop = pretending_loop(START_MS);
    set(loop, &sooner, 5000);
    set(loop, &further, 300);
    set(loop, &cleared, 300);
    pass(loop, 200, 1);
    set(loop, &sooner, 200);
    set(loop, &further, 2000);
    loop_timer_clear(&cleared.timer);
    loop_timer_clear(&cleared.timer);
    loop_timer_clear(&unset.timer);
    pass(loop, 1000, 1);
    assert_on_time(&sooner);
    assert_int_equal(further.fired, 0);
    pass(loop, 6000, 1);
    assert_on_time(&further);
    assert_int_equal(sooner.fired + further.fired, 2);
    assert_int_equal(cleared.fired, 0);
    end_pretending(loop);
}

/* ----- timers that touch timers ----- */

struct pair {
    struct timer timer, other;
    struct loop *loop;
    int fired, others;
};

static void ring_other(struct timer *timer)
{
    struct pair *p = (struct pair *)((char *)timer - offsetof(struct pair, other));
    p->others++;
}

static void clear_other(struct timer *timer)
{
    struct pair *p = (struct pair *)timer;
    p->fired++;
    loop_timer_clear(&p->other);
}

static void set_again(struct timer *timer)
{
    struct pair *p = (struct pair *)timer;
    if (++p->fired < 5)
        loop_timer_set(p->loop, timer, 0, set_again);
}

static void timers_may_set_and_clear_timers(void **state)
{
    (void)state;
    struct loop *loop = pretending_loop(START_MS);
    struct pair clears = {.loop = loop}, repeats = {.loop = loop};
    loop_timer_set(loop, &clears.timer, 100, clear_other);
    loop_timer_set(loop, &clears.other, 100, ring_other); /* due in the same tick, behind it */
    loop_timer_set(loop, &repeats.timer, 0, set_again);
    pass(loop, 200, 200);
    assert_int_equal(repeats.fired, 1); /* not twice in one tick */
    pass(loop, 3000, 1);
    assert_int_equal(clears.fired, 1);
    assert_int_equal(clears.others, 0);
    assert_int_equal(repeats.fired, 5);
    end_pretending(loop);
}

static void a_timer_wakes_a_real_loop(void **state)
{
    (void)state;
    struct alarm_clock a = {0};
    struct loop *loop = loop_new(0);
    int64_t start = loop_now(loop);
    loop_timer_set(loop, &a.timer, 50, ring);
    run_until(loop, a.fired);
    assert_true(loop_now(loop) - start >= 50);
    loop_free(&loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_of_a_thread_arrive_in_order),
        cmocka_unit_test(a_sleeping_loop_is_woken),
        cmocka_unit_test(a_stop_before_the_run_counts),
        cmocka_unit_test(what_comes_after_a_loops_end_is_settled),
        cmocka_unit_test(what_a_tick_leaves_is_written_at_its_end),
        cmocka_unit_test(timers_are_never_early_and_little_late),
        cmocka_unit_test(a_timer_beyond_a_turn_of_the_wheel),
        cmocka_unit_test(a_loop_that_slept_fires_all_that_is_due),
        cmocka_unit_test(a_timer_may_be_moved_and_cleared),
        cmocka_unit_test(timers_may_set_and_clear_timers),
        cmocka_unit_test(a_timer_wakes_a_real_loop),
    };
    alarm(WATCHDOG_S);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
