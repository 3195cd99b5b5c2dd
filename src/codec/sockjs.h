/*
 * SockJS 0.3.3 as text: which path is what, the server's frames and how each transport wraps them,
 * the messages that a client sends. It does not know of requests, sessions or time, nor what the
 * messages hold.
 *
 * A frame is `o` (open), `h` (heart-beat), `a[...]` (messages, each a JSON string: an element) or
 * `c[code,"reason"]` (close). Elements are made once, joined by commas, and framed when the
 * transport is known. Everything is a value; slices borrow from the input. Any thread.
 */
#ifndef CODEC_SOCKJS_H
#define CODEC_SOCKJS_H

#include "base/str.h"

struct buf;

enum sockjs_endpoint {
    SOCKJS_NONE, /* nothing is there */
    SOCKJS_GREETING,
    SOCKJS_INFO,
    SOCKJS_IFRAME,
    SOCKJS_RAW, /* a WebSocket without SockJS's framing */
    SOCKJS_WEBSOCKET,
    SOCKJS_XHR,
    SOCKJS_XHR_SEND,
    SOCKJS_XHR_STREAMING,
    SOCKJS_EVENTSOURCE,
    SOCKJS_HTMLFILE,
    SOCKJS_JSONP,
    SOCKJS_JSONP_SEND,
    SOCKJS_ENDPOINTS
};

struct sockjs_path {
    enum sockjs_endpoint endpoint;
    Str session; /* of SOCKJS_WEBSOCKET and those behind it; the server part means nothing */
};

/* What a decoded path behind the prefix is: "/info", "/000/abc/xhr". One slash may follow it. */
struct sockjs_path sockjs_path(Str path);

/* A callback's name: [A-Za-z0-9_.]{1,64}. */
bool sockjs_callback_valid(Str name);

/* ----- from clients ----- */

enum sockjs_decoded {
    SOCKJS_MESSAGES, /* an array of strings, perhaps empty */
    SOCKJS_MESSAGE,  /* one string by itself, which only WebSockets take */
    SOCKJS_NO_PAYLOAD,
    SOCKJS_BROKEN, /* not JSON, or not UTF-8 */
};

/* Appends the messages to out, one behind the other; never more bytes than the text has. Unless
 * there are any, out stays as it was. */
enum sockjs_decoded sockjs_decode(Str text, struct buf *out);

/* ----- to clients ----- */

/* Appends one message as an element, a comma before it when out holds one already. Escapes what
 * JSON asks for and the code points that browsers garble; text is UTF-8. */
void sockjs_element(struct buf *out, Str message);

/* Appends a whole frame: a[elements]; c[code,"reason"]. */
void sockjs_array(struct buf *out, Str elements);
void sockjs_close(struct buf *out, int code, Str reason);

/* What a receiving transport's answer begins with, if anything; callback: SOCKJS_HTMLFILE's. */
void sockjs_prelude(struct buf *out, enum sockjs_endpoint transport, Str callback);

/* Wraps a frame as the transport sends it; callback: SOCKJS_JSONP's. */
void sockjs_wrap(struct buf *out, enum sockjs_endpoint transport, Str callback, Str frame);

Str sockjs_content_type(enum sockjs_endpoint transport);

/* The page for /iframe*.html, as 0.3.3 has it ("IframePage"); script: the URL of the client, 0.3.x
 * or 1.x. (Servers since have it call the client behind the script instead, which is the same.) */
void sockjs_iframe(struct buf *out, Str script);

#endif
