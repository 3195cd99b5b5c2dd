/*
 * JSON out: every kind of value and escape. JSON in: what is taken, what is refused and with which
 * words, from allocations of the exact size and at every prefix; the getters as a table of fields.
 */
#include "codec/json.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/mem.h"
#include "codec/feed.h"

static void assert_str(Str got, Str wanted)
{
    if (!str_eq(got, wanted))
        fail_msg("got \"" STR_FMT "\", wanted \"" STR_FMT "\"", STR_ARG(got), STR_ARG(wanted));
}

/* ---- out ---- */

static const struct {
    const char *name;
    Str text;
    Str json;
} strings[] = {
    {"empty", S(""), S("\"\"")},
    {"plain", S("hello"), S("\"hello\"")},
    {"a quote", S("\""), S("\"\\\"\"")},
    {"a backslash", S("a\\b"), S("\"a\\\\b\"")},
    {"line ends and tab", S("a\r\n\tb"), S("\"a\\r\\n\\tb\"")},
    {"other control characters", S("\x01\x08\x0c\x1f"), S("\"\\u0001\\u0008\\u000c\\u001f\"")},
    {"U+0000", S("a\0b"), S("\"a\\u0000b\"")},
    {"space, DEL and slash stay", S(" \x7f/"), S("\" \x7f/\"")},
    {"UTF-8 stays", S("na\xc3\xafve \xf0\x9f\x98\x80"), S("\"na\xc3\xafve \xf0\x9f\x98\x80\"")},
    {"the first of eight", S("\"bcdefgh"), S("\"\\\"bcdefgh\"")},
    {"the last of eight", S("abcdefg\""), S("\"abcdefg\\\"\"")},
    {"the ninth", S("abcdefgh\\"), S("\"abcdefgh\\\\\"")},
    {"neighbours of what is escaped", S("!#[]^_\x20\x7f!#[]^_\x20\x7f"),
     S("\"!#[]^_\x20\x7f!#[]^_\x20\x7f\"")},
    {"only escapes", S("\"\"\"\"\"\"\"\"\"\""), S("\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\"")},
    {"high bytes beside an escape", S("\xc2\xa2\xc2\x9f\xc2\x80\xc2\\"),
     S("\"\xc2\xa2\xc2\x9f\xc2\x80\xc2\\\\\"")},
};

static void written_strings(void **state)
{
    (void)state;
    for (size_t i = 0; i < countof(strings); i++) {
        print_message("  %s\n", strings[i].name);
        struct buf out = BUF(4096);
        struct json_writer w = {.out = &out};
        char *copy = feed_copy(strings[i].text);
        json_put_string(&w, str_from(copy, strings[i].text.n));
        assert_str(buf_str(&out), strings[i].json);
        free(copy);
        buf_free(&out);
    }
}

/* Each byte at each place of a string that is longer than what is looked at in one go. */
static void every_byte_at_every_place(void **state)
{
    (void)state;
    for (int c = 0; c < 0x80; c++) {
        for (size_t at = 0; at < 19; at++) {
            char text[19];
            struct buf out = BUF(4096);
            struct json_writer w = {.out = &out};
            struct json_value *doc;
            const char *why;
            Str got;
            memset(text, 'x', sizeof text);
            text[at] = (char)c;
            json_put_string(&w, str_from(text, sizeof text));
            if (c == 0) {
                assert_int_equal(json_parse(buf_str(&out), &doc, &why), ERR_INVALID_JSON);
            } else {
                assert_int_equal(json_parse(buf_str(&out), &doc, &why), ERR_OK);
                assert_true(json_as_string(doc, &got));
                assert_str(got, str_from(text, sizeof text));
                json_free(&doc);
            }
            buf_free(&out);
        }
    }
}

