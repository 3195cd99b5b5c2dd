/*
 * Fields of a request, taken out one by one: each helper leaves a sentence that names the field, so
 * that a decoder is a list of fields and nothing else. A schema language was turned down: the few
 * shapes there are differ in their rules, which are the domain's.
 */
#include "api/request.h"

#include "base/mem.h"
#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>

Err request_fail(struct request *r, Err e, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    r->why = arena_str(&r->arena, str_of(text));
    return e;
}

Err request_id(struct request *r, Str text, const char *name, Id *out)
{
    if (id_parse(text, out))
        return ERR_OK;
    return request_fail(r, ERR_INVALID_ID, "%s must be a UUID.", name);
}

Err request_optional(struct request *r, const char *name, Str *out)
{
    *out = (Str){0};
    if (json_get_string(r->json, name, out) != JSON_WRONG_TYPE)
        return ERR_OK;
    return request_fail(r, ERR_INVALID_FIELD, "%s must be a string.", name);
}

Err request_string(struct request *r, const char *name, Str *out)
{
    Err e = request_optional(r, name, out);
    if (!e && !out->p)
        e = request_fail(r, ERR_INVALID_FIELD, "%s is missing; it must be a string.", name);
    return e;
}

Err request_string_id(struct request *r, const char *name, Id *out)
{
    Str text;
    Err e = request_string(r, name, &text);
    return e ? e : request_id(r, text, name, out);
}

Err request_query(struct request *r, const char *name, Str *out)
{
    *out = (Str){0};
    if (!http_query(r->head.query, str_of(name), &r->arena, out) || utf8_valid(*out))
        return ERR_OK;
    return request_fail(r, ERR_INVALID_FIELD, "%s is not valid UTF-8.", name);
}

Err request_number(struct request *r, const char *name, int64_t min, int64_t max, int64_t fallback,
                   int64_t *out)
{
    Str text;
    uint64_t value;
    must(min >= 0 && min <= max);
    Err e = request_query(r, name, &text);
    if (e)
        return e;
    if (!text.p) {
        *out = fallback;
        return ERR_OK;
    }
    if (!str_to_uint(text, (uint64_t)max, &value) || value < (uint64_t)min)
        return request_fail(r, ERR_INVALID_FIELD, "%s must be a whole number from %lld to %lld.",
                            name, (long long)min, (long long)max);
    *out = (int64_t)value;
    return ERR_OK;
}

Err request_size(struct request *r, const char *name, int64_t max, int64_t fallback, int64_t *out)
{
    Str text;
    uint64_t value;
    Err e = request_query(r, name, &text);
    if (e)
        return e;
    bool digits = text.n > 0;
    for (size_t i = 0; i < text.n; i++)
        digits = digits && text.p[i] >= '0' && text.p[i] <= '9';
    if (!text.p)
        *out = fallback;
    else if (digits && !str_to_uint(text, (uint64_t)max, &value))
        *out = max;
    else if (digits && value > 0)
        *out = (int64_t)value;
    else
        return request_fail(r, ERR_INVALID_FIELD, "%s must be a whole number from 1 to %lld.", name,
                            (long long)max);
    return ERR_OK;
}

Err request_flag(struct request *r, const char *name, bool fallback, bool *out)
{
    Str text;
    Err e = request_query(r, name, &text);
    if (e)
        return e;
    *out = text.p ? str_eq(text, S("true")) : fallback;
    if (text.p && !*out && !str_eq(text, S("false")))
        return request_fail(r, ERR_INVALID_FIELD, "%s must be true or false.", name);
    return ERR_OK;
}

Str request_bearer(Str value)
{
    const Str scheme = S("Bearer ");
    for (int i = 0; i < 2; i++) {
        if (value.n < scheme.n || !str_eq_nocase(str_from(value.p, scheme.n), scheme))
            break;
        value = str_trim(str_skip(value, scheme.n));
    }
    return value;
}

void request_header(struct request *r, Str name, Str value)
{
    http_header_add(&r->headers, name, value);
}

Err request_empty(struct request *r)
{
    buf_add(&r->out, S("{}"));
    return ERR_OK;
}

void request_finish(struct request *r)
{
    r->finished = true;
}
