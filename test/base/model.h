/*
 * For tests of random operations against a simple model: numbers that are the same in every run, so
 * that a failure can be had again.
 */
#ifndef TEST_BASE_MODEL_H
#define TEST_BASE_MODEL_H

#include <stdint.h>

/* A number below n; seed is the generator's state (xorshift64, never 0). */
static inline uint64_t below(uint64_t *seed, uint64_t n)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return (*seed >> 11) % n;
}

#endif
