/*
 * A message is found by its text: no table of ids. What a member missed is kept in one short list,
 * which is empty as long as all is well, and tells a late message from a doubled one.
 */
#include "bench/ledger.h"

#include "base/mem.h"
#include "bench/die.h"

enum { WINDOW = 4096 }; /* numbers between the oldest open message of a chat and the newest */

/* A chat as one member sees it. */
struct view {
    uint32_t next;
    int64_t seq; /* of the last one; 0: none yet */
};

struct message {
    int64_t sent_at;
    uint32_t left; /* deliveries and the RECEIPT */
};

struct room {
    struct view *views; /* of all members; those offline are not used */
    size_t online;
    uint32_t sent;
    uint32_t open;
    uint32_t next_receipt;
    struct message *messages; /* owned, WINDOW of them, by number */
};

struct missing {
    size_t chat, member;
    uint32_t n;
};

struct ledger {
    const struct plan *plan;
    size_t online;
    struct room *rooms;
    struct missing *missing;
    size_t n_missing, cap_missing;
    struct hist times[LEDGER_TIMES];
    struct ledger_counts counts;
};

struct ledger *ledger_new(const struct plan *plan, size_t online)
{
    struct ledger *l = mem_alloc(sizeof *l);
    l->plan = plan;
    l->online = online;
    l->rooms = mem_alloc(plan->n_chats * sizeof *l->rooms);
    for (size_t i = 0; i < plan->n_chats; i++)
        for (size_t m = 0; m < plan->chats[i].members; m++)
            l->rooms[i].online += plan_user(plan, &plan->chats[i], m) < online;
    return l;
}

void ledger_free(struct ledger **at)
{
    struct ledger *l = *at;
    if (!l)
        return;
    for (size_t i = 0; i < l->plan->n_chats; i++) {
        mem_free(l->rooms[i].views);
        mem_free(l->rooms[i].messages);
    }
    mem_free(l->rooms);
    mem_free(l->missing);
    mem_free(l);
    *at = NULL;
}

size_t ledger_online(const struct ledger *l, size_t chat)
{
    return l->rooms[chat].online;
}

uint32_t ledger_open(const struct ledger *l, size_t chat)
{
    return l->rooms[chat].open;
}

uint32_t ledger_unconfirmed(const struct ledger *l, size_t chat)
{
    return l->rooms[chat].next_receipt;
}

uint32_t ledger_sent(const struct ledger *l, size_t chat)
{
    return l->rooms[chat].sent;
}

uint32_t ledger_send(struct ledger *l, size_t chat, int64_t now)
{
    struct room *r = &l->rooms[chat];
    if (!r->views) {
        r->views = mem_alloc(l->plan->chats[chat].members * sizeof *r->views);
        r->messages = mem_alloc(WINDOW * sizeof *r->messages);
    }
    struct message *m = &r->messages[r->sent % WINDOW];
    if (m->left)
        die("a message of chat %zu has been open for %d others", chat, WINDOW);
    *m = (struct message){now, (uint32_t)r->online + 1};
    r->open++;
    l->counts.sent++;
    return r->sent++;
}

/* ----- what came ----- */

static void one_less(struct ledger *l, struct room *r, uint32_t n, int64_t now)
{
    struct message *m = &r->messages[n % WINDOW];
    if (m->left == 0 || --m->left > 0)
        return;
    r->open--;
    hist_add(&l->times[LEDGER_COMPLETE], now - m->sent_at);
}

void ledger_receipt(struct ledger *l, size_t user, Str id, int64_t now)
{
    char text[PLAN_TEXT];
    size_t chat;
    uint32_t n;
    memset(text, '.', sizeof text);
    memcpy(text, id.p, id.n < sizeof text ? id.n : sizeof text);
    if (!plan_read_text(str_from(text, sizeof text), &chat, &n) || chat >= l->plan->n_chats ||
        l->plan->chats[chat].first != user || n >= l->rooms[chat].sent) {
        l->counts.strange++;
        return;
    }
    struct room *r = &l->rooms[chat];
    l->counts.receipts++;
    if (n != r->next_receipt)
        l->counts.reordered++;
    r->next_receipt = n + 1;
    hist_add(&l->times[LEDGER_RECEIPT], now - r->messages[n % WINDOW].sent_at);
    one_less(l, r, n, now);
}

