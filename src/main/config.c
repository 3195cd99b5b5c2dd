#include "main/config.h"

#include "api/proxies.h"
#include "base/mem.h"
#include "domain/app.h"
#include "domain/chat.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum kind {
    TEXT,
    URL,
    STORE,
    TIERS,
    ORIGINS,
    PROXIES,
    CHOICE,
    COUNT,
    SIZE,
    DURATION,
    RATE,
    ADDRESS,
    COST
};

struct option {
    const char *name;
    enum kind kind;
    size_t at; /* offset in struct config */
    const char *fallback;
    int64_t min, max;
    const char *help;
    const char *choices; /* CHOICE: separated by spaces */
};

#define AT(field) offsetof(struct config, field)
#define KIB 1024ll
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)
#define SECOND 1000ll
#define DAY (86400 * SECOND)

static const struct option options[] = {
    {"data", TEXT, AT(data), "./data", 0, 0, "directory of everything that is kept", NULL},
    {"listen", ADDRESS, AT(listen), "127.0.0.1:8080", 0, 0, "chat API; port 0: a free one", NULL},
    {"management-listen", ADDRESS, AT(management_listen), "127.0.0.1:8081", 0, 0,
     "management API; port 0: a free one", NULL},
    {"public-url", URL, AT(public_url), "", 0, 0,
     "what clients call the chat API; default: from --listen", NULL},
    {"management-url", URL, AT(management_url), "", 0, 0,
     "what browsers call the management API; default: from --management-listen", NULL},
    {"tls-cert", TEXT, AT(tls_cert), "", 0, 0,
     "PEM file with the certificate and its chain, for both listeners; none: plain HTTP", NULL},
    {"tls-key", TEXT, AT(tls_key), "", 0, 0, "PEM file with its key; SIGHUP reads both again",
     NULL},
    {"store", STORE, AT(store), "", 0, 0, "sqlite:PATH; default: whisp.db in the data directory",
     NULL},
    {"missing-keys", CHOICE, AT(missing_keys), "refuse", 0, 0,
     "when keys/ is lost beside a store; make: new ones, which ends all tokens and API keys",
     "refuse make"},
    {"cluster", TEXT, AT(cluster), "demo-cluster", 0, 0, "name of this cluster", NULL},
    {"cluster-tiers", TIERS, AT(cluster_tiers), "DEMO,MULTI_TENANT,DEDICATED", 0, 0,
     "tiers of apps that this cluster serves", NULL},
    {"account-tiers", TIERS, AT(account_tiers), "DEMO,MULTI_TENANT", 0, 0,
     "tiers that an account may give its apps", NULL},
    {"registration", CHOICE, AT(registration), "open", 0, 0,
     "of accounts; closed: by invitation only, see whispd invite", "open closed"},
    {"invitation-ttl", DURATION, AT(invitation_ttl), "7d", SECOND, 3650 * DAY,
     "life of an invitation that whispd invite makes", NULL},
    {"origins", ORIGINS, AT(origins), "*", 0, 0, "browser origins that may use the chat API", NULL},
    {"sockjs-url", TEXT, AT(sockjs_url),
     "https://cdn.jsdelivr.net/npm/sockjs-client@1/dist/sockjs.min.js", 0, 0,
     "where SockJS's iframe page finds sockjs-client", NULL},
    {"management-origins", ORIGINS, AT(management_origins), "", 0, 0,
     "browser origins that may use the management API besides its own", NULL},
    {"trusted-proxies", PROXIES, AT(trusted_proxies), "", 0, 0,
     "addresses whose X-Forwarded-For is believed, like 10.0.0.0/8, ::1", NULL},
    {"threads", COUNT, AT(threads), "0", 0, 256, "event loops; 0: one a core", NULL},
    {"readers", COUNT, AT(readers), "2", 1, 64, "threads that read the store", NULL},
    {"resume-readers", COUNT, AT(resume_readers), "2", 1, 64,
     "threads that read what clients missed", NULL},
    {"hashers", COUNT, AT(hashers), "2", 1, 64, "threads that hash passwords", NULL},
    {"log-format", CHOICE, AT(log_format), "text", 0, 0, "of the lines on standard error",
     "text json"},
    {"log-level", CHOICE, AT(log_level), "info", 0, 0, "the least that is logged",
     "debug info warn error"},
    {"message-rate", RATE, AT(message_rate), "20/100", 0, 0,
     "messages a user: per second/burst; more are taken later", NULL},
    {"message-patience", DURATION, AT(message_patience), "60s", 100, 3600 * SECOND,
     "a session that stays over that rate for so long is closed", NULL},
    {"request-rate", RATE, AT(request_rate), "50/200", 0, 0, "REST requests a user", NULL},
    {"key-rate", RATE, AT(key_rate), "200/400", 0, 0, "requests with API keys, an app", NULL},
    {"management-rate", RATE, AT(management_rate), "50/200", 0, 0,
     "requests to the management API, a client address", NULL},
    {"account-rate", RATE, AT(account_rate), "20/100", 0, 0,
     "requests to the management API, an account", NULL},
    {"register-rate", RATE, AT(register_rate), "30/1h", 0, 0, "new accounts, a client address",
     NULL},
    {"new-key-rate", RATE, AT(new_key_rate), "1/30", 0, 0, "API keys made, an account", NULL},
    {"signin-failures", RATE, AT(signin_failures), "10/15m", 0, 0,
     "failed sign-ins of a name: number/time", NULL},
    {"hash-cost", COST, AT(hash_cost), "19m/2", 0, 0, "argon2id: memory/passes", NULL},
    {"user-token-ttl", DURATION, AT(user_token_ttl), "15m", SECOND, DAY, "life of a user's JWT",
     NULL},
    {"refresh-ttl", DURATION, AT(refresh_ttl), "30d", 60 * SECOND, 3650 * DAY,
     "life of a user's refresh token since its last use", NULL},
    {"ticket-ttl", DURATION, AT(ticket_ttl), "30s", SECOND, 3600 * SECOND, "life of a ticket",
     NULL},
    {"account-token-ttl", DURATION, AT(account_token_ttl), "15m", SECOND, DAY,
     "life of a management access token", NULL},
    {"account-refresh-ttl", DURATION, AT(account_refresh_ttl), "30d", 60 * SECOND, 3650 * DAY,
     "life of a dashboard sign-in", NULL},
    {"retention", DURATION, AT(retention), "7d", SECOND, 3650 * DAY,
     "how long the event log is kept", NULL},
    {"usage-retention", DURATION, AT(usage_retention), "400d", 2 * DAY, 3650 * DAY,
     "how long daily usage is kept", NULL},
    {"audit-retention", DURATION, AT(audit_retention), "400d", DAY, 3650 * DAY,
     "how long it is kept who changed apps and keys", NULL},
    {"resume-events", COUNT, AT(resume_events), "5000", 1, 100000,
     "sent to a client that resumes; more it must fetch", NULL},
    {"resumes", COUNT, AT(resumes), "256", 1, 100000,
     "clients of an event loop that resume at once; others wait", NULL},
    {"demo-users", COUNT, AT(demo_users), "100", 0, 1000000000,
     "distinct connected users of a demo app; 0: no limit", NULL},
    {"demo-apps", COUNT, AT(demo_apps), "5", 1, 1000000, "demo apps of an account", NULL},
    {"account-apps", COUNT, AT(account_apps), "100", 1, 10000, "apps of an account, of all tiers",
     NULL},
    {"app-keys", COUNT, AT(app_keys), "5", 1, 1000, "active API keys of an app", NULL},
    {"user-logins", COUNT, AT(user_logins), "1000", 1, 100000,
     "sign-ins of a user that are kept; a further one ends the oldest", NULL},
    {"chat-members", COUNT, AT(chat_members), "100000", 2, 10000000, "members of a chat", NULL},
    {"user-chats", COUNT, AT(user_chats), "100000", 1, CHAT_HEADS,
     "chats that a user is in; nobody is put into more", NULL},
    {"unread-most", COUNT, AT(unread_most), "100", 1, 1000,
     "unread messages of a chat that getChats counts; more are shown as this many", NULL},
    {"message-length", COUNT, AT(message_length), "10000", 1, 10000, "characters of a message",
     NULL},
    {"sessions-per-user", COUNT, AT(sessions_per_user), "100", 1, 100000,
     "realtime sessions of a user", NULL},
    {"heart-beat", DURATION, AT(heart_beat), "10s", 0, 3600 * SECOND,
     "STOMP heart-beats, both ways; 0s: none", NULL},
    {"ping-interval", DURATION, AT(ping_interval), "45s", 100, 3600 * SECOND,
     "WebSocket pings to a session that asked for no heart-beats", NULL},
    {"connect-timeout", DURATION, AT(connect_timeout), "10s", 100, 3600 * SECOND,
     "from a realtime socket's opening to CONNECT", NULL},
    {"idle-timeout", DURATION, AT(idle_timeout), "75s", 100, 3600 * SECOND,
     "of an HTTP connection between requests, or that does not take an answer", NULL},
    {"request-timeout", DURATION, AT(request_timeout), "15s", 100, 3600 * SECOND,
     "for a request's head and body to arrive", NULL},
    {"typing-interval", DURATION, AT(typing_interval), "2500ms", 1, 3600 * SECOND,
     "one TYPING of a user in a chat passes in this time; clients send one each 3s", NULL},
    {"presence-away", DURATION, AT(presence_away), "10s", 0, 3600 * SECOND,
     "without a session before others hear that a user is OFFLINE", NULL},
    {"presence-interval", DURATION, AT(presence_interval), "5s", 0, 3600 * SECOND,
     "one PRESENCE of a user goes out in this time, the last state always", NULL},
    {"presence-members", COUNT, AT(presence_members), "200", 0, 1000,
     "in a chat of more, members are not told of one another's presence", NULL},
    {"connections", COUNT, AT(connections), "0", 0, 10000000,
     "open sockets of the chat API; 0: what the limit of open files allows", NULL},
    {"connections-per-address", COUNT, AT(address_connections), "0", 0, 10000000,
     "open sockets of a client address on the chat API; 0: no limit", NULL},
    {"app-connections", COUNT, AT(app_connections), "100000", 0, 1000000000,
     "open realtime sessions of an app; 0: no limit", NULL},
    {"session-output", SIZE, AT(session_output), "1m", 64 * KIB, GIB,
     "queued for a session before it is closed as too slow", NULL},
    {"buffer-budget", SIZE, AT(buffer_budget), "512m", MIB, 1024 * GIB,
     "queued for all clients; past 80 % the largest go first", NULL},
    {"user-output", SIZE, AT(user_output), "32m", 64 * KIB, GIB,
     "HTTP answers that wait for a user; more are refused meanwhile", NULL},
    {"address-output", SIZE, AT(address_output), "128m", 64 * KIB, 16 * GIB,
     "the same of a client address", NULL},
    {"compress-above", SIZE, AT(compress_above), "1k", 0, MIB,
     "larger events go out compressed; 0: no permessage-deflate", NULL},
    {"session-jobs", COUNT, AT(session_jobs), "32", 1, 1024, "commands of a session in flight",
     NULL},
    {"subscriptions", COUNT, AT(subscriptions), "64", 1, 1024, "of a session", NULL},
    {"queue-jobs", COUNT, AT(queue_jobs), "16384", 1, 10000000, "jobs waiting for the store", NULL},
    {"queue-bytes", SIZE, AT(queue_bytes), "256m", MIB, 1024 * GIB, "what those may hold", NULL},
    {"app-queue-jobs", COUNT, AT(app_queue_jobs), "8192", 1, 10000000, "of those, of one app",
     NULL},
    {"batch-jobs", COUNT, AT(batch_jobs), "256", 1, 1024, "jobs of one commit", NULL},
    {"batch-time", DURATION, AT(batch_time), "5ms", 1, SECOND, "how long a commit takes jobs in",
     NULL},
    {"drain-delay", DURATION, AT(drain_delay), "0s", 0, 3600 * SECOND,
     "after SIGTERM, accept for this long while /readyz fails", NULL},
    {"drain-spread", DURATION, AT(drain_spread), "2s", 0, 3600 * SECOND,
     "then close sessions over this time", NULL},
    {"drain-timeout", DURATION, AT(drain_timeout), "30s", 100, 3600 * SECOND,
     "then end, whatever is open", NULL},
};

