/* Sending, changing, reacting and reading messages, on a real database. */
#include "domain/fixture.h"

#include "base/clock.h"

SQL(test_usage, "select messages from usage_days where app = $1 and day = $2");
SQL(test_activity, "select activity_at from chats where app = $1 and uuid = $2");
SQL(test_last_seq, "select last_seq from chats where app = $1 and uuid = $2");
SQL(test_reaction_rows, "select count(*) from reactions r join chats c on c.id = r.chat"
                        " where c.app = $1 and c.uuid = $2");
SQL(test_reaction_fill,
    "insert into reactions (app, chat, message_seq, uuid, user_id, reaction, created_at)"
    " select $1, c.id, $3, randomblob(16), u.id, 'x' || $4, 0 from chats c"
    " join users u on u.app = c.app and u.username = 'Cleo'"
    " where c.app = $1 and c.uuid = $2");

SQL(test_texts_in_log, "select count(*) from events where type in (2, 6) and text is not null");

static void post_all(struct tx *tx, struct message_post *posts, size_t n)
{
    struct message_post *list[16];
    assert_true(n <= countof(list));
    for (size_t i = 0; i < n; i++)
        list[i] = &posts[i];
    message_post(tx, list, n);
}

static int64_t number(struct fixture *f, const struct db_sql *sql, Id chat)
{
    return db_number(f->db, sql, ARGS(v_int(f->ann.app), v_id(chat)));
}

static void history(struct fixture *f, const struct actor *a, Id chat, struct message_page *page)
{
    assert_ok(message_history(step(f), a, chat, 50, (Id){{0}}, page));
}

/* The stored events of the chat with these seqs, in a list of its own. */
static void replay(struct fixture *f, Id chat, int64_t from, int64_t to, struct event_list *out)
{
    struct chat_head *heads;
    size_t n;
    *out = (struct event_list){.arena = ARENA(FIXTURE_ARENA)};
    assert_ok(chat_heads(step(f), f->ann.app, f->ann.user, &heads, &n));
    (void)chat;
    assert_int_equal(n, 1);
    assert_ok(message_replay(&f->tx, f->ann.app, heads[0].chat, from, to, 1000, out));
}

/* Sending */

static void a_message_is_stored_and_told(void **state)
{
    struct fixture *f = *state;
    Id chat = new_chat(f, "Ann", "Bob");
    struct message_post post = fixture_post(&f->ann, chat, "Hello, w\xc3\xb6rld");
    post_all(step(f), &post, 1);
    assert_ok(post.err);
    assert_null(post.repeated);
    const struct event *e = only_event(f, EVENT_SEND_MSG);
    assert_int_equal(e->app, f->ann.app);
    assert_int_equal(e->seq, 2);
    assert_int_equal(e->time, f->tx.now);
    assert_int_equal(e->sender, f->ann.user);
    assert_id(e->sender_id, f->ann.user_id);
    assert_id(e->chat_id, chat);
    assert_id(e->message_id, post.message_id);
    assert_int_equal(e->position, db_last_position(f->db));
    assert_text(e->text, "Hello, w\xc3\xb6rld");
    assert_int_equal(e->client_message_id.n, 0);
    assert_null(e->original);

    struct message_page page;
    history(f, &f->bob, chat, &page);
    assert_int_equal(page.n, 1);
    assert_id(page.items[0].id, post.message_id);
    assert_id(page.items[0].sender_id, f->ann.user_id);
    assert_int_equal(page.items[0].time, f->tx.now - 1000);
    assert_text(page.items[0].text, "Hello, w\xc3\xb6rld");
    assert_int_equal(page.mark_seq, 2);
}

static void a_refused_post_refuses_nothing_else(void **state)
{
    struct fixture *f = *state;
    Id chat = new_chat(f, "Ann", "Bob"), other = new_chat(f, "Ann", "Cleo");
    Id deleted = say(f, &f->ann, chat, "gone");
    assert_ok(message_delete(step(f), &f->ann, chat, deleted));
    char *longest = mem_alloc(20004);
    for (int i = 0; i < 10001; i++)
        memcpy(longest + 2 * i, "\xc3\xa9", 2);
    struct message_post posts[] = {
        fixture_post(&f->ann, chat, "one"),   fixture_post(&f->cleo, chat, "not a member"),
        fixture_post(&f->bob, chat, "two"),   fixture_post(&f->ann, id_new(0), "no such chat"),
        fixture_post(&f->cleo, other, "one"), fixture_post(&f->eve, chat, "of another app"),
        fixture_post(&f->ann, chat, ""),      fixture_post(&f->ann, chat, longest),
        fixture_post(&f->bob, chat, "three"), fixture_post(&f->bob, chat, "reply to the deleted"),
        fixture_post(&f->ann, other, "two"),  fixture_post(&f->bob, chat, "bad client id"),
        fixture_post(&f->ann, chat, longest),
    };
    posts[9].reply_to = deleted;
    char client_id[66] = {0};
    memset(client_id, 'x', 65);
    posts[11].client_message_id = str_of(client_id);
    posts[12].text.n = 20000;
    static const Err errs[] = {ERR_OK,
                               ERR_NOT_A_MEMBER,
                               ERR_OK,
                               ERR_CHAT_NOT_FOUND,
                               ERR_OK,
                               ERR_CHAT_NOT_FOUND,
                               ERR_INVALID_FIELD,
                               ERR_MESSAGE_TOO_LONG,
                               ERR_OK,
                               ERR_MESSAGE_NOT_FOUND,
                               ERR_OK,
                               ERR_INVALID_FIELD,
                               ERR_OK};
    post_all(step(f), posts, countof(posts));
    for (size_t i = 0; i < countof(posts); i++)
        assert_err(posts[i].err, errs[i]);
    assert_int_equal(posts[0].why.n, 0);
    assert_text(posts[7].why, "message is 1 to 10000 characters.");
    assert_text(posts[11].why, "clientMessageId is 1 to 64 characters.");
    assert_int_equal(f->tx.why.n, 0);

    /* In the batch's order, without holes, and the chats do not touch each other. */
    static const struct {
        size_t post;
        int64_t seq;
    } sent[] = {{0, 4}, {2, 5}, {4, 2}, {8, 6}, {10, 3}, {12, 7}};
    assert_int_equal(f->events.n, countof(sent));
    int64_t position = 0;
    for (size_t i = 0; i < countof(sent); i++) {
        const struct event *e = &f->events.items[i];
        assert_id(e->message_id, posts[sent[i].post].message_id);
        assert_int_equal(e->seq, sent[i].seq);
        assert_true(e->position > position);
        position = e->position;
    }
    assert_int_equal(number(f, &test_last_seq, chat), 7);
    assert_int_equal(number(f, &test_last_seq, other), 3);
    mem_free(longest);
}

