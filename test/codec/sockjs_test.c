/* SockJS as text: paths, messages in, elements and frames out. */
#include "base/mem.h"
#include "codec/feed.h"
#include "codec/json.h"
#include "codec/sockjs.h"

static void expect_text(struct buf *out, Str text)
{
    assert_false(out->overflow);
    assert_int_equal(out->n, text.n);
    if (text.n)
        assert_memory_equal(out->p, text.p, text.n);
    buf_free(out);
}

static void paths(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        enum sockjs_endpoint endpoint;
        const char *session;
    } rows[] = {
        {"", SOCKJS_GREETING, ""},
        {"/", SOCKJS_GREETING, ""},
        {"//", SOCKJS_NONE, ""},
        {"///", SOCKJS_NONE, ""},
        {"x", SOCKJS_NONE, ""},
        {"/a", SOCKJS_NONE, ""},
        {"/a.html", SOCKJS_NONE, ""},
        {"/a/a", SOCKJS_NONE, ""},
        {"/a/a/", SOCKJS_NONE, ""},
        {"/info", SOCKJS_INFO, ""},
        {"/info/", SOCKJS_INFO, ""},
        {"/info//", SOCKJS_NONE, ""},
        {"/websocket", SOCKJS_RAW, ""},
        {"/iframe.html", SOCKJS_IFRAME, ""},
        {"/iframe-.html", SOCKJS_IFRAME, ""},
        {"/iframe-a.html", SOCKJS_IFRAME, ""},
        {"/iframe-0.1.2abc-dirty.2144.html", SOCKJS_IFRAME, ""},
        {"/iframe.htm", SOCKJS_NONE, ""},
        {"/iframe", SOCKJS_NONE, ""},
        {"/IFRAME.HTML", SOCKJS_NONE, ""},
        {"/iframe.HTML", SOCKJS_NONE, ""},
        {"/iframe.xml", SOCKJS_NONE, ""},
        {"/iframe-/.html", SOCKJS_NONE, ""},
        {"/iframe.htm.html", SOCKJS_IFRAME, ""},
        {"/ifram.html", SOCKJS_NONE, ""},
        {"/iframehtml", SOCKJS_NONE, ""},
        {"/000/abc/xhr", SOCKJS_XHR, "abc"},
        {"/000/abc/xhr/", SOCKJS_XHR, "abc"},
        {"/000/abc/xhr//", SOCKJS_NONE, ""},
        {"/_/_/xhr_send", SOCKJS_XHR_SEND, "_"},
        {"/a b/c d/xhr_streaming", SOCKJS_XHR_STREAMING, "c d"},
        {"/1/1/websocket", SOCKJS_WEBSOCKET, "1"},
        {"/1/1/eventsource", SOCKJS_EVENTSOURCE, "1"},
        {"/1/1/htmlfile", SOCKJS_HTMLFILE, "1"},
        {"/1/1/jsonp", SOCKJS_JSONP, "1"},
        {"/1/1/jsonp_send", SOCKJS_JSONP_SEND, "1"},
        {"/1/1/jsonp_sen", SOCKJS_NONE, ""},
        {"/1/1/info", SOCKJS_NONE, ""},
        {"/1/1/xhr/x", SOCKJS_NONE, ""},
        {"///xhr", SOCKJS_NONE, ""},
        {"/a./a/xhr", SOCKJS_NONE, ""},
        {"/a/a./xhr", SOCKJS_NONE, ""},
        {"/./.ZZ/xhr", SOCKJS_NONE, ""},
        {"//xhr", SOCKJS_NONE, ""},
        {"////xhr", SOCKJS_NONE, ""},
    };
    for (size_t i = 0; i < countof(rows); i++) {
        print_message("  %s\n", rows[i].path);
        Str path = str_of(rows[i].path);
        char *copy = feed_copy(path);
        struct sockjs_path found = sockjs_path(str_from(copy, path.n));
        assert_int_equal(found.endpoint, rows[i].endpoint);
        assert_true(str_eq(found.session, str_of(rows[i].session)));
        free(copy);
    }
}

