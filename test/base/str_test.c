/* Slices: comparing, cutting, trimming, numbers. Rows are on the heap and of the exact size. */
#include "base/str.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void assert_str(Str got, Str want)
{
    if (!str_eq(got, want))
        fail_msg("\"" STR_FMT "\", not \"" STR_FMT "\"", STR_ARG(got), STR_ARG(want));
}

/* Freed with mem_free; AddressSanitizer sees a read past the end. */
static char *exact(Str s)
{
    char *p = mem_alloc(s.n);
    memcpy(p, s.p, s.n);
    return p;
}

static const struct {
    Str a, b;
    bool same, but_for_case;
} pairs[] = {
    {S(""), S(""), true, true},
    {S("a"), S(""), false, false},
    {S("abc"), S("abc"), true, true},
    {S("abc"), S("abd"), false, false},
    {S("abc"), S("ab"), false, false},
    {S("a\0b"), S("a\0b"), true, true},
    {S("a\0b"), S("a\0c"), false, false},
    {S("Content-Length"), S("content-LENGTH"), false, true},
    {S("AZaz"), S("azAZ"), false, true},
    {S("@["), S("`{"), false, false}, /* just outside the letters */
    {S("\xc3\x84"), S("\xc3\xa4"), false, false},
};

static void equality(void **state)
{
    (void)state;
    for (size_t i = 0; i < countof(pairs); i++) {
        char *a = exact(pairs[i].a), *b = exact(pairs[i].b);
        Str x = str_from(a, pairs[i].a.n), y = str_from(b, pairs[i].b.n);
        print_message("  \"" STR_FMT "\", \"" STR_FMT "\"\n", STR_ARG(x), STR_ARG(y));
        assert_int_equal(str_eq(x, y), pairs[i].same);
        assert_int_equal(str_eq(y, x), pairs[i].same);
        assert_int_equal(str_eq_nocase(x, y), pairs[i].but_for_case);
        assert_int_equal(str_eq_nocase(y, x), pairs[i].but_for_case);
        mem_free(a);
        mem_free(b);
    }
    assert_true(str_eq((Str){0}, S("")));
    assert_true(str_eq(str_of(NULL), S("")));
    assert_str(str_of("abc"), S("abc"));
}

static void beginnings(void **state)
{
    (void)state;
    assert_true(str_starts(S("/api/chat"), S("/api/")));
    assert_true(str_starts(S("/api/"), S("/api/")));
    assert_true(str_starts(S("x"), S("")));
    assert_true(str_starts((Str){0}, (Str){0}));
    assert_false(str_starts(S("/api"), S("/api/")));
    assert_false(str_starts(S(""), S("x")));
    assert_false(str_starts(S("/API/"), S("/api/")));
}

static void skipping_stops_at_the_end(void **state)
{
    (void)state;
    assert_str(str_skip(S("abc"), 0), S("abc"));
    assert_str(str_skip(S("abc"), 2), S("c"));
    assert_str(str_skip(S("abc"), 3), S(""));
    assert_str(str_skip(S("abc"), 4), S(""));
    assert_str(str_skip(S("abc"), SIZE_MAX), S(""));
    assert_non_null(str_skip(S("abc"), 9).p);
}

static void trimming_takes_spaces_and_tabs_only(void **state)
{
    (void)state;
    assert_str(str_trim(S("  a b\t")), S("a b"));
    assert_str(str_trim(S("\t \t")), S(""));
    assert_str(str_trim(S("")), S(""));
    assert_str(str_trim((Str){0}), S(""));
    assert_str(str_trim(S("\na\r ")), S("\na\r"));
}

static void finding_and_cutting(void **state)
{
    (void)state;
    assert_int_equal(str_find(S("a:b:c"), ':'), 1);
    assert_int_equal(str_find(S("abc"), ':'), -1);
    assert_int_equal(str_find(S(""), ':'), -1);
    assert_int_equal(str_find((Str){0}, ':'), -1);
    assert_int_equal(str_find(S("a\0b"), 'b'), 2);

    Str rest = S("a,,b c,");
    assert_str(str_cut(&rest, ','), S("a"));
    assert_str(str_cut(&rest, ','), S(""));
    assert_str(str_cut(&rest, ','), S("b c"));
    assert_str(rest, S(""));
    assert_str(str_cut(&rest, ','), S(""));
    rest = S("whole");
    assert_str(str_cut(&rest, ','), S("whole"));
    assert_str(rest, S(""));
    assert_non_null(rest.p);
}

