/*
 * Two steps, so that each is a short list of rules: ws_decode knows one frame and nothing before
 * it, ws_stream_step knows the order of frames and nothing of their bytes. Every check is made at
 * the first byte that shows the fault and in the order of the bytes, so the outcome never depends
 * on how the input was cut.
 *
 * Turned down: unmasking inside the decoder, since the input is borrowed and const and may be
 * decoded again when it was not complete; handing out a frame's payload piece by piece, since a
 * message has to be in memory as a whole for its STOMP frame anyway.
 */
#include "codec/ws.h"

#include "base/buf.h"
#include "base/mem.h"

#include <openssl/evp.h>

enum { RSV = 0x70, RSV1 = 0x40 };

static int refuse(enum ws_code code, const char *text, const char **why)
{
    *why = text;
    return -(int)code;
}

static bool is_control(unsigned opcode)
{
    return opcode >= WS_CLOSE;
}

static uint64_t big_endian(const char *p, size_t n)
{
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++)
        v = v << 8 | (uint8_t)p[i];
    return v;
}

static int check_first_byte(uint8_t byte, bool deflate, const char **why)
{
    unsigned opcode = byte & 0x0f;
    bool begins = opcode == WS_TEXT || opcode == WS_BINARY;
    if (byte & (deflate && begins ? RSV & ~RSV1 : RSV))
        return refuse(WS_PROTOCOL_ERROR, "reserved bits are set", why);
    if (opcode > WS_PONG || (opcode > WS_BINARY && opcode < WS_CLOSE))
        return refuse(WS_PROTOCOL_ERROR, "unknown opcode", why);
    if (is_control(opcode) && !(byte & WS_FIN))
        return refuse(WS_PROTOCOL_ERROR, "a control frame is fragmented", why);
    return 0;
}

static int check_second_byte(uint8_t first, uint8_t byte, enum ws_role role, const char **why)
{
    bool masked = byte & 0x80;
    if (masked && role == WS_CLIENT)
        return refuse(WS_PROTOCOL_ERROR, "a frame from the server is masked", why);
    if (!masked && role == WS_SERVER)
        return refuse(WS_PROTOCOL_ERROR, "a frame from the client is not masked", why);
    if (is_control(first & 0x0f) && (byte & 0x7f) > WS_CONTROL_MAX)
        return refuse(WS_PROTOCOL_ERROR, "a control frame is longer than 125 bytes", why);
    return 0;
}

/* A length must be in its shortest form and below 2^63 (5.2). */
static int check_length(size_t extra, uint64_t n, uint64_t max, const char **why)
{
    if (extra == 8 && n >> 63)
        return refuse(WS_PROTOCOL_ERROR, "a length has its highest bit set", why);
    if ((extra == 2 && n < 126) || (extra == 8 && n <= UINT16_MAX))
        return refuse(WS_PROTOCOL_ERROR, "a length is not in its shortest form", why);
    if (n > max)
        return refuse(WS_TOO_LARGE, "the message is too large", why);
    return 0;
}

long ws_decode(Str in, const struct ws_limits *limits, struct ws_frame *out, const char **why)
{
    int bad;
    if (in.n == 0)
        return 0;
    uint8_t first = (uint8_t)in.p[0];
    if ((bad = check_first_byte(first, limits->deflate, why)))
        return bad;
    if (in.n < 2)
        return 0;
    uint8_t second = (uint8_t)in.p[1];
    if ((bad = check_second_byte(first, second, limits->role, why)))
        return bad;

    uint64_t n = second & 0x7f;
    size_t extra = n == 126 ? 2 : n == 127 ? 8 : 0;
    if (in.n < 2 + extra)
        return 0;
    if (extra)
        n = big_endian(in.p + 2, extra);
    if ((bad = check_length(extra, n, limits->message, why)))
        return bad;

    bool masked = second & 0x80;
    size_t head = 2 + extra + (masked ? sizeof out->key : 0);
    if (in.n < head || in.n - head < n)
        return 0;
    *out = (struct ws_frame){
        .opcode = (enum ws_opcode)(first & 0x0f),
        .fin = first & WS_FIN,
        .rsv1 = first & RSV1,
        .masked = masked,
        .head = head,
        .payload = str_from(in.p + head, n),
    };
    if (masked)
        memcpy(out->key, in.p + head - sizeof out->key, sizeof out->key);
    return (long)(head + n);
}

