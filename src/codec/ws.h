/*
 * WebSocket, RFC 6455: frames in and out, the rules that tie frames into messages, and the
 * handshake's accept key; both ends of a connection. It does not know of sockets, HTTP headers,
 * subprotocols or timers, and of extensions only permessage-deflate's bit (RFC 7692 section 6), not
 * what it stands for. It sends nothing by itself: answering a ping or a close is the caller's work.
 *
 * Everything is a value; slices borrow from the input; nothing is allocated but by the buf of an
 * encoder. Any thread.
 *
 * A caller's loop:
 *     while ((used = ws_decode(in, &limits, &frame, &why)) > 0) {
 *         ws_unmask(bytes + frame.head, frame.payload.n, frame.key);    (when frame.masked)
 *         code = ws_stream_step(&stream, &limits, &frame, &event, &why);
 *         ...
 *     }
 * A negative result of either is a close code: send ws_encode_close(out, -result, why), then close.
 */
#ifndef CODEC_WS_H
#define CODEC_WS_H

#include "base/err.h"
#include "base/str.h"
#include "base/utf8.h"

struct buf;

#define WS_HEADER_MAX 14   /* bytes of the longest header, its mask key included */
#define WS_CONTROL_MAX 125 /* payload bytes of a control frame (section 5.5) */
#define WS_REASON_MAX 123  /* bytes of a close reason */
#define WS_ACCEPT_TEXT 28

enum ws_opcode {
    WS_CONTINUATION = 0,
    WS_TEXT = 1,
    WS_BINARY = 2,
    WS_CLOSE = 8,
    WS_PING = 9,
    WS_PONG = 10,
};

/* Section 7.4 and the IANA registry. */
enum ws_code {
    WS_NORMAL = 1000,
    WS_GOING_AWAY = 1001,
    WS_PROTOCOL_ERROR = 1002,
    WS_NO_CODE = 1005, /* never on the wire: the close frame had no payload */
    WS_LOST = 1006,    /* the same: there was no close frame */
    WS_BAD_TEXT = 1007,
    WS_NOT_ALLOWED = 1008,
    WS_TOO_LARGE = 1009,
    WS_OUR_FAULT = 1011,
    WS_RESTARTING = 1012,
    WS_TOO_SLOW = 1013,
};

/* Which end we are: a server takes only masked frames, a client only unmasked ones (5.1). */
enum ws_role { WS_SERVER, WS_CLIENT };

struct ws_limits {
    enum ws_role role;
    uint64_t message; /* payload bytes of one message, so of each of its frames too */
    bool deflate; /* permessage-deflate was agreed: a message may have RSV1, in its first frame */
};

struct ws_frame {
    enum ws_opcode opcode;
    bool fin;
    bool rsv1; /* it begins a compressed message */
    bool masked;
    uint8_t key[4];
    size_t head; /* bytes before the payload, so the caller can reach it in its own buffer */
    Str payload; /* still masked; borrowed from the input */
};

/* Where a connection is between frames. Start with zero. */
struct ws_stream {
    uint64_t size;    /* payload bytes of the open message so far */
    uint8_t opcode;   /* WS_TEXT or WS_BINARY while a message is open, else 0 */
    uint8_t closed;   /* a close frame came: nothing may follow */
    bool compressed;  /* the open message */
    struct utf8 text; /* of the open text message */
};

enum ws_kind {
    WS_GOT_MESSAGE, /* a whole message in one frame */
    WS_GOT_START,   /* its first part; more follow */
    WS_GOT_MORE,
    WS_GOT_END, /* its last part */
    WS_GOT_PING,
    WS_GOT_PONG,
    WS_GOT_CLOSE,
};

struct ws_event {
    enum ws_kind kind;
    enum ws_opcode opcode; /* of the message's first frame for all its parts */
    bool compressed;       /* the message, so all its parts: text is not checked yet */
    Str payload;           /* borrowed from the frame; of a close the reason */
    int code;              /* of a close, WS_NO_CODE when it had none; else 0 */
};

/* One frame: >0 bytes used, 0 more is needed, <0 a close code: -1002 or -1009 with *why. The length
 * is judged from the header alone. */
must_check long ws_decode(Str in, const struct ws_limits *limits, struct ws_frame *out,
                          const char **why);

/* Masks or unmasks in place (5.3). */
void ws_unmask(char *p, size_t n, const uint8_t key[4]);

/* Takes the next frame, unmasked, in the order of the wire, and says what it is (5.4
 * to 5.6, 7.1.5). Text is checked as it comes, save compressed. 0, or a close code: -1002, -1007 or
 * -1009 with *why; the stream is then of no more use. */
must_check int ws_stream_step(struct ws_stream *stream, const struct ws_limits *limits,
                              const struct ws_frame *frame, struct ws_event *out, const char **why);

/* May a peer send this close code (7.4)? */
bool ws_code_valid(int code);

#define WS_FIN 0x80u /* flags of the encoders */
#define WS_MASK                                                                                    \
    0x40u /* ws_encode_header only: the caller puts the four bytes of the key after it */
#define WS_RSV1 0x20u /* ws_encode_header only: the payload is compressed */

/* Writes the header of a frame with n payload bytes; returns its length, 2 to 10. Needs n < 2^63.
 */
size_t ws_encode_header(char out[WS_HEADER_MAX], enum ws_opcode opcode, unsigned flags, uint64_t n);

/* Appends a whole frame as a server sends it. flags: WS_FIN or 0. */
void ws_encode(struct buf *out, enum ws_opcode opcode, unsigned flags, Str payload);

/* Appends a whole frame as a client sends it, with a key that no one can guess (10.3). */
void ws_encode_masked(struct buf *out, enum ws_opcode opcode, unsigned flags, const uint8_t key[4],
                      Str payload);

/* Appends a server's close frame. WS_NO_CODE sends none, which is the answer to a close without
 * one. The reason is UTF-8 and cut to WS_REASON_MAX bytes between characters. */
void ws_encode_close(struct buf *out, int code, Str reason);

/* Sec-WebSocket-Accept for a Sec-WebSocket-Key (4.2.2), no NUL. False when the key is not 16 bytes
 * in base64. */
must_check bool ws_accept_key(Str key, char out[WS_ACCEPT_TEXT]);

#endif