static void written_values(void **state)
{
    (void)state;
    struct buf out = BUF(4096);
    struct json_writer w = {.out = &out};
    Id id = {{0x01, 0x96, 0xf0, 0xa1, 0x11, 0x11, 0x72, 0x22, 0x83, 0x33, 0x44, 0x44, 0x55, 0x55,
              0x66, 0x66}};
    json_object_begin(&w);
    json_field_string(&w, "s", S("x"));
    json_field_int(&w, "zero", 0);
    json_field_int(&w, "least", INT64_MIN);
    json_field_int(&w, "most", INT64_MAX);
    json_field_bool(&w, "yes", true);
    json_field_bool(&w, "no", false);
    json_field_null(&w, "none");
    json_field_id(&w, "id", id);
    json_field_time(&w, "time", INT64_C(1777118400123));
    json_field_raw(&w, "raw", S("{\"a\":[]}"));
    json_field_object(&w, "object");
    json_object_end(&w);
    json_field_array(&w, "array");
    json_put_int(&w, 1);
    json_put_string(&w, S("two"));
    json_array_begin(&w);
    json_array_end(&w);
    json_object_begin(&w);
    json_field_null(&w, "a");
    json_object_end(&w);
    json_put_null(&w);
    json_array_end(&w);
    json_field_string_or_null(&w, "s1", S(""));
    json_field_string_or_null(&w, "s0", (Str){0});
    json_field_id_or_null(&w, "id0", (Id){0});
    json_field_time_or_null(&w, "time1", 1);
    json_field_time_or_null(&w, "time0", 0);
    json_object_end(&w);
    assert_str(buf_str(&out),
               S("{\"s\":\"x\",\"zero\":0,\"least\":-9223372036854775808,"
                 "\"most\":9223372036854775807,\"yes\":true,\"no\":false,\"none\":null,"
                 "\"id\":\"0196f0a1-1111-7222-8333-444455556666\","
                 "\"time\":\"2026-04-25T12:00:00.123Z\",\"raw\":{\"a\":[]},\"object\":{},"
                 "\"array\":[1,\"two\",[],{\"a\":null},null],\"s1\":\"\",\"s0\":null,"
                 "\"id0\":null,\"time1\":\"1970-01-01T00:00:00.001Z\",\"time0\":null}"));
    buf_free(&out);
}

static void a_full_buffer_stays_full(void **state)
{
    (void)state;
    for (size_t max = 0; max < 21; max++) {
        struct buf out = BUF(max);
        struct json_writer w = {.out = &out};
        json_object_begin(&w);
        json_field_string(&w, "k", S("a\nb"));
        json_field_int(&w, "n", 12345);
        json_object_end(&w);
        assert_true(out.overflow);
        assert_true(out.n <= max);
        buf_free(&out);
    }
}

/* ---- in ---- */

#define OPEN8 "[[[[[[[["
#define SHUT8 "]]]]]]]]"
#define OPEN32 OPEN8 OPEN8 OPEN8 OPEN8
#define SHUT32 SHUT8 SHUT8 SHUT8 SHUT8

static const struct {
    const char *name;
    Str text;
} valid[] = {
    {"an empty object", S("{}")},
    {"white space around", S(" \t\r\n{ } \n")},
    {"every type", S("{\"a\":null,\"b\":true,\"c\":1,\"d\":-1.5e3,\"e\":\"x\",\"f\":[],\"g\":{}}")},
    {"a name given twice", S("{\"a\":1,\"a\":2}")},
    {"an escaped surrogate pair", S("{\"a\":\"\\ud83d\\ude00\"}")},
    {"the last code point", S("{\"a\":\"\xf4\x8f\xbf\xbf\"}")},
    {"an empty name", S("{\"\":1}")},
    {"32 deep", S("{\"a\":" OPEN8 OPEN8 OPEN8 "[[[[[[["
                  "]]]]]]]" SHUT8 SHUT8 SHUT8 "}")},
    {"many brackets, none deep", S("{\"a\":[[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],["
                                   "],[],[],[],[],[],[],[],[],[],"
                                   "[],[],[],[],[],[],[],[],[],[],[]]}")},
    {"brackets in a string do not count", S("{\"a\":\"" OPEN32 OPEN32 "\"}")},
    {"a byte order mark", S("\xef\xbb\xbf{}")},
    {"an integer past 64 bits", S("{\"a\":9223372036854775808,\"b\":[-99999999999999999999]}")},
    {"a fraction past what there is", S("{\"a\":1e999,\"b\":-1.5E+4000,\"c\":1e-9999}")},
    {"nor after an escaped quote", S("{\"a\":\"\\\"" OPEN32 OPEN32 "\\\\\"}")},
};

