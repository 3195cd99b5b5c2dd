#include "bench/options.h"

#include "base/mem.h"
#include "bench/die.h"

enum kind { TEXT, NUMBER, FLAG };

static const struct option {
    const char *name;
    enum kind kind;
    size_t at;
    const char *help;
} options[] = {
    {"chats", NUMBER, offsetof(struct options, chats), "how many"},
    {"members", NUMBER, offsetof(struct options, members), "of a chat; idle, signin: users"},
    {"online", NUMBER, offsetof(struct options, online), "of a chat's members; 0: all"},
    {"window", NUMBER, offsetof(struct options, window),
     "messages of a chat that are open at once"},
    {"messages", NUMBER, offsetof(struct options, messages),
     "of a round; history: in the long chat"},
    {"rounds", NUMBER, offsetof(struct options, rounds), "how many"},
    {"seconds", NUMBER, offsetof(struct options, seconds), "how long; idle, storm: to settle"},
    {"rate", NUMBER, offsetof(struct options, rate), "messages a second in all"},
    {"url", TEXT, offsetof(struct options, url),
     "measure this server, like http://127.0.0.1:8080; default: one of our own"},
    {"pid", NUMBER, offsetof(struct options, pid), "its process, if it is on this machine"},
    {"api-key", TEXT, offsetof(struct options, api_key),
     "fill it through its API, by this key of an app"},
    {"data", TEXT, offsetof(struct options, data),
     "data directory: of our own server, or what --seed has filled; default: a temporary one"},
    {"seed", FLAG, offsetof(struct options, seed),
     "only fill the store of --data, which no server serves, for a later run"},
    {"json", TEXT, offsetof(struct options, json), "write the numbers there; -: standard output"},
    {"server-cpu", NUMBER, offsetof(struct options, server_cpu),
     "bind our own server to this core"},
    {"client-cpu", NUMBER, offsetof(struct options, client_cpu), "bind the clients to this core"},
};

static const struct option *find(Str name)
{
    for (size_t i = 0; i < countof(options); i++)
        if (str_eq(name, str_of(options[i].name)))
            return &options[i];
    die("there is no option --" STR_FMT "; see whispd bench --help", STR_ARG(name));
}

static void set(struct options *out, const struct option *o, const char *value)
{
    void *at = (char *)out + o->at;
    uint64_t n = 0;
    if (o->kind == TEXT) {
        *(const char **)at = value;
        return;
    }
    if (!str_to_uint(str_of(value), INT32_MAX, &n))
        die("--%s: a whole number, not %s", o->name, value);
    *(int64_t *)at = (int64_t)n;
}

void options_read(int argc, char **argv, struct options *out)
{
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--") == 0) {
            out->server_args = argv + i + 1;
            out->n_server_args = argc - i - 1;
            return;
        }
        if (strncmp(argv[i], "--", 2) != 0)
            die("%s is not an option; options begin with --", argv[i]);
        const char *equals = strchr(argv[i], '=');
        Str name =
            equals ? str_from(argv[i] + 2, (size_t)(equals - argv[i]) - 2) : str_of(argv[i] + 2);
        const struct option *o = find(name);
        if (o->kind == FLAG) {
            *(bool *)((char *)out + o->at) = true;
            continue;
        }
        if (!equals && i + 1 == argc)
            die("--%s needs a value; see whispd bench --help", o->name);
        set(out, o, equals ? equals + 1 : argv[++i]);
    }
}

void options_help(void)
{
    for (size_t i = 0; i < countof(options); i++)
        printf("  --%-22s %s\n", options[i].name, options[i].help);
}
