/* base64url: the vectors of RFC 4648 section 10 without padding, and everything that is refused. */
#include "codec/base64url.h"

#include "base/buf.h"
#include "base/mem.h"
#include "codec/feed.h"

static const struct {
    Str bytes;
    Str text;
} pairs[] = {
    {S(""), S("")},
    {S("f"), S("Zg")},
    {S("fo"), S("Zm8")},
    {S("foo"), S("Zm9v")},
    {S("foob"), S("Zm9vYg")},
    {S("fooba"), S("Zm9vYmE")},
    {S("foobar"), S("Zm9vYmFy")},
    {S("\0"), S("AA")},
    {S("\0\0\0"), S("AAAA")},
    {S("\xff"), S("_w")},
    {S("\xff\xff"), S("__8")},
    {S("\xfb\xff\xbf"), S("-_-_")},
};

static const struct {
    const char *name;
    Str text;
} invalid[] = {
    {"one character", S("A")},
    {"five characters", S("AAAAA")},
    {"padding", S("Zg==")},
    {"padding after three", S("Zm8=")},
    {"plus of the other alphabet", S("AAA+")},
    {"slash of the other alphabet", S("/AAA")},
    {"a space", S("AA A")},
    {"a line end", S("AAAA\n")},
    {"a NUL", S("AA\0A")},
    {"a byte above ASCII", S("AAA\xc1")},
    {"a dot", S("AA.A")},
    {"one of four bits left over", S("Zh")},
    {"the highest of four bits left over", S("Zo")},
    {"one of two bits left over", S("Zm9")},
    {"the highest of two bits left over", S("Zm-")},
    {"a bad first of two", S("=A")},
    {"a bad second of two", S("A=")},
    {"a bad third of three", S("AA=")},
};

static void both_ways(void **state)
{
    (void)state;
    for (size_t i = 0; i < countof(pairs); i++) {
        struct buf text = BUF(64);
        uint8_t bytes[16];
        char *copy = feed_copy(pairs[i].bytes);
        base64url_encode(&text, str_from(copy, pairs[i].bytes.n));
        assert_true(str_eq(buf_str(&text), pairs[i].text));
        free(copy);
        copy = feed_copy(pairs[i].text);
        Str in = str_from(copy, pairs[i].text.n);
        assert_int_equal(base64url_decode(in, bytes, pairs[i].bytes.n), pairs[i].bytes.n);
        assert_true(str_eq(str_from((char *)bytes, pairs[i].bytes.n), pairs[i].bytes));
        if (pairs[i].bytes.n)
            assert_int_equal(base64url_decode(in, bytes, pairs[i].bytes.n - 1), -1);
        free(copy);
        buf_free(&text);
    }
}

static void refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < countof(invalid); i++) {
        uint8_t bytes[16];
        print_message("  %s\n", invalid[i].name);
        char *copy = feed_copy(invalid[i].text);
        assert_int_equal(base64url_decode(str_from(copy, invalid[i].text.n), bytes, sizeof bytes),
                         -1);
        free(copy);
    }
}

/* Of the 65,536 texts of two bytes exactly 64 * 4 are one byte's, and each byte has one. */
static void one_text_for_each_byte(void **state)
{
    (void)state;
    int seen[256] = {0}, total = 0;
    for (int i = 0; i < 65536; i++) {
        char text[2] = {(char)(i >> 8), (char)i};
        uint8_t byte;
        if (base64url_decode(str_from(text, 2), &byte, 1) == 1) {
            total++;
            seen[byte]++;
        }
    }
    assert_int_equal(total, 256);
    for (int i = 0; i < 256; i++)
        assert_int_equal(seen[i], 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ways),
        cmocka_unit_test(refused),
        cmocka_unit_test(one_text_for_each_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
