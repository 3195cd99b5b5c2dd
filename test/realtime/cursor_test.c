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
    cursor_of_replay(&out, (1ll << 52) - 1, 0);
    assert_true(out.n <= 40);
    c = cursor_read(buf_str(&out));
    assert_int_equal(c.kind, REPLAY_PLAN);
    assert_int_equal(c.position, (1ll << 52) - 1);
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

/* Last: what is set up stays. */
static void epochs_tell_ids_of_another_history(void **state)
{
    (void)state;
    static const struct replay_epoch epochs[] = {
        {.first = 100, .last = 150, .tag = 0xaaaa},
        {.first = 4100, .last = 4090, .tag = 0xbbbb}, /* gave out nothing */
        {.first = 4100, .last = INT64_MAX, .tag = 0xffffffff},
    };
    static const struct {
        const char *text;
        bool known;
    } rows[] = {
        {"e63", true},            /* 99, from before there were epochs */
        {"e64", false},           /* 100 has an epoch */
        {"e64-aaaa", true},       /* the first of it */
        {"e96-aaaa", true},       /* 150, the last */
        {"e97-aaaa", false},      /* given out after a backup, and the store has been restored */
        {"e64-bbbb", false},      /* of another epoch */
        {"e1004-ffffffff", true}, /* 4100 */
        {"e96-ffffffff", false},  /* 150 is of aaaa */
        {"e1004-aaaa", false},    /* what the lost history gave out */
        {"e1004-cccc", false},    /* never heard of */
        {"u96-5-aaaa", true},     /* not stored, after the last */
        {"u96-5-ffffffff", true}, /* in this one, before anything was stored */
        {"u97-5-aaaa", false},    /* after what the store knows of it */
        {"u63-5", true},
        {"s96-90-aaaa", true},
        {"s96-97-aaaa", false}, /* its marks are ahead */
        {"s1004-1004-ffffffff", true},
        {"e64-0aaaa0000", false}, /* too many digits */
        {"e64-aaaa-1", false},
        {"e63-", false},
    };
    cursor_setup(epochs, sizeof epochs / sizeof *epochs);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if ((cursor_read(str_of(rows[i].text)).kind != REPLAY_UNKNOWN) != rows[i].known)
            fail_msg("\"%s\"", rows[i].text);
    struct event event = {.type = EVENT_SEND_MSG, .seq = 3, .position = 150};
    struct buf out = BUF(64);
    cursor_of_event(&out, &event);
    assert_true(str_eq(buf_str(&out), S("e96-aaaa")));
    buf_clear(&out);
    /* Told now, of a position of long ago: its marks are looked for in that epoch. */
    cursor_of_note(&out, 150, 7);
    assert_true(str_eq(buf_str(&out), S("u96-7-ffffffff")));
    assert_int_equal(cursor_read(buf_str(&out)).first, 100);
    assert_int_equal(cursor_at(150).first, 100);
    assert_int_equal(cursor_start(), 4099);
    buf_clear(&out);
    cursor_of_replay(&out, (1ll << 52) - 1, (1ll << 52) - 1);
    assert_true(out.n <= 40);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(written_and_read_back),
        cmocka_unit_test(anything_else_is_unknown),
        cmocka_unit_test(digits_without_end_are_unknown),
        cmocka_unit_test(epochs_tell_ids_of_another_history),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
