/*
 * What the fuzzers share. Each file here is one fuzzer: libFuzzer's entry point for one parser, or
 * for a whole connection. It aborts (must) when a promise of the parser's header is broken; the
 * sanitizers find the rest. `make fuzz` runs them; `make test` replays the inputs in corpus/.
 */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"

#include <stdint.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A copy of exactly these bytes, so that a read behind their end is found. Owned: fuzz_free. */
static inline Str fuzz_copy(Str s)
{
    char *p = mem_resize(NULL, s.n ? s.n : 1);
    memcpy(p, s.p, s.n);
    return str_from(p, s.n);
}

static inline void fuzz_free(Str *s)
{
    mem_free((char *)(uintptr_t)s->p);
    *s = (Str){0};
}

/* Takes the next byte of the input; 0 when there is none. */
static inline uint8_t fuzz_byte(Str *in)
{
    uint8_t b = in->n ? (uint8_t)in->p[0] : 0;
    *in = str_skip(*in, in->n ? 1 : 0);
    return b;
}

/* Takes the next n bytes, or what is left. */
static inline Str fuzz_take(Str *in, size_t n)
{
    Str s = str_from(in->p, n < in->n ? n : in->n);
    *in = str_skip(*in, s.n);
    return s;
}

#endif
