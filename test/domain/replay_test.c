/* What a user who was away is told of: each case leaves, things happen, and it comes back. */
#include "domain/replay.h"

#include "domain/fixture.h"

enum { BYTES = 1024 * 1024 };

SQL(test_crowd, "insert into users (app, uuid, username, username_key, email, email_key, password,"
                " created_at) with recursive n (i) as"
                " (select 1 union all select i + 1 from n where i < $2)"
                " select $1, randomblob(16), 'm' || i, 'm' || i, 'm' || i, 'm' || i, 'crowd', 0"
                " from n");
SQL(test_crowd_reads,
    "insert into members (app, chat, user_id, joined_seq, joined_at, read_seq, read_position)"
    " select u.app, c.id, u.id, 1, 0, $3, $4 + u.id from users u, chats c"
    " where u.app = $1 and c.uuid = $2 and u.password = 'crowd'");
SQL(test_crowd_count, "update chats set member_count = $2 where uuid = $1");
SQL(test_lose, "delete from messages where id = $1");

SQL(test_come_and_go, "insert into members (app, chat, user_id, joined_seq, joined_at, left_seq)"
                      " with recursive n (i) as"
                      " (select 1 union all select i + 1 from n where i < $4)"
                      " select $1, c.id, $3, -i, 0, c.last_seq from n, chats c where c.uuid = $2");

/* A page of a plan that has lost nothing. */
static Err page(struct fixture *f, const struct replay *r, size_t *at, size_t n, size_t bytes,
                struct event_list *out)
{
    bool lost;
    Err err = replay_page(&f->tx, r, at, n, bytes, out, &lost);
    assert_false(lost);
    return err;
}

/* Everything that is due to a user, all pages. */
static struct replay replayed(struct fixture *f, const struct actor *a, struct replay_cursor from)
{
    struct replay r;
    assert_ok(replay_plan(step(f), a->app, a->user, &from, &r));
    for (size_t at = 0; at < r.n_entries;)
        assert_ok(page(f, &r, &at, 3, BYTES, &f->events));
    return r;
}

static struct replay_cursor now(struct fixture *f)
{
    int64_t position = db_last_position(f->db);
    return (struct replay_cursor){.kind = REPLAY_PLAN, .position = position, .marks = position};
}

static void expect(struct fixture *f, const enum event_type *types, size_t n)
{
    int64_t position = 0;
    for (size_t i = 0; i < f->events.n && i < n; i++) {
        const struct event *e = &f->events.items[i];
        if (e->type != types[i])
            fail_msg("event %zu is of type %d, not %d", i, (int)e->type, (int)types[i]);
        if (e->seq)
            assert_true(e->position > position);
        position = e->seq ? e->position : position;
    }
    assert_int_equal(f->events.n, n);
}

#define expect_types(f, ...)                                                                       \
    expect((f), (const enum event_type[]){__VA_ARGS__},                                            \
           sizeof((enum event_type[]){__VA_ARGS__}) / sizeof(enum event_type))

static const struct event *item(struct fixture *f, size_t i)
{
    assert_true(i < f->events.n);
    return &f->events.items[i];
}

/* ----- what is due ----- */

static void all_chats_in_the_order_of_the_log(void **state)
{
    struct fixture *f = *state;
    Id one = new_chat(f, "Ann", "Bob"), two = new_chat(f, "Ann", "Bob", "Cleo");
    new_chat(f, "Ann", "Cleo");
    say(f, &f->ann, one, "before");
    struct replay_cursor left = now(f);
    for (int i = 0; i < 4; i++) {
        say(f, &f->ann, one, "one");
        say(f, &f->cleo, two, "two");
    }
    struct replay r = replayed(f, &f->bob, left);
    assert_true(r.complete);
    assert_int_equal(r.position, db_last_position(f->db));
    assert_int_equal(r.n_chats, 2);
    expect_types(f, EVENT_SEND_MSG, EVENT_SEND_MSG, EVENT_SEND_MSG, EVENT_SEND_MSG, EVENT_SEND_MSG,
                 EVENT_SEND_MSG, EVENT_SEND_MSG, EVENT_SEND_MSG);
    for (size_t i = 0; i < 8; i++) {
        assert_id(item(f, i)->chat_id, i % 2 ? two : one);
        assert_text(item(f, i)->text, i % 2 ? "two" : "one");
    }
}

