/* UTF-8: what is valid, where the first wrong byte is noticed, how code points are counted. */
#include "base/utf8.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* On the heap and of the exact size, so that AddressSanitizer sees a read past the end. */
static char *exact_copy(Str s)
{
    char *copy = malloc(s.n);
    assert_non_null(copy);
    if (s.n)
        memcpy(copy, s.p, s.n);
    return copy;
}

static const struct {
    const char *name;
    Str text;
    size_t code_points;
} valid[] = {
    {"nothing", S(""), 0},
    {"NUL is a character", S("a\0b"), 3},
    {"ASCII longer than a word", S("The quick brown fox jumps over the lazy dog"), 43},
    {"two bytes, first and last", S("\xc2\x80\xdf\xbf"), 2},
    {"three bytes, first and last", S("\xe0\xa0\x80\xef\xbf\xbf"), 2},
    {"around the surrogates", S("\xed\x9f\xbf\xee\x80\x80"), 2},
    {"four bytes, first and last", S("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"), 2},
    {"mixed", S("na\xc3\xafve \xe2\x82\xac 5 \xf0\x9f\x98\x80!"), 12},
    {"a word of ASCII, then not", S("12345678\xc3\xa9"), 9},
    {"combining marks count by themselves", S("e\xcc\x81"), 2},
};

static const struct {
    const char *name;
    Str text;
    size_t noticed; /* bytes until it is noticed; past the end: only at the end */
} invalid[] = {
    {"a lone continuation byte", S("ab\x80"), 3},
    {"after a word of ASCII", S("12345678\xbf"), 9},
    {"overlong slash in two bytes", S("\xc0\xaf"), 1},
    {"overlong in two bytes, last", S("\xc1\xbf"), 1},
    {"overlong in three bytes", S("\xe0\x9f\xbf"), 2},
    {"overlong in four bytes", S("\xf0\x8f\xbf\xbf"), 2},
    {"the first surrogate", S("\xed\xa0\x80"), 2},
    {"the last surrogate", S("\xed\xbf\xbf"), 2},
    {"above U+10FFFF", S("\xf4\x90\x80\x80"), 2},
    {"lead byte F5", S("\xf5\x80\x80\x80"), 1},
    {"FE and FF are never there", S("\xfe"), 1},
    {"FF", S("\xff"), 1},
    {"a character broken by ASCII", S("\xe2\x82x"), 3},
    {"a character broken by another", S("\xe2\x82\xe2\x82\xac"), 3},
    {"cut after one of two", S("\xc3"), 2},
    {"cut after two of three", S("a\xe2\x82"), 4},
    {"cut after three of four", S("\xf0\x9f\x98"), 4},
};

static void valid_texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < countof(valid); i++) {
        print_message("  %s\n", valid[i].name);
        size_t n = 0;
        char *copy = exact_copy(valid[i].text);
        assert_true(utf8_count(str_from(copy, valid[i].text.n), &n));
        assert_int_equal(n, valid[i].code_points);
        free(copy);
        for (size_t cut = 0; cut <= valid[i].text.n; cut++) {
            struct utf8 u = {0};
            char *head = exact_copy(str_from(valid[i].text.p, cut));
            assert_true(utf8_step(&u, str_from(head, cut)));
            assert_true(utf8_complete(&u) == utf8_valid(str_from(head, cut)));
            assert_true(utf8_step(&u, str_skip(valid[i].text, cut)));
            assert_true(utf8_complete(&u));
            free(head);
        }
    }
}

static void invalid_texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < countof(invalid); i++) {
        print_message("  %s\n", invalid[i].name);
        Str text = invalid[i].text;
        size_t n;
        assert_false(utf8_valid(text));
        assert_false(utf8_count(text, &n));
        struct utf8 u = {0};
        size_t at = 0;
        while (at < text.n && utf8_step(&u, str_from(text.p + at, 1)))
            at++;
        assert_int_equal(at + 1, invalid[i].noticed);
        if (at == text.n)
            assert_false(utf8_complete(&u));
    }
}

static Str encode(char out[4], uint32_t cp, size_t n)
{
    static const uint8_t lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = n; i-- > 1; cp >>= 6)
        out[i] = (char)(0x80 | (cp & 0x3f));
    out[0] = (char)(lead[n] | cp);
    return str_from(out, n);
}

static void every_code_point_in_every_length(void **state)
{
    (void)state;
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000, 0x200000};
    for (size_t n = 1; n <= 4; n++) {
        uint32_t end = n == 1 ? 0x80 : n == 2 ? 0x800 : n == 3 ? 0x10000 : 0x200000;
        for (uint32_t cp = 0; cp < end; cp++) {
            char text[4];
            bool ok = cp >= least[n] && cp <= 0x10ffff && (cp < 0xd800 || cp > 0xdfff);
            if (utf8_valid(encode(text, cp, n)) != ok)
                fail_msg("U+%04X in %zu bytes", cp, n);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(valid_texts),
        cmocka_unit_test(invalid_texts),
        cmocka_unit_test(every_code_point_in_every_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