static void callbacks(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool valid;
    } rows[] = {
        {"callback", true}, {"_jp.aZ09", true}, {"a", true},  {"", false},    {" ", false},
        {"*", false},       {"abc(", false},    {"é", false}, {"a-b", false}, {"a;b", false},
    };
    for (size_t i = 0; i < countof(rows); i++)
        assert_true(sockjs_callback_valid(str_of(rows[i].name)) == rows[i].valid);
    char longest[65];
    memset(longest, 'x', sizeof longest);
    assert_true(sockjs_callback_valid(str_from(longest, 64)));
    assert_false(sockjs_callback_valid(str_from(longest, 65)));
}

static void messages(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        Str in;
        enum sockjs_decoded decoded;
        Str out;
    } rows[] = {
        {"nothing", S(""), SOCKJS_NO_PAYLOAD, S("")},
        {"no messages", S("[]"), SOCKJS_MESSAGES, S("")},
        {"one", S("[\"x\"]"), SOCKJS_MESSAGES, S("x")},
        {"an empty one", S("[\"\"]"), SOCKJS_MESSAGES, S("")},
        {"several", S("[\"ab\",\"\",\"c\"]"), SOCKJS_MESSAGES, S("abc")},
        {"white space", S(" \t\r\n[ \"a\" ,\n\"b\" ] "), SOCKJS_MESSAGES, S("ab")},
        {"one by itself", S("\"x\""), SOCKJS_MESSAGE, S("x")},
        {"a STOMP frame", S("[\"CONNECT\\n\\n\\u0000\"]"), SOCKJS_MESSAGES, S("CONNECT\n\n\0")},
        {"every escape", S("[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]"), SOCKJS_MESSAGES,
         S("\"\\/\b\f\n\r\t")},
        {"code points", S("[\"\\u0041\\u00e9\\u20ac\\u200C\"]"), SOCKJS_MESSAGES,
         S("A\xc3\xa9\xe2\x82\xac\xe2\x80\x8c")},
        {"a pair of surrogates", S("[\"\\ud83d\\ude00\"]"), SOCKJS_MESSAGES, S("\xf0\x9f\x98\x80")},
        {"UTF-8 as it is", S("[\"\xf0\x9f\x98\x80\xc3\xa9\"]"), SOCKJS_MESSAGES,
         S("\xf0\x9f\x98\x80\xc3\xa9")},
        {"percents", S("[\"%61bc\"]"), SOCKJS_MESSAGES, S("%61bc")},
        {"not closed", S("[\"x"), SOCKJS_BROKEN, S("")},
        {"not closed behind a message", S("[\"x\""), SOCKJS_BROKEN, S("")},
        {"a comma too many", S("[\"x\",]"), SOCKJS_BROKEN, S("")},
        {"no comma", S("[\"x\"\"y\"]"), SOCKJS_BROKEN, S("")},
        {"something behind it", S("[\"x\"]x"), SOCKJS_BROKEN, S("")},
        {"two arrays", S("[\"x\"][\"y\"]"), SOCKJS_BROKEN, S("")},
        {"an unknown escape", S("[\"\\x41\"]"), SOCKJS_BROKEN, S("")},
        {"an escape cut off", S("[\"\\"), SOCKJS_BROKEN, S("")},
        {"a code point cut off", S("[\"\\u00"), SOCKJS_BROKEN, S("")},
        {"a code point of no digits", S("[\"\\u00g0\"]"), SOCKJS_BROKEN, S("")},
        {"a low surrogate alone", S("[\"\\ude00\"]"), SOCKJS_BROKEN, S("")},
        {"a high surrogate alone", S("[\"\\ud83d\"]"), SOCKJS_BROKEN, S("")},
        {"two high surrogates", S("[\"\\ud83d\\ud83d\"]"), SOCKJS_BROKEN, S("")},
        {"a control character", S("[\"a\nb\"]"), SOCKJS_BROKEN, S("")},
        {"a NUL", S("[\"a\0b\"]"), SOCKJS_BROKEN, S("")},
        {"not UTF-8", S("[\"\xff\"]"), SOCKJS_BROKEN, S("")},
        {"only white space", S("  "), SOCKJS_BROKEN, S("")},
        {"a number", S("[1]"), SOCKJS_NO_PAYLOAD, S("")},
        {"a message and a number", S("[\"x\",1]"), SOCKJS_NO_PAYLOAD, S("")},
        {"an object", S("{\"a\":\"b\"}"), SOCKJS_NO_PAYLOAD, S("")},
    };
    for (size_t i = 0; i < countof(rows); i++) {
        print_message("  %s\n", rows[i].name);
        struct buf out = BUF(1024);
        buf_add(&out, S("|"));
        char *copy = feed_copy(rows[i].in);
        assert_int_equal(sockjs_decode(str_from(copy, rows[i].in.n), &out), rows[i].decoded);
        free(copy);
        assert_int_equal(out.n, 1 + rows[i].out.n);
        assert_memory_equal(out.p + 1, rows[i].out.p, rows[i].out.n);
        buf_free(&out);
    }
}

