/*
 * struct ledger: the account of what was sent and of who got it: each message once, to every online
 * member of its chat, in the order of seq, and its RECEIPT to the sender in the order of the SENDs.
 * It also keeps the time that each message took. One sender a chat. Knows nothing of sockets: it is
 * told what went out and what came in. Times are microseconds.
 */
#ifndef BENCH_LEDGER_H
#define BENCH_LEDGER_H

#include "bench/hist.h"
#include "bench/plan.h"

struct ledger;

/* Users [0, online) of the plan are connected. Both are borrowed for its life. */
struct ledger *ledger_new(const struct plan *plan, size_t online);
void ledger_free(struct ledger **ledger);

/* How many members of the chat are online. */
size_t ledger_online(const struct ledger *ledger, size_t chat);

/* How many messages of a chat have not reached everybody yet, or have no RECEIPT. */
uint32_t ledger_open(const struct ledger *ledger, size_t chat);

/* How many messages have gone to a chat. */
uint32_t ledger_sent(const struct ledger *ledger, size_t chat);

/* The number of the chat's next message, which goes out now. */
uint32_t ledger_send(struct ledger *ledger, size_t chat, int64_t now);

/* The number that the next RECEIPT of a chat should have: what was sent from there on is not known
 * to have arrived. */
uint32_t ledger_unconfirmed(const struct ledger *ledger, size_t chat);

/* A RECEIPT with this id came to the user: "c<chat> n<number>", the head of the message's text. */
void ledger_receipt(struct ledger *ledger, size_t user, Str id, int64_t now);

/* What is timed: from the SEND to a delivery, to one that a resume brought, to the RECEIPT, and to
 * the last of all these. */
enum ledger_time { LEDGER_LIVE, LEDGER_REPLAYED, LEDGER_RECEIPT, LEDGER_COMPLETE, LEDGER_TIMES };

/* A MESSAGE with this body came to the user: LEDGER_LIVE or LEDGER_REPLAYED. */
void ledger_event(struct ledger *ledger, size_t user, Str body, enum ledger_time how, int64_t now);

/* Durations since the last ledger_forget, borrowed for the ledger's life. */
const struct hist *ledger_times(const struct ledger *ledger, enum ledger_time what);
void ledger_forget(struct ledger *ledger);

struct ledger_counts {
    uint64_t sent;
    uint64_t receipts;
    uint64_t deliveries;
    uint64_t bytes; /* of the bodies of those */
    uint64_t lost;  /* sent, and never came to an online member */
    uint64_t doubled;
    uint64_t reordered; /* came after a later one, or RECEIPTs out of order */
    uint64_t holes;     /* seq is not the last one plus one */
    uint64_t strange;   /* of another recipient, another chat, refused, or not readable */
};
/* Anything but what it should be. */
static inline bool ledger_wrong(const struct ledger_counts *c)
{
    return c->lost || c->doubled || c->reordered || c->holes || c->strange;
}

/* lost is only what it says once nothing is under way any more. */
struct ledger_counts ledger_counts(const struct ledger *ledger);
/* The same without lost, which takes a walk. */
struct ledger_counts ledger_so_far(const struct ledger *ledger);

#endif
