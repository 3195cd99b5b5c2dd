/* Chats: who is in them, what their members are told, and how they go, on a real database. */
#include "domain/chat_counts.h"
#include "domain/fixture.h"

SQL(test_member_count, "select member_count from chats where app = $1 and uuid = $2");
SQL(test_creator, "select creator from chats where app = $1 and uuid = $2");
SQL(test_activity, "select activity_at from chats where app = $1 and uuid = $2");
SQL(test_chats, "select count(*) from chats");
SQL(test_members, "select count(*) from members");
SQL(test_memberships_of, "select count(*) from members where user_id = $1");
SQL(test_texts, "select count(*) from messages where text is not null");
SQL(test_messages, "select count(*) from messages");
SQL(test_live_texts,
    "select count(*) from messages where text is not null or client_id is not null");
SQL(test_reactions, "select count(*) from reactions");
SQL(test_events, "select count(*) from events");
SQL(test_removals, "select count(*) from removals");
SQL(test_names_left, "select count(*) from users where app = $1 and username = $2");
SQL(test_bob_in_log, "select count(*) from events where text like '%Bob%'");
SQL(test_rows_of_app,
    "select (select count(*) from chats where app = $1) +"
    " (select count(*) from members where app = $1) +"
    " (select count(*) from messages where app = $1) +"
    " (select count(*) from events where app = $1) + (select count(*) from users where app = $1)");
SQL(test_add_ticket, "insert into tickets (app, hash, user_id, session, expires_at)"
                     " values ($1, $2, 1, 1, $3)");
SQL(test_add_session, "insert into sessions (app, uuid, user_id, refresh_hash, created_at, used_at,"
                      " expires_at) values ($1, $2, $3, $2, 0, 0, $4)");
SQL(test_add_answer, "insert into first_answers (app, owner, key, body_hash, status, headers, body,"
                     " created_at) values ($1, 1, 'key', $2, 201, '', '', $3)");
SQL(test_passing_rows, "select (select count(*) from tickets) + (select count(*) from sessions)"
                       " + (select count(*) from first_answers)");

SQL(test_many_chats, "insert into chats (app, uuid, name, creator, created_at, last_seq, last_time,"
                     " activity_at, member_count) with recursive n (i) as"
                     " (select 1 union all select i + 1 from n where i < $3)"
                     " select $1, randomblob(16), 'many', $2, 0, 1, 0, 0, 1 from n");
SQL(test_be_in_all, "insert into members (app, chat, user_id, joined_seq, joined_at)"
                    " select app, id, creator, 1, 0 from chats where app = $1 and name = 'many'");

static int64_t of_chat(struct fixture *f, const struct db_sql *sql, Id chat)
{
    return db_number(f->db, sql, ARGS(v_int(f->ann.app), v_id(chat)));
}

static int64_t count(struct fixture *f, const struct db_sql *sql)
{
    return db_number(f->db, sql, (struct db_values){0});
}

static Err create(struct fixture *f, Str name, const Str *names, size_t n)
{
    struct chat_details out;
    return chat_create(step(f), &f->ann, name, names, n, &out);
}

static void list(struct fixture *f, const struct actor *a, struct chat_details **out, size_t *n)
{
    Str next;
    assert_ok(chat_list(step(f), a, 0, 100, S(""), out, n, &next));
    assert_int_equal(next.n, 0);
}

static int64_t unread(struct fixture *f, const struct actor *a)
{
    struct chat_details *chats;
    size_t n;
    list(f, a, &chats, &n);
    assert_int_equal(n, 1);
    return chats[0].unread;
}

/* Creating */

static void a_new_chat_is_told_to_all_in_it(void **state)
{
    struct fixture *f = *state;
    const Str names[] = {S("ann"), S("BOB"), S("bob"), S("Ann"), S("Bob")};
    struct chat_details out;
    assert_ok(chat_create(step(f), &f->ann, S("Caf\xc3\xa9"), names, countof(names), &out));
    const struct event *e = only_event(f, EVENT_NEW_CHAT);
    assert_int_equal(e->seq, 1);
    assert_int_equal(e->time, f->tx.now);
    assert_int_equal(e->sender, f->ann.user);
    assert_id(e->sender_id, f->ann.user_id);
    assert_id(e->chat_id, out.id);
    assert_text(e->text, "Caf\xc3\xa9");
    assert_int_equal(e->n_members, 2);
    assert_int_equal(e->members[0], f->ann.user);
    assert_int_equal(e->members[1], f->bob.user);
    assert_text(out.name, "Caf\xc3\xa9");
    assert_id(out.creator_id, f->ann.user_id);
    assert_int_equal(out.created_at, f->tx.now);
    assert_int_equal(out.last_time, 0);
    assert_null(out.last_message.p);
    assert_false(out.group);
    assert_int_equal(out.unread, 0);

    struct chat_member *members;
    bool more;
    size_t n;
    assert_ok(
        chat_members(step(f), &f->bob, out.id, 10, &(struct chat_place){0}, &members, &n, &more));
    assert_int_equal(n, 2);
    assert_id(members[0].user_id, f->ann.user_id);
    assert_text(members[1].username, "Bob");
    assert_int_equal(members[1].joined_at, f->tx.now - 1000);
    assert_true(id_is_nil(members[1].last_seen));
    assert_err(
        chat_members(step(f), &f->cleo, out.id, 10, &(struct chat_place){0}, &members, &n, &more),
        ERR_NOT_A_MEMBER);
    assert_err(
        chat_members(step(f), &f->eve, out.id, 10, &(struct chat_place){0}, &members, &n, &more),
        ERR_CHAT_NOT_FOUND);
}

