/*
 * How the programs here end when something is not as it should be: a measurement that went wrong
 * has no result. Any thread.
 */
#ifndef BENCH_DIE_H
#define BENCH_DIE_H

#include <stdio.h>
#include <stdlib.h>

#define die(...)                                                                                   \
    do {                                                                                           \
        fprintf(stderr, __VA_ARGS__);                                                              \
        fputc('\n', stderr);                                                                       \
        exit(1);                                                                                   \
    } while (0)

#endif
