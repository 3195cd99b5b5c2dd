/*
 * Runs a loop on the test's own thread, step by step, so that a test reads from top to bottom. What
 * never comes ends the test program by SIGALRM.
 */
#ifndef TEST_IO_STEPS_H
#define TEST_IO_STEPS_H

#include "io/loop.h"

#include <unistd.h>
#include <uv.h>

enum { WATCHDOG_S = 180 };

/* Sleeps in the loop until something has made the condition true. */
#define run_until(loop, condition)                                                                 \
    do {                                                                                           \
        while (!(condition))                                                                       \
            uv_run(loop_uv(loop), UV_RUN_ONCE);                                                    \
    } while (0)

/* Everything that is there already; never sleeps. */
static inline void run_what_is_there(struct loop *loop)
{
    for (int i = 0; i < 5; i++)
        uv_run(loop_uv(loop), UV_RUN_NOWAIT);
}

#endif
