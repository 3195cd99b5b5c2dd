/*
 * JSON, RFC 8259. Out: a small writer onto a buf, made for the hot path. In: a strict parser of
 * whole texts and getters that say whether a field is there, absent or of a wrong type. It does not
 * know any message's fields, nor streams of JSON; the caller limits a text's size before.
 *
 * json_setup once, before the first thread. A writer and a document belong to one thread at a time;
 * reading one document from several at once is fine.
 *
 * More functions than other headers have, because one for each type is what keeps callers short.
 */
#ifndef CODEC_JSON_H
#define CODEC_JSON_H

#include "base/err.h"
#include "base/id.h"
#include "base/str.h"

struct arena;
struct buf;

#define JSON_MAX_DEPTH 32 /* arrays and objects inside each other, in a text that is parsed */

void json_setup(void);

/* ---- out ---- */

/*
 * Puts the commas; that begin and end match is the caller's care. Overflow is the buf's: check it
 * once at the end. Texts must be valid UTF-8. Names are written as they are: plain ASCII without
 * quotes or backslashes.
 *     struct json_writer w = {.out = &buf};
 *     json_object_begin(&w);
 *     json_field_string(&w, "type", S("SEND_MSG"));
 *     json_object_end(&w);
 */
struct json_writer {
    struct buf *out; /* borrowed */
    bool comma;      /* one is due before the next value */
};

void json_object_begin(struct json_writer *w);
void json_object_end(struct json_writer *w);
void json_array_begin(struct json_writer *w);
void json_array_end(struct json_writer *w);

/* The name of the next value. */
void json_key(struct json_writer *w, const char *name);

/* One value each. */
void json_put_string(struct json_writer *w, Str s);
void json_put_int(struct json_writer *w, int64_t v);
void json_put_bool(struct json_writer *w, bool v);
void json_put_null(struct json_writer *w);
void json_put_id(struct json_writer *w, Id id);
void json_put_time(struct json_writer *w, int64_t ms); /* "2026-04-25T12:00:00.123Z" */
void json_put_raw(struct json_writer *w, Str json);    /* one value that is JSON already */

/* A name and its value. */
void json_field_string(struct json_writer *w, const char *name, Str s);
void json_field_int(struct json_writer *w, const char *name, int64_t v);
void json_field_bool(struct json_writer *w, const char *name, bool v);
void json_field_null(struct json_writer *w, const char *name);
void json_field_id(struct json_writer *w, const char *name, Id id);
void json_field_time(struct json_writer *w, const char *name, int64_t ms);
void json_field_raw(struct json_writer *w, const char *name, Str json);
void json_field_object(struct json_writer *w, const char *name); /* begins it */
void json_field_array(struct json_writer *w, const char *name);  /* begins it */

/* null when there is none: a Str whose .p is NULL, a nil id, the time 0. */
void json_field_string_or_null(struct json_writer *w, const char *name, Str s);
void json_field_id_or_null(struct json_writer *w, const char *name, Id id);
void json_field_time_or_null(struct json_writer *w, const char *name, int64_t ms);

/* ---- in ---- */

struct json_value; /* any value; of the root, the owned document */

enum json_found { JSON_FOUND, JSON_ABSENT, JSON_WRONG_TYPE };

/* Parses a whole text into *out, owned: json_free. ERR_INVALID_JSON with *why, a sentence for the
 * client: not valid UTF-8, U+0000, a lone surrogate, nested deeper than JSON_MAX_DEPTH, anything
 * after the value. A byte order mark before it is passed over. A number past 64 bits is one that
 * no getter takes. Of a name given twice the last counts. The text is not needed after. */
must_check Err json_parse(Str text, struct json_value **out, const char **why);

/* The same, and the root must be an object. */
must_check Err json_parse_object(Str text, struct json_value **out, const char **why);

/* Frees the document that json_parse gave and nulls the pointer. */
void json_free(struct json_value **doc);

/* The field of an object. What they give is borrowed from the document until json_free, and
 * written only when JSON_FOUND. null counts as absent; of a value that is no object every field is
 * absent. An int is a number without fraction or exponent, in the range of int64_t. */
must_check enum json_found json_get_string(const struct json_value *object, const char *name,
                                           Str *out);
must_check enum json_found json_get_int(const struct json_value *object, const char *name,
                                        int64_t *out);
must_check enum json_found json_get_bool(const struct json_value *object, const char *name,
                                         bool *out);
must_check enum json_found json_get_object(const struct json_value *object, const char *name,
                                           const struct json_value **out);
must_check enum json_found json_get_array(const struct json_value *object, const char *name,
                                          const struct json_value **out);

/* An array whose elements are all strings, as an array in arena; the strings are borrowed from the
 * document. JSON_WRONG_TYPE when an element is anything else. */
must_check enum json_found json_get_strings(const struct json_value *object, const char *name,
                                            struct arena *arena, Str **out, size_t *count);

/* Is there a field of that name other than null, of whatever type? */
must_check bool json_has(const struct json_value *object, const char *name);

/* Elements of an array, 0 of anything else; and the i-th of them, i below that. */
size_t json_count(const struct json_value *array);
const struct json_value *json_at(const struct json_value *array, size_t i);

/* False when it is not a string. */
must_check bool json_as_string(const struct json_value *v, Str *out);

#endif
