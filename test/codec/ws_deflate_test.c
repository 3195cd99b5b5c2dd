/*
 * permessage-deflate: offers and answers by table, what RFC 7692 shows as bytes, every prefix of
 * what was compressed, bombs, and random messages there and back in pieces.
 */
#include "codec/ws_deflate.h"

#include "base/mem.h"
#include "codec/feed.h"

#include <zlib.h>

#define LIMIT 262144
#define BARE "permessage-deflate; server_no_context_takeover; client_no_context_takeover"

/* ----- offers ----- */

static const struct {
    const char *name;
    const char *offers;
    int window;
    const char *answer;
} handshakes[] = {
    {"none", "", 0, ""},
    {"empty elements", " , ,\t,", 0, ""},
    {"bare", "permessage-deflate", 15, BARE},
    {"empty elements around it", ",, permessage-deflate ,", 15, BARE},
    {"in any case", "PerMessage-Deflate; Client_Max_Window_Bits", 15, BARE},
    {"what browsers send", "permessage-deflate; client_max_window_bits", 15, BARE},
    {"both takeovers", "permessage-deflate;server_no_context_takeover;client_no_context_takeover",
     15, BARE},
    {"space everywhere", " permessage-deflate\t;  client_max_window_bits = 10  ", 15, BARE},
    {"client bits, quoted", "permessage-deflate; client_max_window_bits=\"10\"", 15, BARE},
    {"server bits", "permessage-deflate; server_max_window_bits=10", 10,
     BARE "; server_max_window_bits=10"},
    {"server bits: 8", "permessage-deflate; server_max_window_bits=8", 8,
     BARE "; server_max_window_bits=8"},
    {"server bits: 15", "permessage-deflate; server_max_window_bits=15", 15,
     BARE "; server_max_window_bits=15"},
    {"server bits, quoted", "permessage-deflate; server_max_window_bits=\"12\"", 12,
     BARE "; server_max_window_bits=12"},
    {"server bits, quoted and escaped", "permessage-deflate; server_max_window_bits=\"\\1\\2\"", 12,
     BARE "; server_max_window_bits=12"},
    {"the first of two", "permessage-deflate; server_max_window_bits=9, permessage-deflate", 9,
     BARE "; server_max_window_bits=9"},
    {"the second, when the first will not do",
     "permessage-deflate; server_max_window_bits=7, permessage-deflate; client_max_window_bits", 15,
     BARE},
    {"others before it",
     "x-webkit-deflate-frame, permessage-foo; a; b=c; d=\"e\", permessage-deflate", 15, BARE},
    {"7.1.3: a parameter of the future, with a fallback",
     "permessage-deflate; server_max_window_bits=10; future=1, permessage-deflate", 15, BARE},

    {"only others", "x-webkit-deflate-frame", 0, ""},
    {"a longer name", "permessage-deflate2", 0, ""},
    {"an unknown parameter", "permessage-deflate; level=9", 0, ""},
    {"a parameter twice", "permessage-deflate; client_max_window_bits; client_max_window_bits", 0,
     ""},
    {"twice, in another case",
     "permessage-deflate; server_no_context_takeover; SERVER_NO_CONTEXT_TAKEOVER", 0, ""},
    {"server takeover with a value", "permessage-deflate; server_no_context_takeover=1", 0, ""},
    {"client takeover with a value", "permessage-deflate; client_no_context_takeover=true", 0, ""},
    {"server bits without a value", "permessage-deflate; server_max_window_bits", 0, ""},
    {"server bits: 7", "permessage-deflate; server_max_window_bits=7", 0, ""},
    {"server bits: 16", "permessage-deflate; server_max_window_bits=16", 0, ""},
    {"server bits: 0", "permessage-deflate; server_max_window_bits=0", 0, ""},
    {"server bits: 08", "permessage-deflate; server_max_window_bits=08", 0, ""},
    {"server bits: 010", "permessage-deflate; server_max_window_bits=010", 0, ""},
    {"server bits: 150", "permessage-deflate; server_max_window_bits=150", 0, ""},
    {"server bits: +9", "permessage-deflate; server_max_window_bits=+9", 0, ""},
    {"server bits: 1e", "permessage-deflate; server_max_window_bits=1e", 0, ""},
    {"client bits: 7", "permessage-deflate; client_max_window_bits=7", 0, ""},
    {"client bits: 16", "permessage-deflate; client_max_window_bits=16", 0, ""},
    {"client bits: 09", "permessage-deflate; client_max_window_bits=\"09\"", 0, ""},

    {"no separator", "permessage-deflate client_max_window_bits", -1, ""},
    {"an empty parameter", "permessage-deflate;", -1, ""},
    {"an empty parameter before another", "permessage-deflate;; client_max_window_bits", -1, ""},
    {"no name", "; client_max_window_bits", -1, ""},
    {"an empty value", "permessage-deflate; server_max_window_bits=", -1, ""},
    {"an empty quoted value", "permessage-deflate; server_max_window_bits=\"\"", -1, ""},
    {"a quote that does not end", "permessage-deflate; server_max_window_bits=\"10", -1, ""},
    {"an escape of nothing", "permessage-deflate; server_max_window_bits=\"10\\", -1, ""},
    {"a quoted value that is no token", "permessage-deflate; server_max_window_bits=\"1 0\"", -1,
     ""},
    {"two values", "permessage-deflate; server_max_window_bits=10=10", -1, ""},
    {"something behind the quotes", "permessage-deflate; server_max_window_bits=\"10\"0", -1, ""},
    {"a name that is no token", "permessage/deflate", -1, ""},
    {"bytes above ASCII",
     "permessage-d\xc3\xa9"
     "flate",
     -1, ""},
    {"wrong behind a good one", "permessage-deflate, ;", -1, ""},
};

