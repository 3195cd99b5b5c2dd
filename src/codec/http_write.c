/*
 * Response heads and chunks. One function a line instead of a struct of everything: routes differ
 * in their headers, and the buf's sticky overflow leaves one check at the end.
 */
#include "base/buf.h"
#include "base/mem.h"
#include "codec/http.h"

#include <time.h>

Str http_reason(int status)
{
    static const struct {
        int status;
        Str text;
    } reasons[] = {
        {100, S("Continue")},
        {101, S("Switching Protocols")},
        {200, S("OK")},
        {201, S("Created")},
        {202, S("Accepted")},
        {204, S("No Content")},
        {206, S("Partial Content")},
        {301, S("Moved Permanently")},
        {302, S("Found")},
        {303, S("See Other")},
        {304, S("Not Modified")},
        {307, S("Temporary Redirect")},
        {308, S("Permanent Redirect")},
        {400, S("Bad Request")},
        {401, S("Unauthorized")},
        {403, S("Forbidden")},
        {404, S("Not Found")},
        {405, S("Method Not Allowed")},
        {406, S("Not Acceptable")},
        {408, S("Request Timeout")},
        {409, S("Conflict")},
        {410, S("Gone")},
        {411, S("Length Required")},
        {412, S("Precondition Failed")},
        {413, S("Content Too Large")},
        {414, S("URI Too Long")},
        {415, S("Unsupported Media Type")},
        {416, S("Range Not Satisfiable")},
        {417, S("Expectation Failed")},
        {422, S("Unprocessable Content")},
        {426, S("Upgrade Required")},
        {428, S("Precondition Required")},
        {429, S("Too Many Requests")},
        {431, S("Request Header Fields Too Large")},
        {500, S("Internal Server Error")},
        {501, S("Not Implemented")},
        {502, S("Bad Gateway")},
        {503, S("Service Unavailable")},
        {504, S("Gateway Timeout")},
        {505, S("HTTP Version Not Supported")},
    };
    for (size_t i = 0; i < countof(reasons); i++)
        if (reasons[i].status == status)
            return reasons[i].text;
    return S("Unknown");
}

void http_status(struct buf *out, int status)
{
    must(status >= 100 && status <= 999);
    buf_add(out, S("HTTP/1.1 "));
    buf_uint(out, (uint64_t)status);
    buf_byte(out, ' ');
    buf_add(out, http_reason(status));
    buf_add(out, S("\r\n"));
}

static bool is_control(char c)
{
    return ((unsigned char)c < 0x20 && c != '\t') || c == 0x7f;
}

void http_header_add(struct buf *out, Str name, Str value)
{
    buf_add(out, name);
    buf_add(out, S(": "));
    while (value.n) {
        size_t clean = 0;
        while (clean < value.n && !is_control(value.p[clean]))
            clean++;
        buf_add(out, str_from(value.p, clean));
        value = str_skip(value, clean + 1);
    }
    buf_add(out, S("\r\n"));
}

void http_header_uint(struct buf *out, Str name, uint64_t value)
{
    buf_add(out, name);
    buf_add(out, S(": "));
    buf_uint(out, value);
    buf_add(out, S("\r\n"));
}

/* Not strftime: its names depend on the locale. */
void http_header_date(struct buf *out, Str name, int64_t now)
{
    static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t seconds = (time_t)(now / 1000);
    struct tm tm;
    must(gmtime_r(&seconds, &tm));
    buf_fmt(out, STR_FMT ": %s, %02d %s %04d %02d:%02d:%02d GMT\r\n", STR_ARG(name),
            days[tm.tm_wday], tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour,
            tm.tm_min, tm.tm_sec);
}

void http_head_end(struct buf *out)
{
    buf_add(out, S("\r\n"));
}

void http_chunk_add(struct buf *out, Str data)
{
    if (data.n == 0)
        return;
    buf_fmt(out, "%zx\r\n", data.n);
    buf_add(out, data);
    buf_add(out, S("\r\n"));
}

void http_chunk_end(struct buf *out)
{
    buf_add(out, S("0\r\n\r\n"));
}