/* ----- values ----- */

/* "15m" by a table of units; the longest match of letters at the end. */
static bool scaled(Str s, const char *const *units, const int64_t *factors, int64_t min,
                   int64_t max, int64_t *out)
{
    size_t digits = 0;
    uint64_t n;
    while (digits < s.n && s.p[digits] >= '0' && s.p[digits] <= '9')
        digits++;
    if (!str_to_uint(str_from(s.p, digits), INT64_MAX, &n))
        return false;
    for (size_t i = 0; units[i]; i++) {
        if (!str_eq(str_skip(s, digits), str_of(units[i])))
            continue;
        if (n > (uint64_t)(INT64_MAX / factors[i]))
            return false;
        *out = (int64_t)n * factors[i];
        return *out >= min && *out <= max;
    }
    return false;
}

static bool duration(Str s, int64_t min, int64_t max, int64_t *out)
{
    static const char *const units[] = {"ms", "s", "m", "h", "d", NULL};
    static const int64_t factors[] = {1, SECOND, 60 * SECOND, 3600 * SECOND, DAY};
    return scaled(s, units, factors, min, max, out);
}

static bool size(Str s, int64_t min, int64_t max, int64_t *out)
{
    static const char *const units[] = {"", "k", "m", "g", NULL};
    static const int64_t factors[] = {1, KIB, MIB, GIB};
    return scaled(s, units, factors, min, max, out);
}

