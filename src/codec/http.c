/*
 * A head is read line by line in the order of the wire, and the first faulty line decides: a longer
 * input can only add lines, so the outcome never depends on how it was cut. What concerns the whole
 * head (framing, Host) is judged at the empty line. A line is looked for within the limit only, so
 * the limit comes before any parsing.
 *
 * Turned down: a state machine over bytes that resumes where it stopped (llhttp's way): its state
 * is as large as the request it fills in, and a head nearly always comes in one piece; reading it
 * again costs a slow sender's packet less than receiving that packet did. Also turned down: being
 * lenient with lengths that repeat the same number, as RFC 9110 section 8.6 allows.
 */
#include "codec/http.h"

#include "base/arena.h"

#include "base/mem.h"

static long refuse(Err e, const char *text, const char **why)
{
    *why = text;
    return -(long)e;
}

/* Character classes (RFC 9110 section 5.6.2 and 5.5, RFC 9112 section 3, RFC 3986 section 3.2). */

static bool is_alnum(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_token(unsigned char c)
{
    return is_alnum(c) || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_value(unsigned char c)
{
    return c == '\t' || (c >= 0x20 && c != 0x7f);
}

static bool is_target(unsigned char c)
{
    return c > 0x20 && c < 0x7f && c != '#';
}

static bool is_host(unsigned char c)
{
    return is_alnum(c) || (c && strchr("-._~%!$&'()*+,;=", c));
}

static bool is_host_literal(unsigned char c)
{
    return is_alnum(c) || c == ':' || c == '.';
}

static bool is_digit(unsigned char c)
{
    return c >= '0' && c <= '9';
}

static bool all(Str s, bool (*is)(unsigned char))
{
    for (size_t i = 0; i < s.n; i++)
        if (!is((unsigned char)s.p[i]))
            return false;
    return true;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The line that begins at *at, without its CRLF; *at moves behind it. It must end within the first
 * `limit` bytes. 1, 0 when more is needed, or an error. */
static long take_line(Str in, size_t limit, size_t *at, Str *line, const char **why)
{
    size_t end = in.n < limit ? in.n : limit;
    long lf = *at < end ? str_find(str_from(in.p + *at, end - *at), '\n') : -1;
    if (lf < 0 && in.n < limit)
        return 0;
    if (lf < 0)
        return refuse(ERR_HEADERS_TOO_LARGE, "the head or a line of it is too long", why);
    if (lf == 0 || in.p[*at + (size_t)lf - 1] != '\r')
        return refuse(ERR_BAD_REQUEST, "a line ends with a bare LF", why);
    *line = str_from(in.p + *at, (size_t)lf - 1);
    *at += (size_t)lf + 1;
    return 1;
}

static bool host_ok(Str host)
{
    if (host.n && host.p[0] == '[') {
        long end = str_find(host, ']');
        if (end < 2 || !all(str_from(host.p + 1, (size_t)end - 1), is_host_literal))
            return false;
        host = str_skip(host, (size_t)end + 1);
        return host.n == 0 || (host.p[0] == ':' && all(str_skip(host, 1), is_digit));
    }
    Str name = str_cut(&host, ':');
    return all(name, is_host) && all(host, is_digit) && (name.n || !host.n);
}

static enum http_method method_of(Str text)
{
    static const Str names[] = {
        [HTTP_GET] = S("GET"), [HTTP_HEAD] = S("HEAD"),     [HTTP_POST] = S("POST"),
        [HTTP_PUT] = S("PUT"), [HTTP_DELETE] = S("DELETE"), [HTTP_OPTIONS] = S("OPTIONS"),
    };
    for (size_t i = 0; i < countof(names); i++)
        if (str_eq(names[i], text))
            return (enum http_method)i;
    return HTTP_OTHER;
}

/* Bytes of "http://" or "https://" that s begins with, or 0. */
static size_t scheme_length(Str s)
{
    static const Str schemes[] = {S("http://"), S("https://")};
    for (size_t i = 0; i < countof(schemes); i++)
        if (s.n >= schemes[i].n && str_eq_nocase(str_from(s.p, schemes[i].n), schemes[i]))
            return schemes[i].n;
    return 0;
}

/* The forms of RFC 9112 section 3.2, but authority-form. */
static long parse_target(struct http_request *out, const char **why)
{
    Str rest = out->target;
    if (rest.n == 0 || !all(rest, is_target))
        return refuse(ERR_BAD_REQUEST, "the target is empty or has a character it may not", why);
    if (str_eq(rest, S("*")) && out->method == HTTP_OPTIONS) {
        out->path = rest;
        return 0;
    }
    if (rest.p[0] != '/') {
        size_t scheme = scheme_length(rest);
        rest = str_skip(rest, scheme);
        size_t n = 0;
        while (n < rest.n && rest.p[n] != '/' && rest.p[n] != '?')
            n++;
        out->host = str_from(rest.p, n);
        if (scheme == 0 || n == 0 || !host_ok(out->host))
            return refuse(ERR_BAD_REQUEST, "the target is neither a path nor an http URL", why);
        rest = str_skip(rest, n);
    }
    out->path = str_cut(&rest, '?');
    out->query = rest;
    if (out->path.n == 0)
        out->path = S("/");
    return 0;
}

static long parse_request_line(Str line, struct http_request *out, const char **why)
{
    out->method_text = str_cut(&line, ' ');
    out->target = str_cut(&line, ' ');
    if (out->method_text.n == 0 || !all(out->method_text, is_token))
        return refuse(ERR_BAD_REQUEST, "the method is not a token", why);
    if (line.n != 8 || !str_starts(line, S("HTTP/")) || !is_digit((unsigned char)line.p[5]) ||
        line.p[6] != '.' || !is_digit((unsigned char)line.p[7]))
        return refuse(ERR_BAD_REQUEST, "the request line is not: method target HTTP/1.1", why);
    if (line.p[5] != '1')
        return refuse(ERR_HTTP_VERSION, "only HTTP/1.0 and HTTP/1.1 are spoken here", why);
    out->minor = line.p[7] - '0';
    if (str_eq(out->method_text, S("CONNECT")))
        return refuse(ERR_NOT_IMPLEMENTED, "this is no proxy", why);
    out->method = method_of(out->method_text);
    return parse_target(out, why);
}

/* Splits one header or trailer line. A name that is not a token covers folded lines and space
 * before the colon. */
static long parse_field(Str line, struct http_field *out, const char **why)
{
    long colon = str_find(line, ':');
    if (colon <= 0 || !all(str_from(line.p, (size_t)colon), is_token))
        return refuse(ERR_BAD_REQUEST, "a header has no name, or space in or before it", why);
    out->name = str_from(line.p, (size_t)colon);
    out->value = str_trim(str_from(line.p + colon + 1, line.n - (size_t)colon - 1));
    if (!all(out->value, is_value))
        return refuse(ERR_BAD_REQUEST, "a header has a control character", why);
    return 0;
}

/* How many headers have that name; *value is the last one's. */
static size_t count_fields(const struct http_request *request, Str name, Str *value)
{
    size_t n = 0;
    for (size_t i = 0; i < request->field_count; i++)
        if (str_eq_nocase(request->fields[i].name, name)) {
            *value = request->fields[i].value;
            n++;
        }
    return n;
}

static long parse_transfer_encoding(struct http_request *out, Str coding, const char **why)
{
    if (out->minor == 0)
        return refuse(ERR_BAD_REQUEST, "HTTP/1.0 has no Transfer-Encoding", why);
    out->chunked = str_eq_nocase(coding, S("chunked"));
    if (out->chunked)
        return 0;
    while (coding.n) {
        Str one = str_trim(str_cut(&coding, ','));
        if (one.n && all(one, is_token) && !str_eq_nocase(one, S("chunked")))
            return refuse(ERR_NOT_IMPLEMENTED, "a transfer coding other than chunked", why);
    }
    return refuse(ERR_BAD_REQUEST, "Transfer-Encoding is not exactly: chunked", why);
}

/* Where the body ends: the rules of RFC 9112 section 6.3, with every doubtful case refused. */
static long parse_framing(struct http_request *out, uint64_t max, const char **why)
{
    Str length = {0}, coding = {0};
    size_t lengths = count_fields(out, S("Content-Length"), &length);
    size_t codings = count_fields(out, S("Transfer-Encoding"), &coding);
    uint64_t n;
    out->content_length = -1;
    if (lengths + codings > 1)
        return refuse(ERR_BAD_REQUEST, "the length of the body is given twice", why);
    if (codings)
        return parse_transfer_encoding(out, coding, why);
    if (!lengths)
        return 0;
    if (length.n == 0 || !all(length, is_digit))
        return refuse(ERR_BAD_REQUEST, "Content-Length is not a number", why);
    if (!str_to_uint(length, max < INT64_MAX ? max : INT64_MAX, &n))
        return refuse(ERR_PAYLOAD_TOO_LARGE, "the body is too large", why);
    out->content_length = (int64_t)n;
    return 0;
}

static long finish_head(struct http_request *out, const struct http_limits *limits,
                        const char **why)
{
    Str host = S("");
    size_t hosts = count_fields(out, S("Host"), &host);
    bool modern = out->minor > 0;
    if (hosts > 1 || (hosts == 0 && modern) || !host_ok(host))
        return refuse(ERR_BAD_REQUEST, "Host is missing, given twice or not a host", why);
    if (out->host.n == 0)
        out->host = host;
    long bad = parse_framing(out, limits->body, why);
    if (bad)
        return bad;
    out->keep_alive = !http_has_token(out, S("Connection"), S("close")) &&
                      (modern || http_has_token(out, S("Connection"), S("keep-alive")));
    out->expect_continue = modern && (out->chunked || out->content_length > 0) &&
                           http_has_token(out, S("Expect"), S("100-continue"));
    out->upgrade_websocket = modern && http_has_token(out, S("Connection"), S("upgrade")) &&
                             http_has_token(out, S("Upgrade"), S("websocket"));
    return 0;
}

/* The request line from *at on, after the few empty lines that are allowed. A wrong first byte, as
 * of a TLS client, is refused without waiting for a line to end. */
static long take_request_line(Str in, size_t limit, size_t *at, struct http_request *out,
                              const char **why)
{
    Str line;
    for (int blank = 0; blank <= HTTP_BLANK_LINES_MAX; blank++) {
        if (*at < in.n && in.p[*at] != '\r' && !is_token((unsigned char)in.p[*at]))
            return refuse(ERR_BAD_REQUEST, "the method is not a token", why);
        long got = take_line(in, limit, at, &line, why);
        if (got == -(long)ERR_HEADERS_TOO_LARGE && *at < limit &&
            str_find(str_from(in.p + *at, limit - *at), ' ') > 0) /* the method is whole */
            return refuse(ERR_URI_TOO_LONG, "the request's first line is too long", why);
        if (got <= 0)
            return got;
        if (line.n) {
            long bad = parse_request_line(line, out, why);
            return bad ? bad : 1;
        }
    }
    return refuse(ERR_BAD_REQUEST, "too many empty lines before a request", why);
}

long http_decode_head(Str in, const struct http_limits *limits, struct http_request *out,
                      const char **why)
{
    size_t at = 0;
    out->host = out->query = S("");
    out->chunked = false;
    out->field_count = 0;
    long got = take_request_line(in, limits->head, &at, out, why);
    while (got > 0) {
        Str line;
        got = take_line(in, limits->head, &at, &line, why);
        if (got <= 0)
            break;
        if (line.n == 0)
            return (got = finish_head(out, limits, why)) ? got : (long)at;
        if (out->field_count == HTTP_FIELDS_MAX)
            return refuse(ERR_HEADERS_TOO_LARGE, "too many headers", why);
        long bad = parse_field(line, &out->fields[out->field_count++], why);
        if (bad)
            return bad;
    }
    return got;
}

/* Chunked bodies (RFC 9112 section 7.1). */

enum { CHUNK_SIZE, CHUNK_DATA, CHUNK_END, CHUNK_TRAILER };

#define SIZE_DIGITS_MAX 16

/* "1a" or "1a;name=value": the size, and how many bytes the extension has. */
static long parse_chunk_size(Str line, uint64_t *size, size_t *extension, const char **why)
{
    size_t n = 0;
    *size = 0;
    while (n < line.n && hex_digit(line.p[n]) >= 0 && n < SIZE_DIGITS_MAX)
        *size = *size << 4 | (uint64_t)hex_digit(line.p[n++]);
    if (n == 0 || (n < line.n && hex_digit(line.p[n]) >= 0))
        return refuse(ERR_BAD_REQUEST, "a chunk size is not a hexadecimal number", why);
    Str rest = str_skip(line, n);
    Str text = str_trim(rest);
    if (rest.n && (text.n == 0 || text.p[0] != ';' || !all(rest, is_value)))
        return refuse(ERR_BAD_REQUEST, "a chunk size is followed by something else", why);
    *extension = rest.n;
    return 0;
}

static long take_chunk_size(Str in, struct http_chunked *state, const struct http_limits *limits,
                            const char **why)
{
    size_t at = 0, extension, left = limits->more - state->more;
    uint64_t size;
    Str line;
    long got = take_line(in, SIZE_DIGITS_MAX + left + 2, &at, &line, why);
    if (got <= 0)
        return got;
    long bad = parse_chunk_size(line, &size, &extension, why);
    if (bad)
        return bad;
    if (extension > left)
        return refuse(ERR_HEADERS_TOO_LARGE, "the chunk extensions are too long", why);
    if (state->total > limits->body || size > limits->body - state->total)
        return refuse(ERR_PAYLOAD_TOO_LARGE, "the body is too large", why);
    state->more += (uint32_t)extension;
    state->total += size;
    state->left = size;
    state->phase = size ? CHUNK_DATA : CHUNK_TRAILER;
    return (long)at;
}

static long take_trailer(Str in, struct http_chunked *state, const struct http_limits *limits,
                         bool *done, const char **why)
{
    size_t at = 0;
    Str line;
    struct http_field ignored;
    long got = take_line(in, limits->more - state->more + 2, &at, &line, why);
    if (got <= 0)
        return got;
    *done = line.n == 0;
    long bad = *done ? 0 : parse_field(line, &ignored, why);
    if (bad)
        return bad;
    if (!*done && at > limits->more - state->more)
        return refuse(ERR_HEADERS_TOO_LARGE, "the trailers are too long", why);
    if (!*done)
        state->more += (uint32_t)at;
    return (long)at;
}

long http_decode_chunk(Str in, struct http_chunked *state, const struct http_limits *limits,
                       Str *data, bool *done, const char **why)
{
    *data = S("");
    *done = false;
    must(state->more <= limits->more);
    switch (state->phase) {
    case CHUNK_SIZE:
        return take_chunk_size(in, state, limits, why);
    case CHUNK_DATA:
        *data = str_from(in.p, in.n < state->left ? in.n : state->left);
        state->left -= data->n;
        if (state->left == 0)
            state->phase = CHUNK_END;
        return (long)data->n;
    case CHUNK_END:
        if ((in.n > 0 && in.p[0] != '\r') || (in.n > 1 && in.p[1] != '\n'))
            return refuse(ERR_BAD_REQUEST, "a chunk is longer than its size", why);
        if (in.n < 2)
            return 0;
        state->phase = CHUNK_SIZE;
        return 2;
    default:
        return take_trailer(in, state, limits, done, why);
    }
}

Str http_header(const struct http_request *request, Str name)
{
    for (size_t i = 0; i < request->field_count; i++)
        if (str_eq_nocase(request->fields[i].name, name))
            return request->fields[i].value;
    return (Str){0};
}

Str http_header_list(const struct http_request *request, Str name, struct arena *arena)
{
    Str list = {0};
    for (size_t i = 0; i < request->field_count; i++) {
        Str value = request->fields[i].value;
        if (!str_eq_nocase(request->fields[i].name, name))
            continue;
        list =
            list.p ? arena_fmt(arena, STR_FMT ", " STR_FMT, STR_ARG(list), STR_ARG(value)) : value;
    }
    return list;
}

bool http_has_token(const struct http_request *request, Str name, Str token)
{
    for (size_t i = 0; i < request->field_count; i++) {
        Str list = request->fields[i].value;
        if (!str_eq_nocase(request->fields[i].name, name))
            continue;
        while (list.n)
            if (str_eq_nocase(str_trim(str_cut(&list, ',')), token))
                return true;
    }
    return false;
}
