/*
 * struct load: the sessions of a plan's users on a target, what they send to their chats, and the
 * account of it. What the scenarios have in common. Ends the program when something takes too long.
 */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include "bench/clients.h"
#include "bench/ledger.h"
#include "bench/report.h"

struct load {
    const struct plan *plan;
    struct target *target;
    struct report *report;
    struct clients *clients; /* owned, like the ledger */
    struct ledger *ledger;
    size_t online;
    /* A SEND says who it is by a clientMessageId, so that it may be sent again. */
    bool again;
    int64_t interval; /* of load_keep: microseconds between two messages in all; 0: as they fit */
    int64_t next_send;
    size_t turn; /* whose it is */
};

/* Connects users [0, online). lost: as in clients_ops, with the load as its argument; or NULL. */
void load_open(struct load *load, size_t online, void (*lost)(void *load, size_t user, int code));
void load_close(struct load *load);

/* The chat's next message. */
void load_send(struct load *load, size_t chat);
/* Those without a RECEIPT once more. */
void load_send_again(struct load *load, size_t chat);
/* As many as are needed for that many to be open. An open one has not its RECEIPT and all its
 * deliveries yet. */
void load_fill(struct load *load, size_t chat, uint32_t window);
/* n messages to a chat with that many open; returns when all have reached everybody. */
void load_fan_out(struct load *load, size_t chat, uint32_t window, uint32_t n);
/* Keeps all chats going for so long, within the window; at the interval, if there is one. */
void load_keep(struct load *load, uint32_t window, double seconds);
/* Only takes what comes, for so long. */
void load_wait(struct load *load, double seconds);

/* Waits until all has come, and a moment for what should not come; then puts the totals into the
 * report, which fails when anything was lost, doubled, reordered or strange. */
void load_check(struct load *load);

#endif