static void nothing_new(void **state)
{
    struct fixture *f = *state;
    say(f, &f->ann, new_chat(f, "Ann", "Bob"), "seen");
    struct replay r = replayed(f, &f->bob, now(f));
    assert_true(r.complete);
    assert_int_equal(f->events.n, 0);
    assert_int_equal(r.n_chats, 1);
    assert_int_equal(r.chats[0].last_seq, 2);
}

static void each_position_of_a_cursor(void **state)
{
    struct fixture *f = *state;
    Id chat = new_chat(f, "Ann", "Bob");
    say(f, &f->ann, chat, "one");
    int64_t position = only_event(f, EVENT_SEND_MSG)->position;
    say(f, &f->ann, chat, "two");
    replayed(
        f, &f->bob,
        (struct replay_cursor){.kind = REPLAY_STORED, .position = position, .marks = position});
    expect_types(f, EVENT_SEND_MSG);
    replayed(f, &f->bob,
             (struct replay_cursor){
                 .kind = REPLAY_UNSTORED, .position = position - 1, .marks = position - 1});
    expect_types(f, EVENT_SEND_MSG, EVENT_SEND_MSG);
    assert_text(item(f, 0)->text, "one");
}

static void a_cursor_past_an_undone_change(void **state)
{
    struct fixture *f = *state;
    Id chat = new_chat(f, "Ann", "Bob");
    struct tx *tx = step(f);
    db_savepoint(f->db);
    assert_ok(chat_rename(tx, &f->ann, chat, S("New")));
    assert_true(db_undo(f->db));
    event_truncate(&f->events, 0);
    assert_ok(message_typing(tx, &f->ann, chat));
    int64_t typing = only_event(f, EVENT_TYPING)->position;
    struct replay r = replayed(
        f, &f->bob,
        (struct replay_cursor){.kind = REPLAY_UNSTORED, .position = typing, .marks = typing});
    assert_true(r.complete);
    assert_int_equal(f->events.n, 0);
    say(f, &f->ann, chat, "after");
    replayed(f, &f->bob,
             (struct replay_cursor){.kind = REPLAY_UNSTORED, .position = typing, .marks = typing});
    expect_types(f, EVENT_SEND_MSG);
}

static void a_stranger_gets_nothing(void **state)
{
    struct fixture *f = *state;
    say(f, &f->ann, new_chat(f, "Ann", "Bob"), "theirs");
    struct replay_cursor start = {.kind = REPLAY_UNSTORED, .position = 0, .marks = 0};
    assert_int_equal(replayed(f, &f->dan, start).n_chats, 0);
    assert_int_equal(f->events.n, 0);
    assert_int_equal(replayed(f, &f->eve, start).n_chats, 0);
    assert_int_equal(f->events.n, 0);
}

/* ----- times of membership ----- */

static void joining_and_leaving_are_included_and_nothing_outside(void **state)
{
    struct fixture *f = *state;
    Id chat = new_chat(f, "Ann", "Bob");
    struct replay_cursor left = now(f);
    say(f, &f->ann, chat, "before Cleo");
    assert_ok(chat_add(step(f), &f->ann, chat, S("Cleo")));
    say(f, &f->ann, chat, "with Cleo");
    assert_ok(chat_remove(step(f), &f->ann, chat, f->cleo.user_id));
    say(f, &f->ann, chat, "without Cleo");
    assert_ok(chat_add(step(f), &f->ann, chat, S("cleo")));
    say(f, &f->ann, chat, "Cleo again");
    struct replay r = replayed(f, &f->cleo, left);
    assert_true(r.complete);
    expect_types(f, EVENT_USER_JOIN, EVENT_SEND_MSG, EVENT_USER_LEAVE, EVENT_USER_JOIN,
                 EVENT_SEND_MSG);
    assert_int_equal(item(f, 0)->seq, 3);
    assert_id(item(f, 0)->target_id, f->cleo.user_id);
    assert_text(item(f, 0)->username, "Cleo");
    assert_text(item(f, 1)->text, "with Cleo");
    assert_int_equal(item(f, 2)->seq, 5);
    assert_text(item(f, 2)->text, "Cleo left the Chat");
    assert_int_equal(item(f, 3)->seq, 7);
    assert_text(item(f, 4)->text, "Cleo again");
    replayed(f, &f->bob, left);
    assert_int_equal(f->events.n, 7);
}

