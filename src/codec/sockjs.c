/*
 * Messages are read by hand and not through codec/json: STOMP frames end with U+0000, which that
 * refuses, and what is wanted is one run of bytes, not a tree of values.
 */
#include "codec/sockjs.h"

#include "base/buf.h"
#include "base/utf8.h"
#include "codec/json.h"

enum { CALLBACK_MAX = 64, PRELUDE_H = 2048, HTMLFILE_MIN = 1024 };

/* ----- paths ----- */

static const struct {
    Str name;
    enum sockjs_endpoint endpoint;
} transports[] = {
    {{"websocket", 9}, SOCKJS_WEBSOCKET},
    {{"xhr", 3}, SOCKJS_XHR},
    {{"xhr_send", 8}, SOCKJS_XHR_SEND},
    {{"xhr_streaming", 13}, SOCKJS_XHR_STREAMING},
    {{"eventsource", 11}, SOCKJS_EVENTSOURCE},
    {{"htmlfile", 8}, SOCKJS_HTMLFILE},
    {{"jsonp", 5}, SOCKJS_JSONP},
    {{"jsonp_send", 10}, SOCKJS_JSONP_SEND},
};

static bool is_iframe(Str name)
{
    const Str begin = S("iframe"), end = S(".html");
    if (name.n < begin.n + end.n || !str_starts(name, begin) ||
        !str_eq(str_skip(name, name.n - end.n), end))
        return false;
    for (size_t i = begin.n; i < name.n - end.n; i++) {
        char c = name.p[i];
        bool good =
            (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
        if (!good)
            return false;
    }
    return true;
}

static enum sockjs_endpoint of_the_prefix(Str name)
{
    if (str_eq(name, S("info")))
        return SOCKJS_INFO;
    if (str_eq(name, S("websocket")))
        return SOCKJS_RAW;
    return is_iframe(name) ? SOCKJS_IFRAME : SOCKJS_NONE;
}

struct sockjs_path sockjs_path(Str path)
{
    struct sockjs_path found = {0};
    if (!path.n || str_eq(path, S("/"))) {
        found.endpoint = SOCKJS_GREETING;
        return found;
    }
    if (path.p[0] != '/')
        return found;
    path = str_skip(path, 1);
    if (path.n && path.p[path.n - 1] == '/')
        path.n--;
    if (str_find(path, '/') < 0) {
        found.endpoint = of_the_prefix(path);
        return found;
    }
    Str server = str_cut(&path, '/'), session = str_cut(&path, '/');
    if (!server.n || !session.n || str_find(server, '.') >= 0 || str_find(session, '.') >= 0)
        return found;
    for (size_t i = 0; i < sizeof transports / sizeof *transports; i++)
        if (str_eq(path, transports[i].name))
            found = (struct sockjs_path){transports[i].endpoint, session};
    return found;
}

bool sockjs_callback_valid(Str name)
{
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '_' || c == '.';
        if (!good)
            return false;
    }
    return name.n > 0 && name.n <= CALLBACK_MAX;
}

/* ----- from clients ----- */

static void skip_space(Str *in)
{
    while (in->n && (in->p[0] == ' ' || in->p[0] == '\t' || in->p[0] == '\n' || in->p[0] == '\r'))
        *in = str_skip(*in, 1);
}

/* Takes the character when it comes next, behind white space. */
static bool take(Str *in, char c)
{
    skip_space(in);
    if (!in->n || in->p[0] != c)
        return false;
    *in = str_skip(*in, 1);
    return true;
}

/* Four hexadecimal digits, or -1. */
static long take_hex(Str *in)
{
    long v = 0;
    if (in->n < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        char c = in->p[i], low = (char)(c | 0x20);
        bool digit = c >= '0' && c <= '9';
        if (!digit && (low < 'a' || low > 'f'))
            return -1;
        v = v << 4 | (digit ? c - '0' : low - 'a' + 10);
    }
    *in = str_skip(*in, 4);
    return v;
}

static void add_utf8(struct buf *out, long v)
{
    char at[4];
    size_t n = v < 0x80 ? 1 : v < 0x800 ? 2 : v < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = n; i-- > 1; v >>= 6)
        at[i] = (char)(0x80 | (v & 0x3f));
    at[0] = (char)(lead[n] | v);
    buf_add(out, str_from(at, n));
}

/* What follows "\u": a code point, of a pair of surrogates if need be. */
static bool take_code_point(Str *in, struct buf *out)
{
    long high = take_hex(in);
    if (high < 0 || (high >= 0xdc00 && high <= 0xdfff))
        return false;
    if (high >= 0xd800 && high <= 0xdbff) {
        if (!str_starts(*in, S("\\u")))
            return false;
        *in = str_skip(*in, 2);
        long low = take_hex(in);
        if (low < 0xdc00 || low > 0xdfff)
            return false;
        high = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
    }
    add_utf8(out, high);
    return true;
}