static void a_chat_needs_its_names(void **state)
{
    struct fixture *f = *state;
    static const char long_name[] =
        "0123456789012345678901234567890123456789012345678901234567890123"
        "0123456789012345678901234567890123456789012345678901234567890123";
    static const struct {
        const char *row;
        Str name;
        Str names[3];
        size_t n;
        Err err;
        const char *why;
    } rows[] = {
        {"none", S("C"), {{0}}, 0, ERR_INVALID_FIELD, NULL},
        {"only oneself", S("C"), {S("Ann")}, 1, ERR_INVALID_FIELD, NULL},
        {"oneself twice", S("C"), {S("Ann"), S("ANN")}, 2, ERR_INVALID_FIELD, NULL},
        {"without oneself",
         S("C"),
         {S("Bob"), S("Cleo")},
         2,
         ERR_INVALID_FIELD,
         "userNames must hold your own name."},
        {"unknown",
         S("C"),
         {S("Ann"), S("Nobody"), S("Bob")},
         3,
         ERR_USER_NOT_FOUND,
         "There is no user \"Nobody\"."},
        {"of another app", S("C"), {S("Ann"), S("Eve")}, 2, ERR_USER_NOT_FOUND, NULL},
        {"no chat name", S(""), {S("Ann"), S("Bob")}, 2, ERR_INVALID_FIELD, NULL},
        {"a name of 128", {long_name, 128}, {S("Ann"), S("Bob")}, 2, ERR_OK, NULL},
    };
    for (size_t i = 0; i < countof(rows); i++) {
        print_message("  %s\n", rows[i].row);
        assert_err(create(f, rows[i].name, rows[i].names, rows[i].n), rows[i].err);
        if (rows[i].why)
            assert_text(f->tx.why, rows[i].why);
        assert_int_equal(f->events.n, rows[i].err == ERR_OK);
    }
    const Str two[] = {S("Ann"), S("Bob")};
    char name[130];
    memset(name, 'x', sizeof name);
    assert_err(create(f, str_from(name, 129), two, 2), ERR_INVALID_FIELD);
    Str many[1001];
    for (size_t i = 0; i < countof(many); i++)
        many[i] = two[i % 2];
    assert_err(create(f, S("C"), many, 1001), ERR_INVALID_FIELD);
    assert_ok(create(f, S("C"), many, 1000));
    const Str three[] = {S("Ann"), S("Bob"), S("Cleo")};
    f->rules.chat_members = 2;
    assert_err(create(f, S("C"), three, 3), ERR_CHAT_FULL);
    db_run(step(f)->db, &fixture_status, ARGS(v_int(f->ann.app), v_text(S("SUSPENDED"))));
    assert_err(create(f, S("C"), two, 2), ERR_APP_SUSPENDED);
}

/* Listing */

static void chats_are_listed_by_activity(void **state)
{
    struct fixture *f = *state;
    Id one = new_chat(f, "Ann", "Bob"), two = new_chat(f, "Ann", "Bob", "Cleo");
    Id three = new_chat(f, "Ann", "Bob");
    struct chat_details *chats;
    size_t n;
    list(f, &f->bob, &chats, &n);
    assert_int_equal(n, 3);
    assert_id(chats[0].id, three);
    assert_id(chats[2].id, one);
    assert_true(chats[1].group);
    assert_int_equal(chats[0].last_time, 0);
    assert_null(chats[0].last_message.p);

    say(f, &f->ann, one, "first");
    Id second = say(f, &f->ann, one, "second");
    int64_t said = f->tx.now - 1000;
    list(f, &f->bob, &chats, &n);
    assert_id(chats[0].id, one);
    assert_text(chats[0].last_message, "second");
    assert_int_equal(chats[0].last_time, said + 1000);
    assert_int_equal(chats[0].activity_at, said + 1000);
    assert_int_equal(chats[0].unread, 2);
    assert_id(chats[0].creator_id, f->ann.user_id);

    /* The newest one edited shows as edited; deleted, the one before it shows. */
    assert_ok(message_edit(step(f), &f->ann, one, second, S("2nd")));
    list(f, &f->ann, &chats, &n);
    assert_text(chats[0].last_message, "2nd");
    assert_int_equal(chats[0].unread, 0);
    assert_ok(message_delete(step(f), &f->ann, one, second));
    list(f, &f->bob, &chats, &n);
    assert_text(chats[0].last_message, "first");
    assert_int_equal(chats[0].last_time, said);
    assert_int_equal(chats[0].unread, 1);
    list(f, &f->cleo, &chats, &n);
    assert_int_equal(n, 1);
    assert_id(chats[0].id, two);
    list(f, &f->eve, &chats, &n);
    assert_int_equal(n, 0);
    say(f, &f->cleo, two, "of one who leaves");
    db_run(step(f)->db, &fixture_delete_user, ARGS(v_int(f->cleo.user), v_int(1)));
    list(f, &f->bob, &chats, &n);
    assert_id(chats[0].id, two);
    assert_null(chats[0].last_message.p);
}

