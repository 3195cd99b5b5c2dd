/* Event ids and cursors: what is written is read back, and nothing else is. */
#include "realtime/cursor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void written_and_read_back(void **state)
{
    (void)state;
    struct event stored = {.type = EVENT_SEND_MSG, .seq = 3, .position = 0x1f};
    struct event typing = {.type = EVENT_TYPING, .position = 0x1f, .number = UINT32_MAX};
    struct buf out = BUF(64);
    cursor_of_event(&out, &stored);
    assert_true(str_eq(buf_str(&out), S("e1f")));
    struct replay_cursor c = cursor_read(buf_str(&out));
    assert_int_equal(c.kind, REPLAY_STORED);
    assert_int_equal(c.position, 0x1f);
    assert_int_equal(c.marks, 0x1f);

    buf_clear(&out);
    cursor_of_event(&out, &typing);
    assert_true(str_eq(buf_str(&out), S("u1f-ffffffff")));
    c = cursor_read(buf_str(&out));
    assert_int_equal(c.kind, REPLAY_UNSTORED);
    assert_int_equal(c.position, 0x1f);
    assert_int_equal(c.marks, 0x1f);

    buf_clear(&out);
    cursor_of_replay(&out, (1ll << 59) - 1, 0);
    assert_true(out.n <= 40);
    c = cursor_read(buf_str(&out));
    assert_int_equal(c.kind, REPLAY_PLAN);
    assert_int_equal(c.position, (1ll << 59) - 1);
    assert_int_equal(c.marks, 0);
    buf_free(&out);
}

static void anything_else_is_unknown(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",      "e",      "e-",      "e1g",
        "E1f",   "e1F",    "e 1",     "e-1",
        "e+1",   "e1f-1",  "u",       "u1f",
        "u1f-",  "u-1",    "u1f-1-1", "x1f",
        "x1f-1", "s1f",    "s1f-",    "s-",
        "n5",    "1f",     "latest",  "e1111111111111111",
        "\xff",  "e1f\n",  "null",    "01890000-0000-7000-8000-000000000000",
        "u1f-g", "s1f- 1",
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (cursor_read(str_of(rows[i])).kind != REPLAY_UNKNOWN)
            fail_msg("\"%s\" is taken for a cursor", rows[i]);
}

/* Arithmetic before the limit: the sanitized build traps an overflow here. */
static void digits_without_end_are_unknown(void **state)
{
    static const char *const forms[] = {"e%s", "u%s-0", "u0-%s", "s%s-0", "s0-%s"};
    (void)state;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        for (size_t n = 16; n <= 36; n++) {
            char digits[37], text[96];
            memset(digits, 'f', n);
            digits[n] = 0;
            (void)snprintf(text, sizeof text, forms[i], digits);
            if (cursor_read(str_of(text)).kind != REPLAY_UNKNOWN)
                fail_msg("\"%s\" is taken for a cursor", text);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(written_and_read_back),
        cmocka_unit_test(anything_else_is_unknown),
        cmocka_unit_test(digits_without_end_are_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
