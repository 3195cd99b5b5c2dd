/*
 * Each file is there twice, plain and compressed by the build (Makefile), so that nothing is
 * compressed here. The ETag is what ends every gzip stream anyway: the CRC-32 and the length of the
 * plain bytes (RFC 1952 section 2.3.1). Clients may keep a page but must ask whether it is still
 * the one, so that after an upgrade no page meets the script or document of another version.
 */
#include "api/pages.h"

#include "base/mem.h"

enum { GZIP_TRAILER = 8 };

#define PART(name, path)                                                                           \
    __asm__(".section .rodata\n" #name ":\n.incbin \"" path "\"\n" #name "_end:\n.previous\n");    \
    extern const char name[] __attribute__((visibility("hidden")));                                \
    extern const char name##_end[] __attribute__((visibility("hidden")))
#define PAGE(name, path)                                                                           \
    PART(name, path);                                                                              \
    PART(name##_gzip, "build/pages/" path ".gz")

PAGE(page_chat, "docs/openapi/chat.json");
PAGE(page_management, "docs/openapi/management.json");
PAGE(page_asyncapi, "docs/openapi/asyncapi.json");
PAGE(page_reference, "src/api/pages/reference.html");
PAGE(page_style, "src/api/pages/style.css");
PAGE(page_script, "build/pages/redoc.js"); /* or what stands for it: Makefile */
PAGE(page_index_api, "src/api/pages/chat.html");
PAGE(page_index_management, "src/api/pages/management.html");

/*
 * For the pages. On that of the reference Redoc makes style elements: empty ones, whose rules it
 * then adds by script (the first hash is that of no text), and one for its scroll bars (the
 * second).
 */
#define POLICY                                                                                     \
    "default-src 'none'; script-src 'self'; connect-src 'self'; img-src 'self' data:; "            \
    "style-src 'self' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=' "                      \
    "'sha256-QMIg+bpjm3JdElJ388KYke01izlUW0UoNOeKjpMxdgc='; "                                      \
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

#define AT(url)                                                                                    \
    {                                                                                              \
        .method = HTTP_GET, .path = (url)                                                          \
    }
#define OF(name) name, name##_end, name##_gzip, name##_gzip_end
#define JSON "application/json"
#define HTML html
#define CSS "text/css; charset=utf-8"
#define SCRIPT "text/javascript; charset=utf-8"

static const char html[] = "text/html; charset=utf-8";

struct page {
    struct route route;
    const char *type;
    const char *plain, *plain_end;
    const char *gzip, *gzip_end;
};

static const struct page pages_api[] = {
    {AT("/"), HTML, OF(page_index_api)},
    {AT("/openapi.json"), JSON, OF(page_chat)},
    {AT("/asyncapi.json"), JSON, OF(page_asyncapi)},
    {AT("/reference"), HTML, OF(page_reference)},
    {.route = AT("/reference/")}, /* goes there */
    {AT("/reference/style.css"), CSS, OF(page_style)},
    {AT("/reference/redoc.js"), SCRIPT, OF(page_script)},
};

static const struct page pages_management[] = {
    {AT("/"), HTML, OF(page_index_management)},
    {AT("/openapi.json"), JSON, OF(page_management)},
    {AT("/reference"), HTML, OF(page_reference)},
    {.route = AT("/reference/")}, /* goes there */
    {AT("/reference/style.css"), CSS, OF(page_style)},
    {AT("/reference/redoc.js"), SCRIPT, OF(page_script)},
};

static const struct {
    const struct page *pages;
    size_t n;
} surfaces[SURFACES] = {
    [SURFACE_API] = {pages_api, countof(pages_api)},
    [SURFACE_MANAGEMENT] = {pages_management, countof(pages_management)},
};

const struct route *pages_route(enum surface surface, size_t i)
{
    return i < surfaces[surface].n ? &surfaces[surface].pages[i].route : NULL;
}

/* One for each coding, since they are other bytes (RFC 9110 section 8.8.3). */
static Str etag(struct exchange *x, const struct page *p, const char *coding)
{
    uint8_t b[GZIP_TRAILER];
    memcpy(b, p->gzip_end - GZIP_TRAILER, sizeof b);
    return arena_fmt(&x->request.arena, "\"%02x%02x%02x%02x-%02x%02x%02x%02x%s\"", b[3], b[2], b[1],
                     b[0], b[7], b[6], b[5], b[4], coding);
}

static void answer(struct exchange *x, const struct page *p)
{
    struct buf *headers = &x->request.headers;
    bool gzip = http_has_token(&x->request.head, S("Accept-Encoding"), S("gzip"));
    Str tag = etag(x, p, gzip ? "-gzip" : "");
    const char *from = gzip ? p->gzip : p->plain, *to = gzip ? p->gzip_end : p->plain_end;
    x->cache = S("no-cache");
    http_header_add(headers, S("ETag"), tag);
    http_header_add(headers, S("Vary"), S("Accept-Encoding"));
    if (p->type == html)
        http_header_add(headers, S("Content-Security-Policy"), S(POLICY));
    if (answer_etag_matches(x, tag)) {
        answer_text(x, 304, S(""), S(""));
        return;
    }
    if (gzip)
        http_header_add(headers, S("Content-Encoding"), S("gzip"));
    answer_constant(x, str_of(p->type), str_from(from, (size_t)(to - from)));
}

/* The links of the pages are relative, so that they lead on behind a proxy that takes the first
 * part of a path off. From "/reference/" they would lead astray. */
static void redirect(struct exchange *x)
{
    http_header_add(&x->request.headers, S("Location"), S("../reference"));
    answer_text(x, 308, S(""), S(""));
}

bool pages_answer(struct exchange *x)
{
    enum surface surface = conn_surface(x->conn);
    enum http_method method = x->request.head.method;
    for (size_t i = 0; i < surfaces[surface].n; i++) {
        const struct page *p = &surfaces[surface].pages[i];
        if (!str_eq(x->path, str_of(p->route.path)))
            continue;
        if (method != HTTP_GET && method != HTTP_HEAD)
            answer_method(x, S("GET, HEAD"));
        else if (p->plain)
            answer(x, p);
        else
            redirect(x);
        return true;
    }
    return false;
}
