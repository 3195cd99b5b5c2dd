/* Growing bytes: what is appended is there, the maximum holds, overflow sticks. */
#include "base/buf.h"

#include "base/mem.h"
#include "base/model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

static void assert_holds(const struct buf *b, Str want)
{
    if (!str_eq(buf_str(b), want))
        fail_msg("\"" STR_FMT "\", not \"" STR_FMT "\"", STR_ARG(buf_str(b)), STR_ARG(want));
}

static void appends(void **state)
{
    (void)state;
    struct buf b = BUF(1000);
    assert_holds(&b, S(""));
    assert_non_null(buf_str(&b).p);
    buf_add(&b, S("ab"));
    buf_add(&b, S(""));
    buf_add(&b, (Str){0});
    buf_byte(&b, '\0');
    buf_fmt(&b, "%d-%s", -7, "x");
    buf_uint(&b, 0);
    buf_uint(&b, UINT64_MAX);
    char *at = buf_reserve(&b, 2);
    memcpy(at, "!?", 2);
    b.n += 2;
    assert_holds(&b, S("ab\0-7-x018446744073709551615!?"));
    assert_false(b.overflow);
    buf_free(&b);
    assert_null(b.p);
    assert_int_equal(b.max, 1000);
    buf_add(&b, S("again"));
    assert_holds(&b, S("again"));
    buf_free(&b);
}

static void overflow_appends_nothing_and_sticks(void **state)
{
    (void)state;
    struct buf b = BUF(4);
    buf_add(&b, S("abc"));
    buf_add(&b, S("de"));
    assert_true(b.overflow);
    assert_holds(&b, S("abc"));
    buf_byte(&b, 'd');
    buf_fmt(&b, "%d", 1);
    buf_uint(&b, 1);
    assert_null(buf_reserve(&b, 1));
    assert_holds(&b, S("abc"));
    buf_clear(&b);
    assert_false(b.overflow);
    buf_add(&b, S("wxyz"));
    assert_false(b.overflow);
    assert_holds(&b, S("wxyz"));
    assert_null(buf_reserve(&b, SIZE_MAX));
    assert_true(b.overflow);
    buf_free(&b);
    assert_false(b.overflow);
}

static void a_formatted_text_may_fill_it(void **state)
{
    (void)state;
    static const size_t lengths[] = {1, 255, 256, 257, 1000};
    char text[1001];
    memset(text, 'x', sizeof text);
    for (size_t i = 0; i < countof(lengths); i++) {
        size_t n = lengths[i];
        struct buf b = BUF(n);
        buf_fmt(&b, "%.*s", (int)n, text);
        assert_holds(&b, str_from(text, n));
        assert_false(b.overflow);
        buf_free(&b);
        b = BUF(n);
        buf_fmt(&b, "%.*s", (int)n + 1, text);
        assert_true(b.overflow);
        assert_holds(&b, S(""));
        buf_free(&b);
    }
}

static void consuming_all_holds_no_memory(void **state)
{
    (void)state;
    struct buf b = BUF(100);
    buf_add(&b, S("abcdef"));
    buf_consume(&b, 0);
    assert_holds(&b, S("abcdef"));
    buf_consume(&b, 2);
    assert_holds(&b, S("cdef"));
    buf_consume(&b, 4);
    assert_holds(&b, S(""));
    assert_null(b.p);
    assert_int_equal(b.max, 100);
}

/* A megabyte in parts of one byte: a copy of the rest at each would be half a terabyte. */
static void small_parts_cost_no_more_than_large_ones(void **state)
{
    (void)state;
    enum { ALL = 1024 * 1024, WATCHDOG_S = 20 };
    static char text[ALL];
    struct buf b = BUF(ALL);
    alarm(WATCHDOG_S);
    buf_add(&b, str_from(text, sizeof text));
    for (size_t i = 0; i < ALL; i++) { /* it stays full */
        buf_consume(&b, 1);
        buf_byte(&b, 'x');
    }
    for (size_t i = 0; i < ALL; i++) {
        assert_true(b.n == ALL - i && *b.p == 'x');
        buf_consume(&b, 1);
    }
    assert_null(b.p);
    alarm(0);
}

static void what_was_consumed_gives_memory_back(void **state)
{
    (void)state;
    enum { ALL = 1024 * 1024 };
    static char text[ALL];
    struct buf b = BUF(ALL);
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)(i * 31 >> 3);
    buf_add(&b, str_from(text, sizeof text));
    for (size_t at = 0; at + 1000 < ALL; at += 1000) {
        assert_holds(&b, str_from(text + at, sizeof text - at));
        assert_true(buf_memory(&b) <= 2 * (size_t)b.n + 128 * 1024);
        buf_consume(&b, 1000);
    }
    buf_free(&b);
    buf_add(&b, str_from(text, 700 * 1024));
    buf_trim(&b);
    assert_int_equal(buf_memory(&b), 700 * 1024);
    assert_holds(&b, str_from(text, 700 * 1024));
    buf_free(&b);
}

enum { MOST = 3000 };

static void some_operation(struct buf *b, char *model, size_t *n, uint64_t *seed)
{
    char text[700];
    size_t length = below(seed, below(seed, 8) ? 40 : sizeof text);
    memset(text, 'a' + (int)below(seed, 26), sizeof text);
    switch (below(seed, 6)) {
    case 0:
        length = below(seed, *n + 1);
        buf_consume(b, length);
        memmove(model, model + length, *n - length);
        *n -= length;
        return;
    case 1:
        buf_fmt(b, "%.*s", (int)length, text);
        break;
    case 2:
        length = 1;
        buf_byte(b, text[0]);
        break;
    default:
        buf_add(b, str_from(text, length));
    }
    if (b->overflow) {
        assert_true(*n + length > MOST);
        b->overflow = false;
        return;
    }
    memcpy(model + *n, text, length);
    *n += length;
}

static void random_operations(void **state)
{
    (void)state;
    static char model[MOST];
    uint64_t seed = 1;
    struct buf b = BUF(MOST);
    size_t n = 0;
    for (int i = 0; i < 20000; i++) {
        some_operation(&b, model, &n, &seed);
        assert_holds(&b, str_from(model, n));
        assert_true(buf_memory(&b) <= 2 * MOST);
    }
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appends),
        cmocka_unit_test(overflow_appends_nothing_and_sticks),
        cmocka_unit_test(a_formatted_text_may_fill_it),
        cmocka_unit_test(consuming_all_holds_no_memory),
        cmocka_unit_test(small_parts_cost_no_more_than_large_ones),
        cmocka_unit_test(what_was_consumed_gives_memory_back),
        cmocka_unit_test(random_operations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
