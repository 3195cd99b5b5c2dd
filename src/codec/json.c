/*
 * Reading is jansson's, which no other file knows. It takes any depth up to 2,048 and reports
 * errors in words of its own, so the depth is looked at before and the words are ours. Its names
 * also begin with json_: ours are "put", "field", "get" and such so that none is defined twice.
 *
 * Writing is by hand: it is most of what a delivery costs in this program, and a tree of values to
 * be dumped would cost ten times that.
 */
#include "codec/json.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"

#include <jansson.h>

static void *alloc_for_jansson(size_t n)
{
    return mem_resize(NULL, n);
}

void json_setup(void)
{
    json_set_alloc_funcs(alloc_for_jansson, mem_free);
    json_object_seed(0); /* from the system's randomness, now rather than in a race later */
}

/* ---- out ---- */

static void comma(struct json_writer *w)
{
    if (w->comma)
        buf_byte(w->out, ',');
    w->comma = true;
}

static void begin(struct json_writer *w, char bracket)
{
    comma(w);
    buf_byte(w->out, bracket);
    w->comma = false;
}

static void end(struct json_writer *w, char bracket)
{
    buf_byte(w->out, bracket);
    w->comma = true;
}

void json_object_begin(struct json_writer *w)
{
    begin(w, '{');
}

void json_object_end(struct json_writer *w)
{
    end(w, '}');
}

void json_array_begin(struct json_writer *w)
{
    begin(w, '[');
}

void json_array_end(struct json_writer *w)
{
    end(w, ']');
}

void json_key(struct json_writer *w, const char *name)
{
    size_t n = strlen(name);
    char *to = buf_reserve(w->out, n + 4);
    if (!to)
        return;
    char *at = to;
    if (w->comma)
        *at++ = ',';
    *at++ = '"';
    memcpy(at, name, n);
    at += n;
    *at++ = '"';
    *at++ = ':';
    w->out->n += (size_t)(at - to);
    w->comma = false;
}

/* Eight bytes at once: has any of them the value v? (v below 128; bytes from 128 up never match) */
#define EACH(v) (UINT64_C(0x0101010101010101) * (v))
#define HIGH EACH(0x80)

/* Bytes from the start of s that stand for themselves in a JSON string. */
static size_t plain(Str s)
{
    size_t i = 0;
    for (; i + 8 <= s.n; i += 8) {
        uint64_t v;
        memcpy(&v, s.p + i, 8);
        uint64_t quote = v ^ EACH('"'), slash = v ^ EACH('\\');
        uint64_t found = (v - EACH(0x20)) | (quote - EACH(1)) | (slash - EACH(1));
        if (found & ~v & HIGH)
            break; /* in these eight; a borrow can only blame a byte behind the one that is */
    }
    for (; i < s.n; i++) {
        uint8_t c = (uint8_t)s.p[i];
        if (c < 0x20 || c == '"' || c == '\\')
            break;
    }
    return i;
}

static void escape(struct buf *out, char c)
{
    static const char hex[] = "0123456789abcdef";
    char text[6] = {'\\', 'u', '0', '0', hex[c >> 4 & 15], hex[c & 15]};
    switch (c) {
    case '"':
        buf_add(out, S("\\\""));
        break;
    case '\\':
        buf_add(out, S("\\\\"));
        break;
    case '\n':
        buf_add(out, S("\\n"));
        break;
    case '\r':
        buf_add(out, S("\\r"));
        break;
    case '\t':
        buf_add(out, S("\\t"));
        break;
    default:
        buf_add(out, str_from(text, sizeof text));
    }
}

/* One value whose text needs no escape, in quotes. */
static void put_quoted(struct json_writer *w, Str s)
{
    comma(w);
    char *to = buf_reserve(w->out, s.n + 2);
    if (!to)
        return;
    to[0] = '"';
    if (s.n)
        memcpy(to + 1, s.p, s.n);
    to[s.n + 1] = '"';
    w->out->n += s.n + 2;
}

void json_put_string(struct json_writer *w, Str s)
{
    size_t n = plain(s);
    if (n == s.n) {
        put_quoted(w, s);
        return;
    }
    comma(w);
    buf_byte(w->out, '"');
    while (n < s.n) {
        buf_add(w->out, str_from(s.p, n));
        escape(w->out, s.p[n]);
        s = str_skip(s, n + 1);
        n = plain(s);
    }
    buf_add(w->out, s);
    buf_byte(w->out, '"');
}

void json_put_int(struct json_writer *w, int64_t v)
{
    comma(w);
    if (v < 0)
        buf_byte(w->out, '-');
    buf_uint(w->out, v < 0 ? -(uint64_t)v : (uint64_t)v);
}

void json_put_bool(struct json_writer *w, bool v)
{
    json_put_raw(w, v ? S("true") : S("false"));
}

void json_put_null(struct json_writer *w)
{
    json_put_raw(w, S("null"));
}

void json_put_id(struct json_writer *w, Id id)
{
    char text[ID_TEXT];
    id_format(id, text);
    put_quoted(w, str_from(text, sizeof text));
}