static void own_leaving_only_when_it_is_new(void **state)
{
    struct fixture *f = *state;
    Id chat = new_chat(f, "Ann", "Bob", "Cleo");
    struct replay_cursor before = now(f);
    assert_ok(chat_remove(step(f), &f->cleo, chat, f->cleo.user_id));
    struct replay_cursor after = now(f);
    say(f, &f->ann, chat, "without Cleo");
    replayed(f, &f->cleo, before);
    expect_types(f, EVENT_USER_LEAVE);
    struct replay r = replayed(f, &f->cleo, after);
    assert_true(r.complete);
    assert_int_equal(f->events.n, 0);
    assert_int_equal(r.n_chats, 0);
}

static void a_new_chat_from_its_first_event(void **state)
{
    struct fixture *f = *state;
    struct replay_cursor before = now(f);
    say(f, &f->ann, new_chat(f, "Ann", "Bob"), "hello");
    replayed(f, &f->bob, before);
    expect_types(f, EVENT_NEW_CHAT, EVENT_SEND_MSG);
    assert_text(item(f, 0)->text, "Chat");
    assert_int_equal(item(f, 0)->seq, 1);
}

static void a_deleted_chat_says_so_and_nothing_of_what_was_said(void **state)
{
    struct fixture *f = *state;
    Id chat = new_chat(f, "Ann", "Bob");
    struct replay_cursor before = now(f);
    say(f, &f->ann, chat, "secret");
    assert_ok(chat_delete(step(f), &f->ann, chat));
    struct replay r = replayed(f, &f->bob, before);
    assert_true(r.complete);
    expect_types(f, EVENT_SEND_MSG, EVENT_DELETE_CHAT);
    assert_null(item(f, 0)->text.p);
    bool more = true;
    while (more)
        assert_ok(chat_sweep(step(f), CHAT_SWEEP, &more));
    replayed(f, &f->bob, before);
    expect_types(f, EVENT_SEND_MSG, EVENT_DELETE_CHAT);
    assert_null(item(f, 0)->text.p);
    replayed(f, &f->bob, now(f));
    assert_int_equal(f->events.n, 0);
}

/* ----- as it is now ----- */

static void deleted_and_edited_messages(void **state)
{
    struct fixture *f = *state;
    Id chat = new_chat(f, "Ann", "Bob");
    struct replay_cursor before = now(f);
    Id gone = say(f, &f->ann, chat, "secret"), kept = say(f, &f->ann, chat, "first");
    assert_ok(message_react(step(f), &f->ann, chat, gone, S("+1")));
    assert_ok(message_edit(step(f), &f->ann, chat, gone, S("secret still")));
    assert_ok(message_edit(step(f), &f->ann, chat, kept, S("second")));
    assert_ok(message_edit(step(f), &f->ann, chat, kept, S("third")));
    assert_ok(message_delete(step(f), &f->ann, chat, gone));
    replayed(f, &f->bob, before);
    expect_types(f, EVENT_SEND_MSG, EVENT_SEND_MSG, EVENT_REACT, EVENT_EDIT_MSG, EVENT_EDIT_MSG,
                 EVENT_EDIT_MSG, EVENT_DELETE_MSG);
    assert_null(item(f, 0)->text.p);
    assert_text(item(f, 1)->text, "third");
    assert_null(item(f, 2)->text.p);
    assert_null(item(f, 3)->text.p);
    assert_text(item(f, 4)->text, "third");
    assert_text(item(f, 5)->text, "third");
    for (size_t i = 0; i < 7; i++)
        assert_int_equal(item(f, i)->seq, i + 2);
}

