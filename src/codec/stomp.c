/*
 * The decoder starts over at each call and reads strictly from left to right: what it says depends
 * on a shortest prefix of the frame only, so cutting the input elsewhere cannot change it. Turned
 * down: a decoder that keeps its place between calls. A frame comes in one piece nearly always, a
 * second look at the head costs under a microsecond, and what is not kept cannot go stale when the
 * caller moves its bytes. Each limit is looked at before the bytes past it are.
 */
#include "codec/stomp.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/utf8.h"

#define COMMAND_MAX 11 /* bytes of UNSUBSCRIBE */
#define HEAD_MIN 64    /* no sane limit is below */

enum step { STEP_ERROR = -1, STEP_MORE = 0, STEP_DONE = 1 };

static const Str commands[] = {
#define X(name) {#name, sizeof #name - 1},
    STOMP_COMMANDS(X)
#undef X
};

static const Str versions[] = {
    [STOMP_10] = {"1.0", 3},
    [STOMP_11] = {"1.1", 3},
    [STOMP_12] = {"1.2", 3},
};

static int refuse(const char **why, const char *reason)
{
    *why = reason;
    return STEP_ERROR;
}

/* ---- in ---- */

static enum step heartbeat(Str in, size_t *at, const char **why)
{
    while (*at < in.n) {
        if (in.p[*at] == '\n')
            *at += 1;
        else if (in.p[*at] == '\r' && *at + 1 < in.n && in.p[*at + 1] == '\n')
            *at += 2;
        else
            break;
    }
    if (*at || in.n == 0 || in.p[0] != '\r')
        return STEP_DONE;
    return in.n == 1 ? STEP_MORE : refuse(why, "A carriage return without a line feed.");
}

static enum step command(Str in, enum stomp_command *out, size_t *at, const char **why)
{
    size_t n = 0;
    while (n < in.n && in.p[n] >= 'A' && in.p[n] <= 'Z' && n <= COMMAND_MAX)
        n++;
    if (n > COMMAND_MAX)
        return refuse(why, "Unknown command.");
    if (n == in.n || (in.p[n] == '\r' && n + 1 == in.n))
        return STEP_MORE;
    size_t end = n + (in.p[n] == '\r');
    if (in.p[end] != '\n')
        return refuse(why, "The frame does not start with a command on a line of its own.");
    for (size_t i = 0; i < countof(commands); i++) {
        if (str_eq(commands[i], str_from(in.p, n))) {
            *out = (enum stomp_command)i;
            *at = end + 1;
            return STEP_DONE;
        }
    }
    return refuse(why, "Unknown command.");
}

/* The line that starts at *at, without its end; *at moves behind it. */
static enum step take_line(Str in, size_t head, size_t *at, Str *line, const char **why)
{
    Str seen = str_from(in.p + *at, (in.n < head ? in.n : head) - *at);
    long end = str_find(seen, '\n');
    if (end >= 0)
        seen.n = (size_t)end;
    if (str_find(seen, '\0') >= 0)
        return refuse(why, "A NUL before the blank line that ends the headers.");
    if (end < 0)
        return in.n > head ? refuse(why, "The headers are too large.") : STEP_MORE;
    *at += seen.n + 1;
    if (seen.n && seen.p[seen.n - 1] == '\r')
        seen.n--;
    *line = seen;
    if (str_find(seen, '\r') >= 0)
        return refuse(why, "A carriage return inside a header.");
    return STEP_DONE;
}

/* The character that an escape stands for; 0 when the version has no such escape. */
static char unescaped(char c, enum stomp_version version)
{
    switch (c) {
    case 'n':
        return '\n';
    case 'c':
        return ':';
    case '\\':
        return '\\';
    case 'r':
        return version >= STOMP_12 ? '\r' : '\0';
    default:
        return '\0';
    }
}

