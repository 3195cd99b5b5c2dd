/*
 * WebSocket frames and the rules that make messages of them. The first byte says which end reads
 * and whether compression was agreed. What comes of the bytes at once and byte by byte is the same.
 */
#include "fuzz.h"

#include "codec/ws.h"

enum { MESSAGE_MAX = 4096 };

/* What was read: each event's kind and payload, then how it ended. */
static void note(struct buf *out, const struct ws_event *e)
{
    buf_fmt(out, "%d %d %d %zu:", (int)e->kind, (int)e->opcode, e->code, e->payload.n);
    buf_add(out, e->payload);
}

static void read_all(Str in, const struct ws_limits *limits, size_t step, struct buf *out)
{
    struct ws_stream stream = {0};
    const char *why = NULL;
    size_t at = 0, have = 0;
    for (;;) {
        struct ws_frame frame;
        struct ws_event event;
        Str copy = fuzz_copy(str_from(in.p + at, have - at));
        long used = ws_decode(copy, limits, &frame, &why);
        int code = used < 0 ? (int)used : 0;
        if (used > 0) {
            must((size_t)used <= copy.n && frame.head + frame.payload.n == (size_t)used);
            if (frame.masked)
                ws_unmask((char *)(uintptr_t)copy.p + frame.head, frame.payload.n, frame.key);
            code = ws_stream_step(&stream, limits, &frame, &event, &why);
            if (!code)
                note(out, &event);
            at += (size_t)used;
        }
        fuzz_free(&copy);
        if (code) {
            must(why &&
                 (code == -WS_PROTOCOL_ERROR || code == -WS_TOO_LARGE || code == -WS_BAD_TEXT));
            buf_fmt(out, "end %d", code);
            return;
        }
        if (used > 0)
            continue;
        if (have == in.n)
            return;
        have = in.n - have < step ? in.n : have + step;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Str in = str_from((const char *)data, size);
    uint8_t choice = fuzz_byte(&in);
    const struct ws_limits limits = {.role = choice & 1 ? WS_CLIENT : WS_SERVER,
                                     .message = MESSAGE_MAX,
                                     .deflate = (choice & 2) != 0};
    struct buf whole = BUF(1 << 20), bytes = BUF(1 << 20);
    char accept[WS_ACCEPT_TEXT];
    read_all(in, &limits, in.n ? in.n : 1, &whole);
    if (in.n <= 512) {
        read_all(in, &limits, 1, &bytes);
        must(str_eq(buf_str(&whole), buf_str(&bytes)));
    }
    (void)!ws_accept_key(in, accept);
    buf_free(&whole);
    buf_free(&bytes);
    return 0;
}