static void a_page_ends_when_it_is_large(void **state)
{
    struct fixture *f = *state;
    Id chat = new_chat(f, "Ann", "Bob");
    struct replay_cursor before = now(f);
    static char text[9001];
    memset(text, 'x', 9000);
    for (int i = 0; i < 64; i++)
        say(f, &f->ann, chat, text);
    struct replay r;
    assert_ok(replay_plan(step(f), f->bob.app, f->bob.user, &before, &r));
    size_t at = 0, pages = 0;
    for (; at < r.n_entries; pages++) {
        struct event_list list = {.arena = ARENA(200 * 1024 + REPLAY_SPARE)};
        size_t from = at;
        assert_ok(page(f, &r, &at, REPLAY_PAGE, 200 * 1024, &list));
        assert_int_equal(list.n, at - from);
        event_list_free(&list);
    }
    assert_int_equal(at, 64);
    assert_true(pages > 1);
}

/* ----- too old, too much, unknown ----- */

static void expect_resync(struct fixture *f, const struct replay *r, size_t n)
{
    assert_false(r->complete);
    assert_int_equal(r->n_entries, 0);
    assert_int_equal(r->n_read, 0);
    assert_int_equal(r->n_resync, n);
    assert_int_equal(f->events.n, 0);
}

static void an_unknown_cursor_names_all_chats(void **state)
{
    struct fixture *f = *state;
    Id one = new_chat(f, "Ann", "Bob"), two = new_chat(f, "Ann", "Bob");
    Id left = new_chat(f, "Ann", "Bob", "Cleo"), deleted = new_chat(f, "Ann", "Bob");
    assert_ok(chat_remove(step(f), &f->bob, left, f->bob.user_id));
    assert_ok(chat_delete(step(f), &f->ann, deleted));
    int64_t last = db_last_position(f->db);
    const struct replay_cursor cursors[] = {
        {.kind = REPLAY_UNKNOWN, .position = 0, .marks = 0},
        {.kind = REPLAY_STORED, .position = last + 1, .marks = last + 1},
        {.kind = REPLAY_UNSTORED, .position = last + 100000, .marks = last + 100000},
        {.kind = REPLAY_PLAN, .position = last - 1, .marks = last + 100000},
    };
    for (size_t i = 0; i < countof(cursors); i++) {
        struct replay r = replayed(f, &f->bob, cursors[i]);
        expect_resync(f, &r, 2);
        assert_id(r.resync[0], one);
        assert_id(r.resync[1], two);
        assert_int_equal(r.n_chats, 2);
    }
}

static void too_much_names_the_chats_with_news(void **state)
{
    struct fixture *f = *state;
    Id busy = new_chat(f, "Ann", "Bob"), quiet = new_chat(f, "Ann", "Bob");
    Id other = new_chat(f, "Ann", "Bob");
    Id read = say(f, &f->bob, quiet, "seen by all");
    assert_ok(message_read(step(f), &f->ann, quiet, read));
    for (int i = 0; i < 5; i++)
        say(f, &f->ann, other, "before"); /* so that the mark is long past */
    struct replay_cursor left = now(f);
    for (int i = 0; i < 5; i++)
        say(f, &f->ann, busy, "much");
    say(f, &f->ann, other, "a little");
    f->rules.replay_events = 6;
    assert_true(replayed(f, &f->bob, left).complete);
    assert_int_equal(f->events.n, 6);
    for (f->rules.replay_events = 5; f->rules.replay_events; f->rules.replay_events--) {
        struct replay r = replayed(f, &f->bob, left);
        expect_resync(f, &r, 2);
        assert_id(r.resync[0], busy);
        assert_id(r.resync[1], other);
        assert_int_equal(r.n_chats, 3);
    }
}

