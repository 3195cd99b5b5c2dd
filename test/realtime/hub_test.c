/* Who gets an event, in which order, and who must go. */
#include "realtime/hub_bench.h"

/* ----- delivery ----- */

static void events_go_to_those_in_the_chat(void **state)
{
    struct bench *b = *state;
    const struct fixture *f = b->rt->f;
    struct listener *ann = listens(b, &f->ann), *bob = listens(b, &f->bob);
    struct listener *dan = listens(b, &f->dan), *eve = listens(b, &f->eve);
    struct listener *phone = listens(b, &f->bob), *silent = arrives(b, &f->bob);
    sends(b, 1);
    assert_got(ann, "");
    settle(b);
    assert_got(ann, "SEND:2 ");
    assert_got(bob, "SEND:2 ");
    assert_got(phone, "SEND:2 ");
    assert_got(silent, ""); /* it has not subscribed */
    assert_got(dan, "");
    assert_got(eve, "");
    assert_ptr_equal(ann->frame, bob->frame); /* rendered once */
    assert_ptr_equal(ann->frame, phone->frame);
}

static void events_come_in_the_order_of_each_chat(void **state)
{
    struct bench *b = *state;
    struct listener *ann = listens(b, &b->rt->f->ann), *cleo = listens(b, &b->rt->f->cleo);
    sends(b, 2);
    send_to(b, b->other, 2);
    change(b, rule_rename, &b->rt->f->ann, "Another");
    change(b, rule_typing, &b->rt->f->ann, NULL);
    sends(b, 1);
    settle(b);
    assert_got(ann, "SEND:2 SEND:3 b.SEND:2 b.SEND:3 NAME:4 TYPING SEND:5 ");
    assert_got(cleo, "SEND:2 SEND:3 NAME:4 TYPING SEND:5 ");
}

static void what_comes_again_is_dropped(void **state)
{
    struct bench *b = *state;
    struct listener *ann = listens(b, &b->rt->f->ann);
    sends(b, 1);
    struct publication *first = publication_ref(b->latest);
    sends(b, 2);
    settle(b);
    hub_deliver(b->hub, b->latest);
    hub_deliver(b->hub, first);
    hub_deliver(b->hub, b->latest);
    sends(b, 1);
    settle(b);
    assert_got(ann, "SEND:2 SEND:3 SEND:4 SEND:5 ");
    publication_unref(&first);
}

static void where_a_listener_has_got_to(void **state)
{
    struct bench *b = *state;
    struct listener *ann = listens(b, &b->rt->f->ann);
    int64_t before = hub_position(&ann->m);
    assert_true(before > 0);
    sends(b, 2);
    assert_int_equal(hub_position(&ann->m), before); /* nothing has come yet */
    settle(b);
    int64_t after = hub_position(&ann->m);
    assert_int_equal(after, b->latest->events.items[0].position);
    assert_true(after > before);
    struct listener *dan = listens(b, &b->rt->f->dan); /* in no chat, but up to date all the same */
    assert_int_equal(hub_position(&dan->m), after);
    assert_int_equal(hub_app(&dan->m), b->rt->f->dan.app);
    assert_int_equal(hub_user_row(&dan->m), b->rt->f->dan.user);
    assert_id(hub_user_id(&dan->m), b->rt->f->dan.user_id);
}

/* ----- members ----- */

static void a_new_member_hears_of_its_own_joining(void **state)
{
    struct bench *b = *state;
    struct listener *ann = listens(b, &b->rt->f->ann), *dan = listens(b, &b->rt->f->dan);
    sends(b, 1);
    change(b, rule_add, &b->rt->f->ann, "Dan");
    sends(b, 1);
    settle(b);
    assert_got(dan, "JOIN:3 SEND:4 ");
    assert_got(ann, "SEND:2 JOIN:3 SEND:4 ");
}