/* What follows a backslash. */
static bool take_escape(Str *in, struct buf *out)
{
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    if (!in->n)
        return false;
    char c = in->p[0];
    *in = str_skip(*in, 1);
    if (c == 'u')
        return take_code_point(in, out);
    long i = str_find(str_of(names), c);
    if (i < 0)
        return false;
    buf_byte(out, values[i]);
    return true;
}

/* What follows the opening quote, the closing one included. */
static bool take_string(Str *in, struct buf *out)
{
    for (;;) {
        size_t n = 0;
        while (n < in->n && (unsigned char)in->p[n] >= 0x20 && in->p[n] != '"' && in->p[n] != '\\')
            n++;
        buf_add(out, str_from(in->p, n));
        *in = str_skip(*in, n);
        if (!in->n || (unsigned char)in->p[0] < 0x20)
            return false;
        char c = in->p[0];
        *in = str_skip(*in, 1);
        if (c == '"')
            return true;
        if (!take_escape(in, out))
            return false;
    }
}

static bool take_messages(Str *in, struct buf *out)
{
    if (take(in, ']'))
        return true;
    do {
        if (!take(in, '"') || !take_string(in, out))
            return false;
    } while (take(in, ','));
    return take(in, ']');
}

enum sockjs_decoded sockjs_decode(Str text, struct buf *out)
{
    size_t before = out->n;
    Str in = text;
    const char *why;
    struct json_value *other = NULL;
    if (!text.n)
        return SOCKJS_NO_PAYLOAD;
    if (!utf8_valid(text))
        return SOCKJS_BROKEN;
    bool array = take(&in, '[');
    bool good = array ? take_messages(&in, out) : take(&in, '"') && take_string(&in, out);
    skip_space(&in);
    if (good && !in.n)
        return array ? SOCKJS_MESSAGES : SOCKJS_MESSAGE;
    out->n = before;
    if (json_parse(text, &other, &why))
        return SOCKJS_BROKEN;
    json_free(&other);
    return SOCKJS_NO_PAYLOAD;
}

/* ----- to clients ----- */

static void add_escape(struct buf *out, unsigned v)
{
    static const char hex[] = "0123456789abcdef";
    char text[6] = {'\\', 'u', hex[v >> 12 & 15], hex[v >> 8 & 15], hex[v >> 4 & 15], hex[v & 15]};
    buf_add(out, str_from(text, sizeof text));
}

/* The code point at the start of s, and its bytes in *n. */
static unsigned code_point(Str s, size_t *n)
{
    const unsigned char *p = (const unsigned char *)s.p;
    *n = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    if (*n > s.n)
        *n = 1; /* no UTF-8: it goes as it is */
    unsigned v = *n == 1 ? p[0] : p[0] & (0x7fu >> *n);
    for (size_t i = 1; i < *n; i++)
        v = v << 6 | (p[i] & 0x3f);
    return v;
}

/* The document's "escapable" set: browsers change or drop these. Surrogates are in it, so that what
 * is beyond U+FFFF goes as an escaped pair. */
static bool garbled(unsigned v)
{
    return v < 0x20 || (v >= 0x200c && v <= 0x200f) || (v >= 0x2028 && v <= 0x202f) ||
           (v >= 0x2060 && v <= 0x206f) || v >= 0xfff0;
}

/* Bytes from the start that stand for themselves without a closer look. */
static size_t plain(Str s)
{
    size_t i = 0;
    while (i < s.n) {
        unsigned char c = (unsigned char)s.p[i];
        if (c < 0x20 || c == '"' || c == '\\' || c == 0xe2 || c >= 0xef)
            break;
        i++;
    }
    return i;
}

void sockjs_element(struct buf *out, Str message)
{
    if (out->n)
        buf_byte(out, ',');
    buf_byte(out, '"');
    while (message.n) {
        size_t n = plain(message);
        buf_add(out, str_from(message.p, n));
        message = str_skip(message, n);
        if (!message.n)
            break;
        unsigned v = code_point(message, &n);
        if (v == '"' || v == '\\') {
            buf_byte(out, '\\');
            buf_byte(out, (char)v);
        } else if (v == '\n') {
            buf_add(out, S("\\n"));
        } else if (v == '\r') {
            buf_add(out, S("\\r"));
        } else if (v > 0xffff) {
            add_escape(out, 0xd800 + ((v - 0x10000) >> 10));
            add_escape(out, 0xdc00 + ((v - 0x10000) & 0x3ff));
        } else if (garbled(v) && (v < 0x20 || n == 3)) {
            add_escape(out, v);
        } else {
            buf_add(out, str_from(message.p, n));
        }
        message = str_skip(message, n);
    }
    buf_byte(out, '"');
}

void sockjs_array(struct buf *out, Str elements)
{
    buf_add(out, S("a["));
    buf_add(out, elements);
    buf_byte(out, ']');
}

void sockjs_close(struct buf *out, int code, Str reason)
{
    struct buf text = BUF(4096);
    sockjs_element(&text, reason);
    buf_fmt(out, "c[%d,", code);
    buf_add(out, buf_str(&text));
    buf_byte(out, ']');
    buf_free(&text);
}

