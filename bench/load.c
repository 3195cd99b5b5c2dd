/*
 * bench/load DATA PORT PID MODE …: clients of the whispd that serves the seeded directory DATA on
 * 127.0.0.1:PORT as process PID. Prints lines of JSON, one a result. Modes:
 *
 *   send WINDOW SECONDS             every chat's first member sends, with WINDOW messages open
 *   fanout ONLINE WINDOW N ROUNDS   users [0, ONLINE) listen; the chats take turns: N messages with
 *                                   WINDOW open, ROUNDS times each
 *   idle SECONDS FIRST SECOND       memory with FIRST and with SECOND sessions, idle for SECONDS
 *   pages N ROUNDS                  N pages of each chat's history, in turns, ROUNDS times
 *
 * Each result says how much of the machine others used meanwhile. An open message is one that has
 * not its RECEIPT and all its deliveries yet. Every delivery and RECEIPT is checked
 * (bench/ledger.h); when something is wrong it says so and exits with 1. CPU times are those of all
 * of the server's threads, user and system, by its process clock.
 */
#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "bench/clients.h"
#include "bench/die.h"
#include "bench/ledger.h"
#include "bench/others.h"

#include <inttypes.h>

enum {
    WARM_UP_US = 1000 * 1000,
    QUIET_MS = 200, /* for what should not come any more */
    PAUSE_MS = 20,  /* between rounds */
    PATIENCE_US = 30 * 1000 * 1000,
    PAGE = 50,
};

struct load {
    struct plan *plan;
    struct clients *clients;
    struct ledger *ledger;
    uint16_t port;
    clockid_t cpu;
    int pid;
};

/* ----- the server, from outside ----- */

/* Microseconds of CPU that the server has used so far. */
static double cpu_used(const struct load *l)
{
    return others_clock(l->cpu);
}

static long resident_kib(const struct load *l)
{
    char path[64], line[256];
    long kib = -1;
    snprintf(path, sizeof path, "/proc/%d/status", l->pid);
    FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof line, f))
        sscanf(line, "VmRSS: %ld", &kib);
    if (f)
        fclose(f);
    return kib;
}

/* ----- numbers ----- */

static int by_size(const void *x, const void *y)
{
    uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;
    return (a > b) - (a < b);
}

struct spread {
    uint32_t p50, p99, max;
};

static struct spread spread_of(const uint32_t *times, size_t n)
{
    uint32_t *sorted = mem_alloc((n + 1) * sizeof *sorted);
    if (n)
        memcpy(sorted, times, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, by_size);
    struct spread s = {sorted[n / 2], sorted[n * 99 / 100], n ? sorted[n - 1] : 0};
    mem_free(sorted);
    return s;
}

static void print_spread(const char *name, const uint32_t *times, size_t n)
{
    struct spread s = spread_of(times, n);
    printf(",\"%s\":{\"p50\":%u,\"p99\":%u,\"max\":%u}", name, s.p50, s.p99, s.max);
}

/* ----- sending ----- */

static void on_receipt(void *arg, size_t user, Str id)
{
    struct load *l = arg;
    ledger_receipt(l->ledger, user, id, clock_mono());
}

static void on_event(void *arg, size_t user, Str body)
{
    struct load *l = arg;
    ledger_event(l->ledger, user, body, clock_mono());
}

static void open_sessions(struct load *l, size_t online)
{
    static const struct clients_ops ops = {on_receipt, on_event};
    l->ledger = ledger_new(l->plan, online);
    l->clients = clients_new(l->plan, l->port, &ops, l);
    clients_open(l->clients, 0, online);
}

static void send_one(struct load *l, size_t chat)
{
    char text[PLAN_TEXT], body[256], id[ID_TEXT];
    const struct plan_chat *c = &l->plan->chats[chat];
    plan_text(chat, ledger_send(l->ledger, chat, clock_mono()), text);
    id_format(c->id, id);
    int n = snprintf(body, sizeof body,
                     "{\"type\":\"SEND_MSG\",\"chatId\":\"%.*s\",\"message\":\"%.*s\"}", ID_TEXT,
                     id, PLAN_TEXT, text);
    clients_send(l->clients, c->first, str_from(text, PLAN_TEXT_HEAD), str_from(body, (size_t)n));
}

static void fill_window(struct load *l, size_t chat, uint32_t window)
{
    while (ledger_open(l->ledger, chat) < window)
        send_one(l, chat);
}

static void wait_until_complete(struct load *l)
{
    int64_t until = clock_mono() + PATIENCE_US;
    for (size_t i = 0; i < l->plan->n_chats && clock_mono() < until;) {
        if (ledger_open(l->ledger, i))
            clients_run(l->clients, 100);
        else
            i++;
    }
}

