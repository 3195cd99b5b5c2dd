/*
 * Id: a UUID as 16 bytes, a value. New ones are UUIDv7 (RFC 9562 section 5.7): time-ordered, the
 * rest random. Text is lower case and hyphenated. Ids are never compared as times. Any thread.
 */
#ifndef BASE_ID_H
#define BASE_ID_H

#include "base/str.h"

#define ID_TEXT 36

typedef struct {
    uint8_t b[16];
} Id;

/* now: milliseconds since the epoch. */
Id id_new(int64_t now);

/* Writes 36 characters, no NUL. */
void id_format(Id id, char out[ID_TEXT]);

/* Accepts upper case too; false when it is not a hyphenated UUID. */
bool id_parse(Str s, Id *out) __attribute__((warn_unused_result));

static inline bool id_eq(Id a, Id b)
{
    return memcmp(a.b, b.b, sizeof a.b) == 0;
}

bool id_is_nil(Id id);

#endif
