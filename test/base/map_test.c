/* The map against a plain array of keys, with keys that crowd together and keys that do not. */
#include "base/map.h"

#include "base/mem.h"
#include "base/model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>

#include <cmocka.h>

enum { KEYS = 600 };

static struct {
    MapKey key;
    int *value; /* NULL: not in it */
} model[KEYS];
static int values[2][KEYS];

static void assert_same(const struct map *m)
{
    size_t n = 0, walked = 0;
    static bool seen[KEYS];
    for (size_t i = 0; i < KEYS; i++) {
        assert_ptr_equal(map_get(m, model[i].key), model[i].value);
        n += model[i].value != NULL;
        seen[i] = false;
    }
    assert_int_equal(m->count, n);
    int *value;
    for (size_t at = 0; (value = map_next(m, &at)); walked++) {
        size_t i = (size_t)(value - values[0]) % KEYS;
        assert_ptr_equal(model[i].value, value);
        assert_false(seen[i]);
        seen[i] = true;
    }
    assert_int_equal(walked, n);
}

/* Phases that mostly add and that mostly remove, so that it grows and shrinks. */
static void random_operations(void)
{
    struct map m = {0};
    uint64_t seed = 7;
    for (int step = 0; step < 30000; step++) {
        size_t i = below(&seed, KEYS);
        if (below(&seed, 10) < (step / 3000 % 2 ? 2 : 8)) {
            model[i].value = &values[below(&seed, 2)][i];
            map_put(&m, model[i].key, model[i].value);
        } else {
            assert_ptr_equal(map_remove(&m, model[i].key), model[i].value);
            model[i].value = NULL;
        }
        assert_ptr_equal(map_get(&m, model[i].key), model[i].value);
        if (step % 100 == 0)
            assert_same(&m);
    }
    for (size_t i = 0; i < KEYS; i++) {
        assert_ptr_equal(map_remove(&m, model[i].key), model[i].value);
        model[i].value = NULL;
    }
    assert_same(&m);
    map_free(&m);
    assert_int_equal(m.cap, 0);
}

static void keys_of_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < KEYS; i++)
        model[i].key = (MapKey){1 + i % 3, i};
    random_operations();
}

static void keys_whose_halves_are_swapped(void **state)
{
    (void)state;
    for (size_t i = 0; i < KEYS; i++)
        model[i].key = i % 2 ? (MapKey){i, i - 1} : (MapKey){i, i + 1};
    random_operations();
}

static void keys_that_differ_in_their_high_bits(void **state)
{
    (void)state;
    for (size_t i = 0; i < KEYS; i++)
        model[i].key = (MapKey){0, (uint64_t)i << 54};
    random_operations();
}

static void an_empty_map_has_nothing(void **state)
{
    (void)state;
    struct map m = {0};
    size_t at = 0;
    assert_null(map_get(&m, (MapKey){0, 0}));
    assert_null(map_remove(&m, (MapKey){0, 0}));
    assert_null(map_next(&m, &at));
    map_free(&m);
    map_put(&m, (MapKey){0, 0}, &at);
    assert_ptr_equal(map_get(&m, (MapKey){0, 0}), &at);
    assert_null(map_get(&m, (MapKey){0, 1}));
    assert_null(map_get(&m, (MapKey){1, 0}));
    map_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_map_has_nothing),
        cmocka_unit_test(keys_of_rows),
        cmocka_unit_test(keys_whose_halves_are_swapped),
        cmocka_unit_test(keys_that_differ_in_their_high_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