/* Ends the program when something was wrong. */
static void check(struct load *l)
{
    wait_until_complete(l);
    for (int64_t until = clock_mono() + QUIET_MS * 1000; clock_mono() < until;)
        clients_run(l->clients, QUIET_MS / 4);
    struct ledger_counts c = ledger_counts(l->ledger);
    printf("{\"sent\":%" PRIu64 ",\"receipts\":%" PRIu64 ",\"deliveries\":%" PRIu64
           ",\"eventBytes\":%.0f,\"lost\":%" PRIu64 ",\"doubled\":%" PRIu64
           ",\"reordered\":%" PRIu64 ",\"holes\":%" PRIu64 ",\"strange\":%" PRIu64 "}\n",
           c.sent, c.receipts, c.deliveries, (double)c.bytes / (double)(c.deliveries + 1), c.lost,
           c.doubled, c.reordered, c.holes, c.strange);
    if (c.lost || c.doubled || c.reordered || c.holes || c.strange)
        die("messages were lost, doubled, reordered or strange");
    clients_free(&l->clients);
    ledger_free(&l->ledger);
}

/* Keeps all chats going until then. */
static void send_until(struct load *l, uint32_t window, int64_t until)
{
    while (clock_mono() < until) {
        for (size_t i = 0; i < l->plan->n_chats; i++)
            fill_window(l, i, window);
        clients_run(l->clients, 100);
    }
}

static void mode_send(struct load *l, uint32_t window, double seconds)
{
    open_sessions(l, l->plan->n_users);
    send_until(l, window, clock_mono() + WARM_UP_US);
    ledger_forget(l->ledger);
    uint64_t receipts = ledger_counts(l->ledger).receipts;
    int64_t start = clock_mono();
    struct others others;
    others_begin(&others, l->cpu);
    double cpu = cpu_used(l);
    send_until(l, window, start + (int64_t)(seconds * 1e6));
    int64_t elapsed = clock_mono() - start;
    cpu = cpu_used(l) - cpu;
    struct ledger_times times = ledger_times(l->ledger);
    double messages = (double)(ledger_counts(l->ledger).receipts - receipts);
    printf("{\"window\":%u,\"chats\":%zu,\"messages\":%.0f,\"perSecond\":%.0f,"
           "\"cpuPerMessage\":%.2f,\"others\":%.3f",
           window, l->plan->n_chats, messages, messages * 1e6 / (double)elapsed, cpu / messages,
           others_share(&others));
    print_spread("receiptMicros", times.receipts, times.n_receipts);
    print_spread("deliveredMicros", times.complete, times.n_complete);
    printf("}\n");
    check(l);
}

/* n messages to one chat; returns the microseconds that the server spent on them. */
static double fan_out(struct load *l, size_t chat, uint32_t window, uint32_t n)
{
    ledger_forget(l->ledger);
    double cpu = cpu_used(l);
    int64_t until = clock_mono() + PATIENCE_US;
    for (uint32_t sent = 0; sent < n || ledger_open(l->ledger, chat);) {
        for (; sent < n && ledger_open(l->ledger, chat) < window; sent++)
            send_one(l, chat);
        clients_run(l->clients, 1000);
        if (clock_mono() > until)
            check(l); /* says what is missing */
    }
    return cpu_used(l) - cpu;
}

static void mode_fanout(struct load *l, size_t online, uint32_t window, uint32_t n, uint32_t rounds)
{
    if (online > l->plan->n_users)
        die("there are %zu users", l->plan->n_users);
    open_sessions(l, online);
    for (size_t i = 0; i < l->plan->n_chats; i++)
        fan_out(l, i, window, n);
    for (uint32_t round = 0; round < rounds; round++) {
        for (size_t i = 0; i < l->plan->n_chats; i++) {
            clients_run(l->clients, PAUSE_MS);
            struct others others;
            others_begin(&others, l->cpu);
            double cpu = fan_out(l, i, window, n);
            double share = others_share(&others);
            double deliveries = (double)n * (double)ledger_online(l->ledger, i);
            struct ledger_times times = ledger_times(l->ledger);
            printf("{\"chat\":%zu,\"members\":%zu,\"online\":%zu,\"window\":%u,\"messages\":%u,"
                   "\"cpuPerMessage\":%.1f,\"cpuPerDelivery\":%.3f,\"others\":%.3f",
                   i, l->plan->chats[i].members, ledger_online(l->ledger, i), window, n, cpu / n,
                   cpu / deliveries, share);
            print_spread("deliveredMicros", times.complete, times.n_complete);
            printf("}\n");
        }
    }
    check(l);
}

/* ----- memory ----- */

static void idle(struct load *l, double seconds)
{
    for (int64_t until = clock_mono() + (int64_t)(seconds * 1e6); clock_mono() < until;)
        clients_run(l->clients, 100);
}

