/*
 * HTTP/1.1 as a server reads and writes it. A request head that is read is written down as one
 * line, so that a row shows the bytes and what they mean.
 */
#include "codec/http.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/mem.h"
#include "codec/feed.h"

static const struct http_limits limits = {.head = 512, .body = 1000, .more = 64};

/* Heads that are read. */

#define H "Host: h\r\n"

static const struct {
    const char *name;
    Str in;
    const char *out;
} heads[] = {
    {"the least", S("GET / HTTP/1.1\r\nHost: chat.example\r\n\r\n"),
     "GET / host=chat.example keep"},
    {"1.0 needs no Host", S("GET / HTTP/1.0\r\n\r\n"), "GET / host= close"},
    {"a higher minor version is 1.1", S("GET / HTTP/1.7\r\n" H "\r\n"), "GET / host=h keep"},
    {"every method", S("HEAD /a HTTP/1.1\r\n" H "\r\n"), "HEAD /a host=h keep"},
    {"methods are case-sensitive", S("get / HTTP/1.1\r\n" H "\r\n"), "get(other) / host=h keep"},
    {"an unknown method", S("PATCH / HTTP/1.1\r\n" H "\r\n"), "PATCH(other) / host=h keep"},
    {"a path and a query", S("GET /a/b%20c?x=1&y=?/ HTTP/1.1\r\n" H "\r\n"),
     "GET /a/b%20c query=x=1&y=?/ host=h keep"},
    {"an empty query", S("GET /a? HTTP/1.1\r\n" H "\r\n"), "GET /a host=h keep"},
    {"absolute-form, whose host counts", S("GET http://a.b:80/x?y HTTP/1.1\r\n" H "\r\n"),
     "GET /x query=y host=a.b:80 keep"},
    {"absolute-form without a path", S("GET HTTPS://a HTTP/1.1\r\n" H "\r\n"), "GET / host=a keep"},
    {"absolute-form with only a query", S("GET http://a?b=/ HTTP/1.1\r\n" H "\r\n"),
     "GET / query=b=/ host=a keep"},
    {"asterisk-form", S("OPTIONS * HTTP/1.1\r\n" H "\r\n"), "OPTIONS * host=h keep"},
    {"space around a value", S("GET / HTTP/1.1\r\nHost: \t h \t\r\n\r\n"), "GET / host=h keep"},
    {"no space before a value", S("GET / HTTP/1.1\r\nhOST:h\r\n\r\n"), "GET / host=h keep"},
    {"an empty value", S("GET / HTTP/1.1\r\n" H "X:\r\n\r\n"), "GET / host=h keep"},
    {"an empty Host", S("GET / HTTP/1.1\r\nHost:\r\n\r\n"), "GET / host= keep"},
    {"a port", S("GET / HTTP/1.1\r\nHost: h:8080\r\n\r\n"), "GET / host=h:8080 keep"},
    {"an IPv6 address", S("GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n"),
     "GET / host=[::1]:8080 keep"},
    {"bytes above ASCII in a value", S("GET / HTTP/1.1\r\n" H "X: caf\xc3\xa9\xff\r\n\r\n"),
     "GET / host=h keep"},
    {"empty lines before it", S("\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n"), "GET / host=h keep"},
    {"as many as may be", S("\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n"), "GET / host=h keep"},

    {"a body", S("POST / HTTP/1.1\r\n" H "Content-Length: 12\r\n\r\n"),
     "POST / host=h keep length=12"},
    {"a body of nothing", S("POST / HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n"),
     "POST / host=h keep length=0"},
    {"a body as large as may be", S("PUT / HTTP/1.1\r\n" H "Content-Length: 1000\r\n\r\n"),
     "PUT / host=h keep length=1000"},
    {"zeros before a length", S("DELETE / HTTP/1.1\r\n" H "Content-Length: 0007\r\n\r\n"),
     "DELETE / host=h keep length=7"},
    {"chunked", S("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"),
     "POST / host=h keep chunked"},
    {"chunked in any case", S("POST / HTTP/1.1\r\n" H "transfer-encoding:\tCHUNKED \r\n\r\n"),
     "POST / host=h keep chunked"},

    {"1.1 closes when asked", S("GET / HTTP/1.1\r\n" H "Connection: close\r\n\r\n"),
     "GET / host=h close"},
    {"in any case, in a list", S("GET / HTTP/1.1\r\n" H "Connection: x, CLOSE\r\n\r\n"),
     "GET / host=h close"},
    {"in a second line", S("GET / HTTP/1.1\r\n" H "Connection: x\r\nConnection: close\r\n\r\n"),
     "GET / host=h close"},
    {"close wins", S("GET / HTTP/1.1\r\n" H "Connection: keep-alive, close\r\n\r\n"),
     "GET / host=h close"},
    {"closed is not close", S("GET / HTTP/1.1\r\n" H "Connection: closed\r\n\r\n"),
     "GET / host=h keep"},
    {"1.0 keeps when asked", S("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"),
     "GET / host= keep"},
    {"1.0 with both", S("GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n"),
     "GET / host= close"},

    {"expect", S("POST / HTTP/1.1\r\n" H "Expect: 100-Continue\r\nContent-Length: 1\r\n\r\n"),
     "POST / host=h keep length=1 expect"},
    {"expect with chunks",
     S("POST / HTTP/1.1\r\n" H "Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n"),
     "POST / host=h keep chunked expect"},
    {"expect without a body", S("POST / HTTP/1.1\r\n" H "Expect: 100-continue\r\n\r\n"),
     "POST / host=h keep"},
    {"expect of a 1.0 client",
     S("POST / HTTP/1.0\r\nExpect: 100-continue\r\n"
       "Content-Length: 1\r\n\r\n"),
     "POST / host= close length=1"},
    {"other expectations mean nothing",
     S("POST / HTTP/1.1\r\n" H "Expect: more\r\n"
       "Content-Length: 1\r\n\r\n"),
     "POST / host=h keep length=1"},

    {"upgrade", S("GET /ws HTTP/1.1\r\n" H "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"),
     "GET /ws host=h keep upgrade"},
    {"upgrade in lists, in any case",
     S("GET / HTTP/1.1\r\n" H "connection: keep-alive, upgrade\r\nupgrade: h2c, WebSocket\r\n\r\n"),
     "GET / host=h keep upgrade"},
    {"Upgrade without Connection", S("GET / HTTP/1.1\r\n" H "Upgrade: websocket\r\n\r\n"),
     "GET / host=h keep"},
    {"upgrade to something else",
     S("GET / HTTP/1.1\r\n" H "Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n"), "GET / host=h keep"},
    {"a 1.0 client cannot upgrade",
     S("GET / HTTP/1.0\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"), "GET / host= close"},
};