static void who_leaves_hears_of_its_own_leaving(void **state)
{
    struct bench *b = *state;
    struct listener *ann = listens(b, &b->rt->f->ann), *bob = listens(b, &b->rt->f->bob);
    take_out(b, &b->rt->f->bob);
    sends(b, 1);
    send_to(b, b->other, 1);
    settle(b);
    assert_got(bob, "LEAVE:2 b.SEND:2 ");
    assert_got(ann, "LEAVE:2 SEND:3 b.SEND:2 ");
    change(b, rule_add, &b->rt->f->ann, "Bob");
    sends(b, 1);
    settle(b);
    assert_got(bob, "JOIN:4 SEND:5 ");
}

/* In one publication too, where the hub has all at once. */
static Err rule_in_and_out(struct task *t, struct tx *tx)
{
    Err err = chat_add(tx, t->actor, t->chat, S("Dan"));
    err = err ? err : chat_rename(tx, t->actor, t->chat, S("With Dan"));
    err = err ? err : chat_remove(tx, t->actor, t->chat, t->other->user_id);
    return err ? err : chat_rename(tx, t->actor, t->chat, S("Without"));
}

static void joins_and_leaves_within_one_commit(void **state)
{
    struct bench *b = *state;
    struct listener *ann = listens(b, &b->rt->f->ann), *dan = listens(b, &b->rt->f->dan);
    struct task *t = task_new(b->rt, JOB_WRITE, b->rt->loops[1], rule_in_and_out);
    t->other = &b->rt->f->dan;
    perform(task_on(t, &b->rt->f->ann, b->chat, NULL));
    settle(b);
    assert_got(ann, "JOIN:2 NAME:3 LEAVE:4 NAME:5 ");
    assert_got(dan, "JOIN:2 NAME:3 LEAVE:4 ");
}

static void an_old_join_brings_no_one_back(void **state)
{
    struct bench *b = *state;
    struct listener *ann = listens(b, &b->rt->f->ann), *dan = listens(b, &b->rt->f->dan);
    change(b, rule_add, &b->rt->f->ann, "Dan");
    struct publication *join = publication_ref(b->latest);
    take_out(b, &b->rt->f->dan);
    settle(b);
    hub_deliver(b->hub, join);
    sends(b, 1);
    settle(b);
    assert_got(ann, "JOIN:2 LEAVE:3 SEND:4 ");
    assert_got(dan, "JOIN:2 LEAVE:3 ");
    publication_unref(&join);
}

static void a_new_chat_reaches_all_its_members(void **state)
{
    struct bench *b = *state;
    struct listener *ann = listens(b, &b->rt->f->ann), *bob = listens(b, &b->rt->f->bob);
    struct listener *dan = listens(b, &b->rt->f->dan);
    Id chat = make_chat(b->rt, b->rt->loops[1], 2);
    send_to(b, chat, 1);
    settle(b);
    assert_got(ann, "b.NEW:1 b.SEND:2 ");
    assert_got(bob, "b.NEW:1 b.SEND:2 ");
    assert_got(dan, "");
}

static void a_deleted_chat_is_told_of_last(void **state)
{
    struct bench *b = *state;
    struct listener *ann = listens(b, &b->rt->f->ann), *cleo = listens(b, &b->rt->f->cleo);
    sends(b, 1);
    struct publication *sent = publication_ref(b->latest);
    change(b, rule_end, &b->rt->f->ann, NULL);
    settle(b);
    assert_got(ann, "SEND:2 END:3 ");
    assert_got(cleo, "SEND:2 END:3 ");
    hub_deliver(b->hub, sent);
    assert_got(ann, "");
    publication_unref(&sent);
}

/* ----- coming and going ----- */