static void elements(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        Str in, out;
    } rows[] = {
        {"empty", S(""), S("\"\"")},
        {"plain", S("abc %/<'"), S("\"abc %/<'\"")},
        {"quotes", S("\"\\"), S("\"\\\"\\\\\"")},
        {"lines", S("a\r\nb"), S("\"a\\r\\nb\"")},
        {"control characters", S("\0\t\x1f\x7f"), S("\"\\u0000\\u0009\\u001f\x7f\"")},
        {"letters", S("\xc3\xa9\xe4\xb8\xad"), S("\"\xc3\xa9\xe4\xb8\xad\"")},
        {"before the joiners", S("\xe2\x80\x8b"), S("\"\xe2\x80\x8b\"")},
        {"joiners", S("\xe2\x80\x8c\xe2\x80\x8f"), S("\"\\u200c\\u200f\"")},
        {"behind the joiners", S("\xe2\x80\x90"), S("\"\xe2\x80\x90\"")},
        {"before the separators", S("\xe2\x80\xa7"), S("\"\xe2\x80\xa7\"")},
        {"separators", S("\xe2\x80\xa8\xe2\x80\xaf"), S("\"\\u2028\\u202f\"")},
        {"behind the separators", S("\xe2\x80\xb0"), S("\"\xe2\x80\xb0\"")},
        {"before the invisibles", S("\xe2\x81\x9f"), S("\"\xe2\x81\x9f\"")},
        {"invisibles", S("\xe2\x81\xa0\xe2\x81\xaf"), S("\"\\u2060\\u206f\"")},
        {"behind the invisibles", S("\xe2\x81\xb0"), S("\"\xe2\x81\xb0\"")},
        {"before the specials", S("\xef\xbf\xaf"), S("\"\xef\xbf\xaf\"")},
        {"specials", S("\xef\xbf\xb0\xef\xbf\xbf"), S("\"\\ufff0\\uffff\"")},
        {"beyond", S("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"), S("\"\\ud800\\udc00\\udbff\\udfff\"")},
        {"cut off", S("\xe2\x80"), S("\"\xe2\x80\"")},
        {"one more", S("b\0"), S("\"b\\u0000\"")},
    };
    for (size_t i = 0; i < countof(rows); i++) {
        print_message("  %s\n", rows[i].name);
        struct buf out = BUF(1024);
        char *copy = feed_copy(rows[i].in);
        sockjs_element(&out, str_from(copy, rows[i].in.n));
        free(copy);
        expect_text(&out, rows[i].out);
    }
    struct buf out = BUF(64);
    sockjs_element(&out, S("a"));
    sockjs_element(&out, S("b"));
    expect_text(&out, S("\"a\",\"b\""));
}