/* Heads that are refused. */

static const struct {
    const char *name;
    Str in;
    Err error;
} refused[] = {
    {"a TLS client, at its first byte", S("\x16"), ERR_BAD_REQUEST},
    {"a space first", S(" GET"), ERR_BAD_REQUEST},
    {"an HTTP/2 client", S("PRI * HTTP/2.0\r\n"), ERR_HTTP_VERSION},
    {"HTTP/0.9", S("GET /\r\n"), ERR_BAD_REQUEST},
    {"HTTP/1", S("GET / HTTP/1\r\n"), ERR_BAD_REQUEST},
    {"HTTP/1.10", S("GET / HTTP/1.10\r\n"), ERR_BAD_REQUEST},
    {"HTTP/0.9, said aloud", S("GET / HTTP/0.9\r\n"), ERR_HTTP_VERSION},
    {"HTTP/3.0", S("GET / HTTP/3.0\r\n"), ERR_HTTP_VERSION},
    {"http/1.1", S("GET / http/1.1\r\n"), ERR_BAD_REQUEST},
    {"something after the version", S("GET / HTTP/1.1 \r\n"), ERR_BAD_REQUEST},
    {"two spaces after the method", S("GET  / HTTP/1.1\r\n"), ERR_BAD_REQUEST},
    {"two spaces after the target", S("GET /  HTTP/1.1\r\n"), ERR_BAD_REQUEST},
    {"a tab for a space", S("GET\t/ HTTP/1.1\r\n"), ERR_BAD_REQUEST},
    {"a space in the target", S("GET /a b HTTP/1.1\r\n"), ERR_BAD_REQUEST},
    {"no target", S("GET HTTP/1.1\r\n"), ERR_BAD_REQUEST},
    {"a method that is no token", S("GE(T / HTTP/1.1\r\n"), ERR_BAD_REQUEST},
    {"NUL in the method", S("GE\0T / HTTP/1.1\r\n"), ERR_BAD_REQUEST},
    {"NUL in the target", S("GET /\0 HTTP/1.1\r\n"), ERR_BAD_REQUEST},
    {"bytes above ASCII in the target", S("GET /\xc3\xa9 HTTP/1.1\r\n"), ERR_BAD_REQUEST},
    {"a fragment in the target", S("GET /a#b HTTP/1.1\r\n"), ERR_BAD_REQUEST},
    {"a target without a slash", S("GET a HTTP/1.1\r\n"), ERR_BAD_REQUEST},
    {"a target of another scheme", S("GET ftp://a/ HTTP/1.1\r\n"), ERR_BAD_REQUEST},
    {"absolute-form without a host", S("GET http:///a HTTP/1.1\r\n"), ERR_BAD_REQUEST},
    {"absolute-form with a user", S("GET http://u@h/ HTTP/1.1\r\n"), ERR_BAD_REQUEST},
    {"an asterisk for a GET", S("GET * HTTP/1.1\r\n"), ERR_BAD_REQUEST},
    {"CONNECT", S("CONNECT h:443 HTTP/1.1\r\n"), ERR_NOT_IMPLEMENTED},

    {"bare LF after the request line", S("GET / HTTP/1.1\n"), ERR_BAD_REQUEST},
    {"bare LF after a header", S("GET / HTTP/1.1\r\nHost: h\n"), ERR_BAD_REQUEST},
    {"bare LF as the empty line", S("GET / HTTP/1.1\r\n" H "\n"), ERR_BAD_REQUEST},
    {"bare LF before the request", S("\nGET / HTTP/1.1\r\n"), ERR_BAD_REQUEST},
    {"bare CR in the request line", S("GET /\r HTTP/1.1\r\n"), ERR_BAD_REQUEST},
    {"bare CR in a value", S("GET / HTTP/1.1\r\nX: a\rHost: h\r\n"), ERR_BAD_REQUEST},
    {"bare CR in a name", S("GET / HTTP/1.1\r\nX\r: a\r\n"), ERR_BAD_REQUEST},
    {"two CRs", S("GET / HTTP/1.1\r\r\n"), ERR_BAD_REQUEST},
    {"two CRs after a header", S("GET / HTTP/1.1\r\n" H "\r\r\n"), ERR_BAD_REQUEST},
    {"too many empty lines before it", S("\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\n"),
     ERR_BAD_REQUEST},

    {"a folded line", S("GET / HTTP/1.1\r\nX: a\r\n b\r\n"), ERR_BAD_REQUEST},
    {"a line folded with a tab", S("GET / HTTP/1.1\r\nX: a\r\n\tb: c\r\n"), ERR_BAD_REQUEST},
    {"space before the first header", S("GET / HTTP/1.1\r\n Host: h\r\n"), ERR_BAD_REQUEST},
    {"space before the colon", S("GET / HTTP/1.1\r\nHost : h\r\n"), ERR_BAD_REQUEST},
    {"a tab before the colon", S("GET / HTTP/1.1\r\nHost\t: h\r\n"), ERR_BAD_REQUEST},
    {"no colon", S("GET / HTTP/1.1\r\nHost\r\n"), ERR_BAD_REQUEST},
    {"no name", S("GET / HTTP/1.1\r\n: h\r\n"), ERR_BAD_REQUEST},
    {"NUL in a name", S("GET / HTTP/1.1\r\nHo\0st: h\r\n"), ERR_BAD_REQUEST},
    {"NUL in a value", S("GET / HTTP/1.1\r\nX: a\0b\r\n"), ERR_BAD_REQUEST},
    {"NUL after a value", S("GET / HTTP/1.1\r\nX: a\0\r\n"), ERR_BAD_REQUEST},
    {"DEL in a value", S("GET / HTTP/1.1\r\nX: a\x7f\r\n"), ERR_BAD_REQUEST},
    {"a name above ASCII", S("GET / HTTP/1.1\r\nX\xc3\xa9: a\r\n"), ERR_BAD_REQUEST},

    {"1.1 without Host", S("GET / HTTP/1.1\r\n\r\n"), ERR_BAD_REQUEST},
    {"absolute-form without Host", S("GET http://h/ HTTP/1.1\r\n\r\n"), ERR_BAD_REQUEST},
    {"two Hosts", S("GET / HTTP/1.1\r\n" H H "\r\n"), ERR_BAD_REQUEST},
    {"two Hosts in 1.0", S("GET / HTTP/1.0\r\n" H "HOST: i\r\n\r\n"), ERR_BAD_REQUEST},
    {"a Host with a path", S("GET / HTTP/1.1\r\nHost: h/x\r\n\r\n"), ERR_BAD_REQUEST},
    {"a Host with a user", S("GET / HTTP/1.1\r\nHost: u@h\r\n\r\n"), ERR_BAD_REQUEST},
    {"a Host with a space", S("GET / HTTP/1.1\r\nHost: h i\r\n\r\n"), ERR_BAD_REQUEST},
    {"a port that is no number", S("GET / HTTP/1.1\r\nHost: h:8x\r\n\r\n"), ERR_BAD_REQUEST},
    {"a port without a host", S("GET / HTTP/1.1\r\nHost: :80\r\n\r\n"), ERR_BAD_REQUEST},
    {"an IPv6 address without an end", S("GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"), ERR_BAD_REQUEST},

    {"two lengths", S("POST / HTTP/1.1\r\n" H "Content-Length: 5\r\ncontent-length: 6\r\n\r\n"),
     ERR_BAD_REQUEST},
    {"the same length twice",
     S("POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nContent-Length: 5\r\n\r\n"), ERR_BAD_REQUEST},
    {"the same length twice in a list", S("POST / HTTP/1.1\r\n" H "Content-Length: 5, 5\r\n\r\n"),
     ERR_BAD_REQUEST},
    {"a length with a sign", S("POST / HTTP/1.1\r\n" H "Content-Length: +5\r\n\r\n"),
     ERR_BAD_REQUEST},
    {"a length below zero", S("POST / HTTP/1.1\r\n" H "Content-Length: -5\r\n\r\n"),
     ERR_BAD_REQUEST},
    {"a length in hexadecimal", S("POST / HTTP/1.1\r\n" H "Content-Length: 0x5\r\n\r\n"),
     ERR_BAD_REQUEST},
    {"a length with a space inside", S("POST / HTTP/1.1\r\n" H "Content-Length: 1 2\r\n\r\n"),
     ERR_BAD_REQUEST},
    {"an empty length", S("POST / HTTP/1.1\r\n" H "Content-Length:\r\n\r\n"), ERR_BAD_REQUEST},
    {"a body one byte too large", S("POST / HTTP/1.1\r\n" H "Content-Length: 1001\r\n\r\n"),
     ERR_PAYLOAD_TOO_LARGE},
    {"a length past 64 bits",
     S("POST / HTTP/1.1\r\n" H "Content-Length: 18446744073709551621\r\n\r\n"),
     ERR_PAYLOAD_TOO_LARGE},

    {"length and chunks",
     S("POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"),
     ERR_BAD_REQUEST},
    {"chunks and length",
     S("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"),
     ERR_BAD_REQUEST},
    {"length and another coding",
     S("POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip\r\nContent-Length: 5\r\n\r\n"),
     ERR_BAD_REQUEST},
    {"chunked twice",
     S("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n"
       "Transfer-Encoding: chunked\r\n\r\n"),
     ERR_BAD_REQUEST},
    {"chunked twice in a list",
     S("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked, chunked\r\n\r\n"), ERR_BAD_REQUEST},
    {"chunked with a comma", S("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked,\r\n\r\n"),
     ERR_BAD_REQUEST},
    {"chunked with a parameter",
     S("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked;q=1\r\n\r\n"), ERR_BAD_REQUEST},
    {"chunked in quotes", S("POST / HTTP/1.1\r\n" H "Transfer-Encoding: \"chunked\"\r\n\r\n"),
     ERR_BAD_REQUEST},
    {"chunked after a vertical tab",
     S("POST / HTTP/1.1\r\n" H "Transfer-Encoding: \x0b"
       "chunked\r\n\r\n"),
     ERR_BAD_REQUEST},
    {"no coding at all", S("POST / HTTP/1.1\r\n" H "Transfer-Encoding:\r\n\r\n"), ERR_BAD_REQUEST},
    {"a coding in 1.0", S("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"),
     ERR_BAD_REQUEST},
    {"another coding", S("POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n"),
     ERR_NOT_IMPLEMENTED},
    {"almost chunked", S("POST / HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n\r\n"),
     ERR_NOT_IMPLEMENTED},
    {"identity is gone", S("POST / HTTP/1.1\r\n" H "Transfer-Encoding: identity\r\n\r\n"),
     ERR_NOT_IMPLEMENTED},
};

