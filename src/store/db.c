/* What does not depend on the engine. */
#include "store/driver.h"

#include <stdarg.h>
#include <stdio.h>

Err db_refuse(const char **why, const char *fmt, ...)
{
    static _Thread_local char sentence[512];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(sentence, sizeof sentence, fmt, ap);
    va_end(ap);
    *why = sentence;
    return ERR_INTERNAL;
}
