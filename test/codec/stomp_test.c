/*
 * STOMP frames as documents: what each one is, fed whole, at every prefix and in pieces; what is
 * refused, and with which words, however it was cut; what is written.
 *
 * A decoded frame is shown as COMMAND|name=value|name=value|body, headers as on the wire.
 */
#include "codec/stomp.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/mem.h"
#include "codec/feed.h"

static const struct {
    const char *name;
    enum stomp_version version;
    Str wire;
    Str shown;
} valid[] = {
    {"the smallest frame", STOMP_12, S("ABORT\n\n\0"), S("ABORT|")},
    {"CONNECT", STOMP_12,
     S("CONNECT\naccept-version:1.0,1.1,1.2\nheart-beat:10000,10000\nAuthorization:Bearer "
       "a.b-c\n\n\0"),
     S("CONNECT|accept-version=1.0,1.1,1.2|heart-beat=10000,10000|Authorization=Bearer a.b-c|")},
    {"STOMP means CONNECT", STOMP_12, S("STOMP\nhost:h\n\n\0"), S("STOMP|host=h|")},
    {"CONNECT has no escapes", STOMP_12, S("CONNECT\npasscode:a\\tb\\\n\n\0"),
     S("CONNECT|passcode=a\\tb\\|")},
    {"STOMP has no escapes", STOMP_11, S("STOMP\nlogin:\\x\n\n\0"), S("STOMP|login=\\x|")},
    {"CONNECTED has no escapes", STOMP_12, S("CONNECTED\nuser-name:a\\b:c\n\n\0"),
     S("CONNECTED|user-name=a\\b:c|")},
    {"CR LF ends lines", STOMP_12, S("SEND\r\ndestination:/api/chat\r\n\r\n{}\0"),
     S("SEND|destination=/api/chat|{}")},
    {"CR LF and LF mixed", STOMP_12, S("SEND\r\na:1\nb:2\r\n\nx\0"), S("SEND|a=1|b=2|x")},
    {"CR LF in 1.0 too", STOMP_10, S("SUBSCRIBE\r\nid:0\r\n\r\n\0"), S("SUBSCRIBE|id=0|")},
    {"SUBSCRIBE", STOMP_12,
     S("SUBSCRIBE\nid:sub-0\ndestination:/user/queue/messages\nack:auto\n\n\0"),
     S("SUBSCRIBE|id=sub-0|destination=/user/queue/messages|ack=auto|")},
    {"UNSUBSCRIBE, the longest command", STOMP_12, S("UNSUBSCRIBE\nid:sub-0\n\n\0"),
     S("UNSUBSCRIBE|id=sub-0|")},
    {"ACK", STOMP_12, S("ACK\nid:1\n\n\0"), S("ACK|id=1|")},
    {"NACK", STOMP_12, S("NACK\nid:1\n\n\0"), S("NACK|id=1|")},
    {"BEGIN", STOMP_12, S("BEGIN\ntransaction:t\n\n\0"), S("BEGIN|transaction=t|")},
    {"COMMIT", STOMP_12, S("COMMIT\ntransaction:t\n\n\0"), S("COMMIT|transaction=t|")},
    {"DISCONNECT", STOMP_12, S("DISCONNECT\nreceipt:77\n\n\0"), S("DISCONNECT|receipt=77|")},
    {"MESSAGE", STOMP_12, S("MESSAGE\nsubscription:0\nmessage-id:7\n\n{\"a\":1}\0"),
     S("MESSAGE|subscription=0|message-id=7|{\"a\":1}")},
    {"RECEIPT", STOMP_12, S("RECEIPT\nreceipt-id:77\n\n\0"), S("RECEIPT|receipt-id=77|")},
    {"ERROR", STOMP_12, S("ERROR\nmessage:no\n\nwhy\0"), S("ERROR|message=no|why")},
    {"content-length lets a body hold NULs", STOMP_12, S("SEND\ncontent-length:3\n\na\0b\0"),
     S("SEND|content-length=3|a\0b")},
    {"content-length 0", STOMP_12, S("SEND\ncontent-length:0\n\n\0"), S("SEND|content-length=0|")},
    {"the first content-length counts", STOMP_12,
     S("SEND\ncontent-length:1\ncontent-length:9\n\nx\0"),
     S("SEND|content-length=1|content-length=9|x")},
    {"repeated headers are kept in order", STOMP_12, S("SEND\na:1\na:2\n\n\0"), S("SEND|a=1|a=2|")},
    {"an empty value", STOMP_12, S("SEND\na:\n\n\0"), S("SEND|a=|")},
    {"spaces belong to the value", STOMP_12, S("SEND\na: 1 \n\n\0"), S("SEND|a= 1 |")},
    {"a bare colon in a value, as old clients send it", STOMP_12, S("SEND\na:b:c\n\n\0"),
     S("SEND|a=b:c|")},
    {"every escape of 1.2", STOMP_12, S("SEND\na\\cb:\\r\\n\\c\\\\\n\n\0"),
     S("SEND|a\\cb=\\r\\n\\c\\\\|")},
    {"every escape of 1.1", STOMP_11, S("SEND\na:\\n\\c\\\\\n\n\0"), S("SEND|a=\\n\\c\\\\|")},
    {"1.0 has no escapes", STOMP_10, S("SEND\na:\\t\\\n\n\0"), S("SEND|a=\\t\\|")},
    {"UTF-8 in a header", STOMP_12, S("SEND\na:na\xc3\xafve\n\n\0"), S("SEND|a=na\xc3\xafve|")},
    {"any bytes in a body", STOMP_12, S("SEND\n\n\xff\r\n\\t\0"), S("SEND||\xff\r\n\\t")},
    {"a body of line ends", STOMP_12, S("SEND\n\n\n\n\0"), S("SEND||\n\n")},
};

