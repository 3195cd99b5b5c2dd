#include "main/check.h"

#include "base/mem.h"
#include "io/tls.h"
#include "main/open_files.h"
#include "main/public_url.h"

#include <errno.h>
#include <libgen.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_ROOM = 3072 };

static int fail(const char *option, const char *subject, const char *why)
{
    fprintf(stderr, "whispd: %s: %s%s%s\n", option, subject, *subject ? ": " : "", why);
    return 2;
}

/* The server makes the directory, but not those above it. */
static int check_data(const struct config *c)
{
    char path[PATH_ROOM], parent[PATH_ROOM];
    struct stat at;
    snprintf(path, sizeof path, STR_FMT, STR_ARG(c->data));
    snprintf(parent, sizeof parent, "%s", path);
    if (stat(path, &at) == 0) {
        if (!S_ISDIR(at.st_mode))
            return fail("--data", path, "this is no directory");
        return access(path, R_OK | W_OK | X_OK) ? fail("--data", path, strerror(errno)) : 0;
    }
    if (errno != ENOENT)
        return fail("--data", path, strerror(errno));
    const char *above = dirname(parent);
    return access(above, W_OK | X_OK) ? fail("--data", above, strerror(errno)) : 0;
}

static int check_tls(const struct config *c)
{
    char cert[PATH_ROOM], key[PATH_ROOM];
    struct tls_context *tls = NULL;
    const char *why = NULL;
    if (!c->tls_cert.n)
        return 0;
    snprintf(cert, sizeof cert, STR_FMT, STR_ARG(c->tls_cert));
    snprintf(key, sizeof key, STR_FMT, STR_ARG(c->tls_key));
    if (tls_context_new(cert, key, &tls, &why))
        return fail("--tls-cert, --tls-key", "", why);
    tls_context_free(&tls);
    return 0;
}

static int check_host(const char *option, Str host)
{
    char name[256];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *found = NULL;
    snprintf(name, sizeof name, STR_FMT, STR_ARG(host));
    int failed = getaddrinfo(name, NULL, &hints, &found);
    if (failed)
        return fail(option, name, gai_strerror(failed));
    freeaddrinfo(found);
    return 0;
}

/* With port 0 nobody knows the URL before the server listens. */
static void derive_url(const struct config *c, const char *option, struct host_port at)
{
    char url[PUBLIC_URL_MAX];
    if (!at.port)
        return;
    public_url_make(c->tls_cert.n ? "https" : "http", at, url);
    config_derive(option, url);
}

static void derive_count(const char *option, long n)
{
    char text[32];
    snprintf(text, sizeof text, "%ld", n);
    config_derive(option, text);
}

static void derive(const struct config *c)
{
    char store[PATH_ROOM + 32];
    snprintf(store, sizeof store, "sqlite:" STR_FMT "/whisp.db", STR_ARG(c->data));
    if (!c->store.n)
        config_derive("store", store);
    if (!c->public_url.n)
        derive_url(c, "public-url", c->listen);
    if (!c->management_url.n)
        derive_url(c, "management-url", c->management_listen);
    if (!c->threads)
        derive_count("threads", sysconf(_SC_NPROCESSORS_ONLN));
    struct open_files files = open_files_divide((size_t)c->connections);
    if (files.connections < (size_t)c->connections)
        fprintf(stderr, "whispd: --connections: %s\n", OPEN_FILES_TOO_FEW);
    derive_count("connections", (long)files.connections);
}

int check_run(const struct config *c)
{
    int status = check_data(c);
    if (!status)
        status = check_tls(c);
    if (!status)
        status = check_host("--listen", c->listen.host);
    if (!status)
        status = check_host("--management-listen", c->management_listen.host);
    if (status)
        return status;
    derive(c);
    config_print();
    return 0;
}