static void pages_of_chats_by_number_and_by_cursor(void **state)
{
    struct fixture *f = *state;
    Id ids[5];
    struct chat_details *chats;
    Str next = S("");
    size_t n;
    for (size_t i = 0; i < countof(ids); i++) {
        ids[i] = new_chat(f, "Ann", "Bob");
        f->tx.now -= 1000; /* pairs and more of the same time, so that the id decides */
    }
    list(f, &f->ann, &chats, &n);
    for (size_t i = 0; i < n; i++) {
        ids[i] = chats[i].id;
        assert_true(i == 0 || memcmp(ids[i - 1].b, ids[i].b, sizeof ids[i].b) < 0);
    }
    assert_ok(chat_list(step(f), &f->ann, 1, 2, S(""), &chats, &n, &next));
    assert_int_equal(n, 2);
    assert_id(chats[0].id, ids[2]);
    assert_ok(chat_list(step(f), &f->ann, 2, 2, S(""), &chats, &n, &next));
    assert_int_equal(n, 1);
    assert_int_equal(next.n, 0);
    assert_ok(chat_list(step(f), &f->ann, 9, 2, S(""), &chats, &n, &next));
    assert_int_equal(n, 0);

    assert_ok(chat_list(step(f), &f->ann, 0, 2, S(""), &chats, &n, &next));
    say(f, &f->bob, ids[4], "this one is first now"); /* and does not shift the others */
    assert_ok(chat_list(step(f), &f->ann, 7, 2, next, &chats, &n, &next));
    assert_int_equal(n, 2);
    assert_id(chats[0].id, ids[2]);
    assert_id(chats[1].id, ids[3]);
    assert_int_equal(next.n, 0);

    static const Str bad[] = {S("x"), S("1777118400000"), S("1777118400000-"), S("-1-x"),
                              S("1777118400000-0196")};
    for (size_t i = 0; i < countof(bad); i++)
        assert_err(chat_list(step(f), &f->ann, 0, 2, bad[i], &chats, &n, &next), ERR_INVALID_FIELD);
    assert_err(chat_list(step(f), &f->ann, 0, 0, S(""), &chats, &n, &next), ERR_INVALID_FIELD);
    assert_ok(chat_list(step(f), &f->ann, 0, CHAT_PAGE + 1, S(""), &chats, &n, &next));
    assert_err(chat_list(step(f), &f->ann, -1, 2, S(""), &chats, &n, &next), ERR_INVALID_FIELD);
    assert_err(chat_list(step(f), &f->ann, INT64_MAX, 2, S(""), &chats, &n, &next),
               ERR_INVALID_FIELD);
}

static void unread_counts_others_live_messages_after_the_mark(void **state)
{
    struct fixture *f = *state;
    Id chat = new_chat(f, "Ann", "Bob", "Cleo");
    Id first = say(f, &f->ann, chat, "1"), second = say(f, &f->ann, chat, "2");
    say(f, &f->cleo, chat, "3");
    say(f, &f->bob, chat, "4");
    assert_int_equal(unread(f, &f->bob), 3);
    assert_ok(message_read(step(f), &f->bob, chat, first));
    assert_int_equal(unread(f, &f->bob), 2);
    assert_ok(message_delete(step(f), &f->ann, chat, second));
    assert_int_equal(unread(f, &f->bob), 1);
    db_run(step(f)->db, &fixture_delete_user, ARGS(v_int(f->cleo.user), v_int(1)));
    db_run(f->db, &fixture_remove_user, ARGS(v_int(f->cleo.app), v_int(f->cleo.user)));
    assert_int_equal(unread(f, &f->bob), 0);
    struct message_post posts[64], *all[64];
    for (size_t i = 0; i < countof(posts); i++) {
        posts[i] = fixture_post(&f->ann, chat, "again");
        all[i] = &posts[i];
    }
    for (int i = 0; i < 16; i++)
        message_post(step(f), all, 64);
    assert_int_equal(unread(f, &f->bob), 1000); /* of 1,024 */
    f->rules.unread_most = 100;
    assert_int_equal(unread(f, &f->bob), 100);
}

static void heads_are_those_of_ones_chats(void **state)
{
    struct fixture *f = *state;
    struct chat_head *heads;
    size_t n;
    Id chats[20];
    for (size_t i = 0; i < countof(chats); i++)
        chats[i] = new_chat(f, "Ann", "Bob");
    say(f, &f->bob, chats[19], "x");
    assert_ok(chat_remove(step(f), &f->bob, chats[3], f->bob.user_id));
    assert_ok(chat_delete(step(f), &f->ann, chats[4]));
    assert_ok(chat_heads(step(f), f->bob.app, f->bob.user, &heads, &n));
    assert_int_equal(n, 18);
    int64_t greatest = 0;
    for (size_t i = 0; i < n; i++) {
        assert_true(heads[i].chat > 0);
        greatest = heads[i].last_seq > greatest ? heads[i].last_seq : greatest;
    }
    assert_int_equal(greatest, 2);
    assert_ok(chat_heads(step(f), f->eve.app, f->bob.user, &heads, &n));
    assert_int_equal(n, 0);
    db_run(step(f)->db, &fixture_delete_user, ARGS(v_int(f->bob.user), v_int(1)));
    assert_ok(chat_heads(step(f), f->bob.app, f->bob.user, &heads, &n));
    assert_int_equal(n, 0);
}

/* Joining and leaving */