/* With 3 headers, 64 bytes of head and 8 of body. */
static const struct {
    const char *name;
    enum stomp_version version;
    Str wire;
    const char *why;
} invalid[] = {
    {"an unknown command", STOMP_12, S("HELLO\n\n\0"), "Unknown command."},
    {"a command is in capitals", STOMP_12, S("send\n\n\0"),
     "The frame does not start with a command on a line of its own."},
    {"a known command and more", STOMP_12, S("SENDS\n\n\0"), "Unknown command."},
    {"an endless command", STOMP_12, S("AAAAAAAAAAAAAAAAAAAAAAAA"), "Unknown command."},
    {"HTTP", STOMP_12, S("GET / HTTP/1.1\r\n\r\n"),
     "The frame does not start with a command on a line of its own."},
    {"a space before the command", STOMP_12, S(" SEND\n\n\0"),
     "The frame does not start with a command on a line of its own."},
    {"a NUL after the command", STOMP_12, S("SEND\0"),
     "The frame does not start with a command on a line of its own."},
    {"a NUL alone", STOMP_12, S("\0"),
     "The frame does not start with a command on a line of its own."},
    {"a lone CR after the command", STOMP_12, S("SEND\r\r\n"),
     "The frame does not start with a command on a line of its own."},
    {"a lone CR before the frame", STOMP_12, S("\rSEND\n\n\0"),
     "A carriage return without a line feed."},
    {"no blank line", STOMP_12, S("SEND\na:1\0"),
     "A NUL before the blank line that ends the headers."},
    {"a NUL in a header", STOMP_12, S("SEND\na:1\0b\n\n\0"),
     "A NUL before the blank line that ends the headers."},
    {"a lone CR in a header", STOMP_12, S("SEND\na:1\rb:2\n\n\0"),
     "A carriage return inside a header."},
    {"two CRs before LF", STOMP_12, S("SEND\na:1\r\r\n\n\0"), "A carriage return inside a header."},
    {"a header without a colon", STOMP_12, S("SEND\nabc\n\n\0"), "A header without a colon."},
    {"a header without a name", STOMP_12, S("SEND\n:abc\n\n\0"), "A header without a name."},
    {"an escape of no version", STOMP_12, S("SEND\na:\\t\n\n\0"),
     "An escape that this version of STOMP does not have."},
    {"a backslash at the end", STOMP_12, S("SEND\na:b\\\n\n\0"),
     "An escape that this version of STOMP does not have."},
    {"a backslash before CR LF", STOMP_12, S("SEND\na:b\\\r\n\n\0"),
     "An escape that this version of STOMP does not have."},
    {"a wrong escape after right ones", STOMP_12, S("SEND\na:\\\\\\c\\C\n\n\0"),
     "An escape that this version of STOMP does not have."},
    {"a wrong escape in a name", STOMP_12, S("SEND\na\\x:b\n\n\0"),
     "An escape that this version of STOMP does not have."},
    {"an escaped CR in 1.1", STOMP_11, S("SEND\na:\\r\n\n\0"),
     "An escape that this version of STOMP does not have."},
    {"a header that is not UTF-8", STOMP_12, S("SEND\na:\xff\n\n\0"),
     "The headers are not valid UTF-8."},
    {"a header cut inside a character", STOMP_12, S("SEND\na:\xc3\nb:\xaf\n\n\0"),
     "The headers are not valid UTF-8."},
    {"one header too many", STOMP_12, S("SEND\na:1\nb:2\nc:3\nd:4\n\n\0"), "Too many headers."},
    {"a head of 65 bytes", STOMP_12,
     S("SEND\na:34567890123456789012345678901234567890123456789012345678\n\n\0"),
     "The headers are too large."},
    {"a header without end", STOMP_12,
     S("SEND\na:34567890123456789012345678901234567890123456789012345678901234567890"),
     "The headers are too large."},
    {"content-length is no number", STOMP_12, S("SEND\ncontent-length:1x\n\na\0"),
     "The content-length is not a number."},
    {"content-length is empty", STOMP_12, S("SEND\ncontent-length:\n\n\0"),
     "The content-length is not a number."},
    {"content-length is negative", STOMP_12, S("SEND\ncontent-length:-1\n\n\0"),
     "The content-length is not a number."},
    {"content-length past 64 bits", STOMP_12, S("SEND\ncontent-length:18446744073709551616\n\n\0"),
     "The content-length is not a number."},
    {"content-length of 64 bits", STOMP_12, S("SEND\ncontent-length:18446744073709551615\n\n\0"),
     "The body is too large."},
    {"content-length over the limit", STOMP_12, S("SEND\ncontent-length:9\n\n123456789\0"),
     "The body is too large."},
    {"content-length too short", STOMP_12, S("SEND\ncontent-length:2\n\nabc\0"),
     "No NUL where the content-length says that the body ends."},
    {"a body over the limit", STOMP_12, S("SEND\n\n123456789\0"), "The body is too large."},
    {"a body without end", STOMP_12, S("SEND\n\n123456789012345"), "The body is too large."},
};

