/* JSON texts: what is accepted is walked and its strings written again, which must read the same.
 */
#include "fuzz.h"

#include "codec/json.h"

static void check_string(Str s)
{
    struct buf text = BUF(1 << 20);
    struct json_writer w = {.out = &text};
    struct json_value *doc = NULL;
    const char *why = NULL;
    Str again;
    json_array_begin(&w);
    json_put_string(&w, s);
    json_array_end(&w);
    must(json_parse(buf_str(&text), &doc, &why) == ERR_OK);
    must(json_as_string(json_at(doc, 0), &again) && str_eq(again, s));
    json_free(&doc);
    buf_free(&text);
}

static void walk(const struct json_value *v, int depth)
{
    Str s;
    must(depth <= JSON_MAX_DEPTH);
    if (json_as_string(v, &s))
        check_string(s);
    for (size_t i = 0; i < json_count(v); i++)
        walk(json_at(v, i), depth + 1);
}

static void read_fields(const struct json_value *object)
{
    struct arena arena = ARENA(1 << 20);
    const struct json_value *inner;
    Str s, *list;
    size_t n;
    int64_t i;
    bool b;
    if (json_get_string(object, "message", &s) == JSON_FOUND)
        check_string(s);
    (void)!json_get_int(object, "n", &i);
    (void)!json_get_bool(object, "b", &b);
    (void)!json_get_object(object, "o", &inner);
    if (json_get_array(object, "a", &inner) == JSON_FOUND)
        walk(inner, 1);
    (void)!json_get_strings(object, "userNames", &arena, &list, &n);
    arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Str copy = fuzz_copy(str_from((const char *)data, size));
    struct json_value *doc = NULL;
    const char *why = NULL;
    json_setup();
    Err err = json_parse(copy, &doc, &why);
    must(err ? !doc && why : doc != NULL);
    if (!err) {
        walk(doc, 0); /* depth: of what is around a value */
        read_fields(doc);
    }
    json_free(&doc);
    fuzz_free(&copy);
    return 0;
}