static void sent_messages_are_counted_by_app_and_day(void **state)
{
    struct fixture *f = *state;
    Id chat = new_chat(f, "Ann", "Bob"), other = new_chat(f, "Ann", "Cleo");
    for (int i = 0; i < 2; i++) {
        struct message_post posts[] = {fixture_post(&f->ann, chat, "a"),
                                       fixture_post(&f->ann, other, "b"),
                                       fixture_post(&f->dan, other, "refused")};
        post_all(step(f), posts, countof(posts));
    }
    assert_int_equal(
        db_number(f->db, &test_usage, ARGS(v_int(f->ann.app), v_int(clock_day(f->tx.now)))), 4);
    assert_int_equal(
        db_number(f->db, &test_usage, ARGS(v_int(f->eve.app), v_int(clock_day(f->tx.now)))), 0);
}

static void time_in_a_chat_never_goes_back(void **state)
{
    struct fixture *f = *state;
    Id chat = new_chat(f, "Ann", "Bob");
    say(f, &f->ann, chat, "now");
    int64_t last = f->tx.now;
    f->tx.now -= 3600 * 1000;
    say(f, &f->ann, chat, "the clock was set back");
    assert_int_equal(only_event(f, EVENT_SEND_MSG)->time, last);
    assert_int_equal(number(f, &test_activity, chat), last);
}

static void a_clock_that_was_a_year_ahead_pins_no_later_times(void **state)
{
    struct fixture *f = *state;
    Id chat = new_chat(f, "Ann", "Bob");
    int64_t present = f->tx.now;
    f->tx.now += 365 * FIXTURE_DAY;
    say(f, &f->ann, chat, "from next year");
    f->tx.now = present;
    say(f, &f->ann, chat, "now");
    const struct event *e = only_event(f, EVENT_SEND_MSG);
    assert_true(e->time >= present && e->time < present + FIXTURE_DAY);
    int64_t said = e->time;
    assert_int_equal(number(f, &test_activity, chat), said);
    say(f, &f->ann, chat, "and on");
    assert_true(only_event(f, EVENT_SEND_MSG)->time > said);
    struct message_page page; /* the order is that of seq, whatever the times are */
    assert_ok(message_history(step(f), &f->bob, chat, 10, (Id){0}, &page));
    assert_int_equal(page.n, 3);
    assert_text(page.items[2].text, "from next year");
    assert_ok(chat_rename(step(f), &f->ann, chat, S("new name")));
    e = only_event(f, EVENT_CHAT_RENAMED);
    assert_true(e->time > said && e->time < present + FIXTURE_DAY);
}

static void a_suspended_app_sends_nothing(void **state)
{
    struct fixture *f = *state;
    Id chat = new_chat(f, "Ann", "Bob");
    db_run(step(f)->db, &fixture_status, ARGS(v_int(f->ann.app), v_text(S("SUSPENDED"))));
    struct message_post post = fixture_post(&f->ann, chat, "Hello");
    post_all(step(f), &post, 1);
    assert_err(post.err, ERR_APP_SUSPENDED);
    struct message_page page;
    assert_err(message_history(&f->tx, &f->ann, chat, 1, (Id){{0}}, &page), ERR_APP_SUSPENDED);
    assert_err(message_typing(&f->tx, &f->ann, chat), ERR_APP_SUSPENDED);
    db_run(step(f)->db, &fixture_delete_app, ARGS(v_int(f->ann.app)));
    post_all(step(f), &post, 1);
    assert_err(post.err, ERR_AUTH_INVALID_TOKEN);
    assert_int_equal(f->events.n, 0);
}

static void a_failing_store_accepts_nothing(void **state)
{
    struct fixture *f = *state;
    Id chat = new_chat(f, "Ann", "Bob");
    struct message_page page;
    struct message_post post = fixture_post(&f->ann, chat, "Hello");
    db_run(step(f)->db, &fixture_app, ARGS(v_null, v_int(1))); /* breaks a constraint */
    assert_true(db_failed(f->db));
    post_all(&f->tx, &post, 1);
    assert_err(post.err, ERR_INTERNAL);
    assert_err(message_history(&f->tx, &f->ann, chat, 1, (Id){{0}}, &page), ERR_INTERNAL);
    assert_err(message_typing(&f->tx, &f->ann, chat), ERR_INTERNAL);
    db_rollback(f->db);
    db_begin(f->db);
}