static const struct stomp_limits tight = {STOMP_12, 3, 64, 8};

struct result {
    struct stomp_limits limits;
    struct buf shown;
    const char *why;
};

static void show(const struct stomp_frame *f, struct buf *out)
{
    buf_add(out, stomp_command_text(f->command));
    buf_byte(out, '|');
    for (size_t i = 0; i < f->header_count; i++) {
        buf_add(out, f->headers[i].name);
        buf_byte(out, '=');
        buf_add(out, f->headers[i].value);
        buf_byte(out, '|');
    }
    if (f->header_count == 0 && f->body.n)
        buf_byte(out, '|');
    buf_add(out, f->body);
}

static long decode(Str in, void *context)
{
    struct result *r = context;
    struct stomp_frame frame;
    const char *why = NULL;
    long used = stomp_decode(in, &r->limits, &frame, &why);
    if (used < 0) {
        assert_non_null(why);
        if (r->why)
            assert_string_equal(why, r->why);
        r->why = why;
    }
    if (used > 0 && frame.command != STOMP_HEARTBEAT) {
        buf_clear(&r->shown);
        show(&frame, &r->shown);
    }
    return used;
}

static void assert_str(Str got, Str wanted)
{
    if (!str_eq(got, wanted))
        fail_msg("got \"" STR_FMT "\", wanted \"" STR_FMT "\"", STR_ARG(got), STR_ARG(wanted));
}

static void valid_frames(void **state)
{
    (void)state;
    for (size_t i = 0; i < countof(valid); i++) {
        print_message("  %s\n", valid[i].name);
        struct result r = {STOMP_LIMITS(valid[i].version), BUF(4096), NULL};
        assert_int_equal(feed_prefixes(valid[i].wire, decode, &r), valid[i].wire.n);
        assert_str(buf_str(&r.shown), valid[i].shown);
        buf_free(&r.shown);
    }
}

