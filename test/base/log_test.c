/* The log: one line an event, cut and escaped, queued behind a reader that takes nothing. */
#include "base/log.h"

#include "base/clock.h"
#include "base/log_queue.h"
#include "base/mem.h"

#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static int own_stderr;

/* Standard error becomes a pipe whose other end is returned, until close_reader. */
static int open_reader(void)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
    close(ends[1]);
    return ends[0];
}

static void close_reader(int reader)
{
    close(reader);
    assert_true(dup2(own_stderr, STDERR_FILENO) >= 0);
}

/* What comes until the text, or "" after ten seconds. */
static char *read_until(int fd, const char *text)
{
    static char all[4 * LOG_QUEUE_BYTES];
    size_t n = 0;
    struct pollfd in = {.fd = fd, .events = POLLIN};
    all[0] = 0;
    for (size_t from = 0; !strstr(all + from, text) && n < sizeof all - 1;) {
        from = n > strlen(text) ? n - strlen(text) : 0;
        ssize_t got = poll(&in, 1, 10000) > 0 ? read(fd, all + n, sizeof all - 1 - n) : 0;
        if (got <= 0)
            break;
        n += (size_t)got;
        all[n] = 0;
    }
    return all;
}

struct row {
    const char *name;
    Str value;
    const char *text, *json; /* behind "v" */
};

static const struct row rows[] = {
    {"plain", S("abc/def"), "=abc/def ", ":\"abc/def\","},
    {"empty", S(""), "=\"\" ", ":\"\","},
    {"letters beyond ASCII", S("Zo\xc3\xab"), "=Zo\xc3\xab ", ":\"Zo\xc3\xab\","},
    {"a space", S("a b"), "=\"a b\" ", ":\"a b\","},
    {"an equals sign", S("a=b"), "=\"a=b\" ", ":\"a=b\","},
    {"quotes", S("a\"b\\c"), "=\"a\\\"b\\\\c\" ", ":\"a\\\"b\\\\c\","},
    {"C0", S("a\nb\x1b[2J"), "=\"a\\u000ab\\u001b[2J\" ", ":\"a\\u000ab\\u001b[2J\","},
    {"NUL", S("a\0b"), "=\"a\\u0000b\" ", ":\"a\\u0000b\","},
    {"DEL", S("a\x7f"), "=\"a\\u007f\" ", ":\"a\\u007f\","},
    {"C1 as UTF-8",
     S("a\xc2\x9b"
       "2Jb\xc2\x85"),
     "=\"a\\u009b2Jb\\u0085\" ", ":\"a\\u009b2Jb\\u0085\","},
    {"the first that is no C1", S("\xc2\xa0"), "=\xc2\xa0 ", ":\"\xc2\xa0\","},
    {"C1 as a byte",
     S("a\x9b"
       "2J"),
     "=\"a\\x9b2J\" ", ":\"a\\ufffd2J\","},
    {"half a character", S("a\xe2\x82"), "=\"a\\xe2\\x82\" ", ":\"a\\ufffd\\ufffd\","},
    {"an overlong slash", S("\xc0\xaf"), "=\"\\xc0\\xaf\" ", ":\"\\ufffd\\ufffd\","},
    {"a surrogate", S("\xed\xa0\x80"), "=\"\\xed\\xa0\\x80\" ", ":\"\\ufffd\\ufffd\\ufffd\","},
    {"a line separator", S("\xe2\x80\xa8"), "=\"\\u2028\" ", ":\"\\u2028\","},
    {"from right to left", S("\xe2\x80\xae"), "=\"\\u202e\" ", ":\"\\u202e\","},
    {"four bytes", S("\xf0\x9f\x8e\x89"), "=\xf0\x9f\x8e\x89 ", ":\"\xf0\x9f\x8e\x89\","},
};

static void control_characters_and_wrong_bytes_are_escaped(void **state)
{
    int reader = open_reader();
    (void)state;
    for (size_t i = 0; i < countof(rows); i++) {
        print_message("  %s\n", rows[i].name);
        for (int json = 0; json < 2; json++) {
            char expected[256];
            log_setup(LOG_INFO, json ? LOG_JSON : LOG_TEXT);
            log_event(LOG_INFO, "event", log_s("v", rows[i].value), log_n("n", -7));
            (void)snprintf(expected, sizeof expected, json ? "\"v\"%s\"n\":-7}\n" : " v%sn=-7\n",
                           json ? rows[i].json : rows[i].text);
            const char *line = read_until(reader, "\n");
            if (!strstr(line, expected))
                fail_msg("%s: %s has no %s", rows[i].name, line, expected);
        }
    }
    close_reader(reader);
}

static void long_lines_are_cut_and_keep_their_later_fields(void **state)
{
    static char large[20000];
    int reader = open_reader();
    (void)state;
    for (int kind = 0; kind < 4; kind++) {
        static const Str units[] = {S("a"), S("\n"), S("\xe2\x82\xac"), S("\xff")};
        for (size_t i = 0; i + units[kind].n <= sizeof large; i += units[kind].n)
            memcpy(large + i, units[kind].p, units[kind].n);
        Str value = str_from(large, sizeof large - sizeof large % units[kind].n);
        for (int json = 0; json < 2; json++) {
            log_setup(LOG_INFO, json ? LOG_JSON : LOG_TEXT);
            log_event(LOG_INFO, "request", log_s("path", value), log_s("agent", value),
                      log_n("status", 404));
            const char *line = read_until(reader, "\n");
            assert_true(strlen(line) <= LOG_LINE_BYTES && strlen(line) > LOG_LINE_BYTES - 300);
            const char *end = json ? "\",\"status\":404,\"cut\":true}\n" : " status=404 cut=true\n";
            assert_non_null(strstr(line, end));
            assert_non_null(strstr(line, json ? "\",\"agent\":\"" : " agent="));
        }
    }
    log_setup(LOG_INFO, LOG_TEXT);
    close_reader(reader);
}

