/*
 * Fills the store of a data directory that whispd has made and that no whispd serves now: an
 * account, an app without a limit of users and with an API key, users with a live sign-in each, and
 * chats; writes the plan of it down there. Ends the program when it cannot.
 */
#ifndef BENCH_SEED_H
#define BENCH_SEED_H

#include "bench/plan.h"

/* So many chats of so many members; the i-th one's first is user i * step, and has sent it that
 * many messages. */
struct seed_chats {
    size_t chats, members, step, messages;
};

/* random_setup and json_setup come before. Once in a program. */
void seed_fill(const char *data, size_t users, const struct seed_chats *groups, size_t n);

#endif
