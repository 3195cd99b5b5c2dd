/*
 * Rules in transactions on a real store, and what the loops hear of them and when. Each loop writes
 * down what it is told: "[SEND:2 NAME:3]ab!" is a publication of two events with their seqs, then
 * the completions of task a, and of b, which failed.
 */
#include "realtime/fixture.h"

#include "base/buf.h"
#include "store/fault_vfs.h"

#include <sched.h>

SQL(test_name, "select count(*) from chats where app = $1 and name = $2");
SQL(test_broken, "insert into chats (app, name) values ($1, null)");

struct bench {
    struct realtime *rt;
    Id chat;                    /* of Ann, Bob and Cleo; its NEW_CHAT has seq 1 */
    struct buf heard[LOOPS];    /* what each loop wrote down */
    struct publication *latest; /* shared; NULL: none yet */
    const void *told[LOOPS];    /* the last publication, only to compare */
    int64_t stored;             /* messages when the last publication came */
    bool look;                  /* … count them */
};

static void deliver(void *arg, struct loop *loop, struct publication *p)
{
    struct bench *b = arg;
    unsigned l = loop_index(loop);
    for (size_t i = 0; i < p->events.n; i++)
        buf_fmt(&b->heard[l], "%c%s:%lld", i ? ' ' : '[', event_name(&p->events.items[i]),
                (long long)p->events.items[i].seq);
    buf_byte(&b->heard[l], ']');
    b->told[l] = p;
    publication_unref(&b->latest);
    b->latest = publication_ref(p);
    if (b->look)
        b->stored = stored_messages(b->rt);
}

static int setup(void **state)
{
    struct bench *b = mem_alloc(sizeof *b);
    *state = b;
    b->rt = realtime_new();
    b->rt->config.deliver = deliver;
    b->rt->config.arg = b;
    for (int i = 0; i < LOOPS; i++)
        b->heard[i] = BUF(4096);
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;
    jobs_end(b->rt);
    publication_unref(&b->latest);
    realtime_free(b->rt);
    for (int i = 0; i < LOOPS; i++)
        buf_free(&b->heard[i]);
    mem_free(b);
    return 0;
}

static void forget(struct bench *b)
{
    run_all_loops(b->rt);
    for (int i = 0; i < LOOPS; i++)
        buf_clear(&b->heard[i]);
}

static void begin(struct bench *b)
{
    jobs_begin(b->rt);
    b->chat = make_chat(b->rt, b->rt->loops[0], 3);
    forget(b);
}

#define assert_heard(b, loop, expected) assert_text(buf_str(&(b)->heard[loop]), expected)

static void note_done(struct task *t)
{
    struct bench *b = t->rt->config.arg;
    unsigned l = loop_index(t->job.loop);
    buf_byte(&b->heard[l], (char)t->number);
    if (t->job.err)
        buf_byte(&b->heard[l], '!');
}

static struct task *named(struct task *t, char name)
{
    t->number = name;
    t->on_done = note_done;
    submit(t);
    return t;
}

static struct task *sends(struct bench *b, char name, int loop, const struct actor *a)
{
    return named(task_send(b->rt, b->rt->loops[loop], a, b->chat, "hello"), name);
}

static struct task *does(struct bench *b, char name, int loop,
                         Err (*rule)(struct task *, struct tx *))
{
    struct task *t = task_new(b->rt, JOB_WRITE, b->rt->loops[loop], rule);
    return named(task_on(t, &b->rt->f->ann, b->chat, "Another"), name);
}

static bool chat_is_named(struct bench *b, const char *name)
{
    struct db *db;
    const char *why = "";
    assert_ok(db_open(str_of(b->rt->url), DB_READER, &db, &why));
    db_begin(db);
    int64_t n = db_number(db, &test_name, ARGS(v_int(b->rt->f->ann.app), v_text(str_of(name))));
    db_rollback(db);
    db_close(&db);
    return n == 1;
}

/* ----- one commit ----- */