/* Others may do that to a user. */
static void in_and_out_of_too_many_chats_names_those_it_is_in(void **state)
{
    struct fixture *f = *state;
    new_chat(f, "Bob", "Ann");
    Id in = new_chat(f, "Ann", "Cleo"), out = new_chat(f, "Ann", "Bob");
    struct replay_cursor left = now(f);
    say(f, &f->ann, out, "new");
    assert_ok(chat_rename(step(f), &f->ann, out, S("Renamed")));
    db_run(f->db, &test_come_and_go,
           ARGS(v_int(f->ann.app), v_id(out), v_int(f->cleo.user), v_int(CHAT_HEADS + 1)));
    f->rules.replay_events = 10;
    struct arena arena = ARENA(64 * 1024 * 1024);
    step(f)->arena = &arena;
    struct replay r;
    assert_ok(replay_plan(&f->tx, f->ann.app, f->cleo.user, &left, &r));
    assert_false(r.complete);
    assert_int_equal(r.n_resync, 1);
    assert_id(r.resync[0], in);
    arena_free(&arena);
    f->tx.arena = &f->arena;
}

static void marks_count_too(void **state)
{
    struct fixture *f = *state;
    Id chat = new_chat(f, "Ann", "Bob");
    struct replay_cursor left = now(f);
    Id message = say(f, &f->ann, chat, "hi");
    assert_ok(message_read(step(f), &f->ann, chat, message));
    f->rules.replay_events = 1;
    struct replay r = replayed(f, &f->bob, left);
    expect_resync(f, &r, 1);
}

static void too_old_is_decided_by_what_was_pruned(void **state)
{
    struct fixture *f = *state;
    Id chat = new_chat(f, "Ann", "Bob");
    struct replay_cursor old = now(f);
    assert_ok(chat_rename(step(f), &f->ann, chat, S("Pruned")));
    struct replay_cursor edge = now(f);
    say(f, &f->ann, chat, "kept");
    f->tx.now += f->rules.log_retention - 2000;
    assert_ok(chat_rename(step(f), &f->ann, chat, S("Kept")));
    assert_true(replayed(f, &f->bob, old).complete);
    bool more = true;
    while (more)
        assert_ok(chat_sweep(step(f), CHAT_SWEEP, &more));
    struct replay r = replayed(f, &f->bob, old);
    expect_resync(f, &r, 1);
    assert_true(replayed(f, &f->bob, edge).complete);
    expect_types(f, EVENT_SEND_MSG, EVENT_CHAT_RENAMED);
}

static void what_is_pruned_while_pages_are_read_is_noticed(void **state)
{
    struct fixture *f = *state;
    Id chat = new_chat(f, "Ann", "Bob");
    struct replay_cursor old = now(f);
    for (int i = 0; i < 6; i++)
        assert_ok(chat_rename(step(f), &f->ann, chat, i % 2 ? S("Odd") : S("Even")));
    struct replay r;
    size_t at = 0;
    assert_ok(replay_plan(step(f), f->bob.app, f->bob.user, &old, &r));
    assert_true(r.complete);
    assert_ok(page(f, &r, &at, 2, BYTES, &f->events));
    assert_int_equal(f->events.n, 2);
    f->tx.now += f->rules.log_retention + 10000;
    for (bool more = true; more;)
        assert_ok(chat_sweep(step(f), CHAT_SWEEP, &more));
    bool lost;
    assert_ok(replay_page(step(f), &r, &at, 2, BYTES, &f->events, &lost));
    assert_true(lost);
    assert_int_equal(f->events.n, 0);
}

/* Whatever the reason: what was planned and is not there is not passed over. */
static void a_row_that_is_missing_from_a_page_is_noticed(void **state)
{
    struct fixture *f = *state;
    Id chat = new_chat(f, "Ann", "Bob");
    struct replay_cursor old = now(f);
    for (int i = 0; i < 6; i++)
        say(f, &f->ann, chat, "x");
    struct replay r;
    size_t at = 0;
    assert_ok(replay_plan(step(f), f->bob.app, f->bob.user, &old, &r));
    db_run(f->db, &test_lose, ARGS(v_int(r.entries[3].position)));
    bool lost;
    assert_ok(replay_page(step(f), &r, &at, 3, BYTES, &f->events, &lost));
    assert_false(lost);
    assert_int_equal(f->events.n, 3);
    assert_ok(replay_page(step(f), &r, &at, 3, BYTES, &f->events, &lost));
    assert_true(lost);
}