static void describe(const struct http_request *r, struct buf *out)
{
    buf_add(out, r->method_text);
    if (r->method == HTTP_OTHER)
        buf_add(out, S("(other)"));
    buf_fmt(out, " " STR_FMT, STR_ARG(r->path));
    if (r->query.n)
        buf_fmt(out, " query=" STR_FMT, STR_ARG(r->query));
    buf_fmt(out, " host=" STR_FMT, STR_ARG(r->host));
    buf_add(out, r->keep_alive ? S(" keep") : S(" close"));
    if (r->content_length >= 0)
        buf_fmt(out, " length=%lld", (long long)r->content_length);
    if (r->chunked)
        buf_add(out, S(" chunked"));
    if (r->expect_continue)
        buf_add(out, S(" expect"));
    if (r->upgrade_websocket)
        buf_add(out, S(" upgrade"));
}

/* The context is a buf for the description, or NULL. */
static long decode_head(Str in, void *context)
{
    struct http_request request;
    const char *why = NULL;
    memset(&request, 0xa5, sizeof request); /* nothing may be left from an earlier request */
    long result = http_decode_head(in, &limits, &request, &why);
    assert_true((result < 0) == (why != NULL));
    if (result > 0 && context)
        describe(&request, context);
    return result;
}

static void expect_head(Str in, const char *expected)
{
    struct buf out = BUF(4096);
    assert_int_equal(feed_prefixes(in, decode_head, &out), in.n);
    buf_byte(&out, 0);
    assert_string_equal(out.p, expected);
    buf_free(&out);
}

