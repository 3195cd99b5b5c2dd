#include "bench/load.h"

#include "base/clock.h"
#include "base/mem.h"
#include "bench/die.h"

enum {
    QUIET_MS = 200, /* for what should not come any more */
    TURN_MS = 100,
    PATIENCE_US = 60 * 1000 * 1000,
    SECOND_US = 1000 * 1000,
    BODY = 512,
};

static void on_receipt(void *arg, size_t user, Str id)
{
    struct load *l = arg;
    ledger_receipt(l->ledger, user, id, clock_mono());
}

static void on_event(void *arg, size_t user, Str body, enum clients_when when)
{
    struct load *l = arg;
    if (user >= l->online)
        return; /* the scenario's own */
    enum ledger_time how = when == CLIENTS_LIVE ? LEDGER_LIVE : LEDGER_REPLAYED;
    ledger_event(l->ledger, user, body, how, clock_mono());
}

/* Whoever comes back sends again what may not have arrived. */
static void on_ready(void *arg, size_t user)
{
    struct load *l = arg;
    for (size_t i = 0; l->again && i < l->plan->n_chats; i++)
        if (l->plan->chats[i].first == user)
            load_send_again(l, i);
}

void load_open(struct load *l, size_t online, void (*lost)(void *load, size_t user, int code))
{
    struct clients_ops ops = {on_receipt, on_event, on_ready, lost};
    int64_t start = clock_mono();
    l->online = online;
    l->ledger = ledger_new(l->plan, online);
    l->clients = clients_new(l->plan, l->target, &ops, l);
    if (l->again)
        clients_remember(l->clients);
    report_progress("%zu sessions are being opened", online);
    clients_open(l->clients, 0, online);
    report_put(l->report, "openedIn", "ms", (double)(clock_mono() - start) / 1000);
}

void load_close(struct load *l)
{
    clients_free(&l->clients);
    ledger_free(&l->ledger);
}

static void send_number(struct load *l, size_t chat, uint32_t n)
{
    char text[PLAN_TEXT], body[BODY], id[ID_TEXT], own[64] = "";
    const struct plan_chat *c = &l->plan->chats[chat];
    plan_text(chat, n, text);
    id_format(c->id, id);
    if (l->again)
        snprintf(own, sizeof own, ",\"clientMessageId\":\"%.*s\"", PLAN_TEXT_HEAD, text);
    int size = snprintf(body, sizeof body,
                        "{\"type\":\"SEND_MSG\",\"chatId\":\"%.*s\",\"message\":\"%.*s\"%s}",
                        ID_TEXT, id, PLAN_TEXT, text, own);
    clients_send(l->clients, c->first, str_from(text, PLAN_TEXT_HEAD),
                 str_from(body, (size_t)size));
}

void load_send(struct load *l, size_t chat)
{
    send_number(l, chat, ledger_send(l->ledger, chat, clock_mono()));
}

void load_send_again(struct load *l, size_t chat)
{
    for (uint32_t n = ledger_unconfirmed(l->ledger, chat); n < ledger_sent(l->ledger, chat); n++)
        send_number(l, chat, n);
}

void load_fill(struct load *l, size_t chat, uint32_t window)
{
    while (ledger_open(l->ledger, chat) < window)
        load_send(l, chat);
}

void load_fan_out(struct load *l, size_t chat, uint32_t window, uint32_t n)
{
    int64_t until = clock_mono() + PATIENCE_US;
    for (uint32_t sent = 0; sent < n || ledger_open(l->ledger, chat);) {
        for (; sent < n && ledger_open(l->ledger, chat) < window; sent++)
            load_send(l, chat);
        clients_run(l->clients, TURN_MS);
        report_progress("%u of %u messages sent, %u under way", sent, n,
                        ledger_open(l->ledger, chat));
        if (clock_mono() > until)
            return; /* load_check says what is missing */
    }
}

/* One message of the next chat whose window has room for it; none when no chat has. */
static void send_in_turn(struct load *l, uint32_t window)
{
    for (size_t tried = 0; tried < l->plan->n_chats; tried++) {
        size_t chat = l->turn++ % l->plan->n_chats;
        if (ledger_open(l->ledger, chat) < window) {
            load_send(l, chat);
            return;
        }
    }
}

static void send_due(struct load *l, uint32_t window)
{
    for (size_t i = 0; !l->interval && i < l->plan->n_chats; i++)
        load_fill(l, i, window);
    for (int64_t now = clock_mono(); l->interval && l->next_send <= now;
         l->next_send += l->interval)
        send_in_turn(l, window);
}

void load_keep(struct load *l, uint32_t window, double seconds)
{
    int64_t until = clock_mono() + (int64_t)(seconds * SECOND_US);
    l->next_send = clock_mono();
    while (clock_mono() < until) {
        send_due(l, window);
        clients_run(l->clients, l->interval ? 1 : TURN_MS);
        struct ledger_counts c = ledger_so_far(l->ledger);
        report_progress("%llu messages, %llu deliveries", (unsigned long long)c.receipts,
                        (unsigned long long)c.deliveries);
    }
}

void load_wait(struct load *l, double seconds)
{
    for (int64_t until = clock_mono() + (int64_t)(seconds * SECOND_US); clock_mono() < until;) {
        clients_run(l->clients, TURN_MS);
        report_progress("%.0f s left", (double)(until - clock_mono()) / SECOND_US);
    }
}

static void wait_until_complete(struct load *l)
{
    int64_t until = clock_mono() + PATIENCE_US;
    for (size_t i = 0; i < l->plan->n_chats && clock_mono() < until;) {
        report_progress("waiting for the rest");
        if (ledger_open(l->ledger, i))
            clients_run(l->clients, TURN_MS);
        else
            i++;
    }
}

void load_check(struct load *l)
{
    wait_until_complete(l);
    for (int64_t until = clock_mono() + QUIET_MS * 1000; clock_mono() < until;)
        clients_run(l->clients, QUIET_MS / 4);
    struct ledger_counts c = ledger_counts(l->ledger);
    struct report *r = l->report;
    report_run(r);
    report_put(r, "sessions", "", (double)l->online);
    report_put(r, "messages", "", (double)c.sent);
    report_put(r, "deliveries", "", (double)c.deliveries);
    report_put(r, "eventBytes", "bytes", c.deliveries ? (double)c.bytes / (double)c.deliveries : 0);
    report_put(r, "lost", "", (double)c.lost);
    report_put(r, "doubled", "", (double)c.doubled);
    report_put(r, "reordered", "", (double)c.reordered);
    report_put(r, "holes", "", (double)c.holes);
    report_put(r, "strange", "", (double)c.strange);
    if (ledger_wrong(&c))
        report_fail(r, "messages were lost, doubled, reordered or strange");
}
