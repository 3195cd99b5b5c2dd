/*
 * permessage-deflate: a header of offers, a compressed message from a client, and our own messages
 * put together of pieces, which must inflate to what they were made of.
 */
#include "fuzz.h"

#include "codec/ws.h"
#include "codec/ws_deflate.h"

enum { MESSAGE_MAX = 64 * 1024 };

static struct ws_deflate *deflate;

static void check_offers(Str in)
{
    struct buf answer = BUF(1024);
    int window = ws_deflate_accept(in, &answer);
    must(window >= -1 && window <= WS_DEFLATE_WINDOW && (window <= 0) == (answer.n == 0));
    buf_free(&answer);
}

static void check_message(Str in)
{
    struct buf out = BUF(MESSAGE_MAX);
    const char *why = NULL;
    int code = ws_deflate_inflate(deflate, in, &out, &why);
    must(!code || (why && (code == -WS_TOO_LARGE || code == -WS_BAD_TEXT)));
    buf_free(&out);
}

static void check_pieces(Str plain)
{
    struct buf payload = BUF(4 * MESSAGE_MAX), out = BUF(MESSAGE_MAX);
    char head[WS_DEFLATE_STORED];
    const char *why = NULL;
    size_t stored = plain.n / 2;
    Str first = fuzz_take(&plain, stored);
    buf_add(&payload, str_from(head, (size_t)(ws_deflate_store(head, first.n) - head)));
    buf_add(&payload, first);
    if (plain.n) {
        ws_deflate_compress(deflate, plain, &payload);
        payload.n -= WS_DEFLATE_TAIL;
        must(ws_deflate_inflate(deflate, buf_str(&payload), &out, &why) == 0);
        must(out.n == first.n + plain.n && !memcmp(out.p, first.p, out.n));
    }
    buf_free(&payload);
    buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Str in = str_from((const char *)data, size);
    if (!deflate)
        deflate = ws_deflate_new();
    switch (fuzz_byte(&in) % 3) {
    case 0:
        check_offers(in);
        break;
    case 1:
        check_message(in);
        break;
    default:
        if (in.n < MESSAGE_MAX / 2)
            check_pieces(in);
    }
    return 0;
}
