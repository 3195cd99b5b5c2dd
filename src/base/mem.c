#include "base/mem.h"

#include "base/log.h"

#include <malloc.h>
#include <stdlib.h>

static void *checked(void *p)
{
    if (!p) {
        log_event(LOG_ERROR, "out of memory");
        log_flush();
        abort();
    }
    return p;
}

void *mem_alloc(size_t size)
{
    return checked(calloc(1, size ? size : 1));
}

void *mem_resize(void *p, size_t size)
{
    return checked(realloc(p, size ? size : 1));
}

void mem_free(void *p)
{
    free(p);
}

void mem_trim(void)
{
#ifndef __SANITIZE_THREAD__ /* whose allocator leaves the C library's without its first arena */
    malloc_trim(0);
#endif
}

void mem_broken(const char *cond, const char *file, int line)
{
    log_event(LOG_ERROR, "broken promise", log_s("condition", str_of(cond)),
              log_s("file", str_of(file)), log_n("line", line));
    log_flush();
    abort();
}
