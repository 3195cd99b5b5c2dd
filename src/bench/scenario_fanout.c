/* One chat and everyone in it who is online; many small chats. */
#include "base/clock.h"
#include "bench/die.h"
#include "bench/others.h"
#include "bench/scenario.h"
#include "codec/ws.h"

enum {
    PAUSE_MS = 20, /* between rounds */
    WARM_UP_S = 1,
    LOOK_EVERY = 50, /* messages between looks into the server's log */
    END_S = 10,      /* for the close frame to come */
    SECOND_US = 1000 * 1000,
};

/* Of what others_begin must know, the server's clock or, when that is not known, our own. */
static clockid_t clock_of(const struct load *l)
{
    return l->target->pid ? l->target->cpu : CLOCK_PROCESS_CPUTIME_ID;
}

static size_t online_of(const struct load *l, const struct options *o)
{
    size_t online = o->online ? (size_t)o->online : l->plan->n_users;
    if (online > l->plan->n_users)
        die("--online: there are %zu users", l->plan->n_users);
    return online;
}

struct spent {
    int64_t time;
    double cpu;
    uint64_t deliveries, messages;
    struct others others;
};

static struct spent begin(struct load *l)
{
    struct ledger_counts c = ledger_so_far(l->ledger);
    struct spent s = {clock_mono(), target_cpu(l->target), c.deliveries, c.receipts, {0}};
    ledger_forget(l->ledger);
    others_begin(&s.others, clock_of(l));
    return s;
}

static void end(struct load *l, const struct spent *s)
{
    struct ledger_counts c = ledger_so_far(l->ledger);
    struct report *r = l->report;
    double deliveries = (double)(c.deliveries - s->deliveries);
    double messages = (double)(c.receipts - s->messages);
    double elapsed = (double)(clock_mono() - s->time) / SECOND_US;
    report_put(r, "messagesPerSecond", "/s", messages / elapsed);
    report_put(r, "deliveriesPerSecond", "/s", deliveries / elapsed);
    if (l->target->pid) {
        double cpu = target_cpu(l->target) - s->cpu;
        report_put(r, "cpuPerMessage", "us", cpu / messages);
        report_put(r, "cpuPerDelivery", "us", cpu / deliveries);
    }
    report_times(r, "receipt", ledger_times(l->ledger, LEDGER_RECEIPT));
    report_times(r, "delivery", ledger_times(l->ledger, LEDGER_LIVE));
    report_times(r, "last", ledger_times(l->ledger, LEDGER_COMPLETE));
    report_put(r, "others", "share", others_share(&s->others));
}

void scenario_fanout(struct load *l, const struct options *o)
{
    load_open(l, online_of(l, o), NULL);
    load_fan_out(l, 0, (uint32_t)o->window, (uint32_t)o->messages); /* warms up */
    for (int64_t i = 0; i < o->rounds; i++) {
        clients_run(l->clients, PAUSE_MS);
        report_round(l->report);
        struct spent s = begin(l);
        load_fan_out(l, 0, (uint32_t)o->window, (uint32_t)o->messages);
        end(l, &s);
    }
    load_check(l);
    report_put(l->report, "members", "", (double)l->plan->chats[0].members);
    report_put(l->report, "window", "", (double)o->window);
    if (o->rate)
        report_put(l->report, "rate", "/s", (double)o->rate);
    load_close(l);
}

void scenario_chats(struct load *l, const struct options *o)
{
    load_open(l, l->plan->n_users, NULL);
    l->interval = o->rate ? SECOND_US / o->rate : 0;
    load_keep(l, (uint32_t)o->window, WARM_UP_S);
    struct spent s = begin(l);
    load_keep(l, (uint32_t)o->window, (double)o->seconds);
    end(l, &s);
    load_check(l);
    report_put(l->report, "chats", "", (double)l->plan->n_chats);
    report_put(l->report, "window", "", (double)o->window);
    load_close(l);
}

/* ----- one who does not read ----- */

static struct {
    bool lost;
    int code;
} slow;

/* The one who does not read is the last member, of whom the ledger knows nothing. */
static void on_lost(void *arg, size_t user, int code)
{
    struct load *l = arg;
    if (user != l->online || slow.lost)
        die("user %zu: the connection ended: %d", user, code);
    slow.lost = true;
    slow.code = code;
}

/* Sends until the server has had enough of that one, or it is time; returns the messages. */
static int64_t until_too_slow(struct load *l, const struct options *o)
{
    int64_t sent = 0, until = clock_mono() + o->seconds * SECOND_US;
    do {
        load_fan_out(l, 0, (uint32_t)o->window, LOOK_EVERY);
        sent += LOOK_EVERY;
    } while (!target_said(l->target, "\"session too slow\"") && clock_mono() < until);
    return sent;
}

void scenario_stalled(struct load *l, const struct options *o)
{
    size_t others = l->plan->n_users - 1;
    load_open(l, others, on_lost);
    clients_open(l->clients, others, others + 1);
    load_fan_out(l, 0, (uint32_t)o->window, LOOK_EVERY); /* warms up */
    ledger_forget(l->ledger);
    for (int64_t sent = 0; sent < o->messages; sent += LOOK_EVERY)
        load_fan_out(l, 0, (uint32_t)o->window, LOOK_EVERY);
    double before = hist_at(ledger_times(l->ledger, LEDGER_LIVE), 0.99);
    report_times(l->report, "withoutIt", ledger_times(l->ledger, LEDGER_LIVE));
    ledger_forget(l->ledger);
    clients_stall(l->clients, others);
    int64_t sent = until_too_slow(l, o);
    report_times(l->report, "withIt", ledger_times(l->ledger, LEDGER_LIVE));
    report_put(l->report, "ratioP99", "",
               hist_at(ledger_times(l->ledger, LEDGER_LIVE), 0.99) / before);
    report_put(l->report, "messagesUntilClosed", "", (double)sent);
    clients_unstall(l->clients, others);
    for (int64_t until = clock_mono() + END_S * SECOND_US; !slow.lost && clock_mono() < until;)
        clients_run(l->clients, PAUSE_MS);
    report_put(l->report, "closedWith", "", slow.lost ? slow.code : 0);
    if (!slow.lost || slow.code != WS_TOO_SLOW)
        report_fail(l->report, "the one who does not read was not closed with 1013");
    load_check(l);
    load_close(l);
}