/* "20/100" per second and burst, "10/15m" a number in a time, or "off". */
static bool rate(Str s, struct rate_limit *out)
{
    uint64_t a, b;
    int64_t ms;
    *out = (struct rate_limit){0};
    if (str_eq(s, S("off")))
        return true;
    Str first = str_cut(&s, '/');
    if (!str_to_uint(first, 1000000, &a) || a == 0)
        return false;
    if (str_to_uint(s, 1000000, &b) && b > 0) {
        *out = (struct rate_limit){(double)a, (double)b};
        return true;
    }
    if (!duration(s, 1, 365 * DAY, &ms))
        return false;
    *out = (struct rate_limit){(double)a * 1000 / (double)ms, (double)a};
    return true;
}

static bool address(Str s, struct host_port *out)
{
    uint64_t port;
    size_t colon = s.n;
    while (colon > 0 && s.p[colon - 1] != ':')
        colon--;
    if (colon < 2 || !str_to_uint(str_skip(s, colon), 65535, &port))
        return false;
    Str host = str_from(s.p, colon - 1);
    if (host.p[0] == '[' && host.p[host.n - 1] == ']')
        host = str_from(host.p + 1, host.n - 2);
    *out = (struct host_port){host, (uint16_t)port};
    return true;
}

static bool cost(Str s, struct hash_cost *out)
{
    int64_t memory;
    Str first = str_cut(&s, '/');
    if (!size(first, 8 * KIB, 4 * GIB, &memory) || !str_to_uint(s, 100, &out->passes))
        return false;
    out->memory = (uint64_t)memory;
    return out->passes > 0;
}

