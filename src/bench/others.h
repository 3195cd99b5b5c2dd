/*
 * struct others: how much of the machine someone else used during a measurement, so that one on a
 * shared machine can be told from one that was disturbed. What belongs to it is the calling process
 * and, if there is one, the server. Precise to a hundredth of a second of each core.
 */
#ifndef BENCH_OTHERS_H
#define BENCH_OTHERS_H

#include <stdint.h>
#include <time.h>

struct others {
    clockid_t server; /* CLOCK_PROCESS_CPUTIME_ID: there is none */
    double busy, total, ours;
};

/* server: the CPU clock of its process, or this process's own. */
void others_begin(struct others *o, clockid_t server);

/* The share since then, 0 to 1. */
double others_share(const struct others *o);

/* Microseconds of a CPU clock; ends the program when its process has ended. */
double others_clock(clockid_t clock);

#endif