/* What stands behind "name": in the body, up to n characters; .p NULL: not there. */
static Str after(Str body, Str name, size_t n)
{
    const char *at = memmem(body.p, body.n, name.p, name.n);
    if (!at)
        return (Str){0};
    size_t offset = (size_t)(at - body.p) + name.n;
    return str_from(body.p + offset, body.n - offset < n ? body.n - offset : n);
}

static int64_t number_after(Str body, Str name)
{
    int64_t value = 0;
    Str digits = after(body, name, 18);
    for (size_t i = 0; i < digits.n && digits.p[i] >= '0' && digits.p[i] <= '9'; i++)
        value = value * 10 + (digits.p[i] - '0');
    return value;
}

static bool is_id(Str text, Id id)
{
    char expected[ID_TEXT];
    id_format(id, expected);
    return str_eq(text, str_from(expected, sizeof expected));
}

/* True when it was missed before: it is late, not doubled. */
static bool found_missing(struct ledger *l, size_t chat, size_t member, uint32_t n)
{
    for (size_t i = 0; i < l->n_missing; i++) {
        if (l->missing[i].chat == chat && l->missing[i].member == member && l->missing[i].n == n) {
            l->missing[i] = l->missing[--l->n_missing];
            return true;
        }
    }
    return false;
}

static void miss(struct ledger *l, size_t chat, size_t member, uint32_t n)
{
    if (l->n_missing == l->cap_missing) {
        l->cap_missing = l->cap_missing ? l->cap_missing * 2 : 64;
        l->missing = mem_resize(l->missing, l->cap_missing * sizeof *l->missing);
    }
    l->missing[l->n_missing++] = (struct missing){chat, member, n};
}

void ledger_event(struct ledger *l, size_t user, Str body, enum ledger_time how, int64_t now)
{
    size_t chat;
    uint32_t n;
    if (!plan_read_text(after(body, S("\"message\":\""), PLAN_TEXT), &chat, &n) ||
        chat >= l->plan->n_chats || n >= l->rooms[chat].sent ||
        !is_id(after(body, S("\"chatId\":\""), ID_TEXT), l->plan->chats[chat].id) ||
        !is_id(after(body, S("\"recipientId\":\""), ID_TEXT), l->plan->users[user].id)) {
        if (l->counts.strange++ == 0)
            fprintf(stderr, "unexpected: " STR_FMT "\n", STR_ARG(body));
        return;
    }
    struct room *r = &l->rooms[chat];
    size_t member = plan_member(l->plan, &l->plan->chats[chat], user);
    struct view *v = &r->views[member];
    l->counts.deliveries++;
    l->counts.bytes += body.n;
    if (n < v->next) {
        if (!found_missing(l, chat, member, n)) {
            l->counts.doubled++;
            return;
        }
        l->counts.reordered++;
    }
    for (; v->next < n; v->next++)
        miss(l, chat, member, v->next);
    if (v->next == n)
        v->next++;
    int64_t seq = number_after(body, S("\"seq\":"));
    if (v->seq && seq != v->seq + 1)
        l->counts.holes++;
    v->seq = seq;
    hist_add(&l->times[how], now - r->messages[n % WINDOW].sent_at);
    one_less(l, r, n, now);
}

/* ----- what is made of it ----- */

const struct hist *ledger_times(const struct ledger *l, enum ledger_time what)
{
    return &l->times[what];
}

void ledger_forget(struct ledger *l)
{
    memset(l->times, 0, sizeof l->times);
}

struct ledger_counts ledger_so_far(const struct ledger *l)
{
    return l->counts;
}

struct ledger_counts ledger_counts(const struct ledger *l)
{
    struct ledger_counts counts = l->counts;
    counts.lost = l->n_missing;
    for (size_t i = 0; i < l->plan->n_chats; i++) {
        const struct room *r = &l->rooms[i];
        const struct plan_chat *c = &l->plan->chats[i];
        for (size_t m = 0; r->sent && m < c->members; m++)
            if (plan_user(l->plan, c, m) < l->online)
                counts.lost += r->sent - r->views[m].next;
        counts.lost += r->sent - r->next_receipt;
    }
    return counts;
}
