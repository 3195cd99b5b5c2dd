/*
 * Messages flow at a steady rate; then all sessions are cut, one after another within a second, and
 * each comes back at once with its last event id. Like a real client one keeps trying when it is
 * refused, a little later each time it is, and sends again what it has no RECEIPT for.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "bench/die.h"
#include "bench/scenario.h"

enum {
    SECOND_US = 1000 * 1000,
    CUT_US = 1000 * 1000, /* within which all are cut */
    CALM_S = 3,           /* of messages before */
    RETRY_US = 500 * 1000,
    TURN_MS = 5,
    SAMPLE_US = 50 * 1000,
    PATIENCE_S = 120,
};

struct storm {
    struct load *load;
    int64_t *due; /* owned, by user: when to connect again; 0: not */
    size_t n_due;
    int64_t next_send;
    int64_t interval; /* between messages */
    size_t chat;      /* the next one */
    size_t cut;       /* users so far */
    long peak;        /* KiB */
    int64_t next_sample;
    uint64_t refused;
};

static struct storm storm; /* the lost callback has only the load */

static void come_back_at(size_t user, int64_t at)
{
    storm.n_due += storm.due[user] == 0;
    storm.due[user] = at;
}

static void on_lost(void *arg, size_t user, int code)
{
    (void)arg;
    (void)code;
    storm.refused++;
    come_back_at(user, clock_mono() + RETRY_US + (int64_t)(random_u64() % RETRY_US));
}

/* The next chat whose sender is there, if any is. */
static void send_next(struct storm *s)
{
    const struct plan *plan = s->load->plan;
    for (size_t tried = 0; tried < plan->n_chats; tried++) {
        size_t chat = s->chat++ % plan->n_chats;
        if (clients_ready(s->load->clients, plan->chats[chat].first)) {
            load_send(s->load, chat);
            return;
        }
    }
}

static void sample(struct storm *s, int64_t now)
{
    if (now < s->next_sample)
        return;
    long kib = target_resident(s->load->target);
    s->peak = kib > s->peak ? kib : s->peak;
    s->next_sample = now + SAMPLE_US;
}

static void connect_due(struct storm *s, int64_t now)
{
    for (size_t user = 0; s->n_due && user < s->load->online; user++) {
        if (!s->due[user] || s->due[user] > now)
            continue;
        s->due[user] = 0;
        s->n_due--;
        clients_start(s->load->clients, user);
    }
}

static void turn(struct storm *s, const char *phase)
{
    int64_t now = clock_mono();
    for (; s->next_send <= now; s->next_send += s->interval)
        send_next(s);
    connect_due(s, now);
    sample(s, now);
    clients_run(s->load->clients, TURN_MS);
    report_progress("%s: %zu of %zu sessions", phase, clients_count_ready(s->load->clients),
                    s->load->online);
}

static void flow(struct storm *s, double seconds, const char *phase)
{
    for (int64_t until = clock_mono() + (int64_t)(seconds * SECOND_US); clock_mono() < until;)
        turn(s, phase);
}

/* Returns when all have resumed; the time that took. */
static int64_t strike(struct storm *s)
{
    struct load *l = s->load;
    int64_t start = clock_mono(), until = start + (int64_t)PATIENCE_S * SECOND_US;
    for (s->cut = 0; s->cut < l->online || clients_count_ready(l->clients) < l->online;) {
        int64_t now = clock_mono();
        size_t due = now - start < CUT_US
                         ? (size_t)((double)(now - start) / CUT_US * (double)l->online)
                         : l->online;
        for (; s->cut < due; s->cut++) {
            if (s->due[s->cut])
                continue; /* it is away already */
            clients_cut(l->clients, s->cut);
            come_back_at(s->cut, now);
        }
        turn(s, "the storm");
        if (now > until)
            die("only %zu of %zu sessions have resumed", clients_count_ready(l->clients),
                l->online);
    }
    return clock_mono() - start;
}

static void one_round(struct storm *s, const struct options *o)
{
    struct load *l = s->load;
    struct report *r = l->report;
    flow(s, CALM_S, "before");
    ledger_forget(l->ledger);
    flow(s, CALM_S, "before");
    report_round(r);
    report_times(r, "before", ledger_times(l->ledger, LEDGER_LIVE));
    ledger_forget(l->ledger);
    s->peak = target_resident(l->target);
    report_put(r, "residentBefore", "KiB", (double)s->peak);
    uint64_t refused = s->refused, repeated = clients_repeated(l->clients);
    double cpu = target_cpu(l->target);
    int64_t took = strike(s);
    report_put(r, "allResumedIn", "ms", (double)took / 1000);
    report_put(r, "cpuPerSession", "us", (target_cpu(l->target) - cpu) / (double)l->online);
    report_put(r, "refused", "", (double)(s->refused - refused));
    report_put(r, "repeated", "", (double)(clients_repeated(l->clients) - repeated));
    report_times(r, "delivery", ledger_times(l->ledger, LEDGER_LIVE));
    report_times(r, "replayed", ledger_times(l->ledger, LEDGER_REPLAYED));
    flow(s, (double)o->seconds, "after");
    report_put(r, "residentPeak", "KiB", (double)s->peak);
    report_put(r, "residentAfter", "KiB", (double)target_resident(l->target));
}

void scenario_storm(struct load *l, const struct options *o)
{
    if (o->rate < 1)
        die("--rate: 1 or more");
    l->again = true;
    load_open(l, l->plan->n_users, on_lost);
    storm = (struct storm){.load = l,
                           .due = mem_alloc(l->online * sizeof *storm.due),
                           .interval = SECOND_US / o->rate};
    /* Everyone needs an event id to come back with. */
    for (size_t i = 0; i < l->plan->n_chats; i++)
        load_fan_out(l, i, 1, 1);
    storm.next_send = clock_mono();
    for (int64_t i = 0; i < o->rounds; i++)
        one_round(&storm, o);
    load_check(l);
    report_put(l->report, "chats", "", (double)l->plan->n_chats);
    report_put(l->report, "rate", "/s", (double)o->rate);
    mem_free(storm.due);
    load_close(l);
}