static void mode_idle(struct load *l, double seconds, size_t first, size_t second)
{
    if (first > second || second > l->plan->n_users)
        die("there are %zu users", l->plan->n_users);
    long empty = resident_kib(l);
    open_sessions(l, first);
    idle(l, seconds);
    long before = resident_kib(l);
    clients_open(l->clients, first, second);
    idle(l, seconds);
    long after = resident_kib(l);
    printf("{\"sessions\":[0,%zu,%zu],\"residentKiB\":[%ld,%ld,%ld],\"bytesPerSession\":%.0f,"
           "\"bytesPerSessionFromNone\":%.0f}\n",
           first, second, empty, before, after,
           (double)(after - before) * 1024 / (double)(second - first),
           (double)(after - empty) * 1024 / (double)second);
    clients_free(&l->clients);
    ledger_free(&l->ledger);
}

/* ----- history ----- */

static uint32_t read_page(struct load *l, int fd, const struct plan_chat *chat, Id cursor)
{
    char path[256], id[ID_TEXT], before[ID_TEXT];
    id_format(chat->id, id);
    id_format(cursor, before);
    if (id_is_nil(cursor))
        snprintf(path, sizeof path, "/api/messages/getMessages/%.*s?size=%d", ID_TEXT, id, PAGE);
    else
        snprintf(path, sizeof path, "/api/messages/getMessages/%.*s?size=%d&lastMessage=%.*s",
                 ID_TEXT, id, PAGE, ID_TEXT, before);
    int64_t start = clock_mono();
    Str body = clients_get(fd, &l->plan->users[chat->first], path);
    uint32_t took = (uint32_t)(clock_mono() - start);
    size_t messages = 0;
    Str key = S("\"messageId\":");
    for (const char *at = body.p; (at = memmem(at, (size_t)(body.p + body.n - at), key.p, key.n));
         at += key.n)
        messages++;
    if (messages != PAGE)
        die("a page has %zu messages", messages);
    return took;
}

static void mode_pages(struct load *l, uint32_t n, uint32_t rounds)
{
    size_t chats = l->plan->n_chats;
    uint32_t *times = mem_alloc(2 * chats * n * sizeof *times);
    int fd = clients_connect(l->port, 0);
    /* The first page moves the reader's mark: a write, once. Then caches are warm. */
    for (uint32_t i = 0; i < 100; i++)
        for (size_t c = 0; c < chats; c++)
            read_page(l, fd, &l->plan->chats[c], i % 2 ? l->plan->chats[c].middle : (Id){{0}});
    for (uint32_t round = 0; round < rounds; round++) {
        struct others others;
        others_begin(&others, l->cpu);
        for (uint32_t i = 0; i < n; i++) {
            for (size_t c = 0; c < chats; c++) {
                const struct plan_chat *chat = &l->plan->chats[c];
                times[(2 * c) * n + i] = read_page(l, fd, chat, (Id){{0}});
                times[(2 * c + 1) * n + i] = read_page(l, fd, chat, chat->middle);
            }
        }
        double share = others_share(&others);
        for (size_t c = 0; c < chats; c++) {
            printf("{\"chat\":%zu,\"messages\":%zu,\"pages\":%u,\"others\":%.3f", c,
                   l->plan->chats[c].messages, n, share);
            print_spread("newestMicros", times + (2 * c) * n, n);
            print_spread("middleMicros", times + (2 * c + 1) * n, n);
            printf("}\n");
        }
    }
    mem_free(times);
}

static uint32_t number(const char *text)
{
    uint64_t n;
    if (!str_to_uint(str_of(text), UINT32_MAX, &n))
        die("%s is not a number", text);
    return (uint32_t)n;
}

int main(int argc, char **argv)
{
    if (argc < 7)
        die("usage: load DATA PORT PID MODE …; see bench/load.c");
    struct load l = {
        .plan = plan_read(argv[1]), .port = (uint16_t)number(argv[2]), .pid = (int)number(argv[3])};
    if (clock_getcpuclockid(l.pid, &l.cpu) != 0)
        die("there is no process %d", l.pid);
    setvbuf(stdout, NULL, _IOLBF, 0);
    const char *mode = argv[4];
    char **arg = argv + 5;
    if (strcmp(mode, "send") == 0 && argc == 7)
        mode_send(&l, number(arg[0]), atof(arg[1]));
    else if (strcmp(mode, "fanout") == 0 && argc == 9)
        mode_fanout(&l, number(arg[0]), number(arg[1]), number(arg[2]), number(arg[3]));
    else if (strcmp(mode, "idle") == 0 && argc == 8)
        mode_idle(&l, atof(arg[0]), number(arg[1]), number(arg[2]));
    else if (strcmp(mode, "pages") == 0 && argc == 7)
        mode_pages(&l, number(arg[0]), number(arg[1]));
    else
        die("usage: load DATA PORT PID MODE …; see bench/load.c");
    plan_free(&l.plan);
    return 0;
}