void json_put_time(struct json_writer *w, int64_t ms)
{
    char text[CLOCK_TEXT];
    clock_format(ms, text);
    put_quoted(w, str_from(text, sizeof text));
}

void json_put_raw(struct json_writer *w, Str json)
{
    comma(w);
    buf_add(w->out, json);
}

void json_field_string(struct json_writer *w, const char *name, Str s)
{
    json_key(w, name);
    json_put_string(w, s);
}

void json_field_int(struct json_writer *w, const char *name, int64_t v)
{
    json_key(w, name);
    json_put_int(w, v);
}

void json_field_bool(struct json_writer *w, const char *name, bool v)
{
    json_key(w, name);
    json_put_bool(w, v);
}

void json_field_null(struct json_writer *w, const char *name)
{
    json_key(w, name);
    json_put_null(w);
}

void json_field_id(struct json_writer *w, const char *name, Id id)
{
    json_key(w, name);
    json_put_id(w, id);
}

void json_field_time(struct json_writer *w, const char *name, int64_t ms)
{
    json_key(w, name);
    json_put_time(w, ms);
}

void json_field_raw(struct json_writer *w, const char *name, Str json)
{
    json_key(w, name);
    json_put_raw(w, json);
}

void json_field_object(struct json_writer *w, const char *name)
{
    json_key(w, name);
    json_object_begin(w);
}

void json_field_array(struct json_writer *w, const char *name)
{
    json_key(w, name);
    json_array_begin(w);
}

void json_field_string_or_null(struct json_writer *w, const char *name, Str s)
{
    json_key(w, name);
    if (s.p)
        json_put_string(w, s);
    else
        json_put_null(w);
}

void json_field_id_or_null(struct json_writer *w, const char *name, Id id)
{
    json_key(w, name);
    if (id_is_nil(id))
        json_put_null(w);
    else
        json_put_id(w, id);
}

void json_field_time_or_null(struct json_writer *w, const char *name, int64_t ms)
{
    json_key(w, name);
    if (ms)
        json_put_time(w, ms);
    else
        json_put_null(w);
}

/* ---- in ---- */

static const json_t *theirs(const struct json_value *v)
{
    return (const json_t *)v;
}

/* Without regard to whether the text is valid: jansson sees to that. */
static bool too_deep(Str text)
{
    size_t brackets = 0, depth = 0;
    for (size_t i = 0; i < text.n; i++)
        brackets += (text.p[i] | 0x20) == '{'; /* or '[', the only two that this bit parts */
    if (brackets <= JSON_MAX_DEPTH)
        return false;
    bool inside = false;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (inside && c == '\\')
            i++;
        else if (c == '"')
            inside = !inside;
        else if (!inside && (c | 0x20) == '{' && ++depth > JSON_MAX_DEPTH)
            return true;
        else if (!inside && (c | 0x20) == '}' && depth)
            depth--;
    }
    return false;
}

static const char *reason(const json_error_t *error)
{
    switch (json_error_code(error)) {
    case json_error_invalid_utf8:
        return "The JSON is not valid UTF-8.";
    case json_error_null_character:
        return "The JSON holds the character U+0000.";
    case json_error_premature_end_of_input:
        return "The JSON ends too early.";
    case json_error_end_of_input_expected:
        return "Something follows the JSON value.";
    default:
        return strstr(error->text, "invalid Unicode") ? "The JSON holds half a surrogate pair."
                                                      : "The JSON has a syntax error.";
    }
}

static size_t digits(Str s)
{
    size_t n = 0;
    while (n < s.n && s.p[n] >= '0' && s.p[n] <= '9')
        n++;
    return n;
}

/* Bytes of the number at the start of s, RFC 8259 section 6; 0: there is none. */
static size_t number_length(Str s)
{
    size_t n = s.n && s.p[0] == '-';
    size_t whole = digits(str_skip(s, n));
    if (!whole)
        return 0;
    if (s.p[n] == '0')
        whole = 1;
    n += whole;
    if (n + 1 < s.n && s.p[n] == '.' && digits(str_skip(s, n + 1)))
        n += 1 + digits(str_skip(s, n + 1));
    if (n < s.n && (s.p[n] | 0x20) == 'e') {
        size_t sign = n + 1 < s.n && (s.p[n + 1] == '+' || s.p[n + 1] == '-');
        size_t power = digits(str_skip(s, n + 1 + sign));
        n += power ? 1 + sign + power : 0;
    }
    return n;
}

static bool is_int64(Str number)
{
    static const Str most = {"9223372036854775807", 19}, least = {"9223372036854775808", 19};
    bool negative = number.p[0] == '-';
    Str magnitude = str_skip(number, negative);
    if (digits(magnitude) < magnitude.n)
        return false;
    return magnitude.n < most.n ||
           (magnitude.n == most.n && memcmp(magnitude.p, negative ? least.p : most.p, most.n) <= 0);
}

/* The text with 0.5, a fraction as nobody reads one, in the place of each number that is no
 * int64_t. Never longer than the text. */
