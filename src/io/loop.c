/*
 * Timers are a wheel of 256 slots of 100 ms with one uv_timer under it, because a server of many
 * thousand sessions sets and moves a timer for each, and being late by a tick is harmless there. A
 * timer further away than one turn stays in its slot until its turn has come. The uv_timer runs
 * only while some timer is set.
 */
#include "io/loop.h"

#include "base/mem.h"

#include <pthread.h>
#include <stdbool.h>
#include <uv.h>

enum {
    SLOTS = 256,
    TICK_MS = 100,
    PAUSE_TICKS = 10, /* the wheel stood for longer: the process was stopped, or its machine */
    CATCH_UP = 3,     /* ticks for what waits in the sockets then */
    RECEIVE_BYTES = 256 * 1024,
    PLAIN_BYTES = RECEIVE_BYTES + 32 * 1024, /* and a TLS record that was begun before */
};

struct loop {
    uv_loop_t uv;
    uv_async_t wake;
    uv_check_t after_input;
    uv_prepare_t before_sleep;
    uv_timer_t wheel_timer;
    unsigned index;
    atomic_uint load;
    atomic_bool stopping;

    pthread_mutex_t lock;
    struct loop_msg *first, **last; /* under lock */

    atomic_size_t *output; /* borrowed, or NULL */
    void (*end_of_tick)(void *arg);
    void *end_of_tick_arg;

    struct timer slots[SLOTS]; /* list heads */
    uint64_t wheel_at;         /* the tick that was last fired */
    uint64_t wheel_start;      /* loop time of tick 0 */
    unsigned catching_up;      /* ticks since a pause was seen */

    char *plain; /* owned; NULL until it is used */
    char receive[RECEIVE_BYTES];
};

static bool run_queued(struct loop *loop)
{
    pthread_mutex_lock(&loop->lock);
    struct loop_msg *msg = loop->first;
    loop->first = NULL;
    loop->last = &loop->first;
    pthread_mutex_unlock(&loop->lock);
    bool any = msg != NULL;
    while (msg) {
        struct loop_msg *next = msg->next;
        msg->run(loop, msg);
        msg = next;
    }
    return any;
}

static void run_messages(uv_async_t *wake)
{
    struct loop *loop = wake->data;
    run_queued(loop);
    if (atomic_load(&loop->stopping))
        uv_stop(&loop->uv);
}

static void end_tick(struct loop *loop)
{
    if (loop->end_of_tick)
        loop->end_of_tick(loop->end_of_tick_arg);
}

static void after_input(uv_check_t *check)
{
    end_tick(check->data);
}

static void before_sleep(uv_prepare_t *prepare)
{
    end_tick(prepare->data);
}

struct loop *loop_new(unsigned index)
{
    struct loop *loop = mem_alloc(sizeof *loop);
    loop->index = index;
    loop->last = &loop->first;
    must(pthread_mutex_init(&loop->lock, NULL) == 0);
    must(uv_loop_init(&loop->uv) == 0);
    loop->uv.data = loop; /* for tcp_loop */
    must(uv_async_init(&loop->uv, &loop->wake, run_messages) == 0);
    must(uv_check_init(&loop->uv, &loop->after_input) == 0);
    must(uv_prepare_init(&loop->uv, &loop->before_sleep) == 0);
    must(uv_timer_init(&loop->uv, &loop->wheel_timer) == 0);
    loop->wake.data = loop->after_input.data = loop->before_sleep.data = loop->wheel_timer.data =
        loop;
    must(uv_check_start(&loop->after_input, after_input) == 0);
    must(uv_prepare_start(&loop->before_sleep, before_sleep) == 0);
    for (int i = 0; i < SLOTS; i++)
        loop->slots[i].prev = loop->slots[i].next = &loop->slots[i];
    loop->wheel_start = uv_now(&loop->uv);
    return loop;
}

void loop_run(struct loop *loop)
{
    while (!atomic_load(&loop->stopping))
        uv_run(&loop->uv, UV_RUN_DEFAULT);
}

bool loop_settle(struct loop *loop)
{
    return run_queued(loop);
}

