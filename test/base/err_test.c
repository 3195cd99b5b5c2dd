/* The list of errors: clients rely on each code, status and sentence. */
#include "base/err.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void some_of_the_contract(void **state)
{
    (void)state;
    static const struct {
        Err err;
        int status;
        const char *code;
    } rows[] = {
        {ERR_OK, 200, "OK"},
        {ERR_INVALID_JSON, 400, "INVALID_JSON"},
        {ERR_AUTH_INVALID_TOKEN, 401, "AUTH_INVALID_TOKEN"},
        {ERR_NOT_A_MEMBER, 403, "NOT_A_MEMBER"},
        {ERR_CHAT_NOT_FOUND, 404, "CHAT_NOT_FOUND"},
        {ERR_ALREADY_MEMBER, 409, "ALREADY_MEMBER"},
        {ERR_PAYLOAD_TOO_LARGE, 413, "PAYLOAD_TOO_LARGE"},
        {ERR_RATE_LIMITED, 429, "RATE_LIMITED"},
        {ERR_INTERNAL, 500, "INTERNAL"},
        {ERR_OVERLOADED, 503, "OVERLOADED"},
    };
    for (size_t i = 0; i < countof(rows); i++) {
        assert_int_equal(err_status(rows[i].err), rows[i].status);
        assert_true(str_eq(err_code(rows[i].err), str_of(rows[i].code)));
    }
    assert_int_equal(ERR_OK, 0);
}

static void each_has_a_code_of_its_own_and_a_sentence(void **state)
{
    (void)state;
    for (Err e = ERR_OK; e < ERR_COUNT; e++) {
        Str code = err_code(e), text = err_text(e);
        print_message("  " STR_FMT "\n", STR_ARG(code));
        assert_true(e == ERR_OK || (err_status(e) >= 400 && err_status(e) < 600));
        assert_true(code.n > 0);
        for (size_t i = 0; i < code.n; i++)
            assert_true((code.p[i] >= 'A' && code.p[i] <= 'Z') || code.p[i] == '_');
        assert_true(text.n > 1 && text.p[0] >= 'A' && text.p[0] <= 'Z');
        assert_int_equal(text.p[text.n - 1], '.');
        for (Err other = ERR_OK; other < e; other++)
            assert_false(str_eq(code, err_code(other)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(some_of_the_contract),
        cmocka_unit_test(each_has_a_code_of_its_own_and_a_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