static void offers(void **state)
{
    (void)state;
    for (size_t i = 0; i < countof(handshakes); i++) {
        print_message("  %s\n", handshakes[i].name);
        struct buf answer = BUF(256);
        Str in = str_of(handshakes[i].offers);
        char *copy = feed_copy(in);
        assert_int_equal(ws_deflate_accept(str_from(copy, in.n), &answer), handshakes[i].window);
        free(copy);
        assert_int_equal(answer.n, strlen(handshakes[i].answer));
        assert_memory_equal(buf_str(&answer).p, handshakes[i].answer, answer.n);
        buf_free(&answer);
    }
}

/* Cut anywhere, a header is good, declined or malformed, and nothing is read behind its end. */
static void cut_offers(void **state)
{
    (void)state;
    for (size_t i = 0; i < countof(handshakes); i++) {
        Str in = str_of(handshakes[i].offers);
        for (size_t n = 0; n < in.n; n++) {
            struct buf answer = BUF(256);
            char *copy = feed_copy(str_from(in.p, n));
            int window = ws_deflate_accept(str_from(copy, n), &answer);
            assert_true(window == -1 || window == 0 ||
                        (window >= 8 && window <= WS_DEFLATE_WINDOW));
            assert_true((window > 0) == (answer.n > 0));
            free(copy);
            buf_free(&answer);
        }
    }
}

/* ----- in ----- */

static struct ws_deflate *d;

/* From a copy of the exact size. */
static int inflated(Str payload, size_t limit, struct buf *out)
{
    const char *why = NULL;
    *out = BUF(limit);
    char *copy = feed_copy(payload);
    int code = ws_deflate_inflate(d, str_from(copy, payload.n), out, &why);
    free(copy);
    assert_true((code < 0) == (why != NULL));
    assert_false(out->overflow);
    return code;
}

#define HELLO "\xf2\x48\xcd\xc9\xc9\x07\x00"

