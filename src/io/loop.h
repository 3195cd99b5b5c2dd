/*
 * A loop: one thread's event loop (libuv), its message queue from other threads, its coarse timers
 * and its end of tick. Knows nothing of what its messages, timers and sockets mean.
 *
 * loop_new makes it, loop_run runs it on the calling thread until loop_stop; loop_free after that.
 * Everything is for the loop's own thread only, save loop_post, loop_stop and loop_load.
 */
#ifndef IO_LOOP_H
#define IO_LOOP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;

/* A message to a loop; embedded in what it carries, which `run` owns from then on. */
struct loop_msg {
    struct loop_msg *next;
    void (*run)(struct loop *loop, struct loop_msg *msg);
};

/* A timer of about 100 ms precision, never early. Embedded in its owner; zeroed is unset. */
struct timer {
    struct timer *prev, *next;
    uint64_t due; /* in wheel ticks */
    void (*fire)(struct timer *timer);
};

struct loop *loop_new(unsigned index);
void loop_run(struct loop *loop);
void loop_free(struct loop **loop);

/*
 * Runs what was posted and came too late for the loop, after its thread has ended: messages own
 * memory. True when there was anything; it may have posted to other loops, so all are asked until
 * none has.
 */
bool loop_settle(struct loop *loop);

/* Any thread. Messages of one thread arrive in their order; msg is moved. */
void loop_post(struct loop *loop, struct loop_msg *msg);
void loop_stop(struct loop *loop);

/* Any thread. Connections that live on the loop: what hands out sockets adds, their end subtracts.
 */
atomic_uint *loop_load(struct loop *loop);

unsigned loop_index(const struct loop *loop);

/* Calls fn after each round of input, before the loop sleeps: where output is written. One a loop.
 */
void loop_at_end_of_tick(struct loop *loop, void (*fn)(void *arg), void *arg);

/* Sets or moves the timer: fires once, ms from now or up to 200 ms later. */
void loop_timer_set(struct loop *loop, struct timer *timer, int64_t ms,
                    void (*fire)(struct timer *timer));
void loop_timer_clear(struct timer *timer);

/* Monotonic milliseconds as of this tick. */
int64_t loop_now(const struct loop *loop);

/* Where the loop's connections count the bytes that wait for their peers in a write under way; any
 * thread may read it. Before the first connection; NULL, as at first: nowhere. */
void loop_count_output(struct loop *loop, atomic_size_t *count);
atomic_size_t *loop_output(const struct loop *loop);

/* For the other files of this layer: the uv_loop_t, the shared receive buffer, and one that holds
 * what TLS makes of it. */
void *loop_uv(struct loop *loop);
char *loop_receive_buffer(struct loop *loop, size_t *size);
char *loop_plain_buffer(struct loop *loop, size_t *size);

#endif