static void tame_numbers(Str text, struct buf *out)
{
    bool inside = false;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        Str rest = str_skip(text, i);
        size_t n = inside ? 0 : number_length(rest);
        bool tame = n >= 3 && !is_int64(str_from(rest.p, n));
        if (inside && c == '\\' && i + 1 < text.n)
            n = 2;
        else if (c == '"')
            inside = !inside;
        n = n ? n : 1;
        buf_add(out, tame ? S("0.5") : str_from(rest.p, n));
        i += n - 1;
    }
}

static json_t *load(Str text, json_error_t *error)
{
    return json_loadb(text.n ? text.p : "", text.n, JSON_DECODE_ANY, error);
}

static json_t *load_without_large_numbers(Str text, json_error_t *error)
{
    struct buf tamed = BUF(text.n + 1);
    tame_numbers(text, &tamed);
    json_t *root = load(buf_str(&tamed), error);
    buf_free(&tamed);
    return root;
}

Err json_parse(Str text, struct json_value **out, const char **why)
{
    static const Str mark = {"\xef\xbb\xbf", 3};
    json_error_t error;
    *out = NULL;
    if (str_starts(text, mark))
        text = str_skip(text, mark.n);
    if (too_deep(text)) {
        *why = "The JSON is nested too deep.";
        return ERR_INVALID_JSON;
    }
    json_t *root = load(text, &error);
    if (!root && json_error_code(&error) == json_error_numeric_overflow)
        root = load_without_large_numbers(text, &error);
    if (!root) {
        *why = reason(&error);
        return ERR_INVALID_JSON;
    }
    *out = (struct json_value *)root;
    return ERR_OK;
}

Err json_parse_object(Str text, struct json_value **out, const char **why)
{
    Err err = json_parse(text, out, why);
    if (!err && !json_is_object(theirs(*out))) {
        json_free(out);
        *why = "The JSON is not an object.";
        return ERR_INVALID_JSON;
    }
    return err;
}

void json_free(struct json_value **doc)
{
    json_decref((json_t *)*doc);
    *doc = NULL;
}

/* The field's value; NULL when absent or null. */
static const json_t *field(const struct json_value *object, const char *name)
{
    const json_t *v = json_object_get(theirs(object), name);
    return json_is_null(v) ? NULL : v;
}

static enum json_found found(const json_t *v, int type)
{
    if (!v)
        return JSON_ABSENT;
    return (int)json_typeof(v) == type ? JSON_FOUND : JSON_WRONG_TYPE;
}

enum json_found json_get_string(const struct json_value *object, const char *name, Str *out)
{
    const json_t *v = field(object, name);
    enum json_found is = found(v, JSON_STRING);
    if (is == JSON_FOUND)
        *out = str_from(json_string_value(v), json_string_length(v));
    return is;
}

enum json_found json_get_int(const struct json_value *object, const char *name, int64_t *out)
{
    const json_t *v = field(object, name);
    enum json_found is = found(v, JSON_INTEGER);
    if (is == JSON_FOUND)
        *out = json_integer_value(v);
    return is;
}

enum json_found json_get_bool(const struct json_value *object, const char *name, bool *out)
{
    const json_t *v = field(object, name);
    if (!v)
        return JSON_ABSENT;
    if (!json_is_boolean(v))
        return JSON_WRONG_TYPE;
    *out = json_is_true(v);
    return JSON_FOUND;
}

static enum json_found get_value(const struct json_value *object, const char *name, int type,
                                 const struct json_value **out)
{
    const json_t *v = field(object, name);
    enum json_found is = found(v, type);
    if (is == JSON_FOUND)
        *out = (const struct json_value *)v;
    return is;
}

enum json_found json_get_object(const struct json_value *object, const char *name,
                                const struct json_value **out)
{
    return get_value(object, name, JSON_OBJECT, out);
}

enum json_found json_get_array(const struct json_value *object, const char *name,
                               const struct json_value **out)
{
    return get_value(object, name, JSON_ARRAY, out);
}

enum json_found json_get_strings(const struct json_value *object, const char *name,
                                 struct arena *arena, Str **out, size_t *count)
{
    const struct json_value *array;
    enum json_found is = json_get_array(object, name, &array);
    if (is != JSON_FOUND)
        return is;
    size_t n = json_count(array);
    for (size_t i = 0; i < n; i++)
        if (!json_is_string(theirs(json_at(array, i))))
            return JSON_WRONG_TYPE;
    Str *strings = n ? arena_array(arena, Str, n) : NULL;
    for (size_t i = 0; i < n; i++)
        must(json_as_string(json_at(array, i), &strings[i]));
    *out = strings;
    *count = n;
    return JSON_FOUND;
}

bool json_has(const struct json_value *object, const char *name)
{
    return field(object, name) != NULL;
}

size_t json_count(const struct json_value *array)
{
    return json_array_size(theirs(array));
}

const struct json_value *json_at(const struct json_value *array, size_t i)
{
    return (const struct json_value *)json_array_get(theirs(array), i);
}

bool json_as_string(const struct json_value *v, Str *out)
{
    if (!json_is_string(theirs(v)))
        return false;
    *out = str_from(json_string_value(theirs(v)), json_string_length(theirs(v)));
    return true;
}
