/* Runs a fuzzer once for each file that is named, without libFuzzer: build/san/fuzz/http FILE… */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>

__attribute__((weak)) int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    return 0;
}

static void replay_file(const char *path)
{
    struct buf bytes = BUF(1 << 20);
    char part[4096];
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        exit(1);
    }
    for (size_t n; (n = fread(part, 1, sizeof part, file)) > 0;)
        buf_add(&bytes, str_from(part, n));
    fclose(file);
    Str input = fuzz_copy(buf_str(&bytes));
    LLVMFuzzerTestOneInput((const uint8_t *)input.p, input.n);
    fuzz_free(&input);
    buf_free(&bytes);
}

int main(int argc, char **argv)
{
    LLVMFuzzerInitialize(&argc, &argv);
    for (int i = 1; i < argc; i++)
        replay_file(argv[i]);
    printf("%d inputs replayed\n", argc - 1);
    return 0;
}
