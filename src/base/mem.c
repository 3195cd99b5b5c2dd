#include "base/mem.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

static void *checked(void *p)
{
    if (!p) {
        fputs("whispd: out of memory\n", stderr);
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
    malloc_trim(0);
}

void mem_broken(const char *cond, const char *file, int line)
{
    fprintf(stderr, "whispd: broken promise: %s (%s:%d)\n", cond, file, line);
    abort();
}
