/* Arenas: every piece is zeroed, aligned and its own until all are freed; the maximum is the bound.
 */
#include "base/arena.h"

#include "base/mem.h"
#include "base/model.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void assert_all(const char *p, char c, size_t n)
{
    for (size_t i = 0; i < n; i++)
        assert_int_equal(p[i], c);
}

static void pieces_are_zeroed_aligned_and_apart(void **state)
{
    (void)state;
    enum { PIECES = 3000 };
    static struct {
        char *p;
        size_t n;
    } pieces[PIECES];
    struct arena a = ARENA(64 << 20);
    uint64_t seed = 1;
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < PIECES; i++) {
            size_t n = below(&seed, below(&seed, 50) ? 200 : 100000);
            char *p = arena_alloc(&a, n);
            assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
            assert_all(p, 0, n);
            memset(p, (char)i, n);
            pieces[i].p = p;
            pieces[i].n = n;
        }
        for (size_t i = 0; i < PIECES; i++)
            assert_all(pieces[i].p, (char)i, pieces[i].n);
        arena_free(&a);
        assert_int_equal(a.used, 0);
        assert_int_equal(a.max, 64 << 20);
    }
}

static void strings_are_copied_with_a_nul_behind(void **state)
{
    (void)state;
    struct arena a = ARENA(1 << 20);
    char text[] = "hello";
    Str copy = arena_str(&a, str_of(text));
    memset(text, 'x', 5);
    assert_string_equal(copy.p, "hello");
    assert_int_equal(copy.n, 5);
    copy = arena_str(&a, (Str){0});
    assert_int_equal(copy.n, 0);
    assert_string_equal(copy.p, "");
    copy = arena_str(&a, S("a\0b"));
    assert_memory_equal(copy.p, "a\0b", 4);
    copy = arena_fmt(&a, "%s=%d", "n", 42);
    assert_string_equal(copy.p, "n=42");
    assert_int_equal(copy.n, 4);
    copy = arena_fmt(&a, "%0500d", 7);
    assert_int_equal(copy.n, 500);
    assert_int_equal(copy.p[499], '7');
    int *numbers = arena_array(&a, int, 100);
    numbers[99] = 1;
    assert_int_equal(numbers[98], 0);
    arena_free(&a);
}

/* In a child: does it abort? */
static bool aborts(size_t max, const size_t *sizes, size_t n)
{
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const struct rlimit none = {0, 0};
        setrlimit(RLIMIT_CORE, &none);
        signal(SIGABRT, SIG_DFL);
        if (!freopen("/dev/null", "w", stderr))
            _exit(2);
        struct arena a = ARENA(max);
        for (size_t i = 0; i < n; i++)
            arena_alloc(&a, sizes[i]);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
    return WIFSIGNALED(status);
}

static void the_maximum_is_usable_and_past_it_it_aborts(void **state)
{
    (void)state;
    assert_false(aborts(100000, (size_t[]){99200}, 1));
    assert_true(aborts(100000, (size_t[]){100016}, 1));
    assert_true(aborts(100000, (size_t[]){SIZE_MAX - 3}, 1));
    assert_true(aborts(100000, (size_t[]){60000, 60000}, 2));
    /* A chunk that would grow past the maximum is cut to what is left. */
    assert_false(aborts(3008, (size_t[]){2048, 512, 448}, 3));
    assert_true(aborts(3008, (size_t[]){2048, 512, 464}, 3));
    assert_false(aborts(100, (size_t[]){64}, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_zeroed_aligned_and_apart),
        cmocka_unit_test(strings_are_copied_with_a_nul_behind),
        cmocka_unit_test(the_maximum_is_usable_and_past_it_it_aborts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
