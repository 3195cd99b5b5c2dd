/*
 * STOMP frames of each version. The same frames come of the bytes at once and byte by byte, and a
 * frame that was read and written again reads the same.
 */
#include "fuzz.h"

#include "codec/stomp.h"

enum { BODY_MAX = 2048, HEAD_MAX = 512 };

static void write_frame(struct buf *out, const struct stomp_frame *f)
{
    struct arena arena = ARENA(64 * 1024);
    stomp_frame_begin(out, f->command);
    for (size_t i = 0; i < f->header_count; i++) {
        Str value;
        must(stomp_value(f, f->headers[i].name, &arena, &value));
        if (!str_eq(f->headers[i].name, S("content-length"))) {
            buf_add(out, f->headers[i].name); /* as it was sent, so still escaped */
            buf_byte(out, ':');
            buf_add(out, f->headers[i].value);
            buf_byte(out, '\n');
        }
    }
    stomp_frame_end(out, f->body);
    arena_free(&arena);
}

static void check_again(const struct stomp_frame *f, const struct stomp_limits *limits)
{
    struct buf text = BUF(64 * 1024);
    struct stomp_frame again;
    const char *why = NULL;
    struct stomp_limits wide = *limits;
    wide.head += 64; /* of the content-length that is written */
    wide.headers = STOMP_MAX_HEADERS;
    write_frame(&text, f);
    long used = stomp_decode(buf_str(&text), &wide, &again, &why);
    if (f->header_count < STOMP_MAX_HEADERS) {
        must(used == (long)text.n && again.command == f->command);
        must(str_eq(again.body, f->body));
    }
    buf_free(&text);
}

static void read_all(Str in, const struct stomp_limits *limits, size_t step, struct buf *out)
{
    const char *why = NULL;
    size_t at = 0, have = 0;
    for (;;) {
        struct stomp_frame frame;
        Str copy = fuzz_copy(str_from(in.p + at, have - at));
        long used = stomp_decode(copy, limits, &frame, &why);
        must(used <= (long)copy.n);
        if (used > 0 && frame.command != STOMP_HEARTBEAT) {
            buf_fmt(out, "%d %zu %zu:", (int)frame.command, frame.header_count, frame.body.n);
            buf_add(out, frame.body);
            if (step > 1)
                check_again(&frame, limits);
        }
        fuzz_free(&copy);
        if (used < 0) {
            must(why);
            buf_add(out, str_of(why));
            return;
        }
        at += (size_t)used;
        if (used)
            continue;
        if (have == in.n)
            return;
        have = in.n - have < step ? in.n : have + step;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Str in = str_from((const char *)data, size);
    struct stomp_limits limits = {
        .version = fuzz_byte(&in) % 3, .headers = 8, .head = HEAD_MAX, .body = BODY_MAX};
    struct buf whole = BUF(1 << 20), bytes = BUF(1 << 20);
    uint32_t can, wants;
    enum stomp_version version;
    read_all(in, &limits, in.n ? in.n + 1 : 2, &whole);
    if (in.n <= 512) {
        read_all(in, &limits, 1, &bytes);
        must(str_eq(buf_str(&whole), buf_str(&bytes)));
    }
    (void)!stomp_negotiate(in, &version);
    (void)!stomp_heart_beat(in, &can, &wants);
    buf_free(&whole);
    buf_free(&bytes);
    return 0;
}