/* Retries */

static struct message_post retry(const struct actor *a, Id chat, const char *text, const char *id)
{
    struct message_post p = fixture_post(a, chat, text);
    p.client_message_id = str_of(id);
    return p;
}

static void a_retry_is_one_message(void **state)
{
    struct fixture *f = *state;
    Id chat = new_chat(f, "Ann", "Bob"), other = new_chat(f, "Ann", "Bob");
    struct message_post first = retry(&f->ann, chat, "Hello", "id-1");
    post_all(step(f), &first, 1);
    assert_ok(first.err);
    const struct event told = *only_event(f, EVENT_SEND_MSG);
    assert_text(told.client_message_id, "id-1");

    struct message_post posts[] = {
        retry(&f->ann, chat, "Hello", "id-1"),   /* the same */
        retry(&f->ann, chat, "Goodbye", "id-1"), /* another text */
        retry(&f->bob, chat, "Hello", "id-1"),   /* of another user */
        retry(&f->ann, other, "Hello", "id-1"),  /* in another chat */
        retry(&f->ann, chat, "Hello", "id-2"),
        retry(&f->ann, chat, "Hello", "id-1"), /* a reply is not the same */
    };
    posts[5].reply_to = first.message_id;
    post_all(step(f), posts, countof(posts));
    assert_ok(posts[0].err);
    assert_id(posts[0].message_id, first.message_id);
    const struct event *e = posts[0].repeated;
    assert_non_null(e);
    assert_int_equal(e->type, EVENT_SEND_MSG);
    assert_int_equal(e->seq, told.seq);
    assert_int_equal(e->position, told.position);
    assert_int_equal(e->time, told.time);
    assert_int_equal(e->chat, told.chat);
    assert_id(e->chat_id, chat);
    assert_id(e->sender_id, f->ann.user_id);
    assert_text(e->text, "Hello");
    assert_text(e->client_message_id, "id-1");
    assert_err(posts[1].err, ERR_CLIENT_MESSAGE_MISMATCH);
    for (size_t i = 2; i < 5; i++) {
        assert_ok(posts[i].err);
        assert_null(posts[i].repeated);
    }
    assert_err(posts[5].err, ERR_CLIENT_MESSAGE_MISMATCH);
    assert_int_equal(f->events.n, 3);
    assert_int_equal(number(f, &test_last_seq, chat), 4);
}

static void doubles_within_a_batch_are_one_message(void **state)
{
    struct fixture *f = *state;
    Id chat = new_chat(f, "Ann", "Bob");
    struct message_post posts[] = {
        retry(&f->ann, chat, "Hello", "id"),    retry(&f->bob, chat, "between", "id"),
        retry(&f->ann, chat, "Hello", "id"),    retry(&f->ann, chat, "Hello you", "id"),
        retry(&f->ann, chat, "other", "other"), retry(&f->ann, chat, "Hello", "id"),
    };
    post_all(step(f), posts, countof(posts));
    static const bool repeats[] = {false, false, true, false, false, true};
    for (size_t i = 0; i < countof(posts); i++) {
        assert_err(posts[i].err, i == 3 ? ERR_CLIENT_MESSAGE_MISMATCH : ERR_OK);
        assert_true(!posts[i].repeated == !repeats[i]);
    }
    assert_int_equal(f->events.n, 3);
    assert_id(posts[2].message_id, posts[0].message_id);
    assert_id(posts[5].repeated->message_id, posts[0].message_id);
    assert_int_equal(posts[5].repeated->seq, 2);
    assert_int_equal(posts[5].repeated->position, f->events.items[0].position);
    assert_int_equal(f->events.items[2].seq, 4);
}

static void the_double_of_a_refused_post_is_sent(void **state)
{
    struct fixture *f = *state;
    Id chat = new_chat(f, "Ann", "Bob");
    struct message_post posts[] = {retry(&f->ann, chat, "Hello", "id"),
                                   retry(&f->ann, chat, "Hello", "id")};
    posts[0].reply_to = id_new(0);
    post_all(step(f), posts, countof(posts));
    assert_err(posts[0].err, ERR_MESSAGE_NOT_FOUND);
    assert_ok(posts[1].err);
    assert_null(posts[1].repeated);
    only_event(f, EVENT_SEND_MSG);
}

static void a_retry_after_an_edit_or_deletion_is_believed(void **state)
{
    struct fixture *f = *state;
    Id chat = new_chat(f, "Ann", "Bob");
    struct message_post edited = retry(&f->ann, chat, "one", "id-1"),
                        deleted = retry(&f->ann, chat, "two", "id-2");
    post_all(step(f), &edited, 1);
    post_all(step(f), &deleted, 1);
    assert_ok(message_edit(step(f), &f->ann, chat, edited.message_id, S("one, mended")));
    assert_ok(message_delete(step(f), &f->ann, chat, deleted.message_id));
    struct message_post posts[] = {edited, deleted};
    post_all(step(f), posts, countof(posts));
    assert_ok(posts[0].err);
    assert_text(posts[0].repeated->text, "one, mended");
    assert_ok(posts[1].err);
    assert_null(posts[1].repeated->text.p);
    assert_int_equal(f->events.n, 0);
}