static void any_member_adds_another(void **state)
{
    struct fixture *f = *state;
    Id chat = new_chat(f, "Ann", "Bob");
    say(f, &f->ann, chat, "before");
    Id newest = say(f, &f->ann, chat, "newest");
    assert_err(chat_add(step(f), &f->cleo, chat, S("Dan")), ERR_NOT_A_MEMBER);
    assert_err(chat_add(step(f), &f->bob, chat, S("Nobody")), ERR_USER_NOT_FOUND);
    assert_text(f->tx.why, "There is no user \"Nobody\".");
    assert_err(chat_add(step(f), &f->bob, chat, S("Eve")), ERR_USER_NOT_FOUND);
    assert_err(chat_add(step(f), &f->bob, chat, S("ann")), ERR_ALREADY_MEMBER);
    assert_int_equal(f->events.n, 0);
    assert_ok(chat_add(step(f), &f->bob, chat, S("cLEO")));
    const struct event *e = only_event(f, EVENT_USER_JOIN);
    assert_int_equal(e->seq, 4);
    assert_int_equal(e->sender, f->bob.user);
    assert_id(e->sender_id, f->bob.user_id);
    assert_int_equal(e->target, f->cleo.user);
    assert_id(e->target_id, f->cleo.user_id);
    assert_text(e->username, "Cleo");
    assert_int_equal(of_chat(f, &test_member_count, chat), 3);

    /* She sees all that was said, and has read it. */
    assert_int_equal(unread(f, &f->cleo), 0);
    struct chat_member *members;
    bool more;
    size_t n;
    assert_ok(
        chat_members(step(f), &f->cleo, chat, 10, &(struct chat_place){0}, &members, &n, &more));
    assert_int_equal(n, 3);
    assert_id(members[2].user_id, f->cleo.user_id);
    assert_id(members[2].last_seen, newest);
    struct message_page page;
    assert_ok(message_history(step(f), &f->cleo, chat, 50, (Id){{0}}, &page));
    assert_int_equal(page.n, 2);
    say(f, &f->bob, chat, "after");
    assert_int_equal(unread(f, &f->cleo), 1);
    f->rules.chat_members = 3;
    assert_err(chat_add(step(f), &f->ann, chat, S("Dan")), ERR_CHAT_FULL);
}

/* Whether or not what was counted is remembered. */
static void fill_and_leave(struct fixture *f, struct chat_counts *counts)
{
    f->tx.counts = counts;
    f->rules.user_chats = 2;
    const Str mine[] = {S("Ann"), S("Cleo")}, others[] = {S("Cleo"), S("Dan")};
    Id first = new_chat(f, "Ann", "Bob"), second = new_chat(f, "Ann", "Bob");
    struct chat_details third;
    assert_err(create(f, S("C"), mine, 2), ERR_USER_CHAT_LIMIT);
    assert_text(f->tx.why, "\"Ann\" is in as many chats as a user may be.");
    assert_int_equal(f->events.n, 0);
    assert_ok(chat_create(step(f), &f->cleo, S("C"), others, 2, &third));
    assert_err(chat_add(step(f), &f->cleo, third.id, S("bob")), ERR_USER_CHAT_LIMIT);
    assert_text(f->tx.why, "\"Bob\" is in as many chats as a user may be.");
    assert_int_equal(f->events.n, 0);
    say(f, &f->bob, second, "I can still speak");
    assert_ok(chat_remove(step(f), &f->bob, first, f->bob.user_id));
    assert_ok(chat_add(step(f), &f->cleo, third.id, S("bob")));
    f->rules.user_chats = 3; /* what was counted when it was full is looked at again */
    assert_err(chat_add(step(f), &f->bob, third.id, S("bob")), ERR_ALREADY_MEMBER);
    assert_ok(chat_add(step(f), &f->bob, third.id, S("ann")));
    f->tx.counts = NULL;
}

static void nobody_is_put_into_more_chats_than_a_user_may_be(void **state)
{
    fill_and_leave(*state, NULL);
}

static void what_was_counted_is_remembered_and_never_too_low(void **state)
{
    struct chat_counts *counts = chat_counts_new();
    fill_and_leave(*state, counts);
    chat_counts_free(&counts);
}

static void more_chats_than_can_be_followed_are_an_error(void **state)
{
    struct fixture *f = *state;
    struct chat_head *heads;
    size_t n;
    int64_t app = f->ann.app, ann = f->ann.user;
    new_chat(f, "Ann", "Bob");
    db_run(f->db, &test_many_chats, ARGS(v_int(app), v_int(ann), v_int(CHAT_HEADS)));
    db_run(f->db, &test_be_in_all, ARGS(v_int(app)));
    struct arena small = ARENA(16 * 1024 * 1024);
    step(f)->arena = &small;
    assert_err(chat_heads(&f->tx, app, ann, &heads, &n), ERR_OVERLOADED);
    assert_int_equal(n, CHAT_HEADS); /* which fit */
    arena_free(&small);
    f->tx.arena = &f->arena;
    assert_ok(chat_heads(step(f), app, f->bob.user, &heads, &n));
    assert_int_equal(n, 1);
}

