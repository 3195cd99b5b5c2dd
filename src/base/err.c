#include "base/err.h"

#include "base/mem.h"

static const struct {
    int status;
    Str code;
    Str text;
} errs[] = {
#define X(name, status, text) {status, {#name, sizeof #name - 1}, {text, sizeof(text) - 1}},
    ERR_LIST(X)
#undef X
};

int err_status(Err e)
{
    must(e < ERR_COUNT);
    return errs[e].status;
}

Str err_code(Err e)
{
    must(e < ERR_COUNT);
    return errs[e].code;
}

Str err_text(Err e)
{
    must(e < ERR_COUNT);
    return errs[e].text;
}