void ws_unmask(char *p, size_t n, const uint8_t key[4])
{
    uint64_t wide, word;
    memcpy(&wide, key, 4);
    memcpy((char *)&wide + 4, key, 4);
    size_t i = 0;
    for (; n - i >= sizeof word; i += sizeof word) {
        memcpy(&word, p + i, sizeof word);
        word ^= wide;
        memcpy(p + i, &word, sizeof word);
    }
    for (; i < n; i++)
        p[i] = (char)(p[i] ^ key[i & 3]);
}

bool ws_code_valid(int code)
{
    if (code >= 3000)
        return code <= 4999;
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014);
}

static int step_close(struct ws_stream *stream, Str payload, struct ws_event *out, const char **why)
{
    stream->closed = 1;
    out->kind = WS_GOT_CLOSE;
    out->code = WS_NO_CODE;
    if (payload.n == 0)
        return 0;
    if (payload.n == 1)
        return refuse(WS_PROTOCOL_ERROR, "a close code is cut short", why);
    out->code = (int)big_endian(payload.p, 2);
    out->payload = str_skip(payload, 2);
    if (!ws_code_valid(out->code))
        return refuse(WS_PROTOCOL_ERROR, "a close code that may not be sent", why);
    if (!utf8_valid(out->payload))
        return refuse(WS_BAD_TEXT, "a close reason is not UTF-8", why);
    return 0;
}

static int step_data(struct ws_stream *stream, const struct ws_limits *limits,
                     const struct ws_frame *frame, struct ws_event *out, const char **why)
{
    bool begins = frame->opcode != WS_CONTINUATION;
    if (begins && stream->opcode)
        return refuse(WS_PROTOCOL_ERROR, "a message begins inside another", why);
    if (!begins && !stream->opcode)
        return refuse(WS_PROTOCOL_ERROR, "a continuation without a message", why);
    if (begins) {
        stream->opcode = (uint8_t)frame->opcode;
        stream->compressed = frame->rsv1;
        stream->size = 0;
        stream->text = (struct utf8){0};
    }
    if (stream->size > limits->message || frame->payload.n > limits->message - stream->size)
        return refuse(WS_TOO_LARGE, "the message is too large", why);
    stream->size += frame->payload.n;
    if (stream->opcode == WS_TEXT && !stream->compressed &&
        (!utf8_step(&stream->text, frame->payload) ||
         (frame->fin && !utf8_complete(&stream->text))))
        return refuse(WS_BAD_TEXT, "a text message is not UTF-8", why);
    out->opcode = (enum ws_opcode)stream->opcode;
    out->compressed = stream->compressed;
    if (frame->fin) {
        out->kind = begins ? WS_GOT_MESSAGE : WS_GOT_END;
        stream->opcode = 0;
    } else {
        out->kind = begins ? WS_GOT_START : WS_GOT_MORE;
    }
    return 0;
}

int ws_stream_step(struct ws_stream *stream, const struct ws_limits *limits,
                   const struct ws_frame *frame, struct ws_event *out, const char **why)
{
    *out = (struct ws_event){.opcode = frame->opcode, .payload = frame->payload};
    if (stream->closed)
        return refuse(WS_PROTOCOL_ERROR, "a frame after the close frame", why);
    if (frame->opcode == WS_CLOSE)
        return step_close(stream, frame->payload, out, why);
    if (is_control(frame->opcode)) {
        out->kind = frame->opcode == WS_PING ? WS_GOT_PING : WS_GOT_PONG;
        return 0;
    }
    return step_data(stream, limits, frame, out, why);
}