static void a_client_id_is_forgotten_after_its_time(void **state)
{
    struct fixture *f = *state;
    Id chat = new_chat(f, "Ann", "Bob");
    struct message_post post = retry(&f->ann, chat, "Hello", "id");
    post_all(step(f), &post, 1);
    Id first = post.message_id;
    f->tx.now += FIXTURE_DAY - 2000;
    post_all(step(f), &post, 1);
    assert_id(post.message_id, first);
    post_all(step(f), &post, 1);
    assert_ok(post.err);
    assert_null(post.repeated);
    assert_false(id_eq(post.message_id, first));
}

/* Replies */

static void a_reply_carries_its_original(void **state)
{
    struct fixture *f = *state;
    Id chat = new_chat(f, "Ann", "Bob"), other = new_chat(f, "Ann", "Bob");
    Id original = say(f, &f->ann, chat, "Hello, world!"), elsewhere = say(f, &f->ann, other, "x");
    int64_t said = f->tx.now - 1000;
    struct message_post posts[] = {fixture_post(&f->bob, chat, "I agree!"),
                                   fixture_post(&f->bob, chat, "to one of another chat")};
    posts[0].reply_to = original;
    posts[0].client_message_id = S("id");
    posts[1].reply_to = elsewhere;
    post_all(step(f), posts, countof(posts));
    assert_err(posts[1].err, ERR_MESSAGE_NOT_FOUND);
    const struct event *e = only_event(f, EVENT_REPLY);
    assert_id(e->original->message_id, original);
    assert_id(e->original->sender_id, f->ann.user_id);
    assert_int_equal(e->original->time, said);
    assert_int_equal(e->original->edited_at, 0);
    assert_text(e->original->text, "Hello, world!");

    assert_ok(message_edit(step(f), &f->ann, chat, original, S("Hello!")));
    struct message_page page;
    history(f, &f->ann, chat, &page);
    assert_text(page.items[0].reply_to->text, "Hello!");
    assert_int_equal(page.items[0].reply_to->edited_at, page.items[1].edited_at);
    assert_true(page.items[1].edited_at > 0);
    post_all(step(f), posts, 1);
    assert_int_equal(posts[0].repeated->type, EVENT_REPLY);
    assert_text(posts[0].repeated->original->text, "Hello!");

    assert_ok(message_delete(step(f), &f->ann, chat, original));
    history(f, &f->ann, chat, &page);
    assert_int_equal(page.n, 1);
    assert_null(page.items[0].reply_to);
    post_all(step(f), posts, 1);
    assert_ok(posts[0].err);
    assert_null(posts[0].repeated->original);
    posts[0].reply_to = posts[0].message_id;
    post_all(step(f), posts, 1);
    assert_err(posts[0].err, ERR_CLIENT_MESSAGE_MISMATCH);
}

static void a_double_reply_in_a_batch_carries_its_original(void **state)
{
    struct fixture *f = *state;
    Id chat = new_chat(f, "Ann", "Bob");
    Id original = say(f, &f->ann, chat, "Hello");
    struct message_post posts[] = {retry(&f->bob, chat, "Yes", "id"),
                                   retry(&f->bob, chat, "Yes", "id")};
    posts[0].reply_to = posts[1].reply_to = original;
    post_all(step(f), posts, countof(posts));
    only_event(f, EVENT_REPLY);
    assert_text(posts[1].repeated->original->text, "Hello");
}

/* Changing */

static void only_the_sender_edits(void **state)
{
    struct fixture *f = *state;
    Id chat = new_chat(f, "Ann", "Bob", "Cleo");
    Id id = say(f, &f->bob, chat, "Helo");
    assert_err(message_edit(step(f), &f->ann, chat, id, S("x")), ERR_NOT_THE_SENDER);
    assert_err(message_edit(step(f), &f->dan, chat, id, S("x")), ERR_NOT_A_MEMBER);
    assert_err(message_edit(step(f), &f->eve, chat, id, S("x")), ERR_CHAT_NOT_FOUND);
    assert_err(message_edit(step(f), &f->bob, chat, id_new(0), S("x")), ERR_MESSAGE_NOT_FOUND);
    assert_err(message_edit(step(f), &f->bob, chat, id, S("")), ERR_INVALID_FIELD);
    assert_int_equal(f->events.n, 0);
    for (int i = 0; i < 2; i++) { /* the same text again is a change too */
        assert_ok(message_edit(step(f), &f->bob, chat, id, S("Hello")));
        const struct event *e = only_event(f, EVENT_EDIT_MSG);
        assert_int_equal(e->seq, 3 + i);
        assert_int_equal(e->time, f->tx.now);
        assert_id(e->message_id, id);
        assert_id(e->sender_id, f->bob.user_id);
        assert_text(e->text, "Hello");
    }
    struct message_page page;
    history(f, &f->ann, chat, &page);
    assert_text(page.items[0].text, "Hello");
    assert_int_equal(page.items[0].edited_at, f->tx.now - 1000);
    assert_ok(message_delete(step(f), &f->bob, chat, id));
    assert_err(message_edit(step(f), &f->bob, chat, id, S("x")), ERR_MESSAGE_NOT_FOUND);
}