static void one_leaves_or_the_creator_removes(void **state)
{
    struct fixture *f = *state;
    Id chat = new_chat(f, "Ann", "Bob", "Cleo");
    say(f, &f->ann, chat, "x");
    assert_err(chat_remove(step(f), &f->bob, chat, f->cleo.user_id), ERR_NOT_THE_CREATOR);
    assert_err(chat_remove(step(f), &f->ann, chat, f->dan.user_id), ERR_MEMBER_NOT_FOUND);
    assert_err(chat_remove(step(f), &f->ann, chat, f->eve.user_id), ERR_MEMBER_NOT_FOUND);
    assert_err(chat_remove(step(f), &f->dan, chat, f->dan.user_id), ERR_NOT_A_MEMBER);
    assert_int_equal(f->events.n, 0);
    assert_ok(chat_remove(step(f), &f->ann, chat, f->bob.user_id));
    const struct event *e = only_event(f, EVENT_USER_LEAVE);
    assert_int_equal(e->seq, 3);
    assert_int_equal(e->sender, f->bob.user);
    assert_id(e->sender_id, f->bob.user_id);
    assert_int_equal(e->target, f->bob.user);
    assert_id(e->target_id, f->bob.user_id);
    assert_text(e->text, "Bob left the Chat");
    assert_int_equal(of_chat(f, &test_member_count, chat), 2);

    /* Everything of the chat is closed to him now. */
    struct message_post post = fixture_post(&f->bob, chat, "x"), *posts[] = {&post};
    struct message_page page;
    message_post(step(f), posts, 1);
    assert_err(post.err, ERR_NOT_A_MEMBER);
    assert_err(message_history(step(f), &f->bob, chat, 1, (Id){{0}}, &page), ERR_NOT_A_MEMBER);
    assert_err(chat_rename(step(f), &f->bob, chat, S("x")), ERR_NOT_A_MEMBER);
    assert_err(chat_remove(step(f), &f->bob, chat, f->bob.user_id), ERR_NOT_A_MEMBER);

    /* He comes back, as a new member. */
    say(f, &f->cleo, chat, "y");
    assert_ok(chat_add(step(f), &f->cleo, chat, S("Bob")));
    assert_int_equal(unread(f, &f->bob), 0);
    assert_ok(chat_remove(step(f), &f->bob, chat, f->bob.user_id));
    assert_int_equal(of_chat(f, &test_creator, chat), f->ann.user);
}

static void a_creator_who_leaves_passes_the_chat_on(void **state)
{
    struct fixture *f = *state;
    Id chat = new_chat(f, "Ann", "Bob");
    assert_ok(chat_add(step(f), &f->ann, chat, S("Dan")));
    assert_ok(chat_add(step(f), &f->ann, chat, S("Cleo")));
    assert_ok(chat_remove(step(f), &f->bob, chat, f->bob.user_id));
    assert_ok(chat_add(step(f), &f->ann, chat, S("Bob"))); /* his standing is new */
    assert_ok(chat_remove(step(f), &f->ann, chat, f->ann.user_id));
    assert_int_equal(of_chat(f, &test_creator, chat), f->dan.user);
    db_run(step(f)->db, &fixture_delete_user, ARGS(v_int(f->cleo.user), v_int(1)));
    assert_ok(chat_remove(step(f), &f->dan, chat, f->dan.user_id));
    assert_int_equal(of_chat(f, &test_creator, chat), f->bob.user);
    assert_ok(chat_remove(step(f), &f->bob, chat, f->bob.user_id));
    assert_int_equal(f->events.n, 2); /* only a deleted user is left, so nobody */
    assert_int_equal(f->events.items[1].type, EVENT_DELETE_CHAT);
}

static void a_chat_left_empty_is_deleted(void **state)
{
    struct fixture *f = *state;
    Id chat = new_chat(f, "Ann", "Bob");
    assert_ok(chat_remove(step(f), &f->ann, chat, f->bob.user_id));
    assert_ok(chat_remove(step(f), &f->ann, chat, f->ann.user_id));
    assert_int_equal(f->events.n, 2);
    assert_int_equal(f->events.items[0].type, EVENT_USER_LEAVE);
    assert_int_equal(f->events.items[0].seq, 3);
    assert_int_equal(f->events.items[1].type, EVENT_DELETE_CHAT);
    assert_int_equal(f->events.items[1].seq, 4);
    struct message_page page;
    assert_err(message_history(step(f), &f->ann, chat, 1, (Id){{0}}, &page), ERR_CHAT_NOT_FOUND);
}

static void any_member_renames(void **state)
{
    struct fixture *f = *state;
    Id chat = new_chat(f, "Ann", "Bob");
    assert_err(chat_rename(step(f), &f->cleo, chat, S("x")), ERR_NOT_A_MEMBER);
    assert_err(chat_rename(step(f), &f->bob, chat, S("")), ERR_INVALID_FIELD);
    assert_ok(chat_rename(step(f), &f->bob, chat, S("Named anew")));
    const struct event *e = only_event(f, EVENT_CHAT_RENAMED);
    assert_int_equal(e->seq, 2);
    assert_text(e->text, "Named anew");
    assert_id(e->sender_id, f->bob.user_id);
    struct chat_details *chats;
    size_t n;
    list(f, &f->ann, &chats, &n);
    assert_text(chats[0].name, "Named anew");
}

