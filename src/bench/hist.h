/*
 * struct hist: durations in microseconds, counted in buckets that are at most 1/64 of their value
 * wide, so that millions of them cost no memory and any quantile can be asked for. Values, zeroed
 * to begin; the greatest is kept exactly.
 */
#ifndef BENCH_HIST_H
#define BENCH_HIST_H

#include <stdint.h>

enum { HIST_SUB = 64, HIST_BUCKETS = HIST_SUB * 28 };

struct hist {
    uint64_t counts[HIST_BUCKETS];
    uint64_t n;
    uint32_t max;
};

/* Longer ones than an hour count as an hour. */
void hist_add(struct hist *hist, int64_t us);

/* The duration that a share (0 to 1) of them does not exceed; 0 when there are none. */
uint32_t hist_at(const struct hist *hist, double share);

#endif