static void good_heads(void **state)
{
    (void)state;
    for (size_t i = 0; i < countof(heads); i++) {
        print_message("  %s\n", heads[i].name);
        expect_head(heads[i].in, heads[i].out);
    }
}

static void bad_heads(void **state)
{
    (void)state;
    for (size_t i = 0; i < countof(refused); i++) {
        print_message("  %s\n", refused[i].name);
        struct buf longer = BUF(4096);
        assert_int_equal(feed_prefixes(refused[i].in, decode_head, NULL), -(long)refused[i].error);
        buf_add(&longer, refused[i].in);
        buf_add(&longer, S("GET / HTTP/1.1\r\n" H "\r\n"));
        for (int n = 0; n < 600; n++) /* past the limit of a head: still the same error */
            buf_byte(&longer, 'x');
        assert_int_equal(feed_prefixes(buf_str(&longer), decode_head, NULL),
                         -(long)refused[i].error);
        buf_free(&longer);
    }
}

static void methods(void **state)
{
    (void)state;
    static const char *const names[] = {
        [HTTP_GET] = "GET",       [HTTP_HEAD] = "HEAD",     [HTTP_POST] = "POST",
        [HTTP_PUT] = "PUT",       [HTTP_DELETE] = "DELETE", [HTTP_OPTIONS] = "OPTIONS",
        [HTTP_OTHER] = "GETTING",
    };
    for (size_t i = 0; i < countof(names); i++) {
        struct buf in = BUF(100);
        struct http_request request;
        const char *why;
        buf_fmt(&in, "%s /x HTTP/1.1\r\n" H "\r\n", names[i]);
        assert_int_equal(http_decode_head(buf_str(&in), &limits, &request, &why), in.n);
        assert_int_equal(request.method, i);
        assert_true(str_eq(request.target, S("/x")));
        assert_int_equal(request.minor, 1);
        buf_free(&in);
    }
}

