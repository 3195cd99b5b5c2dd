/* The account of a measurement notices what is lost, doubled, out of order, or not ours. */
#include "bench/ledger.h"

#include "base/buf.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

enum { USERS = 4, MEMBERS = 3, SENDER = 0 };

/* One chat of users 0, 1 and 2; user 3 is not in it. */
static struct plan *plan_of_one_chat(void)
{
    struct plan *plan = mem_alloc(sizeof *plan);
    plan->n_users = USERS;
    plan->users = mem_alloc(USERS * sizeof *plan->users);
    for (size_t i = 0; i < USERS; i++)
        plan->users[i].id.b[0] = (uint8_t)(i + 1);
    plan->n_chats = 1;
    plan->chats = mem_alloc(sizeof *plan->chats);
    plan->chats[0] = (struct plan_chat){.id = {{9}}, .members = MEMBERS};
    return plan;
}

struct scene {
    struct plan *plan;
    struct ledger *ledger;
};

static struct scene begin(uint32_t messages)
{
    struct scene s = {.plan = plan_of_one_chat()};
    s.ledger = ledger_new(s.plan, MEMBERS);
    for (uint32_t n = 0; n < messages; n++)
        assert_int_equal(ledger_send(s.ledger, 0, 1000), n);
    return s;
}

static struct ledger_counts end(struct scene *s)
{
    struct ledger_counts counts = ledger_counts(s->ledger);
    ledger_free(&s->ledger);
    plan_free(&s->plan);
    return counts;
}

/* The message's event as user `recipient` would see it, given to `user`. */
static void event_of(struct scene *s, size_t user, size_t recipient, uint32_t n, int seq)
{
    char text[PLAN_TEXT], chat[ID_TEXT], to[ID_TEXT];
    struct buf body = BUF(1024);
    plan_text(0, n, text);
    id_format(s->plan->chats[0].id, chat);
    id_format(s->plan->users[recipient].id, to);
    buf_fmt(&body, "{\"chatId\":\"%.*s\",\"message\":\"%.*s\",\"recipientId\":\"%.*s\",\"seq\":%d}",
            ID_TEXT, chat, PLAN_TEXT, text, ID_TEXT, to, seq);
    ledger_event(s->ledger, user, buf_str(&body), LEDGER_LIVE, 3000);
    buf_free(&body);
}

static void deliver(struct scene *s, size_t user, uint32_t n)
{
    event_of(s, user, user, n, (int)n + 2);
}

static void confirm(struct scene *s, uint32_t n)
{
    char text[PLAN_TEXT];
    plan_text(0, n, text);
    ledger_receipt(s->ledger, SENDER, str_from(text, PLAN_TEXT_HEAD), 2000);
}

/* Numbers of messages in the order in which member 1 gets them, and what is made of it. */
static const struct order {
    const char *name;
    const char *got;
    int lost, doubled, reordered, holes;
} orders[] = {
    {"each once and in order", "0123", 0, 0, 0, 0}, {"one lost at the end", "012", 1, 0, 0, 0},
    {"one lost in the middle", "013", 1, 0, 0, 1},  {"all lost", "", 4, 0, 0, 0},
    {"one doubled at once", "01123", 0, 1, 0, 0},   {"one doubled later", "01230", 0, 1, 0, 0},
    {"two exchanged", "0213", 0, 0, 1, 3},          {"a late one doubled", "02113", 0, 1, 1, 3},
};

static void each_order(void **state)
{
    (void)state;
    for (size_t i = 0; i < countof(orders); i++) {
        const struct order *o = &orders[i];
        struct scene s = begin(4);
        for (uint32_t n = 0; n < 4; n++) {
            confirm(&s, n);
            deliver(&s, 0, n);
            deliver(&s, 2, n);
        }
        for (const char *n = o->got; *n; n++)
            deliver(&s, 1, (uint32_t)(*n - '0'));
        struct ledger_counts c = end(&s);
        if ((int)c.lost != o->lost || (int)c.doubled != o->doubled ||
            (int)c.reordered != o->reordered || (int)c.holes != o->holes || c.strange)
            fail_msg("%s: lost %d, doubled %d, reordered %d, holes %d", o->name, (int)c.lost,
                     (int)c.doubled, (int)c.reordered, (int)c.holes);
        assert_int_equal(ledger_wrong(&c), i > 0);
    }
}

static void a_receipt_that_does_not_come_is_a_loss(void **state)
{
    (void)state;
    struct scene s = begin(2);
    confirm(&s, 0);
    assert_int_equal(ledger_unconfirmed(s.ledger, 0), 1);
    for (size_t user = 0; user < MEMBERS; user++)
        for (uint32_t n = 0; n < 2; n++)
            deliver(&s, user, n);
    assert_int_equal(ledger_open(s.ledger, 0), 1);
    assert_int_equal(end(&s).lost, 1);
}

static void receipts_out_of_order_are_reordered(void **state)
{
    (void)state;
    struct scene s = begin(2);
    confirm(&s, 1);
    confirm(&s, 0);
    assert_int_equal(end(&s).reordered, 2);
}

static void what_is_not_ours_is_strange(void **state)
{
    (void)state;
    struct scene s = begin(1);
    event_of(&s, 1, 2, 0, 2); /* of another recipient */
    event_of(&s, 1, 1, 7, 9); /* never sent */
    ledger_event(s.ledger, 1, S("{\"type\":\"ERROR\"}"), LEDGER_LIVE, 0);
    ledger_receipt(s.ledger, SENDER, S("c000000 n00000005"), 0);
    ledger_receipt(s.ledger, 1, S("c000000 n00000000"), 0);
    struct ledger_counts c = end(&s);
    assert_int_equal(c.strange, 5);
    assert_int_equal(c.deliveries, 0);
    assert_true(ledger_wrong(&c));
}

static void times_run_from_the_send(void **state)
{
    (void)state;
    struct scene s = begin(1);
    for (size_t user = 0; user < MEMBERS; user++)
        deliver(&s, user, 0);
    assert_int_equal(ledger_times(s.ledger, LEDGER_COMPLETE)->n, 0);
    confirm(&s, 0);
    assert_int_equal(ledger_times(s.ledger, LEDGER_LIVE)->n, MEMBERS);
    assert_int_equal(ledger_times(s.ledger, LEDGER_LIVE)->max, 2000);
    assert_int_equal(ledger_times(s.ledger, LEDGER_RECEIPT)->max, 1000);
    assert_int_equal(ledger_times(s.ledger, LEDGER_COMPLETE)->n, 1);
    ledger_forget(s.ledger);
    assert_int_equal(ledger_times(s.ledger, LEDGER_LIVE)->n, 0);
    end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_order),
        cmocka_unit_test(a_receipt_that_does_not_come_is_a_loss),
        cmocka_unit_test(receipts_out_of_order_are_reordered),
        cmocka_unit_test(what_is_not_ours_is_strange),
        cmocka_unit_test(times_run_from_the_send),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