static void invalid_frames(void **state)
{
    (void)state;
    for (size_t i = 0; i < countof(invalid); i++) {
        print_message("  %s\n", invalid[i].name);
        struct result r = {tight, BUF(4096), NULL};
        r.limits.version = invalid[i].version;
        assert_int_equal(feed_prefixes(invalid[i].wire, decode, &r), -1);
        assert_string_equal(r.why, invalid[i].why);
        buf_free(&r.shown);
    }
}

static void frames_exactly_at_the_limits(void **state)
{
    (void)state;
    struct result r = {tight, BUF(4096), NULL};
    Str rows[] = {
        S("SEND\na:1\nb:2\nc:3\n\n12345678\0"),
        S("SEND\ncontent-length:8\n\n1234567\0\0"),
        S("SEND\na:3456789012345678901234567890123456789012345678901234567\n\nx\0"),
        S("SEND\r\na:3456789012345678901234567890123456789012345678901234\r\n\r\nx\0"),
    };
    for (size_t i = 0; i < countof(rows); i++)
        assert_int_equal(feed_prefixes(rows[i], decode, &r), rows[i].n);
    buf_free(&r.shown);
}

static void the_default_limits(void **state)
{
    (void)state;
    struct result r = {STOMP_LIMITS(STOMP_12), BUF(1 << 20), NULL};
    struct buf wire = BUF(1 << 20);
    for (int over = 0; over < 2; over++) {
        stomp_frame_begin(&wire, STOMP_SEND);
        for (int i = 0; i < STOMP_MAX_HEADERS + over; i++)
            stomp_header_add(&wire, STOMP_12, S("name"), S("value"));
        stomp_frame_end(&wire, S(""));
        assert_int_equal(feed_prefixes(buf_str(&wire), decode, &r), over ? -1 : (long)wire.n);
        buf_clear(&wire);
    }
    r.why = NULL;
    for (size_t over = 0; over < 2; over++) {
        char *body = feed_copy(S(""));
        body = realloc(body, STOMP_MAX_BODY + over);
        assert_non_null(body);
        memset(body, 'x', STOMP_MAX_BODY + over);
        stomp_frame_begin(&wire, STOMP_SEND);
        buf_byte(&wire, '\n');
        buf_add(&wire, str_from(body, STOMP_MAX_BODY + over));
        buf_byte(&wire, '\0');
        assert_int_equal(feed_prefixes(buf_str(&wire), decode, &r), over ? -1 : (long)wire.n);
        free(body);
        buf_clear(&wire);
    }
    buf_free(&wire);
    buf_free(&r.shown);
}

/* ---- streams ---- */

struct stream {
    struct stomp_limits limits;
    struct buf shown;
    size_t heartbeat_bytes;
    int error;
};

static long step(Str in, void *context, bool *ended)
{
    struct stream *s = context;
    struct stomp_frame frame;
    const char *why;
    long used = stomp_decode(in, &s->limits, &frame, &why);
    if (used < 0) {
        s->error = 1;
        *ended = true;
    }
    if (used <= 0)
        return used;
    if (frame.command == STOMP_HEARTBEAT) {
        s->heartbeat_bytes += (size_t)used;
        return used;
    }
    show(&frame, &s->shown);
    buf_byte(&s->shown, ';');
    return used;
}

static const struct {
    const char *name;
    Str wire;
    Str shown;
    size_t heartbeat_bytes;
    int error;
} streams[] = {
    {"a heart-beat", S("\n"), S(""), 1, 0},
    {"heart-beats of both kinds", S("\n\r\n\n\r\n"), S(""), 6, 0},
    {"frames one after another", S("SEND\n\na\0SEND\n\nb\0"), S("SEND||a;SEND||b;"), 0, 0},
    {"line ends after frames", S("SEND\n\na\0\n\nSEND\n\nb\0\r\n"), S("SEND||a;SEND||b;"), 4, 0},
    {"line ends before the first frame", S("\n\r\nACK\nid:1\n\n\0"), S("ACK|id=1|;"), 3, 0},
    {"the frames before a bad one count", S("SEND\n\na\0SEND\nx\n\n\0SEND\n\nb\0"), S("SEND||a;"),
     0, 1},
    {"a lone CR after line ends", S("\n\n\rSEND\n\n\0"), S(""), 2, 1},
    {"a frame that does not end", S("SEND\n\na\0SEND\n\nb"), S("SEND||a;"), 0, 0},
};