static void events_come_in_order_and_before_completions(void **state)
{
    struct bench *b = *state;
    const struct fixture *f = b->rt->f;
    begin(b);
    struct task *held = gate_close(b->rt, JOB_WRITE, b->rt->loops[1]);
    sends(b, 'a', 0, &f->ann);
    sends(b, 'b', 0, &f->bob);
    does(b, 'c', 0, rule_rename);
    struct task *last = sends(b, 'd', 0, &f->ann);
    run_all_loops(b->rt);
    assert_heard(b, 0, "");
    gate_open();
    run_until(b->rt->loops[0], last->finished);
    run_until(b->rt->loops[1], held->finished);
    assert_heard(b, 0, "[SEND:2 SEND:3 NAME:4 SEND:5]abcd");
    assert_heard(b, 1, "[SEND:2 SEND:3 NAME:4 SEND:5]");
    assert_ptr_equal(b->told[0], b->told[1]); /* shared, not copied */
    assert_int_equal(b->latest->events.items[0].sender, f->ann.user);
    assert_int_equal(b->latest->events.items[1].sender, f->bob.user);
    struct jobs_stats stats = jobs_stats(b->rt->jobs);
    assert_int_equal(stats.commits, 2);
    assert_int_equal(stats.writes, 1 + 5);
    assert_int_equal(stats.failed_commits, 0);
}

static void each_loop_gets_its_own_completions(void **state)
{
    struct bench *b = *state;
    const struct fixture *f = b->rt->f;
    begin(b);
    gate_close(b->rt, JOB_WRITE, b->rt->loops[1]);
    sends(b, 'a', 0, &f->ann);
    sends(b, 'b', 1, &f->ann);
    struct task *c = does(b, 'c', 0, rule_rename);
    struct task *d = sends(b, 'd', 1, &f->ann);
    gate_open();
    run_until(b->rt->loops[0], c->finished);
    run_until(b->rt->loops[1], d->finished);
    assert_heard(b, 0, "[SEND:2 SEND:3 NAME:4 SEND:5]ac");
    assert_heard(b, 1, "[SEND:2 SEND:3 NAME:4 SEND:5]bd");
}

static void commits_come_in_their_order(void **state)
{
    struct bench *b = *state;
    b->rt->config.batch_jobs = 2;
    begin(b);
    gate_close(b->rt, JOB_WRITE, b->rt->loops[1]);
    for (char name = 'a'; name < 'e'; name++)
        sends(b, name, 0, &b->rt->f->ann);
    struct task *last = sends(b, 'e', 1, &b->rt->f->ann);
    gate_open();
    run_until(b->rt->loops[1], last->finished);
    run_all_loops(b->rt);
    assert_heard(b, 0, "[SEND:2]a[SEND:3 SEND:4]bc[SEND:5 SEND:6]d");
    assert_heard(b, 1, "[SEND:2][SEND:3 SEND:4][SEND:5 SEND:6]e");
    assert_int_equal(jobs_stats(b->rt->jobs).commits, 4);
}

/* A batch whose time is over takes nothing more in. */
static void a_batch_has_its_time(void **state)
{
    struct bench *b = *state;
    b->rt->config.batch_us = 0;
    begin(b);
    gate_close(b->rt, JOB_WRITE, b->rt->loops[1]);
    sends(b, 'a', 0, &b->rt->f->ann);
    struct task *last = sends(b, 'b', 0, &b->rt->f->ann);
    gate_open();
    run_until(b->rt->loops[0], last->finished);
    assert_heard(b, 0, "[SEND:2]a[SEND:3]b");
}

static void what_is_told_is_in_the_store(void **state)
{
    struct bench *b = *state;
    begin(b);
    b->look = true;
    for (int64_t i = 1; i <= 20; i++) {
        struct task *t = sends(b, 'a', 0, &b->rt->f->ann);
        run_until(b->rt->loops[0], t->finished);
        assert_int_equal(b->stored, i);
    }
}

static void what_tells_nothing_is_heard_by_its_own_loop_only(void **state)
{
    struct bench *b = *state;
    begin(b);
    struct task *t = sends(b, 'a', 1, &b->rt->f->dan);
    run_until(b->rt->loops[1], t->finished);
    assert_err(t->job.err, ERR_NOT_A_MEMBER);
    run_all_loops(b->rt);
    assert_heard(b, 0, "");
    assert_heard(b, 1, "a!");
}

/* ----- sets of sends ----- */

static void another_job_ends_a_set_of_sends(void **state)
{
    struct bench *b = *state;
    const struct fixture *f = b->rt->f;
    begin(b);
    gate_close(b->rt, JOB_WRITE, b->rt->loops[1]);
    struct task *before = sends(b, 'a', 0, &f->bob);
    struct task *leaves = task_new(b->rt, JOB_WRITE, b->rt->loops[0], rule_remove);
    leaves->other = &f->bob;
    named(task_on(leaves, &f->bob, b->chat, NULL), 'b');
    struct task *after = sends(b, 'c', 0, &f->bob);
    struct task *last = sends(b, 'd', 0, &f->ann);
    gate_open();
    run_until(b->rt->loops[0], last->finished);
    assert_ok(before->job.err);
    assert_err(after->job.err, ERR_NOT_A_MEMBER);
    assert_heard(b, 0, "[SEND:2 LEAVE:3 SEND:4]abc!d");
}