static void sender_or_creator_deletes(void **state)
{
    struct fixture *f = *state;
    Id chat = new_chat(f, "Ann", "Bob", "Cleo");
    Id first = say(f, &f->bob, chat, "one"), second = say(f, &f->cleo, chat, "two");
    int64_t said = f->tx.now - 1000;
    assert_err(message_delete(step(f), &f->bob, chat, second), ERR_NOT_THE_SENDER);
    assert_ok(message_delete(step(f), &f->ann, chat, second));
    const struct event *e = only_event(f, EVENT_DELETE_MSG);
    assert_int_equal(e->seq, 4);
    assert_id(e->message_id, second);
    assert_id(e->sender_id, f->ann.user_id);
    assert_int_equal(number(f, &test_activity, chat), said);
    /* Deleted again: done, and nobody hears of it. */
    assert_ok(message_delete(step(f), &f->cleo, chat, second));
    assert_err(message_delete(step(f), &f->bob, chat, second), ERR_NOT_THE_SENDER);
    assert_int_equal(f->events.n, 0);
    assert_ok(message_delete(step(f), &f->bob, chat, first));
    struct message_page page;
    history(f, &f->bob, chat, &page);
    assert_int_equal(page.n, 0);
    assert_int_equal(page.mark_seq, 0);
    assert_int_equal(number(f, &test_activity, chat), FIXTURE_START + 1000);
    assert_err(message_delete(step(f), &f->bob, chat, id_new(0)), ERR_MESSAGE_NOT_FOUND);
}

/* Reactions */

static void reactions_come_and_go(void **state)
{
    struct fixture *f = *state;
    Id chat = new_chat(f, "Ann", "Bob"), message = say(f, &f->ann, chat, "Hello");
    assert_ok(message_react(step(f), &f->bob, chat, message, S("\xf0\x9f\x91\x8d")));
    const struct event *e = only_event(f, EVENT_REACT);
    Id reaction = e->message_id;
    assert_int_equal(e->seq, 3);
    assert_id(e->parent_id, message);
    assert_id(e->sender_id, f->bob.user_id);
    assert_text(e->text, "\xf0\x9f\x91\x8d");
    assert_ok(message_react(step(f), &f->bob, chat, message, S("\xf0\x9f\x91\x8d")));
    assert_int_equal(f->events.n, 0);
    assert_ok(message_react(step(f), &f->ann, chat, message, S("\xf0\x9f\x91\x8d")));
    assert_ok(message_react(step(f), &f->bob, chat, message, S(":-)")));
    struct message_page page;
    history(f, &f->ann, chat, &page);
    assert_int_equal(page.items[0].n_reactions, 3);
    assert_id(page.items[0].reactions[0].id, reaction);
    assert_id(page.items[0].reactions[0].sender_id, f->bob.user_id);
    assert_id(page.items[0].reactions[1].sender_id, f->ann.user_id);
    assert_text(page.items[0].reactions[2].reaction, ":-)");

    assert_err(message_unreact(step(f), &f->ann, reaction), ERR_NOT_THE_OWNER);
    assert_err(message_unreact(step(f), &f->dan, reaction), ERR_NOT_A_MEMBER);
    assert_err(message_unreact(step(f), &f->eve, reaction), ERR_REACTION_NOT_FOUND);
    assert_ok(message_unreact(step(f), &f->bob, reaction));
    e = only_event(f, EVENT_DELETE_REACT);
    assert_id(e->message_id, reaction);
    assert_id(e->sender_id, f->bob.user_id);
    assert_int_equal(e->seq, 6);
    /* It was there: done. To anyone else, and if it never was, it is unknown. */
    assert_ok(message_unreact(step(f), &f->bob, reaction));
    assert_err(message_unreact(step(f), &f->ann, reaction), ERR_REACTION_NOT_FOUND);
    assert_err(message_unreact(step(f), &f->bob, id_new(0)), ERR_REACTION_NOT_FOUND);
    assert_int_equal(f->events.n, 0);
    /* The same again is a new one. */
    assert_ok(message_react(step(f), &f->bob, chat, message, S("\xf0\x9f\x91\x8d")));
    assert_false(id_eq(only_event(f, EVENT_REACT)->message_id, reaction));
}

static void reactions_go_with_their_message(void **state)
{
    struct fixture *f = *state;
    Id chat = new_chat(f, "Ann", "Bob"), message = say(f, &f->ann, chat, "Hello");
    assert_ok(message_react(step(f), &f->bob, chat, message, S("+")));
    Id reaction = only_event(f, EVENT_REACT)->message_id;
    assert_ok(message_delete(step(f), &f->ann, chat, message));
    assert_int_equal(number(f, &test_reaction_rows, chat), 0);
    assert_err(message_react(step(f), &f->bob, chat, message, S("+")), ERR_MESSAGE_NOT_FOUND);
    assert_ok(message_unreact(step(f), &f->bob, reaction));
    assert_int_equal(f->events.n, 0);
}

static void reactions_have_limits(void **state)
{
    struct fixture *f = *state;
    Id chat = new_chat(f, "Ann", "Bob"), message = say(f, &f->ann, chat, "Hello");
    char text[65];
    memset(text, 'x', sizeof text);
    assert_err(message_react(step(f), &f->bob, chat, message, S("")), ERR_INVALID_FIELD);
    assert_err(message_react(step(f), &f->bob, chat, message, str_from(text, 65)),
               ERR_INVALID_FIELD);
    for (size_t i = 0; i < MESSAGE_REACTIONS_OF_USER; i++)
        assert_ok(message_react(step(f), &f->bob, chat, message, str_from(text, 64 - i)));
    assert_err(message_react(step(f), &f->bob, chat, message, S("y")), ERR_FORBIDDEN);
    assert_ok(message_react(step(f), &f->bob, chat, message, str_from(text, 64)));
    for (int64_t i = MESSAGE_REACTIONS_OF_USER; i < MESSAGE_REACTIONS; i++)
        db_run(f->db, &test_reaction_fill, ARGS(v_int(f->ann.app), v_id(chat), v_int(2), v_int(i)));
    assert_err(message_react(step(f), &f->ann, chat, message, S("y")), ERR_FORBIDDEN);
    assert_ok(message_delete(step(f), &f->ann, chat, message));
    assert_int_equal(number(f, &test_reaction_rows, chat), 0);
}