static void frames_in_pieces(void **state)
{
    (void)state;
    for (size_t i = 0; i < countof(streams); i++) {
        print_message("  %s\n", streams[i].name);
        for (size_t piece = 1; piece <= streams[i].wire.n; piece++) {
            struct stream s = {STOMP_LIMITS(STOMP_12), BUF(4096), 0, 0};
            feed_stream(streams[i].wire, piece, step, &s);
            assert_str(buf_str(&s.shown), streams[i].shown);
            assert_int_equal(s.heartbeat_bytes, streams[i].heartbeat_bytes);
            assert_int_equal(s.error, streams[i].error);
            buf_free(&s.shown);
        }
    }
}

/* Any bytes at all: feed_prefixes sees to it that the outcome hangs on a shortest prefix. */
static void mangled_frames_do_not_depend_on_cuts(void **state)
{
    (void)state;
    static const char likely[] = "\n\r\0:\\nrc0129AS\xc3\xff";
    uint32_t seed = 1;
    for (int round = 0; round < 3000; round++) {
        Str wire = valid[(size_t)round % countof(valid)].wire;
        char *copy = feed_copy(wire);
        for (int i = 0; i <= round % 3; i++) {
            seed = seed * 1664525 + 1013904223;
            copy[(seed >> 8) % wire.n] = likely[(seed >> 3) % (sizeof likely - 1)];
        }
        struct result r = {tight, BUF(4096), NULL};
        if (copy[0] != '\n' && copy[0] != '\r')
            feed_prefixes(str_from(copy, wire.n), decode, &r);
        buf_free(&r.shown);
        free(copy);
    }
}

/* ---- headers ---- */

static void headers_by_name(void **state)
{
    (void)state;
    struct arena arena = ARENA(4096);
    struct stomp_limits limits = STOMP_LIMITS(STOMP_12);
    struct stomp_frame f;
    const char *why;
    Str got;
    Str wire = S("SEND\nreceipt:1\nreceipt:2\nReceipt:3\nid:a\\c\\\\n\\r\\n\\\\\\\\\n\n\0");
    assert_int_equal(stomp_decode(wire, &limits, &f, &why), wire.n);
    assert_true(stomp_header(&f, S("receipt"), &got));
    assert_str(got, S("1"));
    assert_true(stomp_value(&f, S("receipt"), &arena, &got));
    assert_str(got, S("1"));
    assert_true(got.p > wire.p && got.p < wire.p + wire.n);
    assert_true(stomp_header(&f, S("Receipt"), &got));
    assert_str(got, S("3"));
    assert_true(stomp_header(&f, S("id"), &got));
    assert_str(got, S("a\\c\\\\n\\r\\n\\\\\\\\"));
    assert_true(stomp_value(&f, S("id"), &arena, &got));
    assert_str(got, S("a:\\n\r\n\\\\"));
    assert_false(stomp_header(&f, S("recei"), &got));
    assert_false(stomp_value(&f, S("destination"), &arena, &got));

    wire = S("CONNECT\nlogin:a\\cb\n\n\0");
    assert_int_equal(stomp_decode(wire, &limits, &f, &why), wire.n);
    assert_true(stomp_value(&f, S("login"), &arena, &got));
    assert_str(got, S("a\\cb"));
    arena_free(&arena);
}

static void versions_are_negotiated(void **state)
{
    (void)state;
    static const struct {
        Str accept;
        int version; /* -1: none */
    } rows[] = {
        {S(""), STOMP_10},
        {S("1.0"), STOMP_10},
        {S("1.1"), STOMP_11},
        {S("1.2"), STOMP_12},
        {S("1.2,1.1"), STOMP_12},
        {S("1.0, 1.1"), STOMP_11},
        {S("1.0,1.2,9"), STOMP_12},
        {S("2.0,1.0"), STOMP_10},
        {S("2.0"), -1},
        {S(","), -1},
        {S("1.20"), -1},
        {S("1.1,"), STOMP_11},
    };
    for (size_t i = 0; i < countof(rows); i++) {
        enum stomp_version version;
        bool found = stomp_negotiate(rows[i].accept, &version);
        assert_int_equal(found ? (int)version : -1, rows[i].version);
    }
    assert_str(stomp_version_text(STOMP_11), S("1.1"));
}