static void a_refused_send_leaves_its_neighbours_be(void **state)
{
    struct bench *b = *state;
    const struct fixture *f = b->rt->f;
    begin(b);
    gate_close(b->rt, JOB_WRITE, b->rt->loops[1]);
    sends(b, 'a', 0, &f->ann);
    sends(b, 'b', 0, &f->dan);
    struct task *empty = named(task_send(b->rt, b->rt->loops[0], &f->ann, b->chat, ""), 'c');
    struct task *last = sends(b, 'd', 0, &f->ann);
    gate_open();
    run_until(b->rt->loops[0], last->finished);
    assert_heard(b, 0, "[SEND:2 SEND:3]ab!c!d");
    assert_true(empty->job.why.n > 0); /* a sentence of its own */
    assert_int_equal(last->job.why.n, 0);
    assert_int_equal(stored_messages(b->rt), 2);
}

/* ----- savepoints ----- */

static Err refuse_late(struct task *t, struct tx *tx)
{
    if (chat_rename(tx, t->actor, t->chat, S("Undone")) ||
        chat_add(tx, t->actor, t->chat, S("Dan")))
        return ERR_INTERNAL;
    return tx_fail(tx, ERR_FORBIDDEN, "Not %s.", "today");
}

static Err refuse_and_keep(struct task *t, struct tx *tx)
{
    t->job.keep = true;
    return refuse_late(t, tx);
}

static Err fail_in_silence(struct task *t, struct tx *tx)
{
    Err err = chat_rename(tx, t->actor, t->chat, S("Broken"));
    db_run(tx->db, &test_broken, ARGS(v_int(t->actor->app)));
    return err;
}

/* Between sends and another rule, all of which take effect as if it had not been there. */
static struct task *among_others(struct bench *b, Err (*rule)(struct task *, struct tx *))
{
    begin(b);
    gate_close(b->rt, JOB_WRITE, b->rt->loops[1]);
    sends(b, 'a', 0, &b->rt->f->ann);
    does(b, 'b', 0, rule_rename);
    struct task *t = does(b, 'c', 0, rule);
    struct task *last = sends(b, 'd', 0, &b->rt->f->ann);
    gate_open();
    run_until(b->rt->loops[0], last->finished);
    assert_int_equal(stored_messages(b->rt), 2);
    return t;
}

static void a_refused_rule_is_undone(void **state)
{
    struct bench *b = *state;
    struct task *t = among_others(b, refuse_late);
    assert_err(t->job.err, ERR_FORBIDDEN);
    assert_text(t->job.why, "Not today.");
    assert_heard(b, 0, "[SEND:2 NAME:3 SEND:4]abc!d");
    assert_true(chat_is_named(b, "Another"));
}

static void a_rule_whose_statement_fails_is_undone(void **state)
{
    struct bench *b = *state;
    struct task *t = among_others(b, fail_in_silence);
    assert_err(t->job.err, ERR_INTERNAL);
    assert_heard(b, 0, "[SEND:2 NAME:3 SEND:4]abc!d");
    assert_true(chat_is_named(b, "Another"));
    assert_int_equal(jobs_stats(b->rt->jobs).failed_commits, 0);
}

static void a_refused_rule_may_keep_what_it_did(void **state)
{
    struct bench *b = *state;
    struct task *t = among_others(b, refuse_and_keep);
    assert_err(t->job.err, ERR_FORBIDDEN);
    assert_text(t->job.why, "Not today.");
    assert_heard(b, 0, "[SEND:2 NAME:3 NAME:4 JOIN:5 SEND:6]abc!d");
    assert_true(chat_is_named(b, "Undone"));
}

/* ----- commits that fail ----- */

