/* UUIDs: text both ways, and what version 7 promises. */
#include "base/id.h"

#include "base/mem.h"
#include "base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const Id example = {{0x01, 0x9a, 0xbc, 0xde, 0xf0, 0x12, 0x73, 0x45, 0x86, 0x78, 0x9a, 0xbc,
                            0xde, 0xf0, 0x12, 0xff}};

static void text(void **state)
{
    (void)state;
    char out[ID_TEXT + 1];
    out[ID_TEXT] = '!';
    id_format(example, out);
    assert_memory_equal(out, "019abcde-f012-7345-8678-9abcdef012ff!", ID_TEXT + 1);
    Id id;
    assert_true(id_parse(S("019abcde-f012-7345-8678-9abcdef012ff"), &id));
    assert_true(id_eq(id, example));
    assert_true(id_parse(S("019ABCDE-F012-7345-8678-9aBcDeF012fF"), &id));
    assert_true(id_eq(id, example));
    id.b[15] ^= 1;
    assert_false(id_eq(id, example));
}

static const Str not_ids[] = {
    S(""),
    S("019abcde-f012-7345-8678-9abcdef012f"),
    S("019abcde-f012-7345-8678-9abcdef012ff0"),
    S("019abcdef012734586789abcdef012ff"),
    S("019abcdef012734586789abcdef012ff----"),
    S("019abcde-f012-7345-86789-abcdef012ff"),
    S("019abcde_f012-7345-8678-9abcdef012ff"),
    S("019abcdg-f012-7345-8678-9abcdef012ff"),
    S("019abcd@-f012-7345-8678-9abcdef012ff"),
    S("019abcd/-f012-7345-8678-9abcdef012ff"),
    S("019abcd:-f012-7345-8678-9abcdef012ff"),
    S("019abcd`-f012-7345-8678-9abcdef012ff"),
    S("019abcd\x10-f012-7345-8678-9abcdef012ff"), /* a 0 but for one bit */
    S("019abcd\xe1-f012-7345-8678-9abcdef012ff"),
    S("019abcde-f012-7345-8678-9abcdef012\0f"),
    S("{19abcde-f012-7345-8678-9abcdef012f}"),
    S(" 19abcde-f012-7345-8678-9abcdef012ff"),
};

static void what_is_not_an_id(void **state)
{
    (void)state;
    for (size_t i = 0; i < countof(not_ids); i++) {
        char *copy = mem_alloc(not_ids[i].n);
        memcpy(copy, not_ids[i].p, not_ids[i].n);
        Id id;
        print_message("  " STR_FMT "\n", STR_ARG(not_ids[i]));
        assert_false(id_parse(str_from(copy, not_ids[i].n), &id));
        mem_free(copy);
    }
}

static void nil(void **state)
{
    (void)state;
    assert_true(id_is_nil((Id){{0}}));
    for (int i = 0; i < 16; i++) {
        Id id = {{0}};
        id.b[i] = 1;
        assert_false(id_is_nil(id));
    }
}

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(Id));
}

/* RFC 9562, section 5.7. */
static void new_ones_are_of_version_7(void **state)
{
    (void)state;
    enum { MANY = 10000 };
    static Id ids[MANY];
    const int64_t now = 0x019012345678;
    Id any = {{0}};
    for (int i = 0; i < MANY; i++) {
        ids[i] = id_new(now);
        assert_memory_equal(ids[i].b, "\x01\x90\x12\x34\x56\x78", 6);
        assert_int_equal(ids[i].b[6] >> 4, 7);
        assert_int_equal(ids[i].b[8] >> 6, 2);
        for (int k = 0; k < 16; k++)
            any.b[k] |= (uint8_t)(ids[0].b[k] ^ ids[i].b[k]);
    }
    assert_memory_equal(any.b, "\0\0\0\0\0\0\x0f\xff\x3f\xff\xff\xff\xff\xff\xff\xff", 16);
    qsort(ids, MANY, sizeof *ids, compare);
    for (int i = 1; i < MANY; i++)
        assert_false(id_eq(ids[i - 1], ids[i]));
}

static void later_ones_sort_behind(void **state)
{
    (void)state;
    Id before = id_new(0);
    for (int64_t now = 1; now < (int64_t)1 << 47; now *= 2) {
        Id id = id_new(now);
        assert_true(compare(&before, &id) < 0);
        before = id;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text),
        cmocka_unit_test(what_is_not_an_id),
        cmocka_unit_test(nil),
        cmocka_unit_test(new_ones_are_of_version_7),
        cmocka_unit_test(later_ones_sort_behind),
    };
    random_setup();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