static void a_chat_that_was_deleted_leaves_no_gap(void **state)
{
    struct fixture *f = *state;
    Id chat = new_chat(f, "Ann", "Bob");
    struct replay_cursor left = now(f);
    for (int i = 0; i < 4; i++)
        say(f, &f->ann, chat, "gone by now");
    assert_ok(chat_delete(step(f), &f->ann, chat));
    for (bool more = true; more;)
        assert_ok(chat_sweep(step(f), CHAT_SWEEP, &more));
    assert_true(replayed(f, &f->bob, left).complete);
    expect_types(f, EVENT_SEND_MSG, EVENT_SEND_MSG, EVENT_SEND_MSG, EVENT_SEND_MSG,
                 EVENT_DELETE_CHAT);
    for (size_t i = 0; i < 4; i++) {
        assert_null(item(f, i)->text.p);
        assert_int_equal(item(f, i)->seq, i + 2);
    }
}

static void the_end_of_a_deleted_chat_makes_older_cursors_too_old(void **state)
{
    struct fixture *f = *state;
    Id chat = new_chat(f, "Ann", "Bob");
    Id kept = new_chat(f, "Ann", "Bob");
    struct replay_cursor old = now(f);
    assert_ok(chat_delete(step(f), &f->ann, chat));
    f->tx.now += f->rules.log_retention + 1000;
    say(f, &f->ann, kept, "later");
    bool more = true;
    while (more)
        assert_ok(chat_sweep(step(f), CHAT_SWEEP, &more));
    struct replay r = replayed(f, &f->bob, old);
    expect_resync(f, &r, 1);
    assert_id(r.resync[0], kept);
}

/* ----- read marks ----- */

static void marks_that_moved_come_once_and_in_their_place(void **state)
{
    struct fixture *f = *state;
    Id chat = new_chat(f, "Ann", "Bob", "Cleo");
    Id first = say(f, &f->ann, chat, "one");
    assert_ok(message_read(step(f), &f->bob, chat, first));
    say(f, &f->ann, chat, "between");
    struct replay_cursor left = now(f);
    assert_ok(message_read(step(f), &f->cleo, chat, first));
    Id second = say(f, &f->ann, chat, "two");
    assert_ok(message_read(step(f), &f->cleo, chat, second));
    say(f, &f->ann, chat, "three");
    struct replay r = replayed(f, &f->ann, left);
    assert_true(r.complete);
    expect_types(f, EVENT_SEND_MSG, EVENT_READ_MSG, EVENT_SEND_MSG);
    const struct event *e = item(f, 1);
    assert_id(e->message_id, second);
    assert_id(e->sender_id, f->cleo.user_id);
    assert_id(e->chat_id, chat);
    assert_int_equal(e->target, f->ann.user);
    assert_int_equal(e->seq, 0);
    assert_true(e->position > item(f, 0)->position && e->position < item(f, 2)->position);
    const struct replay_cursor end = {
        .kind = REPLAY_PLAN, .position = r.position, .marks = r.marks_end};
    replayed(f, &f->ann, end);
    assert_int_equal(f->events.n, 0);
    assert_ok(message_read(step(f), &f->bob, chat, second));
    replayed(f, &f->ann, end);
    expect_types(f, EVENT_READ_MSG);
    assert_id(item(f, 0)->sender_id, f->bob.user_id);
}

/* A replay that is cut: the last event that arrived is a good cursor for markers too. */
static void each_event_of_a_replay_is_a_cursor_for_marks_too(void **state)
{
    struct fixture *f = *state;
    enum { MESSAGES = 6 };
    Id chat = new_chat(f, "Ann", "Bob", "Cleo", "Dan");
    const struct actor *readers[] = {&f->bob, &f->cleo, &f->dan};
    replay_note_time(step(f), 1000);
    struct replay_cursor left = now(f);
    for (int i = 0; i < MESSAGES; i++) {
        Id id = say(f, &f->ann, chat, "hi");
        replay_note_time(step(f), 10000 * (i + 1));
        if (i % 2)
            assert_ok(message_read(step(f), readers[i / 2], chat, id));
    }
    struct replay whole = replayed(f, &f->ann, left);
    assert_int_equal(whole.n_entries, MESSAGES + countof(readers));
    for (size_t cut = 0; cut < whole.n_entries; cut++) {
        struct replay_cursor at = {.kind = whole.entries[cut].seq ? REPLAY_STORED : REPLAY_UNSTORED,
                                   .position = whole.entries[cut].position};
        struct replay rest = replayed(f, &f->ann, at);
        assert_true(rest.complete);
        assert_true(rest.n_entries >= whole.n_entries - cut - 1);
        for (size_t i = 1; i < whole.n_entries - cut; i++)
            assert_int_equal(rest.entries[rest.n_entries - i].position,
                             whole.entries[whole.n_entries - i].position);
    }
}

