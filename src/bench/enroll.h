/*
 * Fills a server through its chat API, with an app's API key: users, their sign-ins, chats. For
 * servers whose store is out of reach; as fast as the server allows.
 */
#ifndef BENCH_ENROLL_H
#define BENCH_ENROLL_H

#include "bench/seed.h"
#include "bench/target.h"

/* Owned. Chats with messages are not for this. Ends the program when the server refuses. */
struct plan *enroll_plan(const struct target *target, const char *api_key, size_t users,
                         const struct seed_chats *groups, size_t n);

#endif