static bool escapes_valid(Str s, enum stomp_version version)
{
    if (version == STOMP_10)
        return true;
    for (long at; (at = str_find(s, '\\')) >= 0; s = str_skip(s, (size_t)at + 2))
        if ((size_t)at + 1 == s.n || !unescaped(s.p[at + 1], version))
            return false;
    return true;
}

static enum step add_header(Str line, const struct stomp_limits *limits, struct stomp_frame *f,
                            const char **why)
{
    long colon = str_find(line, ':');
    if (colon < 0)
        return refuse(why, "A header without a colon.");
    if (colon == 0)
        return refuse(why, "A header without a name.");
    if (f->header_count == limits->headers)
        return refuse(why, "Too many headers.");
    struct stomp_pair *pair = &f->headers[f->header_count++];
    pair->name = str_from(line.p, (size_t)colon);
    pair->value = str_from(line.p + colon + 1, line.n - (size_t)colon - 1);
    if (!escapes_valid(pair->name, f->escapes) || !escapes_valid(pair->value, f->escapes))
        return refuse(why, "An escape that this version of STOMP does not have.");
    return STEP_DONE;
}

static enum step head(Str in, const struct stomp_limits *limits, struct stomp_frame *f, size_t *at,
                      const char **why)
{
    enum step step = command(in, &f->command, at, why);
    if (step != STEP_DONE)
        return step;
    f->header_count = 0;
    f->escapes = limits->version;
    if (f->command == STOMP_CONNECT || f->command == STOMP_STOMP || f->command == STOMP_CONNECTED)
        f->escapes = STOMP_10;
    for (;;) {
        Str line;
        step = take_line(in, limits->head, at, &line, why);
        if (step != STEP_DONE)
            return step;
        if (line.n == 0)
            break;
        step = add_header(line, limits, f, why);
        if (step != STEP_DONE)
            return step;
    }
    if (!utf8_valid(str_from(in.p, *at)))
        return refuse(why, "The headers are not valid UTF-8.");
    return STEP_DONE;
}

/* From the blank line to behind the NUL ("Header content-length", "Body"). */
static enum step body(Str in, size_t most, struct stomp_frame *f, size_t *at, const char **why)
{
    Str rest = str_from(in.p + *at, in.n - *at);
    Str text;
    uint64_t length;
    if (stomp_header(f, S("content-length"), &text)) {
        if (!str_to_uint(text, UINT64_MAX, &length))
            return refuse(why, "The content-length is not a number.");
        if (length > most)
            return refuse(why, "The body is too large.");
        f->wanted = length + 1 - (rest.n <= length ? rest.n : length);
        if (rest.n <= length)
            return STEP_MORE;
        if (rest.p[length] != '\0')
            return refuse(why, "No NUL where the content-length says that the body ends.");
    } else {
        long end = str_find(str_from(rest.p, rest.n <= most ? rest.n : most + 1), '\0');
        f->wanted = STOMP_WANTS_NUL;
        if (end < 0)
            return rest.n > most ? refuse(why, "The body is too large.") : STEP_MORE;
        length = (uint64_t)end;
    }
    f->body = str_from(rest.p, length);
    *at += length + 1;
    return STEP_DONE;
}

long stomp_decode(Str in, const struct stomp_limits *limits, struct stomp_frame *out,
                  const char **why)
{
    must(limits->headers <= STOMP_MAX_HEADERS && limits->head >= HEAD_MIN);
    size_t at = 0;
    out->wanted = STOMP_WANTS_LINE;
    enum step step = heartbeat(in, &at, why);
    if (step != STEP_DONE)
        return step;
    if (at) {
        out->command = STOMP_HEARTBEAT;
        out->escapes = STOMP_10;
        out->header_count = 0;
        out->body = S("");
        return (long)at;
    }
    step = head(in, limits, out, &at, why);
    if (step == STEP_DONE)
        step = body(in, limits->body, out, &at, why);
    return step == STEP_DONE ? (long)at : (long)step;
}

