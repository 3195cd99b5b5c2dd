/*
 * HTTP request heads, paths, queries and chunked bodies. A head is the same however it was cut: a
 * shorter piece asks for more or fails, and never is a request. A chunked body gives the same bytes
 * read at once and byte by byte.
 */
#include "fuzz.h"

#include "codec/http.h"

enum { BODY_MAX = 4096 };

static const struct http_limits limits = {.head = 2048, .body = BODY_MAX, .more = 256};

static long decode_head(Str in, struct http_request *out)
{
    const char *why = NULL;
    Str copy = fuzz_copy(in);
    long used = http_decode_head(copy, &limits, out, &why);
    must(used <= (long)in.n && (used >= 0 || why));
    fuzz_free(&copy);
    return used;
}

/* Decodes the body in pieces of `step` bytes; returns the bytes used, or the error. */
static long decode_body(Str in, size_t step, struct buf *out)
{
    struct http_chunked state = {0};
    const char *why = NULL;
    bool done = false;
    size_t at = 0, have = 0;
    while (!done) {
        Str copy = fuzz_copy(str_from(in.p + at, have - at)), data = {0};
        long used = http_decode_chunk(copy, &state, &limits, &data, &done, &why);
        if (used >= 0)
            buf_add(out, data);
        fuzz_free(&copy);
        if (used < 0)
            return used;
        at += (size_t)used;
        if (used || done)
            continue;
        if (have == in.n)
            return 0;
        have = in.n - have < step ? in.n : have + step;
    }
    return (long)at;
}

static void check_body(Str in)
{
    struct buf whole = BUF(BODY_MAX), bytes = BUF(BODY_MAX);
    long a = decode_body(in, in.n ? in.n : 1, &whole), b = decode_body(in, 1, &bytes);
    must(a == b && !whole.overflow && !bytes.overflow);
    if (a > 0)
        must(str_eq(buf_str(&whole), buf_str(&bytes)));
    buf_free(&whole);
    buf_free(&bytes);
}

static void check_request(const struct http_request *r)
{
    struct arena arena = ARENA(64 * 1024);
    char path[2048];
    size_t n = 0;
    Str value;
    must(r->field_count <= HTTP_FIELDS_MAX && r->content_length >= -1);
    if (http_decode_path(r->path, path, &n))
        must(n <= r->path.n && path[0] == '/');
    (void)!http_query(r->query, S("ticket"), &arena, &value);
    (void)!http_has_token(r, S("Connection"), S("close"));
    arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Str in = str_from((const char *)data, size);
    size_t cut = fuzz_byte(&in) * 8u + fuzz_byte(&in) % 8u;
    struct http_request request, shorter;
    const char *why = NULL;
    Str copy = fuzz_copy(in);
    long used = http_decode_head(copy, &limits, &request, &why);
    if (used > 0) {
        check_request(&request);
        if (cut < (size_t)used)
            must(decode_head(str_from(in.p, cut), &shorter) == 0);
        check_body(str_skip(in, (size_t)used));
    }
    fuzz_free(&copy);
    return 0;
}