static bool choice(Str s, const char *choices)
{
    for (Str rest = str_of(choices); rest.n;)
        if (str_eq(str_cut(&rest, ' '), s))
            return true;
    return false;
}

static bool has_any(Str s, const char *chars)
{
    for (; *chars; chars++)
        if (str_find(s, *chars) >= 0)
            return true;
    return false;
}

/* http or https, a host, perhaps a path: what paths are put behind, so no slash stays at its end,
 * and nothing may follow the path. */
static bool web_url(Str *url)
{
    Str s = *url;
    Str rest = str_starts(s, S("https://"))  ? str_skip(s, 8)
               : str_starts(s, S("http://")) ? str_skip(s, 7)
                                             : S("");
    Str path = rest;
    if (str_cut(&path, '/').n == 0 || has_any(rest, " \t\"'\\;,?#"))
        return false;
    while (s.p[s.n - 1] == '/')
        s.n--;
    *url = s;
    return true;
}

static bool tiers(Str list)
{
    bool valid = list.n > 0;
    while (valid && list.n)
        valid = app_tier_known(str_cut(&list, ','));
    return valid;
}

/* As browsers write them, since they are compared as text: no path, no slash at the end. */
static bool origins_valid(Str list)
{
    while (list.n) {
        Str one = str_trim(str_cut(&list, ','));
        bool special = !one.n || str_eq(one, S("*")) || str_eq(one, S("null"));
        Str scheme = str_cut(&one, ':');
        if (!special && (!scheme.n || !str_starts(one, S("//")) || one.n == 2 ||
                         has_any(str_skip(one, 2), "/ ?#")))
            return false;
    }
    return true;
}

static bool number(Str s, int64_t min, int64_t max, int64_t *out)
{
    uint64_t n;
    if (!str_to_uint(s, INT64_MAX, &n))
        return false;
    *out = (int64_t)n;
    return *out >= min && *out <= max;
}