static void a_mark_that_an_event_overtook(void **state)
{
    struct fixture *f = *state;
    Id chat = new_chat(f, "Ann", "Bob");
    Id first = say(f, &f->ann, chat, "one");
    replay_note_time(step(f), 10000);
    say(f, &f->ann, chat, "two");
    assert_ok(message_read(step(f), &f->bob, chat, first));
    say(f, &f->ann, chat, "three");
    int64_t position = only_event(f, EVENT_SEND_MSG)->position;
    replay_note_time(step(f), 10900);
    replayed(f, &f->ann,
             (struct replay_cursor){.kind = REPLAY_PLAN, .position = position, .marks = position});
    assert_int_equal(f->events.n, 0);
    replayed(f, &f->ann, (struct replay_cursor){.kind = REPLAY_STORED, .position = position});
    expect_types(f, EVENT_READ_MSG);
    say(f, &f->ann, chat, "four");
    position = only_event(f, EVENT_SEND_MSG)->position;
    replay_note_time(step(f), 12000);
    replayed(f, &f->ann, (struct replay_cursor){.kind = REPLAY_STORED, .position = position});
    assert_int_equal(f->events.n, 0);
}

/* However much happens in that second, in whichever app. */
static void a_mark_that_much_of_others_overtook(void **state)
{
    struct fixture *f = *state;
    Id chat = new_chat(f, "Ann", "Bob"), others = new_chat(f, "Ann", "Cleo");
    Id first = say(f, &f->ann, chat, "one");
    replay_note_time(step(f), 10000);
    assert_ok(message_read(step(f), &f->bob, chat, first));
    for (int i = 0; i < 1500; i++)
        say(f, &f->cleo, others, "much");
    say(f, &f->ann, chat, "two");
    int64_t position = only_event(f, EVENT_SEND_MSG)->position;
    replay_note_time(step(f), 10900);
    replayed(f, &f->ann, (struct replay_cursor){.kind = REPLAY_STORED, .position = position});
    expect_types(f, EVENT_READ_MSG);
}

static void marks_from_before_one_joined_are_not_news(void **state)
{
    struct fixture *f = *state;
    Id chat = new_chat(f, "Ann", "Bob");
    struct replay_cursor left = now(f);
    Id message = say(f, &f->ann, chat, "one");
    assert_ok(message_read(step(f), &f->bob, chat, message));
    assert_ok(chat_add(step(f), &f->ann, chat, S("Cleo")));
    replayed(f, &f->cleo, left);
    expect_types(f, EVENT_USER_JOIN);
    assert_ok(message_read(step(f), &f->ann, chat, message));
    replayed(f, &f->cleo, left);
    expect_types(f, EVENT_USER_JOIN, EVENT_READ_MSG);
    assert_ok(chat_remove(step(f), &f->cleo, chat, f->cleo.user_id));
    replayed(f, &f->cleo, left);
    expect_types(f, EVENT_USER_JOIN, EVENT_USER_LEAVE);
}

static void a_crowd_hears_only_of_its_own(void **state)
{
    struct fixture *f = *state;
    enum { MORE = EVENT_READ_CROWD };
    Id chat = new_chat(f, "Ann", "Bob", "Cleo");
    for (int i = 0; i < MORE; i++) {
        char name[32];
        snprintf(name, sizeof name, "user%d", i);
        fixture_actor(f, f->ann.app, name);
        assert_ok(chat_add(step(f), &f->ann, chat, str_of(name)));
    }
    Id message = say(f, &f->ann, chat, "hello all");
    struct replay_cursor left = now(f);
    assert_ok(message_read(step(f), &f->bob, chat, message));
    for (int i = 0; i < 3; i++) { /* past what may have been overtaken */
        replayed(f, i == 0 ? &f->ann : i == 1 ? &f->bob : &f->cleo, left);
        assert_int_equal(f->events.n, i == 2 ? 0 : 1);
    }
}