/* Marks */

static void a_mark_only_moves_forward(void **state)
{
    struct fixture *f = *state;
    Id chat = new_chat(f, "Ann", "Bob", "Cleo"), other = new_chat(f, "Ann", "Bob");
    Id one = say(f, &f->ann, chat, "one"), two = say(f, &f->cleo, chat, "two");
    Id three = say(f, &f->ann, chat, "three"), elsewhere = say(f, &f->ann, other, "x");
    int64_t position = db_last_position(f->db);
    assert_ok(message_read(step(f), &f->bob, chat, two));
    const struct event *e = only_event(f, EVENT_READ_MSG);
    assert_int_equal(e->seq, 0);
    assert_int_equal(e->position, position + 1); /* its own, though it is not in the log */
    assert_int_equal(e->sender, f->bob.user);
    assert_id(e->sender_id, f->bob.user_id);
    assert_id(e->message_id, two);
    assert_int_equal(e->target, f->cleo.user);
    assert_int_equal(e->audience, 3);
    assert_ok(message_read(step(f), &f->bob, chat, one));
    assert_ok(message_read(step(f), &f->bob, chat, two));
    assert_int_equal(f->events.n, 0);
    assert_err(message_read(step(f), &f->bob, chat, elsewhere), ERR_MESSAGE_NOT_FOUND);
    assert_err(message_read(step(f), &f->dan, chat, one), ERR_NOT_A_MEMBER);
    /* A deleted message is as good a mark as any. */
    assert_ok(message_delete(step(f), &f->ann, chat, three));
    assert_ok(message_read(step(f), &f->bob, chat, three));
    assert_id(only_event(f, EVENT_READ_MSG)->message_id, three);
    /* Two marks and the deletion; what changed nothing took no position. */
    assert_int_equal(db_last_position(f->db), position + 3);
}

static void history_says_where_the_mark_should_move(void **state)
{
    struct fixture *f = *state;
    Id chat = new_chat(f, "Ann", "Bob");
    say(f, &f->ann, chat, "one");
    Id two = say(f, &f->ann, chat, "two");
    struct message_page page;
    history(f, &f->bob, chat, &page);
    assert_int_equal(page.mark_seq, 3);
    assert_ok(message_mark(step(f), &f->bob, chat, page.mark_seq));
    assert_id(only_event(f, EVENT_READ_MSG)->message_id, two);
    assert_ok(message_mark(step(f), &f->bob, chat, page.mark_seq));
    assert_int_equal(f->events.n, 0);
    history(f, &f->bob, chat, &page);
    assert_int_equal(page.mark_seq, 0);
    assert_ok(message_history(step(f), &f->bob, chat, 50, two, &page));
    assert_int_equal(page.n, 1);
    assert_int_equal(page.mark_seq, 0);
    /* Sending has moved no mark of the sender. */
    history(f, &f->ann, chat, &page);
    assert_int_equal(page.mark_seq, 3);
}

static void typing_is_told_and_not_stored(void **state)
{
    struct fixture *f = *state;
    Id chat = new_chat(f, "Ann", "Bob");
    int64_t position = db_last_position(f->db);
    assert_ok(message_typing(step(f), &f->bob, chat));
    const struct event *e = only_event(f, EVENT_TYPING);
    assert_int_equal(e->seq, 0);
    assert_int_equal(e->position, position);
    assert_int_equal(e->sender, f->bob.user);
    assert_id(e->chat_id, chat);
    assert_int_equal(number(f, &test_last_seq, chat), 1);
    assert_ok(message_typing(&f->tx, &f->bob, chat));
    assert_int_not_equal(f->events.items[0].number, f->events.items[1].number);
    assert_err(message_typing(step(f), &f->cleo, chat), ERR_NOT_A_MEMBER);
}

/* History */

static void history_goes_back_page_by_page(void **state)
{
    struct fixture *f = *state;
    Id chat = new_chat(f, "Ann", "Bob"), ids[7];
    for (size_t i = 0; i < countof(ids); i++) {
        char text[] = {(char)('a' + (int)i), 0};
        ids[i] = say(f, &f->ann, chat, text);
    }
    assert_ok(message_delete(step(f), &f->ann, chat, ids[3]));
    assert_ok(message_react(step(f), &f->bob, chat, ids[5], S("+")));
    assert_ok(message_react(step(f), &f->bob, chat, ids[2], S("-")));
    struct message_page page;
    assert_ok(message_history(step(f), &f->bob, chat, 2, (Id){{0}}, &page));
    assert_int_equal(page.n, 2);
    assert_text(page.items[0].text, "g");
    assert_text(page.items[1].text, "f");
    assert_int_equal(page.items[0].n_reactions, 0);
    assert_text(page.items[1].reactions[0].reaction, "+");
    assert_ok(message_history(step(f), &f->bob, chat, 3, page.items[1].id, &page));
    assert_int_equal(page.n, 3);
    assert_text(page.items[0].text, "e");
    assert_text(page.items[1].text, "c");
    assert_text(page.items[2].text, "b");
    assert_text(page.items[1].reactions[0].reaction, "-");
    /* A deleted message is a good cursor; one of another chat, or none, is not. */
    assert_ok(message_history(step(f), &f->bob, chat, 100, ids[3], &page));
    assert_int_equal(page.n, 3);
    assert_text(page.items[0].text, "c");
    assert_ok(message_history(step(f), &f->bob, chat, 100, ids[0], &page));
    assert_int_equal(page.n, 0);
    assert_err(message_history(step(f), &f->bob, chat, 1, id_new(0), &page), ERR_UNKNOWN_CURSOR);
    Id elsewhere = say(f, &f->ann, new_chat(f, "Ann", "Bob"), "x");
    assert_err(message_history(step(f), &f->bob, chat, 1, elsewhere, &page), ERR_UNKNOWN_CURSOR);
    assert_err(message_history(step(f), &f->bob, chat, 0, (Id){{0}}, &page), ERR_INVALID_FIELD);
    assert_ok(message_history(step(f), &f->bob, chat, MESSAGE_PAGE + 1, (Id){{0}}, &page));
    assert_err(message_history(step(f), &f->dan, chat, 1, (Id){{0}}, &page), ERR_NOT_A_MEMBER);
}

