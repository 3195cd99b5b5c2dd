/*
 * HTTP/1.1 as a server needs it (RFC 9110, 9112): request heads and chunked bodies in, response
 * heads and chunks out, paths and query strings decoded. Strict wherever two readers of the same
 * bytes could see different requests: bare CR or LF, folded lines, space before a colon, lengths
 * that repeat or contradict are refused.
 *
 * It does not know of sockets, routes, timeouts or what a header means beyond framing, and reads no
 * body with a Content-Length: that many bytes after the head are the body.
 *
 * Everything is a value; slices borrow from the input; nothing is allocated but by the buf of an
 * encoder and the arena of http_query. Any thread.
 *
 * Decoders: >0 bytes used, 0 more is needed, <0 a negative Err with *why, a static sentence. After
 * an error the stream has no known position: answer and close.
 */
#ifndef CODEC_HTTP_H
#define CODEC_HTTP_H

#include "base/err.h"
#include "base/str.h"

struct arena;
struct buf;

#define HTTP_FIELDS_MAX 64
#define HTTP_BLANK_LINES_MAX 4 /* CRLFs before a request line (RFC 9112 section 2.2) */

struct http_limits {
    size_t head;   /* bytes from the first byte to the empty line's end */
    uint64_t body; /* bytes of a body, of either framing; the largest that any route takes */
    uint32_t more; /* bytes of chunk extensions and trailers of one body, all ignored */
};

enum http_method {
    HTTP_GET,
    HTTP_HEAD,
    HTTP_POST,
    HTTP_PUT,
    HTTP_DELETE,
    HTTP_OPTIONS,
    HTTP_OTHER, /* any other token, but CONNECT: that is refused with NOT_IMPLEMENTED */
};

struct http_field {
    Str name;
    Str value; /* without the white space around it */
};

struct http_request {
    enum http_method method;
    Str method_text;
    Str target; /* as sent */
    Str path;   /* as sent, not decoded, without the query: starts with '/', or is "*" (OPTIONS) */
    Str query;  /* as sent, after the '?'; empty when there is none */
    Str host;   /* of an absolute target, else the Host header; may be empty */
    int minor;  /* HTTP/1.<minor>; 2 and above mean 1 */
    int64_t content_length; /* -1: none given */
    bool chunked;           /* the body comes in chunks; content_length is then -1 */
    bool keep_alive;        /* the connection may carry another request (RFC 9112 section 9.3) */
    bool expect_continue;   /* a body is announced and waits for "100 Continue" (1.1 only) */
    bool upgrade_websocket; /* Connection has upgrade and Upgrade has websocket (1.1 only); method,
                               body and the Sec-WebSocket headers are for the caller to check */
    size_t field_count;
    struct http_field fields[HTTP_FIELDS_MAX];
};

/* Where a chunked body is. Start with zero. */
struct http_chunked {
    uint64_t left;  /* bytes of the open chunk still to come */
    uint64_t total; /* bytes of all chunks announced so far */
    uint32_t more;  /* bytes of extensions and trailers so far */
    uint8_t phase;
};

/* One request head with its empty line. Errors: BAD_REQUEST, PAYLOAD_TOO_LARGE (Content-Length
 * above limits->body), URI_TOO_LONG (the first line alone is too long), HEADERS_TOO_LARGE,
 * NOT_IMPLEMENTED (CONNECT, a transfer coding other than chunked), HTTP_VERSION. Begins anew at
 * each call; out is complete only when the result is >0. */
must_check long http_decode_head(Str in, const struct http_limits *limits, struct http_request *out,
                                 const char **why);

/* The next step of a chunked body: some bytes of it in *data (borrowed; often empty), and *done
 * when trailers and all are read; do not call again after that. Takes what there is of a chunk, so
 * a chunk never has to be in memory as a whole. Errors: BAD_REQUEST, PAYLOAD_TOO_LARGE (as soon as
 * a chunk is announced), HEADERS_TOO_LARGE (extensions and trailers). */
must_check long http_decode_chunk(Str in, struct http_chunked *state,
                                  const struct http_limits *limits, Str *data, bool *done,
                                  const char **why);

/* The first header of that name, in any case; .p is NULL when there is none. */
Str http_header(const struct http_request *request, Str name);

/* All headers of that name as one list (RFC 9110 section 5.3): joined by commas in the arena when
 * there are several, else http_header. */
Str http_header_list(const struct http_request *request, Str name, struct arena *arena);

/* Is the token, in any case, an element of the comma-separated lists in all headers of that name?
 */
bool http_has_token(const struct http_request *request, Str name, Str token);

/* Decodes a path once, to at most raw.n bytes. False for what could mean another path elsewhere: a
 * bad escape, an encoded '/' or control character, a segment "." or "..", bytes that are not UTF-8,
 * or no leading '/'. */
must_check bool http_decode_path(Str raw, char *out, size_t *n);

/* The two parts of an absolute URL without a query: scheme, host and port, which is an Origin; the
 * path behind them, or "". */
Str http_url_origin(Str url);
Str http_url_path(Str url);

/* The first value of that name in a query string, decoded ('+' is a space); a name without '=' has
 * an empty one. False only when it is not there. The result is UTF-8 without NUL: a value that
 * would not decode to that is given as it was sent. It is in the arena. */
must_check bool http_query(Str query, Str name, struct arena *arena, Str *out);

/* "Not Found" for 404; "Unknown" for what is not in the registry. */
Str http_reason(int status);

/* A response head is http_status, then any of the http_header_*, then http_head_end. */
void http_status(struct buf *out, int status);

/* Control characters in the value are left out, so that no value can make a line of its own. The
 * name is a token of the program's own. */
void http_header_add(struct buf *out, Str name, Str value);
void http_header_uint(struct buf *out, Str name, uint64_t value);

/* now: milliseconds since the epoch; "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 section 5.6.7). */
void http_header_date(struct buf *out, Str name, int64_t now);

void http_head_end(struct buf *out);

/* One chunk of a response body; an empty one adds nothing, since it would be the end. */
void http_chunk_add(struct buf *out, Str data);

/* The last chunk, without trailers. */
void http_chunk_end(struct buf *out);

#endif
