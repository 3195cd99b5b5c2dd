/* What the connection's fuzzer needs of its jobs besides realtime/jobs.h. */
#ifndef FUZZ_CONNECTION_JOBS_H
#define FUZZ_CONNECTION_JOBS_H

#include "realtime/jobs.h"

/* The one connection to the store; borrowed. */
struct db *jobs_db(struct jobs *jobs);

/* Runs the oldest job and its completion. False: none is queued. */
bool jobs_run_one(struct jobs *jobs);

#endif
