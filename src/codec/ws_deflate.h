/*
 * permessage-deflate, RFC 7692, as a server without context takeover speaks it: the offers of
 * Sec-WebSocket-Extensions and the answer to them; messages inflated; messages put together of
 * pieces that were compressed apart, so that many recipients can share the dear ones. It knows
 * nothing of frames, sessions or what is worth compressing.
 *
 * Every message stands for itself in both directions, so one struct ws_deflate serves all
 * connections of a thread. It is the one thing in a codec that allocates, since zlib does.
 */
#ifndef CODEC_WS_DEFLATE_H
#define CODEC_WS_DEFLATE_H

#include "base/err.h"
#include "base/str.h"

struct buf;
struct ws_deflate;

/* ----- the handshake ----- */

#define WS_DEFLATE_WINDOW 15 /* bits of the largest window, which everyone has who says nothing */

/*
 * Takes the offers, one header's value or several joined by commas, and answers the first that can
 * be accepted (section 5.1, 7.1): appends the value of our Sec-WebSocket-Extensions and gives the
 * bits of the window that the client has for what we send, 8 to WS_DEFLATE_WINDOW. 0: there is no
 * such offer, and no answer. -1: not of the header's grammar (RFC 6455 section 9.1).
 */
must_check int ws_deflate_accept(Str offers, struct buf *answer);

/* ----- messages ----- */

/* One a thread: about 300 KiB, most of it for the pieces. Owned. */
struct ws_deflate *ws_deflate_new(void);
void ws_deflate_free(struct ws_deflate **d);

/*
 * Appends a whole message's payload to out, whose maximum is the message's; never more than that is
 * inflated. 0, or a close code with *why: -1009; or -1007 for what is not deflate, of which RFC
 * 7692 says nothing and RFC 6455 section 7.4.1 "data not consistent with the type of the message".
 */
must_check int ws_deflate_inflate(struct ws_deflate *d, Str payload, struct buf *out,
                                  const char **why);

/*
 * A payload is any pieces, compressed or stored, one behind the other, the last one compressed and
 * without its tail (7.2.1). No piece refers to another, so a compressed one has no longer distance
 * than its own length: a client's smaller window is kept by compressing nothing larger than it.
 */
#define WS_DEFLATE_TAIL 4
#define WS_DEFLATE_STORED 5 /* bytes of a stored piece's head */
#define WS_DEFLATE_STORED_MAX UINT16_MAX

/* Appends plain, which must not be empty, as a compressed piece. */
void ws_deflate_compress(struct ws_deflate *d, Str plain, struct buf *out);

/* Writes the head of a stored piece (RFC 1951 section 3.2.4): n bytes as they are must follow. */
char *ws_deflate_store(char out[WS_DEFLATE_STORED], size_t n);

#endif