bool stomp_header(const struct stomp_frame *f, Str name, Str *raw)
{
    for (size_t i = 0; i < f->header_count; i++) {
        if (str_eq(f->headers[i].name, name)) {
            *raw = f->headers[i].value;
            return true;
        }
    }
    return false;
}

bool stomp_value(const struct stomp_frame *f, Str name, struct arena *arena, Str *out)
{
    Str raw;
    if (!stomp_header(f, name, &raw))
        return false;
    *out = raw;
    if (f->escapes == STOMP_10 || str_find(raw, '\\') < 0)
        return true;
    char *text = arena_alloc(arena, raw.n);
    size_t n = 0;
    for (size_t i = 0; i < raw.n; i++) /* the decoder has seen that each escape is whole */
        text[n++] = raw.p[i] == '\\' ? unescaped(raw.p[++i], f->escapes) : raw.p[i];
    *out = str_from(text, n);
    return true;
}

Str stomp_command_text(enum stomp_command command)
{
    return command < countof(commands) ? commands[command] : S("");
}

Str stomp_version_text(enum stomp_version version)
{
    return versions[version];
}

bool stomp_negotiate(Str accept, enum stomp_version *out)
{
    bool found = accept.n == 0;
    if (found)
        *out = STOMP_10;
    while (accept.n) {
        Str one = str_trim(str_cut(&accept, ','));
        for (size_t i = 0; i < countof(versions); i++) {
            if (str_eq(one, versions[i]) && (!found || i > *out)) {
                *out = (enum stomp_version)i;
                found = true;
            }
        }
    }
    return found;
}

bool stomp_heart_beat(Str value, uint32_t *can, uint32_t *wants)
{
    uint64_t x, y;
    long comma = str_find(value, ',');
    if (comma < 0 || !str_to_uint(str_from(value.p, (size_t)comma), UINT32_MAX, &x) ||
        !str_to_uint(str_skip(value, (size_t)comma + 1), UINT32_MAX, &y))
        return false;
    *can = (uint32_t)x;
    *wants = (uint32_t)y;
    return true;
}

/* ---- out ---- */

void stomp_frame_begin(struct buf *out, enum stomp_command command)
{
    must(command < countof(commands));
    buf_add(out, commands[command]);
    buf_byte(out, '\n');
}

/* What takes the place of c; nothing when c may stay. */
static Str escaped(char c, enum stomp_version version)
{
    switch (c) {
    case '\0':
        return S(" ");
    case '\n':
        return version >= STOMP_11 ? S("\\n") : S(" ");
    case '\r':
        return version >= STOMP_12 ? S("\\r") : S(" ");
    case ':':
        return version >= STOMP_11 ? S("\\c") : S("");
    case '\\':
        return version >= STOMP_11 ? S("\\\\") : S("");
    default:
        return S("");
    }
}

static void add_escaped(struct buf *out, enum stomp_version version, Str s)
{
    size_t from = 0;
    for (size_t i = 0; i < s.n; i++) {
        Str instead = escaped(s.p[i], version);
        if (instead.n == 0)
            continue;
        buf_add(out, str_from(s.p + from, i - from));
        buf_add(out, instead);
        from = i + 1;
    }
    buf_add(out, str_skip(s, from));
}

void stomp_header_add(struct buf *out, enum stomp_version version, Str name, Str value)
{
    add_escaped(out, version, name);
    buf_byte(out, ':');
    add_escaped(out, version, value);
    buf_byte(out, '\n');
}

void stomp_body_begin(struct buf *out, size_t n)
{
    if (n) {
        buf_add(out, S("content-length:"));
        buf_uint(out, n);
        buf_byte(out, '\n');
    }
    buf_byte(out, '\n');
}

void stomp_frame_end(struct buf *out, Str body)
{
    stomp_body_begin(out, body.n);
    buf_add(out, body);
    buf_byte(out, '\0');
}