static bool set(struct config *config, const struct option *o, Str value)
{
    void *at = (char *)config + o->at;
    switch (o->kind) {
    case TEXT:
        *(Str *)at = value;
        return true;
    case URL:
        *(Str *)at = value;
        return !value.n || web_url(at);
    case STORE:
        *(Str *)at = value;
        return !value.n || (str_starts(value, S("sqlite:")) && value.n > 7);
    case TIERS:
        *(Str *)at = value;
        return tiers(value);
    case ORIGINS:
        *(Str *)at = value;
        return origins_valid(value);
    case PROXIES:
        *(Str *)at = value;
        return proxies_valid(value);
    case CHOICE:
        *(Str *)at = value;
        return choice(value, o->choices);
    case COUNT:
        return number(value, o->min, o->max, at);
    case SIZE:
        return size(value, o->min, o->max, at);
    case DURATION:
        return duration(value, o->min, o->max, at);
    case RATE:
        return rate(value, at);
    case ADDRESS:
        return address(value, at);
    case COST:
        return cost(value, at);
    }
    return false;
}

static const char *form(const struct option *o)
{
    static const char *const forms[] = {
        [TEXT] = "text",
        [URL] = "http:// or https://, a host and perhaps a path, like https://chat.example.com",
        [STORE] = "sqlite:PATH, like sqlite:/var/lib/whisp/whisp.db",
        [TIERS] = "a list of DEMO, MULTI_TENANT and DEDICATED, with commas and without spaces",
        [ORIGINS] =
            "origins between commas as browsers write them, like https://shop.example, or *",
        [PROXIES] = "addresses or networks between commas, like 10.0.0.0/8, ::1",
        [CHOICE] = "one of: ",
        [COUNT] = "a whole number in its range",
        [SIZE] = "a size in its range, like 64k, 1m or 2g",
        [DURATION] = "a time in its range, like 500ms, 10s, 15m, 1h or 7d",
        [RATE] = "per-second/burst like 20/100, number/time like 10/15m, or off",
        [ADDRESS] = "HOST:PORT, like 127.0.0.1:8080 or [::1]:8080",
        [COST] = "memory/passes, like 19m/2",
    };
    return forms[o->kind];
}

/* ----- sources ----- */

static struct {
    Str value;
    const char *from;
} given[countof(options)];

static const char *complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static const char *complain(const char *fmt, ...)
{
    static char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return text;
}

static long find(Str name)
{
    for (size_t i = 0; i < countof(options); i++)
        if (str_eq(name, str_of(options[i].name)))
            return (long)i;
    return -1;
}

static Err take(Str name, Str value, const char *from, const char **why)
{
    long i = find(name);
    if (i < 0) {
        *why = complain("%s: there is no option %.*s; see whispd --help", from, STR_ARG(name));
        return ERR_INVALID_FIELD;
    }
    given[i].value = value;
    given[i].from = from;
    return ERR_OK;
}

static Err from_environment(const char **why)
{
    for (size_t i = 0; i < countof(options); i++) {
        char name[64] = "WHISP_";
        size_t n = 6;
        for (const char *c = options[i].name; *c; c++)
            name[n++] = *c == '-' ? '_' : (char)(*c >= 'a' && *c <= 'z' ? *c - 32 : *c);
        name[n] = 0;
        const char *value = getenv(name);
        Err err = value ? take(str_of(options[i].name), str_of(value), "environment", why) : ERR_OK;
        if (err)
            return err;
    }
    return ERR_OK;
}

/* Lines "name = value"; "#" begins a comment line. The text stays: values point into it. */
static Err from_file(const char *path, const char **why)
{
    static char text[64 * 1024];
    FILE *f = fopen(path, "re");
    size_t n = f ? fread(text, 1, sizeof text, f) : 0;
    Err err = ERR_OK;
    if (!f || ferror(f) || n == sizeof text) {
        *why = complain("--config: cannot read %s, or it is larger than 64 KiB", path);
        err = ERR_INVALID_FIELD;
    }
    if (f)
        fclose(f);
    for (Str rest = str_from(text, n); !err && rest.n;) {
        Str line = str_cut(&rest, '\n');
        if (line.n && line.p[line.n - 1] == '\r')
            line.n--;
        line = str_trim(line);
        if (!line.n || line.p[0] == '#')
            continue;
        Str name = str_trim(str_cut(&line, '='));
        err = take(name, str_trim(line), path, why);
    }
    return err;
}