static void heart_beat_headers(void **state)
{
    (void)state;
    uint32_t x, y;
    assert_true(stomp_heart_beat(S("0,0"), &x, &y));
    assert_int_equal(x + y, 0);
    assert_true(stomp_heart_beat(S("10000,4294967295"), &x, &y));
    assert_int_equal(x, 10000);
    assert_int_equal(y, UINT32_MAX);
    static const Str wrong[] = {S(""),     S("1"),     S(","),    S("1,"),
                                S(",1"),   S("1,2,3"), S("-1,0"), S("4294967296,0"),
                                S("1, 2"), S("a,b"),   S("1.5,0")};
    for (size_t i = 0; i < countof(wrong); i++)
        assert_false(stomp_heart_beat(wrong[i], &x, &y));
}

/* ---- out ---- */

static void written_frames(void **state)
{
    (void)state;
    struct buf out = BUF(4096);
    stomp_frame_begin(&out, STOMP_RECEIPT);
    stomp_header_add(&out, STOMP_12, S("receipt-id"), S("77"));
    stomp_frame_end(&out, S(""));
    assert_str(buf_str(&out), S("RECEIPT\nreceipt-id:77\n\n\0"));

    buf_clear(&out);
    stomp_frame_begin(&out, STOMP_MESSAGE);
    stomp_frame_end(&out, S("a\0b"));
    assert_str(buf_str(&out), S("MESSAGE\ncontent-length:3\n\na\0b\0"));

    buf_clear(&out);
    stomp_frame_begin(&out, STOMP_MESSAGE);
    stomp_body_begin(&out, 12);
    assert_str(buf_str(&out), S("MESSAGE\ncontent-length:12\n\n"));
    buf_free(&out);
}

static void written_headers_are_escaped(void **state)
{
    (void)state;
    static const struct {
        enum stomp_version version;
        Str wire;
    } rows[] = {
        {STOMP_12, S("a\\c:\\r\\n\\c\\\\\\\\ t x\n")},
        {STOMP_11, S("a\\c: \\n\\c\\\\\\\\ t x\n")},
        {STOMP_10, S("a::  :\\\\ t x\n")},
    };
    for (size_t i = 0; i < countof(rows); i++) {
        struct buf out = BUF(4096);
        stomp_header_add(&out, rows[i].version, S("a:"), S("\r\n:\\\\ t\0x"));
        assert_str(buf_str(&out), rows[i].wire);
        buf_free(&out);
    }
}

static void what_is_written_reads_back(void **state)
{
    (void)state;
    static const Str values[] = {S(""), S("plain"), S(":\\\r\n"), S("\\n\\c"), S("\xe2\x82\xac")};
    struct stomp_limits limits = STOMP_LIMITS(STOMP_12);
    for (size_t i = 0; i < countof(values); i++) {
        struct arena arena = ARENA(4096);
        struct buf out = BUF(4096);
        struct stomp_frame f;
        const char *why;
        Str got;
        stomp_frame_begin(&out, STOMP_SEND);
        stomp_header_add(&out, STOMP_12, S("x"), values[i]);
        stomp_frame_end(&out, values[i]);
        assert_int_equal(stomp_decode(buf_str(&out), &limits, &f, &why), out.n);
        assert_true(stomp_value(&f, S("x"), &arena, &got));
        assert_str(got, values[i]);
        assert_str(f.body, values[i]);
        buf_free(&out);
        arena_free(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(valid_frames),
        cmocka_unit_test(invalid_frames),
        cmocka_unit_test(frames_exactly_at_the_limits),
        cmocka_unit_test(the_default_limits),
        cmocka_unit_test(frames_in_pieces),
        cmocka_unit_test(mangled_frames_do_not_depend_on_cuts),
        cmocka_unit_test(headers_by_name),
        cmocka_unit_test(versions_are_negotiated),
        cmocka_unit_test(heart_beat_headers),
        cmocka_unit_test(written_frames),
        cmocka_unit_test(written_headers_are_escaped),
        cmocka_unit_test(what_is_written_reads_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