static void close_handle(uv_handle_t *handle, void *arg)
{
    (void)arg;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

void loop_free(struct loop **at)
{
    struct loop *loop = *at;
    if (!loop)
        return;
    uv_close((uv_handle_t *)&loop->wake, NULL);
    uv_close((uv_handle_t *)&loop->after_input, NULL);
    uv_close((uv_handle_t *)&loop->before_sleep, NULL);
    uv_close((uv_handle_t *)&loop->wheel_timer, NULL);
    while (uv_run(&loop->uv, UV_RUN_NOWAIT) != 0)
        uv_walk(&loop->uv, close_handle, NULL);
    must(uv_loop_close(&loop->uv) == 0);
    pthread_mutex_destroy(&loop->lock);
    mem_free(loop->plain);
    mem_free(loop);
    *at = NULL;
}

void loop_post(struct loop *loop, struct loop_msg *msg)
{
    msg->next = NULL;
    pthread_mutex_lock(&loop->lock);
    bool was_empty = loop->first == NULL;
    *loop->last = msg;
    loop->last = &msg->next;
    pthread_mutex_unlock(&loop->lock);
    if (was_empty)
        uv_async_send(&loop->wake);
}

void loop_stop(struct loop *loop)
{
    atomic_store(&loop->stopping, true);
    uv_async_send(&loop->wake);
}

atomic_uint *loop_load(struct loop *loop)
{
    return &loop->load;
}

unsigned loop_index(const struct loop *loop)
{
    return loop->index;
}

void loop_at_end_of_tick(struct loop *loop, void (*fn)(void *arg), void *arg)
{
    loop->end_of_tick = fn;
    loop->end_of_tick_arg = arg;
}

void loop_count_output(struct loop *loop, atomic_size_t *count)
{
    loop->output = count;
}

atomic_size_t *loop_output(const struct loop *loop)
{
    return loop->output;
}

static void unlink_timer(struct timer *timer)
{
    if (!timer->next)
        return;
    timer->prev->next = timer->next;
    timer->next->prev = timer->prev;
    timer->prev = timer->next = NULL;
}

static void link_timer(struct timer *head, struct timer *timer)
{
    timer->prev = head->prev;
    timer->next = head;
    head->prev->next = timer;
    head->prev = timer;
}

static uint64_t present_tick(const struct loop *loop)
{
    return (uv_now(&loop->uv) - loop->wheel_start) / TICK_MS;
}

/* Fires what is due in one slot; a timer that is set again meanwhile goes to a later tick. */
static void fire_slot(struct timer *head, uint64_t tick)
{
    struct timer batch = {.prev = &batch, .next = &batch};
    for (struct timer *t = head->next, *next; t != head; t = next) {
        next = t->next;
        if (t->due <= tick) {
            unlink_timer(t);
            link_timer(&batch, t);
        }
    }
    while (batch.next != &batch) {
        struct timer *t = batch.next;
        unlink_timer(t);
        t->fire(t);
    }
}

/* After a pause what waits in the sockets is read before any timer judges who was silent: libuv
 * would run the timers first. */
static bool is_catching_up(struct loop *loop, uint64_t now)
{
    bool late = now - loop->wheel_at > PAUSE_TICKS && loop->catching_up < CATCH_UP;
    loop->catching_up = late ? loop->catching_up + 1 : 0;
    return late;
}

static void turn_wheel(uv_timer_t *uv)
{
    struct loop *loop = uv->data;
    uint64_t now = present_tick(loop);
    if (is_catching_up(loop, now))
        return;
    uint64_t from = loop->wheel_at + 1;
    if (now >= SLOTS && from < now - SLOTS)
        from = now - SLOTS; /* slept longer than a turn: each slot once */
    for (uint64_t tick = from; tick <= now; tick++)
        fire_slot(&loop->slots[tick % SLOTS], now);
    loop->wheel_at = now;
    bool empty = true;
    for (int i = 0; i < SLOTS && empty; i++)
        empty = loop->slots[i].next == &loop->slots[i];
    if (empty)
        uv_timer_stop(&loop->wheel_timer);
}

void loop_timer_set(struct loop *loop, struct timer *timer, int64_t ms,
                    void (*fire)(struct timer *timer))
{
    unlink_timer(timer);
    if (!uv_is_active((uv_handle_t *)&loop->wheel_timer)) {
        loop->wheel_at = present_tick(loop);
        uv_timer_start(&loop->wheel_timer, turn_wheel, TICK_MS, TICK_MS);
    }
    uint64_t at = uv_now(&loop->uv) - loop->wheel_start + (ms > 0 ? (uint64_t)ms : 1);
    timer->due = (at + TICK_MS - 1) / TICK_MS; /* a tick later than this one, so not yet fired */
    timer->fire = fire;
    link_timer(&loop->slots[timer->due % SLOTS], timer);
}

void loop_timer_clear(struct timer *timer)
{
    unlink_timer(timer);
}

int64_t loop_now(const struct loop *loop)
{
    return (int64_t)uv_now(&loop->uv);
}

void *loop_uv(struct loop *loop)
{
    return &loop->uv;
}

char *loop_receive_buffer(struct loop *loop, size_t *size)
{
    *size = RECEIVE_BYTES;
    return loop->receive;
}

char *loop_plain_buffer(struct loop *loop, size_t *size)
{
    if (!loop->plain)
        loop->plain = mem_alloc(PLAIN_BYTES);
    *size = PLAIN_BYTES;
    return loop->plain;
}