static void *log_many(void *arg)
{
    for (int64_t i = 0; i < *(int64_t *)arg; i++)
        log_event(LOG_INFO, "line", log_n("i", i),
                  log_s("more", S("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx")));
    return NULL;
}

static void a_reader_that_takes_nothing_holds_up_no_one(void **state)
{
    int reader = open_reader();
    int64_t many = 100000, dropped, expected = 0, i;
    (void)state;
    log_start();
    int64_t began = clock_mono();
    log_many(&many); /* far more than pipe and queue hold */
    assert_true(clock_mono() - began < 10 * 1000 * 1000);

    char *text = read_until(reader, "log lines dropped"), *next;
    for (char *line = text; (next = strchr(line, '\n')); line = next + 1) {
        char *at = strstr(line, " line i=");
        if (!at || at > next)
            break;
        assert_int_equal(sscanf(at, " line i=%" SCNd64, &i), 1);
        assert_int_equal(i, expected); /* in order, without a gap */
        expected++;
    }
    char *told = strstr(text, "log lines dropped lines=");
    if (!told)
        told = strstr(read_until(reader, "\n"), "lines=");
    assert_non_null(told);
    assert_int_equal(sscanf(strstr(told, "lines="), "lines=%" SCNd64, &dropped), 1);
    assert_true(expected * 60 > LOG_QUEUE_BYTES / 2);
    assert_int_equal(expected + dropped, many);

    log_event(LOG_INFO, "afterwards");
    assert_non_null(strstr(read_until(reader, "afterwards"), "afterwards"));
    log_stop();
    close_reader(reader);
}

static void a_stop_writes_what_is_queued_but_does_not_wait_for_ever(void **state)
{
    int reader = open_reader();
    int64_t many = 20000;
    pthread_t writer;
    (void)state;
    log_start();
    log_event(LOG_INFO, "the first");
    log_stop();
    assert_non_null(strstr(read_until(reader, "\n"), "the first"));
    log_event(LOG_INFO, "after the end");
    assert_non_null(strstr(read_until(reader, "\n"), "after the end"));

    log_start();
    assert_int_equal(pthread_create(&writer, NULL, log_many, &many), 0);
    pthread_join(writer, NULL);
    int64_t began = clock_mono();
    log_stop();
    int64_t took = (clock_mono() - began) / 1000;
    assert_true(took >= LOG_FLUSH_MS - 100 && took < LOG_FLUSH_MS + 5000);
    close_reader(reader);
}

/* In a child: an abort must end the process, and only after what was queued is out. */
static void an_abort_writes_what_is_queued_first(void **state)
{
    int reader = open_reader(), status;
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        int64_t some = 500;
        signal(SIGABRT, SIG_DFL);
        log_setup(LOG_INFO, LOG_JSON);
        log_start();
        log_many(&some);
        must(reader < 0);
    }
    const char *text = read_until(reader, "broken promise");
    assert_non_null(strstr(text, "\"i\":499"));
    assert_non_null(strstr(text, "\"event\":\"broken promise\""));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    close_reader(reader);
}

static void lines_that_a_full_disk_refused_are_counted(void **state)
{
    int reader, full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    (void)state;
    assert_true(full >= 0);
    assert_true(dup2(full, STDERR_FILENO) >= 0);
    log_start();
    log_event(LOG_INFO, "one");
    log_flush();
    log_event(LOG_INFO, "two");
    log_flush();
    reader = open_reader();
    log_event(LOG_INFO, "three");
    const char *text = read_until(reader, "lines=2\n");
    assert_non_null(strstr(text, " three\n"));
    assert_non_null(strstr(text, " warn log lines dropped lines=2\n"));
    log_stop();
    close(full);
    close_reader(reader);
}

static void repeated_events_are_let_through_now_and_then(void **state)
{
    static struct log_throttle throttle;
    int64_t held = -1;
    (void)state;
    assert_true(log_allowed(&throttle, &held));
    assert_int_equal(held, 0);
    for (int i = 0; i < 5; i++)
        assert_false(log_allowed(&throttle, &held));
    atomic_store(&throttle.next, 0);
    assert_true(log_allowed(&throttle, &held));
    assert_int_equal(held, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(control_characters_and_wrong_bytes_are_escaped),
        cmocka_unit_test(long_lines_are_cut_and_keep_their_later_fields),
        cmocka_unit_test(an_abort_writes_what_is_queued_first),
        cmocka_unit_test(lines_that_a_full_disk_refused_are_counted),
        cmocka_unit_test(repeated_events_are_let_through_now_and_then),
        cmocka_unit_test(a_reader_that_takes_nothing_holds_up_no_one),
        cmocka_unit_test(a_stop_writes_what_is_queued_but_does_not_wait_for_ever),
    };
    signal(SIGPIPE, SIG_IGN);
    own_stderr = dup(STDERR_FILENO);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
