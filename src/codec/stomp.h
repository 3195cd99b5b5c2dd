/*
 * STOMP 1.2 frames in and out, and the older rules of 1.1 and 1.0 (https://stomp.github.io, the
 * paragraphs named below). It does not know destinations, sessions, transactions or timers, nor
 * which headers a command needs.
 *
 * Everything is a value; slices borrow from the input and are good as long as it. A decoder
 * allocates nothing; an unescaped header may take memory of the caller's arena. Any thread.
 *
 * A caller's loop, where rest is what it has and did not use yet:
 *     while ((used = stomp_decode(rest, &limits, &frame, &why)) > 0) {
 *         rest = str_skip(rest, (size_t)used);
 *         if (frame.command != STOMP_HEARTBEAT)
 *             ...
 *     }
 */
#ifndef CODEC_STOMP_H
#define CODEC_STOMP_H

#include "base/err.h"
#include "base/str.h"

struct arena;
struct buf;

#define STOMP_MAX_HEADERS 64               /* most that a frame can hold */
#define STOMP_MAX_HEAD ((size_t)16 << 10)  /* bytes from the command to the blank line, both in */
#define STOMP_MAX_BODY ((size_t)128 << 10) /* bytes of a body, the NUL not counted */

#define STOMP_COMMANDS(X)                                                                          \
    X(CONNECT)                                                                                     \
    X(STOMP)                                                                                       \
    X(SEND)                                                                                        \
    X(SUBSCRIBE)                                                                                   \
    X(UNSUBSCRIBE)                                                                                 \
    X(ACK)                                                                                         \
    X(NACK)                                                                                        \
    X(BEGIN)                                                                                       \
    X(COMMIT)                                                                                      \
    X(ABORT)                                                                                       \
    X(DISCONNECT)                                                                                  \
    X(CONNECTED)                                                                                   \
    X(MESSAGE)                                                                                     \
    X(RECEIPT)                                                                                     \
    X(ERROR)

enum stomp_command {
#define X(name) STOMP_##name,
    STOMP_COMMANDS(X)
#undef X
        STOMP_HEARTBEAT, /* one or more line ends between frames */
};

/* What may be escaped in a header ("Value Encoding"): 1.0 nothing; 1.1 line feed, colon and
 * backslash; 1.2 carriage return too. In CONNECT, STOMP and CONNECTED never anything. */
enum stomp_version { STOMP_10, STOMP_11, STOMP_12 };

struct stomp_limits {
    enum stomp_version version; /* before CONNECTED: STOMP_12 */
    size_t headers;             /* number, at most STOMP_MAX_HEADERS */
    size_t head;                /* bytes from the command to the blank line, both counted */
    size_t body;                /* bytes, the NUL not counted */
};

#define STOMP_LIMITS(v)                                                                            \
    ((struct stomp_limits){(v), STOMP_MAX_HEADERS, STOMP_MAX_HEAD, STOMP_MAX_BODY})

struct stomp_pair {
    Str name; /* both as on the wire, still escaped */
    Str value;
};

struct stomp_frame {
    enum stomp_command command;
    enum stomp_version escapes; /* the rule its headers follow: STOMP_10 when none */
    size_t header_count;
    struct stomp_pair headers[STOMP_MAX_HEADERS];
    Str body; /* of any command; only SEND, MESSAGE and ERROR should have one */
    /* After 0, and only then: what must come before another call can find more: so many bytes, or
     * one of these. */
    size_t wanted;
};

#define STOMP_WANTS_LINE ((size_t)0) /* the end of a line, or a NUL, which is an error */
#define STOMP_WANTS_NUL ((size_t)-1)

/* One frame from the start of in: >0 bytes used, 0 more is needed, -1 an error with *why, a
 * sentence for the client. A line ends with LF or CR LF in every version; the head must be UTF-8
 * and hold neither NUL nor a lone CR; every escape in it must be one of the version's. Line ends
 * before a frame (heart-beats, and those after the NUL of the last frame) are a STOMP_HEARTBEAT of
 * their own, as many as there are. Limits and errors are found at the same byte however the input
 * was cut. *out is good only when the result is >0, but for `wanted`. */
must_check long stomp_decode(Str in, const struct stomp_limits *limits, struct stomp_frame *out,
                             const char **why);

/* The first header of that name ("Repeated Header Entries"), as on the wire; false when absent. */
must_check bool stomp_header(const struct stomp_frame *f, Str name, Str *raw);

/* The same without its escapes. Borrowed from the input when there are none, else from arena. */
must_check bool stomp_value(const struct stomp_frame *f, Str name, struct arena *arena, Str *out);

/* "MESSAGE"; "" for a heart-beat. */
Str stomp_command_text(enum stomp_command command);

/* "1.2" */
Str stomp_version_text(enum stomp_version version);

/* The highest of ours in an accept-version header ("1.1,1.2"); an empty one means 1.0 ("Protocol
 * Negotiation"). False when there is none of ours. */
must_check bool stomp_negotiate(Str accept, enum stomp_version *out);

/* A heart-beat header "<x>,<y>", both in milliseconds ("Heart-beating"): what its sender can
 * promise and what it would like to get, 0 for none. False when it is anything else. */
must_check bool stomp_heart_beat(Str value, uint32_t *can, uint32_t *wants);

/*
 * Out, appended to a buf whose overflow the caller checks at the end:
 *     stomp_frame_begin(out, STOMP_RECEIPT);
 *     stomp_header_add(out, version, S("receipt-id"), id);
 *     stomp_frame_end(out, S(""));
 */
void stomp_frame_begin(struct buf *out, enum stomp_command command);

/* Escapes name and value as that version does; give STOMP_10 for CONNECT, STOMP and CONNECTED.
 * What the version cannot escape (NUL; line ends in 1.0, CR in 1.1) becomes a space, so that a
 * value never makes a header. */
void stomp_header_add(struct buf *out, enum stomp_version version, Str name, Str value);

/* Ends the head for a body of n bytes: content-length when n is not 0, and the blank line. The
 * caller then appends the n bytes and one NUL. */
void stomp_body_begin(struct buf *out, size_t n);

/* Ends the frame: stomp_body_begin, the body (which may hold NULs), the NUL. */
void stomp_frame_end(struct buf *out, Str body);

#endif
