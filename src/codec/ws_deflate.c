/*
 * The answer always says no context takeover for both sides: what an idle connection costs is then
 * nothing, and an event is compressed once for all who get it.
 *
 * A client's server_max_window_bits is accepted and echoed, whatever it is: nothing larger than
 * that window is to be compressed for it. So the one compressor can have the largest window, and
 * zlib's, which has none of 8 bits for raw deflate, does not matter. client_max_window_bits never
 * has an answer (7.1.2.2: it needs none): we inflate with the largest window.
 *
 * Turned down: a compressor for each window, since clients that ask for one are rare; a fixed
 * Huffman code for what is not shared: it saves nothing on ids.
 */
#include "codec/ws_deflate.h"

#include "base/buf.h"
#include "base/mem.h"

#include <zlib.h>

enum {
    LEVEL = 3,  /* of messages, 2 to 4 % larger than 6 makes them, for a quarter less time */
    MEMORY = 8, /* zlib's default */
    LEAST_WINDOW = 8,
    CLOSE_TOO_LARGE = 1009,
    CLOSE_BAD_DATA = 1007,
    INFLATE_STEP = 16 * 1024, /* bytes of output at once */
};

/* ----- the handshake ----- */

enum param_name {
    SERVER_NO_TAKEOVER = 1,
    CLIENT_NO_TAKEOVER = 2,
    SERVER_WINDOW = 4,
    CLIENT_WINDOW = 8,
};

struct param {
    Str name;
    bool has_value;
    size_t n;      /* of the value, unquoted */
    char value[2]; /* as much of it as a number of ours has */
};

struct offer {
    bool declined;
    unsigned seen; /* its parameters */
    int server_window;
};

static bool is_token(char c)
{
    return c > ' ' && c < 127 && !strchr("()<>@,;:\\\"/[]?={}", c);
}

static void skip_space(Str *in)
{
    while (in->n && (in->p[0] == ' ' || in->p[0] == '\t'))
        *in = str_skip(*in, 1);
}

/* Takes this character and the space around it. */
static bool take(Str *in, char c)
{
    skip_space(in);
    if (!in->n || in->p[0] != c)
        return false;
    *in = str_skip(*in, 1);
    skip_space(in);
    return true;
}

static bool take_token(Str *in, Str *out)
{
    size_t n = 0;
    while (n < in->n && is_token(in->p[n]))
        n++;
    *out = str_from(in->p, n);
    *in = str_skip(*in, n);
    return n > 0;
}

static bool value_byte(struct param *p, char c)
{
    if (p->n < sizeof p->value)
        p->value[p->n] = c;
    p->n++;
    return is_token(c);
}

/* Behind the opening quote. What it holds must be a token once it is unescaped. */
static bool take_quoted(Str *in, struct param *p)
{
    for (size_t i = 0; i < in->n; i++) {
        if (in->p[i] == '"') {
            *in = str_skip(*in, i + 1);
            return p->n > 0;
        }
        if (in->p[i] == '\\' && ++i == in->n)
            break;
        if (!value_byte(p, in->p[i]))
            break;
    }
    return false;
}

static bool take_param(Str *in, struct param *p)
{
    Str value;
    *p = (struct param){0};
    if (!take_token(in, &p->name))
        return false;
    p->has_value = take(in, '=');
    if (!p->has_value)
        return true;
    if (in->n && in->p[0] == '"') {
        *in = str_skip(*in, 1);
        return take_quoted(in, p);
    }
    if (!take_token(in, &value))
        return false;
    for (size_t i = 0; i < value.n; i++)
        value_byte(p, value.p[i]);
    return true;
}

/* 8 to 15 without a leading zero (7.1.2.1), else 0. */
static int window_of(const struct param *p)
{
    uint64_t bits = 0;
    if (p->n == 0 || p->n > sizeof p->value || p->value[0] == '0' ||
        !str_to_uint(str_from(p->value, p->n), WS_DEFLATE_WINDOW, &bits) || bits < LEAST_WINDOW)
        return 0;
    return (int)bits;
}

static enum param_name name_of(Str name)
{
    return str_eq_nocase(name, S("server_no_context_takeover"))   ? SERVER_NO_TAKEOVER
           : str_eq_nocase(name, S("client_no_context_takeover")) ? CLIENT_NO_TAKEOVER
           : str_eq_nocase(name, S("server_max_window_bits"))     ? SERVER_WINDOW
           : str_eq_nocase(name, S("client_max_window_bits"))     ? CLIENT_WINDOW
                                                                  : 0;
}

/* 7.1: what makes an offer one to decline: an unknown parameter, one twice, a wrong value. */
static bool param_acceptable(struct offer *o, const struct param *p)
{
    unsigned name = name_of(p->name);
    if (!name || o->seen & name)
        return false;
    o->seen |= name;
    switch (name) {
    case SERVER_WINDOW:
        o->server_window = window_of(p);
        return o->server_window > 0;
    case CLIENT_WINDOW:
        return !p->has_value || window_of(p) > 0;
    default:
        return !p->has_value;
    }
}