static void who_has_gone_gets_nothing(void **state)
{
    struct bench *b = *state;
    struct listener *ann = listens(b, &b->rt->f->ann), *phone = listens(b, &b->rt->f->ann);
    hub_unsubscribe(b->hub, &ann->m);
    hub_unsubscribe(b->hub, &ann->m);
    sends(b, 1);
    settle(b);
    assert_got(ann, "");
    assert_got(phone, "SEND:2 "); /* the user is still there */
    hub_remove(b->hub, &phone->m);
    hub_remove(b->hub, &phone->m);
    sends(b, 3);
    settle(b);
    assert_got(phone, "");

    hub_subscribe(b->hub, &ann->m); /* from now on; what was before is not its business */
    run_until(b->rt->loops[0], ann->answers == 2);
    sends(b, 1);
    settle(b);
    assert_got(ann, "ok SEND:6 ");
}

static void a_second_device_begins_at_once(void **state)
{
    struct bench *b = *state;
    struct listener *ann = listens(b, &b->rt->f->ann), *phone = arrives(b, &b->rt->f->ann);
    hub_subscribe(b->hub, &phone->m);
    assert_got(phone, "ok ");
    assert_int_equal(ann->answers, 1);
    sends(b, 1);
    settle(b);
    assert_got(phone, "SEND:2 ");
}

static void all_members_can_be_walked(void **state)
{
    struct bench *b = *state;
    const struct fixture *f = b->rt->f;
    const struct actor *actors[] = {&f->ann, &f->bob, &f->ann, &f->eve, &f->ann};
    int seen[LISTENERS] = {0};
    size_t at = 0, n = 0;
    assert_null(hub_next(b->hub, &at, NULL));
    for (size_t i = 0; i < countof(actors); i++)
        arrives(b, actors[i]);
    at = 0;
    for (struct hub_member *m = NULL; (m = hub_next(b->hub, &at, m)); n++)
        seen[(struct listener *)m - b->listeners]++;
    assert_int_equal(n, countof(actors));
    for (size_t i = 0; i < countof(actors); i++)
        assert_int_equal(seen[i], 1);
}

/* ----- revocations ----- */

enum { ANN_1, ANN_2, ANN_2_TOO, BOB_1, EVE_1, REVOCABLE };

/* Sign-ins are numbered by their names; none has subscribed, and must be found all the same. */
static void sign_in_all(struct bench *b)
{
    const struct fixture *f = b->rt->f;
    static const int64_t sign_ins[REVOCABLE] = {1, 2, 2, 1, 1};
    const struct actor *actors[REVOCABLE] = {&f->ann, &f->ann, &f->ann, &f->bob, &f->eve};
    for (int i = 0; i < REVOCABLE; i++)
        arrives(b, actors[i])->m.sign_in = sign_ins[i];
}

static void tell(struct bench *b, struct event draft)
{
    struct publication *p = publication_new();
    *event_add(&p->events, draft.type) = draft;
    hub_deliver(b->hub, p);
    publication_unref(&p);
}

/* The delays of those who must go; the others are not told. */
static void assert_revoked(struct bench *b, const int64_t delays[REVOCABLE])
{
    for (int i = 0; i < REVOCABLE; i++) {
        assert_int_equal(b->listeners[i].revoked, delays[i]);
        b->listeners[i].revoked = NOT_REVOKED;
    }
}

#define revoked(...)                                                                               \
    (const int64_t[REVOCABLE])                                                                     \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

static void a_revoked_sign_in_ends_its_sessions(void **state)
{
    struct bench *b = *state;
    const struct fixture *f = b->rt->f;
    sign_in_all(b);
    struct event e = {
        .type = EVENT_SESSION_REVOKED, .app = f->ann.app, .target = f->ann.user, .session = 2};
    tell(b, e);
    assert_revoked(b, revoked(-1, 0, 0, -1, -1));
    e.but_session = 2; /* the caller's own outlives its answer a little */
    tell(b, e);
    assert_revoked(b, revoked(-1, 500, 500, -1, -1));
    e.session = 0;
    tell(b, e);
    assert_revoked(b, revoked(0, 500, 500, -1, -1));
    e.session = 9;
    tell(b, e);
    assert_revoked(b, revoked(-1, -1, -1, -1, -1));
    e.target = f->dan.user; /* not here */
    tell(b, e);
    assert_revoked(b, revoked(-1, -1, -1, -1, -1));
}