/* The disk refuses the COMMIT's fsync: nothing of it has happened, for anyone. */
static void a_failed_commit_fails_all_and_tells_nothing(void **state)
{
    struct bench *b = *state;
    const struct fixture *f = b->rt->f;
    fault_install();
    b->rt->config.readers = 0; /* the fault needs the store to itself */
    begin(b);
    gate_close(b->rt, JOB_WRITE, b->rt->loops[1]);
    struct task *a = sends(b, 'a', 0, &f->ann);
    struct task *r = does(b, 'b', 0, rule_rename);
    struct task *refused = sends(b, 'c', 0, &f->dan);
    struct task *last = sends(b, 'd', 1, &f->bob);
    fault.fail_syncs = 1;
    gate_open();
    run_until(b->rt->loops[0], refused->finished);
    run_until(b->rt->loops[1], last->finished);
    assert_heard(b, 0, "a!b!c!");
    assert_heard(b, 1, "d!");
    assert_err(a->job.err, ERR_STORE_UNAVAILABLE);
    assert_err(r->job.err, ERR_STORE_UNAVAILABLE);
    assert_err(refused->job.err, ERR_NOT_A_MEMBER); /* of its own fault */
    assert_err(last->job.err, ERR_STORE_UNAVAILABLE);
    assert_int_equal(jobs_stats(b->rt->jobs).failed_commits, 1);
    char why[JOBS_WHY];
    assert_true(jobs_store_unavailable(b->rt->jobs, why));
    assert_non_null(strstr(why, "disk I/O error"));

    forget(b); /* the disk is well again: what failed has left no trace */
    struct task *again = sends(b, 'e', 0, &f->ann);
    run_until(b->rt->loops[0], again->finished);
    assert_heard(b, 0, "[SEND:2]e");
    while (jobs_store_unavailable(b->rt->jobs, why)) /* the writer tries by itself */
        usleep(10 * 1000);
    jobs_end(b->rt);
    fault_uninstall();
    assert_int_equal(stored_messages(b->rt), 1);
    assert_true(chat_is_named(b, "Chat"));
}

/* ----- reads and hashes ----- */

static Err count_messages(struct task *t, struct tx *tx)
{
    t->number = db_number(tx->db, &realtime_messages, ARGS(v_int(t->actor->app)));
    assert_null(tx->events);
    return ERR_OK;
}

static struct task *read_count(struct bench *b, enum job_pool pool)
{
    struct task *t = task_new(b->rt, pool, b->rt->loops[1], count_messages);
    task_on(t, &b->rt->f->ann, b->chat, NULL);
    perform(t);
    return t;
}

static void a_read_sees_what_is_committed_and_nothing_else(void **state)
{
    struct bench *b = *state;
    b->rt->config.resume_readers = 1;
    begin(b);
    assert_int_equal(read_count(b, JOB_READ)->number, 0);
    struct task *before = sends(b, 'a', 0, &b->rt->f->ann);
    run_until(b->rt->loops[0], before->finished);
    assert_int_equal(read_count(b, JOB_READ)->number, 1);
    assert_int_equal(read_count(b, JOB_RESUME)->number, 1);

    gate_close(b->rt, JOB_WRITE, b->rt->loops[1]);
    sends(b, 'b', 0, &b->rt->f->ann);
    struct task *held = task_new(b->rt, JOB_WRITE, b->rt->loops[0], rule_gate);
    submit(held); /* behind the send, in the same transaction */
    gate_open();
    sem_wait(&gate.reached);
    assert_int_equal(read_count(b, JOB_READ)->number, 1);
    gate_open();
    run_until(b->rt->loops[0], held->finished);
    assert_int_equal(read_count(b, JOB_READ)->number, 2);
}

static Err read_nonsense(struct task *t, struct tx *tx)
{
    db_run(tx->db, &test_broken, ARGS(v_int(t->actor->app)));
    return ERR_OK;
}

static Err no_database(struct task *t, struct tx *tx)
{
    (void)t;
    return tx->db || tx->events ? ERR_OK : tx_fail(tx, ERR_FORBIDDEN, "No database.");
}

static void outcomes_of_reads_and_hashes(void **state)
{
    struct bench *b = *state;
    begin(b);
    struct task *read = task_new(b->rt, JOB_READ, b->rt->loops[0], read_nonsense);
    named(task_on(read, &b->rt->f->ann, b->chat, NULL), 'a');
    run_until(b->rt->loops[0], read->finished);
    assert_err(read->job.err, ERR_INTERNAL);
    assert_int_equal(read_count(b, JOB_READ)->number, 0); /* the reader is well again */
    struct task *hash = named(task_new(b->rt, JOB_HASH, b->rt->loops[0], no_database), 'b');
    run_until(b->rt->loops[0], hash->finished);
    assert_err(hash->job.err, ERR_FORBIDDEN);
    assert_text(hash->job.why, "No database.");
    assert_heard(b, 0, "a!b!");
}

