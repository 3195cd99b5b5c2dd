/* SockJS: paths, callbacks, the messages that a client sends, and elements that say what they were
 * made of. */
#include "fuzz.h"

#include "base/utf8.h"
#include "codec/json.h"
#include "codec/sockjs.h"

static void check_element(Str text)
{
    struct buf element = BUF(1 << 20), back = BUF(1 << 20), frame = BUF(1 << 21);
    size_t points;
    if (utf8_count(text, &points) && !memchr(text.p, 0, text.n)) {
        sockjs_element(&element, text);
        sockjs_array(&frame, buf_str(&element));
        must(frame.n > 2 && frame.p[0] == 'a');
        Str array = str_skip(buf_str(&frame), 1);
        must(sockjs_decode(array, &back) == SOCKJS_MESSAGES && str_eq(buf_str(&back), text));
    }
    buf_free(&element);
    buf_free(&back);
    buf_free(&frame);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Str in = str_from((const char *)data, size);
    struct buf out = BUF(1 << 20), wrapped = BUF(1 << 22);
    json_setup();
    Str copy = fuzz_copy(in);
    struct sockjs_path path = sockjs_path(copy);
    must(path.endpoint < SOCKJS_ENDPOINTS);
    (void)sockjs_callback_valid(copy);
    enum sockjs_decoded got = sockjs_decode(copy, &out);
    must(out.n <= in.n && (got == SOCKJS_MESSAGES || got == SOCKJS_MESSAGE || !out.n));
    if (in.n && in.n < 4096)
        check_element(copy);
    for (int t = SOCKJS_XHR; t < SOCKJS_ENDPOINTS && in.n < 4096; t++)
        if (t != SOCKJS_XHR_SEND && t != SOCKJS_JSONP_SEND)
            sockjs_wrap(&wrapped, (enum sockjs_endpoint)t, S("cb"), buf_str(&out));
    must(!wrapped.overflow);
    fuzz_free(&copy);
    buf_free(&out);
    buf_free(&wrapped);
    return 0;
}