/* However many others have read something else since. */
static void in_a_crowd_ones_own_mark_is_not_crowded_out(void **state)
{
    struct fixture *f = *state;
    enum { MANY = 1500 };
    Id chat = new_chat(f, "Ann", "Bob", "Cleo");
    Id hers = say(f, &f->ann, chat, "read by Bob");
    say(f, &f->cleo, chat, "read by all others");
    struct replay_cursor left = now(f);
    assert_ok(message_read(step(f), &f->bob, chat, hers));
    db_run(f->db, &test_crowd, ARGS(v_int(f->ann.app), v_int(MANY)));
    db_run(f->db, &test_crowd_reads,
           ARGS(v_int(f->ann.app), v_id(chat), v_int(3), v_int(db_last_position(f->db))));
    db_run(f->db, &test_crowd_count, ARGS(v_id(chat), v_int(MANY + 3)));
    assert_true(replayed(f, &f->ann, left).complete);
    assert_int_equal(f->events.n, 1);
    assert_int_equal(item(f, 0)->sender, f->bob.user);
    replayed(f, &f->cleo, left);
    assert_int_equal(f->events.n, MANY);
}

/* ----- who may ask ----- */

static void a_suspended_app(void **state)
{
    struct fixture *f = *state;
    new_chat(f, "Ann", "Bob");
    struct replay_cursor from = now(f);
    struct replay r;
    db_run(f->db, &fixture_status, ARGS(v_int(f->ann.app), v_text(S("SUSPENDED"))));
    assert_err(replay_plan(step(f), f->ann.app, f->ann.user, &from, &r), ERR_APP_SUSPENDED);
}

static void a_deleted_user(void **state)
{
    struct fixture *f = *state;
    Id chat = new_chat(f, "Ann", "Bob");
    struct replay_cursor from = now(f);
    say(f, &f->ann, chat, "hi");
    db_run(f->db, &fixture_delete_user, ARGS(v_int(f->bob.user), v_int(1)));
    replayed(f, &f->bob, from);
    assert_int_equal(f->events.n, 0);
}

#define row(test) cmocka_unit_test_setup_teardown(test, fixture_open, fixture_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        row(all_chats_in_the_order_of_the_log),
        row(nothing_new),
        row(each_position_of_a_cursor),
        row(a_cursor_past_an_undone_change),
        row(a_stranger_gets_nothing),
        row(joining_and_leaving_are_included_and_nothing_outside),
        row(own_leaving_only_when_it_is_new),
        row(a_new_chat_from_its_first_event),
        row(a_deleted_chat_says_so_and_nothing_of_what_was_said),
        row(deleted_and_edited_messages),
        row(a_page_ends_when_it_is_large),
        row(an_unknown_cursor_names_all_chats),
        row(too_much_names_the_chats_with_news),
        row(in_and_out_of_too_many_chats_names_those_it_is_in),
        row(marks_count_too),
        row(too_old_is_decided_by_what_was_pruned),
        row(what_is_pruned_while_pages_are_read_is_noticed),
        row(a_row_that_is_missing_from_a_page_is_noticed),
        row(a_chat_that_was_deleted_leaves_no_gap),
        row(the_end_of_a_deleted_chat_makes_older_cursors_too_old),
        row(marks_that_moved_come_once_and_in_their_place),
        row(each_event_of_a_replay_is_a_cursor_for_marks_too),
        row(a_mark_that_an_event_overtook),
        row(a_mark_that_much_of_others_overtook),
        row(marks_from_before_one_joined_are_not_news),
        row(a_crowd_hears_only_of_its_own),
        row(in_a_crowd_ones_own_mark_is_not_crowded_out),
        row(a_suspended_app),
        row(a_deleted_user),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