static void long_line(struct buf *out, size_t n)
{
    buf_clear(out);
    buf_add(out, S("GET / HTTP/1.1\r\n" H "X: "));
    while (out->n < n - 4)
        buf_byte(out, 'x');
    buf_add(out, S("\r\n\r\n"));
}

static void head_limits(void **state)
{
    (void)state;
    struct buf in = BUF(4096);
    print_message("  a head of exactly the limit\n");
    long_line(&in, limits.head);
    assert_int_equal(feed_prefixes(buf_str(&in), decode_head, NULL), limits.head);
    print_message("  one byte more\n");
    long_line(&in, limits.head + 1);
    assert_int_equal(feed_prefixes(buf_str(&in), decode_head, NULL), -ERR_HEADERS_TOO_LARGE);
    print_message("  a target without end\n");
    buf_clear(&in);
    buf_add(&in, S("GET /"));
    while (in.n < 600)
        buf_byte(&in, 'x');
    assert_int_equal(feed_prefixes(buf_str(&in), decode_head, NULL), -ERR_URI_TOO_LONG);
    print_message("  a method without end, whatever comes behind the limit\n");
    buf_clear(&in);
    while (in.n < 600)
        buf_byte(&in, 'x');
    buf_add(&in, S(" / HTTP/1.1\r\n\r\n"));
    assert_int_equal(feed_prefixes(buf_str(&in), decode_head, NULL), -ERR_HEADERS_TOO_LARGE);
    for (size_t n = HTTP_FIELDS_MAX; n <= HTTP_FIELDS_MAX + 1; n++) {
        print_message("  %zu headers\n", n);
        buf_clear(&in);
        buf_add(&in, S("GET / HTTP/1.1\r\n" H));
        for (size_t i = 1; i < n; i++)
            buf_add(&in, S("a:b\r\n"));
        buf_add(&in, S("\r\n"));
        assert_int_equal(feed_prefixes(buf_str(&in), decode_head, NULL),
                         n == HTTP_FIELDS_MAX ? (long)in.n : -(long)ERR_HEADERS_TOO_LARGE);
    }
    buf_free(&in);
}

/* Two requests and what follows in one buffer: each head is used up exactly to its end. */
static void pipelining(void **state)
{
    (void)state;
    Str in = S("POST /a HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabc"
               "\r\nGET /b?c HTTP/1.1\r\nHost: i\r\nX: y\r\n\r\nDELETE ");
    struct buf out = BUF(4096);
    struct http_request request;
    const char *why;
    long used = http_decode_head(in, &limits, &request, &why);
    assert_true(used > 0);
    describe(&request, &out);
    in = str_skip(in, (size_t)used);
    assert_true(str_starts(in, S("abc\r\nGET")));
    in = str_skip(in, 3);
    used = http_decode_head(in, &limits, &request, &why);
    assert_true(used > 0);
    buf_add(&out, S(" | "));
    describe(&request, &out);
    in = str_skip(in, (size_t)used);
    assert_true(str_eq(in, S("DELETE ")));
    assert_int_equal(http_decode_head(in, &limits, &request, &why), 0);
    assert_true(
        str_eq(buf_str(&out), S("POST /a host=h keep length=3 | GET /b query=c host=i keep")));
    buf_free(&out);
}

static void headers(void **state)
{
    (void)state;
    Str in = S("GET / HTTP/1.1\r\n" H "Accept: a;q=1 , B\r\nX-Empty:\r\naccept: c,,d\r\n\r\n");
    struct http_request request;
    const char *why;
    assert_int_equal(http_decode_head(in, &limits, &request, &why), in.n);
    assert_true(str_eq(http_header(&request, S("ACCEPT")), S("a;q=1 , B")));
    assert_non_null(http_header(&request, S("x-empty")).p);
    assert_int_equal(http_header(&request, S("x-empty")).n, 0);
    assert_null(http_header(&request, S("x-missing")).p);
    static const struct {
        const char *token;
        bool there;
    } rows[] = {{"b", true}, {"C", true}, {"d", true}, {"a;q=1", true}, {"a", false}, {"", true}};
    for (size_t i = 0; i < countof(rows); i++)
        assert_true(http_has_token(&request, S("Accept"), str_of(rows[i].token)) == rows[i].there);
    assert_false(http_has_token(&request, S("x-missing"), S("b")));
    assert_false(http_has_token(&request, S("x-empty"), S("b")));
}

