#include "base/blob.h"

#include "base/mem.h"

struct blob *blob_new(Str s, uint32_t mark)
{
    struct blob *b = mem_resize(NULL, sizeof *b + s.n);
    atomic_init(&b->refs, 1);
    b->mark = mark;
    b->n = s.n;
    b->other = NULL;
    memcpy(b->p, s.p, s.n);
    return b;
}

struct blob *blob_ref(struct blob *b)
{
    atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
    return b;
}

void blob_unref(struct blob **b)
{
    if (*b && atomic_fetch_sub_explicit(&(*b)->refs, 1, memory_order_acq_rel) == 1) {
        if ((*b)->other)
            blob_unref(&(*b)->other);
        mem_free(*b);
    }
    *b = NULL;
}