static const struct {
    const char *name;
    Str text;
    const char *why;
} invalid[] = {
    {"nothing", S(""), "The JSON ends too early."},
    {"cut short", S("{\"a\":1"), "The JSON ends too early."},
    {"not an object", S("[1]"), "The JSON is not an object."},
    {"a string", S("\"x\""), "The JSON is not an object."},
    {"null", S("null"), "The JSON is not an object."},
    {"no JSON", S("hello"), "The JSON has a syntax error."},
    {"a comma too many", S("{\"a\":1,}"), "The JSON has a syntax error."},
    {"single quotes", S("{'a':1}"), "The JSON has a syntax error."},
    {"a comment", S("{} // x"), "Something follows the JSON value."},
    {"two values", S("{}{}"), "Something follows the JSON value."},
    {"a NUL after it", S("{}\0"), "Something follows the JSON value."},
    {"an escaped U+0000", S("{\"a\":\"\\u0000\"}"), "The JSON holds the character U+0000."},
    {"an escaped U+0000 in a name", S("{\"\\u0000\":1}"), NULL},
    {"a raw NUL in a string", S("{\"a\":\"x\0y\"}"), NULL},
    {"a line end in a string", S("{\"a\":\"\n\"}"), "The JSON has a syntax error."},
    {"a lone high surrogate", S("{\"a\":\"\\ud83d\"}"), "The JSON holds half a surrogate pair."},
    {"a lone low surrogate", S("{\"a\":\"\\ude00\"}"), "The JSON holds half a surrogate pair."},
    {"two high surrogates", S("{\"a\":\"\\ud83d\\ud83d\"}"),
     "The JSON holds half a surrogate pair."},
    {"a surrogate in UTF-8", S("{\"a\":\"\xed\xa0\x80\"}"), "The JSON is not valid UTF-8."},
    {"an overlong form", S("{\"a\":\"\xc0\xaf\"}"), "The JSON is not valid UTF-8."},
    {"above U+10FFFF", S("{\"a\":\"\xf4\x90\x80\x80\"}"), "The JSON is not valid UTF-8."},
    {"a character cut off", S("{\"a\":\"\xe2\x82\"}"), "The JSON is not valid UTF-8."},
    {"invalid UTF-8 in a name", S("{\"\xff\":1}"), "The JSON is not valid UTF-8."},
    {"two byte order marks", S("\xef\xbb\xbf\xef\xbb\xbf{}"), "The JSON has a syntax error."},
    {"NaN", S("{\"a\":NaN}"), "The JSON has a syntax error."},
    {"a leading zero", S("{\"a\":01}"), "The JSON has a syntax error."},
    {"a large number with a letter", S("{\"a\":9223372036854775808x}"),
     "The JSON has a syntax error."},
    {"a large one beside it", S("{\"a\":1e999,\"b\":01e9}"), "The JSON has a syntax error."},
    {"two exponents", S("{\"a\":1e999e999}"), "The JSON has a syntax error."},
    {"a large number with a leading zero", S("{\"a\":09223372036854775808}"),
     "The JSON has a syntax error."},
    {"33 deep", S("{\"a\":" OPEN32 SHUT32 "}"), "The JSON is nested too deep."},
    {"very deep and never closed", S(OPEN32 OPEN32 OPEN32), "The JSON is nested too deep."},
    {"deep objects",
     S("{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":"
       "{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":"
       "{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":"),
     "The JSON is nested too deep."},
};

static Err parse(Str text, const char **why)
{
    struct json_value *doc;
    char *copy = feed_copy(text);
    Err err = json_parse_object(str_from(copy, text.n), &doc, why);
    free(copy);
    if (err)
        assert_null(doc);
    else
        json_free(&doc);
    return err;
}

static void valid_texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < countof(valid); i++) {
        const char *why;
        print_message("  %s\n", valid[i].name);
        assert_int_equal(parse(valid[i].text, &why), ERR_OK);
        size_t last = valid[i].text.n;
        while (valid[i].text.p[last - 1] != '}')
            last--;
        for (size_t n = 0; n < last; n++) {
            why = NULL;
            assert_int_equal(parse(str_from(valid[i].text.p, n), &why), ERR_INVALID_JSON);
            assert_non_null(why);
        }
    }
}

static void invalid_texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < countof(invalid); i++) {
        const char *why = NULL;
        print_message("  %s\n", invalid[i].name);
        assert_int_equal(parse(invalid[i].text, &why), ERR_INVALID_JSON);
        assert_non_null(why);
        if (invalid[i].why)
            assert_string_equal(why, invalid[i].why);
    }
}

static const char fields[] =
    "{\"past\":9223372036854775808,\"s\":\"text\",\"empty\":\"\",\"escaped\":\"a\\n\\u00e9\",\"i\":"
    "-42,"
    "\"most\":9223372036854775807,\"r\":1.0,\"e\":1e2,\"t\":true,\"f\":false,\"n\":null,"
    "\"o\":{\"s\":\"inner\"},\"a\":[\"x\",\"y\"],\"a0\":[],\"mixed\":[\"x\",1],"
    "\"objects\":[{\"s\":\"first\"},{}],\"twice\":1,\"twice\":2}";