static void only_the_creator_deletes(void **state)
{
    struct fixture *f = *state;
    Id chat = new_chat(f, "Ann", "Bob");
    Id message = say(f, &f->bob, chat, "x");
    assert_err(chat_delete(step(f), &f->bob, chat), ERR_NOT_THE_CREATOR);
    assert_err(chat_delete(step(f), &f->cleo, chat), ERR_NOT_A_MEMBER);
    assert_ok(message_react(step(f), &f->bob, chat, message, S("+")));
    Id reaction = only_event(f, EVENT_REACT)->message_id;
    struct chat_head *heads;
    size_t n;
    assert_ok(chat_heads(&f->tx, f->ann.app, f->ann.user, &heads, &n));
    assert_ok(chat_delete(step(f), &f->ann, chat));
    const struct event *e = only_event(f, EVENT_DELETE_CHAT);
    assert_int_equal(e->seq, 4);
    assert_id(e->chat_id, chat);
    assert_id(e->sender_id, f->ann.user_id);

    /* Gone for everything, at once; what is replayed of it says nothing any more. */
    struct message_post post = fixture_post(&f->bob, chat, "x"), *posts[] = {&post};
    struct message_page page;
    struct chat_member *members;
    bool more;
    struct chat_details *chats;
    message_post(step(f), posts, 1);
    assert_err(post.err, ERR_CHAT_NOT_FOUND);
    assert_err(chat_delete(step(f), &f->ann, chat), ERR_CHAT_NOT_FOUND);
    assert_err(
        chat_members(step(f), &f->ann, chat, 10, &(struct chat_place){0}, &members, &n, &more),
        ERR_CHAT_NOT_FOUND);
    assert_err(message_history(step(f), &f->ann, chat, 1, (Id){{0}}, &page), ERR_CHAT_NOT_FOUND);
    assert_err(message_react(step(f), &f->ann, chat, message, S("-")), ERR_CHAT_NOT_FOUND);
    assert_err(message_unreact(step(f), &f->ann, reaction), ERR_REACTION_NOT_FOUND);
    list(f, &f->ann, &chats, &n);
    assert_int_equal(n, 0);
    struct event_list replayed = {.arena = ARENA(FIXTURE_ARENA)};
    assert_ok(message_replay(&f->tx, f->ann.app, heads[0].chat, 1, 4, 10, &replayed));
    assert_int_equal(replayed.n, 3);
    assert_null(replayed.items[0].text.p);
    assert_null(replayed.items[1].text.p);
    assert_int_equal(replayed.items[2].type, EVENT_DELETE_CHAT);
    event_list_free(&replayed);
}

/* Removal */

static void sweep_all(struct fixture *f)
{
    bool more = true;
    for (int i = 0; more; i++) {
        assert_true(i < 200);
        assert_ok(chat_sweep(step(f), CHAT_SWEEP, &more));
    }
}

static void a_deleted_user_leaves_all_chats(void **state)
{
    struct fixture *f = *state;
    Id one = new_chat(f, "Ann", "Bob"), two = new_chat(f, "Ann", "Bob", "Cleo");
    Id alone = new_chat(f, "Ann", "Bob");
    assert_ok(chat_remove(step(f), &f->bob, alone, f->bob.user_id));
    assert_ok(chat_remove(step(f), &f->ann, one, f->ann.user_id)); /* now Bob's alone */
    say(f, &f->cleo, two, "before");
    int64_t said = f->tx.now;
    say(f, &f->bob, two, "the newest");
    bool more;
    assert_ok(chat_leave_all(step(f), f->bob.app, f->bob.user, 1, &more));
    assert_true(more);
    assert_int_equal(f->events.n, 2);
    assert_id(f->events.items[0].chat_id, one);
    assert_int_equal(f->events.items[0].type, EVENT_USER_LEAVE);
    assert_int_equal(f->events.items[1].type, EVENT_DELETE_CHAT);
    db_run(f->db, &fixture_delete_user, ARGS(v_int(f->bob.user), v_int(1)));
    assert_ok(chat_leave_all(step(f), f->bob.app, f->bob.user, 1, &more));
    assert_false(more);
    const struct event *e = only_event(f, EVENT_USER_LEAVE);
    assert_id(e->chat_id, two);
    assert_text(e->text, "Bob left the Chat");
    assert_int_equal(of_chat(f, &test_activity, two), said);
    assert_int_equal(of_chat(f, &test_member_count, two), 2);
    assert_ok(chat_leave_all(step(f), f->bob.app, f->bob.user, 1, &more));
    assert_int_equal(f->events.n, 0);
}

/* Its many chats are left in small jobs; nobody notices but by the USER_LEAVE. */
static void a_deleted_user_counts_nowhere_before_it_has_left(void **state)
{
    struct fixture *f = *state;
    const Str names[] = {S("Bob"), S("Ann"), S("Cleo")};
    struct chat_details made;
    assert_ok(chat_create(step(f), &f->bob, S("C"), names, countof(names), &made));
    Id chat = made.id;
    Id said = say(f, &f->cleo, chat, "x");
    db_run(f->db, &fixture_delete_user, ARGS(v_int(f->bob.user), v_int(1)));
    db_run(f->db, &fixture_remove_user, ARGS(v_int(f->bob.app), v_int(f->bob.user)));
    struct chat_details *chats;
    size_t n;
    list(f, &f->cleo, &chats, &n);
    assert_int_equal(n, 1);
    assert_id(chats[0].creator_id, f->ann.user_id);
    assert_false(chats[0].group);

    assert_err(chat_delete(step(f), &f->cleo, chat), ERR_NOT_THE_CREATOR);
    db_rollback(f->db);
    db_begin(f->db);
    assert_ok(message_delete(step(f), &f->ann, chat, said));
    assert_int_equal(f->events.n, 2);
    assert_int_equal(f->events.items[0].type, EVENT_USER_LEAVE);
    assert_int_equal(f->events.items[0].target, f->bob.user);
    assert_int_equal(f->events.items[1].type, EVENT_DELETE_MSG);
    assert_int_equal(f->events.items[1].seq, f->events.items[0].seq + 1);
    assert_ok(chat_remove(step(f), &f->ann, chat, f->cleo.user_id));
    assert_ok(chat_delete(step(f), &f->ann, chat));
}