static void nothing_of_a_deleted_user_is_seen(void **state)
{
    struct fixture *f = *state;
    Id chat = new_chat(f, "Ann", "Bob", "Cleo");
    Id kept = say(f, &f->ann, chat, "Ann's"), gone = say(f, &f->bob, chat, "Bob's");
    struct message_post reply = fixture_post(&f->ann, chat, "to Bob");
    reply.reply_to = gone;
    post_all(step(f), &reply, 1);
    assert_ok(message_react(step(f), &f->bob, chat, kept, S("+")));
    assert_ok(message_react(step(f), &f->ann, chat, gone, S("+")));
    Id reaction = only_event(f, EVENT_REACT)->message_id;
    db_run(step(f)->db, &fixture_delete_user, ARGS(v_int(f->bob.user), v_int(f->tx.now)));
    struct message_page page;
    history(f, &f->cleo, chat, &page);
    assert_int_equal(page.n, 2);
    assert_text(page.items[0].text, "to Bob");
    assert_null(page.items[0].reply_to);
    assert_int_equal(page.items[1].n_reactions, 0);
    struct message_post posts[] = {fixture_post(&f->bob, chat, "from the grave"),
                                   fixture_post(&f->ann, chat, "reply")};
    posts[1].reply_to = gone;
    post_all(step(f), posts, countof(posts));
    assert_err(posts[0].err, ERR_NOT_A_MEMBER);
    assert_err(posts[1].err, ERR_MESSAGE_NOT_FOUND);
    assert_err(message_react(step(f), &f->ann, chat, gone, S("+")), ERR_MESSAGE_NOT_FOUND);
    assert_ok(message_unreact(step(f), &f->ann, reaction)); /* gone with its message */
    assert_int_equal(f->events.n, 0);
    /* Its messages are deleted ones: still good cursors, their seq still told. */
    assert_ok(message_history(step(f), &f->cleo, chat, 5, gone, &page));
    assert_int_equal(page.n, 1);
    struct event_list list;
    replay(f, chat, 0, 100, &list);
    assert_int_equal(list.n, 6);
    assert_int_equal(list.items[2].type, EVENT_SEND_MSG);
    assert_null(list.items[2].text.p);
    assert_id(list.items[2].sender_id, f->bob.user_id);
    assert_null(list.items[3].original);
    assert_null(list.items[4].text.p); /* its reaction */
    assert_null(list.items[5].text.p); /* and one to its message */
    event_list_free(&list);
}

/* Replay */