static const struct {
    const char *name;
    Str in;
    int code;
    const char *out;
} messages[] = {
    {"7.2.3.1: one block", S(HELLO), 0, "Hello"},
    {"7.2.3.3: a block without compression", S("\x00\x05\x00\xfa\xffHello\x00"), 0, "Hello"},
    {"7.2.3.4: BFINAL", S("\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), 0, "Hello"},
    {"7.2.3.5: two blocks", S("\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"), 0, "Hello"},
    {"7.2.3.6: an empty message", S("\x00"), 0, ""},
    {"an empty message with BFINAL", S("\x03\x00\x00"), 0, ""},
    {"BFINAL twice", S("\xf3\x48\xcd\xc9\xc9\x07\x00\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), 0,
     "HelloHello"},
    {"nothing at all", S(""), -1007, ""},
    {"BFINAL, and no block behind it", S("\xf3\x48\xcd\xc9\xc9\x07\x00"), -1007, "Hello"},
    {"a block of the reserved type", S("\x06"), -1007, ""},
    {"a stored block with a wrong length", S("\x00\x05\x00\xfb\xffHello\x00"), -1007, ""},
    {"a stored block cut short", S("\x00\x05\x00\xfa\xffHel"), -1007, NULL},
    {"a distance to before the message", S("\x02\x02\x10\x00"), -1007, NULL},
    {"a stored block that the tail fills", S("\x00\x05\x00\xfa\xffH"), -1007, NULL},
    {"text as it is", S("SEND\n\n"), -1007, NULL},
    {"the tail was left on, and half of it again", S(HELLO "\x00\xff\xff\x00\x00"), -1007, NULL},
    {"7.2.3.2: a window that was not taken over", S("\xf2\x00\x11\x00\x00"), -1007, NULL},
    {"the next one does not suffer from it", S(HELLO), 0, "Hello"},
};

static void inflating(void **state)
{
    (void)state;
    for (size_t i = 0; i < countof(messages); i++) {
        print_message("  %s\n", messages[i].name);
        struct buf out;
        assert_int_equal(inflated(messages[i].in, LIMIT, &out), messages[i].code);
        if (messages[i].out) {
            assert_int_equal(out.n, strlen(messages[i].out));
            assert_memory_equal(buf_str(&out).p, messages[i].out, out.n);
        }
        buf_free(&out);
    }
}

/* What is behind a last block may refer to what is before it. */
static void window_over_final(void **state)
{
    (void)state;
    struct buf in = BUF(LIMIT), out;
    buf_add(&in, S("\xf3\x48\xcd\xc9\xc9\x07\x00")); /* Hello, and BFINAL */
    buf_add(&in, S("\x02\x13\x00\x00"));             /* length 5, distance 5 */
    int code = inflated(buf_str(&in), LIMIT, &out);
    assert_int_equal(code, 0);
    assert_int_equal(out.n, 10);
    assert_memory_equal(out.p, "HelloHello", 10);
    buf_free(&in);
    buf_free(&out);
}

/* As a client compresses: at this level, in blocks of this many bytes. */
static void client_compress(Str plain, int level, int window, size_t block, struct buf *out)
{
    z_stream z = {0};
    *out = BUF(64 * 1024 * 1024);
    assert_int_equal(deflateInit2(&z, level, Z_DEFLATED, -window, 8, Z_DEFAULT_STRATEGY), Z_OK);
    for (size_t at = 0; at == 0 || at < plain.n; at += block) {
        Str part = str_skip(plain, at);
        if (part.n > block)
            part.n = block;
        size_t room = deflateBound(&z, part.n) + 64;
        z.next_in = (Bytef *)(uintptr_t)part.p;
        z.avail_in = (uInt)part.n;
        z.next_out = (Bytef *)buf_reserve(out, room);
        z.avail_out = (uInt)room;
        assert_int_equal(deflate(&z, Z_SYNC_FLUSH), Z_OK);
        out->n += room - z.avail_out;
    }
    assert_memory_equal(out->p + out->n - WS_DEFLATE_TAIL, "\0\0\xff\xff", WS_DEFLATE_TAIL);
    out->n -= WS_DEFLATE_TAIL;
    deflateEnd(&z);
}

static void bombs(void **state)
{
    (void)state;
    static const size_t sizes[] = {LIMIT - 1, LIMIT, LIMIT + 1, 2 * LIMIT, 100 * LIMIT};
    for (size_t i = 0; i < countof(sizes); i++) {
        struct buf packed, out;
        char *plain = calloc(sizes[i], 1);
        client_compress(str_from(plain, sizes[i]), 9, 15, sizes[i], &packed);
        int code = inflated(buf_str(&packed), LIMIT, &out);
        assert_int_equal(code, sizes[i] > LIMIT ? -1009 : 0);
        assert_true(out.n <= LIMIT && out.cap <= LIMIT);
        if (!code)
            assert_memory_equal(out.p, plain, sizes[i]);
        free(plain);
        buf_free(&packed);
        buf_free(&out);
    }
}

/* Blocks that say nothing are no bomb of time: as many as a message holds. */
static void empty_blocks(void **state)
{
    (void)state;
    struct buf in = BUF(LIMIT), out;
    while (in.n + 3 < LIMIT)
        buf_add(&in, S("\x03\x00"));
    buf_byte(&in, 0);
    assert_int_equal(inflated(buf_str(&in), LIMIT, &out), 0);
    assert_int_equal(out.n, 0);
    buf_free(&in);
    buf_free(&out);
}

/* xorshift: the same in each run. */
static uint32_t random_state = 2463534242u;
static uint32_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return random_state;
}

/* Like text, like noise, or the same byte. */
static char *random_plain(size_t n)
{
    static const Str words = S("{\"type\":\"SEND_MSG\",\"chatId\":\"0189\",\"message\":\"whisp\"}");
    char *plain = malloc(n + 1);
    uint32_t kind = next_random() % 3;
    for (size_t i = 0; i < n; i++)
        plain[i] = kind == 0   ? words.p[(i + (next_random() % 8 == 0)) % words.n]
                   : kind == 1 ? (char)next_random()
                               : 'x';
    return plain;
}

/* Each prefix is a message or none, never more than was there, and the whole is the whole. */
static void prefixes(void **state)
{
    (void)state;
    for (int round = 0; round < 12; round++) {
        struct buf packed, out;
        size_t n = 1 + next_random() % 400;
        char *plain = random_plain(n);
        client_compress(str_from(plain, n), round % 10, 9 + round % 7, 1 + next_random() % n,
                        &packed);
        for (size_t cut = 0; cut <= packed.n; cut++) {
            int code = inflated(str_from(packed.p, cut), LIMIT, &out);
            assert_true(code == 0 || code == -1007);
            if (cut == packed.n)
                assert_int_equal(code, 0);
            if (!code && cut == packed.n)
                assert_int_equal(out.n, n);
            if (!code)
                assert_memory_equal(buf_str(&out).p, plain, out.n < n ? out.n : n);
            buf_free(&out);
        }
        buf_free(&packed);
        free(plain);
    }
}

/* Bytes that were changed end somehow, within the limit. */
static void noise(void **state)
{
    (void)state;
    for (int round = 0; round < 3000; round++) {
        struct buf packed, out;
        size_t n = 1 + next_random() % 2000;
        char *plain = random_plain(n);
        client_compress(str_from(plain, n), round % 10, 15, n, &packed);
        for (uint32_t flips = 1 + next_random() % 4; flips; flips--)
            packed.p[next_random() % packed.n] ^= (char)(1u << next_random() % 8);
        int code = inflated(buf_str(&packed), 4096, &out);
        assert_true(code == 0 || code == -1007 || code == -1009);
        assert_true(out.n <= 4096);
        buf_free(&packed);
        buf_free(&out);
        free(plain);
    }
}

/* ----- out ----- */

/* As a client with this window does it. */
static void client_inflate(Str payload, int window, Str expected)
{
    z_stream z = {0};
    char *out = malloc(expected.n + 1);
    struct buf in = BUF(payload.n + WS_DEFLATE_TAIL);
    buf_add(&in, payload);
    buf_add(&in, S("\0\0\xff\xff"));
    assert_int_equal(inflateInit2(&z, -window), Z_OK);
    z.next_in = (Bytef *)in.p;
    z.avail_in = (uInt)in.n;
    z.next_out = (Bytef *)out;
    z.avail_out = (uInt)(expected.n + 1);
    assert_int_equal(inflate(&z, Z_SYNC_FLUSH), Z_OK);
    assert_int_equal(z.avail_in, 0);
    assert_int_equal(z.avail_out, 1);
    assert_memory_equal(out, expected.p, expected.n);
    inflateEnd(&z);
    buf_free(&in);
    free(out);
}

static void store(struct buf *out, Str plain)
{
    char *to = buf_reserve(out, WS_DEFLATE_STORED + plain.n);
    assert_ptr_equal(ws_deflate_store(to, plain.n), to + WS_DEFLATE_STORED);
    if (plain.n)
        memcpy(to + WS_DEFLATE_STORED, plain.p, plain.n);
    out->n += WS_DEFLATE_STORED + plain.n;
}

/* Pieces, stored and compressed in any order, are one message, for us and for clients. */
static void pieces(void **state)
{
    (void)state;
    for (int round = 0; round < 1000; round++) {
        int window = 8 + round % 8;
        size_t most = window == 15 ? 60000 : (size_t)1 << window;
        struct buf payload = BUF(LIMIT * 4), whole = BUF(LIMIT), out;
        uint32_t count = next_random() % 4;
        for (uint32_t i = 0; i <= count; i++) {
            size_t n = 1 + next_random() % most;
            char *plain = random_plain(n);
            if (i < count && next_random() % 2)
                store(&payload, str_from(plain, n - 1)), n--;
            else
                ws_deflate_compress(d, str_from(plain, n), &payload);
            buf_add(&whole, str_from(plain, n));
            free(plain);
        }
        payload.n -= WS_DEFLATE_TAIL;
        assert_false(payload.overflow);
        client_inflate(buf_str(&payload), window, buf_str(&whole));
        assert_int_equal(inflated(buf_str(&payload), whole.n, &out), 0);
        assert_int_equal(out.n, whole.n);
        assert_memory_equal(out.p, whole.p, whole.n);
        buf_free(&payload);
        buf_free(&whole);
        buf_free(&out);
    }
}

/* What any client compresses comes out, at every level, window and size of block. */
static void round_trips(void **state)
{
    (void)state;
    for (int round = 0; round < 1000; round++) {
        struct buf packed, out;
        size_t n = 1 + next_random() % (round % 50 ? 3000 : LIMIT);
        char *plain = random_plain(n);
        client_compress(str_from(plain, n), round % 10, 9 + round % 7, 1 + next_random() % n,
                        &packed);
        assert_int_equal(inflated(buf_str(&packed), LIMIT, &out), 0);
        assert_int_equal(out.n, n);
        assert_memory_equal(out.p, plain, n);
        buf_free(&packed);
        buf_free(&out);
        free(plain);
    }
}

static int setup(void **state)
{
    (void)state;
    d = ws_deflate_new();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ws_deflate_free(&d);
    assert_null(d);
    ws_deflate_free(&d);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offers),    cmocka_unit_test(cut_offers),
        cmocka_unit_test(inflating), cmocka_unit_test(window_over_final),
        cmocka_unit_test(bombs),     cmocka_unit_test(empty_blocks),
        cmocka_unit_test(prefixes),  cmocka_unit_test(noise),
        cmocka_unit_test(pieces),    cmocka_unit_test(round_trips),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