static const struct {
    Str text;
    uint64_t max;
    bool good;
    uint64_t value;
} numbers[] = {
    {S("0"), 0, true, 0},
    {S("1"), 0, false, 0},
    {S("007"), 7, true, 7},
    {S("65535"), 65535, true, 65535},
    {S("65536"), 65535, false, 0},
    {S("655350"), 65535, false, 0},
    {S("5"), 4, false, 0},
    {S("18446744073709551615"), UINT64_MAX, true, UINT64_MAX},
    {S("18446744073709551616"), UINT64_MAX, false, 0},
    {S("99999999999999999999"), UINT64_MAX, false, 0},
    {S("000000000000000000000000001"), UINT64_MAX, true, 1},
    {S(""), 9, false, 0},
    {S("-1"), 9, false, 0},
    {S("+1"), 9, false, 0},
    {S(" 1"), 9, false, 0},
    {S("1 "), 9, false, 0},
    {S("1.0"), 99, false, 0},
    {S("0x1"), 99, false, 0},
    {S("1\0"), 99, false, 0},
    {S("\xd9\xa1"), 99, false, 0}, /* an Arabic digit */
};

static void numbers_are_digits_up_to_a_maximum(void **state)
{
    (void)state;
    for (size_t i = 0; i < countof(numbers); i++) {
        char *text = exact(numbers[i].text);
        Str s = str_from(text, numbers[i].text.n);
        uint64_t value = 12345;
        print_message("  \"" STR_FMT "\" <= %llu\n", STR_ARG(s),
                      (unsigned long long)numbers[i].max);
        assert_int_equal(str_to_uint(s, numbers[i].max, &value), numbers[i].good);
        if (numbers[i].good)
            assert_true(value == numbers[i].value);
        mem_free(text);
    }
}

static const struct {
    Str text;
    uint64_t max;
    bool good;
    uint64_t value;
} hex_numbers[] = {
    {S("0"), 0, true, 0},
    {S("1f"), 0x1f, true, 0x1f},
    {S("20"), 0x1f, false, 0},
    {S("f"), 4, false, 0},
    {S("0000000000000000000000ff"), UINT64_MAX, true, 0xff},
    {S("7fffffffffffffff"), INT64_MAX, true, INT64_MAX},
    {S("8000000000000000"), INT64_MAX, false, 0},
    {S("ffffffffffffffff"), INT64_MAX, false, 0},
    {S("ffffffffffffffff"), UINT64_MAX, true, UINT64_MAX},
    {S("10000000000000000"), UINT64_MAX, false, 0},
    {S("ffffffffffffffffffffffffffffffffffffffff"), UINT64_MAX, false, 0},
    {S(""), 9, false, 0},
    {S("1F"), 99, false, 0},
    {S("0x1"), 99, false, 0},
    {S("-1"), 99, false, 0},
    {S("1g"), 99, false, 0},
};

static void hexadecimal_numbers_are_bounded_before_they_overflow(void **state)
{
    (void)state;
    for (size_t i = 0; i < countof(hex_numbers); i++) {
        char *text = exact(hex_numbers[i].text);
        Str s = str_from(text, hex_numbers[i].text.n);
        uint64_t value = 12345;
        print_message("  \"" STR_FMT "\"\n", STR_ARG(s));
        assert_int_equal(str_hex_to_uint(s, hex_numbers[i].max, &value), hex_numbers[i].good);
        if (hex_numbers[i].good)
            assert_true(value == hex_numbers[i].value);
        mem_free(text);
    }
}

static void lower_case_is_of_ascii(void **state)
{
    (void)state;
    char out[12];
    Str text = S("AbZ@[`{19\xc3\x84");
    memset(out, '!', sizeof out);
    str_lower(text, out);
    assert_str(str_from(out, text.n), S("abz@[`{19\xc3\x84"));
    assert_int_equal(out[text.n], '!');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equality),
        cmocka_unit_test(beginnings),
        cmocka_unit_test(skipping_stops_at_the_end),
        cmocka_unit_test(trimming_takes_spaces_and_tabs_only),
        cmocka_unit_test(finding_and_cutting),
        cmocka_unit_test(numbers_are_digits_up_to_a_maximum),
        cmocka_unit_test(hexadecimal_numbers_are_bounded_before_they_overflow),
        cmocka_unit_test(lower_case_is_of_ascii),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
