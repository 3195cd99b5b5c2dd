/* Exact up to twice HIST_SUB, then HIST_SUB buckets for each power of two. */
#include "bench/hist.h"

#include <stddef.h>

static const int64_t HOUR_US = 3600ll * 1000 * 1000;

static size_t bucket_of(uint32_t us)
{
    if (us < HIST_SUB)
        return us;
    unsigned shift =
        25 - (unsigned)__builtin_clz(us); /* us >> shift is HIST_SUB to 2 HIST_SUB - 1 */
    return (size_t)shift * HIST_SUB + (us >> shift);
}

/* The least duration of the bucket behind it, less one: the greatest of its own. */
static uint32_t top_of(size_t bucket)
{
    if (bucket < 2 * (size_t)HIST_SUB)
        return (uint32_t)bucket;
    unsigned shift = (unsigned)(bucket / HIST_SUB) - 1;
    return (uint32_t)(((bucket - (size_t)shift * HIST_SUB + 1) << shift) - 1);
}

void hist_add(struct hist *h, int64_t us)
{
    uint32_t value = us < 0 ? 0 : (uint32_t)(us < HOUR_US ? us : HOUR_US);
    h->counts[bucket_of(value)]++;
    h->n++;
    if (value > h->max)
        h->max = value;
}

uint32_t hist_at(const struct hist *h, double share)
{
    uint64_t due = (uint64_t)(share * (double)h->n), seen = 0;
    for (size_t i = 0; i < HIST_BUCKETS; i++) {
        seen += h->counts[i];
        if (seen > due)
            return top_of(i) < h->max ? top_of(i) : h->max;
    }
    return h->max;
}
