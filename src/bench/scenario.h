/*
 * The scenarios: each puts one kind of load on a target and the numbers into the report. What it
 * needs in the store, and its numbers unless told otherwise, stand in one table (scenario.c).
 */
#ifndef BENCH_SCENARIO_H
#define BENCH_SCENARIO_H

#include "bench/load.h"
#include "bench/options.h"
#include "bench/seed.h"

enum { SCENARIO_GROUPS = 2 };

struct scenario {
    const char *name;
    const char *help;
    struct options options; /* its own numbers */
    /* How many users and what chats it needs; returns the number of groups. */
    size_t (*needs)(const struct options *o, size_t *users,
                    struct seed_chats groups[SCENARIO_GROUPS]);
    /* The load has its plan, target and report. */
    void (*run)(struct load *load, const struct options *o);
};

extern const struct scenario scenario_all[];
extern const size_t scenario_count;

/* NULL: there is none of that name. */
const struct scenario *scenario_find(const char *name);

void scenario_fanout(struct load *load, const struct options *o);
void scenario_stalled(struct load *load, const struct options *o);
void scenario_chats(struct load *load, const struct options *o);
void scenario_idle(struct load *load, const struct options *o);
void scenario_storm(struct load *load, const struct options *o);
void scenario_history(struct load *load, const struct options *o);
void scenario_signin(struct load *load, const struct options *o);

#endif