/* "--name value" or "--name=value". */
static Err from_arguments(int argc, char **argv, const char **why)
{
    for (int i = 0; i < argc; i++) {
        Str arg = str_of(argv[i]);
        if (!str_starts(arg, S("--"))) {
            *why = complain("%s is not an option; options begin with --", argv[i]);
            return ERR_INVALID_FIELD;
        }
        arg = str_skip(arg, 2);
        bool inline_value = str_find(arg, '=') >= 0;
        Str name = str_cut(&arg, '=');
        bool file = str_eq(name, S("config"));
        if (!file && find(name) < 0)
            return take(name, S(""), "command line", why); /* says that there is no such option */
        /* No value begins with "--", so what does is the next option. */
        if (!inline_value && (++i == argc || str_starts(str_of(argv[i]), S("--")))) {
            *why = complain("--%.*s needs a value; see whispd --help", STR_ARG(name));
            return ERR_INVALID_FIELD;
        }
        Str value = inline_value ? arg : str_of(argv[i]);
        Err err = file ? ERR_OK : take(name, value, "command line", why);
        if (err)
            return err;
    }
    return ERR_OK;
}

static const char *config_file(int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        if (strncmp(argv[i], "--config=", 9) == 0)
            return argv[i] + 9;
        if (strcmp(argv[i], "--config") == 0 && i + 1 < argc &&
            !str_starts(str_of(argv[i + 1]), S("--")))
            return argv[i + 1];
    }
    return getenv("WHISP_CONFIG");
}

static bool any_origin(Str list)
{
    while (list.n)
        if (str_eq(str_trim(str_cut(&list, ',')), S("*")))
            return true;
    return false;
}

Err config_read(int argc, char **argv, struct config *out, const char **why)
{
    const char *file = config_file(argc, argv);
    Err err = file ? from_file(file, why) : ERR_OK;
    if (!err)
        err = from_environment(why);
    if (!err)
        err = from_arguments(argc, argv, why);
    *out = (struct config){0};
    for (size_t i = 0; i < countof(options) && !err; i++) {
        const struct option *o = &options[i];
        Str value = given[i].from ? given[i].value : str_of(o->fallback);
        if (set(out, o, value))
            continue;
        *why = complain("--%s (%s): \"%.*s\" will not do; write %s%s", o->name, given[i].from,
                        STR_ARG(value), form(o), o->choices ? o->choices : "");
        err = ERR_INVALID_FIELD;
    }
    if (!err && !out->tls_cert.n != !out->tls_key.n) {
        *why = "--tls-cert and --tls-key: give both, or neither";
        err = ERR_INVALID_FIELD;
    }
    if (!err && any_origin(out->management_origins)) {
        *why = "--management-origins: name each origin, like https://dash.example; \"*\" would let "
               "any page act with your cookie";
        err = ERR_INVALID_FIELD;
    }
    bool taken = str_eq(out->cluster, S("management")); /* an audience of its own */
    if (!err && (out->cluster.n == 0 || out->cluster.n > 63 || taken)) {
        *why = "--cluster: a name of 1 to 63 characters, and not \"management\"";
        err = ERR_INVALID_FIELD;
    }
    return err;
}

void config_help(void)
{
    printf("  --%-22s %s\n", "config FILE", "lines \"name = value\" with the options below");
    for (size_t i = 0; i < countof(options); i++)
        printf("  --%-22s %s%s%s%s\n", options[i].name, options[i].help,
               *options[i].fallback ? " [" : "", options[i].fallback,
               *options[i].fallback ? "]" : "");
}

void config_derive(const char *name, const char *value)
{
    long i = find(str_of(name));
    must(i >= 0);
    size_t n = strlen(value);
    char *copy = mem_alloc(n + 1); /* lives as long as the program */
    memcpy(copy, value, n + 1);
    given[i].value = str_from(copy, n);
    given[i].from = "derived";
}

void config_print(void)
{
    for (size_t i = 0; i < countof(options); i++) {
        Str value = given[i].from ? given[i].value : str_of(options[i].fallback);
        printf("%s = %.*s\n", options[i].name, STR_ARG(value));
    }
}