static void add_htmlfile(struct buf *out, Str callback)
{
    size_t start = out->n;
    buf_add(out, S("<!doctype html>\n"
                   "<html><head>\n"
                   "  <meta http-equiv=\"X-UA-Compatible\" content=\"IE=edge\" />\n"
                   "  <meta http-equiv=\"Content-Type\" content=\"text/html; charset=UTF-8\" />\n"
                   "</head><body><h2>Don't panic!</h2>\n"
                   "  <script>\n"
                   "    document.domain = document.domain;\n"
                   "    var c = parent."));
    buf_add(out, callback);
    buf_add(out, S(";\n"
                   "    c.start();\n"
                   "    function p(d) {c.message(d);};\n"
                   "    window.onload = function() {c.stop();};\n"
                   "  </script>"));
    while (!out->overflow && out->n - start <= HTMLFILE_MIN) /* browsers wait for a kilobyte */
        buf_byte(out, ' ');
    buf_add(out, S("\r\n\r\n"));
}

void sockjs_prelude(struct buf *out, enum sockjs_endpoint transport, Str callback)
{
    if (transport == SOCKJS_XHR_STREAMING) {
        char *at = buf_reserve(out, PRELUDE_H);
        if (at) {
            memset(at, 'h', PRELUDE_H);
            out->n += PRELUDE_H;
        }
        buf_byte(out, '\n');
    } else if (transport == SOCKJS_EVENTSOURCE) {
        buf_add(out, S("\r\n"));
    } else if (transport == SOCKJS_HTMLFILE) {
        add_htmlfile(out, callback);
    }
}

/* A frame as a JavaScript string. It holds no control characters; '<' could end the script that it
 * stands in. */
static void add_javascript(struct buf *out, Str frame)
{
    buf_byte(out, '"');
    for (size_t i = 0; i < frame.n; i++) {
        char c = frame.p[i];
        if (c == '<') {
            add_escape(out, '<');
            continue;
        }
        if (c == '"' || c == '\\')
            buf_byte(out, '\\');
        buf_byte(out, c);
    }
    buf_byte(out, '"');
}

/* Clients decode URI escapes in it. '%' stands only in JSON strings. */
static void add_event(struct buf *out, Str frame)
{
    while (frame.n) {
        bool percent = str_find(frame, '%') >= 0;
        buf_add(out, str_cut(&frame, '%'));
        if (percent)
            add_escape(out, '%');
    }
}

void sockjs_wrap(struct buf *out, enum sockjs_endpoint transport, Str callback, Str frame)
{
    switch (transport) {
    case SOCKJS_EVENTSOURCE:
        buf_add(out, S("data: "));
        add_event(out, frame);
        buf_add(out, S("\r\n\r\n"));
        break;
    case SOCKJS_HTMLFILE:
        buf_add(out, S("<script>\np("));
        add_javascript(out, frame);
        buf_add(out, S(");\n</script>\r\n"));
        break;
    case SOCKJS_JSONP:
        buf_add(out, S("/**/")); /* so that the callback's name never begins the file */
        buf_add(out, callback);
        buf_byte(out, '(');
        add_javascript(out, frame);
        buf_add(out, S(");\r\n"));
        break;
    default:
        buf_add(out, frame);
        buf_byte(out, '\n');
    }
}

Str sockjs_content_type(enum sockjs_endpoint transport)
{
    switch (transport) {
    case SOCKJS_EVENTSOURCE:
        return S("text/event-stream");
    case SOCKJS_HTMLFILE:
    case SOCKJS_IFRAME:
        return S("text/html; charset=UTF-8");
    case SOCKJS_INFO:
        return S("application/json; charset=UTF-8");
    case SOCKJS_XHR:
    case SOCKJS_XHR_STREAMING:
    case SOCKJS_JSONP:
        return S("application/javascript; charset=UTF-8");
    default:
        return S("text/plain; charset=UTF-8");
    }
}

void sockjs_iframe(struct buf *out, Str script)
{
    buf_add(out, S("<!DOCTYPE html>\n"
                   "<html>\n"
                   "<head>\n"
                   "  <meta http-equiv=\"X-UA-Compatible\" content=\"IE=edge\" />\n"
                   "  <meta http-equiv=\"Content-Type\" content=\"text/html; charset=UTF-8\" />\n"
                   "  <script>\n"
                   "    document.domain = document.domain;\n"
                   "    _sockjs_onload = function(){SockJS.bootstrap_iframe();};\n"
                   "  </script>\n"
                   "  <script src=\""));
    buf_add(out, script);
    buf_add(out, S("\"></script>\n"
                   "</head>\n"
                   "<body>\n"
                   "  <h2>Don't panic!</h2>\n"
                   "  <p>This is a SockJS hidden iframe. It's used for cross domain magic.</p>\n"
                   "</body>\n"
                   "</html>"));
}