/* Chunked bodies: the bytes, then "." at the end or the error. */

static const struct {
    const char *name;
    Str in;
    const char *out;
} chunked[] = {
    {"nothing", S("0\r\n\r\n"), "."},
    {"one chunk", S("5\r\nHello\r\n0\r\n\r\n"), "Hello."},
    {"two", S("5\r\nHello\r\n7\r\n, world\r\n0\r\n\r\n"), "Hello, world."},
    {"any byte is data", S("4\r\n\r\n\r\n\r\n0\r\n\r\n"), "\r\n\r\n."},
    {"hexadecimal in both cases", S("a\r\n0123456789\r\nA\r\nabcdefghij\r\n0\r\n\r\n"),
     "0123456789abcdefghij."},
    {"zeros before a size", S("0005\r\nHello\r\n000\r\n\r\n"), "Hello."},
    {"an extension", S("5;a=b\r\nHello\r\n0;c\r\n\r\n"), "Hello."},
    {"an extension after space", S("5 \t; a = \"b\"\r\nHello\r\n0\r\n\r\n"), "Hello."},
    {"trailers", S("1\r\nx\r\n0\r\nA: b\r\nC: d\r\n\r\n"), "x."},
    {"what follows is left alone", S("1\r\nx\r\n0\r\n\r\nGET / HTTP/1.1\r\n"), "x."},
    {"trailers as long as may be",
     S("0\r\nX: 0123456789012345678901234567890123456789012345678901234567a\r\n\r\n"), "."},
    {"extensions as long as may be",
     S("0;012345678901234567890123456789012345678901234567890123456789abc\r\n\r\n"), "."},

    {"no size", S("\r\n"), "!BAD_REQUEST"},
    {"an extension without a size", S(";a\r\n"), "!BAD_REQUEST"},
    {"a size that is no number", S("5g\r\nHello"), "!BAD_REQUEST"},
    {"a size with a sign", S("+5\r\nHello"), "!BAD_REQUEST"},
    {"a size below zero", S("-1\r\nHello"), "!BAD_REQUEST"},
    {"a size with 0x", S("0x5\r\nHello"), "!BAD_REQUEST"},
    {"a space before a size", S(" 5\r\nHello"), "!BAD_REQUEST"},
    {"a space after a size", S("5 \r\nHello"), "!BAD_REQUEST"},
    {"a size of 64 bits", S("ffffffffffffffff\r\nx"), "!PAYLOAD_TOO_LARGE"},
    {"a size past 64 bits", S("10000000000000005\r\nHello"), "!BAD_REQUEST"},
    {"bare LF after a size", S("5\nHello"), "!BAD_REQUEST"},
    {"bare CR in a size", S("5\rx\r\nHello"), "!BAD_REQUEST"},
    {"bare CR in an extension", S("5;a\rb\r\nHello"), "!BAD_REQUEST"},
    {"NUL in an extension", S("5;\0\r\nHello"), "!BAD_REQUEST"},
    {"a chunk longer than its size", S("4\r\nHello\r\n0\r\n\r\n"), "Hell!BAD_REQUEST"},
    {"a chunk shorter than its size", S("6\r\nHello\r\n0\r\n\r\n"), "Hello\r!BAD_REQUEST"},
    {"bare LF after a chunk", S("5\r\nHello\n0\r\n\r\n"), "Hello!BAD_REQUEST"},
    {"bare CR after a chunk", S("5\r\nHello\rx0\r\n\r\n"), "Hello!BAD_REQUEST"},
    {"bare LF after the last", S("0\r\n\n"), "!BAD_REQUEST"},
    {"a trailer without a colon", S("0\r\nabc\r\n\r\n"), "!BAD_REQUEST"},
    {"a folded trailer", S("0\r\nA: b\r\n c\r\n\r\n"), "!BAD_REQUEST"},
    {"NUL in a trailer", S("0\r\nA: \0\r\n\r\n"), "!BAD_REQUEST"},
    {"trailers one byte too long",
     S("0\r\nX: 0123456789012345678901234567890123456789012345678901234567ab\r\n\r\n"),
     "!HEADERS_TOO_LARGE"},
    {"a trailer without end",
     S("0\r\nX: 01234567890123456789012345678901234567890123456789012345678901234567890"),
     "!HEADERS_TOO_LARGE"},
    {"extensions one byte too long",
     S("0;012345678901234567890123456789012345678901234567890123456789abcd\r\n\r\n"),
     "!HEADERS_TOO_LARGE"},
    {"an extension without end",
     S("1;0123456789012345678901234567890123456789012345678901234567890123456789012345678901234"),
     "!HEADERS_TOO_LARGE"},
    {"extensions and trailers count together",
     S("1;0123456789012345678901234567890\r\nx\r\n0\r\nX: 0123456789012345678901234567\r\n\r\n"),
     "x!HEADERS_TOO_LARGE"},
    {"a chunk larger than a body", S("3e9\r\n"), "!PAYLOAD_TOO_LARGE"},
    {"two chunks larger than a body", S("2\r\nab\r\n3e7\r\n"), "ab!PAYLOAD_TOO_LARGE"},
};