static void replay_fills_a_hole(void **state)
{
    struct fixture *f = *state;
    Id chat = new_chat(f, "Ann", "Bob");                                     /* 1 */
    Id one = say(f, &f->ann, chat, "one");                                   /* 2 */
    Id two = say(f, &f->bob, chat, "two");                                   /* 3 */
    assert_ok(message_react(step(f), &f->bob, chat, one, S("+")));           /* 4 */
    assert_ok(message_edit(step(f), &f->ann, chat, one, S("first")));        /* 5 */
    assert_ok(message_edit(step(f), &f->ann, chat, one, S("one, at last"))); /* 6 */
    assert_ok(chat_add(step(f), &f->ann, chat, S("cleo")));                  /* 7 */
    struct message_post reply = fixture_post(&f->cleo, chat, "to one");      /* 8 */
    reply.reply_to = one;
    reply.client_message_id = S("id");
    post_all(step(f), &reply, 1);
    assert_ok(message_edit(step(f), &f->bob, chat, two, S("2")));  /* 9 */
    assert_ok(message_react(step(f), &f->ann, chat, one, S("-"))); /* 10 */
    Id reaction = only_event(f, EVENT_REACT)->message_id;
    assert_ok(message_delete(step(f), &f->bob, chat, two));           /* 11 */
    assert_ok(message_unreact(step(f), &f->ann, reaction));           /* 12 */
    assert_ok(chat_rename(step(f), &f->cleo, chat, S("Named anew"))); /* 13 */
    assert_ok(chat_remove(step(f), &f->ann, chat, f->cleo.user_id));  /* 14 */
    static const struct {
        enum event_type type;
        const char *text; /* NULL: none, or deleted */
    } expected[] = {
        {EVENT_NEW_CHAT, "Chat"},
        {EVENT_SEND_MSG, "one, at last"},
        {EVENT_SEND_MSG, NULL},
        {EVENT_REACT, "+"},
        {EVENT_EDIT_MSG, "one, at last"},
        {EVENT_EDIT_MSG, "one, at last"},
        {EVENT_USER_JOIN, NULL},
        {EVENT_REPLY, "to one"},
        {EVENT_EDIT_MSG, NULL},
        {EVENT_REACT, NULL},
        {EVENT_DELETE_MSG, NULL},
        {EVENT_DELETE_REACT, NULL},
        {EVENT_CHAT_RENAMED, "Named anew"},
        {EVENT_USER_LEAVE, "Cleo left the Chat"},
    };
    struct event_list list;
    replay(f, chat, 0, 14, &list);
    assert_int_equal(list.n, countof(expected));
    int64_t position = 0;
    for (size_t i = 0; i < list.n; i++) {
        const struct event *e = &list.items[i];
        assert_int_equal(e->seq, i + 1);
        assert_int_equal(e->type, expected[i].type);
        assert_int_equal(e->app, f->ann.app);
        assert_id(e->chat_id, chat);
        assert_true(e->position > position && e->time > 0 && e->sender > 0);
        position = e->position;
        if (expected[i].text)
            assert_text(e->text, expected[i].text);
        else
            assert_null(e->text.p);
    }
    const struct event *e = list.items;
    assert_int_equal(e[0].n_members, 2);
    assert_int_equal(e[0].members[0], f->ann.user);
    assert_int_equal(e[0].members[1], f->bob.user);
    assert_id(e[3].parent_id, one);
    assert_id(e[5].message_id, one);
    assert_id(e[6].target_id, f->cleo.user_id);
    assert_int_equal(e[6].target, f->cleo.user);
    assert_text(e[6].username, "Cleo");
    assert_id(e[7].message_id, reply.message_id);
    assert_id(e[7].original->message_id, one);
    assert_text(e[7].original->text, "one, at last");
    assert_text(e[7].client_message_id, "id");
    assert_id(e[10].sender_id, f->bob.user_id);
    assert_id(e[11].message_id, reaction);
    assert_int_equal(e[13].target, f->cleo.user);
    event_list_free(&list);

    /* The log has no copy of what can be deleted. */
    assert_int_equal(db_number(f->db, &test_texts_in_log, (struct db_values){0}), 0);
    struct chat_head *heads;
    size_t n;
    assert_ok(chat_heads(&f->tx, f->ann.app, f->ann.user, &heads, &n));
    list = (struct event_list){.arena = ARENA(FIXTURE_ARENA)};
    assert_ok(message_replay(&f->tx, f->ann.app, heads[0].chat, 3, 13, 4, &list));
    assert_int_equal(list.n, 4);
    assert_int_equal(list.items[0].seq, 4);
    assert_int_equal(list.items[3].seq, 7);
    assert_ok(message_replay(&f->tx, f->ann.app, heads[0].chat, 12, 13, 4, &list));
    assert_int_equal(list.n, 5);
    assert_ok(message_replay(&f->tx, f->eve.app, heads[0].chat, 0, 13, 4, &list));
    assert_int_equal(list.n, 5);
    event_list_free(&list);
}

static void replay_ends_before_its_arena_is_full(void **state)
{
    struct fixture *f = *state;
    Id chat = new_chat(f, "Ann", "Bob");
    enum { MESSAGES = 100, ARENA_MAX = 2 * 1024 * 1024 };
    char *text = mem_alloc(40001);
    for (size_t i = 0; i < 40000; i += 4)
        memcpy(text + i, "\xf0\x9f\x98\x80", 4);
    Id original = say(f, &f->ann, chat, text);
    for (int i = 0; i < MESSAGES; i++) {
        struct message_post reply = fixture_post(&f->bob, chat, text);
        reply.reply_to = original;
        post_all(step(f), &reply, 1);
        assert_ok(reply.err);
        arena_free(&f->arena);
    }
    struct chat_head *heads;
    size_t n, reads = 0;
    assert_ok(chat_heads(step(f), f->ann.app, f->ann.user, &heads, &n));
    int64_t row_number = heads[0].chat, seq = 0;
    do {
        struct event_list list = {.arena = ARENA(ARENA_MAX)};
        assert_ok(message_replay(&f->tx, f->ann.app, row_number, seq, 1000, 1000, &list));
        n = list.n;
        for (size_t i = 0; i < n; i++)
            assert_int_equal(list.items[i].seq, ++seq);
        event_list_free(&list);
        reads++;
    } while (n);
    assert_int_equal(seq, MESSAGES + 2);
    assert_in_range(reads, 5, 20);
    mem_free(text);
}

#define row(test) cmocka_unit_test_setup_teardown(test, fixture_open, fixture_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        row(a_message_is_stored_and_told),
        row(a_refused_post_refuses_nothing_else),
        row(sent_messages_are_counted_by_app_and_day),
        row(time_in_a_chat_never_goes_back),
        row(a_clock_that_was_a_year_ahead_pins_no_later_times),
        row(a_suspended_app_sends_nothing),
        row(a_failing_store_accepts_nothing),
        row(a_retry_is_one_message),
        row(doubles_within_a_batch_are_one_message),
        row(the_double_of_a_refused_post_is_sent),
        row(a_retry_after_an_edit_or_deletion_is_believed),
        row(a_client_id_is_forgotten_after_its_time),
        row(a_reply_carries_its_original),
        row(a_double_reply_in_a_batch_carries_its_original),
        row(only_the_sender_edits),
        row(sender_or_creator_deletes),
        row(reactions_come_and_go),
        row(reactions_go_with_their_message),
        row(reactions_have_limits),
        row(a_mark_only_moves_forward),
        row(history_says_where_the_mark_should_move),
        row(typing_is_told_and_not_stored),
        row(history_goes_back_page_by_page),
        row(nothing_of_a_deleted_user_is_seen),
        row(replay_fills_a_hole),
        row(replay_ends_before_its_arena_is_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