static void a_user_who_is_gone_ends_all_of_its_own(void **state)
{
    struct bench *b = *state;
    const struct fixture *f = b->rt->f;
    sign_in_all(b);
    tell(b, (struct event){.type = EVENT_USER_GONE, .app = f->ann.app, .target = f->ann.user});
    assert_revoked(b, revoked(0, 0, 0, -1, -1));
    tell(b, (struct event){.type = EVENT_USER_GONE, .app = f->eve.app, .target = f->ann.user});
    assert_revoked(b, revoked(-1, -1, -1, -1, -1)); /* the number of a user of another app */
}

static void a_closed_app_ends_all_of_it(void **state)
{
    struct bench *b = *state;
    const struct fixture *f = b->rt->f;
    sign_in_all(b);
    tell(b, (struct event){.type = EVENT_APP_CLOSED, .app = f->ann.app});
    assert_revoked(b, revoked(0, 0, 0, 0, -1));
    tell(b, (struct event){.type = EVENT_APP_CLOSED, .app = f->eve.app});
    assert_revoked(b, revoked(-1, -1, -1, -1, 0));
}

/* How long it has after its sign-in ended in the commit that let it in; NOT_REVOKED: it stays. */
static int64_t comes_late(struct bench *b, const struct actor *a, int64_t sign_in, struct event e)
{
    struct listener late = {.revoked = NOT_REVOKED, .m.sign_in = sign_in};
    tell(b, e);
    hub_add(b->hub, &late.m, a->app, a->user, a->user_id);
    hub_remove(b->hub, &late.m);
    return late.revoked;
}

static void a_session_that_the_commit_of_its_end_let_in_does_not_stay(void **state)
{
    struct bench *b = *state;
    const struct fixture *f = b->rt->f;
    struct event e = {
        .type = EVENT_SESSION_REVOKED, .app = f->ann.app, .target = f->ann.user, .session = 2};
    assert_true(comes_late(b, &f->ann, 2, e) > 0);
    assert_int_equal(comes_late(b, &f->ann, 3, e), NOT_REVOKED);
    assert_int_equal(comes_late(b, &f->bob, 2, e), NOT_REVOKED);
    e.session = 0;
    assert_true(comes_late(b, &f->ann, 3, e) > 0);
    e = (struct event){.type = EVENT_USER_GONE, .app = f->ann.app, .target = f->cleo.user};
    assert_true(comes_late(b, &f->cleo, 1, e) > 0);
    assert_int_equal(comes_late(b, &f->dan, 1, e), NOT_REVOKED);
    e = (struct event){.type = EVENT_APP_CLOSED, .app = f->ann.app};
    assert_true(comes_late(b, &f->dan, 1, e) > 0);
    assert_int_equal(comes_late(b, &f->eve, 1, e), NOT_REVOKED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_hub(events_go_to_those_in_the_chat),
        with_hub(events_come_in_the_order_of_each_chat),
        with_hub(what_comes_again_is_dropped),
        with_hub(where_a_listener_has_got_to),
        with_hub(a_new_member_hears_of_its_own_joining),
        with_hub(who_leaves_hears_of_its_own_leaving),
        with_hub(joins_and_leaves_within_one_commit),
        with_hub(an_old_join_brings_no_one_back),
        with_hub(a_new_chat_reaches_all_its_members),
        with_hub(a_deleted_chat_is_told_of_last),
        with_hub(who_has_gone_gets_nothing),
        with_hub(a_second_device_begins_at_once),
        with_hub(all_members_can_be_walked),
        with_hub(a_revoked_sign_in_ends_its_sessions),
        with_hub(a_user_who_is_gone_ends_all_of_its_own),
        with_hub(a_session_that_the_commit_of_its_end_let_in_does_not_stay),
        with_hub(a_closed_app_ends_all_of_it),
    };
    alarm(WATCHDOG_S);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
