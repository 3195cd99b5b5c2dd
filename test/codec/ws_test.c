/*
 * RFC 6455. Frames are written here as a server sends them, unmasked and readable; every one of
 * them is tried again masked, as a client sends it.
 */
#include "codec/ws.h"

#include "base/mem.h"
#include "codec/feed.h"

#define LIMIT 262144

static const struct ws_limits server = {.role = WS_SERVER, .message = LIMIT},
                              client = {.role = WS_CLIENT, .message = LIMIT},
                              deflating = {.role = WS_CLIENT, .message = LIMIT, .deflate = true},
                              deflating_server = {
                                  .role = WS_SERVER, .message = LIMIT, .deflate = true};
static const uint8_t key[4] = {0x37, 0xfa, 0x21, 0x3d};

/* One frame at a time. */

#define Z8 "\0\0\0\0\0\0\0\0"

static const struct {
    const char *name;
    const struct ws_limits *role;
    Str in;
    long result;
} headers[] = {
    {"5.7: unmasked Hello", &client, S("\x81\x05Hello"), 7},
    {"5.7: masked Hello", &server, S("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), 11},
    {"5.7: first fragment", &client, S("\x01\x03Hel"), 5},
    {"5.7: last fragment", &client, S("\x80\x02lo"), 4},
    {"5.7: ping", &client, S("\x89\x05Hello"), 7},
    {"5.7: masked pong", &server, S("\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), 11},
    {"nothing in it", &client, S("\x82\x00"), 2},
    {"nothing in it, masked", &server, S("\x82\x80WXYZ"), 6},
    {"what follows is left alone", &client, S("\x81\x01x\x81\x01y"), 3},
    {"wrong what follows is left alone", &client, S("\x81\x01x\xff\xff"), 3},

    {"RSV1", &client, S("\xc1\x00"), -1002},
    {"RSV2", &client, S("\xa1\x00"), -1002},
    {"RSV3", &client, S("\x91\x00"), -1002},
    {"all of RSV on a ping", &client, S("\xf9\x00"), -1002},
    {"RSV1 on a text, agreed on", &deflating, S("\xc1\x00"), 2},
    {"RSV1 on a fragment, agreed on", &deflating, S("\x42\x01x"), 3},
    {"RSV1 on a continuation", &deflating, S("\xc0\x00"), -1002},
    {"RSV1 on a close", &deflating, S("\xc8\x00"), -1002},
    {"RSV1 on a ping", &deflating, S("\xc9\x00"), -1002},
    {"RSV1 on a pong", &deflating, S("\xca\x00"), -1002},
    {"RSV1 on an unknown opcode", &deflating, S("\xc3\x00"), -1002},
    {"RSV2, with RSV1 agreed on", &deflating, S("\xa1\x00"), -1002},
    {"RSV1 and RSV3", &deflating, S("\xd1\x00"), -1002},
    {"opcode 3", &client, S("\x83\x00"), -1002},
    {"opcode 7", &client, S("\x87\x00"), -1002},
    {"opcode 11", &client, S("\x8b\x00"), -1002},
    {"opcode 15", &client, S("\x8f\x00"), -1002},
    {"a ping in fragments", &client, S("\x09\x00"), -1002},
    {"a close in fragments", &client, S("\x08\x02\x03\xe8"), -1002},
    {"a ping of 126 bytes", &client, S("\x89\x7e\x00\x7e"), -1002},
    {"a close with the longest form", &client, S("\x88\x7f" Z8), -1002},
    {"a client does not mask", &server, S("\x81\x05Hello"), -1002},
    {"a server masks", &client, S("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), -1002},

    {"125 in the 16-bit form", &client, S("\x82\x7e\x00\x7d"), -1002},
    {"0 in the 16-bit form", &client, S("\x82\x7e\x00\x00"), -1002},
    {"125 in the 64-bit form", &client, S("\x82\x7f\0\0\0\0\0\0\0\x7d"), -1002},
    {"65535 in the 64-bit form", &client, S("\x82\x7f\0\0\0\0\0\0\xff\xff"), -1002},
    {"2^63", &client, S("\x82\x7f\x80\0\0\0\0\0\0\0"), -1002},
    {"2^64 - 1", &client, S("\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff"), -1002},
    {"2^63 - 1", &client, S("\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff"), -1009},
    {"one byte too large, from the header alone", &client, S("\x82\x7f\0\0\0\0\0\x04\0\x01"),
     -1009},
    {"the same in the first fragment", &client, S("\x02\x7f\0\0\0\0\0\x04\0\x01"), -1009},
    {"the same masked, before its key", &server, S("\x82\xff\0\0\0\0\0\x04\0\x01"), -1009},
    {"exactly the limit waits for its payload", &client, S("\x82\x7f\0\0\0\0\0\x04\0\0"), 0},
};

static long decode_frame(Str in, void *context)
{
    struct ws_frame frame;
    const char *why = NULL;
    long result = ws_decode(in, context, &frame, &why);
    assert_true((result < 0) == (why != NULL));
    if (result > 0) {
        assert_ptr_equal(frame.payload.p, in.p + frame.head);
        assert_int_equal(frame.head + frame.payload.n, result);
    }
    return result;
}

static void frames(void **state)
{
    (void)state;
    for (size_t i = 0; i < countof(headers); i++) {
        print_message("  %s\n", headers[i].name);
        assert_int_equal(feed_prefixes(headers[i].in, decode_frame, (void *)headers[i].role),
                         headers[i].result);
    }
}

/* Every length form, there and back, with and without a mask. */
static void lengths(void **state)
{
    (void)state;
    static const struct {
        size_t n, head;
    } rows[] = {{0, 2},   {1, 2},   {7, 2},     {8, 2},      {125, 2},    {126, 4},   {127, 4},
                {255, 4}, {256, 4}, {65535, 4}, {65536, 10}, {65537, 10}, {LIMIT, 10}};
    for (size_t i = 0; i < countof(rows); i++) {
        char *text = malloc(rows[i].n);
        for (size_t k = 0; k < rows[i].n; k++)
            text[k] = (char)(k * 31);
        for (int masked = 0; masked < 2; masked++) {
            struct buf out = BUF(LIMIT + WS_HEADER_MAX);
            const struct ws_limits *role = masked ? &server : &client;
            if (masked)
                ws_encode_masked(&out, WS_BINARY, WS_FIN, key, str_from(text, rows[i].n));
            else
                ws_encode(&out, WS_BINARY, WS_FIN, str_from(text, rows[i].n));
            size_t head = rows[i].head + (masked ? 4 : 0);
            assert_false(out.overflow);
            assert_int_equal(out.n, head + rows[i].n);
            assert_int_equal(feed_prefixes(buf_str(&out), decode_frame, (void *)role), out.n);
            struct ws_frame frame;
            const char *why;
            assert_int_equal(ws_decode(buf_str(&out), role, &frame, &why), out.n);
            assert_int_equal(frame.head, head);
            assert_int_equal(frame.opcode, WS_BINARY);
            assert_true(frame.fin);
            assert_true(frame.masked == (bool)masked);
            if (masked)
                ws_unmask(out.p + frame.head, frame.payload.n, frame.key);
            assert_memory_equal(frame.payload.p, text, rows[i].n);
            buf_free(&out);
        }
        free(text);
    }
}

/* Any length, at any alignment, and only those bytes. */
static void unmasking(void **state)
{
    (void)state;
    for (size_t n = 0; n < 40; n++)
        for (size_t offset = 0; offset < 8; offset++) {
            char *bytes = malloc(offset + n);
            for (size_t i = 0; i < offset + n; i++)
                bytes[i] = (char)i;
            ws_unmask(bytes + offset, n, key);
            for (size_t i = 0; i < offset + n; i++)
                assert_int_equal((uint8_t)bytes[i],
                                 i < offset ? i : (uint8_t)(i ^ key[(i - offset) & 3]));
            free(bytes);
        }
}

/* Frames in order. What comes out is written down as one word an event. */

static const struct {
    const char *name;
    Str in;
    const char *out;
} streams[] = {
    {"a text", S("\x81\x05Hello"), "text:Hello"},
    {"a binary", S("\x82\x02\xff\xfe"), "binary:\xff\xfe"},
    {"an empty text", S("\x81\x00"), "text:"},
    {"two texts", S("\x81\x01x\x81\x01y"), "text:x text:y"},
    {"in two fragments", S("\x01\x03Hel\x80\x02lo"), "text<Hel text>lo"},
    {"in four",
     S("\x02\x01"
       "a\x00\x01"
       "b\x00\x01"
       "c\x80\x01"
       "d"),
     "binary<a binary=b binary=c binary>d"},
    {"empty fragments", S("\x01\x00\x00\x00\x80\x00"), "text< text= text>"},
    {"a message after fragments", S("\x01\x01x\x80\x00\x82\x01y"), "text<x text> binary:y"},
    {"fragments after fragments", S("\x01\x01x\x80\x00\x02\x01y\x80\x01z"),
     "text<x text> binary<y binary>z"},

    {"ping", S("\x89\x02hi"), "ping:hi"},
    {"ping without a payload", S("\x89\x00"), "ping:"},
    {"a pong nobody asked for", S("\x8a\x02hi"), "pong:hi"},
    {"a ping of any bytes", S("\x89\x02\xff\xc0"), "ping:\xff\xc0"},
    {"a ping between fragments", S("\x01\x03Hel\x89\x01p\x80\x02lo"), "text<Hel ping:p text>lo"},
    {"many between fragments", S("\x01\x01x\x89\x00\x8a\x00\x00\x01y\x89\x00\x80\x01z"),
     "text<x ping: pong: text=y ping: text>z"},
    {"a close between fragments", S("\x01\x01x\x88\x02\x03\xe8"), "text<x close:1000:"},

    {"a continuation first", S("\x80\x01x"), "!1002"},
    {"a continuation first, not the last", S("\x00\x01x"), "!1002"},
    {"a continuation after a whole message", S("\x81\x01x\x80\x01y"), "text:x !1002"},
    {"a continuation after the last", S("\x01\x01x\x80\x01y\x80\x01z"), "text<x text>y !1002"},
    {"a text inside a text", S("\x01\x01x\x81\x01y"), "text<x !1002"},
    {"a binary inside a text", S("\x01\x01x\x02\x01y"), "text<x !1002"},
    {"wrong after what is right", S("\x81\x01x\x83\x00"), "text:x !1002"},

    {"a euro sign", S("\x81\x03\xe2\x82\xac"), "text:\xe2\x82\xac"},
    {"cut inside a character", S("\x01\x01\xe2\x00\x01\x82\x80\x01\xac"),
     "text<\xe2 text=\x82 text>\xac"},
    {"cut there, with a ping between", S("\x01\x02\xe2\x82\x89\x01p\x80\x01\xac"),
     "text<\xe2\x82 ping:p text>\xac"},
    {"cut there, with an empty fragment between", S("\x01\x02\xe2\x82\x00\x00\x80\x01\xac"),
     "text<\xe2\x82 text= text>\xac"},
    {"a bad byte in a text", S("\x81\x02x\xff"), "!1007"},
    {"a bad byte in the first of fragments", S("\x01\x01\xff\x80\x01x"), "!1007"},
    {"a bad byte in a later one", S("\x01\x01x\x00\x01\xc0\x80\x00"), "text<x !1007"},
    {"a surrogate over two fragments", S("\x01\x01\xed\x80\x02\xa0\x80"), "text<\xed !1007"},
    {"a text that ends inside a character", S("\x81\x02\xe2\x82"), "!1007"},
    {"fragments that end inside one", S("\x01\x01\xe2\x80\x01\x82"), "text<\xe2 !1007"},
    {"an empty last fragment inside one", S("\x01\x01\xe2\x80\x00"), "text<\xe2 !1007"},
    {"the next text begins anew", S("\x82\x01\xe2\x81\x01x"), "binary:\xe2 text:x"},
    {"a binary is not looked at", S("\x02\x01\xff\x80\x01\xe2"), "binary<\xff binary>\xe2"},

    {"a close without a code", S("\x88\x00"), "close:1005:"},
    {"a close", S("\x88\x02\x03\xe8"), "close:1000:"},
    {"a close with a reason",
     S("\x88\x05\x03\xe9"
       "bye"),
     "close:1001:bye"},
    {"a close with a reason beyond ASCII", S("\x88\x05\x0f\xa0\xe2\x82\xac"),
     "close:4000:\xe2\x82\xac"},
    {"half a code", S("\x88\x01\x03"), "!1002"},
    {"a code that may not be sent", S("\x88\x02\x03\xed"), "!1002"},
    {"a reason that is not UTF-8", S("\x88\x03\x03\xe8\xff"), "!1007"},
    {"a reason cut inside a character", S("\x88\x04\x03\xe8\xe2\x82"), "!1007"},
    {"a text after the close", S("\x88\x00\x81\x01x"), "close:1005: !1002"},
    {"a ping after the close", S("\x88\x00\x89\x00"), "close:1005: !1002"},
    {"a second close", S("\x88\x00\x88\x00"), "close:1005: !1002"},
};

/* With permessage-deflate. A compressed part has a 'z' before its payload. */
static const struct {
    const char *name;
    Str in;
    const char *out;
} compressed_streams[] = {
    {"a compressed text", S("\xc1\x02hi"), "text:zhi"},
    {"a compressed binary", S("\xc2\x02hi"), "binary:zhi"},
    {"one that is not", S("\x81\x02hi"), "text:hi"},
    {"in fragments", S("\x41\x01x\x00\x01y\x80\x01z"), "text<zx text=zy text>zz"},
    {"with a ping between", S("\x41\x01x\x89\x01p\x80\x01y"), "text<zx ping:p text>zy"},
    {"the bit on a later one", S("\x41\x01x\xc0\x01y"), "text<zx !1002"},
    {"the next one need not be", S("\x41\x01x\x80\x01y\x01\x01x\x80\x01y"),
     "text<zx text>zy text<x text>y"},
    {"its bytes are no text yet", S("\xc1\x02\xff\xc0"), "text:z\xff\xc0"},
    {"nor is their end", S("\x41\x01\xe2\x80\x01\x82"), "text<z\xe2 text>z\x82"},
    {"the next one's are", S("\xc1\x01\xe2\x81\x01\xff"), "text:z\xe2 !1007"},
    {"inside another", S("\x01\x01x\xc1\x01y"), "text<x !1002"},
};

struct run {
    const struct ws_limits *limits;
    struct ws_stream stream;
    struct buf out;
};

static void write_event(struct buf *out, const struct ws_event *event)
{
    static const char marks[] = {
        [WS_GOT_MESSAGE] = ':', [WS_GOT_START] = '<', [WS_GOT_MORE] = '=', [WS_GOT_END] = '>',
        [WS_GOT_PING] = ':',    [WS_GOT_PONG] = ':',  [WS_GOT_CLOSE] = ':'};
    static const char *const names[] = {[WS_TEXT] = "text",
                                        [WS_BINARY] = "binary",
                                        [WS_CLOSE] = "close",
                                        [WS_PING] = "ping",
                                        [WS_PONG] = "pong"};
    assert_true((event->kind == WS_GOT_PING) == (event->opcode == WS_PING));
    assert_true((event->kind == WS_GOT_PONG) == (event->opcode == WS_PONG));
    assert_true((event->kind == WS_GOT_CLOSE) == (event->opcode == WS_CLOSE));
    assert_true((event->kind == WS_GOT_CLOSE) == (event->code != 0));
    if (out->n)
        buf_byte(out, ' ');
    buf_add(out, str_of(names[event->opcode]));
    buf_byte(out, marks[event->kind]);
    if (event->code)
        buf_fmt(out, "%d:", event->code);
    if (event->compressed)
        buf_byte(out, 'z');
    buf_add(out, event->payload);
}

static long step(Str in, void *context, bool *ended)
{
    struct run *run = context;
    struct ws_frame frame;
    struct ws_event event;
    const char *why = NULL;
    (void)ended;
    long used = ws_decode(in, run->limits, &frame, &why);
    if (used > 0) {
        if (frame.masked)
            ws_unmask((char *)in.p + frame.head, frame.payload.n, frame.key);
        int bad = ws_stream_step(&run->stream, run->limits, &frame, &event, &why);
        used = bad ? bad : used;
    }
    assert_true((used < 0) == (why != NULL));
    if (used > 0)
        write_event(&run->out, &event);
    if (used < 0)
        buf_fmt(&run->out, run->out.n ? " !%ld" : "!%ld", -used);
    return used;
}

/* The same frames, all of less than 126 bytes, as a client sends them. */
static void mask_frames(Str in, struct buf *out)
{
    while (in.n) {
        size_t n = (uint8_t)in.p[1];
        buf_byte(out, in.p[0]);
        buf_byte(out, (char)(0x80 | n));
        buf_add(out, str_from((const char *)key, 4));
        buf_add(out, str_from(in.p + 2, n));
        ws_unmask(out->p + out->n - n, n, key);
        in = str_skip(in, 2 + n);
    }
}

static void expect_run(const struct ws_limits *limits, Str in, size_t piece, const char *out)
{
    struct run run = {.limits = limits, .out = BUF(1 << 20)};
    feed_stream(in, piece, step, &run);
    buf_byte(&run.out, 0);
    assert_string_equal(run.out.p, out);
    buf_free(&run.out);
}

static void messages(void **state)
{
    (void)state;
    for (size_t i = 0; i < countof(streams); i++) {
        print_message("  %s\n", streams[i].name);
        struct buf masked = BUF(4096);
        mask_frames(streams[i].in, &masked);
        for (size_t piece = 1; piece <= masked.n; piece++) {
            expect_run(&client, streams[i].in, piece, streams[i].out);
            expect_run(&server, buf_str(&masked), piece, streams[i].out);
        }
        buf_free(&masked);
    }
}

static void compressed_messages(void **state)
{
    (void)state;
    for (size_t i = 0; i < countof(compressed_streams); i++) {
        print_message("  %s\n", compressed_streams[i].name);
        struct buf masked = BUF(4096);
        mask_frames(compressed_streams[i].in, &masked);
        for (size_t piece = 1; piece <= masked.n; piece++) {
            expect_run(&deflating, compressed_streams[i].in, piece, compressed_streams[i].out);
            expect_run(&deflating_server, buf_str(&masked), piece, compressed_streams[i].out);
        }
        buf_free(&masked);
    }
}

/* The limit counts the whole message and not the control frames inside it. */
static void message_sizes(void **state)
{
    (void)state;
    static const struct ws_limits ten = {.role = WS_CLIENT, .message = 10};
    static const struct {
        const char *name;
        Str in;
        const char *out;
    } rows[] = {
        {"ten in one",
         S("\x82\x0a"
           "0123456789"),
         "binary:0123456789"},
        {"eleven in one", S("\x82\x0b"), "!1009"},
        {"ten in fragments",
         S("\x02\x05"
           "01234\x00\x05"
           "56789\x80\x00"),
         "binary<01234 binary=56789 binary>"},
        {"eleven in fragments",
         S("\x02\x05"
           "01234\x00\x05"
           "56789\x80\x01x"),
         "binary<01234 binary=56789 !1009"},
        {"too large comes before bad text",
         S("\x01\x09"
           "012345678\x80\x02\xff\xff"),
         "text<012345678 !1009"},
        {"pings do not count",
         S("\x02\x09"
           "012345678\x89\x05hello\x80\x01"
           "9"),
         "binary<012345678 ping:hello binary>9"},
        {"each message anew",
         S("\x02\x09"
           "012345678\x80\x00\x82\x09"
           "abcdefghi"),
         "binary<012345678 binary> binary:abcdefghi"},
    };
    for (size_t i = 0; i < countof(rows); i++) {
        print_message("  %s\n", rows[i].name);
        for (size_t piece = 1; piece <= rows[i].in.n; piece++)
            expect_run(&ten, rows[i].in, piece, rows[i].out);
    }
    assert_true(sizeof(struct ws_stream) <= 24);
}

/* Section 7.4.1 and the registry: who may send what. */
static void close_codes(void **state)
{
    (void)state;
    static const struct {
        int from, to;
        bool ok;
    } rows[] = {{0, 999, false},     {1000, 1003, true}, {1004, 1006, false}, {1007, 1014, true},
                {1015, 2999, false}, {3000, 4999, true}, {5000, 65535, false}};
    for (size_t i = 0; i < countof(rows); i++)
        for (int code = rows[i].from; code <= rows[i].to; code++) {
            char text[] = {(char)(code >> 8), (char)code};
            struct ws_frame frame = {.opcode = WS_CLOSE, .fin = true, .payload = {text, 2}};
            struct ws_stream stream = {0};
            struct ws_event event;
            const char *why;
            assert_true(ws_code_valid(code) == rows[i].ok);
            assert_int_equal(ws_stream_step(&stream, &server, &frame, &event, &why),
                             rows[i].ok ? 0 : -1002);
            assert_int_equal(event.code, code);
        }
}

static void encoded_close(void **state)
{
    (void)state;
    static const struct {
        int code;
        const char *reason;
        Str out;
    } rows[] = {
        {1000, "", S("\x88\x02\x03\xe8")},
        {1013, "slow", S("\x88\x06\x03\xf5slow")},
        {WS_NO_CODE, "not sent", S("\x88\x00")},
    };
    for (size_t i = 0; i < countof(rows); i++) {
        struct buf out = BUF(200);
        ws_encode_close(&out, rows[i].code, str_of(rows[i].reason));
        assert_int_equal(out.n, rows[i].out.n);
        assert_memory_equal(out.p, rows[i].out.p, out.n);
        buf_free(&out);
    }
    /* A reason that is too long: cut at 123 bytes, or before the character that would be split. */
    static const size_t euro_at[] = {120, 121, 122, 123}, cut_at[] = {123, 121, 122, 123};
    for (size_t i = 0; i < countof(euro_at); i++) {
        char reason[200];
        struct buf out = BUF(200);
        struct ws_frame frame;
        const char *why;
        memset(reason, 'x', sizeof reason);
        memcpy(reason + euro_at[i], "\xe2\x82\xac", 3);
        ws_encode_close(&out, 1011, str_from(reason, sizeof reason));
        assert_int_equal(ws_decode(buf_str(&out), &client, &frame, &why), out.n);
        assert_int_equal(frame.payload.n, 2 + cut_at[i]);
        assert_true(utf8_valid(str_skip(frame.payload, 2)));
        buf_free(&out);
    }
}

static void encoder_overflow(void **state)
{
    (void)state;
    struct buf out = BUF(6);
    ws_encode(&out, WS_TEXT, WS_FIN, S("Hello"));
    assert_true(out.overflow);
    assert_int_equal(out.n, 0);
    buf_free(&out);
    ws_encode(&out, WS_TEXT, 0, S("Hell"));
    assert_false(out.overflow);
    assert_memory_equal(out.p, "\x01\x04Hell", 6);
    buf_free(&out);
    out.max = 10;
    ws_encode_masked(&out, WS_TEXT, WS_FIN, key, S("Hello"));
    assert_true(out.overflow);
    buf_free(&out);
}

static void accept_key(void **state)
{
    (void)state;
    static const struct {
        const char *name, *key, *accept;
    } rows[] = {
        {"1.3", "dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="},
        {"zeros", "AAAAAAAAAAAAAAAAAAAAAA==", "ICX+Yqv66kxgM0FcWaLWlFLwTAI="},
        {"empty", "", NULL},
        {"15 bytes", "AAAAAAAAAAAAAAAAAAAA", NULL},
        {"17 bytes", "AAAAAAAAAAAAAAAAAAAAAAA=", NULL},
        {"18 bytes", "AAAAAAAAAAAAAAAAAAAAAAAA", NULL},
        {"without padding", "AAAAAAAAAAAAAAAAAAAAAA", NULL},
        {"a space in it", "AAAAAAAA AAAAAAAAAAAAA==", NULL},
        {"the URL alphabet", "AAAAAAAA-AAAAAAAAAAAAA==", NULL},
        {"padding inside", "AAAAAAAAAAAAAAAAAAAAA===", NULL},
        {"twice as long", "dGhlIHNhbXBsZSBub25jZQ==dGhlIHNhbXBsZSBub25jZQ==", NULL},
    };
    for (size_t i = 0; i < countof(rows); i++) {
        print_message("  %s\n", rows[i].name);
        char out[WS_ACCEPT_TEXT];
        char *copy = feed_copy(str_of(rows[i].key));
        assert_true(ws_accept_key(str_from(copy, strlen(rows[i].key)), out) ==
                    (rows[i].accept != NULL));
        if (rows[i].accept)
            assert_memory_equal(out, rows[i].accept, sizeof out);
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames),
        cmocka_unit_test(lengths),
        cmocka_unit_test(unmasking),
        cmocka_unit_test(messages),
        cmocka_unit_test(compressed_messages),
        cmocka_unit_test(message_sizes),
        cmocka_unit_test(close_codes),
        cmocka_unit_test(encoded_close),
        cmocka_unit_test(encoder_overflow),
        cmocka_unit_test(accept_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