struct body {
    struct http_chunked state;
    struct buf out;
};

static long step_chunk(Str in, void *context, bool *ended)
{
    struct body *body = context;
    const char *why = NULL;
    Str data;
    long used = http_decode_chunk(in, &body->state, &limits, &data, ended, &why);
    assert_true((used < 0) == (why != NULL));
    buf_add(&body->out, data);
    if (*ended)
        buf_byte(&body->out, '.');
    if (used < 0)
        buf_fmt(&body->out, "!" STR_FMT, STR_ARG(err_code((Err)-used)));
    return used;
}

static void chunked_bodies(void **state)
{
    (void)state;
    for (size_t i = 0; i < countof(chunked); i++) {
        print_message("  %s\n", chunked[i].name);
        for (size_t piece = 1; piece <= chunked[i].in.n; piece++) {
            struct body body = {.out = BUF(4096)};
            feed_stream(chunked[i].in, piece, step_chunk, &body);
            buf_byte(&body.out, 0);
            assert_string_equal(body.out.p, chunked[i].out);
            buf_free(&body.out);
        }
    }
}

/* Of a chunk, what is there is taken; the end of a body is exact. */
static void chunks_in_part(void **state)
{
    (void)state;
    struct http_chunked chunk = {0};
    const char *why;
    Str data;
    bool done;
    assert_int_equal(http_decode_chunk(S("64\r\nabc"), &chunk, &limits, &data, &done, &why), 4);
    assert_int_equal(data.n, 0);
    assert_int_equal(http_decode_chunk(S("abc"), &chunk, &limits, &data, &done, &why), 3);
    assert_true(str_eq(data, S("abc")));
    assert_int_equal(http_decode_chunk(S(""), &chunk, &limits, &data, &done, &why), 0);
    assert_int_equal(chunk.left, 97);
    chunk = (struct http_chunked){0};
    assert_int_equal(http_decode_chunk(S("0\r\n\r\nGET"), &chunk, &limits, &data, &done, &why), 3);
    assert_false(done);
    assert_int_equal(http_decode_chunk(S("\r\nGET"), &chunk, &limits, &data, &done, &why), 2);
    assert_true(done);
}

static void paths(void **state)
{
    (void)state;
    static const struct {
        const char *name, *raw, *path;
    } rows[] = {
        {"the root", "/", "/"},
        {"plain", "/api/chat/getChats", "/api/chat/getChats"},
        {"an escape", "/a%20b%2dc", "/a b-c"},
        {"both cases", "/%c3%A9", "/\xc3\xa9"},
        {"decoded once only", "/%252e%252e/", "/%2e%2e/"},
        {"a plus is a plus", "/a+b", "/a+b"},
        {"dots that are names", "/.a/b./...//..c", "/.a/b./...//..c"},
        {"an escaped percent", "/100%25", "/100%"},
        {"empty", "", NULL},
        {"no slash first", "a", NULL},
        {"an asterisk", "*", NULL},
        {"an escaped slash first", "%2fa", NULL},
        {"an escaped slash", "/a%2Fb", NULL},
        {"NUL", "/a%00", NULL},
        {"a line end", "/a%0d%0ab", NULL},
        {"DEL", "/%7f", NULL},
        {"half an escape", "/a%2", NULL},
        {"less than half", "/a%", NULL},
        {"no hexadecimal", "/a%2g", NULL},
        {"a sign", "/a%+1", NULL},
        {"dot", "/a/./b", NULL},
        {"dots", "/a/../b", NULL},
        {"dots at the end", "/a/..", NULL},
        {"dot at the end", "/a/.", NULL},
        {"only dots", "/..", NULL},
        {"escaped dots", "/a/%2e%2E/b", NULL},
        {"half escaped dots", "/a/.%2e", NULL},
        {"an escaped dot", "/%2e/", NULL},
        {"not UTF-8", "/%ff", NULL},
        {"half a character", "/%c3/", NULL},
        {"an overlong slash", "/%c0%af", NULL},
    };
    for (size_t i = 0; i < countof(rows); i++) {
        print_message("  %s\n", rows[i].name);
        size_t n = 0, raw_n = strlen(rows[i].raw);
        char *raw = feed_copy(str_of(rows[i].raw)), *out = malloc(raw_n);
        bool ok = http_decode_path(str_from(raw, raw_n), out, &n);
        assert_true(ok == (rows[i].path != NULL));
        if (ok)
            assert_true(str_eq(str_from(out, n), str_of(rows[i].path)));
        free(raw);
        free(out);
    }
}

