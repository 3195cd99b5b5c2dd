#include "bench/rest.h"

#include "base/buf.h"
#include "base/mem.h"
#include "bench/die.h"

#include <strings.h>

enum { ANSWER_MAX = 1024 * 1024, REQUEST_MAX = 1024 * 1024, NAME = 64 };

Str rest_header(Str answer, const char *name)
{
    char line[NAME];
    int n = snprintf(line, sizeof line, "\r\n%s", name);
    const char *end = memmem(answer.p, answer.n, "\r\n\r\n", 4);
    for (const char *at = answer.p; end && at + n < end; at++) {
        if (strncasecmp(at, line, (size_t)n) == 0) {
            Str rest = str_from(at + n, (size_t)(end - at) - (size_t)n);
            return str_cut(&rest, '\r');
        }
    }
    return S("");
}

size_t rest_answer(Str in, int *status, Str *body)
{
    enum { STATUS_AT = 9, STATUS_END = 12 };
    uint64_t n = 0;
    const char *end = memmem(in.p, in.n, "\r\n\r\n", 4);
    if (!end)
        return 0;
    size_t head = (size_t)(end - in.p) + 4;
    if (head < STATUS_END || !str_to_uint(str_from(in.p + STATUS_AT, 3), 999, &n))
        die("not HTTP: " STR_FMT, STR_ARG(in));
    *status = (int)n;
    if (!str_to_uint(rest_header(in, "Content-Length: "), ANSWER_MAX, &n))
        n = 0;
    if (in.n < head + n)
        return 0;
    *body = str_from(in.p + head, n);
    return head + n;
}

void rest_ask(int fd, const struct target *target, const char *method, const char *path,
              const char *headers, const char *body)
{
    struct buf out = BUF(REQUEST_MAX);
    buf_fmt(&out, "%s %s HTTP/1.1\r\nHost: %s\r\n%s", method, path, target->host, headers);
    if (body)
        buf_fmt(&out, "Content-Type: application/json\r\nContent-Length: %zu\r\n", strlen(body));
    buf_fmt(&out, "\r\n%s", body ? body : "");
    must(!out.overflow);
    if (send(fd, out.p, out.n, MSG_NOSIGNAL) != (ssize_t)out.n)
        die("%s %s: the server does not take it", method, path);
    buf_free(&out);
}

Str rest_take(int fd, int *status, Str *body)
{
    static char in[ANSWER_MAX];
    size_t n = 0;
    do {
        ssize_t got = recv(fd, in + n, sizeof in - n, 0);
        if (got <= 0)
            die("no whole answer from the server");
        n += (size_t)got;
    } while (!rest_answer(str_from(in, n), status, body));
    return str_from(in, n);
}

Str rest_field(Str json, const char *name)
{
    char key[NAME];
    int n = snprintf(key, sizeof key, "\"%s\":\"", name);
    const char *at = memmem(json.p, json.n, key, (size_t)n);
    if (!at)
        die("no %s in " STR_FMT, name, STR_ARG(json));
    Str rest = str_skip(json, (size_t)(at - json.p) + (size_t)n);
    return str_cut(&rest, '"');
}