size_t ws_encode_header(char out[WS_HEADER_MAX], enum ws_opcode opcode, unsigned flags, uint64_t n)
{
    must(n >> 63 == 0);
    must(!is_control(opcode) || (n <= WS_CONTROL_MAX && (flags & WS_FIN)));
    size_t extra = n < 126 ? 0 : n <= UINT16_MAX ? 2 : 8;
    unsigned length = extra == 0 ? (unsigned)n : extra == 2 ? 126 : 127;
    out[0] = (char)((flags & WS_FIN) | (flags & WS_RSV1 ? RSV1 : 0) | opcode);
    out[1] = (char)((flags & WS_MASK ? 0x80 : 0) | length);
    for (size_t i = 0; i < extra; i++)
        out[2 + i] = (char)(n >> (8 * (extra - 1 - i)));
    return 2 + extra;
}

/* Room for a frame, with the header in it; returns where the payload goes, or NULL on overflow. */
static char *begin_frame(struct buf *out, enum ws_opcode opcode, unsigned flags, const uint8_t *key,
                         size_t n)
{
    char head[WS_HEADER_MAX];
    size_t head_n = ws_encode_header(head, opcode, flags, n);
    if (key) {
        memcpy(head + head_n, key, 4);
        head_n += 4;
    }
    char *to = n <= SIZE_MAX - head_n ? buf_reserve(out, head_n + n) : NULL;
    if (!to)
        return NULL;
    memcpy(to, head, head_n);
    out->n += head_n + n;
    return to + head_n;
}

void ws_encode(struct buf *out, enum ws_opcode opcode, unsigned flags, Str payload)
{
    char *to = begin_frame(out, opcode, flags & WS_FIN, NULL, payload.n);
    if (to && payload.n)
        memcpy(to, payload.p, payload.n);
}

void ws_encode_masked(struct buf *out, enum ws_opcode opcode, unsigned flags, const uint8_t key[4],
                      Str payload)
{
    char *to = begin_frame(out, opcode, (flags & WS_FIN) | WS_MASK, key, payload.n);
    if (!to || !payload.n)
        return;
    memcpy(to, payload.p, payload.n);
    ws_unmask(to, payload.n, key);
}

void ws_encode_close(struct buf *out, int code, Str reason)
{
    char payload[WS_CONTROL_MAX];
    if (code == WS_NO_CODE) {
        ws_encode(out, WS_CLOSE, WS_FIN, S(""));
        return;
    }
    must(ws_code_valid(code));
    size_t n = reason.n;
    if (n > WS_REASON_MAX)
        for (n = WS_REASON_MAX; n > 0 && ((uint8_t)reason.p[n] & 0xc0) == 0x80;)
            n--;
    payload[0] = (char)(code >> 8);
    payload[1] = (char)code;
    if (n)
        memcpy(payload + 2, reason.p, n);
    ws_encode(out, WS_CLOSE, WS_FIN, str_from(payload, n + 2));
}

/* 16 bytes are 22 characters and two of padding. */
static bool is_key(Str key)
{
    if (key.n != 24 || key.p[22] != '=' || key.p[23] != '=')
        return false;
    for (size_t i = 0; i < 22; i++) {
        char c = key.p[i];
        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
              c == '+' || c == '/'))
            return false;
    }
    return true;
}

bool ws_accept_key(Str key, char out[WS_ACCEPT_TEXT])
{
    static const Str guid = S("258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    char joined[24 + 36];
    unsigned char hash[20];
    unsigned hash_n = 0;
    unsigned char text[WS_ACCEPT_TEXT + 1]; /* OpenSSL adds a NUL */
    if (!is_key(key))
        return false;
    memcpy(joined, key.p, key.n);
    memcpy(joined + key.n, guid.p, guid.n);
    must(EVP_Digest(joined, sizeof joined, hash, &hash_n, EVP_sha1(), NULL) == 1);
    must(EVP_EncodeBlock(text, hash, (int)hash_n) == WS_ACCEPT_TEXT);
    memcpy(out, text, WS_ACCEPT_TEXT);
    return true;
}
