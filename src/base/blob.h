/*
 * struct blob: immutable bytes that many readers share by reference count. Made once, never
 * changed, freed with the last reference. Counting is atomic, so a blob may cross threads; one that
 * has another form with it may not.
 */
#ifndef BASE_BLOB_H
#define BASE_BLOB_H

#include "base/str.h"

#include <stdatomic.h>

struct blob {
    atomic_uint refs;
    uint32_t mark; /* an offset that the maker gives a meaning; see the maker */
    size_t n;
    struct blob *other; /* another form of it, made when it is first asked for; or NULL */
    char p[];
};

/* Shared; one reference, the caller's. Copies s. */
struct blob *blob_new(Str s, uint32_t mark);

struct blob *blob_ref(struct blob *b);

/* Lets go of one reference and nulls the pointer. */
void blob_unref(struct blob **b);

static inline Str blob_str(const struct blob *b)
{
    return (Str){b->p, b->n};
}

#endif
