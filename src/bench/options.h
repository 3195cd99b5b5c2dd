/*
 * What `whispd bench` is asked for, from its arguments. Ends the program with a sentence when they
 * will not do.
 */
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include "base/str.h"

/* Texts are NULL when not given; numbers are the scenario's own when not given. */
struct options {
    const char *url, *data, *api_key, *json;
    int64_t pid;
    bool seed;
    int64_t chats, members, online, window, messages, rounds, seconds, rate;
    int64_t server_cpu, client_cpu; /* -1: any */
    char **server_args;             /* behind "--" */
    int n_server_args;
};

/* argv: what follows the scenario. *out holds the scenario's own numbers before. */
void options_read(int argc, char **argv, struct options *out);

/* Prints all of them. */
void options_help(void);

#endif