static bool take_offer(Str *in, struct offer *o)
{
    Str name;
    *o = (struct offer){.server_window = WS_DEFLATE_WINDOW};
    if (!take_token(in, &name))
        return false;
    o->declined = !str_eq_nocase(name, S("permessage-deflate"));
    while (take(in, ';')) {
        struct param p;
        if (!take_param(in, &p))
            return false;
        if (!o->declined && !param_acceptable(o, &p))
            o->declined = true;
    }
    return true;
}

static void write_answer(const struct offer *o, struct buf *answer)
{
    buf_add(answer,
            S("permessage-deflate; server_no_context_takeover; client_no_context_takeover"));
    if (o->seen & SERVER_WINDOW)
        buf_fmt(answer, "; server_max_window_bits=%d", o->server_window);
}

int ws_deflate_accept(Str offers, struct buf *answer)
{
    struct offer first = {.declined = true}, offer;
    for (;;) {
        while (take(&offers, ',')) /* a list may have empty elements (RFC 9110 section 5.6.1) */
            ;
        if (!offers.n)
            break;
        if (!take_offer(&offers, &offer) || (offers.n && offers.p[0] != ','))
            return -1;
        if (first.declined)
            first = offer;
    }
    if (first.declined)
        return 0;
    write_answer(&first, answer);
    return first.server_window;
}

/* ----- messages ----- */

struct ws_deflate {
    z_stream in, out;
};

struct ws_deflate *ws_deflate_new(void)
{
    struct ws_deflate *d = mem_alloc(sizeof *d);
    must(inflateInit2(&d->in, -WS_DEFLATE_WINDOW) == Z_OK);
    must(deflateInit2(&d->out, LEVEL, Z_DEFLATED, -WS_DEFLATE_WINDOW, MEMORY, Z_DEFAULT_STRATEGY) ==
         Z_OK);
    return d;
}

void ws_deflate_free(struct ws_deflate **at)
{
    struct ws_deflate *d = *at;
    if (!d)
        return;
    inflateEnd(&d->in);
    deflateEnd(&d->out);
    mem_free(d);
    *at = NULL;
}

static Bytef *bytes(Str s)
{
    return (Bytef *)(uintptr_t)s.p; /* zlib does not write there */
}

static int refuse(int code, const char *text, const char **why)
{
    *why = text;
    return -code;
}

/*
 * Inflates up to the end of `in`. Behind a last block the next one follows in the next byte, with
 * the same window (7.2.3.4): inflateResetKeep keeps it. Z_BLOCK stops at the end of each block, so
 * that in the end data_type tells whether that is where we are.
 */
static int feed(z_stream *z, Str in, struct buf *out, const char **why)
{
    z->next_in = bytes(in);
    z->avail_in = (uInt)in.n;
    for (;;) {
        Bytef one_more;
        size_t left = out->max - out->n, room = left < INFLATE_STEP ? left : INFLATE_STEP;
        z->next_out = room ? (Bytef *)buf_reserve(out, room) : &one_more;
        z->avail_out = room ? (uInt)room : 1;
        int status = inflate(z, Z_BLOCK);
        if (room)
            out->n += room - z->avail_out;
        else if (!z->avail_out)
            return refuse(CLOSE_TOO_LARGE, "the message is too large", why);
        if (status == Z_STREAM_END)
            must(inflateResetKeep(z) == Z_OK);
        else if (status != Z_OK && status != Z_BUF_ERROR)
            return refuse(CLOSE_BAD_DATA, "the message is not deflate", why);
        if (!z->avail_in && z->avail_out)
            return 0;
    }
}

/* At the end of a block, and that at the end of a byte? (See data_type in zlib.h.) */
static bool at_end(const z_stream *z)
{
    return z->data_type & 128 && !(z->data_type & 63);
}

int ws_deflate_inflate(struct ws_deflate *d, Str payload, struct buf *out, const char **why)
{
    static const Str tail = {"\0\0\xff\xff", WS_DEFLATE_TAIL}; /* 7.2.2 */
    must(inflateReset(&d->in) == Z_OK);
    int bad = feed(&d->in, payload, out, why);
    size_t n = out->n;
    if (!bad)
        bad = feed(&d->in, tail, out, why);
    if (!bad && (!at_end(&d->in) || out->n > n))
        bad = refuse(CLOSE_BAD_DATA, "the message ends inside deflate data", why);
    return bad;
}

void ws_deflate_compress(struct ws_deflate *d, Str plain, struct buf *out)
{
    z_stream *z = &d->out;
    must(plain.n && deflateReset(z) == Z_OK);
    size_t most = deflateBound(z, plain.n) + 2 * WS_DEFLATE_STORED;
    char *to = buf_reserve(out, most);
    if (!to)
        return;
    z->next_in = bytes(plain);
    z->avail_in = (uInt)plain.n;
    z->next_out = (Bytef *)to;
    z->avail_out = (uInt)most;
    must(deflate(z, Z_SYNC_FLUSH) == Z_OK && !z->avail_in && z->avail_out);
    out->n += most - z->avail_out;
}

char *ws_deflate_store(char out[WS_DEFLATE_STORED], size_t n)
{
    must(n <= WS_DEFLATE_STORED_MAX);
    out[0] = 0;
    for (int i = 0; i < 2; i++) {
        out[1 + i] = (char)(n >> 8 * i);
        out[3 + i] = (char)~(n >> 8 * i);
    }
    return out + WS_DEFLATE_STORED;
}