static void a_deleted_user_is_swept(void **state)
{
    struct fixture *f = *state;
    Id chat = new_chat(f, "Ann", "Bob"), left = new_chat(f, "Ann", "Bob"), chats[120];
    Id kept = say(f, &f->ann, chat, "kept"), gone = say(f, &f->bob, chat, "gone");
    say(f, &f->ann, left, "kept");
    int64_t said = f->tx.now;
    say(f, &f->bob, left, "gone too");
    assert_ok(chat_remove(step(f), &f->bob, left, f->bob.user_id));
    assert_ok(message_react(step(f), &f->bob, chat, kept, S("+")));
    assert_ok(message_react(step(f), &f->ann, chat, gone, S("+")));
    for (size_t i = 0; i < countof(chats); i++)
        chats[i] = new_chat(f, "Ann", "Bob");
    struct message_post posts[64], *all[64];
    for (size_t i = 0; i < countof(posts); i++) {
        posts[i] = fixture_post(&f->bob, chats[i], "x");
        posts[i].client_message_id = S("id");
        all[i] = &posts[i];
    }
    for (int i = 0; i < 4; i++) {
        for (size_t j = 0; j < countof(posts); j++)
            posts[j].chat_id = chats[(j + (size_t)i) % countof(chats)];
        message_post(step(f), all, 64);
    }
    db_run(step(f)->db, &fixture_delete_user, ARGS(v_int(f->bob.user), v_int(1)));
    db_run(f->db, &fixture_remove_user, ARGS(v_int(f->bob.app), v_int(f->bob.user)));

    /* In several jobs, the first of which only leave chats. */
    bool more;
    assert_ok(chat_sweep(step(f), CHAT_SWEEP, &more));
    assert_true(more);
    assert_int_equal(f->events.n, 100);
    sweep_all(f);
    assert_int_equal(count(f, &test_removals), 0);
    assert_int_equal(count(f, &test_live_texts), 2);
    assert_int_equal(count(f, &test_reactions), 0);
    assert_int_equal(count(f, &test_bob_in_log), 0);
    assert_int_equal(db_number(f->db, &test_names_left, ARGS(v_int(f->bob.app), v_text(S("Bob")))),
                     0);
    assert_int_equal(of_chat(f, &test_activity, left), said);
    assert_int_equal(of_chat(f, &test_member_count, chats[0]), 1);
    /* The tombstones keep their seq, so that nobody finds a hole. */
    struct chat_head *heads;
    size_t n;
    assert_ok(chat_heads(step(f), f->ann.app, f->ann.user, &heads, &n));
    assert_int_equal(n, 122);
    for (size_t i = 0; i < n; i++) {
        struct event_list list_ = {.arena = ARENA(FIXTURE_ARENA)};
        assert_ok(
            message_replay(&f->tx, f->ann.app, heads[i].chat, 0, heads[i].last_seq, 100, &list_));
        assert_int_equal(list_.n, heads[i].last_seq);
        event_list_free(&list_);
    }
}

/* More messages and reactions than one job takes, others' among them, in chats of which one goes
 * meanwhile. */
static void a_deleted_users_messages_go_chat_by_chat(void **state)
{
    struct fixture *f = *state;
    Id chats[3], message;
    for (size_t i = 0; i < countof(chats); i++) {
        chats[i] = new_chat(f, "Ann", "Bob");
        for (int n = 0; n < 200; n++) {
            message = say(f, n % 2 ? &f->bob : &f->ann, chats[i], "x");
            for (int r = 0; n % 2 && r < 15; r++)
                assert_ok(message_react(step(f), &f->ann, chats[i], message,
                                        str_from(&"abcdefghijklmno"[r], 1)));
        }
    }
    say(f, &f->bob, chats[0], "last");
    db_run(step(f)->db, &fixture_delete_user, ARGS(v_int(f->bob.user), v_int(1)));
    db_run(f->db, &fixture_remove_user, ARGS(v_int(f->bob.app), v_int(f->bob.user)));
    bool more;
    for (int i = 0; i < 3; i++) { /* it leaves, and has begun with the first chat */
        assert_ok(chat_sweep(step(f), CHAT_SWEEP, &more));
        assert_true(more);
    }
    assert_ok(chat_delete(step(f), &f->ann, chats[1]));
    sweep_all(f);
    assert_int_equal(count(f, &test_live_texts), 200);
    assert_int_equal(count(f, &test_reactions), 0);
    assert_int_equal(db_number(f->db, &test_memberships_of, ARGS(v_int(f->bob.user))), 0);
}