/* ----- limits and the end ----- */

static void a_full_queue_refuses(void **state)
{
    struct bench *b = *state;
    b->rt->config.limits[JOB_WRITE] = (struct work_limits){8, AMPLE, 6};
    begin(b);
    gate_close(b->rt, JOB_WRITE, b->rt->loops[1]);
    struct task *refused, *last = NULL;
    for (char name = 'a'; name < 'd'; name++)
        sends(b, name, 0, &b->rt->f->ann);
    refused = task_send(b->rt, b->rt->loops[0], &b->rt->f->ann, b->chat, "one too many");
    assert_err(jobs_submit(b->rt->jobs, &refused->job), ERR_OVERLOADED);
    last = task_new(b->rt, JOB_WRITE, b->rt->loops[0], NULL); /* of another app: still room */
    last->post = fixture_post(&b->rt->f->eve, b->chat, "hello");
    last->job.post = &last->post;
    last->job.item.tenant = b->rt->f->eve.app;
    named(last, 'z');
    gate_open();
    run_until(b->rt->loops[0], last->finished);
    assert_heard(b, 0, "[SEND:2 SEND:3 SEND:4]z!abc"); /* the gate was of the first */
    assert_err(last->job.err, ERR_CHAT_NOT_FOUND);
    assert_int_equal(refused->finished, 0);
    submit(refused); /* there is room again */
    run_until(b->rt->loops[0], refused->finished);
    assert_ok(refused->job.err);
}

/* Holds the writer until jobs_stop has closed the last queue, that of reads. */
static Err wait_for_the_end(struct task *t, struct tx *tx)
{
    static struct job probe = {.pool = JOB_READ};
    (void)tx;
    while (jobs_submit(t->rt->jobs, &probe) != ERR_DRAINING)
        sched_yield();
    return ERR_OK;
}

static void a_stop_commits_what_is_queued(void **state)
{
    struct bench *b = *state;
    b->rt->config.limits[JOB_READ] = (struct work_limits){0, 0, 0};
    b->rt->config.batch_jobs = 4;
    begin(b);
    submit(task_new(b->rt, JOB_WRITE, b->rt->loops[1], wait_for_the_end));
    for (char name = 'a'; name < 'k'; name++)
        sends(b, name, 0, &b->rt->f->ann);
    jobs_stop(b->rt->jobs);
    struct task *late = task_send(b->rt, b->rt->loops[0], &b->rt->f->ann, b->chat, "too late");
    assert_err(jobs_submit(b->rt->jobs, &late->job), ERR_DRAINING);
    run_what_is_there(b->rt->loops[0]);
    assert_heard(b, 0,
                 "[SEND:2 SEND:3 SEND:4]abc[SEND:5 SEND:6 SEND:7 SEND:8]defg"
                 "[SEND:9 SEND:10 SEND:11]hij");
    assert_int_equal(late->finished, 0);
    assert_int_equal(stored_messages(b->rt), 10);
}

static void a_store_that_cannot_be_opened(void **state)
{
    struct bench *b = *state;
    const char *why = NULL;
    b->rt->config.store_url = S("sqlite:/nowhere/at/all.db");
    assert_int_not_equal(jobs_start(&b->rt->config, &b->rt->jobs, &why), ERR_OK);
    assert_null(b->rt->jobs);
    assert_non_null(why);
}

#define on_bench(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        on_bench(events_come_in_order_and_before_completions),
        on_bench(each_loop_gets_its_own_completions),
        on_bench(commits_come_in_their_order),
        on_bench(a_batch_has_its_time),
        on_bench(what_is_told_is_in_the_store),
        on_bench(what_tells_nothing_is_heard_by_its_own_loop_only),
        on_bench(another_job_ends_a_set_of_sends),
        on_bench(a_refused_send_leaves_its_neighbours_be),
        on_bench(a_refused_rule_is_undone),
        on_bench(a_rule_whose_statement_fails_is_undone),
        on_bench(a_refused_rule_may_keep_what_it_did),
        on_bench(a_failed_commit_fails_all_and_tells_nothing),
        on_bench(a_read_sees_what_is_committed_and_nothing_else),
        on_bench(outcomes_of_reads_and_hashes),
        on_bench(a_full_queue_refuses),
        on_bench(a_stop_commits_what_is_queued),
        on_bench(a_store_that_cannot_be_opened),
    };
    alarm(WATCHDOG_S);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