static void queries(void **state)
{
    (void)state;
    static const struct {
        const char *name, *query, *key, *value;
    } rows[] = {
        {"one", "ticket=abc", "ticket", "abc"},
        {"not there", "ticket=abc", "tick", NULL},
        {"not there, longer", "tick=abc", "ticket", NULL},
        {"empty query", "", "a", NULL},
        {"the second", "a=1&b=2", "b", "2"},
        {"the first of two", "a=1&a=2", "a", "1"},
        {"an empty value", "a=&b=2", "a", ""},
        {"no equals sign", "a&b=2", "a", ""},
        {"an equals sign in the value", "a=b=c", "a", "b=c"},
        {"empty parts", "&&a=1&", "a", "1"},
        {"a plus is a space", "a=b+c", "a", "b c"},
        {"an escaped plus", "a=b%2Bc", "a", "b+c"},
        {"an escaped ampersand", "a=b%26c=d", "a", "b&c=d"},
        {"an escaped name", "%61%20b=1", "a b", "1"},
        {"a bad name is no name", "%6=1&a%zz=2&a=3", "a", "3"},
        {"beyond ASCII", "a=%e2%82%ac", "a", "\xe2\x82\xac"},
        {"a bad escape stays as it was", "a=100%", "a", "100%"},
        {"and so does all around it", "a=%41+%zz", "a", "%41+%zz"},
        {"NUL stays as it was", "a=x%00y", "a", "x%00y"},
        {"what is not UTF-8 too", "a=%ff", "a", "%ff"},
    };
    for (size_t i = 0; i < countof(rows); i++) {
        print_message("  %s\n", rows[i].name);
        struct arena arena = ARENA(65536);
        Str value;
        size_t n = strlen(rows[i].query);
        char *query = feed_copy(str_of(rows[i].query));
        bool there = http_query(str_from(query, n), str_of(rows[i].key), &arena, &value);
        free(query);
        assert_true(there == (rows[i].value != NULL));
        if (there)
            assert_true(str_eq(value, str_of(rows[i].value)));
        arena_free(&arena);
    }
}

static void responses(void **state)
{
    (void)state;
    struct buf out = BUF(4096);
    http_status(&out, 404);
    http_header_add(&out, S("Content-Type"), S("text/plain"));
    http_header_uint(&out, S("Content-Length"), 18446744073709551615u);
    http_header_date(&out, S("Date"), 784111777999);
    http_header_add(&out, S("X-Request-Id"), S("a\r\nSet-Cookie: b\x01\0\x7f\tc\xc3\xa9\r"));
    http_header_add(&out, S("X-Empty"), S(""));
    http_head_end(&out);
    Str expected = S("HTTP/1.1 404 Not Found\r\n"
                     "Content-Type: text/plain\r\n"
                     "Content-Length: 18446744073709551615\r\n"
                     "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                     "X-Request-Id: aSet-Cookie: b\tc\xc3\xa9\r\n"
                     "X-Empty: \r\n"
                     "\r\n");
    assert_true(str_eq(buf_str(&out), expected));
    buf_free(&out);

    assert_true(str_eq(http_reason(101), S("Switching Protocols")));
    assert_true(str_eq(http_reason(299), S("Unknown")));
    for (int e = 0; e < ERR_COUNT; e++) /* every status we can answer with has its phrase */
        assert_false(str_eq(http_reason(err_status((Err)e)), S("Unknown")));
}

static void written_chunks(void **state)
{
    (void)state;
    struct buf out = BUF(4096);
    http_chunk_add(&out, S("Hello, wide world!"));
    http_chunk_add(&out, S(""));
    http_chunk_add(&out, S("x"));
    http_chunk_end(&out);
    assert_true(str_eq(buf_str(&out), S("12\r\nHello, wide world!\r\n1\r\nx\r\n0\r\n\r\n")));
    struct body body = {.out = BUF(4096)};
    feed_stream(buf_str(&out), 7, step_chunk, &body);
    assert_true(str_eq(buf_str(&body.out), S("Hello, wide world!x.")));
    buf_free(&body.out);
    buf_free(&out);
}

static void url_parts(void **state)
{
    static const struct {
        const char *url, *origin, *path;
    } rows[] = {
        {"https://chat.example", "https://chat.example", ""},
        {"https://chat.example/a", "https://chat.example", "/a"},
        {"http://127.0.0.1:8080/a/b", "http://127.0.0.1:8080", "/a/b"},
        {"http://[::1]:8080", "http://[::1]:8080", ""},
    };
    (void)state;
    for (size_t i = 0; i < countof(rows); i++) {
        Str url = str_of(rows[i].url);
        assert_true(str_eq(http_url_origin(url), str_of(rows[i].origin)));
        assert_true(str_eq(http_url_path(url), str_of(rows[i].path)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_heads),     cmocka_unit_test(bad_heads),
        cmocka_unit_test(methods),        cmocka_unit_test(head_limits),
        cmocka_unit_test(pipelining),     cmocka_unit_test(headers),
        cmocka_unit_test(chunked_bodies), cmocka_unit_test(chunks_in_part),
        cmocka_unit_test(paths),          cmocka_unit_test(queries),
        cmocka_unit_test(url_parts),      cmocka_unit_test(responses),
        cmocka_unit_test(written_chunks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