/* Every code point comes back as it was, and none of the garbled ones goes bare. */
static void all_code_points(void **state)
{
    (void)state;
    for (unsigned v = 0; v < 0x110000; v++) {
        char text[4];
        size_t n = v < 0x80 ? 1 : v < 0x800 ? 2 : v < 0x10000 ? 3 : 4;
        if (v >= 0xd800 && v <= 0xdfff)
            continue;
        static const unsigned lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
        for (size_t i = n; i-- > 0;)
            text[i] = (char)(i ? 0x80 | (v >> 6 * (n - 1 - i) & 0x3f) : lead[n] | v >> 6 * (n - 1));
        struct buf out = BUF(64), back = BUF(64);
        sockjs_element(&out, str_from(text, n));
        bool escaped = v < 0x20 || v == '"' || v == '\\' || (v >= 0x200c && v <= 0x200f) ||
                       (v >= 0x2028 && v <= 0x202f) || (v >= 0x2060 && v <= 0x206f) || v >= 0xfff0;
        assert_true((out.p[1] == '\\') == escaped);
        assert_int_equal(sockjs_decode(buf_str(&out), &back), SOCKJS_MESSAGE);
        buf_free(&out);
        expect_text(&back, str_from(text, n));
    }
}

static void frames(void **state)
{
    (void)state;
    static const struct {
        enum sockjs_endpoint transport;
        Str frame, out;
    } rows[] = {
        {SOCKJS_XHR, S("o"), S("o\n")},
        {SOCKJS_XHR_STREAMING, S("a[\"x\"]"), S("a[\"x\"]\n")},
        {SOCKJS_EVENTSOURCE, S("o"), S("data: o\r\n\r\n")},
        {SOCKJS_EVENTSOURCE, S("a[\"%41%\"]"), S("data: a[\"\\u002541\\u0025\"]\r\n\r\n")},
        {SOCKJS_EVENTSOURCE, S("a[\"%"), S("data: a[\"\\u0025\r\n\r\n")},
        {SOCKJS_HTMLFILE, S("a[\"x\\n\"]"),
         S("<script>\np(\"a[\\\"x\\\\n\\\"]\");\n</script>\r\n")},
        {SOCKJS_HTMLFILE, S("a[\"</script>\"]"),
         S("<script>\np(\"a[\\\"\\u003c/script>\\\"]\");\n</script>\r\n")},
        {SOCKJS_JSONP, S("o"), S("/**/cb(\"o\");\r\n")},
        {SOCKJS_JSONP, S("c[3000,\"Go away!\"]"), S("/**/cb(\"c[3000,\\\"Go away!\\\"]\");\r\n")},
    };
    for (size_t i = 0; i < countof(rows); i++) {
        struct buf out = BUF(1024);
        sockjs_wrap(&out, rows[i].transport, S("cb"), rows[i].frame);
        expect_text(&out, rows[i].out);
    }
    struct buf out = BUF(1024);
    sockjs_close(&out, 3000, S("Go away!"));
    expect_text(&out, S("c[3000,\"Go away!\"]"));
    out = BUF(1024);
    sockjs_array(&out, S("\"x\""));
    expect_text(&out, S("a[\"x\"]"));
}

static void preludes(void **state)
{
    (void)state;
    struct buf out = BUF(8192);
    sockjs_prelude(&out, SOCKJS_XHR_STREAMING, S(""));
    assert_int_equal(out.n, 2049);
    assert_int_equal(out.p[0], 'h');
    assert_int_equal(out.p[2047], 'h');
    assert_int_equal(out.p[2048], '\n');
    buf_free(&out);
    sockjs_prelude(&out, SOCKJS_EVENTSOURCE, S(""));
    expect_text(&out, S("\r\n"));
    out = BUF(8192);
    sockjs_prelude(&out, SOCKJS_HTMLFILE, S("call.back"));
    assert_true(out.n > 1024);
    buf_byte(&out, 0);
    assert_non_null(strstr(out.p, "var c = parent.call.back;\n"));
    buf_free(&out);
    sockjs_prelude(&out, SOCKJS_XHR, S(""));
    sockjs_prelude(&out, SOCKJS_JSONP, S("x"));
    expect_text(&out, S(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths),    cmocka_unit_test(callbacks),       cmocka_unit_test(messages),
        cmocka_unit_test(elements), cmocka_unit_test(all_code_points), cmocka_unit_test(frames),
        cmocka_unit_test(preludes),
    };
    json_setup();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