static void a_deleted_chat_is_swept_its_log_later(void **state)
{
    struct fixture *f = *state;
    Id chat = new_chat(f, "Ann", "Bob"), other = new_chat(f, "Ann", "Bob");
    Id message = say(f, &f->ann, chat, "x");
    say(f, &f->ann, other, "stays");
    assert_ok(message_react(step(f), &f->bob, chat, message, S("+")));
    assert_ok(chat_delete(step(f), &f->ann, chat));
    int64_t events = count(f, &test_events);
    sweep_all(f);
    assert_int_equal(count(f, &test_messages), 2);
    assert_int_equal(count(f, &test_texts), 1);
    assert_int_equal(count(f, &test_reactions), 0);
    assert_int_equal(count(f, &test_events), events);
    assert_int_equal(count(f, &test_members), 4);
    assert_int_equal(count(f, &test_removals), 1);
    f->tx.now += f->rules.log_retention + 1;
    sweep_all(f);
    assert_int_equal(count(f, &test_messages), 1);
    assert_int_equal(count(f, &test_events), 0); /* the other's too: it is as old */
    assert_int_equal(count(f, &test_members), 2);
    assert_int_equal(count(f, &test_chats), 1);
    assert_int_equal(count(f, &test_removals), 0);
    struct chat_details *chats;
    size_t n;
    list(f, &f->bob, &chats, &n);
    assert_int_equal(n, 1);
    assert_text(chats[0].last_message, "stays");
}

static void a_deleted_app_is_swept(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 3; i++) {
        Id chat = new_chat(f, "Ann", "Bob");
        struct message_post posts[256], *all[256];
        for (size_t j = 0; j < countof(posts); j++) {
            posts[j] = fixture_post(&f->ann, chat, "x");
            all[j] = &posts[j];
        }
        message_post(step(f), all, countof(all));
        if (i == 1)
            assert_ok(chat_delete(step(f), &f->ann, chat));
    }
    db_run(step(f)->db, &fixture_delete_app, ARGS(v_int(f->ann.app)));
    db_run(f->db, &fixture_remove_app, ARGS(v_int(f->ann.app)));
    sweep_all(f);
    assert_int_equal(db_number(f->db, &test_rows_of_app, ARGS(v_int(f->ann.app))), 0);
    assert_int_equal(db_number(f->db, &test_rows_of_app, ARGS(v_int(f->eve.app))), 1);
    assert_int_equal(count(f, &test_removals), 0);
}

static void what_has_expired_is_swept(void **state)
{
    struct fixture *f = *state;
    int64_t now = step(f)->now + 1000;
    for (int i = 0; i < 2; i++) { /* one of each a moment too old, one not yet */
        int64_t app = i ? f->ann.app : f->eve.app, kept = i ? 0 : 1;
        Id id = id_new(now);
        db_run(f->db, &test_add_ticket, ARGS(v_int(app), v_id(id), v_int(now - 1 + kept)));
        db_run(f->db, &test_add_session,
               ARGS(v_int(app), v_id(id), v_int(f->ann.user), v_int(now - 1 + kept)));
        db_run(f->db, &test_add_answer,
               ARGS(v_int(app), v_id(id), v_int(now - FIXTURE_DAY - 1 + kept)));
    }
    sweep_all(f);
    assert_int_equal(count(f, &test_passing_rows), 3);
    f->tx.now += 1000;
    sweep_all(f);
    assert_int_equal(count(f, &test_passing_rows), 0);
}

static void old_events_are_swept_a_job_at_a_time(void **state)
{
    struct fixture *f = *state;
    Id chat = new_chat(f, "Ann", "Bob");
    for (int i = 0; i < 1100; i++) {
        if (i % 100 == 0)
            step(f);
        assert_ok(chat_rename(&f->tx, &f->ann, chat, S("x")));
    }
    f->tx.now += f->rules.log_retention + 10;
    assert_ok(chat_rename(step(f), &f->ann, chat, S("new")));
    bool more;
    assert_ok(chat_sweep(step(f), CHAT_SWEEP, &more));
    assert_true(more);
    assert_int_equal(count(f, &test_events), 102);
    assert_ok(chat_sweep(step(f), CHAT_SWEEP, &more));
    assert_false(more);
    assert_int_equal(count(f, &test_events), 1);
}

#define row(test) cmocka_unit_test_setup_teardown(test, fixture_open, fixture_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        row(a_new_chat_is_told_to_all_in_it),
        row(a_chat_needs_its_names),
        row(chats_are_listed_by_activity),
        row(pages_of_chats_by_number_and_by_cursor),
        row(unread_counts_others_live_messages_after_the_mark),
        row(heads_are_those_of_ones_chats),
        row(any_member_adds_another),
        row(nobody_is_put_into_more_chats_than_a_user_may_be),
        row(what_was_counted_is_remembered_and_never_too_low),
        row(more_chats_than_can_be_followed_are_an_error),
        row(one_leaves_or_the_creator_removes),
        row(a_creator_who_leaves_passes_the_chat_on),
        row(a_chat_left_empty_is_deleted),
        row(any_member_renames),
        row(only_the_creator_deletes),
        row(a_deleted_user_leaves_all_chats),
        row(a_deleted_user_counts_nowhere_before_it_has_left),
        row(a_deleted_user_is_swept),
        row(a_deleted_users_messages_go_chat_by_chat),
        row(a_deleted_chat_is_swept_its_log_later),
        row(a_deleted_app_is_swept),
        row(what_has_expired_is_swept),
        row(old_events_are_swept_a_job_at_a_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
