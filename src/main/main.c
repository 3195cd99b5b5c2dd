/* whispd: subcommands. */
#include "api/exchange.h"
#include "bench/bench.h"
#include "main/check.h"
#include "main/config.h"
#include "main/invite.h"
#include "main/serve.h"

#include "base/mem.h"

#include <stdio.h>

#define VERSION "0.1.0"

static int usage(void)
{
    printf("whispd " VERSION ": chat infrastructure of your own\n\n"
           "  whispd [serve] [options]       serves the chat API and the management API\n"
           "  whispd check-config [options]  says what is in force, or what is wrong\n"
           "  whispd invite EMAIL [options]  prints an invitation to register an account\n"
           "  whispd bench SCENARIO          measures a server; whispd bench --help\n"
           "  whispd routes                  the HTTP routes, as JSON, one a line\n"
           "  whispd version, --version\n\n"
           "Each option is also an environment variable (--data is WHISP_DATA) and a line of the\n"
           "config file:\n\n");
    config_help();
    return 0;
}

static int routes(void)
{
    struct buf out = BUF(256 * 1024);
    exchange_list_routes(&out);
    printf(STR_FMT "\n", STR_ARG(buf_str(&out)));
    buf_free(&out);
    return 0;
}

static bool is_version(const char *argument)
{
    return strcmp(argument, "--version") == 0 || strcmp(argument, "-V") == 0;
}

int main(int argc, char **argv)
{
    struct config config;
    const char *why = NULL;
    const char *command = argc > 1 && argv[1][0] != '-' ? argv[1] : "serve";
    int skip = argc > 1 && argv[1][0] != '-' ? 2 : 1;
    if (strcmp(command, "bench") == 0)
        return bench_run(argc - 2, argv + 2);
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return usage();
    if (strcmp(command, "help") == 0)
        return usage();
    if (strcmp(command, "version") == 0 || is_version(argc > 1 ? argv[1] : ""))
        return printf("whispd " VERSION "\n") < 0;
    if (strcmp(command, "routes") == 0)
        return routes();
    bool check = strcmp(command, "check-config") == 0;
    bool invite = strcmp(command, "invite") == 0;
    if (!check && !invite && strcmp(command, "serve") != 0) {
        fprintf(stderr, "whispd: there is no command %s; see whispd --help\n", command);
        return 2;
    }
    if (invite && (argc < 3 || argv[2][0] == '-')) {
        fprintf(stderr, "whispd: whom? write whispd invite EMAIL, and --data after it\n");
        return 2;
    }
    if (invite)
        skip++;
    if (config_read(argc - skip, argv + skip, &config, &why)) {
        fprintf(stderr, "whispd: %s\n", why);
        return 2;
    }
    if (invite)
        return invite_run(&config, str_of(argv[2]));
    return check ? check_run(&config) : serve_run(&config);
}