static const struct {
    const char *name;
    enum json_found string, number, boolean, object, array, strings;
} getters[] = {
#define YES JSON_FOUND
#define NO JSON_WRONG_TYPE
#define GONE JSON_ABSENT
    {"s", YES, NO, NO, NO, NO, NO},
    {"empty", YES, NO, NO, NO, NO, NO},
    {"i", NO, YES, NO, NO, NO, NO},
    {"most", NO, YES, NO, NO, NO, NO},
    {"r", NO, NO, NO, NO, NO, NO},
    {"e", NO, NO, NO, NO, NO, NO},
    {"past", NO, NO, NO, NO, NO, NO},
    {"t", NO, NO, YES, NO, NO, NO},
    {"f", NO, NO, YES, NO, NO, NO},
    {"o", NO, NO, NO, YES, NO, NO},
    {"a", NO, NO, NO, NO, YES, YES},
    {"a0", NO, NO, NO, NO, YES, YES},
    {"mixed", NO, NO, NO, NO, YES, NO},
    {"n", GONE, GONE, GONE, GONE, GONE, GONE},
    {"missing", GONE, GONE, GONE, GONE, GONE, GONE},
    {"", GONE, GONE, GONE, GONE, GONE, GONE},
};

static void fields_by_type(void **state)
{
    (void)state;
    struct json_value *doc;
    const char *why;
    assert_int_equal(json_parse_object(str_of(fields), &doc, &why), ERR_OK);
    for (size_t i = 0; i < countof(getters); i++) {
        struct arena arena = ARENA(4096);
        const char *name = getters[i].name;
        const struct json_value *v;
        Str s, *list;
        int64_t n;
        bool b;
        size_t count;
        print_message("  %s\n", name);
        assert_int_equal(json_get_string(doc, name, &s), getters[i].string);
        assert_int_equal(json_get_int(doc, name, &n), getters[i].number);
        assert_int_equal(json_get_bool(doc, name, &b), getters[i].boolean);
        assert_int_equal(json_get_object(doc, name, &v), getters[i].object);
        assert_int_equal(json_get_array(doc, name, &v), getters[i].array);
        assert_int_equal(json_get_strings(doc, name, &arena, &list, &count), getters[i].strings);
        assert_int_equal(json_has(doc, name), getters[i].string != GONE);
        arena_free(&arena);
    }
    json_free(&doc);
    assert_null(doc);
}

static void values_of_fields(void **state)
{
    (void)state;
    struct arena arena = ARENA(4096);
    struct json_value *doc;
    const struct json_value *v;
    const char *why;
    Str s = {0}, *list;
    int64_t n;
    bool b;
    size_t count;
    assert_int_equal(json_parse_object(str_of(fields), &doc, &why), ERR_OK);
    assert_int_equal(json_get_string(doc, "escaped", &s), JSON_FOUND);
    assert_str(s, S("a\n\xc3\xa9"));
    assert_int_equal(json_get_string(doc, "empty", &s), JSON_FOUND);
    assert_str(s, S(""));
    assert_int_equal(json_get_int(doc, "i", &n), JSON_FOUND);
    assert_int_equal(n, -42);
    assert_int_equal(json_get_int(doc, "most", &n), JSON_FOUND);
    assert_true(n == INT64_MAX);
    assert_int_equal(json_get_int(doc, "twice", &n), JSON_FOUND);
    assert_int_equal(n, 2);
    assert_int_equal(json_get_bool(doc, "t", &b), JSON_FOUND);
    assert_true(b);
    assert_int_equal(json_get_bool(doc, "f", &b), JSON_FOUND);
    assert_false(b);
    assert_int_equal(json_get_object(doc, "o", &v), JSON_FOUND);
    assert_int_equal(json_get_string(v, "s", &s), JSON_FOUND);
    assert_str(s, S("inner"));
    assert_int_equal(json_get_strings(doc, "a", &arena, &list, &count), JSON_FOUND);
    assert_int_equal(count, 2);
    assert_str(list[0], S("x"));
    assert_str(list[1], S("y"));
    assert_int_equal(json_get_strings(doc, "a0", &arena, &list, &count), JSON_FOUND);
    assert_int_equal(count, 0);
    assert_int_equal(json_get_array(doc, "objects", &v), JSON_FOUND);
    assert_int_equal(json_count(v), 2);
    assert_int_equal(json_get_string(json_at(v, 0), "s", &s), JSON_FOUND);
    assert_str(s, S("first"));
    assert_int_equal(json_get_string(json_at(v, 1), "s", &s), JSON_ABSENT);
    assert_false(json_as_string(json_at(v, 1), &s));
    assert_int_equal(json_get_string(v, "s", &s), JSON_ABSENT);
    assert_int_equal(json_count(doc), 0);
    json_free(&doc);
    arena_free(&arena);
}

static int setup(void **state)
{
    (void)state;
    json_setup();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(written_strings), cmocka_unit_test(every_byte_at_every_place),
        cmocka_unit_test(written_values),  cmocka_unit_test(a_full_buffer_stays_full),
        cmocka_unit_test(valid_texts),     cmocka_unit_test(invalid_texts),
        cmocka_unit_test(fields_by_type),  cmocka_unit_test(values_of_fields),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
