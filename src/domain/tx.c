#include "domain/tx.h"

#include <stdarg.h>
#include <stdio.h>

Err tx_fail(struct tx *tx, Err e, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    tx->why = arena_str(tx->arena, str_of(text));
    return e;
}

Err tx_done(const struct tx *tx, Err e)
{
    return db_failed(tx->db) ? ERR_INTERNAL : e;
}
